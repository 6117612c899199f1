"""Plans: made, shown, and carried out in the background."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.access import OPERATOR, Asker
from app.api.reading import ReadRoute
from app.api.runs import RunDocument
from app.api.service import Here, target_of
from app.db import journal
from app.sync import reconcile
from app.sync.lookup import plan_of
from app.sync.reconcile import Planned

router = APIRouter(prefix="/programmes/{slug}", tags=["plans"], route_class=ReadRoute)


class FieldDifference(BaseModel):
    before: str | bool | list[str] | None
    after: str | bool | list[str] | None


class ChangeDocument(BaseModel):
    """One step: what happens to which object, why, and each field before and after."""

    action: str
    key: str
    shape: str
    url: str | None
    reason: str
    fields: dict[str, FieldDifference]


class DegradedDocument(BaseModel):
    """A node that the target can't hold as the profile prefers."""

    key: str
    wanted: str
    got: str
    reason: str


class DriftDocument(BaseModel):
    """A field that left what was applied, and is let be."""

    key: str
    field: str
    reason: str


class PlanDocument(BaseModel):
    """A stored plan. Only the plan of this checksum is ever carried out. `summary` counts by action."""

    plan: str
    checksum: str
    target: str
    complete: bool
    summary: dict[str, int]
    changes: list[ChangeDocument]
    degraded: list[DegradedDocument]
    drift: list[DriftDocument]


class HowToApply(BaseModel):
    """`max_changes`: the percentage of what is managed that may change. `recreate`: make again what people deleted."""

    model_config = ConfigDict(extra="forbid")
    max_changes: Annotated[float, Field(ge=0, le=100)] = 30.0
    recreate: bool = False


@router.post("/targets/{name}/plans", status_code=201, response_model=PlanDocument, dependencies=[OPERATOR])
def make(
    slug: str,
    name: str,
    here: Here,
    response: Response,
    adopt: Annotated[bool, Query(description="Also propose unmarked objects of the same title.")] = False,
) -> dict[str, Any]:
    """Read the tracker and store the difference. Writes nothing there."""
    with here.ctx.db.read() as session:
        target_of(session, slug, name)
    planned = reconcile.make_plan(here.ctx, name, adopt=adopt)
    response.headers["Location"] = f"/api/v1/programmes/{slug}/plans/{planned.id}"
    return planned.as_json()


@router.get("/plans/{plan_id}", response_model=PlanDocument, dependencies=[OPERATOR])
def show(slug: str, plan_id: str, here: Here) -> dict[str, Any]:
    """A plan as it was made."""
    with here.ctx.db.read() as session:
        row, target = plan_of(session, slug, plan_id)
        return Planned(row.id, target.name, journal.plan_of(row), 0).as_json()


@router.post("/plans/{plan_id}/apply", status_code=202, response_model=RunDocument, dependencies=[OPERATOR])
def apply(
    slug: str, plan_id: str, here: Here, who: Asker, response: Response, body: HowToApply | None = None
) -> dict[str, Any]:
    """Carry a plan out. Answers with its run as soon as that has begun; a plan that is out of date is refused."""
    how = body or HowToApply()
    with here.ctx.db.read() as session:
        _, target = plan_of(session, slug, plan_id)
    run_id = here.begin_run(target.name, plan_id, max_percent=how.max_changes, recreate=how.recreate, actor=who.name)
    response.headers["Location"] = f"/api/v1/programmes/{slug}/runs/{run_id}"
    with here.ctx.db.read() as session:
        return journal.run_json(journal.run_row(session, run_id), target.name, here.ctx.now())
