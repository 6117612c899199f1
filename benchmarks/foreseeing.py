"""Forecasts of many milestones, and what waits for what in a large tree: both are worked out for each status."""

from __future__ import annotations

import random
from datetime import date, timedelta

from app.core.forecast import forecast
from app.core.history import Point
from app.core.progress import truncated
from app.core.tree import Milestone, Programme, Task, Window
from app.core.waiting import waiting
from benchmarks.measured import CPU, Section, Size, best

TODAY = date(2026, 11, 22)
MILESTONES = 200
BUDGET_SECONDS = 1.0
UNITS = ((30, 0.08), (60, 0.15), (120, 0.3), (250, 0.6))
"""Units of a milestone, and the chance of each of four people to finish one on a working day."""


def measure(size: Size) -> list[Section]:
    section = Section(
        "10. Forecasts and waiting",
        f"CPU seconds, best of {size.runs}; milestones of 30 to 250 units after twelve weeks",
    )
    pasts = [_past(number) for number in range(MILESTONES)]
    seconds, found = best(size.runs, CPU, lambda: [forecast(past, TODAY) for past in pasts])
    if any(each.end_50 is None for each in found):
        raise RuntimeError("a milestone with a pace has no forecast")
    section.add(f"forecasts with bands, {MILESTONES} milestones", seconds, budget=BUDGET_SECONDS)
    took = {}
    for tasks in (1_000, 10_000):
        tree = _tree(tasks)
        took[tasks], links = best(size.runs, CPU, lambda tree=tree: waiting(tree, (), TODAY))  # type: ignore[misc]
        if len(links.path) != tasks // 50:
            raise RuntimeError(f"the critical path has {len(links.path)} milestones")
        section.add(f"what waits for what, {tasks:,} tasks", took[tasks])
    section.add("what waits for what, 10,000 / 1,000 tasks", took[10_000] / took[1_000], "×", note="linear: 10×")
    return [section]


def _past(number: int) -> list[Point]:
    total, chance = UNITS[number % len(UNITS)]
    chosen, done, points = random.Random(number), 0, []
    for back in range(84, -1, -1):
        day = TODAY - timedelta(days=back)
        if day.weekday() < 5:
            done = min(total - 5, done + sum(chosen.random() < chance for _ in range(4)))
        points.append(Point(day, done, total, 0, truncated(done, total), "measured"))
    return points


def _tree(tasks: int) -> Programme:
    """Milestones of fifty tasks in a row; each task waits for its like in the milestone before."""
    milestones = []
    for place in range(tasks // 50):
        own = tuple(Task(f"{place}T{n}", "", depends_on=(f"{place - 1}T{n}",) if place else ()) for n in range(50))
        ends = TODAY + timedelta(weeks=place + 1)
        milestones.append(Milestone(f"M{place}", "", own, window=Window("", ends - timedelta(weeks=1), ends)))
    return Programme("", TODAY, tuple(milestones))
