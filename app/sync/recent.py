"""What changed in a programme in the last days: tasks finished, figures that moved, scope, windows. Asks no tracker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from app.core import versions
from app.core.versions import Fresh
from app.db import trees
from app.db import versions as rows
from app.report import model
from app.sync import reporting, zones
from app.sync.context import Context
from app.sync.status import Standing
from mappings import roadmap


@dataclass(frozen=True, slots=True)
class Slipped:
    """A milestone whose window ends on another day than it did. `days` is above 0 for later. `title` is raw words."""

    key: str
    title: str
    before: date
    now: date

    @property
    def days(self) -> int:
        return (self.now - self.before).days


@dataclass(frozen=True, slots=True)
class Recent:
    """What changed after the end of `since`.

    `known` is False where nothing was recorded by then, and everything else is empty; `first` is the day of the first
    figures there are. `slipped` is None where the roadmap of that day can't be read any more.
    """

    since: date
    known: bool
    first: date | None
    programme: model.Standing
    finished: tuple[model.Finished, ...]
    moved: tuple[model.Standing, ...]
    slipped: tuple[Slipped, ...] | None

    @property
    def anything(self) -> bool:
        whole, then = self.programme, self.programme.before
        same = then is None or (whole.percent, whole.done, whole.total) == (then.percent, then.done, then.total)
        return bool(self.finished or self.moved or self.slipped or self.slipped is None or not same)


def recent(ctx: Context, found: Standing, since: date | None = None) -> Recent:
    """Of a standing that was made already, and kept with it; `since` is a week ago unless told."""
    day = since or found.today - reporting.USUAL
    with ctx.kept.shelf(found.tree.slug) as shelf:
        return shelf.part("recent", (found.stamp, day), lambda: _recent(ctx, found, day))


def _recent(ctx: Context, found: Standing, since: date) -> Recent:
    told = reporting.report_of(ctx, found, since)
    first = next(iter(found.outlooks.points.get(None, [])), None)
    return Recent(
        since,
        told.since is not None,
        first.day if first else None,
        told.programme,
        told.finished,
        model.moved(told),
        _slipped(ctx, found, since) if told.since else (),
    )


def _slipped(ctx: Context, found: Standing, since: date) -> tuple[Slipped, ...] | None:
    """By the roadmap of that day: what is stored of a milestone's window is the first one and the last."""
    with ctx.db.read() as session:
        row = trees.get(session, found.tree.slug)
        then = rows.before(session, found.tree.id, zones.end_of(since, row.time_zone))
        if then is None or then.number == trees.version_number(session, row):
            return ()
        known = rows.milestones(session, found.tree.id)
        source, start = then.source, then.start
    try:
        fresh, ends = _windows(source, start)
    except roadmap.RoadmapRefused:
        return None
    was = {node: ends.get(key) for key, node in versions.match(known, fresh).items()}
    slipped = []
    for milestone in found.tree.programme.milestones:
        before, now = was.get(found.tree.ids[milestone.key]), milestone.window.end if milestone.window else None
        if before and now and before != now:
            slipped.append(Slipped(milestone.key, milestone.title, before, now))
    return tuple(sorted(slipped, key=lambda one: -one.days))


@lru_cache(maxsize=8)
def _windows(source: bytes, start: date) -> tuple[list[Fresh], Mapping[str, date]]:
    """The milestones of a roadmap, and by key the days on which their windows end. Raises RoadmapRefused."""
    programme = roadmap.read(source, start=start, max_bytes=len(source)).programme
    ends = {m.key: m.window.end for m in programme.milestones if m.window and m.window.end}
    return [node for node in versions.flatten(programme) if node.kind == "milestone"], ends
