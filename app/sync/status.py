"""How a programme stands: INTERFACE's status document, from what is stored. Asks no tracker."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypedDict

from sqlmodel import Session

from app.core import progress
from app.core.defects import Defect, Owned, overdue, tallies
from app.core.outlook import Outlook
from app.core.plan import Observed, Ref
from app.core.progress import Count, Health, Progress, Source, State, Unit
from app.core.tree import Milestone, Task, Window
from app.db import mirror, targets, trees
from app.db.models import ProgrammeRow, TargetRow
from app.db.trees import Tree
from app.sync import outlooks, quality, translate, zones
from app.sync.context import Context
from app.sync.documents import (
    ForecastStatus,
    Issues,
    MilestoneStatus,
    OverdueIssue,
    ProgrammeStatus,
    Scope,
    SeverityStatus,
    StepStatus,
    TaskStatus,
    WindowStatus,
)
from app.sync.kept import Shelf
from app.sync.outlooks import Outlooks
from app.sync.translate import Measured
from mappings import profile, roadmap

STALE_AFTER = 3
"""A figure is stale when the last good read is older than this many refresh intervals."""


@dataclass(slots=True)
class Reading:
    """What all targets of a programme hold, together, and which of them each milestone goes to.

    `by` and `tasks` as in `translate.Measured`: which issue each unit, and each task's state, comes from.
    """

    units: list[Unit] = field(default_factory=list)
    by: list[Observed | None] = field(default_factory=list)
    epics: dict[str, State] = field(default_factory=dict)
    tasks: dict[str, Observed] = field(default_factory=dict)
    refs: dict[str, Ref] = field(default_factory=dict)
    closed: dict[str, bool] = field(default_factory=dict)
    issues: dict[str, Counter[str]] = field(default_factory=dict)
    finished: dict[str, date] = field(default_factory=dict)
    targets: dict[str, str] = field(default_factory=dict)  # milestone -> the id of its target
    severities: dict[int, int | None] = field(default_factory=dict)  # -> days allowed, the fewest of several profiles
    defects: list[Defect] = field(default_factory=list)
    owned: list[Owned] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def measured(session: Session, tree: Tree, zone: str = "UTC") -> Reading:
    """What the programme's trackers were last seen to hold, in the tree's words. `zone`: where its days are."""
    reading = Reading()
    chosen = targets.selection(session, tree.id)
    keys = {number: key for key, number in tree.ids.items()}
    for target in targets.all_of(session, tree.id):
        links, observed = mirror.links(session, target.id, tree), mirror.observed(session, target.id)
        found = translate.measure(observed, links, tree)
        _judged_by_profile(reading, target, found, quality.homed(observed, links, tree), zone)
        reading.by += found.by
        reading.tasks |= found.tasks
        reading.epics |= found.epics
        reading.refs |= found.refs
        reading.closed |= found.closed
        reading.issues |= found.issues
        reading.finished |= {k: item.closed_at.date() for k, item in found.finished.items() if item.closed_at}
        reading.targets |= {keys[node]: target.id for node in chosen[target.id]}
    return reading


def _judged_by_profile(
    reading: Reading, target: TargetRow, found: Measured, items: Sequence[tuple[Observed, str]], zone: str
) -> None:
    """Weigh a target's units, and tell its defects, as its profile says; a profile that is gone says nothing."""
    reading.owned += quality.owned(items)
    try:
        options = profile.load(target.profile)
    except profile.BadProfile as error:
        reading.warnings.append(f"units of {target.name} weigh one each, and its defects are not told: {error.message}")
        reading.units += found.units
        return
    weighs = options.progress.weight != "count"
    reading.units += quality.weighed(found, options.progress) if weighs else found.units
    severities = options.defects.severities()
    if severities.labels:
        for severity in severities.labels.values():
            days = [d for d in (severities.allowed(severity), reading.severities.get(severity)) if d is not None]
            reading.severities[severity] = min(days, default=None)
        reading.defects += quality.defects(items, severities, zone)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a programme's figures are at one revision, `row`'s. They are shared: whoever reads them changes nothing."""

    row: ProgrammeRow
    tree: Tree
    reading: Reading
    progress: Progress


@dataclass(frozen=True, slots=True)
class Standing:
    """A programme's status now, and what it was made from. `today` is a day of the programme's time zone; `stamp` is
    another one whenever anything of this is.
    """

    document: ProgrammeStatus
    tree: Tree
    reading: Reading
    outlooks: Outlooks
    now: datetime
    today: date
    stamp: Hashable


@dataclass(frozen=True, slots=True)
class Answer:
    """A status as JSON. `tag` is another one only when more than the time of the last read is another."""

    body: bytes
    tag: str
    as_of: datetime


def status(ctx: Context, slug: str) -> ProgrammeStatus:
    """The whole programme's status now. Raises ProgrammeUnknown."""
    return standing(ctx, slug).document


