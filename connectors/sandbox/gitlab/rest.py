"""REST: who and what there is, milestones of projects and groups, labels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from connectors.sandbox.gitlab import render
from connectors.sandbox.gitlab.records import Milestone, MilestoneFields, Owner, Refused
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.web import Params, paged, params

Asked = Annotated[Params, Depends(params)]

VERSION = {"version": "19.0.0-sandbox", "revision": "0000000"}
KAS = {"enabled": False, "externalUrl": None, "externalK8sProxyUrl": None, "version": None}


def number(name: str, value: str) -> int:
    """A number in a path. Refused: 400."""
    if not value.isdigit():
        raise Refused(400, {"error": f"{name} is invalid"})
    return int(value)


def owner(store: Store, kind: str, ref: str) -> Owner:
    """The project or group that a path names by id or by encoded path. `kind` is `projects` or `groups`."""
    return store.project(unquote(ref)) if kind == "projects" else store.group(unquote(ref))


def routes(store: Store) -> APIRouter:
    router = APIRouter(prefix="/api/v4")

    @router.get("/user")
    def me() -> dict[str, Any]:
        extra = {"created_at": "2026-01-01T00:00:00.000Z", "bio": "", "email": "root@example.com", "bot": False}
        return render.user(store) | extra

    @router.get("/version")
    @router.get("/metadata")
    def metadata() -> dict[str, Any]:
        return {**VERSION, "kas": KAS, "enterprise": True}

    @router.get("/personal_access_tokens/self")
    def token(request: Request) -> dict[str, Any]:
        return {
            "id": 1,
            "name": "sandbox",
            "revoked": False,
            "created_at": "2026-01-01T00:00:00.000Z",
            "description": None,
            "scopes": ["read_api"] if request.state.read_only else ["api"],
            "user_id": 1,
            "last_used_at": render.moment(store.clock.now()),
            "active": True,
            "expires_at": None,
        }

    @router.get("/projects/{ref}")
    def project(ref: str) -> dict[str, Any]:
        with store.lock:
            return render.project(store, store.project(unquote(ref)))

    @router.get("/groups/{ref}")
    def group(ref: str) -> dict[str, Any]:
        return render.group(store, store.group(unquote(ref)))

    @router.get("/namespaces/{ref}")
    def namespace(ref: str) -> dict[str, Any]:
        return render.namespace(store, store.group(unquote(ref)))

    @router.get("/projects/{ref}/labels")
    def labels(ref: str, asked: Asked) -> Response:
        project = store.project(unquote(ref))
        with store.lock:
            found = [x for x in store.labels.values() if x.owner is project and asked.text("search") in x.name]
        return paged(store, asked, sorted(found, key=lambda x: x.name), lambda x: render.label(store, x))

    @router.post("/projects/{ref}/labels", status_code=201)
    def create_label(ref: str, asked: Asked) -> dict[str, Any]:
        project = store.project(unquote(ref))
        asked.required("name", "color")
        name = asked.text("name").strip()
        with store.lock:
            if any(x.owner is project and x.name == name for x in store.labels.values()):
                raise Refused(409, {"message": "Label already exists"})
            made = store.label(project, name, asked.text("color"), asked.text("description") or None)
            return render.label(store, made)

    for kind in ("projects", "groups"):
        _milestones(router, store, kind)
    return router


def _milestones(router: APIRouter, store: Store, kind: str) -> None:
    def find(ref: str, milestone_id: str) -> Milestone:
        """By the global id: an iid is not found."""
        found = store.milestones.get(number("milestone_id", milestone_id))
        if not found or found.owner is not owner(store, kind, ref):
            raise Refused(404, {"message": "404 Not found"})
        return found

    @router.get(f"/{kind}/{{ref}}/milestones")
    def milestones(ref: str, asked: Asked) -> Response:
        above = asked.flag("include_ancestors") or asked.flag("include_parent_milestones")
        found = list(filter(_wanted(asked), store.milestones_of(owner(store, kind, ref), above)))
        found.sort(key=lambda m: (m.due_date or date.max, m.title))
        return paged(store, asked, found, lambda m: render.milestone(store, m))

    @router.post(f"/{kind}/{{ref}}/milestones")
    def create(ref: str, asked: Asked) -> JSONResponse:
        asked.required("title")
        made = store.create_milestone(owner(store, kind, ref), _fields(asked))
        return JSONResponse(render.milestone(store, made), 201)

    @router.get(f"/{kind}/{{ref}}/milestones/{{milestone_id}}")
    def get(ref: str, milestone_id: str) -> dict[str, Any]:
        return render.milestone(store, find(ref, milestone_id))

    @router.put(f"/{kind}/{{ref}}/milestones/{{milestone_id}}")
    def update(ref: str, milestone_id: str, asked: Asked) -> dict[str, Any]:
        found = find(ref, milestone_id)
        names = ("title", "description", "start_date", "due_date", "state_event")
        if not asked.has(*names):
            raise Refused(400, {"error": f"{', '.join(names)} are missing, at least one parameter must be provided"})
        fields = _fields(asked)
        if event := asked.choice("state_event", "close", "activate"):
            fields["state_event"] = event
        store.update_milestone(found, fields)
        return render.milestone(store, found)

    @router.delete(f"/{kind}/{{ref}}/milestones/{{milestone_id}}")
    def delete(ref: str, milestone_id: str) -> Response:
        store.delete_milestone(find(ref, milestone_id))
        return Response(status_code=204)

    @router.get(f"/{kind}/{{ref}}/milestones/{{milestone_id}}/issues")
    def issues(ref: str, milestone_id: str, asked: Asked) -> Response:
        found = find(ref, milestone_id)
        with store.lock:
            inside = [i for i in store.issues.values() if i.milestone is found]
        return paged(store, asked, inside, lambda i: render.issue(store, i))


def _fields(asked: Params) -> MilestoneFields:
    fields: MilestoneFields = {}
    if asked.has("title"):
        fields["title"] = asked.text("title")
    if asked.has("description"):
        fields["description"] = asked.text("description")
    if asked.has("start_date"):
        fields["start_date"] = asked.day("start_date")
    if asked.has("due_date"):
        fields["due_date"] = asked.day("due_date")
    return fields


def _wanted(asked: Params) -> Callable[[Milestone], bool]:
    state = asked.choice("state", "active", "closed", "all", default="all")
    iids = set(asked.texts("iids")) if asked.has("iids") else None
    title = asked.text("title") if asked.has("title") else None
    search = asked.text("search").lower()
    since, until = asked.moment("updated_after"), asked.moment("updated_before")

    def test(milestone: Milestone) -> bool:
        return (
            state in ("all", milestone.state)
            and (iids is None or str(milestone.iid) in iids)
            and title in (None, milestone.title)
            and search in f"{milestone.title}\n{milestone.description or ''}".lower()
            and (since is None or milestone.updated_at >= since)
            and (until is None or milestone.updated_at <= until)
        )

    return test
