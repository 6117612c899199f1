"""An older SQLite database is made current, and keeps every row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import JSON, Boolean, Column, DateTime, Float, Integer, MetaData, func, select

from app.db.engine import Database


def filler(column: Column[Any]) -> object:
    """A value for a column that needs one; every key is 1 or "x", so that rows refer to each other."""
    if column.nullable and not column.foreign_keys:
        return None
    kinds = ((Integer, 1), (Float, 1.0), (Boolean, 0), (DateTime, "2026-11-02 09:00:00"), (JSON, "{}"))
    return next((value for kind, value in kinds if isinstance(column.type, kind)), "x")


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_no_row_is_lost(tmp_path: Path, revision: str) -> None:
    db = Database(f"sqlite:///{tmp_path / 'old.db'}")
    with db._migrating() as config:
        command.upgrade(config, revision)
    old = MetaData()
    old.reflect(db.engine)
    tables = [table for table in old.sorted_tables if table.name != "alembic_version"]
    with db.engine.connect().execution_options(writing=True) as connection:
        for table in tables:
            names = [column.name for column in table.columns]
            values = tuple(filler(column) for column in table.columns)
            marks = ", ".join("?" for _ in names)
            quoted = ", ".join(f'"{name}"' for name in names)
            connection.exec_driver_sql(f'INSERT INTO "{table.name}" ({quoted}) VALUES ({marks})', values)
        connection.commit()
    db.upgrade()
    with db.engine.connect() as connection:
        counts = {table.name: connection.scalar(select(func.count()).select_from(table)) for table in tables}
    assert counts == {table.name: 1 for table in tables}
    db.close()


def test_what_was_not_read_before_is_read_with_the_next_look(tmp_path: Path) -> None:
    """The mirror of before lacks when things were made and whose they are: the next read of each target is full."""
    db = Database(f"sqlite:///{tmp_path / 'old.db'}")
    with db._migrating() as config:
        command.upgrade(config, "0003")
    with db.engine.connect().execution_options(writing=True) as connection:
        connection.exec_driver_sql(
            "INSERT INTO programme (id, slug, title, start, created_at, updated_at)"
            " VALUES (1, 'p', 'P', '2026-11-02', '2026-11-02', '2026-11-02')"
        )
        connection.exec_driver_sql(
            "INSERT INTO target (id, programme_id, name, kind, path, group_path, base_url, profile, token_env,"
            " token_file, app_key_file, webhook_secret_env, hook_id, state, interval_seconds, cursor, mirrored_at,"
            " last_error, created_at) VALUES ('t', 1, 'hub', 'github', 'a/b', '', 'http://x', 'github', '',"
            " '', '', '', '', 'active', 300, 'since', '2026-11-20 09:00:00', '', '2026-11-02')"
        )
        connection.commit()
    db.upgrade()
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT mirrored_at, cursor FROM target").one() == (None, "since")
        assert connection.exec_driver_sql("SELECT time_zone FROM programme").scalar() == "UTC"
    db.close()
