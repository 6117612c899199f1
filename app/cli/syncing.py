"""plan, apply, refresh, runs."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.core.errors import MilepostError
from app.core.plan import WRITING, Change, plain

if TYPE_CHECKING:
    from app.sync.reconcile import Applied, Planned
    from app.sync.run import Stop

Name = Annotated[str, typer.Argument(help="The target's name.")]
LONGEST = 100


def register(app: typer.Typer) -> None:
    app.command("plan")(plan)
    app.command("apply")(apply)
    app.command("refresh")(refresh)
    app.command("runs")(runs)


class NotAgreed(MilepostError):
    """Nobody said yes."""

    type = "not-agreed"


def plan(
    name: Name,
    adopt: Annotated[bool, typer.Option("--adopt", help="Also propose unmarked objects of the same title.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 4 when differences exist.")] = False,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Read the tracker and show the difference, field by field. Writes nothing there.

    Example: milepost plan hub
    """
    from app.sync import reconcile
    from app.sync.reconcile import ReadIncomplete

    planned = reconcile.make_plan(output.context(database), name, adopt=adopt)
    whole, changes = planned.plan.complete, planned.plan.changes
    if not whole and not changes:
        raise ReadIncomplete(f"the tracker could not be read whole: {planned.problem}", "plan again later")
    if as_json:
        output.document(planned.as_json())
    else:
        show_plan(planned)
    if not whole:
        output.note(f"milepost: the tracker could not be read whole, so nothing is made or closed: {planned.problem}")
        raise typer.Exit(ReadIncomplete.exit_code)
    if exit_code and changes:
        raise typer.Exit(4)


def show_plan(planned: Planned) -> None:
    """A plan for people: each step with its fields before and after, then what is told beside them."""
    found = planned.plan
    for change in found.changes:
        where = f"  {change.ref.url}" if change.ref and change.ref.url else ""
        output.say(f"{change.action:<8} {change.key} ({change.shape}): {change.reason}{where}")
        for name, field in change.fields.items():
            output.say(f"           {name}: {short(field.before)} → {short(field.after)}")
    for gap in found.degraded:
        output.say(f"instead  {gap.key}: {gap.got or 'nothing'} in place of {gap.wanted}: {gap.reason}")
    for drift in found.drift:
        output.say(f"left     {drift.key}: {drift.field}: {drift.reason}")
    counts = ", ".join(f"{count} {action}" for action, count in found.summary().items() if count)
    output.say(f"plan {planned.id} for {planned.target}: {counts or 'nothing to do'}")
    if any(change.action in WRITING for change in found.changes):
        output.say(f"carry it out: milepost apply {planned.target} --plan {planned.id}")


