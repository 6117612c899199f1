"""`/healthz`: the process answers. `/readyz`: its database, migrations and schedule are as they should be."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from app.api.service import Here
from app.core.errors import MilepostError

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Each part is "ok", or says what is wrong with it."""

    status: Literal["ok", "unready"]
    database: str
    migrations: str
    scheduler: str


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
    scheduler = "ok" if here.alive() else "not running"
    ready = (database, migrations, scheduler) == ("ok", "ok", "ok")
    if not ready:
        response.status_code = 503
    return Readiness(status="ok" if ready else "unready", database=database, migrations=migrations, scheduler=scheduler)
