"""What targets cost their trackers: requests made, and the budget that was left at the last answer."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col

from app.db.engine import insert_of
from app.db.models import TargetRow, UsageRow


def used(session: Session, target_id: str, requests: int, budget: tuple[int, int, datetime | None] | None) -> None:
    """Add requests to a target's, and keep its budget: (requests remaining, of how many, when it is renewed).

    None where the tracker said nothing of it. Does nothing where the target has been removed meanwhile.
    """
    if session.get(TargetRow, target_id, with_for_update={"read": True, "key_share": True}) is None:
        return
    said = dict(zip(("remaining", "most", "resets_at"), budget, strict=True)) if budget else {}
    session.execute(
        insert_of(session, UsageRow)
        .values(target_id=target_id, requests=requests, **said)
        .on_conflict_do_update(
            index_elements=["target_id"], set_={"requests": col(UsageRow.requests) + requests, **said}
        )
    )
