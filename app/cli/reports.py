"""report, and report schedule add, list, remove, run."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.cli.roadmaps import FileUnreadable
from app.core.errors import MilepostError

schedule = typer.Typer(
    name="report schedule", help="Reports by schedule, to a file or a notifier.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The schedule's name.")]


class BadFormat(MilepostError):
    """A format that reports don't come in."""

    type = "bad-format"
    exit_code = 2


def register(app: typer.Typer) -> None:
    app.command("report")(report)
    app.add_typer(schedule)


def report(
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The programme.")],
    form: Annotated[str, typer.Option("--format", metavar="md|html|json", help="md, html (one file) or json.")] = "md",
    to: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write it; without, on stdout.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Compare with the end of this day; a week ago without."),
    ] = None,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Where a programme stands, what has moved, slips, risks, and what comes next.

    Example: milepost report update-1 --format html -o report.html

    Each week by itself: milepost report schedule --help
    """
    from app.report.render import document
    from app.sync import report_schedules, reporting

    if form not in report_schedules.FORMATS:
        raise BadFormat(f"there is no report as {form!r}", "give --format md, html or json")
    ctx = output.context(database)
    found = reporting.report(ctx, slug, since.date() if since else None)
    if as_json:
        output.document(document(found))
        return
    words = reporting.rendered(ctx, found, form)
    if to is None:
        sys.stdout.write(words)
        return
    try:
        to.write_text(words, encoding="utf-8")
    except OSError as error:
        raise FileUnreadable(f"{to} can't be written: {error.strerror}") from None
    output.note(f"milepost: the report is in {to}")


@schedule.command("add")
def add(
    name: Name,
    programme: Annotated[str, typer.Option(metavar="SLUG", help="The programme to report of.")],
    every: Annotated[str, typer.Option(metavar="day|week", help="How often.")],
    on: Annotated[str, typer.Option(metavar="DAY", help="Each week on: mon, tue, …, sun; mon by default.")] = "",
    at: Annotated[str, typer.Option(metavar="HH:MM", help="When, in the programme's time zone.")] = "08:00",
    file: Annotated[
        str,
        typer.Option(metavar="PATH", help="Write it there: absolute, ends in .md, .html or .json; {date} is the day."),
    ] = "",
    notifier: Annotated[str, typer.Option("--notify", metavar="NOTIFIER", help="Or send it to this notifier.")] = "",
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Have a report made each day or week. `serve` (or a worker) makes it, within a minute, and writes the file.

    Example: milepost report schedule add weekly --programme update-1 --every week --on mon --file /srv/{date}.html

    Example: milepost report schedule add daily --programme update-1 --every day --at 07:30 --notify crew
    """
    from app.sync import report_schedules
    from app.sync.report_schedules import NewReportSchedule

    new = NewReportSchedule(name, programme, every, on, at, file, notifier)
    made = report_schedules.add(output.context(database), new)
    if as_json:
        output.document(made)
    else:
        output.say(f"{name} is due at {made['next']}; try it: milepost report schedule run {name}")


@schedule.command("list")
def list_(as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Every schedule: when the last report was made, when the next is due, and what went wrong. Times are UTC."""
    from app.sync import report_schedules

    found = report_schedules.listed(output.context(database))
    if as_json:
        output.document({"schedules": found})
        return
    if not found:
        output.say("no schedule yet: milepost report schedule add NAME --programme SLUG --every week --file PATH")
        return
    grid = output.table("name", "programme", "every", "to", "last", "next", "error")
    for row in found:
        often = " ".join(part for part in (row["every"], row["on"], row["at"], row["time_zone"]) if part)
        cells = (row["name"], row["programme"], often, row["file"] or row["notifier"], row["last"] or "never")
        grid.add_row(*(Text(cell) for cell in (*cells, row["next"], row["last_error"] or "")))
    output.out.print(grid)


@schedule.command("remove")
def remove(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Remove a schedule. The files that it has written stay."""
    from app.sync import report_schedules

    report_schedules.remove(output.context(database), name)
    if as_json:
        output.document({"removed": name})
    else:
        output.say(f"{name} is removed")


@schedule.command("run")
def run(name: Name, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Make its report now, due or not. It counts as the last one: the next compares with it.

    Example: milepost report schedule run weekly
    """
    from app.sync import report_schedules

    made = report_schedules.run(output.context(database), name)
    if as_json:
        output.document(made)
    else:
        output.say(f"the report is in {made['file'] or 'the outbox of ' + made['notifier'] + ': `serve` sends it'}")
