"""The service as one application: API, webhooks, schedule and runs put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI

from app import api, webhooks
from app.api import problems
from app.api.edge import Edge
from app.api.service import Service
from app.jobs import Queue, Runs, Schedule
from app.settings import Settings
from app.sync.context import Context

JSON_MAX_BYTES = 1024 * 1024
ACTOR = "service"
"""On whose word the service writes; runs of this name are gone on with after a crash or a deployment."""
RUNS_STOP = 10.0
"""Seconds that runs get at the end for their call in flight; the journal covers what outlasts it."""
REFRESHES_STOP = 3.0
"""Seconds that refreshes get: they only read, and what they read is kept whole or not at all."""


def create_app(ctx: Context, settings: Settings) -> FastAPI:
    """The service. Its schedule ticks, and its queue works, from the lifespan's start to its end."""
    ctx = replace(ctx, actor=ACTOR)
    queue = Queue(name="refresh")
    runs = Runs(ctx)
    keep = timedelta(days=settings.audit_days)
    schedule = Schedule(ctx, queue, settings.debounce, resume=runs.resume, keep=keep)

    def most(path: str) -> int:
        if path.startswith("/webhooks/"):
            return settings.webhook_max_bytes
        return settings.import_max_bytes if path.endswith("/import") else JSON_MAX_BYTES

    def stop() -> None:
        schedule.stop()
        runs.stop(RUNS_STOP)
        queue.stop(REFRESHES_STOP)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        schedule.start()
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(stop, limiter=anyio.CapacityLimiter(1))

    app = FastAPI(
        title="Milepost",
        summary="Keeps a Markdown roadmap and its issue trackers telling the same story.",
        version=version("milepost"),
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
    )
    app.state.service = Service(ctx, settings, schedule.refresh, runs.begin, runs.cancel, schedule.alive)
    problems.install(app)
    app.add_middleware(Edge, most=most)
    app.include_router(api.routes())
    app.include_router(webhooks.routes(ctx, schedule.delivered), responses=problems.REFUSALS)
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        return app.openapi_schema or problems.as_problems(plain())

    app.openapi = openapi  # type: ignore[method-assign]
    return app
