"""How the service refuses: RFC 9457 problem documents, whatever went wrong and wherever."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from app.core.errors import MilepostError
from connectors.base import Retryable
from mappings.roadmap import RoadmapRefused

MEDIA_TYPE = "application/problem+json"


class FieldError(BaseModel):
    """`field` is where: `body.title`, `query.limit`."""

    field: str
    message: str


class LineError(BaseModel):
    """`line` counts from 1."""

    line: int
    message: str


class Problem(BaseModel):
    """RFC 9457. `type` is stable, and the same as in the command line's errors; `hint` says what to do ("" where
    there is nothing to say). `errors` comes with `invalid-request`, `problems` with `roadmap-refused`.
    """

    type: str
    title: str
    status: int
    detail: str
    hint: str
    instance: str
    errors: list[FieldError] | None = None
    problems: list[LineError] | None = None


REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "Refused"},
    "5XX": {"model": Problem, "description": "Failed, here or in the tracker"},
}
"""For OpenAPI; `as_problems` gives them their media type."""

_TYPES = {400: "bad-request", 403: "forbidden", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
_HINTS = {404: "see /docs for the routes that there are", 413: "send less at once"}


def response(
    request: Request,
    type_: str,
    status: int,
    detail: str,
    hint: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[FieldError] | None = None,
    problems: Sequence[LineError] | None = None,
) -> JSONResponse:
    """A problem as an answer to `request`."""
    problem = Problem(
        type=type_,
        title=type_.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        hint=hint,
        instance=request.scope["path"],
        errors=list(errors) if errors is not None else None,
        problems=list(problems) if problems is not None else None,
    )
    body = problem.model_dump(mode="json", exclude_none=True)
    extra = {"Connection": "close"} if status == 413 else {}  # the rest of the body is not read
    return JSONResponse(body, status, headers={**(headers or {}), **extra}, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every expected error with a problem. The unexpected ones are `app.api.edge`'s."""
    app.add_exception_handler(MilepostError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    refused = cast(MilepostError, error)
    headers = {}
    if isinstance(refused, Retryable) and refused.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(refused.retry_after))
    problems = None
    if isinstance(refused, RoadmapRefused):
        problems = [LineError(line=problem.line, message=problem.message) for problem in refused.problems]
    return response(
        request, refused.type, refused.status, refused.message, refused.hint, headers=headers, problems=problems
    )


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    found = cast(RequestValidationError, error).errors()
    errors = [FieldError(field=".".join(map(str, each["loc"])), message=str(each["msg"])) for each in found]
    detail = "; ".join(f"{each.field}: {each.message}" for each in errors)
    return response(request, "invalid-request", 422, detail, "see /docs for what is taken", errors=errors)


async def _http(request: Request, error: Exception) -> JSONResponse:
    http = cast(HTTPException, error)
    status = http.status_code
    type_ = _TYPES.get(status, f"http-{status}")
    return response(request, type_, status, str(http.detail), _HINTS.get(status, ""), headers=http.headers)


def as_problems(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document whose refusals have their media type."""
    for path in document["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                content = answer.get("content", {})
                if content.get("application/json", {}).get("schema") == {"$ref": "#/components/schemas/Problem"}:
                    content[MEDIA_TYPE] = content.pop("application/json")
    return document
