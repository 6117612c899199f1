"""Real HTTP, written down: every exchange with a served app, and every webhook call that arrives."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.http import USER_AGENT
from connectors.sandbox.kit import serving


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer. `path` is as it was sent, still escaped; header names are in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    sent: bytes = b""
    status: int = 200
    got: bytes = b""
    request_headers: Mapping[str, str] = field(default_factory=dict)
    answer_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> Any:
        """The request's JSON, None where there was no body."""
        return json.loads(self.sent) if self.sent else None

    @property
    def answered(self) -> Any:
        """The answer's JSON, None where there was no body."""
        return json.loads(self.got) if self.got else None

    @property
    def words(self) -> str:
        """What a refusal says, as JSON or as plain text; "" where it says nothing."""
        if self.answer_headers.get("content-type", "").startswith("text/plain"):
            return self.got.decode()
        answered = self.answered
        told = answered if isinstance(answered, dict) else {}
        return str(told.get("message") or told.get("error") or told.get("errors") or "")

    @property
    def by_connector(self) -> bool:
        """Whether a connector of ours sent it, rather than the person who looks over its shoulder."""
        return self.request_headers.get("user-agent", "").startswith(USER_AGENT)

    @property
    def meant_wrong(self) -> bool:
        """Whether the person sent it for the refusal: its request need not be as described."""
        return not self.by_connector and self.status in (400, 422)

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}"


class Recorder:
    """An app around `app` that keeps every exchange, but those under `/_sandbox`, which no tracker has."""

    def __init__(self, app: ASGIApp) -> None:
        self.exchanges: list[Exchange] = []
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        sent, got, head = await _whole(receive), bytearray(), {}
        ready: list[Message] = [{"type": "http.request", "body": sent, "more_body": False}]

        async def hear() -> Message:
            return ready.pop() if ready else await receive()

        async def tell(message: Message) -> None:
            head.update({k: message[k] for k in ("status", "headers") if k in message})
            got.extend(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body"):
                # before the last byte leaves: whoever has the answer finds the exchange written down
                self.exchanges.append(_exchange(scope, head, sent, bytes(got)))
            await send(message)

        await self._app(scope, hear, tell)


async def _whole(receive: Receive) -> bytes:
    """The request's body, which an app that refuses at its door would not read."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body.extend(message.get("body", b""))
        more = message.get("more_body", False)
    return bytes(body)


def _exchange(scope: Scope, head: Mapping[str, Any], sent: bytes, got: bytes) -> Exchange:
    return Exchange(
        scope["method"],
        scope["raw_path"].decode(),
        tuple(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
        sent,
        head["status"],
        got,
        _plain(scope["headers"]),
        _plain(head["headers"]),
    )


def _plain(headers: Any) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}


@dataclass(frozen=True, slots=True)
class Call:
    """One webhook call as it arrived."""

    headers: Mapping[str, str]
    body: bytes


class Sink:
    """Where webhooks are sent to. `calls` waits for that many, in the order of their arrival."""

    def __init__(self, url: str, arrived: queue.Queue[Call]) -> None:
        self.url = url
        self._arrived = arrived

    def calls(self, count: int) -> list[Call]:
        return [self._arrived.get(timeout=15) for _ in range(count)]

    def so_far(self) -> list[Call]:
        """What has arrived and was not taken yet."""
        taken = []
        while not self._arrived.empty():
            taken.append(self._arrived.get())
        return taken


@contextmanager
def listening() -> Iterator[Sink]:
    """A sink on loopback that answers every call with 200, and with 500 under `/broken`."""
    arrived: queue.Queue[Call] = queue.Queue()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        arrived.put(Call(dict(request.headers), await request.body()))
        status = 500 if request.url.path.startswith("/broken") else 200
        await Response(status_code=status)(scope, receive, send)

    with serving(app) as url:
        yield Sink(url, arrived)


def served(app: Any) -> set[tuple[str, str]]:
    """Every (verb, path) that an app routes, through the layers around it; not the parts that hold further paths."""
    while not hasattr(app, "routes"):
        app = app._app
    return set(_routed(app.routes))


def _routed(routes: Any) -> Iterator[tuple[str, str]]:
    for route in routes:
        if hasattr(route, "original_router"):
            yield from _routed(route.original_router.routes)
        elif hasattr(route, "methods"):
            yield from ((method, route.path) for method in route.methods)
