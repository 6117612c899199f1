"""The schedule: what is due and when, coalescing, backing off, leaving busy targets alone, mending lost runs."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from app.db import deliveries, journal, revisions
from app.db import targets as rows
from app.db.engine import Database, DatabaseUnusable
from app.db.models import DeliveryRow, PlanRow, RunRow, TargetRow
from app.jobs import LocalQueue, Schedule
from app.jobs.service import queue_for
from app.sync import inbox, lease, roadmap, targets
from app.sync.context import Context
from app.sync.rhythm import Rhythm
from app.sync.status import status
from app.sync.targets import NewTarget
from connectors.base import Connector, Cursor, Observation, Place, Unauthorized
from tests.api.house import ROADMAP, until

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
EVEN = Rhythm(quickest=1.0, slowest=1.0, jitter=0.0)


class Reads:
    """Stands in for both targets' tracker, where there is nothing: counts reads by target, can be held, and fails."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.error = ""
        self.patience: float | None = None
        self.raises: Exception | None = None
        self.go = threading.Event()
        self.go.set()

    def open(self, place: Place) -> Connector:
        return cast(Connector, Tracker(self, place.path.removeprefix("acme/")))


class Tracker:
    requests = 2
    budget = None

    def __init__(self, reads: Reads, name: str) -> None:
        self.reads, self.name = reads, name

    def observe(self, since: Cursor | None = None) -> Observation:
        self.reads.names.append(self.name)
        assert self.reads.go.wait(10)
        if self.reads.raises:
            raise self.reads.raises
        good = not self.reads.error
        cursor = Cursor("{}") if good else None
        return Observation((), good, True, cursor, 2, self.reads.error, retry_after=self.reads.patience)

    def missed_deliveries(self, hook_id: str, since: datetime) -> tuple[()]:
        return ()

    def close(self) -> None:
        pass


class Bench:
    """A schedule whose ticks are called by hand, over two targets, at a clock that is set."""

    def __init__(self, db: Database, reads: Reads) -> None:
        self.now, self.reads = NOW, reads
        self.ctx = Context(db, now=lambda: self.now, open_place=reads.open)
        self.queue = queue_for(db)
        self.schedule = Schedule(self.ctx, self.queue, debounce=0.0, rhythm=EVEN)
        self.queue.start()
        until(self.queue.alive)
        roadmap.import_roadmap(db, ROADMAP.encode(), "small", start=date(2026, 11, 2), now=NOW)
        self.one, self.two = (
            targets.add(self.ctx, NewTarget(name, "small", "github", f"acme/{name}", select=[key]))["id"]
            for name, key in (("one", "M1"), ("two", "M2"))
        )

    def tick(self) -> None:
        """Tick, and wait for what it began."""
        self.schedule.tick()
        self.rest()

    def rest(self) -> None:
        until(lambda: not self.queue.names())

    def deliver(self, number: str = "1", target: str | None = None) -> None:
        with self.ctx.db.write() as session:
            deliveries.keep(session, target or self.one, number, "issues", self.now, relevant=True)

    def waiting(self) -> set[str]:
        with self.ctx.db.read() as session:
            return deliveries.waiting(session)

    def inbox(self) -> list[DeliveryRow]:
        """The first target's deliveries, oldest first."""
        with self.ctx.db.read() as session:
            return list(reversed(deliveries.listed(session, self.one, 100)))

    def row(self) -> TargetRow:
        with self.ctx.db.read() as session:
            return rows.by_id(session, self.one)


