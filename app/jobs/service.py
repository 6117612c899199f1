"""The jobs of one process: its queue, the runs that it carries out, and the schedule."""

from __future__ import annotations

import logging
from datetime import timedelta

from app.core.errors import MilepostError
from app.db.engine import Database
from app.jobs.days import Days
from app.jobs.queue import LocalQueue, Queue
from app.jobs.runs import Runs
from app.jobs.schedule import Schedule
from app.settings import Settings
from app.sync import lease, report_schedules
from app.sync.context import Context
from app.sync.rhythm import Rhythm

log = logging.getLogger(__name__)

ACTOR = "service"
"""On whose word the service writes; runs of this name are gone on with after a crash or a deployment."""
RUNS_STOP = 10.0
"""Seconds that runs get at the end for their call in flight; the journal covers what outlasts it."""
JOBS_STOP = 3.0
"""Seconds that other jobs get: they only read, and what they read is kept whole or not at all."""


def queue_for(db: Database) -> Queue:
    """In this process on SQLite; on PostgreSQL shared with every process of that database."""
    if db.sqlite:
        return LocalQueue()
    from app.jobs.shared import SharedQueue

    return SharedQueue(db)


class Jobs:
    """What a process does beside answering. `start` and `stop` are called once each."""

    def __init__(self, ctx: Context, settings: Settings) -> None:
        self._ctx = ctx
        self.queue = queue_for(ctx.db)
        self.runs = Runs(ctx)
        self._days = Days(ctx, timedelta(days=settings.history_days))
        self.schedule = Schedule(
            ctx,
            self.queue,
            settings.debounce,
            resume=self.runs.resume,
            keep=timedelta(days=settings.audit_days),
            rhythm=Rhythm(settings.interval_quickest, settings.interval_slowest),
            replay=timedelta(seconds=settings.replay_interval),
            days=self._minute,
        )

    def _minute(self) -> None:
        """What is looked at each minute: the ends of days, then the reports that are due and compare with them."""
        self._days.tick()
        report_schedules.make_due(self._ctx)

    def start(self, *, ticking: bool = True) -> None:
        """Begin to work; without `ticking` only on what others enqueue."""
        self.queue.start()
        if ticking:
            self.schedule.start()

    def stop(self) -> bool:
        """End what this process does, or hand it back, within some fifteen seconds. False when something went on: then
        the process is to end all the same, and what it held is free for others.
        """
        self.schedule.stop()
        ended = self.runs.stop(RUNS_STOP)
        ended = self.queue.stop(JOBS_STOP) and ended
        if not ended:
            try:
                lease.hand_back(self._ctx)  # first, or whoever takes a job finds its target held
            except MilepostError as error:
                log.warning("leases are not handed back: %s", error.message)
            self.queue.hand_back()
        return ended
