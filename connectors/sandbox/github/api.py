"""The door of the API: who calls, what is counted, how answers and refusals leave. The verbs are in `rest.py`."""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any, ClassVar, TypeVar

from fastapi import Request, Response

from connectors.sandbox.github.hooks import Hooks
from connectors.sandbox.github.issues import link_refused
from connectors.sandbox.github.model import Issue, Refusal, Repo, born_by, forbidden, not_found
from connectors.sandbox.github.render import Render, person_id
from connectors.sandbox.github.state import Store
from connectors.sandbox.kit import Clock, Options, RequestLog
from connectors.sandbox.limits import Limits
from connectors.sandbox.misbehaviour import lag_of

T = TypeVar("T")
DOCUMENTATION = "https://docs.github.com/rest"
REDIRECTS = "guides/best-practices-for-using-the-rest-api#follow-redirects"
VERSIONS = ("2022-11-28", "2026-03-10")
PRIMARY = "requests_per_hour"
LOGIN = "sandbox-bot"  # who the tokens belong to; people at the page are someone else


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb gives back. `logged_as` is added to the path in the request log."""

    data: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    logged_as: str = ""


@dataclass(slots=True)
class Call:
    """One request to the API, inside a session of the store."""

    store: Store
    hooks: Hooks
    render: Render
    request: Request
    body: bytes
    can_write: bool  # issues, at least: their texts and states
    can_push: bool  # without it milestone, labels, assignees and type are dropped without a word, and the rest refused
    limit: Mapping[str, int]
    by: str = LOGIN

    def check_own(self, issue: Issue) -> None:
        """Only its author and whoever may push edit an issue (OpenAPI, update an issue). Raises 403."""
        if not self.can_push and issue.author != self.by:
            raise forbidden()

    @property
    def repo(self) -> Repo:
        """By owner and name, or by the id that redirects name."""
        if "repo_id" in self.request.path_params:
            return self.store.repo_by_id(self.number("repo_id"))
        return self.store.repo(self.request.path_params["owner"], self.request.path_params["repo"])

    def number(self, name: str) -> int:
        return int(self.request.path_params[name])

    def text(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def choice(self, name: str, resource: str, options: Sequence[str]) -> str:
        """A query parameter out of `options`, the first being the default; 422 for any other."""
        chosen = self.query(name) or options[0]
        if chosen not in options:
            error = {"resource": resource, "field": name, "code": "invalid", "value": chosen}
            raise Refusal(422, "Validation Failed", [error])
        return chosen

    def json(self) -> Any:
        """The body as JSON, `{}` when there is none. Raises GitHub's 400 for what does not parse."""
        if not self.body.strip():
            return {}
        try:
            return json.loads(self.body)
        except ValueError:
            raise Refusal(400, "Problems parsing JSON") from None

    def seen(self, items: Sequence[T]) -> Sequence[T]:
        """What a list shows of `items`: the newest may not be in it yet (fault `list_lag`)."""
        lag = lag_of(self.request.scope)
        return [one for one in items if born_by(one, self.store.exactly() - lag)] if lag else items

    def per_page(self) -> int:
        """30 by default; GitHub clamps to 1–100 rather than refuse."""
        asked = self.query("per_page")
        return min(max(int(asked), 1), 100) if re.fullmatch(r"\d{1,9}", asked) else 30

    def link(self, targets: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """A `Link` header: the request's own address with other parameters, by relation."""
        links = [f'<{self.request.url.include_query_params(**query)}>; rel="{rel}"' for rel, query in targets.items()]
        return {"Link": ", ".join(links)} if links else {}

    def page(self, items: Sequence[T], shown: Callable[[T], Any]) -> Answer:
        """The page that `per_page` and `page` ask for, with the `Link` header; none on a single page."""
        items = self.seen(items)
        size = self.per_page()
        asked = self.query("page")
        page = max(int(asked), 1) if re.fullmatch(r"\d{1,9}", asked) else 1
        last = max(1, -(-len(items) // size))
        targets: dict[str, dict[str, int]] = {}
        if page > 1:
            targets["prev"] = {"page": min(page - 1, last)}
        if page < last:
            targets["next"] = {"page": page + 1}
            targets["last"] = {"page": last}
        if page > 1:
            targets["first"] = {"page": 1}
        return Answer([shown(item) for item in items[(page - 1) * size : page * size]], headers=self.link(targets))


Verb = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """`alone`: GitHub fails all but one of such requests when they run at the same time for the same address.
    `push`: a write that needs push access, not only the token's permission.
    """

    method: str
    path: str
    verb: Verb
    alone: bool = False
    push: bool = True


class Rate:
    """The primary limit of each token and resource, in windows of an hour. Counted and shown; held to when the limits
    say so. Otherwise at least one request is always left, so that long rehearsals do not stand still.
    """

    USUAL: ClassVar[int] = 5000

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str], tuple[float, int]] = {}  # window's end, used

    def count(self, token: str, resource: str, points: int) -> dict[str, int]:
        """Add `points` and give {"limit", "remaining", "reset", "used"} as they are afterwards."""
        now = self._clock.now().timestamp()
        held = self._limits.amount(PRIMARY)
        window = self._limits.real(3600)
        with self._lock:
            end, used = self._used.get((token, resource), (now + window, 0))
            if now >= end or end > now + window:  # The second: the clock was made faster.
                end, used = now + window, 0
            used += points
            self._used[token, resource] = end, used
        limit = int(held) if held else self.USUAL
        remaining = max(limit - used, 0 if held else 1)
        return {"limit": limit, "remaining": remaining, "reset": math.ceil(end), "used": used}


class Gate:
    """Lets API requests in, runs their verb in a session and dresses the answer as GitHub does."""

    def __init__(
        self, options: Options, clock: Clock, store: Store, hooks: Hooks, log: RequestLog, limits: Limits
    ) -> None:
        self._options = options
        self._clock = clock
        self._store = store
        self._hooks = hooks
        self._log = log
        self._rate = Rate(clock, limits)
        self._busy: set[str] = set()
        self._busy_lock = threading.Lock()

    def serve(self, request: Request, body: bytes, route: Route) -> Response:
        """The whole of one request; refusals become GitHub's error answers."""
        resource = "graphql" if route.path == "/graphql" else "core"
        token = token_of(request.headers)
        # A 304 to a request with a token is free, and so is asking for the limits (TRACKERS, Limits).
        free = route.path == "/rate_limit"
        told = self._rate.count(token, resource, 0)
        if not told["remaining"] and not free:
            answer, free = primary_limit(resource, told), True
        else:
            try:
                answer = self._run(request, body, route, token, resource)
            except Refusal as refusal:
                answer = refuse(refusal, self._api(request), request.url.path)
        content = b"" if answer.status == 204 else json.dumps(answer.data, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", **answer.headers}
        status = answer.status
        if request.method == "GET" and status == 200:
            headers["ETag"] = tag = f'W/"{hashlib.sha256(content).hexdigest()}"'
            headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
            headers["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP"
            asked = [one.strip() for one in request.headers.get("if-none-match", "").split(",")]
            if tag in asked or tag.removeprefix("W/") in asked:
                status, content = 304, b""
        if status in {204, 304}:
            headers.pop("Content-Type")
        free = free or status in {304, 401}
        headers = {**self.dress(request.headers, resource, 0 if free else 1), **headers}
        query = f"?{request.url.query}" if request.url.query else ""
        self._log.add(request.method, f"{request.url.path}{query}{answer.logged_as}", status)
        return Response(content, status, headers)

    def dress(self, sent: Mapping[str, str], resource: str, points: int = 1) -> dict[str, str]:
        """The headers that every answer has, after counting `points`."""
        limit = self._rate.count(token_of(sent), resource, points)
        return {
            **limit_headers(limit, resource),
            "X-GitHub-Request-Id": uuid.uuid4().hex.upper()[:20],
            "X-GitHub-Media-Type": "github.v3; format=json",
            "X-GitHub-Api-Version-Selected": sent.get("x-github-api-version", VERSIONS[0]),
            "Date": format_datetime(self._clock.now(), usegmt=True),
        }

    def _run(self, request: Request, body: bytes, route: Route, token: str, resource: str) -> Answer:
        check_version(request.headers.get("x-github-api-version"))
        can_write, can_push = self._let_in(token)
        if resource == "core" and request.method != "GET" and not (can_push if route.push else can_write):
            raise forbidden("repository_hooks=write" if "/hooks" in route.path else "issues=write")
        origin, api = str(request.base_url).rstrip("/"), self._api(request)
        with self._alone(request.url.path.lower()) if route.alone else nullcontext(), self._store.session(origin):
            limit = self._rate.count(token, resource, 0)
            call = Call(self._store, self._hooks, Render(origin, api), request, body, can_write, can_push, limit)
            return route.verb(call)

    def _api(self, request: Request) -> str:
        """The address of the API that the request came in by."""
        origin = str(request.base_url).rstrip("/")
        return f"{origin}/api/v3" if request.url.path.startswith("/api/v3") else origin

    def _let_in(self, token: str) -> tuple[bool, bool]:
        """Whether this token may write, and push. Raises 401 for none or a wrong one."""
        if token and token in self._options.read_only:
            return False, False
        if token and token in self._options.no_push:
            return True, False
        if not token or (self._options.tokens and token not in self._options.tokens):
            raise Refusal(401, "Bad credentials")
        return True, True

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Adds under one parent that overlap are refused (TRACKERS, trap 4). Each takes 5 ms, so that overlap shows."""
        with self._busy_lock:
            if key in self._busy:
                raise link_refused("Priority has already been taken")
            self._busy.add(key)
        try:
            yield
            time.sleep(0.005)
        finally:
            with self._busy_lock:
                self._busy.discard(key)


def token_of(headers: Mapping[str, str]) -> str:
    return re.sub(r"(?i)^(bearer|token)(\s+|$)", "", headers.get("authorization", "")).strip()


def limit_headers(limit: Mapping[str, int], resource: str) -> dict[str, str]:
    return {f"X-RateLimit-{name.capitalize()}": str(value) for name, value in limit.items()} | {
        "X-RateLimit-Resource": resource
    }


def primary_limit(resource: str, limit: Mapping[str, int], status: int = 403) -> Answer:
    """The requests of the hour are used up. GraphQL says so with 200 (docs, "Rate limits … for the GraphQL API")."""
    message = f"API rate limit exceeded for user ID {person_id(LOGIN)}."
    headers = limit_headers({**limit, "remaining": 0}, resource)
    if resource == "graphql":
        return Answer({"errors": [{"type": "RATE_LIMITED", "message": message}]}, 200, headers)
    page = f"{DOCUMENTATION}/overview/rate-limits-for-the-rest-api"
    return Answer({"message": message, "documentation_url": page, "status": str(status)}, status, headers)


def check_version(version: str | None) -> None:
    """A date that is not served is gone (410); what is no date is a bad request (400)."""
    if version is None or version in VERSIONS:
        return
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", version):
        raise Refusal(400, f"Version '{version}' is not a valid API version.")
    raise Refusal(410, f"API version '{version}' is not supported. Supported versions: {', '.join(VERSIONS)}.")


def refuse(refusal: Refusal, api: str, path: str) -> Answer:
    if refusal.moved:
        place = Render(api, api).moved_to(refusal.moved, re.sub(r"^.*?/issues/\d+", "", path))
        told = {"message": refusal.message, "url": place, "documentation_url": f"{DOCUMENTATION}/{REDIRECTS}"}
        return Answer(told, refusal.status, {"Location": place})
    data: dict[str, Any] = {"message": refusal.message}
    if refusal.errors:
        data["errors"] = refusal.errors
    data |= {"documentation_url": DOCUMENTATION, "status": str(refusal.status)}
    headers = {"X-Accepted-GitHub-Permissions": refusal.needs} if refusal.status == 403 else {}
    return Answer(data, refusal.status, headers)


def nothing_here(_: Call) -> Answer:
    """Any address the API does not have."""
    raise not_found()
