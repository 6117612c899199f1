"""What trackers were last seen to hold, and which node each object is: rows <-> `Observed`, `Link`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import delete, insert, update
from sqlmodel import Session, col, select

from app.core.plan import (
    BLOCKED_BY,
    CLOSED_AT,
    PLACES,
    Agreed,
    Change,
    Fields,
    Left,
    Line,
    Link,
    Observed,
    Ref,
    Section,
    Sent,
    Value,
    plain,
)
from app.db import revisions
from app.db.models import LinkRow, MirrorRow
from app.db.trees import Tree

CHUNK = 500
"""Values in one IN (…): databases cap how many parameters a statement has."""


def observed(session: Session, target_id: str) -> list[Observed]:
    """Everything that the target's tracker was last seen to hold."""
    return [_observed(row) for row in _rows(session, target_id)]


def _rows(session: Session, target_id: str, only: Collection[str] | None = None) -> list[Any]:
    """Mirror rows; `only` those of these ref ids (of either family)."""
    table = MirrorRow.__table__  # type: ignore[attr-defined]  # rows, not objects: ten times as many a second
    query = select(table).where(table.c.target_id == target_id).order_by(table.c.id)
    if only is None:
        return list(session.connection().execute(query))
    ids = sorted(only)
    return [
        row
        for start in range(0, len(ids), CHUNK)
        for row in session.connection().execute(query.where(table.c.ref_id.in_(ids[start : start + CHUNK])))
    ]


def _observed(row: Any) -> Observed:
    return Observed(
        ref=Ref(row.shape, row.ref_id, row.number, row.global_id, row.url),
        title=row.title,
        description=row.description,
        state=row.state,
        reason=row.reason,
        milestone=row.milestone,
        parent=row.parent,
        labels=tuple(row.labels),
        type=row.type,
        start=row.start,
        due=row.due,
        blocked_by=tuple(row.blocked_by),
        updated_at=row.updated_at,
        closed_at=row.closed_at,
        created_at=row.created_at,
        assignees=tuple(row.assignees),
        estimate=row.estimate,
    )


def copies(session: Session, target_id: str) -> set[tuple[str, str]]:
    """Identities of people's copies of managed objects, as far as they were told by `note_copies`."""
    table = MirrorRow.__table__  # type: ignore[attr-defined]
    query = select(table.c.family, table.c.ref_id).where(table.c.target_id == target_id, table.c.copied.is_(True))
    return {(row.family, row.ref_id) for row in session.connection().execute(query)}


def note_copies(session: Session, target_id: str, found: Collection[tuple[str, str]]) -> None:
    """Remember that these objects carry a managed one's marker: the key in it may be another node's one day."""
    for family, ref_id in found:
        query = update(MirrorRow).where(
            col(MirrorRow.target_id) == target_id, col(MirrorRow.family) == family, col(MirrorRow.ref_id) == ref_id
        )
        session.execute(query.values(copied=True))


def keep(session: Session, target_id: str, objects: Collection[Observed], *, full: bool) -> int:
    """Take in what a read found; with `full`, what is absent is forgotten. Gives how many objects changed."""
    rows = _rows(session, target_id, None if full else {item.ref.id for item in objects})
    ids = {(row.family, row.ref_id): row.id for row in rows}
    before = {(row.family, row.ref_id): _observed(row) for row in rows}
    now = {item.ref.identity: item for item in objects}
    changed = [item for key, item in now.items() if before.get(key) != item]
    news = [_values(target_id, item) for item in changed if item.ref.identity not in before]
    olds = [_values(target_id, i) | {"id": ids[i.ref.identity]} for i in changed if i.ref.identity in before]
    if news:
        session.execute(insert(MirrorRow), news)
    if olds:
        session.execute(update(MirrorRow), olds)
    _reopened(session, target_id, [i for i in changed if i.state == "open" and i.ref.identity in before])
    gone = [ids[key] for key in before if full and key not in now]
    for start in range(0, len(gone), CHUNK):
        session.execute(delete(MirrorRow).where(col(MirrorRow.id).in_(gone[start : start + CHUNK])))
    if changed or gone:
        revisions.touch_of(session, target_id)
    return len(changed) + len(gone)


def _reopened(session: Session, target_id: str, items: Iterable[Observed]) -> None:
    """What people reopened: our close of it is over, and one that follows isn't ours."""
    for item in items:
        family, ref_id = item.ref.identity
        query = select(LinkRow).where(
            LinkRow.target_id == target_id, LinkRow.family == family, LinkRow.ref_id == ref_id
        )
        for row in session.exec(query):
            if row.base.get("state", "open") != "open":
                row.base = {**row.base, CLOSED_AT: ""}
                session.add(row)


