"""How commands speak: one JSON document or readable lines on stdout, everything else on stderr."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from app.core.errors import MilepostError

if TYPE_CHECKING:
    from app.db.engine import Database
    from app.sync.context import Context

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else there.")]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        envvar="MILEPOST_DATABASE_URL",
        show_envvar=True,
        help="Where things are stored: sqlite:///FILE or postgresql://…  (default: sqlite:///milepost.db)",
    ),
]

WIDE = 140
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def database(url: str | None) -> Database:
    """The database that a command works on, its schema made current. Raises DatabaseUnusable, MigrationNeeded."""
    from app.db.engine import Database
    from app.settings import Settings

    db = Database(url or Settings().database_url)
    db.ready()
    return db


def context(url: str | None) -> Context:
    """What verbs need; the audit names whoever runs the command."""
    from app.settings import Settings, listed
    from app.sync.context import Context
    from connectors.reach import Reach

    return Context(database(url), actor=_who(), reach=Reach.of(listed(Settings().allowed_trackers)))


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):  # a user without a name, as in some containers
        return socket.gethostname()


def document(data: Any) -> None:
    """The one JSON document of a `--json` answer."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def say(text: str = "") -> None:
    """A line on stdout, as plain text: roadmap words hold brackets that Rich would take for markup."""
    out.print(text, markup=False)


def note(text: str) -> None:
    """A line on stderr."""
    err.print(text, markup=False)


def table(*columns: str) -> Table:
    """A plain table. Cells are added as `rich.text.Text` or escaped by `cell`."""
    grid = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        grid.add_column(column, overflow="fold")
    return grid


def failure(error: MilepostError, *, as_json: bool) -> None:
    """INTERFACE's error: a document on stdout with `--json`, and one clear line on stderr always."""
    if as_json:
        document({"error": {"type": error.type, "message": error.message, "hint": error.hint}})
    line = f"{error.message}; {error.hint}" if error.hint else error.message
    note(f"milepost: {' '.join(line.split())}")
