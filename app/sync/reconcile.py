"""The cycle: read a tracker, plan the difference, apply it, read back. `docs/lifecycle.md` walks through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from app.core.errors import MilepostError
from app.core.plan import WRITING, Change, Plan, fingerprint, guard
from app.db import deliveries, journal, mirror, revisions, targets, usage
from app.db.models import PlanRow, TargetRow
from app.sync import compute, history, lease, settle
from app.sync.context import Context, new_id
from app.sync.lease import Lease
from app.sync.run import Outcome, Runner, Stop, urgent_first
from connectors.base import Connector, Observation, RateLimited, TrackerError, Unauthorized

FULL_AFTER = timedelta(hours=24)
"""How old the last full read may be before a refresh reads everything again: only that shows what was deleted."""
LIST_LAG = 3.0
"""Seconds after which a tracker's lists show what was just made: a marker is looked for again before it is missed."""
CREDENTIALS = "credentials"
"""The reason of a pause that Milepost made itself: the tracker refused the target's credentials."""
EXPIRES_AFTER = timedelta(days=7)
"""How long a reviewed plan may be applied."""
PATIENCE = 15.0
"""Seconds that a refresh waits for another process to finish with the target."""


class PlanStale(MilepostError):
    """The tracker, or the roadmap, has moved on since the plan was made."""

    type = "plan-stale"
    status = 409


class ReadIncomplete(MilepostError):
    """The tracker could not be read whole, so nothing may be concluded."""

    type = "read-incomplete"
    status = 502
    exit_code = 3


@dataclass(frozen=True, slots=True)
class Planned:
    """A stored plan. `problem` says what could not be read, where the plan is not complete."""

    id: str
    target: str
    plan: Plan
    managed: int
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """INTERFACE's `plan` document, with `drift` beside it."""
        plan = self.plan
        return {
            "plan": self.id,
            "checksum": plan.checksum(),
            "target": self.target,
            "complete": plan.complete,
            "summary": plan.summary(),
            "changes": [journal.change_json(change) for change in plan.changes],
            "degraded": [{"key": d.key, "wanted": d.wanted, "got": d.got, "reason": d.reason} for d in plan.degraded],
            "drift": [{"key": d.key, "field": d.field, "reason": d.reason} for d in plan.drift],
        }


@dataclass(frozen=True, slots=True)
class Applied:
    """A run and what became of each step."""

    run: str
    state: str
    outcomes: tuple[Outcome, ...]
    requests: int

    def as_json(self) -> dict[str, Any]:
        """INTERFACE's `apply` document."""
        results = [outcome.result for outcome in self.outcomes]
        return {
            "run": self.run,
            "state": self.state,
            "summary": {name: results.count(name) for name in ("done", "failed", "skipped")},
            "outcomes": [outcome.as_json() for outcome in self.outcomes],
            "requests": self.requests,
        }


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh of one target found. `changed` counts objects that were not as last seen.

    `busy`: another works on the target, and nothing was done. `paused`: its credentials were refused, and it is left
    alone from now on.
    """

    name: str
    complete: bool
    requests: int
    changed: int
    error: str | None = None
    busy: bool = False
    paused: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "complete": self.complete,
            "requests": self.requests,
            "changed": self.changed,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """A read, and how many objects were not as last seen."""

    observation: Observation
    changed: int

    @property
    def complete(self) -> bool:
        return self.observation.complete


@contextmanager
def opened(ctx: Context, target: TargetRow) -> Iterator[Connector]:
    """The target's connector, closed at the end; what it asked of the tracker is counted."""
    connector = ctx.connect(target)
    try:
        yield connector
    finally:
        connector.close()
        if connector.requests:
            left = connector.budget
            said = (left.remaining, left.limit, left.resets_at) if left else None
            with ctx.db.write() as session:
                usage.used(session, target.id, connector.requests, said)