def _values(target_id: str, item: Observed) -> dict[str, Any]:
    family, ref_id = item.ref.identity
    return {
        "target_id": target_id,
        "family": family,
        "ref_id": ref_id,
        "shape": item.ref.shape,
        "number": item.ref.number,
        "global_id": item.ref.global_id,
        "url": item.ref.url,
        "title": item.title,
        "description": item.description,
        "state": item.state,
        "reason": item.reason,
        "milestone": item.milestone,
        "parent": item.parent,
        "labels": list(item.labels),
        "type": item.type,
        "start": item.start,
        "due": item.due,
        "blocked_by": list(item.blocked_by),
        "updated_at": item.updated_at,
        "closed_at": item.closed_at,
        "created_at": item.created_at,
        "assignees": list(item.assignees),
        "estimate": item.estimate,
    }


def links(session: Session, target_id: str, tree: Tree) -> list[Link]:
    """The target's links in the tree's words: keys of today, places in `base` as keys."""
    table = LinkRow.__table__  # type: ignore[attr-defined]
    rows = session.connection().execute(select(table).where(table.c.target_id == target_id).order_by(table.c.id)).all()
    living = {number: key for key, number in tree.ids.items()}
    kinds = {node.key: kind for node, kind in _kinds(tree)}
    found = []
    for row in rows:
        archived = row.node_id in tree.archived
        key = tree.archived[row.node_id][0] if archived else living[row.node_id]
        kind: Any = tree.archived[row.node_id][1] if archived else kinds[key]
        ref = Ref(row.shape, row.ref_id, row.number, row.global_id, row.url) if row.ref_id is not None else None
        base, sent = _base_in(row.base, living), _sent_in(row.sent, living) if row.sent else None
        found.append(Link(row.node_id, key, kind, ref, base, _section_in(row.section), archived, sent))
    return found


def _kinds(tree: Tree) -> Iterable[tuple[Any, str]]:
    for milestone in tree.programme.milestones:
        yield milestone, "milestone"
        for task in milestone.tasks:
            yield task, "task"
            for step in task.steps:
                yield step, "step"


def _base_in(base: Mapping[str, Any], living: Mapping[int, str]) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for name, value in base.items():
        if name in PLACES:
            fields[name] = living.get(value, f"#{value}") if isinstance(value, int) else value
        elif name == BLOCKED_BY:
            fields[name] = tuple(living.get(node, f"#{node}") for node in value)
        elif name in ("start", "due"):
            fields[name] = date.fromisoformat(value) if value else None
        else:
            fields[name] = tuple(value) if isinstance(value, list) else value
    return fields


def _base_out(fields: Fields, ids: Mapping[str, int]) -> dict[str, Any]:
    """`base` as stored: places as node ids, since keys change; the description is kept as its section alone."""
    stored: dict[str, Any] = {}
    for name, value in fields.items():
        if name in PLACES and value is not None:
            stored[name] = ids.get(str(value), value if str(value).startswith("#") else None)
        elif name == BLOCKED_BY and isinstance(value, tuple):
            stored[name] = [int(key[1:]) if key.startswith("#") else ids[key] for key in value]
        elif name != "description":
            stored[name] = plain(value)
    return stored


def begin(session: Session, target_id: str, change: Change, ids: Mapping[str, int]) -> None:
    """Say that a step's call is about to be sent: from here on its outcome is a question, never forgotten.

    What a create asks for is its base: once the object is found, whatever differs is people's. But closing takes a
    second call, so that what was to be closed and is open may be unfinished: that is left out.
    """
    row = _row(session, target_id, change.node)
    if change.action == "create":
        if row is None:
            row = LinkRow(target_id=target_id, node_id=change.node, shape=change.shape, family=_family(change.shape))
        row.ref_id = None
        row.base = _base_out({n: v for n, v in change.base.items() if n != "state" or v == "open"}, ids)
        row.shape, row.family, row.section = change.shape, _family(change.shape), _section(change.section)
        row.sent = {"key": change.key}
    elif row is None or row.ref_id is None:
        return
    else:
        row.sent = _sent_out(change, ids)
    session.add(row)


def _sent_out(change: Change, ids: Mapping[str, int]) -> dict[str, Any]:
    names = [name for name in change.fields if name not in ("description", BLOCKED_BY) and name in change.base]
    sent: dict[str, Any] = {
        "key": change.key,
        "fields": _base_out({name: change.base[name] for name in names}, ids),
        "before": _base_out({name: change.fields[name].before for name in names}, ids),
    }
    if "description" in change.fields:
        sent["section"] = _section(change.section)
    if BLOCKED_BY in change.fields:
        key, added = change.dependency()
        sent["waits"] = [*_base_out({BLOCKED_BY: (key,)}, ids)[BLOCKED_BY], added]
    return sent


def _sent_in(sent: Mapping[str, Any], living: Mapping[int, str]) -> Sent:
    waits = sent.get("waits")
    return Sent(
        sent["key"],
        _base_in(sent.get("fields", {}), living),
        _base_in(sent.get("before", {}), living),
        _section_in(sent["section"]) if "section" in sent else None,
        (living.get(waits[0], f"#{waits[0]}"), waits[1]) if waits else None,
    )


