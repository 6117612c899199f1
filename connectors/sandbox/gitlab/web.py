"""What every API request goes through: the token, the log, entity tags and limits; parameters; pages of a list."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.sandbox.gitlab.access import Access
from connectors.sandbox.gitlab.records import Refused
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.tracker import REQUESTS, USUAL
from connectors.sandbox.kit import RequestLog
from connectors.sandbox.limits import Limits
from connectors.sandbox.misbehaviour import lag_of

LIMIT = USUAL[REQUESTS]  # told, and held to where `limits` says so
MAX_PAGE = 100
MAX_COUNTED = 10_000  # above it GitLab leaves the totals out

T = TypeVar("T")
Key = Callable[[T], tuple[str, int]]


# What this request's lists show was made by this moment (fault `list_lag`); None: everything.
_UNTIL: ContextVar[datetime | None] = ContextVar("until", default=None)


class Front:
    """The box's own outermost layer. Under `/api/` it asks for a token, counts, and adds GitLab's headers.

    It hands the path on as it was sent, still encoded, so that `group%2Fname` is one segment.
    """

    def __init__(self, app: ASGIApp, store: Store, access: Access, limits: Limits, log: RequestLog) -> None:
        self._app = app
        self._store = store
        self._access = access
        self._limits = limits
        self._log = log
        self._minute = (0, 0)  # the minute, requests seen in it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        self._store.origin = f"{request.url.scheme}://{request.url.netloc}"
        if not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        state = scope.setdefault("state", {})
        lag = lag_of(scope)
        _UNTIL.set(self._store.clock.now() - timedelta(seconds=lag) if lag else None)
        response = _Held()
        refusal = self._refusal(request, path)
        if refusal:
            await refusal(scope, receive, response)
        else:
            await self._app({**scope, "path": path}, receive, response)
        headers = response.headers
        if request.method == "GET" and response.status == 200:
            digest = hashlib.sha256(response.body).hexdigest()[:32]
            headers.append((b"etag", f'W/"{digest}"'.encode()))
            if digest in request.headers.get("if-none-match", ""):
                response.status, response.body = 304, b""
                headers[:] = [h for h in headers if h[0] not in (b"content-length", b"content-type")]
        headers += [(name.encode(), value.encode()) for name, value in self.told().items()]
        query = f"?{request.url.query}" if request.url.query else ""
        self._log.add(request.method, path + query + (" mutation" if state.get("mutation") else ""), response.status)
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    def _refusal(self, request: Request, path: str) -> Response | None:
        authorization = request.headers.get("authorization", "")
        bearer = authorization[7:].strip() if authorization.lower().startswith("bearer ") else ""
        token = self._access.find(request.headers.get("private-token") or bearer)
        graphql = path.startswith("/api/graphql")
        invalid = self._access.invalid(token)
        if token is None or invalid or (graphql and not token.reads):
            return JSONResponse({"errors": [{"message": "Invalid token"}]} if graphql else invalid, 401)
        request.state.token = token
        refused = None if graphql else self._access.forbid(token, request.method, path)
        return JSONResponse(refused.body, refused.status) if refused else None

    def told(self, wait: float | None = None) -> dict[str, str]:
        """The headers on every answer. With `wait` the requests are used up for so many real seconds."""
        moment = self._store.clock.now()
        now = int(moment.timestamp())
        window = max(1, round(self._limits.real(60)))
        limit = int(self._limits.amount(REQUESTS) or LIMIT)
        part, seen = self._minute
        if wait is None:
            seen = seen + 1 if now // window == part else 1
            self._minute = (now // window, seen)
        reset = now + int(wait) if wait is not None else (now // window + 1) * window
        seen = limit if wait is not None else seen
        least = 0 if wait is not None or self._limits.amount(REQUESTS) else 1  # what isn't held to is never used up
        told = {
            "date": format_datetime(moment, usegmt=True),
            "ratelimit-limit": str(limit),
            "ratelimit-name": "throttle_authenticated_api",
            "ratelimit-observed": str(seen),
            "ratelimit-remaining": str(max(least, limit - seen)),
            "ratelimit-reset": str(reset),
            "ratelimit-resettime": format_datetime(datetime.fromtimestamp(reset, UTC), usegmt=True),
            "x-request-id": uuid.uuid4().hex,
            "x-runtime": f"{time.perf_counter() % 0.01:.6f}",
            "vary": "Origin",
        }
        return told | ({"retry-after": str(int(wait))} if wait is not None else {})


class _Held:
    """Holds a response back until it is whole."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


