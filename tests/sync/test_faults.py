"""Every fault of the boxes, alone at every call and in pairs, while a plan is made, applied, and read back.

When the faults are over two more applies at most make everything right: one object a node, nothing left to plan,
people's work untouched, and the figures are those of a database that has never seen a fault. And no fault makes
Milepost hammer: requests are counted by the box.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations, count
from pathlib import Path
from typing import Any

import pytest

from app.db import targets
from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from app.sync import reconcile, status, webhook
from app.sync.context import Context, utc_now
from app.sync.reconcile import ReadIncomplete
from app.sync.run import ATTEMPTS
from connectors.base import Retryable
from connectors.sandbox.faults import Fault
from connectors.sandbox.kit import Clock, serving
from tests.api.house import until
from tests.sync.crashing import one_certificate
from tests.sync.places import Place, a_box, a_database
from tests.sync.places import figures as counted

FIRST = """# Small

### Milestone M1 — Foundations
- **Tasks:**
  - **Task 1A — Mobilisation**
    1. Draft the charter.
    2. Set up the tools.
  - **Task 1B — Blueprint**
    1. Draw the plan.

### Milestone M2 — Walls
- **Objective:** Build up.
"""
SECOND = """# Small

### Milestone M1 — Foundations and Ground
- **Tasks:**
  - **Task 1A — Mobilisation**
    1. Draft the charter of it all.
    2. Set up the tools.

### Milestone M2 — Walls
- **Objective:** Build up.
- **Tasks:**
  - **Task 2A — Bricks**
    1. Order bricks.
"""
STEPS = 4
"""Of either version: M1, 1A, 1B, M2; then M1 and 1A change, 2A is made, 1B is closed."""
READS = r"^GET |graphql$"
WRITES = r"^(POST|PATCH|PUT) (?!.*graphql$)"
MOST_READS = 12
"""Of one plan or apply: two looks at everything, and what is asked once to know what the place holds."""

FAULTS = {
    "500": Fault("error", status=500),
    "502": Fault("error", status=502),
    "503": Fault("error", status=503),
    "500 after": Fault("error_after", status=500),
    "502 after": Fault("error_after", status=502),
    "503 after": Fault("error_after", status=503),
    "reset": Fault("reset"),
    "dropped": Fault("dropped"),
    "truncated": Fault("truncated"),
    "html": Fault("html"),
    "latency": Fault("latency", seconds=0.02),
    "primary limit": Fault("primary_limit", seconds=5),
    "secondary limit": Fault("secondary_limit", seconds=5),
    "secondary limit, no time said": Fault("secondary_limit"),
    "list lag": Fault("list_lag", seconds=2, times=None),
}
ONCE = ("500", "503", "500 after", "503 after", "latency", "primary limit", "secondary limit, no time said")
"""Tried at one call each: what they are to Milepost another is too, or nothing."""
PAIRED = [name for name in FAULTS if name == "latency" or name not in (*ONCE, "502 after")]
PROFILES = ["github", "gitlab"]


class Time(Clock):
    """Ours and the box's: sleeping takes none of it, and passes it for both."""

    def now(self) -> datetime:
        return utc_now() + timedelta(seconds=self.offset_seconds)

    def sleep(self, seconds: float) -> None:
        self.offset_seconds += seconds


