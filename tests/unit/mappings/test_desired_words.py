"""What a target should hold, where it can't hold all: what is cut and how, what gives way and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest

from app.core.plan import Degraded, Desired, Left, Line, Section
from app.core.tree import Milestone, Programme, Step, Task
from mappings import body
from mappings.body import BEGIN, Stood
from mappings.desired import CUT, Current, build
from mappings.profile import Profile, load

GITHUB, ISSUES = load("github"), load("github-issues")
EPICS = load("gitlab-premium")


@dataclass(frozen=True)
class Holds:
    title_max: int = 256
    description_max: int = 65_536
    start_dates: bool = False
    children: bool = True
    children_max: int = 100
    strips_title_tags: bool = False
    epics: bool = False
    levels: int = 8
    types: tuple[str, ...] = ()
    blockers_max: int = 50


STEPS = (Step("1A.1", "Draft", True), Step("1A.2", "Ship"))
TASK = Task("1A", "Task", STEPS, "Why")
IDS = {"M1": 1, "1A": 2, "1A.1": 3, "1A.2": 4, "M2": 5, "2A": 6, "M3": 7, "3A": 8}


def programme(*milestones: Milestone) -> Programme:
    return Programme("P", date(2026, 1, 1), milestones)


def made(
    tree: Programme | Task = TASK,
    profile: Profile = GITHUB,
    holds: Holds = Holds(),
    selected: str = "M1 M2 M3",
    **more: Any,
) -> tuple[dict[str, Desired], list[Degraded]]:
    tree = programme(Milestone("M1", "One", (tree,))) if isinstance(tree, Task) else tree
    wants, degraded = build(tree, IDS, "p", selected.split(), profile, holds, more.pop("current", {}), **more)
    return {want.key: want for want in wants}, degraded


def intro(text: str, most: int) -> tuple[str, list[Degraded]]:
    """What is left of a task's words where a whole text holds `most` characters beside the markers."""
    bare = len(body.merge("", "p", "1A", Section("x"), Section(), {})) - 1
    wants, degraded = made(Task("1A", "Task", description=text), holds=Holds(description_max=bare + most))
    assert len(str(wants["1A"].fields["description"])) <= bare + most
    return wants["1A"].section.intro, degraded


@pytest.mark.parametrize(
    ("text", "most", "left"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, CUT),
        ("ab\ncd\nefghij", 11, "ab\ncd" + CUT),
        ("ab\ncd\nefghij", 9, "ab\ncd" + CUT),
        ("ab\ncd\nefghij", 8, "ab\ncd" + CUT),
        ("ab\ncd\nefghij", 7, "ab" + CUT),
        ("ab\n\ncd", 5, "ab" + CUT),
        ("ab\n  ```\ncd\n```\nefghijklmnopq", 28, "ab" + CUT),
        ("ab\n~~~\ncd\n~~~\nefghijklmnopq", 26, "ab" + CUT),
        ("ab\n<p>\ncd\n</p>\nefghijklmnopq", 26, "ab" + CUT),
        ("ab\na ```\ncd\nefghijklmnopq", 22, "ab\na ```\ncd" + CUT),
    ],
)
def test_a_text_is_cut_at_a_line_and_before_what_a_cut_could_leave_open(text: str, most: int, left: str) -> None:
    found, degraded = intro(text, most)
    assert found == left
    whole = len(body.merge("", "p", "1A", Section("x"), Section(), {})) - 1 + most
    reason = f"one text holds {whole:,} characters"
    want = [] if found == text else [Degraded("1A", "its whole text", "the beginning of it", reason)]
    assert degraded == want


def test_a_text_that_must_be_cut_keeps_people_s_words_and_issues() -> None:
    here = f"theirs\n\n{BEGIN}\n- [x] #45\n<!-- milepost:p/1A -->"
    task = Task("1A", "Task", (STEPS[0],), "words " * 20)
    current = {2: Current(here, Section("", (Line(3, "1A.1", "Draft"),)))}
    wants, _ = made(task, holds=Holds(description_max=100), current=current, titles={"#45": "Draft"})
    assert wants["1A"].fields["description"] == f"theirs\n\n{BEGIN}\n{CUT}\n\n- [x] #45\n<!-- milepost:p/1A -->"


