"""db upgrade, downgrade, backup, current."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.core.errors import MilepostError

group = typer.Typer(name="db", help="The database's schema.", no_args_is_help=True)


class Unconfirmed(MilepostError):
    """Something that can't be undone was not agreed to."""

    type = "unconfirmed"


def register(app: typer.Typer) -> None:
    app.add_typer(group)


@group.command("upgrade")
def upgrade(as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Bring the schema to this version's. SQLite files are upgraded by any command; PostgreSQL only by this one."""
    from app.db.engine import Database
    from app.settings import Settings

    db = Database(database or Settings().database_url)
    try:
        before, _ = db.current()
        revision = db.upgrade()
    finally:
        db.close()
    if as_json:
        output.document({"before": before, "revision": revision})
    else:
        output.say(
            f"{db.name} is at revision {revision}" + ("" if before == revision else f" (was {before or 'empty'})")
        )


@group.command("downgrade")
def downgrade(
    yes: Annotated[bool, typer.Option("--yes", help="What only this version stores may be lost.")] = False,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Take the newest migration back, before going back to the version before this one. Back up first."""
    from app.db.engine import Database
    from app.settings import Settings

    if not yes:
        raise Unconfirmed(
            "what only this version stores would be lost", "back up (milepost db backup), then give --yes"
        )
    db = Database(database or Settings().database_url)
    try:
        before, _ = db.current()
        revision = db.downgrade()
    finally:
        db.close()
    if as_json:
        output.document({"before": before, "revision": revision})
    else:
        output.say(f"{db.name} is at revision {revision} (was {before}); install the version before this one")


@group.command("backup")
def backup(
    file: Annotated[Path, typer.Argument(help="Where to; it may not be there yet.")],
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Copy a SQLite database whole, while it is in use. For PostgreSQL there is pg_dump.

    Example: milepost db backup /backups/milepost-$(date +%F).db
    """
    from app.db.engine import Database
    from app.settings import Settings

    db = Database(database or Settings().database_url)
    try:
        db.backup(file)
    finally:
        db.close()
    if as_json:
        output.document({"file": str(file), "bytes": file.stat().st_size})
    else:
        output.say(
            f"{db.name} is copied to {file} ({file.stat().st_size} bytes); to restore it, put it back in its place"
        )


@group.command("current")
def current(as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """The schema's revision, and the newest."""
    from app.db.engine import Database
    from app.settings import Settings

    db = Database(database or Settings().database_url)
    try:
        revision, newest = db.current()
    finally:
        db.close()
    if as_json:
        output.document({"revision": revision, "newest": newest})
    else:
        output.say(f"{db.name} is at revision {revision or 'none (empty)'}; the newest is {newest}")
