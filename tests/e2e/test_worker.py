"""`milepost worker` as a process: it does what others enqueue, ends when told, and hands back what it has begun."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from app.db import targets as rows
from app.db.engine import Database
from app.db.models import LeaseRow
from app.jobs.shared import SharedQueue
from app.sync import roadmap, targets
from app.sync.context import Context, utc_now
from app.sync.targets import NewTarget
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import serving
from tests.api.house import ROADMAP, until
from tests.databases import migrated
from tests.e2e.chaos import Fleet, Member

pytestmark = pytest.mark.postgres


class Works:
    """A database with one target, a queue to enqueue by, and workers."""

    def __init__(self, db: Database, fleet: Fleet) -> None:
        self.ctx, self.fleet = Context(db), fleet
        self.queue = SharedQueue(db)
        self.queue.handle("refresh", lambda _: None)
        roadmap.import_roadmap(db, ROADMAP.encode(), "small", start=date(2026, 11, 2), now=utc_now())

    def target(self, url: str) -> str:
        made = targets.add(self.ctx, NewTarget("hub", "small", "github", "acme/app", base_url=url))
        return str(made["id"])

    def jobs(self) -> list[tuple[str, str]]:
        with self.ctx.db.read() as session:
            query = "SELECT queueing_lock, status::text FROM procrastinate_jobs"
            return [(name, status) for name, status in session.connection().execute(text(query))]

    def holder(self, target_id: str) -> str:
        with self.ctx.db.read() as session:
            row = session.get(LeaseRow, target_id)
            return row.holder if row else ""

    def begin(self, number: int) -> Member:
        member = self.fleet.workers[number]
        member.begin()
        until(lambda: "doing jobs of" in member.log.read_text(), 60)
        return member


@pytest.fixture
def works(postgres_migrated: str, tmp_path: Path) -> Iterator[Works]:
    db = migrated(postgres_migrated)
    made = Works(db, Fleet(tmp_path, postgres_migrated))
    yield made
    for member in made.fleet.workers:
        if member.alive():
            member.end(signal.SIGKILL)
    db.close()


def test_a_worker_does_what_others_enqueue_and_ends_when_told(works: Works) -> None:
    box = GitHubBox()
    with serving(box.app) as url:
        target = works.target(url)
        worker = works.begin(0)
        works.queue.enqueue("refresh", target)
        until(lambda: not works.jobs(), 20)
        with works.ctx.db.read() as session:
            assert rows.get(session, "hub").last_refresh is not None
        assert worker.end(signal.SIGTERM) == 0
    box.close()
    assert "refresh of hub" in works.fleet.logs()


def test_a_job_that_outlasts_a_workers_end_is_taken_by_another_at_once(works: Works) -> None:
    """The tracker accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as deaf:
        target = works.target(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        ending = works.begin(0)
        works.queue.enqueue("refresh", target)
        until(lambda: works.holder(target), 20)
        first = works.holder(target)
        began = time.monotonic()
        assert ending.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 20
        assert (works.jobs(), works.holder(target)) == ([(f"refresh:{target}", "todo")], "")
        works.begin(1)
        until(lambda: works.holder(target), 20)
        assert works.holder(target) != first
        assert works.jobs() == [(f"refresh:{target}", "doing")]