def refused(session: Session, target_id: str, change: Change) -> None:
    """The tracker refused a step's call for certain: it was never begun."""
    row = _row(session, target_id, change.node)
    if row is not None and row.ref_id is not None:
        row.sent = None
    elif row is not None and change.action == "create":
        session.delete(row)


def unfinished(session: Session, target_id: str, node: int) -> None:
    """A create did not give all that was asked for: what differs is nobody's, and asked for again."""
    row = _row(session, target_id, node)
    if row is not None and row.ref_id is None:
        row.base = {}


def pending(session: Session, target_id: str) -> bool:
    """Whether there are creates whose outcome isn't known."""
    query = select(LinkRow.id).where(LinkRow.target_id == target_id, col(LinkRow.ref_id).is_(None))
    return session.exec(query.limit(1)).first() is not None


def unsettled(session: Session, target_id: str) -> bool:
    """Whether there are objects that a call was sent to, and nobody knows what came of it."""
    query = select(LinkRow.id).where(
        LinkRow.target_id == target_id, col(LinkRow.sent).is_not(None), col(LinkRow.ref_id).is_not(None)
    )
    return session.exec(query.limit(1)).first() is not None


def settle(session: Session, target_id: str, node: int, base: Fields, section: Section, ids: Mapping[str, int]) -> None:
    """It is known what came of the last call: this is what has been applied."""
    row = _row(session, target_id, node)
    if row is not None:
        row.base, row.section, row.sent = _base_out(base, ids), _section(section), None


def forget(session: Session, target_id: str, node: int) -> None:
    """A node has no object any more."""
    row = _row(session, target_id, node)
    if row is not None:
        session.delete(row)


def bind(
    session: Session,
    target_id: str,
    node: int,
    ref: Ref,
    applied: Fields,
    section: Section | None,
    ids: Mapping[str, int],
) -> None:
    """Record what a node is, and what was applied to it; what is not in `applied`, or None, keeps its base."""
    row = _row(session, target_id, node)
    if row is None:
        row = LinkRow(target_id=target_id, node_id=node, shape=ref.shape, family=_family(ref.shape))
    row.shape, row.family, row.ref_id = ref.shape, _family(ref.shape), ref.id
    row.number, row.global_id, row.url = ref.number, ref.global_id, ref.url
    row.base, row.sent = {**row.base, **_base_out(applied, ids)}, None
    if section is not None:
        row.section = _section(section)
    session.add(row)


def rebase(session: Session, target_id: str, node: int, fields: Fields, ids: Mapping[str, int]) -> None:
    """Take these values for what was last applied: how a conflict is decided."""
    row = _row(session, target_id, node)
    if row is not None:
        row.base = {**row.base, **_base_out(fields, ids)}
        session.add(row)


def agree(session: Session, target_id: str, agreed: Agreed, ids: Mapping[str, int]) -> None:
    """Take for applied what both sides say alike."""
    row = _row(session, target_id, agreed.node)
    if row is not None and row.ref_id is not None:
        row.base = {**row.base, **_base_out(agreed.fields, ids)}
        if agreed.section is not None:
            row.section = _section(agreed.section)
        session.add(row)


def relate(session: Session, target_id: str, ref: Ref, by: Ref, blocked: bool) -> None:
    """Keep what was just said to the tracker: that an object waits for another, or no longer does."""
    family, ref_id = ref.identity
    found = session.exec(
        select(MirrorRow).where(
            MirrorRow.target_id == target_id, MirrorRow.family == family, MirrorRow.ref_id == ref_id
        )
    ).first()
    if found is not None:
        others = [item for item in found.blocked_by if item != by.id]
        found.blocked_by = [*others, by.id] if blocked else others
        session.add(found)
        revisions.touch_of(session, target_id)


def _row(session: Session, target_id: str, node: int) -> LinkRow | None:
    """A node's link, to be changed."""
    revisions.touch_of(session, target_id)
    return session.exec(select(LinkRow).where(LinkRow.target_id == target_id, LinkRow.node_id == node)).first()


def _family(shape: str) -> str:
    return "milestone" if shape == "milestone" else "item"


def _section(section: Section) -> dict[str, Any]:
    return {
        "intro": section.intro,
        "lines": [[line.node, line.key, line.title] for line in section.lines],
        "left": [[one.node, one.ticked, one.issue, one.order] for one in section.left],
        "order": section.order,
    }


def _section_in(stored: Mapping[str, Any]) -> Section:
    lines = tuple(Line(*line) for line in stored.get("lines", []))
    left = tuple(Left(*one) for one in stored.get("left", []))
    return Section(stored.get("intro", ""), lines, left, stored.get("order", 0))
