"""What waits for what: blocked and blocking, the critical path, windows that begin too early, circles."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.tree import Milestone, Programme, Step, Task, Window
from app.core.waiting import TooEarly, chained, circles, waiting
from mappings import roadmap

START = date(2026, 11, 2)
TODAY = date(2026, 11, 10)


def week(first: int | None, last: int) -> Window:
    begins = None if first is None else START + timedelta(weeks=first)
    return Window("", begins, START + timedelta(weeks=last))


def programme(*milestones: Milestone) -> Programme:
    return Programme("p", START, milestones)


CUSTOMER = programme(
    Milestone("DM1", "", window=week(None, 2)),
    Milestone("DM2", "", window=week(None, 4), depends_on=("DM1",)),
    Milestone("DM3", "", window=week(None, 5), depends_on=("DM1",)),
    Milestone("DM4", "", window=week(None, 6), depends_on=("DM1", "DM2", "DM3")),
)


def test_who_waits_for_whom_at_first_hand_and_further() -> None:
    found = waiting(CUSTOMER, {"DM2"}, TODAY)
    assert found.nodes["DM4"].waits_for == ("DM1", "DM2", "DM3")
    assert found.nodes["DM4"].blocked_by == ("DM1", "DM3")
    assert found.nodes["DM1"].blocks == ("DM3", "DM4")
    assert found.nodes["DM2"].blocked_by == found.nodes["DM2"].blocks == ()
    assert found.before("DM4") == ("DM1", "DM3")
    assert found.behind("DM1") == ("DM3", "DM4")
    assert found.before("nowhere") == ()


def test_the_path_is_the_chain_that_ends_last() -> None:
    found = waiting(CUSTOMER, (), TODAY)
    assert [stage.key for stage in found.path] == ["DM1", "DM3", "DM4"]
    assert [stage.ends for stage in found.path] == [START + timedelta(weeks=n) for n in (2, 5, 6)]
    assert chained(found.path) == "DM1 → DM3 → DM4, until 2026-12-14"
    assert chained(()) == ""


def test_what_is_late_moves_what_waits_for_it() -> None:
    """M1 is likely to end a week after its window, and M2 then takes its two weeks all the same."""
    tree = programme(
        Milestone("M1", "", window=week(0, 2)),
        Milestone("M2", "", window=week(2, 4), depends_on=("M1",)),
        Milestone("M3", "", window=week(9, 10), depends_on=("M2",)),
    )
    plain = waiting(tree, (), TODAY).path
    assert [stage.ends for stage in plain] == [START + timedelta(weeks=n) for n in (2, 4, 10)]
    assert [stage.slack for stage in plain] == [0, 0, 35]
    likely = waiting(tree, (), TODAY, {"M1": START + timedelta(weeks=3), "M2": None}).path
    assert [stage.ends for stage in likely] == [START + timedelta(weeks=n) for n in (3, 5, 10)]
    assert [stage.slack for stage in likely] == [0, 0, 28]


def test_an_open_one_past_its_window_ends_today_and_a_done_one_is_not_on_the_path() -> None:
    tree = programme(Milestone("M1", "", window=week(0, 1)), Milestone("M2", "", window=week(1, 2), depends_on=("M1",)))
    late = date(2026, 12, 1)
    assert [(stage.key, stage.begins, stage.ends) for stage in waiting(tree, {"M1"}, late).path] == [("M2", late, late)]
    assert waiting(tree, {"M1", "M2"}, late).path == ()
    assert waiting(programme(Milestone("M1", "")), (), late).path == ()


def test_a_task_waits_for_its_own_and_for_its_milestone_s() -> None:
    first = (Task("1A", "", (Step("1A.1", ""),)), Task("1B", "", depends_on=("1A",)))
    tree = programme(
        Milestone("M1", "", first, window=week(0, 2)),
        Milestone("M2", "", (Task("2A", "", depends_on=("1A.1",)), Task("2B", "")), window=week(1, 4)),
        Milestone("M3", "", (Task("3A", ""),), window=week(5, 6), depends_on=("M2", "M9")),
    )  # fmt: skip
    found = waiting(tree, (), TODAY)
    assert found.nodes["1B"].blocked_by == ("1A",)
    assert found.nodes["2A"].blocked_by == ("1A.1",)
    assert found.nodes["3A"].blocked_by == found.nodes["M3"].blocked_by == ("M2",)
    assert found.before("3A") == ("M2",)
    assert [stage.key for stage in found.path] == ["M1", "M2", "M3"]
    assert found.too_early == (TooEarly("M2", START + timedelta(weeks=1), "M1", START + timedelta(weeks=2)),)
    assert str(found.too_early[0]) == "M2 begins on 2026-11-09, before M1, which it waits for, ends on 2026-11-16"
    assert found.circles == ()
    assert waiting(tree, {"1A.1"}, TODAY).nodes["2A"].blocked_by == ()
    assert waiting(tree, {"M1"}, TODAY).too_early == waiting(tree, {"M2"}, TODAY).too_early == ()


CIRCLES = [
    ("two milestones", programme(Milestone("M1", "", depends_on=("M2",)), Milestone("M2", "", depends_on=("M1",))),
     (("M1", "M2"),)),
    ("itself", programme(Milestone("M1", "", depends_on=("M1",))), (("M1",),)),
    ("a task itself", programme(Milestone("M1", "", (Task("1A", "", depends_on=("1A",)),))), (("1A",),)),
    ("its own milestone", programme(Milestone("M1", "", (Task("1A", "", depends_on=("M1",)),))), (("M1", "1A"),)),
    ("its own step", programme(Milestone("M1", "", (Task("1A", "", (Step("1A.1", ""),), depends_on=("1A.1",)),))), ()),
    ("through what holds it", programme(
        Milestone("M1", "", (Task("1A", "", depends_on=("M2",)),)), Milestone("M2", "", depends_on=("M1",))),
     (("M1", "1A", "M2"),)),
    ("tasks that cross are none", programme(
        Milestone("M1", "", (Task("1A", "", depends_on=("2A",)), Task("1B", ""))),
        Milestone("M2", "", (Task("2A", ""), Task("2B", "", depends_on=("1B",))))), ()),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "tree", "want"), CIRCLES, ids=[case[0] for case in CIRCLES])
def test_circles_are_told_and_not_run_in(reason: str, tree: Programme, want: tuple[tuple[str, ...], ...]) -> None:
    dated = programme(*(replace(milestone, window=week(0, 2)) for milestone in tree.milestones))
    found = waiting(dated, (), TODAY)
    assert found.circles == want
    assert found.path[-1].ends == START + timedelta(weeks=2)
    for key in found.nodes:
        assert len(found.before(key)) < 5


graphs = st.integers(1, 8).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, n - 1), max_size=3, unique=True), min_size=n, max_size=n)
)


@given(graphs)
def test_circles_are_those_that_reach_each_other(graph: list[list[int]]) -> None:
    named = {f"M{n}": tuple(f"M{other}" for other in others) for n, others in enumerate(graph)}

    def reached(key: str) -> set[str]:
        seen: set[str] = set()
        new = set(named[key])
        while new - seen:
            seen |= new
            new = {other for each in new for other in named[each]}
        return seen

    want = {tuple(k for k in named if k in reached(key) and key in reached(k)) for key in named if key in reached(key)}
    assert circles(named) == sorted(want, key=lambda keys: list(named).index(keys[0]))


@given(graphs, st.randoms(use_true_random=False))
def test_the_order_of_the_document_does_not_matter(graph: list[list[int]], random: object) -> None:
    milestones = [
        Milestone(f"M{n}", "", window=week(n, n + 2), depends_on=tuple(f"M{other}" for other in others if other != n))
        for n, others in enumerate(graph)
    ]
    found = waiting(programme(*milestones), {"M0"}, TODAY)
    random.shuffle(milestones)  # type: ignore[attr-defined]
    again = waiting(programme(*milestones), {"M0"}, TODAY)
    for key, waits in found.nodes.items():
        assert set(again.nodes[key].blocks) == set(waits.blocks)
        assert again.nodes[key].blocked_by == waits.blocked_by
    assert {*again.too_early} == {*found.too_early}
    assert {frozenset(each) for each in again.circles} == {frozenset(each) for each in found.circles}


def test_ranges_and_lists_of_a_roadmap_are_what_is_waited_for() -> None:
    text = """# R
