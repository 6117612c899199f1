"""Webhook calls at a rate, over kept connections, timed from when each was due: a door that is slow can't hide it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread

BODY = b'{"action": "closed", "issue": {"number": 1}, "repository": {"full_name": "acme/app"}}'
CONNECTIONS = 16
NUMBERS = count(1)


@dataclass(slots=True)
class Heard:
    """Seconds to each answer, sorted at the end, and how many were no 2xx."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    took: float = 0.0

    def at(self, share: float) -> float:
        """That quantile."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.took


def _request(path: str, secret: str) -> bytes:
    signature = hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n"
        f"X-GitHub-Event: issues\r\nX-GitHub-Delivery: knock-{next(NUMBERS)}\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\n\r\n"
    )
    return head.encode() + BODY


async def _knock(port: int, path: str, secret: str, times: asyncio.Queue[float], heard: Heard) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while True:
            due = await times.get()
            writer.write(_request(path, secret))
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode().lower().split("\r\n")
            (length,) = [int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")]
            await reader.readexactly(length)
            heard.seconds.append(time.perf_counter() - due)
            heard.refused += " 20" not in lines[0]
            times.task_done()
    finally:
        writer.close()


async def _all(port: int, path: str, secret: str, rate: float, stop: Event, seconds: float) -> Heard:
    heard, times = Heard(), asyncio.Queue[float]()
    doors = [asyncio.create_task(_knock(port, path, secret, times, heard)) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if stop.is_set() or any(door.done() for door in doors):
            break
        times.put_nowait(due)
    await asyncio.wait([asyncio.create_task(times.join()), *doors], return_when=asyncio.FIRST_COMPLETED)
    heard.took = time.perf_counter() - began
    for door in doors:
        if door.done():
            door.result()  # raises what broke it
        door.cancel()
    await asyncio.gather(*doors, return_exceptions=True)
    return heard


def knock(port: int, path: str, secret: str, rate: float, seconds: float) -> Heard:
    """Call at that rate for so long."""
    return asyncio.run(_all(port, path, secret, rate, Event(), seconds))


@contextmanager
def knocking(port: int, path: str, secret: str, rate: float) -> Iterator[None]:
    """Calls at that rate as long as the block lasts, an hour at most."""
    stop = Event()
    thread = Thread(target=lambda: asyncio.run(_all(port, path, secret, rate, stop, 3600)))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)
