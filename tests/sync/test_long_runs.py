"""Runs that take hours: they read meanwhile, let urgent changes pass, obey the tracker, and leave a whole audit."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.core.plan import Change, FieldChange, Ref
from app.db import journal
from app.db import targets as rows
from app.jobs import Runs
from app.sync import lease, reconcile
from app.sync.context import open_place, utc_now
from app.sync.run import Stop, urgent_first
from connectors.base import RateLimited
from tests.sync.conftest import SMALL, Site

RENAMED = SMALL.replace("Mobilisation", "Getting Going")


def step(action: Any, key: str, ref: Ref | None = None, **fields: Any) -> Change:
    changes = {name: FieldChange(None, value) for name, value in fields.items()}
    return Change(action, 1, key, "task", "issue", ref, changes, "")


def test_what_is_there_comes_before_what_is_still_to_be_made() -> None:
    ref = Ref("issue", "1", 1)
    steps = [
        step("create", "M1"),
        step("create", "1A", milestone="M1"),
        step("update", "2A", ref, title="x"),
        step("update", "2B", ref, milestone="M1"),
        step("update", "2C", ref, milestone="M2"),
        step("update", "2D", ref, blocked_by=("1A",)),
        step("update", "1A", None, blocked_by=("2A",)),
        step("close", "9Z", ref, state="not_planned"),
    ]
    assert [change.key for change in urgent_first(steps)] == ["2A", "2C", "9Z", "M1", "1A", "2B", "2D", "1A"]


class Slow:
    """The real connector; before its `at`-th create it waits to be told."""

    def __init__(self, real: Any, at: int, reached: threading.Event, go: threading.Event) -> None:
        self.real, self.left, self.reached, self.go = real, at, reached, go

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def create(self, *args: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            self.reached.set()
            assert self.go.wait(20)
        return self.real.create(*args)


def test_an_urgent_apply_takes_over_and_finishes_what_the_long_one_left(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    reached, go = threading.Event(), threading.Event()
    slow = replace(hub.ctx, open_place=lambda place: Slow(open_place(place), 2, reached, go))
    ended: list[Any] = []
    thread = threading.Thread(target=lambda: ended.append(reconcile.apply_plan(slow, "hub")))
    thread.start()
    assert reached.wait(20)
    hub.read(RENAMED)
    urgent: list[Any] = []
    second = threading.Thread(target=lambda: urgent.append(hub.apply()))
    second.start()
    until_wanted(hub)
    go.set()
    thread.join(20)
    second.join(20)
    (first,), (last,) = ended, urgent
    assert (first.state, [o.key for o in first.outcomes]) == ("interrupted", ["M1", "1A"])
    assert (last.state, next((o.action, o.key) for o in last.outcomes)) == ("done", ("update", "1A"))
    assert hub.summary() == {}
    assert set(hub.titles()) == {"1A — Getting Going", "1B — Blueprint", "2A — Bricks"}


def until_wanted(site: Site) -> None:
    for _ in range(400):
        with site.ctx.db.read() as session:
            if rows.lease_wanted(session, rows.get(session, "hub").id):
                return
        threading.Event().wait(0.05)
    raise AssertionError("nobody asked for the target")


def test_a_run_reads_the_tracker_at_its_interval(hub: Site) -> None:
    """A person closes an issue while the run goes on: progress follows before the run's end."""
    hub.read(SMALL)
    hub.target(interval_seconds=60)
    shift = [0.0]
    ctx = replace(hub.ctx, now=lambda: utc_now() + timedelta(seconds=shift[0]))
    seen: list[str] = []

    def on_progress(change: Change, done: int, total: int) -> None:
        if done == 2:
            hub.edit(hub.titles()["1A — Mobilisation"], state="closed")
        shift[0] += 61.0
        with hub.ctx.db.read() as session:
            target = rows.get(session, "hub")
            mirrored = reconcile.mirror.observed(session, target.id)
        seen.append("closed" if any(o.state == "closed" for o in mirrored) else "open")

    applied = reconcile.apply_plan(ctx, "hub", on_progress=on_progress)
    assert applied is not None
    assert applied.state == "done"
    assert "closed" in seen[:-1]


