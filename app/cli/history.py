"""conflicts, resolve, audit, undo: what both sides changed, what was written, and taking it back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.cli.syncing import short, show_plan

Target = Annotated[str | None, typer.Argument(metavar="[NAME]", help="One target; without it all.")]


class Side(StrEnum):
    ROADMAP = "roadmap"
    TRACKER = "tracker"


def register(app: typer.Typer) -> None:
    app.command("conflicts")(conflicts)
    app.command("resolve")(resolve)
    app.command("audit")(audit)
    app.command("undo")(undo)


def conflicts(name: Target = None, as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """Fields that the roadmap and people both changed, where the profile says `ask`; by what was last read.

    Example: milepost conflicts hub
    """
    from app.db import targets as rows
    from app.sync import conflicts as decisions

    ctx = output.context(database)
    with ctx.db.read() as session:
        names = [rows.get(session, name).name] if name else [row.name for row in rows.all_of(session)]
    found = [one for each in names for one in decisions.listed(ctx, each)]
    if as_json:
        output.document({"conflicts": [one.as_json() for one in found]})
        return
    for one in found:
        output.say(f"{one.target}  {one.key}{f' {one.field}' if one.field else ''}: {one.reason}")
        if one.field:
            output.say(f"         roadmap: {short(one.roadmap)}")
            output.say(f"         tracker: {short(one.tracker)}  {one.url or ''}")
            output.say(f"         milepost resolve {one.target} {one.key} {one.field} --take roadmap|tracker")
    if not found:
        output.say("no conflicts")


def resolve(
    name: Annotated[str, typer.Argument(help="The target's name.")],
    key: Annotated[str, typer.Argument(help="The node.")],
    field: Annotated[str, typer.Argument(help="The field, as `milepost conflicts` names it.")],
    take: Annotated[Side, typer.Option(help="Whose value counts.")],
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Decide one conflict. The roadmap's value is written by the next apply; the tracker's stays.

    Example: milepost resolve hub 1A title --take tracker
    """
    from app.sync import conflicts as decisions

    done = decisions.resolve(
        output.context(database), name, key, field, "roadmap" if take is Side.ROADMAP else "tracker"
    )
    if as_json:
        output.document(done.as_json() | {"taken": take.value})
        return
    kept = done.roadmap if take is Side.ROADMAP else done.tracker
    output.say(f"{key} {field}: {take.value}'s value counts: {short(kept)}")
    if take is Side.ROADMAP:
        output.say(f"write it: milepost apply {name}")


def audit(
    name: Target = None,
    run: Annotated[str | None, typer.Option(metavar="R", help="Only this run's.")] = None,
    key: Annotated[str | None, typer.Option(metavar="K", help="Only this node's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 100,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Every write to a tracker, newest first: who, when, which object, each field before and after, what became of it.

    Example: milepost audit hub --key 1A
    """
    from app.db import journal
    from app.db import targets as rows

    ctx = output.context(database)
    with ctx.db.read() as session:
        targets = [rows.get(session, name)] if name else list(rows.all_of(session))
        names = {row.id: row.name for row in targets}
        if run is not None:
            journal.run_row(session, run)
        found = [
            journal.audit_json(entry, of, names[entry.target_id])
            for entry, of in journal.audit(session, list(names), limit, run=run, key=key)
        ]
    if as_json:
        output.document({"entries": found})
        return
    grid = output.table("when", "by", "target", "run", "node", "what", "outcome", "fields", "the tracker's id")
    for row in found:
        fields = "; ".join(f"{field}: {short(f['before'])} → {short(f['after'])}" for field, f in row["fields"].items())
        outcome = row["outcome"] + (f": {row['error']}" if row["error"] else "")
        cells = (row["at"], row["by"] or "", row["target"], row["run"], row["key"], row["action"], outcome, fields)
        grid.add_row(*(Text(cell) for cell in (*cells, row["request_id"] or "")))
    output.out.print(grid)


def undo(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run, as `milepost runs` names it.")],
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Make the plan that takes a run back, to review and apply. Writes nothing to the tracker.

    What the run made is closed as not planned and let go, never deleted. What it changed is put back, but for fields
    that somebody has changed since.

    Example: milepost undo 3f9c2a1b7d04
    """
    from app.sync import undo as undoing

    planned = undoing.make_undo(output.context(database), run)
    if as_json:
        output.document(planned.as_json())
        return
    show_plan(planned)
    output.note("the roadmap still asks for what is taken back: change it before the next plan")
