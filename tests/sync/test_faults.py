"""Every fault of the boxes, alone at every call and in pairs, while a plan is made, applied, and read back.

When the faults are over two more applies at most make everything right: one object a node, nothing left to plan,
people's work untouched, and the figures are those of a database that has never seen a fault. And no fault makes
Milepost hammer: requests are counted by the box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from app.db import deliveries, targets
from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from app.sync import reconcile, status, webhook
from app.sync.context import Context
from app.sync.reconcile import ReadIncomplete
from connectors.base import RateLimited, TrackerError
from connectors.sandbox.faults import Fault
from connectors.sandbox.kit import serving
from tests.api.house import until
from tests.sync.crashing import one_certificate
from tests.sync.places import Place, Time, a_box, a_database
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

FAULTS = {
    "500": Fault("error", status=500),
    "502": Fault("error", status=502),
    "503": Fault("error", status=503),
    "401": Fault("error", status=401),
    "404": Fault("error", status=404),
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
KINDS = [name for name in FAULTS if name not in ("500", "503", "401", "404", "500 after", "503 after")]
"""One of each kind, and the limit in both ways."""
HOOKS = {
    "hook lost": Fault("hook_lost"),
    "hook late": Fault("hook_late", seconds=0.1),
    "hook twice": Fault("hook_twice"),
    "hooks out of order": Fault("hook_reordered"),
}
PROFILES = ["github", "gitlab"]
Told = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Calls:
    """How many requests each act takes where nothing goes wrong."""

    plan: int
    first: int
    second: int
    refresh: int


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
    cases: int = 0

    def place(self) -> Place:
        self.cases += 1
        return Place(self.ctx, self.url, self.box, self.profile, f"place-{next(self.numbers)}")

    def counted(self) -> dict[str, int]:
        return dict(self.box.log.summary())

    def tell(self, what: str, record_property: Told) -> None:
        """How many places went through it since that was told last."""
        record_property("cases", {f"faults, {self.profile}, {what}": self.cases})
        self.cases = 0

    @contextmanager
    def at_most(self, reads: int, writes: int) -> Iterator[None]:
        before = self.counted()
        yield
        after = self.counted()
        assert after["reads"] - before["reads"] <= reads
        assert after["writes"] - before["writes"] <= writes

    @cached_property
    def calls(self) -> Calls:
        """Told by a rehearsal."""
        place, counts = self.place(), [self.counted()["total"]]
        self.cases -= 1
        place.read(FIRST)
        place.target()
        place.write("1B — Blueprint", "nobody's business")
        for act in (place.plan, place.apply, lambda: place.read(SECOND), place.apply, place.figures):
            counts.append(self.counted()["total"])
            act()
        counts.append(self.counted()["total"])
        plan, first, _, second, refresh = (after - before for before, after in pairwise(counts[1:]))
        return Calls(plan, first, second, refresh)

    def apply(self, place: Place, faults: int = 0) -> None:
        """An apply, perhaps with faults: it ends well, or says what went wrong, and can be begun again.

        It is bounded: no step is sent more than once, but for a call that a fault put off, which costs one more. It is
        read as for a plan, and once more where a create's answer was lost: two looks at everything.
        """
        with self.at_most(2 * self.calls.plan, STEPS + faults), suppress(TrackerError, ReadIncomplete):
            reconcile.apply_plan(self.ctx, place.name, max_percent=100.0)
        self.rest(place)

    def look(self, place: Place) -> None:
        """A plan and a refresh with faults: they write nothing, and read no more than those in peace."""
        with self.at_most(self.calls.plan, 0), suppress(TrackerError):
            place.plan()
        self.rest(place)
        with self.at_most(self.calls.plan, 0):
            reconcile.refresh(self.ctx, place.name)
        self.rest(place)

    def rest(self, place: Place) -> None:
        """What the tracker asked for: until then nobody asks it anything."""
        with self.ctx.db.read() as session:
            until = targets.get(session, place.name).hold_until
        if until is not None and until > self.time.now():
            with self.at_most(0, 0), pytest.raises(RateLimited):
                place.plan()
            with self.at_most(0, 0):
                assert reconcile.refresh(self.ctx, place.name).error
        self.time.sleep(61)

    def push(self, place: Place, *faults: Fault) -> None:
        """Apply until each of these faults has struck, and lists that lag have done so for two; then, without, twice at
        most.
        """
        ids = {self.box.faults.add(fault): fault for fault in faults}
        for number in count(1):
            self.apply(place, len(faults))
            struck = [self.box.faults.struck(each) for each in ids]
            if all(struck) and (number > 1 or not any(fault.times is None for fault in faults)):
                break
            assert number <= len(faults), f"{faults} struck {struck} times"
        self.box.faults.clear()
        for _ in range(2):
            self.apply(place)
        assert place.pending() == {}

    def looks(self, place: Place, *faults: Fault) -> None:
        ids = [self.box.faults.add(fault) for fault in faults]
        self.look(place)
        assert all(self.box.faults.struck(each) for each in ids)
        self.box.faults.clear()

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
    place.read(SECOND)
    bench.looks(place, *looks)
    bench.push(place, *second)
    bench.right(place, {"M1", "1A", "1B", "M2", "2A"})


def on(name: str, match: str, skip: int = 0) -> Fault:
    """The fault, at one of the calls that match; a lag is of lists wherever they are read."""
    fault = FAULTS[name]
    return replace(fault, match=READS) if fault.kind == "list_lag" else replace(fault, match=match, skip=skip)


def at_call(bench: Bench, name: str, number: int) -> None:
    """The fault at that call of each act that has so many."""
    calls = bench.calls
    at = on(name, "", number)
    acts = [[at] if number < most else [] for most in (calls.first, calls.second, calls.plan)]
    if calls.plan <= number < calls.plan + calls.refresh:
        acts[2] = [at]
    through(bench, *acts)


def paired(bench: Bench, one: str, other: str) -> None:
    """At two calls that make objects; at one call and its second attempt; at a read and a write after it."""
    first = [on(one, WRITES, 1), on(other, WRITES, 2)]
    second = [on(other, WRITES), on(one, WRITES, 1)] if one < other else [on(one, READS), on(other, WRITES)]
    through(bench, first, second, [on(one, READS), on(other, READS)])


@pytest.mark.parametrize(("bench", "name"), list(zip(PROFILES * len(KINDS), KINDS, strict=False)), indirect=["bench"])
def test_a_fault(bench: Bench, name: str, record_property: Told) -> None:
    """A part of what follows, in every run: each kind, each at another call."""
    at_call(bench, name, KINDS.index(name) % bench.calls.first)
    bench.tell("one at a call", record_property)


@pytest.mark.sweep
@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_at_every_call(bench: Bench, name: str, record_property: Told) -> None:
    calls = bench.calls
    most = max(calls.first, calls.second, calls.plan + calls.refresh)
    for number in [0] if FAULTS[name].times is None else range(most):
        at_call(bench, name, number)
    bench.tell("one at every call", record_property)


@pytest.mark.sweep
@pytest.mark.parametrize("one", KINDS)
def test_two_faults_at_once(bench: Bench, one: str, record_property: Told) -> None:
    for other in KINDS:
        paired(bench, one, other)
    bench.tell("two at once", record_property)


# -- webhooks

TICKS = ["1A.1", "1A.2", "1B.1"]
EVENTS = r"^(issues|Issue Hook)$"


@pytest.fixture(scope="module")
def door(bench: Bench) -> Iterator[tuple[str, list[str]]]:
    """The service's address, and which targets its webhooks would have refreshed."""
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOOK_SECRET", "a-webhook-secret")
        patch.setattr("app.jobs.Schedule.delivered", lambda self, target_id: asked.append(target_id))
        with serving(create_app(bench.ctx, Settings(_env_file=None))) as url:
            yield url, asked


