"""How a programme's nodes stood by day: recorded as they change, rebuilt from trackers' dates, thinned with age.

A day is a day of the programme's time zone, from midnight to midnight there, whatever the clocks do meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from app.core import progress
from app.core.errors import MilepostError
from app.core.history import Point
from app.core.progress import Count
from app.core.tree import Milestone, Task
from app.db import history as rows
from app.db import revisions, trees
from app.db.engine import Database
from app.db.history import Stored
from app.db.models import ProgrammeRow
from app.sync import rebuilding, status, zones
from app.sync.context import Context
from app.sync.status import Figures


class NodeUnknown(MilepostError):
    """The programme has no milestone and no task of this key."""

    type = "node-unknown"
    status = 404


class BadRange(MilepostError):
    """A range of days that ends before it begins."""

    type = "bad-range"
    status = 422
    exit_code = 2


@dataclass(frozen=True, slots=True)
class History:
    """The points of a node, or of a whole programme (`node` None), oldest first."""

    programme: str
    node: str | None
    time_zone: str
    points: tuple[Stored, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "programme": self.programme,
            "node": self.node,
            "time_zone": self.time_zone,
            "points": [point_json(one) for one in self.points],
        }


@dataclass(frozen=True, slots=True)
class Past:
    """How everything stood at the end of a day. None, or absent: nothing was recorded by then.

    `nodes` are by the keys that they have today; `removed` are those that the roadmap has dropped since, by the keys
    that they had.
    """

    day: date
    time_zone: str
    programme: Point | None
    nodes: Mapping[str, Point]
    removed: Mapping[str, Point]


def point_json(one: Stored) -> dict[str, Any]:
    """A point as REST and `--json` give it."""
    point = one.point
    return {
        "day": point.day.isoformat(),
        "done": point.done,
        "total": point.total,
        "excluded": point.excluded,
        "percent": point.percent,
        "source": point.source,
        "declared": point.declared,
        "rebuilt": one.rebuilt,
    }


# Recording


def catch_up(ctx: Context, programme_id: int) -> int:
    """Record what has changed since the last time, and rebuild the days before where that is due; gives how many
    points were written. Whatever is killed in between is due still.
    """
    with ctx.db.read() as session:
        programme = session.get(ProgrammeRow, programme_id)
    if programme is None:
        return 0
    written = record(ctx, programme_id) if programme.revision > programme.recorded else 0
    if programme.rebuild_due:
        _rebuild(ctx, programme)
    return written


def record(ctx: Context, programme_id: int, day: date | None = None) -> int:
    """Store how the programme's nodes stand now, where that changed; gives how many points were written.

    `day` is the day it is stored for, today in the programme's zone where None. A programme that is gone has no points,
    and where another has recorded a newer revision meanwhile, that stays.
    """
    with ctx.db.read() as session:
        programme = session.get(ProgrammeRow, programme_id)
    if programme is None:
        return 0
    found = status.figures(ctx, programme.slug)
    points = _points(found, day or zones.day_of(ctx.now(), found.row.time_zone))
    with ctx.db.write() as session:
        newest = revisions.lock(session, programme_id)
        if newest is None or newest > found.row.revision:
            return 0
        written = rows.write(session, programme_id, points)
        revisions.record(session, programme_id, found.row.revision, wrote=written > 0)
    return written


def close_day(ctx: Context, programme_id: int, day: date) -> int:
    """Store how things stood at the end of a day that has just ended.

    Every change is recorded as it is found; this finds what wasn't, as while a long run goes on. Where something was
    recorded for a later day already, what is known now is of that day, and the ended one is left as it was.
    """
    with ctx.db.read() as session:
        if any(one.point.day > day for one in rows.standing(session, programme_id).values()):
            return 0
    return record(ctx, programme_id, day)


def _points(figures: Figures, day: date) -> dict[int | None, Point]:
    tree, found = figures.tree, figures.progress
    said = progress.rollup(tree.programme, (), {}).programme.percent
    listed: dict[int | None, Point] = {rows.WHOLE: _point(found.programme, day, said)}
    for milestone in tree.programme.milestones:
        nodes: list[Milestone | Task] = [milestone, *milestone.tasks]
        for node in nodes:
            declared = 100.0 if node.completed else node.declared_percent
            listed[tree.ids[node.key]] = _point(found.counts[node.key], day, declared)
    return listed


def _point(count: Count, day: date, declared: float | None) -> Point:
    return Point(day, count.done, count.total, count.excluded, count.percent, count.source, declared)


def _id(programme: ProgrammeRow) -> int:
    assert programme.id is not None  # noqa: S101 - it was read, or flushed
    return programme.id


# Rebuilding


def rebuild(ctx: Context, slug: str) -> int:
    """Work out the days before the first recorded one, from when the trackers say that things were made and closed.

    Gives how many points there are now of such days. Nothing recorded is touched; the same again makes the same.
    Raises ProgrammeUnknown.
    """
    with ctx.db.read() as session:
        programme = trees.get(session, slug)
    record(ctx, _id(programme))
    return _rebuild(ctx, programme)


def _rebuild(ctx: Context, programme: ProgrammeRow) -> int:
    """The same, of a programme that was recorded at least once."""
    with ctx.db.read() as session:
        first = rows.first_days(session, _id(programme))
    began = first.get(rows.WHOLE)
    if began is None:
        return 0
    figures = status.figures(ctx, programme.slug)
    tree = figures.tree
    there = {key for key, node in tree.ids.items() if first.get(node) == began}
    found = rebuilding.rebuilt(tree.programme, figures.reading, there, ZoneInfo(figures.row.time_zone), began)
    listed = [(tree.ids[key] if key is not None else rows.WHOLE, point) for key, point in found]
    with ctx.db.write() as session:
        if revisions.lock(session, tree.id) is None:
            return 0
        rows.replace_rebuilt(session, tree.id, listed)
        revisions.rebuild_later(session, tree.id, False)
    return len(listed)


# Looking back


def history(
    ctx: Context, slug: str, key: str | None = None, since: date | None = None, until: date | None = None
) -> History:
    """The points of a milestone or task, or of the programme where `key` is None. A day without one stood as the last.

    From `since` on: where the node stood as before on that day, its first point is of that day, as it stood then.
    Raises ProgrammeUnknown, NodeUnknown, BadRange.
    """
    if since and until and since > until:
        raise BadRange(f"the range ends ({until}) before it begins ({since})", "give from and to the other way round")
    with ctx.db.read() as session:
        programme = trees.get(session, slug)
        node = None if key is None else _node(session, programme, key)
        found = rows.series(session, _id(programme), [node], since, until).get(node, [])
    if found and since and found[0].point.day < since:
        found[0] = Stored(found[0].id, node, replace(found[0].point, day=since), found[0].rebuilt)
    return History(slug, key, programme.time_zone, tuple(found))


def _node(session: Session, programme: ProgrammeRow, key: str) -> int:
    tree = trees.load(session, programme.slug)
    kinds = {m.key for m in tree.programme.milestones} | {t.key for m in tree.programme.milestones for t in m.tasks}
    if key in kinds:
        return tree.ids[key]
    gone = [number for number, (name, kind) in tree.archived.items() if name == key and kind != "step"]
    if gone:
        return max(gone)
    hint = "steps have no history of their own: ask for their task" if key in tree.ids else ""
    hint = hint or f"there are: {', '.join(tree.milestone_keys()[:10])}"
    raise NodeUnknown(f"{programme.slug!r} has no milestone or task {key!r}", hint)


def every(ctx: Context, slug: str) -> dict[str | None, Sequence[Point]]:
    """All points of every node of today's tree by key, None for the programme. Raises ProgrammeUnknown."""
    with ctx.db.read() as session:
        tree = trees.load(session, slug)
        found = rows.series(session, tree.id)
    keys: dict[int | None, str | None] = {number: key for key, number in tree.ids.items()}
    keys[rows.WHOLE] = None
    return {keys[node]: [one.point for one in listed] for node, listed in found.items() if node in keys}


