"""How a programme stood on a day that is over, with the figures, the judgement and the forecast of that day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.sync import past, status
from app.sync.context import Context
from tests.sync.test_history import NOON, At, clock, ctx, db, put, read

__all__ = ["clock", "ctx", "db"]


def test_each_day_keeps_its_figures(ctx: Context, clock: At) -> None:
    first = NOON.date()
    read(ctx)
    put(ctx, first, {None: (0, 4), "M1": (0, 3), "1A": (0, 2)})
    put(ctx, first + timedelta(days=3), {None: (2, 4), "M1": (2, 3), "1A": (2, 2)})
    clock.now = NOON + timedelta(days=10)
    before = past.status_at(ctx, "small", first + timedelta(days=2))
    after = past.status_at(ctx, "small", first + timedelta(days=9))
    assert [(one.percent, one.done, one.total) for one in (before, after)] == [(0.0, 0, 4), (50.0, 2, 4)]
    (one,) = [milestone for milestone in after.milestones if milestone.key == "M1"]
    assert (one.percent, one.done, one.total, one.tasks[0].percent) == (66.6, 2, 3, 100.0)
    assert one.forecast.end_50 is None
    assert one.forecast.reason
    assert status.status(ctx, "small").percent != after.percent, "the trackers say nothing of it: only history does"


def test_what_is_not_known_is_said(ctx: Context) -> None:
    read(ctx)
    with pytest.raises(past.NothingThen, match="nothing of 'small' is known of") as caught:
        past.status_at(ctx, "small", NOON.date() - timedelta(days=1))
    assert str(NOON.date()) in str(caught.value.hint)
    with pytest.raises(past.NothingThen, match="still to come"):
        past.status_at(ctx, "small", NOON.date() + timedelta(days=1))
