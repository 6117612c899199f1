"""The inbox's rows: webhook calls, each once, until a good refresh answers them.

waiting ─▶ handled, by a refresh that began after the call was stored and read its target whole; or ─▶ failed, after
`TRIES` refreshes that did not. A failed one is still answered by the next good refresh, but asks for none by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import CursorResult, bindparam, case, delete, func, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from app.core.errors import MilepostError
from app.db.models import DeliveryRow

State = Literal["waiting", "handled", "failed", "discarded"]
STATES: tuple[State, ...] = get_args(State)
Came = Literal["new", "again", "seen"]
"""How a call came: for the first time, again before it was handled, or after."""
OPEN = ("waiting", "failed")
"""The states that a good refresh answers: what the index `delivery_open` holds."""
TRIES = 10
"""Refreshes that may fail before a delivery is parked as failed: some ten minutes, at an interval of five."""
AT_ONCE = 500
"""Rows changed by one statement: databases take only so many parameters."""


def _insert_into(insert: Any) -> Any:
    return (
        insert(table).values({name: bindparam(name) for name in COLUMNS}).on_conflict_do_nothing().returning(table.c.id)
    )


table = DeliveryRow.__table__  # type: ignore[attr-defined]  # SQLModel gives it to every table
COLUMNS = ("target_id", "delivery_id", "event", "received_at", "state", "handled_at", "attempts", "error")
INSERT = {"sqlite": _insert_into(sqlite.insert), "postgresql": _insert_into(postgresql.insert)}
"""Made once, and run without the ORM: each webhook call waits for it."""


class DeliveryUnknown(MilepostError):
    """There is no such delivery."""

    type = "delivery-unknown"
    status = 404


class DeliveryHandled(MilepostError):
    """A delivery that was answered: there is nothing left to do for it."""

    type = "delivery-handled"
    status = 409


def keep(session: Session, target_id: str, delivery_id: str, event: str, now: datetime, *, relevant: bool) -> Came:
    """Store a delivery once; one that isn't `relevant` is handled at once. One that comes again and was never handled
    counts: where it had failed or was discarded it waits again, with all its tries.

    Raises IntegrityError where there is no such target.
    """
    if _insert(session, target_id, delivery_id, event, now, relevant=relevant):
        return "new"
    row = session.exec(
        select(DeliveryRow).where(DeliveryRow.target_id == target_id, DeliveryRow.delivery_id == delivery_id)
    ).one()
    if row.state == "handled":
        return "seen"
    if row.state != "waiting":
        _again(row)
        session.add(row)
    return "again"


def keep_missed(
    session: Session, target_id: str, delivery_id: str, event: str, now: datetime, *, relevant: bool
) -> bool:
    """Store a delivery that the tracker says did not arrive. True when it is new and to be acted on: what is here
    already arrived after all, or was taken from the same list before.
    """
    return _insert(session, target_id, delivery_id, event, now, relevant=relevant) and relevant


def _insert(session: Session, target_id: str, delivery_id: str, event: str, now: datetime, *, relevant: bool) -> bool:
    """True when there was none. In one statement, so that the same call twice at once is no error."""
    state: State = "waiting" if relevant else "handled"
    values = {
        "target_id": target_id,
        "delivery_id": delivery_id,
        "event": event,
        "received_at": now,
        "state": state,
        "handled_at": None if relevant else now,
        "attempts": 0,
        "error": "",
    }
    connection = session.connection()
    return connection.execute(INSERT[connection.dialect.name], values).first() is not None


def _again(row: DeliveryRow) -> None:
    row.state, row.attempts, row.error = "waiting", 0, ""


def waiting(session: Session) -> set[str]:
    """Ids of targets with deliveries that ask for a refresh."""
    return set(session.exec(select(DeliveryRow.target_id).where(DeliveryRow.state == "waiting").distinct()))


def unanswered(session: Session, target_id: str) -> list[int]:
    """Ids of what a refresh that begins now answers when it succeeds.

    By id rather than by time: clocks differ, and what is stored later than this look is answered by a later refresh.
    """
    query = select(DeliveryRow.id).where(DeliveryRow.target_id == target_id, col(DeliveryRow.state).in_(OPEN))
    return [number for number in session.exec(query) if number is not None]


def answer(session: Session, numbers: Sequence[int], now: datetime) -> None:
    """A good refresh answered these."""
    for some in _parts(numbers):
        session.execute(
            update(DeliveryRow)
            .where(col(DeliveryRow.id).in_(some), col(DeliveryRow.state).in_(OPEN))
            .values(state="handled", handled_at=now)
            .execution_options(synchronize_session=False)
        )


def failed(session: Session, numbers: Sequence[int], error: str) -> None:
    """A refresh failed that would have answered these: one try less for each, and the last one parks it."""
    tried = col(DeliveryRow.attempts) + 1
    for some in _parts(numbers):
        session.execute(
            update(DeliveryRow)
            .where(col(DeliveryRow.id).in_(some), col(DeliveryRow.state) == "waiting")
            .values(attempts=tried, error=error, state=case((tried >= TRIES, "failed"), else_="waiting"))
            .execution_options(synchronize_session=False)
        )


def _parts(numbers: Sequence[int]) -> list[Sequence[int]]:
    return [numbers[start : start + AT_ONCE] for start in range(0, len(numbers), AT_ONCE)]


def get(session: Session, number: int) -> DeliveryRow:
    """Raises DeliveryUnknown."""
    row = session.get(DeliveryRow, number)
    if row is None:
        raise DeliveryUnknown(f"there is no delivery {number}", "list them with `milepost deliveries NAME`")
    return row


def retry(session: Session, number: int) -> DeliveryRow:
    """Let a delivery wait for a refresh again, with all its tries. Raises DeliveryUnknown, DeliveryHandled."""
    row = _unhandled(session, number)
    _again(row)
    session.add(row)
    return row


def discard(session: Session, number: int) -> DeliveryRow:
    """Ask for no refresh for it any more. Raises DeliveryUnknown, DeliveryHandled."""
    row = _unhandled(session, number)
    row.state = "discarded"
    session.add(row)
    return row


def _unhandled(session: Session, number: int) -> DeliveryRow:
    row = session.get(DeliveryRow, number, with_for_update=True)
    if row is None:
        return get(session, number)
    if row.state == "handled":
        raise DeliveryHandled(f"the delivery {number} was handled", "milepost refresh reads the target again")
    return row


def listed(
    session: Session, target_id: str, limit: int, *, state: State | None = None, before: int | None = None
) -> Sequence[DeliveryRow]:
    """A target's deliveries, newest first; `before` is the id of the last one seen."""
    query = select(DeliveryRow).where(DeliveryRow.target_id == target_id)
    if state is not None:
        query = query.where(DeliveryRow.state == state)
    if before is not None:
        query = query.where(col(DeliveryRow.id) < before)
    return session.exec(query.order_by(col(DeliveryRow.id).desc()).limit(limit)).all()


def count(session: Session, target_id: str, state: State) -> int:
    """How many deliveries of a target are in this state."""
    query = select(func.count()).where(DeliveryRow.target_id == target_id, DeliveryRow.state == state)
    return session.exec(query).one()


def counts(session: Session) -> dict[tuple[str, str], int]:
    """How many deliveries are kept, by (target id, state)."""
    query = select(DeliveryRow.target_id, DeliveryRow.state, func.count()).group_by(
        col(DeliveryRow.target_id), col(DeliveryRow.state)
    )
    return {(target_id, state): number for target_id, state, number in session.exec(query)}


def prune(session: Session, before: datetime) -> int:
    """Forget deliveries that were handled, or received and then discarded, before then. Gives how many."""
    gone: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        delete(DeliveryRow).where(
            (col(DeliveryRow.handled_at) < before)
            | ((col(DeliveryRow.state) == "discarded") & (col(DeliveryRow.received_at) < before))
        )
    )
    return int(gone.rowcount)
