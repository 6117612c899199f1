"""Versions of a roadmap as they were imported: which one stood when."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from app.db.models import VersionRow


def before(session: Session, programme_id: int, moment: datetime) -> VersionRow | None:
    """The last version that was imported before a moment; None where none was. `moment` is aware."""
    return session.exec(
        select(VersionRow)
        .where(VersionRow.programme_id == programme_id, col(VersionRow.imported_at) < moment)
        .order_by(col(VersionRow.number).desc())
    ).first()
