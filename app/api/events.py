"""Server-sent events: a browser is told that a programme has changed, and reads it again.

One look at the database a second serves all streams of the process. A stream holds no thread and no connection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Final

import anyio
import anyio.to_thread
from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from app.api.access import VIEWER
from app.api.reading import ReadRoute
from app.api.service import Here
from app.core.errors import MilepostError
from app.db import changes, trees
from app.db.engine import Database

log = logging.getLogger(__name__)

LOOK: Final = 1.0
"""Seconds between two looks."""
HEARTBEAT: Final = 15.0
"""Seconds after which a stream without news says that it is there, so that no proxy gives it up."""
LASTS: Final = 600.0
"""Seconds after which a stream ends. The browser comes again, and shows again that it may."""
MOST: Final = 500
"""Streams of a process at once."""
AGAIN: Final = 3000
"""Milliseconds after which a browser comes again."""

EVENTS = {"text/event-stream": {"schema": {"type": "string"}}}
router = APIRouter(prefix="/programmes/{slug}", tags=["programmes"], route_class=ReadRoute)


class TooManyStreams(MilepostError):
    """The process holds as many open streams as it may."""

    type = "too-many-streams"
    status = 503


class Ending(MilepostError):
    """The service is going down."""

    type = "service-stopping"
    status = 503


class Events:
    """The streams of this process. All but `end` is for its event loop alone."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._watched: Counter[str] = Counter()
        self._tokens: dict[str, str] = {}
        self._turn = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False

    def end(self) -> None:
        """End every stream at once, and begin no other. May be called from any thread, and again."""
        self._ended = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._next)

    def open(self, slug: str, seen: str) -> AsyncIterator[str]:
        """A stream of what changes of a programme after the token `seen`. Raises TooManyStreams, Ending."""
        if self._ended:
            raise Ending("the service is stopping", "come again when it is back")
        if self.open_ >= MOST:
            raise TooManyStreams("too many pages are open on this service", "reload the page by hand, or close some")
        return self._stream(slug, seen)

    @property
    def open_(self) -> int:
        """How many streams are open."""
        return self._watched.total()

    def _next(self) -> None:
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    async def _stream(self, slug: str, seen: str) -> AsyncIterator[str]:
        until = time.monotonic() + LASTS
        self._watched[slug] += 1
        try:
            yield f"retry: {AGAIN}\n\n"
            while not self._ended and time.monotonic() < until:
                self._poll()
                turn = self._turn
                token = self._tokens.get(slug)
                if token is not None and token != seen:
                    seen = token
                    yield f"event: changed\nid: {token}\ndata:\n\n"
                    continue
                try:
                    await asyncio.wait_for(turn.wait(), HEARTBEAT)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._watched[slug] -= 1
            if self._watched[slug] <= 0:
                del self._watched[slug]
                self._tokens.pop(slug, None)

    def _poll(self) -> None:
        """Have somebody look, as long as there are streams."""
        if self._task is None or self._task.done():
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        limiter = anyio.CapacityLimiter(1)
        while self._watched and not self._ended:
            slugs = list(self._watched)
            try:
                found = await anyio.to_thread.run_sync(self._read, slugs, limiter=limiter)
            except MilepostError as error:
                log.warning("pages are not told of changes: %s", error.message)
            else:
                now = {slug: found.get(slug, "gone") for slug in slugs if slug in self._watched}
                if now.items() - self._tokens.items():
                    self._tokens |= now
                    self._next()
            await asyncio.sleep(LOOK)

    def _read(self, slugs: list[str]) -> dict[str, str]:
        with self._db.read() as session:
            return changes.tokens(session, slugs)


@router.get(
    "/events",
    dependencies=[VIEWER],
    response_class=StreamingResponse,
    responses={200: {"content": EVENTS, "description": "`changed` events without an end"}},
)
async def events(
    slug: str,
    request: Request,
    here: Here,
    seen: Annotated[str, Query(max_length=100, description="The id of the last event that the asker knows.")] = "",
    last_event_id: Annotated[str, Header(max_length=100, description="The same, as browsers send it.")] = "",
) -> StreamingResponse:
    """Server-sent events: `changed` whenever the programme's figures, targets or runs are not what they were.

    Without `seen` the first event comes at once. The stream ends after ten minutes; browsers come again by themselves.
    """

    def known() -> None:
        with here.ctx.db.read() as session:
            trees.get(session, slug)

    await run_in_threadpool(known)
    streams: Events = request.app.state.events
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(streams.open(slug, last_event_id or seen), media_type="text/event-stream", headers=headers)
