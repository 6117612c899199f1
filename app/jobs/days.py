"""The ends of days: how every programme stood when its day ended, and the thinning of what is old."""

from __future__ import annotations

import logging
from datetime import date, timedelta

from app.core.errors import MilepostError
from app.db import trees
from app.sync import history, zones
from app.sync.context import Context

log = logging.getLogger(__name__)


class Days:
    """Sees to the programmes' days, each in its own time zone. `tick` runs on one thread at a time."""

    def __init__(self, ctx: Context, keep: timedelta) -> None:
        """`keep`: for how long every day's figures are kept, before they are thinned to weeks."""
        self._ctx = ctx
        self._keep = keep
        self._seen: dict[int, date] = {}  # the day on which each programme was last looked at
        self._pruned: date | None = None

    def tick(self) -> None:
        """Store how those programmes stood whose day has ended since the last tick; once a day, thin what is old.

        What was changed and not recorded before a crash is due still: the schedule sees to it.
        """
        now = self._ctx.now()
        try:
            with self._ctx.db.read() as session:
                named = {row.id: row.time_zone for row in trees.every(session) if row.id is not None}
            for programme_id, zone in named.items():
                today = zones.day_of(now, zone)
                before = self._seen.get(programme_id)
                if before is not None and today > before:
                    history.close_day(self._ctx, programme_id, today - timedelta(days=1))
                self._seen[programme_id] = today
            if self._pruned != now.date():
                thinned = history.prune(self._ctx.db, now, self._keep)
                self._pruned = now.date()
                if thinned:
                    log.info("%d points of history of more than %d days ago are thinned", thinned, self._keep.days)
        except MilepostError as error:
            log.warning("the day's end waits: %s", error.message)
