"""Reading a tracker of 100, 1,000 and 10,000 issues: Milepost's connector, a plain script, and perceval."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import httpx

from benchmarks import perceval
from benchmarks.boxes import HEADERS, Box
from benchmarks.costs import ROOT, Cost, Costs, Failed, Reader, own, with_perceval
from benchmarks.measured import Among, Section, Size
from benchmarks.requesting import IDLE, QUIET_SECONDS
from benchmarks.served import CLOSED_EVERY, Place

LATENCY = 0.05
CHANGED = (1, 150)
MILESTONES = 50
"""At most: one page of them, so that what is measured is issues."""
CROWDED = Place("bench/crowded", 100, 250)
"""With more milestones than a page holds."""
PATIENCE = 150.0
"""Seconds that a reader beside Milepost may take, as far as that can be told before."""
PLAIN = {"github": "PyGithub", "gitlab": "python-gitlab"}
NAMES = {"github": "GitHub", "gitlab": "GitLab"}
IMPORTS = "only the imports"


@dataclass(frozen=True, slots=True)
class Column:
    """One of the tables: what it shows of a cost."""

    head: str
    unit: str
    value: Callable[[Cost], float]
    method: str


COLUMNS = (
    Column(
        "requests",
        "requests",
        lambda cost: cost.requests,
        f"counted at the sandbox; at most {MILESTONES} milestones and no comments; perceval reads no milestones, but "
        "asks for people, and on GitLab for each issue's notes and emoji",
    ),
    Column(
        "seconds",
        "s",
        lambda cost: cost.seconds,
        f"wall, from start to exit of the reader's process; each answer leaves {LATENCY * 1000:.0f} ms later, and the "
        "sandbox's own work is in it",
    ),
    Column("CPU", "s", lambda cost: cost.cpu, "seconds of the reader's process, user and system"),
    Column(
        "peak memory",
        "MiB",
        lambda cost: cost.peak,
        "the most that the reader's process held (ru_maxrss); the sandbox is another process",
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to measure: at least so many issues are told, and Milepost may need so many requests."""

    what: str
    least: int
    budget: float
    note: str = ""
    since: str = ""  # "" reads everything
    spent: bool = False  # show which requests count against the hourly limit