def standing(ctx: Context, slug: str) -> Standing:
    """The same, with what it was made from; all of it is shared, and not to be changed. Raises ProgrammeUnknown."""
    with ctx.kept.shelf(slug) as shelf, ctx.db.read() as session:
        return _standing(ctx, session, shelf, slug)


def answer(ctx: Context, slug: str) -> Answer:
    """The status in bytes, which are made once for as long as it is the same. Raises ProgrammeUnknown."""
    with ctx.kept.shelf(slug) as shelf, ctx.db.read() as session:
        found = _standing(ctx, session, shelf, slug)
        document = found.document
        body = shelf.part("body", found.stamp, lambda: document.model_dump_json().encode())
        tag = shelf.part("tag", found.stamp, lambda: tag_of(document))
    return Answer(body, tag, document.as_of)


def tag_of(document: ProgrammeStatus | MilestoneStatus) -> str:
    """A short name of what a document says, whenever it was read."""
    task: Any = {"as_of": True}
    milestone = task | {"tasks": {"__all__": task}}
    apart = milestone if isinstance(document, MilestoneStatus) else task | {"milestones": {"__all__": milestone}}
    return hashlib.sha256(document.model_dump_json(exclude=apart).encode()).hexdigest()[:32]


def figures(ctx: Context, slug: str) -> Figures:
    """What is counted, without judging it. Raises ProgrammeUnknown."""
    with ctx.kept.shelf(slug) as shelf, ctx.db.read() as session:
        row = trees.get(session, slug)
        return _figures(session, shelf, row, targets.all_of(session, row.id))[0]


def _figures(session: Session, shelf: Shelf, row: ProgrammeRow, rows: Sequence[TargetRow]) -> tuple[Figures, Hashable]:
    """With the stamp of what they rest on. A profile is a file, of which no revision tells; and a programme that was
    removed and is imported again may have the revision, and the id, that it had.
    """
    stamp = (row.id, row.created_at, row.revision, row.title, row.time_zone, tuple(_profile(target) for target in rows))

    def make() -> Figures:
        tree = trees.load(session, row.slug)
        reading = measured(session, tree, row.time_zone)
        shelf.lines = len(tree.ids) + len(reading.units)
        return Figures(row, tree, reading, progress.rollup(tree.programme, reading.units, reading.epics))

    return shelf.part("figures", stamp, make), stamp


def _profile(target: TargetRow) -> tuple[str, str]:
    try:
        return target.name, repr(profile.load(target.profile))
    except profile.BadProfile as error:
        return target.name, error.message


def _standing(ctx: Context, session: Session, shelf: Shelf, slug: str) -> Standing:
    row = trees.get(session, slug)
    rows = targets.all_of(session, row.id)
    counted, stamp = _figures(session, shelf, row, rows)
    now = ctx.now()
    today = zones.day_of(now, row.time_zone)
    tree, reading = counted.tree, counted.reading
    stamp = (stamp, today)
    judged = shelf.part(
        "outlooks", stamp, lambda: outlooks.outlooks(session, tree, counted.progress, reading.defects, today)
    )
    reads = {target.id: _Read.of(target, now) for target in rows}
    stamp = (stamp, row.updated_at, tuple(reads.items()))
    document = shelf.part(
        "document", stamp, lambda: _View(tree, reading, counted.progress, judged, row, reads, today).programme()
    )
    return Standing(document, tree, reading, judged, now, today, stamp)


