"""What stands around a box: the meter before it, a receiver of its webhook calls, and waiting for both."""

from __future__ import annotations

import json
import queue
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest import mock

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connectors.sandbox.faults import Faults
from connectors.sandbox.kit import serving


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it arrived, before the box or a fault had it."""

    method: str
    path: str
    body: bytes

    @property
    def mutation(self) -> str:
        """The name of the GraphQL mutation in it, "" for none."""
        if self.method != "POST" or not self.path.endswith("/graphql"):
            return ""
        query = str(json.loads(self.body).get("query", ""))
        found = re.match(r"\s*mutation\b[^{]*\{\s*(\w+)", query)
        return found[1] if found else ""

    @property
    def writes(self) -> bool:
        return bool(self.mutation) or (self.method not in ("GET", "HEAD") and not self.path.endswith("/graphql"))


class Meter:
    """Stands before a box and keeps what arrives at its API."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.sent: list[Sent] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self._app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                break
        self.sent.append(Sent(scope["method"], scope["path"], body))
        left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return left.pop() if left else await receive()

        await self._app(scope, again, send)


@dataclass
class Site:
    """A box that is served, for the tests of one class: each has a place of its own in it."""

    box: Any
    meter: Meter
    url: str
    due: int = 0  # webhook calls
    over: int = 0

    def __post_init__(self) -> None:
        post = self.box.hooks.post

        def counted(
            url: str, body: bytes, headers: Mapping[str, str], done: Callable[[int], None], event: str = ""
        ) -> None:
            def ended(status: int) -> None:
                done(status)
                self.over += 1

            self.due += 1
            post(url, body, headers, ended, event)

        self.box.hooks.post = counted

    def idle(self) -> bool:
        """Whether every webhook call that was due is over, and put down in the tracker's own list."""
        return self.due == self.over

    @property
    def faults(self) -> Faults:
        return self.box.faults  # type: ignore[no-any-return]


@contextmanager
def site(box: Any) -> Iterator[Site]:
    meter = Meter(box.app)
    with serving(meter) as url:
        yield Site(box, meter, url)
    box.close()


@dataclass(frozen=True, slots=True)
class Call:
    """A webhook call as it came in. `headers` has lower-case names."""

    headers: Mapping[str, str]
    body: bytes
    path: str = ""


class Receiver:
    """Takes webhook calls, and answers `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.url = ""
        self.path = ""
        self.taken: list[Call] = []  # in the order of `next`
        self._calls: queue.Queue[Call] = queue.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(headers, await request.body(), scope["path"])
        self._calls.put(call)
        await Response(status_code=self.status)(scope, receive, send)

    def next(self) -> Call:
        """The next call, waited for."""
        self.taken.append(self._calls.get(timeout=10))
        return self.taken[-1]

    def quiet(self) -> bool:
        """Whether no call is waiting."""
        return self._calls.empty()


def without(headers: Mapping[str, str], names: tuple[str, ...], instead: str | None) -> dict[str, str]:
    """The headers without some, or with other values in their place."""
    kept = {name: value for name, value in headers.items() if name not in names}
    return kept | {name: instead for name in names if name in headers and instead is not None}


@contextmanager
def patched(*names: str, to: object) -> Iterator[None]:
    """Constants replaced meanwhile."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(mock.patch(name, to))
        yield


def now() -> datetime:
    return datetime.now(UTC)


def until(look: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Poll until it holds."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.01)
