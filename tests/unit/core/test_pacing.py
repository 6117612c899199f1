"""The pace of writes, from when earlier ones were sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.journal import Sent
from app.sync.pacing import wait_for
from connectors.base import Limit, Pace

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
GITHUB = Pace((Limit(80, 60), Limit(500, 3600)), spacing=1.0)


def ago(*seconds: float, took: float = 0.0) -> list[Sent]:
    times = sorted(NOW - timedelta(seconds=s) for s in seconds)
    return [Sent(at, at + timedelta(seconds=took)) for at in times]


@pytest.mark.parametrize(
    ("reason", "pace", "sent", "want"),
    [
        ("no limits", Pace(), ago(0, 0, 0), 0.0),
        ("nothing sent", GITHUB, [], 0.0),
        ("just sent", GITHUB, ago(0), 1.0),
        ("part of the spacing is over", GITHUB, ago(0.25), 0.75),
        ("the spacing is over", GITHUB, ago(1), 0.0),
        ("one below the limit", Pace((Limit(3, 60),)), ago(5, 4), 0.0),
        ("at the limit: until the oldest is out of its window", Pace((Limit(3, 60),)), ago(50, 4, 3), 10.0),
        ("the oldest is out just now", Pace((Limit(3, 60),)), ago(60, 4, 3), 0.0),
        ("only the last ones count", Pace((Limit(2, 60),)), ago(59, 58, 20, 10), 40.0),
        ("the strictest limit holds", Pace((Limit(2, 10), Limit(3, 60))), ago(30, 4, 3), 30.0),
        ("the spacing lies between when two are sent", GITHUB, ago(0.9, took=0.8), 0.1),
        ("what took long came in late", Pace((Limit(3, 60),)), ago(61, 4, 3, took=2), 1.0),
        ("a clock that was set back", Pace(spacing=1.0), ago(-5), 6.0),
    ],
)
def test_wait(reason: str, pace: Pace, sent: list[Sent], want: float) -> None:
    assert wait_for(pace, sent, NOW) == pytest.approx(want), reason


@pytest.mark.parametrize(("writes", "want"), [(1, 0.0), (2, 10.0), (3, 56.0), (4, 57.0), (9, 57.0)])
def test_a_step_of_several_writes_waits_until_all_fit(writes: int, want: float) -> None:
    assert wait_for(Pace((Limit(4, 60),)), ago(50, 4, 3), NOW, writes) == pytest.approx(want)


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_window_ever_holds_more_than_its_limit(pauses: list[float]) -> None:
    pace = Pace((Limit(5, 20), Limit(12, 100)), spacing=0.5)
    now, sent = NOW, list[Sent]()
    for pause in pauses:
        now += timedelta(seconds=pause)
        now += timedelta(seconds=wait_for(pace, sent, now))
        assert wait_for(pace, sent, now) == pytest.approx(0, abs=1e-5)
        sent.append(Sent(now, now))
    for limit in pace.limits:
        for first, later in zip(sent, sent[limit.count :], strict=False):
            assert (later.at - first.at).total_seconds() >= limit.seconds - 1e-4
