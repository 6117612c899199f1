"""Whether what pages show of a programme has changed: a few numbers of the database as one short token."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import func, select
from sqlmodel import Session, col

from app.db.deliveries import OPEN
from app.db.models import DeliveryRow, ProgrammeRow, RunRow, TargetRow


def tokens(session: Session, slugs: Collection[str]) -> dict[str, str]:
    """A token for each of these programmes that there is: another one as soon as its figures, the last read or the
    state of a target, the progress of a run or its open deliveries are not what they were.

    Four queries, whatever the size of the programmes: they rest on programmes, targets, runs and open deliveries.
    """
    programme, target, run, delivery = ProgrammeRow, TargetRow, RunRow, DeliveryRow
    titles = session.execute(
        select(col(programme.slug), col(programme.title), col(programme.time_zone), col(programme.revision)).where(
            col(programme.slug).in_(slugs)
        )
    )
    found: dict[str, list[str]] = defaultdict(list)
    for slug, *values in titles:
        found[slug].append(repr(values))
    within = select(col(programme.id)).where(col(programme.slug).in_(slugs))
    rows = session.execute(
        select(
            col(target.id),
            col(programme.slug),
            col(target.last_refresh),
            col(target.last_error),
            col(target.state),
            col(target.pause_reason),
        )
        .join(programme, col(programme.id) == col(target.programme_id))
        .where(col(target.programme_id).in_(within))
        .order_by(col(target.id))
    ).all()
    of = {}
    for target_id, slug, *more in rows:
        of[target_id] = slug
        found[slug].append(repr((target_id, more)))
    steps = func.sum(col(run.done) + col(run.failed) + col(run.skipped))
    runs = session.execute(
        select(col(run.target_id), func.max(run.started_at), func.max(run.finished_at), steps, func.count())
        .where(col(run.target_id).in_(of))
        .group_by(col(run.target_id))
        .order_by(col(run.target_id))
    )
    for target_id, *numbers in runs:
        found[of[target_id]].append(repr((target_id, numbers)))
    calls = session.execute(
        select(col(delivery.target_id), col(delivery.state), func.count())
        .where(col(delivery.target_id).in_(of), col(delivery.state).in_(OPEN))
        .group_by(col(delivery.target_id), col(delivery.state))
        .order_by(col(delivery.target_id), col(delivery.state))
    )
    for target_id, *counts in calls:
        found[of[target_id]].append(repr((target_id, counts)))
    return {slug: hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16] for slug, parts in found.items()}


def token(session: Session, slug: str) -> str:
    """The token of one programme, "" where there is none."""
    return tokens(session, [slug]).get(slug, "")
