"""The GraphQL endpoint: reads a document, runs it with graphql-core against the store, words errors as GitHub does.

Answers are HTTP 200 whatever the document did; what went wrong is in `errors`, each with GitHub's `type`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    OperationType,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from connectors.sandbox.github.api import Answer, Call, Route
from connectors.sandbox.github.fields import parse_moment
from connectors.sandbox.github.issues import LINK_FAILED
from connectors.sandbox.github.model import Issue, IssueType, Label, Milestone, Refusal, Repo, forbidden, node_id
from connectors.sandbox.github.mutations import MUTATIONS, OPEN_TO_AUTHORS
from connectors.sandbox.github.render import maybe_stamp, person_id, stamp
from connectors.sandbox.github.schema import SDL

SCHEMA = build_schema(SDL)
Resolver = Callable[..., Any]


class Person(str):
    """A login, to be shown as a user."""

    __slots__ = ()


class Owner(str):
    """A login, to be shown as an organisation."""

    __slots__ = ()


def bare(refusal: Refusal) -> str:
    """One line for GraphQL, where REST has a message and a list."""
    if refusal.errors:
        error = refusal.errors[0]
        text = error.get("message") or f"{error.get('field')} {error.get('code', '').replace('_', ' ')}"
        return f"{text[:1].upper()}{text[1:]}"
    return refusal.message.removeprefix(LINK_FAILED)


def connection(call: Call, items: Sequence[Any], name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """A page of `items`. `first` or `last` is needed, from 1 to 100, as GitHub insists."""
    first: int | None = args.get("first")
    wanted: int | None = first if first is not None else args.get("last")
    if wanted is None:
        text = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise Refusal(422, text, kind="MISSING_PAGINATION_BOUNDARIES")
    if not 0 <= wanted <= 100:
        text = f"Requesting {wanted} records on the `{name}` connection exceeds the `first` limit of 100 records."
        raise Refusal(422, text, kind="EXCESSIVE_PAGINATION")
    items = call.seen(items)
    start = _offset(args.get("after"), 0)
    end = _offset(args.get("before"), len(items) + 1) - 1
    chosen = list(enumerate(items, 1))[start : max(start, end)]
    chosen = chosen[:first] if first is not None else chosen[max(0, len(chosen) - wanted) :]
    edges = [{"cursor": _cursor(index), "node": item} for index, item in chosen]
    return {
        "edges": edges,
        "nodes": [item for _, item in chosen],
        "totalCount": len(items),
        "pageInfo": {
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasPreviousPage": bool(chosen) and chosen[0][0] > 1,
            "hasNextPage": bool(chosen) and chosen[-1][0] < len(items),
        },
    }


def _cursor(index: int) -> str:
    return base64.b64encode(f"cursor:v2:{index}".encode()).decode()


def _offset(cursor: str | None, default: int) -> int:
    if cursor is None:
        return default
    try:
        return int(base64.b64decode(cursor).decode().rsplit(":", 1)[1])
    except (ValueError, IndexError):
        text = f"`{cursor}` does not appear to be a valid cursor."
        raise Refusal(422, text, kind="INVALID_CURSOR_ARGUMENTS") from None


def _issues(call: Call, items: Sequence[Issue], args: Mapping[str, Any]) -> dict[str, Any]:
    asked = args.get("filterBy") or {}
    states = {state.lower() for state in args.get("states") or asked.get("states") or ("OPEN", "CLOSED")}
    labels = {name.lower() for name in args.get("labels") or asked.get("labels") or ()}
    since = parse_moment(str(asked["since"])) if asked.get("since") else None
    found = [one for one in items if not one.pull and one.state in states]
    found = [one for one in found if not labels or labels & {label.name.lower() for label in one.labels}]
    found = [one for one in found if since is None or one.updated_at >= since]
    if asked.get("milestoneNumber"):
        number = asked["milestoneNumber"]
        found = [one for one in found if one.milestone and (number == "*" or str(one.milestone.number) == number)]
    order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    keys: dict[str, Callable[[Issue], Any]] = {
        "CREATED_AT": lambda one: (one.created_at, one.number),
        "UPDATED_AT": lambda one: (one.updated_at, one.number),
        "COMMENTS": lambda one: (len(one.comments), one.number),
    }
    found.sort(key=keys[order["field"]], reverse=order["direction"] == "DESC")
    return connection(call, found, "issues", args)


def _milestones(call: Call, repo: Repo, args: Mapping[str, Any]) -> dict[str, Any]:
    states = {state.lower() for state in args.get("states") or ("OPEN", "CLOSED")}
    found = [one for one in repo.milestones.values() if one.state in states and (args.get("query") or "") in one.title]
    order = args.get("orderBy") or {"field": "NUMBER", "direction": "ASC"}
    keys: dict[str, Callable[[Milestone], Any]] = {
        "NUMBER": lambda one: one.number,
        "CREATED_AT": lambda one: (one.created_at, one.number),
        "UPDATED_AT": lambda one: (one.updated_at, one.number),
        "DUE_DATE": lambda one: (one.due_on is None, str(one.due_on), one.number),
    }
    found.sort(key=keys[order["field"]], reverse=order["direction"] == "DESC")
    return connection(call, found, "milestones", args)


def _labels(call: Call, labels: Sequence[Label], args: Mapping[str, Any]) -> dict[str, Any]:
    order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    by_name = order["field"] == "NAME"
    found = sorted(labels, key=lambda one: (one.name.lower() if by_name else "", one.id))
    return connection(call, found[::-1] if order["direction"] == "DESC" else found, "labels", args)


def _repository(call: Call, args: Mapping[str, Any]) -> Repo:
    try:
        return call.store.repo(args["owner"], args["name"])
    except Refusal:
        full = f"{args['owner']}/{args['name']}"
        raise Refusal(404, f"Could not resolve to a Repository with the name '{full}'.") from None


def _node(call: Call, wanted: str) -> Any:
    found = call.store.nodes.get(wanted)
    if not found or (isinstance(found, Issue) and found.pull):
        raise Refusal(404, f"Could not resolve to a node with the global id of '{wanted}'.")
    return found


def _in(repo: Repo, held: Mapping[Any, Any], key: Any, kind: str, shown: str) -> Any:
    found = held.get(key)
    if not found or getattr(found, "pull", False):
        raise Refusal(404, f"Could not resolve to {kind} with the {shown} of {key}.")
    return found


def _rate(call: Call) -> dict[str, Any]:
    limit = call.limit
    numbers = {"limit": limit["limit"], "remaining": limit["remaining"], "used": limit["used"]}
    reset = call.store.now().fromtimestamp(limit["reset"], call.store.now().tzinfo)
    return {"cost": 1, "nodeCount": 0, "resetAt": stamp(reset), **numbers}


def _reason(issue: Issue, enable_duplicate: bool) -> str | None:
    """Duplicates show themselves only on request (the schema's own words); without it the box says NOT_PLANNED."""
    if issue.state_reason == "duplicate" and not enable_duplicate:
        return "NOT_PLANNED"
    return issue.state_reason.upper() if issue.state_reason else None


def _summary(issue: Issue) -> dict[str, int]:
    total, done = len(issue.children), issue.completed_children
    return {"total": total, "completed": done, "percentCompleted": done * 100 // total if total else 0}


def _dependencies(issue: Issue, call: Call) -> dict[str, int]:
    told = call.render.issue(issue)["issue_dependencies_summary"]
    names = {"blocked_by": "blockedBy", "blocking": "blocking"}
    totals = {"total_blocked_by": "totalBlockedBy", "total_blocking": "totalBlocking"}
    return {name: told[key] for key, name in (names | totals).items()}


def _small(number: int) -> int | None:
    """GraphQL's Int has 32 bits; larger database ids are null there and whole in `fullDatabaseId`."""
    return number if number < 2**31 else None


PERSON: dict[str, Resolver] = {
    "id": lambda login, _: node_id("U_kgDO", person_id(login)),
    "databaseId": lambda login, _: _small(person_id(login)),
    "login": lambda login, _: str(login),
    "resourcePath": lambda login, _: f"/{login}",
    "url": lambda login, call: f"{call.render.origin}/{login}",
}
# By type, then by field: what gives the value out of the thing itself, the call, and the arguments.
FIELDS: dict[str, dict[str, Resolver]] = {
    "Query": {
        "repository": lambda _, call, **args: _repository(call, args),
        "viewer": lambda _, call: Person(call.by),
        "rateLimit": lambda _, call, **args: _rate(call),
        "node": lambda _, call, **args: _node(call, args["id"]),
        "nodes": lambda _, call, **args: [_node(call, one) for one in args["ids"]],
    },
    "User": PERSON,
    "Organization": {**PERSON, "id": lambda login, _: node_id("O_kgDO", person_id(login))},
    "Repository": {
        "id": lambda repo, _: repo.node_id,
        "databaseId": lambda repo, _: _small(repo.id),
        "name": lambda repo, _: repo.name,
        "nameWithOwner": lambda repo, _: repo.full_name,
        "owner": lambda repo, _: Owner(repo.owner),
        "createdAt": lambda repo, _: stamp(repo.created_at),
        "hasIssuesEnabled": lambda *_: True,
        "isArchived": lambda *_: False,
        "isPrivate": lambda *_: True,
        "viewerCanAdminister": lambda _, call: call.can_push,
        "viewerPermission": lambda _, call: "ADMIN" if call.can_push else "READ",
        "resourcePath": lambda repo, _: f"/{repo.full_name}",
        "url": lambda repo, call: f"{call.render.origin}/{repo.full_name}",
        "issue": lambda repo, _, number: _in(repo, repo.issues, number, "an Issue", "number"),
        "milestone": lambda repo, _, number: repo.milestones.get(number),
        "label": lambda repo, _, name: repo.labels.get(name.lower()),
        "issues": lambda repo, call, **args: _issues(call, list(repo.issues.values()), args),
        "milestones": lambda repo, call, **args: _milestones(call, repo, args),
        "labels": lambda repo, call, **args: _labels(call, list(repo.labels.values()), args),
    },
    "Milestone": {
        "id": lambda one, _: one.node_id,
        "number": lambda one, _: one.number,
        "title": lambda one, _: one.title,
        "description": lambda one, _: one.description,
        "state": lambda one, _: one.state.upper(),
        "closed": lambda one, _: one.state == "closed",
        "closedAt": lambda one, _: maybe_stamp(one.closed_at),
        "createdAt": lambda one, _: stamp(one.created_at),
        "updatedAt": lambda one, _: stamp(one.updated_at),
        "dueOn": lambda one, _: maybe_stamp(one.due_on),
        "creator": lambda one, _: Person(one.creator),
        "repository": lambda one, _: one.repo,
        "progressPercentage": lambda one, _: (
            100 * one.count("closed") / max(1, one.count("open") + one.count("closed"))
        ),
        "issues": lambda one, call, **args: _issues(
            call, [issue for issue in one.repo.issues.values() if issue.milestone is one], args
        ),
        "resourcePath": lambda one, _: f"/{one.repo.full_name}/milestone/{one.number}",
        "url": lambda one, call: call.render.milestone(one)["html_url"],
    },
    "IssueType": {
        "id": lambda one, _: one.node_id,
        "name": lambda one, _: one.name,
        "description": lambda one, _: one.description,
        "color": lambda one, _: one.color.upper(),
        "isEnabled": lambda *_: True,
    },
    "Label": {
        "id": lambda one, _: one.node_id,
        "name": lambda one, _: one.name,
        "color": lambda one, _: one.color,
        "description": lambda one, _: one.description,
        "isDefault": lambda *_: False,
        "repository": lambda one, _: one.repo,
        "resourcePath": lambda one, _: f"/{one.repo.full_name}/labels/{one.name}",
        "url": lambda one, call: f"{call.render.origin}/{one.repo.full_name}/labels/{one.name}",
    },
    "Issue": {
        "id": lambda one, _: one.node_id,
        "databaseId": lambda one, _: _small(one.id),
        "fullDatabaseId": lambda one, _: str(one.id),
        "number": lambda one, _: one.number,
        "title": lambda one, _: one.title,
        "body": lambda one, _: one.body or "",
        "state": lambda one, _: one.state.upper(),
        "stateReason": lambda one, _, **args: _reason(one, bool(args.get("enableDuplicate"))),
        "closed": lambda one, _: one.state == "closed",
        "closedAt": lambda one, _: maybe_stamp(one.closed_at),
        "createdAt": lambda one, _: stamp(one.created_at),
        "updatedAt": lambda one, _: stamp(one.updated_at),
        "author": lambda one, _: Person(one.author),
        "assignees": lambda one, call, **args: connection(
            call, [Person(login) for login in one.assignees], "assignees", args
        ),
        "labels": lambda one, call, **args: _labels(call, one.labels, args),
        "locked": lambda *_: False,
        "milestone": lambda one, _: one.milestone,
        "parent": lambda one, _: one.parent,
        "repository": lambda one, _: one.repo,
        "subIssues": lambda one, call, **args: connection(call, one.children, "subIssues", args),
        "subIssuesSummary": lambda one, _: _summary(one),
        "blockedBy": lambda one, call, **args: connection(call, one.blocked_by, "blockedBy", args),
        "blocking": lambda one, call, **args: connection(call, one.blocking, "blocking", args),
        "issueDependenciesSummary": _dependencies,
        "issueType": lambda one, _: one.type,
        "resourcePath": lambda one, _: f"/{one.repo.full_name}/issues/{one.number}",
        "url": lambda one, call: call.render.issue_html(one),
    },
}
TYPES = {
    Person: "User",
    Owner: "Organization",
    Repo: "Repository",
    Milestone: "Milestone",
    Label: "Label",
    IssueType: "IssueType",
}


def _resolve(source: Any, info: GraphQLResolveInfo[Call], **args: Any) -> Any:
    call = info.context
    if info.parent_type.name == "Mutation":
        if not (call.can_write if info.field_name in OPEN_TO_AUTHORS else call.can_push):
            raise forbidden()
        given = args["input"]
        payload = MUTATIONS[info.field_name](call, given)
        return {**payload, "actor": Person(call.by), "clientMutationId": given.get("clientMutationId")}
    resolver = FIELDS.get(info.parent_type.name, {}).get(info.field_name)
    return resolver(source, call, **args) if resolver else source[info.field_name]


def _type_of(value: Any, *_: Any) -> str:
    return TYPES.get(type(value), "Issue")


def _worded(error: GraphQLError) -> dict[str, Any]:
    shown: dict[str, Any] = {"message": error.message}
    if isinstance(error.original_error, Refusal):
        shown = {"type": error.original_error.kind, "message": bare(error.original_error)}
    if error.path:
        shown["path"] = error.path
    if error.locations:
        shown["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    return shown


def _mutates(document: DocumentNode, name: str | None) -> bool:
    operation = get_operation_ast(document, name)
    return operation is not None and operation.operation is OperationType.MUTATION


def serve(call: Call) -> Answer:
    """Run one document: {"query", "variables"?, "operationName"?}."""
    asked = call.json()
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        raise Refusal(400, "A query attribute must be specified and must be a string.")
    variables, name = asked.get("variables") or {}, asked.get("operationName")
    try:
        document = parse(asked["query"])
    except GraphQLError as error:
        return Answer({"errors": [_worded(error)]})
    logged_as = " mutation" if _mutates(document, name) else ""
    errors = validate(SCHEMA, document)
    if errors:
        return Answer({"errors": [_worded(error) for error in errors]}, logged_as=logged_as)
    result = execute_sync(
        SCHEMA,
        document,
        context_value=call,
        variable_values=variables if isinstance(variables, dict) else {},
        operation_name=name,
        field_resolver=_resolve,
        type_resolver=_type_of,
    )
    data: dict[str, Any] = {"data": result.data}
    if result.errors:
        data["errors"] = [_worded(error) for error in result.errors]
    return Answer(data, logged_as=logged_as)


ROUTES = [Route("POST", "/graphql", serve)]
