"""How a programme, a milestone or a task stood by day."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from app.api.access import VIEWER
from app.api.programmes import Day
from app.api.reading import ReadRoute
from app.api.service import Here
from app.core.progress import Source
from app.sync import history

router = APIRouter(prefix="/programmes/{slug}", tags=["history"], route_class=ReadRoute)


class PointDocument(BaseModel):
    """How it stood at the end of `day`, and until the next point's. `declared` is what the roadmap said that day.

    `rebuilt`: worked out later, from the dates that the trackers have.
    """

    day: date
    done: int
    total: int
    excluded: int
    percent: float | None
    source: Source
    declared: float | None
    rebuilt: bool


class HistoryDocument(BaseModel):
    """Only days on which something changed have a point. Days are days of `time_zone`. `node` null: the programme."""

    programme: str
    node: str | None
    time_zone: str
    points: list[PointDocument]


@router.get("/history", response_model=HistoryDocument, dependencies=[VIEWER])
def show(
    slug: str,
    here: Here,
    node: Annotated[str | None, Query(max_length=1000, description="A milestone's or task's key.")] = None,
    since: Annotated[Day | None, Query(alias="from", description="Begin with how it stood on this day.")] = None,
    until: Annotated[Day | None, Query(alias="to", description="The last day.")] = None,
) -> dict[str, Any]:
    """The points of a milestone or task, or of the whole programme, oldest first."""
    return history.history(here.ctx, slug, node, since, until).as_json()
