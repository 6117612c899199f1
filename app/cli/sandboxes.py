"""sandbox: a tracker in a box."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import output
from app.cli.output import AsJson
from app.core.errors import MilepostError

if TYPE_CHECKING:  # the boxes bring a web server along; only this command and the demo need it
    from connectors.sandbox.github import GitHubBox
    from connectors.sandbox.gitlab import GitLabBox


class BoxKind(StrEnum):
    GITHUB = "github"
    GITLAB = "gitlab"


PORTS = {BoxKind.GITHUB: 8801, BoxKind.GITLAB: 8802}


class PortTaken(MilepostError):
    """Something else listens there."""

    type = "port-taken"


def register(app: typer.Typer) -> None:
    app.command("sandbox")(sandbox)


def sandbox(
    kind: Annotated[BoxKind, typer.Option(help="Which tracker.")],
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="8801 for GitHub, 8802 for GitLab; 0 takes any.")
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            "--repo", "--project", metavar="OWNER/NAME", help="Only these exist; without it any does on first use."
        ),
    ] = None,
    token: Annotated[
        list[str] | None, typer.Option(metavar="TOKEN", help="Only these are let in; without it any token is.")
    ] = None,
    read_only_token: Annotated[
        list[str] | None, typer.Option(metavar="TOKEN", help="A token that may only read.")
    ] = None,
    no_push_token: Annotated[
        list[str] | None,
        typer.Option(metavar="TOKEN", help="GitHub: a token of a user without push access to the repositories."),
    ] = None,
    issue_type: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="GitHub: an issue type that every owner has.")
    ] = None,
    premium: Annotated[bool, typer.Option("--premium", help="GitLab with epics and blocking links.")] = False,
    as_json: AsJson = False,
) -> None:
    """A tracker in a box, on this machine only: its API, its webhooks, and a page to click on. Forgets all at its end.

    Example: milepost sandbox --kind github --port 8801
    """
    from connectors.sandbox.github import GitHubBox
    from connectors.sandbox.gitlab import GitLabBox
    from connectors.sandbox.kit import Options

    options = Options(
        paths=tuple(path or ()),
        tokens=tuple(token or ()),
        read_only=tuple(read_only_token or ()),
        no_push=tuple(no_push_token or ()),
        types=tuple(issue_type or ()),
    )
    box = GitHubBox(options) if kind is BoxKind.GITHUB else GitLabBox(options, premium=premium)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with listening(box, PORTS[kind] if port is None else port) as url:
        if as_json:
            output.document({"kind": kind.value, "url": url, "page": f"{url}/", "control": f"{url}/_sandbox/requests"})
        output.note(f"a {kind.value} in a box: base URL {url}, page {url}/, Ctrl-C ends it")
        stop.wait()
    box.close()


@contextmanager
def listening(box: GitHubBox | GitLabBox, port: int) -> Iterator[str]:
    """Serve a box on loopback; yields its base URL. Raises PortTaken."""
    from connectors.sandbox.kit import serving

    try:
        with serving(box.app, port) as url:
            yield url
    except OSError as error:
        raise PortTaken(f"port {port} can't be listened on: {error.strerror}", "give another with --port") from None
