"""When a target is read again. Pure: what it goes by is stored with the target, so that every process says the same."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.db.models import TargetRow

FIRST_RETRY = 2.0
"""Seconds until a failed refresh is tried again while somebody waits for one; doubled each time, up to the interval."""
LOOKED_AGAIN = timedelta(hours=1)
"""How often a target whose credentials were refused is tried all the same: they may have been mended elsewhere."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Between which parts of its interval a target is read. With the jitter the slowest stays under three intervals,
    after which figures are stale.
    """

    quickest: float = 0.5
    slowest: float = 2.0
    jitter: float = 0.1

    def part(self, quiet: int) -> float:
        """Of the interval, after that many reads in a row that found nothing new."""
        if quiet == 0:
            return self.quickest
        return float(min(self.slowest, max(self.quickest, 1.25 ** min(quiet - 1, 64))))


USUAL = Rhythm()


def due_at(row: TargetRow, rhythm: Rhythm, *, waiting: bool, now: datetime) -> datetime:
    """When a target is to be read again; not later than `now` when it is due. `waiting`: deliveries ask for it.

    A target that fails is left alone for its interval; while someone waits for it it is tried sooner, with growing
    pauses. Nothing comes before the time that the tracker named.
    """
    due = _by_itself(row, rhythm, waiting or row.asked_at is not None, now)
    return max(due, row.hold_until) if row.hold_until else due


def _by_itself(row: TargetRow, rhythm: Rhythm, wanted: bool, now: datetime) -> datetime:
    interval = float(row.interval_seconds)
    failing = row.failures > 0 and row.tried_at is not None
    if wanted:
        pause = min(interval, FIRST_RETRY * 2.0 ** min(row.failures - 1, 16)) if failing else 0.0
        since = row.tried_at if failing else now
    else:
        since = max((at for at in (row.tried_at, row.last_refresh) if at is not None), default=None)
        pause = interval * (1.0 if failing else rhythm.part(row.quiet)) * _shaken(row.id, since, rhythm.jitter)
    if since is None or since > now:  # never read, or a clock was set back
        return now
    return since + timedelta(seconds=pause)


def _shaken(target_id: str, since: datetime | None, jitter: float) -> float:
    """A factor around 1, another for each target and read, the same in every process."""
    share = zlib.crc32(f"{target_id} {since}".encode()) / 2**32
    return 1.0 + jitter * (2.0 * share - 1.0)
