"""The same tests on SQLite and on PostgreSQL: an empty, migrated database of either kind.

Migrating takes a tenth of a second of CPU and more, in most tests more than what they test: a process does it once for
each kind and copies what came of it. Tests of the migrations themselves begin with nothing (`emptied`, or a new file).
"""

from __future__ import annotations

import functools
import itertools
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


SERVER: list[Any] = []
"""The PostgreSQL that the usual databases are in, where the run is on one (`--on postgres`); else they are files."""
RECENT = 8
_number = itertools.count()


def usual(folder: Path, name: str = "milepost.db") -> str:
    """The URL of an empty, migrated database of the kind that this run is on: in `folder`, or one of its own."""
    if not SERVER:
        url = f"sqlite:///{folder / name}"
        migrated(url).close()
        return url
    number = next(_number)
    with psycopg.connect(str(SERVER[0].get_uri()), autocommit=True) as connection:
        found = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'usual!_%' ESCAPE '!'"
            " AND datname NOT IN (SELECT datname FROM pg_stat_activity WHERE datname IS NOT NULL)"
        )
        for (name,) in found.fetchall():  # hundreds would fill the disk; the last ones may be about to be opened
            if int(name.removeprefix("usual_")) < number - RECENT:
                connection.execute(f"DROP DATABASE {name}")
    return copied(SERVER[0], f"usual_{number}")


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


def copied(server: Any, name: str = COPY) -> str:
    """The URL of an empty database at the newest revision, in the PostgreSQL of the tests."""
    url = str(server.get_uri())
    there = make_url(url)
    original, copy = (there.set(database=each).render_as_string(hide_password=False) for each in (MIGRATED, name))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [MIGRATED]).fetchone()
        if not known:
            connection.execute(f"CREATE DATABASE {MIGRATED}")
            migrated(original).close()
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {MIGRATED} STRATEGY file_copy")
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
