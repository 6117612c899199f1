"""When a node will be done, from its past pace: a seeded Monte Carlo simulation. Pure.

The past is cut into whole weeks back from today. A future is made of such weeks, drawn at random and put one after the
other, until no work is left; what was added to the scope in a week comes with it. Weeks are drawn rather than days, so
that week-ends stay what they are and a busy week stays busy. Each future first draws which of the past weeks it knows
of (as many as there are, with repetition): few weeks prove little, and the range shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import pairwise, takewhile
from operator import add, getitem, sub
from random import Random

from app.core.history import Point, at, changes

FUTURES = 400
LOOK_BACK = 12
"""Weeks of the past that are looked at, at most."""
AT_LEAST = 2
"""Weeks of the past that there must be, and of them those in which something was done."""
HORIZON = 156
"""Weeks into the future, three years, that are looked at."""
KEPT = 2048
"""Forecasts that are kept: whoever asks for a status again on the same day, with the same past, simulates nothing."""
BAND_DAYS = 30
"""Days of the band, at most."""


@dataclass(frozen=True, slots=True)
class BandDay:
    """Where `done` will be at the end of `day`: in 15, 50 and 85 of 100 simulated futures at or below these units."""

    day: date
    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a node will be done, from its past pace. Dates are days of the programme's time zone.

    `pace` is units a week over the days looked at (`since` to today), None where there is too little to say.
    `end_50`, `end_85`: the day by which half, and 85 of 100, of the simulated futures are done; None past the horizon
    or where unknown. `reason` says why something is unknown, "" where nothing is. `band` is empty where unknown.
    """

    pace: float | None
    since: date | None
    end_50: date | None
    end_85: date | None
    reason: str
    band: tuple[BandDay, ...] = ()


@dataclass(frozen=True, slots=True)
class _Week:
    """A week of the past, after each of its days: what was done since it began, and how much less work was left.

    The two differ by what was added to the scope. `most` is the largest of `burnt`.
    """

    done: tuple[int, ...]
    burnt: tuple[int, ...]
    most: int


@dataclass(frozen=True, slots=True)
class _Lived:
    """A week of all futures, by their place: what was done as it began, and which week (its place) each drew.

    `ending` has, for those that are done in this week, what was done of it after each day.
    """

    done: list[int]
    drew: list[int]
    ending: dict[int, tuple[int, ...]]


_REST = _Week((0,) * 7, (0,) * 7, 0)
"""What a future draws once it is done."""


