"""Programmes, their versions and nodes: rows <-> core values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, func, select

from app.core.errors import MilepostError
from app.core.tree import Milestone, Node, Programme, Step, Task, Window, kind_of
from app.core.versions import Changes, Known
from app.db import revisions
from app.db.models import NodeRow, ProgrammeRow, VersionRow


class ProgrammeUnknown(MilepostError):
    """There is no programme of this slug."""

    type = "programme-unknown"
    status = 404


@dataclass(frozen=True, slots=True)
class Tree:
    """The living tree of a programme, with each node's id by key. `archived`: ids of removed nodes -> (key, kind)."""

    id: int
    slug: str
    programme: Programme
    ids: Mapping[str, int]
    archived: Mapping[int, tuple[str, str]]

    def milestone_keys(self) -> list[str]:
        return [milestone.key for milestone in self.programme.milestones]


def find(session: Session, slug: str) -> ProgrammeRow | None:
    return session.exec(select(ProgrammeRow).where(ProgrammeRow.slug == slug)).first()


def get(session: Session, slug: str) -> ProgrammeRow:
    """The programme's row. Raises ProgrammeUnknown, naming those that there are."""
    row = find(session, slug)
    if row is None:
        there = ", ".join(slugs(session)[:5])
        hint = f"there are: {there}" if there else f"milepost import FILE --programme {slug} --start YYYY-MM-DD"
        raise ProgrammeUnknown(f"there is no programme {slug!r}", hint)
    return row


def slugs(session: Session) -> list[str]:
    return list(session.exec(select(ProgrammeRow.slug).order_by(ProgrammeRow.slug)))


def load(session: Session, slug: str) -> Tree:
    """The whole tree. Raises ProgrammeUnknown."""
    row = get(session, slug)
    return _tree(row, _nodes(session, row))


def _nodes(session: Session, row: ProgrammeRow) -> Sequence[Any]:
    table = NodeRow.__table__  # type: ignore[attr-defined]  # rows, not objects: ten times as many a second
    return (
        session.connection()
        .execute(select(table).where(table.c.programme_id == row.id).order_by(table.c.position, table.c.id))
        .all()
    )


def _tree(row: ProgrammeRow, nodes: Sequence[Any]) -> Tree:
    children: dict[int | None, list[Any]] = {}
    archived: dict[int, tuple[str, str]] = {}
    ids: dict[str, int] = {}
    for node in nodes:
        if node.archived_at is not None:
            archived[node.id] = (node.key, node.kind)
        else:
            ids[node.key] = node.id
            children.setdefault(node.parent_id, []).append(node)
    milestones = tuple(
        _milestone(m, tuple(_task(t, tuple(map(_step, children.get(t.id, [])))) for t in children.get(m.id, [])))
        for m in children.get(None, [])
    )
    return Tree(row.id or 0, row.slug, Programme(row.title, row.start, milestones), ids, archived)


def _milestone(row: Any, tasks: tuple[Task, ...]) -> Milestone:
    window = None if row.window_text is None else Window(row.window_text, row.window_start, row.window_end)
    return Milestone(
        key=row.key,
        title=row.title,
        tasks=tasks,
        objective=row.text,
        window=window,
        declared_percent=row.declared_percent,
        completed=row.completed,
        completed_on=row.completed_on,
        depends_on=tuple(row.depends_on),
        prerequisites=tuple(row.prerequisites),
        owner=row.owner,
        line=row.line,
    )


def _task(row: Any, steps: tuple[Step, ...]) -> Task:
    return Task(
        key=row.key,
        title=row.title,
        steps=steps,
        description=row.text,
        declared_percent=row.declared_percent,
        completed=row.completed,
        completed_on=row.completed_on,
        depends_on=tuple(row.depends_on),
        line=row.line,
    )


def _step(row: Any) -> Step:
    return Step(key=row.key, title=row.title, done=row.completed, detail=row.text, line=row.line)


def known(session: Session, row: ProgrammeRow) -> list[Known]:
    """Every stored node, removed ones too, for `app.core.versions.match`."""
    return [
        Known(
            node=node.id,
            kind=node.kind,
            key=node.key,
            title=node.title,
            parent=node.parent_id,
            position=node.position,
            text=f"{node.text}\n{node.window_text or ''}" if node.kind == "milestone" else node.text,
            archived=node.archived_at is not None,
        )
        for node in _nodes(session, row)
    ]


