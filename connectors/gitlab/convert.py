"""GitLab's JSON -> core values. Pure.

REST's issues and milestones, GraphQL's work items. Whatever lacks what GitLab documents is `Malformed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from app.core.plan import Observed, Ref, Shape

Row = Mapping[str, Any]
"""A JSON object as GitLab sent it."""

BLOCKED: Final = ("is_blocked_by", "blocked_by")  # a link's type: REST's words, which GraphQL uses too
SHAPES: Final[Mapping[str, Shape]] = {"task": "child", "epic": "epic"}


class Malformed(ValueError):
    """What came is not what GitLab documents."""


STRANGE: Final = (ValueError, LookupError, TypeError, AttributeError)  # what reading a `Malformed` answer can raise


def milestone(row: object) -> Observed:
    """A project milestone of the REST API. Its API path takes the global id, so `Ref.number` is that too."""
    with_id = as_row(row)
    number = _int(with_id, "id")
    return Observed(
        ref=Ref("milestone", str(number), number, f"gid://gitlab/Milestone/{number}", _text(with_id, "web_url")),
        title=_text(with_id, "title"),
        description=_text(with_id, "description"),
        state="closed" if with_id.get("state") == "closed" else "open",
        start=day(with_id.get("start_date")),
        due=day(with_id.get("due_date")),
        updated_at=moment(with_id.get("updated_at")),
        created_at=moment(with_id.get("created_at")),
    )


@dataclass(frozen=True, slots=True)
class Home:
    """The numeric ids of a target's project and group, where epics are read."""

    project_id: int
    group_id: int


@dataclass(frozen=True, slots=True)
class Around:
    """The paths of a target: a reference that starts with one of them is to an object of the target."""

    project: str
    group: str = ""  # "" where epics are not read

    def inside(self, reference: str) -> bool:
        """Whether "group/project#12" or "group&12" is in here. GitLab's paths ignore case, and a project and a group
        have no path in common.
        """
        path = reference.replace("&", "#").rpartition("#")[0].lower()
        return bool(path) and path in (self.project.lower(), self.group.lower())


def issue(row: object, home: Home | None = None) -> Observed:
    """An issue of the REST API, which lists tasks, incidents and test cases too.

    A task is a `child`; REST doesn't tell its parent, which is None here. With `home` what is under an epic is a
    `child` too, and its parent is told as REST tells it: "&12" for epic 12 of the group, "other/group&12" for another
    group's. (REST's `epic.id` is the id of the epic, not of its work item.)
    """
    r = as_row(row)
    number, closed = _int(r, "id"), r.get("state") == "closed"
    inside = r.get("milestone")
    labels = r.get("labels")
    above = _epic(r.get("epic"), home) if home else None
    shape: Shape = "child" if above or is_task(r) else "issue"
    return Observed(
        ref=Ref(shape, str(number), _int(r, "iid"), work_item_gid(number), _text(r, "web_url")),
        title=_text(r, "title"),
        description=_text(r, "description"),
        state="closed" if closed else "open",
        reason=_reason(r) if closed else None,
        milestone=str(_int(inside, "id")) if isinstance(inside, dict) else None,
        parent=above,
        labels=tuple(_label(one) for one in labels) if isinstance(labels, list) else (),
        start=day(r.get("start_date")),
        due=day(r.get("due_date")),
        updated_at=moment(r.get("updated_at")),
        closed_at=moment(r.get("closed_at")) if closed else None,
        created_at=moment(r.get("created_at")),
        assignees=_people(r.get("assignees")),
        estimate=_int(r, "weight") if r.get("weight") is not None else None,
    )


def of_project(row: object, home: Home) -> bool:
    """Whether a REST issue is the project's own, and not another's of the group."""
    return _int(as_row(row), "project_id") == home.project_id


def _epic(told: object, home: Home) -> str | None:
    """Where an epic is that REST shows on an issue. `url` is "/groups/PATH/-/epics/12"."""
    if not isinstance(told, dict):
        return None
    iid, group = _int(told, "iid"), _int(told, "group_id")
    path = _text(told, "url").partition("/groups/")[2].partition("/-/")[0]
    return f"&{iid}" if group == home.group_id else f"{path or group}&{iid}"


