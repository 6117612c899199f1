"""serve."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import sys
import threading
from ipaddress import ip_address
from typing import Annotated

import typer

from app.cli import output
from app.cli.output import AsJson, DatabaseUrl
from app.core.errors import MilepostError
from app.settings import Settings

GRACE = 3
"""Seconds that open requests get at the end, before the jobs get theirs."""


class NotLoopback(MilepostError):
    """An address that others could reach, as long as nobody is asked who they are."""

    type = "not-loopback"


class AddressTaken(MilepostError):
    """The address can't be listened on."""

    type = "address-unusable"


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; this machine's only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """API, scheduler and webhooks in one process. Ends on Ctrl-C or SIGTERM, after what is in flight.

    Example: milepost serve --port 8000
    """
    address = loopback(host)
    ctx = output.context(database)
    settings = Settings()
    listener = listen(address, port)
    try:
        import uvicorn

        from app.main import create_app

        class Server(uvicorn.Server):
            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                await super().shutdown(sockets)
                leave_soon()

        _log_to_stderr(settings.log_level)
        config = uvicorn.Config(
            create_app(ctx, settings),
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_graceful_shutdown=GRACE,
        )
        url = f"http://{f'[{address}]' if ':' in address else address}:{listener.getsockname()[1]}"
        if as_json:
            output.document({"url": url, "docs": f"{url}/docs"})
            sys.stdout.flush()
        output.note(f"milepost: serving {url} (API: {url}/docs)")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _ended)
        Server(config).run(sockets=[listener])
    finally:
        listener.close()
        ctx.db.close()


def loopback(host: str) -> str:
    """The loopback address that `host` is. Raises NotLoopback for every other."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise NotLoopback(
            f"serve can't listen on {host}: there is no access control yet, so only this machine may reach it",
            "use --host 127.0.0.1, ::1 or localhost",
        )
    return str(address)


def listen(address: str, port: int) -> socket.socket:
    """A listening socket. Raises AddressTaken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=2048)
    except OSError as error:
        why = "the port is in use" if error.errno == errno.EADDRINUSE else (error.strerror or "it can't be used")
        raise AddressTaken(f"can't listen on {address} port {port}: {why}", "give another with --port") from None


def leave_soon() -> None:
    """End the process in a second if it hasn't ended by then: a request that waits for a tracker would hold it up.

    Only reads are left at that point, and what they hold lapses by itself.
    """
    timer = threading.Timer(1.0, os._exit, [0])
    timer.daemon = True
    timer.start()


def _ended(number: int, frame: object) -> None:
    """uvicorn has ended gracefully by the time it raises the signal again: the command then ends by itself."""


def _log_to_stderr(level: str) -> None:
    """Lines on stderr; libraries that log every request or tick only when something is wrong."""
    names = logging.getLevelNamesMapping()
    logging.basicConfig(
        level=names.get(level.upper(), logging.INFO), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for name in ("apscheduler", "httpx", "httpcore", "uvicorn", "github", "urllib3", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
