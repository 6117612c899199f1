"""From units to percentages that explain themselves. Pure; the same in any order of events.

A unit is a step, or an issue that people added. One closed as not planned or as a duplicate is excluded from both
sides. A task with no steps and no added issues is one unit itself, so that closing its issue counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_DOWN, Decimal
from fractions import Fraction
from typing import Literal

from app.core.tree import Milestone, Programme, Task, Window

State = Literal["open", "done", "excluded"]
Source = Literal["measured", "declared", "unknown"]
Health = Literal["done", "on_track", "at_risk", "late", "unknown"]
Weight = int | Fraction

AT_RISK_AFTER = 10.0
"""Percentage points behind the window's expectation from which a milestone is at risk."""
DROPPED = "closed as not planned: nothing of it counts"
ALL_DROPPED = "everything in it was closed as not planned"


@dataclass(frozen=True, slots=True)
class Unit:
    """One measured unit. `under` is the key of its task, or of its milestone where it was put straight into it.

    `step` is the step's key, None for an issue that people added. `weight`, above 0, is what it counts for in
    percentages beside others; `done` and `total` count it as one whatever it weighs.
    """

    under: str
    state: State
    step: str | None = None
    weight: Weight = 1


@dataclass(frozen=True, slots=True)
class Count:
    """`done` of `total` units; `excluded` are in neither. `percent` is truncated to one decimal, None for unknown.

    `weights` are the weights of `done` and of `total`, which measured percentages are made of; None where each unit
    weighs 1, and the two are `done` and `total` themselves.
    """

    done: int
    total: int
    excluded: int
    percent: float | None
    source: Source
    note: str = ""
    weights: tuple[Weight, Weight] | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What `rollup` finds: counts by node key (milestones and tasks), steps' states, and the whole programme's."""

    programme: Count
    counts: Mapping[str, Count]
    steps: Mapping[str, State]
    added: Mapping[str, int]


_SUREST: tuple[State, ...] = ("open", "excluded", "done")
"""Of a step that is measured twice (as an issue, and as a line left behind), the later of these counts."""


def truncated(done: Weight, total: Weight) -> float:
    """done/total as a percentage, truncated to one decimal, so that 100 means all. `total` is not 0."""
    return done * 1000 // total / 10


def rollup(programme: Programme, units: Iterable[Unit], epics: Mapping[str, State]) -> Progress:
    """Count every node. `epics` holds the state of each task's own issue, by task key, for tasks that have one.

    A task in `epics`, or with a unit, is measured; others only have what the roadmap declares.
    """
    steps: dict[str, State] = {}
    weights: dict[str, Weight] = {}  # of the steps that don't weigh 1
    extra: dict[str, list[_Weighed]] = defaultdict(list)
    for unit in units:
        if unit.step is None:
            extra[unit.under].append((unit.state, unit.weight))
        else:
            if unit.weight != 1 or unit.step in weights:
                first = unit.weight if unit.step not in steps else 1
                weights[unit.step] = max(weights.get(unit.step, first), unit.weight)
            seen = steps.get(unit.step, unit.state)
            steps[unit.step] = max(seen, unit.state, key=_SUREST.index)
    counts: dict[str, Count] = {}
    shown: dict[str, State] = {}
    added: dict[str, int] = {}
    for milestone in programme.milestones:
        tasks = []
        for task in milestone.tasks:
            states = {step.key: steps.get(step.key, "done" if step.done else "open") for step in task.steps}
            counts[task.key] = _task(task, states, extra[task.key], epics.get(task.key), steps, weights)
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


_Weighed = tuple[State, Weight]


def _task(
    task: Task,
    states: Mapping[str, State],
    extra: list[_Weighed],
    epic: State | None,
    measured: Mapping[str, State],
    weights: Mapping[str, Weight],
) -> Count:
    units = [*states.values(), *(state for state, _ in extra)]
    is_measured = epic is not None or bool(extra) or any(key in measured for key in states)
    if not units:  # it is one unit itself
        units = [epic or ("done" if task.completed else "open")]
    if epic == "excluded":
        return Count(0, 0, len(units), None, "unknown", DROPPED)
    heavy = weights and any(key in weights for key in states)
    weigh = [*(weights.get(key, 1) for key in states), *(weight for _, weight in extra)] if heavy or extra else []
    found = _counted(units, weigh)
    if not is_measured:
        return _declared(found.done, found.total, task.declared_percent, task.completed)
    if epic == "done":
        left_open = found.total - found.done
        note = f"closed as completed with {left_open} left open" if left_open and (states or extra) else ""
        total = found.total or 1  # where all in it was dropped, itself
        whole = (found.weights[1], found.weights[1]) if found.weights else None
        return Count(total, total, found.excluded, 100.0, "measured", note, whole)
    return found


def _counted(states: list[State], weights: list[Weight]) -> Count:
    """`weights` are those of the units in `states`, or empty where each weighs 1."""
    done, excluded = states.count("done"), states.count("excluded")
    total = len(states) - excluded
    if not total:
        return Count(0, 0, excluded, None, "unknown", ALL_DROPPED)
    if all(weight == 1 for weight in weights):
        return Count(done, total, excluded, truncated(done, total), "measured")
    units = list(zip(states, weights, strict=True))
    pair = (
        sum(weight for state, weight in units if state == "done"),
        sum(weight for state, weight in units if state != "excluded"),
    )
    return Count(done, total, excluded, truncated(*pair), "measured", weights=pair)


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


def _milestone(milestone: Milestone, tasks: list[tuple[Task, Count]], own: list[_Weighed]) -> Count:
    counts = [count for _, count in tasks]
    if own:
        counts.append(
            replace(
                _counted([state for state, _ in own], [weight for _, weight in own]),
                percent=None,
                source="measured",
                note="",
            )
        )
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
    if all(count.weights is None for count in counts):
        return Count(done, total, excluded, truncated(done, total), "measured")
    pairs = [count.weights or (count.done, count.total) for count in counts]
    weights = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    return Count(done, total, excluded, truncated(*weights), "measured", weights=weights)


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


@dataclass(frozen=True, slots=True)
class Judgement:
    """A node's health, and why in one plain sentence made of its figures."""

    health: Health
    why: str


