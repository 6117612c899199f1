"""Records as GraphQL values: dictionaries by field name, with functions where a field takes arguments or goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from graphql import GraphQLError

from connectors.sandbox.gitlab import render, text
from connectors.sandbox.gitlab.records import Group, Issue, Label, Link, Milestone, Owner, Project, Refused
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.gitlab.web import Key, after, cursor_of

MAX_NODES, MAX_FILTER = 100, 100
ORDER = {"CREATED": "created_at", "UPDATED": "updated_at", "TITLE": "title"}

LINK_TYPES = {"RELATED": "relates_to", "BLOCKS": "blocks", "BLOCKED_BY": "is_blocked_by"}

Node = dict[str, Any]
T = TypeVar("T")


def state_of(issue: Issue) -> str:
    return "OPEN" if issue.state == "opened" else "CLOSED"


def link_kind(link: Link, seen_from: Issue) -> str:
    """What the other end of a link is to this one."""
    return "is_blocked_by" if link.type == "blocks" and link.target is seen_from else link.type


def gid(model: str, number: int) -> str:
    return f"gid://gitlab/{model}/{number}"


class Views:
    def __init__(self, store: Store) -> None:
        self._store = store

    def user(self, shown: Node | None = None) -> Node:
        """A user as REST shows it; the one that there is by default."""
        shown = shown or render.user(self._store)
        ident = gid("User", shown["id"])
        return {"id": ident, "name": shown["name"], "username": shown["username"], "webUrl": shown["web_url"]}

    def project(self, project: Project) -> Node:
        return {
            "id": gid("Project", project.id),
            "fullPath": project.path,
            "name": project.path.rpartition("/")[2],
            "webUrl": f"{self._store.origin}/{project.path}",
            "group": lambda _: self.group(project.group),
            "namespace": lambda _: self.namespace(project.group),
            "labels": lambda _, **asked: self._labels(project, asked),
            **self._contents(project),
        }

    def group(self, group: Group) -> Node:
        return {
            "id": gid("Group", group.id),
            "fullPath": group.path,
            "name": group.path.rpartition("/")[2],
            "webUrl": f"{self._store.origin}/groups/{group.path}",
            "epicsEnabled": self._store.premium,
            "parent": lambda _: self.group(group.parent) if group.parent else None,
            "labels": lambda _, **asked: self._labels(group, asked),
            **self._contents(group),
        }

    def namespace(self, owner: Owner) -> Node:
        model = "Namespaces::ProjectNamespace" if isinstance(owner, Project) else "Group"
        return {
            "id": gid(model, owner.id),
            "fullPath": owner.path,
            "name": owner.path.rpartition("/")[2],
            "workItem": lambda _, iid: self._by_iid(owner, iid),
            "availableFeatures": {
                "hasBlockedIssuesFeature": self._store.premium,
                "hasEpicsFeature": self._store.premium,
                "hasSubepicsFeature": self._store.plan == "ultimate",
            },
            **self._contents(owner),
        }

    def milestone(self, milestone: Milestone) -> Node:
        shown = render.milestone(self._store, milestone)
        in_project = isinstance(milestone.owner, Project)
        return {
            "id": gid("Milestone", milestone.id),
            "iid": str(milestone.iid),
            "title": milestone.title,
            "description": milestone.description,
            "state": milestone.state,
            "startDate": shown["start_date"],
            "dueDate": shown["due_date"],
            "expired": shown["expired"],
            "createdAt": shown["created_at"],
            "updatedAt": shown["updated_at"],
            "groupMilestone": not in_project,
            "projectMilestone": in_project,
            "webPath": shown["web_url"].removeprefix(self._store.origin),
        }

    def work_item(self, issue: Issue) -> Node:
        in_project = isinstance(issue.owner, Project)
        return {
            "id": gid("WorkItem", issue.id),
            "iid": str(issue.iid),
            "title": issue.title,
            "description": issue.description,
            "state": state_of(issue),
            "confidential": issue.confidential,
            "lockVersion": issue.version,
            "createdAt": render.moment(issue.created_at),
            "updatedAt": render.moment(issue.updated_at),
            "closedAt": render.moment(issue.closed_at),
            "webUrl": render.issue_url(self._store, issue),
            "author": self.user(),
            "project": lambda _: self.project(issue.owner) if isinstance(issue.owner, Project) else None,
            "namespace": lambda _: self.namespace(issue.owner),
            "reference": lambda _, full: render.reference(issue, short=not full),
            "workItemType": self._type(issue.owner, issue.type),
            "widgets": lambda _: self._widgets(issue, in_project),
        }

    def _widgets(self, issue: Issue, in_project: bool) -> list[Node]:
        boxes = text.tasks(issue.description)
        children = sorted(issue.children, key=lambda child: child.id)
        widgets: dict[str, Node] = {
            "Description": {
                "description": issue.description,
                "edited": issue.edited_at is not None,
                "lastEditedAt": render.moment(issue.edited_at),
                "lastEditedBy": self.user() if issue.edited_at else None,
                "taskCompletionStatus": {"count": len(boxes), "completedCount": sum(t.done for t in boxes)},
            },
            "Assignees": {
                "allowsMultipleAssignees": self._store.premium,
                "assignees": lambda _, **asked: _connection(
                    [issue] if issue.assigned else [], _by_id, False, asked, lambda _: self.user()
                ),
                "canInviteMembers": True,
            },
            "Hierarchy": {
                "parent": lambda _: self.work_item(issue.parent) if issue.parent else None,
                "children": lambda _, **asked: _connection(children, _by_id, False, asked, self.work_item),
                "hasChildren": bool(children),
                "hasParent": issue.parent is not None,
            },
            "Labels": {
                "allowsScopedLabels": self._store.premium,
                "labels": lambda _, **asked: _connection(issue.labels, _by_id, False, asked, self._label),
            },
            "Milestone": {"milestone": lambda _: self.milestone(issue.milestone) if issue.milestone else None},
            "StartAndDueDate": {"startDate": render.day(issue.start_date), "dueDate": render.day(issue.due_date)},
            "LinkedItems": self._links(issue),
        }
        return [{"__typename": f"WorkItemWidget{name}", "type": _shout(name), **body} for name, body in widgets.items()]

    def _links(self, issue: Issue) -> Node:
        inside = [x for x in self._store.links.values() if issue in (x.source, x.target)]
        kinds = {x.id: link_kind(x, issue) for x in inside}

        def shown(link: Link) -> Node:
            other = link.target if link.source is issue else link.source
            at = render.moment(link.created_at)
            return {
                "linkId": gid("WorkItems::RelatedWorkItemLink", link.id),
                "linkType": kinds[link.id],
                "linkCreatedAt": at,
                "linkUpdatedAt": at,
                "workItem": lambda _: self.work_item(other),
                "workItemState": state_of(other),
            }

        def listed(_: object, **asked: Any) -> Node:
            wanted = LINK_TYPES.get(asked.get("filter") or "")
            found = [x for x in inside if wanted in (None, kinds[x.id])]
            return _connection(found, _by_id, False, asked, shown)

        blockers = [x for x in inside if kinds[x.id] == "is_blocked_by" and x.source.state == "opened"]
        return {
            "blocked": bool(blockers),
            "blockedByCount": len(blockers),
            "blockingCount": sum(kind == "blocks" for kind in kinds.values()),
            "linkedItems": listed,
        }

    def _contents(self, owner: Owner) -> Node:
        return {
            "milestones": lambda _, **asked: self._milestones(owner, asked),
            "workItemTypes": lambda _, **asked: self._types(owner, asked),
            "workItems": lambda _, **asked: self._work_items(owner, asked),
        }

    def _types(self, owner: Owner, asked: Node) -> Node:
        """Epic is listed with or without the licence; only the create refuses."""
        ids = (owner.group if isinstance(owner, Project) else owner).type_ids
        names = [
            n for n in ids if asked.get("name") in (None, n.upper()) and (not asked.get("taskable") or n == "Task")
        ]
        return _connection(names, lambda n: ("", ids[n]), False, asked, lambda n: self._type(owner, n))

    def _type(self, owner: Owner, name: str) -> Node:
        ids = (owner.group if isinstance(owner, Project) else owner).type_ids
        return {"id": gid("WorkItems::Type", ids[name]), "name": name, "iconName": f"issue-type-{name.lower()}"}

    def _work_items(self, owner: Owner, asked: Node) -> Node:
        _check_filters(asked)
        found = [i for i in self._inside(owner, asked) if _fits(i, asked) and _related(i, asked)]
        order, _, direction = str(asked["sort"]).upper().partition("_")
        made = _connection(found, _key(ORDER[order]), direction == "DESC", asked, self.work_item)
        return {**made, "count": len(found)}

    def _inside(self, owner: Owner, asked: Node) -> list[Issue]:
        """A group's own items are its epics, which are hidden without the licence."""
        found = self._store.issues_of(owner, isinstance(owner, Group) and bool(asked.get("includeDescendants")))
        if asked.get("excludeProjects"):
            found = [i for i in found if isinstance(i.owner, Group)]
        return [i for i in found if self._store.premium or i.type != "Epic"]

    def _milestones(self, owner: Owner, asked: Node) -> Node:
        wanted = (asked.get("searchTitle") or "").lower()
        found = [
            m
            for m in self._store.milestones_of(owner, bool(asked.get("includeAncestors")))
            if asked.get("state") in (None, m.state)
            and asked.get("title") in (None, m.title)
            and wanted in m.title.lower()
            and (asked.get("ids") is None or gid("Milestone", m.id) in asked["ids"])
        ]
        return _connection(found, lambda m: (str(m.due_date or "~"), m.id), False, asked, self.milestone)

    def _labels(self, owner: Owner, asked: Node) -> Node:
        wanted = (asked.get("searchTerm") or "").lower()
        found = [
            x
            for x in self._store.labels_of(owner, bool(asked.get("includeAncestorGroups")))
            if wanted in x.name.lower() and asked.get("title") in (None, x.name)
        ]
        return {**_connection(found, lambda x: (x.name, x.id), False, asked, self._label), "count": len(found)}

    def _label(self, label: Label) -> Node:
        return {
            "id": gid("ProjectLabel" if isinstance(label.owner, Project) else "GroupLabel", label.id),
            "title": label.name,
            "color": label.color,
            "textColor": "#FFFFFF",
            "description": label.description,
            "createdAt": render.moment(label.created_at),
            "updatedAt": render.moment(label.created_at),
        }

    def _by_iid(self, owner: Owner, iid: str) -> Node | None:
        try:
            return self.work_item(self._store.issue(owner, int(iid)))
        except (Refused, ValueError):
            return None


