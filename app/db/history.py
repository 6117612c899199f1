"""How nodes stood by day: rows <-> `Point`. A day without a row stood as the last one before it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import CursorResult, and_, delete, func, insert, or_, select, union_all, update
from sqlmodel import Session, col

from app.core.history import Point
from app.db import revisions
from app.db.models import HistoryRow, NodeRow

CHUNK = 500
"""Values in one IN (…): databases cap how many parameters a statement has."""
WHOLE: None = None
"""Stands for the whole programme where nodes are named by their ids."""

HISTORY: Any = HistoryRow.__table__  # type: ignore[attr-defined]  # rows, not objects: ten times as many a second
NODE: Any = NodeRow.__table__  # type: ignore[attr-defined]
COUNTED = ("milestone", "task")


@dataclass(frozen=True, slots=True)
class Stored:
    """A point as stored. `node` is the node's id, None for the whole programme."""

    id: int
    node: int | None
    point: Point
    rebuilt: bool


def _stored(row: Any) -> Stored:
    point = Point(row.day, row.done, row.total, row.excluded, row.percent, row.source, row.declared)
    return Stored(row.id, row.node_id, point, row.rebuilt)


def _nodes(programme_id: int) -> Any:
    return select(NODE.c.id).where(NODE.c.programme_id == programme_id, NODE.c.kind.in_(COUNTED))


def _of(programme_id: int, nodes: Collection[int | None] | None, *conditions: Any) -> Any:
    """Rows of these nodes, None for all of the programme: one statement, each half by its own index."""
    parts = []
    if nodes is None or WHOLE in nodes:
        parts.append(select(HISTORY).where(HISTORY.c.programme_id == programme_id, *conditions))
    if nodes is None:
        parts.append(select(HISTORY).where(HISTORY.c.node_id.in_(_nodes(programme_id)), *conditions))
    elif ids := sorted(node for node in nodes if node is not None):
        parts.append(select(HISTORY).where(HISTORY.c.node_id.in_(ids), *conditions))
    return union_all(*parts) if len(parts) > 1 else parts[0]


def series(
    session: Session,
    programme_id: int,
    nodes: Collection[int | None] | None = None,
    since: date | None = None,
    until: date | None = None,
) -> dict[int | None, list[Stored]]:
    """The stored points of nodes by node id (None is the whole programme), oldest first. One statement.

    `nodes`: at most 500 ids, or None for every milestone and task, removed ones too. From `since` on means with the
    last point before it, which says how the node stood then; up to `until` and on it. Nodes without a point are absent.
    """
    if nodes is not None and not nodes:
        return {}
    conditions = [HISTORY.c.day <= until] if until else []
    found: dict[int | None, list[Stored]] = {}
    for row in session.connection().execute(_of(programme_id, nodes, *conditions)):
        found.setdefault(row.node_id, []).append(_stored(row))
    for each in found.values():
        each.sort(key=_day)
        if since:
            del each[: max(bisect_right(each, since, key=_day) - 1, 0)]
    return found


def _day(one: Stored) -> date:
    return one.point.day


def standing(session: Session, programme_id: int, day: date | None = None) -> dict[int | None, Stored]:
    """The last point of each node on or before `day`, of all days where None; by node id, None is the programme.

    A look-up a node, however long the history is. Nodes without a point by then are absent.
    """
    past = HISTORY.alias()
    limit = [past.c.day <= day] if day else []
    last = select(func.max(past.c.day)).where(past.c.node_id == NODE.c.id, *limit).correlate(NODE).scalar_subquery()
    of_nodes = (
        select(HISTORY)
        .select_from(NODE)
        .join(HISTORY, and_(HISTORY.c.node_id == NODE.c.id, HISTORY.c.day == last))
        .where(NODE.c.programme_id == programme_id, NODE.c.kind.in_(COUNTED))
    )
    whole = select(func.max(past.c.day)).where(past.c.programme_id == programme_id, *limit).scalar_subquery()
    of_whole = select(HISTORY).where(HISTORY.c.programme_id == programme_id, HISTORY.c.day == whole)
    rows = session.connection().execute(union_all(of_nodes, of_whole))
    return {row.node_id: _stored(row) for row in rows}


