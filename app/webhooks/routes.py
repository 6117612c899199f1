"""`POST /webhooks/github/{target_id}` and `/webhooks/gitlab/{target_id}`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Literal

import anyio.to_thread
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel

from app import logs
from app.sync.context import Context
from app.webhooks import inbox
from app.webhooks.inbox import Receipt

log = logging.getLogger(__name__)

ONE_WRITER, MANY_WRITERS = 2, 8
"""Calls taken at a time, beside the API's threads, whose slow requests hold up no tracker. On SQLite one is stored
while another is verified: it has one writer, and more that wait for it in turn only wait longer. On PostgreSQL those
that wait for the disk wait together."""


class Received(BaseModel):
    """What became of a call. `delivery` is the tracker's own id of it."""

    delivery: str
    state: Literal["accepted", "ignored", "seen"]


def routes(ctx: Context, delivered: Callable[[str], object]) -> APIRouter:
    """The door. `delivered` is told the target's id once a call that asks for a refresh is stored."""
    router = APIRouter(tags=["webhooks"])
    limiter = anyio.CapacityLimiter(ONE_WRITER if ctx.db.sqlite else MANY_WRITERS)

    @router.post(
        "/webhooks/{kind}/{target_id}",
        status_code=202,
        responses={200: {"model": Received, "description": "Seen before, and answered"}},
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    async def receive(
        kind: Annotated[str, Path(description="github or gitlab")],
        target_id: str,
        request: Request,
        response: Response,
    ) -> Received:
        """A tracker's webhook call, signed with the target's secret; stored before it is answered."""
        body = await request.body()
        headers = dict(request.headers)

        def take() -> Receipt:
            receipt = inbox.take(ctx, kind, target_id, headers, body)
            logs.bind(delivery=receipt.delivery.id)  # of this thread and of the refresh that it asks for
            log.debug("delivery %s of %s is %s", receipt.delivery.id, receipt.delivery.event, receipt.state)
            if receipt.prompt:
                delivered(target_id)
            return receipt

        receipt = await anyio.to_thread.run_sync(take, limiter=limiter)
        if receipt.state == "seen":
            response.status_code = 200
        return Received(delivery=receipt.delivery.id, state=receipt.state)

    return router
