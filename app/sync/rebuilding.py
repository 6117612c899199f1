"""How nodes stood before anybody looked, worked out from when trackers say that things were made and closed. Pure.

What the dates can't tell is taken so: the roadmap's own tasks and steps were all there from the first day; ticks have
no date, so that a ticked line was open until the first recorded day; an issue that is open now was never closed before;
what the roadmap declared then isn't known. Issues that people added count from the day they were made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from fractions import Fraction

from app.core import progress
from app.core.history import Point
from app.core.plan import Observed
from app.core.progress import Count, State, Unit
from app.core.tree import Milestone, Programme
from app.sync.status import Reading


@dataclass(frozen=True, slots=True)
class _Dated:
    """Something measured: its state now, and the days on which its issue was made and closed, where told."""

    unit: Unit
    made: date | None
    closed: date | None

    def on(self, day: date) -> Unit | None:
        """What it counted as at the end of a day, None where it was not there yet."""
        if self.unit.step is None and self.made is not None and self.made > day:
            return None
        return replace(self.unit, state=_state(self.unit.state, self.closed, day))


def _state(state: State, closed: date | None, day: date) -> State:
    return state if closed is not None and closed <= day else "open"


def rebuilt(
    programme: Programme, reading: Reading, there: Collection[str], zone: tzinfo, began: date
) -> list[tuple[str | None, Point]]:
    """The points of the days before `began`, oldest first: by node key, None for the programme; only where measured.

    `there`: the keys that were in the roadmap on `began`. Days are days of `zone`.
    """
    past = _Past(programme, reading, there, zone)
    if past.first is None or past.first >= began:
        return []
    return list(past.run(began))


class _Past:
    """One rebuilding."""

    def __init__(self, programme: Programme, reading: Reading, there: Collection[str], zone: tzinfo) -> None:
        self._zone = zone
        self._reading = reading
        self._programme = programme
        self._milestones = {m.key: _bare(m, there) for m in programme.milestones if m.key in there}
        self._home: dict[str, str] = {}
        for milestone in self._milestones.values():
            self._home[milestone.key] = milestone.key
            for task in milestone.tasks:
                self._home[task.key] = milestone.key
                self._home.update((step.key, milestone.key) for step in task.steps)
        self._units: dict[str, list[_Dated]] = defaultdict(list)
        self._changed: dict[date, set[str]] = defaultdict(set)
        self._closed: dict[str, date | None] = {}
        self.first: date | None = None
        for unit, item in zip(reading.units, reading.by, strict=True):
            home = self._home.get(unit.step or unit.under)
            if home is not None:
                self._take(home, unit, item)
        for key, item in reading.tasks.items():
            if key in self._home:
                made, self._closed[key] = self._days(item)
                self._note(self._home[key], made, self._closed[key])

    def _take(self, home: str, unit: Unit, item: Observed | None) -> None:
        made, closed = self._days(item) if item else (None, None)
        self._units[home].append(_Dated(unit, made, closed))
        self._note(home, made, closed)

    def _days(self, item: Observed) -> tuple[date | None, date | None]:
        made, closed = item.created_at, item.closed_at if item.state == "closed" else None
        return (
            made.astimezone(self._zone).date() if made else None,
            closed.astimezone(self._zone).date() if closed else None,
        )

    def _note(self, home: str, made: date | None, closed: date | None) -> None:
        if made is not None:
            self.first = min(self.first or made, made)
        for day in (made, closed):
            if day is not None:
                self._changed[day].add(home)

    def run(self, began: date) -> Iterator[tuple[str | None, Point]]:
        """The points of each day on which something changed."""
        first = self.first or began
        counts: dict[str, Count] = {}
        said: dict[str | None, Count] = {}
        for day in sorted({first} | {day for day in self._changed if first < day < began}):
            now: dict[str | None, Count] = {}
            for key in self._milestones if day == first else self._changed[day]:
                found = self._counts(key, day)
                counts[key] = found[key]
                now.update(found)
            now[None] = _whole(list(counts.values()))
            for node, count in now.items():
                known = count.source == "measured" or count.excluded > 0
                if known and said.get(node) != count:
                    said[node] = count
                    yield node, Point(day, count.done, count.total, count.excluded, count.percent, count.source)

    def _counts(self, key: str, day: date) -> dict[str, Count]:
        """A milestone's counts, and its tasks', at the end of a day."""
        milestone = self._milestones[key]
        epics = {
            task.key: _state(self._reading.epics[task.key], self._closed.get(task.key), day)
            for task in milestone.tasks
            if task.key in self._reading.epics
        }
        units = [unit for dated in self._units[key] if (unit := dated.on(day)) is not None]
        alone = replace(self._programme, milestones=(milestone,))
        return dict(progress.rollup(alone, units, epics).counts)


def _bare(milestone: Milestone, there: Collection[str]) -> Milestone:
    """Without what the roadmap says today of how far it is: that wasn't said then."""
    tasks = tuple(
        replace(
            task,
            declared_percent=None,
            completed=False,
            completed_on=None,
            steps=tuple(replace(step, done=False) for step in task.steps),
        )
        for task in milestone.tasks
        if task.key in there
    )
    return replace(milestone, tasks=tasks, declared_percent=None, completed=False, completed_on=None)


def _whole(counts: list[Count]) -> Count:
    """The milestones added up, as `progress.rollup` does where any is measured."""
    done, total = sum(count.done for count in counts), sum(count.total for count in counts)
    excluded = sum(count.excluded for count in counts)
    if not total or not any(count.source == "measured" or count.excluded for count in counts):
        return Count(done, total, excluded, None, "unknown")
    weights = [count.weights or (count.done, count.total) for count in counts]
    weighed, of = sum((Fraction(w[0]) for w in weights), Fraction()), sum((Fraction(w[1]) for w in weights), Fraction())
    return Count(done, total, excluded, progress.truncated(weighed, of), "measured")