def write(session: Session, programme_id: int, found: Mapping[int | None, Point]) -> int:
    """Store how nodes stand now, where that is not how they stood last; gives how many rows were written or taken away.

    `found`'s points are all of one day. The row of a day is that day's last word: a later call on the same day changes
    it, and takes it away where the node is back as it stood before. Where a newer day has a row already (the clock, or
    the time zone, was set back), that one is changed. Nothing but a node's newest row is ever touched.
    """
    before = standing(session, programme_id)
    fresh: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    back: list[Stored] = []
    for node, point in found.items():
        last = before.get(node)
        if last is None or (_differ(last.point, point) and last.point.day < point.day):
            fresh.append(_values(programme_id, node, point))
        elif _differ(last.point, point):
            back.append(last)
            changed.append(_values(programme_id, node, point) | {"id": last.id, "day": last.point.day})
    gone = _as_before(session, programme_id, back, found) if changed else set()
    if fresh:
        session.execute(insert(HistoryRow), fresh)
    if updates := [value for value in changed if value["id"] not in gone]:
        session.execute(update(HistoryRow), updates)
    remove(session, gone)
    if fresh or changed:
        revisions.touch(session, programme_id)
    return len(fresh) + len(changed)


def _as_before(
    session: Session, programme_id: int, rows: Sequence[Stored], found: Mapping[int | None, Point]
) -> set[int]:
    """Ids of those of the newest rows that would say again what the row before them says."""
    again: set[int] = set()
    nodes = [one.node for one in rows]
    newest = {one.node: one for one in rows}
    for start in range(0, len(nodes), CHUNK):
        for node, points in series(session, programme_id, nodes[start : start + CHUNK]).items():
            earlier = [one for one in points if one.id != newest[node].id]
            if earlier and not earlier[-1].rebuilt and not _differ(earlier[-1].point, found[node]):
                again.add(newest[node].id)
    return again


def _differ(one: Point, other: Point) -> bool:
    """Whether two points say anything else, but for the day."""
    return (one.done, one.total, one.excluded, one.percent, one.source, one.declared) != (
        other.done,
        other.total,
        other.excluded,
        other.percent,
        other.source,
        other.declared,
    )


def _values(programme_id: int, node: int | None, point: Point, *, rebuilt: bool = False) -> dict[str, Any]:
    return {
        "programme_id": programme_id if node is None else None,
        "node_id": node,
        "day": point.day,
        "done": point.done,
        "total": point.total,
        "excluded": point.excluded,
        "percent": point.percent,
        "source": point.source,
        "declared": point.declared,
        "rebuilt": rebuilt,
    }


def first_days(session: Session, programme_id: int) -> dict[int | None, date]:
    """The first day that was recorded (not rebuilt) of each node, removed ones too; None is the whole programme."""
    found = _of(programme_id, None, HISTORY.c.rebuilt.is_(False)).subquery()
    query = select(found.c.node_id, func.min(found.c.day)).group_by(found.c.node_id)
    return {row[0]: row[1] for row in session.connection().execute(query)}


def replace_rebuilt(session: Session, programme_id: int, points: Iterable[tuple[int | None, Point]]) -> None:
    """Put these in the place of every rebuilt point of the programme. Recorded ones are not touched."""
    gone: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        delete(HistoryRow).where(
            col(HistoryRow.rebuilt).is_(True),
            or_(col(HistoryRow.programme_id) == programme_id, col(HistoryRow.node_id).in_(_nodes(programme_id))),
        )
    )
    fresh = [_values(programme_id, node, point, rebuilt=True) for node, point in points]
    if fresh:
        session.execute(insert(HistoryRow), fresh)
    if fresh or gone.rowcount:
        revisions.touch(session, programme_id)


def before(session: Session, day: date) -> Iterable[tuple[tuple[int | None, int | None], Stored]]:
    """Every point of a day before this one, of all programmes: ((programme id, node id), point), in order of days."""
    query = (
        select(HISTORY).where(HISTORY.c.day < day).order_by(HISTORY.c.node_id, HISTORY.c.programme_id, HISTORY.c.day)
    )
    for row in session.connection().execute(query):
        yield (row.programme_id, row.node_id), _stored(row)


def remove(session: Session, ids: Collection[int]) -> None:
    """Take rows away."""
    listed = sorted(ids)
    for start in range(0, len(listed), CHUNK):
        session.execute(delete(HistoryRow).where(col(HistoryRow.id).in_(listed[start : start + CHUNK])))


def removed_later(session: Session, programme_id: int, after: datetime) -> dict[int, str]:
    """Ids and keys of the nodes that the roadmap dropped after this moment."""
    query = _nodes(programme_id).add_columns(NODE.c.key).where(NODE.c.archived_at > after)
    return {row.id: row.key for row in session.connection().execute(query)}
