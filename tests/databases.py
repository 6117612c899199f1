"""The same tests on SQLite and on PostgreSQL: an empty, migrated database of either kind.

Migrating takes a tenth of a second of CPU and more, in most tests more than what they test: a process does it once for
each kind and copies what came of it. Tests of the migrations themselves begin with nothing (`emptied`, or a new file).
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from app.db.engine import Database

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
MIGRATED, COPY = "migrated", "copy"
"""Databases of the PostgreSQL of the tests: one that is copied, and the copy that a test works on."""


@contextmanager
def empty(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """Of one of the `KINDS`; for fixtures of any scope."""
    url = f"sqlite:///{folder / 'milepost.db'}"
    db = migrated(url if kind == "sqlite" else copied(request.getfixturevalue("postgres_server")))
    try:
        yield db
    finally:
        db.close()


def migrated(url: str) -> Database:
    """The database there, at the newest revision; an empty one where there is none."""
    db = Database(url)
    if db.sqlite and not (file := Path(str(db.engine.url.database))).exists():
        file.write_bytes(_file())
    now, head = db.current()
    if now != head:
        db.upgrade()
    return db


@functools.cache
def _file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="milepost-tests-") as folder:
        file = Path(folder, "milepost.db")
        db = Database(f"sqlite:///{file}")
        db.upgrade()
        db.close()
        return file.read_bytes()


def copied(server: Any) -> str:
    """The URL of an empty database at the newest revision, in the PostgreSQL of the tests."""
    url = str(server.get_uri())
    there = make_url(url)
    original, copy = (there.set(database=name).render_as_string(hide_password=False) for name in (MIGRATED, COPY))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [MIGRATED]).fetchone()
        if not known:
            connection.execute(f"CREATE DATABASE {MIGRATED}")
            migrated(original).close()
        connection.execute(f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {COPY} TEMPLATE {MIGRATED} STRATEGY file_copy")
    return copy


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
