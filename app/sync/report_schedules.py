"""Reports by schedule, each day or each week, to a file or as a notification.

Level-triggered: the last report's moment is stored, and when the next is due follows from it. However many were missed,
one is made, which tells what has moved since the last one. Whoever makes one claims it first, for a while: of several
processes exactly one does, and where it dies another takes over.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, Literal, get_args

from sqlalchemy.exc import IntegrityError

from app.core.errors import MilepostError
from app.core.shown import cut
from app.db import notices, trees
from app.db import report_schedules as rows
from app.db.engine import DatabaseUnusable
from app.db.models import ReportScheduleRow
from app.db.report_schedules import ReportScheduleUnknown, Scheduled
from app.report.model import Report
from app.sync import zones
from app.sync.context import Context, new_id
from app.sync.notices import TEXT_MAX, row_of
from app.sync.targets import NAME

log = logging.getLogger(__name__)

Every = Literal["day", "week"]
EVENT: Final = "report"
"""What such a message's `type` is."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FORMATS: Final = ("md", "html", "json")
CLAIM: Final = timedelta(minutes=5)
"""How long making one may take before another process may make it instead."""
WAITS: Final = (60.0, 300.0, 900.0, 3600.0)
"""Seconds from each failed attempt to the next; the last one from then on. It is never given up: folders come back."""
NEVER_SO_LONG: Final = timedelta(days=1)
"""Nobody is so far ahead, and nobody waits so long: the clock was set back."""


class BadReportSchedule(MilepostError):
    """A schedule that can't be: which option, and how to mend it."""

    type = "bad-report-schedule"
    status = 422


class ReportScheduleExists(MilepostError):
    """The name is taken."""

    type = "report-schedule-exists"
    status = 409


class ReportUnwritable(MilepostError):
    """The report's file can't be written."""

    type = "report-unwritable"


class ReportTakenOver(MilepostError):
    """It took so long that another process makes the report now."""

    type = "report-taken-over"
    status = 409


@dataclass(frozen=True, slots=True)
class NewReportSchedule:
    """What a schedule is made from; `file` or `notifier`, not both. `on` is one of `DAYS`, for `every` "week" alone."""

    name: str
    programme: str
    every: str
    on: str = ""
    at: str = "08:00"
    file: str = ""
    notifier: str = ""


def add(ctx: Context, new: NewReportSchedule) -> dict[str, Any]:
    """Store a schedule; makes no report: the first is due at its next time.

    Raises BadReportSchedule, ReportScheduleExists, ProgrammeUnknown, NotifierUnknown.
    """
    if not NAME.fullmatch(new.name):
        raise BadReportSchedule(f"{new.name!r} can't name a schedule", "use letters, digits, dots, hyphens; 64 at most")
    if bool(new.file) == bool(new.notifier):
        raise BadReportSchedule("where should the reports go?", "give --file PATH or --notify NOTIFIER")
    now = ctx.now()
    row = ReportScheduleRow(
        programme_id=0,
        name=new.name,
        weekday=_weekday(new.every, new.on),
        at=_clock(new.at),
        file=_checked(new.file) if new.file else "",
        created_at=now,
        again_at=now,
    )
    try:
        with ctx.db.write() as session:
            programme = trees.get(session, new.programme)
            row.programme_id = programme.id or 0
            if new.notifier:
                notifier = notices.get(session, new.notifier)
                if notifier.programme_id != programme.id:
                    raise BadReportSchedule(
                        f"the notifier {new.notifier!r} is another programme's",
                        f"add one with --programme {new.programme}",
                    )
                row.notifier_id = notifier.id
            session.add(row)
            session.flush()
            return as_json(rows.get(session, new.name), now)
    except DatabaseUnusable as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
        raise ReportScheduleExists(
            f"there is a report schedule {new.name!r} already", "give another name, or remove that one"
        ) from None


def _weekday(every: str, on: str) -> int | None:
    if every not in get_args(Every):
        raise BadReportSchedule(f"there is no --every {every!r}", f"use {' or '.join(get_args(Every))}")
    if every == "day":
        if on:
            raise BadReportSchedule("--on is a day of the week, and --every day is every day", "leave --on out")
        return None
    if on and on not in DAYS:
        raise BadReportSchedule(f"there is no day {on!r}", f"use one of {', '.join(DAYS)}")
    return DAYS.index(on or "mon")


