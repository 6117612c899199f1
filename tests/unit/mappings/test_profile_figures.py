"""What a profile may say of figures: weights of units, severities of defects."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from app.core.defects import Severities
from mappings.profile import BUILT_IN, BadProfile, Profile, load, parse

GOOD = (Path(__file__).parents[3] / "mappings" / "profiles" / "github.toml").read_text(encoding="utf-8")
LINES = GOOD.count("\n")


def profile(text: str) -> Profile:
    return parse(GOOD + text, "mine.toml")


@pytest.mark.parametrize("name", BUILT_IN)
def test_by_default_all_weigh_the_same_and_nothing_is_a_defect(name: str) -> None:
    found = load(name)
    assert found.progress.weigh(["size::L"], 8.0) is None
    assert found.defects.severities() == Severities({}, ())


def test_by_label_the_heaviest_counts() -> None:
    by_label = profile('[progress]\nweight = "label"\nweights = { "size::L" = 5, "size::S" = 0.1 }\n').progress
    assert by_label.weigh(["size::L", "size::S", "epic"]) == 5
    assert by_label.weigh(["size::S"]) == Fraction(1, 10)
    assert by_label.weigh(["epic"], 40.0) is by_label.weigh() is None
    assert type(by_label.weigh(["size::L"])) is int


def test_by_estimate_none_is_silent() -> None:
    by_estimate = profile('[progress]\nweight = "estimate"\n').progress
    assert [by_estimate.weigh(["size::L"], each) for each in (3.0, 2.5, 0, None)] == [3, Fraction(5, 2), None, None]


def test_severities_by_label() -> None:
    found = profile('[defects]\nlabels = { "severity::1" = 1, "sev 2" = 2 }\ndays = [2, 7]\n').defects.severities()
    assert (found.of(["sev 2", "severity::1"]), found.allowed(1), found.allowed(2)) == (1, 2, 7)
    assert profile('[defects.labels]\n"severity::1" = 1\n').defects.severities().allowed(1) is None


BAD = [
    ('[progress]\nwieght = "count"', 2, "progress.wieght: unknown key"),
    ('[progress]\nweight = "size"', 2, "progress.weight"),
    ('[progress]\nweight = "label"', 1, "needs weights"),
    ('[progress]\nweights = { "a" = 1 }', 1, 'only for weight = "label"'),
    ('[progress]\nweight = "label"\nweights = { "a" = 0 }', 3, "greater than 0"),
    ('[progress]\nweight = "label"\nweights = { "a" = nan }', 3, "progress.weights.a"),
    ('[progress]\nweight = "label"\nweights = { "a" = inf }', 3, "progress.weights.a"),
    ('[progress]\nweight = "label"\nweights = { "a" = "5" }', 3, "valid number"),
    ('[progress]\nweight = "label"\n[progress.weights]\n"a" = true', 3, "valid number"),
    ("[defects]\nlabel = {}", 2, "defects.label: unknown key"),
    ('[defects]\nlabels = { "a" = 0 }', 2, "greater than or equal to 1"),
    ('[defects]\nlabels = { "a" = 10 }', 2, "less than or equal to 9"),
    ('[defects]\nlabels = { "a" = 1.5 }', 2, "valid integer"),
    ('[defects]\nlabels = { "" = 1 }', 2, "at least 1 character"),
    ('[defects]\nlabels = { "a" = 1 }\ndays = [-1]', 3, "greater than or equal to 0"),
    ('[defects]\nlabels = { "a" = 1 }\ndays = [1, 2]', 1, "days has 2 severities where labels go to 1"),
    ("[defects]\ndays = [1]", 1, "where labels go to 0"),
]


@pytest.mark.parametrize(("text", "line", "says"), BAD)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(BadProfile) as caught:
        profile(text)
    assert caught.value.message.startswith(f"the profile mine.toml, line {LINES + line}: ")
    assert says in caught.value.message
