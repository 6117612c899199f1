"""`docs/trackers.md` names a test for each rule of a tracker: each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
RULES = NAMED.findall((PROJECT / "docs/trackers.md").read_text(encoding="utf-8"))


def file(name: str) -> Path:
    if name.startswith("tests/"):
        return PROJECT / name
    return PROJECT / ("tests" if name.startswith("conformance/") else "tests/unit/connectors") / name


def test_there_are_rules() -> None:
    assert len(RULES) > 50


@pytest.mark.parametrize(("name", "test"), sorted(set(RULES)))
def test_the_test_of_a_rule_is_there(name: str, test: str) -> None:
    assert re.search(rf"\bdef {test}\(", file(name).read_text(encoding="utf-8")), f"{name} has no {test}"
