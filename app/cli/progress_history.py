"""history: how a programme, a milestone or a task stood by day."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.cli.roadmaps import bar

if TYPE_CHECKING:
    from app.sync.history import History

BARS = "▁▂▃▄▅▆▇█"
DAY = ["%Y-%m-%d"]
WIDTH = 60
"""How many of the newest points the line of bars shows."""


def register(app: typer.Typer) -> None:
    app.command("history")(history)


def history(
    slug: Annotated[str, typer.Argument(help="The programme.")],
    node: Annotated[
        str | None, typer.Option(metavar="KEY", help="One milestone or task; without it the whole.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=DAY, help="Begin with how it stood on this day.")
    ] = None,
    until: Annotated[datetime | None, typer.Option("--to", formats=DAY, help="The last day.")] = None,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Work out the days before the first record, from the trackers' dates.")
    ] = False,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """How it stood by day: a row a day on which something changed, in the programme's time zone.

    Example: milepost history update-1 --node M1 --from 2026-11-02
    """
    from app.sync import history as looking

    ctx = output.context(database)
    if rebuild:
        count = looking.rebuild(ctx, slug)
        output.note(f"{count} points of days before the first record, by what was last read of the trackers")
    found = looking.history(
        ctx, slug, node, since.date() if since is not None else None, until.date() if until is not None else None
    )
    if as_json:
        output.document(found.as_json())
    else:
        _show(found)


def _show(found: History) -> None:
    what = found.node or "the whole programme"
    output.say(f"{found.programme}, {what}: {len(found.points)} points, days of {found.time_zone}")
    if not found.points:
        return
    shown = [one.point.percent for one in found.points[-WIDTH:]]
    output.say("".join("·" if percent is None else BARS[int(percent * 7 / 100)] for percent in shown))
    grid = output.table("day", "progress", "", "done", "excluded", "declared", "source")
    for one in found.points:
        point = one.point
        grid.add_row(
            Text(point.day.isoformat()),
            bar(point.percent),
            "unknown" if point.percent is None else f"{point.percent:.1f} %",
            f"{point.done}/{point.total}",
            str(point.excluded),
            "" if point.declared is None else f"{point.declared:.1f} %",
            Text(f"{point.source}, rebuilt" if one.rebuilt else point.source),
        )
    output.out.print(grid)
