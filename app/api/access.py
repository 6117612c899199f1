"""`Guard` finds out who asks before anything else; it says no to whoever may not come in at all.

What each route needs is `app.access.needs`': `VIEWER` and its like are here for the routes.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote

import anyio
import anyio.to_thread
from fastapi import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import Gate, TooManyFailures, Unauthenticated, Who
from app.access.needs import ADMIN, OPERATOR, VIEWER, Asker, needed
from app.access.sessions import COOKIE, CSRF_HEADER, CsrfMissing, csrf_is
from app.api import problems
from app.api.edge import READING, hostname, is_loopback
from app.core.errors import MilepostError

__all__ = ["ADMIN", "OPERATOR", "VIEWER", "Asker", "Guard", "as_guarded", "needed"]

OPEN: Final = frozenset({"/healthz", "/readyz", "/metrics", "/login"})
"""Paths that everybody may ask for: they hold no secrets."""
OPEN_UNDER: Final = ("/webhooks/", "/static/")
"""Webhook calls are signed; styles are the same for everybody."""
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers of a request that some proxy passed on, which may come from anywhere."""
THREADS: Final = 4
"""Who asks is looked up beside the API's threads, whose slow requests hold up nobody else."""
ROLE: Final = "x-role"
"""Where the description tells an operation's role."""


class Guard:
    """Middleware: puts who asks into `request.state.who`, or refuses. What is not open by name is closed."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            who = await self._who(request)
            if who.via == "session" and request.method not in READING and scope["path"].startswith("/api/"):
                given = request.headers.get(CSRF_HEADER, "")
                if not csrf_is(who, given):
                    raise CsrfMissing()
        except MilepostError as error:
            await refused(request, error)(scope, receive, send)
            return
        scope.setdefault("state", {})["who"] = who
        await self._app(scope, receive, send)

    async def _who(self, request: Request) -> Who:
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else None
        cookie = request.cookies.get(COOKIE)
        address = client(request)
        named = is_loopback(hostname(request.headers.get("host", "")))
        here = named and is_here(address) and not any(name in request.headers for name in FORWARDED)
        return await anyio.to_thread.run_sync(
            lambda: self._gate.who(address, bearer, cookie, here=here), limiter=self._limiter
        )


def client(request: Request) -> str:
    """The address of whoever asks: the socket's, or what a trusted proxy says."""
    return request.client.host if request.client else ""


def is_here(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_UNDER)


def refused(request: Request, error: MilepostError) -> Response:
    """How somebody is turned away: people who look at pages are sent to log in, programs get a problem."""
    path = request.scope["path"]
    if isinstance(error, Unauthenticated) and not error.tried and request.method == "GET" and _is_page(request):
        query = request.scope["query_string"].decode("latin-1")
        back = f"{path}?{query}" if query else path
        return RedirectResponse(f"/login?next={quote(back, safe='/')}", 303)
    headers = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="milepost"' + (', error="invalid_token"' if error.tried else "")
    if isinstance(error, TooManyFailures):
        headers["Retry-After"] = str(error.retry_after)
    return problems.response(request, error.type, error.status, error.message, error.hint, headers=headers)


def _is_page(request: Request) -> bool:
    return not request.scope["path"].startswith("/api/") and "text/html" in request.headers.get("accept", "")


SCHEMES: Final[dict[str, Any]] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `milepost token create`. None is needed until the first one was made.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": f"A browser that logged in at /login; writes bring `{CSRF_HEADER}` along.",
    },
}


def as_guarded(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document that tells how to come in, which role each operation needs, and how it turns away."""
    document.setdefault("components", {})["securitySchemes"] = SCHEMES
    for path in document["paths"].values():
        for operation in path.values():
            role = operation.get(ROLE)
            if role is None:
                continue
            operation["security"] = [{name: []} for name in SCHEMES]
            operation["responses"] |= {
                "401": _answer("No token, or one that is wrong, expired or revoked", "WWW-Authenticate"),
                "403": _answer(f"The role {role} is needed, or the session's `{CSRF_HEADER}`"),
                "429": _answer("Too many wrong tokens came from this address", "Retry-After"),
            }
    return document


def _answer(description: str, *headers: str) -> dict[str, Any]:
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    named = {name: {"schema": {"type": "string"}} for name in headers}
    return {"description": description, "content": content} | ({"headers": named} if named else {})