def is_task(row: Row) -> bool:
    """Whether a REST issue is a task: `issue_type` (lower case), `type` in upper case in some versions."""
    return str(row.get("issue_type") or row.get("type") or "").lower() == "task"


def work_item(row: object) -> Observed:
    """A work item as `graphql.WHOLE` asks for it, with its parent. What has a parent is a `child`, but for epics."""
    r = as_row(row)
    widgets = _widgets(r)
    number, closed = gid_number(r.get("id")), str(r.get("state")).upper() == "CLOSED"
    kind = r.get("workItemType")
    inside, parent, labels = widgets.get("milestone"), widgets.get("parent"), widgets.get("labels")
    nodes = labels.get("nodes") if isinstance(labels, dict) else None
    people = widgets.get("assignees")
    shape = SHAPES.get(str(kind.get("name")).lower() if isinstance(kind, dict) else "", "child" if parent else "issue")
    try:
        iid = int(r["iid"])
    except (KeyError, TypeError, ValueError):
        raise Malformed("a work item without an iid") from None
    return Observed(
        ref=Ref(shape, str(number), iid, work_item_gid(number), _text(r, "webUrl")),
        title=_text(r, "title"),
        description=widgets.get("description") or "",
        state="closed" if closed else "open",
        reason="completed" if closed else None,
        milestone=str(gid_number(inside.get("id"))) if isinstance(inside, dict) else None,
        parent=str(gid_number(parent.get("id"))) if isinstance(parent, dict) else None,
        labels=tuple(_text(one, "title") for one in nodes or () if isinstance(one, dict)),
        start=day(widgets.get("startDate")),
        due=day(widgets.get("dueDate")),
        updated_at=moment(r.get("updatedAt")),
        closed_at=moment(r.get("closedAt")) if closed else None,
        created_at=moment(r.get("createdAt")),
        assignees=_people(people.get("nodes")) if isinstance(people, dict) else (),
    )


@dataclass(frozen=True, slots=True)
class Detail:
    """What only GraphQL tells of an item: its parent's id, and what it is blocked by (`Observed.blocked_by`)."""

    parent: str | None = None
    blocked_by: tuple[str, ...] = ()


def details(nodes: object, around: Around) -> dict[str, Detail]:
    """Work item id -> its details, from the nodes of `graphql.details`."""
    found: dict[str, Detail] = {}
    for node in _nodes(nodes):
        parent = _widgets(node).get("parent")
        above = str(gid_number(parent.get("id"))) if isinstance(parent, dict) else None
        found[str(gid_number(node.get("id")))] = Detail(above, blockers(node, around))
    return found


def blockers(node: Row, around: Around) -> tuple[str, ...]:
    """What a work item is blocked by: ids of objects of the target, "group/project#12" of others. Those that this token
    may not see are not told.
    """
    told = _widgets(node).get("linkedItems")
    found: list[str] = []
    for link in _nodes(told.get("nodes")) if isinstance(told, dict) else ():
        other = link.get("workItem")
        if isinstance(other, dict) and str(link.get("linkType")).lower() in BLOCKED:
            reference = _text(other, "reference")
            found.append(str(gid_number(other.get("id"))) if around.inside(reference) else reference)
    return tuple(found)


def links(node: object) -> dict[str, str]:
    """The id of what a work item is linked with -> the link's type."""
    told = _widgets(as_row(node)).get("linkedItems")
    found: dict[str, str] = {}
    for link in _nodes(told.get("nodes")) if isinstance(told, dict) else ():
        other = link.get("workItem")
        if isinstance(other, dict):
            found[str(gid_number(other.get("id")))] = str(link.get("linkType"))
    return found


def epic(node: object, around: Around) -> Observed:
    """An epic of the group, with what it is blocked by where that was asked."""
    return replace(work_item(node), blocked_by=blockers(as_row(node), around))


def ids_by_iid(nodes: object) -> dict[str, str]:
    """iid -> id of work items."""
    return {str(node["iid"]): str(gid_number(node.get("id"))) for node in _nodes(nodes)}


