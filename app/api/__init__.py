"""The REST API: a module a noun, each with its documents and its routes. `service.py` is what they all stand on,
`problems.py` how they refuse, `reading.py` how lists and reads go, `edge.py` who is let in.

May import `app.sync` and what it stands on.
"""

from fastapi import APIRouter

from app.api import (
    deliveries,
    events,
    health,
    history,
    metrics,
    pictures,
    plans,
    programmes,
    progress_history,
    runs,
    targets,
)
from app.api.problems import REFUSALS


def routes() -> APIRouter:
    """`/api/v1`, `/healthz`, `/readyz` and `/metrics`. Needs `app.state.service`, an `app.api.service.Service`, and
    `app.state.metrics`.
    """
    router = APIRouter()
    v1 = APIRouter(prefix="/api/v1", responses=REFUSALS)
    nouns = (programmes, targets, deliveries, plans, runs, history, progress_history, pictures, events)
    for noun in nouns:
        v1.include_router(noun.router)
    router.include_router(v1)
    router.include_router(health.router)
    router.include_router(metrics.router)
    return router
