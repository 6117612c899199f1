"""Which target is read again, and when: at its interval, when webhook calls came in, or when someone asked.

Level-triggered: a tick each second looks in the database. What a webhook call enqueues is only sooner than the tick.
Each process of the service ticks; the queue keeps two from doing the same.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from app import logs
from app.core.errors import MilepostError
from app.db import deliveries, journal, revisions, targets
from app.db.models import TargetRow
from app.jobs.queue import Queue, job_name
from app.sync import history, inbox, lease, notify, reconcile
from app.sync.context import Context
from app.sync.rhythm import LOOKED_AGAIN, USUAL, Rhythm, due_at

log = logging.getLogger(__name__)

TICK = 1.0
DELIVERIES_KEPT = timedelta(days=7)
"""How long a handled delivery is known again when it is sent once more: longer than trackers keep theirs."""
AT_ONCE = 6
"""Refreshes of one tracker's targets at a time, in one process: one that is slow takes no other's threads."""
RECORD_SHARE = 10.0
"""A recording is followed by a rest of this many times its length."""
LATER = 0.5
"""Seconds until a refresh that found its tracker's share taken is looked at again."""


class Schedule:
    """Ticks, and the jobs they enqueue. Every method may be called from any thread."""

    def __init__(
        self,
        ctx: Context,
        queue: Queue,
        debounce: float,
        *,
        resume: Callable[[], object] = lambda: None,
        keep: timedelta = timedelta(days=400),
        rhythm: Rhythm = USUAL,
        replay: timedelta = timedelta(hours=1),
        days: Callable[[], object] = lambda: None,
    ) -> None:
        """Tells the queue how its jobs are done; nothing is enqueued before `start`.

        `resume` goes on with interrupted runs. `keep`: how long the audit is kept. `replay`: how often missed
        deliveries are looked for. `days` is called each minute: it sees to the ends of days and the reports due.
        """
        self._ctx = ctx
        self._queue = queue
        self._debounce = debounce
        self._keep = keep
        self._rhythm = rhythm
        self._replay_every = replay
        self._lock = threading.Lock()
        self._gathering: dict[str, float] = {}
        self._reading: Counter[str] = Counter()
        self._database_failed = False
        self._replayed = False
        self._ticked: float | None = None
        self._rests: dict[str, float] = {}  # programme id -> until when it isn't recorded again, by time.monotonic()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        queue.handle("refresh", self._refresh)
        queue.handle("mend", self._mend)
        queue.handle("resume", lambda _: resume())
        queue.handle("replay", lambda target_id: inbox.replay(ctx, target_id))
        queue.handle("notify", lambda _: notify.send_due(ctx))
        queue.handle("days", lambda _: days())
        queue.handle("record", self._record)
        queue.handle("prune", lambda _: self._prune())

    def start(self) -> None:
        """Begin to tick, at once."""
        now = datetime.now(UTC)
        self._scheduler.add_job(self.tick, "interval", seconds=TICK, id="tick", next_run_time=now)
        self._scheduler.add_job(self.prune, "interval", hours=1, id="prune", next_run_time=now)
        self._scheduler.add_job(
            self.replay, "interval", seconds=self._replay_every.total_seconds(), id="replay", next_run_time=now
        )
        self._scheduler.add_job(self.minute, "interval", minutes=1, id="days", next_run_time=now)
        self._scheduler.start()

    def stop(self) -> None:
        """No tick comes after this. Jobs that run are the queue's to wait for."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def alive(self) -> bool:
        return bool(self._scheduler.running)

    def ticked(self) -> float | None:
        """Seconds since the last tick ended, None where none has."""
        return time.monotonic() - self._ticked if self._ticked is not None else None

    def refresh(self, target_id: str) -> bool:
        """Someone asked: refresh now, or as soon as whoever works on the target is done. False when one is pending."""
        with self._ctx.db.write() as session:
            targets.ask(session, target_id, self._ctx.now())
        return self._queue.enqueue("refresh", target_id)

    def delivered(self, target_id: str) -> bool:
        """A webhook call came in: refresh after the debounce, so that calls in a row make one refresh.

        False when one is pending that was enqueued here: a thousand calls ask the queue once. Should another process do
        that one sooner, before this call was stored, or the queue be away, the tick sees to it.
        """
        now = time.monotonic()
        with self._lock:
            if self._gathering.get(target_id, 0.0) > now:
                return False
            self._gathering[target_id] = now + self._debounce
        try:
            return self._queue.enqueue("refresh", target_id, self._debounce)
        except MilepostError:
            return False  # the call is stored, and is to be answered so

    def tick(self) -> None:
        """Enqueue every target that is due and that nobody is working on."""
        self._look()
        self._ticked = time.monotonic()

    def _look(self) -> None:
        try:
            self._tick()
        except MilepostError as error:
            if not self._database_failed:
                log.error("nothing is refreshed: %s", error.message)
            self._database_failed = True
            return
        if self._database_failed:
            log.info("the database is back")
        self._database_failed = False

    def _tick(self) -> None:
        now = self._ctx.now()
        known = self._queue.names()  # before the rows are read: what ends in between has been seen to by then
        with self._ctx.db.read() as session:
            rows = targets.scheduled(session)
            waiting = deliveries.waiting(session)
            held = targets.leased(session, now, ended=lease.ended)
            lost = journal.targets_running(session) - held
            unfinished = {row.target_id for row in journal.resumable(session, now)} - held
            changed = set(revisions.unrecorded(session)) - targets.programmes(session, journal.targets_running(session))
        if unfinished and "resume" not in known:
            self._queue.enqueue("resume")
        for target_id in lost:
            if job_name("mend", target_id) not in known:
                self._queue.enqueue("mend", target_id)
        if "notify" not in known:
            self._queue.enqueue("notify")
        for programme_id in changed:
            name = str(programme_id)
            if job_name("record", name) not in known and self._rests.get(name, 0.0) <= time.monotonic():
                self._queue.enqueue("record", name)
        for row in rows:
            if row.id in held | lost or job_name("refresh", row.id) in known:
                continue
            if self._due(row, row.id in waiting, now):
                self._queue.enqueue("refresh", row.id, self._debounce if row.id in waiting else 0.0)

    def _due(self, row: TargetRow, waiting: bool, now: datetime) -> bool:
        if row.state != "active":  # its credentials were refused
            return row.asked_at is not None or row.tried_at is None or row.tried_at + LOOKED_AGAIN <= now
        return due_at(row, self._rhythm, waiting=waiting, now=now) <= now

    def replay(self) -> None:
        """Have missed deliveries looked for: of every target at the start, later of those that none has done lately."""
        now, first = self._ctx.now(), not self._replayed
        lately = now - self._replay_every * 0.9
        try:
            with self._ctx.db.read() as session:
                rows = [row for row in targets.scheduled(session) if inbox.replayable(row)]
            for row in rows:
                if first or row.replayed_at is None or row.replayed_at < lately:
                    self._queue.enqueue("replay", row.id)
            self._replayed = True
        except MilepostError as error:
            log.warning("missed deliveries are not looked for: %s", error.message)

    def minute(self) -> None:
        """Have the ends of days seen to."""
        try:
            self._queue.enqueue("days")
        except MilepostError as error:
            log.warning("the day's end waits: %s", error.message)

    def prune(self) -> None:
        """Have forgotten what is older than it is kept for."""
        try:
            self._queue.enqueue("prune")
        except MilepostError as error:
            log.warning("nothing is pruned: %s", error.message)

    def _prune(self) -> None:
        now = self._ctx.now()
        try:
            with self._ctx.db.write() as session:
                runs = journal.prune(session, now - self._keep)
                deliveries.prune(session, now - DELIVERIES_KEPT)
        except MilepostError as error:
            log.warning("nothing is pruned: %s", error.message)
            return
        if runs:
            log.info("%d runs of more than %d days ago are forgotten", runs, self._keep.days)

    def _record(self, programme_id: str) -> None:
        """Have history take in what has changed; then rest for a time, as a large programme takes seconds of CPU."""
        began = time.monotonic()
        try:
            history.catch_up(self._ctx, int(programme_id))
        except MilepostError as error:
            log.warning("history waits: %s", error.message)
        self._rests[programme_id] = time.monotonic() + RECORD_SHARE * (time.monotonic() - began)

    def _refresh(self, target_id: str) -> None:
        with self._ctx.db.read() as session:
            row = targets.find(session, target_id)
            busy = target_id in targets.leased(session, self._ctx.now(), ended=lease.ended)
        if row is None or busy:
            return  # the tick comes back to it as soon as it is let go
        if row.state != "active" and row.asked_at is None and not row.pause_reason:
            return  # it was paused since
        with self._lock:
            taken = self._reading[row.base_url] < AT_ONCE
            self._reading[row.base_url] += taken
        if not taken:
            self._queue.enqueue("refresh", target_id, LATER)
            return
        try:
            with logs.bound(target=row.name):
                self._read(row)
        finally:
            with self._lock:
                self._reading[row.base_url] -= 1

    def _read(self, row: TargetRow) -> None:
        """Refresh one target and log the result in a line."""
        began = time.monotonic()
        try:
            found = reconcile.refresh(self._ctx, row.name, patience=0.0)
        except MilepostError as error:
            log.warning("refresh of %s failed: %s", row.name, error.message)
            return
        except Exception as error:
            reconcile.failed(self._ctx, row.id, f"unexpected: {type(error).__name__}")
            raise
        seconds = time.monotonic() - began
        if found.busy:
            log.info("refresh of %s: %s", row.name, found.error)
        elif found.error or not found.complete:
            log.warning("refresh of %s failed after %.1f s: %s", row.name, seconds, found.error)
            if found.paused:
                log.error(
                    "target %s is paused: mend its credentials, then `milepost target check %s`", row.name, row.name
                )
        else:
            log.info("refresh of %s: %d changed, %d requests, %.1f s", row.name, found.changed, found.requests, seconds)

    def _mend(self, target_id: str) -> None:
        """Mark the runs of a process that is gone as interrupted. Does nothing while another holds the target."""
        try:
            with lease.held(self._ctx, target_id), self._ctx.db.write() as session:
                cancelled = targets.cancelled_run(session, target_id)
                journal.interrupt_runs(session, target_id, self._ctx.now(), cancelled=cancelled)
        except targets.TargetBusy:
            return
