"""INTERFACE's status document, and what it is made of."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, PlainSerializer

from app.core.progress import Health, Source, State

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
    owners: list[str]
    due: date | None
    blocked_by: list[str]
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


class Scope(BaseModel):
    """Units that came and went since the first point of history, `since`."""

    since: date | None
    added: int
    removed: int


class ForecastStatus(BaseModel):
    """The days by which half, and 85 of 100, of the simulated futures are done; `reason` where one is unknown."""

    end_50: date | None
    end_85: date | None
    reason: str | None


class SeverityStatus(BaseModel):
    severity: int
    open: int
    closed: int
    overdue: int


class OverdueIssue(BaseModel):
    """An open issue whose due date has passed. `owners` are names as the tracker has them."""

    milestone: str | None
    title: str
    url: str
    due: date
    owners: list[str]


class Outlooked(Figures):
    """What explains the figures, all of it on docs/progress.md. Days are of the programme's time zone.

    `why` gives the reason of `health`. `difference` is measured less declared, in percentage points. `slip_days` is how
    much later the window ends than when it was first imported (`baseline_end`). `pace` is in units a week.
    """

    health: Health
    why: str
    difference: float | None
    baseline_end: date | None
    slip_days: int | None
    scope: Scope
    pace: float | None
    forecast: ForecastStatus
    defects: list[SeverityStatus]


class MilestoneStatus(Outlooked):
    key: str
    kind: Literal["milestone"] = "milestone"
    title: str
    declared_percent: float | None
    state: Literal["open", "closed"]
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


class ProgrammeStatus(Outlooked):
    """`as_of` is the oldest good read that the figures rest on; times are UTC.

    `critical_path` are keys of open milestones, the first that must be done first. `warnings` tell of windows that
    begin too early, of circles, and of profiles that can't be read.
    """

    programme: str
    title: str
    as_of: Utc
    start: date
    time_zone: str
    stale: bool
    critical_path: list[str]
    warnings: list[str]
    overdue: list[OverdueIssue]
    milestones: list[MilestoneStatus]
