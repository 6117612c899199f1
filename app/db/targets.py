"""Targets and what belongs to them: selection, credentials by name, leases. Deliveries have a module of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import CursorResult, bindparam, delete, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.core.errors import MilepostError
from app.db import revisions
from app.db.models import LeaseRow, NodeRow, ProgrammeRow, TargetRow


class TargetUnknown(MilepostError):
    """There is no target of this name or id."""

    type = "target-unknown"
    status = 404


class TargetBusy(MilepostError):
    """Another process holds the target's lease."""

    type = "target-busy"
    status = 409


def get(session: Session, name: str) -> TargetRow:
    """A target by name. Raises TargetUnknown, naming those that there are."""
    row = session.exec(select(TargetRow).where(TargetRow.name == name)).first()
    if row is None:
        there = ", ".join(session.exec(select(TargetRow.name).order_by(TargetRow.name)))
        hint = f"there are: {there}" if there else "make one with `milepost target add`"
        raise TargetUnknown(f"there is no target {name!r}", hint)
    return row


def by_id(session: Session, target_id: str) -> TargetRow:
    """A target by id. Raises TargetUnknown."""
    row = session.get(TargetRow, target_id)
    if row is None:
        raise TargetUnknown("there is no such target")
    return row


def all_of(session: Session, programme_id: int | None = None) -> Sequence[TargetRow]:
    query = select(TargetRow).order_by(col(TargetRow.created_at), col(TargetRow.name))
    if programme_id is not None:
        query = query.where(TargetRow.programme_id == programme_id)
    return session.exec(query).all()


def slug_of(session: Session, row: TargetRow) -> str:
    """The slug of the programme that a target belongs to."""
    programme = session.get(ProgrammeRow, row.programme_id)
    assert programme is not None  # noqa: S101 - held by a foreign key
    return programme.slug


def selection(session: Session, programme_id: int) -> dict[str, list[int]]:
    """Target id -> ids of the living milestones it takes, in document order."""
    nodes = session.exec(
        select(NodeRow.id)
        .where(NodeRow.programme_id == programme_id, NodeRow.kind == "milestone", col(NodeRow.archived_at).is_(None))
        .order_by(col(NodeRow.position))
    ).all()
    rows = all_of(session, programme_id)
    named = {node for row in rows for node in row.nodes or []}
    return {
        row.id: [n for n in nodes if n is not None and (n in row.nodes if row.nodes is not None else n not in named)]
        for row in rows
    }


def keys_of(session: Session, row: TargetRow) -> list[str] | None:
    """The keys that a target selects, None for all that no other target has."""
    if row.nodes is None:
        return None
    keys = session.exec(select(NodeRow.id, NodeRow.key).where(col(NodeRow.id).in_(row.nodes))).all()
    found = dict(keys)
    return [found[node] for node in row.nodes if node in found]


def take_lease(
    session: Session, target_id: str, holder: str, seconds: float, now: datetime, *, ended: Callable[[str], bool]
) -> int:
    """Become the one writer of a target, or stay it; gives the fence. Raises TargetBusy while another is alive.

    `ended` says of a holder that it is dead for certain: its lease need not lapse first.
    """
    until = now + timedelta(seconds=seconds)
    row = session.get(LeaseRow, target_id, with_for_update=True)
    if row is None:
        session.add(LeaseRow(target_id=target_id, holder=holder, fence=1, expires_at=until))
        try:
            session.flush()
        except IntegrityError:
            raise TargetBusy("another process has just begun to work on this target", "try again shortly") from None
        return 1
    if row.holder not in ("", holder) and row.expires_at > now and not ended(row.holder):
        wait = int((row.expires_at - now).total_seconds()) + 1
        raise TargetBusy("another process is working on this target", f"try again; it is let go in {wait} s at most")
    if row.holder != holder:
        row.holder, row.fence = holder, row.fence + 1
    row.expires_at, row.wanted_at = until, None
    session.add(row)
    return row.fence


def hold(session: Session, target_id: str, until: datetime) -> None:
    """The tracker asked to be left alone until then: nobody writes to, or reads, this target before."""
    session.execute(update(TargetRow).where(col(TargetRow.id) == target_id).values(hold_until=until))


def want_lease(session: Session, target_id: str, now: datetime) -> None:
    """Ask whoever works on a target to let it go after the call in flight."""
    session.execute(update(LeaseRow).where(col(LeaseRow.target_id) == target_id).values(wanted_at=now))


