"""Plans, runs and the journal of every remote write: rows <-> core values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, delete, func, update
from sqlmodel import Session, col, select

from app.core.errors import MilepostError
from app.core.plan import Change, Degraded, Drift, FieldChange, Line, Plan, Ref, Section, Value, fingerprint, plain
from app.core.undo import Written
from app.db.models import JournalRow, PlanRow, RunRow


class PlanUnknown(MilepostError):
    """There is no such plan for this target."""

    type = "plan-unknown"
    status = 404


class RunUnknown(MilepostError):
    """There is no such run."""

    type = "run-unknown"
    status = 404


def change_json(change: Change) -> dict[str, Any]:
    """A change as INTERFACE shows it."""
    return {
        "action": change.action,
        "key": change.key,
        "shape": change.shape,
        "url": change.ref.url if change.ref else None,
        "reason": change.reason,
        "fields": {name: {"before": plain(f.before), "after": plain(f.after)} for name, f in change.fields.items()},
    }


def _out(change: Change) -> dict[str, Any]:
    ref = change.ref
    return change_json(change) | {
        "node": change.node,
        "kind": change.kind,
        "ref": [ref.shape, ref.id, ref.number, ref.global_id, ref.url] if ref else None,
        "intro": change.section.intro,
        "lines": [[line.node, line.key, line.title] for line in change.section.lines],
        "base": {name: plain(value) for name, value in change.base.items() if name != "description"},
        "forget": change.forget,
    }


def _in(data: Mapping[str, Any]) -> Change:
    fields = {
        name: FieldChange(_value(name, f["before"]), _value(name, f["after"])) for name, f in data["fields"].items()
    }
    return Change(
        action=data["action"],
        node=data["node"],
        key=data["key"],
        kind=data["kind"],
        shape=data["shape"],
        ref=Ref(*data["ref"]) if data["ref"] else None,
        fields=fields,
        reason=data["reason"],
        section=Section(data["intro"], tuple(Line(*line) for line in data["lines"])),
        base={name: _value(name, value) for name, value in data["base"].items()},
        forget=data.get("forget", False),
    )


def _value(name: str, value: Any) -> Value:
    if name in ("start", "due") and isinstance(value, str):
        return date.fromisoformat(value)
    return tuple(value) if isinstance(value, list) else value


def keep_plan(
    session: Session,
    plan_id: str,
    target_id: str,
    plan: Plan,
    *,
    adopt: bool = False,
    recreate: bool = False,
    undoes: str | None = None,
    now: datetime,
) -> None:
    """Store a plan as it was shown. `undoes` is the run that it takes back."""
    content = {
        "changes": [_out(change) for change in plan.changes],
        "drift": [[d.key, d.field, plain(d.base), plain(d.observed), d.reason] for d in plan.drift],
        "degraded": [[d.key, d.wanted, d.got, d.reason] for d in plan.degraded],
        "unchanged": plan.unchanged,
    }
    session.add(
        PlanRow(
            id=plan_id,
            target_id=target_id,
            created_at=now,
            checksum=plan.checksum(),
            complete=plan.complete,
            adopt=adopt,
            recreate=recreate,
            undoes=undoes,
            summary=plan.summary(),
            content=content,
        )
    )


def plan_row(session: Session, target_id: str, plan_id: str) -> PlanRow:
    """Raises PlanUnknown."""
    row = session.get(PlanRow, plan_id)
    if row is None or row.target_id != target_id:
        raise PlanUnknown(f"there is no plan {plan_id!r} for this target", "make one with `milepost plan NAME`")
    return row


def plan_of(row: PlanRow) -> Plan:
    """The plan as it was stored."""
    content = row.content
    return Plan(
        changes=tuple(_in(data) for data in content["changes"]),
        unchanged=content["unchanged"],
        drift=tuple(Drift(*entry) for entry in content["drift"]),
        degraded=tuple(Degraded(*entry) for entry in content["degraded"]),
        complete=row.complete,
    )


def run_row(session: Session, run_id: str) -> RunRow:
    """Raises RunUnknown."""
    row = session.get(RunRow, run_id)
    if row is None:
        raise RunUnknown(f"there is no run {run_id!r}", "list them with `milepost runs`")
    return row


def runs(session: Session, target_ids: Sequence[str], limit: int, before: str | None = None) -> Sequence[RunRow]:
    """Runs of these targets, newest first; `before` is the id of the last one seen."""
    query = select(RunRow).where(col(RunRow.target_id).in_(target_ids))
    if before is not None:
        last = run_row(session, before)
        query = query.where(
            (col(RunRow.started_at) < last.started_at)
            | ((col(RunRow.started_at) == last.started_at) & (col(RunRow.id) < last.id))
        )
    return session.exec(query.order_by(col(RunRow.started_at).desc(), col(RunRow.id).desc()).limit(limit)).all()


def interrupt_runs(session: Session, target_id: str, now: datetime, *, cancelled: str = "") -> None:
    """Runs whose process is gone (the caller holds the lease, so none can be alive) are interrupted.

    `cancelled` is the id of one that a person asked to end: it is not gone on with.
    """
    for row in session.exec(select(RunRow).where(RunRow.target_id == target_id, RunRow.state == "running")):
        row.state, row.finished_at, row.error = "interrupted", now, "its process ended before it did"
        row.resume_at = now if row.id != cancelled else None
        session.add(row)


def done_before(session: Session, plan_id: str) -> set[str]:
    """Fingerprints of the plan's steps that earlier runs of it have carried out."""
    query = (
        select(JournalRow.fingerprint)
        .join(RunRow, col(RunRow.id) == col(JournalRow.run_id))
        .where(RunRow.plan_id == plan_id, JournalRow.state == "done")
    )
    return set(session.exec(query))


