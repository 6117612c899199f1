"""What a step of a run costs by itself: the engine's CPU, against a connector that only says that all was done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median
from typing import ClassVar

import httpx

from app.core.plan import Change, Desired, Fields, Observed, Ref
from app.sync import reconcile
from benchmarks import boxes, generated
from benchmarks.boxes import Box
from benchmarks.measured import Section, Size
from connectors.base import Capabilities, Cursor, Observation, Pace, Refs, unpaced
from connectors.github.client import LIMITS

STEPS, QUICK_STEPS = 4_000, 300
SPAN = 100
"""Steps over which one figure is taken."""
NOWHERE = "http://127.0.0.1:9"


@dataclass(slots=True)
class Nothing:
    """A connector of a tracker that is empty and does whatever it is asked. It keeps nothing, and sends nothing."""

    kind: ClassVar[str] = "github"
    requests: int = 0
    request_id: str = ""
    before_write: Callable[[], None] = unpaced

    def capabilities(self) -> Capabilities:
        return replace(LIMITS, pace=Pace())

    def observe(self, since: Cursor | None = None) -> Observation:
        return Observation((), complete=True, full=since is None, cursor=Cursor("1"), requests=0)

    def create(self, want: Desired, refs: Refs) -> Observed:
        self.before_write()
        self.requests += 1
        ref = Ref(want.shape, str(self.requests), self.requests, f"N_{self.requests}", f"{NOWHERE}/{self.requests}")
        fields = want.fields
        places = {name: refs[str(fields[name])].id for name in ("milestone", "parent") if fields.get(name)}
        return Observed(ref, str(fields["title"]), str(fields["description"]), **places)

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        raise NotImplementedError("a first push only makes things")

    def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class Meter:
    """CPU seconds of this process when each step began."""

    at: list[float] = field(default_factory=list)

    def tick(self, change: Change, done: int, total: int) -> None:
        del change, done, total
        self.at.append(time.process_time())

    def a_step(self, last: int) -> float:
        """Seconds that the middle one of the `SPAN` steps up to this one took: other work strikes some of them."""
        return median(after - before for before, after in pairwise(self.at[last - SPAN : last + 1]))


def measure(size: Size) -> list[Section]:
    steps = QUICK_STEPS if size.quick else STEPS
    section = Section(
        "8. A step of a run",
        f"CPU of the engine, its database (SQLite) included, the median of {SPAN} creates of one run of {steps:,}; "
        "against a connector that only says it was done",
    )
    tasks = steps * generated.TASKS_A_MILESTONE // (generated.TASKS_A_MILESTONE + 1) + 1
    source = generated.finished(generated.document(tasks), 0).encode()
    meter = Meter()
    with httpx.Client() as client, boxes.programme(source, Box("github", NOWHERE, client), "a/b", "github") as bench:
        ctx = replace(bench.ctx, open_place=lambda place: Nothing())
        applied = reconcile.apply_plan(ctx, boxes.NAME, on_progress=meter.tick)
    if applied is None or applied.state != "done" or len(applied.outcomes) < steps:
        raise RuntimeError(f"the run did not end as it should: {applied and applied.state}")
    first = meter.a_step(SPAN)
    for last in (step for step in (SPAN, QUICK_STEPS, 1_000, STEPS) if step <= steps):
        cost = meter.a_step(min(last, len(meter.at) - 1))
        note = "" if last == SPAN else f"{cost / first:.2f}× the first {SPAN}"
        section.add(f"steps {last - SPAN + 1:,} to {last:,}, each", cost, note=note)
    return [section]
