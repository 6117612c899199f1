"""What issues say beside their counts: defects by severity, whose they are, and when they are due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction

from app.core.defects import Defect, Owned, Severities
from app.core.plan import Link, Observed
from app.core.progress import Unit, Weight
from app.db.trees import Tree
from app.sync import translate, zones
from app.sync.translate import Measured
from mappings.profile import ProgressOptions


def homed(observed: Sequence[Observed], links: Sequence[Link], tree: Tree) -> list[tuple[Observed, str]]:
    """Every issue that belongs to a milestone, with that milestone's key: linked, under its task, or put into it."""
    home = translate.homes(tree.programme)
    linked = {link.ref.identity: link for link in links if link.ref and not link.archived}
    found = []
    for item in observed:
        if item.ref.shape == "milestone":
            continue
        link = linked.get(item.ref.identity) or (linked.get(("item", item.parent)) if item.parent else None)
        if link is None and item.milestone:
            link = linked.get(("milestone", item.milestone))
        if link is not None:
            found.append((item, link.key if link.kind == "milestone" else home[link.key]))
    return found


def defects(items: Sequence[tuple[Observed, str]], severities: Severities, zone: str) -> list[Defect]:
    """Those with a severity label whose beginning the tracker tells. Days are of the programme's time zone."""
    found = []
    for item, milestone in items:
        severity = severities.of(item.labels)
        if severity is not None and item.created_at is not None:
            closed = _closed(item, zone)
            opened = zones.day_of(item.created_at, zone)
            key, allowed = f"#{item.ref.number}", severities.allowed(severity)
            found.append(Defect(key, severity, opened, closed, item.ref.url, item.title, milestone, allowed))
    return found


def weighed(found: Measured, options: ProgressOptions) -> list[Unit]:
    """The units with what they weigh by their issues. A step that says nothing of it, as a line of a checklist does,
    has its share of what its task's issue says; where that is silent too, it weighs 1.
    """
    said = [options.weigh(by.labels, by.estimate) if by else None for by in found.by]
    silent = Counter(unit.under for unit, own in zip(found.units, said, strict=True) if unit.step and own is None)
    shares: dict[str, Weight] = {}
    for task, number in silent.items():
        issue = found.tasks.get(task)
        whole = options.weigh(issue.labels, issue.estimate) if issue else None
        shares[task] = 1 if whole is None else Fraction(whole) / number
    return [
        replace(unit, weight=own if own is not None else shares[unit.under] if unit.step else 1)
        for unit, own in zip(found.units, said, strict=True)
    ]


def _closed(item: Observed, zone: str) -> date | None:
    if item.state == "open":
        return None
    moment: datetime | None = item.closed_at or item.updated_at or item.created_at
    return zones.day_of(moment, zone) if moment else None


def owned(items: Sequence[tuple[Observed, str]]) -> list[Owned]:
    """Open issues that somebody owns or that are due."""
    return [
        Owned(item.title, item.ref.url, item.assignees, item.due, milestone)
        for item, milestone in items
        if item.state == "open" and (item.assignees or item.due)
    ]
