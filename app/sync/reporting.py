"""The values that charts, reports and tables are drawn from, out of what is stored. Asks no tracker."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.charts import render, spec
from app.charts.theme import Theme
from app.charts.timeline import Lane
from app.core.defects import aged, burndown
from app.core.forecast import Forecast
from app.core.history import Point, changes
from app.core.outlook import spanned
from app.core.progress import Count, judge
from app.core.tree import Milestone, Window
from app.db import history as stored_history
from app.report import model
from app.report.render import document, html, markdown
from app.report.table import Row
from app.sync import status
from app.sync.context import Context
from app.sync.documents import MilestoneStatus, Outlooked, ProgrammeStatus
from app.sync.history import NodeUnknown
from app.sync.status import Standing

THEMES: tuple[Theme, ...] = ("light", "dark")
USUAL = timedelta(days=7)
"""How far a report looks back unless told."""
DEFECT_DAYS = timedelta(days=365)
"""How far a burndown of defects looks back."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What a burn-up is drawn from. `title` is raw words."""

    title: str
    points: Sequence[Point]
    forecast: Forecast
    window: Window | None
    today: date


def curve(ctx: Context, slug: str, node: str | None = None) -> Curve:
    """Of the programme, or of one milestone. Raises ProgrammeUnknown, NodeUnknown."""
    found = status.standing(ctx, slug)
    today, programme = found.today, found.tree.programme
    if node is None:
        window = spanned(milestone.window for milestone in programme.milestones)
        points = found.outlooks.points.get(None, [])
        return Curve(programme.title, points, found.outlooks.programme.forecast, window, today)
    milestone = _milestone_of(found, node)
    outlook = found.outlooks.milestones[node]
    return Curve(
        f"{node} — {milestone.title}", found.outlooks.points.get(node, []), outlook.forecast, milestone.window, today
    )


@dataclass(frozen=True, slots=True)
class DefectCurve:
    """What a burndown of defects is drawn from: how many were open on the days on which that changed, by severity.

    `severities` are their names, the worst first; none where no profile names any. `title` is raw words.
    """

    title: str
    days: Sequence[spec.OpenDefects]
    severities: Sequence[str]
    today: date


def defect_curve(ctx: Context, slug: str, node: str | None = None) -> DefectCurve:
    """Of the programme, or of one milestone. Raises ProgrammeUnknown, NodeUnknown."""
    found = status.standing(ctx, slug)
    title = found.tree.programme.title if node is None else f"{node} — {_milestone_of(found, node).title}"
    defects = [one for one in found.reading.defects if node is None or one.milestone == node]
    levels = sorted({*found.reading.severities, *(one.severity for one in defects)})
    days: list[spec.OpenDefects] = []
    if defects:
        since = max(min(one.opened for one in defects), found.today - DEFECT_DAYS)
        before: Mapping[int, int] = {}
        for each in burndown(defects, since, found.today):
            days += [
                spec.OpenDefects(each.day, severity_name(level), each.by_severity.get(level, 0))
                for level in levels
                if each.by_severity.get(level, 0) != before.get(level, 0) or not before
            ]
            before = each.by_severity
    return DefectCurve(f"Open defects: {title}", days, [severity_name(level) for level in levels], found.today)


def severity_name(level: int) -> str:
    """How a severity is called where it is shown."""
    return f"severity {level}"


def _milestone_of(found: Standing, key: str) -> Milestone:
    """Raises NodeUnknown."""
    for milestone in found.tree.programme.milestones:
        if milestone.key == key:
            return milestone
    known = ", ".join(found.tree.milestone_keys()[:10])
    raise NodeUnknown(f"{found.tree.slug!r} has no milestone {key!r}", f"there are: {known}" if known else "")


def lanes(found: ProgrammeStatus) -> list[Lane]:
    """The milestones as a timeline shows them."""
    return [
        Lane(
            m.key,
            m.title,
            m.health,
            m.percent,
            m.window.start if m.window else None,
            m.window.end if m.window else None,
            m.window.text if m.window and not m.window.end else "",
            m.baseline_end,
            m.forecast.end_50,
            m.forecast.end_85,
        )
        for m in found.milestones
    ]


def report(ctx: Context, slug: str, since: date | None = None) -> model.Report:
    """Where the programme stands, and what has moved since the end of `since` (a week ago unless told).

    What is older than its first point compares nothing: the report's `since` is None then. Raises ProgrammeUnknown.
    """
    return report_of(ctx, status.standing(ctx, slug), since)


def report_of(ctx: Context, found: Standing, since: date | None = None) -> model.Report:
    """The same, of a standing that was made already."""
    slug, today, document = found.tree.slug, found.today, found.document
    since = since or today - USUAL
    whole_then, then = _stood(ctx, found, since)
    known = since if whole_then is not None and since < today else None
    milestones = []
    for one, milestone in zip(document.milestones, found.tree.programme.milestones, strict=True):
        before = _before(then.get(one.key), milestone.window, since) if known else None
        points = found.outlooks.points.get(one.key, [])
        milestones.append(_milestone(one, before, points, known, today))
    whole = _before(whole_then, spanned(m.window for m in found.tree.programme.milestones), since)
    reading = found.reading
    late = aged(reading.defects, today)
    return model.Report(
        slug=slug,
        made_at=found.now,
        today=today,
        since=known,
        programme=_standing(
            slug,
            document.title,
            None,
            document,
            whole if known else None,
            found.outlooks.points.get(None, []),
            known,
            today,
        ),
        milestones=tuple(milestones),
        finished=tuple(_finished(document, then)) if known else (),
        severities=tuple(model.SeverityCount(each.severity, each.open, each.overdue) for each in document.defects),
        defects=tuple(
            model.OpenDefect(
                each.defect.milestone or "",
                each.defect.title,
                each.defect.url or None,
                each.defect.severity,
                each.age,
                each.over or None,
            )
            for each in late
        ),
        overdue=tuple(
            model.Overdue(each.milestone or "", each.title, each.url or None, each.due, tuple(each.owners))
            for each in document.overdue
        ),
    )


