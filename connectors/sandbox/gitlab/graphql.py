"""GraphQL at `/api/graphql`: reading projects, groups and work items; creating, updating and deleting work items.

Rules broken inside a mutation are answered in its payload's `errors` with HTTP 200; ids that are none, or name
nothing, as an error of the whole document. Query text over 10,000 characters is refused with 422.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any

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

from connectors.sandbox.gitlab.records import Fields, Issue, Milestone, NotAllowed, Owner, Project, Refused
from connectors.sandbox.gitlab.rest import KAS, VERSION
from connectors.sandbox.gitlab.schema import SDL
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.views import Views
from connectors.sandbox.gitlab.web import Params, params

MAX_QUERY = 10_000
ABSENT = (
    "The resource that you are attempting to access does not exist or you don't have permission to perform this action"
)

Node = dict[str, Any]
SCHEMA = build_schema(SDL)


def routes(store: Store) -> APIRouter:
    router = APIRouter()
    root = _Root(store)

    @router.post("/api/graphql")
    def graphql(request: Request, asked: Annotated[Params, Depends(params)]) -> JSONResponse:
        query = asked.text("query")
        if len(query) > MAX_QUERY:
            raise Refused(422, {"errors": [{"message": "Query too large"}]})
        name = asked.text("operationName") or None
        try:
            operation = get_operation_ast(parse(query), name)
        except GraphQLError as error:
            return JSONResponse({"errors": [error.formatted]})
        request.state.mutation = bool(operation and operation.operation is OperationType.MUTATION)
        with store.lock:
            result = graphql_sync(
                SCHEMA,
                query,
                root_value=root.fields(),
                context_value=request.state.read_only,
                variable_values=asked.mapping("variables"),
                operation_name=name,
            )
        return JSONResponse(result.formatted)

    return router


class _Root:
    """The fields of Query and Mutation. The context is whether the token may only read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._views = Views(store)

    def fields(self) -> Node:
        views = self._views
        return {
            "currentUser": views.user(),
            "metadata": {**VERSION, "kas": KAS, "enterprise": True},
            "project": lambda _, **asked: self._or_none(lambda: views.project(self._store.project(asked["fullPath"]))),
            "group": lambda _, **asked: self._or_none(lambda: views.group(self._store.group(asked["fullPath"]))),
            "namespace": lambda _, **asked: self._or_none(
                lambda: views.namespace(self._store.owner(asked["fullPath"]))
            ),
            "milestone": lambda _, **asked: (m := self._milestone(asked["id"])) and views.milestone(m),
            "workItem": lambda _, **asked: views.work_item(self._work_item(asked["id"])),
            "workItemCreate": self._mutation(self._create),
            "workItemUpdate": self._mutation(self._update),
            "workItemDelete": self._mutation(self._delete),
        }

    def _or_none(self, view: Callable[[], Node]) -> Node | None:
        """GitLab answers null for what is not there."""
        try:
            return view()
        except Refused:
            return None

    def _mutation(self, verb: Callable[[Node], Node]) -> Callable[..., Node]:
        def run(info: GraphQLResolveInfo[Any], **arguments: Node) -> Node:
            wanted = arguments["input"]
            if info.context:
                raise GraphQLError(ABSENT)
            told = {"clientMutationId": wanted.get("clientMutationId")}
            try:
                return {**told, "errors": [], **verb(wanted)}
            except NotAllowed as error:
                return {**told, "errors": [str(error)]}
            except Refused as error:
                return {**told, "errors": _sentences(error)}

        return run

    def _create(self, wanted: Node) -> Node:
        path = wanted.get("namespacePath") or wanted.get("projectPath")
        if not path:
            raise GraphQLError("One and only one of namespacePath or projectPath is required")
        try:
            owner = self._store.owner(path)
        except Refused:
            raise GraphQLError(ABSENT) from None
        fields = self._fields(owner, wanted)
        links = wanted.get("linkedItemsWidget") or {}
        others = [self._work_item(item) for item in links.get("workItemsIds", [])]
        kind = {"RELATED": "relates_to", "BLOCKS": "blocks", "BLOCKED_BY": "is_blocked_by"}[
            links.get("linkType", "RELATED")
        ]
        if others and kind != "relates_to" and not self._store.premium:
            raise NotAllowed("Blocked work items are not available for the current subscription tier")
        made = self._store.create_issue(owner, fields, self._type(owner, wanted["workItemTypeId"]))
        for other in others:
            self._store.link(made, other, kind)
        return {"workItem": self._views.work_item(made)}

    def _update(self, wanted: Node) -> Node:
        issue = self._work_item(wanted["id"])
        fields = self._fields(issue.owner, wanted)
        if event := wanted.get("stateEvent"):
            fields["state_event"] = event.lower()
        children = [self._work_item(item) for item in (wanted.get("hierarchyWidget") or {}).get("childrenIds") or []]
        self._store.update_issue(issue, fields)
        for child in children:
            self._store.update_issue(child, {"parent": issue})
        return {"workItem": self._views.work_item(issue)}

    def _delete(self, wanted: Node) -> Node:
        issue = self._work_item(wanted["id"])
        self._store.delete_issue(issue)
        return {"project": self._views.project(issue.owner) if isinstance(issue.owner, Project) else None}

    def _fields(self, owner: Owner, wanted: Node) -> Fields:
        """A widget that is absent leaves its field alone; a null inside one clears it."""
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
            fields["parent"] = self._work_item(hierarchy["parentId"]) if hierarchy["parentId"] else None
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
        return [x.name for x in found if x and x.owner is owner]

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
