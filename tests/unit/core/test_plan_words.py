"""What a plan says to whoever reviews it: of each step its object and why, of each drift what was and is, and why."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest

from app.core.diff import diff, same, settled
from app.core.plan import (
    Agreed,
    Change,
    ChangeGuard,
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
    Sent,
    Shape,
    canonical,
    fingerprint,
    guard,
)

DAY = date(2026, 11, 2)
A1, B1, M1 = (
    Ref("issue", "10", 10, "", "u/10"),
    Ref("issue", "11", 11, "", "u/11"),
    Ref("milestone", "1", 1, "", "u/m1"),
)
OWNERS: Any = {"title": "roadmap", "state": "tracker"}
SECTION = Section("why", (Line(3, "1A.1", "Draft"),))


def want(key: str = "1A", node: int = 2, shape: Shape = "issue", **fields: Any) -> Desired:
    return Desired(node, key, "milestone" if shape == "milestone" else "task", shape, {"title": "T", **fields}, SECTION)


def held(ref: Ref = A1, marks: tuple[str, ...] = (), foreign: bool = False, **fields: Any) -> Found:
    return Found(ref, {"title": "T", "description": "", "state": "open", **fields}, marks, foreign)


def link(base: Fields | None = None, ref: Ref | None = A1, **more: Any) -> Link:
    return Link(2, "1A", "task", ref, {"title": "T"} if base is None else base, SECTION, **more)


def said(plan: Plan) -> list[str]:
    """Every step and drift in words; a step's object, fields and base as they are."""
    told = [
        f"{c.action} {c.key} {c.ref.url if c.ref else '-'} "
        f"{{{', '.join(f'{name}: {f.before} > {f.after}' for name, f in c.fields.items())}}}: {c.reason}"
        for c in plan.changes
    ]
    return told + [f"drift {d.key} {d.field} {d.base} > {d.observed}: {d.reason}" for d in plan.drift]


def plan(
    wants: Sequence[Desired], found: Sequence[Found], links: Sequence[Link] = (), owners: Any = None, **how: Any
) -> Plan:
    return diff(wants, found, links, Policy(owners or OWNERS, how.pop("removed", "close")), **how)


