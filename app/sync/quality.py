"""What issues say beside their counts: defects by severity, whose they are, and when they are due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from app.core.defects import Defect, Owned, Severities
from app.core.plan import Link, Observed
from app.db.trees import Tree
from app.sync import translate, zones


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
            found.append(Defect(f"#{item.ref.number}", severity, opened, closed, item.ref.url, item.title, milestone))
    return found


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
