"""A target's page: its health, its conflicts and deliveries, and what an operator may do there."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from app.access import Role
from app.access.needs import OPERATOR, VIEWER, Asker
from app.db import changes, deliveries, journal
from app.sync import conflicts, inbox, reconcile
from app.sync.lookup import target_of, target_of_delivery
from app.sync.targets import as_json
from app.web.base import BadForm, Doors, Form, PageRoute, render

LATEST: Final = 20
"""Deliveries and runs shown."""
LARGEST: Final = 2**63


def routes(doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/programmes/{slug}", route_class=PageRoute)
    ctx = doors.ctx

    @router.get("/targets/{name}", dependencies=[VIEWER])
    def show(request: Request, slug: str, name: str, who: Asker) -> HTMLResponse:
        """One target. Deliveries and runs are for operators, as they are over the API."""
        now, operator = ctx.now(), who.role.covers(Role.OPERATOR)
        with ctx.db.read() as session:
            seen = changes.token(session, slug)
            row = target_of(session, slug, name)
            document = as_json(session, row)
            calls, counts, runs = [], {}, []
            if operator:
                calls = [inbox.as_json(d, row, now) for d in deliveries.listed(session, row.id, LATEST)]
                counts = {state: deliveries.count(session, row.id, state) for state in deliveries.STATES}
                runs = [journal.run_json(r, row.name, now) for r in journal.runs(session, [row.id], LATEST)]
        open_ = conflicts.listed(ctx, name)
        return render(
            request,
            "target.html",
            slug=slug,
            t=document,
            seen=seen,
            conflicts=open_,
            deliveries=calls,
            counts=counts,
            runs=runs,
            asked=request.query_params.get("done", ""),
        )

    @router.post("/targets/{name}/refresh", dependencies=[OPERATOR])
    async def refresh(slug: str, name: str, _: Form) -> Response:
        """Read the target again now, in the background."""

        def ask() -> None:
            with ctx.db.read() as session:
                target_id = target_of(session, slug, name).id
            doors.refresh(target_id)

        await run_in_threadpool(ask)
        return _back(slug, name, "refresh")

    @router.post("/targets/{name}/plans", dependencies=[OPERATOR])
    def plan(slug: str, name: str, _: Form) -> Response:
        """Read the tracker, store the difference, and show it."""
        with ctx.db.read() as session:
            target_of(session, slug, name)
        planned = reconcile.make_plan(ctx, name)
        return RedirectResponse(f"/programmes/{slug}/plans/{planned.id}", 303)

    @router.post("/targets/{name}/conflicts", dependencies=[OPERATOR])
    def resolve(slug: str, name: str, fields: Form) -> Response:
        """Decide one conflict."""
        take = fields.get("take", "")
        if take not in ("roadmap", "tracker"):
            raise BadForm("whose value counts?", "take the roadmap's or the tracker's")
        with ctx.db.read() as session:
            target_of(session, slug, name)
        side: conflicts.Side = "roadmap" if take == "roadmap" else "tracker"
        conflicts.resolve(ctx, name, fields.get("key", ""), fields.get("field", ""), side)
        return _back(slug, name, take)

    @router.post("/deliveries/{number}/{verb}", dependencies=[OPERATOR])
    def deliver(slug: str, number: int, verb: str, _: Form) -> Response:
        """Let a delivery wait again and read its target now, or ask for nothing any more."""
        if verb not in ("retry", "discard") or not 0 < number < LARGEST:
            raise deliveries.DeliveryUnknown(f"there is no {verb!r} of a delivery {number}")
        with ctx.db.read() as session:
            target = target_of_delivery(session, slug, number)
        if verb == "retry":
            inbox.retry(ctx, number)
            doors.refresh(target.id)
        else:
            inbox.discard(ctx, number)
        return _back(slug, target.name, verb)

    return router


def _back(slug: str, name: str, done: str) -> RedirectResponse:
    """To the target's page, which says what was done."""
    return RedirectResponse(f"/programmes/{slug}/targets/{name}?done={done}", 303)