def make_plan(ctx: Context, name: str, *, adopt: bool = False, recreate: bool = False) -> Planned:
    """Read the tracker whole and store the difference. Writes nothing to the tracker."""
    with ctx.db.read() as session:
        target = targets.get(session, name)
    with lease.held(ctx, target.id, patience=PATIENCE) as held, opened(ctx, target) as connector:
        planned = _plan(held, target, connector, adopt=adopt, recreate=recreate)
    _recorded(ctx, target)
    return planned


def _recorded(ctx: Context, target: TargetRow) -> None:
    """Have history take in what was found: at once by a command, soon by the service, whose schedule sees to it."""
    if not ctx.service:
        history.catch_up(ctx, target.programme_id)


def _plan(held: Lease, target: TargetRow, connector: Connector, *, adopt: bool, recreate: bool) -> Planned:
    ctx = held.ctx
    seen = observe(held, connector, full=True)
    with held.beating():
        holds = (None if seen.complete else compute.last_holds(target)) or connector.capabilities()
    with ctx.db.read() as session:
        unsure = bool(settle.unfound(session, target))
    if unsure and seen.complete:
        ctx.sleep(LIST_LAG)
        seen = observe(held, connector, full=True)
    with ctx.db.write() as session:
        held.confirm(session)
        if unsure and seen.complete:
            settle.forget_unmade(session, target)
        targets.by_id(session, target.id).holds = {k: v for k, v in asdict(holds).items() if k != "pace"}
        known = compute.known(session, target)
        plan, managed = compute.difference(known, target.profile, holds, seen.complete, adopt=adopt, recreate=recreate)
        compute.keep(session, target, known, plan)
        plan_id = new_id()
        journal.keep_plan(session, plan_id, target.id, plan, adopt=adopt, recreate=recreate, now=ctx.now())
    return Planned(plan_id, target.name, plan, managed, seen.observation.problem)


def observe(held: Lease, connector: Connector, *, full: bool, writing: bool = False) -> Seen:
    """Read the tracker and keep what was found. The cursor moves only when nothing failed.

    Unless the caller is `writing`, no call is under way: those that were lost are settled. Raises TargetBusy, and keeps
    nothing, where another has taken the target over meanwhile: what was read is older than what that one did.
    """
    ctx, target_id = held.ctx, held.target_id
    began = ctx.now()
    with ctx.db.read() as session:
        target = targets.by_id(session, target_id)
        unanswered, asked_at = deliveries.unanswered(session, target_id), target.asked_at
    first = target.mirrored_at is None
    if target.hold_until is not None and target.hold_until > began:
        left = (target.hold_until - began).total_seconds()
        until = f"{target.hold_until:%Y-%m-%d %H:%M:%S} UTC"
        raise RateLimited(f"the tracker asked to be left alone until {until}", "try again then", retry_after=left)
    since = None if full or target.mirrored_at is None else target.cursor
    with held.beating():
        observation = connector.observe(since)  # type: ignore[arg-type]  # a stored Cursor
    with ctx.db.write() as session:
        held.confirm(session)
        target = targets.by_id(session, target_id)
        whole = observation.full and observation.complete
        changed = mirror.keep(session, target_id, observation.objects, full=whole)
        if observation.complete:
            target.cursor, target.last_refresh = observation.cursor, began
            if whole:
                target.mirrored_at = began
            _good(session, target, changed, asked_at)
            deliveries.answer(session, unanswered, ctx.now())
            if not writing:
                settle.settle(session, target)
        else:
            _bad(session, target, observation.problem, unanswered, ctx.now(), patience=observation.retry_after)
        session.add(target)
        if first and whole:
            revisions.rebuild_later(session, target.programme_id)
    return Seen(observation, changed)


def _good(session: Session, target: TargetRow, changed: int, asked_at: datetime | None) -> None:
    """A target was read whole: what went wrong before is over, its pause for bad credentials too."""
    target.last_error, target.failures, target.tried_at = "", 0, None
    target.quiet = 0 if changed else target.quiet + 1
    if target.asked_at == asked_at:
        target.asked_at = None
    if target.pause_reason:
        targets.set_state(target, "active")


