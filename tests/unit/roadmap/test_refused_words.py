"""The whole of what a refusal says."""

from __future__ import annotations

import pytest

from app.core.errors import MilepostError
from mappings.roadmap import Figure, Problem, RoadmapRefused


@pytest.mark.parametrize(
    ("problems", "says"),
    [
        ([Problem(3, "no")], "line 3: no"),
        ([Problem(7, "b"), Problem(3, "no")], "line 3: no (and 1 more problem)"),
        ([Problem(3, "z"), Problem(3, "a"), Problem(1, "x")], "line 1: x (and 2 more problems)"),
        ([Problem(3, "no"), Problem(3, "no")], "line 3: no"),
    ],
)
def test_the_first_problem_is_told_and_how_many_more_there_are(problems: list[Problem], says: str) -> None:
    refused = RoadmapRefused(problems)
    assert isinstance(refused, MilepostError)
    assert (refused.message, refused.hint) == (says, "mend the document and import it again")
    assert (refused.type, refused.status, refused.exit_code) == ("roadmap-refused", 422, 1)
    assert list(refused.problems) == sorted(set(problems), key=lambda problem: (problem.line, problem.message))


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_figure_is_a_percentage(percent: int) -> None:
    with pytest.raises(ValueError, match=rf"\Aa percentage is 0 to 100, not {percent}\Z"):
        Figure(percent)
    assert [Figure(0).percent, Figure(100).percent, Figure(None).percent] == [0, 100, None]
