"""A database of each released schema upgrades to this one and keeps its data; the last migration can be taken back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

import migrations
from app.core.plan import WRITING
from app.db import deliveries, journal, targets
from app.db.engine import Database, _alembic
from app.sync import conflicts, status
from app.sync.context import Context
from tests.sync.test_schema import differences

HERE = Path(__file__).parent
RELEASED = sorted(file.name.split(".")[0] for file in HERE.glob("*.status.json"))
Rows = list[dict[str, Any]]


def load(revision: str, kind: str, url: str, folder: Path) -> Database:
    """A database as that release left it."""
    dump = (HERE / f"{revision}.{kind}.sql").read_text()
    if kind == "sqlite":
        file = folder / "old.db"
        connection = sqlite3.connect(file)
        connection.executescript(dump)
        connection.close()
        return Database(f"sqlite:///{file}")
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(dump)
    return Database(url)


def stored(db: Database, columns: Mapping[str, Sequence[str]] | None = None) -> dict[str, Rows]:
    """Every row of every table, of these columns where they are given."""
    found: dict[str, Rows] = {}
    with db.engine.connect() as connection:
        inspector = inspect(connection)
        for table in sorted(columns or inspector.get_table_names()):
            if table == "alembic_version":
                continue
            names = columns[table] if columns else [column["name"] for column in inspector.get_columns(table)]
            rows = connection.execute(
                text(f'SELECT {", ".join(f"{chr(34)}{n}{chr(34)}" for n in names)} FROM "{table}"')
            )
            found[table] = sorted((dict(row._mapping) for row in rows), key=repr)
    return found


def shape(db: Database) -> dict[str, list[str]]:
    """Table -> its columns."""
    with db.engine.connect() as connection:
        inspector = inspect(connection)
        return {
            table: [column["name"] for column in inspector.get_columns(table)]
            for table in inspector.get_table_names()
            if table != "alembic_version"
        }


def figures(document: Any) -> Any:
    """What a status says but for what depends on when it is asked, and on what releases added to it."""
    kept = ("key", "title", "percent", "done", "total", "excluded", "source", "state", "url")
    return {name: document[name] for name in kept if name in document} | {
        part: [figures(one) for one in document[part]] for part in ("milestones", "tasks", "steps") if part in document
    }


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres")) if kind == "postgresql" else ""


REWRITTEN = {(revision, "target", "mirrored_at") for revision in ("0001", "0002", "0003")}
"""What a migration changes on purpose: 0002 and 0007 have each target read whole once more."""


def test_every_released_schema_has_its_fixtures() -> None:
    assert RELEASED[0] == "0001"
    known = {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}
    assert set(RELEASED) <= known
    for revision in RELEASED:
        for of in ("sqlite", "postgresql"):
            assert (HERE / f"{revision}.{of}.sql").read_text().count("INSERT INTO") > 30


@pytest.mark.parametrize("revision", RELEASED)
def test_a_released_database_upgrades_and_keeps_its_data(revision: str, kind: str, url: str, tmp_path: Path) -> None:
    db = load(revision, kind, url, tmp_path)
    assert db.current() == (revision, migrations.HEAD)
    columns = shape(db)
    for table, name in ((t, n) for r, t, n in REWRITTEN if r == revision):
        columns[table].remove(name)
    before = stored(db, columns)
    assert all(before[table] for table in ("node", "link", "mirror", "plan", "run", "journal", "delivery", "version"))

    assert db.upgrade() == migrations.HEAD

    assert stored(db, columns) == before
    assert differences(db) == []
    assert db.upgrade() == migrations.HEAD, "a second upgrade does nothing"
    ctx = Context(db)
    now = status.status(ctx, "old").model_dump(mode="json")
    then = json.loads((HERE / f"{revision}.status.json").read_text())
    hide = {"url": None} if kind == "postgresql" else {}  # its sandbox listened on another port
    assert _without(figures(now), hide) == _without(figures(then), hide)
    _goes_on(ctx)
    db.close()


def _without(document: Any, hide: Mapping[str, None]) -> Any:
    if isinstance(document, dict):
        return {name: _without(value, hide) for name, value in document.items() if name not in hide}
    return [_without(one, hide) for one in document] if isinstance(document, list) else document


def _goes_on(ctx: Context) -> None:
    """What was stored then is read by the code of now: plans, runs, the audit, what waits."""
    with ctx.db.read() as session:
        target = targets.get(session, "hub")
        runs = journal.runs(session, [target.id], 10)
        assert {row.state for row in runs} == {"done", "interrupted"}
        (done,) = [row for row in runs if row.state == "done"]
        plan = journal.plan_of(journal.plan_row(session, target.id, done.plan_id))
        assert len([change for change in plan.changes if change.action in WRITING]) == done.total == done.done
        assert plan.checksum() == journal.plan_row(session, target.id, done.plan_id).checksum
        assert len(journal.audit(session, [target.id], 100)) == done.total
        assert deliveries.waiting(session) == {target.id}
    assert conflicts.listed(ctx, "hub") == []
    with ctx.db.write() as session:
        deliveries.answer(session, deliveries.unanswered(session, target.id), ctx.now())
    with ctx.db.read() as session:
        assert deliveries.waiting(session) == set()


@pytest.mark.parametrize("revision", RELEASED[-1:])
def test_the_last_migration_can_be_taken_back_and_keeps_the_rest(
    revision: str, kind: str, url: str, tmp_path: Path
) -> None:
    db = load(revision, kind, url, tmp_path)
    db.upgrade()
    last = ScriptDirectory.from_config(_alembic()).get_revision(migrations.HEAD)
    assert last is not None
    whole, before = shape(db), stored(db)
    assert db.downgrade() == last.down_revision
    assert db.current()[0] == last.down_revision
    left = shape(db)
    assert set(left) <= set(whole)
    assert stored(db, left) == {
        table: sorted(({name: row[name] for name in left[table]} for row in rows), key=repr)
        for table, rows in before.items()
        if table in left
    }
    db.upgrade()
    assert shape(db) == whole
    assert differences(db) == []
    assert status.status(Context(db), "old").done == 2
    db.close()
