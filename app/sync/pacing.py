"""How fast a target is written to: the tracker's limits, counted from the journal so that a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.db import journal, targets
from app.db.journal import Sent
from app.sync.context import Context
from connectors.base import Pace


def wait_for(pace: Pace, sent: Sequence[Sent], now: datetime, writes: int = 1) -> float:
    """Seconds to wait before a step that takes so many writes. `sent` are the earlier ones. Pure.

    The spacing lies between when two are sent. A limit is held to as the tracker counts, by when they come in: a slow
    one counts from its answer on, since a fast one that follows a window later would come in too early.
    """
    waits = [0.0]
    if sent and pace.spacing:
        waits.append((max(one.at for one in sent) - now).total_seconds() + pace.spacing)
    came = sorted(one.by for one in sent)
    for limit in pace.limits:
        room = max(0, limit.count - writes)
        if len(came) > room:
            waits.append((came[len(came) - room - 1] - now).total_seconds() + limit.seconds)
    return max(waits)


def next_wait(ctx: Context, target_id: str, limits: Pace, writes: int = 1) -> float:
    """Seconds until a step of so many writes is allowed: by the tracker's limits, and by what it asked for itself."""
    window = max([limits.spacing, *(limit.seconds for limit in limits.limits)])
    now = ctx.now()
    with ctx.db.read() as session:
        until = targets.by_id(session, target_id).hold_until
        sent = journal.writes_since(session, target_id, now - timedelta(seconds=window)) if window else []
    held = (until - now).total_seconds() if until else 0.0
    return max(held, wait_for(limits, sent, now, writes))
