"""The queue of many processes: jobs are shared, handed back, and taken over from workers that are gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.db.engine import Database
from app.jobs import shared
from app.jobs.shared import SharedQueue
from tests.api.house import until
from tests.databases import migrated
from tests.jobs.test_queue import Work

pytestmark = pytest.mark.postgres
ROOT = Path(__file__).parents[2]


@pytest.fixture
def db(postgres_migrated: str) -> Iterator[Database]:
    made = migrated(postgres_migrated)
    yield made
    made.close()


def jobs(db: Database) -> list[tuple[str, str]]:
    with db.read() as session:
        query = "SELECT queueing_lock, status::text FROM procrastinate_jobs ORDER BY id"
        return [(name, status) for name, status in session.connection().execute(text(query))]


def opened(db: Database, work: Work) -> SharedQueue:
    made = SharedQueue(db)
    made.handle("work", work)
    made.start()
    until(made.alive)
    return made


def test_two_queues_never_do_one_name_at_once(db: Database) -> None:
    work = Work()
    both = [opened(db, work) for _ in range(2)]
    for number in range(10):
        both[number % 2].enqueue("work", "a")
    assert work.begun.acquire(timeout=5)
    both[0].enqueue("work", "a")
    assert not work.begun.acquire(timeout=0.8)
    work.go.release(20)
    until(lambda: not jobs(db))
    assert (work.times, work.most) == (2, 1)
    assert all(queue.stop(5) for queue in both)


def test_what_outlasts_the_end_is_handed_back_and_done_by_another(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    hung, work = Work(), Work()
    work.go.release(5)
    ending = opened(db, hung)
    ending.enqueue("work", "a")
    assert hung.begun.acquire(timeout=5)
    assert ending.stop(0.2) is False
    ending.hand_back()
    assert jobs(db) == [("work:a", "todo")]
    assert "the job work:a is handed back" in caplog.text
    other = opened(db, work)
    assert work.begun.acquire(timeout=5)
    until(lambda: not jobs(db))
    hung.go.release()
    assert other.stop(5)
    assert ending.stop(5)


def test_a_job_handed_back_whose_name_waits_already_is_gone(db: Database) -> None:
    hung = Work()
    ending = opened(db, hung)
    ending.enqueue("work", "a")
    assert hung.begun.acquire(timeout=5)
    ending.enqueue("work", "a")
    assert ending.stop(0.2) is False
    ending.hand_back()
    assert jobs(db) == [("work:a", "todo")]
    hung.go.release(5)
    assert ending.stop(5)


def test_a_killed_workers_job_is_taken_over(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "DEAD_AFTER", 3.0)
    monkeypatch.setattr(shared, "RESCUE", 0.2)
    code = (
        "import sys, time; from app.db.engine import Database; from app.jobs.shared import SharedQueue\n"
        "queue = SharedQueue(Database(sys.argv[1])); queue.handle('work', lambda _: time.sleep(600)); queue.start()\n"
        "queue.enqueue('work', 'a'); time.sleep(600)"
    )
    url = db.engine.url.render_as_string(hide_password=False)
    dying = subprocess.Popen([sys.executable, "-c", code, url], env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        until(lambda: jobs(db) == [("work:a", "doing")], 15)
    finally:
        dying.send_signal(signal.SIGKILL)
        dying.wait()
    work = Work()
    work.go.release(5)
    queue = opened(db, work)
    assert work.begun.acquire(timeout=15)
    until(lambda: not jobs(db))
    assert (work.times, queue.stop(5)) == (1, True)


def test_a_worker_goes_on_when_its_database_is_back(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "AGAIN", 0.1)
    quick = threading.Event()
    queue = SharedQueue(db)
    queue.handle("quick", lambda _: quick.set())
    queue.start()
    until(queue.alive)
    with db.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    queue.enqueue("quick")
    assert quick.wait(10)
    until(queue.alive)
    assert queue.stop(5)
