"""REST: webhooks of projects and, with a licence, of groups; what they sent, and sending again."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from connectors.sandbox.gitlab import render
from connectors.sandbox.gitlab.hooks import Hooks, signing_key
from connectors.sandbox.gitlab.records import Hook, HookEvent, Refused
from connectors.sandbox.gitlab.rest import Asked, number, owner
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.web import Params, paged

LARGEST_PAGE = 20  # of events
OUTCOMES = {"successful": "2", "client_failure": "4", "server_failure": "5"}
STATUSES = {*OUTCOMES, *(str(int(one)) for one in HTTPStatus)}


def routes(store: Store, hooks: Hooks) -> APIRouter:
    router = APIRouter()
    for kind in ("projects", "groups"):
        router.include_router(_of(kind, store, hooks))
    return router


def _of(kind: str, store: Store, hooks: Hooks) -> APIRouter:
    router = APIRouter(prefix=f"/api/v4/{kind}/{{ref}}/hooks")

    def find(ref: str, hook_id: str) -> Hook:
        return hooks.get(owner(store, kind, ref), number("hook_id", hook_id))

    @router.get("")
    def listed(ref: str, asked: Asked) -> Response:
        return paged(store, asked, hooks.of(owner(store, kind, ref)), hooks.shown)

    @router.post("")
    def create(ref: str, asked: Asked) -> JSONResponse:
        place = owner(store, kind, ref)
        asked.required("url")
        _check(asked)
        made = hooks.add(place, asked.text("url"))
        _set(store, made, asked)
        return JSONResponse(hooks.shown(made), 201)

    @router.get("/{hook_id}")
    def get(ref: str, hook_id: str) -> dict[str, Any]:
        return hooks.shown(find(ref, hook_id))

    @router.put("/{hook_id}")
    def update(ref: str, hook_id: str, asked: Asked) -> dict[str, Any]:
        found = find(ref, hook_id)
        _check(asked)
        _set(store, found, asked)
        return hooks.shown(found)

    @router.delete("/{hook_id}")
    def delete(ref: str, hook_id: str) -> Response:
        hooks.remove(find(ref, hook_id))
        return Response(status_code=204)

    @router.post("/{hook_id}/test/{trigger}")
    def test(ref: str, hook_id: str, trigger: str) -> JSONResponse:
        found = find(ref, hook_id)
        if trigger not in render.switches(found.owner):
            raise Refused(400, {"error": "trigger does not have a valid value"})
        status = hooks.test(found, trigger)
        if not status.isdigit():
            raise Refused(422, {"message": "The hook's address could not be reached"})
        return JSONResponse({"message": "201 Created"}, 201)

    _events(router, hooks, store, find)
    return router


def _events(router: APIRouter, hooks: Hooks, store: Store, find: Callable[[str, str], Hook]) -> None:
    @router.get("/{hook_id}/events")
    def events(ref: str, hook_id: str, asked: Asked) -> Response:
        found = hooks.events(find(ref, hook_id))
        if not 1 <= asked.number("per_page", LARGEST_PAGE) <= LARGEST_PAGE:
            raise Refused(400, {"error": "per_page does not have a valid value"})
        statuses = asked.texts("status")
        if any(status not in STATUSES for status in statuses):
            raise Refused(400, {"error": "status does not have a valid value"})
        if statuses:
            found = [e for e in found if any(_fits(hooks.status(e), s) for s in statuses)]
        return paged(store, asked, found, lambda e: _event(hooks, e), LARGEST_PAGE)

    @router.post("/{hook_id}/events/{event_id}/resend")
    def resend(ref: str, hook_id: str, event_id: str) -> JSONResponse:
        status = hooks.resend(hooks.event(find(ref, hook_id), number("hook_log_id", event_id)))
        return JSONResponse({"response_status": int(status) if status.isdigit() else status}, 201)


def _check(asked: Params) -> None:
    if asked.has("url") and not asked.text("url").startswith(("http://", "https://")):
        raise Refused(422, {"error": "Invalid url given"})
    if asked.text("signing_token"):
        signing_key(asked.text("signing_token"))


def _set(store: Store, hook: Hook, asked: Params) -> None:
    if asked.has("url"):
        hook.url = asked.text("url")
    if asked.has("name"):
        hook.name = asked.text("name")
    if asked.has("description"):
        hook.description = asked.text("description")
    if asked.has("token"):
        hook.token = asked.text("token") or None
    if asked.has("signing_token") and store.since(19, 0):  # beyond the official description
        hook.signing_token = asked.text("signing_token") or None
    for name in (*render.switches(hook.owner), "enable_ssl_verification"):
        if asked.has(name):
            hook.switches[name] = asked.flag(name)


def _fits(status: str | None, wanted: str) -> bool:
    if status == "internal error":
        return wanted == "server_failure"
    return (status or "").startswith(OUTCOMES.get(wanted, wanted))


def _event(hooks: Hooks, event: HookEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "url": event.hook.url,
        "trigger": event.trigger,
        "request_headers": event.headers,
        "request_data": json.loads(event.body),
        "response_headers": {},
        "response_body": "",
        "execution_duration": 0.0,
        "response_status": hooks.status(event),
        "created_at": render.moment(event.created_at),
    }
