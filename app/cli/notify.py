"""notify add, list, remove, retry, test."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.core.news import EVENTS

group = typer.Typer(name="notify", help="Who is told of news.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The notifier's name.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group)


@group.command("add")
def add(
    name: Name,
    programme: Annotated[str, typer.Option(metavar="SLUG", help="The programme whose news go there.")],
    format_: Annotated[
        str, typer.Option("--format", metavar="F", help="standard (signed webhooks) or slack ({'text': …}).")
    ],
    url: Annotated[str, typer.Option(metavar="URL", help="Where to, if that is no secret.")] = "",
    url_env: Annotated[str, typer.Option(metavar="VAR", help="The variable that holds the URL.")] = "",
    secret_env: Annotated[
        str, typer.Option(metavar="VAR", help="The variable that holds the signing secret, whsec_….")
    ] = "",
    on: Annotated[
        str | None,
        typer.Option(
            metavar="EVENT,EVENT…", help=f"{', '.join(EVENTS)}; all by default. nothing: only scheduled reports."
        ),
    ] = None,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Add a notifier. Secrets are named, never stored. `serve` sends; it needs the same variables.

    Example: milepost notify add crew --programme update-1 --format slack --url-env SLACK_URL --on milestone.reached
    """
    from app.sync import notify
    from app.sync.notify import NewNotifier

    events = [event.strip() for event in on.split(",") if event.strip()] if on is not None else list(EVENTS)
    new = NewNotifier(name, programme, format_, url, url_env, secret_env, events)
    made = notify.add(output.context(database), new)
    if as_json:
        output.document(made)
    else:
        told = ", ".join(made["on"]) or "nothing but what `milepost report schedule` sends"
        output.say(f"{name} is told of {told}; try it: milepost notify test {name}")


@group.command("list")
def list_(as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Every notifier, and how its messages fare."""
    from app.sync import notify

    found = notify.listed(output.context(database))
    if as_json:
        output.document({"notifiers": found})
        return
    if not found:
        output.say("no notifier yet: milepost notify add NAME --programme SLUG --format slack --url-env VAR")
        return
    grid = output.table("name", "programme", "format", "to", "on", "waiting", "sent", "parked", "error")
    for row in found:
        counts = [str(row["messages"][state]) for state in ("waiting", "sent", "parked")]
        cells = (row["name"], row["programme"], row["format"], row["url"] or f"${row['url_env']}", ", ".join(row["on"]))
        grid.add_row(*(Text(cell) for cell in (*cells, *counts, row["last_error"] or "")))
    output.out.print(grid)


@group.command("remove")
def remove(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Remove a notifier, and what waits for it. Not while reports are scheduled for it."""
    from app.sync import notify

    notify.remove(output.context(database), name)
    if as_json:
        output.document({"removed": name})
    else:
        output.say(f"{name} is removed")


@group.command("retry")
def retry(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """What was given up, or waits for its next attempt, is sent again soon."""
    from app.sync import notify

    count = notify.retry(output.context(database), name)
    if as_json:
        output.document({"notifier": name, "waiting": count})
    else:
        output.say(f"{count} messages of {name} are due")


@group.command("test")
def try_out(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Send a test message now. Exit code 3 when it doesn't get through."""
    from app.sync import notify

    message_id = notify.try_out(output.context(database), name)
    if as_json:
        output.document({"notifier": name, "message": message_id, "sent": True})
    else:
        output.say(f"{name} took the message {message_id}")
