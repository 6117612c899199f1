"""What the layer of misbehaviour asks of GitHub: which requests are its API's, what they cost, how it refuses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Literal

from starlette.responses import Response

from connectors.sandbox.github.api import DOCUMENTATION, PRIMARY, Answer, Gate, primary_limit
from connectors.sandbox.kit import Clock
from connectors.sandbox.limits import Limit
from connectors.sandbox.misbehaviour import Asked

API_PATHS = re.compile(r"/(api|repos|repositories|orgs)/|/(api/v3|graphql|user|rate_limit|meta|versions)/?$")
LISTS = re.compile(r"/(issues|milestones|labels|comments|hooks|sub_issues|blocked_by|blocking)$")
LIMITS = (
    Limit("content_per_minute", "rolling", 60),
    Limit("content_per_hour", "rolling", 3600),
    Limit("points_per_minute", "rolling", 60),
    Limit("graphql_points_per_minute", "rolling", 60),
    Limit("spacing", "spacing"),
    Limit("concurrent", "at_once"),
    Limit(PRIMARY, "told", 3600, "primary_limit"),
)
# docs.github.com, "Rate limits for the REST API". `spacing` is advice there; the box insists, so that it is followed.
USUAL = {
    "content_per_minute": 80,
    "content_per_hour": 500,
    "points_per_minute": 900,
    "graphql_points_per_minute": 2000,
    "spacing": 1.0,
    "concurrent": 100,
    PRIMARY: 5000,
    "speed": 1,
}
# Its REST and GraphQL doors tell of errors that are nobody's fault in these words; they are documented nowhere.
MESSAGES = {
    400: "Problems parsing JSON",
    401: "Bad credentials",
    403: "Resource not accessible by personal access token",
    404: "Not Found",
    409: "Conflict",
    410: "Gone",
    422: "Validation Failed",
    429: "Too many requests",
    503: "Service unavailable",
    504: "We couldn't respond to your request in time. Sorry about that. Please try resubmitting your request and "
    "contact us if the problem persists.",
}
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to "
    "GitHub Support for help, please include the request ID."
)


class GitHubTracker:
    """`connectors.sandbox.misbehaviour.Tracker`, in GitHub's words."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock

    def is_api(self, path: str) -> bool:
        return bool(API_PATHS.match(path))

    def lists(self, asked: Asked) -> bool:
        return asked.graphql or (asked.method == "GET" and bool(LISTS.search(asked.path)))

    def costs(self, asked: Asked) -> Mapping[str, float]:
        """Points by the documentation's table. Which requests create content it does not list: the box takes every POST
        but pings and redeliveries, and each field of a mutation that creates or adds.
        """
        points = 1.0 if asked.reads else 5.0
        if asked.graphql:
            content = sum(1 for name in asked.mutations if name.startswith(("create", "add")))
        else:
            content = int(asked.method == "POST" and not asked.path.endswith(("/pings", "/attempts")))
        return {
            "graphql_points_per_minute" if asked.graphql else "points_per_minute": points,
            "content_per_minute": content,
            "content_per_hour": content,
            "spacing": 0.0 if asked.reads else 1.0,
            "concurrent": 1.0,
        }

    def error(self, asked: Asked, status: int) -> Response:
        data = {"message": MESSAGES.get(status, "Server Error"), "documentation_url": DOCUMENTATION}
        return self._dressed(asked, Answer({**data, "status": str(status)}, status))

    def limited(
        self, asked: Asked, kind: Literal["primary_limit", "secondary_limit"], seconds: float, status: int = 0
    ) -> Response:
        """403, or 429 when `status` says so: GitHub documents both. The primary limit ends at `X-RateLimit-Reset`; the
        secondary has `Retry-After`, which GitHub may leave out.
        """
        status = status if status in (403, 429) else 403
        if kind == "primary_limit":
            limit = USUAL[PRIMARY]
            reset = math.ceil(self._clock.now().timestamp() + seconds)
            told = {"limit": int(limit), "remaining": 0, "reset": reset, "used": int(limit)}
            return self._dressed(asked, primary_limit(_resource(asked), told, status))
        page = f"{DOCUMENTATION}/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"
        data = {"message": SECONDARY, "documentation_url": page, "status": str(status)}
        headers = {"Retry-After": str(math.ceil(seconds))} if seconds else {}
        return self._dressed(asked, Answer(data, status, headers))

    def _dressed(self, asked: Asked, answer: Answer) -> Response:
        headers = {**self._gate.dress(asked.headers, _resource(asked), 0), **answer.headers}
        headers["Content-Type"] = "application/json; charset=utf-8"
        return Response(json.dumps(answer.data).encode(), answer.status, headers)


def _resource(asked: Asked) -> str:
    return "graphql" if asked.graphql else "core"
