"""The webhook inbox: what came in for a target, what became of it, and trying it again or leaving it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from app.api.access import OPERATOR
from app.api.reading import BadCursor, Cursor, Limit, Page, ReadRoute, after, cut
from app.api.service import Here, target_of
from app.db import deliveries
from app.sync import inbox
from app.sync.lookup import target_of_delivery

router = APIRouter(prefix="/programmes/{slug}", tags=["deliveries"], route_class=ReadRoute)

Number = Annotated[int, Path(ge=1, lt=2**63, description="The delivery's `id` in the list.")]
State = Literal["waiting", "handled", "failed", "discarded"]


class DeliveryDocument(BaseModel):
    """A webhook call. `delivery` is the tracker's own id of it. Times are UTC.

    `waiting` for a refresh, `attempts` of which have failed so far; `failed` when it asks for none any more, with the
    last one's `error`. The next refresh that reads the target whole answers it in both states.
    """

    id: int
    target: str
    delivery: str
    event: str
    state: State
    attempts: int
    received_at: str
    handled_at: str | None
    next_try_at: str | None
    error: str | None


@router.get("/targets/{name}/deliveries", response_model=Page[DeliveryDocument], dependencies=[OPERATOR])
def listed(
    slug: str,
    name: str,
    here: Here,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """The target's deliveries, newest first."""
    seen = after(cursor)
    if seen is not None and not (seen.isascii() and seen.isdecimal() and len(seen) < 19):
        raise BadCursor("the cursor is none of this list's", "begin again without it")
    with here.ctx.db.read() as session:
        target = target_of(session, slug, name)
        before = int(seen) if seen else None
        rows = deliveries.listed(session, target.id, limit + 1, state=state, before=before)
        page, following = cut(rows, limit, lambda row: str(row.id))
        now = here.ctx.now()
        return {"items": [inbox.as_json(row, target, now) for row in page], "next_cursor": following}


@router.post("/deliveries/{number}/retry", status_code=202, response_model=DeliveryDocument, dependencies=[OPERATOR])
def retry(slug: str, number: Number, here: Here) -> dict[str, Any]:
    """Let a delivery that was not handled wait again, and read its target now."""
    with here.ctx.db.read() as session:
        target_id = target_of_delivery(session, slug, number).id
    document = inbox.retry(here.ctx, number)
    here.refresh(target_id)
    return document


@router.post("/deliveries/{number}/discard", response_model=DeliveryDocument, dependencies=[OPERATOR])
def discard(slug: str, number: Number, here: Here) -> dict[str, Any]:
    """Ask for no refresh any more for a delivery that was not handled."""
    with here.ctx.db.read() as session:
        target_of_delivery(session, slug, number)
    return inbox.discard(here.ctx, number)