def forecast(points: Sequence[Point], today: date, seed: int = 0) -> Forecast:
    """When a node whose past is `points` (in order, see `history.at`) will be done. The same for the same arguments.

    Only the days since it has been measured without a break count. A node that is done already ended on the day since
    which it has been. Nothing is simulated, and `reason` says why, where fewer than two whole weeks were measured,
    something was done in fewer than two of those looked at, or as much was reopened as done.
    """
    now = at(points, today)
    if now is None or now.source != "measured" or now.percent is None:
        return Forecast(None, None, None, None, "nothing of it is measured yet")
    past = _measured(points, today)
    days = (today - past[0].day).days
    weeks = min(days // 7, LOOK_BACK)
    since = today - timedelta(weeks=weeks) if weeks else None
    pace = changes(past, since, today).done / weeks if since else None
    if now.percent == 100:
        ended = _done_since(past)
        return Forecast(pace, since, ended, ended, "")
    if since is None or pace is None or weeks < AT_LEAST:
        return Forecast(None, None, None, None, f"measured for {days} days; a forecast needs {7 * AT_LEAST}")
    known = _weeks(past, since, weeks)
    busy = sum(any(later > before for before, later in pairwise((0, *week.done))) for week in known)
    if busy < AT_LEAST:
        reason = f"something was done in {busy} of the last {weeks} weeks; a forecast needs {AT_LEAST}"
        return Forecast(pace, since, None, None, reason)
    if pace <= 0:
        return Forecast(pace, since, None, None, f"in the last {weeks} weeks as much was reopened as done")
    return _simulated(now, tuple(known), pace, today, seed)


def _measured(points: Sequence[Point], today: date) -> list[Point]:
    """The points up to `today` since which it has been measured without a break. There is one at least."""
    found: list[Point] = []
    for point in reversed(points):
        if point.day <= today:
            if point.source != "measured":
                break
            found.append(point)
    return found[::-1]


def _done_since(past: Sequence[Point]) -> date:
    """The day since which it has been done."""
    return [point.day for point in takewhile(lambda point: point.percent == 100, reversed(past))][-1]


def _weeks(past: Sequence[Point], since: date, weeks: int) -> list[_Week]:
    stood = at(past, since) or past[0]
    by_day = {point.day: point for point in past}
    found = []
    for week in range(weeks):
        before, done, burnt = stood, [], []
        for day in range(1, 8):
            stood = by_day.get(since + timedelta(days=7 * week + day), stood)
            done.append(stood.done - before.done)
            burnt.append(done[-1] - (stood.total - before.total))
        found.append(_Week(tuple(done), tuple(burnt), max(burnt)))
    return found


@lru_cache(KEPT)
def _simulated(now: Point, known: tuple[_Week, ...], pace: float, today: date, seed: int) -> Forecast:
    weeks = (*known, _REST)
    ends, lived = _futures(now, weeks, seed)
    ends.sort()
    end_50, end_85 = (_day(today, ends[_nth(share)]) if len(ends) > _nth(share) else None for share in (50, 85))
    reason = ""
    if end_85 is None:
        grown = sum(week.done[-1] - week.burnt[-1] for week in known) / len(known)
        scope = f" and {grown:.1f} added" if grown > 0 else ""
        chance = "half of the" if end_50 is None else "15 of 100"
        reason = (
            f"with {pace:.1f} done a week{scope}, {now.total - now.done} left"
            f" take more than three years in over {chance} simulated futures"
        )
    last = ends[_nth(85)] if end_85 else 7 * HORIZON
    since = today - timedelta(weeks=len(known))
    return Forecast(pace, since, end_50, end_85, reason, _band(now, weeks, lived, last, today))


def _futures(now: Point, weeks: Sequence[_Week], seed: int) -> tuple[list[int], list[_Lived]]:
    """In how many days each future is done, of those that are, and their weeks until 85 of 100 are done.

    `weeks` are those to draw from, and _REST. Each future has its own draws, whatever becomes of the others, so that
    with less work left none of them ends later. By columns, as a loop over futures would take five times as long.
    """
    rng = Random(seed)  # noqa: S311 -- a simulation, no secret
    many = len(weeks) - 1
    first = _draw(rng, many, FUTURES * many)
    knows = [first[n : n + many] for n in range(0, FUTURES * many, many)]
    resting = bytes([many]) * many
    whole_done, whole_burnt = [week.done[6] for week in weeks], [week.burnt[6] for week in weeks]
    most = max(week.most for week in weeks)
    done, left = [now.done] * FUTURES, [now.total - now.done] * FUTURES
    ends: list[int] = []
    lived: list[_Lived] = []
    while len(ends) <= _nth(85) and len(lived) < HORIZON:
        drew = list(map(getitem, knows, _draw(rng, many, FUTURES)))
        ending = {}
        for n in [n for n, units in enumerate(left) if units <= most]:
            week = weeks[drew[n]]
            if left[n] <= week.most:
                day = next(day for day, burnt in enumerate(week.burnt) if burnt >= left[n])
                final = week.done[day] - (week.burnt[day] - left[n])  # no more than there is to do
                ending[n] = week.done[:day] + (final,) * (7 - day)
                ends.append(7 * len(lived) + day + 1)
        lived.append(_Lived(done, drew, ending))
        done = list(map(add, done, map(whole_done.__getitem__, drew)))
        left = list(map(sub, left, map(whole_burnt.__getitem__, drew)))
        for n, during in ending.items():
            done[n], left[n], knows[n] = lived[-1].done[n] + during[6], most + 1, resting
    return ends, lived


def _nth(share: int) -> int:
    """Where in the sorted futures the value stands that `share` of 100 are at or below."""
    return -(-FUTURES * share // 100) - 1


def _draw(rng: Random, sides: int, many: int) -> bytes:
    """`many` draws of 0 to `sides` - 1 (at most 255), each as likely. A hundred times as fast as `rng.choice`."""
    table, over = _die(sides)
    found = b""
    while len(found) < many:
        found += rng.randbytes(many - len(found) + 16).translate(table, over)
    return found[:many]


@cache
def _die(sides: int) -> tuple[bytes, bytes]:
    """Which side each byte is, and the bytes beyond the last whole round of sides, which don't count."""
    return bytes(i % sides for i in range(256)), bytes(range(256 - 256 % sides, 256))


def _band(now: Point, weeks: Sequence[_Week], lived: Sequence[_Lived], last: int, today: date) -> tuple[BandDay, ...]:
    """The band from today to `last` days on, on evenly spaced days that include both."""
    stride = -(-last // (BAND_DAYS - 1))
    band = [BandDay(today, now.done, now.done, now.done)]
    by_day = list(zip(*(week.done for week in weeks), strict=True))
    for days in sorted({*range(stride, last, stride), last}):
        number, day = divmod(days - 1, 7)
        lives = lived[number]
        done = list(map(add, lives.done, map(by_day[day].__getitem__, lives.drew)))
        for n, during in lives.ending.items():
            done[n] = lives.done[n] + during[day]
        done.sort()
        band.append(BandDay(_day(today, days), *(done[_nth(share)] for share in (15, 50, 85))))
    return tuple(band)


def _day(today: date, days: int) -> date:
    return today + timedelta(days=days)