def lease_wanted(session: Session, target_id: str) -> bool:
    """Whether another asked for a target since it was taken."""
    row = session.get(LeaseRow, target_id)
    return row is not None and row.wanted_at is not None


def cancel_run(session: Session, target_id: str, run_id: str) -> None:
    """Ask the run of this target to end after the call in flight, in whatever process it is carried out."""
    session.execute(update(LeaseRow).where(col(LeaseRow.target_id) == target_id).values(cancelled=run_id))


def cancelled_run(session: Session, target_id: str) -> str:
    """The id of the last run of this target that was asked to end, "" for none."""
    row = session.get(LeaseRow, target_id)
    return row.cancelled if row is not None else ""


def renew_lease(session: Session, target_id: str, fence: int, seconds: float, now: datetime) -> None:
    """Hold on to a lease. Raises TargetBusy when it was taken over meanwhile: then nothing more may be written."""
    result: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        update(LeaseRow)
        .where(col(LeaseRow.target_id) == target_id, col(LeaseRow.fence) == fence)
        .values(expires_at=now + timedelta(seconds=seconds))
    )
    if result.rowcount != 1:
        raise TargetBusy("another process took this target over", "look at `milepost runs` before going on")


def drop_lease(session: Session, target_id: str, fence: int, now: datetime) -> None:
    """Let a lease go at once, if it is still this one. The row stays, so that fences keep rising."""
    session.execute(
        update(LeaseRow)
        .where(col(LeaseRow.target_id) == target_id, col(LeaseRow.fence) == fence)
        .values(expires_at=now, holder="")
    )


def drop_leases(session: Session, process: str, now: datetime) -> None:
    """Let everything go that a process holds. `process` is how its leases name it."""
    session.execute(
        update(LeaseRow)
        .where(col(LeaseRow.holder).endswith(f" {process}", autoescape=True))
        .values(expires_at=now, holder="")
    )


def ask(session: Session, target_id: str, now: datetime) -> None:
    """Someone wants a refresh: it is due until one has answered."""
    session.execute(update(TargetRow).where(col(TargetRow.id) == target_id).values(asked_at=now))


def set_state(row: TargetRow, state: str, reason: str = "") -> None:
    """Pause a target or let it go on, which is begun afresh: what failed before counts no more."""
    row.state, row.pause_reason = state, reason
    if state == "active":
        row.failures, row.tried_at = 0, None


def remove(session: Session, row: TargetRow) -> None:
    """Forget a target, its links and its history here. Its tracker is left as it is."""
    session.execute(delete(TargetRow).where(col(TargetRow.id) == row.id))
    revisions.touch(session, row.programme_id)


def add(session: Session, row: TargetRow) -> None:
    """Store a new target."""
    session.add(row)
    session.flush()
    revisions.touch(session, row.programme_id)


class Door(NamedTuple):
    """What a webhook call asks of its target."""

    kind: str
    webhook_secret_env: str
    state: str
    failures: int


DOOR = select(TargetRow.kind, TargetRow.webhook_secret_env, TargetRow.state, TargetRow.failures).where(
    TargetRow.id == bindparam("target_id")
)


def door(session: Session, target_id: str) -> Door | None:
    """None where there is no such target. Without the ORM: each webhook call waits for it."""
    found = session.connection().execute(DOOR, {"target_id": target_id}).first()
    return Door(*found) if found else None


def programmes(session: Session, ids: Collection[str]) -> set[int]:
    """Ids of the programmes that these targets belong to."""
    return set(session.exec(select(TargetRow.programme_id).where(col(TargetRow.id).in_(ids)))) if ids else set()


def find(session: Session, target_id: str) -> TargetRow | None:
    """A target by id, None where there is none (any more)."""
    return session.get(TargetRow, target_id)


def scheduled(session: Session) -> Sequence[TargetRow]:
    """Every target that is read by itself: all but those that a person paused."""
    query = select(TargetRow).where((TargetRow.state == "active") | (TargetRow.pause_reason != ""))
    return session.exec(query.order_by(col(TargetRow.id))).all()


def leased(session: Session, now: datetime, *, ended: Callable[[str], bool]) -> set[str]:
    """Ids of targets that somebody is working on. `ended` says of a holder that it is dead for certain."""
    rows = session.exec(select(LeaseRow).where(LeaseRow.holder != "", col(LeaseRow.expires_at) > now))
    return {row.target_id for row in rows if not ended(row.holder)}
