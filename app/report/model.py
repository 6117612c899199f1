"""What a report tells, as values. Whoever makes it (`app.sync`) fills these; renderers read them and nothing else.

Days are days of the programme's time zone. Titles, reasons and names are words that people wrote, raw: each renderer
makes them harmless for what it writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.core.defects import WORST
from app.core.progress import Health, Source

NEXT_DAYS = 14
"""Windows that begin or end within so many days are what comes next."""


@dataclass(frozen=True, slots=True)
class Before:
    """How a node stood at the end of the report's `since` day."""

    percent: float | None
    done: int
    total: int
    health: Health


@dataclass(frozen=True, slots=True)
class Span:
    """A window: as written, and its days where it has any."""

    text: str
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """The forecast of a node: `pace` in units a week, the days of 50 and 85 in 100; `reason` where one is unknown."""

    pace: float | None = None
    end_50: date | None = None
    end_85: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the programme or a milestone stands: the figures of `progress.Count` and what explains them.

    `declared` and `expected` are percentages. `why` gives the reasons of `health` in words. `slip_days` is how much
    later the window ends than at first import, below 0 for earlier. `scope_added` and `scope_removed` are units since
    `since`. `before` is None where nothing is known of that day. `blocked_by` holds keys. `stale_reason` is "" unless
    `stale`.
    """

    key: str
    title: str
    url: str | None
    percent: float | None
    done: int
    total: int
    excluded: int
    source: Source
    health: Health
    why: tuple[str, ...] = ()
    declared: float | None = None
    expected: float | None = None
    window: Span | None = None
    baseline_end: date | None = None
    slip_days: int | None = None
    outlook: Outlook = Outlook()
    blocked_by: tuple[str, ...] = ()
    stale: bool = False
    stale_reason: str = ""
    before: Before | None = None
    scope_added: int = 0
    scope_removed: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """A task or step that was done after `since`."""

    key: str
    title: str
    url: str | None
    day: date | None


@dataclass(frozen=True, slots=True)
class OpenDefect:
    """An open defect; severity 1 is the worst. `over_days`: past its allowed age by so much, None if it isn't."""

    milestone: str
    title: str
    url: str | None
    severity: int
    age_days: int
    over_days: int | None = None


@dataclass(frozen=True, slots=True)
class SeverityCount:
    """Open defects of one severity, and how many of them are past their allowed age."""

    severity: int
    open: int
    over: int = 0


@dataclass(frozen=True, slots=True)
class Overdue:
    """An open task or issue whose own due date has passed."""

    key: str
    title: str
    url: str | None
    due: date
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A programme's report for `today`. `made_at` is UTC. `since` is None for the first one, which compares nothing."""

    slug: str
    made_at: datetime
    today: date
    since: date | None
    programme: Standing
    milestones: tuple[Standing, ...] = ()
    finished: tuple[Finished, ...] = ()
    severities: tuple[SeverityCount, ...] = ()
    defects: tuple[OpenDefect, ...] = ()
    overdue: tuple[Overdue, ...] = ()


@dataclass(frozen=True, slots=True)
class Risk:
    """Something that endangers a milestone: its key, "" for what belongs to none, and a line of words."""

    kind: str
    key: str
    title: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Coming:
    """A window that begins or ends within the coming days."""

    day: date
    begins: bool
    standing: Standing


def moved(report: Report) -> tuple[Standing, ...]:
    """Milestones whose figures, scope or health changed since the last report."""
    return tuple(item for item in report.milestones if report.since and _changed(item))


def _changed(item: Standing) -> bool:
    then = item.before
    if then is None:
        return False
    now = (item.percent, item.done, item.total, item.health)
    return now != (then.percent, then.done, then.total, then.health) or bool(item.scope_added or item.scope_removed)


def newly(report: Report, health: Health) -> tuple[Standing, ...]:
    """Milestones that are of `health` now and weren't at `since`."""
    return tuple(
        item for item in report.milestones if item.health == health and item.before and item.before.health != health
    )


def slips(report: Report) -> tuple[Standing, ...]:
    """Milestones whose window ends on another day than at first import, the most slipped first."""
    slipped = [item for item in report.milestones if item.slip_days]
    return tuple(sorted(slipped, key=lambda item: -(item.slip_days or 0)))


def risks(report: Report) -> tuple[Risk, ...]:
    """What endangers the programme, in this order: late, at risk, blocked, severe defects, no figure, old figures."""
    found: list[Risk] = []
    for kind, health in (("late", "late"), ("at risk", "at_risk")):
        found += [Risk(kind, m.key, m.title, m.why) for m in report.milestones if m.health == health]
    for item in report.milestones:
        if item.blocked_by and item.health != "done":
            found.append(Risk("blocked", item.key, item.title, ("waits for " + ", ".join(item.blocked_by),)))
    for item in report.milestones:
        severe = [defect for defect in report.defects if (defect.milestone, defect.severity) == (item.key, WORST)]
        over = sum(defect.over_days is not None for defect in severe)
        if severe:
            said = f"{len(severe)} open" + (f", {over} past the allowed time" if over else "")
            found.append(Risk("severe defects", item.key, item.title, (said,)))
    for item in report.milestones:
        if item.health == "unknown" or item.percent is None:
            found.append(Risk("unknown", item.key, item.title, item.why))
    for item in report.milestones:
        if item.stale:
            found.append(Risk("stale", item.key, item.title, (item.stale_reason,) if item.stale_reason else ()))
    return tuple(found)


def coming(report: Report) -> tuple[Coming, ...]:
    """Windows that begin or end from today on within `NEXT_DAYS` days, by day, of milestones that aren't done."""
    last = report.today + timedelta(days=NEXT_DAYS)
    found = []
    for item in report.milestones:
        if item.window is None or item.health == "done":
            continue
        for day, begins in ((item.window.start, True), (item.window.end, False)):
            if day is not None and report.today <= day <= last:
                found.append(Coming(day, begins, item))
    return tuple(sorted(found, key=lambda each: (each.day, each.begins)))
