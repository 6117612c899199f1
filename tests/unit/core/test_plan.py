"""The three-way difference, branch by branch, on single objects."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.core.diff import diff
from app.core.plan import (
    Change,
    ChangeGuard,
    Degraded,
    Desired,
    FieldChange,
    Fields,
    Found,
    Line,
    Link,
    Plan,
    Policy,
    Ref,
    Section,
    Shape,
    canonical,
    fingerprint,
    guard,
    plain,
)
from app.core.tree import Kind

OWNERS: Mapping[str, Any] = {"title": "roadmap", "due": "roadmap", "state": "tracker", "milestone": "tracker"}
POLICY = Policy(OWNERS)
M1, A1 = Ref("milestone", "1", 1, "", "http://t/m1"), Ref("issue", "10", 10, "", "http://t/10")
SECTION = Section("why", (Line(3, "1A.1", "Draft"),))
TEXT = "why <!-- milepost:p/1A -->"


def want(node: int = 2, key: str = "1A", shape: Shape = "issue", **fields: Any) -> Desired:
    kind: Kind = "milestone" if shape == "milestone" else "step" if shape == "child" else "task"
    values = {"title": f"{key} — Title", "description": TEXT, **fields}
    return Desired(node, key, kind, shape, values, SECTION)


def held(ref: Ref = A1, marks: tuple[str, ...] = (), foreign: bool = False, **fields: Any) -> Found:
    values = {
        "title": "1A — Title",
        "description": TEXT,
        "milestone": None,
        "parent": None,
        "labels": (),
        "start": None,
        "due": None,
        "state": "open",
    }
    return Found(ref, values | fields, marks, foreign)


def link(base: Fields | None = None, node: int = 2, key: str = "1A", ref: Ref | None = A1, **more: Any) -> Link:
    kind: Kind = "milestone" if ref is M1 else "task"
    return Link(node, key, kind, ref, {"title": "1A — Title"} if base is None else base, SECTION, **more)


def shown(plan: Plan) -> list[tuple[str, str, dict[str, tuple[Any, Any]]]]:
    return [(c.action, c.key, {n: (f.before, f.after) for n, f in c.fields.items()}) for c in plan.changes]


def kept(plan: Plan) -> list[tuple[str, str]]:
    return [(drift.key, drift.field) for drift in plan.drift]


DAY, OTHER, THIRD = date(2026, 11, 2), date(2026, 11, 9), date(2026, 11, 16)
MERGE = [
    # reason, field, base, observed, wanted, owner, written?, drift?, asked?
    ("nothing moved", "title", "a", "a", "a", "roadmap", False, False, False),
    ("the roadmap moved", "title", "a", "a", "b", "tracker", True, False, False),
    ("people moved", "title", "a", "x", "a", "roadmap", False, True, False),
    ("both moved to the same", "title", "a", "b", "b", "ask", False, False, False),
    ("both moved, the roadmap's", "title", "a", "x", "b", "roadmap", True, False, False),
    ("both moved, the tracker's", "title", "a", "x", "b", "tracker", False, True, False),
    ("both moved, ask", "title", "a", "x", "b", "ask", False, False, True),
    ("the roadmap sets a date", "due", None, None, DAY, "tracker", True, False, False),
    ("the roadmap takes a date away", "due", DAY, DAY, None, "tracker", True, False, False),
    ("people took the date away", "due", DAY, None, DAY, "roadmap", False, True, False),
    ("both moved the date, ask", "due", DAY, OTHER, THIRD, "ask", False, False, True),
    ("the task moves to another milestone", "milestone", "M1", "M1", "M2", "tracker", True, False, False),
    ("people moved it", "milestone", "M1", "#77", "M1", "tracker", False, True, False),
    ("people took it out", "milestone", "M1", None, "M1", "roadmap", False, True, False),
    ("both moved it", "milestone", "M1", "#77", "M2", "tracker", False, True, False),
    ("the roadmap completes it", "state", "open", "open", "closed", "tracker", True, False, False),
    ("the roadmap takes completion back", "state", "closed", "closed", "open", "tracker", True, False, False),
    ("people closed it", "state", "open", "closed", "open", "tracker", False, True, False),
    ("people reopened it", "state", "closed", "open", "closed", "tracker", False, True, False),
    ("people closed first, then the roadmap", "state", "open", "closed", "closed", "ask", False, False, False),
    ("a field that nobody owns is people's", "odd", "a", "x", "b", None, False, True, False),
]


@pytest.mark.parametrize(
    ("field", "base", "observed", "wanted", "owner", "written", "drift", "asked"),
    [row[1:] for row in MERGE],
    ids=[row[0] for row in MERGE],
)
def test_three_way_merge_of_a_field(
    field: str, base: Any, observed: Any, wanted: Any, owner: Any, written: bool, drift: bool, asked: bool
) -> None:
    policy = Policy({field: owner} if owner else {})
    plan = diff(
        [want(**{field: wanted})], [held(**{field: observed})], [link({"title": "1A — Title", field: base})], policy
    )
    pair = {field: (observed, wanted)}
    action = {"closed": "close", "open": "reopen"}.get(wanted, "update") if field == "state" else "update"
    assert shown(plan) == [("conflict" if asked else action, "1A", pair)] * (written or asked)
    assert kept(plan) == [("1A", field)] * drift
    assert plan.unchanged == (not written and not asked)


def test_a_conflict_does_not_hold_up_the_other_fields() -> None:
    wanted = want(title="b", due=DAY)
    plan = diff([wanted], [held(title="x")], [link({"title": "a", "due": None})], Policy({"title": "ask"}))
    assert shown(plan) == [
        ("conflict", "1A", {"title": ("x", "b")}),
        ("update", "1A", {"due": (None, DAY)}),
    ]
    assert plan.changes[0].ref == A1
    assert "title" not in plan.changes[1].base  # so that it is asked about again
    assert plan.changes[1].base["due"] == DAY
    assert plan.unchanged == 0


def test_an_update_puts_down_what_was_as_wanted_already_but_not_what_people_keep() -> None:
    wanted = want(title="b", due=DAY, milestone="M1")
    base = {"title": "a", "due": OTHER, "milestone": "M1"}
    (change,) = diff([wanted], [held(title="a", due=DAY, milestone="#7")], [link(base)], POLICY).changes
    assert change.base == {"title": "b", "description": TEXT, "due": DAY}


# The managed section


@pytest.mark.parametrize(
    ("observed", "same"),
    [
        (TEXT, True),
        (TEXT.replace("\n", "\r\n"), True),
        (f"{TEXT}  \n\n", True),
        (f"\n{TEXT}\t", True),
        (f"{TEXT} more", False),
        (f"  {TEXT}", False),
        ("", False),
    ],
)
def test_line_ends_are_no_difference_and_everything_else_converges(observed: str, same: bool) -> None:
    for owner in ("roadmap", "tracker", "ask"):
        policy = Policy({"description": owner})  # type: ignore[dict-item]
        plan = diff([want()], [held(description=observed)], [link()], policy)
        assert shown(plan) == ([] if same else [("update", "1A", {"description": (observed, TEXT)})])


@pytest.mark.parametrize(
    ("text", "want_text"),
    [
        ("a\r\nb\rc", "a\nb\nc"),
        ("a \t\nb  ", "a\nb"),
        ("\n\na\n\n", "a"),
        ("", ""),
        ("  a", "  a"),
        ("a\n\nb", "a\n\nb"),
    ],
)
def test_canonical(text: str, want_text: str) -> None:
    assert canonical(text) == want_text
    assert canonical(want_text) == want_text


# Labels: at least these


@pytest.mark.parametrize(
    ("reason", "base", "observed", "wanted", "after"),
    [
        ("as made", ("epic",), ("epic",), ("epic",), None),
        ("people added theirs", ("epic",), ("epic", "bug"), ("epic",), None),
        ("people took ours off: it stays off", ("epic",), (), ("epic",), None),
        ("people took ours off and put theirs on", ("epic",), ("bug",), ("epic",), None),
        ("the profile asks for one more", ("epic",), ("epic",), ("epic", "q4"), ("epic", "q4")),
        ("one more, beside people's", ("epic",), ("epic", "bug"), ("epic", "q4"), ("epic", "bug", "q4")),
        ("one more, where ours was taken off", ("epic",), ("bug",), ("epic", "q4"), ("bug", "q4")),
        ("the profile asks for fewer: none is taken off", ("epic", "q4"), ("epic", "q4"), ("epic",), None),
        ("one more that people had put on already", ("epic",), ("q4", "epic"), ("epic", "q4"), None),
    ],
)
def test_labels_are_at_least_these(reason: str, base: Any, observed: Any, wanted: Any, after: Any) -> None:
    for owner in ("roadmap", "tracker"):
        plan = diff([want(labels=wanted)], [held(labels=observed)], [link({"labels": base})], Policy({"labels": owner}))  # type: ignore[dict-item]
        written = [c.fields["labels"].after for c in plan.changes if "labels" in c.fields]
        assert written == ([] if after is None else [after]), reason


# Not there yet


def test_what_is_not_there_is_created_with_all_that_is_not_empty() -> None:
    wanted = want(due=None, labels=(), milestone=None, start=DAY, state="open")
    plan = diff([wanted], [], [], POLICY)
    created = {
        "title": (None, "1A — Title"),
        "description": (None, TEXT),
        "start": (None, DAY),
        "state": (None, "open"),
    }
    assert shown(plan) == [("create", "1A", created)]
    assert plan.changes[0].ref is None
    assert plan.changes[0].base == wanted.fields
    assert plan.changes[0].section == SECTION


@pytest.mark.parametrize("linked", [None, "pending"])
def test_an_object_with_its_marker_is_adopted(linked: str | None) -> None:
    links = [link({}, ref=None)] if linked else []
    found = held(marks=("1A",), title="Theirs", labels=("bug",), milestone="#7", due=None)
    plan = diff([want(labels=("epic",), milestone="M1", due=DAY)], [found], links, POLICY)
    (change,) = plan.changes
    assert (change.action, change.ref) == ("adopt", A1)
    if linked:  # we made it a moment ago: all of it is ours
        assert set(change.fields) == {"title", "labels", "milestone", "due"}
        assert plan.drift == ()
    else:  # who knows what people did to it since: what the tracker owns stands
        assert set(change.fields) == {"title", "due"}
        assert set(kept(plan)) == {("1A", "labels"), ("1A", "milestone")}
    assert change.base == {**want(labels=("epic",), milestone="M1", due=DAY).fields}


def test_what_stood_at_adoption_stands_until_the_roadmap_asks_for_something_new() -> None:
    found = held(marks=("1A",), milestone="#7", labels=("bug",))
    wanted = want(milestone="M1", labels=("epic",))
    (adopted,) = diff([wanted], [found], [], POLICY).changes
    after = diff([wanted], [found], [link(adopted.base)], POLICY)
    assert after.changes == ()
    assert set(kept(after)) == {("1A", "milestone")}
    moved = diff([replace(wanted, fields={**wanted.fields, "milestone": "M2"})], [found], [link(adopted.base)], POLICY)
    assert moved.changes == ()  # both sides moved: the tracker's
    mine = Policy({**OWNERS, "milestone": "roadmap"})
    moved = diff([replace(wanted, fields={**wanted.fields, "milestone": "M2"})], [found], [link(adopted.base)], mine)
    assert shown(moved) == [("update", "1A", {"milestone": ("#7", "M2")})]


def test_what_was_asked_at_adoption_is_asked_again() -> None:
    policy = Policy({"title": "ask"})
    found = held(marks=("1A",), title="Theirs")
    asked, adopted = diff([want()], [found], [], policy).changes
    assert (asked.action, adopted.action) == ("conflict", "adopt")
    assert "title" not in adopted.base
    again = diff([want()], [found], [link(adopted.base)], policy)
    assert shown(again) == [("conflict", "1A", {"title": ("Theirs", "1A — Title")})]


def test_two_objects_with_its_marker_are_a_conflict_that_names_both() -> None:
    other = replace(A1, id="11", number=11, url="http://t/11")
    child = want(3, "1A.1", "child", parent="1A")
    for found in ([held(marks=("1A",)), held(other, marks=("1A",))], [held(other, marks=("1A",)), held(marks=("1A",))]):
        plan = diff([want(), child], found, [], POLICY)
        assert [c.action for c in plan.changes] == ["conflict", "conflict"]
        assert "http://t/10 and http://t/11" in plan.changes[0].reason
        assert "waits for 1A" in plan.changes[1].reason


def test_a_copy_of_a_linked_object_is_left_alone() -> None:
    other = replace(A1, id="11", number=11)
    plan = diff([want()], [held(other, marks=("1A",), title="Copy"), held(marks=("1A",))], [link()], POLICY)
    assert (plan.changes, plan.unchanged) == ((), 1)


def test_one_object_is_never_two_nodes() -> None:
    found = held(marks=("1A", "1B"))
    plan = diff([want(), want(4, "1B", title="1B — T")], [found], [], POLICY)
    assert [(c.action, c.key) for c in plan.changes] == [("adopt", "1A"), ("create", "1B")]
    same = [want(title="Same"), want(4, "1B", title="Same")]
    plan = diff(same, [held(title="Same", description="theirs")], [], POLICY, adopt=True)
    assert [(c.action, c.key) for c in plan.changes] == [("adopt", "1A"), ("conflict", "1B")]


def test_an_issue_and_a_milestone_of_the_same_number_are_not_mixed_up() -> None:
    ref = Ref("issue", "1", 1)
    plan = diff([want(1, "M1", "milestone")], [held(ref, marks=("M1",))], [], POLICY)
    assert [c.action for c in plan.changes] == ["create"]
    plan = diff(
        [want(1, "M1", "milestone", title="T")],
        [held(M1, title="T"), held(ref, title="X")],
        [link(node=1, key="M1", ref=M1)],
        POLICY,
    )
    assert plan.changes == ()


# Objects without a marker, and those of others


@pytest.mark.parametrize(
    ("reason", "shape", "found", "adopt", "action", "says"),
    [
        ("an issue's twin is no reason to wait", "issue", [held()], False, "create", ""),
        ("asked to adopt", "issue", [held()], True, "adopt", "same title"),
        ("another title", "issue", [held(title="1A — title")], True, "create", ""),
        ("several", "issue", [held(), held(replace(A1, id="11"))], True, "conflict", "rename all but one"),
        ("another programme's", "issue", [held(foreign=True)], True, "create", ""),
        ("another node's", "issue", [held(marks=("9Z",))], True, "create", ""),
        ("a milestone's twin", "milestone", [held(M1)], False, "conflict", "--adopt takes it over"),
        ("a milestone, asked to adopt", "milestone", [held(M1)], True, "adopt", "same title"),
        ("another programme's milestone", "milestone", [held(M1, foreign=True)], False, "conflict", "rename it"),
        ("another programme's is never adopted", "milestone", [held(M1, foreign=True)], True, "conflict", "rename it"),
        ("another node's milestone", "milestone", [held(M1, marks=("M9",))], True, "conflict", "rename it"),
        ("an issue of a milestone's title", "milestone", [held()], True, "create", ""),
    ],
)
def test_objects_without_its_marker(
    reason: str, shape: Shape, found: list[Found], adopt: bool, action: str, says: str
) -> None:
    plan = diff([want(shape=shape)], found, [], POLICY, adopt=adopt)
    assert [c.action for c in plan.changes] == [action], reason
    assert says in plan.changes[0].reason
    if action == "conflict":
        assert "http://t/" in plan.changes[0].reason


def test_a_milestone_in_the_way_makes_its_tasks_and_their_steps_wait() -> None:
    milestone = want(1, "M1", "milestone", title="Same")
    task, step = want(2, "1A", milestone="M1"), want(3, "1A.1", "child", milestone="M1", parent="1A")
    plan = diff([milestone, task, step, want(4, "2A")], [held(M1, title="Same")], [], POLICY)
    assert [(c.action, c.key) for c in plan.changes] == [
        ("conflict", "M1"),
        ("conflict", "1A"),
        ("conflict", "1A.1"),
        ("create", "2A"),
    ]
    assert "M1, 1A" in plan.changes[2].reason


def test_a_removed_milestone_in_the_way_is_told_instead_of_a_refused_create() -> None:
    gone = link({"state": "not_planned"}, node=9, key="M1", ref=M1, archived=True)
    plan = diff(
        [want(1, "M1", "milestone")], [held(M1, marks=("M1",), state="closed", title="M1 — Title")], [gone], POLICY
    )
    assert [c.action for c in plan.changes] == ["conflict"]


def test_an_unlinked_issue_of_people_is_not_in_the_plan() -> None:
    plan = diff([], [held(title="Theirs"), held(M1, foreign=True)], [], POLICY, adopt=True)
    assert plan == Plan((), 0)


# Missing, and made again


def test_what_people_deleted_is_missing_and_made_again_only_when_asked() -> None:
    linked = [
        link({"title": "M", "state": "open"}, node=1, key="M1", ref=M1),
        link({"milestone": "M1", "title": "1A — Title"}),
    ]
    wants = [want(1, "M1", "milestone", title="M"), want(milestone="M1"), want(5, "1B", milestone="M1")]
    left = [held(milestone=None)]
    plan = diff(wants, left, linked, POLICY)
    assert [(c.action, c.key) for c in plan.changes] == [("missing", "M1"), ("conflict", "1B")]
    assert plan.changes[0].ref == M1
    assert (plan.unchanged, plan.drift) == (1, ())
    plan = diff(wants, left, linked, POLICY, recreate=True)
    assert shown(plan)[0] == ("create", "M1", {"title": (None, "M"), "description": (None, TEXT)})
    assert shown(plan)[1] == ("update", "1A", {"milestone": (None, "M1")})
    assert shown(plan)[2][:2] == ("create", "1B")
    moved = diff(wants, [held(milestone="#7")], linked, POLICY, recreate=True)
    assert ("1A", "milestone") in kept(moved)  # people had moved it away already


def test_a_child_of_a_missing_task_waits() -> None:
    wants = [want(), want(3, "1A.1", "child", parent="1A")]
    plan = diff(wants, [], [link()], POLICY)
    assert [(c.action, c.key) for c in plan.changes] == [("missing", "1A"), ("conflict", "1A.1")]
    plan = diff(wants, [], [link()], POLICY, recreate=True)
    assert [(c.action, c.key) for c in plan.changes] == [("create", "1A"), ("create", "1A.1")]


def test_an_incomplete_read_proves_nothing() -> None:
    wants = [
        want(),  # linked, not seen
        want(4, "1B"),  # new
        want(5, "1C", milestone="1B"),  # waits for it
        want(1, "M1", "milestone", title="M", state="closed"),  # would be closed
        want(6, "1D", title="b"),  # would be updated
    ]
    other = replace(A1, id="16")
    gone = replace(A1, id="17")
    links = [
        link(),
        link({"title": "M", "state": "open"}, node=1, key="M1", ref=M1),
        link({"title": "a"}, node=6, key="1D", ref=other),
        link({}, node=7, key="1E", ref=gone, archived=True),
    ]
    found = [held(M1, title="M"), held(other, title="a"), held(gone)]
    plan = diff(wants, found, links, POLICY, complete=False, recreate=True)
    assert shown(plan) == [("update", "1D", {"title": ("a", "b")})]
    assert not plan.complete
    whole = diff(wants, found, links, POLICY)
    assert [(c.action, c.key) for c in whole.changes] == [
        ("missing", "1A"), ("create", "1B"), ("create", "1C"), ("close", "M1"), ("update", "1D"), ("close", "1E"),
    ]  # fmt: skip


def test_what_an_incomplete_read_held_back_is_done_later() -> None:
    wanted = want(1, "M1", "milestone", title="M", state="closed")
    found = held(M1, marks=("M1",), title="M")
    (adopted,) = diff([wanted], [found], [], Policy({}), complete=False).changes
    assert "state" not in adopted.base


# Removed, and back


@pytest.mark.parametrize(
    ("reason", "removed", "state", "base", "want_changes", "drift"),
    [
        ("closed as not planned", "close", "open", {}, [("close", "1A", {"state": ("open", "not_planned")})], False),
        ("left", "leave", "open", {}, [], True),
        ("closed already", "close", "closed", {}, [], False),
        ("people reopened it", "close", "open", {"state": "not_planned"}, [], True),
    ],
)
def test_a_node_taken_out_of_the_roadmap(
    reason: str, removed: Any, state: str, base: Fields, want_changes: list[Any], drift: bool
) -> None:
    plan = diff([], [held(state=state)], [link(base, archived=True)], Policy(OWNERS, removed))
    assert shown(plan) == want_changes, reason
    assert bool(plan.drift) == drift
    assert plan.unchanged == 0
    if plan.changes:
        assert plan.changes[0].base == {"state": "not_planned"}


def test_a_removed_node_whose_object_is_gone_is_nothing() -> None:
    assert diff([], [], [link({}, archived=True)], POLICY).changes == ()
    assert diff([], [], [link({}, ref=None, archived=True)], POLICY).changes == ()


def test_a_node_that_comes_back_is_opened_again_if_we_closed_it() -> None:
    ours = link({"title": "1A — Title", "state": "not_planned"})
    plan = diff([want()], [held(state="closed")], [ours], POLICY)
    assert shown(plan) == [("reopen", "1A", {"state": ("closed", "open")})]
    assert plan.changes[0].base["state"] == "open"
    theirs = link({"title": "1A — Title"})
    assert diff([want()], [held(state="closed")], [theirs], POLICY).changes == ()


def test_a_node_that_comes_back_reopened_can_be_closed_by_people() -> None:
    base: Fields = {"title": "1A — Title", "state": "not_planned"}
    plan = diff([want()], [held()], [link(base)], POLICY)
    assert shown(plan) == [("adopt", "1A", {})]  # nothing is written: it is only put down that it is open
    after = {**base, **plan.changes[0].base}
    assert after["state"] == "open"
    assert diff([want()], [held(state="closed")], [link(after)], POLICY).changes == ()
    assert diff([want()], [held()], [link(after)], POLICY).changes == ()


def test_a_close_by_people_is_never_put_down_as_ours() -> None:
    done = want(1, "M1", "milestone", title="b", state="closed")
    linked = link({"title": "a", "state": "open"}, node=1, key="M1", ref=M1)
    (change,) = diff([done], [held(M1, title="a", state="closed")], [linked], POLICY).changes
    assert set(change.fields) == {"title"}
    base = {**linked.base, **change.base}
    undone = replace(done, fields={**done.fields, "state": "open"})
    again = diff([undone], [held(M1, title="b", state="closed")], [replace(linked, base=base)], POLICY)
    assert again.changes == ()  # it would have been reopened, against the people who closed it


# Guard, summary, checksum


def updates(count: int, action: str = "update") -> Plan:
    change = Change(action, 1, "1A", "task", "issue", A1, {}, "")  # type: ignore[arg-type]
    return Plan((change,) * count, 0)


@pytest.mark.parametrize(
    ("touched", "managed", "most", "refused"),
    [
        (3, 10, 30.0, False),
        (4, 10, 30.0, True),
        (4, 13, 30.0, True),
        (4, 14, 30.0, False),
        (9, 9, 30.0, False),
        (10, 10, 99.0, True),
        (10, 10, 100.0, False),
        (0, 10, 0.0, False),
        (1, 1000, 0.0, True),
        (301, 1000, 30.0, True),
        (300, 1000, 30.0, False),
    ],
)
def test_the_guard(touched: int, managed: int, most: float, refused: bool) -> None:
    for action in ("update", "close", "reopen"):
        if refused:
            with pytest.raises(ChangeGuard) as error:
                guard(updates(touched, action), managed, most)
            assert f"{touched} of {managed}" in error.value.message
            assert "--max-changes" in error.value.hint
            allowed = float(error.value.hint.rsplit(" ", 1)[1])
            guard(updates(touched, action), managed, allowed)
        else:
            guard(updates(touched, action), managed, most)


@pytest.mark.parametrize("action", ["create", "adopt", "conflict", "missing"])
def test_what_overwrites_nothing_is_not_guarded(action: str) -> None:
    guard(updates(50, action), 10)


def a_plan(found: list[Found], links: list[Link]) -> Plan:
    wants = [want(1, "M1", "milestone", title="M"), *(want(n, f"{n}A", title=f"new {n}") for n in range(2, 9))]
    return diff(wants, found, links, POLICY, degraded=[Degraded("1A", "epic", "issue", "why")])


def test_order_of_what_was_found_does_not_matter() -> None:
    refs = {n: Ref("issue", str(n), n, "", f"http://t/{n}") for n in range(2, 10)}
    links = [link({"title": "old"}, node=n, key=f"{n}A", ref=refs[n], archived=n == 9) for n in (2, 3, 4, 9)]
    found = [held(refs[n], title="old") for n in (2, 3, 9)]
    found += [held(refs[n], marks=(f"{n}A",)) for n in (5, 6)] + [held(refs[8], marks=("6A",)), held(M1, title="M")]
    first = a_plan(found, links)
    assert first.summary() == {
        "create": 2, "update": 2, "close": 1, "reopen": 0, "adopt": 1, "unchanged": 0, "conflict": 2, "missing": 1,
    }  # fmt: skip
    for seed in range(20):
        mix = random.Random(seed)
        again = a_plan(mix.sample(found, len(found)), mix.sample(links, len(links)))
        assert again.summary() == first.summary()
        assert again.checksum() == first.checksum()
        assert {(c.key, c.reason) for c in again.changes} == {(c.key, c.reason) for c in first.changes}


BASE = Change("update", 2, "1A", "task", "issue", A1, {"title": FieldChange("a", "b")}, "why")


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, action="adopt"),
        replace(BASE, node=3),
        replace(BASE, key="1B"),
        replace(BASE, shape="child"),
        replace(BASE, ref=replace(A1, id="11")),
        replace(BASE, ref=replace(A1, shape="milestone")),
        replace(BASE, ref=None),
        replace(BASE, fields={"title": FieldChange("a", "c")}),
        replace(BASE, fields={"title": FieldChange("z", "b")}),
        replace(BASE, fields={"due": FieldChange("a", "b")}),
        replace(BASE, fields={"title": FieldChange("a", ("b",))}),
        replace(BASE, fields={"title": FieldChange(None, "b")}),
        replace(BASE, fields={}),
        replace(BASE, fields={**BASE.fields, "due": FieldChange(None, DAY)}),
    ],
)
def test_any_difference_in_what_is_done_changes_the_checksum(other: Change) -> None:
    assert fingerprint(other) != fingerprint(BASE)
    assert Plan((other,), 0).checksum() != Plan((BASE,), 0).checksum()
    assert Plan((BASE, other), 0).checksum() == Plan((other, BASE), 0).checksum()
    assert Plan((BASE, BASE), 0).checksum() != Plan((BASE,), 0).checksum()


def test_why_and_where_it_is_shown_do_not_change_the_checksum() -> None:
    assert fingerprint(replace(BASE, reason="other", ref=replace(A1, url="u", global_id="g"))) == fingerprint(BASE)
    assert plain(DAY) == "2026-11-02"
    assert plain(("a", "b")) == ["a", "b"]
    assert plain(None) is None
