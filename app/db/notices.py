"""The outbox of notifications, where they go, and what was told last of each programme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, delete, update
from sqlmodel import Session, col, func, select

from app.core.errors import MilepostError
from app.db.engine import insert_of
from app.db.models import NotificationRow, NotifierRow, ProgrammeRow, RunRow, StandingRow, TargetRow


class NotifierUnknown(MilepostError):
    """There is no notifier of this name."""

    type = "notifier-unknown"
    status = 404


@dataclass(frozen=True, slots=True)
class Moved:
    """A programme that may stand otherwise than when it was last looked at. `seen` names what it now rests on."""

    id: int
    slug: str
    seen: str
    standing: StandingRow | None


def get(session: Session, name: str) -> NotifierRow:
    """A notifier by name. Raises NotifierUnknown, naming those that there are."""
    row = session.exec(select(NotifierRow).where(NotifierRow.name == name)).first()
    if row is None:
        there = ", ".join(session.exec(select(NotifierRow.name).order_by(NotifierRow.name)))
        raise NotifierUnknown(f"there is no notifier {name!r}", f"there are: {there}" if there else "add one first")
    return row


def of_programme(session: Session, programme_id: int) -> Sequence[NotifierRow]:
    return session.exec(
        select(NotifierRow).where(NotifierRow.programme_id == programme_id).order_by(NotifierRow.name)
    ).all()


def everyone(session: Session) -> list[tuple[NotifierRow, str]]:
    """Every notifier, with its programme's slug."""
    query = select(NotifierRow, ProgrammeRow.slug).join(
        ProgrammeRow, col(ProgrammeRow.id) == col(NotifierRow.programme_id)
    )
    return list(session.exec(query.order_by(NotifierRow.name)))


def counts(session: Session) -> dict[int, dict[str, int]]:
    """Notifier id -> how many messages are in each state."""
    query = select(NotificationRow.notifier_id, NotificationRow.state, func.count()).group_by(
        col(NotificationRow.notifier_id), col(NotificationRow.state)
    )
    found: dict[int, dict[str, int]] = {}
    for notifier, state, count in session.exec(query):
        found.setdefault(notifier, {})[state] = count
    return found


def last_error(session: Session, notifier_id: int) -> str:
    """Why the last message that did not go out didn't; "" where all did."""
    query = select(NotificationRow.error).where(
        NotificationRow.notifier_id == notifier_id, NotificationRow.error != "", NotificationRow.state != "sent"
    )
    return session.exec(query.order_by(col(NotificationRow.id).desc()).limit(1)).first() or ""


def moved(session: Session, day: str, failing: Mapping[int, Sequence[str]]) -> list[Moved]:
    """Programmes of which something was imported, read or run since they were last looked at, or whose failing targets
    are others (by name, in `failing`), or to which a new day came: a window may have ended.
    """
    reads = select(TargetRow.programme_id, func.max(TargetRow.last_refresh)).group_by(col(TargetRow.programme_id))
    read = dict(session.exec(reads).all())
    runs = (
        select(TargetRow.programme_id, func.max(RunRow.finished_at))
        .join(RunRow, col(RunRow.target_id) == col(TargetRow.id))
        .group_by(col(TargetRow.programme_id))
    )
    ran = dict(session.exec(runs).all())
    rows = select(ProgrammeRow, StandingRow).outerjoin(
        StandingRow, col(StandingRow.programme_id) == col(ProgrammeRow.id)
    )
    found = []
    for programme, standing in session.exec(rows).all():
        number = programme.id or 0
        parts = (day, programme.updated_at, read.get(number), ran.get(number), *failing.get(number, ()))
        seen = " ".join(str(part) for part in parts)
        if standing is None or standing.seen != seen:
            found.append(Moved(number, programme.slug, seen, standing))
    return found


def claim(session: Session, one: Moved, until: datetime) -> bool:
    """Become the one who looks at a programme, until then at most. False when another has begun to since."""
    if one.standing is None:
        first = insert_of(session, StandingRow).values(programme_id=one.id, again_at=until, seen="")
        return _changed(session, first.on_conflict_do_nothing().execution_options(preserve_rowcount=True))
    return _changed(session, _standing(one.id, one.standing.again_at).values(again_at=until))


def tell(session: Session, one: Moved, claimed: datetime, told: Mapping[str, Any], again_at: datetime) -> bool:
    """Remember what is told in this transaction. False when the claim (until `claimed`) has passed to another: then
    nothing is to be told.
    """
    return _changed(session, _standing(one.id, claimed).values(seen=one.seen, told=dict(told), again_at=again_at))


def _standing(programme_id: int, again_at: datetime) -> Any:
    return update(StandingRow).where(
        col(StandingRow.programme_id) == programme_id, col(StandingRow.again_at) == again_at
    )


def due(session: Session, now: datetime) -> list[NotificationRow]:
    """The oldest waiting message of each notifier, where its time has come: messages go out in their order."""
    first = (
        select(func.min(NotificationRow.id))
        .where(NotificationRow.state == "waiting")
        .group_by(col(NotificationRow.notifier_id))
    )
    query = select(NotificationRow).where(col(NotificationRow.id).in_(first), col(NotificationRow.due_at) <= now)
    return list(session.exec(query.order_by(col(NotificationRow.id))))


def take(session: Session, row: NotificationRow, until: datetime) -> bool:
    """Claim one attempt of a message until then. False when another process has it."""
    return _changed(
        session,
        update(NotificationRow)
        .where(
            col(NotificationRow.id) == row.id,
            col(NotificationRow.state) == "waiting",
            col(NotificationRow.attempts) == row.attempts,
        )
        .values(attempts=row.attempts + 1, due_at=until),
    )


def finish(session: Session, row_id: int | None, **values: Any) -> None:
    """What became of an attempt."""
    session.execute(update(NotificationRow).where(col(NotificationRow.id) == row_id).values(**values))


def again(session: Session, notifier_id: int, now: datetime) -> int:
    """Parked messages of a notifier wait again, and those that wait are due. Gives how many."""
    query = update(NotificationRow).where(
        col(NotificationRow.notifier_id) == notifier_id, col(NotificationRow.state) != "sent"
    )
    result: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        query.values(state="waiting", attempts=0, due_at=now, finished_at=None)
    )
    return result.rowcount


def prune(session: Session, before: datetime) -> None:
    """Forget messages that were sent, or parked, before then."""
    session.execute(delete(NotificationRow).where(col(NotificationRow.finished_at) < before))


def _changed(session: Session, statement: Any) -> bool:
    result: CursorResult[Any] = session.execute(statement)  # type: ignore[assignment]
    return result.rowcount == 1
