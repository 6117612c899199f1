"""What the API and the pages are asked for by name, within one programme: another programme's is unknown there."""

from __future__ import annotations

from sqlmodel import Session

from app.db import deliveries, journal, targets, trees
from app.db.models import PlanRow, RunRow, TargetRow


def target_of(session: Session, slug: str, name: str) -> TargetRow:
    """A programme's target by name. Raises ProgrammeUnknown, TargetUnknown (also for another programme's)."""
    programme = trees.get(session, slug)
    rows = {row.name: row for row in targets.all_of(session, programme.id)}
    if name not in rows:
        hint = f"there are: {', '.join(rows)}" if rows else "add one first"
        raise targets.TargetUnknown(f"the programme {slug!r} has no target {name!r}", hint)
    return rows[name]


def plan_of(session: Session, slug: str, plan_id: str) -> tuple[PlanRow, TargetRow]:
    """A plan of the programme, and its target. Raises ProgrammeUnknown, PlanUnknown."""
    programme = trees.get(session, slug)
    row = journal.find_plan(session, plan_id)
    target = targets.find(session, row.target_id) if row else None
    if row is None or target is None or target.programme_id != programme.id:
        raise journal.PlanUnknown(f"the programme {slug!r} has no plan {plan_id!r}", "make one first")
    return row, target


def run_of(session: Session, slug: str, run_id: str) -> tuple[RunRow, TargetRow]:
    """A run of the programme, and its target. Raises ProgrammeUnknown, RunUnknown."""
    programme = trees.get(session, slug)
    row = journal.find_run(session, run_id)
    target = targets.find(session, row.target_id) if row else None
    if row is None or target is None or target.programme_id != programme.id:
        raise journal.RunUnknown(f"the programme {slug!r} has no run {run_id!r}")
    return row, target


def target_of_delivery(session: Session, slug: str, number: int) -> TargetRow:
    """The target of a delivery of this programme. Raises ProgrammeUnknown, DeliveryUnknown."""
    programme = trees.get(session, slug)
    target = targets.by_id(session, deliveries.get(session, number).target_id)
    if target.programme_id != programme.id:
        raise deliveries.DeliveryUnknown(f"the programme {slug!r} has no delivery {number}")
    return target
