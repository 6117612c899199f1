"""`/healthz`: the process answers. `/readyz`: its database, migrations, schedule and queue are as they should be."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from app.api.service import Here, Service
from app.core.errors import MilepostError

router = APIRouter(tags=["health"])

TICKS_LATE = 60.0
"""Seconds after which a schedule that ticks each second is taken to be stuck: longer than SQLite waits for its turn."""


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Each part is "ok", or says what is wrong with it."""

    status: Literal["ok", "unready"]
    database: str
    migrations: str
    scheduler: str
    queue: str


@router.get("/healthz")
async def healthz() -> Health:
    """The process is there."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Some part is not ready"}})
def readyz(here: Here, response: Response) -> Readiness:
    """The service can do its work."""
    database = migrations = "ok"
    try:
        now, newest = here.ctx.db.current()
        if now != newest:
            migrations = f"at revision {now or 'none'}, {newest} is needed"
    except MilepostError:
        database, migrations = "can't be reached", "unknown"
    parts = {"database": database, "migrations": migrations, "scheduler": _scheduler(here)}
    parts["queue"] = "ok" if here.takes_jobs() else "stopping"
    ready = set(parts.values()) == {"ok"}
    if not ready:
        response.status_code = 503
    return Readiness(status="ok" if ready else "unready", **parts)


def _scheduler(here: Service) -> str:
    if not here.alive():
        return "not running"
    ticked = here.ticked()
    return "ok" if ticked is None or ticked < TICKS_LATE else f"last ticked {ticked:.0f} s ago"
