"""deliveries: a target's webhook inbox."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl


def register(app: typer.Typer) -> None:
    app.command("deliveries")(deliveries)


def deliveries(
    name: Annotated[str, typer.Argument(metavar="NAME|retry|discard", help="The target's name, or what to do.")],
    number: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, help="The delivery to retry or discard.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that are tried no more.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most, the newest.")] = 50,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """The webhook calls of a target, and what became of them.

    deliveries NAME lists them. deliveries retry ID lets one that was not handled wait for a refresh again.
    deliveries discard ID lets it be.
    """
    from app.sync import inbox

    actions = {"retry": inbox.retry, "discard": inbox.discard}
    ctx = output.context(database)
    if number is None:
        _tell(name, inbox.listed(ctx, name, limit=limit, state="failed" if failed else None), as_json=as_json)
        return
    if name not in actions:
        raise typer.BadParameter("give `retry ID`, `discard ID`, or a target's name alone")
    done = actions[name](ctx, number)
    if as_json:
        output.document(done)
    elif name == "retry":
        output.say(f"delivery {number} waits for the next refresh of {done['target']}: at once, where a service runs")
    else:
        output.say(f"delivery {number} of {done['target']} is discarded")


def _tell(name: str, found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        output.document({"target": name, "deliveries": found})
        return
    if not found:
        output.say(f"no such delivery of {name}")
        return
    grid = output.table("id", "received", "event", "state", "tries", "handled or next try", "error")
    for one in found:
        cells = (
            str(one["id"]),
            one["received_at"],
            one["event"],
            one["state"],
            str(one["attempts"]),
            one["handled_at"] or one["next_try_at"] or "–",
            one["error"] or "",
        )
        grid.add_row(*(Text(cell) for cell in cells))
    output.out.print(grid)