def _fits(issue: Issue, asked: Node) -> bool:
    """Whether an item is one of those asked for. Times are on-or-after and on-or-before."""
    iids = set(asked.get("iids") or []) | ({asked["iid"]} if asked.get("iid") else set())
    search = (asked.get("search") or "").lower()
    return (
        (not iids or str(issue.iid) in iids)
        and (not asked.get("types") or issue.type.upper() in asked["types"])
        and asked.get("state") in (None, "all", issue.state)
        and asked.get("confidential") in (None, issue.confidential)
        and search in f"{issue.title}\n{issue.description or ''}".lower()
        and _within(issue.updated_at, asked.get("updatedAfter"), asked.get("updatedBefore"))
        and _within(issue.created_at, asked.get("createdAfter"), asked.get("createdBefore"))
    )


def _related(issue: Issue, asked: Node) -> bool:
    """Whether an item is one of those asked for by what it is, hangs on or bears: ids, parents, labels, milestones."""
    ids, parents = asked.get("ids"), asked.get("parentIds")
    names = {x.name for x in issue.labels}
    return (
        (ids is None or gid("WorkItem", issue.id) in ids)
        and (parents is None or (issue.parent is not None and gid("WorkItem", issue.parent.id) in parents))
        and names.issuperset(asked.get("labelName") or [])
        and (not asked.get("milestoneTitle") or (issue.milestone and issue.milestone.title) in asked["milestoneTitle"])
    )