@dataclass
class Bench:
    """A box of a profile, and two databases: one goes through faults, the other never does."""

    profile: str
    box: Any
    url: str
    time: Time
    ctx: Context
    calm: Context
    numbers: Iterator[int]

    def place(self) -> Place:
        return Place(self.ctx, self.url, self.box, self.profile, f"place-{next(self.numbers)}")

    def counted(self) -> dict[str, int]:
        return dict(self.box.log.summary())

    def carry_on(self, place: Place) -> None:
        """An apply while there may be faults: it ends well, or says that the tracker didn't answer."""
        before = self.counted()
        try:
            reconcile.apply_plan(self.ctx, place.name, max_percent=100.0)
        except (Retryable, ReadIncomplete):
            self.time.sleep(61)  # what the tracker asked for
        after = self.counted()
        assert after["writes"] - before["writes"] <= ATTEMPTS * STEPS
        assert after["reads"] - before["reads"] <= MOST_READS

    def look(self, place: Place) -> None:
        """A plan and a refresh while there may be faults: they write nothing."""
        before = self.counted()
        try:
            place.plan()
        except Retryable:
            self.time.sleep(61)
        found = reconcile.refresh(self.ctx, place.name)
        if found.error:
            self.time.sleep(61)
        after = self.counted()
        assert after["writes"] == before["writes"]
        assert after["reads"] - before["reads"] <= 2 * MOST_READS

    @contextmanager
    def struck(self, *faults: Fault) -> Iterator[None]:
        """With these faults; each of them strikes."""
        ids = [self.box.faults.add(fault) for fault in faults]
        yield
        struck = {fault.kind: self.box.faults.struck(number) for number, fault in zip(ids, faults, strict=True)}
        self.box.faults.clear()
        assert 0 not in struck.values(), struck

    def push(self, place: Place, *faults: Fault) -> None:
        """Apply with these faults; lists may lag on while it is tried again; then without, twice at most."""
        with self.struck(*faults):
            self.carry_on(place)
            lag = [fault for fault in faults if fault.kind == "list_lag"]
            if lag:
                self.carry_on(place)
        left = place.pending()
        for _ in range(2):
            if left:
                place.apply()
                left = place.pending()
        assert left == {}

    def right(self, place: Place, wanted: set[str]) -> None:
        """One object a node, people's work as it was, and the same figures in a database that sees it for the first
        time. That one finds all by its markers; of the title it can't know that people were the last to change it.
        """
        there = place.snapshot()
        assert set(there) == wanted | {"people's: 1B — Blueprint"}
        assert there["1A"]["text"].startswith("Ask Ana.\n\n<!-- milepost:begin -->\n- [x] 1A.1 ")
        assert there["1A"]["text"].endswith("\n\nSeen by Bob.")
        assert there["1A"]["title"] == "1A — Off we go"
        assert there["1A"]["labels"] == ["epic", "urgent"]
        assert [key for key, object_ in there.items() if object_["state"] == "closed"] == ["1B"]
        assert there["people's: 1B — Blueprint"]["text"] == "nobody's business"
        other = replace(place, ctx=self.calm)
        other.read(SECOND)
        other.target()
        before, figures = self.counted()["writes"], place.figures()
        applied = reconcile.apply_plan(self.calm, place.name)
        assert applied is not None
        assert sorted((one.key, one.action) for one in applied.outcomes) == [
            (key, "adopt") for key in sorted(wanted - {"1B"})
        ]
        assert self.counted()["writes"] == before + 1
        assert counted(status.status(self.calm, place.name)) == figures


@pytest.fixture(scope="module", params=PROFILES)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("faults")
    time = Time()
    with (
        pytest.MonkeyPatch.context() as patch,
        a_database(f"sqlite:///{folder / 'a.db'}") as db,
        a_database(f"sqlite:///{folder / 'b.db'}") as other,
        a_box(request.param, clock=time) as (box, url),
    ):
        patch.setenv("SYNC_TOKEN", "the-robot")
        patch.setenv("SSL_CERT_FILE", one_certificate(folder))

        def context(of: Database) -> Context:
            return Context(of, now=time.now, sleep=time.sleep)

        yield Bench(request.param, box, url, time, context(db), context(other), count(1))


def people(place: Place) -> None:
    text = place.find("1A").description
    assert text.count("- [ ] 1A.1") == 1
    text = text.replace("- [ ] 1A.1", "- [x] 1A.1")
    place.edit("1A", text=f"Ask Ana.\n\n{text}\n\nSeen by Bob.", title="1A — Off we go", labels=["epic", "urgent"])


def through(bench: Bench, first: list[Fault], second: list[Fault], looks: list[Fault]) -> None:
    """A roadmap's life in one place: pushed, worked on, changed, read back, each under faults."""
    place = bench.place()
    place.read(FIRST)
    place.target()
    place.write("1B — Blueprint", "nobody's business")
    bench.push(place, *first)
    people(place)
    bench.time.sleep(60)
    place.read(SECOND)
    with bench.struck(*looks):
        bench.look(place)
    bench.push(place, *second)
    bench.right(place, {"M1", "1A", "1B", "M2", "2A"})


