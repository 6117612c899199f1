"""What both sandboxes share: their options, a server in a thread, a request log, and a sender of webhooks."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from connectors.sandbox.faults import Fault, Faults


@dataclass(frozen=True, slots=True)
class Options:
    """How a box behaves. No `paths`: any repository or project exists on first use. No `tokens`: any non-empty token
    is let in with every right. A token in `read_only` may read and is refused writes. On GitHub a token in
    `no_push` may write issues without push access, and loses what that needs; `types` are the names of the issue types
    that every owner has.
    """

    paths: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    no_push: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(slots=True)
class RequestLog:
    """Counts what came in over the API (not the page, not `/_sandbox`). Thread-safe."""

    entries: list[tuple[str, str, int]] = field(default_factory=list)  # method, path with query, status (0: no answer)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, method: str, path: str, status: int) -> None:
        with self._lock:
            self.entries.append((method, path, status))

    def summary(self) -> dict[str, int]:
        """{"total", "reads", "writes", "not_modified"}; GraphQL counts as a write when it is a mutation, by path
        suffix " mutation" that the box adds.
        """
        with self._lock:
            entries = list(self.entries)
        writes = sum(1 for m, p, _ in entries if p.endswith(" mutation") or (m != "GET" and "graphql" not in p))
        return {
            "total": len(entries),
            "reads": len(entries) - writes,
            "writes": writes,
            "not_modified": sum(1 for _, _, status in entries if status == 304),
        }

    def shown(self) -> dict[str, Any]:
        """The summary, and `entries` as objects: `GET /_sandbox/requests`."""
        with self._lock:
            entries = list(self.entries)
        shown = [{"method": method, "path": path, "status": status} for method, path, status in entries]
        return {**self.summary(), "entries": shown}

    def clear(self) -> None:
        with self._lock:
            self.entries.clear()


@dataclass(frozen=True, slots=True)
class _HookCall:
    url: str
    body: bytes
    headers: Mapping[str, str]
    done: Callable[[int], None] | None
    fault: Fault | None


class HookSender:
    """Sends webhook calls from its own thread, in order, one attempt each, and remembers what came of them. `faults`
    may lose, delay, double or reorder them.
    """

    def __init__(self, faults: Faults | None = None) -> None:
        self._faults = faults or Faults()
        self._queue: queue.Queue[_HookCall | None] = queue.Queue()
        self.sent: list[tuple[str, int]] = []  # url, status (0: no answer)
        self._late: list[tuple[float, int, _HookCall]] = []  # a heap: when it goes out, a number, the call
        self._held: list[_HookCall] = []  # until the next to the same address has been sent
        self._numbers = itertools.count()
        self._thread = threading.Thread(target=self._run, name="sandbox-hooks", daemon=True)
        self._thread.start()

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        done: Callable[[int], None] | None = None,
        event: str = "",
    ) -> None:
        """Queue one call; returns at once. `done` is then told the status (0: no answer), in the sender's thread.
        `event` is what a fault's `match` is searched in.
        """
        self._queue.put(_HookCall(url, body, dict(headers), done, self._faults.strike_hook(event)))

    def idle(self) -> bool:
        """Whether all that was to be sent by now has been. What is held back or late is not counted."""
        return self._queue.unfinished_tasks == 0

    def _run(self) -> None:
        with httpx.Client(timeout=10, trust_env=False) as client:
            while True:
                wait = self._late[0][0] - time.monotonic() if self._late else None
                if wait is not None and wait <= 0:
                    self._send(client, heapq.heappop(self._late)[2])
                    continue
                try:
                    call = self._queue.get(timeout=wait)
                except queue.Empty:
                    continue
                if call is None:
                    return
                self._take(client, call)
                self._queue.task_done()

    def _take(self, client: httpx.Client, call: _HookCall) -> None:
        kind = call.fault.kind if call.fault else ""
        if call.fault and kind == "hook_late":
            heapq.heappush(self._late, (time.monotonic() + call.fault.seconds, next(self._numbers), call))
        elif kind == "hook_reordered":
            self._held.append(call)
        elif kind == "hook_lost":
            self._over(call, 0)
        else:
            self._send(client, call, times=2 if kind == "hook_twice" else 1)
            waiting = [one for one in self._held if one.url == call.url]
            self._held = [one for one in self._held if one.url != call.url]
            for one in waiting:
                self._send(client, one)

    def _send(self, client: httpx.Client, call: _HookCall, times: int = 1) -> None:
        status = 0
        for _ in range(times):
            try:
                status = client.post(call.url, content=call.body, headers=call.headers).status_code
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):  # a secret that no header can carry
                status = 0
        self._over(call, status)

    def _over(self, call: _HookCall, status: int) -> None:
        self.sent.append((call.url, status))
        if call.done:
            call.done(status)

    def close(self) -> None:
        """End the thread. What is held back or late is never sent."""
        self._queue.put(None)
        self._thread.join(timeout=10)


class Clock:
    """The box's time, UTC. `offset_seconds` shifts it, since a tracker's clock is not ours."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self.offset_seconds = offset_seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.offset_seconds, UTC)


CUT = "sandbox.cut"  # in a scope's extensions: closes the connection, with a reset or in peace


class CuttableProtocol(HttpToolsProtocol):
    """uvicorn's own, and its applications may close the connection without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        inner = self.app

        async def cut(reset: bool) -> None:
            if reset:
                _reset(transport)
                transport.abort()
            else:
                transport.close()  # What was written goes out first.

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[CUT] = cut
            await inner(scope, receive, send)

        self.app = app


def _reset(transport: asyncio.Transport) -> None:
    """Make the close a reset (RST), as by a peer that crashed: lingering for no time."""
    taken = transport.get_extra_info("socket")
    with socket.socket(fileno=os.dup(taken.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


LEAVING = 2.0
"""Seconds that requests in flight get at the end."""


class _Prompt(uvicorn.Server):
    """uvicorn's own looks every 100 ms whether it should end, and as often whether it has; this one is told, and done a
    quarter of a second sooner.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._over = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def end(self) -> None:
        """From another thread."""
        self.should_exit = True
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._over.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._over.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        end = time.monotonic() + LEAVING
        while self.server_state.connections or self.server_state.tasks:
            if time.monotonic() > end:
                for task in self.server_state.tasks:
                    task.cancel()
                break
            await asyncio.sleep(0.005)


@contextmanager
def serving(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Run `app` on loopback in a thread; yields its address, without a trailing slash. Port 0 takes a free one."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        log_level="warning",
        lifespan="off",
        ws="none",
        access_log=False,
        date_header=False,
    )
    server = _Prompt(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the sandbox's server did not start")
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.end()
        thread.join(timeout=10)
        listener.close()
