"""Counting where units are few, doubled, dropped or only declared: 100 means all, unknown is never 0."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.progress import Count, Unit, expected_percent, health, programme_health, rollup
from app.core.tree import Milestone, Programme, Step, Task, Window

START = date(2026, 11, 2)


def programme(*milestones: Milestone) -> Programme:
    return Programme("p", START, milestones)


DONE = Milestone("M1", "m", completed=True)


def task(key: str = "1A", steps: int = 2, **more: object) -> Task:
    return Task(key, key, tuple(Step(f"{key}.{n}", "s") for n in range(1, steps + 1)), **more)  # type: ignore[arg-type]


def figures(count: Count) -> tuple[int, int, int, float | None, str]:
    return count.done, count.total, count.excluded, count.percent, count.source


def test_a_step_measured_twice_counts_the_same_in_any_order() -> None:
    tree = programme(Milestone("M1", "m", (task(steps=1),)))
    for one, other, want in (("open", "done", "done"), ("open", "excluded", "excluded"), ("excluded", "done", "done")):
        for pair in ((one, other), (other, one)):
            found = rollup(tree, [Unit("1A", state, "1A.1") for state in pair], {})  # type: ignore[arg-type]
            assert found.steps == {"1A.1": want}


def test_a_task_that_is_not_pushed_yet_keeps_its_milestone_below_100() -> None:
    tree = programme(Milestone("M1", "m", (task("1A"), task("1B", 0))))
    units = [Unit("1A", "done", "1A.1"), Unit("1A", "done", "1A.2")]
    found = rollup(tree, units, {"1A": "open"})
    assert figures(found.counts["M1"]) == (2, 3, 0, 66.6, "measured")
    assert figures(found.counts["1B"]) == (0, 1, 0, None, "unknown")
    found = rollup(tree, units, {"1A": "open", "1B": "done"})
    assert figures(found.counts["M1"]) == (3, 3, 0, 100.0, "measured")


def test_a_task_closed_as_completed_after_all_in_it_was_dropped_explains_its_100() -> None:
    tree = programme(Milestone("M1", "m", (task(),)))
    units = [Unit("1A", "excluded", "1A.1"), Unit("1A", "excluded", "1A.2")]
    found = rollup(tree, units, {"1A": "done"})
    assert figures(found.counts["1A"]) == figures(found.counts["M1"]) == (1, 1, 2, 100.0, "measured")
    assert found.counts["1A"].note == ""


def test_a_task_closed_as_not_planned_takes_its_added_issues_with_it() -> None:
    tree = programme(Milestone("M1", "m", (task("1A"), task("1B"))))
    units = [Unit("1A", "done", "1A.1"), Unit("1A", "open"), Unit("1B", "done", "1B.1")]
    found = rollup(tree, units, {"1A": "excluded", "1B": "open"})
    assert figures(found.counts["1A"]) == (0, 0, 3, None, "unknown")
    assert "not planned" in found.counts["1A"].note
    assert figures(found.counts["M1"]) == figures(found.programme) == (1, 2, 3, 50.0, "measured")
    assert found.steps["1A.1"] == "excluded"
    assert found.added == {"M1": 1}


@pytest.mark.parametrize(
    ("reason", "milestone", "units", "want"),
    [
        ("completed, no units", DONE, [], (0, 0, 0, 100.0, "declared")),
        ("completed, a lower figure", replace(DONE, declared_percent=60.0), [], (0, 0, 0, 100.0, "declared")),
        ("completed, a dropped issue", DONE, [Unit("M1", "excluded")], (0, 0, 1, 100.0, "declared")),
        ("completed, an open issue", DONE, [Unit("M1", "open")], (0, 1, 0, 0.0, "measured")),
        ("a dropped issue alone", Milestone("M1", "m"), [Unit("M1", "excluded")], (0, 0, 1, None, "unknown")),
        ("nothing at all", Milestone("M1", "m"), [], (0, 0, 0, None, "unknown")),
        ("declared", Milestone("M1", "m", declared_percent=12.5), [], (0, 0, 0, 12.5, "declared")),
        ("declared, truncated", Milestone("M1", "m", declared_percent=99.99), [], (0, 0, 0, 99.9, "declared")),
        ("declared 0 is not unknown", Milestone("M1", "m", declared_percent=0.0), [], (0, 0, 0, 0.0, "declared")),
        (
            "its tasks' figures, weighted",
            Milestone("M1", "m", (task("1A", 3, declared_percent=100.0), task("1B", 1))),
            [],
            (0, 4, 0, 75.0, "declared"),
        ),
    ],
)  # fmt: skip
def test_a_milestone(reason: str, milestone: Milestone, units: list[Unit], want: tuple[object, ...]) -> None:
    assert figures(rollup(programme(milestone), units, {}).counts["M1"]) == want, reason


def test_a_measured_milestone_does_not_make_a_declared_one_s_steps_vanish() -> None:
    tree = programme(
        Milestone("M1", "m", (task("1A", 1),)), Milestone("M2", "m", (task("2A", 3, declared_percent=90.0),))
    )
    found = rollup(tree, [Unit("1A", "done", "1A.1")], {})
    assert figures(found.programme) == (1, 4, 0, 25.0, "measured")
    assert rollup(programme(), [], {}).programme == Count(0, 0, 0, None, "unknown")


@pytest.mark.parametrize(
    ("start", "end", "today", "want"),
    [
        (START, START, START - timedelta(days=1), 0.0),  # a window of no days divides by nothing
        (START, START, START, 100.0),
        (START, START + timedelta(days=3), START + timedelta(days=2), 66.6),
        (START, START + timedelta(days=3), START - timedelta(days=9), 0.0),
        (START + timedelta(days=1), START, START - timedelta(days=1), 0.0),
        (None, START, START - timedelta(days=1), None),
        (START, None, START, None),
    ],
)
def test_expected(start: date | None, end: date | None, today: date, want: float | None) -> None:
    assert expected_percent(Window("w", start, end), today) == want


@given(st.none() | st.dates(), st.none() | st.dates(), st.dates())
def test_expected_is_a_percentage_or_unknown(start: date | None, end: date | None, today: date) -> None:
    found = expected_percent(Window("w", start, end), today)
    assert found is None or 0 <= found <= 100
    assert (found == 100) == (end is not None and today >= end)


def test_health_with_little_to_go_by() -> None:
    window, unknown = Window("w", START, START + timedelta(days=10)), Count(0, 0, 0, None, "unknown")
    half = Count(1, 2, 0, 50.0, "measured")
    late = START + timedelta(days=11)
    assert health(unknown, window, late) == "late"
    assert health(unknown, window, START) == "unknown"
    assert health(half, None, START) == health(half, Window("soon"), START) == "unknown"
    assert health(half, Window("Week 2", None, late), START) == "on_track"
    assert health(half, window, START + timedelta(days=6)) == "on_track"  # 10 points behind is not yet at risk
    assert health(half, window, START + timedelta(days=7)) == "at_risk"
    assert programme_health(unknown, [], START) == "unknown"
    assert programme_health(half, [("done", window), ("on_track", None)], START) == "on_track"
    assert programme_health(half, [("done", window), ("on_track", None)], late) == "late"


def test_what_was_dropped_says_so_wherever_it_counts() -> None:
    tree = programme(replace(DONE, tasks=(task("1A"), task("1B", 1))))
    dropped = [Unit("1A", "excluded", "1A.1"), Unit("1A", "excluded", "1A.2")]
    found = rollup(tree, dropped, {"1A": "open", "1B": "excluded"})
    all_dropped = "everything in it was closed as not planned"
    assert found.counts["1A"] == Count(0, 0, 2, None, "unknown", all_dropped)
    assert found.counts["1B"] == Count(0, 0, 1, None, "unknown", "closed as not planned: nothing of it counts")
    assert found.counts["M1"] == Count(0, 0, 3, 100.0, "declared", all_dropped)
    assert found.programme == Count(0, 0, 3, None, "unknown", all_dropped)


def test_a_task_closed_as_completed_completes_what_was_open_and_leaves_what_was_dropped() -> None:
    tree = programme(Milestone("M1", "m", (task(steps=3),)))
    found = rollup(tree, [Unit("1A", "excluded", "1A.1"), Unit("1A", "done", "1A.2")], {"1A": "done"})
    assert found.steps == {"1A.1": "excluded", "1A.2": "done", "1A.3": "done"}
    assert found.counts["1A"] == Count(2, 2, 1, 100.0, "measured", "closed as completed with 1 left open")


def test_an_issue_that_people_added_makes_its_task_measured() -> None:
    found = rollup(programme(Milestone("M1", "m", (task(steps=1, declared_percent=90.0),))), [Unit("1A", "open")], {})
    assert figures(found.counts["1A"]) == (0, 2, 0, 0.0, "measured")


def test_a_completed_task_without_steps_is_one_unit_done() -> None:
    found = rollup(programme(Milestone("M1", "m", (task(steps=0, completed=True), task("1B", 0)))), [], {})
    assert figures(found.counts["1A"]) == (1, 1, 0, 100.0, "declared")
    assert figures(found.counts["M1"]) == (1, 2, 0, 50.0, "declared")


def test_a_programme_is_late_after_its_last_day_and_at_risk_with_any_milestone_that_is() -> None:
    window, half = Window("w", START, START + timedelta(days=10)), Count(1, 2, 0, 50.0, "measured")
    assert programme_health(half, [("on_track", window)], START + timedelta(days=10)) == "on_track"
    assert programme_health(half, [("on_track", window)], START + timedelta(days=11)) == "late"
    for state in ("late", "at_risk"):
        assert programme_health(half, [("done", window), (state, window)], START) == "at_risk"  # type: ignore[list-item]
