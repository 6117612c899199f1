"""Conflicts and their decision, the audit of every remote write, and plans that take a run back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict

from app.api.access import OPERATOR, VIEWER
from app.api.plans import FieldDifference, PlanDocument
from app.api.reading import BadCursor, Cursor, Limit, Page, ReadRoute, after, cut
from app.api.service import Here, target_of
from app.db import journal, targets, trees
from app.sync import conflicts, undo
from app.sync.lookup import run_of

router = APIRouter(prefix="/programmes/{slug}", tags=["history"], route_class=ReadRoute)
Value = str | bool | list[str] | None


class ConflictDocument(BaseModel):
    """A field that both sides changed. `field` null: the object itself is in question, and nothing can be taken."""

    target: str
    key: str
    field: str | None
    roadmap: Value
    tracker: Value
    reason: str
    url: str | None


class Decision(BaseModel):
    """Whose value counts. The roadmap's is written by the next apply; the tracker's stays."""

    model_config = ConfigDict(extra="forbid")
    take: Literal["roadmap", "tracker"]


class Decided(ConflictDocument):
    taken: Literal["roadmap", "tracker"]


class AuditEntry(BaseModel):
    """A write to a tracker. `outcome` pending: its answer is not in, or was lost. Times are UTC."""

    at: str
    finished_at: str | None
    by: str | None
    target: str
    run: str
    key: str
    action: str
    shape: str
    url: str | None
    fields: dict[str, FieldDifference]
    outcome: Literal["pending", "done", "failed"]
    error: str | None
    request_id: str | None


@router.get("/targets/{name}/conflicts", response_model=Page[ConflictDocument], dependencies=[VIEWER])
def listed(slug: str, name: str, here: Here) -> dict[str, Any]:
    """The target's conflicts, all on one page, by what was last read of its tracker."""
    with here.ctx.db.read() as session:
        target_of(session, slug, name)
    return {"items": [one.as_json() for one in conflicts.listed(here.ctx, name)], "next_cursor": None}


@router.post("/targets/{name}/conflicts/{key}/{field}", response_model=Decided, dependencies=[OPERATOR])
def resolve(
    slug: str, name: str, key: Annotated[str, Path()], field: Annotated[str, Path()], body: Decision, here: Here
) -> dict[str, Any]:
    """Decide one conflict."""
    with here.ctx.db.read() as session:
        target_of(session, slug, name)
    return conflicts.resolve(here.ctx, name, key, field, body.take).as_json() | {"taken": body.take}


@router.get("/audit", response_model=Page[AuditEntry], dependencies=[OPERATOR])
def audit(
    slug: str,
    here: Here,
    target: Annotated[str | None, Query(description="Only this target's.")] = None,
    run: Annotated[str | None, Query(description="Only this run's.")] = None,
    key: Annotated[str | None, Query(description="Only this node's.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """Every write to the programme's trackers, newest first."""
    seen = after(cursor)
    if seen is not None and not (seen.isascii() and seen.isdecimal() and len(seen) < 19):
        raise BadCursor("the cursor is none of this list's", "begin again without it")
    with here.ctx.db.read() as session:
        programme = trees.get(session, slug)
        of = [target_of(session, slug, target)] if target is not None else targets.all_of(session, programme.id)
        names = {row.id: row.name for row in of}
        if run is not None:
            run_of(session, slug, run)
        before = int(seen) if seen else None
        rows = journal.audit(session, list(names), limit + 1, run=run, key=key, before=before)
        page, following = cut(rows, limit, lambda row: str(row[0].id))
        items = [journal.audit_json(entry, of_run, names[entry.target_id]) for entry, of_run in page]
        return {"items": items, "next_cursor": following}


@router.post("/runs/{run_id}/undo", status_code=201, response_model=PlanDocument, dependencies=[OPERATOR])
def take_back(slug: str, run_id: str, here: Here, response: Response) -> dict[str, Any]:
    """Make the plan that takes a run back, to review and apply. Writes nothing to the tracker."""
    with here.ctx.db.read() as session:
        run_of(session, slug, run_id)
    planned = undo.make_undo(here.ctx, run_id)
    response.headers["Location"] = f"/api/v1/programmes/{slug}/plans/{planned.id}"
    return planned.as_json()
