"""How a node stands against its window, its first plan and its pace; health says why."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.forecast import forecast
from app.core.history import Point
from app.core.outlook import outlook, programme_outlook, spanned
from app.core.progress import Count, Health, Likely, Source, expected_percent, health, judge, judge_programme, truncated
from app.core.tree import Window

START = date(2026, 11, 2)
END = date(2026, 11, 16)
WINDOW = Window("Weeks 0–2", START, END)
AHEAD = Window("Weeks 4–6", date(2026, 11, 30), date(2026, 12, 14))


def count(done: int, total: int, source: Source = "measured") -> Count:
    return Count(done, total, 0, truncated(done, total) if total and source != "unknown" else None, source)


UNKNOWN = count(0, 4, "unknown")
DEFECT = "all 4 units are done, but 1 severity-one defect is open"
JUDGED: list[tuple[Count, Window | None, int, Likely | None, int, Health, str]] = [
    (count(4, 4), WINDOW, 30, None, 0, "done", "all 4 units are done"),
    (count(1, 1), None, 0, None, 0, "done", "its one unit is done"),
    (Count(0, 0, 0, 100.0, "declared"), None, 0, None, 0, "done", "the roadmap says that it is complete"),
    (count(4, 4), WINDOW, 3, None, 1, "at_risk", DEFECT),
    (count(4, 4), None, 3, None, 2, "at_risk", "all 4 units are done, but 2 severity-one defects are open"),
    (count(4, 4), WINDOW, 15, None, 1, "late", f"its window ended on 2026-11-16, 1 day ago, {DEFECT}"),
    (count(3, 10), WINDOW, 22, None, 0, "late", "its window ended on 2026-11-16, 8 days ago, with 30.0 % done"),
    (UNKNOWN, WINDOW, 15, None, 0, "late",
     "its window ended on 2026-11-16, 1 day ago; nothing of it is measured or declared"),
    (count(2, 5), None, 1, None, 0, "unknown", "40.0 % done; it has no window"),
    (count(2, 5), Window("Q3"), 1, None, 0, "unknown", "40.0 % done; its window “Q3” can't be dated"),
    (UNKNOWN, WINDOW, 1, None, 0, "unknown", "nothing of it is measured or declared; its window ends on 2026-11-16"),
    (count(2, 5), WINDOW, 10, None, 0, "at_risk", "40.0 % done where 71.4 % of the window has passed"),
    (count(2, 5), WINDOW, 7, None, 0, "on_track", "40.0 % done where 50.0 % of the window has passed"),
    (count(2, 5), WINDOW, 7, None, 9, "on_track", "40.0 % done where 50.0 % of the window has passed"),
    (count(2, 5, "declared"), WINDOW, 7, None, 0, "on_track", "40.0 % declared where 50.0 % of the window has passed"),
    (count(0, 5), AHEAD, 0, None, 0, "on_track", "0.0 % done; its window starts on 2026-11-30"),
    (count(2, 5), Window("Week 2", None, END), 3, None, 0, "on_track", "40.0 % done; its window ends on 2026-11-16"),
    (count(2, 5), WINDOW, 7, Likely(END, 3, 2.5), 0, "on_track", "40.0 % done where 50.0 % of the window has passed"),
    (count(2, 5), WINDOW, 7, Likely(END + timedelta(days=6), 12, 3.0), 0, "at_risk",
     "12 units left at 3.0 a week end on 2026-11-22, 6 days after its window"),
    (count(2, 5), WINDOW, 7, Likely(END + timedelta(days=1), 1, 0.5), 0, "at_risk",
     "1 unit left at 0.5 a week end on 2026-11-17, 1 day after its window"),
    (count(2, 5), WINDOW, 7, Likely(None, 3, 0.1), 0, "at_risk",
     "3 units left at 0.1 a week take more than three years; its window ends on 2026-11-16"),
]  # fmt: skip


@pytest.mark.parametrize(("counted", "window", "days", "likely", "severe", "want", "why"), JUDGED)
def test_health_says_why(
    counted: Count, window: Window | None, days: int, likely: Likely | None, severe: int, want: Health, why: str
) -> None:
    found = judge(counted, window, START + timedelta(days=days), likely, severe)
    assert (found.health, found.why) == (want, why)


@given(st.integers(0, 9), st.integers(0, 9), st.sampled_from([None, WINDOW, AHEAD, Window("Q3")]), st.integers(0, 60))
def test_health_by_count_and_window_is_the_same_rule(done: int, more: int, window: Window | None, days: int) -> None:
    today = START + timedelta(days=days)
    counted = count(done, done + more)
    assert health(counted, window, today) == judge(counted, window, today).health
    worse = judge(counted, window, today, Likely(None, more, 1.0), 1).health
    assert worse != "done"


def programme(*states: str) -> list[tuple[str, Health, Window | None]]:
    return [(f"M{n}", state, WINDOW) for n, state in enumerate(states, 1)]  # type: ignore[misc]


def test_a_programme_says_why() -> None:
    during, after = date(2026, 11, 9), date(2026, 11, 18)
    half, whole = count(5, 10), count(10, 10)

    def told(counted: Count, states: tuple[str, ...], today: date = during, severe: int = 0) -> tuple[Health, str]:
        found = judge_programme(counted, programme(*states), today, severe)
        return found.health, found.why

    assert told(whole, ("done", "done")) == ("done", "100.0 % done; all 2 milestones are done")
    assert told(whole, ("done",), severe=1) == (
        "at_risk",
        "all 10 units are done, but 1 severity-one defect is open",
    )
    assert told(half, ("done", "late"), after) == (
        "late",
        "the last window ended on 2026-11-16, 2 days ago, with 50.0 % done",
    )
    assert told(half, ("late", "late", "at_risk", "done")) == (
        "at_risk",
        "of 4 milestones 2 late (M1, M2) and 1 at risk (M3)",
    )
    assert told(half, ("on_track", "unknown")) == ("on_track", "50.0 % done; no milestone is late or at risk")
    assert told(UNKNOWN, ("unknown",)) == ("unknown", "nothing of it is measured or declared")


def points(done: int, total: int, weeks: int = 4) -> list[Point]:
    """One unit a day on the first `done` days, the scope one more on the second day and two fewer on the third."""
    first = date(2026, 11, 9) - timedelta(weeks=weeks)
    scope = [total + 1, total + 2, total, *[total] * 60]
    return [
        Point(first + timedelta(days=n), n, scope[n], 0, truncated(n, scope[n]), "measured") for n in range(done + 1)
    ]


def test_an_outlook_holds_the_plan_the_word_and_the_pace_side_by_side() -> None:
    today = date(2026, 11, 9)
    planned = Window("Weeks 0–1", START, date(2026, 11, 9))
    found = outlook(count(20, 50), WINDOW, planned, points(20, 50), 12.1, today)
    assert (found.expected, found.baseline_end, found.window_slip) == (50.0, planned.end, 7)
    assert (found.scope_added, found.scope_removed) == (1, 2)
    assert found.since == points(20, 50)[0].day
    assert (found.declared, found.measured, found.difference) == (12.1, 40.0, 27.9)
    assert found.forecast.pace == 5.0
    assert found.forecast.end_50
    assert found.forecast.end_85
    assert found.slip_50 == (found.forecast.end_50 - END).days
    assert found.slip_85 == (found.forecast.end_85 - END).days
    assert found.health == "at_risk"
    assert found.why.startswith(f"30 units left at 5.0 a week end on {found.forecast.end_50}")


def test_what_is_not_known_is_none() -> None:
    found = outlook(count(1, 4, "declared"), None, None, [], None, START)
    assert (found.expected, found.window_slip, found.slip_50, found.slip_85, found.since) == (None,) * 5
    assert (found.declared, found.measured, found.difference) == (None, None, None)
    assert (found.scope_added, found.scope_removed) == (0, 0)
    assert found.forecast.reason == "nothing of it is measured yet"
    ahead = [Point(START + timedelta(days=1), 1, 4, 0, 25.0, "measured")]
    assert outlook(count(1, 4), None, None, ahead, 30.0, START).since is None
    assert outlook(count(1, 4), None, None, ahead, 30.0, START).difference == -5.0


def test_defects_keep_a_milestone_and_a_programme_from_being_done() -> None:
    done = count(4, 4)
    assert outlook(done, WINDOW, WINDOW, [], None, START).health == "done"
    assert outlook(done, WINDOW, WINDOW, [], None, START, severe=1).why == DEFECT
    assert programme_outlook(done, programme("done"), [WINDOW], [], None, START).health == "done"
    assert programme_outlook(done, programme("done"), [WINDOW], [], None, START, severe=1).health == "at_risk"


def test_a_programme_is_held_against_all_of_its_windows() -> None:
    milestones: list[tuple[str, Health, Window | None]] = [("M1", "on_track", WINDOW), ("M2", "on_track", AHEAD)]
    found = programme_outlook(count(1, 4), milestones, [WINDOW, None], [], None, date(2026, 11, 23))
    assert found.expected == expected_percent(Window("", START, AHEAD.end), date(2026, 11, 23)) == 50.0
    assert found.window_slip == 28
    assert spanned([None, Window("Q3")]) is None
    only_ends = spanned([Window("Week 2", None, END), Window("Weeks 3–4", END + timedelta(days=7), AHEAD.end)])
    assert only_ends
    assert only_ends == Window("2026-11-16 – 2026-12-14", END, AHEAD.end)


def test_the_forecast_is_that_of_the_points_and_the_seed() -> None:
    today, uneven = date(2026, 11, 9), points(20, 50)
    for seed in (0, 5):
        want = forecast(uneven, today, seed)
        assert outlook(count(20, 50), WINDOW, None, uneven, None, today, seed=seed).forecast == want
        found = programme_outlook(count(20, 50), programme("on_track"), [], uneven, 50.0, today, seed=seed)
        assert found.forecast == want
        assert (found.scope_added, found.scope_removed, found.difference) == (1, 2, -10.0)
    assert outlook(count(20, 50), WINDOW, None, uneven, None, today).forecast == forecast(uneven, today)
    assert programme_outlook(count(20, 50), [], [], uneven, None, today).forecast == forecast(uneven, today)
    assert forecast(uneven, today, 0).end_85 != forecast(uneven, today, 5).end_85, "else nothing is shown above"