def _clock(at: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", at):
        raise BadReportSchedule(f"{at!r} is no time of day", "give hours and minutes, as --at 08:00")
    return at


def _checked(file: str) -> str:
    """The path, if reports can be written there now: tried by writing beside it. Raises BadReportSchedule."""
    path = Path(file)
    if not path.is_absolute() or not file.isprintable():
        raise BadReportSchedule(f"{file!r} is no absolute path", "give one that begins with /, for the service's sake")
    if path.suffix.removeprefix(".") not in FORMATS:
        raise BadReportSchedule(f"{file} doesn't say in what format", f"end it in .{', .'.join(FORMATS)}")
    try:
        there = _named(path, date.max).lstat()
        usable = stat.S_ISREG(there.st_mode) or stat.S_ISLNK(there.st_mode)
    except FileNotFoundError:
        usable = True
    except OSError as error:
        raise BadReportSchedule(f"{file} can't be written: {error.strerror}", "give another path") from None
    if not usable:
        raise BadReportSchedule(f"{file} is there, and no file", "give another path")
    try:
        _beside(path, b"").unlink()
    except OSError as error:
        hint = "make the folder, or give another" if isinstance(error, FileNotFoundError) else "give another folder"
        raise BadReportSchedule(f"the folder {path.parent} can't be written to: {error.strerror}", hint) from None
    return file


def listed(ctx: Context) -> list[dict[str, Any]]:
    """Every schedule, by name."""
    with ctx.db.read() as session:
        return [as_json(one, ctx.now()) for one in rows.everyone(session)]


def as_json(one: Scheduled, now: datetime) -> dict[str, Any]:
    """A schedule as commands show it. Its times are UTC; `at` and `on` are of `time_zone`."""
    row = one.row
    return {
        "name": row.name,
        "programme": one.programme,
        "every": "day" if row.weekday is None else "week",
        "on": None if row.weekday is None else DAYS[row.weekday],
        "at": row.at,
        "time_zone": one.time_zone,
        "file": row.file or None,
        "notifier": one.notifier or None,
        "last": _utc(row.reported_at) if row.reported_at else None,
        "next": _utc(next_at(one, now)),
        "last_error": row.last_error or None,
    }


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def remove(ctx: Context, name: str) -> None:
    """Forget a schedule; what it has written or sent stays. Raises ReportScheduleUnknown."""
    with ctx.db.write() as session:
        session.delete(rows.get(session, name).row)


def due_at(weekday: int | None, at: str, after: datetime, zone: str) -> datetime:
    """The first moment after `after` at which the clocks of `zone` show `at`, on that weekday (None: on any day)."""
    clock = time.fromisoformat(at)
    day = zones.day_of(after, zone) - timedelta(days=1)  # a time that clocks skip may be the next day's
    while weekday not in (None, day.weekday()) or zones.moment_of(day, clock, zone) <= after:
        day += timedelta(days=1)
    return zones.moment_of(day, clock, zone)


def next_at(one: Scheduled, now: datetime) -> datetime:
    """When the next report is due, or tried again. It is in the past for one that waits for a service."""
    row = one.row
    last = row.reported_at or row.created_at
    if last - now > NEVER_SO_LONG:
        last = now - timedelta(days=1 if row.weekday is None else 7)
    due = due_at(row.weekday, row.at, last, one.time_zone)
    return due if row.again_at - now > NEVER_SO_LONG else max(due, row.again_at)


def make_due(ctx: Context) -> int:
    """Make the reports that are due; gives how many were made. To be called every minute or so, by any number of
    processes at once. One that can't be made is logged and tried again later, and holds up no other.
    """
    made = 0
    try:
        with ctx.db.read() as session:
            found = rows.everyone(session)
        for one in found:
            if next_at(one, ctx.now()) <= ctx.now():
                made += _tried(ctx, one)
    except DatabaseUnusable as error:
        log.warning("scheduled reports wait: %s", error.message)
    return made


def _tried(ctx: Context, one: Scheduled) -> bool:
    try:
        _make(ctx, one)
    except DatabaseUnusable:
        raise
    except MilepostError:
        return False  # it is stored and logged, or another's
    except Exception:
        log.exception("the report %s failed", one.row.name)
        return False
    return True


def run(ctx: Context, name: str) -> dict[str, Any]:
    """Make a report now, due or not; it counts as the last one. Gives where it went.

    Raises ReportScheduleUnknown, ReportUnwritable, ReportTakenOver.
    """
    with ctx.db.read() as session:
        one = rows.get(session, name)
    return _make(ctx, one)


def _make(ctx: Context, one: Scheduled) -> dict[str, Any]:
    """One attempt: the report is made and stored as made, or the failure is, and raised."""
    claimed = ctx.now() + CLAIM
    with ctx.db.write() as session:
        if not rows.claim(session, one.row, claimed):
            raise ReportTakenOver(f"another process makes the report {one.row.name} right now")
    try:
        return _sent(ctx, one, claimed)
    except (DatabaseUnusable, ReportTakenOver):
        raise
    except Exception as error:
        reason = error.message if isinstance(error, MilepostError) else f"unexpected: {type(error).__name__}"
        _failed(ctx, one, claimed, reason)
        raise


def _failed(ctx: Context, one: Scheduled, claimed: datetime, reason: str) -> None:
    row = one.row
    wait = WAITS[min(row.failures, len(WAITS) - 1)]
    log.warning("the report %s was not made: %s; tried again in %.0f s", row.name, reason, wait)
    again_at = ctx.now() + timedelta(seconds=wait)
    with ctx.db.write() as session:
        rows.finish(session, row, claimed, again_at=again_at, failures=row.failures + 1, last_error=reason)


def _sent(ctx: Context, one: Scheduled, claimed: datetime) -> dict[str, Any]:
    """Make the report and bring it where it goes. A message and the fact that it was made are one transaction."""
    from app.sync import reporting  # draws charts, which is slow to load

    row = one.row
    report = reporting.report(ctx, one.programme, _since(one))
    gone = {"schedule": row.name, "file": None, "notifier": one.notifier or None, "message": None}
    message = None
    if row.file:
        path = Path(row.file)
        words = reporting.rendered(ctx, report, path.suffix.removeprefix("."))
        gone["file"] = str(_written(path, report.today, words))
    else:
        message = row_of(row.notifier_id or 0, EVENT, content(report), report.made_at)
        gone["message"] = message.message_id
    with ctx.db.write() as session:
        done = {"reported_at": report.made_at, "again_at": report.made_at, "failures": 0, "last_error": ""}
        if not rows.finish(session, row, claimed, **done):
            raise ReportTakenOver(f"the report {row.name} took so long that another process makes it now")
        if message is not None:
            session.add(message)
    log.info("the report %s is in %s", row.name, gone["file"] or f"the outbox of {one.notifier}")
    return gone


def _since(one: Scheduled) -> date | None:
    """The day whose end a report compares with: the one before the last report's, so that what moved on that day after
    the report isn't left out. None for the first.
    """
    last = one.row.reported_at
    return zones.day_of(last, one.time_zone) - timedelta(days=1) if last else None


def content(report: Report) -> dict[str, Any]:
    """A report as a message of the outbox: bounded, whatever the roadmap's size."""
    from app.report import digest

    title = cut(report.programme.title, digest.WORDS)
    data = {
        "programme": report.slug,
        "title": title,
        "text": f"{title}: {digest.headline(report)}",
        "report": digest.digest(report),
        "markdown": digest.short_markdown(report),
    }
    return {"text": digest.plain(report, TEXT_MAX), "url": "", "data": data}


def _written(path: Path, day: date, words: str) -> Path:
    """Put the file there whole, or leave what was there. Raises ReportUnwritable."""
    path = _named(path, day)
    try:
        beside = _beside(path, words.encode())
        try:
            beside.replace(path)
        except OSError:
            beside.unlink()
            raise
    except OSError as error:
        raise ReportUnwritable(f"{path} can't be written: {error.strerror}", "is its folder there?") from None
    return path


def _named(path: Path, day: date) -> Path:
    return path.with_name(path.name.replace("{date}", day.isoformat()))


def _beside(path: Path, content: bytes) -> Path:
    """A new file in the same folder, so that it can take the other's place. It is on the disk when this returns."""
    beside = path.with_name(f".milepost-{new_id()}")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    return beside


__all__ = [
    "BadReportSchedule",
    "NewReportSchedule",
    "ReportScheduleExists",
    "ReportScheduleUnknown",
    "ReportTakenOver",
    "ReportUnwritable",
    "add",
    "listed",
    "make_due",
    "remove",
    "run",
]
