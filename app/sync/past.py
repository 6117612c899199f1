"""How a programme stood on a day that is over, from its history. Steps have no history of their own."""

from __future__ import annotations

from datetime import date

from app.core.errors import MilepostError
from app.core.history import Point
from app.core.outlook import outlook, programme_outlook
from app.core.progress import Count, Health
from app.core.tree import Milestone
from app.sync import history, status
from app.sync.context import Context
from app.sync.documents import Figures, ForecastStatus
from app.sync.history import Past
from app.sync.status import Standing, figures_of


class NothingThen(MilepostError):
    """A day of which nothing is known."""

    type = "nothing-then"
    status = 404


class PastFigures(Figures):
    """`declared_percent` is what the roadmap said that day."""

    key: str
    title: str
    declared_percent: float | None


class PastTask(PastFigures):
    """A task as it stood."""


class PastMilestone(PastFigures):
    """A milestone as it stood: judged by the window that it has now, and forecast from what was known that day."""

    health: Health
    why: str
    forecast: ForecastStatus
    tasks: list[PastTask]


class PastStatus(Figures):
    """A programme at the end of `at`, a day of its time zone. Nodes of today's tree that had a figure by then."""

    programme: str
    title: str
    at: date
    time_zone: str
    health: Health
    why: str
    milestones: list[PastMilestone]


def status_at(ctx: Context, slug: str, day: date) -> PastStatus:
    """How it stood at the end of `day`. Raises ProgrammeUnknown, NothingThen."""
    now = status.standing(ctx, slug)
    if day > now.today:
        raise NothingThen(f"{day} is still to come: it is {now.today} there", "give a day that is over, or today")
    past = history.at(ctx, slug, day)
    if past.programme is None:
        first = next(iter(now.outlooks.points.get(None, [])), None)
        since = f"the first figures are of {first.day}" if first else "no figures are kept yet"
        raise NothingThen(f"nothing of {slug!r} is known of {day}", since)
    there = [milestone for milestone in now.tree.programme.milestones if milestone.key in past.nodes]
    milestones = [_milestone(now, past, milestone) for milestone in there]
    whole = programme_outlook(
        _count(past.programme),
        [(found.key, found.health, milestone.window) for found, milestone in zip(milestones, there, strict=True)],
        now.outlooks.baselines.values(),
        now.outlooks.points.get(None, []),
        past.programme.declared,
        day,
    )
    return PastStatus(
        programme=slug,
        title=now.document.title,
        at=day,
        time_zone=past.time_zone,
        health=whole.health,
        why=whole.why,
        milestones=milestones,
        **figures_of(_count(past.programme)),
    )


def _milestone(now: Standing, past: Past, milestone: Milestone) -> PastMilestone:
    point, points = past.nodes[milestone.key], now.outlooks.points.get(milestone.key, [])
    baseline = now.outlooks.baselines.get(now.tree.ids[milestone.key])
    found = outlook(_count(point), milestone.window, baseline, points, point.declared, past.day)
    tasks = [
        PastTask(
            key=task.key,
            title=task.title,
            declared_percent=past.nodes[task.key].declared,
            **figures_of(_count(past.nodes[task.key])),
        )
        for task in milestone.tasks
        if task.key in past.nodes
    ]
    future = found.forecast
    return PastMilestone(
        key=milestone.key,
        title=milestone.title,
        declared_percent=point.declared,
        health=found.health,
        why=found.why,
        forecast=ForecastStatus(end_50=future.end_50, end_85=future.end_85, reason=future.reason or None),
        tasks=tasks,
        **figures_of(_count(point)),
    )


def _count(point: Point) -> Count:
    return Count(point.done, point.total, point.excluded, point.percent, point.source)
