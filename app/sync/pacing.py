"""How fast a target is written to: the tracker's limits, counted from the journal so that a restart forgets nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.db import journal, targets
from app.sync.context import Context
from connectors.base import Pace


def wait_for(pace: Pace, sent: Sequence[datetime], now: datetime) -> float:
    """Seconds to wait before the next write. `sent` are the times of earlier ones, oldest first. Pure."""
    waits = [0.0]
    if sent and pace.spacing:
        waits.append((sent[-1] - now).total_seconds() + pace.spacing)
    for limit in pace.limits:
        if len(sent) >= limit.count:
            waits.append((sent[-limit.count] - now).total_seconds() + limit.seconds)
    return max(waits)


def next_wait(ctx: Context, target_id: str, limits: Pace) -> float:
    """Seconds until another write is allowed: by the tracker's limits, and by what it asked for itself."""
    window = max([limits.spacing, *(limit.seconds for limit in limits.limits)])
    now = ctx.now()
    with ctx.db.read() as session:
        until = targets.by_id(session, target_id).hold_until
        sent = journal.writes_since(session, target_id, now - timedelta(seconds=window)) if window else []
    held = (until - now).total_seconds() if until else 0.0
    return max(held, wait_for(limits, sent, now))
