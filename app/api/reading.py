"""How reads go: ETag and 304, and lists in pages behind opaque cursors."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Query, Request, Response
from fastapi.params import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from app.api.access import ROLE, needed
from app.core.errors import MilepostError

T = TypeVar("T")
Row = TypeVar("Row")

Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]


AS_OF = "Milepost-As-Of"
"""The header that tells when the trackers were last read, where the ETag says nothing of it."""


class BadCursor(MilepostError):
    """A cursor that no page gave."""

    type = "bad-cursor"
    status = 422


class Page(BaseModel, Generic[T]):
    """A page of a list. `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None


def after(cursor: str | None) -> str | None:
    """The key that a cursor stands for. Raises BadCursor."""
    if cursor is None:
        return None
    try:
        key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        key = ""
    if not key or "\x00" in key:
        raise BadCursor("the cursor is none of this list's", "take it from next_cursor, or leave it out")
    return key


def cut(rows: Sequence[Row], limit: int, key: Callable[[Row], str]) -> tuple[Sequence[Row], str | None]:
    """(the page's rows, its next cursor), from `limit` + 1 rows or all that are left. `key` is what a cursor holds."""
    if len(rows) <= limit:
        return rows, None
    last = key(rows[limit - 1]).encode()
    return rows[:limit], base64.urlsafe_b64encode(last).decode().rstrip("=")


class ReadRoute(APIRoute):
    """A route whose good GETs carry an ETag, of their content unless they say one, and are 304 where the asker has it.

    Its role is checked before a body is read, and told in the description.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        dependencies: Sequence[Depends] | None = None,
        openapi_extra: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self._needs = needed(dependencies or ())
        extra = {ROLE: self._needs.role.value, **(openapi_extra or {})}
        super().__init__(path, endpoint, dependencies=dependencies, openapi_extra=extra, **more)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def conditional(request: Request) -> Response:
            await self._needs(request)
            response = await handle(request)
            if request.method != "GET" or response.status_code != 200 or isinstance(response, StreamingResponse):
                return response
            tag = response.headers.get("etag") or f'"{named(bytes(response.body))}"'
            headers = {"ETag": tag, "Cache-Control": "no-cache"}
            if AS_OF in response.headers:
                headers[AS_OF] = response.headers[AS_OF]
            if has(request.headers.getlist("if-none-match"), tag):
                return Response(status_code=304, headers=headers)
            response.headers.update(headers)
            return response

        return conditional


def has(lines: Sequence[str], tag: str) -> bool:
    """Whether `If-None-Match` names this content, by RFC 9110's weak comparison."""
    given = [each.strip().removeprefix("W/") for each in ",".join(lines).split(",")]
    return tag.removeprefix("W/") in given or "*" in given


def named(content: bytes) -> str:
    """A short name of some content."""
    return hashlib.sha256(content).hexdigest()[:32]


def read_at(tag: str, as_of: datetime) -> dict[str, str]:
    """The headers of an answer whose content is named by `tag`, whenever it was read: a weak ETag, and the UTC time."""
    return {"ETag": f'W/"{tag}"', AS_OF: as_of.strftime("%Y-%m-%dT%H:%M:%SZ")}
