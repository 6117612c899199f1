"""The outermost door: from where one may ask, how much, and what every answer carries, an unexpected error's too.

A browser is what could be turned against the service: by a page whose name was rebound to its address (so the Host is
checked), or by one that posts across origins (so the Origin of writes is checked). Trackers call `/webhooks` through
tunnels, under any name, and sign.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems

log = logging.getLogger(__name__)

NAMES: Final = frozenset({"localhost", "testserver"})
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST: Final = 18
"""Digits of a Content-Length that is looked at: a longer one is too large in any case."""
HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer, browsers send the service's own forms with Origin: null
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
"""What every answer carries, unless its route says otherwise."""


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without a port, can only be this machine. Names are not looked up."""
    if host.lower() in NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def hostname(host: str) -> str:
    """The name or address in a Host header, lower case, "" where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_origin(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


class Edge:
    """Middleware. Refuses by `refuse`; an unexpected error is logged, and answered without its words.

    `most` gives how many bytes a body may have, by path. It is held to while the body is read, and before. `hosts` are
    the names that it answers under beside this machine's own: `name`, `*.name` for all below it, `*` for any. `refuse`
    takes a request and a problem's type, status, detail and hint.
    """

    def __init__(
        self,
        app: ASGIApp,
        most: Callable[[str], int],
        hosts: Collection[str] = (),
        refuse: Callable[[Request, str, int, str, str], Response] = problems.response,
    ) -> None:
        self._app = app
        self._refuse = refuse
        self._most = most
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        most = self._most(scope["path"])
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
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(request, most)
        if refusal is not None:
            type_, status, detail, hint = refusal
            await self._refuse(request, type_, status, detail, hint)(scope, receive, watched)
            return
        try:
            await self._app(scope, limited, watched)
        except ClientDisconnect:
            return
        except Exception:
            log.exception("%s %s failed unexpectedly", request.method, scope["path"])
            if started:
                raise
            detail = "something unexpected happened; it is in the service's log"
            await self._refuse(request, "unexpected", 500, detail, "")(scope, receive, watched)

    def _refusal(self, request: Request, most: int) -> tuple[str, int, str, str] | None:
        """(type, status, detail, hint) of why a request isn't let in; None when it is."""
        path = request.scope["path"]
        if "\x00" in path:
            return "not-found", 404, "Not Found", ""
        length = request.headers.get("content-length", "")
        if length.isdecimal() and (len(length) > LONGEST or int(length) > most):
            return "too-large", 413, _too_large(most), "send less at once"
        if path.startswith("/webhooks/"):
            return None
        host = request.headers.get("host", "")
        name = hostname(host)
        if not self._answers_to(name, request.scope):
            detail = f"the service doesn't answer under the name {name[:200]!r}"
            return "host-refused", 400, detail, "name it in MILEPOST_ALLOWED_HOSTS"
        origin = request.headers.get("origin")
        if origin is not None and request.method not in READING and not _is_origin(origin, host):
            return "origin-refused", 403, "pages of other origins may not write here", ""
        return None

    def _answers_to(self, name: str, scope: Scope) -> bool:
        """Whether a host is this machine's, the very address that was called, or named in the settings."""
        server = scope.get("server")
        if is_loopback(name) or (server is not None and name == server[0]):
            return True
        above = {f"*.{name[at + 1 :]}" for at, letter in enumerate(name) if letter == "."}
        return bool(name) and not self._hosts.isdisjoint({"*", name} | above)


def _too_large(most: int) -> str:
    return f"more than {most} bytes"