def open_entry(session: Session, run: RunRow, seq: int, change: Change, now: datetime) -> JournalRow:
    """A step's journal row, before its call."""
    row = JournalRow(
        run_id=run.id,
        target_id=run.target_id,
        seq=seq,
        node_id=change.node,
        key=change.key,
        action=change.action,
        shape=change.shape,
        fields=change_json(change)["fields"],
        fingerprint=fingerprint(change),
        state="pending",
        at=now,
    )
    session.add(row)
    return row


def close_entry(
    session: Session,
    row: JournalRow,
    state: str,
    now: datetime,
    *,
    url: str = "",
    error: str = "",
    request_id: str = "",
    sent: Sequence[datetime] = (),
) -> JournalRow:
    """What became of a step. `sent` are the times of its writes."""
    row.state, row.finished_at, row.url, row.error, row.request_id = state, now, url, error, request_id
    row.writes, row.last_write_at = len(sent), sent[-1] if sent else None
    return session.merge(row)


def entries(session: Session, run_id: str) -> Sequence[JournalRow]:
    return session.exec(select(JournalRow).where(JournalRow.run_id == run_id).order_by(col(JournalRow.seq))).all()


LONGEST_STEP = timedelta(hours=1)
"""Longer than any step takes, what the tracker asks to be waited for included: older ones need not be looked at."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A write: when it was sent, and by when it had come in for certain, since its step was over then."""

    at: datetime
    by: datetime


def writes_since(session: Session, target_id: str, since: datetime) -> list[Sent]:
    """The writes to this target of the steps that were begun, or over, since then, in their order: what pacing counts
    by, across restarts and processes.
    """
    row = JournalRow
    over = func.coalesce(col(row.finished_at), col(row.at))
    query = (
        select(row.at, over, row.writes, row.last_write_at)
        .where(row.target_id == target_id, col(row.at) >= since - LONGEST_STEP, over >= since, row.state != "skipped")
        .order_by(col(row.at))
    )
    return [
        Sent(last or at if nth == writes - 1 else at, by)
        for at, by, writes, last in session.exec(query)
        for nth in range(writes)
    ]


