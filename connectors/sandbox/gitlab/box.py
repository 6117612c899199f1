"""The box: one state with its APIs, pages and a control API, as one ASGI application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from connectors.sandbox.gitlab import graphql, page, rest, rest_hooks, rest_issues
from connectors.sandbox.gitlab.hooks import Hooks
from connectors.sandbox.gitlab.records import NotAllowed, Refused
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.web import Front
from connectors.sandbox.kit import Clock, HookSender, Options, RequestLog

_ANYTHING_GOES = Options()


class GitLabBox:
    """A GitLab in memory. `premium` is the licence: epics and blocking links.

    `app` is the ASGI application, for `kit.serving`; `log` counts API requests, with GraphQL mutations marked; `hooks`
    sends webhooks. Close it when done.

    Control, under `/_sandbox`, without a token and not counted: `GET requests` (the log's summary and entries),
    `DELETE requests`, `DELETE issues/{iid}?project=GROUP/NAME`, `GET notifications` (who was notified, by issue).
    """

    def __init__(self, options: Options = _ANYTHING_GOES, clock: Clock | None = None, premium: bool = False) -> None:
        self.log = RequestLog()
        self.hooks = HookSender()
        self._store = Store(options, clock or Clock(), premium)
        webhooks = Hooks(self._store, self.hooks)
        app = FastAPI(openapi_url=None)
        app.include_router(rest.routes(self._store))
        app.include_router(rest_issues.routes(self._store))
        app.include_router(rest_hooks.routes(self._store, webhooks))
        app.include_router(graphql.routes(self._store))
        _control(app, self._store, self.log)
        app.include_router(page.routes(self._store))
        app.add_exception_handler(Refused, _refused)
        app.add_exception_handler(NotAllowed, _not_allowed)
        app.add_exception_handler(HTTPException, _unknown)
        self.app: ASGIApp = Front(app, self._store, options, self.log)

    def close(self) -> None:
        self.hooks.close()


def _control(app: FastAPI, store: Store, log: RequestLog) -> None:
    @app.get("/_sandbox/requests")
    def requests() -> dict[str, Any]:
        return {**log.summary(), "entries": [list(entry) for entry in log.entries]}

    @app.delete("/_sandbox/requests")
    def clear() -> Response:
        log.clear()
        return Response(status_code=204)

    @app.delete("/_sandbox/issues/{iid}")
    def delete(iid: int, project: str) -> Response:
        store.delete_issue(store.issue(store.owner(project), iid))
        return Response(status_code=204)

    @app.get("/_sandbox/notifications")
    def notifications() -> list[dict[str, Any]]:
        with store.lock:
            return [
                {"project": i.owner.path, "iid": i.iid, "mentioned": list(i.mentions)}
                for i in store.issues.values()
                if i.mentions
            ]


def _refused(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse(error.body, error.status) if isinstance(error, Refused) else _broken()


def _not_allowed(request: Request, error: Exception) -> Response:
    del request
    return JSONResponse({"message": str(error)}, 400)


def _unknown(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, HTTPException):
        return _broken()
    return JSONResponse({"error": f"{error.status_code} {error.detail}"}, error.status_code)


def _broken() -> Response:
    return JSONResponse({"message": "500 Internal Server Error"}, 500)
