"""REST: issues, their links, notes, statistics, and moving them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from connectors.sandbox.gitlab import render
from connectors.sandbox.gitlab.access import PLANNER, Token
from connectors.sandbox.gitlab.records import Fields, Issue, Link, Milestone, Owner, Project, Refused
from connectors.sandbox.gitlab.rest import Asked, number, owner
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.web import Key, Params, keyset, paged, visible

KINDS = {"issue": "Issue", "incident": "Incident", "task": "Task", "test_case": "", "requirement": "", "ticket": ""}
ORDERS = ("created_at", "updated_at", "title", "due_date")
SCOPES = ("all", "created_by_me", "created-by-me", "assigned_to_me", "assigned-to-me")
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
Find = Callable[[str, str], Issue]  # by a project and an iid, as a path has them
CHANGEABLE = (
    "add_labels", "assignee_id", "assignee_ids", "confidential", "created_at", "description", "discussion_locked",
    "due_date", "epic_id", "epic_iid", "issue_type", "labels", "milestone_id", "remove_labels", "state_event",
    "title", "updated_at", "weight",
)  # fmt: skip
METADATA = (
    "add_labels", "assignee_id", "assignee_ids", "confidential", "discussion_locked", "due_date", "epic_id", "labels",
    "milestone_id", "remove_labels",
)  # fmt: skip


def routes(store: Store) -> APIRouter:
    router = APIRouter(prefix="/api/v4")

    def find(ref: str, iid: str) -> Issue:
        return store.issue(store.project(unquote(ref)), number("issue_iid", iid))

    def shown(issue: Issue, status: int = 200) -> JSONResponse:
        with store.lock:
            return JSONResponse(render.issue(store, issue), status)

    @router.get("/projects/{ref}/issues")
    def project_issues(ref: str, asked: Asked) -> Response:
        return _list(store, asked, store.issues_of(store.project(unquote(ref))), by_cursor=True)

    @router.get("/groups/{ref}/issues")
    def group_issues(ref: str, asked: Asked) -> Response:
        inside = store.issues_of(store.group(unquote(ref)), below=True)
        return _list(store, asked, [i for i in inside if isinstance(i.owner, Project)], by_cursor=False)

    def statistics(kind: str, ref: str, asked: Params) -> dict[str, Any]:
        inside = store.issues_of(owner(store, kind, ref), below=True)
        wanted = _wanted(store, asked)
        states = [i.state for i in inside if isinstance(i.owner, Project) and wanted(i)]
        counts = {"all": len(states), "closed": states.count("closed"), "opened": states.count("opened")}
        return {"statistics": {"counts": counts}}

    @router.get("/projects/{ref}/issues_statistics")
    def project_statistics(ref: str, asked: Asked) -> dict[str, Any]:
        return statistics("projects", ref, asked)

    @router.get("/groups/{ref}/issues_statistics")
    def group_statistics(ref: str, asked: Asked) -> dict[str, Any]:
        return statistics("groups", ref, asked)

    @router.post("/projects/{ref}/issues")
    def create(ref: str, asked: Asked) -> JSONResponse:
        project = store.project(unquote(ref))
        asked.required("title")
        kind = KINDS[asked.choice("issue_type", *KINDS, default="issue")]
        if not kind:
            raise Refused(400, {"message": {"work_item_type": ["is not available in the sandbox"]}})
        return shown(store.create_issue(project, _fields(store, project, asked), kind), 201)

    @router.get("/projects/{ref}/issues/{iid}")
    def get(ref: str, iid: str) -> JSONResponse:
        return shown(find(ref, iid))

    @router.put("/projects/{ref}/issues/{iid}")
    def update(ref: str, iid: str, asked: Asked) -> JSONResponse:
        issue = find(ref, iid)
        if not asked.has(*CHANGEABLE):
            raise Refused(
                400, {"error": f"{', '.join(CHANGEABLE)} are missing, at least one parameter must be provided"}
            )
        fields = _fields(store, issue.owner, asked)
        if event := asked.choice("state_event", "close", "reopen"):
            fields["state_event"] = event
        store.update_issue(issue, fields)
        return shown(issue)

    @router.delete("/projects/{ref}/issues/{iid}")
    def delete(ref: str, iid: str) -> Response:
        store.delete_issue(find(ref, iid))
        return Response(status_code=204)

    @router.post("/projects/{ref}/issues/{iid}/move")
    def move(ref: str, iid: str, asked: Asked) -> JSONResponse:
        asked.required("to_project_id")
        target = store.project(str(asked.number("to_project_id")))
        return shown(store.move_issue(find(ref, iid), target), 201)

    _links(router, store, find)
    _notes(router, store, find)
    return router


def _links(router: APIRouter, store: Store, find: Find) -> None:
    @router.get("/projects/{ref}/issues/{iid}/links")
    def links(ref: str, iid: str) -> JSONResponse:
        issue = find(ref, iid)
        with store.lock:
            return JSONResponse(
                [
                    render.link(store, x, issue)
                    for x in visible([*store.links.values()])
                    if issue in (x.source, x.target)
                ]
            )

    @router.post("/projects/{ref}/issues/{iid}/links")
    def create_link(ref: str, iid: str, asked: Asked) -> JSONResponse:
        asked.required("target_project_id", "target_issue_iid")
        kind = asked.choice("link_type", "relates_to", "blocks", "is_blocked_by", default="relates_to")
        issue = find(ref, iid)
        target = store.issue(store.project(asked.text("target_project_id")), asked.number("target_issue_iid"))
        store.link(issue, target, kind)
        return _ends(store, issue, target, kind, 201)

    @router.get("/projects/{ref}/issues/{iid}/links/{link_id}")
    @router.delete("/projects/{ref}/issues/{iid}/links/{link_id}")
    def one_link(ref: str, iid: str, link_id: str, request: Request) -> JSONResponse:
        issue = find(ref, iid)
        found: Link | None = store.links.get(number("issue_link_id", link_id))
        if not found or issue not in (found.source, found.target):
            raise Refused(404, {"message": "404 Not found"})
        if request.method == "DELETE":
            store.unlink(found)
        return _ends(store, found.source, found.target, found.type, 200)


def _notes(router: APIRouter, store: Store, find: Find) -> None:
    @router.get("/projects/{ref}/issues/{iid}/notes")
    def notes(ref: str, iid: str, asked: Asked) -> Response:
        issue = find(ref, iid)
        ordered = sorted(issue.notes, key=lambda n: (n.created_at, n.id), reverse=asked.text("sort") != "asc")
        return paged(store, asked, ordered, lambda n: render.note(store, n, issue))

    @router.post("/projects/{ref}/issues/{iid}/notes")
    def create_note(ref: str, iid: str, asked: Asked) -> JSONResponse:
        """A note of quick actions alone is answered with 202 and what they did."""
        asked.required("body")
        issue = find(ref, iid)
        note, commands = store.add_note(issue, asked.text("body"))
        if note:
            return JSONResponse(render.note(store, note, issue), 201)
        if not commands:
            raise Refused(400, {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'})
        return JSONResponse({"commands_changes": {}, "summary": [f"Applied /{c.name}." for c in commands]}, 202)


def _ends(store: Store, source: Issue, target: Issue, kind: str, status: int) -> JSONResponse:
    with store.lock:
        ends = {"source_issue": render.issue_basic(store, source), "target_issue": render.issue_basic(store, target)}
        return JSONResponse({**ends, "link_type": kind}, status)


def _fields(store: Store, owner: Owner, asked: Params) -> Fields:
    """What is asked for. A milestone that the project does not have is dropped silently: an iid clears it
    (`IssuableBaseService#filter_milestone`). So is, of a guest, all that needs the role Planner (`#filter_params`).
    """
    token: Token = asked.request.state.token
    if token.level(owner) < PLANNER:
        asked = asked.without(*METADATA)
    fields: Fields = {}
    if asked.has("title"):
        fields["title"] = asked.text("title")
    if asked.has("description"):
        fields["description"] = asked.text("description")
    if asked.has("milestone_id"):
        found: Milestone | None = store.milestones.get(asked.number("milestone_id"))
        fields["milestone"] = found if found in store.milestones_of(owner, ancestors=True) else None
    if asked.has("labels"):
        fields["labels"] = asked.texts("labels")
    if asked.has("add_labels"):
        fields["add_labels"] = asked.texts("add_labels")
    if asked.has("remove_labels"):
        fields["remove_labels"] = asked.texts("remove_labels")
    if asked.has("due_date"):
        fields["due_date"] = asked.day("due_date")
    if asked.has("confidential"):
        fields["confidential"] = asked.flag("confidential")
    if asked.has("discussion_locked"):
        fields["locked"] = asked.flag("discussion_locked")
    if asked.has("assignee_ids", "assignee_id"):
        fields["assigned"] = "1" in (*asked.texts("assignee_ids"), asked.text("assignee_id"))
    return fields | _licensed_fields(store, asked) if store.premium else fields


def _licensed_fields(store: Store, asked: Params) -> Fields:
    fields: Fields = {}
    if asked.has("weight"):
        fields["weight"] = asked.number("weight") if asked.text("weight") else None
    if asked.has("epic_id"):
        fields["parent"] = _epic(store, asked.number("epic_id"))
    return fields


def _epic(store: Store, epic_id: int) -> Issue | None:
    """By the epic's own id, which is not its work item's; 0 is none."""
    with store.lock:
        found = next((i for i in store.issues.values() if i.epic_id == epic_id), None)
    if epic_id and not found:
        raise Refused(404, {"message": "404 Epic Not Found"})
    return found if epic_id else None


def _wanted(store: Store, asked: Params) -> Callable[[Issue], bool]:
    """The test that an issue must pass to be listed. Times are on-or-after and on-or-before."""
    state = asked.choice("state", "opened", "closed", "all", default="all")
    kind = asked.choice("issue_type", *KINDS)
    search = asked.text("search").lower()
    labels = asked.texts("labels")
    label_word = labels[0].lower() if len(labels) == 1 else ""
    iids = set(asked.texts("iids")) if asked.has("iids") else None
    confidential = asked.flag("confidential") if asked.has("confidential") else None
    mine = asked.choice("scope", *SCOPES).replace("-", "_") == "assigned_to_me"
    updated = asked.moment("updated_after") or EARLIEST, asked.moment("updated_before") or LATEST
    created = asked.moment("created_after") or EARLIEST, asked.moment("created_before") or LATEST
    in_milestone = _milestone_wanted(store, asked)

    def test(issue: Issue) -> bool:
        names = {x.name for x in issue.labels}
        labelled = {"none": not names, "any": bool(names)}.get(label_word, names.issuperset(labels))
        return (
            state in ("all", issue.state)
            and (not kind or KINDS[kind] == issue.type)
            and in_milestone(issue.milestone)
            and labelled
            and (iids is None or str(issue.iid) in iids)
            and confidential in (None, issue.confidential)
            and (not mine or issue.assigned)
            and (not search or search in f"{issue.title}\n{issue.description or ''}".lower())
            and updated[0] <= issue.updated_at <= updated[1]
            and created[0] <= issue.created_at <= created[1]
        )

    return test


def _milestone_wanted(store: Store, asked: Params) -> Callable[[Milestone | None], bool]:
    """`milestone` is a title, None or Any. `milestone_id` takes only words: GitLab refuses a number there."""
    today = store.clock.now().date()
    title = asked.text("milestone")
    word = title if title in ("None", "Any") else asked.choice("milestone_id", "Any", "None", "Upcoming", "Started")

    def test(milestone: Milestone | None) -> bool:
        if word == "None":
            return milestone is None
        if not word and not title:
            return True
        if milestone is None:
            return False
        if word == "Upcoming":
            return milestone.state == "active" and bool(milestone.due_date and milestone.due_date > today)
        if word == "Started":
            return milestone.state == "active" and bool(milestone.start_date and milestone.start_date <= today)
        return word == "Any" or milestone.title == title

    return test


def _list(store: Store, asked: Params, issues: list[Issue], by_cursor: bool) -> Response:
    """Offset pages, or by cursor where asked (`pagination=keyset`): project issues only, since 18.3, in each of
    `ORDERS` (`Issue.supported_keyset_orderings`).
    """
    wanted = _wanted(store, asked)
    with store.lock:
        found = [i for i in issues if wanted(i)]
    order = asked.choice("order_by", *ORDERS, default="created_at")
    descending = asked.choice("sort", "asc", "desc", default="desc") == "desc"
    key = _key(order)
    details = asked.flag("with_labels_details")

    def show(issue: Issue) -> object:
        return render.issue(store, issue, details)

    if asked.choice("pagination", "legacy", "keyset") == "keyset":
        if not by_cursor or not store.since(18, 3):
            raise Refused(405, {"error": "Keyset pagination is not yet available for this type of request"})
        return keyset(store, asked, found, key, descending, show)
    return paged(store, asked, sorted(found, key=key, reverse=descending), show)


def _key(order: str) -> Key[Issue]:
    def key(issue: Issue) -> tuple[str, int]:
        match order:
            case "updated_at":
                return issue.updated_at.isoformat(timespec="microseconds"), issue.id
            case "title":
                return issue.title.lower(), issue.id
            case "due_date":
                return (issue.due_date or date.max).isoformat(), issue.id
        return issue.created_at.isoformat(timespec="microseconds"), issue.id

    return key