def on(fault: Fault, match: str, skip: int = 0) -> Fault:
    """The fault, at the calls that match; a lag is of lists wherever they are read."""
    return replace(fault, match=READS) if fault.kind == "list_lag" else replace(fault, match=match, skip=skip)


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_at_every_call(bench: Bench, name: str) -> None:
    fault = FAULTS[name]
    for step in [ONCE.index(name) % STEPS] if name in ONCE else range(STEPS):
        at = [on(fault, WRITES, step)]
        through(bench, at, at, [on(fault, READS, step % 2)])


@pytest.mark.parametrize("names", list(combinations(PAIRED, 2)), ids=" and ".join)
def test_two_faults_at_once(bench: Bench, names: tuple[str, str]) -> None:
    one, other = (FAULTS[name] for name in names)
    first = [on(one, WRITES, 1), on(other, WRITES, 2)]
    second = [on(other, WRITES), on(one, WRITES, 1)]
    through(bench, first, second, [on(one, READS), on(other, READS)])


HOOKS = {
    "lost": Fault("hook_lost"),
    "late": Fault("hook_late", seconds=0.1),
    "twice": Fault("hook_twice"),
    "reordered": Fault("hook_reordered"),
}
TICKS = ["1A.1", "1A.2", "1B.1"]


@pytest.fixture(scope="module")
def door(bench: Bench) -> Iterator[tuple[str, list[str]]]:
    """The service's address, and which targets its webhooks would have refreshed."""
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOOK_SECRET", "a-webhook-secret")
        patch.setattr("app.jobs.Schedule.delivered", lambda self, target_id: asked.append(target_id))
        with serving(create_app(bench.ctx, Settings(_env_file=None))) as url:
            yield url, asked


@pytest.mark.parametrize("names", [(name,) for name in HOOKS] + list(combinations(HOOKS, 2)), ids=" and ".join)
def test_webhooks_that_are_lost_late_twice_or_out_of_order(
    bench: Bench, door: tuple[str, list[str]], names: tuple[str, ...]
) -> None:
    """However they come, each only says "look again": after the last of them, or at the interval, all is right."""
    url, asked = door
    place = bench.place()
    place.read(FIRST)
    place.target()
    place.apply()
    place.figures()
    made = webhook.hook(bench.ctx, place.name, url, secret_env="HOOK_SECRET").hook
    if place.github:
        until(lambda: made.url in [one for one, _ in bench.box.hooks.sent])  # the ping
    began = len(bench.box.hooks.sent)
    asked.clear()
    match = r"^(issues|Issue Hook)$"
    with bench.struck(*(replace(HOOKS[name], match=match) for name in names)):
        for step in TICKS:
            tick(place, step)
            handle(bench, place, asked)
        until(lambda: [one for one, _ in bench.box.hooks.sent[began:]].count(made.url) >= len(TICKS))
        handle(bench, place, asked)
    wanted = dict.fromkeys(TICKS, "done")
    seen = counted(status.status(bench.ctx, place.name))
    assert {step: seen[step] for step in TICKS} == wanted
    with bench.struck(replace(HOOKS["lost"], match=match)):
        tick(place, "1A.1", " ")
        until(lambda: bench.box.hooks.sent[-1] == (made.url, 0))
    assert asked == []
    assert counted(status.status(bench.ctx, place.name)) == seen
    reconcile.refresh(bench.ctx, place.name)  # at the interval
    assert counted(status.status(bench.ctx, place.name))["1A.1"] == "open"


def tick(place: Place, step: str, mark: str = "x") -> None:
    task, other = step.partition(".")[0], "x" if mark == " " else " "
    text = place.find(task).description
    assert text.count(f"- [{other}] {step} ") == 1
    place.edit(task, text=text.replace(f"- [{other}] {step} ", f"- [{mark}] {step} "))


def handle(bench: Bench, place: Place, asked: list[str]) -> None:
    """What the schedule does with the webhook calls that have come in by now."""
    if asked:
        asked.clear()
        assert reconcile.refresh(bench.ctx, place.name).error is None
        with bench.ctx.db.read() as session:
            assert targets.get(session, place.name).id not in targets.deliveries_waiting(session) or asked
