"""Backup and restore as docs/operations.md has it, tried: taken while the service writes, whole, and gone on with."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.db.engine import Database, DatabaseUnusable
from app.db.models import DeliveryRow
from app.sync import reconcile, status, targets
from app.sync.context import Context
from tests.sync.conftest import SMALL, Site, open_site

MILEPOST = [sys.executable, "-c", "from app.cli import main; main()"]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_TOKEN", "the-robot")


def milepost(*words: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[2])
    return subprocess.run([*MILEPOST, *words], cwd=root, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def busy(ctx: Context) -> Iterator[None]:
    """Webhook calls come in all the time."""
    over = threading.Event()
    target = targets.show(ctx, "hub")["id"]

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            with ctx.db.write() as session:
                row = DeliveryRow(target_id=target, delivery_id=str(number), event="issues", received_at=ctx.now())
                session.add(row)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def pushed(site: Site) -> Any:
    """A programme in a tracker; gives its figures."""
    site.read(SMALL)
    site.target()
    site.apply()
    site.edit(site.titles()["1B — Blueprint"], state="closed")
    return site.status().model_dump(exclude={"as_of", "milestones"})


def goes_on(site: Site, restored: Database, figures: Any) -> None:
    """What was restored says the same, knows its objects again, and sees what happened since."""
    restored.ready()
    ctx = Context(restored)
    assert status.status(ctx, "small").model_dump(exclude={"as_of", "milestones"}) == figures
    plan = reconcile.make_plan(ctx, "hub").plan
    assert [change for change in plan.changes if change.action in ("create", "update", "close")] == []
    site.edit(site.titles()["2A — Bricks"], state="closed")
    reconcile.refresh(ctx, "hub")
    assert status.status(ctx, "small").done > figures["done"]
    restored.close()


def test_sqlite_is_backed_up_by_a_command_while_it_is_written_and_restored_by_a_copy(tmp_path: Path) -> None:
    with contextmanager(open_site)(tmp_path, "github") as site:
        figures = pushed(site)
        url = site.ctx.db.engine.url.render_as_string(hide_password=False)
        file = tmp_path / "backup.db"
        with busy(site.ctx):
            done = milepost("db", "backup", str(file), "--database", url)
        assert done.returncode == 0, done.stderr
        taken = file.read_bytes()
        for way in (file, tmp_path / "no-such-folder" / "x.db", tmp_path):
            with pytest.raises(DatabaseUnusable):
                site.ctx.db.backup(way)
        assert file.read_bytes() == taken, "a backup was written over"

        home = tmp_path / "elsewhere"
        home.mkdir()
        file.rename(home / "milepost.db")
        goes_on(site, Database(f"sqlite:///{home / 'milepost.db'}"), figures)


@pytest.mark.postgres
def test_postgresql_is_backed_up_by_its_own_tools_and_restored_into_an_empty_database(
    tmp_path: Path, postgres: str, postgres_server: Any
) -> None:
    tools = postgres_server.bin_path
    with contextmanager(open_site)(tmp_path, "github", postgres) as site:
        figures = pushed(site)
        file = tmp_path / "milepost.dump"
        with pytest.raises(DatabaseUnusable) as caught:
            site.ctx.db.backup(file)
        assert "pg_dump" in caught.value.hint
        with busy(site.ctx):
            subprocess.run([tools / "pg_dump", "--format=custom", f"--file={file}", postgres], check=True, timeout=60)
        postgres_server.psql('CREATE DATABASE "restored"')
        fresh = postgres_server.get_uri("restored")
        restore = [
            tools / "pg_restore",
            "--no-owner",
            "--exit-on-error",
            "--single-transaction",
            f"--dbname={fresh}",
            file,
        ]
        subprocess.run(restore, check=True, timeout=60)
        goes_on(site, Database(fresh), figures)