def exported(ctx: Context, slug: str) -> dict[str, roadmap.Figure]:
    """What `milepost export` writes back: whole percentages of what was measured, by node key. Raises ProgrammeUnknown.

    A milestone that is wholly measured and done gets the day on which its last issue was closed, or of the last read.
    """
    there = figures(ctx, slug)
    tree, reading, counts = there.tree, there.reading, there.progress.counts
    with ctx.db.read() as session:
        reads = {target.id: target.last_refresh for target in targets.all_of(session, tree.id)}
    found: dict[str, roadmap.Figure] = {}
    for milestone in tree.programme.milestones:
        nodes: list[Milestone | Task] = [milestone, *milestone.tasks]
        for node in nodes:
            count = counts[node.key]
            if count.source != "measured" or count.percent is None:
                continue
            day = None
            if node is milestone and count.percent == 100 and _wholly_measured(milestone, counts):
                read = reads.get(reading.targets.get(milestone.key, ""))
                day = reading.finished.get(milestone.key) or (read or ctx.now()).date()
            found[node.key] = roadmap.Figure(int(count.percent), day)
    return found


def _wholly_measured(milestone: Milestone, counts: Mapping[str, Count]) -> bool:
    return all(counts[task.key].source == "measured" for task in milestone.tasks)


@dataclass(frozen=True, slots=True)
class _Read:
    """What is told of a target's last read."""

    name: str
    last: datetime | None
    stale: bool
    why: str | None

    @classmethod
    def of(cls, target: TargetRow, now: datetime) -> _Read:
        last = target.last_refresh
        if last is None:
            return cls(target.name, None, True, target.last_error or "never read")
        if target.pause_reason:
            why = f"paused, as its {target.pause_reason} were refused: {target.last_error}"
            return cls(target.name, last, True, why)
        stale = now - last > timedelta(seconds=STALE_AFTER * target.interval_seconds)
        why = target.last_error or f"last read {last:%Y-%m-%d %H:%M} UTC"
        return cls(target.name, last, stale, why if stale else None)


