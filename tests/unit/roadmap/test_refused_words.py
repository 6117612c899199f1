"""The whole of what a refusal says."""

from __future__ import annotations

from datetime import date

import pytest

from app.core.errors import MilepostError
from mappings.roadmap import Figure, Problem, RoadmapRefused, read


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


@pytest.mark.parametrize(
    ("milestones", "shown"),
    [
        (11, "M1 → M2 → M3 → M4 → M5 → M6 → M7 → M8 → M9 → M10 → M11 → M1"),
        (12, "M1 → M2 → M3 → M4 → M5 → M6 → … → M9 → M10 → M11 → M12 → M1"),
        (40, "M1 → M2 → M3 → M4 → M5 → M6 → … → M37 → M38 → M39 → M40 → M1"),
    ],
)
def test_a_long_circle_is_told_by_its_ends(milestones: int, shown: str) -> None:
    document = "".join(f"### M{n} — x\n- **Dependencies:** M{n % milestones + 1}\n" for n in range(1, milestones + 1))
    with pytest.raises(RoadmapRefused) as refused:
        read(document.encode(), start=date(2026, 1, 1))
    says = f"dependencies go in a circle: {shown}; take one of them out"
    assert refused.value.problems == (Problem(1, says),)


def test_of_circles_the_first_twenty_are_told() -> None:
    document = "".join(f"### M{n} — x\n- **Dependencies:** M{n}\n" for n in range(1, 23))
    with pytest.raises(RoadmapRefused) as refused:
        read(document.encode(), start=date(2026, 1, 1))
    assert [problem.line for problem in refused.value.problems] == list(range(1, 41, 2))


def test_a_window_of_one_day_does_not_end_before_it_starts() -> None:
    document = b"### M1 \xe2\x80\x94 x\n- **Window:** 2026-02-01 - 2026-02-01\n"
    assert read(document, start=date(2026, 1, 1)).warnings == ()