def _bad(
    session: Session,
    target: TargetRow,
    error: str,
    unanswered: Sequence[int],
    now: datetime,
    *,
    patience: float | None = None,
) -> None:
    """A target could not be read. Patience that the tracker asked for is no failure: it is waited out."""
    target.last_error = error
    if patience is not None:
        target.hold_until = now + timedelta(seconds=patience)
        return
    target.tried_at, target.failures, target.asked_at = now, target.failures + 1, None
    deliveries.failed(session, unanswered, error)


def apply_plan(
    ctx: Context,
    name: str,
    *,
    plan_id: str | None = None,
    max_percent: float = 30.0,
    recreate: bool = False,
    agree: Callable[[Planned], bool] = lambda planned: True,
    on_progress: Callable[[Change, int, int], None] = lambda change, done, total: None,
    on_run: Callable[[str], None] = lambda run_id: None,
    stop: Stop | None = None,
    ask: bool = True,
) -> Applied | None:
    """Carry a plan out, one call a step. Without `plan_id` a plan is made; `agree` is asked before anything is written.

    Gives None when `agree` says no. Raises PlanStale when the tracker or the roadmap has moved on, ReadIncomplete when
    the tracker can't be read whole, ChangeGuard when more than `max_percent` of the managed objects would change.
    Interrupted, the same call goes on where it ended. With `ask` a run of this target that is under way is told to let
    go: small urgent changes aren't stuck behind a long one, and what that left is in the fresh plan.
    """
    with ctx.db.read() as session:
        target = targets.get(session, name)

    def look() -> None:
        try:
            observe(held, connector, full=False, writing=True)
        except TrackerError as error:
            failed(ctx, target.id, error.message)

    with lease.held(ctx, target.id, patience=PATIENCE, ask=ask) as held, opened(ctx, target) as connector:
        with ctx.db.write() as session:
            cancelled = targets.cancelled_run(session, target.id)
            journal.interrupt_runs(session, target.id, ctx.now(), cancelled=cancelled)
        if plan_id is None:
            planned = _plan(held, target, connector, adopt=False, recreate=recreate)
            if not planned.plan.complete:
                raise incomplete(planned.problem)
            steps = [change for change in planned.plan.changes if change.action in WRITING]
        else:
            planned, steps = _reviewed(held, target, connector, plan_id, recreate)
        guard(planned.plan, planned.managed, max_percent)
        if steps and not agree(planned):
            return None
        runner = Runner(ctx, target, connector, held, on_progress, stop or Stop(), look)
        run_id = runner.begin(planned.id, urgent_first(steps), max_percent=max_percent, recreate=recreate)
        on_run(run_id)
        state, outcomes = runner.carry_out(urgent_first(steps))
    _recorded(ctx, target)
    return Applied(run_id, state, tuple(outcomes), connector.requests)


def _reviewed(
    held: Lease, target: TargetRow, connector: Connector, plan_id: str, recreate: bool
) -> tuple[Planned, list[Change]]:
    """The stored plan and those of its steps that are still to do. Raises PlanStale."""
    ctx = held.ctx
    with ctx.db.read() as session:
        row = journal.plan_row(session, target.id, plan_id)
        done = journal.done_before(session, plan_id)
        unsure = bool(settle.unfound(session, target))
    plan = journal.plan_of(row)
    if row.checksum != plan.checksum():
        raise PlanStale(
            f"the stored plan {plan_id} is not what was planned", f"plan again: milepost plan {target.name}"
        )
    if ctx.now() - row.created_at > EXPIRES_AFTER:
        age = (ctx.now() - row.created_at).days
        raise PlanStale(
            f"the plan {plan_id} is {age} days old, and plans are good for {EXPIRES_AFTER.days}",
            f"plan again: milepost plan {target.name}",
        )
    seen = observe(held, connector, full=unsure)
    if not seen.complete:
        raise incomplete(seen.observation.problem)
    holds = connector.capabilities()
    with ctx.db.read() as session:
        if row.undoes is not None:
            fresh, managed = compute.undo(session, target, row.undoes)
        else:
            known, profile = compute.known(session, target), target.profile
            fresh, managed = compute.difference(
                known, profile, holds, row.complete, adopt=row.adopt, recreate=row.recreate
            )
        _compare(row, plan, done, fresh, target.name)
        if recreate and not row.recreate and row.undoes is None:
            fresh, managed = compute.difference(known, profile, holds, row.complete, adopt=row.adopt, recreate=True)
    return Planned(plan_id, target.name, fresh, managed), [c for c in fresh.changes if c.action in WRITING]


