"""Defects by severity, and work with owners and due dates: what is open, how old it is, what is overdue. Pure.

Severity 1 is the worst. All days are of the programme's time zone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

WORST = 1


@dataclass(frozen=True, slots=True)
class Severities:
    """`labels` name a severity each, 1 to n; `days` are how many days a defect of severity 1, 2, … may stay open.

    A severity beyond `days` may stay open for any time.
    """

    labels: Mapping[str, int] = field(default_factory=dict)
    days: tuple[int, ...] = ()

    def of(self, labels: Iterable[str]) -> int | None:
        """The severity of an issue with these labels, the worst of several; None for one that is no defect."""
        return min((self.labels[label] for label in labels if label in self.labels), default=None)

    def allowed(self, severity: int) -> int | None:
        """How many days a defect of that severity may stay open; None for any time."""
        return self.days[severity - 1] if severity <= len(self.days) else None


@dataclass(frozen=True, slots=True)
class Defect:
    """An issue with a severity. `key` is how its tracker calls it ("#45"), `closed` None while it is open.

    `milestone` is the key of the milestone that it belongs to, None for none; `allowed` how many days it may stay open,
    None for any time.
    """

    key: str
    severity: int
    opened: date
    closed: date | None
    url: str
    title: str
    milestone: str | None = None
    allowed: int | None = None

    def is_open(self, day: date) -> bool:
        """Whether it was open at the end of `day`."""
        return self.opened <= day and (self.closed is None or self.closed > day)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many defects of a milestone (None: of none) and a severity were open and closed, and overdue of the open."""

    milestone: str | None
    severity: int
    open: int
    closed: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Aged:
    """An open defect on a day: `age` days old, and `over` what it may be by so many days, 0 if not."""

    defect: Defect
    age: int
    over: int


@dataclass(frozen=True, slots=True)
class DefectDay:
    """Defects at the end of `day`: how many are open (`by_severity` too), and came in and went out on that day."""

    day: date
    open: int
    opened: int
    closed: int
    by_severity: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Owned:
    """An open issue that somebody owns or that is due. `owners` are names as the tracker has them."""

    title: str
    url: str
    owners: tuple[str, ...]
    due: date | None
    milestone: str | None = None


def aged(defects: Iterable[Defect], today: date) -> list[Aged]:
    """The defects that are open on `today`: most overdue first, then the worst, then the oldest."""
    found = []
    for defect in defects:
        if defect.is_open(today):
            age = (today - defect.opened).days
            found.append(Aged(defect, age, 0 if defect.allowed is None else max(0, age - defect.allowed)))
    return sorted(found, key=lambda each: (-each.over, each.defect.severity, -each.age, each.defect.key))


def tallies(defects: Iterable[Defect], today: date) -> list[Tally]:
    """Counts on `today` by milestone (by key, none last) and severity, of those that have a defect at all."""
    opened: Counter[tuple[str | None, int]] = Counter()
    closed: Counter[tuple[str | None, int]] = Counter()
    known = [defect for defect in defects if defect.opened <= today]
    for defect in known:
        (opened if defect.is_open(today) else closed)[defect.milestone, defect.severity] += 1
    late = Counter((each.defect.milestone, each.defect.severity) for each in aged(known, today) if each.over)
    places = sorted(opened.keys() | closed.keys(), key=lambda place: (place[0] is None, place[0] or "", place[1]))
    return [Tally(*place, open=opened[place], closed=closed[place], overdue=late[place]) for place in places]


def severe(defects: Iterable[Defect], today: date) -> Counter[str | None]:
    """How many severity-one defects are open on `today`, by milestone: what keeps it from being done."""
    return Counter(defect.milestone for defect in defects if defect.severity == WORST and defect.is_open(today))


def burndown(defects: Sequence[Defect], since: date, until: date) -> list[DefectDay]:
    """Every day from `since` to `until`, both included. One that is closed on the day it was opened counts in both."""
    came, went = Counter(d.opened for d in defects), Counter(d.closed for d in defects if d.closed)
    change: Counter[tuple[date, int]] = Counter()
    standing: Counter[int] = Counter(d.severity for d in defects if d.is_open(since - timedelta(days=1)))
    for defect in defects:
        if defect.closed is None or defect.closed > defect.opened:
            change[defect.opened, defect.severity] += 1
            if defect.closed:
                change[defect.closed, defect.severity] -= 1
    levels = sorted({defect.severity for defect in defects})
    days = []
    for number in range((until - since).days + 1):
        day = since + timedelta(days=number)
        for level in levels:
            standing[level] += change[day, level]
        by_severity = {level: standing[level] for level in levels}
        days.append(DefectDay(day, sum(by_severity.values()), came[day], went[day], by_severity))
    return days


def overdue(owned: Iterable[Owned], today: date) -> list[Owned]:
    """What was due before `today`, longest overdue first. `owned` are open issues."""
    return sorted((each for each in owned if each.due and each.due < today), key=lambda each: (each.due, each.title))
