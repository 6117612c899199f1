"""Carrying out a plan: pending link, one call, bind, for each step. Whatever stops it, it can be begun again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from app.core.plan import PLACES, Change, Desired, Fields, Observed, Ref
from app.db import journal, mirror, targets, trees
from app.db.models import JournalRow, RunRow, TargetRow
from app.sync.context import Context, new_id
from app.sync.lease import Lease
from app.sync.pacing import next_wait
from connectors.base import Connector, OutcomeUnknown, Rejected, Retryable, TrackerError, Unauthorized
from mappings import body

ATTEMPTS = 4
"""How often a call is sent that the tracker put off for certain (nothing was written)."""
LONGEST_WAIT = 900.0
"""Seconds: a tracker that asks for more patience than this ends the run, to be gone on with later."""

RENEW_EVERY = 15.0
"""Seconds between renewals of the lease while waiting."""


class Stop(threading.Event):
    """Asks a run to end after the call in flight."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step. `skipped` waits for something else and is planned again next time."""

    key: str
    action: str
    result: Literal["done", "failed", "skipped"]
    url: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "action": self.action,
            "result": self.result,
            "url": self.url,
            "error": self.error,
        }


@dataclass(slots=True)
class Runner:
    """One run of one target, under its lease."""

    ctx: Context
    target: TargetRow
    connector: Connector
    lease: Lease
    on_progress: Callable[[Change, int, int], None]
    stop: Stop
    run: RunRow = field(init=False)
    refs: dict[str, Ref] = field(init=False)
    ids: dict[str, int] = field(init=False)
    slug: str = field(init=False)

    def begin(self, plan_id: str, steps: Sequence[Change]) -> str:
        """Store the run; gives its id."""
        with self.ctx.db.write() as session:
            self.slug = targets.slug_of(session, self.target)
            tree = trees.load(session, self.slug)
            self.ids = dict(tree.ids)
            self.refs = {
                link.key: link.ref
                for link in mirror.links(session, self.target.id, tree)
                if link.ref and not link.archived
            }
            self.run = journal.begin_run(session, new_id(), self.target.id, plan_id, len(steps), self.ctx.now())
        return self.run.id

    def carry_out(self, steps: Sequence[Change]) -> tuple[str, list[Outcome]]:
        """(the run's state, an outcome for each step begun)."""
        outcomes: list[Outcome] = []
        state, error = "done", ""
        for seq, change in enumerate(steps):
            if self.stop.is_set():
                state, error = "interrupted", "stopped on request"
                break
            self.on_progress(change, seq, len(steps))
            try:
                outcomes.append(self._step(seq, change))
            except (Unauthorized, Retryable) as problem:
                outcomes.append(Outcome(change.key, change.action, "failed", error=problem.message))
                state = "interrupted" if isinstance(problem, Retryable) else "failed"
                error = problem.message
                break
            self._count(outcomes)
        if state == "done" and any(outcome.result != "done" for outcome in outcomes):
            state = "failed"
        self._finish(state, error, outcomes)
        return state, outcomes

    def _step(self, seq: int, change: Change) -> Outcome:
        waits = [str(value) for value in self._places(change) if value not in self.refs]
        if waits:
            why = f"waits for {', '.join(waits)}, which could not be made"
            with self.ctx.db.write() as session:
                entry = journal.open_entry(session, self.run, seq, change, self.ctx.now())
                journal.close_entry(session, entry, "skipped", self.ctx.now(), error=why)
            return Outcome(change.key, change.action, "skipped", error=why)
        self._wait(next_wait(self.ctx, self.target.id, self.connector.capabilities().pace))
        with self.ctx.db.write() as session:
            entry = journal.open_entry(session, self.run, seq, change, self.ctx.now())
            if change.action == "create":
                mirror.pend(session, self.target.id, change.node, change.shape, change.section)
        try:
            made = self._call(change)
        except TrackerError as error:
            return self._refused(change, entry, error)
        return self._bind(change, entry, made)

    @staticmethod
    def _places(change: Change) -> list[Any]:
        return [change.fields[name].after for name in PLACES if name in change.fields and change.fields[name].after]

    def _call(self, change: Change) -> Observed | None:
        """The step's one call; sent again only when the tracker said for certain that nothing was written."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._send(change)
            except Retryable as error:
                wait = error.retry_after if error.retry_after is not None else float(2**attempt)
                if attempt == ATTEMPTS or wait > LONGEST_WAIT or self.stop.is_set():
                    raise
                self._wait(wait)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _wait(self, seconds: float) -> None:
        """Wait, holding on to the lease; a stop ends the waiting."""
        while True:
            self.lease.renew()
            if seconds <= 0 or self.stop.is_set():
                return
            part = min(seconds, RENEW_EVERY)
            self.ctx.sleep(part)
            seconds -= part

    def _send(self, change: Change) -> Observed | None:
        fields: Fields = {name: field.after for name, field in change.fields.items()}
        if change.action == "create":
            want = Desired(change.node, change.key, change.kind, change.shape, fields, change.section)
            try:
                return self.connector.create(want, self.refs)
            except Rejected as error:
                if not any(problem.code == "already_exists" for problem in error.fields):
                    raise
                return self._already_there(change, error)
        if change.ref is None:
            raise AssertionError("every step but a create has an object")
        return self.connector.update(change.ref, fields, self.refs) if fields else None

    def _already_there(self, change: Change, error: Rejected) -> Observed:
        """The object that stands in the way, if it is ours: its title is unique and its marker names this node."""
        for item in self.connector.observe(None).objects:
            if item.ref.shape == change.shape and change.key in body.marks(item.description, self.slug)[0]:
                return item
        raise error

    def _bind(self, change: Change, entry: JournalRow, made: Observed | None) -> Outcome:
        ref = made.ref if made else change.ref
        if ref is None:
            raise AssertionError("a create gives its object")
        with self.ctx.db.write() as session:
            mirror.bind(session, self.target.id, change.node, ref, change.base, change.section, self.ids)
            if made is not None:
                mirror.keep(session, self.target.id, [made], full=False)
            journal.close_entry(session, entry, "done", self.ctx.now(), url=ref.url)
        if change.key in self.ids:
            self.refs[change.key] = ref
        return Outcome(change.key, change.action, "done", ref.url)

    def _refused(self, change: Change, entry: JournalRow, error: TrackerError) -> Outcome:
        """Close the step. A create whose answer was lost stays pending; one that was refused never happened."""
        with self.ctx.db.write() as session:
            if change.action == "create" and not isinstance(error, OutcomeUnknown):
                mirror.unpend(session, self.target.id, change.node)
            journal.close_entry(
                session, entry, "failed", self.ctx.now(), error=error.message, request_id=error.request_id
            )
        if isinstance(error, Unauthorized | Retryable):
            raise error
        return Outcome(change.key, change.action, "failed", error=error.message)

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        results = [outcome.result for outcome in outcomes]
        with self.ctx.db.write() as session:
            self.run.done, self.run.failed = results.count("done"), results.count("failed")
            self.run.skipped = results.count("skipped")
            session.merge(self.run)

    def _finish(self, state: str, error: str, outcomes: Sequence[Outcome]) -> None:
        self.run.state, self.run.error, self.run.finished_at = state, error, self.ctx.now()
        self._count(outcomes)
