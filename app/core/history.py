"""How a node's figures went over days: the points that are stored, and what changed between two days. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter

from app.core.progress import Source


@dataclass(frozen=True, slots=True)
class Point:
    """How a node stood at the end of `day` (a day of the programme's time zone): the figures of `progress.Count`.

    `declared` is what the roadmap said that day (0 to 100), None where nothing.
    """

    day: date
    done: int
    total: int
    excluded: int
    percent: float | None
    source: Source
    declared: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a node after `since` and up to the end of `until`.

    `scope_added` and `scope_removed` are units that came in and went out (closed as not planned, or taken out of the
    roadmap), day by day, so that `scope_added - scope_removed` is the change in `total`. `done` is the change in done
    units; below 0 where more was reopened than closed.
    """

    since: date
    until: date
    scope_added: int
    scope_removed: int
    done: int


_day = attrgetter("day")


def at(points: Sequence[Point], day: date) -> Point | None:
    """The last point on or before `day`; None before the first. `points` are in order of days, one a day at most.

    Points are stored when something changed, so a day without one stood as the last before it.
    """
    place = bisect_right(points, day, key=_day)
    return points[place - 1] if place else None


def changes(points: Sequence[Point], since: date, until: date) -> Change:
    """What changed after the end of `since`, up to the end of `until`. `points` as in `at`.

    Where `since` is before the first point, that first point is where it begins: what a programme held when it was
    first looked at is neither added nor done. Units that come and go on one day show as their difference.
    """
    before = at(points, since)
    added = removed = done = 0
    for point in points[bisect_right(points, since, key=_day) : bisect_right(points, until, key=_day)]:
        if before is not None:
            grown = point.total - before.total
            added += max(grown, 0)
            removed += max(-grown, 0)
            done += point.done - before.done
        before = point
    return Change(since, until, added, removed, done)