def test_words_lose_empty_lines_around_them_and_nothing_else() -> None:
    wants, _ = made(Task("1A", "  A \n title ", description="\n\n  X why \n\n"))
    assert (wants["1A"].section.intro, wants["1A"].fields["title"]) == ("  X why", "1A — A title")
    wants, _ = made(Task("1A", "Title", description="X"), holds=Holds(title_max=9))
    assert wants["1A"].fields["title"] == "1A — Tit…"
    wants, _ = made(Task("1A", "a bcdefg"), holds=Holds(title_max=8))
    assert wants["1A"].fields["title"] == "1A — a…"
    assert made(Task("1A", "abc"), holds=Holds(title_max=8))[0]["1A"].fields["title"] == "1A — abc"


# Finished work

BEGUN = Current("", pending=True)


@pytest.mark.parametrize(
    ("reason", "current", "stood", "states"),
    [
        ("new", {}, {}, ("closed", "closed", None)),
        ("begun and not known", {2: BEGUN, 3: BEGUN}, {}, ("closed", "closed", None)),
        ("there", {2: Current(""), 3: Current("")}, {}, (None, None, None)),
        ("people's tick is the last word", {}, {3: Stood(False), 4: Stood(True)}, ("closed", None, "closed")),
        ("people's tick, on what is there", {3: Current(""), 4: Current("")}, {4: Stood(True)}, ("closed", None, None)),
    ],
)  # fmt: skip
def test_what_is_finished_is_made_so(reason: str, current: Any, stood: Any, states: tuple[str | None, ...]) -> None:
    wants, _ = made(replace(TASK, completed=True), ISSUES, current=current, stood=stood)
    assert tuple(wants[key].fields.get("state") for key in ("1A", "1A.1", "1A.2")) == states, reason


# What gives way


def test_an_epic_has_neither_milestone_nor_type() -> None:
    typed = EPICS.model_copy(update={"task": EPICS.task.model_copy(update={"type": "Feature"})})
    wants, degraded = made(profile=typed, holds=Holds(epics=True, types=("Feature",)))
    assert (wants["1A"].shape, {"milestone", "type"} & wants["1A"].fields.keys(), degraded) == ("epic", set(), [])
    wants, degraded = made(profile=typed, holds=Holds(types=("feature",)))
    assert (wants["1A"].shape, wants["1A"].fields["milestone"], wants["1A"].fields["type"]) == (
        "issue",
        "M1",
        "feature",
    )
    no_epics = "this target has no epics: it names no --group, or that group's licence or role has none"
    assert degraded == [Degraded("1A", "epic", "issue", no_epics)]
    wants, degraded = made(profile=typed, holds=Holds(epics=True), current={2: Current("")})
    no_type = Degraded("1A", "type Feature", "", "this target has no such issue type")
    assert degraded == [Degraded("1A", "epic", "issue", "it is an issue already"), no_type]
    only = EPICS.model_copy(update={"task": EPICS.task.model_copy(update={"shapes": ("epic",)})})
    assert made(profile=only)[0]["1A"].shape == "issue"
    issue = EPICS.model_copy(update={"task": EPICS.task.model_copy(update={"shapes": ("issue",)})})
    _, degraded = made(profile=issue, current={2: Current("", shape="epic")})
    assert degraded == [Degraded("1A", "issue", "epic", "it is an epic already")]


OTHERS = ", and {} of this one's are not its steps"
HOLDS_2 = "one issue holds 2 child issues" + OTHERS.format(1)


