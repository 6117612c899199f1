"""db upgrade, db current."""

from __future__ import annotations

import typer

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.db.engine import Database
from app.settings import Settings

group = typer.Typer(name="db", help="The database's schema.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group)


@group.command("upgrade")
def upgrade(as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Bring the schema to this version's. SQLite files are upgraded by any command; PostgreSQL only by this one."""
    db = Database(database or Settings().database_url)
    before, _ = db.current()
    revision = db.upgrade()
    if as_json:
        output.document({"before": before, "revision": revision})
    else:
        output.say(
            f"{db.name} is at revision {revision}" + ("" if before == revision else f" (was {before or 'empty'})")
        )


@group.command("current")
def current(as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """The schema's revision, and the newest."""
    db = Database(database or Settings().database_url)
    revision, newest = db.current()
    if as_json:
        output.document({"revision": revision, "newest": newest})
    else:
        output.say(f"{db.name} is at revision {revision or 'none (empty)'}; the newest is {newest}")