TAKEN = (
    "conflict M1 - {}: an unmarked object has this title already, u/m1; titles are unique: plan --adopt takes it over"
)
RENAME = "titles are unique: rename it, or rename all but one"
NOTHING_NEW = "people changed it in the tracker; the roadmap asks for nothing new"
LATER = "the outcome of the last call is known once the tracker can be read whole"
BOTH = "conflict 1A u/10 {title: X > T}: both sides differ: title"
CASES: list[tuple[str, Callable[[], Plan], list[str]]] = [
    ("new", lambda: plan([want()], []), ["create 1A - {title: None > T}: not in the tracker yet"]),
    (
        "deleted",
        lambda: plan([want()], [], [link()]),
        ["missing 1A u/10 {}: deleted in the tracker; apply --recreate makes it again"],
    ),
    (
        "made again",
        lambda: plan([want()], [], [link()], recreate=True),
        ["create 1A - {title: None > T}: deleted in the tracker; made again because asked"],
    ),
    (
        "changed",
        lambda: plan([want(due=DAY)], [held(title="S")], [link({"title": "S"})]),
        [f"update 1A u/10 {{title: S > T, due: None > {DAY}}}: the roadmap asks for another title, due"],
    ),
    (
        "asked",
        lambda: plan([want()], [held(title="X")], [link({"title": "S"})], {"title": "ask"}),
        ["conflict 1A u/10 {title: X > T}: both sides changed: title"],
    ),
    (
        "closed",
        lambda: plan([want(state="closed")], [held()], [link({"title": "T", "state": "open"})]),
        ["close 1A u/10 {state: open > closed}: the roadmap asks for another state"],
    ),
    (
        "back, and open",
        lambda: plan([want()], [held()], [link({"title": "T", "state": "not_planned"})]),
        ["adopt 1A u/10 {}: back in the roadmap, and reopened already"],
    ),
    (
        "back, and closed",
        lambda: plan([want()], [held(state="closed")], [link({"title": "T", "state": "not_planned"})]),
        ["reopen 1A u/10 {state: closed > open}: the roadmap asks for another state"],
    ),
    (
        "marked",
        lambda: plan([want()], [held(marks=("1A",), title="X")]),
        ["adopt 1A u/10 {title: X > T}: its marker was found"],
    ),
    (
        "its answer lost",
        lambda: plan([want()], [held(marks=("1A",))], [link({}, ref=None)]),
        ["adopt 1A u/10 {}: a create whose answer was lost"],
    ),
    (
        "marked, asked",
        lambda: plan([want()], [held(marks=("1A",), title="X")], owners={"title": "ask"}),
        [BOTH, "adopt 1A u/10 {}: its marker was found"],
    ),
    (
        "marked twice",
        lambda: plan([want()], [held(marks=("1A",)), held(B1, marks=("1A",))]),
        ["conflict 1A - {}: two objects carry its marker: u/10 and u/11; remove it from the copy"],
    ),
    (
        "of its title",
        lambda: plan([want(due=DAY)], [held(due="X", labels=("b",))], adopt=True),
        [
            "adopt 1A u/10 {}: an unmarked object of the same title",
            "drift 1A due None > X: adopted: the tracker's value stands",
        ],
    ),
    (
        "of its title, asked",
        lambda: plan([want(due="T")], [held(due="X")], owners={"due": "ask"}, adopt=True),
        [
            "conflict 1A u/10 {due: X > T}: both sides differ: due",
            "adopt 1A u/10 {}: an unmarked object of the same title",
        ],
    ),
    (
        "two of its title",
        lambda: plan([want()], [held(), held(B1)], adopt=True),
        ["conflict 1A - {}: an unmarked object has this title already, u/10 and u/11; " + RENAME],
    ),
    ("a milestone's title is taken", lambda: plan([want("M1", 1, "milestone")], [held(M1)]), [TAKEN]),
    (
        "by another programme",
        lambda: plan([want("M1", 1, "milestone")], [held(M1, foreign=True)]),
        ["conflict M1 - {}: another object has this title already, u/m1; " + RENAME],
    ),
    (
        "waiting",
        lambda: plan([want("M1", 1, "milestone"), want("1B", 4, milestone="M1", parent="M1")], [held(M1)]),
        [TAKEN, "conflict 1B - {}: waits for M1, M1, which can't be made"],
    ),
    (
        "removed",
        lambda: plan([], [held()], [link(archived=True)]),
        ["close 1A u/10 {state: open > not_planned}: removed from the roadmap"],
    ),
    (
        "removed, and left",
        lambda: plan([], [held()], [link(archived=True)], removed="leave"),
        ["drift 1A state None > open: removed from the roadmap; left as the profile asks"],
    ),
    (
        "removed, and reopened",
        lambda: plan([], [held()], [link({"state": "not_planned"}, archived=True)]),
        ["drift 1A state not_planned > open: people reopened it after its removal"],
    ),
    (
        "kept by people",
        lambda: plan([want(milestone="M1")], [held(milestone="#7")], [link({"title": "T", "milestone": "M1"})]),
        ["drift 1A milestone M1 > #7: " + NOTHING_NEW],
    ),
    (
        "both",
        lambda: plan([want(milestone="M2")], [held(milestone="#7")], [link({"title": "T", "milestone": "M1"})]),
        ["drift 1A milestone M1 > #7: both sides changed it; the profile leaves it to the tracker"],
    ),
    (
        "half a read closes nothing",
        lambda: plan([want(state="closed")], [held()], [link({"title": "T", "state": "open"})], complete=False),
        ["drift 1A state open > open: the tracker could not be read whole: nothing is closed"],
    ),
    (
        "an answer not known",
        lambda: plan(
            [want(due=DAY)], [held(title="X")], [link({"title": "T"}, sent=Sent("1A", {"title": "Y", "due": DAY}))]
        ),
        [f"drift 1A {name}: {LATER}" for name in ("title T > X", "due None > None")],
    ),
]


