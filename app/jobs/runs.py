"""Plans carried out in the background: each run in a thread of its own, so that a long one holds up nothing else."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from datetime import timedelta

from app import logs
from app.core.errors import MilepostError
from app.db import journal, targets
from app.db.models import RunRow
from app.sync import lease, reconcile
from app.sync.context import Context
from app.sync.run import Stop
from connectors.base import Retryable

log = logging.getLogger(__name__)

CLAIMED = timedelta(seconds=20)
"""How long a run that one process goes on with is left alone by others, should that end before it has begun."""


class Stopping(MilepostError):
    """The service is going down and begins nothing new."""

    type = "service-stopping"
    status = 503


class Runs:
    """The runs of this process. Every method may be called from any thread."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._lock = threading.Lock()
        self._threads: dict[threading.Thread, Stop] = {}
        self._stops: dict[str, Stop] = {}
        self._stopping = False

    def begin(
        self, target: str, plan_id: str, *, max_percent: float, recreate: bool, ask: bool = True, actor: str = ""
    ) -> str:
        """Begin to carry a plan out; gives the run's id once the run is stored, and the run goes on by itself.

        With `ask` another run of the target is told to let go first. `actor` is on whose word, "" for the service's
        own. Raises what `reconcile.apply_plan` raises before its first write: PlanStale, ChangeGuard, TargetBusy, …
        """
        stop = Stop()
        begun: Future[str] = Future()

        def work() -> None:
            try:
                ctx = replace(self._ctx, actor=actor or self._ctx.actor)
                self._carry_out(ctx, target, plan_id, max_percent, recreate, ask, stop, begun)
            finally:
                with self._lock:
                    self._threads.pop(threading.current_thread(), None)

        thread = threading.Thread(target=logs.carried(work), name=f"run-{target}", daemon=True)
        with self._lock:
            if self._stopping:
                raise Stopping("the service is stopping", "apply the plan again when it is back")
            self._threads[thread] = stop
            thread.start()
        return begun.result()

    def alive(self) -> bool:
        """Whether a run of this process goes on."""
        with self._lock:
            return bool(self._threads)

    def cancel(self, run_id: str) -> bool:
        """Ask a run to end after the call in flight, whatever process carries it out. False when it is over."""
        with self._ctx.db.write() as session:
            row = journal.find_run(session, run_id)
            if row is None or row.state != "running":
                return False
            targets.cancel_run(session, row.target_id, run_id)
        with self._lock:
            stop = self._stops.get(run_id)
        if stop is not None:
            stop.set()  # no need to wait for its next look
        return True

    def stop(self, timeout: float) -> bool:
        """Begin nothing new, and end every run after its call in flight, to be gone on with at the next start.

        False when some outlast `timeout` seconds.
        """
        until = time.monotonic() + timeout
        with self._lock:
            self._stopping = True
            threads = dict(self._threads)
        for stop in threads.values():
            stop.resume = True
            stop.set()
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in threads)

    @logs.within(target="target")
    def _carry_out(
        self,
        ctx: Context,
        target: str,
        plan_id: str,
        max_percent: float,
        recreate: bool,
        ask: bool,
        stop: Stop,
        begun: Future[str],
    ) -> None:
        def on_run(run_id: str) -> None:
            logs.bind(run=run_id)
            with self._lock:
                self._stops[run_id] = stop
            begun.set_result(run_id)

        def sleep(seconds: float) -> None:
            stop.wait(seconds)  # a stop ends the waiting between two calls too

        ctx = replace(ctx, sleep=sleep)
        try:
            applied = reconcile.apply_plan(
                ctx,
                target,
                plan_id=plan_id,
                max_percent=max_percent,
                recreate=recreate,
                on_run=on_run,
                stop=stop,
                ask=ask,
            )
        except Exception as error:  # whoever waits for the run is told, or the log
            if not begun.done():
                begun.set_exception(error)
                return
            expected = isinstance(error, MilepostError)
            why = error.message if isinstance(error, MilepostError) else f"unexpected: {type(error).__name__}"
            log.error(
                "run %s of target %s broke off: %s", begun.result(), target, why, exc_info=None if expected else error
            )
        else:
            if applied is not None:
                log.info("run %s of target %s is %s", applied.run, target, applied.state)
        finally:
            if begun.done() and not begun.exception():
                with self._lock:
                    self._stops.pop(begun.result(), None)

    def resume(self) -> None:
        """Go on with runs of the service that its end, a crash or the tracker interrupted, where nobody is at work.

        Of several processes one does. A run that can't be gone on with (its plan is out of date) says why, and is left
        to people.
        """
        with self._ctx.db.read() as session:
            busy = targets.leased(session, self._ctx.now(), ended=lease.ended)
            due = journal.resumable(session, self._ctx.now())
            names = {row.id: targets.by_id(session, row.target_id).name for row in due}
        for row in due:
            if row.target_id not in busy:
                self._go_on(row, names[row.id])

    def _go_on(self, row: RunRow, name: str) -> None:
        now = self._ctx.now()
        claim = now + CLAIMED
        with self._ctx.db.write() as session:
            if not journal.claim(session, row.id, now, claim):
                return
        why, later = "", False
        try:
            again = self.begin(
                name, row.plan_id, max_percent=row.max_percent, recreate=row.recreate, ask=False, actor=row.actor
            )
            log.info("run %s of target %s goes on as %s", row.id, name, again)
        except (targets.TargetBusy, Retryable, Stopping):
            later = True  # the next tick looks again
        except MilepostError as error:
            log.warning("run %s of target %s is not gone on with: %s", row.id, name, error.message)
            why = f"; not gone on with: {error.message}"
        with self._ctx.db.write() as session:
            old = journal.run_row(session, row.id)
            if not later:
                old.resume_at, old.error = None, old.error + why
            elif old.resume_at == claim:
                old.resume_at = now
            session.add(old)
