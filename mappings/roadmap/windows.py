"""Dating windows: "Weeks 0–2", "Week 2", "Days 1–5", "Month 1", "Q4 2024", a date or a pair of dates."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import date, timedelta

from app.core.tree import Window

_LEAD = r"(?:(?:by|end of|until|due|approx\.?|circa|from|~|≈)\s{0,3}){0,2}"
_TO = r"\s{0,3}(?:[-–—−~→/]|to|through|until|till)\s{0,3}"
_DATE = r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)"
_UNIT = r"(weeks?|wks?|w|days?|months?)"
_COUNTED = re.compile(
    rf"{_LEAD}{_UNIT}[ \t]{{0,3}}(\d{{1,4}})(?!\d)(?:{_TO}(?:{_UNIT}[ \t]{{0,3}})?(\d{{1,4}})(?![\d-]))?", re.IGNORECASE
)
_DATED = re.compile(rf"{_LEAD}{_DATE}(?:{_TO}{_DATE})?", re.IGNORECASE)
_Q = r"(?:q([1-4])[ \t/-]{0,2}(\d{4})|(\d{4})[ \t/-]{0,2}q([1-4]))(?!\d)"
_QUARTER = re.compile(rf"{_LEAD}(?:q([1-4]){_TO}(?=q[1-4]))?{_Q}(?:{_TO}{_Q})?", re.IGNORECASE)
NOTHING = frozenset({"", "-", "–", "—", "n/a", "none"})

Span = tuple[date | None, date | None]


def read_window(text: str, start: date) -> Window:
    """The window that `text` names, `start` being the first day of week 0. Dates stay None where it can't be dated.

    Trailing words ("Weeks 2–3 of the v0.2 cycle") are kept in the text. Numbers count from the start as weeks do:
    "Days 1–5" is start + 1 day to start + 5 days, "Month 1" only ends, at start + 1 month. A quarter is its first to
    its last day. A single date is an end. The caller judges a window whose end comes first.
    """
    kinds: list[tuple[re.Pattern[str], Callable[[re.Match[str], date], Span]]] = [
        (_COUNTED, _counted),
        (_DATED, _dated),
        (_QUARTER, _quarter),
    ]
    for pattern, dates in kinds:
        found = pattern.match(text)
        if found:
            try:
                return Window(text, *dates(found, start))
            except (ValueError, OverflowError):
                return Window(text)
    return Window(text)


def read_date(text: str) -> date | None:
    """The ISO date that `text` begins with, None if there is none such in the calendar."""
    found = re.match(_DATE, text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def _counted(found: re.Match[str], start: date) -> Span:
    unit, first, last_unit, last = found.groups()
    if last is None:
        return None, _after(start, unit, int(first))
    return _after(start, unit, int(first)), _after(start, last_unit or unit, int(last))


def _after(start: date, unit: str, count: int) -> date:
    if unit[0] in "wW":
        return start + timedelta(weeks=count)
    if unit[0] in "dD":
        return start + timedelta(days=count)
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))


def _dated(found: re.Match[str], start: date) -> Span:
    numbers = [int(number) if number else 0 for number in found.groups()]
    first = date(*numbers[:3])
    return (first, date(*numbers[3:])) if found.group(4) else (None, first)


def _quarter(found: re.Match[str], start: date) -> Span:
    from_quarter, *rest = found.groups()
    quarters = [(int(y1 or y2), int(q1 or q2)) for q1, y1, y2, q2 in (rest[:4], rest[4:]) if q1 or q2]
    first = (quarters[0][0], int(from_quarter)) if from_quarter else quarters[0]
    last_year, last = quarters[-1]
    end_month = last * 3
    return date(first[0], first[1] * 3 - 2, 1), date(last_year, end_month, calendar.monthrange(last_year, end_month)[1])
