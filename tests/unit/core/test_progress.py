"""Counting: INTERFACE's rules, and what may never happen."""

from __future__ import annotations

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.progress import Count, Unit, expected_percent, health, programme_health, rollup, truncated
from app.core.tree import Milestone, Programme, Step, Task, Window

START = date(2026, 11, 2)


def tree(steps: int = 3, *, done: int = 0, percent: float | None = None, completed: bool = False) -> Programme:
    made = tuple(Step(f"1A.{i + 1}", f"step {i}", done=i < done) for i in range(steps))
    task = Task("1A", "task", made, declared_percent=percent, completed=completed)
    return Programme("p", START, (Milestone("M1", "milestone", (task,)),))


def units(*states: str) -> list[Unit]:
    return [Unit("1A", state, f"1A.{i + 1}") for i, state in enumerate(states)]  # type: ignore[arg-type]


CASES = [
    ("nothing measured, nothing declared", tree(), [], {}, (0, 3, 0, None, "unknown")),
    ("only declared", tree(percent=12.0), [], {}, (0, 3, 0, 12.0, "declared")),
    ("ticked in the roadmap", tree(done=1), [], {}, (1, 3, 0, 33.3, "declared")),
    ("declared completed", tree(completed=True), [], {}, (0, 3, 0, 100.0, "declared")),
    ("measured beats declared", tree(percent=90.0), units("done", "open", "open"), {}, (1, 3, 0, 33.3, "measured")),
    ("truncated, not rounded", tree(), units("done", "done", "open"), {}, (2, 3, 0, 66.6, "measured")),
    ("excluded in neither side", tree(), units("done", "excluded", "open"), {}, (1, 2, 1, 50.0, "measured")),
    ("all excluded is unknown", tree(), units(*["excluded"] * 3), {}, (0, 0, 3, None, "unknown")),
    ("its issue alone", tree(), [], {"1A": "open"}, (0, 3, 0, 0.0, "measured")),
    ("closed as completed", tree(), units("done", "open", "open"), {"1A": "done"}, (3, 3, 0, 100.0, "measured")),
    ("closed as not planned", tree(), units("done", "open"), {"1A": "excluded"}, (0, 0, 3, None, "unknown")),
    ("an added issue", tree(), [*units("done"), Unit("1A", "open")], {}, (1, 4, 0, 25.0, "measured")),
    ("an added one dropped", tree(), [*units("done"), Unit("1A", "excluded")], {}, (1, 3, 1, 33.3, "measured")),
    ("no steps: the issue is the unit", tree(0), [], {"1A": "done"}, (1, 1, 0, 100.0, "measured")),
    ("no steps, open", tree(0), [], {"1A": "open"}, (0, 1, 0, 0.0, "measured")),
    ("no steps, nothing known", tree(0), [], {}, (0, 1, 0, None, "unknown")),
]


@pytest.mark.parametrize(("reason", "programme", "found", "epics", "want"), CASES, ids=[case[0] for case in CASES])
def test_a_task_is_counted(reason: str, programme: Programme, found: list[Unit], epics: dict, want: tuple) -> None:  # type: ignore[type-arg]
    counts = rollup(programme, found, epics).counts
    for key in ("1A", "M1"):
        count = counts[key]
        assert (count.done, count.total, count.excluded, count.percent, count.source) == want, key


def test_boxes_left_open_are_noted_when_the_issue_is_closed() -> None:
    result = rollup(tree(), units("done", "open", "open"), {"1A": "done"})
    assert "2 left open" in result.counts["1A"].note
    assert set(result.steps.values()) == {"done"}


def test_issues_straight_in_a_milestone_count_there_and_nowhere_else() -> None:
    result = rollup(tree(), [*units("done"), Unit("M1", "done"), Unit("M1", "excluded")], {})
    assert (result.counts["M1"].done, result.counts["M1"].total, result.counts["M1"].excluded) == (2, 4, 1)
    assert result.counts["1A"].total == 3
    assert result.added == {"M1": 2}


def test_a_completed_milestone_without_units_is_declared() -> None:
    programme = Programme("p", START, (Milestone("DM1", "x", completed=True), Milestone("DM2", "y")))
    counts = rollup(programme, [], {}).counts
    assert (counts["DM1"].percent, counts["DM1"].source) == (100.0, "declared")
    assert (counts["DM2"].percent, counts["DM2"].source) == (None, "unknown")


states = st.sampled_from(["open", "done", "excluded"])


