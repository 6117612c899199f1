"""A large tree in a tracker, and people who tick its boxes. What a refresh would store is stored; no tracker asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from app.core.plan import Observed
from app.db import mirror, targets
from app.db.engine import Database
from app.sync import history
from app.sync.context import Context
from app.sync.targets import set_state
from benchmarks import generated, importing, standing

BOX, TICKED = "- [ ]", "- [x]"


@dataclass(slots=True)
class Work:
    """The tracker's objects as they are now. Its target is paused, so that a service leaves it alone."""

    ctx: Context
    held: list[Observed]
    last: int = 0

    def tick(self, boxes: int, now: datetime) -> None:
        """So many boxes more are ticked, each in another issue, and read at this moment."""
        changed = [self._next() for _ in range(boxes)]
        with self.ctx.db.write() as session:
            target = targets.get(session, standing.NAME)
            if mirror.keep(session, target.id, changed, full=False) != boxes:
                raise RuntimeError("what was ticked is no change")
            target.last_refresh = target.mirrored_at = now
            session.add(target)
        history.catch_up(replace(self.ctx, now=lambda: now), target.programme_id)

    def _next(self) -> Observed:
        for _ in self.held:
            self.last = (self.last + 1) % len(self.held)
            one = self.held[self.last]
            if BOX in one.description:
                self.held[self.last] = replace(one, description=one.description.replace(BOX, TICKED, 1))
                return self.held[self.last]
        raise RuntimeError("every box is ticked")


def work(db: Database, tasks: int) -> Work:
    """A generated roadmap of so many tasks in a tracker that holds it all, measured through the mirror."""
    ctx = Context(db, now=lambda: generated.NOW)
    importing.take_in(db, generated.document(tasks))
    held = standing.fill(ctx)
    set_state(ctx, standing.NAME, "paused")
    return Work(ctx, held)


@contextmanager
def at_work(url: str, tasks: int) -> Iterator[Work]:
    """The same in a new database there."""
    db = Database(url)
    db.upgrade()
    try:
        yield work(db, tasks)
    finally:
        db.close()
