"""`undo`: a plan that takes a run back, made from its journal and a fresh read, to be reviewed and applied."""

from __future__ import annotations

from app.core.errors import MilepostError
from app.db import journal, targets
from app.sync import compute, lease, reconcile
from app.sync.context import Context, new_id
from app.sync.reconcile import PATIENCE, Planned, opened


class NothingToUndo(MilepostError):
    """The run wrote nothing, or nothing that is still as it left it."""

    type = "nothing-to-undo"
    status = 409


def make_undo(ctx: Context, run_id: str) -> Planned:
    """Read the run's tracker whole and store the plan that takes the run back. Writes nothing to the tracker.

    Raises RunUnknown, NothingToUndo, ReadIncomplete.
    """
    with ctx.db.read() as session:
        target = targets.by_id(session, journal.run_row(session, run_id).target_id)
    with lease.held(ctx, target.id, patience=PATIENCE) as held, opened(ctx, target) as connector:
        seen = reconcile.observe(held, connector, full=True)
    if not seen.complete:
        raise reconcile.incomplete(seen.observation.problem)
    with ctx.db.write() as session:
        plan, managed = compute.undo(session, target, run_id)
        if not plan.changes:
            raise NothingToUndo(f"nothing of run {run_id} is left to take back")
        plan_id = new_id()
        journal.keep_plan(session, plan_id, target.id, plan, undoes=run_id, now=ctx.now())
    return Planned(plan_id, target.name, plan, managed)
