"""GraphQL at `/api/graphql`: reading projects, groups and work items; creating, updating and deleting work items.

Rules broken inside a mutation are answered in its payload's `errors` with HTTP 200; ids that are none, or name
nothing, and what licence or role do not give, as an error of the whole document. Query text over 10,000 characters is
refused with 422, a query of more than 250 points of complexity, or 20 levels, with an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from graphql import (
    GraphQLError,
    GraphQLResolveInfo,
    OperationType,
    build_schema,
    get_operation_ast,
    graphql_sync,
    parse,
)

from connectors.sandbox.gitlab import render
from connectors.sandbox.gitlab.access import GUEST, PLANNER, Access, Token
from connectors.sandbox.gitlab.complexity import too_much
from connectors.sandbox.gitlab.records import (
    Fields,
    Group,
    Issue,
    Milestone,
    NotAllowed,
    NotAvailable,
    Owner,
    Project,
    Refused,
)
from connectors.sandbox.gitlab.rest import KAS, version
from connectors.sandbox.gitlab.schema import SDL
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.views import LINK_TYPES, Views
from connectors.sandbox.gitlab.web import Params, params

MAX_QUERY, MAX_LINKED = 10_000, 10
ABSENT = (
    "The resource that you are attempting to access does not exist or you don't have permission to perform this action"
)
NO_BLOCKING = "Blocked work items are not available for the current subscription tier"
LINK_REFUSALS = {
    403: NO_BLOCKING,
    404: "No matching work item found. Make sure you are adding a valid ID and you have access to the item.",
    409: "Items are already linked",
    422: "This work item would exceed the maximum number of linked work items (100).",
}

Node = dict[str, Any]
Place = TypeVar("Place", Project, Group, Owner)
SCHEMA = build_schema(SDL)


def routes(store: Store, access: Access) -> APIRouter:
    router = APIRouter()
    root = _Root(store, access)

    @router.post("/api/graphql")
    def graphql(request: Request, asked: Annotated[Params, Depends(params)]) -> JSONResponse:
        query = asked.text("query")
        if len(query) > MAX_QUERY:
            raise Refused(422, {"errors": [{"message": "Query too large"}]})
        name = asked.text("operationName") or None
        variables = asked.mapping("variables")
        try:
            document = parse(query)
            operation = get_operation_ast(document, name)
            if refusals := too_much(SCHEMA, document, operation, variables):
                return JSONResponse({"errors": [{"message": message} for message in refusals]})
        except GraphQLError as error:
            return JSONResponse({"errors": [error.formatted]})
        request.state.mutation = bool(operation and operation.operation is OperationType.MUTATION)
        with store.lock:
            result = graphql_sync(
                SCHEMA,
                query,
                root_value=root.fields(request.state.token),
                context_value=request.state.token,
                variable_values=variables,
                operation_name=name,
            )
        return JSONResponse(result.formatted)

    return router


class _Root:
    """The fields of Query and Mutation. The context is the token."""

    def __init__(self, store: Store, access: Access) -> None:
        self._store = store
        self._access = access
        self._views = Views(store)

    def fields(self, token: Token) -> Node:
        views, store = self._views, self._store
        return {
            "currentUser": views.user(render.user(store, self._access.bot(token) if token.bot else None)),
            "metadata": {**version(store), "kas": KAS, "enterprise": True},
            "project": lambda _, **asked: self._or_none(
                lambda: views.project(self._seen(token, store.project(asked["fullPath"])))
            ),
            "group": lambda _, **asked: self._or_none(
                lambda: views.group(self._seen(token, store.group(asked["fullPath"])))
            ),
            "namespace": lambda _, **asked: self._or_none(
                lambda: views.namespace(self._seen(token, store.owner(asked["fullPath"])))
            ),
            "milestone": lambda _, **asked: (m := self._milestone(asked["id"])) and views.milestone(m),
            "workItem": lambda _, **asked: views.work_item(self._readable(token, asked["id"])),
            "workItemCreate": self._mutation(self._create),
            "workItemUpdate": self._mutation(self._update),
            "workItemDelete": self._mutation(self._delete),
            "workItemAddLinkedItems": self._mutation(self._link),
            "workItemRemoveLinkedItems": self._mutation(self._unlink),
        }

    def _seen(self, token: Token, owner: Place) -> Place:
        if not token.sees(owner):
            raise Refused(404, {"message": "404 Not Found"})
        return owner

    def _readable(self, token: Token, item: str) -> Issue:
        found = self._work_item(item)
        if not token.sees(found.owner) or (found.type == "Epic" and not self._store.premium):
            raise GraphQLError(ABSENT)
        return found

    def _writable(self, token: Token, item: str, level: int = GUEST) -> Issue:
        """An item that this token may change. Epics need the role Planner in their group."""
        found = self._readable(token, item)
        if token.level(found.owner) < max(level, PLANNER if isinstance(found.owner, Group) else GUEST):
            raise GraphQLError(ABSENT)
        return found

    def _or_none(self, view: Callable[[], Node]) -> Node | None:
        """GitLab answers null for what is not there."""
        try:
            return view()
        except Refused:
            return None

    def _mutation(self, verb: Callable[[Token, Node], Node]) -> Callable[..., Node]:
        def run(info: GraphQLResolveInfo[Any], **arguments: Node) -> Node:
            wanted = arguments["input"]
            token: Token = info.context
            if not token.writes:
                raise GraphQLError(ABSENT)
            told = {"clientMutationId": wanted.get("clientMutationId")}
            try:
                return {**told, "errors": [], **verb(token, wanted)}
            except NotAvailable:
                raise GraphQLError(ABSENT) from None
            except NotAllowed as error:
                return {**told, "errors": [str(error)]}
            except Refused as error:
                return {**told, "errors": _sentences(error)}

        return run

    def _create(self, token: Token, wanted: Node) -> Node:
        paths = [wanted[name] for name in ("namespacePath", "projectPath") if wanted.get(name)]
        if len(paths) != 1:
            raise GraphQLError("Please provide either projectPath or namespacePath argument, but not both.")
        try:
            owner = self._store.owner(paths[0], group=self._epic_type(wanted["workItemTypeId"]))
        except Refused:
            raise GraphQLError(ABSENT) from None
        if token.level(owner) < (PLANNER if isinstance(owner, Group) else GUEST):
            raise GraphQLError(ABSENT)
        fields = self._fields(token, owner, wanted)
        links = wanted.get("linkedItemsWidget") or {}
        others = [self._writable(token, item) for item in links.get("workItemsIds", [])]
        kind = LINK_TYPES[links.get("linkType", "RELATED")]
        if others and kind != "relates_to" and not self._store.premium:
            raise NotAllowed(NO_BLOCKING)
        made = self._store.create_issue(owner, fields, self._type(owner, wanted["workItemTypeId"]))
        for other in others:
            self._store.link(made, other, kind)
        return {"workItem": self._views.work_item(made)}

    def _update(self, token: Token, wanted: Node) -> Node:
        issue = self._writable(token, wanted["id"])
        fields = self._fields(token, issue.owner, wanted)
        if event := wanted.get("stateEvent"):
            fields["state_event"] = event.lower()
        asked = (wanted.get("hierarchyWidget") or {}).get("childrenIds") or []
        children = [self._writable(token, item) for item in asked]
        for child in children:
            self._store.update_issue(child, {"parent": issue})
        self._store.update_issue(issue, fields)
        return {"workItem": self._views.work_item(issue)}

    def _delete(self, token: Token, wanted: Node) -> Node:
        issue = self._writable(token, wanted["id"], PLANNER)
        self._store.delete_issue(issue)
        project = self._views.project(issue.owner) if isinstance(issue.owner, Project) else None
        return {"namespace": self._views.namespace(issue.owner), "project": project}

    def _link(self, token: Token, wanted: Node) -> Node:
        issue = self._writable(token, wanted["id"])
        others = self._linkable(token, wanted)
        for other in others:
            try:
                self._store.link(issue, other, LINK_TYPES[wanted.get("linkType") or "RELATED"])
            except Refused as error:
                raise NotAllowed(LINK_REFUSALS[error.status]) from None
        message = f"Successfully linked ID(s): {_listed(others)}."
        return {"workItem": self._views.work_item(issue), "message": message}

    def _unlink(self, token: Token, wanted: Node) -> Node:
        issue = self._writable(token, wanted["id"])
        others = self._linkable(token, wanted)
        gone = [
            x for x in self._store.links.values() if {x.source, x.target} & {*others} and issue in (x.source, x.target)
        ]
        if not gone:
            raise NotAllowed("No matching work item found.")
        for link in gone:
            self._store.unlink(link)
        message = f"Successfully unlinked IDs: {_listed(others)}."
        return {"workItem": self._views.work_item(issue), "message": message}

    def _linkable(self, token: Token, wanted: Node) -> list[Issue]:
        asked = wanted["workItemsIds"]
        if len(asked) > MAX_LINKED:
            raise GraphQLError(f"No more than {MAX_LINKED} work items can be modified at the same time.")
        return [self._readable(token, item) for item in asked]

    def _fields(self, token: Token, owner: Owner, wanted: Node) -> Fields:
        """A widget that is absent leaves its field alone; a null inside one clears it. Labels and milestones of a
        guest are dropped without a word (`IssuableBaseService#filter_params`).
        """
        wanted = wanted if token.level(owner) >= PLANNER else {**wanted, "milestoneWidget": None, "labelsWidget": None}
        fields: Fields = {}
        if wanted.get("title") is not None:
            fields["title"] = wanted["title"]
        described = (wanted.get("descriptionWidget") or {}).get("description", wanted.get("description"))
        if described is not None:
            fields["description"] = described
        if wanted.get("confidential") is not None:
            fields["confidential"] = wanted["confidential"]
        milestone = wanted.get("milestoneWidget") or {}
        if "milestoneId" in milestone:
            found = self._milestone(milestone["milestoneId"])
            fields["milestone"] = found if found in self._store.milestones_of(owner, ancestors=True) else None
        hierarchy = wanted.get("hierarchyWidget") or {}
        if "parentId" in hierarchy:
            fields["parent"] = self._readable(token, hierarchy["parentId"]) if hierarchy["parentId"] else None
        dates = wanted.get("startAndDueDateWidget") or {}
        if "startDate" in dates:
            fields["start_date"] = _day(dates["startDate"])
        if "dueDate" in dates:
            fields["due_date"] = _day(dates["dueDate"])
        labels = wanted.get("labelsWidget") or {}
        if added := [*(labels.get("labelIds") or []), *(labels.get("addLabelIds") or [])]:
            fields["add_labels"] = self._labels(owner, added)
        if removed := labels.get("removeLabelIds"):
            fields["remove_labels"] = self._labels(owner, removed)
        return fields

    def _labels(self, owner: Owner, ids: Sequence[str]) -> list[str]:
        found = [self._store.labels.get(_number(item, "Label", "ProjectLabel", "GroupLabel")) for item in ids]
        usable = self._store.labels_of(owner)
        return [x.name for x in found if x in usable]

    def _epic_type(self, type_id: str) -> bool:
        number = _number(type_id, "WorkItems::Type")
        return any(one.type_ids["Epic"] == number for one in self._store.groups.values())

    def _type(self, owner: Owner, type_id: str) -> str:
        """The name of a type that this namespace has."""
        ids = (owner.group if isinstance(owner, Project) else owner).type_ids
        wanted = _number(type_id, "WorkItems::Type")
        found = next((name for name, number in ids.items() if number == wanted), None)
        if not found:
            raise GraphQLError(f"Work Item type with id {type_id} was not found")
        return found

    def _work_item(self, item: str) -> Issue:
        found = self._store.issues.get(_number(item, "WorkItem", "Issue"))
        if not found:
            raise GraphQLError(ABSENT)
        return found

    def _milestone(self, item: str | None) -> Milestone | None:
        return self._store.milestones.get(_number(item, "Milestone")) if item else None


def _listed(issues: Sequence[Issue]) -> str:
    """A sentence's list of ids."""
    *most, last = [str(one.id) for one in issues]
    return f"{', '.join(most)}{',' if len(most) > 1 else ''} and {last}" if most else last


def _number(item: str, *models: str) -> int:
    match = re.fullmatch(r"gid://gitlab/([\w:]+)/(\d+)", str(item))
    if not match:
        raise GraphQLError(f'"{item}" is not a valid Global ID')
    if match[1] not in models:
        raise GraphQLError(f'"{item}" does not represent an instance of {models[0]}')
    return int(match[2])


def _day(value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise GraphQLError(f'"{value}" is not a valid date') from None


def _sentences(error: Refused) -> list[str]:
    """A REST refusal as GraphQL says it: {"title": ["can't be blank"]} is "Title can't be blank"."""
    message = error.body.get("message", error.body) if isinstance(error.body, dict) else error.body
    if isinstance(message, dict):
        return [f"{name.replace('_', ' ').capitalize()} {text}" for name, texts in message.items() for text in texts]
    return [str(message)]
