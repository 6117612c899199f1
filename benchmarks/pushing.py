"""First pushes to a box that holds to its tracker's limits: the share of the allowed pace, and the limit errors earned.

Both sides run on a clock so many times as fast as the wall's: the box's limits by their `speed`, Milepost by its
`Context`. Processes, requests and waiting are real.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlmodel import col, select

from app.core.plan import Desired, Fields, Observed, Ref
from app.db.models import JournalRow
from benchmarks import boxes, generated
from benchmarks.boxes import Bench, Box
from benchmarks.measured import Section, Size
from connectors.base import Capabilities, Connector, Limit, Pace, Place, RateLimited, Refs
from connectors.github.client import LIMITS
from connectors.gitlab.client import ISSUES_A_MINUTE
from connectors.registry import kind as known

LEAST_SHARE = 95
"""Per cent of the pace that a tracker allows."""
DECLARED = {"github": LIMITS.pace, "gitlab": Pace((Limit(ISSUES_A_MINUTE["gitlab.com"], 60.0),))}
"""What the connectors declare for api.github.com and gitlab.com. For a box on this machine they declare none."""
ENFORCED: Mapping[str, Mapping[str, float]] = {
    "github": {
        "content_per_minute": 80,
        "content_per_hour": 500,
        "points_per_minute": 900,
        "graphql_points_per_minute": 2000,
        "spacing": 1.0,
        "concurrent": 100,
        "requests_per_hour": 5000,
    },
    "gitlab": {"requests_per_minute": 2000, "issues_per_minute": 200},
}
"""What the box holds to, as the two trackers document it."""
ALLOWED = {"github": Pace((Limit(80, 60.0), Limit(500, 3600.0)), 1.0), "gitlab": Pace((Limit(200, 60.0),))}
"""The same of `ENFORCED` that bounds a first push: limits of what is made, spacing of all writes."""


@dataclass(frozen=True, slots=True)
class Push:
    """One first push. `speed`: the tracker's seconds in one of the wall's. One task in `finished` is made closed."""

    kind: str
    tasks: int
    speed: float
    finished: int = 0


PUSHES = (
    Push("github", 476, 4),
    Push("github", 95, 4, finished=2),
    Push("github", 514, 60),
    Push("gitlab", 476, 2),
)
QUICK = (Push("github", 38, 4, finished=10), Push("gitlab", 209, 4))


@dataclass(slots=True)
class FastClock:
    """UTC at so many times the wall's speed, from now on."""

    speed: float
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    wall: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=(time.monotonic() - self.wall) * self.speed)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)


@dataclass(slots=True)
class Paced:
    """The real connector, told to keep the pace of the real tracker. What the box asks to be waited for is in the
    wall's seconds: it is told in the clock's.
    """

    real: Connector
    pace: Pace
    speed: float

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)

    @property
    def before_write(self) -> Callable[[], None]:
        return self.real.before_write

    @before_write.setter
    def before_write(self, call: Callable[[], None]) -> None:
        self.real.before_write = call

    def capabilities(self) -> Capabilities:
        return replace(self.real.capabilities(), pace=self.pace)

    def create(self, want: Desired, refs: Refs) -> Observed:
        return self._told(lambda: self.real.create(want, refs))

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        return self._told(lambda: self.real.update(ref, fields, refs))

    def _told(self, call: Callable[[], Observed]) -> Observed:
        try:
            return call()
        except RateLimited as error:
            if error.retry_after is not None:
                error.retry_after *= self.speed
            raise


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came in at the box, and how long it took on the tracker's clock, from the first call to the last's end."""

    objects: int
    requests: int
    writes: int
    made: int
    limited: int
    seconds: float


def least_seconds(pace: Pace, made: int, writes: int) -> float:
    """From the first to the last of so many writes, when each is sent as soon as every limit lets it.

    The limits are of what is made, the spacing of all writes.
    """
    at: list[float] = []
    for _ in range(made):
        waits = [at[-limit.count] + limit.seconds for limit in pace.limits if len(at) >= limit.count]
        at.append(max([at[-1] + pace.spacing if at else 0.0, *waits]))
    return max(at[-1] if at else 0.0, pace.spacing * (writes - 1))


def measure(size: Size) -> list[Section]:
    section = Section(
        "7. Pace of a first push",
        "profiles github and gitlab, at the pace declared for api.github.com and gitlab.com, to a box in a process of "
        "its own that holds to the limits the two document; minutes are the tracker's, on a clock that runs fast for "
        "both sides; least: each write as soon as the limits let it",
    )
    for push in QUICK if size.quick else PUSHES:
        _row(section, push, _pushed(push))
    return [section]


def _row(section: Section, push: Push, found: Pushed) -> None:
    least = least_seconds(ALLOWED[push.kind], found.made, found.writes)
    some = f", 1 task in {push.finished} finished" if push.finished else ""
    what = f"{push.kind}: {found.objects:,} objects{some}"
    note = f"{found.writes:,} writes, {found.made:,} of which make something; clock {push.speed:g}× as fast"
    section.add(f"{what}, from first to last write", found.seconds / 60, "min", note=note)
    section.add(f"{what}, least under the limits", least / 60, "min")
    share = 100 * least / found.seconds
    section.add(f"{what}, share of the pace allowed", share, "%", LEAST_SHARE, least=True)
    section.add(f"{what}, limit errors earned", found.limited, "errors", 0)
    section.add(f"{what}, requests", found.requests, "requests")


def _pushed(push: Push) -> Pushed:
    clock = FastClock(push.speed)

    def opened(place: Place) -> Connector:
        return Paced(known(place.kind).open(place), DECLARED[push.kind], push.speed)  # type: ignore[return-value]

    source = generated.finished(generated.document(push.tasks), push.finished).encode()
    with boxes.running(push.kind) as box, boxes.programme(source, box, "bench/pace", push.kind) as made:
        bench = Bench(replace(made.ctx, now=clock.now, sleep=clock.sleep, open_place=opened))
        box.limit({**ENFORCED[push.kind], "speed": push.speed})
        box.clear()
        objects = len(bench.apply().outcomes)
        return _found(box, bench, objects)


def _found(box: Box, bench: Bench, objects: int) -> Pushed:
    counts, entries = box.counts(), box.entries()
    with bench.ctx.db.read() as session:
        rows = list(session.exec(select(JournalRow).order_by(col(JournalRow.at))))
    ends = [row.finished_at for row in rows if row.finished_at is not None]
    return Pushed(
        objects,
        counts.total,
        counts.writes,
        sum(1 for method, _, status in entries if method == "POST" and status == 201),
        sum(1 for _, _, status in entries if status in (403, 429)),
        (max(ends) - rows[0].at).total_seconds(),
    )
