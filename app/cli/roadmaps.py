"""import, export, status."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.core.errors import MilepostError

if TYPE_CHECKING:
    from app.sync.documents import Figures, ProgrammeStatus
    from app.sync.roadmap import Imported


class FileUnreadable(MilepostError):
    """A file that can't be read or written."""

    type = "file-unreadable"


def register(app: typer.Typer) -> None:
    app.command("import")(import_)
    app.command("export")(export)
    app.command("status")(status_)


def import_(
    file: Annotated[str, typer.Argument(help="The roadmap, in Markdown; - reads stdin.")],
    programme: Annotated[str, typer.Option(metavar="SLUG", help="The programme's name: a–z, 0–9, hyphens.")],
    start: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The first day of week 0; a later version may leave it out."),
    ] = None,
    title: Annotated[str | None, typer.Option(help="The programme's title; otherwise the document's.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Where its days end, as Europe/Berlin; UTC unless said once.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing.")] = False,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Read a roadmap, or a new version of one, into the tree.

    Example: milepost import roadmap.md --programme update-1 --start 2026-11-02
    """
    from app.settings import Settings
    from app.sync import roadmap
    from app.sync.context import utc_now

    settings = Settings()
    source = read(file, settings.import_max_bytes)
    found = roadmap.import_roadmap(
        output.database(database),
        source,
        programme,
        start=start.date() if start else None,
        title=title,
        time_zone=time_zone,
        dry_run=dry_run,
        max_bytes=settings.import_max_bytes,
        now=utc_now(),
    )
    if as_json:
        output.document(found.as_json())
    else:
        _tell(found)


def read(file: str, most: int) -> bytes:
    """The file's bytes, at most one more than `most`: enough to tell that it is too large."""
    try:
        if file == "-":
            return sys.stdin.buffer.read(most + 1)
        with Path(file).open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise FileUnreadable(f"{file} can't be read: {error.strerror}") from None


def _tell(found: Imported) -> None:
    counts = f"{found.milestones} milestones, {found.tasks} tasks, {found.steps} steps"
    output.say(f"{found.programme}, version {found.version}: {counts}{' (dry run)' if found.dry_run else ''}")
    changes = found.changes
    if found.version > 1 or not changes.added:
        for word in ("added", "removed", "renamed", "moved", "reworded"):
            keys = getattr(changes, word)
            if keys:
                output.say(f"  {word}: {', '.join(keys)}")
        if not changes:
            output.say("  nothing changed")
    for problem in found.warnings:
        output.note(f"  line {problem.line}: {problem.message}")


def export(
    slug: Annotated[str, typer.Argument(help="The programme.")],
    to: Annotated[Path | None, typer.Option("-o", "--output", help="Write here instead of stdout.")] = None,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """The roadmap as imported, with only its figures and completion notes brought up to date.

    Example: milepost export update-1 -o roadmap.md
    """
    from app.sync import roadmap, status

    ctx = output.context(database)
    document = roadmap.export_roadmap(ctx.db, slug, status.exported(ctx, slug))
    if to is not None:
        try:
            to.write_bytes(document)
        except OSError as error:
            raise FileUnreadable(f"{to} can't be written: {error.strerror}") from None
    if as_json:
        text = None if to else document.decode()
        output.document({"programme": slug, "bytes": len(document), "file": str(to) if to else None, "roadmap": text})
    elif to is None:
        sys.stdout.buffer.write(document)
        sys.stdout.flush()


def status_(
    slug: Annotated[str | None, typer.Argument(help="The programme; without it, every one in a line.")] = None,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """The tree with percentages, counts and health.

    Example: milepost status update-1
    """
    from app.db import trees
    from app.sync import status

    ctx = output.context(database)
    if slug is None:
        with ctx.db.read() as session:
            slugs = trees.slugs(session)
        found = [status.status(ctx, name) for name in slugs]
        if as_json:
            output.document({"programmes": [s.model_dump(mode="json", exclude={"milestones"}) for s in found]})
        elif not found:
            output.say("no programme yet: milepost import FILE --programme SLUG --start YYYY-MM-DD")
        for one in found if not as_json else []:
            output.say(f"{one.programme}  {percent(one)}  {one.done}/{one.total}  {one.health}  {one.title}")
        return
    found_one = status.status(ctx, slug)
    if as_json:
        output.document(found_one.model_dump(mode="json"))
    else:
        show(found_one)


def percent(figures: Figures) -> str:
    return "unknown" if figures.percent is None else f"{figures.percent:.1f} %"


def show(found: ProgrammeStatus) -> None:
    """The status as a tree of bars."""
    output.say(f"{found.title}  ({found.programme}, from {found.start}, as of {found.as_of:%Y-%m-%d %H:%M} UTC)")
    output.say(f"{percent(found)}  {found.done} of {found.total} done, {found.excluded} excluded, {found.health}")
    output.out.print(status_table(found))
    for milestone in found.milestones:
        if milestone.stale:
            output.note(f"{milestone.key} is stale: {milestone.stale_reason}")


def status_table(found: ProgrammeStatus) -> Table:
    """A row a milestone and a task. Titles are plain text, whatever brackets they hold."""
    grid = output.table("", "progress", "", "done", "expected", "health", "source", "where")
    for column in grid.columns:
        column.no_wrap = True
    grid.columns[0].overflow = "ellipsis"
    for milestone in found.milestones:
        expected = "" if milestone.expected_percent is None else f"{milestone.expected_percent:.0f} %"
        grid.add_row(
            Text(f"{milestone.key} {milestone.title}", style="bold"),
            bar(milestone.percent),
            percent(milestone),
            f"{milestone.done}/{milestone.total}",
            expected,
            _health(milestone.health),
            milestone.source,
            Text(milestone.target or ""),
        )
        for task in milestone.tasks:
            words = f"  {task.key} {task.title}" + (f" ({task.note})" if task.note else "")
            grid.add_row(
                Text(words), bar(task.percent), percent(task), f"{task.done}/{task.total}", "", "", task.source, ""
            )
    return grid


def bar(figure: float | None, width: int = 20) -> Text:
    if figure is None:
        return Text("·" * width, style="dim")
    full = int(figure * width / 100)
    return Text("█" * full, style="green") + Text("░" * (width - full), style="dim")


def _health(health: str) -> Text:
    style = {"done": "green", "on_track": "green", "at_risk": "yellow", "late": "red"}.get(health, "dim")
    return Text(health.replace("_", " "), style=style)
