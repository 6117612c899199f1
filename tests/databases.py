"""The same tests on SQLite and on PostgreSQL: an empty, migrated database of either kind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.db.engine import Database

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@contextmanager
def empty(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Of one of the `KINDS`; for fixtures of any scope."""
    url = f"sqlite:///{folder / 'milepost.db'}"
    db = Database(url if kind == "sqlite" else emptied(request.getfixturevalue("postgres_server")))
    db.upgrade()
    try:
        yield db
    finally:
        db.close()


def emptied(server: Any) -> str:
    """The URL of the PostgreSQL of the tests, with nothing in it. One database serves all tests of a process: making
    many takes longer than emptying it.
    """
    url = str(server.get_uri())
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        connection.execute("SET client_min_messages = warning")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url