@pytest.mark.parametrize(
    ("holds", "current", "children", "reason"),
    [
        (Holds(), {}, ["1A.1", "1A.2"], ""),
        (Holds(children=False), {3: Current("")}, [], "this target has no child issues"),
        (Holds(children_max=0), {}, [], "this target has no child issues"),
        (Holds(children_max=0), {4: Current("")}, ["1A.2"], "this target has no child issues"),
        (Holds(children_max=1), {}, ["1A.1"], "one issue holds 1 child issues"),
        (Holds(children_max=1), {4: Current("")}, ["1A.2"], "one issue holds 1 child issues"),
        (Holds(children_max=2), {2: Current("", others=1)}, ["1A.1"], HOLDS_2),
        (Holds(children_max=1), {2: Current("", others=5)}, [], "one issue holds 1 child issues" + OTHERS.format(5)),
        (Holds(levels=2), {2: Current("", level=2)}, [], "its issue stands on level 2, and issues nest 2 levels deep"),
        (Holds(levels=2), {2: Current("", level=1)}, ["1A.1", "1A.2"], ""),
        (Holds(levels=1), {}, [], "its issue stands on level 1, and issues nest 1 levels deep"),
    ],
)  # fmt: skip
def test_how_many_steps_are_children(holds: Holds, current: Any, children: list[str], reason: str) -> None:
    wants, degraded = made(profile=ISSUES, holds=holds, current=current)
    assert [key for key, want in wants.items() if want.shape == "child"] == children
    lines = [key for key in ("1A.1", "1A.2") if key not in children]
    assert [line.key for line in wants["1A"].section.lines] == lines
    assert degraded == [Degraded(key, "child", "line", reason) for key in lines]


def test_what_gives_way_is_told_of_every_task() -> None:
    two = programme(Milestone("M1", "One", (TASK,)), Milestone("M2", "Two", (Task("2A", "Task", (Step("M3", "s"),)),)))
    _, degraded = made(two, ISSUES, Holds(children=False))
    assert [one.key for one in degraded] == ["1A.1", "1A.2", "M3"]


WAITING = programme(
    Milestone("M1", "One", (TASK,)),
    Milestone("M2", "Two", (Task("2A", "Task", depends_on=("1A.1", "M3", "2A")),), depends_on=("M1",)),
    Milestone("M3", "Three", (Task("3A", "Task"),)),
)
NO_DEPENDENCIES = "this target has no dependencies"
DEPENDENT = GITHUB.model_copy(update={"dependencies": True})


@pytest.mark.parametrize(
    ("profile", "most", "selected", "blocked", "told"),
    [
        (GITHUB, 50, "M1 M2 M3", None, []),
        (DEPENDENT, 50, "M1 M2 M3", ("1A", "3A"), []),
        (DEPENDENT, 1, "M1 M2 M3", ("1A",), [("blocked by 3A", "one object waits for 1 at most")]),
        (DEPENDENT, 0, "M1 M2 M3", None, [(f"blocked by {key}", NO_DEPENDENCIES) for key in ("1A", "3A")]),
        (DEPENDENT, 50, "M2", (), [(f"blocked by {key}", "it is not in this target") for key in ("1A.1", "M3", "M1")]),
    ],
)  # fmt: skip
def test_what_a_task_waits_for(
    profile: Profile, most: int, selected: str, blocked: Any, told: list[tuple[str, str]]
) -> None:
    wants, degraded = made(WAITING, profile, Holds(blockers_max=most), selected)
    assert wants["2A"].fields.get("blocked_by") == blocked
    assert degraded == [Degraded("2A", wanted, "", reason) for wanted, reason in told]


# Lines that leave a text


def test_a_line_that_leaves_a_text_is_remembered_as_it_stood() -> None:
    lines = (Line(3, "1A.1", "Draft"), Line(4, "1A.2", "Ship"))
    here = f"{BEGIN}\n- [x] #45\n- [x] 1A.2 Ship\n<!-- milepost:p/1A -->"
    known = Section("", lines, (Left(4, False, "", 1), Left(9, True, "#9", 2)), 3)
    bare = Task("1A", "Task", (STEPS[1],))
    how: dict[str, Any] = {"titles": {"#45": "Draft"}, "order": 7}
    (gone, *_) = [made(replace(bare, steps=()), current={2: Current(here, known)}, **how)[0]["1A"].section]
    assert gone == Section("", (), (Left(9, True, "#9", 2), Left(3, True, "#45", 7), Left(4, True, "", 7)), 7)
    back = made(TASK, current={2: Current(here, known)}, **how)[0]["1A"].section
    assert (back.left, back.order) == ((Left(9, True, "#9", 2),), 7)
    cut = made(replace(bare, steps=()), current={2: Current("people took it all", known)}, **how)[0]["1A"].section
    assert cut.left == (Left(9, True, "#9", 2),)
    assert made(bare)[0]["1A"].section == Section("", (Line(4, "1A.2", "Ship"),))
