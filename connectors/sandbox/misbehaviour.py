"""The outermost layer of a box: holds to its limits and carries out its faults, before and after the tracker itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from graphql import DocumentNode, FieldNode, GraphQLError, OperationDefinitionNode, OperationType, parse
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.sandbox.faults import Fault, Faults
from connectors.sandbox.kit import CUT, RequestLog
from connectors.sandbox.limits import Limits

LAG = "sandbox.list_lag"
PROXY_PAGE = """<!doctype html>
<html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>
"""


@dataclass(frozen=True)
class Asked:
    """One API request, whole. `path` is as sent, still encoded."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD", "OPTIONS") or (self.graphql and not self.mutations)

    @property
    def graphql(self) -> bool:
        return self.path.rstrip("/").endswith("/graphql")

    @cached_property
    def mutations(self) -> tuple[str, ...]:
        """The fields of a GraphQL mutation, one for each alias; () for anything else."""
        if not self.graphql:
            return ()
        try:
            asked = json.loads(self.body)
            document = parse(asked["query"])
        except (ValueError, KeyError, TypeError, GraphQLError):
            return ()
        return mutations_of(document, asked.get("operationName"))

    @property
    def address(self) -> str:
        """Path and query, and ` mutation` for one: as the request log has it."""
        query = f"?{self.query}" if self.query else ""
        return f"{self.path}{query}{' mutation' if self.mutations else ''}"

    @property
    def line(self) -> str:
        """What a fault's `match` is searched in."""
        return f"{self.method} {self.address}"

    @property
    def token(self) -> str:
        """Whatever says who calls, as it was sent."""
        return self.headers.get("authorization") or self.headers.get("private-token") or ""


def mutations_of(document: DocumentNode, name: str | None) -> tuple[str, ...]:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    chosen = [one for one in operations if name is None or (one.name and one.name.value == name)]
    return tuple(
        field.name.value
        for one in chosen
        if one.operation is OperationType.MUTATION
        for field in one.selection_set.selections
        if isinstance(field, FieldNode)
    )


class Tracker(Protocol):
    """What the layer asks of the tracker it stands before."""

    def is_api(self, path: str) -> bool:
        """Whether a path is the API's. Nothing else is counted, limited or struck."""
        ...

    def lists(self, asked: Asked) -> bool:
        """Whether it is answered with a list, or by GraphQL: what `list_lag` is about."""
        ...

    def costs(self, asked: Asked) -> Mapping[str, float]:
        """How much it uses of each limit, by the limit's name."""
        ...

    def error(self, asked: Asked, status: int) -> Response:
        """An error of the tracker's own, in its words and headers."""
        ...

    def limited(
        self, asked: Asked, kind: Literal["primary_limit", "secondary_limit"], seconds: float, status: int = 0
    ) -> Response:
        """A refusal for asking too much. `seconds` are real; 0: it is not said how long to wait. `status` counts where
        the tracker has it for this; otherwise its usual one is given.
        """
        ...


def lag_of(scope: Mapping[str, object]) -> float:
    """For how many seconds what was made is still missing from this request's lists (fault `list_lag`)."""
    lag = scope.get(LAG, 0.0)
    return lag if isinstance(lag, float) else 0.0


class Misbehaviour:
    """Wraps a box's application. The log gets what was never handed on, with the status told, or 0 for no answer; what
    was handed on the box logs by itself, with the status that it gave, whatever became of the answer on its way.
    """

    def __init__(self, app: ASGIApp, tracker: Tracker, faults: Faults, limits: Limits, log: RequestLog) -> None:
        self._app = app
        self._tracker = tracker
        self._faults = faults
        self._limits = limits
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"].decode("latin-1") if scope.get("raw_path") else scope.get("path", "")
        idle = not (self._faults.active() or self._limits.shown())
        if idle or scope["type"] != "http" or not self._tracker.is_api(path):
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        if body is None:
            return
        query = scope["query_string"].decode("latin-1")
        asked = Asked(scope["method"], path, query, Headers(scope=scope), body)
        exceeded = self._limits.enter(asked.token, self._tracker.costs(asked))
        if exceeded:
            refusal = self._tracker.limited(asked, exceeded.limit.kind, exceeded.wait)
            await self._instead(asked, refusal, scope, receive, send)
            return
        try:
            await self._serve(asked, scope, receive, send)
        finally:
            self._limits.leave(asked.token)

    async def _serve(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        struck = self._faults.strike_request(asked.line, lists=self._tracker.lists(asked))
        wait = sum(fault.seconds for fault in struck if fault.kind == "latency")
        lag = max((fault.seconds for fault in struck if fault.kind == "list_lag"), default=0.0)
        main = next((fault for fault in struck if fault.kind not in ("latency", "list_lag")), None)
        if main and (refusal := self._refusal(asked, main)):
            await _gone_within(receive, wait)
            await self._instead(asked, refusal, scope, receive, send)
        elif main and main.kind == "reset":
            self._log.add(asked.method, asked.address, 0)
            await _cut(scope, receive, reset=True)
        else:
            answer = _Held()
            await self._app({**scope, LAG: float(lag)}, _replay(asked.body, receive), answer)
            await _gone_within(receive, wait)
            await self._answer(asked, answer, main, scope, receive, send)

    def _refusal(self, asked: Asked, fault: Fault) -> Response | None:
        """What is answered with nothing carried out."""
        if fault.kind == "error":
            return self._tracker.error(asked, fault.status)
        if fault.kind == "html":
            return HTMLResponse(PROXY_PAGE)
        if fault.kind == "primary_limit":
            return self._tracker.limited(asked, "primary_limit", fault.seconds, fault.status)
        if fault.kind == "secondary_limit":
            return self._tracker.limited(asked, "secondary_limit", fault.seconds, fault.status)
        return None

    async def _instead(self, asked: Asked, answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
        self._log.add(asked.method, asked.address, answer.status_code)
        await answer(scope, receive, send)

    async def _answer(
        self, asked: Asked, answer: _Held, fault: Fault | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """What becomes of the answer to what was carried out."""
        kind = fault.kind if fault else ""
        if fault and kind == "error_after":
            await self._tracker.error(asked, fault.status)(scope, receive, send)
        elif kind == "dropped":
            await _cut(scope, receive)
        elif kind == "truncated" and answer.body:
            await send(answer.start)
            await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
            await _cut(scope, receive)
        else:
            await send(answer.start)
            await send({"type": "http.response.body", "body": answer.body})


class _Held:
    """Holds an answer back until it is whole."""

    def __init__(self) -> None:
        self.start: Message = {"type": "http.response.start", "status": 500, "headers": []}
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


async def _read(receive: Receive) -> bytes | None:
    """The whole body; None when the client went away."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _replay(body: bytes, receive: Receive) -> Receive:
    """`receive` as if nothing had been read."""
    left = [body]

    async def again() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return again


async def _gone_within(receive: Receive, seconds: float) -> None:
    """Wait so long, or until the client has gone."""
    if seconds > 0:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_gone(receive), seconds)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(scope: Scope, receive: Receive, *, reset: bool = False) -> None:
    """Close the connection under the client, with TCP's reset or in peace. Served otherwise than by `kit.serving` there
    is nothing to close, and the error says so.
    """
    cut: Callable[[bool], Awaitable[None]] | None = scope.get("extensions", {}).get(CUT)
    if cut is None:
        raise ConnectionResetError("the box cut the connection; only kit.serving can do so for real")
    await cut(reset)
    await _gone(receive)
