"""Carrying out a plan: pending link, one call, bind, for each step. Whatever stops it, it can be begun again."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from app.core.errors import MilepostError
from app.core.plan import BLOCKED_BY, CLOSED_AT, PLACES, Change, Desired, Fields, Observed, Ref
from app.db import journal, mirror, revisions, targets, trees
from app.db.engine import DatabaseUnusable
from app.db.models import JournalRow, RunRow, TargetRow
from app.sync import translate
from app.sync.context import Context, new_id
from app.sync.lease import Lease
from app.sync.pacing import next_wait
from connectors.base import Connector, OutcomeUnknown, Pace, Rejected, Retryable, TrackerError, Unauthorized
from mappings import body

ATTEMPTS = 4
"""How often a call is sent that the tracker put off for certain (nothing was written)."""
LONGEST_WAIT = 900.0
"""Seconds: a tracker that asks for more patience than this ends the run, to be gone on with later."""

JITTER = random.SystemRandom()
HANDED_OVER = 5.0
"""Seconds after which the service looks whether it can go on with a run that it let go."""
READY_BEFORE = 0.25
"""Seconds before a write is due by its spacing that its step is begun: what the database takes is no time lost then."""
RENEW_EVERY = 15.0
"""Seconds between renewals of the lease while waiting."""


class Stop(threading.Event):
    """Asks a run to end after the call in flight. `resume`: the service is to go on with it when it is back."""

    resume = False


class _LetGo(Exception):
    """The run ends before its next call: it was asked to, or another apply takes the target over."""


def urgent_first(steps: Sequence[Change]) -> list[Change]:
    """The same steps, what changes objects that are there before what makes new ones: a first push can take hours.

    A step that moves an object into one that is still to be made stays after it.
    """
    made = {change.key for change in steps if change.action == "create"}

    def waits(change: Change) -> bool:
        places = [change.fields[name].after for name in PLACES if name in change.fields]
        return change.ref is None or BLOCKED_BY in change.fields or any(place in made for place in places)

    return sorted(steps, key=waits)


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
    look: Callable[[], None]  # reads what changed in the tracker meanwhile: a run can take hours
    run: RunRow = field(init=False)
    refs: dict[str, Ref] = field(init=False)
    ids: dict[str, int] = field(init=False)
    slug: str = field(init=False)
    looked: datetime = field(init=False)
    unsure: set[str] = field(default_factory=set)  # nodes whose last call's outcome isn't known
    sent: list[datetime] = field(default_factory=list)  # when each write of the step under way was sent
    last: datetime | None = None  # when the run's last write was sent

    def begin(self, plan_id: str, steps: Sequence[Change], *, max_percent: float, recreate: bool) -> str:
        """Store the run, and how it was asked for; gives its id."""
        self.looked = self.ctx.now()
        with self.ctx.db.write() as session:
            self.slug = targets.slug_of(session, self.target)
            tree = trees.load(session, self.slug)
            self.ids = dict(tree.ids)
            self.refs = {link.name: link.ref for link in mirror.links(session, self.target.id, tree) if link.ref}
            self.run = RunRow(
                id=new_id(),
                target_id=self.target.id,
                plan_id=plan_id,
                actor=self.ctx.actor,
                by_service=self.ctx.service,
                max_percent=max_percent,
                recreate=recreate,
                state="running",
                started_at=self.ctx.now(),
                total=len(steps),
            )
            session.add(self.run)
        return self.run.id

    def carry_out(self, steps: Sequence[Change]) -> tuple[str, list[Outcome]]:
        """(the run's state, an outcome for each step begun). What else ends it is raised, and named in the run."""
        try:
            return self._carry_out(steps)
        except BaseException as error:
            self._broke(error)
            raise

    def _carry_out(self, steps: Sequence[Change]) -> tuple[str, list[Outcome]]:
        outcomes: list[Outcome] = []
        self.connector.before_write = self._turn
        state, error = "done", ""
        for seq, change in enumerate(steps):
            self.on_progress(change, seq, len(steps))
            try:
                outcomes.append(self._step(seq, change))
            except _LetGo as ended:
                state, error = "interrupted", str(ended)
                break
            except (Unauthorized, Retryable) as problem:
                if isinstance(problem, Retryable):
                    self.run.resume_at = self._later(problem.retry_after or LONGEST_WAIT)
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
        waits = [str(value) for value in self._needs(change) if value not in self.refs]
        why = f"waits for {', '.join(waits)}, which could not be made" if waits else ""
        if change.key in self.unsure:
            why = "the outcome of the call before is not known yet"
        if why:
            with self.ctx.db.write() as session:
                entry = journal.open_entry(session, self.run, seq, change, self.ctx.now())
                journal.close_entry(session, entry, "skipped", self.ctx.now(), error=why)
            return Outcome(change.key, change.action, "skipped", error=why)
        writes = 2 if change.action == "create" and _closed(change) else 1
        pace = self._pace()
        if self.last is not None:  # `_turn` waits for the rest
            pace = replace(pace, spacing=max(0.0, pace.spacing - READY_BEFORE))
        self._wait(next_wait(self.ctx, self.target.id, pace, writes))
        self.sent = []
        with self.ctx.db.write() as session:
            entry = journal.open_entry(session, self.run, seq, change, self.ctx.now())
            mirror.begin(session, self.target.id, change, self.ids)
        try:
            made = self._call(change)
        except TrackerError as error:
            return self._refused(change, entry, error)
        return self._bind(change, entry, made)

    def _pace(self) -> Pace:
        return self.connector.capabilities().pace

    def _turn(self) -> None:
        """A write goes out, once the spacing to the last is kept: a close after a create too. The step waited for the
        rest of the pace.
        """
        if self.last is not None:
            due = self.last + timedelta(seconds=self._pace().spacing)
            self.ctx.sleep(max(0.0, (due - self.ctx.now()).total_seconds()))
        self.last = self.ctx.now()
        self.sent.append(self.last)

    @staticmethod
    def _needs(change: Change) -> list[Any]:
        """The keys of the nodes that must have an object before this step can be taken."""
        needs = [change.fields[name].after for name in PLACES if name in change.fields and change.fields[name].after]
        if BLOCKED_BY in change.fields:
            needs += [change.key, change.dependency()[0]]
        return needs

    def _call(self, change: Change) -> Observed | None:
        """The step's one call; sent again only when the tracker said for certain that nothing was written."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self.lease.beating():
                    return self._send(change)
            except Retryable as error:
                wait = error.retry_after if error.retry_after is not None else 2.0**attempt * JITTER.uniform(0.5, 1.5)
                if error.retry_after is not None:
                    with self.ctx.db.write() as session:
                        targets.hold(session, self.target.id, self._later(wait))
                if attempt == ATTEMPTS or wait > LONGEST_WAIT:
                    raise
                try:
                    self._wait(wait)
                except _LetGo:
                    raise error from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _later(self, seconds: float) -> datetime:
        return self.ctx.now() + timedelta(seconds=seconds)

    def _wait(self, seconds: float) -> None:
        """Wait, holding on to the lease and reading the tracker at the target's interval. Raises _LetGo."""
        while True:
            wanted = self.lease.renew(self.run.id)
            if wanted == "cancelled":
                self.stop.set()
            if self.stop.is_set():
                raise _LetGo("stopped on request")
            if wanted:
                raise _LetGo("another apply of this target takes over")
            if self.ctx.now() - self.looked >= timedelta(seconds=self.target.interval_seconds):
                self.looked = self.ctx.now()
                self.look()
            if seconds <= 0:
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
        if BLOCKED_BY in change.fields:
            key, added = change.dependency()
            self.connector.block(self.refs[change.key], self.refs[key], added)
            return None
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
        relation = BLOCKED_BY in change.fields
        ref = made.ref if made else change.ref or self.refs.get(change.key)
        if ref is None:
            raise AssertionError("a create gives its object")
        section = None if relation else change.section
        base = change.base
        if made is not None and made.state == "closed" and "state" in change.fields:
            base = {**base, CLOSED_AT: translate.closed_at(made)}
        with self.ctx.db.write() as session:
            if change.forget:
                mirror.forget(session, self.target.id, change.node)
            else:
                mirror.bind(session, self.target.id, change.node, ref, base, section, self.ids)
            if made is not None:
                mirror.keep(session, self.target.id, [made], full=False)
            if relation:
                key, added = change.dependency()
                mirror.relate(session, self.target.id, ref, self.refs[key], added)
            called = made is not None or relation
            request_id = self.connector.request_id if called else ""
            now = self.ctx.now()
            journal.close_entry(session, entry, "done", now, url=ref.url, request_id=request_id, sent=self.sent)
            if change.action == "adopt":  # an object that was there before Milepost has a past
                revisions.rebuild_later(session, self.target.programme_id)
        if change.forget:
            self.refs.pop(change.key, None)
        elif change.key in self.ids:
            self.refs[change.key] = ref
        return Outcome(change.key, change.action, "done", ref.url)

    def _refused(self, change: Change, entry: JournalRow, error: TrackerError) -> Outcome:
        """Close the step. What was refused never happened; of a lost answer the next look at the object tells more."""
        with self.ctx.db.write() as session:
            if not isinstance(error, OutcomeUnknown):
                mirror.refused(session, self.target.id, change)
            elif isinstance(error, Unauthorized):
                mirror.unfinished(session, self.target.id, change.node)
            else:
                self.unsure.add(change.key)
            now, request_id = self.ctx.now(), error.request_id
            journal.close_entry(
                session, entry, "failed", now, error=error.message, request_id=request_id, sent=self.sent
            )
        if isinstance(error, Unauthorized | Retryable):
            raise error
        return Outcome(change.key, change.action, "failed", error=error.message)

    def _broke(self, error: BaseException) -> None:
        """Store why a run ended before its end: what it had begun is looked up when it is begun again."""
        why = error.message if isinstance(error, MilepostError) else f"unexpected: {type(error).__name__}"
        if isinstance(error, KeyboardInterrupt):
            why = "ended at once, on request"
        with suppress(DatabaseUnusable), self.ctx.db.write() as session:  # where that is it, it is what is raised
            row = journal.run_row(session, self.run.id)
            if row.state == "running":
                row.state, row.error, row.finished_at = "interrupted", why, self.ctx.now()

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        """Take in the outcomes that aren't counted yet: looking at all of them after each step costs their square."""
        counted = self.run.done + self.run.failed + self.run.skipped
        for outcome in outcomes[counted:]:
            setattr(self.run, outcome.result, getattr(self.run, outcome.result) + 1)
        with self.ctx.db.write() as session:
            session.merge(self.run)

    def _finish(self, state: str, error: str, outcomes: Sequence[Outcome]) -> None:
        if state == "interrupted" and self.run.resume_at is None and (self.stop.resume or not self.stop.is_set()):
            self.run.resume_at = self._later(HANDED_OVER)
        self.run.state, self.run.error, self.run.finished_at = state, error, self.ctx.now()
        self._count(outcomes)


def _closed(change: Change) -> bool:
    """Whether what is made is to be closed: where trackers make nothing closed that takes a second write."""
    return "state" in change.fields and change.fields["state"].after != "open"
