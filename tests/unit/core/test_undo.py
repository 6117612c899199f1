"""Taking a run back: what it made is closed and let go, what it changed is put back, what people touched stays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.core.plan import Change, Drift, FieldChange, Fields, Found, Line, Link, Plan, Ref, Section, Value
from app.core.tree import Kind
from app.core.undo import TOUCHED, Written, reverse

A1, B1, M1 = Ref("issue", "10", 10), Ref("child", "11", 11), Ref("milestone", "1", 1)
SECTION = Section("why", (Line(3, "1A.1", "Draft"),))
MARK = "<!-- p -->"


def unmarked(text: str) -> str:
    return text.replace(MARK, "")


def held(ref: Ref = A1, **fields: Value) -> Found:
    return Found(ref, {"title": "1A", "description": "words", "state": "open", **fields})


def link(node: int = 2, key: str = "1A", ref: Ref | None = A1, kind: Kind = "task", base: Fields | None = None) -> Link:
    return Link(node, key, kind, ref, base or {}, SECTION)


def step(action: Any, node: int = 2, **fields: tuple[Value, Value]) -> Written:
    return Written(node, action, {name: FieldChange(*both) for name, both in fields.items()})


def undone(*written: Written, found: Found | None = None, by: Link | None = None) -> Plan:
    return reverse(written, [found or held()], [by or link()], unmarked)


def told(plan: Plan) -> list[tuple[str, Mapping[str, tuple[Value, Value]], str, Fields, bool]]:
    return [
        (c.action, {name: (f.before, f.after) for name, f in c.fields.items()}, c.reason, c.base, c.forget)
        for c in plan.changes
    ]


MADE = "made by the run that is taken back"
TAKEN = "taken over by the run that is taken back"
BACK = "put back as it was before the run"


def test_what_the_run_made_is_closed_as_not_planned_loses_its_marker_and_is_let_go() -> None:
    made = step("create", title=(None, "1A"), state=(None, "open"))
    fields = {"state": FieldChange("open", "not_planned"), "description": FieldChange(f"why{MARK}", "why")}
    assert undone(made, found=held(description=f"why{MARK}")) == Plan(
        (Change("close", 2, "1A", "task", "issue", A1, fields, MADE, SECTION, {"state": "not_planned"}, True),), 0, ()
    )


@pytest.mark.parametrize("state", ["closed", "completed", "not_planned"])
def test_what_people_closed_already_is_only_let_go(state: str) -> None:
    assert told(undone(step("create"), found=held(state=state))) == [("update", {}, MADE, {}, True)]
    marked = held(state=state, description=MARK)
    assert told(undone(step("create"), found=marked)) == [("update", {"description": (MARK, "")}, MADE, {}, True)]


CHANGED = [
    # what the run did, what stands now, what taking it back does
    ("update", {"title": ("a", "b")}, {"title": "b"}, ("update", {"title": ("b", "a")})),
    ("close", {"state": ("open", "closed")}, {"state": "closed"}, ("reopen", {"state": ("closed", "open")})),
    ("reopen", {"state": ("closed", "open")}, {"state": "open"}, ("close", {"state": ("open", "closed")})),
    (
        "update",
        {"title": ("a", "b"), "state": ("closed", "open")},
        {"title": "b", "state": "open"},
        ("update", {"title": ("b", "a"), "state": ("open", "closed")}),
    ),
    ("update", {"milestone": ("M1", "M2")}, {"milestone": "M2"}, ("update", {"milestone": ("M2", "M1")})),
    ("update", {"milestone": (None, "M2")}, {"milestone": "M2"}, ("update", {"milestone": ("M2", None)})),
    ("update", {"title": ("#7 first", "b")}, {"title": "b"}, ("update", {"title": ("b", "#7 first")})),
    ("update", {"labels": ((), ("x",))}, {"labels": ("x",)}, ("update", {"labels": (("x",), ())})),
]


@pytest.mark.parametrize(("action", "did", "now", "want"), CHANGED)
def test_what_the_run_changed_is_put_back(action: str, did: Any, now: Any, want: tuple[str, Any]) -> None:
    plan = undone(step(action, **did), found=held(**now))
    base = {name: after for name, (_, after) in want[1].items()}
    assert told(plan) == [(*want, BACK, base, False)]
    assert plan.drift == ()


def test_a_text_is_put_back_without_becoming_a_base() -> None:
    plan = undone(step("update", description=("old", "words")))
    assert told(plan) == [("update", {"description": ("words", "old")}, BACK, {}, False)]


def test_what_somebody_changed_since_is_told_and_left() -> None:
    plan = undone(step("update", title=("a", "b"), due=(None, "d")), found=held(title="theirs", due="d"))
    assert told(plan) == [("update", {"due": ("d", None)}, BACK, {"due": None}, False)]
    assert plan.drift == (Drift("1A", "title", "b", "theirs", TOUCHED),)
    assert TOUCHED == "somebody has changed it since; it is left as it is"
    plan = undone(step("update", title=("a", "b")), found=held(title="theirs"))
    assert plan == Plan((), 0, (Drift("1A", "title", "b", "theirs", TOUCHED),))


@pytest.mark.parametrize("name", ["milestone", "parent"])
def test_no_place_outside_the_programme_is_gone_back_to(name: str) -> None:
    plan = undone(step("update", **{name: ("#7", "M2")}), found=held(**{name: "M2"}))
    why = "it was in #7, which this programme doesn't manage"
    assert plan == Plan((), 0, (Drift("1A", name, "M2", "M2", why),))


def test_what_stands_as_before_the_run_already_is_no_change() -> None:
    assert undone(step("update", title=("1A", "1A"))) == Plan((), 0)


def test_what_was_taken_over_gets_its_own_text_back_and_is_let_go() -> None:
    plan = undone(step("adopt", description=("theirs", "words")))
    assert told(plan) == [("update", {"description": ("words", "theirs")}, TAKEN, {}, True)]
    plan = undone(step("adopt"), found=held(description=f"theirs{MARK}"))
    assert told(plan) == [("update", {"description": (f"theirs{MARK}", "theirs")}, TAKEN, {}, True)]
    assert told(undone(step("adopt"))) == [("update", {}, TAKEN, {}, True)]
    marked_before = step("adopt", description=(f"before{MARK}", "words"))
    assert told(undone(marked_before)) == [("update", {"description": ("words", "before")}, TAKEN, {}, True)]
    reopened = step("adopt", state=("closed", "open"))
    assert told(undone(reopened)) == [("close", {"state": ("open", "closed")}, TAKEN, {"state": "closed"}, True)]


def test_the_last_step_is_taken_back_first_and_what_was_made_is_taken_back_once() -> None:
    others = [link(), link(3, "1A.1", B1, "step")]
    written = [step("create"), step("update", 3, title=("a", "b")), step("update", 2, title=("x", "1A"))]
    plan = reverse(written, [held(), held(B1, title="b")], others, unmarked)
    assert [(c.action, c.key, c.kind, c.shape, c.ref) for c in plan.changes] == [
        ("update", "1A.1", "step", "child", B1),
        ("close", "1A", "task", "issue", A1),
    ]


def test_what_is_gone_or_no_longer_the_nodes_is_left_out_and_the_rest_taken_back() -> None:
    written = [step("create"), *(step("create", node) for node in (3, 4, 5))]
    links = [link(), link(3, "1B", Ref("issue", "12", 12)), link(4, "1C", None)]
    assert [c.key for c in reverse(written, [held()], links, unmarked).changes] == ["1A"]


def test_dependencies_are_put_back_and_only_ours_stay_ours() -> None:
    did = step("update", blocked_by=(("1B", "#9"), ("1B", "#9", "1C")))
    by = link(base={"blocked_by": ("1B", "1C", "1D")})
    plan = undone(did, found=held(blocked_by=("1B", "#9", "1C")), by=by)
    changed = {"blocked_by": (("1B", "#9", "1C"), ("1B", "#9"))}
    assert told(plan) == [("update", changed, BACK, {"blocked_by": ("1B",)}, False)]
    plan = undone(did, found=held(blocked_by=("1B", "#9", "1C")))
    assert told(plan) == [("update", changed, BACK, {"blocked_by": ()}, False)]