@st.composite
def measured(draw: st.DrawFn) -> tuple[Programme, list[Unit], dict[str, str]]:
    milestones, found, epics = [], [], {}
    for m in range(draw(st.integers(0, 3))):
        tasks = []
        for t in range(draw(st.integers(0, 3))):
            key = f"{m}{'ABC'[t]}"
            steps = tuple(Step(f"{key}.{i}", "s", draw(st.booleans())) for i in range(draw(st.integers(0, 4))))
            tasks.append(
                Task(
                    key, "t", steps, declared_percent=draw(st.none() | st.floats(0, 100)), completed=draw(st.booleans())
                )
            )
            found += [Unit(key, draw(states), step.key) for step in steps if draw(st.booleans())]
            found += [Unit(key, draw(states)) for _ in range(draw(st.integers(0, 2)))]
            if draw(st.booleans()):
                epics[key] = draw(states)
        milestones.append(Milestone(f"M{m}", "m", tuple(tasks), completed=draw(st.booleans())))
        found += [Unit(f"M{m}", draw(states)) for _ in range(draw(st.integers(0, 2)))]
    return Programme("p", START, tuple(milestones)), found, epics


@given(measured(), st.randoms(use_true_random=False))
def test_whatever_is_measured_the_counts_make_sense(
    world: tuple[Programme, list[Unit], dict[str, str]], dice: random.Random
) -> None:
    programme, found, epics = world
    result = rollup(programme, found, epics)  # type: ignore[arg-type]
    shuffled = list(found)
    dice.shuffle(shuffled)
    assert rollup(programme, shuffled, epics) == result  # type: ignore[arg-type]
    for count in (result.programme, *result.counts.values()):
        assert 0 <= count.done <= count.total
        assert count.excluded >= 0
        assert (count.percent is None) == (count.source == "unknown")
        if count.source == "measured":
            assert count.percent is not None
            assert 0 <= count.percent <= 100
            assert (count.percent == 100) == (count.done == count.total)
        elif count.percent is not None:
            assert 0 <= count.percent <= 100


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_a_percentage_is_truncated_and_100_means_all(total: int, done: int) -> None:
    done = min(done, total)
    found = truncated(done, total)
    assert found * total <= done * 100 + 1e-6 * total
    assert (found == 100) == (done == total)


WINDOWS = [
    (None, date(2026, 11, 9), None),
    (Window("soon"), date(2026, 11, 9), None),
    (Window("w", START, date(2026, 11, 16)), date(2026, 11, 1), 0.0),
    (Window("w", START, date(2026, 11, 16)), date(2026, 11, 9), 50.0),
    (Window("w", START, date(2026, 11, 16)), date(2026, 11, 16), 100.0),
    (Window("w", START, START), START, 100.0),
    (Window("Week 2", None, date(2026, 11, 16)), date(2026, 11, 9), None),
    (Window("Week 2", None, date(2026, 11, 16)), date(2026, 11, 16), 100.0),
]


@pytest.mark.parametrize(("window", "today", "want"), WINDOWS)
def test_the_window_says_how_far_a_milestone_should_be(window: Window | None, today: date, want: float | None) -> None:
    assert expected_percent(window, today) == want


def count(percent: float | None) -> Count:
    return Count(0, 10, 0, percent, "unknown" if percent is None else "measured")


HEALTHS = [
    (100.0, date(2026, 12, 1), "done"),
    (99.9, date(2026, 11, 17), "late"),
    (99.9, date(2026, 11, 16), "on_track"),
    (40.0, date(2026, 11, 9), "on_track"),
    (39.9, date(2026, 11, 9), "at_risk"),
    (None, date(2026, 11, 9), "unknown"),
]


@pytest.mark.parametrize(("percent", "today", "want"), HEALTHS)
def test_health_of_a_milestone(percent: float | None, today: date, want: str) -> None:
    assert health(count(percent), Window("w", START, date(2026, 11, 16)), today) == want


def test_health_of_a_programme() -> None:
    end = Window("w", START, date(2026, 11, 16))
    assert programme_health(count(100.0), [("done", end)], date(2026, 12, 1)) == "done"
    assert programme_health(count(50.0), [("done", end), ("late", end)], date(2026, 12, 1)) == "late"
    assert programme_health(count(50.0), [("late", end)], date(2026, 11, 10)) == "at_risk"
    assert programme_health(count(50.0), [("on_track", end)], date(2026, 11, 10)) == "on_track"
    assert programme_health(count(None), [("unknown", None)], date(2026, 11, 10)) == "unknown"