@pytest.fixture
def bench(db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_token_of_tests")
    reads = Reads()
    made = Bench(db, reads)
    yield made
    reads.go.set()
    assert made.queue.stop(10)


def test_every_target_is_read_at_its_interval(bench: Bench) -> None:
    bench.tick()
    assert sorted(bench.reads.names) == ["one", "two"]
    for seconds, count in ((299, 2), (301, 4), (302, 4)):
        bench.now = NOW + timedelta(seconds=seconds)
        bench.tick()
        assert len(bench.reads.names) == count


def test_a_start_goes_on_from_the_last_read(bench: Bench) -> None:
    bench.tick()
    bench.now += timedelta(seconds=100)
    bench.schedule = Schedule(bench.ctx, bench.queue, debounce=0.0, rhythm=EVEN)
    bench.tick()
    assert len(bench.reads.names) == 2
    bench.now += timedelta(seconds=300)
    bench.tick()
    assert len(bench.reads.names) == 4


def test_a_delivery_is_answered_by_one_read_of_its_target(bench: Bench) -> None:
    bench.tick()
    bench.now += timedelta(seconds=1)
    bench.deliver("1")
    bench.deliver("2")
    bench.now += timedelta(seconds=1)
    bench.tick()
    bench.tick()
    assert (bench.reads.names[2:], bench.waiting()) == (["one"], set())


def test_what_comes_in_while_a_target_is_read_is_answered_after(bench: Bench) -> None:
    bench.tick()
    bench.reads.go.clear()
    bench.deliver("1")
    bench.schedule.delivered(bench.one)
    until(lambda: len(bench.reads.names) == 3)
    bench.deliver("2")  # at the same time by the clock
    assert [bench.schedule.delivered(bench.one) for _ in range(3)] == [True, False, False]
    bench.schedule.tick()
    bench.reads.go.set()
    bench.tick()
    assert (bench.reads.names[2:], bench.waiting()) == (["one", "one"], set())


def test_a_clock_that_is_behind_loses_no_delivery(bench: Bench) -> None:
    """As on another machine: stored later by the order of things, and earlier by its time."""
    bench.tick()
    bench.reads.go.clear()
    bench.schedule.refresh(bench.one)
    until(lambda: len(bench.reads.names) == 3)
    bench.now -= timedelta(minutes=5)
    bench.deliver("1")
    bench.reads.go.set()
    bench.rest()
    assert bench.waiting() == {bench.one}
    bench.tick()
    assert (bench.reads.names[3:].count("one"), bench.waiting()) == (1, set())


def test_a_thousand_calls_ask_the_queue_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    patient = Schedule(bench.ctx, bench.queue, debounce=1.5, rhythm=EVEN)
    asked: list[str] = []
    enqueue = bench.queue.enqueue

    def counted(kind: str, argument: str = "", delay: float = 0.0) -> bool:
        asked.append(kind)
        return enqueue(kind, argument, delay)

    monkeypatch.setattr(bench.queue, "enqueue", counted)
    for _ in range(1000):
        patient.delivered(bench.one)
    assert asked == ["refresh"]
    bench.rest()
    assert bench.reads.names == ["one"]


def test_a_slow_target_holds_up_no_other(bench: Bench) -> None:
    bench.reads.go.clear()
    bench.schedule.refresh(bench.one)
    until(lambda: bench.reads.names == ["one"])
    bench.schedule.refresh(bench.two)
    until(lambda: bench.reads.names == ["one", "two"])
    bench.reads.go.set()


def over(bench: Bench, seconds: int) -> list[int]:
    """Tick each second, with a webhook call each time; gives the seconds at which the first target was tried."""
    tried = []
    began = bench.now
    for second in range(seconds):
        bench.now = began + timedelta(seconds=second)
        before = bench.reads.names.count("one")
        bench.tick()
        tried += [second] * (bench.reads.names.count("one") - before)
    return tried


@pytest.mark.parametrize("raises", [None, ZeroDivisionError("a defect")])
def test_a_failing_target_with_deliveries_is_not_hammered(bench: Bench, raises: Exception | None) -> None:
    bench.tick()
    bench.reads.error, bench.reads.raises = "the tracker is away", raises
    bench.deliver("1")
    assert over(bench, 40) == [0, 2, 6, 14, 30]
    (one,) = bench.inbox()
    error = "unexpected: ZeroDivisionError" if raises else "the tracker is away"
    assert (one.state, one.attempts, one.error, bench.row().last_error) == ("waiting", 5, error, error)
    bench.reads.error, bench.reads.raises = "", None
    bench.now += timedelta(seconds=60)
    bench.tick()
    assert (bench.waiting(), bench.row().failures, bench.row().last_error) == (set(), 0, "")
    assert bench.inbox()[0].handled_at == bench.now


def test_the_pauses_outlast_a_restart(bench: Bench) -> None:
    bench.tick()
    bench.reads.error = "the tracker is away"
    bench.deliver("1")
    assert over(bench, 20) == [0, 2, 6, 14]
    bench.schedule = Schedule(bench.ctx, bench.queue, debounce=0.0, rhythm=EVEN)
    bench.now += timedelta(seconds=1)
    assert over(bench, 15) == [10]


def test_deliveries_are_parked_after_their_tries_and_answered_by_the_next_good_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "TRIES", 3)
    bench.tick()
    bench.reads.error = "the tracker is away"
    bench.deliver("1")
    assert over(bench, 40) == [0, 2, 6]
    bench.deliver("2")
    (parked, later) = bench.inbox()
    assert (parked.state, parked.attempts, parked.error) == ("failed", 3, "the tracker is away")
    assert (later.state, later.attempts) == ("waiting", 0)
    bench.reads.error = ""
    bench.now += timedelta(seconds=60)
    bench.tick()
    assert [one.state for one in bench.inbox()] == ["handled", "handled"]