def hooked(bench: Bench, door: tuple[str, list[str]], *names: str, reads: str = "") -> None:
    """Work is done under these faults of webhooks, and `reads` where the tracker is read for one that came in."""
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
    ids = [bench.box.faults.add(replace(HOOKS[name], match=EVENTS)) for name in names]
    due = [on(reads, READS)] if reads else []
    for step in TICKS:
        tick(place, step)
        handle(bench, place, asked, due)
    until(lambda: [one for one, _ in bench.box.hooks.sent[began:]].count(made.url) >= len(TICKS))
    handle(bench, place, asked, due)
    assert due == []
    assert all(bench.box.faults.struck(each) for each in ids)
    bench.box.faults.clear()
    wanted = dict.fromkeys(TICKS, "done")
    seen = counted(status.status(bench.ctx, place.name))
    assert {step: seen[step] for step in TICKS} == wanted
    bench.box.faults.add(replace(HOOKS["hook lost"], match=EVENTS))
    tick(place, "1A.1", " ")
    until(lambda: bench.box.hooks.sent[-1] == (made.url, 0))
    assert asked == []
    assert counted(status.status(bench.ctx, place.name)) == seen
    bench.box.faults.clear()
    reconcile.refresh(bench.ctx, place.name)  # at the interval
    assert counted(status.status(bench.ctx, place.name))["1A.1"] == "open"


def tick(place: Place, step: str, mark: str = "x") -> None:
    task, other = step.partition(".")[0], "x" if mark == " " else " "
    text = place.find(task).description
    assert text.count(f"- [{other}] {step} ") == 1
    place.edit(task, text=text.replace(f"- [{other}] {step} ", f"- [{mark}] {step} "))


def handle(bench: Bench, place: Place, asked: list[str], due: list[Fault]) -> None:
    """What the schedule does with the webhook calls that have come in by now, until one refresh answers them. The first
    meets the fault that is due.
    """
    while asked:
        asked.clear()
        at = bench.box.faults.add(due.pop()) if due else None
        with bench.at_most(bench.calls.plan, 0):
            failed = reconcile.refresh(bench.ctx, place.name).error
        if at is not None:
            assert bench.box.faults.struck(at)
            bench.box.faults.remove(at)
        with bench.ctx.db.read() as session:
            waits = targets.get(session, place.name).id in deliveries.waiting(session)
        assert waits or not failed
        bench.rest(place)
        if waits:
            asked.append("again")


@pytest.mark.parametrize("name", HOOKS)
def test_a_fault_of_webhooks(bench: Bench, door: tuple[str, list[str]], name: str, record_property: Told) -> None:
    """However they come, each only says "look again": after the last of them, or at the interval, all is right."""
    hooked(bench, door, name)
    bench.tell("of webhooks", record_property)


@pytest.mark.sweep
@pytest.mark.parametrize("one", HOOKS)
def test_two_faults_with_webhooks(bench: Bench, door: tuple[str, list[str]], one: str, record_property: Told) -> None:
    for other in HOOKS:
        hooked(bench, door, one, other)
    for reads in KINDS:
        hooked(bench, door, one, reads=reads)
    bench.tell("two, with webhooks", record_property)
