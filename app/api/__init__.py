"""The REST API: a module a noun, each with its documents and its routes. `service.py` is what they all stand on,
`problems.py` how they refuse, `reading.py` how lists and reads go, `edge.py` who is let in.

May import `app.sync` and what it stands on.
"""

from fastapi import APIRouter

from app.api import deliveries, health, history, metrics, plans, programmes, runs, targets
from app.api.problems import REFUSALS


def routes() -> APIRouter:
    """`/api/v1`, `/healthz`, `/readyz` and `/metrics`. Needs `app.state.service`, an `app.api.service.Service`, and
    `app.state.metrics`.
    """
    router = APIRouter()
    v1 = APIRouter(prefix="/api/v1", responses=REFUSALS)
    for noun in (programmes.router, targets.router, deliveries.router, plans.router, runs.router, history.router):
        v1.include_router(noun)
    router.include_router(v1)
    router.include_router(health.router)
    router.include_router(metrics.router)
    return router
