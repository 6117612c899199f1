"""The schema is what the migrations make, on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlmodel import SQLModel

import migrations
from app.db import models  # noqa: F401 - the tables register themselves
from app.db.engine import Database, DatabaseUnusable, MigrationNeeded


def ours(thing: object, name: str | None, kind: str, *rest: object) -> bool:
    """All but the queue's own tables, which its library makes."""
    return not (kind == "table" and str(name).startswith("procrastinate_"))


def differences(db: Database) -> list[object]:
    with db.engine.connect() as connection:
        opts = {"compare_type": True, "include_object": ours}
        context = MigrationContext.configure(connection, opts=opts)
        return list(compare_metadata(context, SQLModel.metadata))


def test_migrations_make_what_the_models_say_on_sqlite(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'a.db'}")
    db.ready()
    assert differences(db) == []
    assert db.current() == (migrations.HEAD, migrations.HEAD)
    db.close()


@pytest.mark.postgres
def test_migrations_make_what_the_models_say_on_postgresql(postgres: str) -> None:
    db = Database(postgres)
    with pytest.raises(MigrationNeeded, match="not at revision"):
        db.ready()
    db.upgrade()
    db.ready()
    assert differences(db) == []
    db.close()


def test_the_newest_revision_is_the_one_that_commands_compare_with() -> None:
    folder = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert folder.get_heads() == [migrations.HEAD]


def test_sqlite_is_set_up_as_promised(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'a.db'}")
    db.ready()
    with db.read() as session:
        connection = session.connection()
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    db.close()


def test_a_newer_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'a.db'}")
    db.ready()
    with db.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(MigrationNeeded, match="newer Milepost"):
        db.ready()
    db.close()


@pytest.mark.parametrize("url", ["nonsense", "mysql://root:hunter2@localhost/x", "sqlite:////nowhere/at/all.db"])
def test_a_database_that_cannot_be_used_is_one_clear_line_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        Database(url).ready()
    assert "hunter2" not in str(caught.value) + repr(caught.value) + caught.value.hint
    assert "\n" not in caught.value.message


def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("these are my notes, not a database\n" * 100)
    db = Database(f"sqlite:///{file}")
    with pytest.raises(DatabaseUnusable, match="not a database"):
        db.ready()
    db.close()
    assert file.read_text().startswith("these are my notes")
