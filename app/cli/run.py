"""The application of commands, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from app.cli import (
    databases,
    deliveries,
    demo,
    doctor,
    history,
    notify,
    output,
    progress_history,
    reports,
    roadmaps,
    rubbish,
    sandboxes,
    service,
    syncing,
    targets,
    tokens,
    worker,
)
from app.core.errors import MilepostError

HELP = """Keeps a Markdown roadmap and its GitHub or GitLab issue trackers telling the same story.

A first round, with a sandbox instead of a real tracker:

  milepost sandbox --kind github --port 8801 &

  milepost import roadmap.md --programme update-1 --start 2026-11-02

  GITHUB_TOKEN=any milepost target add hub --programme update-1 --kind github --repo acme/app --base-url http://127.0.0.1:8801

  GITHUB_TOKEN=any milepost apply hub

  milepost status update-1
"""


class Commands(TyperGroup):
    """Commands may have a name of two words: `report schedule` beside `report SLUG`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name = " ".join(args[:2])
        found = self.get_command(ctx, name)
        return (name, found, args[2:]) if found else super().resolve_command(ctx, args)


app = typer.Typer(
    name="milepost",
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
roadmaps.register(app)
targets.register(app)
syncing.register(app)
history.register(app)
progress_history.register(app)
reports.register(app)
sandboxes.register(app)
deliveries.register(app)
service.register(app)
tokens.register(app)
worker.register(app)
demo.register(app)
databases.register(app)
notify.register(app)
doctor.register(app)


class Unexpected(MilepostError):
    """A defect of Milepost itself."""

    type = "unexpected"


class WrongUsage(MilepostError):
    """A command, option or value that there isn't."""

    type = "wrong-usage"
    exit_code = 2


class Interrupted(MilepostError):
    """Ended by Ctrl-C, or by the end of the input where an answer was asked for."""

    type = "interrupted"


UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What Typer raises for wrong usage; of the family it exports only this member."""


CTRL_C = 130
"""What Typer makes of a KeyboardInterrupt, without a word."""


def main() -> None:
    """Run a command; exits with INTERFACE's codes. No traceback is shown unless MILEPOST_DEBUG is set."""
    try:
        with rubbish.seldom_sought():
            code = app(standalone_mode=False) or 0
        if code == CTRL_C:
            raise KeyboardInterrupt
        sys.exit(code)
    except MilepostError as error:
        _fail(error)
    except UsageError as error:
        _fail(_usage(error))
    except (typer.Abort, KeyboardInterrupt):
        _fail(Interrupted("interrupted"))
    except BrokenPipeError:  # whoever read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last door: a user gets a line, not a traceback
        if os.environ.get("MILEPOST_DEBUG"):
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        hint = "this is a defect: run it again with MILEPOST_DEBUG=1 and report what it prints"
        _fail(Unexpected(f"something unexpected happened ({what})", hint))


def _fail(error: MilepostError) -> NoReturn:
    output.failure(error, as_json="--json" in sys.argv)
    sys.exit(error.exit_code)


def _usage(error: Any) -> WrongUsage:
    """Typer's complaint in one line; where it showed the help instead (a group without a command), just exit 2."""
    message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    if not message or message.startswith("Usage:"):
        if message:
            output.note(error.format_message())
        sys.exit(2)
    command = error.ctx.command_path if error.ctx else "milepost"
    return WrongUsage(f"{message[:1].lower()}{message[1:]}", f"see {command} --help")