class Params:
    """Query and body (JSON or form) as one, as Grape sees them. `name[]` and `name` are the same."""

    def __init__(self, request: Request, values: dict[str, Any]) -> None:
        self.request = request
        self._values = values

    def has(self, *names: str) -> bool:
        return any(name in self._values for name in names)

    def without(self, *names: str) -> Params:
        return Params(self.request, {name: value for name, value in self._values.items() if name not in names})

    def text(self, name: str, default: str = "") -> str:
        value = self._values.get(name)
        if isinstance(value, list):
            value = value[-1] if value else None
        return default if value is None else str(value)

    def required(self, *names: str) -> None:
        if missing := [f"{name} is missing" for name in names if self._values.get(name) is None]:
            raise Refused(400, {"error": ", ".join(missing)})

    def number(self, name: str, default: int = 0) -> int:
        value = self.text(name)
        if not value:
            return default
        if not value.lstrip("-").isdigit():
            raise Refused(400, {"error": f"{name} is invalid"})
        return int(value)

    def flag(self, name: str) -> bool:
        value = self.text(name).lower()
        if value not in ("", "true", "false", "1", "0"):
            raise Refused(400, {"error": f"{name} is invalid"})
        return value in ("true", "1")

    def texts(self, name: str) -> list[str]:
        """A list, or the parts of a string between commas."""
        value = self._values.get(name)
        parts = value if isinstance(value, list) else [] if value is None else [value]
        return [part.strip() for item in parts for part in str(item).split(",") if part.strip()]

    def mapping(self, name: str) -> dict[str, Any]:
        value = self._values.get(name)
        if isinstance(value, str):
            value = json.loads(value or "{}")
        return value if isinstance(value, dict) else {}

    def day(self, name: str) -> date | None:
        """A date; what is none is null, as Rails casts it."""
        try:
            return date.fromisoformat(self.text(name)[:10])
        except ValueError:
            return None

    def moment(self, name: str) -> datetime | None:
        if not (value := self.text(name)):
            return None
        try:
            # A plus sign that was not encoded arrives as a space.
            read = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
        except ValueError:
            raise Refused(400, {"error": f"{name} is invalid"}) from None
        return read if read.tzinfo else read.replace(tzinfo=UTC)

    def choice(self, name: str, *allowed: str, default: str = "") -> str:
        value = self.text(name) or default
        if value and value not in allowed:
            raise Refused(400, {"error": f"{name} does not have a valid value"})
        return value


async def params(request: Request) -> Params:
    """A dependency, so that endpoints need not be async to have the body."""
    values: dict[str, Any] = {}
    pairs = parse_qsl(request.scope["query_string"].decode(), keep_blank_values=True)
    body = await request.body()
    if "json" in request.headers.get("content-type", ""):
        try:
            read = json.loads(body or b"{}")
        except ValueError:
            raise Refused(400, {"error": "The request body is not valid JSON"}) from None
        values |= read if isinstance(read, dict) else {}
    else:
        pairs += parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    for name, value in pairs:
        if name.endswith("[]"):
            values.setdefault(name[:-2], []).append(value)
        else:
            values[name] = value
    return Params(request, values)


def paged(
    store: Store, asked: Params, items: Sequence[T], shown: Callable[[T], object], largest: int = MAX_PAGE
) -> Response:
    """An offset page with `Link` and the `X-` headers."""
    items = visible(items)
    size = min(max(asked.number("per_page", 20), 1), largest)
    page = max(asked.number("page", 1), 1)
    pages = max(-(-len(items) // size), 1)
    places = {"prev": page - 1 if page > 1 else 0, "next": page + 1 if page < pages else 0, "first": 1}
    headers = {
        "X-Page": str(page),
        "X-Per-Page": str(size),
        "X-Next-Page": str(places["next"] or ""),
        "X-Prev-Page": str(places["prev"] or ""),
    }
    if len(items) <= MAX_COUNTED:
        headers |= {"X-Total": str(len(items)), "X-Total-Pages": str(pages)}
        places["last"] = pages
    links = [
        f'<{_url(store, asked, {"page": str(number), "per_page": str(size)})}>; rel="{rel}"'
        for rel, number in places.items()
        if number
    ]
    with store.lock:
        body = [shown(item) for item in items[(page - 1) * size : page * size]]
    return JSONResponse(body, headers={**headers, "Link": ", ".join(links)})


def keyset(
    store: Store, asked: Params, items: Sequence[T], key: Key[T], descending: bool, shown: Callable[[T], object]
) -> Response:
    """A page after a cursor, with `Link` to the next; totals are not told."""
    size = min(max(asked.number("per_page", 20), 1), MAX_PAGE)
    page, cursor = after(items, key, descending, asked.text("cursor") or None, size)
    headers = {"X-Per-Page": str(size)}
    if cursor:
        headers["Link"] = f'<{_url(store, asked, {"cursor": cursor, "per_page": str(size)})}>; rel="next"'
    with store.lock:
        return JSONResponse([shown(item) for item in page], headers=headers)


def visible(items: Sequence[T]) -> Sequence[T]:
    """What a list shows: the newest may not be in it yet (fault `list_lag`)."""
    until = _UNTIL.get()
    return [i for i in items if getattr(i, "created_at", until) <= until] if until else items


def after(
    items: Sequence[T], key: Key[T], descending: bool, cursor: str | None, size: int
) -> tuple[list[T], str | None]:
    """The next `size` items after a cursor, and the cursor that follows them (None at the end)."""
    ordered = sorted(visible(items), key=key, reverse=descending)
    if cursor:
        try:
            value, number = json.loads(base64.urlsafe_b64decode(cursor))
        except ValueError:
            raise Refused(400, {"error": "cursor is invalid"}) from None
        last = (str(value), int(number))
        ordered = [i for i in ordered if (key(i) < last if descending else key(i) > last)]
    page = ordered[:size]
    return page, cursor_of(key(page[-1])) if len(ordered) > size else None


def cursor_of(key: tuple[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _url(store: Store, asked: Params, changed: dict[str, str]) -> str:
    query = parse_qsl(asked.request.scope["query_string"].decode(), keep_blank_values=True)
    kept = [(name, value) for name, value in query if name not in changed]
    return f"{store.origin}{asked.request.scope['path']}?{urlencode(kept + list(changed.items()))}"
