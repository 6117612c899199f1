"""The pace of a first push, against boxes that hold to their limits on a clock that runs fast for both sides."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app.sync import reconcile
from app.sync.context import Context, open_place
from connectors.base import Limit, Pace
from tests.sync.conftest import SMALL, Site

FINISHED = SMALL.replace("(12% complete)", "(100% complete)").replace("Blueprint", "Blueprint (100% complete)")
FINISHED = FINISHED.replace("Bricks", "Bricks (100% complete)")


class Paced:
    """The real connector, but with a pace, since boxes on this machine are given none; its first write is so many
    seconds on its way.
    """

    def __init__(self, real: Any, pace: Pace, late: float) -> None:
        self.real, self.pace, self.late = real, pace, late

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    @property
    def before_write(self) -> Callable[[], None]:
        return self.real.before_write  # type: ignore[no-any-return]

    @before_write.setter
    def before_write(self, call: Callable[[], None]) -> None:
        def announced() -> None:
            call()
            time.sleep(self.late)
            self.late = 0.0

        self.real.before_write = announced

    def capabilities(self) -> Any:
        return replace(self.real.capabilities(), pace=self.pace)


def fast(ctx: Context, speed: float, pace: Pace, late: float = 0.0) -> Context:
    """A context whose clock runs so many times as fast as the wall's."""
    began, wall = datetime.now(UTC), time.monotonic()
    return replace(
        ctx,
        now=lambda: began + timedelta(seconds=(time.monotonic() - wall) * speed),
        sleep=lambda seconds: time.sleep(seconds / speed),
        open_place=lambda place: Paced(open_place(place), pace, late),
    )


def refused(site: Site) -> list[tuple[str, str, int]]:
    return [entry for entry in site.box.log.entries if entry[2] in (403, 429)]


def test_a_close_after_a_create_keeps_the_spacing_too(hub: Site) -> None:
    """It went out at once, was refused, and the issue stayed open until the next plan."""
    hub.read(FINISHED)
    hub.target()
    hub.box.limits.set({"spacing": 1.0, "speed": 10})
    applied = reconcile.apply_plan(fast(hub.ctx, 10, Pace(spacing=1.0)), "hub")
    assert refused(hub) == []
    assert applied is not None
    assert applied.state == "done"
    assert sorted(issue["state"] for issue in hub.issues().values()) == ["closed"] * 3


def test_a_slow_call_is_counted_from_when_it_had_come_in(hub: Site) -> None:
    """A window was counted from when its first call was sent: the one that was let in a window later came too early."""
    hub.read(SMALL)
    hub.target()
    ctx = fast(hub.ctx, 60, Pace((Limit(3, 60.0),)), late=0.3)
    hub.box.limits.set({"content_per_minute": 3, "speed": 60})
    applied = reconcile.apply_plan(ctx, "hub")
    assert refused(hub) == []
    assert applied is not None
    assert applied.state == "done"
    assert len(hub.issues()) == 3


def test_what_an_earlier_run_wrote_counts_each_write_of_a_step(hub: Site) -> None:
    """Two milestones, and three issues that are closed at once: eight writes, not five, are all that a minute holds."""
    hub.read(FINISHED)
    hub.target()
    ctx = fast(hub.ctx, 60, Pace((Limit(8, 60.0),)))
    began = ctx.now()
    assert reconcile.apply_plan(ctx, "hub") is not None
    hub.read(FINISHED.replace("Foundations", "Grounds").replace("Walls", "Rises"))
    again = reconcile.apply_plan(ctx, "hub", max_percent=100)
    assert again is not None
    assert [outcome.action for outcome in again.outcomes] == ["update", "update"]
    assert ctx.now() - began >= timedelta(seconds=60)