def save(session: Session, row: ProgrammeRow, programme: Programme, found: Mapping[str, int], now: datetime) -> None:
    """Make the stored tree this one. `found` (key -> id) are the nodes that stay; others are added or archived."""
    living = {node.id: node for node in _nodes(session, row)}
    stays = set(found.values())
    gone = [i for i, node in living.items() if node.archived_at is None and i not in stays]
    _update(session, [{"id": i, "archived_at": now} for i in gone])
    renamed = {i: key for key, i in found.items() if living[i].key != key or living[i].archived_at is not None}
    _update(session, [{"id": i, "key": f"~{i}"} for i in renamed])  # so that swapped keys never meet
    ids = dict(found)
    levels: list[list[tuple[Node, str | None, int]]] = [[], [], []]
    for place, milestone in enumerate(programme.milestones):
        levels[0].append((milestone, None, place))
        for number, task in enumerate(milestone.tasks):
            levels[1].append((task, milestone.key, number))
            levels[2].extend((step, task.key, index) for index, step in enumerate(task.steps))
    for level in levels:
        values = [_values(node, row.id or 0, ids[parent] if parent else None, place) for node, parent, place in level]
        changed = [
            value | {"id": ids[value["key"]]}
            for value in values
            if value["key"] in found and _differs(living[ids[value["key"]]], value)
        ]
        _update(session, changed)
        new = [
            value | {"baseline_start": value["window_start"], "baseline_end": value["window_end"]}
            for value in values
            if value["key"] not in found
        ]
        if new:
            made = session.execute(insert(NodeRow).returning(col(NodeRow.id), col(NodeRow.key)), new)
            ids |= {key: number for number, key in made if number is not None}
    revisions.touch(session, row.id or 0)


def _update(session: Session, values: list[dict[str, Any]]) -> None:
    if values:
        session.execute(update(NodeRow), values)


def _differs(row: Any, value: Mapping[str, Any]) -> bool:
    return row.archived_at is not None or any(getattr(row, name) != new for name, new in value.items())


def _values(node: Node, programme_id: int, parent_id: int | None, position: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "programme_id": programme_id,
        "parent_id": parent_id,
        "kind": kind_of(node),
        "key": node.key,
        "position": position,
        "title": node.title,
        "line": node.line,
        "archived_at": None,
        "window_text": None,
        "window_start": None,
        "window_end": None,
        "declared_percent": None,
        "completed": False,
        "completed_on": None,
        "depends_on": [],
        "prerequisites": [],
        "owner": "",
    }
    if isinstance(node, Step):
        return values | {"text": node.detail, "completed": node.done}
    values |= {
        "declared_percent": node.declared_percent,
        "completed": node.completed,
        "completed_on": node.completed_on,
        "depends_on": list(node.depends_on),
    }
    if isinstance(node, Task):
        return values | {"text": node.description}
    window = node.window
    return values | {
        "text": node.objective,
        "window_text": window.text if window else None,
        "window_start": window.start if window else None,
        "window_end": window.end if window else None,
        "prerequisites": list(node.prerequisites),
        "owner": node.owner,
    }


def baselines(session: Session, programme_id: int) -> dict[int, Window]:
    """The windows that milestones had when they were first imported, by node id; those removed since are among them."""
    query = select(col(NodeRow.id), col(NodeRow.baseline_start), col(NodeRow.baseline_end)).where(
        NodeRow.programme_id == programme_id, NodeRow.kind == "milestone", col(NodeRow.baseline_end).is_not(None)
    )
    return {number: Window("", start, end) for number, start, end in session.exec(query) if number is not None}


def last_version(session: Session, row: ProgrammeRow) -> VersionRow | None:
    return session.exec(
        select(VersionRow).where(VersionRow.programme_id == row.id).order_by(col(VersionRow.number).desc())
    ).first()


def add_version(
    session: Session, row: ProgrammeRow, source: bytes, sha256: str, start: date, changes: Changes, now: datetime
) -> int:
    """Keep a roadmap as imported; gives its number, from 1."""
    last = session.exec(select(func.max(VersionRow.number)).where(VersionRow.programme_id == row.id)).one()
    number = (last or 0) + 1
    kept = {name: list(getattr(changes, name)) for name in ("added", "removed", "renamed", "moved", "reworded")}
    session.add(
        VersionRow(
            programme_id=row.id or 0,
            number=number,
            source=source,
            sha256=sha256,
            start=start,
            imported_at=now,
            changes=kept,
        )
    )
    return number


def version_number(session: Session, row: ProgrammeRow) -> int:
    """The number of the last version, 0 where none was imported."""
    return session.exec(select(func.max(VersionRow.number)).where(VersionRow.programme_id == row.id)).one() or 0


def listed(session: Session, limit: int, after: str | None = None) -> Sequence[ProgrammeRow]:
    """Programmes by slug; `after` is the slug of the last one seen."""
    query = select(ProgrammeRow).order_by(ProgrammeRow.slug).limit(limit)
    if after is not None:
        query = query.where(col(ProgrammeRow.slug) > after)
    return session.exec(query).all()


def every(session: Session) -> Sequence[ProgrammeRow]:
    """All programmes, by slug."""
    return session.exec(select(ProgrammeRow).order_by(ProgrammeRow.slug)).all()


def remove(session: Session, row: ProgrammeRow) -> None:
    """Forget a programme with its versions, nodes and targets. Its trackers are left as they are."""
    session.execute(delete(ProgrammeRow).where(col(ProgrammeRow.id) == row.id))
