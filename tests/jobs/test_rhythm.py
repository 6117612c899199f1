"""When a target is read again: its interval, how busy it is, failures, and those who wait for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.db.models import TargetRow
from app.settings import Settings
from app.sync.rhythm import USUAL, Rhythm, due_at
from app.sync.status import STALE_AFTER

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
EVEN = Rhythm(quickest=1.0, slowest=1.0, jitter=0.0)
CALM = Rhythm(quickest=0.5, slowest=2.0, jitter=0.0)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def target(**values: object) -> TargetRow:
    row = TargetRow(id="t", programme_id=1, name="hub", kind="github", path="a/b", base_url="", profile="github")
    for name, value in values.items():
        setattr(row, name, value)
    return row


@pytest.mark.parametrize(
    ("reason", "values", "waiting", "want"),
    [
        ("never read", {}, False, 0),
        ("read long ago", {"last_refresh": ago(400)}, False, -100),
        ("read lately", {"last_refresh": ago(100)}, False, 200),
        ("failed lately: not before its interval", {"tried_at": ago(10), "failures": 3}, False, 290),
        (
            "read well after it failed",
            {"last_refresh": ago(10), "tried_at": ago(500), "failures": 0},
            False,
            290,
        ),
        ("deliveries wait", {"last_refresh": ago(1)}, True, 0),
        ("deliveries wait, never read", {}, True, 0),
        ("someone asked", {"last_refresh": ago(1), "asked_at": ago(0)}, False, 0),
        ("deliveries wait, failed once", {"tried_at": ago(1), "failures": 1}, True, 1),
        ("deliveries wait, failed thrice", {"tried_at": ago(1), "failures": 3}, True, 7),
        ("deliveries wait, failing for long: at the interval", {"tried_at": ago(1), "failures": 99}, True, 299),
        ("the tracker asked for patience", {"hold_until": ago(-50)}, True, 50),
        ("its patience is over", {"hold_until": ago(50), "last_refresh": ago(1)}, True, 0),
        ("a clock was set back", {"last_refresh": ago(-1000)}, False, 0),
        ("a clock was set back while it failed", {"tried_at": ago(-1000), "failures": 2}, True, 0),
    ],
)
def test_when_a_target_is_due(reason: str, values: dict[str, object], waiting: bool, want: float) -> None:
    due = due_at(target(**values), EVEN, waiting=waiting, now=NOW)
    assert max((due - NOW).total_seconds(), min(want, 0)) == want, reason


@pytest.mark.parametrize(
    ("quiet", "part"), [(0, 0.5), (1, 1.0), (2, 1.25), (3, 1.5625), (4, 1.953125), (5, 2.0), (1000, 2.0)]
)
def test_busy_targets_are_read_more_often_and_quiet_ones_less(quiet: int, part: float) -> None:
    assert CALM.part(quiet) == part
    due = due_at(target(last_refresh=NOW, quiet=quiet), CALM, waiting=False, now=NOW)
    assert (due - NOW).total_seconds() == 300 * part


def test_a_failing_target_is_neither_busy_nor_quiet() -> None:
    for quiet in (0, 50):
        due = due_at(target(tried_at=NOW, failures=1, quiet=quiet), CALM, waiting=False, now=NOW)
        assert (due - NOW).total_seconds() == 300


def test_the_jitter_spreads_targets_within_its_limits_and_every_process_says_the_same() -> None:
    rows = [target(id=f"t{number}", last_refresh=NOW, quiet=1) for number in range(200)]
    seconds = [(due_at(row, USUAL, waiting=False, now=NOW) - NOW).total_seconds() for row in rows]
    assert 270 <= min(seconds) < 280 < 320 < max(seconds) <= 330
    assert seconds == [(due_at(row, USUAL, waiting=False, now=NOW) - NOW).total_seconds() for row in rows]


def test_no_setting_makes_a_healthy_target_stale() -> None:
    field = Settings.model_fields["interval_slowest"]
    (most,) = [limit.le for limit in field.metadata if hasattr(limit, "le")]
    assert most * (1 + USUAL.jitter) < STALE_AFTER
    assert USUAL.slowest == field.default
