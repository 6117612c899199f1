"""Which target is read again, and when: at its interval, when webhook calls came in, or when someone asked.

Level-triggered: a tick each second looks in the database. What a webhook call enqueues is only sooner than the tick.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from app.core.errors import MilepostError
from app.db import journal, targets
from app.db.models import TargetRow
from app.jobs.queue import Queue
from app.sync import lease, reconcile
from app.sync.context import Context

log = logging.getLogger(__name__)

TICK = 1.0
DELIVERIES_KEPT = timedelta(days=7)
"""How long a handled delivery is known again when it is sent once more: longer than trackers keep theirs."""
FIRST_RETRY = 2.0
"""Seconds until a failed refresh is tried again while webhook calls wait; doubled each time, up to the interval."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last refresh that this process began. `at` is `time.monotonic()`; `failures` in a row, the last included."""

    at: float
    failures: int = 0


def wait(attempt: Attempt | None, unread: float, interval: float, *, wanted: bool, now: float) -> float:
    """Seconds until a target is due, 0 or less when it is. Pure.

    `unread` is how long ago it was last read well, by anyone (infinite for never). `wanted`: webhook calls wait, or
    someone asked. A target that fails is left alone for its interval; while it is wanted it is tried sooner.
    """
    since = now - attempt.at if attempt else float("inf")
    if not wanted:
        return interval - min(since, unread)
    if attempt is None or attempt.failures == 0:
        return 0.0
    return min(interval, FIRST_RETRY * 2.0 ** min(attempt.failures - 1, 16)) - since


class Schedule:
    """Ticks, and the refreshes they enqueue. Every method may be called from any thread."""

    def __init__(
        self,
        ctx: Context,
        queue: Queue,
        debounce: float,
        *,
        resume: Callable[[], object] = lambda: None,
        keep: timedelta = timedelta(days=400),
    ) -> None:
        """`resume` is called with each tick: it goes on with interrupted runs. `keep`: how long the audit is kept."""
        self._ctx = ctx
        self._queue = queue
        self._debounce = debounce
        self._resume = resume
        self._keep = keep
        self._lock = threading.Lock()
        self._attempts: dict[str, Attempt] = {}
        self._asked: set[str] = set()
        self._database_failed = False
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Begin to tick, at once."""
        self._scheduler.add_job(self.tick, "interval", seconds=TICK, id="tick", next_run_time=datetime.now(UTC))
        self._scheduler.add_job(self.prune, "interval", hours=1, id="prune", next_run_time=datetime.now(UTC))
        self._scheduler.start()

    def stop(self) -> None:
        """No tick comes after this. Refreshes that run are the queue's to wait for."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def alive(self) -> bool:
        return bool(self._scheduler.running)

    def refresh(self, target_id: str) -> bool:
        """Someone asked: refresh now, or as soon as whoever works on the target is done. False when one is pending."""
        return self._enqueue(target_id, 0.0, asked=True)

    def delivered(self, target_id: str) -> bool:
        """A webhook call came in: refresh after the debounce, so that calls in a row make one refresh.

        A target that fails is not asked again sooner than its tick would.
        """
        with self._lock:
            attempt = self._attempts.get(target_id)
        if attempt is not None and attempt.failures:
            return False
        return self._enqueue(target_id, self._debounce, asked=False)

    def _enqueue(self, target_id: str, delay: float, *, asked: bool) -> bool:
        return self._queue.enqueue(_name(target_id), partial(self._refresh, target_id, asked), delay)

    def tick(self) -> None:
        """Enqueue every active target that is due and that nobody is working on."""
        now = self._ctx.now()
        known = self._queue.names()  # before the database is read: what ends in between has been seen to by then
        try:
            with self._ctx.db.read() as session:
                rows = targets.active(session)
                waiting = targets.deliveries_waiting(session)
                held = targets.leased(session, now, ended=lease.ended)
                lost = journal.targets_running(session) - held
        except MilepostError as error:
            if not self._database_failed:
                log.error("nothing is refreshed: %s", error.message)
            self._database_failed = True
            return
        if self._database_failed:
            log.info("the database is back")
        self._database_failed = False
        for target_id in lost:
            self._queue.enqueue(f"mend:{target_id}", partial(self._mend, target_id))
        self._queue.enqueue("resume", self._resume)
        known |= self._queue.names()
        for row in rows:
            if row.id not in held and _name(row.id) not in known and self._due(row, row.id in waiting, now):
                self._enqueue(row.id, self._debounce if row.id in waiting else 0.0, asked=row.id in self._asked)

    def prune(self) -> None:
        """Forget what is older than it is kept for: runs with their writes, plans, handled deliveries."""
        now = self._ctx.now()
        try:
            with self._ctx.db.write() as session:
                runs = journal.prune(session, now - self._keep)
                targets.prune_deliveries(session, now - DELIVERIES_KEPT)
        except MilepostError as error:
            log.warning("nothing is pruned: %s", error.message)
            return
        if runs:
            log.info("%d runs of more than %d days ago are forgotten", runs, self._keep.days)

    def _due(self, row: TargetRow, waiting: bool, now: datetime) -> bool:
        unread = (now - row.last_refresh).total_seconds() if row.last_refresh else float("inf")
        if unread < 0:  # a clock was set back
            unread = float("inf")
        with self._lock:
            attempt, wanted = self._attempts.get(row.id), waiting or row.id in self._asked
        return wait(attempt, unread, row.interval_seconds, wanted=wanted, now=time.monotonic()) <= 0

    def _refresh(self, target_id: str, asked: bool) -> None:
        with self._ctx.db.read() as session:
            row = targets.find(session, target_id)
            busy = target_id in targets.leased(session, self._ctx.now(), ended=lease.ended)
        with self._lock:
            self._asked.discard(target_id)
            if row is None:
                self._attempts.pop(target_id, None)
                return
            if busy:
                if asked:
                    self._asked.add(target_id)
                return  # the tick comes back to it as soon as it is let go
            before = self._attempts.get(target_id) or Attempt(0.0)
            self._attempts[target_id] = Attempt(time.monotonic(), before.failures)
        good = False
        try:
            good = self._read(row.name)
        finally:
            with self._lock:
                if target_id in self._attempts:
                    failures = 0 if good else before.failures + 1
                    self._attempts[target_id] = Attempt(self._attempts[target_id].at, failures)

    def _read(self, name: str) -> bool:
        """Refresh one target and log the result in a line. True when it was read whole."""
        began = time.monotonic()
        try:
            found = reconcile.refresh(self._ctx, name)
        except MilepostError as error:
            log.warning("refresh of %s failed: %s", name, error.message)
            return False
        seconds = time.monotonic() - began
        if found.error or not found.complete:
            log.warning("refresh of %s failed after %.1f s: %s", name, seconds, found.error)
            return False
        log.info("refresh of %s: %d changed, %d requests, %.1f s", name, found.changed, found.requests, seconds)
        return True

    def _mend(self, target_id: str) -> None:
        """Mark the runs of a process that is gone as interrupted. Does nothing while another holds the target."""
        try:
            with lease.held(self._ctx, target_id), self._ctx.db.write() as session:
                journal.interrupt_runs(session, target_id, self._ctx.now())
        except targets.TargetBusy:
            return


def _name(target_id: str) -> str:
    return f"refresh:{target_id}"
