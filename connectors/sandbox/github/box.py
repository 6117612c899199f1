"""`GitHubBox`: the store, the API, the page and the webhooks put together as one ASGI application."""

from __future__ import annotations

import functools

from fastapi import FastAPI, Request, Response
from starlette import routing
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from connectors.sandbox import switches
from connectors.sandbox.faults import Faults
from connectors.sandbox.github import control, graphql, page, rest, rest_hooks, tracker
from connectors.sandbox.github.api import Gate, Route, nothing_here
from connectors.sandbox.github.hooks import Hooks
from connectors.sandbox.github.state import Store
from connectors.sandbox.kit import Clock, HookSender, Options, RequestLog
from connectors.sandbox.limits import Limits
from connectors.sandbox.misbehaviour import Misbehaviour

API_PREFIX = "/api/v3"  # where GitHub Enterprise Server has it; github.com has it at the root of its own host
DEFAULTS = Options()


class GitHubBox:
    """A GitHub of its own. `app` serves it, `log` counts its API requests, `hooks` sends its webhooks, `faults` and
    `limits` make it misbehave and hold back; `close` ends the sending thread. The API answers at the root and under
    `/api/v3`, GraphQL at `/graphql` and `/api/graphql`.
    """

    def __init__(self, options: Options = DEFAULTS, clock: Clock | None = None) -> None:
        clock = clock or Clock()
        self.log = RequestLog()
        self.faults = Faults()
        self.limits = Limits(tracker.LIMITS)
        self.hooks = HookSender(self.faults)
        self._store = Store(clock, options.paths, types=options.types)
        hooks = Hooks(self._store, self.hooks)
        self._store.listener = hooks.tell
        gate = Gate(options, clock, self._store, hooks, self.log, self.limits)
        self._app = FastAPI(openapi_url=None)
        self._app.state.gate = gate
        controls = switches.Controls("GitHub sandbox", self.faults, self.limits, self.log, tracker.USUAL)
        switches.mount(self._app, controls)
        control.mount(self._app, self._store)
        self._app.router.routes.extend(_served())
        page.mount(self._app, self._store)
        self._app.add_exception_handler(HTTPException, _nowhere)
        words = tracker.GitHubTracker(gate, clock)
        self.app: ASGIApp = Misbehaviour(self._app, words, self.faults, self.limits, self.log)

    def close(self) -> None:
        self.hooks.close()


@functools.cache
def _served() -> list[BaseRoute]:
    """The API's addresses, for every box of a process: there are two hundred, and taking them in takes longer than most
    of what is done in a box. Which box is asked, its application knows.
    """
    served: list[BaseRoute] = []
    for route in (*rest.ROUTES, *rest_hooks.ROUTES):
        for prefix in ("", API_PREFIX):
            for path in dict.fromkeys((route.path, route.path.replace(rest.REPO, rest.BY_ID))):
                served.append(_at(prefix + path, route, route.method))
    for route in graphql.ROUTES:
        for prefix in ("", "/api"):
            served.append(_at(prefix + route.path, route, route.method))
    for path in (API_PREFIX, f"{API_PREFIX}/"):
        served.append(_at(path, Route("GET", path, rest.root), "GET"))
    for path in ("/repos/{rest:path}", "/orgs/{rest:path}", "/repositories/{rest:path}", "/api/{rest:path}"):
        served.append(_at(path, Route("*", path, nothing_here), "GET", "POST", "PUT", "PATCH", "DELETE"))
    return served


def _at(path: str, route: Route, *methods: str) -> BaseRoute:
    async def endpoint(request: Request) -> Response:
        gate: Gate = request.app.state.gate
        return await run_in_threadpool(gate.serve, request, await request.body(), route)

    served = routing.Route(path, endpoint, methods=methods)
    served.methods = set(methods)  # Starlette adds HEAD
    return served


def _nowhere(_: Request, error: Exception) -> Response:
    """An address that nothing serves, or a verb it does not have: 404 either way, as GitHub answers."""
    status = 404 if not isinstance(error, HTTPException) or error.status_code == 405 else error.status_code
    return Response(f'{{"message":"Not Found","status":"{status}"}}', status, media_type="application/json")
