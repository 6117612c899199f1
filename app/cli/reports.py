"""report."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.cli.roadmaps import FileUnreadable
from app.core.errors import MilepostError


class BadFormat(MilepostError):
    """A format that reports don't come in."""

    type = "bad-format"
    exit_code = 2


def register(app: typer.Typer) -> None:
    app.command("report")(report)


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
    """
    from app.report.render import document, html, markdown
    from app.sync import reporting

    if form not in ("md", "html", "json"):
        raise BadFormat(f"there is no report as {form!r}", "give --format md, html or json")
    ctx = output.context(database)
    found = reporting.report(ctx, slug, since.date() if since else None)
    if as_json:
        output.document(document(found))
        return
    if form == "html":
        words = html(found, reporting.drawn(ctx, slug))
    else:
        words = markdown(found) if form == "md" else json.dumps(document(found), ensure_ascii=False, indent=2) + "\n"
    if to is None:
        sys.stdout.write(words)
        return
    try:
        to.write_text(words, encoding="utf-8")
    except OSError as error:
        raise FileUnreadable(f"{to} can't be written: {error.strerror}") from None
    output.note(f"milepost: the report is in {to}")