@dataclass(frozen=True, slots=True)
class Likely:
    """Where a node's forecast ends: `end` is the day by which it is as likely done as not, None past three years.

    `left` units at `pace` a week.
    """

    end: date | None
    left: int
    pace: float


def judge(count: Count, window: Window | None, today: date, likely: Likely | None = None, severe: int = 0) -> Judgement:
    """`done` at 100, with no severity-one defect (`severe`) open; `late` past its end; `at_risk` when well behind its
    window, when its forecast ends after it, or when only such defects are open; `unknown` with nothing to go by.
    """
    whole = count.percent == 100
    if whole and not severe:
        return Judgement("done", _all_done(count))
    end = window.end if window else None
    if end is not None and today > end:
        stands = f", {_defects_open(count, severe)}" if whole else _at_its_end(count)
        days = (today - end).days
        return Judgement("late", f"its window ended on {end}, {_some(days, 'day')} ago{stands}")
    if whole:
        return Judgement("at_risk", _defects_open(count, severe))
    if window is None or end is None:
        undated = f"its window “{window.text}” can't be dated" if window else "it has no window"
        return Judgement("unknown", f"{_stands(count)}; {undated}")
    if count.percent is None:
        return Judgement("unknown", f"{_stands(count)}; its window ends on {end}")
    return _in_window(count, count.percent, window, end, today, likely)


def _in_window(
    count: Count, percent: float, window: Window, end: date, today: date, likely: Likely | None
) -> Judgement:
    expected = expected_percent(window, today)
    stands = f"{_stands(count)}; its window ends on {end}"
    if expected is not None:
        stands = f"{_stands(count)} where {expected:.1f} % of the window has passed"
    if window.start is not None and today < window.start:
        stands = f"{_stands(count)}; its window starts on {window.start}"
    if expected is not None and expected - percent > AT_RISK_AFTER:
        return Judgement("at_risk", stands)
    if likely is not None and (likely.end is None or likely.end > end):
        work = f"{_some(likely.left, 'unit')} left at {likely.pace:.1f} a week"
        if likely.end is None:
            return Judgement("at_risk", f"{work} take more than three years; its window ends on {end}")
        late = _some((likely.end - end).days, "day")
        return Judgement("at_risk", f"{work} end on {likely.end}, {late} after its window")
    return Judgement("on_track", stands)


def _some(many: int, what: str) -> str:
    return f"{many} {what}" if many == 1 else f"{many} {what}s"


def _all_done(count: Count) -> str:
    if count.source == "declared":
        return "the roadmap says that it is complete"
    return "its one unit is done" if count.total == 1 else f"all {count.total} units are done"


def _defects_open(count: Count, severe: int) -> str:
    verb = "is" if severe == 1 else "are"
    return f"{_all_done(count)}, but {_some(severe, 'severity-one defect')} {verb} open"


def _stands(count: Count) -> str:
    if count.percent is None:
        return count.note or "nothing of it is measured or declared"
    return f"{count.percent:.1f} % {'declared' if count.source == 'declared' else 'done'}"


def _at_its_end(count: Count) -> str:
    return f"; {_stands(count)}" if count.percent is None else f", with {_stands(count)}"


def health(count: Count, window: Window | None, today: date) -> Health:
    """The health that `judge` finds by the count and the window alone."""
    return judge(count, window, today).health


def judge_programme(
    whole: Count, milestones: Iterable[tuple[str, Health, Window | None]], today: date, severe: int = 0
) -> Judgement:
    """`done` when all milestones (key, health and window each) are and no severity-one defect (`severe`) is open;
    `late` past the last end; `at_risk` with a milestone late or at risk, or when only such defects are open.
    """
    found = list(milestones)
    named = {state: [key for key, each, _ in found if each == state] for state in ("done", "late", "at_risk")}
    complete = bool(found) and len(named["done"]) == len(found)
    if complete and not severe:
        return Judgement("done", f"{_stands(whole)}; all {_some(len(found), 'milestone')} are done")
    ends = [window.end for _, _, window in found if window and window.end]
    if ends and today > max(ends):
        days = _some((today - max(ends)).days, "day")
        return Judgement("late", f"the last window ended on {max(ends)}, {days} ago{_at_its_end(whole)}")
    if complete:
        return Judgement("at_risk", _defects_open(whole, severe))
    words = {"late": named["late"], "at risk": named["at_risk"]}
    troubled = [f"{len(keys)} {word} ({', '.join(keys)})" for word, keys in words.items() if keys]
    if troubled:
        return Judgement("at_risk", f"of {_some(len(found), 'milestone')} {' and '.join(troubled)}")
    if whole.percent is None:
        return Judgement("unknown", _stands(whole))
    return Judgement("on_track", f"{_stands(whole)}; no milestone is late or at risk")


def programme_health(whole: Count, milestones: Iterable[tuple[Health, Window | None]], today: date) -> Health:
    """The health that `judge_programme` finds by the milestones' alone."""
    return judge_programme(whole, (("", state, window) for state, window in milestones), today).health
