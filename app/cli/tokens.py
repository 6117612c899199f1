"""token create, list, revoke."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import typer
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl

LONGEST: Final = 3650
"""Days. This and the roles are `app.access`'s own, which is slow to load; a test compares them."""

Role = Literal["viewer", "operator", "admin"]

group = typer.Typer(name="token", help="Who may use the service: API tokens and their roles.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group)


@group.command("create")
def create(
    role: Annotated[Role, typer.Option(help="What it lets do: viewer reads, operator also works, admin also sets up.")],
    name: Annotated[
        str | None, typer.Option(metavar="N", help="Whose it is: the audit names it. A name is used once.")
    ] = None,
    expires: Annotated[
        int | None, typer.Option(metavar="DAYS", min=1, max=LONGEST, help="How long it is good for.")
    ] = None,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Make a token. It is shown once, here on stdout, and stored only as a hash.

    From the first one on, the service lets nobody in without.

    Example: milepost token create --role operator --name ci --expires 90

    In a script: TOKEN=$(milepost token create --role viewer --name wall)
    """
    from app import access
    from app.access import tokens

    ctx = output.context(database)
    made = tokens.create(ctx.db, access.Role(role), name=name, days=expires, now=ctx.now())
    if as_json:
        output.document({**made.document, "token": made.secret})
        return
    ends = made.document["expires_at"] or "it is revoked"
    output.note(f"milepost: {made.document['name']}, {role}, until {ends}. Shown only now:")
    output.say(made.secret)


@group.command("list")
def list_(as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Every token with its role and its last use (right to a minute); never the token itself.

    Example: milepost token list --json
    """
    from app.access import tokens

    ctx = output.context(database)
    found = tokens.listed(ctx.db, ctx.now())
    if as_json:
        output.document({"tokens": found})
        return
    if not found:
        output.say("no tokens: only this machine can use the service, and without one (milepost token create)")
        return
    grid = output.table("id", "name", "role", "state", "created", "expires", "last used")
    for one in found:
        times = (one["created_at"], one["expires_at"] or "never", one["last_used_at"] or "never")
        grid.add_row(*(Text(cell) for cell in (one["id"], one["name"], one["role"], one["state"], *times)))
    output.out.print(grid)


@group.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(metavar="ID|NAME", help="As `token list` shows it.")],
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Let a token in no more, and end every session begun with it. It stays in the list, and in the audit.

    Example: milepost token revoke ci
    """
    from app.access import tokens

    ctx = output.context(database)
    gone = tokens.revoke(ctx.db, token, ctx.now())
    if as_json:
        output.document(gone)
    else:
        output.say(f"{gone['name']} ({gone['role']}) is revoked")