def _stood(ctx: Context, found: Standing, day: date) -> tuple[Point | None, Mapping[str, Point]]:
    """How the programme, and by key its nodes of today, stood at the end of a day; None, or absent, where unknown."""
    with ctx.db.read() as session:
        stored = stored_history.standing(session, found.tree.id, day)
    whole = stored.get(stored_history.WHOLE)
    nodes = {key: stored[node].point for key, node in found.tree.ids.items() if node in stored}
    return whole.point if whole else None, nodes


def _before(point: Point | None, window: Window | None, day: date) -> model.Before | None:
    if point is None:
        return None
    count = Count(point.done, point.total, point.excluded, point.percent, point.source)
    return model.Before(point.percent, point.done, point.total, judge(count, window, day).health)


def _milestone(
    one: MilestoneStatus, before: model.Before | None, points: Sequence[Point], since: date | None, today: date
) -> model.Standing:
    base = _standing(one.key, one.title, one.url, one, before, points, since, today)
    window = model.Span(one.window.text, one.window.start, one.window.end) if one.window else None
    return model.Standing(
        **{
            **{name: getattr(base, name) for name in base.__slots__},
            "declared": one.declared_percent,
            "expected": one.expected_percent,
            "window": window,
            "blocked_by": tuple(one.blocked_by),
            "stale_reason": one.stale_reason or "",
        }
    )


def _standing(
    key: str,
    title: str,
    url: str | None,
    one: Outlooked,
    before: model.Before | None,
    points: Sequence[Point],
    since: date | None,
    today: date,
) -> model.Standing:
    moved = changes(points, since, today) if since and points else None
    stale = one.stale if isinstance(one, MilestoneStatus | ProgrammeStatus) else False
    return model.Standing(
        key=key,
        title=title,
        url=url,
        percent=one.percent,
        done=one.done,
        total=one.total,
        excluded=one.excluded,
        source=one.source,
        health=one.health,
        why=(one.why,) if one.why else (),
        baseline_end=one.baseline_end,
        slip_days=one.slip_days,
        outlook=model.Outlook(one.pace, one.forecast.end_50, one.forecast.end_85, one.forecast.reason or ""),
        stale=stale,
        before=before,
        scope_added=moved.scope_added if moved else 0,
        scope_removed=moved.scope_removed if moved else 0,
    )


def _finished(document: ProgrammeStatus, then: Mapping[str, Point]) -> Iterator[model.Finished]:
    for milestone in document.milestones:
        for task in milestone.tasks:
            point = then.get(task.key)
            if task.percent == 100 and (point is None or point.percent != 100):
                yield model.Finished(task.key, task.title, task.url, None)


def rows(document: ProgrammeStatus) -> Iterator[Row]:
    """The tree as a table has it, in document order."""
    for m in document.milestones:
        window = m.window
        yield Row(
            m.key,
            "milestone",
            "",
            m.title,
            m.percent,
            m.done,
            m.total,
            m.excluded,
            m.source,
            m.declared_percent,
            m.expected_percent,
            m.health,
            window.text if window else "",
            window.start if window else None,
            window.end if window else None,
            m.slip_days,
            m.forecast.end_50,
            m.forecast.end_85,
            " ".join(m.blocked_by),
            m.target or "",
            m.url or "",
        )
        for t in m.tasks:
            yield Row(
                t.key,
                "task",
                m.key,
                t.title,
                t.percent,
                t.done,
                t.total,
                t.excluded,
                t.source,
                t.declared_percent,
                blocked_by=" ".join(t.blocked_by),
                target=m.target or "",
                url=t.url or "",
            )
            for s in t.steps:
                yield Row(
                    s.key, "step", t.key, s.title, done=int(s.done), total=1, target=m.target or "", url=s.url or ""
                )


def rendered(ctx: Context, found: model.Report, form: str) -> str:
    """A report as a file: `md`, `html` (with pictures) or `json`. Raises ProgrammeUnknown."""
    if form == "html":
        return html(found, drawn(ctx, found.slug))
    return markdown(found) if form == "md" else json.dumps(document(found), ensure_ascii=False, indent=2) + "\n"


def drawn(ctx: Context, slug: str) -> list[str]:
    """The pictures of an HTML report: timeline and burn-up, each light and dark, as SVG. Raises ProgrammeUnknown."""
    found, burned = status.standing(ctx, slug), curve(ctx, slug)
    specs = [
        spec.timeline(lanes(found.document), found.today),
        spec.burn_up(burned.points, burned.forecast, burned.window, burned.today, burned.title),
    ]
    return [render.svg(each, theme) for each in specs for theme in THEMES]
