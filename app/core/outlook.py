"""How a milestone or a programme stands against its window, its first plan and its own pace, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.core.forecast import Forecast, forecast
from app.core.history import Point, changes
from app.core.progress import Count, Health, Judgement, Likely, expected_percent, judge, judge_programme
from app.core.tree import Window


@dataclass(frozen=True, slots=True)
class Outlook:
    """What managers ask of a node. Days are of the programme's time zone, slips in days, later above 0.

    `expected` is the percentage of the window that has passed. `window_slip` is the window's end against that of the
    first import (the baseline); `slip_50` and `slip_85` are the forecast's ends against the window's. `scope_added` and
    `scope_removed` are units since the first point, whose day is `since`. `difference` is measured less declared, in
    percentage points. All are None where one of the two sides is unknown. `why` is one sentence made of the figures.
    """

    health: Health
    why: str
    expected: float | None
    baseline_end: date | None
    window_slip: int | None
    slip_50: int | None
    slip_85: int | None
    since: date | None
    scope_added: int
    scope_removed: int
    declared: float | None
    measured: float | None
    difference: float | None
    forecast: Forecast


def outlook(
    count: Count,
    window: Window | None,
    baseline: Window | None,
    points: Sequence[Point],
    declared: float | None,
    today: date,
    *,
    severe: int = 0,
    seed: int = 0,
) -> Outlook:
    """A milestone's outlook at the end of `today`.

    `baseline` is its window as first imported; `points` its history (see `history.at`), which may be empty; `declared`
    what the roadmap says (0 to 100); `severe` how many severity-one defects of it are open. Points
    after `today` are left aside.
    """
    future = forecast(points, today, seed)
    verdict = judge(count, window, today, _likely(count, future), severe)
    return _outlook(count, window, baseline, points, declared, today, future, verdict)


def programme_outlook(
    whole: Count,
    milestones: Iterable[tuple[str, Health, Window | None]],
    baselines: Iterable[Window | None],
    points: Sequence[Point],
    declared: float | None,
    today: date,
    *,
    severe: int = 0,
    seed: int = 0,
) -> Outlook:
    """A programme's outlook: its window is from the first start to the last end of its milestones'.

    `milestones` are key, health and window each; `baselines` the windows of the first import, also of milestones that
    were removed since.
    """
    found = list(milestones)
    verdict = judge_programme(whole, found, today, severe)
    window, baseline = spanned(window for _, _, window in found), spanned(baselines)
    return _outlook(whole, window, baseline, points, declared, today, forecast(points, today, seed), verdict)


def spanned(windows: Iterable[Window | None]) -> Window | None:
    """The window from the first start (or end, where none starts earlier) to the last end; None where none ends."""
    dated = [window for window in windows if window is not None and window.end is not None]
    ends = [window.end for window in dated if window.end]
    if not ends:
        return None
    start = min([*ends, *(window.start for window in dated if window.start)])
    return Window(f"{start} – {max(ends)}", start, max(ends))


def _likely(count: Count, future: Forecast) -> Likely | None:
    """What the forecast says of the end; None where it says nothing."""
    if not future.band or future.pace is None:
        return None
    return Likely(future.end_50, count.total - count.done, future.pace)


def _outlook(
    count: Count,
    window: Window | None,
    baseline: Window | None,
    points: Sequence[Point],
    declared: float | None,
    today: date,
    future: Forecast,
    verdict: Judgement,
) -> Outlook:
    end, planned = (window.end if window else None), (baseline.end if baseline else None)
    since = points[0].day if points and points[0].day <= today else None
    moved = changes(points, since, today) if since else None
    measured = count.percent if count.source == "measured" else None
    return Outlook(
        health=verdict.health,
        why=verdict.why,
        expected=expected_percent(window, today),
        baseline_end=planned,
        window_slip=_days(planned, end),
        slip_50=_days(end, future.end_50),
        slip_85=_days(end, future.end_85),
        since=since,
        scope_added=moved.scope_added if moved else 0,
        scope_removed=moved.scope_removed if moved else 0,
        declared=declared,
        measured=measured,
        difference=None if declared is None or measured is None else _minus(measured, declared),
        forecast=future,
    )


def _days(before: date | None, after: date | None) -> int | None:
    return None if before is None or after is None else (after - before).days


def _minus(one: float, other: float) -> float:
    """`one` - `other` as written: 40.0 - 12.1 is 27.9."""
    return float(Decimal(str(one)) - Decimal(str(other)))