def short(value: object) -> str:
    """A field's value in a line."""
    shown = plain(value)  # type: ignore[arg-type]
    if shown is None or shown == []:
        return "–"
    text = ", ".join(shown) if isinstance(shown, list) else str(shown)
    line = " ⏎ ".join(text.splitlines())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def apply(
    name: Name,
    plan_id: Annotated[str | None, typer.Option("--plan", metavar="ID", help="A plan that was reviewed.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    max_changes: Annotated[
        float, typer.Option(metavar="PERCENT", min=0, max=100, help="How much of what is managed may change.")
    ] = 30.0,
    recreate: Annotated[bool, typer.Option("--recreate", help="Make again what people deleted.")] = False,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Carry a plan out. Interrupted, the same command goes on where it ended.

    Example: milepost apply hub --yes
    """
    from app.sync import reconcile

    ctx = output.context(database)

    def agree(planned: Planned) -> bool:
        if yes:
            return True
        if as_json or not sys.stdin.isatty():
            raise NotAgreed("nobody is here to agree to the plan", f"add --yes, or review it: milepost plan {name}")
        show_plan(planned)
        return _confirmed("Carry it out?")

    with bar(as_json) as on_progress, _interruptible() as stop:
        found = reconcile.apply_plan(
            ctx,
            name,
            plan_id=plan_id,
            max_percent=max_changes,
            recreate=recreate,
            agree=agree,
            on_progress=on_progress,
            stop=stop,
        )
    if found is None:
        raise NotAgreed("nothing was written", f"go on with: milepost apply {name}")
    if as_json:
        output.document(found.as_json())
    _tell(found, name, as_json=as_json)


def _confirmed(question: str) -> bool:
    """Ask. Ctrl-C answers no at once: nothing is in flight yet."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        output.note("")
        return False
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(found: Applied, name: str, *, as_json: bool) -> None:
    summary = found.as_json()["summary"]
    for outcome in found.outcomes:
        if outcome.result != "done":
            output.note(f"{outcome.result}: {outcome.action} {outcome.key}: {outcome.error}")
    if not as_json:
        counts = ", ".join(f"{count} {word}" for word, count in summary.items() if count) or "nothing to do"
        output.say(f"run {found.run} is {found.state}: {counts}, {found.requests} requests")
    if found.state == "interrupted":
        output.note(f"go on with: milepost apply {name}")
    if found.state != "done":
        raise typer.Exit(3 if any(outcome.result == "failed" for outcome in found.outcomes) else 1)


@contextmanager
def bar(as_json: bool) -> Iterator[Callable[[Change, int, int], None]]:
    """A progress bar on stderr, with time left; begun by the first step so that questions come before it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=output.err, transient=True, disable=as_json or not output.err.is_terminal)
    state: dict[str, object] = {}

    def on_progress(change: Change, done: int, total: int) -> None:
        if "task" not in state:
            progress.start()
            state["task"] = progress.add_task("", total=total)
        words = Text(f"{change.action} {change.key}").plain
        progress.update(state["task"], completed=done, description=words)  # type: ignore[arg-type]

    try:
        yield on_progress
    finally:
        progress.stop()


@contextmanager
def _interruptible() -> Iterator[Stop]:
    """Ctrl-C or SIGTERM asks the run to end after the call in flight; a second one ends at once."""
    from app.sync.run import Stop

    stop = Stop()

    def ask(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        output.note("stopping after the call in flight (Ctrl-C again: at once)")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def refresh(
    name: Annotated[str | None, typer.Argument(help="One target; without it all.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything, not only what changed.")] = False,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Pull closed work back and recompute progress.

    Example: milepost refresh hub
    """
    from app.db import targets as rows
    from app.sync import reconcile

    ctx = output.context(database)
    with ctx.db.read() as session:
        names = [rows.get(session, name).name] if name else [row.name for row in rows.all_of(session)]
    found = []
    for one in names:
        began = time.monotonic()
        result = reconcile.refresh(ctx, one, full=full)
        found.append(result)
        if result.error:
            output.note(f"milepost: {one}: {result.error}")
        elif not as_json:
            seconds = time.monotonic() - began
            output.say(f"{one}: {result.changed} changed, {result.requests} requests, {seconds:.1f} s")
    if as_json:
        output.document({"targets": [result.as_json() for result in found]})
    elif not found:
        output.say("no target yet: milepost target add …")
    if any(result.error for result in found):
        raise typer.Exit(3)


def runs(
    name: Annotated[str | None, typer.Argument(help="One target; without it all.")] = None,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Runs, newest first, with how far they are."""
    from app.db import journal
    from app.db import targets as rows

    ctx = output.context(database)
    with ctx.db.read() as session:
        targets = [rows.get(session, name)] if name else list(rows.all_of(session))
        names = {row.id: row.name for row in targets}
        there = journal.runs(session, list(names), 50)
        found = [journal.run_json(row, names[row.target_id], ctx.now()) for row in there]
    if as_json:
        output.document({"runs": found})
        return
    grid = output.table("run", "target", "state", "begun", "done", "failed", "skipped", "of", "left", "error")
    columns = ("run", "target", "state", "started_at", "done", "failed", "skipped", "total")
    for row in found:
        left = str(timedelta(seconds=row["seconds_left"])) if row["seconds_left"] is not None else ""
        grid.add_row(*(Text(str(row[name])) for name in columns), Text(left), Text(row["error"] or ""))
    output.out.print(grid)