def at(ctx: Context, slug: str, day: date) -> Past:
    """How each node stood at the end of a day of the programme's zone. Raises ProgrammeUnknown."""
    with ctx.db.read() as session:
        programme = trees.get(session, slug)
        tree = trees.load(session, slug)
        found = rows.standing(session, tree.id, day)
        later = rows.removed_later(session, tree.id, zones.end_of(day, programme.time_zone))
    stood = {node: replace(one.point, day=day) for node, one in found.items()}
    return Past(
        day,
        programme.time_zone,
        stood.get(rows.WHOLE),
        {key: stood[node] for key, node in tree.ids.items() if node in stood},
        {key: stood[node] for node, key in later.items() if node in stood},
    )


# Growing old


def prune(db: Database, now: datetime, keep: timedelta) -> int:
    """Thin the points of days longer ago than `keep` to the last of each ISO week; gives how many were taken away.

    The first point of each node, rebuilt or recorded, stays: it is what everything later is held against.
    """
    last = zones.day_of(now - keep, "UTC")
    gone: list[int] = []
    with db.write() as session:
        whose: tuple[int | None, int | None] | None = None
        week: tuple[int, int] | None = None
        seen: set[bool] = set()
        held: int | None = None  # a point that goes where another of its week comes after it
        for owner, one in rows.before(session, last):
            if owner != whose:
                whose, week, seen, held = owner, None, set(), None
            year, number, _ = one.point.day.isocalendar()
            this = (year, number)
            if held is not None and this == week:
                gone.append(held)
            week = this
            held = one.id if one.rebuilt in seen else None
            seen.add(one.rebuilt)
        rows.remove(session, gone)
    return len(gone)