@dataclass(slots=True)
class _View:
    """`reads` by target id."""

    tree: Tree
    reading: Reading
    progress: Progress
    outlooks: Outlooks
    row: ProgrammeRow
    reads: Mapping[str, _Read]
    today: date
    tallies: Mapping[str | None, list[SeverityStatus]] = field(init=False)

    def programme(self) -> ProgrammeStatus:
        tree = self.tree.programme
        self.tallies = self._tallies()
        milestones = [self.milestone(milestone) for milestone in tree.milestones]
        found = self.outlooks.waiting
        circles = [f"{' waits for '.join([*keys, keys[0]])}: a circle" for keys in found.circles]
        return ProgrammeStatus(
            programme=self.tree.slug,
            title=tree.title,
            as_of=min((m.as_of for m in milestones), default=self.row.updated_at),
            start=tree.start,
            time_zone=self.row.time_zone,
            stale=any(m.stale for m in milestones),
            critical_path=[stage.key for stage in found.path],
            warnings=[*self.reading.warnings, *map(str, found.too_early), *circles],
            overdue=[
                OverdueIssue(milestone=o.milestone, title=o.title, url=o.url, due=o.due, owners=list(o.owners))
                for o in overdue(self.reading.owned, self.today)
                if o.due
            ],
            milestones=milestones,
            defects=self.tallies.get(None, []),
            **figures_of(self.progress.programme),
            **_outlook(self.outlooks.programme),
        )

    def milestone(self, milestone: Milestone) -> MilestoneStatus:
        key = milestone.key
        count = self.progress.counts[key]
        read = self.reads.get(self.reading.targets.get(key, ""))
        as_of = (read.last if read else None) or self.row.updated_at
        found = self.outlooks.milestones[key]
        closed = self.reading.closed.get(key, milestone.completed)
        own = self.reading.issues.get(key, Counter())
        ref = self.reading.refs.get(key)
        return MilestoneStatus(
            key=key,
            title=milestone.title,
            declared_percent=milestone.declared_percent,
            state="closed" if closed else "open",
            note=count.note or None,
            window=_window(milestone.window),
            expected_percent=found.expected,
            depends_on=list(milestone.depends_on),
            prerequisites=list(milestone.prerequisites),
            blocked_by=list(self.outlooks.waiting.nodes[key].blocked_by),
            target=read.name if read else None,
            url=ref.url if ref else None,
            as_of=as_of,
            stale=read.stale if read else False,
            stale_reason=read.why if read else None,
            issues=Issues(open=own["open"], closed=own["closed"], added=self.progress.added[key]),
            tasks=[self.task(task, as_of) for task in milestone.tasks],
            defects=self.tallies.get(key, []),
            **figures_of(count),
            **_outlook(found),
        )

    def _tallies(self) -> dict[str | None, list[SeverityStatus]]:
        """By milestone; under None those of all together."""
        found: dict[str | None, list[SeverityStatus]] = {}
        whole: dict[int, SeverityStatus] = {}
        for one in tallies(self.reading.defects, self.today):
            figures = {"severity": one.severity, "open": one.open, "closed": one.closed, "overdue": one.overdue}
            found.setdefault(one.milestone, []).append(SeverityStatus(**figures))
            sum_ = whole.setdefault(one.severity, SeverityStatus(severity=one.severity, open=0, closed=0, overdue=0))
            sum_.open += one.open
            sum_.closed += one.closed
            sum_.overdue += one.overdue
        return found | {None: [whole[severity] for severity in sorted(whole)]}

    def task(self, task: Task, as_of: datetime) -> TaskStatus:
        count = self.progress.counts[task.key]
        epic = self.reading.epics.get(task.key)
        ref = self.reading.refs.get(task.key)
        closed = epic in ("done", "excluded") if epic else task.completed
        issue = self.reading.tasks.get(task.key)
        return TaskStatus(
            key=task.key,
            title=task.title,
            declared_percent=task.declared_percent,
            state="closed" if closed else "open",
            note=count.note or None,
            url=ref.url if ref else None,
            owners=list(issue.assignees) if issue else [],
            due=issue.due if issue else None,
            blocked_by=list(self.outlooks.waiting.nodes[task.key].blocked_by),
            as_of=as_of,
            steps=[self._step(step.key, step.title) for step in task.steps],
            **figures_of(count),
        )

    def _step(self, key: str, title: str) -> StepStatus:
        state = self.progress.steps[key]
        ref = self.reading.refs.get(key)
        return StepStatus(key=key, title=title, done=state == "done", state=state, url=ref.url if ref else None)


class _FigureFields(TypedDict):
    percent: float | None
    done: int
    total: int
    excluded: int
    source: Source


def figures_of(count: Count) -> _FigureFields:
    return {
        "percent": count.percent,
        "done": count.done,
        "total": count.total,
        "excluded": count.excluded,
        "source": count.source,
    }


class _OutlookFields(TypedDict):
    health: Health
    why: str
    difference: float | None
    baseline_end: date | None
    slip_days: int | None
    scope: Scope
    pace: float | None
    forecast: ForecastStatus


def _outlook(found: Outlook) -> _OutlookFields:
    future = found.forecast
    return {
        "health": found.health,
        "why": found.why,
        "difference": found.difference,
        "baseline_end": found.baseline_end,
        "slip_days": found.window_slip,
        "scope": Scope(since=found.since, added=found.scope_added, removed=found.scope_removed),
        "pace": future.pace,
        "forecast": ForecastStatus(end_50=future.end_50, end_85=future.end_85, reason=future.reason or None),
    }


def _window(window: Window | None) -> WindowStatus | None:
    return None if window is None else WindowStatus(start=window.start, end=window.end, text=window.text)
