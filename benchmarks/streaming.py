"""Many open pages at once: what their event streams cost, how soon the last one is told, and who waits meanwhile."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from app.db import trees
from app.db.engine import Database
from app.sync.context import Context
from benchmarks import generated, importing
from benchmarks.knocking import Heard
from benchmarks.live import SERVE, memory, process, until
from benchmarks.measured import Beside, Section, Size
from benchmarks.seeing import PATHS, Asker

STREAMS, TASKS = 200, 20
EVENTS = f"/api/v1/programmes/{importing.SLUG}/events"


@dataclass(slots=True)
class Told:
    """When each stream was told, of all changes until now. Written by one thread alone."""

    at: list[list[float]] = field(default_factory=lambda: [[] for _ in range(STREAMS)])

    def all_of(self, times: int) -> bool:
        return all(len(own) >= times for own in self.at)


def measure(size: Size) -> list[Section]:
    section = Section(
        f"12. {STREAMS} event streams at once",
        f"`milepost serve` in a process of its own, on SQLite; a programme of {TASKS} tasks; its title is changed in "
        "the database, and the clock runs from the commit to when the last stream has `changed`; status is read one "
        "after another over a kept connection; the service looks once a second",
        other="without streams",
    )
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'bench.db'}"
        db = Database(url)
        db.upgrade()
        importing.take_in(db, generated.document(TASKS))
        with process(folder, [sys.executable, "-c", SERVE, "serve", "--port"], url) as (port, pid):
            _measure(section, size, Context(db), port, pid)
        db.close()
    return [section]


def _measure(section: Section, size: Size, ctx: Context, port: int, pid: int) -> None:
    seconds, changes = (2.0, 2) if size.quick else (10.0, 6)
    asker = Asker(port)
    _read(asker, 1.0)
    alone, before = _read(asker, seconds), memory(pid)
    with streaming(port) as told:
        until(lambda: told.all_of(1), 60)  # without `seen` the first event comes at once
        opened = memory(pid)
        waits = [_change(ctx, told, number) for number in range(2, changes + 2)]
        with _changing(ctx):
            among = _read(asker, seconds)
        after = memory(pid)
    asker.close()
    section.add("from the change to the last stream", max(waits), note=f"the slowest of {changes} changes")
    section.add("the same, median", median(waits))
    section.add("memory of serve before", before, "MB")
    section.add(
        f"memory with {STREAMS} streams", opened, "MB", note=f"{(opened - before) * 1024 / STREAMS:.0f} kB each"
    )
    section.add("memory after all changes", after, "MB")
    for share, what in ((0.5, "p50"), (0.99, "p99")):
        note = f"of {len(among.seconds)}, one change a second meanwhile" if share == 0.99 else ""
        section.rows.append(
            Beside(f"status of the small programme, {what}", among.at(share), alone.at(share), note=note)
        )


def _read(asker: Asker, seconds: float) -> Heard:
    heard = Heard()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        heard.seconds.append(asker.get(PATHS["status.json"]).last)
    heard.took = time.perf_counter() - began
    return heard


def _change(ctx: Context, told: Told, times: int) -> float:
    """Change the programme, wait for all streams; gives the seconds until the last one was told."""
    time.sleep(0.37 * times % 1.0)  # another moment between two looks each time
    _retitle(ctx)
    began = time.perf_counter()
    until(lambda: told.all_of(times), 30)
    return max(own[times - 1] for own in told.at) - began


def _retitle(ctx: Context) -> None:
    with ctx.db.write() as session:
        row = trees.get(session, importing.SLUG)
        row.title = f"Retitled at {time.perf_counter()}"
        session.add(row)


@contextmanager
def _changing(ctx: Context) -> Iterator[None]:
    """A change a second as long as the block lasts."""
    over = threading.Event()

    def change() -> None:
        while not over.wait(1.0):
            _retitle(ctx)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)


@contextmanager
def streaming(port: int) -> Iterator[Told]:
    """Streams of the programme's events, open as long as the block lasts. Raises what broke one of them."""
    told, loop = Told(), asyncio.new_event_loop()
    ended: Future[None] = Future()
    over = asyncio.Event()

    async def all_of_them() -> None:
        tasks = [asyncio.create_task(_listen(port, own)) for own in told.at]
        end = asyncio.create_task(over.wait())
        done, _ = await asyncio.wait([*tasks, end], return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, end):
            task.cancel()
        await asyncio.gather(*tasks, end, return_exceptions=True)
        for task in done - {end}:
            task.result()

    def run() -> None:
        try:
            ended.set_result(loop.run_until_complete(all_of_them()))
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that asked
            ended.set_exception(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield told
    finally:
        if not ended.done():
            loop.call_soon_threadsafe(over.set)
        thread.join(30)
    ended.result()


async def _listen(port: int, own: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        if b" 200 " not in (status := await reader.readline()):
            raise RuntimeError(f"a stream is answered {status!r}")
        while line := await reader.readline():
            if line == b"event: changed\n":
                own.append(time.perf_counter())
        raise RuntimeError("a stream has ended")
    finally:
        writer.close()