@pytest.mark.parametrize(("planned", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_plan_says_what_it_does_and_why(planned: Callable[[], Plan], words: list[str]) -> None:
    assert said(planned()) == words


def test_a_conflict_shows_the_object_that_it_is_about() -> None:
    (asked, adopted) = plan([want()], [held(marks=("1A",), title="X")], owners={"title": "ask"}).changes
    assert (asked.ref, asked.base, adopted.ref, adopted.base) == (A1, {"title": "T"}, A1, {})
    (asked, adopted) = plan([want(due=DAY)], [held(due="X")], owners={"due": "ask"}, adopt=True).changes
    assert (asked.ref, asked.fields, adopted.base) == (A1, {"due": FieldChange("X", DAY)}, {"title": "T"})


def test_nothing_is_told_of_what_nobody_can_see() -> None:
    assert plan([want(), want("1B", 4)], [], [link(), Link(4, "1B", "task", B1)], complete=False).unchanged == 2
    assert plan([want(title="")], []).changes[0].fields == {}


def test_a_child_of_what_is_missing_waits_for_it() -> None:
    planned = plan([want(), want("1A.1", 3, "child", parent="1A")], [], [link()])
    assert said(planned)[1] == "conflict 1A.1 - {}: waits for 1A, which can't be made"


def test_a_come_back_node_keeps_its_base_but_for_what_people_hold() -> None:
    base: Fields = {"title": "T", "state": "not_planned", "milestone": "M1", "due": DAY}
    planned = plan([want(milestone="M1", due=DAY)], [held(milestone="#7", due=DAY)], [link(base)])
    (change,) = planned.changes
    assert (change.ref, change.fields, change.base) == (A1, {}, {"title": "T", "due": DAY, "state": "open"})
    assert said(planned)[1] == f"drift 1A milestone M1 > #7: {NOTHING_NEW}"


# Dependencies: each a step of its own


ADDED = "('1B',) > ('1B', '1C')}: waits for 1C"
TAKEN_OFF = "('1B', '1C') > ('1C',)}: no longer waits for 1B"


def waits(asked: tuple[str, ...], put: tuple[str, ...] | None, have: tuple[str, ...]) -> Plan:
    base: Fields = {"title": "T"} if put is None else {"title": "T", "blocked_by": put}
    return plan([want(blocked_by=asked)], [held(blocked_by=have)], [link(base)])


@pytest.mark.parametrize(
    ("reason", "asked", "put", "have", "words", "bases"),
    [
        ("as it is", ("1B",), ("1B",), ("1B",), [], []),
        ("one more", ("1B", "1C"), ("1B",), ("1B",), [ADDED], [("1B", "1C")]),
        ("two", ("1B", "1C"), None, (), ["() > ('1B',)}: waits for 1B", ADDED], [("1B",), ("1B", "1C")]),
        ("one less", (), ("1B",), ("1B", "#9"), ["('1B', '#9') > ('#9',)}: no longer waits for 1B"], [()]),
        ("one less that people put", (), (), ("1B",), [], []),
        ("one less that is off already", (), ("1B",), (), [], []),
        ("another", ("1C",), ("1B",), ("1B",), [ADDED, TAKEN_OFF], [("1B", "1C"), ("1C",)]),
        ("people had it already", ("1B",), None, ("1B",), [], []),
    ],
)  # fmt: skip
def test_each_dependency_is_a_step(
    reason: str, asked: Any, put: Any, have: Any, words: list[str], bases: list[tuple[str, ...]]
) -> None:
    planned = waits(asked, put, have)
    assert said(planned) == [f"update 1A u/10 {{blocked_by: {each}" for each in words], reason
    assert [change.base for change in planned.changes] == [{"blocked_by": base} for base in bases]
    assert [(change.shape, change.ref) for change in planned.changes] == [("issue", A1)] * len(words)
    assert [change.dependency()[1] for change in planned.changes] == ["no longer" not in each for each in words]


def test_a_dependency_that_people_took_off_stays_off() -> None:
    assert said(waits(("1B", "1C"), ("1B", "1C"), ("1C",))) == [
        "drift 1A blocked_by ('1B',) > ('1C',): people took it off in the tracker"
    ]


def test_the_dependencies_of_what_is_new_follow_its_making() -> None:
    planned = plan([want(blocked_by=("1B",)), want("1B", 4)], [])
    assert said(planned) == [
        "create 1A - {title: None > T}: not in the tracker yet",
        "create 1B - {title: None > T}: not in the tracker yet",
        "update 1A - {blocked_by: () > ('1B',)}: waits for 1B",
    ]
    assert fingerprint(planned.changes[2]) == fingerprint(
        Change("update", 2, "1A", "task", "issue", A1, {"blocked_by": FieldChange((), ("1B",))}, "")
    )
    stuck = plan([want("M1", 1, "milestone"), want(blocked_by=("1B",)), want("1B", 4, milestone="M1")], [held(M1)])
    assert [line.split(":")[0] for line in said(stuck)] == [
        "conflict M1 - {}",
        "create 1A - {title",
        "conflict 1B - {}",
    ]


def test_half_a_read_concludes_nothing_about_dependencies() -> None:
    planned = plan(
        [want(blocked_by=("1C",))], [held(blocked_by=())], [link({"title": "T", "blocked_by": ("1B",)})], complete=False
    )
    assert (said(planned), planned.unchanged) == ([], 1)


# A circle of parents is what no tracker takes


@pytest.mark.parametrize(
    ("reason", "above", "circle"),
    [
        ("under it", {"1B": "1A"}, True),
        ("deep under it", {"1B": "#12", "#12": "1A"}, True),
        ("under something else", {"1B": "#12", "#12": "1C"}, False),
        ("in a circle of their own", {"1B": "#12", "#12": "1B"}, False),
        ("at the top", {}, False),
    ],
)
def test_nothing_is_put_under_what_people_put_under_it(reason: str, above: dict[str, str], circle: bool) -> None:
    other = Ref("issue", "12", 12, "", "u/12")
    found = [held(), held(B1, parent=above.get("1B")), held(other, parent=above.get("#12"))]
    found.append(held(Ref("milestone", "11", 11), title="M", parent="1A"))  # an id of another family
    planned = plan([want(parent="1B")], found, [link(), Link(4, "1B", "task", B1)])
    if circle:
        assert said(planned) == ["drift 1A parent None > None: people put 1B under it"], reason
        again = plan([want(title="S", parent="1B")], found, [link(), Link(4, "1B", "task", B1)])
        assert again.changes[0].base == {"title": "S"}
    else:
        assert said(planned) == ["update 1A u/10 {parent: None > 1B}: the roadmap asks for another parent"], reason


# What both sides have come to say alike


def test_what_both_sides_say_alike_is_put_down_without_a_call() -> None:
    planned = plan([want(due=DAY, state="open")], [held(due=DAY)], [link({"title": "T", "due": None, "state": "open"})])
    assert (planned.changes, planned.unchanged) == ((), 1)
    assert planned.agreed == (Agreed(2, {"due": DAY}, None),)
    other = Section("else", SECTION.lines)
    behind = Link(2, "1A", "task", A1, {"title": "T"}, other)
    assert plan([want()], [held()], [behind]).agreed == (Agreed(2, {}, SECTION),)
    assert plan([want()], [held()], [behind], complete=False).agreed == ()
    assert plan([want(description="x")], [held(description="y")], [behind]).agreed == ()
    assert plan([want()], [held()], [link()]).agreed == ()
    text = plan([want(description="x\n")], [held(description="x \r\n")], [behind])
    assert (text.agreed, text.unchanged) == ((Agreed(2, {}, SECTION),), 1)
    assert plan([want(description="x")], [held(description="")], [behind]).agreed == ()


def test_nothing_is_agreed_of_a_text_or_a_state_but_by_their_own_rules() -> None:
    base: Fields = {"title": "T", "description": "old", "state": "closed"}
    planned = plan([want(description="x", state="open")], [held(description="x ")], [link(base)])
    assert (planned.changes, planned.agreed) == ((), ())


def test_every_call_that_is_not_known_yet_is_told() -> None:
    other = Link(4, "1B", "task", B1, {"title": "T"}, sent=Sent("1B", {"title": "Y"}))
    planned = plan([want(), want("1B", 4)], [held(), held(B1)], [link(sent=Sent("1A", {"title": "Y"})), other])
    assert [line.split(":")[0] for line in said(planned)] == ["drift 1A title T > T", "drift 1B title T > T"]
    assert planned.unchanged == 2


@pytest.mark.parametrize(("action", "found"), [("adopt", held(marks=("1A",))), ("close", held())])
def test_a_step_says_what_kind_of_node_it_is_of(action: str, found: Found) -> None:
    links = [link(archived=True)] if action == "close" else []
    (change,) = plan([] if links else [want()], [found], links).changes
    assert (change.action, change.node, change.kind, change.shape, change.section) == (
        action,
        2,
        "task",
        "issue",
        SECTION,
    )


HAD: Fields = {"blocked_by": ("1B",)}
BOTH_PUT: Fields = {"blocked_by": ("1B", "1C")}


@pytest.mark.parametrize(
    ("base", "sent", "now", "after"),
    [
        ({"title": "a"}, Sent("1A", {"title": "b"}, {"title": "a"}), {"title": "a"}, {"title": "a"}),
        ({"title": "a"}, Sent("1A", {"title": "b"}, {"title": "a"}), {"title": "b"}, {"title": "b"}),
        ({"title": "a"}, Sent("1A", {"title": "b"}, {"title": "a"}), {"title": "x"}, {"title": "b"}),
        ({"title": "a"}, Sent("1A", {"due": DAY}, {}), {"title": "a"}, {"title": "a"}),
        ({"title": "a"}, Sent("1A", {"due": DAY}, {}), {"title": "a", "due": DAY}, {"title": "a", "due": DAY}),
        (HAD, Sent("1A", waits=("1C", True)), BOTH_PUT, BOTH_PUT),
        (HAD, Sent("1A", waits=("1C", True)), {"blocked_by": ("1B",)}, {"blocked_by": ("1B",)}),
        (HAD, Sent("1A", waits=("1B", False)), {"blocked_by": ()}, {"blocked_by": ()}),
        (HAD, Sent("1A", waits=("1B", False)), {"blocked_by": ("1B",)}, {"blocked_by": ("1B",)}),
        ({}, Sent("1A", waits=("1C", True)), {"blocked_by": ("1C", "#9")}, {"blocked_by": ("1C",)}),
        (BOTH_PUT, Sent("1A", waits=("1B", True)), BOTH_PUT, {"blocked_by": ("1C", "1B")}),
    ],
)  # fmt: skip
def test_what_a_lost_call_did_is_told_by_what_the_object_is(
    base: Fields, sent: Sent, now: Fields, after: Fields
) -> None:
    assert settled(base, sent, now) == after


@pytest.mark.parametrize(
    ("closed", "ours", "action"),
    [("t1", "t1", "reopen"), ("t2", "t1", None), ("t1", "", None), ("t1", None, "reopen")],
)
def test_only_a_close_of_ours_is_undone(closed: str, ours: str | None, action: str | None) -> None:
    base: Fields = {"title": "T", "state": "closed"} | ({} if ours is None else {"closed_at": ours})
    planned = plan([want(state="open")], [held(state="closed", closed_at=closed)], [link(base)])
    assert [change.action for change in planned.changes] == ([action] if action else [])
    removed = {**base, "state": "not_planned"}
    planned = plan([want()], [held(state="closed", closed_at=closed)], [link(removed)])
    assert [change.action for change in planned.changes] == ([action] if action else [])


def test_a_removed_node_whose_create_was_lost_is_closed_by_its_marker() -> None:
    lost = link({}, ref=None, archived=True)
    assert lost.name == "#2"
    assert link({}).name == "1A"
    assert [change.ref for change in plan([], [held(marks=("#2",)), held(B1, marks=("1A",))], [lost]).changes] == [A1]
    assert plan([], [held(marks=("#2",)), held(B1, marks=("#2",))], [lost]).changes == ()
    assert plan([], [held(M1, marks=("#2",))], [lost]).changes == ()


# Sameness, the guard, the checksum


@pytest.mark.parametrize(
    ("name", "one", "other", "alike"),
    [
        ("description", None, "", True),
        ("description", "", None, True),
        ("description", "a \r\n", "a", True),
        ("description", None, "XXXX", False),
        ("state", "open", "open", True),
        ("state", "closed", "not_planned", True),
        ("state", "closed", "open", False),
        ("due", None, "", True),
        ("due", "", (), True),
        ("due", None, "XXXX", False),
        ("due", "XXXX", (), False),
        ("due", DAY, DAY, True),
    ],
)
def test_sameness(name: str, one: Any, other: Any, alike: bool) -> None:
    assert same(name, one, other) == alike


def test_only_line_ends_are_taken_off_a_text() -> None:
    assert canonical("X\na\nX\n") == "X\na\nX"


@pytest.mark.parametrize(
    ("touched", "managed", "most", "message", "hint"),
    [
        (4, 10, 30.0, "this plan changes 4 of 10 managed objects (40 %), more than 30 %", 41),
        (1, 30, 2.5, "this plan changes 1 of 30 managed objects (3 %), more than 2.5 %", 4),
        (10, 10, 99.0, "this plan changes 10 of 10 managed objects (100 %), more than 99 %", 100),
    ],
)
def test_the_guard_says_how_much_and_what_allows_it(
    touched: int, managed: int, most: float, message: str, hint: int
) -> None:
    change = Change("update", 1, "1A", "task", "issue", A1, {}, "")
    with pytest.raises(ChangeGuard) as error:
        guard(Plan((change,) * touched, 0), managed, most)
    assert error.value.message == message
    assert error.value.hint == f"look at it with `milepost plan`; if it is meant, apply with --max-changes {hint}"
    guard(Plan((change,) * 3, 0), 10)
    with pytest.raises(ChangeGuard):
        guard(Plan((change,) * 4, 0), 10)


def test_a_step_s_fingerprint_is_canonical_json() -> None:
    change = Change(
        "update",
        2,
        "1A",
        "task",
        "issue",
        A1,
        {"title": FieldChange("ä", DAY), "due": FieldChange(None, ("b",))},
        "why",
    )
    assert fingerprint(change) == (
        '["update", 2, "1A", "issue", ["item", "10"], {"due": [null, ["b"]], "title": ["ä", "2026-11-02"]}]'
    )
    assert json.loads(fingerprint(change))[4] == ["item", "10"]
    two = Plan((change, Change("close", 3, "1B", "task", "issue", None, {}, "")), 0)
    # plans are stored with it: another way to count would make every stored plan stale
    assert two.checksum() == "343a93ca58bf55665ed594628c727a8484043faa0430519766445e60d20a9ab9"


def test_a_summary_names_every_action() -> None:
    change = Change("update", 1, "1A", "task", "issue", A1, {}, "")
    assert Plan((change, change), 3).summary() == {
        "create": 0, "update": 2, "close": 0, "reopen": 0, "adopt": 0, "unchanged": 3, "conflict": 0, "missing": 0,
    }  # fmt: skip
