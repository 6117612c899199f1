"""Runs: how far they are, what became of each step, and stopping them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.api.access import OPERATOR
from app.api.reading import BadCursor, Cursor, Limit, Page, ReadRoute, after, cut
from app.api.service import Here, target_of
from app.core.errors import MilepostError
from app.db import journal, targets, trees
from app.sync.lookup import run_of

router = APIRouter(prefix="/programmes/{slug}/runs", tags=["runs"], route_class=ReadRoute)


class RunOver(MilepostError):
    """A run that can't be stopped any more."""

    type = "run-not-here"
    status = 409


class RunDocument(BaseModel):
    """A run and its progress. Times are UTC."""

    run: str
    target: str
    plan: str
    by: str | None
    state: Literal["running", "done", "failed", "interrupted"]
    started_at: str
    finished_at: str | None
    total: int
    done: int
    failed: int
    skipped: int
    seconds_left: int | None
    error: str | None


class Counts(BaseModel):
    done: int
    failed: int
    skipped: int


class OutcomeDocument(BaseModel):
    """What became of one step. `pending`: its call is in flight, or its answer was lost with the process."""

    key: str
    action: str
    result: Literal["done", "failed", "skipped", "pending"]
    url: str | None
    error: str | None


class RunDetail(RunDocument):
    summary: Counts
    outcomes: list[OutcomeDocument]


@router.get("", response_model=Page[RunDocument], dependencies=[OPERATOR])
def listed(
    slug: str,
    here: Here,
    target: Annotated[str | None, Query(description="Only this target's.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """The programme's runs, newest first."""
    with here.ctx.db.read() as session:
        programme = trees.get(session, slug)
        of = [target_of(session, slug, target)] if target is not None else targets.all_of(session, programme.id)
        names = {row.id: row.name for row in of}
        try:
            rows = journal.runs(session, list(names), limit + 1, after(cursor))
        except journal.RunUnknown:
            raise BadCursor("the cursor is none of this list's", "begin again without it") from None
        page, following = cut(rows, limit, lambda row: row.id)
        return {
            "items": [journal.run_json(row, names[row.target_id], here.ctx.now()) for row in page],
            "next_cursor": following,
        }


@router.get("/{run_id}", response_model=RunDetail, dependencies=[OPERATOR])
def show(slug: str, run_id: str, here: Here) -> dict[str, Any]:
    """One run, with what became of each step so far."""
    with here.ctx.db.read() as session:
        row, target = run_of(session, slug, run_id)
        entries = journal.entries(session, run_id)
        outcomes = [
            {
                "key": entry.key,
                "action": entry.action,
                "result": entry.state,
                "url": entry.url or None,
                "error": entry.error or None,
            }
            for entry in entries
        ]
        summary = {"done": row.done, "failed": row.failed, "skipped": row.skipped}
        return {**journal.run_json(row, target.name, here.ctx.now()), "summary": summary, "outcomes": outcomes}


@router.post("/{run_id}/cancel", status_code=202, response_model=RunDocument, dependencies=[OPERATOR])
def cancel(slug: str, run_id: str, here: Here) -> dict[str, Any]:
    """End a run after the call in flight. What is left is done by applying its plan again."""
    with here.ctx.db.read() as session:
        _, target = run_of(session, slug, run_id)
    stopped = here.cancel_run(run_id)
    with here.ctx.db.read() as session:
        row = journal.run_row(session, run_id)
        if not stopped:
            raise RunOver(f"the run {run_id} is over: {row.state}")
        return journal.run_json(row, target.name, here.ctx.now())
