"""Each request's id, its line in the log, and who counts it: outside of everything else, refusals too."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Final
from uuid import uuid4

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import logs

log = logging.getLogger(__name__)

HEADER: Final = b"x-request-id"
SANE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PREFIX: Final = "/api/v1"
UNKNOWN: Final = "unmatched"
"""The route of a request that no route takes: what callers make up is no label."""

Seen = Callable[[str, str, int, float], None]
"""(method, route template, status, seconds)"""


def template(scope: Scope) -> str:
    """The path of the route that took a request, its parameters by name."""
    path = str(getattr(scope.get("route"), "path", UNKNOWN))
    # routes know their path only within the router that they were put in
    inside = path != UNKNOWN and scope["path"].startswith(f"{PREFIX}/") and not path.startswith(f"{PREFIX}/")
    return PREFIX + path if inside else path


class Requests:
    """Middleware. `seen` is told of each request that was answered, in the order of their ends.

    The id is the caller's `X-Request-Id` where that is sane, else made here; it goes back in the answer.
    """

    def __init__(self, app: ASGIApp, seen: Seen) -> None:
        self._app = app
        self._seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Request(scope).headers.get(HEADER.decode(), "")
        request_id = given if SANE.fullmatch(given) else uuid4().hex
        began, status = time.perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((HEADER, request_id.encode()))
            await send(message)

        with logs.bound(request=request_id):
            try:
                await self._app(scope, receive, watched)
            finally:
                self._ended(scope, status, time.perf_counter() - began)

    def _ended(self, scope: Scope, status: int, seconds: float) -> None:
        """A status of 0 is a caller who went before the answer began."""
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = template(scope)
        self._seen(method, route, status, seconds)
        level = logging.DEBUG if 0 < status < 400 else logging.INFO if status < 500 else logging.WARNING
        if log.isEnabledFor(level):
            more = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
            log.log(level, "%s %s answered %d", method, route, status, extra=more)
