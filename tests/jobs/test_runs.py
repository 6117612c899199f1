"""Runs of several processes on one database: each is gone on with by one of them, and cancelled from any."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlmodel import select

from app.db import journal
from app.db import targets as rows
from app.db.engine import Database
from app.db.models import JournalRow, RunRow
from app.jobs import Runs
from app.sync import lease, reconcile
from app.sync.context import Context
from connectors.sandbox.faults import Fault
from tests.api.house import ROADMAP, until
from tests.sync.places import Place, a_box


class Office:
    """Two processes' runs (as far as they share no memory), and a place."""

    def __init__(self, ctx: Context, box: Any, url: str) -> None:
        self.ctx, self.box = ctx, box
        self.one, self.two = Runs(ctx), Runs(ctx)
        self.place = Place(ctx, url, box, "github", "hub")
        self.place.read(ROADMAP)
        self.place.target()

    def runs(self) -> list[RunRow]:
        with self.ctx.db.read() as session:
            return list(session.exec(select(RunRow).order_by(RunRow.started_at)))  # type: ignore[arg-type]

    def created(self) -> list[str]:
        with self.ctx.db.read() as session:
            return sorted(row.key for row in session.exec(select(JournalRow).where(JournalRow.state == "done")))

    def begin(self) -> str:
        """Begin a run in the first process whose calls take long."""
        plan = self.place.plan().id
        self.box.faults.add(Fault("latency", match="POST|PATCH", seconds=0.3, times=None))
        return self.one.begin("hub", plan, max_percent=100.0, recreate=False)

    def rest(self) -> None:
        until(lambda: not self.one.alive() and not self.two.alive(), 20)


@pytest.fixture
def office(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("SYNC_TOKEN", "a-robot")
    with a_box("github") as (box, url):
        made = Office(Context(db, actor="service", service=True), box, url)
        yield made
        assert made.one.stop(20)
        assert made.two.stop(20)


def test_a_run_is_cancelled_from_another_process_and_not_gone_on_with(office: Office) -> None:
    run = office.begin()
    until(lambda: len(office.created()) >= 1)
    assert office.two.cancel(run)
    office.rest()
    (ended,) = office.runs()
    assert (ended.state, ended.error, ended.resume_at) == ("interrupted", "stopped on request", None)
    assert ended.done < ended.total
    assert not office.two.cancel(run)


def test_a_run_that_was_cancelled_as_its_process_died_is_not_gone_on_with(office: Office) -> None:
    run = office.begin()
    office.one.stop(20)
    office.rest()
    with office.ctx.db.write() as session:  # as it stands when its process was killed
        row = journal.run_row(session, run)
        row.state, row.resume_at = "running", None
        session.add(row)
    assert office.two.cancel(run)
    target = office.runs()[0].target_id
    with lease.held(office.ctx, target), office.ctx.db.write() as session:
        cancelled = rows.cancelled_run(session, target)
        journal.interrupt_runs(session, target, office.ctx.now(), cancelled=cancelled)
    office.two.resume()
    (ended,) = office.runs()
    assert (ended.state, ended.resume_at) == ("interrupted", None)


def test_of_two_processes_one_goes_on_with_a_run(office: Office) -> None:
    office.begin()
    until(lambda: len(office.created()) >= 1)
    office.one.stop(20)  # as at a deployment
    office.rest()
    again = [Runs(office.ctx) for _ in range(4)]
    ready = threading.Barrier(4)

    def resume(runs: Runs) -> None:
        ready.wait(10)
        runs.resume()

    until(lambda: (office.runs()[0].resume_at or office.ctx.now()) <= office.ctx.now(), 10)
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(resume, again):
            pass
    until(lambda: not any(runs.alive() for runs in again), 20)
    assert [(run.state, run.resume_at) for run in office.runs()] == [("interrupted", None), ("done", None)]
    assert office.created() == ["1A", "1B", "2A", "M1", "M2"]
    assert office.place.pending() == {}


def test_what_one_read_who_was_taken_for_dead_is_not_kept(office: Office) -> None:
    office.place.apply()
    before = office.ctx.now()
    with office.ctx.db.read() as session:
        target = rows.get(session, "hub")
    with lease.held(office.ctx, target.id) as held, reconcile.opened(office.ctx, target) as connector:
        with office.ctx.db.write() as session:
            rows.drop_lease(session, target.id, held.fence, before)
        with lease.held(office.ctx, target.id), pytest.raises(rows.TargetBusy):
            reconcile.observe(held, connector, full=True)
    with office.ctx.db.read() as session:
        read = rows.get(session, "hub").last_refresh
    assert read is not None
    assert read < before
