"""Which node of a new version is which: identity is neither key nor title nor place."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from app.core.tree import Milestone, Programme, Step, Task
from app.core.versions import Changes, Known, compare, flatten, match


def task(key: str, title: str, *steps: str) -> Task:
    return Task(key, title, tuple(Step(f"{key}.{i}", words) for i, words in enumerate(steps, start=1)))


def programme(*milestones: Milestone) -> Programme:
    return Programme("p", date(2026, 1, 1), milestones)


A = task("1A", "Mobilise the crew", "Draft a charter", "Sign the mooring permits", "Open an account")
B = task("1B", "Choose the hardware", "Compare sensors in salt", "Order forty sets")
C = task("2A", "Bring readings ashore", "Raise the mast", "Write the gateway")
OLD = programme(Milestone("M1", "Ground", (A, B)), Milestone("M2", "Readings", (C,)))


def stored(tree: Programme) -> tuple[list[Known], dict[str, int]]:
    """The tree as if it had been saved: ids from 1 in document order."""
    rows = flatten(tree)
    ids = {row.key: number for number, row in enumerate(rows, start=1)}
    known = [
        Known(ids[r.key], r.kind, r.key, r.title, ids[r.parent] if r.parent else None, r.position, r.text) for r in rows
    ]
    return known, ids


def change(new: Programme, old: Programme = OLD) -> tuple[dict[str, str], Changes]:
    """(new key -> old key, what changed)."""
    known, ids = stored(old)
    back = {number: key for key, number in ids.items()}
    fresh = flatten(new)
    found = match(known, fresh)
    assert len(set(found.values())) == len(found), "a stored node was taken twice"
    return {key: back[number] for key, number in found.items()}, compare(known, fresh, found)


def m(*tasks: Task) -> Programme:
    return programme(Milestone("M1", "Ground", tasks), Milestone("M2", "Readings", (C,)))


def test_the_same_tree_changes_nothing() -> None:
    found, changes = change(OLD)
    assert all(new == old for new, old in found.items())
    assert len(found) == 12
    assert not changes


reworded = task("1A", A.title, "Draft the charter", "Sign the mooring permits", "Open an account")
on_top = task("1A", A.title, "Find a boat", "Draft a charter", "Sign the mooring permits", "Open an account")
reordered = task("1A", A.title, "Open an account", "Draft a charter", "Sign the mooring permits")
EDITS = [
    ("a step reworded", m(reworded, B), {"1A.1": "1A.1"}, Changes(reworded=("1A.1",))),
    ("a step on top", m(on_top, B), {"1A.2": "1A.1", "1A.4": "1A.3"}, Changes(added=("1A.1",))),
    ("steps reordered", m(reordered, B), {"1A.1": "1A.3", "1A.2": "1A.1"}, Changes(moved=("1A.1",))),
    ("a task renamed", m(replace(A, title="Gather the crew"), B), {"1A": "1A"}, Changes(renamed=("1A",))),
    ("a task wholly renamed", m(replace(A, title="Xyz"), B), {"1A": "1A", "1A.2": "1A.2"}, Changes(renamed=("1A",))),
    ("described", m(replace(A, description="Why"), B), {"1A": "1A"}, Changes(reworded=("1A",))),
    (
        "renumbered",
        m(task("1B", A.title, *[s.title for s in A.steps]), task("1C", B.title, *[s.title for s in B.steps])),
        {"1B": "1A", "1C": "1B", "1B.3": "1A.3", "1C.1": "1B.1"},
        Changes(renamed=("1B", "1C")),
    ),
    (
        "keys swapped",
        m(task("1A", B.title, *[s.title for s in B.steps]), task("1B", A.title, *[s.title for s in A.steps])),
        {"1A": "1B", "1B": "1A", "1A.1": "1B.1", "1B.1": "1A.1"},
        Changes(renamed=("1A", "1B"), moved=("1A",)),
    ),
    (
        "only titles swapped: the work stays where it is",
        m(replace(A, title=B.title), replace(B, title=A.title)),
        {"1A": "1A", "1B": "1B", "1A.1": "1A.1"},
        Changes(renamed=("1A", "1B")),
    ),
    (
        "a task moved",
        programme(Milestone("M1", "Ground", (A,)), Milestone("M2", "Readings", (C, B))),
        {"1B": "1B", "1B.2": "1B.2"},
        Changes(moved=("1B",)),
    ),
    (
        "a step moved to another task",
        m(
            task("1A", A.title, *[s.title for s in A.steps[1:]]),
            task("1B", B.title, "Draft a charter", *[s.title for s in B.steps]),
        ),
        {"1B.1": "1A.1", "1A.1": "1A.2"},
        Changes(moved=("1B.1",)),
    ),
    ("a task removed", m(A), {"1A": "1A"}, Changes(removed=("1B", "1B.1", "1B.2"))),
    (
        "a milestone renumbered",
        programme(Milestone("M7", "Ground", (A, B)), Milestone("M8", "Readings", (C,))),
        {"M7": "M1", "M8": "M2"},
        Changes(renamed=("M7", "M8")),
    ),
]


@pytest.mark.parametrize(("reason", "new", "identity", "want"), EDITS, ids=[edit[0] for edit in EDITS])
def test_an_edit_keeps_identity_and_is_told(
    reason: str, new: Programme, identity: dict[str, str], want: Changes
) -> None:
    found, changes = change(new)
    assert {key: found.get(key) for key in identity} == identity
    assert changes == want


def test_a_removed_node_that_comes_back_is_the_same() -> None:
    known, ids = stored(OLD)
    gone = {ids[key] for key in ("1B", "1B.1", "1B.2")}
    known = [replace(node, archived=node.node in gone) for node in known]
    fresh = flatten(OLD)
    found = match(known, fresh)
    assert {key: found[key] for key in ids} == ids
    assert compare(known, fresh, found).added == ("1B", "1B.1", "1B.2")


def test_a_large_tree_with_one_line_inserted() -> None:
    tasks = [task(f"{n}A", f"Task number {n}", *[f"Step {i} of {n}" for i in range(10)]) for n in range(1000)]
    old = programme(Milestone("M1", "All", tuple(tasks)))
    tasks[500] = task("500A", "Task number 500", "A new one", *[f"Step {i} of 500" for i in range(10)])
    found, changes = change(programme(Milestone("M1", "All", tuple(tasks))), old)
    assert changes == Changes(added=("500A.1",))
    assert len(found) == 11_001