def test_a_parked_delivery_that_comes_again_or_is_retried_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "TRIES", 1)
    bench.tick()
    bench.reads.error = "the tracker is away"
    bench.deliver("1")
    bench.tick()
    assert (bench.inbox()[0].state, bench.waiting()) == ("failed", set())
    bench.deliver("1")
    assert (bench.inbox()[0].state, bench.inbox()[0].attempts, bench.waiting()) == ("waiting", 0, {bench.one})
    bench.now += timedelta(seconds=10)
    bench.tick()
    assert bench.inbox()[0].state == "failed"
    bench.reads.error = ""
    number = bench.inbox()[0].id
    assert number is not None
    inbox.retry(bench.ctx, number)
    bench.tick()
    assert bench.inbox()[0].state == "handled"


def test_a_discarded_delivery_asks_for_nothing_and_stays_so(bench: Bench) -> None:
    bench.tick()
    bench.deliver("1")
    inbox.discard(bench.ctx, bench.inbox()[0].id or 0)
    bench.tick()
    assert (len(bench.reads.names), bench.inbox()[0].state) == (2, "discarded")
    bench.schedule.refresh(bench.one)
    bench.rest()
    assert bench.inbox()[0].state == "discarded"


def test_patience_that_the_tracker_asks_for_costs_no_try(bench: Bench) -> None:
    bench.tick()
    bench.reads.error, bench.reads.patience = "the tracker asked for patience", 20.0
    bench.deliver("1")
    assert over(bench, 30) == [0, 20]
    (one,) = bench.inbox()
    assert (one.state, one.attempts, bench.row().failures) == ("waiting", 0, 0)


def test_refused_credentials_pause_a_target_until_they_are_good_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.tick()
    bench.reads.raises = Unauthorized("the token was refused")
    bench.deliver("1")
    assert over(bench, 30) == [0]
    shown = targets.show(bench.ctx, "one")
    assert (shown["state"], shown["pause_reason"], shown["last_error"]) == (
        "paused",
        "credentials",
        "the token was refused",
    )
    assert "target one is paused" in caplog.text
    (milestone, *_) = status(bench.ctx, "small").milestones
    assert (milestone.stale, milestone.stale_reason) == (
        True,
        "paused, as its credentials were refused: the token was refused",
    )
    bench.reads.raises = None
    targets.set_state(bench.ctx, "one", "active")
    bench.tick()
    assert (bench.row().state, bench.waiting()) == ("active", set())


def test_refused_credentials_are_tried_again_each_hour(bench: Bench) -> None:
    bench.tick()
    bench.reads.raises = Unauthorized("the token was refused")
    bench.schedule.refresh(bench.one)
    bench.rest()
    for minutes, state, tried in ((59, "paused", 0), (61, "paused", 1), (100, "paused", 0), (122, "active", 1)):
        bench.now = NOW + timedelta(minutes=minutes)
        before = bench.reads.names.count("one")
        if minutes == 122:
            bench.reads.raises = None
        bench.tick()
        found = bench.row()
        assert (found.state, bench.reads.names.count("one") - before) == (state, tried), minutes


def test_a_pause_of_a_person_outlasts_refused_credentials_and_their_mending(bench: Bench) -> None:
    bench.tick()
    targets.set_state(bench.ctx, "one", "paused")
    bench.reads.raises = Unauthorized("the token was refused")
    bench.schedule.refresh(bench.one)
    bench.rest()
    bench.reads.raises = None
    bench.schedule.refresh(bench.one)
    bench.rest()
    bench.now += timedelta(hours=5)
    bench.tick()
    assert bench.reads.names.count("one") == 3
    assert (bench.row().state, bench.row().pause_reason) == ("paused", "")


def test_paused_targets_rest_and_answer_when_they_go_on(bench: Bench) -> None:
    bench.tick()
    bench.deliver("1")
    for state, count in (("paused", 2), ("active", 3)):
        with bench.ctx.db.write() as session:
            row = rows.by_id(session, bench.one)
            rows.set_state(row, state)
            session.add(row)
        bench.tick()
        assert len(bench.reads.names) == count


