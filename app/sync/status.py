"""How a programme stands: INTERFACE's status document, from what is stored. Asks no tracker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, PlainSerializer
from sqlmodel import Session

from app.core import progress
from app.core.plan import Ref
from app.core.progress import Count, Health, Progress, Source, State, Unit
from app.core.tree import Milestone, Task, Window
from app.db import mirror, targets, trees
from app.db.models import TargetRow
from app.db.trees import Tree
from app.sync import translate
from app.sync.context import Context
from mappings import roadmap

STALE_AFTER = 3
"""A figure is stale when the last good read is older than this many refresh intervals."""

Utc = Annotated[datetime, PlainSerializer(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str)]


class StepStatus(BaseModel):
    """`state` tells an excluded step from an open one; `done` is true only for done."""

    key: str
    kind: Literal["step"] = "step"
    title: str
    done: bool
    state: State
    url: str | None


class Figures(BaseModel):
    """What every figure comes with. `percent` is truncated to one decimal; null for unknown."""

    percent: float | None
    done: int
    total: int
    excluded: int
    source: Source


class TaskStatus(Figures):
    key: str
    kind: Literal["task"] = "task"
    title: str
    declared_percent: float | None
    state: Literal["open", "closed"]
    note: str | None
    url: str | None
    as_of: Utc
    steps: list[StepStatus]


class WindowStatus(BaseModel):
    start: date | None
    end: date | None
    text: str


class Issues(BaseModel):
    """Tracker issues: Milepost's own that are open and closed, and how many units people added."""

    open: int
    closed: int
    added: int


class MilestoneStatus(Figures):
    key: str
    kind: Literal["milestone"] = "milestone"
    title: str
    declared_percent: float | None
    state: Literal["open", "closed"]
    health: Health
    note: str | None
    window: WindowStatus | None
    expected_percent: float | None
    depends_on: list[str]
    prerequisites: list[str]
    blocked_by: list[str]
    target: str | None
    url: str | None
    as_of: Utc
    stale: bool
    stale_reason: str | None
    issues: Issues
    tasks: list[TaskStatus]


class ProgrammeStatus(Figures):
    """`as_of` is the oldest good read that the figures rest on; times are UTC."""

    programme: str
    title: str
    as_of: Utc
    start: date
    health: Health
    stale: bool
    milestones: list[MilestoneStatus]


@dataclass(slots=True)
class _Reading:
    """What all targets of a programme hold, together, and which of them each milestone goes to."""

    units: list[Unit] = field(default_factory=list)
    epics: dict[str, State] = field(default_factory=dict)
    refs: dict[str, Ref] = field(default_factory=dict)
    closed: dict[str, bool] = field(default_factory=dict)
    issues: dict[str, Counter[str]] = field(default_factory=dict)
    finished: dict[str, date] = field(default_factory=dict)
    targets: dict[str, TargetRow] = field(default_factory=dict)


def _read(session: Session, tree: Tree) -> _Reading:
    reading = _Reading()
    chosen = targets.selection(session, tree.id)
    keys = {number: key for key, number in tree.ids.items()}
    for target in targets.all_of(session, tree.id):
        links = mirror.links(session, target.id, tree)
        measured = translate.measure(mirror.observed(session, target.id), links, tree)
        reading.units += measured.units
        reading.epics |= measured.epics
        reading.refs |= measured.refs
        reading.closed |= measured.closed
        reading.issues |= measured.issues
        reading.finished |= {k: item.closed_at.date() for k, item in measured.finished.items() if item.closed_at}
        reading.targets |= {keys[node]: target for node in chosen[target.id]}
    return reading


def status(ctx: Context, slug: str) -> ProgrammeStatus:
    """The whole programme's status now. Raises ProgrammeUnknown."""
    with ctx.db.read() as session:
        row = trees.get(session, slug)
        tree = trees.load(session, slug)
        reading = _read(session, tree)
    return _View(tree, reading, row.updated_at, ctx.now()).programme()


def figures(ctx: Context, slug: str) -> dict[str, roadmap.Figure]:
    """What `milepost export` writes back: whole percentages of what was measured, by node key. Raises ProgrammeUnknown.

    A milestone that is wholly measured and done gets the day on which its last issue was closed, or of the last read.
    """
    with ctx.db.read() as session:
        tree = trees.load(session, slug)
        reading = _read(session, tree)
    counts = progress.rollup(tree.programme, reading.units, reading.epics).counts
    found: dict[str, roadmap.Figure] = {}
    for milestone in tree.programme.milestones:
        nodes: list[Milestone | Task] = [milestone, *milestone.tasks]
        for node in nodes:
            count = counts[node.key]
            if count.source != "measured" or count.percent is None:
                continue
            day = None
            if node is milestone and count.percent == 100 and _wholly_measured(milestone, counts):
                target = reading.targets.get(milestone.key)
                read = target.last_refresh if target else None
                day = reading.finished.get(milestone.key) or (read or ctx.now()).date()
            found[node.key] = roadmap.Figure(int(count.percent), day)
    return found


