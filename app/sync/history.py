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
from app.core.progress import Count, Progress
from app.core.tree import Milestone, Task
from app.db import history as rows
from app.db import trees
from app.db.engine import Database
from app.db.history import Stored
from app.db.models import ProgrammeRow
from app.db.trees import Tree
from app.sync import rebuilding, status, zones
from app.sync.context import Context


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


def record(db: Database, programme_id: int, now: datetime, *, rebuild: bool = False) -> int:
    """Store how the programme's nodes stand now, where that changed; gives how many points were written.

    With `rebuild` the days before the first recorded one are worked out anew, too. A programme that is gone has none.
    """
    with db.write() as session:
        programme = session.get(ProgrammeRow, programme_id)
        if programme is None:
            return 0
        written = record_in(session, programme, now)
        if rebuild:
            rebuild_in(session, programme)
        return written


def record_in(session: Session, programme: ProgrammeRow, now: datetime, day: date | None = None) -> int:
    """The same within a transaction. `day` is the day it is stored for, today in the programme's zone where None."""
    session.flush()
    rows.lock(session, _id(programme))
    tree = trees.load(session, programme.slug)
    reading = status.measured(session, tree, programme.time_zone)
    found = progress.rollup(tree.programme, reading.units, reading.epics)
    return rows.write(session, tree.id, _points(tree, found, day or zones.day_of(now, programme.time_zone)))


def close_day(db: Database, programme_id: int, day: date, now: datetime) -> int:
    """Store how things stood at the end of a day that has just ended.

    Every change is recorded as it is found; this finds what wasn't, as while a long run goes on. Where something was
    recorded for a later day already, what is known now is of that day, and the ended one is left as it was.
    """
    with db.write() as session:
        programme = session.get(ProgrammeRow, programme_id)
        if programme is None:
            return 0
        if any(one.point.day > day for one in rows.standing(session, programme_id).values()):
            return 0
        return record_in(session, programme, now, day)


def _points(tree: Tree, found: Progress, day: date) -> dict[int | None, Point]:
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
    with ctx.db.write() as session:
        programme = trees.get(session, slug)
        record_in(session, programme, ctx.now())
        return rebuild_in(session, programme)


def rebuild_in(session: Session, programme: ProgrammeRow) -> int:
    """The same within a transaction, for a programme that was recorded at least once."""
    first = rows.first_days(session, _id(programme))
    began = first.get(rows.WHOLE)
    if began is None:
        return 0
    tree = trees.load(session, programme.slug)
    there = {key for key, node in tree.ids.items() if first.get(node) == began}
    zone = ZoneInfo(programme.time_zone)
    found = rebuilding.rebuilt(tree.programme, status.measured(session, tree, programme.time_zone), there, zone, began)
    listed = [(tree.ids[key] if key is not None else rows.WHOLE, point) for key, point in found]
    rows.replace_rebuilt(session, tree.id, listed)
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