def test_what_the_tracker_asked_for_holds_the_target_and_no_other(hub: Site) -> None:
    hub.read(SMALL)
    hub.target(select=["M1"])
    hub.target("other", select=["M2"])
    asked = replace(hub.ctx, open_place=lambda place: Refusing(open_place(place)))
    applied = reconcile.apply_plan(asked, "hub")
    assert applied is not None
    assert applied.state == "interrupted"
    before = hub.box.log.summary()["total"]
    found = reconcile.refresh(hub.ctx, "hub")
    assert "asked to be left alone until" in str(found.error)
    with pytest.raises(RateLimited) as refused:
        reconcile.apply_plan(hub.ctx, "hub")
    assert 900 < (refused.value.retry_after or 0) <= 2000
    assert hub.box.log.summary()["total"] == before
    assert reconcile.refresh(hub.ctx, "other").error is None
    later = replace(hub.ctx, now=lambda: utc_now() + timedelta(seconds=2001))
    assert reconcile.refresh(later, "hub").error is None


class Refusing:
    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def create(self, *args: Any) -> Any:
        raise RateLimited("slow down", retry_after=2000.0)


@pytest.mark.parametrize("how", ["deployed", "cancelled"])
def test_the_service_goes_on_with_what_its_end_interrupted(hub: Site, how: str) -> None:
    hub.read(SMALL)
    hub.target()
    plan = reconcile.make_plan(hub.ctx, "hub")
    service = replace(hub.ctx, actor="service", service=True)
    reached, go = threading.Event(), threading.Event()
    runs = Runs(replace(service, open_place=lambda place: Slow(open_place(place), 2, reached, go)))
    run_id = runs.begin("hub", plan.id, max_percent=30, recreate=False)
    assert reached.wait(20)
    stopper = threading.Thread(target=(lambda: runs.stop(20)) if how == "deployed" else (lambda: runs.cancel(run_id)))
    stopper.start()
    threading.Event().wait(0.2)
    go.set()
    stopper.join(20)
    until_over(hub, run_id)
    again = Runs(replace(service, now=lambda: utc_now() + timedelta(seconds=10)))
    again.resume()
    for _ in range(200):
        if not again.alive():
            break
        threading.Event().wait(0.05)
    assert (hub.summary() == {}) == (how == "deployed")
    assert len(hub.titles()) == (3 if how == "deployed" else 1)


def until_over(site: Site, run_id: str) -> None:
    for _ in range(400):
        with site.ctx.db.read() as session:
            if journal.run_row(session, run_id).state != "running":
                return
        threading.Event().wait(0.05)
    raise AssertionError("the run goes on")


def test_every_write_is_in_the_audit_with_who_and_both_sides_of_each_field(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    site = replace(hub, ctx=replace(hub.ctx, actor="ann@desk"))
    first = site.apply()
    site.read(RENAMED)
    second = site.apply()
    with hub.ctx.db.read() as session:
        target = rows.get(session, "hub")
        every = [journal.audit_json(e, r, "hub") for e, r in journal.audit(session, [target.id], 100)]
        of_run = journal.audit(session, [target.id], 100, run=second.run)
        of_key = journal.audit(session, [target.id], 100, key="1A")
    assert len(every) == hub.writes() == len(first.outcomes) + 1
    assert (len(of_run), len(of_key)) == (1, 2)
    assert {entry["by"] for entry in every} == {"ann@desk"}
    assert len({entry["request_id"] for entry in every} - {None}) == len(every)
    newest = every[0]
    assert (newest["run"], newest["key"], newest["action"], newest["outcome"]) == (second.run, "1A", "update", "done")
    assert newest["fields"]["title"] == {"before": "1A — Mobilisation", "after": "1A — Getting Going"}


def test_the_audit_is_kept_as_long_as_asked(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    first = hub.apply()
    now = utc_now()

    def pruned(before: datetime) -> int:
        with hub.ctx.db.write() as session:
            return journal.prune(session, before)

    assert pruned(now - timedelta(days=1)) == 0
    assert pruned(now + timedelta(days=1)) == 1
    with pytest.raises(journal.RunUnknown), hub.ctx.db.read() as session:
        journal.run_row(session, first.run)
    assert hub.summary() == {}


def test_a_plan_is_good_for_a_week(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    plan = reconcile.make_plan(hub.ctx, "hub")
    later = replace(hub.ctx, now=lambda: utc_now() + timedelta(days=8))
    with pytest.raises(reconcile.PlanStale, match="8 days old"):
        reconcile.apply_plan(later, "hub", plan_id=plan.id)


def test_a_stop_while_the_pace_is_waited_for_writes_nothing_more(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    stop = Stop()
    stop.set()
    applied = hub.apply(stop=stop)
    assert (applied.state, applied.outcomes) == ("interrupted", ())
    assert hub.writes() == 0
    with lease.held(hub.ctx, first_target(hub)):
        pass


def first_target(site: Site) -> str:
    with site.ctx.db.read() as session:
        return rows.get(session, "hub").id
