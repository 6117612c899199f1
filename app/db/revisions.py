"""A programme's revision: a number that grows with each change of what its figures rest on, in that transaction.

Whoever keeps figures knows by it whether they still hold, in whatever process the change was made. `recorded` is the
revision that history has taken in. Time alone changes no revision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, select, update
from sqlmodel import Session, col

from app.db.engine import last
from app.db.models import ProgrammeRow, TargetRow

TABLE: Any = ProgrammeRow.__table__  # type: ignore[attr-defined]
AT = TABLE.c


def touch(session: Session, programme_id: int) -> None:
    """This transaction changes what the programme's figures rest on: its tree, targets, links or history."""
    last(session, ("touch", programme_id), _set(programme_id, revision=AT.revision + 1))


def touch_of(session: Session, target_id: str) -> None:
    """This transaction changes what a target was last seen to hold, or what of it is whose."""
    programme = select(col(TargetRow.programme_id)).where(col(TargetRow.id) == target_id).scalar_subquery()
    last(session, ("touch", target_id), _set(programme, revision=AT.revision + 1))


def unrecorded(session: Session) -> Sequence[int]:
    """Ids of the programmes that history has yet to take in, or to rebuild."""
    query = select(AT.id).where((AT.revision > AT.recorded) | AT.rebuild_due).order_by(AT.id)
    return list(session.execute(query).scalars())


def lock(session: Session, programme_id: int) -> int | None:
    """The revision that history has taken in, None where the programme is gone. Nobody else records it meanwhile."""
    query = select(AT.recorded).where(AT.id == programme_id).with_for_update()
    found: int | None = session.execute(query).scalar()
    return found


def record(session: Session, programme_id: int, taken: int, *, wrote: bool) -> None:
    """History has taken in the revision `taken`. What it `wrote` in this transaction is no change to take in again."""
    newest = case((AT.revision <= taken + wrote, AT.revision), else_=taken)
    last(session, ("record", programme_id), _set(programme_id, recorded=newest))


def rebuild_later(session: Session, programme_id: int, due: bool = True) -> None:
    """The days before the first recorded one are to be worked out anew, or no longer."""
    last(session, ("rebuild", programme_id), _set(programme_id, rebuild_due=due))


def _set(programme_id: Any, **values: Any) -> Any:
    return update(TABLE).where(AT.id == programme_id).values(**values)