def _check_filters(asked: Node) -> None:
    """What `Resolvers::WorkItems::SharedFilterArguments` refuses."""
    for name in ("ids", "iids", "labelName", "milestoneTitle", "parentIds"):
        if len(asked.get(name) or []) > MAX_FILTER:
            raise GraphQLError(f"{name} is too long (maximum is {MAX_FILTER})")
    if asked.get("state") == "locked":
        raise GraphQLError("locked is not a valid state filter for issues.")


def _within(moment: datetime, since: str | None, until: str | None) -> bool:
    earliest, latest = _moment(since), _moment(until)
    return (earliest is None or moment >= earliest) and (latest is None or moment <= latest)


def _connection(items: Sequence[T], key: Key[T], descending: bool, asked: Node, view: Callable[[T], Node]) -> Node:
    """A page going forwards: `first` of at most 100, `after` a cursor."""
    if asked.get("last") is not None or asked.get("before") is not None:
        raise GraphQLError("The sandbox pages forwards only: first and after")
    size = min(asked.get("first") or MAX_NODES, MAX_NODES)
    try:
        page, following = after(items, key, descending, asked.get("after"), size)
    except Refused:
        raise GraphQLError("The cursor is invalid") from None
    edges = [{"cursor": cursor_of(key(item)), "node": view(item)} for item in page]
    return {
        "count": len(items),
        "edges": edges,
        "nodes": [edge["node"] for edge in edges],
        "pageInfo": {
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
            "hasNextPage": following is not None,
            "hasPreviousPage": bool(asked.get("after")),
        },
    }


def _by_id(item: Any) -> tuple[str, int]:
    return "", item.id


def _key(order: str) -> Key[Issue]:
    def key(issue: Issue) -> tuple[str, int]:
        value = getattr(issue, order)
        return (value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value.lower()), issue.id

    return key


def _moment(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise GraphQLError(f'"{value}" is not a valid time') from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _shout(name: str) -> str:
    """StartAndDueDate -> START_AND_DUE_DATE"""
    return "".join(f"_{c}" if c.isupper() and at else c for at, c in enumerate(name)).upper()
