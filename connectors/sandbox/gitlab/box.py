"""The box: one state with its APIs, pages and a control API, as one ASGI application."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from connectors.sandbox import switches
from connectors.sandbox.faults import Faults
from connectors.sandbox.gitlab import control, graphql, page, rest, rest_hooks, rest_issues, tracker
from connectors.sandbox.gitlab.access import Access, Token
from connectors.sandbox.gitlab.hooks import Hooks
from connectors.sandbox.gitlab.records import NotAllowed, NotAvailable, Refused
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.web import Front
from connectors.sandbox.kit import Clock, HookSender, Options, RequestLog
from connectors.sandbox.limits import Limits
from connectors.sandbox.misbehaviour import Misbehaviour

_ANYTHING_GOES = Options()
_NO_TOKENS: Mapping[str, Token] = {}


class GitLabBox:
    """A GitLab in memory. `premium` is the licence: epics, blocking links and group webhooks; `ultimate` adds epics
    under epics. `tokens` are known beside those of `options`, each with its kind, scopes and roles. `version` is the
    GitLab it is: below 18.2 no milestone webhooks, below 18.3 no cursors for a project's issues, below 19.0 no signing
    tokens.

    `app` is the ASGI application, for `kit.serving`; `log` counts API requests, with GraphQL mutations marked; `hooks`
    sends webhooks; `faults` and `limits` make it misbehave and hold back. Close it when done.

    Control, under `/_sandbox`, without a token and not counted: what `connectors.sandbox.switches` has, and
    `GET|PUT licence` (`{"premium": true, "ultimate": false}`), `PUT tokens/{token}` (the fields of `access.Token`),
    `DELETE issues/{iid}?project=GROUP/NAME` (a group for epics), `GET notifications` (who was notified, by issue).
    """

    def __init__(
        self,
        options: Options = _ANYTHING_GOES,
        clock: Clock | None = None,
        premium: bool = False,
        *,
        ultimate: bool = False,
        tokens: Mapping[str, Token] = _NO_TOKENS,
        version: str = "19.0.0",
    ) -> None:
        self.log = RequestLog()
        self.faults = Faults()
        self.limits = Limits(tracker.LIMITS)
        self.hooks = HookSender(self.faults)
        plan = "ultimate" if ultimate else "premium" if premium else "free"
        self._store = Store(options, clock or Clock(), plan, version)
        access = Access(self._store, options, tokens)
        webhooks = Hooks(self._store, self.hooks)
        app = FastAPI(openapi_url=None)
        app.include_router(rest.routes(self._store, access))
        app.include_router(rest_issues.routes(self._store))
        app.include_router(rest_hooks.routes(self._store, webhooks))
        app.include_router(graphql.routes(self._store, access))
        licence = switches.Switch("licence", "Premium licence", lambda: self._store.premium, self._license)
        switches.mount(
            app,
            switches.Controls("GitLab sandbox", self.faults, self.limits, self.log, tracker.USUAL, [licence]),
        )
        control.mount(app, self._store, access)
        app.include_router(page.routes(self._store))
        app.add_exception_handler(Refused, _refused)
        app.add_exception_handler(NotAllowed, _not_allowed)
        app.add_exception_handler(NotAvailable, _not_available)
        app.add_exception_handler(HTTPException, _unknown)
        front = Front(app, self._store, access, self.limits, self.log)
        words = tracker.GitLabTracker(front.told)
        self.app: ASGIApp = Misbehaviour(front, words, self.faults, self.limits, self.log)

    def _license(self, premium: bool) -> None:
        self._store.plan = "premium" if premium else "free"

    def close(self) -> None:
        self.hooks.close()


def _refused(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse(error.body, error.status) if isinstance(error, Refused) else _broken()


def _not_allowed(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse({"message": str(error)}, 400)


def _not_available(request: Request, error: Exception) -> Response:
    del request, error
    return JSONResponse({"message": "403 Forbidden"}, 403)


def _unknown(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, HTTPException):
        return _broken()
    return JSONResponse({"error": f"{error.status_code} {error.detail}"}, error.status_code)


def _broken() -> Response:
    return JSONResponse({"message": "500 Internal Server Error"}, 500)
