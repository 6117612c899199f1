"""The schedule: what is due and when, coalescing, backing off, leaving busy targets alone, mending lost runs."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.db import journal
from app.db import targets as rows
from app.db.engine import Database
from app.db.models import PlanRow, RunRow
from app.jobs import Queue, Schedule, schedule
from app.jobs.schedule import Attempt, wait
from app.sync import lease, reconcile, roadmap, targets
from app.sync.context import Context
from app.sync.reconcile import Refreshed
from app.sync.targets import NewTarget
from tests.api.house import ROADMAP, database, until

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
NEVER = float("inf")


@pytest.mark.parametrize(
    ("reason", "attempt", "unread", "wanted", "want"),
    [
        ("never read", None, NEVER, False, -NEVER),
        ("read long ago, before this start", None, 400.0, False, -100.0),
        ("read lately, before this start", None, 100.0, False, 200.0),
        ("tried lately", Attempt(900.0), 100.0, False, 200.0),
        ("failed lately: not before its interval", Attempt(990.0, 3), NEVER, False, 290.0),
        ("another process read it since", Attempt(500.0), 10.0, False, 290.0),
        ("wanted", Attempt(999.0), 1.0, True, 0.0),
        ("wanted, never tried", None, NEVER, True, 0.0),
        ("wanted, failed once", Attempt(999.0, 1), 50.0, True, 1.0),
        ("wanted, failed thrice", Attempt(999.0, 3), 50.0, True, 7.0),
        ("wanted, failing for long: at the interval", Attempt(999.0, 99), 50.0, True, 299.0),
    ],
)
def test_when_a_target_is_due(reason: str, attempt: Attempt | None, unread: float, wanted: bool, want: float) -> None:
    assert wait(attempt, unread, 300, wanted=wanted, now=1000.0) == want, reason


class Reads:
    """Stands in for `reconcile.refresh`: counts by target, can be held and made to fail."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.error: str | None = None
        self.raises: Exception | None = None
        self.go = threading.Event()
        self.go.set()

    def __call__(self, ctx: Context, name: str, *, full: bool = False) -> Refreshed:
        began = ctx.now()
        self.names.append(name)
        assert self.go.wait(10)
        if self.raises:
            raise self.raises
        if self.error is None:
            with ctx.db.write() as session:
                row = rows.get(session, name)
                row.last_refresh = began
                session.add(row)
                rows.handle_deliveries(session, row.id, began, began)
        return Refreshed(name, self.error is None, 2, 0, self.error)


class Bench:
    """A schedule whose ticks are called by hand, over two targets, at a clock that is set."""

    def __init__(self, db: Database, reads: Reads) -> None:
        self.now, self.reads = NOW, reads
        self.ctx = Context(db, now=lambda: self.now)
        self.queue = Queue()
        self.schedule = Schedule(self.ctx, self.queue, debounce=0.0)
        roadmap.import_roadmap(db, ROADMAP.encode(), "small", start=date(2026, 11, 2), now=NOW)
        self.one, self.two = (
            targets.add(self.ctx, NewTarget(name, "small", "github", "acme/app", select=[key]))["id"]
            for name, key in (("one", "M1"), ("two", "M2"))
        )

    def tick(self) -> None:
        """Tick, and wait for what it began."""
        self.schedule.tick()
        jobs = {f"{job}:{target}" for target in (self.one, self.two) for job in ("refresh", "mend")}
        jobs = {f"{job}:{target}" for target in (self.one, self.two) for job in ("refresh", "mend")}
        until(lambda: not jobs & self.queue.names())

    def deliver(self, number: str = "1", target: str | None = None) -> None:
        with self.ctx.db.write() as session:
            rows.keep_delivery(session, target or self.one, number, "issues", self.now)

    def waiting(self) -> set[str]:
        with self.ctx.db.read() as session:
            return rows.deliveries_waiting(session)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The schedule's own monotonic clock, in seconds."""
    seconds = [1000.0]

    class Time:
        @staticmethod
        def monotonic() -> float:
            return seconds[0]

    monkeypatch.setattr(schedule, "time", Time)
    return seconds


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    reads = Reads()
    monkeypatch.setattr(reconcile, "refresh", reads)
    made = Bench(database(tmp_path), reads)
    yield made
    reads.go.set()
    made.queue.stop(5)
    made.ctx.db.close()


def test_every_target_is_read_at_its_interval(bench: Bench, clock: list[float]) -> None:
    bench.tick()
    assert sorted(bench.reads.names) == ["one", "two"]
    for seconds, count in ((299, 2), (301, 4), (302, 4)):
        clock[0], bench.now = 1000.0 + seconds, NOW + timedelta(seconds=seconds)
        bench.tick()
        assert len(bench.reads.names) == count


def test_a_start_goes_on_from_the_last_read(bench: Bench) -> None:
    bench.tick()
    bench.now += timedelta(seconds=100)
    again = Schedule(bench.ctx, bench.queue, debounce=0.0)
    bench.schedule = again
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
    bench.now += timedelta(seconds=1)
    bench.deliver("2")
    assert [bench.schedule.delivered(bench.one) for _ in range(3)] == [True, False, False]
    bench.schedule.tick()
    bench.reads.go.set()
    bench.tick()
    assert (bench.reads.names[2:], bench.waiting()) == (["one", "one"], set())


def test_a_slow_target_holds_up_no_other(bench: Bench) -> None:
    bench.reads.go.clear()
    bench.schedule.refresh(bench.one)
    until(lambda: bench.reads.names == ["one"])
    bench.schedule.refresh(bench.two)
    until(lambda: bench.reads.names == ["one", "two"])
    bench.reads.go.set()


@pytest.mark.parametrize("raises", [None, ZeroDivisionError("a defect")])
def test_a_failing_target_with_deliveries_is_not_hammered(
    bench: Bench, clock: list[float], raises: Exception | None
) -> None:
    bench.tick()
    bench.reads.error, bench.reads.raises = "the tracker is away", raises
    bench.deliver("1")
    tried = []
    for second in range(40):
        clock[0] = 1000.0 + second
        if second:
            bench.schedule.delivered(bench.one)
        before = len(bench.reads.names)
        bench.tick()
        tried += [second] * (len(bench.reads.names) - before)
    assert tried == [0, 2, 6, 14, 30]
    bench.reads.error = bench.reads.raises = None
    clock[0] += 60
    bench.tick()
    assert bench.waiting() == set()


def test_paused_targets_rest_and_answer_when_they_go_on(bench: Bench) -> None:
    bench.tick()
    bench.deliver("1")
    for state, count in (("paused", 2), ("active", 3)):
        with bench.ctx.db.write() as session:
            row = rows.by_id(session, bench.one)
            row.state = state
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
        assert len(bench.reads.names) == 2
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
    database_url = bench.ctx.db.engine.url.render_as_string()
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
    bench.reads.raises = rows.TargetUnknown("there is no target 'one'")
    bench.reads.go.set()
    until(lambda: f"refresh:{bench.one}" not in bench.queue.names())
    assert bench.reads.names == ["one"]


def test_a_run_whose_process_is_gone_is_interrupted(bench: Bench) -> None:
    content: dict[str, Any] = {}
    with bench.ctx.db.write() as session:
        plan = PlanRow(
            id="p", target_id=bench.one, created_at=NOW, checksum="", complete=True, summary={}, content=content
        )
        session.add(plan)
        session.flush()
        session.add(RunRow(id="r", target_id=bench.one, plan_id="p", state="running", started_at=NOW, total=3))
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
    made = Schedule(Context(db), Queue(), debounce=0.0)
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
    assert not bench.schedule.alive()
