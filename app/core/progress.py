"""From units to percentages that explain themselves. Pure; the same in any order of events.

A unit is a step, or an issue that people added. One closed as not planned or as a duplicate is excluded from both
sides. A task with no steps and no added issues is one unit itself, so that closing its issue counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Literal

from app.core.tree import Milestone, Programme, Task, Window

State = Literal["open", "done", "excluded"]
Source = Literal["measured", "declared", "unknown"]
Health = Literal["done", "on_track", "at_risk", "late", "unknown"]

AT_RISK_AFTER = 10.0
"""Percentage points behind the window's expectation from which a milestone is at risk."""
DROPPED = "closed as not planned: nothing of it counts"
ALL_DROPPED = "everything in it was closed as not planned"


@dataclass(frozen=True, slots=True)
class Unit:
    """One measured unit. `under` is the key of its task, or of its milestone where it was put straight into it.

    `step` is the step's key, None for an issue that people added.
    """

    under: str
    state: State
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """`done` of `total` units; `excluded` are in neither. `percent` is truncated to one decimal, None for unknown."""

    done: int
    total: int
    excluded: int
    percent: float | None
    source: Source
    note: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What `rollup` finds: counts by node key (milestones and tasks), steps' states, and the whole programme's."""

    programme: Count
    counts: Mapping[str, Count]
    steps: Mapping[str, State]
    added: Mapping[str, int]


_SUREST: tuple[State, ...] = ("open", "excluded", "done")
"""Of a step that is measured twice (as an issue, and as a line left behind), the later of these counts."""


def truncated(done: int, total: int) -> float:
    """done/total as a percentage, truncated to one decimal, so that 100 means all. `total` is not 0."""
    return done * 1000 // total / 10


def rollup(programme: Programme, units: Iterable[Unit], epics: Mapping[str, State]) -> Progress:
    """Count every node. `epics` holds the state of each task's own issue, by task key, for tasks that have one.

    A task in `epics`, or with a unit, is measured; others only have what the roadmap declares.
    """
    steps: dict[str, State] = {}
    extra: dict[str, list[State]] = defaultdict(list)
    for unit in units:
        if unit.step is None:
            extra[unit.under].append(unit.state)
        else:
            seen = steps.get(unit.step, unit.state)
            steps[unit.step] = max(seen, unit.state, key=_SUREST.index)
    counts: dict[str, Count] = {}
    shown: dict[str, State] = {}
    added: dict[str, int] = {}
    for milestone in programme.milestones:
        tasks = []
        for task in milestone.tasks:
            states = {step.key: steps.get(step.key, "done" if step.done else "open") for step in task.steps}
            counts[task.key] = _task(task, states, extra[task.key], epics.get(task.key), steps)
            shown.update(_closed_with(states, epics.get(task.key)))
            tasks.append((task, counts[task.key]))
        own = extra[milestone.key]
        counts[milestone.key] = _milestone(milestone, tasks, own)
        added[milestone.key] = len(own) + sum(len(extra[task.key]) for task in milestone.tasks)
    whole = _sum([counts[milestone.key] for milestone in programme.milestones])
    if whole is None:
        whole = _of_declared([counts[milestone.key] for milestone in programme.milestones])
    return Progress(whole, counts, shown, added)


def _closed_with(states: Mapping[str, State], epic: State | None) -> dict[str, State]:
    """Steps as shown: an excluded epic excludes them, a completed one completes those left open."""
    if epic == "excluded":
        return dict.fromkeys(states, "excluded")
    if epic == "done":
        return {key: "done" if state == "open" else state for key, state in states.items()}
    return dict(states)


def _task(
    task: Task, states: Mapping[str, State], extra: list[State], epic: State | None, measured: Mapping[str, State]
) -> Count:
    units = [*states.values(), *extra]
    is_measured = epic is not None or bool(extra) or any(key in measured for key in states)
    if not units:  # it is one unit itself
        units = [epic or ("done" if task.completed else "open")]
    left_open = units.count("open")
    if epic == "excluded":
        return Count(0, 0, len(units), None, "unknown", DROPPED)
    excluded = units.count("excluded")
    total = len(units) - excluded
    done = units.count("done")
    if not is_measured:
        return _declared(done, total, task.declared_percent, task.completed)
    if epic == "done":
        note = f"closed as completed with {left_open} left open" if left_open and (states or extra) else ""
        total = total or 1  # where all in it was dropped, itself
        return Count(total, total, excluded, 100.0, "measured", note)
    if not total:
        return Count(0, 0, excluded, None, "unknown", ALL_DROPPED)
    return Count(done, total, excluded, truncated(done, total), "measured")


def _declared(done: int, total: int, percent: float | None, completed: bool) -> Count:
    if completed:
        percent = 100.0
    elif percent is None and done:
        percent = truncated(done, total)
    if percent is None:
        return Count(done, total, 0, None, "unknown")
    return Count(done, total, 0, _tenths(Decimal(str(percent))), "declared")


def _tenths(percent: Decimal) -> float:
    return int((percent * 10).to_integral_value(ROUND_DOWN)) / 10


def _milestone(milestone: Milestone, tasks: list[tuple[Task, Count]], own: list[State]) -> Count:
    counts = [count for _, count in tasks]
    if own:
        done, excluded = own.count("done"), own.count("excluded")
        counts.append(Count(done, len(own) - excluded, excluded, None, "measured"))
    summed = _sum(counts)
    if summed is not None and (summed.total or not milestone.completed):
        return summed
    if summed is not None:
        return Count(0, 0, summed.excluded, 100.0, "declared", summed.note)
    done, total = sum(count.done for count in counts), sum(count.total for count in counts)
    if milestone.declared_percent is not None or milestone.completed:
        return _declared(done, total, milestone.declared_percent, milestone.completed)
    return _of_declared(counts)


def _sum(counts: list[Count]) -> Count | None:
    """The counts added up, where any of them was measured; None where none was."""
    if not any(count.source == "measured" or count.excluded for count in counts):
        return None
    done, total = sum(count.done for count in counts), sum(count.total for count in counts)
    excluded = sum(count.excluded for count in counts)
    if not total:
        return Count(0, 0, excluded, None, "unknown", ALL_DROPPED)
    return Count(done, total, excluded, truncated(done, total), "measured")


def _of_declared(counts: list[Count]) -> Count:
    """What declared figures add up to: their mean, weighted by how many units each stands for (at least one)."""
    done, total = sum(count.done for count in counts), sum(count.total for count in counts)
    figures = [(count.percent, max(count.total, 1)) for count in counts]
    if all(percent is None for percent, _ in figures):
        return Count(done, total, 0, None, "unknown")
    weight = sum(weight for _, weight in figures)
    mean = sum((Decimal(str(percent or 0)) * share for percent, share in figures), Decimal()) / weight
    return Count(done, total, 0, _tenths(mean), "declared")


def expected_percent(window: Window | None, today: date) -> float | None:
    """How much of the window has passed, 0 to 100, truncated to one decimal. None where it can't be dated.

    A window with an end and no start is None until its end and 100 from then on.
    """
    if window is None or window.end is None:
        return None
    if today >= window.end:
        return 100.0
    if window.start is None:
        return None
    days = (window.end - window.start).days
    return truncated(max(0, (today - window.start).days), days) if days > 0 else 0.0


def health(count: Count, window: Window | None, today: date) -> Health:
    """`done` at 100; `late` past its end; `at_risk` when well behind its window; `unknown` with nothing to go by."""
    if count.percent == 100:
        return "done"
    if window is None or window.end is None:
        return "unknown"
    if today > window.end:
        return "late"
    if count.percent is None:
        return "unknown"
    expected = expected_percent(window, today)
    return "at_risk" if expected is not None and expected - count.percent > AT_RISK_AFTER else "on_track"


def programme_health(whole: Count, milestones: Iterable[tuple[Health, Window | None]], today: date) -> Health:
    """`done` when all is; `late` past the last end; `at_risk` with a milestone late or at risk."""
    found = list(milestones)
    if found and all(state == "done" for state, _ in found):
        return "done"
    ends = [window.end for _, window in found if window and window.end]
    if ends and today > max(ends):
        return "late"
    if any(state in ("late", "at_risk") for state, _ in found):
        return "at_risk"
    return "unknown" if whole.percent is None else "on_track"
