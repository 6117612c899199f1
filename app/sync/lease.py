"""One writer per target: a lease that is renewed as long as its holder lives, and lapses by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.db import targets
from app.sync.context import Context, new_id

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Lease:
    ctx: Context
    target_id: str
    fence: int

    def renew(self) -> None:
        """To be called before every write. Raises TargetBusy when another has taken over."""
        with self.ctx.db.write() as session:
            targets.renew_lease(session, self.target_id, self.fence, SECONDS, self.ctx.now())


@contextmanager
def held(ctx: Context, target_id: str, *, patience: float = 0.0) -> Iterator[Lease]:
    """Hold the target's lease. Raises TargetBusy when another holds it for longer than `patience` seconds."""
    holder = new_id()
    until = time.monotonic() + patience
    while True:
        try:
            with ctx.db.write() as session:
                fence = targets.take_lease(session, target_id, holder, SECONDS, ctx.now())
            break
        except targets.TargetBusy:
            if time.monotonic() >= until:
                raise
            time.sleep(0.1)
    lease = Lease(ctx, target_id, fence)
    try:
        yield lease
    finally:
        with ctx.db.write() as session:
            targets.drop_lease(session, target_id, fence, ctx.now())