### Milestone M1 — One
- **Target Window:** Weeks 0–2
- **Tasks:**
  - **Task 1A — First**
    1. Do it.
### Milestone M2 — Two
- **Target Window:** Weeks 1–4
- **Dependencies:** 1A

## Design
| Milestone | Description | Target Window | Dependencies |
| --- | --- | --- | --- |
| **DM1 — A** | a | Week 2 | M2 |
| **DM2 — B** | b | Week 4 | DM1 |
| **DM3 — C** | c | Week 5 | DM1 |
| **DM4 — D** | d | Week 6 | DM1–DM3, legal approvals |
"""
    found = waiting(roadmap.read(text.encode(), start=START).programme, (), TODAY)
    assert found.nodes["DM4"].blocked_by == ("DM1", "DM2", "DM3")
    assert found.before("DM4") == ("DM1", "DM2", "DM3", "M2", "1A")
    assert found.nodes["1A"].blocks == ("M2",)
    assert [each.key for each in found.too_early] == ["M2", "DM1"]


def test_ten_thousand_tasks_in_a_row_and_in_a_ring() -> None:
    """Nothing recurses, and nothing is looked at twice: quadratic, this would take minutes."""
    many = 10_000

    def row(last: tuple[str, ...]) -> Programme:
        tasks = tuple(Task(f"T{n}", "", depends_on=(f"T{n - 1}",) if n else last) for n in range(many))
        milestones = (Milestone("M1", "", tasks, window=week(0, 2)), Milestone("M2", "", depends_on=("M1",)))
        return programme(*milestones)

    found = waiting(row(()), (), TODAY)
    assert found.before("T9999") == tuple(f"T{n}" for n in range(many - 2, -1, -1))
    assert found.circles == ()
    ring = waiting(row(("T9999",)), (), TODAY)
    assert [len(each) for each in ring.circles] == [many]
    assert len(ring.before("T0")) == many - 1  # all but itself
