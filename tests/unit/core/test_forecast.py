"""When a node will be done: what is known, what isn't and why, and what may never happen."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.forecast import BAND_DAYS, HORIZON, Forecast, forecast
from app.core.history import Change, Point, at, changes
from app.core.progress import truncated

TODAY = date(2026, 11, 22)
Day = tuple[int, int]
"""Units done and units added on a day."""


def point(day: date, done: int, total: int, source: str = "measured") -> Point:
    percent = truncated(done, total) if total and source != "unknown" else None
    return Point(day, done, total, 0, percent, source)  # type: ignore[arg-type]


def past(days: list[Day], total: int, done: int = 0, until: date = TODAY) -> list[Point]:
    """A point for the day before `days`, and one for each of them on which something changed, the last on `until`."""
    first = until - timedelta(days=len(days))
    points = [point(first, done, total)]
    for number, (more, added) in enumerate(days, 1):
        done, total = done + more, total + added
        if more or added:
            points.append(point(first + timedelta(days=number), done, total))
    return points


def steady(weeks: int, total: int, a_week: int = 3, added: int = 0) -> list[Point]:
    """`a_week` units on each Wednesday."""
    return past([(a_week, added) if day % 7 == 2 else (0, 0) for day in range(7 * weeks)], total)


def test_a_steady_past_ends_on_the_day_that_can_be_counted_out() -> None:
    found = forecast(steady(4, 24), TODAY)  # 12 left, 3 on each Wednesday: the fourth
    assert (found.pace, found.since) == (3.0, TODAY - timedelta(weeks=4))
    assert found.end_50 == found.end_85 == date(2026, 12, 16)
    assert found.reason == ""
    by_day = {each.day: each.middle for each in found.band}
    assert (by_day[TODAY], by_day[date(2026, 11, 24)], by_day[date(2026, 11, 25)]) == (12, 12, 15)
    assert found.band[-1].day == date(2026, 12, 16)
    assert found.band[-1].low == found.band[-1].high == 24


def test_what_was_added_comes_with_the_weeks() -> None:
    """3 done and 1 added a week: 16 left (24 + 4 - 12) shrink by 2 a week, the last of them in the eighth."""
    found = forecast(steady(4, 24, added=1), TODAY)
    assert found.end_50 == found.end_85 == date(2026, 11, 25) + timedelta(weeks=7)
    assert found.band[-1].middle == 28 + 8


def test_scope_that_grows_as_fast_never_ends_and_says_so() -> None:
    found = forecast(steady(4, 24, added=3), TODAY)
    assert (found.pace, found.end_50, found.end_85) == (3.0, None, None)
    assert found.reason == (
        "with 3.0 done a week and 3.0 added, 24 left take more than three years in over half of the simulated futures"
    )
    assert found.band[-1].day == TODAY + timedelta(weeks=HORIZON)


def test_only_the_cautious_end_is_past_the_horizon() -> None:
    """Two weeks of 1 and 3: as likely as not 300 take 150 weeks at 2 a week, but nobody would bet on it."""
    found = forecast(past([(0, 0), (1, 0), *[(0, 0)] * 6, (3, 0), *[(0, 0)] * 5], 304), TODAY)
    assert found.pace == 2.0
    assert found.end_50 is not None
    assert found.end_85 is None
    assert found.reason == (
        "with 2.0 done a week, 300 left take more than three years in over 15 of 100 simulated futures"
    )


def test_the_last_twelve_weeks_decide() -> None:
    found = forecast(steady(30, 200), TODAY)
    assert found.since == TODAY - timedelta(weeks=12)
    recent = forecast(steady(12, 200 - 54), TODAY)
    assert (found.pace, found.end_50, found.end_85) == (recent.pace, recent.end_50, recent.end_85)
    busy_then_slow = past([(5, 0)] * 70 + [(1, 0)] * 84, 1000)
    assert forecast(busy_then_slow, TODAY).pace == 7.0


UNKNOWN = [
    ("no history", [], "nothing of it is measured yet"),
    ("only declared", [point(TODAY, 1, 3, "declared")], "nothing of it is measured yet"),
    ("later than today", [point(TODAY + timedelta(days=1), 1, 3)], "nothing of it is measured yet"),
    ("all dropped by now", [*steady(4, 24), point(TODAY, 0, 0, "unknown")], "nothing of it is measured yet"),
    ("13 days", past([(1, 0)] * 13, 40), "measured for 13 days; a forecast needs 14"),
    ("since today", past([], 40), "measured for 0 days; a forecast needs 14"),
    ("nothing done", past([(0, 0)] * 30, 40), "something was done in 0 of the last 4 weeks; a forecast needs 2"),
    ("once", past([(0, 0)] * 29 + [(9, 0)], 40), "something was done in 1 of the last 4 weeks; a forecast needs 2"),
    ("reopened", past([(2, 0), (-2, 0)] * 7, 40), "in the last 2 weeks as much was reopened as done"),
]


@pytest.mark.parametrize(("reason", "points", "want"), UNKNOWN, ids=[case[0] for case in UNKNOWN])
def test_too_little_to_say(reason: str, points: list[Point], want: str) -> None:
    found = forecast(points, TODAY)
    assert (found.end_50, found.end_85, found.band, found.reason) == (None, None, (), want)


def test_fourteen_days_are_enough() -> None:
    assert forecast(past([(1, 0)] * 14, 40), TODAY).end_85 is not None


def test_only_what_was_measured_counts() -> None:
    measured = steady(4, 24)
    before = [point(TODAY - timedelta(days=60), 0, 24), point(TODAY - timedelta(days=50), 9, 24, "declared")]
    assert forecast([*before, *measured], TODAY) == forecast(measured, TODAY)


def test_a_node_that_is_done_ended_when_it_was_and_nothing_is_simulated() -> None:
    points = [*past([(5, 0), (0, 0), (-1, 0), (1, 0)], 5, until=TODAY - timedelta(days=3))]
    ended = TODAY - timedelta(days=3)  # reopened the day before
    assert forecast(points, TODAY) == Forecast(5.0, TODAY - timedelta(weeks=1), ended, ended, "")


def test_few_weeks_prove_little() -> None:
    """The same pace from more weeks gives a narrower range."""
    week = [(0, 0), (1, 0), (2, 0), (0, 0), (0, 0), (0, 0), (0, 0)]
    slow = [(0, 0), (1, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0)]
    widths = []
    for weeks in (1, 6):
        found = forecast(past((week + slow) * weeks, 100 + 4 * weeks), TODAY)
        assert found.end_50
        assert found.end_85
        widths.append((found.end_85 - found.end_50).days)
    assert widths[1] < widths[0]


def test_no_pace_runs_away() -> None:
    """A thousand units left of a node that does one in a while: bounded by the horizon, and the band by its days."""
    found = forecast(past([(1, 0)] + [(0, 0)] * 40 + [(1, 0)] + [(0, 0)] * 14, 10**6), TODAY)
    assert found.end_50 is None
    assert len(found.band) <= BAND_DAYS


days = st.lists(st.tuples(st.integers(-2, 4), st.integers(-1, 2)), min_size=14, max_size=40)


@settings(max_examples=40, deadline=None)
@given(days, st.integers(10, 60), st.integers(0, 5))
@example([(1, 0), (0, 1)] * 10, 30, 0)
def test_a_forecast_holds_together(moves: list[Day], left: int, seed: int) -> None:
    """The ends are in order and after today, the band too and from what is done now; the same again for the same."""
    points = past([(max(done, 0), added) for done, added in moves], 100 + left, done=50)
    found = forecast(points, TODAY, seed)
    assert found == forecast(list(points), TODAY, seed)
    if found.end_85 is not None and points[-1].percent != 100:
        assert found.end_50 is not None
        assert TODAY < found.end_50 <= found.end_85
        assert found.band[-1].day == found.end_85
    assert bool(found.reason) == (found.end_50 is None or found.end_85 is None)
    assert [each.day for each in found.band] == sorted({each.day for each in found.band})
    assert len(found.band) <= BAND_DAYS
    for each in found.band:
        assert each.low <= each.middle <= each.high
    if found.band:
        assert found.band[0].low == found.band[0].high == points[-1].done


@settings(max_examples=40, deadline=None)
@given(days, st.integers(1, 40), st.integers(0, 10))
def test_less_work_left_never_ends_later(moves: list[Day], left: int, less: int) -> None:
    """Of two nodes with the same past, the one with fewer units left is done no later, and nor are its futures."""
    gone = sum(done for done, _ in moves)
    more = forecast(past(moves, 200 + gone + left + less, done=100), TODAY)
    fewer = forecast(past(moves, 200 + gone + left, done=100), TODAY)
    for long, short in ((more.end_50, fewer.end_50), (more.end_85, fewer.end_85)):
        assert short is not None or long is None
        assert short is None or long is None or short <= long


@given(days, st.integers(0, 60), st.integers(0, 60))
def test_changes_add_up(moves: list[Day], since: int, span: int) -> None:
    """Over any days: added less removed is the change in total, done that in done; and halves add up to the whole."""
    points = past(moves, 500, done=200)
    first = points[0].day
    begin, end = first + timedelta(days=since), first + timedelta(days=since + span)
    found = changes(points, begin, end)
    before, after = at(points, begin), at(points, end)
    assert before
    assert after
    assert found.scope_added - found.scope_removed == after.total - before.total
    assert found.done == after.done - before.done
    middle = first + timedelta(days=since + span // 2)
    halves = changes(points, begin, middle), changes(points, middle, end)
    assert found == Change(
        begin,
        end,
        sum(half.scope_added for half in halves),
        sum(half.scope_removed for half in halves),
        sum(half.done for half in halves),
    )


def test_a_day_without_a_point_stood_as_the_last_before() -> None:
    points = past([(1, 0), (0, 0), (2, 3)], 9)
    first = points[0].day
    assert at(points, first - timedelta(days=1)) is None
    assert [at(points, first + timedelta(days=n)).done for n in range(5)] == [0, 1, 1, 3, 3]  # type: ignore[union-attr]
    everything = changes(points, date.min, date.max)
    assert (everything.scope_added, everything.scope_removed, everything.done) == (3, 0, 3)
    assert changes([], first, TODAY) == Change(first, TODAY, 0, 0, 0)
