"""Days of a programme: from midnight to midnight of its time zone."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta

from app.core.errors import MilepostError


class BadTimeZone(MilepostError):
    """A time zone that there isn't."""

    type = "bad-time-zone"
    status = 422


def zone_named(name: str) -> str:
    """The name, if it is one of the IANA time zones. Raises BadTimeZone."""
    if name not in zoneinfo.available_timezones():
        raise BadTimeZone(f"there is no time zone {name!r}", "give one by its IANA name, as Europe/Berlin or UTC")
    return name


def day_of(moment: datetime, zone: str) -> date:
    """The day that it is in a time zone. `moment` is aware."""
    return moment.astimezone(zoneinfo.ZoneInfo(zone)).date()


def end_of(day: date, zone: str) -> datetime:
    """The moment at which a day ends in a time zone, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), zoneinfo.ZoneInfo(zone)).astimezone(UTC)


def moment_of(day: date, at: time, zone: str) -> datetime:
    """The moment at which the clocks of a time zone show `at` on a day, in UTC: one a day, whatever the clocks do.

    Where they show it twice, the first time; where they skip it, as long after the last minute before as it would be.
    """
    return datetime.combine(day, at, zoneinfo.ZoneInfo(zone)).astimezone(UTC)
