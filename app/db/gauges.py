"""What the database says of how things go: counts and ages, for metrics and `doctor`. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from app.db import report_schedules
from app.db.models import (
    DeliveryRow,
    LeaseRow,
    LinkRow,
    NotificationRow,
    PlanRow,
    ProgrammeRow,
    RunRow,
    StandingRow,
    TargetRow,
    UsageRow,
)
from app.db.report_schedules import Scheduled


@dataclass(frozen=True, slots=True)
class TargetGauge:
    """One target. `read` is when it was last read well, None for never. Counts of what belongs to it."""

    row: TargetRow
    programme: str
    usage: UsageRow | None
    conflicts: int
    pending: int  # creates that were begun and whose object isn't known yet
    deliveries: dict[str, int]  # by state
    oldest_waiting: datetime | None  # when the oldest delivery that waits came in
    plans: int  # that no run has carried out
    running: list[RunRow]
    lease: LeaseRow | None

    @property
    def read(self) -> datetime | None:
        return self.row.last_refresh


@dataclass(frozen=True, slots=True)
class Gauges:
    """Everything at one moment."""

    targets: list[TargetGauge]
    runs: dict[str, int]
    notifications: dict[str, int]
    reports: list[Scheduled]


def read(session: Session) -> Gauges:
    """Everything, in a handful of queries, however many targets there are."""
    usage = {row.target_id: row for row in session.exec(select(UsageRow)).all()}
    leases = {row.target_id: row for row in session.exec(select(LeaseRow)).all()}
    disputed = {
        row.programme_id: (row.told or {}).get("conflicts", {}) for row in session.exec(select(StandingRow)).all()
    }
    pending = _counted(session, LinkRow.target_id, col(LinkRow.ref_id).is_(None))
    plans = _counted(session, PlanRow.target_id, col(PlanRow.id).not_in(select(RunRow.plan_id)))
    waiting, oldest = _deliveries(session)
    running: dict[str, list[RunRow]] = {}
    for row in session.exec(select(RunRow).where(RunRow.state == "running")).all():
        running.setdefault(row.target_id, []).append(row)
    rows = session.exec(
        select(TargetRow, ProgrammeRow.slug)
        .join(ProgrammeRow, col(ProgrammeRow.id) == col(TargetRow.programme_id))
        .order_by(TargetRow.name)
    ).all()
    return Gauges(
        [
            TargetGauge(
                row=row,
                programme=slug,
                usage=usage.get(row.id),
                conflicts=len(disputed.get(row.programme_id, {}).get(row.name, [])),
                pending=pending.get(row.id, 0),
                deliveries=waiting.get(row.id, {}),
                oldest_waiting=oldest.get(row.id),
                plans=plans.get(row.id, 0),
                running=running.get(row.id, []),
                lease=leases.get(row.id),
            )
            for row, slug in rows
        ],
        dict(session.exec(select(RunRow.state, func.count()).group_by(RunRow.state)).all()),
        dict(session.exec(select(NotificationRow.state, func.count()).group_by(NotificationRow.state)).all()),
        report_schedules.everyone(session),
    )


def _counted(session: Session, target: Any, where: Any) -> dict[str, int]:
    return dict(session.exec(select(target, func.count()).where(where).group_by(target)).all())


def _deliveries(session: Session) -> tuple[dict[str, dict[str, int]], dict[str, datetime]]:
    """(target id -> state -> how many, target id -> when the oldest that waits came in)."""
    counts: dict[str, dict[str, int]] = {}
    oldest: dict[str, datetime] = {}
    query = select(DeliveryRow.target_id, DeliveryRow.state, func.count(), func.min(DeliveryRow.received_at))
    for target, state, count, first in session.exec(query.group_by(col(DeliveryRow.target_id), col(DeliveryRow.state))):
        counts.setdefault(target, {})[state] = count
        if state == "waiting":
            oldest[target] = first
    return counts, oldest
