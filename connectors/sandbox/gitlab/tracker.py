"""What the layer of misbehaviour asks of GitLab: which requests are its API's, what they cost, how it refuses.

Words from `Gitlab::RackAttack` (the limit on all requests), `API::Helpers::RateLimiter` and `GraphqlController` (limits
of single endpoints), `API::Helpers` (errors); 502 to 504 come from the proxy before GitLab, as a page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Literal

from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from connectors.sandbox.limits import Limit
from connectors.sandbox.misbehaviour import Asked

REQUESTS = "requests_per_minute"
LIMITS = (
    Limit(REQUESTS, "rolling", 60, "primary_limit"),
    Limit("issues_per_minute", "rolling", 60),
    Limit("notes_per_minute", "rolling", 60),
)
USUAL = {REQUESTS: 2_000, "issues_per_minute": 200, "notes_per_minute": 60, "speed": 1}  # GitLab.com

LISTS = re.compile(r"/(issues|milestones|labels|links|notes|hooks|events)$")
CREATES_ISSUE = re.compile(r"/issues(/\d+/(move|clone))?$")
TOO_OFTEN = "This endpoint has been requested too many times. Try again later."
MESSAGES = {404: "404 Not found", 422: "422 Unprocessable Entity", 500: "500 Internal Server Error"}
PAGE = "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{status}</h1><h3>{title}</h3></body></html>"

Headers = Callable[[float | None], dict[str, str]]


class GitLabTracker:
    """`connectors.sandbox.misbehaviour.Tracker`, in GitLab's words. `headers` gives what stands on every answer, with
    the requests used up for so many seconds where these are given.
    """

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def is_api(self, path: str) -> bool:
        return path.startswith("/api/")

    def lists(self, asked: Asked) -> bool:
        return asked.graphql or (asked.method == "GET" and bool(LISTS.search(asked.path)))

    def costs(self, asked: Asked) -> Mapping[str, float]:
        """One request each, however many fields a mutation has; an issue, or a work item of any type, for each that it
        creates (`WorkItems::CreateService` is `Issues::CreateService`).
        """
        posted = asked.method == "POST" and not asked.graphql
        issues = asked.mutations.count("workItemCreate") + bool(posted and CREATES_ISSUE.search(asked.path))
        notes = float(posted and asked.path.endswith("/notes"))
        return {REQUESTS: 1.0, "issues_per_minute": float(issues), "notes_per_minute": notes}

    def error(self, asked: Asked, status: int) -> Response:
        headers = self._headers(None)
        if status in (502, 503, 504):
            title = f"GitLab is not responding ({status})" if status == 502 else HTTPStatus(status).phrase
            return HTMLResponse(PAGE.format(title=title, status=status), status, headers)
        if status == 429:
            return self.limited(asked, "secondary_limit", 0)
        if asked.graphql:
            told = {401: "Invalid token", 403: "API not accessible for user", 404: "Not found!"}
            message = "Internal server error" if status >= 500 else told.get(status, _phrase(status))
            return JSONResponse({"errors": [{"message": message}]}, status, headers)
        return JSONResponse({"message": MESSAGES.get(status, f"{status} {_phrase(status)}")}, status, headers)

    def limited(
        self, asked: Asked, kind: Literal["primary_limit", "secondary_limit"], seconds: float, status: int = 0
    ) -> Response:
        """429 in any case. Only the limit on all requests says how long to wait."""
        del status
        if kind == "primary_limit":
            return PlainTextResponse("Retry later\n", 429, self._headers(math.ceil(seconds)))
        headers = self._headers(None)
        if asked.graphql:
            return JSONResponse({"errors": [{"message": TOO_OFTEN}]}, 429, headers)
        return JSONResponse({"message": {"error": TOO_OFTEN}}, 429, headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
