"""The application of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
import traceback

import typer

from app.cli import databases, demo, output, roadmaps, sandboxes, service, syncing, targets
from app.core.errors import MilepostError

HELP = """Keeps a Markdown roadmap and its GitHub or GitLab issue trackers telling the same story.

A first round, with a sandbox instead of a real tracker:

  milepost sandbox --kind github --port 8801 &

  milepost import roadmap.md --programme update-1 --start 2026-11-02

  GITHUB_TOKEN=any milepost target add hub --programme update-1 --kind github --repo acme/app --base-url http://127.0.0.1:8801

  GITHUB_TOKEN=any milepost apply hub

  milepost status update-1
"""

app = typer.Typer(
    name="milepost",
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
roadmaps.register(app)
targets.register(app)
syncing.register(app)
sandboxes.register(app)
service.register(app)
demo.register(app)
databases.register(app)


class Unexpected(MilepostError):
    """A defect of Milepost itself."""

    type = "unexpected"


def main() -> None:
    """Run a command; exits with INTERFACE's codes. No traceback is shown unless MILEPOST_DEBUG is set."""
    as_json = "--json" in sys.argv
    try:
        app()
    except MilepostError as error:
        output.failure(error, as_json=as_json)
        sys.exit(error.exit_code)
    except SystemExit as stop:
        if stop.code == 2 and as_json:
            output.document({"error": {"type": "wrong-usage", "message": "wrong usage", "hint": "see --help"}})
        raise
    except Exception as error:  # noqa: BLE001 - the last door: a user gets a line, not a traceback
        if os.environ.get("MILEPOST_DEBUG"):
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        hint = "this is a defect: run it again with MILEPOST_DEBUG=1 and report what it prints"
        output.failure(Unexpected(f"something unexpected happened ({what})", hint), as_json=as_json)
        sys.exit(1)
