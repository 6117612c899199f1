"""serve."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli import output, rubbish
from app.cli.output import AsJson, DatabaseUrl
from app.core.errors import MilepostError

if TYPE_CHECKING:
    from app.settings import Settings
    from app.sync.context import Context
    from connectors.reach import Reach

GRACE = 3
"""Seconds that open requests get at the end, before the jobs get theirs."""


class TokenNeeded(MilepostError):
    """An address that others could reach, while there is no token that anybody could come in by."""

    type = "token-needed"


class AddressTaken(MilepostError):
    """The address can't be listened on."""

    type = "address-unusable"


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; one that others can reach needs a token first.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8000,
    as_json: AsJson = False,
    database: DatabaseUrl = None,
) -> None:
    """API, scheduler and webhooks in one process. Ends on Ctrl-C or SIGTERM, after what is in flight.

    Example: milepost serve --port 8000

    For others too: milepost token create --role admin, then milepost serve --host 0.0.0.0
    """
    from app.settings import Settings

    address = address_of(host)
    ctx = output.context(database)
    settings = Settings()
    is_open = guarded(ctx, address)
    listener = listen(address, port)
    try:
        import uvicorn

        from app.main import create_app

        service = create_app(replace(ctx, reach=reach(settings, address)), settings)

        class Server(uvicorn.Server):
            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                service.state.events.end()  # they have no end of their own
                await super().shutdown(sockets)
                leave_soon()

        start_logs(settings, database)
        config = uvicorn.Config(
            service,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # `create_app` believes the proxies that the settings name, and no other
            ws="none",
            timeout_graceful_shutdown=GRACE,
        )
        url = f"http://{f'[{address}]' if ':' in address else address}:{listener.getsockname()[1]}"
        if as_json:
            output.document({"url": url, "docs": f"{url}/docs"})
            sys.stdout.flush()
        output.note(f"milepost: serving {url} (API: {url}/docs)")
        if is_open:
            output.note(
                "milepost: there is no token yet, so everybody on this machine may do everything, as admin; "
                "`milepost token create --role admin` ends that"
            )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _ended)
        rubbish.sought()
        Server(config).run(sockets=[listener])
    finally:
        listener.close()
        ctx.db.close()


def address_of(host: str) -> str:
    """The address that `host` is. Raises AddressTaken for what is none: names are not looked up."""
    if host.lower() == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        raise AddressTaken(
            f"can't listen on {host!r}: it is no address", "give one of this machine's, 0.0.0.0 or :: for all"
        ) from None


def guarded(ctx: Context, address: str) -> bool:
    """Whether the service is open to this machine, since no token was ever made.

    Raises TokenNeeded for an address that others can reach while nobody could come in by a token.
    """
    from app.db import access

    with ctx.db.read() as session:
        is_open, usable = not access.any_token(session), access.usable_token(session, ctx.now())
    if not usable and not ip_address(address).is_loopback:
        raise TokenNeeded(
            f"serve doesn't listen on {address}, which others can reach, before there is a token",
            "milepost token create --role admin",
        )
    return is_open


def reach(settings: Settings, address: str) -> Reach:
    """Where trackers may be. Whoever may come from elsewhere is not led to this machine's own services."""
    from app.settings import listed
    from connectors.reach import Reach

    return Reach.of(listed(settings.allowed_trackers), loopback=ip_address(address).is_loopback)


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


def start_logs(settings: Settings, database: str | None) -> None:
    """What a process that stays (`serve`, `worker`) logs to stderr; the password of its database is in none of it."""
    from sqlalchemy.engine import make_url

    from app import logs

    password = make_url(database or settings.database_url).password
    if password:
        logs.hide(str(password))
    logs.set_up(settings.log_level, settings.log_format)
