"""What managers ask for of a large tree: its status and its page, beside the very same bytes from memory; and 304."""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from app.sync.context import utc_now
from benchmarks import importing
from benchmarks.knocking import Heard
from benchmarks.live import SERVE, process
from benchmarks.measured import Beside, Section, Size
from benchmarks.working import Work, at_work

BUDGET = 2.0
"""Times what the same bytes from memory take, once the first to ask has been answered."""
BOXES = 5
"""Ticked by people before each first answer."""
PATHS = {
    "status.json": f"/api/v1/programmes/{importing.SLUG}/status",
    "page.html": f"/programmes/{importing.SLUG}",
}
NAMES = {"status.json": "status", "page.html": "programme's page"}
KEPT = 2.0
"""Seconds for which a connection nobody uses is taken to be there: uvicorn closes it after five."""
NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Answer:
    """Seconds from asking to the first byte of the body and to the last, and what came."""

    first: float
    last: float
    status: int
    tag: str
    body: bytes


class Asker:
    """One connection to a service on this machine, open before the clock starts."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        self._used = float("-inf")

    def get(self, path: str, headers: Mapping[str, str] = NONE) -> Answer:
        """Raises RuntimeError for anything but 200 and 304."""
        if time.perf_counter() - self._used > KEPT:
            self._connection.close()
            self._connection.connect()
        began = time.perf_counter()
        self._connection.request("GET", path, headers=dict(headers))
        response = self._connection.getresponse()
        start = response.read(1)
        first = time.perf_counter()
        body = start + response.read()
        last = self._used = time.perf_counter()
        if response.status not in (200, 304):
            raise RuntimeError(f"{path} is answered {response.status}: {body[:200]!r}")
        return Answer(first - began, last - began, response.status, response.headers.get("ETag", ""), body)

    def close(self) -> None:
        self._connection.close()


def measure(size: Size) -> list[Section]:
    tasks = 1_000 if size.quick else 10_000
    section = Section(
        f"11. What managers see of {tasks:,} tasks with {tasks * 5:,} steps",
        "`milepost serve` on SQLite and the bare route, each in a process of its own; wall seconds over an open "
        f"connection; first: after {BOXES} boxes were ticked in the tracker, median of {_rounds(size)}; following: "
        f"median of {_times(size)}, taken in turn with the bare ones",
        other="from memory",
    )
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'bench.db'}"
        with (
            at_work(url, tasks) as work,
            process(folder, [sys.executable, "-c", SERVE, "serve", "--port"], url) as (port, _),
        ):
            asker = Asker(port)
            bodies = {one: _firsts(section, size, work, asker, one) for one in PATHS}
            _checked(bodies["status.json"])
            kept = folder / "remembered"
            kept.mkdir()
            for one, body in bodies.items():
                (kept / one).write_bytes(body)
            with process(folder, [sys.executable, "-m", "benchmarks.remembered", str(kept)], url) as (bare, _):
                other = Asker(bare)
                for one in PATHS:
                    _following(section, size, asker, other, one)
                for one in PATHS:
                    _not_modified(section, size, asker, other, one)
                other.close()
            asker.close()
    return [section]


def _rounds(size: Size) -> int:
    return 2 if size.quick else 3


def _times(size: Size) -> int:
    return 5 if size.quick else 9


def _firsts(section: Section, size: Size, work: Work, asker: Asker, one: str) -> bytes:
    """The first answer after changes; gives the last body."""
    found, before = [], asker.get(PATHS[one]).body
    for _ in range(_rounds(size)):
        work.tick(BOXES, utc_now())
        found.append(asker.get(PATHS[one]))
        if found[-1].body == before:
            raise RuntimeError(f"{PATHS[one]} does not show what has changed")
        before = found[-1].body
    section.add(f"{NAMES[one]}, first: to the first byte", median(answer.first for answer in found))
    section.add(f"{NAMES[one]}, first: to the last byte", median(answer.last for answer in found))
    section.add(f"{NAMES[one]}: size", len(before), "bytes")
    return before


def _checked(body: bytes) -> None:
    found = json.loads(body)
    if found["source"] != "measured" or not found["done"]:
        raise RuntimeError("nothing was measured")


def _following(section: Section, size: Size, asker: Asker, other: Asker, one: str) -> None:
    mine, bare = [], []
    for number in range(_times(size) + 1):
        pair = asker.get(PATHS[one]), other.get(f"/{one}")
        if number:  # the first of each warms up
            mine.append(pair[0])
            bare.append(pair[1])
    for what, of in (("first", lambda answer: answer.first), ("last", lambda answer: answer.last)):
        pair_of = median(map(of, mine)), median(map(of, bare))
        section.rows.append(Beside(f"{NAMES[one]}, following: to the {what} byte", *pair_of))
    ratio = pair_of[0] / pair_of[1]
    budget = BUDGET if one == "status.json" else None  # a page is made anew for whoever asks, from what is kept
    section.add(f"{NAMES[one]}, following / from memory", ratio, "×", budget, note="to the last byte")


def _not_modified(section: Section, size: Size, asker: Asker, other: Asker, one: str) -> None:
    tag = asker.get(PATHS[one]).tag
    if not tag:
        section.remarks.append(f"the {NAMES[one]} has no ETag, and so no 304")
        return
    seconds = 2.0 if size.quick else 10.0
    mine, bare = _asked_again(asker, PATHS[one], seconds), _asked_again(other, f"/{one}", seconds)
    section.rows.append(Beside(f"{NAMES[one]}, 304 answers", mine.rate, bare.rate, unit="/s"))
    for share, what in ((0.5, "p50"), (0.99, "p99")):
        note = f"of {len(mine.seconds)}" if share == 0.99 else ""
        section.rows.append(Beside(f"{NAMES[one]}, 304: {what}", mine.at(share), bare.at(share), note=note))


def _asked_again(asker: Asker, path: str, seconds: float) -> Heard:
    """Ask with the tag of the answer before, one after another. Raises RuntimeError for what is no 304."""
    heard, headers = Heard(), {"If-None-Match": asker.get(path).tag}
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        answer = asker.get(path, headers)
        if answer.status != 304 or answer.body:
            raise RuntimeError(f"{path} is answered {answer.status} to its own tag")
        heard.seconds.append(answer.last)
    heard.took = time.perf_counter() - began
    return heard
