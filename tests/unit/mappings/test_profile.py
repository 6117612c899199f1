"""Profiles are strict: what isn't known is an error with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from mappings.profile import BUILT_IN, BadProfile, load, parse

GOOD = (Path(__file__).parents[3] / "mappings" / "profiles" / "github.toml").read_text()


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_profile_loads(name: str) -> None:
    found = load(name)
    assert name.startswith(found.kind)
    assert found.policy().owners["title"] == "roadmap"


BAD = [
    (GOOD.replace("labels =", "lables ="), "line 10: task.lables: unknown key"),
    (GOOD + "\nowners = 1\n", "step.owners: unknown key"),
    (GOOD.replace('"{key} {title}"', '"{key} {titel}"'), "only {key} and {title}"),
    (GOOD.replace('"{key} {title}"', '"{key}"'), "needs {title}"),
    (GOOD.replace('["line"]', '["epic"]'), "step.as"),
    (GOOD.replace('kind = "github"', 'kind = "jira"'), "kind"),
    ("kind = ", "is not TOML"),
]


@pytest.mark.parametrize(("text", "want"), BAD)
def test_what_is_wrong_is_named_with_its_line(text: str, want: str) -> None:
    with pytest.raises(BadProfile) as caught:
        parse(text, "mine.toml")
    assert want in caught.value.message
    assert "\n" not in caught.value.message or "TOML" in caught.value.message


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(BadProfile, match="no profile 'githbu'"):
        load("githbu")
    with pytest.raises(BadProfile, match="can't be read"):
        load("/nowhere/mine.toml")