def test_a_target_that_somebody_works_on_is_left_alone_until_it_is_let_go(bench: Bench) -> None:
    bench.tick()
    with lease.held(bench.ctx, bench.one):
        bench.deliver("1")
        bench.tick()
        assert bench.schedule.refresh(bench.one)
        bench.tick()
        assert (len(bench.reads.names), bench.row().last_error, bench.row().failures) == (2, "", 0)
    bench.tick()
    assert bench.reads.names[2:] == ["one"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a lease doesn't say which process holds it")
def test_a_killed_process_holds_up_nothing(bench: Bench) -> None:
    bench.tick()
    code = (
        "import os, sys; from datetime import datetime; from app.db.engine import Database; from app.sync import lease;"
        "from app.sync.context import Context; now = datetime.fromisoformat(sys.argv[3]);"
        "lease.held(Context(Database(sys.argv[1]), now=lambda: now), sys.argv[2]).__enter__(); os._exit(9)"
    )
    database_url = bench.ctx.db.engine.url.render_as_string(hide_password=False)
    ended = subprocess.run([sys.executable, "-c", code, database_url, bench.one, bench.now.isoformat()], check=False)
    assert ended.returncode == 9
    bench.deliver("1")
    bench.tick()
    assert bench.reads.names[2:] == ["one"]


def test_what_was_asked_of_a_busy_target_is_done_later(bench: Bench) -> None:
    bench.tick()
    with lease.held(bench.ctx, bench.one):
        bench.schedule.refresh(bench.one)
        bench.tick()
    bench.tick()
    bench.tick()
    assert bench.reads.names[2:] == ["one"]


def test_a_removed_target_is_forgotten(bench: Bench) -> None:
    bench.reads.go.clear()
    bench.schedule.refresh(bench.one)
    until(lambda: bench.reads.names == ["one"])
    bench.schedule.refresh(bench.one)
    targets.remove(bench.ctx, "one")
    bench.reads.go.set()
    until(lambda: f"refresh:{bench.one}" not in bench.queue.names())
    assert bench.reads.names == ["one"]


def begin_run(bench: Bench) -> None:
    content: dict[str, Any] = {}
    with bench.ctx.db.write() as session:
        plan = PlanRow(
            id="p", target_id=bench.one, created_at=NOW, checksum="", complete=True, summary={}, content=content
        )
        session.add(plan)
        session.flush()
        session.add(RunRow(id="r", target_id=bench.one, plan_id="p", state="running", started_at=NOW, total=3))


def test_a_run_whose_process_is_gone_is_interrupted(bench: Bench) -> None:
    begin_run(bench)
    with lease.held(bench.ctx, bench.one):
        bench.tick()
        assert state(bench) == "running"
    bench.tick()
    assert state(bench) == "interrupted"


def state(bench: Bench) -> str:
    with bench.ctx.db.read() as session:
        return journal.run_row(session, "r").state


def test_a_database_that_is_away_is_said_once_and_the_ticks_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    db = Database(f"sqlite:///{tmp_path / 'folder' / 'milepost.db'}")
    made = Schedule(Context(db), LocalQueue(), debounce=0.0)
    caplog.set_level("INFO")
    made.tick()
    made.tick()
    (tmp_path / "folder").mkdir()
    db.ready()
    made.tick()
    lines = [record.getMessage() for record in caplog.records if record.name == "app.jobs.schedule"]
    assert [line.split(":")[0] for line in lines] == ["nothing is refreshed", "the database is back"]
    db.close()


def test_the_scheduler_ticks_by_itself(bench: Bench) -> None:
    assert not bench.schedule.alive()
    bench.schedule.start()
    assert bench.schedule.alive()
    until(lambda: len(bench.reads.names) == 2)
    bench.schedule.stop()
    bench.rest()
    assert not bench.schedule.alive()


def change(bench: Bench) -> None:
    with bench.ctx.db.write() as session:
        revisions.touch_of(session, bench.one)


def unrecorded(bench: Bench) -> bool:
    with bench.ctx.db.read() as session:
        return bool(revisions.unrecorded(session))


def test_what_changed_is_recorded_by_the_next_tick(bench: Bench) -> None:
    bench.tick()
    change(bench)
    assert unrecorded(bench)
    bench.schedule._rests.clear()  # of the recording before
    bench.tick()
    assert not unrecorded(bench)


def test_what_a_run_changes_is_recorded_when_it_is_over(bench: Bench) -> None:
    bench.tick()
    begin_run(bench)
    change(bench)
    bench.schedule._rests.clear()
    with lease.held(bench.ctx, bench.one):
        bench.tick()
        assert unrecorded(bench)
    bench.tick()  # it is interrupted
    bench.tick()
    assert not unrecorded(bench)


def test_history_waits_where_it_can_not_be_recorded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench.tick()
    change(bench)
    bench.schedule._rests.clear()

    def fails(*_: object) -> int:
        raise DatabaseUnusable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("app.sync.history.catch_up", fails)
        bench.tick()
    assert "history waits: the disk is full" in caplog.text
    assert "Traceback" not in caplog.text
    until(lambda: bench.tick() or not unrecorded(bench))


def test_a_long_recording_is_followed_by_a_rest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.tick()
    bench.schedule._rests.clear()
    made: list[int] = []

    def slow(_: object, programme: int) -> int:
        made.append(programme)
        time.sleep(0.2)
        return 0

    monkeypatch.setattr("app.sync.history.catch_up", slow)
    change(bench)
    bench.tick()
    bench.tick()
    assert len(made) == 1
    until(lambda: bench.tick() or len(made) == 2)
