"""REST: who and what there is, milestones of projects and groups, labels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from connectors.sandbox.gitlab import render
from connectors.sandbox.gitlab.access import OWNER, Access, Token
from connectors.sandbox.gitlab.records import Milestone, MilestoneFields, Owner, Refused
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.web import Params, paged, params

Asked = Annotated[Params, Depends(params)]

KAS = {"enabled": False, "externalUrl": None, "externalK8sProxyUrl": None, "version": None}


def number(name: str, value: str) -> int:
    """A number in a path. Refused: 400."""
    if not value.isdigit():
        raise Refused(400, {"error": f"{name} is invalid"})
    return int(value)


def owner(store: Store, kind: str, ref: str) -> Owner:
    """The project or group that a path names by id or by encoded path. `kind` is `projects` or `groups`."""
    return store.project(unquote(ref)) if kind == "projects" else store.group(unquote(ref))


def version(store: Store) -> dict[str, Any]:
    return {"version": f"{store.version}-sandbox", "revision": "0000000"}


def routes(store: Store, access: Access) -> APIRouter:
    router = APIRouter(prefix="/api/v4")

    _who(router, store, access)

    @router.get("/projects/{ref}")
    def project(ref: str, request: Request) -> dict[str, Any]:
        with store.lock:
            found = store.project(unquote(ref))
            return render.project(store, found, request.state.token.level(found))

    @router.get("/groups/{ref}")
    def group(ref: str) -> dict[str, Any]:
        return render.group(store, store.group(unquote(ref)))

    @router.get("/namespaces/{ref}")
    def namespace(ref: str, request: Request) -> dict[str, Any]:
        """`plan` is for owners (EE `API::Entities::Namespace`)."""
        found = store.group(unquote(ref))
        return render.namespace(store, found, planned=request.state.token.level(found) >= OWNER)

    for kind in ("projects", "groups"):
        _members(router, store, access, kind)
        _labels(router, store, kind)
        _milestones(router, store, kind)
    return router


def _who(router: APIRouter, store: Store, access: Access) -> None:
    def person(token: Token) -> dict[str, Any]:
        return render.user(store, access.bot(token) if token.bot else None)

    @router.get("/user")
    def me(request: Request) -> dict[str, Any]:
        token: Token = request.state.token
        email = "" if token.bot else "root@example.com"
        extra = {"created_at": "2026-01-01T00:00:00.000Z", "bio": "", "email": email, "bot": token.bot}
        return person(token) | extra

    @router.get("/version")
    @router.get("/metadata")
    def metadata() -> dict[str, Any]:
        return {**version(store), "kas": KAS, "enterprise": True}

    @router.get("/license")
    def instance_license() -> JSONResponse:
        """For administrators, whom no token here belongs to."""
        raise Refused(403, {"message": "403 Forbidden"})

    @router.get("/personal_access_tokens/self")
    def token(request: Request) -> dict[str, Any]:
        """Whatever the kind: a project's or group's access token is its bot's personal one."""
        found: Token = request.state.token
        return {
            "id": 1,
            "name": "sandbox",
            "revoked": False,
            "created_at": "2026-01-01T00:00:00.000Z",
            "description": None,
            "scopes": list(found.scopes),
            "user_id": person(found)["id"],
            "last_used_at": render.moment(store.clock.now()),
            "active": True,
            "expires_at": render.day(found.expires_on),
        }


def _members(router: APIRouter, store: Store, access: Access, kind: str) -> None:
    @router.get(f"/{kind}/{{ref}}/members/{{user_id}}")
    @router.get(f"/{kind}/{{ref}}/members/all/{{user_id}}")
    def member(ref: str, user_id: str, request: Request) -> dict[str, Any]:
        """The token's own user only: nobody else is known here."""
        token: Token = request.state.token
        level = token.level(owner(store, kind, ref))
        shown = render.user(store, access.bot(token) if token.bot else None)
        if number("user_id", user_id) != shown["id"] or not level:
            raise Refused(404, {"message": "404 Not found"})
        return {**shown, "access_level": level, "expires_at": None, "membership_state": "active"}


def _labels(router: APIRouter, store: Store, kind: str) -> None:
    @router.get(f"/{kind}/{{ref}}/labels")
    def labels(ref: str, asked: Asked) -> Response:
        """Those of the groups above too, unless `include_ancestor_groups` is false."""
        above = asked.flag("include_ancestor_groups") if asked.has("include_ancestor_groups") else True
        wanted = asked.text("search").lower()
        found = [x for x in store.labels_of(owner(store, kind, ref), above) if wanted in x.name.lower()]
        return paged(store, asked, sorted(found, key=lambda x: x.name), lambda x: render.label(store, x))

    @router.post(f"/{kind}/{{ref}}/labels")
    def create_label(ref: str, asked: Asked) -> JSONResponse:
        place = owner(store, kind, ref)
        asked.required("name", "color")
        name = asked.text("name").strip()
        with store.lock:
            if any(x.name == name for x in store.labels_of(place)):
                raise Refused(409, {"message": "Label already exists"})
            if not name:
                raise Refused(400, {"message": {"title": ["can't be blank"]}})
            made = store.label(place, name, asked.text("color"), asked.text("description") or None)
            return JSONResponse(render.label(store, made), 201)


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
