"""A target's deliveries as people see them: listed, tried again, discarded; and those that never came in."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from app.core.errors import MilepostError
from app.db import deliveries, targets
from app.db.deliveries import State
from app.db.models import DeliveryRow, TargetRow
from app.sync.context import Context, webhook_secret
from app.sync.reconcile import opened
from app.sync.rhythm import USUAL, due_at

log = logging.getLogger(__name__)

LOOKED_BACK = timedelta(days=3)
"""How far back missed deliveries are looked for: GitHub forgets older ones, GitLab after a week."""
OVERLAP = timedelta(minutes=15)
"""How much of what was looked through before is looked through again: trackers keep their own time, and are late."""


def as_json(row: DeliveryRow, target: TargetRow, now: datetime) -> dict[str, Any]:
    """A delivery as commands and the API show it. Times are UTC."""
    due = None
    if row.state == "waiting" and target.state == "active":
        due = due_at(target, USUAL, waiting=True, now=now)
    return {
        "id": row.id,
        "target": target.name,
        "delivery": row.delivery_id,
        "event": row.event,
        "state": row.state,
        "attempts": row.attempts,
        "received_at": _utc(row.received_at),
        "handled_at": _utc(row.handled_at),
        "next_try_at": _utc(due),
        "error": row.error or None,
    }


def _utc(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def listed(ctx: Context, name: str, *, limit: int, state: State | None = None) -> list[dict[str, Any]]:
    """A target's deliveries, newest first. Raises TargetUnknown."""
    with ctx.db.read() as session:
        target = targets.get(session, name)
        rows = deliveries.listed(session, target.id, limit, state=state)
        return [as_json(row, target, ctx.now()) for row in rows]


def retry(ctx: Context, number: int) -> dict[str, Any]:
    """Let a delivery wait again, and its target be read at once. Raises DeliveryUnknown, DeliveryHandled."""
    now = ctx.now()
    with ctx.db.write() as session:
        row = deliveries.retry(session, number)
        target = targets.by_id(session, row.target_id)
        target.failures, target.tried_at = 0, None
        session.add(target)
        return as_json(row, target, now)


def discard(ctx: Context, number: int) -> dict[str, Any]:
    """Let a delivery ask for nothing any more. Raises DeliveryUnknown, DeliveryHandled."""
    with ctx.db.write() as session:
        row = deliveries.discard(session, number)
        return as_json(row, targets.by_id(session, row.target_id), ctx.now())


def replay(ctx: Context, target_id: str) -> int:
    """Look in the tracker's own list for deliveries that did not arrive, and take them in as if they had; gives how
    many are new here. The next refresh answers them.

    Never raises for the tracker: without a right to the list nothing is lost, as every full refresh finds the same.
    """
    now = ctx.now()
    with ctx.db.read() as session:
        target = targets.find(session, target_id)
    if target is None or not replayable(target) or (target.hold_until and target.hold_until > now):
        return 0
    since = now - LOOKED_BACK
    if target.replayed_at is not None:
        since = max(since, target.replayed_at - OVERLAP)
    try:
        with opened(ctx, target) as connector:
            missed = list(connector.missed_deliveries(target.hook_id, since))
    except MilepostError as error:
        log.warning("missed deliveries of %s can't be looked for: %s", target.name, error.message)
        return 0
    new = 0
    with ctx.db.write() as session:
        row = targets.find(session, target_id)
        if row is None:
            return 0
        for delivery in missed:
            new += deliveries.keep_missed(
                session, target_id, delivery.id, delivery.event, now, relevant=delivery.relevant
            )
        row.replayed_at = now
        session.add(row)
    if new:
        log.info("%d deliveries of %s had not arrived; a refresh answers them", new, target.name)
    return new


def replayable(target: TargetRow) -> bool:
    """Whether Milepost knows the target's webhook, and would have taken its calls."""
    return bool(target.hook_id) and target.state == "active" and webhook_secret(target) is not None