@dataclass(slots=True)
class Tracker:
    """A filled sandbox, its readers, and the tables about it."""

    box: Box
    readers: list[Reader]
    budgets: Section
    folder: Path
    tables: dict[str, Section] = field(default_factory=dict)
    whole: dict[str, tuple[int, Cost]] = field(default_factory=dict)  # by reader: its last whole read, of how many

    def __post_init__(self) -> None:
        for column in COLUMNS:
            title = f"6. Reading {NAMES[self.box.kind]}: {column.head}"
            self.tables[column.head] = Section(title, column.method)

    def imports(self) -> None:
        """What each reader costs before it has read anything."""
        self._add(IMPORTS, {reader.name: reader.only_import(self.box) for reader in self.readers})

    def place(self, place: Place) -> None:
        """Read it whole, idle, and after changes."""
        issues, path = place.issues, place.path
        first = Step(f"{issues:,} issues: whole", issues, 5 + ceil(place.objects / 100))
        self._step(place, first, {r.name: Failed(why) for r in self.readers if (why := self._foreseen(r, issues))})
        self._settle(path)
        idle = Step(f"{issues:,} issues: nothing changed", 0, IDLE[self.box.kind], "", self._newest(path), spent=True)
        self._step(place, idle)
        for k in (k for k in CHANGED if k <= issues):
            since = self._newest(path)
            self._settle(path)
            for number in range(1, k + 1):
                self.box.write(path, number, f"- [x] Somebody was here, in {k} issues.")
            note = "2 + ⌈changed / 100⌉"
            self._step(place, Step(f"{issues:,} issues: {k} changed", k, 2 + ceil(k / 100), note, since))

    def crowded(self) -> None:
        """Milepost alone, where milestones take more than a page."""
        for _ in range(2):
            self._settle(CROWDED.path)
        cost = self._good(self.readers[0].run(self.box, CROWDED.path, ""))
        what = f"{CROWDED.issues} issues, {CROWDED.milestones} milestones: nothing changed"
        self._budget(what, cost, IDLE[self.box.kind], "")

    def _step(self, place: Place, step: Step, skipped: dict[str, Failed] | None = None) -> None:
        self.box.slow(LATENCY)
        costs: Costs = {}
        for reader in self.readers:
            costs[reader.name] = (skipped or {}).get(reader.name) or reader.run(self.box, place.path, step.since)
        self.box.slow(0)
        for name, cost in costs.items():
            if isinstance(cost, Cost) and cost.issues < step.least:
                raise RuntimeError(f"{name} told {cost.issues} issues, not {step.least}: {step.what}")
        self._add(step.what, costs)
        if step.spent and self.box.kind == "github":
            self._row("requests", f"{step.what}, not a 304", costs, lambda cost: cost.requests - cost.not_modified)
        mine = self._good(costs[self.readers[0].name])
        note = step.note if step.since else "5 + ⌈existing / 100⌉, a push's reads"
        self._budget(step.what, mine, step.budget, note)
        if not step.since:
            found = {name: (place.issues, cost) for name, cost in costs.items() if isinstance(cost, Cost)}
            self.whole.update(found)

    def _budget(self, what: str, mine: Cost, budget: float, note: str) -> None:
        told = note or f"{mine.not_modified} of them answered 304"
        self.budgets.add(f"{NAMES[self.box.kind]}, {what}", mine.requests, "requests", budget, told)

    def _good(self, cost: Cost | Failed) -> Cost:
        if isinstance(cost, Failed):
            raise RuntimeError(f"Milepost did not read the {self.box.kind} sandbox: {cost.why}")
        return cost

    def _add(self, what: str, costs: Costs) -> None:
        for column in COLUMNS:
            if column.head != "requests" or what != IMPORTS:
                self._row(column.head, what, costs, column.value, column.unit)
        for name, cost in costs.items():
            if isinstance(cost, Failed):
                self.tables["requests"].remarks.append(f"{what}, {name}: {cost.why}")

    def _row(self, head: str, what: str, costs: Costs, value: Callable[[Cost], float], unit: str = "requests") -> None:
        among = {name: value(cost) if isinstance(cost, Cost) else None for name, cost in costs.items()}
        self.tables[head].rows.append(Among(what, among, unit))

    def _foreseen(self, reader: Reader, issues: int) -> str:
        """Why this reader's whole read is not tried, "" where it is: it would take longer than `PATIENCE`."""
        if reader is self.readers[0] or reader.name not in self.whole:
            return ""
        before, cost = self.whole[reader.name]
        seconds, requests = cost.seconds * issues / before, cost.requests * issues / before
        much = f"about {requests:,.0f} requests and {seconds / 60:.0f} min"
        return f"not measured: by its {before:,} issues it would be {much}" if seconds > PATIENCE else ""

    def _newest(self, path: str) -> str:
        """The newest change that the plain script saw. perceval goes on from it too."""
        _, plain, *_ = self.readers
        return str(json.loads(Path(plain.ask("", path, "")[-1]).read_text())["since"])

    def _settle(self, path: str) -> None:
        """Time passes, and Milepost reads twice: the cursor comes to rest in one read, the ETags for it in the next."""
        self.box.client.put("/_bench", params={"later": QUIET_SECONDS}).raise_for_status()  # served.py
        for _ in range(2):
            self._good(self.readers[0].run(self.box, path, ""))


def measure(size: Size) -> list[Section]:
    sizes = size.issues or ((100,) if size.quick else (100, 1_000, 10_000))
    places = [Place(f"bench/of-{n}", n, min(MILESTONES, ceil(n / 20))) for n in sizes]
    budgets = Section(
        "6. Reading: the budgets",
        f"Milepost's requests of an observe, counted at the sandbox; nothing changed: for {QUIET_SECONDS} s of the "
        f"tracker's clock, and read twice since; five steps an issue as lines, one issue in {CLOSED_EVERY} closed",
    )
    sections = [budgets]
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as name, ExitStack() as stack:
        filling = {kind: stack.enter_context(_started(kind, [CROWDED, *places])) for kind in NAMES}
        boxes = {kind: stack.enter_context(filled()) for kind, filled in filling.items()}
        for kind, box in boxes.items():
            folder = Path(name) / kind
            folder.mkdir()
            tracker = Tracker(box, [own("Milepost", "milepost", kind, folder)], budgets, folder)
            tracker.readers.append(own(PLAIN[kind], "plain", kind, folder))
            try:
                tracker.readers.append(with_perceval(perceval.ready(), kind, folder))
            except perceval.Missing as missing:
                tracker.tables["requests"].remarks.append(f"perceval: {missing}")
            tracker.imports()
            for place in places:
                tracker.place(place)
            tracker.crowded()
            sections += tracker.tables.values()
    return sections


@contextmanager
def _started(kind: str, places: list[Place]) -> Iterator[Callable[[], AbstractContextManager[Box]]]:
    """A sandbox being filled in a process of its own; what is given waits until it is."""
    words = [sys.executable, "-m", "benchmarks.served", kind, *map(str, places)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:

        @contextmanager
        def filled() -> Iterator[Box]:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError(f"the {kind} sandbox did not start")
            with httpx.Client(base_url=url, headers=HEADERS[kind], trust_env=False, timeout=60) as client:
                yield Box(kind, url, client)

        try:
            yield filled
        finally:
            process.terminate()
