"""Tree + profile + what a target can hold -> the objects that should be there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings

from app.core.plan import Degraded, Desired, Line, Section
from app.core.tree import Milestone, Programme, Step, Task, Window, kind_of
from mappings import body
from mappings.desired import Current, build
from mappings.profile import BUILT_IN, Profile, StepMapping, load
from tests.unit.examples import examples
from tests.unit.roadmap.strategies import programmes

GITHUB, ISSUES, GITLAB = load("github"), load("github-issues"), load("gitlab")
START, END = date(2026, 11, 2), date(2026, 11, 16)


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


STEPS = (Step("1A.1", "Draft", True), Step("1A.2", "Ask @bob", detail="a\nb"), Step("1A.3", "Ship"))
TREE = Programme(
    "P",
    START,
    (
        Milestone("M1", "One", (Task("1A", "Task", STEPS, "Why"),), "Goal", Window("Weeks 0–2", START, END)),
        Milestone("M2", "Two", completed=True),
    ),
)
IDS = {node.key: number for number, node in enumerate(TREE.nodes(), start=1)}


def made(
    profile: Profile = GITHUB,
    holds: Holds = Holds(),
    tree: Programme = TREE,
    current: dict[int, Current] | None = None,
    selected: tuple[str, ...] = ("M1", "M2"),
) -> tuple[dict[str, Desired], list[Degraded]]:
    wants, degraded = build(tree, IDS, "p", selected, profile, holds, current or {})
    assert len({want.key for want in wants}) == len(wants)
    return {want.key: want for want in wants}, degraded


def with_milestone(**fields: Any) -> Programme:
    return replace(TREE, milestones=(replace(TREE.milestones[0], **fields),))


def test_a_milestone_a_task_and_its_checklist() -> None:
    wants, degraded = made()
    assert list(wants) == ["M1", "1A", "M2"]
    assert dict(wants["M1"].fields) == {
        "title": "M1 — One",
        "description": "<!-- milepost:begin -->\nGoal\n\n<!-- milepost:p/M1 -->",
        "due": END,
        "state": "open",
    }
    assert wants["M2"].fields["state"] == "closed"
    assert wants["M2"].fields["due"] is None
    task = wants["1A"]
    assert (task.node, task.kind, task.shape) == (IDS["1A"], "task", "issue")
    assert (task.fields["milestone"], task.fields["labels"]) == ("M1", ("epic",))
    assert "state" not in task.fields  # people close it
    assert str(task.fields["description"]).split("\n")[3:6] == [
        "- [x] 1A.1 Draft",
        "- [ ] 1A.2 Ask `@bob`",
        "- [ ] 1A.3 Ship",
    ]
    assert degraded == []


def test_a_target_gets_only_what_it_selects() -> None:
    assert list(made(selected=("M2",))[0]) == ["M2"]
    assert made(selected=())[0] == {}


def test_steps_as_children() -> None:
    wants, degraded = made(ISSUES)
    assert list(wants) == ["M1", "1A", "1A.1", "1A.2", "1A.3", "M2"]  # parents first
    assert dict(wants["1A.2"].fields) == {
        "title": "1A.2 Ask @bob",
        "description": "<!-- milepost:begin -->\na\nb\n\n<!-- milepost:p/1A.2 -->",
        "milestone": "M1",
        "parent": "1A",
    }
    assert wants["1A.2"].shape == "child"
    assert wants["1A"].section == Section("Why")
    assert degraded == []


@pytest.mark.parametrize(
    ("holds", "there", "children", "reason"),
    [
        (Holds(children_max=2), (), ["1A.1", "1A.2"], "one issue holds 2 child issues"),
        (Holds(children_max=2), ("1A.3",), ["1A.1", "1A.3"], "one issue holds 2 child issues"),
        (Holds(children_max=0), (), [], "this target has no child issues"),
        (Holds(children=False), (), [], "this target has no child issues"),
    ],
)
def test_what_does_not_fit_is_a_line_and_told(
    holds: Holds, there: tuple[str, ...], children: list[str], reason: str
) -> None:
    wants, degraded = made(ISSUES, holds, current={IDS[key]: Current("") for key in there})
    over = [step.key for step in STEPS if step.key not in children]
    assert [key for key, want in wants.items() if want.shape == "child"] == children
    assert [line.key for line in wants["1A"].section.lines] == over
    assert degraded == [Degraded(key, "child", "line", reason) for key in over]


def test_the_text_that_is_there_is_merged_into() -> None:
    section = Section("Old", (Line(IDS["1A.3"], "1A.9", "Ship"),))
    text = "Theirs\n\n" + body.merge("", "p", "1A", section, Section(), {IDS["1A.3"]: True}) + "\n\nTheirs too"
    wants, _ = made(current={IDS["1A"]: Current(text, section)})
    now = str(wants["1A"].fields["description"])
    assert now.startswith("Theirs\n\n<!-- milepost:begin -->\nWhy\n\n- [x] 1A.1 Draft\n")
    assert now.endswith("- [x] 1A.3 Ship\n<!-- milepost:p/1A -->\n\nTheirs too")


@pytest.mark.parametrize(
    ("start", "end", "starts", "due"),
    [
        (START, END, START, END),
        (None, END, None, END),
        (START, None, None, None),
        (END, END, None, END),  # GitLab refuses a milestone that ends when it starts
        (None, None, None, None),
    ],
)
def test_dates(start: date | None, end: date | None, starts: date | None, due: date | None) -> None:
    tree = with_milestone(window=Window("w", start, end))
    fields = made(GITLAB, Holds(start_dates=True), tree)[0]["M1"].fields
    assert (fields["start"], fields["due"]) == (starts, due)
    assert "start" not in made(GITHUB, Holds(), tree)[0]["M1"].fields
    bare = made(GITLAB, Holds(start_dates=True), with_milestone(window=None))[0]["M1"].fields
    assert (bare["start"], bare["due"]) == (None, None)


@pytest.mark.parametrize(
    ("title", "most", "want"),
    [
        ("One", 256, "M1 — One"),
        ("  two\n lines\u2028", 256, "M1 — two lines"),
        ("12345", 10, "M1 — 12345"),
        ("123456", 10, "M1 — 1234…"),
        ("1 3 5 7 9", 11, "M1 — 1 3 5…"),
        ("{key} {0} {{", 256, "M1 — {key} {0} {{"),
        ("", 256, "M1 —"),
    ],
)
def test_titles_fit_the_tracker(title: str, most: int, want: str) -> None:
    found = made(holds=Holds(title_max=most), tree=with_milestone(title=title))[0]["M1"].fields["title"]
    assert found == want
    assert len(str(found)) <= most


def test_tags_in_milestone_titles_where_the_tracker_drops_them() -> None:
    tree = with_milestone(title="Ship <b>it</b>")
    assert made(holds=Holds(strips_title_tags=True), tree=tree)[0]["M1"].fields["title"] == "M1 — Ship ‹b›it‹/b›"
    assert made(tree=tree)[0]["M1"].fields["title"] == "M1 — Ship <b>it</b>"


@pytest.mark.parametrize(
    ("template", "want"),
    [
        ("{key} {title}", "Draft"),
        ("{title}", "Draft"),
        ("{key}: {title}", "Draft"),
        ("{title} ({key})", "Draft"),
        ("[{key}] {title}", "Draft"),
        ("Step {key} — {title}", "Step Draft"),
        ("{title} now", "Draft now"),
        ("{{{key}}} {title}", "{ } Draft"),
    ],
)
def test_a_line_has_its_key_once(template: str, want: str) -> None:
    profile = GITHUB.model_copy(update={"step": StepMapping.model_validate({"as": ["line"], "title": template})})
    assert made(profile)[0]["1A"].section.lines[0] == Line(IDS["1A.1"], "1A.1", want)


def test_mentions_only_where_the_profile_wants_them() -> None:
    loud = GITHUB.model_copy(update={"mentions": True})
    assert "1A.2 Ask @bob" in str(made(loud)[0]["1A"].fields["description"])
    assert "1A.2 Ask `@bob`" in str(made(GITHUB)[0]["1A"].fields["description"])


def test_roadmap_words_cannot_act() -> None:
    task = Task(
        "1A", "T", (Step("1A.1", "- [x] 1A.2\n<!-- milepost:p/1B -->"), Step("1A.2", "x")), "/close\n- [x] 1A.2 x"
    )
    wants, _ = made(tree=with_milestone(tasks=(task,), objective="/close\n<!-- milepost:p/M9 -->"))
    for key in ("M1", "1A"):
        text = str(wants[key].fields["description"])
        assert body.marks(text, "p") == ((key,), False)
        assert "\n/close" not in text
    assert body.ticks(str(wants["1A"].fields["description"]), "p", wants["1A"].section) == {
        IDS["1A.1"]: False,
        IDS["1A.2"]: False,
    }


@given(tree=programmes())
@settings(max_examples=examples(25), deadline=None)
def test_every_node_is_an_object_or_a_line_once(tree: Programme) -> None:
    nodes = list(tree.nodes())
    ids = {node.key: number for number, node in enumerate(nodes, start=1)}
    keys = [milestone.key for milestone in tree.milestones]
    for name in BUILT_IN:
        wants, degraded = build(tree, ids, "p", keys, load(name), Holds(children_max=2, title_max=60), {})
        objects = [want.node for want in wants]
        lines = [line.node for want in wants for line in want.section.lines]
        assert sorted(objects + lines) == sorted(ids.values())
        kept = {line.key for want in wants for line in want.section.lines}
        assert kept >= {d.key for d in degraded if d.wanted == "child"}
        assert {d.wanted for d in degraded} <= {"child", "epic"}
        seen = set[str]()
        for want in wants:
            assert all(want.fields.get(place) in seen | {None} for place in ("milestone", "parent"))
            assert len(str(want.fields["title"])) <= 60
            assert want.kind == kind_of(nodes[want.node - 1])
            assert body.marks(str(want.fields["description"]), "p") == ((want.key,), False)
            seen.add(want.key)


PREMIUM = load("gitlab-premium")


@pytest.mark.parametrize(
    ("holds", "there", "shape", "reason"),
    [
        (Holds(epics=True), None, "epic", None),
        (
            Holds(),
            None,
            "issue",
            "this target has no epics: it names no --group, or that group's licence or role has none",
        ),
        (Holds(epics=True), Current("", shape="issue"), "issue", "it is an issue already"),
        (Holds(epics=True), Current("", shape="child"), "issue", "it is an issue already"),
        (Holds(), Current("", shape="epic"), "epic", None),
    ],
)
def test_a_task_is_an_epic_where_there_are_epics(
    holds: Holds, there: Current | None, shape: str, reason: str | None
) -> None:
    wants, degraded = made(PREMIUM, holds, current={IDS["1A"]: there} if there else {})
    assert wants["1A"].shape == shape
    assert ("milestone" in wants["1A"].fields) == (shape == "issue")  # a group's epic can't be in a project's milestone
    assert degraded == ([Degraded("1A", "epic", "issue", reason)] if reason else [])


def test_the_type_is_set_where_there_is_one_and_told_where_not() -> None:
    typed = GITHUB.model_copy(update={"task": GITHUB.task.model_copy(update={"type": "epic"})})
    wants, degraded = made(typed, Holds(types=("Task", "Epic")))
    assert (wants["1A"].fields["type"], degraded) == ("Epic", [])
    wants, degraded = made(typed)
    assert "type" not in wants["1A"].fields
    assert degraded == [Degraded("1A", "type epic", "", "this target has no such issue type")]
    assert "type" not in made(GITHUB, Holds(types=("Epic",)))[0]["1A"].fields


def waiting(**more: Any) -> Programme:
    """Milestone M2 waits for M1 and 2B for a step of its own milestone."""
    first = Milestone("M1", "One", (Task("1A", "A", (Step("1A.1", "x"),)), Task("1B", "B")))
    tasks = (Task("2A", "C", (Step("2A.1", "y"),)), Task("2B", "D", depends_on=("2A.1", "2B", "M9")))
    return replace(TREE, milestones=(first, Milestone("M2", "Two", tasks, depends_on=("M1",))))


WAITS = GITHUB.model_copy(update={"dependencies": True})


@pytest.mark.parametrize(
    ("profile", "holds", "selected", "want", "told"),
    [
        (GITHUB, Holds(), ("M1", "M2"), {}, []),
        (WAITS, Holds(), ("M1", "M2"), {"1A": (), "1B": (), "2A": ("1A", "1B"), "2B": ("2A", "1A", "1B")}, ["M9"]),
        (WAITS, Holds(), ("M2",), {"2A": (), "2B": ("2A",)}, ["M1", "M9", "M1"]),
        (
            WAITS,
            Holds(blockers_max=2),
            ("M1", "M2"),
            {"1A": (), "1B": (), "2A": ("1A", "1B"), "2B": ("2A", "1A")},
            ["M9", "1B"],
        ),
        (WAITS, Holds(blockers_max=0), ("M1", "M2"), {}, ["1A", "1B", "M9", "2A", "1A", "1B"]),
    ],
)
def test_tasks_wait_for_tasks_where_asked(
    profile: Profile, holds: Holds, selected: tuple[str, ...], want: dict[str, Any], told: list[str]
) -> None:
    tree = waiting()
    ids = {node.key: number for number, node in enumerate(tree.nodes(), start=1)}
    wants, degraded = build(tree, ids, "p", selected, profile, holds, {})
    assert {w.key: w.fields["blocked_by"] for w in wants if "blocked_by" in w.fields} == want
    assert [d.wanted.removeprefix("blocked by ") for d in degraded] == told
    assert all(d.got == "" and d.reason for d in degraded)


@pytest.mark.parametrize(
    ("now", "children", "reason"),
    [
        (Current("", others=99), ["1A.1"], "one issue holds 100 child issues, and 99 of this one's are not its steps"),
        (Current("", others=101), [], "one issue holds 100 child issues, and 101 of this one's are not its steps"),
        (Current("", level=7), ["1A.1", "1A.2", "1A.3"], ""),
        (Current("", level=8), [], "its issue stands on level 8, and issues nest 8 levels deep"),
    ],
)
def test_what_people_put_under_an_issue_leaves_less_room(now: Current, children: list[str], reason: str) -> None:
    wants, degraded = made(ISSUES, current={IDS["1A"]: now})
    assert [key for key, want in wants.items() if want.shape == "child"] == children
    assert {d.reason for d in degraded} == ({reason} if reason else set())


def test_children_stay_children_when_there_is_no_more_room() -> None:
    there = {IDS["1A"]: Current("", others=99)} | {IDS[key]: Current("") for key in ("1A.1", "1A.3")}
    wants, _ = made(ISSUES, current=there)
    assert [key for key, want in wants.items() if want.shape == "child"] == ["1A.1", "1A.3"]


def test_a_text_that_is_too_long_is_cut_where_nothing_is_left_open() -> None:
    long = "\n".join(["word " * 20, "```", "code", "```", *("tail " * 20 for _ in range(20))])
    tree = with_milestone(objective=long)
    holds = Holds(description_max=600)
    wants, degraded = made(holds=holds, tree=tree)
    text = str(wants["M1"].fields["description"])
    assert len(text) <= 600
    assert "```" not in text
    assert "\n…\n" in text
    assert body.marks(text, "p") == (("M1",), False)
    assert degraded == [Degraded("M1", "its whole text", "the beginning of it", "one text holds 600 characters")]
    again, _ = made(holds=holds, tree=tree, current={IDS["M1"]: Current(text, wants["M1"].section)})
    assert again["M1"].fields["description"] == text
