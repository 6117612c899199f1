"""Where a mistake in a profile is said to be, however the TOML is laid out; and the templates that can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from mappings.profile import BadProfile, Owners, load, parse

PARTS = {
    "kind": 'kind = "github"',
    "milestone": '[milestone]\ntitle = "{key} — {title}"',
    "task": '[task]\nas = ["issue"]\ntitle = "{key} — {title}"\nlabels = ["epic"]',
    "step": '[step]\nas = ["line"]\ntitle = "{key} {title}"',
}


def profile(**parts: str) -> str:
    return "\n".join((PARTS | parts).values())


@pytest.mark.parametrize(
    ("reason", "text", "line", "says"),
    [
        ("at the top", profile(kind='kind = "github"\nkinds = 1'), 2, "kinds: unknown key"),
        ("in a table", profile(step=PARTS["step"] + '\ntitel = "x"'), 11, "step.titel: unknown key"),
        ("quoted", profile(step=PARTS["step"] + "\n'titel' = 1"), 11, "step.titel: unknown key"),
        ("a table's comment", profile(step='[ step ] # lines\nas = ["line"]\ntitle = "{title}"\nx = 1'), 11, "step.x"),
        ("an unknown table", profile(task=PARTS["task"] + "\n[tasks]\nx = 1"), 8, "tasks: unknown key"),
        ("the same name elsewhere", profile(milestone='[milestone]\nlabels = []\ntitle = "x {title}"'), 3, "labels"),
        ("an inline table", profile(kind='kind = "github"\nowners = { titel = "ask" }'), 2, "owners.titel: unknown"),
        ("dotted", profile(kind='kind = "github"\nowners.due = "ask"\nowners.titel = "ask"'), 3, "owners.titel"),
        ("in a list", profile(task=PARTS["task"].replace('"epic"', '""')), 7, "task.labels"),
        ("a key that is missing", profile(step='[step]\nas = ["line"]'), 8, "step.title: Field required"),
        ("a table that is missing", profile(step=""), 1, "step: Field required"),
        ("a wrong value", profile(kind='kind = "jira"'), 1, "kind"),
        ("no shapes", profile(step='[step]\nas = []\ntitle = "{title}"'), 9, "step.as"),
        ("an owner that nobody is", profile(kind='kind = "github"\n[owners]\nstate = "me"'), 3, "owners.state"),
        ("a field that nobody owns", profile(kind='kind = "github"\n[owners]\ndescription = "ask"'), 3, "unknown key"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(reason: str, text: str, line: int, says: str) -> None:
    with pytest.raises(BadProfile) as error:
        parse(text, "mine.toml")
    assert error.value.message.startswith(f"the profile mine.toml, line {line}: "), reason
    assert says in error.value.message


@pytest.mark.parametrize(
    "template",
    [
        "{key}", "", "{titel} {title}", "{} {title}", "{0} {title}", "{title!r}", "{title:d}", "{title:>{key}}",
        "{title.upper}", "{title[0]}", "{title", "title}", "{{title}}",
    ],
)  # fmt: skip
def test_a_template_that_would_fail_later_is_refused_now(template: str) -> None:
    with pytest.raises(BadProfile, match=r"line 9: step\.title|line 10: step\.title"):
        parse(profile(step=f'[step]\nas = ["line"]\ntitle = "{template}"'), "mine.toml")


@pytest.mark.parametrize("template", ["{title}", "{key}{title}", "{{x}} {title}", "{title} {title}"])
def test_a_template_that_works(template: str) -> None:
    found = parse(profile(step=f'[step]\nas = ["line"]\ntitle = "{template}"'), "mine.toml")
    assert "T" in found.step.title.format(key="K", title="T")


def test_a_profile_of_one_s_own(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        profile(kind='kind = "gitlab"\nremoved = "leave"\nowners = { state = "roadmap" }'), encoding="utf-8"
    )
    found = load(str(mine))
    assert found.policy().removed == "leave"
    assert found.policy().owners == {**Owners().model_dump(), "state": "roadmap"}
    assert not found.mentions
    mine.write_bytes(b"\xff")
    with pytest.raises(BadProfile, match="can't be read"):
        load(str(mine))
    with pytest.raises(BadProfile, match=r"there is no profile '\.\./") as error:
        load("../profiles/github")
    assert "github-issues" in error.value.hint


OWNER = "Input should be 'roadmap', 'tracker' or 'ask'"
ONLY = "Value error, only {key} and {title} can stand in a title"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (profile(step='[step]\nas = ["line"]\ntitle = "{titel}"'), f"line 10: step.title: {ONLY}"),
        (profile(step='[step]\nas = ["line"]\ntitle = "{key}"'), "line 10: step.title: Value error, needs {title}"),
        (profile(kind='kind = "github"\n[owners]\nx = 1\ntitle = "me"'), f"line 4: owners.title: {OWNER}"),
        (profile(kind='kind = "github"\n["owners"]\ntitle = "me"'), f"line 3: owners.title: {OWNER}"),
        (profile(kind='kind = "github"\n["owners"]'), ""),
        (profile(kind='owners.title = "ask"\nowners.due = "me"\nkind = "github"'), f"line 2: owners.due: {OWNER}"),
        (profile(kind='owners = { due = "me" }\nkind = "github"'), f"line 1: owners.due: {OWNER}"),
        (profile(milestone='["milestone"]'), "line 2: milestone.title: Field required"),
        (profile(milestone="['milestone']"), "line 2: milestone.title: Field required"),
        (profile(kind='x = 1\nkind = "github"'), "line 1: x: unknown key"),
        ("# nothing", "line 1: kind: Field required"),
        (profile(kind='owners.due = "ask"\nkind = "github"\nowners.title = "me"'), f"line 3: owners.title: {OWNER}"),
    ],
)  # fmt: skip
def test_the_whole_of_what_is_said(text: str, says: str) -> None:
    if not says:
        assert parse(text, "mine.toml").kind == "github"
        return
    with pytest.raises(BadProfile) as error:
        parse(text, "mine.toml")
    assert error.value.message == f"the profile mine.toml, {says}"
    assert (error.value.type, error.value.status) == ("bad-profile", 422)


def test_a_profile_that_is_none_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadProfile) as error:
        load("githbu")
    assert error.value.message == "there is no profile 'githbu'"
    assert error.value.hint == (
        "use one of github, github-issues, gitlab, gitlab-issues, gitlab-premium, or a path ending in .toml"
    )
    with pytest.raises(BadProfile) as error:
        load(str(tmp_path / "no.toml"))
    assert error.value.message.startswith(f"the profile {tmp_path / 'no.toml'} can't be read: [Errno 2]")
    with pytest.raises(BadProfile) as error:
        parse("kind =", "mine.toml")
    assert error.value.message.startswith("the profile mine.toml is not TOML: ")


def test_a_profile_s_words_are_utf_8_wherever_it_is_read(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_bytes(profile(step='[step]\nas = ["line"]\ntitle = "{title} · Schritt für Schritt"').encode())
    assert load(str(mine)).step.title == "{title} · Schritt für Schritt"
    assert load("github").milestone.title == "{key} — {title}"