def label_ids(node: object) -> dict[str, str]:
    """Label name -> global id, of what is on a work item."""
    told = _widgets(as_row(node)).get("labels")
    return {_text(one, "title"): _text(one, "id") for one in _nodes(told.get("nodes") if told else [])}


def work_item_types(connection: Any) -> dict[str, str]:
    """Type name, in lower case -> global id."""
    return {str(one["name"]).lower(): str(one["id"]) for one in connection["nodes"]}


def newest_once(items: Iterable[Observed]) -> tuple[Observed, ...]:
    """Each object once, as last seen: a page read later can hold again what changed in the meantime."""
    found: dict[tuple[str, str], Observed] = {}
    for item in items:
        before = found.get(item.ref.identity)
        if before is None or _at(item) >= _at(before):
            found[item.ref.identity] = item
    return tuple(found.values())


def completed(
    items: Iterable[Observed],
    known: Mapping[str, Detail],
    epics: Mapping[str, str | None],
    needs: Callable[[Observed], bool],
) -> tuple[tuple[Observed, ...], int]:
    """Items with what REST doesn't tell. `epics`: "&12" -> the id of its work item, None where GitLab shows none.

    Those whose details or epic were not told are left out, and counted.
    """
    kept: list[Observed] = []
    lacking = 0
    for item in items:
        detail, parent = known.get(item.ref.id), item.parent or ""
        if (needs(item) and detail is None) or (parent.startswith("&") and parent not in epics):
            lacking += 1
            continue
        if parent.startswith("&"):
            parent = epics[parent] or parent
        elif detail:
            parent = parent or detail.parent or ""
        blocked_by = detail.blocked_by if detail else item.blocked_by
        kept.append(replace(item, parent=parent or None, blocked_by=blocked_by))
    return tuple(kept), lacking


def label(row: object) -> tuple[str, int]:
    """The name and id of a REST label."""
    r = as_row(row)
    return _text(r, "name"), _int(r, "id")


def id_of(row: object) -> int:
    """The `id` of a REST object."""
    return _int(as_row(row), "id")


# Small readers


def stamp(when: datetime) -> str:
    """A time as GitLab writes it: UTC, milliseconds, Z."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(value: object) -> datetime | None:
    """A time of GitLab's, UTC and aware; None for null."""
    if value in (None, ""):
        return None
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        raise Malformed("a time that is none") from None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def day(value: object) -> date | None:
    """A date of GitLab's; GraphQL sends some with a time of day. None for null."""
    if value in (None, ""):
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        raise Malformed("a date that is none") from None


def work_item_gid(number: int | str) -> str:
    """The GraphQL id of an issue or work item, which share their ids."""
    return f"gid://gitlab/WorkItem/{number}"


def gid_number(value: object) -> int:
    """42 of gid://gitlab/WorkItem/42."""
    last = str(value).rpartition("/")[2]
    if not last.isdecimal():
        raise Malformed("a global id without a number")
    return int(last)


def _reason(row: Row) -> Literal["completed", "duplicate", "moved"]:
    links = row.get("_links")
    if row.get("moved_to_id") is not None:
        return "moved"
    return "duplicate" if isinstance(links, dict) and links.get("closed_as_duplicate_of") else "completed"


def _label(one: object) -> str:
    return _text(one, "name") if isinstance(one, dict) else str(one)


def _people(told: object) -> tuple[str, ...]:
    return tuple(_text(one, "username") for one in told if isinstance(one, dict)) if isinstance(told, list) else ()


def as_row(row: object) -> Row:
    """A JSON object, or Malformed."""
    if not isinstance(row, dict):
        raise Malformed("not an object")
    return row


def _nodes(told: object) -> list[Row]:
    if not isinstance(told, list):
        raise Malformed("no list of nodes")
    return [as_row(one) for one in told]


def _widgets(row: Row) -> dict[str, Any]:
    """All fields of a work item's widgets: their names don't clash."""
    found: dict[str, Any] = {}
    for widget in row.get("widgets") or ():
        if isinstance(widget, dict):
            found.update(widget)
    return found


def _int(row: Row, name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed(f"no {name}")
    return value


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _at(item: Observed) -> datetime:
    return item.updated_at or datetime.min.replace(tzinfo=UTC)
