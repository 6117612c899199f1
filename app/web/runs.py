"""Reviewing a plan, carrying it out, and watching that."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.access.needs import OPERATOR, Asker
from app.core.errors import MilepostError
from app.core.plan import GUARD_FROM, GUARD_PERCENT, Plan
from app.db import changes, journal, mirror, trees
from app.sync import compute, undo
from app.sync.lookup import plan_of, run_of
from app.sync.reconcile import Planned
from app.web.base import BadForm, Doors, Form, PageRoute, render

SHOWN: Final = 500
"""Changes, and steps of a run, on one page."""


class RunOver(MilepostError):
    """A run that can't be stopped any more."""

    type = "run-not-here"
    status = 409


class RunGoesOn(MilepostError):
    """A run that can't be taken back yet."""

    type = "run-going-on"
    status = 409


@dataclass(frozen=True, slots=True)
class Share:
    """How much of what is managed a plan changes. `guarded`: more than is carried out without being told so."""

    touching: int
    managed: int

    @property
    def percent(self) -> float:
        return self.touching * 100 / self.managed if self.managed else 0.0

    @property
    def guarded(self) -> bool:
        return self.managed >= GUARD_FROM and self.percent > GUARD_PERCENT

    @property
    def allow(self) -> int:
        """The percentage that allows it."""
        return min(100, math.ceil(self.percent))


def share(plan: Plan, managed: int) -> Share:
    return Share(sum(change.action in ("update", "close", "reopen") for change in plan.changes), managed)


def routes(doors: Doors) -> APIRouter:
    router = APIRouter(prefix="/programmes/{slug}", route_class=PageRoute)
    ctx = doors.ctx

    @router.get("/plans/{plan_id}", dependencies=[OPERATOR])
    def plan(request: Request, slug: str, plan_id: str) -> HTMLResponse:
        """A plan as it was made: each field before and after."""
        with ctx.db.read() as session:
            row, target = plan_of(session, slug, plan_id)
            found = journal.plan_of(row)
            links = mirror.links(session, target.id, trees.load(session, slug))
            still_open = {item.ref.identity for item in mirror.observed(session, target.id) if item.state == "open"}
            runs = [r.id for r in journal.runs(session, [target.id], 200) if r.plan_id == plan_id]
        document = Planned(row.id, target.name, found, 0).as_json()
        return render(
            request,
            "plan.html",
            slug=slug,
            plan=document,
            made_at=row.created_at,
            undoes=row.undoes,
            share=share(found, compute.managed(links, still_open)),
            runs=runs,
            shown=SHOWN,
        )

    @router.post("/plans/{plan_id}/apply", dependencies=[OPERATOR])
    def apply(slug: str, plan_id: str, who: Asker, fields: Form) -> Response:
        """Carry a plan out, and show its run."""
        most = fields.get("max_changes", f"{GUARD_PERCENT:g}")
        if not (most.isascii() and most.isdecimal() and int(most[:4]) <= 100):
            raise BadForm("how much may change?", "give a percentage from 0 to 100")
        with ctx.db.read() as session:
            _, target = plan_of(session, slug, plan_id)
        run_id = doors.begin_run(target.name, plan_id, max_percent=float(most), recreate=False, actor=who.name)
        return RedirectResponse(f"/programmes/{slug}/runs/{run_id}", 303)

    @router.get("/runs/{run_id}", dependencies=[OPERATOR])
    def run(request: Request, slug: str, run_id: str) -> HTMLResponse:
        """One run, with what became of each step so far."""
        with ctx.db.read() as session:
            seen = changes.token(session, slug)
            row, target = run_of(session, slug, run_id)
            steps = journal.entries(session, run_id)
            document = journal.run_json(row, target.name, ctx.now())
            undoes = journal.plan_row(session, target.id, row.plan_id).undoes
        wrote = row.state != "running" and any(step.state == "done" for step in steps)
        return render(
            request,
            "run.html",
            slug=slug,
            run=document,
            steps=steps,
            seen=seen,
            shown=SHOWN,
            wrote=wrote,
            undoes=undoes,
        )

    @router.post("/runs/{run_id}/undo", dependencies=[OPERATOR])
    def take_back(slug: str, run_id: str, _: Form) -> Response:
        """Make the plan that takes a run back, and show it. Writes nothing to the tracker."""
        with ctx.db.read() as session:
            row, _target = run_of(session, slug, run_id)
        if row.state == "running":
            raise RunGoesOn(f"the run {run_id} is still going on", "cancel it, or wait for its end")
        planned = undo.make_undo(ctx, run_id)
        return RedirectResponse(f"/programmes/{slug}/plans/{planned.id}", 303)

    @router.post("/runs/{run_id}/cancel", dependencies=[OPERATOR])
    def cancel(slug: str, run_id: str, _: Form) -> Response:
        """End a run after the call in flight."""
        with ctx.db.read() as session:
            row, _target = run_of(session, slug, run_id)
        if not doors.cancel_run(run_id):
            raise RunOver(f"the run {run_id} is over: {row.state}")
        return RedirectResponse(f"/programmes/{slug}/runs/{run_id}", 303)

    return router
