"""doctor: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.text import Text

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl

if TYPE_CHECKING:
    from app.cli.checks import Setting
    from app.sync.diagnose import Found

COLOURS: Final = {"ok": "green", "warning": "yellow", "failed": "red"}


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask no tracker.")] = False,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """Check the installation, and say how to mend it. Run it where `serve` runs, with the same environment.

    Exit code 1 when something failed. Changes nothing.
    """
    from app.cli import checks

    listed = checks.settings()
    found = checks.findings(listed, database, offline)
    failed = sum(one.state == "failed" for one in found)
    if as_json:
        output.document(
            {
                "ok": not failed,
                "findings": [one.as_json() for one in found],
                "settings": [
                    {"name": s.name, "value": s.value, "default": s.default, "source": s.source, "about": s.about}
                    for s in listed
                ],
            }
        )
    else:
        _print(found, listed)
    if failed:
        output.note(f"milepost: {failed} of {len(found)} checks failed")
        raise typer.Exit(1)


def _print(found: list[Found], listed: list[Setting]) -> None:
    grid = output.table("setting", "value", "from")
    for one in listed:
        grid.add_row(Text(one.name), Text(one.value), Text(one.source))
    output.out.print(grid)
    output.say()
    grid = output.table("", "what", "found", "how to mend it")
    for line in found:
        cells = (Text(cell) for cell in (line.what, line.detail, line.mend if line.state != "ok" else ""))
        grid.add_row(Text(line.state, style=COLOURS[line.state]), *cells)
    output.out.print(grid)
