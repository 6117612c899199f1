"""The service as one application: API, webhooks, schedule and runs put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app import api, web, webhooks
from app.access import Gate
from app.api import problems
from app.api.access import Guard, as_guarded
from app.api.edge import Edge
from app.api.events import Events
from app.api.metrics import Metrics
from app.api.requests import Requests
from app.api.service import Service
from app.jobs import ACTOR, Jobs
from app.settings import Settings, listed
from app.sync.context import Context

JSON_MAX_BYTES = 1024 * 1024


def create_app(ctx: Context, settings: Settings) -> FastAPI:
    """The service. Its schedule ticks, and its queue works, from the lifespan's start to its end."""
    ctx = replace(ctx, actor=ACTOR, service=True)
    jobs = Jobs(ctx, settings)

    def most(path: str) -> int:
        if path.startswith("/webhooks/"):
            return settings.webhook_max_bytes
        if not path.endswith("/import"):
            return JSON_MAX_BYTES
        on_page = not path.startswith("/api/")  # it sends more than the document, and that as Base64
        return settings.import_max_bytes * 2 + JSON_MAX_BYTES if on_page else settings.import_max_bytes

    def refuse(request: Request, type_: str, status: int, detail: str, hint: str) -> Response:
        answer = web.refusal if web.is_page(request) else problems.response
        return answer(request, type_, status, detail, hint)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        jobs.start()
        try:
            yield
        finally:
            app.state.events.end()
            await anyio.to_thread.run_sync(jobs.stop, limiter=anyio.CapacityLimiter(1))

    app = FastAPI(
        title="Milepost",
        summary="Keeps a Markdown roadmap and its issue trackers telling the same story.",
        version=version("milepost"),
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # a page of ours, without files from elsewhere
        redoc_url=None,
    )
    gate = app.state.gate = Gate(ctx.db, ctx.now, nobody=ACTOR)
    app.state.events = Events(ctx.db)
    app.state.service = Service(
        ctx,
        settings,
        jobs.schedule.refresh,
        jobs.runs.begin,
        jobs.runs.cancel,
        jobs.schedule.alive,
        jobs.schedule.ticked,
        jobs.queue.alive,
    )
    app.state.metrics = metrics = Metrics(ctx, jobs.queue.depth, jobs.schedule.ticked)
    problems.install(app)
    app.add_middleware(Guard, gate=gate)
    app.add_middleware(Edge, most=most, hosts=listed(settings.allowed_hosts), refuse=refuse)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(listed(settings.trusted_proxies)))
    app.add_middleware(Requests, seen=metrics.seen)
    web.install(
        app,
        gate,
        web.Doors(ctx, jobs.schedule.refresh, jobs.runs.begin, jobs.runs.cancel, settings.import_max_bytes),
    )
    app.include_router(api.routes())
    app.include_router(webhooks.routes(ctx, jobs.schedule.delivered), responses=problems.REFUSALS)
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        return app.openapi_schema or as_guarded(problems.as_problems(plain()))

    app.openapi = openapi  # type: ignore[method-assign]
    return app
