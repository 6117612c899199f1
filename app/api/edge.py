"""The outermost door: who may ask from where, and what an unexpected error looks like from outside.

Until access control lands the service listens on loopback only, and a browser on this machine is what could be turned
against it: by a page whose name was rebound to 127.0.0.1 (so the Host is checked), or by one that posts across
origins (so the Origin of writes is checked). Trackers call `/webhooks` through tunnels, under any name, and sign.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems

log = logging.getLogger(__name__)

NAMES: Final = frozenset({"localhost", "testserver"})
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without a port, can only be this machine. Names are not looked up."""
    if host.lower() in NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Edge:
    """Middleware. Refuses with problems; an unexpected error is logged, and answered without its words.

    `most` gives how many bytes a body may have, by path. It is held to while the body is read, and before.
    """

    def __init__(self, app: ASGIApp, most: Callable[[str], int]) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        most = self._most(request.url.path)
        refusal = _refusal(request, most)
        if refusal is not None:
            type_, status, detail, hint = refusal
            await problems.response(request, type_, status, detail, hint)(scope, receive, send)
            return
        read, started = 0, False

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413, _too_large(most))
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"].append((b"x-content-type-options", b"nosniff"))
            await send(message)

        try:
            await self._app(scope, limited, watched)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("%s %s failed unexpectedly", request.method, request.url.path)
            if started:
                raise
            detail = "something unexpected happened; it is in the service's log"
            await problems.response(request, "unexpected", 500, detail)(scope, receive, send)


def _too_large(most: int) -> str:
    return f"more than {most} bytes"


def _refusal(request: Request, most: int) -> tuple[str, int, str, str] | None:
    """(type, status, detail, hint) of why a request isn't let in; None when it is."""
    path = request.url.path
    if "\x00" in path:
        return "not-found", 404, "Not Found", ""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        return "too-large", 413, _too_large(most), "send less at once"
    if path.startswith("/webhooks/"):
        return None
    host = request.headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = ""
    if not is_loopback(name):
        return "host-refused", 400, "the service answers only under this machine's own names", "use http://localhost"
    origin = request.headers.get("origin")
    if origin is not None and request.method not in READING and urlsplit(origin).netloc.lower() != host.lower():
        return "origin-refused", 403, "pages of other origins may not write here", ""
    return None