def _wholly_measured(milestone: Milestone, counts: Mapping[str, Count]) -> bool:
    return all(counts[task.key].source == "measured" for task in milestone.tasks)


@dataclass(slots=True)
class _View:
    tree: Tree
    reading: _Reading
    imported_at: datetime
    now: datetime
    progress: Progress = field(init=False)
    complete: set[str] = field(init=False)

    def programme(self) -> ProgrammeStatus:
        tree = self.tree.programme
        self.progress = progress.rollup(tree, self.reading.units, self.reading.epics)
        self.complete = {key for key, count in self.progress.counts.items() if count.percent == 100}
        milestones = [self.milestone(milestone) for milestone in tree.milestones]
        windows = [milestone.window for milestone in tree.milestones]
        today = self.now.date()
        whole = self.progress.programme
        health = progress.programme_health(whole, zip((m.health for m in milestones), windows, strict=True), today)
        return ProgrammeStatus(
            programme=self.tree.slug,
            title=tree.title,
            as_of=min((m.as_of for m in milestones), default=self.imported_at),
            start=tree.start,
            health=health,
            stale=any(m.stale for m in milestones),
            milestones=milestones,
            **_figures(whole),
        )

    def milestone(self, milestone: Milestone) -> MilestoneStatus:
        key = milestone.key
        count = self.progress.counts[key]
        target = self.reading.targets.get(key)
        as_of = (target.last_refresh if target else None) or self.imported_at
        stale, why = self._stale(target)
        today = self.now.date()
        closed = self.reading.closed.get(key, milestone.completed)
        own = self.reading.issues.get(key, Counter())
        ref = self.reading.refs.get(key)
        return MilestoneStatus(
            key=key,
            title=milestone.title,
            declared_percent=milestone.declared_percent,
            state="closed" if closed else "open",
            health=progress.health(count, milestone.window, today),
            note=count.note or None,
            window=_window(milestone.window),
            expected_percent=progress.expected_percent(milestone.window, today),
            depends_on=list(milestone.depends_on),
            prerequisites=list(milestone.prerequisites),
            blocked_by=[other for other in milestone.depends_on if self._blocks(other)],
            target=target.name if target else None,
            url=ref.url if ref else None,
            as_of=as_of,
            stale=stale,
            stale_reason=why,
            issues=Issues(open=own["open"], closed=own["closed"], added=self.progress.added[key]),
            tasks=[self.task(task, as_of) for task in milestone.tasks],
            **_figures(count),
        )

    def _blocks(self, key: str) -> bool:
        return key in self.tree.ids and key not in self.complete

    def _stale(self, target: TargetRow | None) -> tuple[bool, str | None]:
        if target is None:
            return False, None
        if target.last_refresh is None:
            return True, target.last_error or "never read"
        if target.pause_reason:
            return True, f"paused, as its {target.pause_reason} were refused: {target.last_error}"
        stale = self.now - target.last_refresh > timedelta(seconds=STALE_AFTER * target.interval_seconds)
        return stale, ((target.last_error or f"last read {target.last_refresh:%Y-%m-%d %H:%M} UTC") if stale else None)

    def task(self, task: Task, as_of: datetime) -> TaskStatus:
        count = self.progress.counts[task.key]
        epic = self.reading.epics.get(task.key)
        ref = self.reading.refs.get(task.key)
        closed = epic in ("done", "excluded") if epic else task.completed
        return TaskStatus(
            key=task.key,
            title=task.title,
            declared_percent=task.declared_percent,
            state="closed" if closed else "open",
            note=count.note or None,
            url=ref.url if ref else None,
            as_of=as_of,
            steps=[self._step(step.key, step.title) for step in task.steps],
            **_figures(count),
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


def _figures(count: Count) -> _FigureFields:
    return {
        "percent": count.percent,
        "done": count.done,
        "total": count.total,
        "excluded": count.excluded,
        "source": count.source,
    }


def _window(window: Window | None) -> WindowStatus | None:
    return None if window is None else WindowStatus(start=window.start, end=window.end, text=window.text)