def run_json(row: RunRow, target: str, now: datetime) -> dict[str, Any]:
    """A run as commands and the API show it. Times are UTC; `seconds_left` at its pace so far, None unless it runs."""
    past = row.done + row.failed + row.skipped
    pace = (now - row.started_at).total_seconds() / past if past else None
    left = round(pace * (row.total - past)) if row.state == "running" and pace is not None else None
    return {
        "run": row.id,
        "target": target,
        "plan": row.plan_id,
        "by": row.actor or None,
        "state": row.state,
        "started_at": _utc(row.started_at),
        "finished_at": _utc(row.finished_at) if row.finished_at else None,
        "total": row.total,
        "done": row.done,
        "failed": row.failed,
        "skipped": row.skipped,
        "seconds_left": left,
        "error": row.error or None,
    }


def _utc(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def audit(
    session: Session,
    target_ids: Sequence[str],
    limit: int,
    *,
    run: str | None = None,
    key: str | None = None,
    before: int | None = None,
) -> Sequence[tuple[JournalRow, RunRow]]:
    """Remote writes of these targets, newest first; `before` is the id of the last one seen."""
    query = select(JournalRow, RunRow).join(RunRow, col(RunRow.id) == col(JournalRow.run_id))
    query = query.where(col(JournalRow.target_id).in_(target_ids), JournalRow.state != "skipped")
    if run is not None:
        query = query.where(JournalRow.run_id == run)
    if key is not None:
        query = query.where(JournalRow.key == key)
    if before is not None:
        query = query.where(col(JournalRow.id) < before)
    return session.exec(query.order_by(col(JournalRow.id).desc()).limit(limit)).all()


def audit_json(entry: JournalRow, run: RunRow, target: str) -> dict[str, Any]:
    """One remote write: who, when, what, each field before and after, and what became of it. Times are UTC."""
    return {
        "at": _utc(entry.at),
        "finished_at": _utc(entry.finished_at) if entry.finished_at else None,
        "by": run.actor or None,
        "target": target,
        "run": run.id,
        "key": entry.key,
        "action": entry.action,
        "shape": entry.shape,
        "url": entry.url or None,
        "fields": entry.fields,
        "outcome": entry.state,
        "error": entry.error or None,
        "request_id": entry.request_id or None,
    }


def prune(session: Session, before: datetime) -> int:
    """Forget runs that ended before then, with their entries, and plans that no run needs. Gives how many runs."""
    gone = session.execute(delete(RunRow).where(col(RunRow.finished_at) < before, col(RunRow.state) != "running"))
    kept = select(RunRow.plan_id)
    session.execute(delete(PlanRow).where(col(PlanRow.created_at) < before, col(PlanRow.id).not_in(kept)))
    return int(gone.rowcount)  # type: ignore[attr-defined]


def written(session: Session, run_id: str) -> list[Written]:
    """The steps that a run carried out, in their order. Raises RunUnknown."""
    run_row(session, run_id)
    return [
        Written(
            row.node_id,
            row.action,  # type: ignore[arg-type]  # stored from an Action
            {n: FieldChange(_value(n, f["before"]), _value(n, f["after"])) for n, f in row.fields.items()},
        )
        for row in entries(session, run_id)
        if row.state == "done" and row.node_id is not None
    ]


def find_plan(session: Session, plan_id: str) -> PlanRow | None:
    """A plan by id, of whatever target."""
    return session.get(PlanRow, plan_id)


def find_run(session: Session, run_id: str) -> RunRow | None:
    """A run by id, of whatever target."""
    return session.get(RunRow, run_id)


def resumable(session: Session, now: datetime) -> list[RunRow]:
    """Interrupted runs that the service is to go on with by now, the oldest first."""
    query = select(RunRow).where(RunRow.state == "interrupted", col(RunRow.by_service), col(RunRow.resume_at) <= now)
    return list(session.exec(query.order_by(col(RunRow.started_at))))


def claim(session: Session, run_id: str, now: datetime, until: datetime) -> bool:
    """Be the one that goes on with an interrupted run; until then nobody else tries. False when another is."""
    result: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        update(RunRow)
        .where(col(RunRow.id) == run_id, col(RunRow.state) == "interrupted", col(RunRow.resume_at) <= now)
        .values(resume_at=until)
    )
    return result.rowcount == 1


def targets_running(session: Session) -> set[str]:
    """Ids of targets that have a run which says it is running."""
    return set(session.exec(select(RunRow.target_id).where(RunRow.state == "running").distinct()))
