"""Two at one target: only one of them writes, however slow the tracker is, and whatever goes wrong meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import MilepostError
from app.db import journal, targets
from app.sync import lease, reconcile, status
from app.sync.context import Context
from connectors.sandbox.faults import Fault
from tests.api.house import until
from tests.sync.crashing import one_certificate
from tests.sync.places import Place, Time, a_box, a_database, figures
from tests.sync.stories import SMALL

NODES = {"M1", "1A", "1B", "M2", "2A", "M3"}
READS = r"^GET |graphql$"
WRITES = r"^(POST|PATCH|PUT) (?!.*graphql$)"
FAULTS = [
    Fault("dropped", WRITES, skip=1),
    Fault("error_after", WRITES, skip=2),
    Fault("secondary_limit", WRITES, skip=1, seconds=5),
    Fault("error", WRITES, status=503),
    Fault("reset", READS, skip=7),
    Fault("truncated", READS, skip=9),
]


@dataclass
class Pair:
    """One target, and two processes' view of it: each has its own connections to the database."""

    one: Place
    other: Place
    database: str


@pytest.fixture(params=["sqlite", "postgres"])
def pair(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setenv("SYNC_TOKEN", "the-robot")
    monkeypatch.setenv("SSL_CERT_FILE", one_certificate(tmp_path))
    url = f"sqlite:///{tmp_path / 'milepost.db'}"
    if request.param == "postgres":
        url = str(request.getfixturevalue("postgres_migrated"))
    with ExitStack() as stack:
        time = Time()
        box, address = stack.enter_context(a_box("github", clock=time))
        contexts = [Context(stack.enter_context(a_database(url)), time.now, time.sleep) for _ in range(2)]
        one, other = (Place(ctx, address, box, "github", "small") for ctx in contexts)
        one.read(SMALL)
        one.target()
        yield Pair(one, other, url)


def begun(work: Callable[[], Any]) -> Callable[[], Any]:
    """Started beside us; what is given waits for its end, and gives what it gave or the error it raised."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(work())
        except MilepostError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def end() -> Any:
        thread.join(60)
        return ended[0]

    return end


def right(place: Place) -> None:
    assert set(place.snapshot()) == NODES
    assert place.pending() == {}


def test_two_appliers_among_faults(pair: Pair) -> None:
    faults = pair.one.box.faults
    ids = [faults.add(fault) for fault in FAULTS]
    for _ in range(6):  # each fault can end one apply of each
        ends = [begun(lambda place=place: reconcile.apply_plan(place.ctx, "small")) for place in (pair.one, pair.other)]
        for end in ends:
            end()
        if all(faults.struck(each) for each in ids):
            break
    assert all(faults.struck(each) for each in ids), faults.shown()
    faults.clear()
    for _ in range(2):
        pair.one.apply()
    right(pair.one)
    with pair.one.ctx.db.read() as session:
        runs = journal.runs(session, [targets.get(session, "small").id], 100)
    spans = sorted((run.started_at, run.finished_at) for run in runs)
    assert len(spans) >= 3
    assert all(run.finished_at is not None for run in runs)
    assert all(ended <= began for (_, ended), (began, _) in pairwise(spans))
    assert pair.one.box.log.summary()["writes"] <= len(NODES) + len(FAULTS)


def test_a_read_that_outlasts_the_lease(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads for minutes still holds the target: the other waits, and finds all done."""
    monkeypatch.setattr(lease, "SECONDS", 0.4)
    box = pair.one.box
    box.faults.add(Fault("latency", READS, times=None, seconds=0.5))
    first = begun(lambda: reconcile.apply_plan(pair.one.ctx, "small"))
    until(lambda: box.log.entries)
    second = begun(lambda: reconcile.apply_plan(pair.other.ctx, "small", ask=False))
    one, other = first(), second()
    box.faults.clear()
    assert (one.state, len(one.outcomes)) == ("done", len(NODES))
    assert (other.state, other.outcomes) == ("done", ())
    right(pair.one)


def test_one_that_was_frozen_while_it_read_keeps_nothing_of_it(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that slept, say: its lease has lapsed, another did the work, and what it read is old."""
    monkeypatch.setattr(lease, "SECONDS", 0.4)
    place, box = pair.one, pair.one.box
    slow = box.faults.add(Fault("latency", r"^GET .*/issues\?", seconds=0.5))
    code = "from app.sync import lease; lease.SECONDS = 0.4; from app.cli import main; main()"
    frozen = subprocess.Popen(
        [sys.executable, "-c", code, "apply", "small", "--yes", "--json", "--database", pair.database],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        until(lambda: box.faults.struck(slow), 30)
        frozen.send_signal(signal.SIGSTOP)
        assert place.apply() == "done"
        place.edit("1A", text=place.find("1A").description.replace("- [ ] 1A.1", "- [x] 1A.1"))
        seen = place.figures()
        assert seen["1A.1"] == "done"
        frozen.send_signal(signal.SIGCONT)
        told, _ = frozen.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            frozen.kill()
    assert json.loads(told)["error"]["type"] == "target-busy"
    assert frozen.returncode == 1
    assert figures(status.status(place.ctx, "small")) == seen
    right(place)
