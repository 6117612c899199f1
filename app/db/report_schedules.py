"""Schedules of reports: what is made when, for whom, and who makes it now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, update
from sqlmodel import Session, col, select

from app.core.errors import MilepostError
from app.db.models import NotifierRow, ProgrammeRow, ReportScheduleRow


class ReportScheduleUnknown(MilepostError):
    """There is no schedule of reports of this name."""

    type = "report-schedule-unknown"
    status = 404


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule, whose report it makes, where its days are, and the name of its notifier ("" for a file)."""

    row: ReportScheduleRow
    programme: str
    time_zone: str
    notifier: str


def everyone(session: Session) -> list[Scheduled]:
    """Every schedule, by name."""
    query = (
        select(ReportScheduleRow, ProgrammeRow.slug, ProgrammeRow.time_zone, NotifierRow.name)
        .join(ProgrammeRow, col(ProgrammeRow.id) == col(ReportScheduleRow.programme_id))
        .outerjoin(NotifierRow, col(NotifierRow.id) == col(ReportScheduleRow.notifier_id))
        .order_by(ReportScheduleRow.name)
    )
    return [Scheduled(row, slug, zone, notifier or "") for row, slug, zone, notifier in session.exec(query)]


def get(session: Session, name: str) -> Scheduled:
    """A schedule by name. Raises ReportScheduleUnknown, naming those that there are."""
    there = everyone(session)
    for one in there:
        if one.row.name == name:
            return one
    names = ", ".join(one.row.name for one in there)
    raise ReportScheduleUnknown(f"there is no report schedule {name!r}", f"there are: {names}" if names else "add one")


def of_notifier(session: Session, notifier_id: int) -> list[str]:
    """The names of the schedules whose reports go to a notifier."""
    query = select(ReportScheduleRow.name).where(ReportScheduleRow.notifier_id == notifier_id)
    return list(session.exec(query.order_by(ReportScheduleRow.name)))


def claim(session: Session, row: ReportScheduleRow, until: datetime) -> bool:
    """Become the one who makes the report, until then at most. False when another has begun to since it was read."""
    return _changed(session, row, row.again_at, {"again_at": until})


def finish(session: Session, row: ReportScheduleRow, claimed: datetime, **values: Any) -> bool:
    """What became of it. False when the claim (until `claimed`) has passed to another: then nothing is stored."""
    return _changed(session, row, claimed, values)


def _changed(session: Session, row: ReportScheduleRow, again_at: datetime, values: dict[str, Any]) -> bool:
    result: CursorResult[Any] = session.execute(  # type: ignore[assignment]
        update(ReportScheduleRow)
        .where(
            col(ReportScheduleRow.id) == row.id,
            col(ReportScheduleRow.again_at) == again_at,
            col(ReportScheduleRow.reported_at).is_not_distinct_from(row.reported_at),
        )
        .values(**values)
    )
    return result.rowcount == 1
