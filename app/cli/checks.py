"""What `doctor` looks at. Apart from the command, which is quick to load as all commands are."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from pydantic_core import PydanticUndefined
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.core.errors import MilepostError
from app.db.engine import Database
from app.settings import SECRETS, Settings
from app.sync import diagnose
from app.sync.context import Context
from app.sync.diagnose import Found

PACKAGES: Final = (
    "milepost",
    "alembic",
    "apscheduler",
    "fastapi",
    "httpx",
    "procrastinate",
    "psycopg",
    "pygithub",
    "python-gitlab",
    "sqlalchemy",
    "sqlmodel",
    "structlog",
    "uvicorn",
)
OTHERS: Final = frozenset({"MILEPOST_DEBUG"})
"""Variables of this prefix that are read, and are no settings."""
SPACE: Final = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it stands. `source`: environment, .env, a file, or default. Secrets are only set or not."""

    name: str
    value: str
    default: str
    source: str
    about: str


def findings(listed: list[Setting], database: str | None, offline: bool) -> list[Found]:
    """What was found, in the order in which it is told. `database` is what the command was given; no tracker is asked
    when `offline`.
    """
    found = [*_installation(), *_variables(listed)]
    try:
        url = database or Settings().database_url
    except MilepostError as error:
        return [*found, Found("settings", "failed", error.message, "correct it")]
    return found + _database(url, offline)


def settings() -> list[Setting]:
    """Every setting: its value, or that it is set, and where that comes from."""
    given = {name.upper(): value for name, value in os.environ.items()}
    env_file = _env_file()
    listed = []
    for field, about in Settings.model_fields.items():
        name = f"MILEPOST_{field.upper()}"
        default = "" if about.default is PydanticUndefined else str(about.default)
        file = SECRETS / name.lower()
        if given.get(name):
            value, source = given[name], "environment"
        elif env_file.get(name):
            value, source = env_file[name], ".env"
        elif file.is_file():
            value, source = file.read_text(encoding="utf-8", errors="replace").strip(), str(file)
        else:
            value, source = default, "default"
        shown = value if about.repr else _hidden(value, default)
        listed.append(Setting(name, shown, default, source, about.description or ""))
    return listed


def _env_file() -> dict[str, str]:
    from dotenv import dotenv_values

    return {name.upper(): value or "" for name, value in dotenv_values(".env").items()}


def _hidden(value: str, default: str) -> str:
    """A secret setting: of a URL all but its password, of others only whether they are set."""
    if value == default:
        return default
    try:
        return make_url(value).render_as_string(hide_password=True) if "://" in value else "set"
    except ArgumentError:
        return "set"


def _installation() -> list[Found]:
    found = []
    here = platform.python_version()
    good = sys.version_info >= (3, 11)
    found.append(
        Found("python", "ok" if good else "failed", here, "" if good else "Milepost needs Python 3.11 or newer")
    )
    there, missing = [], []
    for name in PACKAGES:
        try:
            there.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        mend = "install Milepost again, with its requirements"
        found.append(Found("packages", "failed", f"missing: {', '.join(missing)}", mend))
    found.append(Found("packages", "ok", ", ".join(there)))
    return found


def _variables(listed: list[Setting]) -> list[Found]:
    """Variables that look like settings and are none. Those that targets and notifiers name are looked at later."""
    known = {one.name for one in listed} | OTHERS
    given = {n.upper() for n in (*os.environ, *_env_file()) if n.upper().startswith("MILEPOST_")}
    unknown = sorted(n for n in given - known if not n.endswith(("_SECRET", "_TOKEN", "_FILE", "_URL")))
    if unknown:
        return [Found("settings", "warning", f"{', '.join(unknown)}: no such setting", "is it misspelt?")]
    return [Found("settings", "ok", f"{sum(one.source != 'default' for one in listed)} of {len(listed)} are set")]


def _database(url: str, offline: bool) -> list[Found]:
    try:
        db = Database(url)
    except MilepostError as error:
        return [Found("database", "failed", error.message, error.hint)]
    try:
        file = Path(db.engine.url.database or "") if db.sqlite else None
        if file is not None and not file.exists():
            detail = f"{db.name} is not there yet"
            return [Found("database", "warning", detail, "the first command makes it: milepost import …")]
        return _looked_into(db, file, offline)
    except MilepostError as error:
        return [Found("database", "failed", error.message, error.hint or "check MILEPOST_DATABASE_URL")]
    finally:
        db.close()


def _looked_into(db: Database, file: Path | None, offline: bool) -> list[Found]:
    now, newest = db.current()
    found = [_server(db)]
    if file is not None:
        free = shutil.disk_usage(file.resolve().parent).free
        room = free > SPACE
        detail = f"{free // 1024**2} MiB are free beside it"
        found.append(Found("disk", "ok" if room else "failed", detail, "" if room else "make room"))
    if now != newest:
        detail = f"the schema is at revision {now or 'none'}, {newest} is needed"
        found.append(Found("schema", "warning" if db.sqlite else "failed", detail, "milepost db upgrade"))
        return found
    found.append(Found("schema", "ok", f"revision {newest}"))
    ctx = Context(db)
    checks: list[Callable[[Context], list[Found]]] = [diagnose.targets, *([] if offline else [diagnose.clocks])]
    return [*found, *(one for check in checks for one in check(ctx))]


def _server(db: Database) -> Found:
    with db.read() as session:
        connection = session.connection()

        def ask(question: str) -> Any:
            return connection.execute(text(question)).scalar()

        if not db.sqlite:
            return Found("database", "ok", f"{db.name}, PostgreSQL {ask('SHOW server_version')}")
        journal, keys = ask("PRAGMA journal_mode"), ask("PRAGMA foreign_keys")
    detail = f"{db.name}, SQLite {sqlite3.sqlite_version}, journal {journal}, foreign keys {'on' if keys else 'off'}"
    good = journal == "wal" and keys == 1
    mend = "put the file on a local disk: SQLite's WAL needs one" if not good else ""
    return Found("database", "ok" if good else "failed", detail, mend)
