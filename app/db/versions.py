"""Versions of a roadmap as they were imported: which one stood when, and whose milestones were which."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from app.core.versions import Known
from app.db.models import NodeRow, VersionRow


def before(session: Session, programme_id: int, moment: datetime) -> VersionRow | None:
    """The last version that was imported before a moment; None where none was. `moment` is aware."""
    return session.exec(
        select(VersionRow)
        .where(VersionRow.programme_id == programme_id, col(VersionRow.imported_at) < moment)
        .order_by(col(VersionRow.number).desc())
    ).first()


def milestones(session: Session, programme_id: int) -> list[Known]:
    """As `app.db.trees.known`, of milestones alone: those of today and those that were removed."""
    query = select(NodeRow).where(NodeRow.programme_id == programme_id, NodeRow.kind == "milestone")
    return [
        Known(
            node=node.id or 0,
            kind="milestone",
            key=node.key,
            title=node.title,
            parent=None,
            position=node.position,
            text=f"{node.text}\n{node.window_text or ''}",
            archived=node.archived_at is not None,
        )
        for node in session.exec(query)
    ]
