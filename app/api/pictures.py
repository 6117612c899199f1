"""What is drawn and told of a programme: charts, the badge, reports, the tree as a table."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.api.access import VIEWER
from app.api.programmes import Day
from app.api.reading import ReadRoute, named, read_at
from app.api.service import Here
from app.charts import render, spec
from app.charts.badge import badge
from app.charts.spec import Spec
from app.charts.theme import Theme
from app.report.render import document, html, markdown
from app.report.table import table
from app.sync import reporting, status

router = APIRouter(prefix="/programmes/{slug}", tags=["progress"], route_class=ReadRoute)

Form = Literal["svg", "png", "json"]
MEDIA = {"svg": "image/svg+xml", "png": "image/png", "json": "application/json"}
CHART: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The picture; as JSON its Vega-Lite specification",
        "content": {
            "image/svg+xml": {"schema": {"type": "string"}},
            "image/png": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}
SVG_ONLY: dict[int | str, dict[str, Any]] = {
    200: {"description": "The badge", "content": {"image/svg+xml": {"schema": {"type": "string"}}}}
}
REPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The report",
        "content": {
            "text/markdown": {"schema": {"type": "string"}},
            "text/html": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}
CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "A row for each node", "content": {"text/csv": {"schema": {"type": "string"}}}}
}
Node = Annotated[str | None, Query(max_length=1000, description="A milestone's key; the whole programme without.")]
Light = Annotated[Theme, Query(description="On which ground it is shown.")]


@router.get("/burnup.{form}", response_class=Response, responses=CHART, dependencies=[VIEWER])
def burnup(slug: str, form: Form, here: Here, node: Node = None, theme: Light = "light") -> Response:
    """Units in scope and done by day, and where done is going: the range of 15 to 85 in 100 simulated futures."""
    found = reporting.curve(here.ctx, slug, node)
    drawn = spec.burn_up(found.points, found.forecast, found.window, found.today, found.title)
    return _chart(drawn, form, theme)


@router.get("/timeline.{form}", response_class=Response, responses=CHART, dependencies=[VIEWER])
def timeline(slug: str, form: Form, here: Here, theme: Light = "light") -> Response:
    """Each milestone's window, how much of it is done, its health, and today."""
    found = status.standing(here.ctx, slug)
    return _chart(spec.timeline(reporting.lanes(found.document), found.today), form, theme)


@router.get("/defects.{form}", response_class=Response, responses=CHART, dependencies=[VIEWER])
def defects(slug: str, form: Form, here: Here, node: Node = None, theme: Light = "light") -> Response:
    """Open defects by day and severity, where a profile names severities."""
    found = reporting.defect_curve(here.ctx, slug, node)
    if not found.severities:
        return _chart(spec.nothing(found.title, "No profile of its targets names severities."), form, theme)
    return _chart(spec.burndown(found.days, found.severities, found.today, found.title), form, theme)


@router.get("/badge.svg", response_class=Response, responses=SVG_ONLY, dependencies=[VIEWER])
def show_badge(slug: str, here: Here) -> Response:
    """The percentage as a badge for a README."""
    found = status.status(here.ctx, slug)
    return Response(badge(found.title, found.percent, found.health), media_type="image/svg+xml")


@router.get("/report.{form}", response_class=Response, responses=REPORT, dependencies=[VIEWER])
def report(
    slug: str,
    form: Literal["md", "html", "json"],
    here: Here,
    since: Annotated[Day | None, Query(description="Compare with the end of this day; a week ago without.")] = None,
) -> Response:
    """Where the programme stands, what has moved, slips, risks, and what comes next."""
    found = reporting.report(here.ctx, slug, since)
    headers = read_at(
        named(_json(document(replace(found, made_at=datetime.min.replace(tzinfo=UTC)))).encode()), found.made_at
    )
    if form == "md":
        return Response(markdown(found), headers=headers, media_type="text/markdown; charset=utf-8")
    if form == "json":
        return Response(_json(document(found)), headers=headers, media_type="application/json")
    drawn = reporting.drawn(here.ctx, slug)
    return Response(html(found, drawn), headers=headers, media_type="text/html; charset=utf-8")


@router.get("/tree.csv", response_class=Response, responses=CSV, dependencies=[VIEWER])
def tree_csv(slug: str, here: Here) -> Response:
    """The tree with its figures as CSV (UTF-8), a row for each node. Text that a spreadsheet would run is quoted."""
    return Response(table(reporting.rows(status.status(here.ctx, slug))), media_type="text/csv; charset=utf-8")


def _chart(drawn: Spec, form: Form, theme: Theme) -> Response:
    if form == "json":
        return Response(_json(drawn), media_type=MEDIA[form])
    return Response(render.svg(drawn, theme) if form == "svg" else render.png(drawn, theme), media_type=MEDIA[form])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
