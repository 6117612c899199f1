"""What waits for what: the steps that `blocked_by` takes in a plan."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.diff import diff
from app.core.plan import Change, Desired, FieldChange, Found, Link, Plan, Policy, Ref, fingerprint

POLICY = Policy({})
REFS = {key: Ref("issue", str(n), n, "", f"http://t/{n}") for n, key in enumerate(("1A", "1B", "2A"), start=10)}
NODES = {"1A": 1, "1B": 2, "2A": 3}


def want(key: str, *blockers: str, **more: Any) -> Desired:
    return Desired(NODES[key], key, "task", "issue", {"title": key, "blocked_by": blockers, **more})


def held(key: str, *blockers: str) -> Found:
    return Found(REFS[key], {"title": key, "blocked_by": blockers, "milestone": None, "state": "open"})


def link(key: str, *blockers: str) -> Link:
    return Link(NODES[key], key, "task", REFS[key], {"title": key, "blocked_by": blockers})


def steps(plan: Plan) -> list[tuple[str, str, Any, Any]]:
    return [
        (change.action, change.key, *((f.before, f.after) for f in change.fields.values())) for change in plan.changes
    ]


@pytest.mark.parametrize(
    ("reason", "wanted", "put", "seen", "after", "base", "drift"),
    [
        ("nothing is asked for", (), (), (), [], None, 0),
        ("one more is", ("1A",), (), (), [("1A",)], ("1A",), 0),
        ("two more, one step each", ("1A", "1B"), (), (), [("1A",), ("1A", "1B")], ("1A", "1B"), 0),
        ("people's own stays first", ("1A",), (), ("#9",), [("#9", "1A")], ("1A",), 0),
        ("people said so already: it is theirs", ("1A",), (), ("1A",), [], None, 0),
        ("people took ours off: it stays off", ("1A",), ("1A",), (), [], None, 1),
        ("the roadmap dropped ours", (), ("1A",), ("1A", "#9"), [("#9",)], (), 0),
        ("the roadmap dropped what is people's", (), (), ("1A",), [], None, 0),
        ("one for another", ("1B",), ("1A",), ("1A",), [("1A", "1B"), ("1B",)], ("1B",), 0),
        ("the node was removed", (), ("#7",), ("#7",), [()], (), 0),
    ],
)
def test_each_dependency_is_a_step(
    reason: str, wanted: Any, put: Any, seen: Any, after: list[Any], base: Any, drift: int
) -> None:
    found = [held("1A"), held("1B"), held("2A", *seen)]
    plan = diff(
        [want("1A"), want("1B"), want("2A", *wanted)], found, [link("1A"), link("1B"), link("2A", *put)], POLICY
    )
    assert [change.fields["blocked_by"].after for change in plan.changes] == after, reason
    assert {change.action for change in plan.changes} <= {"update"}
    assert len(plan.drift) == drift
    if after:
        assert plan.changes[-1].base == {"blocked_by": base}


def test_what_is_made_is_made_before_what_is_between() -> None:
    plan = diff([want("2A", "1A"), want("1A")], [], [], POLICY)
    assert steps(plan) == [
        ("create", "2A", (None, "2A")),
        ("create", "1A", (None, "1A")),
        ("update", "2A", ((), ("1A",))),
    ]
    assert all("blocked_by" not in change.base for change in plan.changes[:2])
    assert plan.changes[2].ref is None


def test_a_dependency_is_the_same_step_before_and_after_its_object_is_made() -> None:
    (early,) = diff([want("2A", "1A"), want("1A")], [], [], POLICY).changes[2:]
    found, links = [held("1A"), held("2A")], [link("1A"), link("2A")]
    (late,) = diff([want("2A", "1A"), want("1A")], found, links, POLICY).changes
    assert fingerprint(early) == fingerprint(late)
    other = Change("update", 3, "2A", "task", "issue", REFS["2A"], {"title": FieldChange("a", "b")}, "")
    assert "10" not in fingerprint(early)
    assert str(REFS["2A"].id) in fingerprint(other)


def test_nothing_is_concluded_from_half_a_read() -> None:
    plan = diff([want("2A", "1A")], [held("2A")], [link("2A")], POLICY, complete=False)
    assert plan.changes == ()


def test_what_has_no_object_blocks_nobody() -> None:
    gone = [link("1A"), link("2A")]
    plan = diff([want("1A"), want("2A", "1A")], [held("2A")], gone, POLICY)
    assert [change.action for change in plan.changes] == ["missing"]


def test_an_object_found_by_its_marker_keeps_what_people_said() -> None:
    item = Found(REFS["2A"], {"title": "2A", "blocked_by": ("#9",), "milestone": None, "state": "open"}, ("2A",))
    plan = diff([want("1A"), want("2A", "1A")], [held("1A"), item], [link("1A")], POLICY)
    assert [(c.action, c.fields.get("blocked_by")) for c in plan.changes] == [
        ("adopt", None),
        ("update", FieldChange(("#9",), ("#9", "1A"))),
    ]
