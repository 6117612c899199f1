"""What both sandboxes share: their options, a server in a thread, a request log, and a sender of webhooks."""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import uvicorn
from starlette.types import ASGIApp


@dataclass(frozen=True, slots=True)
class Options:
    """How a box behaves. No `paths`: any repository or project exists on first use. No `tokens`: any non-empty token
    is let in with every right. A token in `read_only` may read and is refused writes.
    """

    paths: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()


@dataclass(slots=True)
class RequestLog:
    """Counts what came in over the API (not the page, not `/_sandbox`). Thread-safe."""

    entries: list[tuple[str, str, int]] = field(default_factory=list)  # method, path with query, status
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

    def clear(self) -> None:
        with self._lock:
            self.entries.clear()


class HookSender:
    """Sends webhook calls from its own thread, in order, one attempt each, and remembers what came of them."""

    def __init__(self) -> None:
        self._queue: queue.Queue[tuple[str, bytes, dict[str, str], Callable[[int], None] | None] | None] = queue.Queue()
        self.sent: list[tuple[str, int]] = []  # url, status (0: no answer)
        self._thread = threading.Thread(target=self._run, name="sandbox-hooks", daemon=True)
        self._thread.start()

    def post(
        self, url: str, body: bytes, headers: Mapping[str, str], done: Callable[[int], None] | None = None
    ) -> None:
        """Queue one call; returns at once. `done` is then told the status (0: no answer), in the sender's thread."""
        self._queue.put((url, body, dict(headers), done))

    def _run(self) -> None:
        with httpx.Client(timeout=10, trust_env=False) as client:
            while (item := self._queue.get()) is not None:
                url, body, headers, done = item
                try:
                    status = client.post(url, content=body, headers=headers).status_code
                except (httpx.HTTPError, httpx.InvalidURL):
                    status = 0
                self.sent.append((url, status))
                if done:
                    done(status)

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join(timeout=10)


class Clock:
    """The box's time, UTC. `offset_seconds` shifts it, since a tracker's clock is not ours."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self.offset_seconds = offset_seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.offset_seconds, UTC)


@contextmanager
def serving(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """Run `app` on loopback in a thread; yields its address, without a trailing slash. Port 0 takes a free one."""
    listener = socket.create_server(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", access_log=False, date_header=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the sandbox's server did not start")
            time.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()