def incomplete(problem: str) -> ReadIncomplete:
    """What is raised where nothing may be concluded."""
    return ReadIncomplete(f"the tracker could not be read whole: {problem}", "nothing was written; apply again later")


def _compare(row: PlanRow, plan: Plan, done: set[str], fresh: Plan, name: str) -> None:
    """Raises PlanStale unless what is to do now is just what was planned and not yet done."""
    now = {fingerprint(change): change for change in fresh.changes if change.action in WRITING}
    then = {fingerprint(change): change for change in plan.changes if change.action in WRITING}
    moved: dict[str, set[str]] = {}
    for print_, change in (*now.items(), *then.items()):
        if not (print_ in now and print_ in then) and not (print_ in then and print_ in done):
            moved.setdefault(change.key, set()).update(change.fields)
    if moved:
        keys = sorted(moved)
        shown = ", ".join(f"{key} ({', '.join(sorted(moved[key])) or 'all of it'})" for key in keys[:5])
        shown += f" and {len(keys) - 5} more" if len(keys) > 5 else ""
        raise PlanStale(
            f"the plan {row.id} is out of date: since it was made, the tracker or the roadmap changed {shown}",
            f"look again: milepost plan {name}",
        )


def failed(ctx: Context, target_id: str, error: MilepostError | str) -> bool:
    """Keep why a target could not be read. True when that paused it: its credentials were refused."""
    with ctx.db.write() as session:
        row = targets.find(session, target_id)
        if row is None:
            return False
        message = error if isinstance(error, str) else error.message
        patience = error.retry_after if isinstance(error, RateLimited) else None
        _bad(session, row, message, deliveries.unanswered(session, target_id), ctx.now(), patience=patience)
        refused = isinstance(error, Unauthorized) and row.state == "active"
        if refused:
            targets.set_state(row, "paused", CREDENTIALS)
        session.add(row)
    return refused


def refresh(ctx: Context, name: str, *, full: bool = False, patience: float = PATIENCE) -> Refreshed:
    """Pull one target back, incrementally unless `full` or the last full read is a day old.

    Never raises for the tracker: what could not be read is in `error`, kept with the target, and shown as stale. Bad
    credentials pause the target. A target that another works on for longer than `patience` seconds is left as it is.
    """
    with ctx.db.read() as session:
        target = targets.get(session, name)
    now: datetime = ctx.now()
    whole = full or target.mirrored_at is None or now - target.mirrored_at > FULL_AFTER
    requests = 0
    try:
        with lease.held(ctx, target.id, patience=patience) as held, opened(ctx, target) as connector:
            try:
                seen = observe(held, connector, full=whole)
            finally:
                requests = connector.requests
    except targets.TargetBusy as error:
        return Refreshed(name, complete=False, requests=requests, changed=0, error=error.message, busy=True)
    except MilepostError as error:
        paused = failed(ctx, target.id, error)
        return Refreshed(name, complete=False, requests=requests, changed=0, error=error.message, paused=paused)
    _recorded(ctx, target)
    return Refreshed(
        name,
        complete=seen.complete,
        requests=requests,
        changed=seen.changed,
        error=seen.observation.problem or None,
    )
