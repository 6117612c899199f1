"""GitLab's JSON <-> core values. Pure.

REST's issues and milestones, GraphQL's work items, the fields that a write sends, and the cursor. Whatever lacks what
GitLab documents is `Malformed`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

from app.core.plan import Fields, Observed, Ref, Shape, Value
from connectors.base import Cursor, FieldProblem, Refs, Rejected, Unsupported

Row = Mapping[str, Any]
"""A JSON object as GitLab sent it."""

OVERLAP: Final = timedelta(seconds=60)  # a change may be committed after a later one was listed
CLOSED: Final = ("closed", "not_planned")  # GitLab Free knows one way of being closed


class Malformed(ValueError):
    """What came is not what GitLab documents."""


STRANGE: Final = (ValueError, LookupError, TypeError, AttributeError)  # what reading a `Malformed` answer can raise


def milestone(row: object) -> Observed:
    """A project milestone of the REST API. Its API path takes the global id, so `Ref.number` is that too."""
    with_id = _row(row)
    number = _int(with_id, "id")
    return Observed(
        ref=Ref("milestone", str(number), number, f"gid://gitlab/Milestone/{number}", _text(with_id, "web_url")),
        title=_text(with_id, "title"),
        description=_text(with_id, "description"),
        state="closed" if with_id.get("state") == "closed" else "open",
        start=day(with_id.get("start_date")),
        due=day(with_id.get("due_date")),
        updated_at=moment(with_id.get("updated_at")),
    )


def issue(row: object) -> Observed:
    """An issue of the REST API, which lists tasks, incidents and test cases too. A task is a `child`; REST doesn't
    tell its parent, which is None here.
    """
    r = _row(row)
    number, closed = _int(r, "id"), r.get("state") == "closed"
    inside = r.get("milestone")
    labels = r.get("labels")
    shape: Shape = "child" if is_task(r) else "issue"
    return Observed(
        ref=Ref(shape, str(number), _int(r, "iid"), work_item_gid(number), _text(r, "web_url")),
        title=_text(r, "title"),
        description=_text(r, "description"),
        state="closed" if closed else "open",
        reason=_reason(r) if closed else None,
        milestone=str(_int(inside, "id")) if isinstance(inside, dict) else None,
        labels=tuple(_label(one) for one in labels) if isinstance(labels, list) else (),
        start=day(r.get("start_date")),
        due=day(r.get("due_date")),
        updated_at=moment(r.get("updated_at")),
        closed_at=moment(r.get("closed_at")) if closed else None,
    )


def is_task(row: Row) -> bool:
    """Whether a REST issue is a task: `issue_type` (lower case), `type` in upper case in some versions."""
    return str(row.get("issue_type") or row.get("type") or "").lower() == "task"


def work_item(row: object) -> Observed:
    """A work item as `graphql.WHOLE` asks for it, with its parent."""
    r = _row(row)
    widgets: dict[str, Any] = {}
    for widget in r.get("widgets") or ():
        if isinstance(widget, dict):
            widgets.update(widget)
    number, closed = gid_number(r.get("id")), str(r.get("state")).upper() == "CLOSED"
    kind = r.get("workItemType")
    shape: Shape = "child" if isinstance(kind, dict) and str(kind.get("name")).lower() == "task" else "issue"
    inside, parent, labels = widgets.get("milestone"), widgets.get("parent"), widgets.get("labels")
    nodes = labels.get("nodes") if isinstance(labels, dict) else None
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
    )


def parents(nodes: object) -> dict[str, str | None]:
    """Work item id -> its parent's id or None, from the nodes of `graphql.PARENTS`."""
    if not isinstance(nodes, list):
        raise Malformed("no list of work items")
    return {item.ref.id: item.parent for item in map(work_item, nodes)}


def newest_once(items: Iterable[Observed]) -> tuple[Observed, ...]:
    """Each object once, as last seen: a page read later can hold again what changed in the meantime."""
    found: dict[tuple[str, str], Observed] = {}
    for item in items:
        before = found.get(item.ref.identity)
        if before is None or _at(item) >= _at(before):
            found[item.ref.identity] = item
    return tuple(found.values())


def with_parents(items: Iterable[Observed], known: Mapping[str, str | None]) -> tuple[tuple[Observed, ...], int]:
    """Children given their parents. Those whose parent was not told are left out, and counted."""
    kept: list[Observed] = []
    lacking = 0
    for item in items:
        if item.ref.shape != "child":
            kept.append(item)
        elif item.ref.id in known:
            kept.append(replace(item, parent=known[item.ref.id]))
        else:
            lacking += 1
    return tuple(kept), lacking


def label(row: object) -> tuple[str, int]:
    """The name and id of a REST label."""
    r = _row(row)
    return _text(r, "name"), _int(r, "id")


# What writes send


def milestone_fields(fields: Fields) -> dict[str, str]:
    """The REST parameters of a milestone for these fields. "" clears a date or text: the API reads them as strings
    (gitlabhq `lib/api/milestone_responses.rb`) and Rails reads "" as no date.
    """
    sent: dict[str, str] = {}
    for name, value in fields.items():
        match name:
            case "title" | "description":
                sent[name] = _str(value)
            case "start" | "due":
                sent[f"{name}_date"] = _date(value)
            case "state":
                sent["state_event"] = "close" if value in CLOSED else "activate"
            case _:
                raise _unheld("milestones", name)
    return sent


def issue_fields(fields: Fields, refs: Refs) -> dict[str, str | int]:
    """The REST parameters of an issue for these fields. 0 takes it out of its milestone and "" takes all labels off
    (https://docs.gitlab.com/api/issues/#update-an-issue). Label names can't hold commas, and missing ones are made.
    """
    sent: dict[str, str | int] = {}
    for name, value in fields.items():
        match name:
            case "title" | "description":
                sent[name] = _str(value)
            case "milestone":
                sent["milestone_id"] = 0 if value is None else _resolved(refs, name, value).number
            case "labels":
                sent["labels"] = ",".join(value) if isinstance(value, tuple) else ""
            case "due":
                sent["due_date"] = _date(value)
            case "state":
                sent["state_event"] = "close" if value in CLOSED else "reopen"
            case _:
                raise _unheld("issues", name)
    return sent


def work_item_input(fields: Fields, refs: Refs) -> dict[str, Any]:
    """The `workItemUpdate` input, without `id`, for these fields; null takes out of a milestone or parent.

    Without `state` it suits `workItemCreate` too. Labels go by id and are not in it.
    """
    sent: dict[str, Any] = {}
    dates: dict[str, str | None] = {}
    for name, value in fields.items():
        match name:
            case "title":
                sent["title"] = _str(value)
            case "description":
                sent["descriptionWidget"] = {"description": _str(value)}
            case "milestone":
                inside = None if value is None else _resolved(refs, name, value)
                gid = inside and (inside.global_id or f"gid://gitlab/Milestone/{inside.id}")
                sent["milestoneWidget"] = {"milestoneId": gid}
            case "parent":
                above = None if value is None else _resolved(refs, name, value)
                sent["hierarchyWidget"] = {"parentId": above and (above.global_id or work_item_gid(above.id))}
            case "start" | "due":
                dates[f"{name}Date"] = _date(value) or None
            case "state":
                sent["stateEvent"] = "CLOSE" if value in CLOSED else "REOPEN"
            case _:
                raise _unheld("work items", name)
    return sent | ({"startAndDueDateWidget": dates} if dates else {})


# The cursor


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the reading of one family goes on. `etag` stands for the one page of what changed since `since`."""

    since: datetime | None = None
    etag: str = ""

    def advanced(self, newest: datetime | None, began: datetime | None) -> datetime | None:
        """The next `since`, never backwards: the newest change seen, but at least the overlap before the reading
        began by the tracker's clock (`began`, None where it told no time): what was committed while it ran, or shortly
        before, can have been missed. In quiet times it stands still, so that ETags hold.
        """
        if newest is None:
            return self.since
        seen = newest - OVERLAP if began is None else min(newest, began - OVERLAP)
        return seen if self.since is None else max(self.since, seen)


@dataclass(frozen=True, slots=True)
class Position:
    """What a `Cursor` holds. Families have marks of their own: they are read one after the other. `keyset` is whether
    this GitLab pages issues by key (since 18.3).
    """

    milestones: Mark = Mark()
    issues: Mark = Mark()
    keyset: bool = True

    def cursor(self) -> Cursor:
        """This position as text."""
        marks = {"milestones": self.milestones, "issues": self.issues}
        told = {name: [stamp(mark.since) if mark.since else None, mark.etag] for name, mark in marks.items()}
        return Cursor(json.dumps({"v": 1, **told, "keyset": self.keyset}, separators=(",", ":")))

    @staticmethod
    def of(cursor: str | None) -> Position | None:
        """What an earlier `cursor()` said; None for no cursor, or one that this version can't read."""
        try:
            told = json.loads(cursor or "")
            if told["v"] != 1:
                return None
            first, second = (Mark(moment(told[name][0]), str(told[name][1])) for name in ("milestones", "issues"))
            return Position(first, second, bool(told["keyset"]))
        except (ValueError, KeyError, TypeError, IndexError):
            return None


def newest(items: Iterable[Observed]) -> datetime | None:
    """The newest `updated_at`, None where there is none."""
    return max((item.updated_at for item in items if item.updated_at), default=None)


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


def _row(row: object) -> Row:
    if not isinstance(row, dict):
        raise Malformed("not an object")
    return row


def _int(row: Row, name: str) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed(f"no {name}")
    return value


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _str(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _date(value: Value) -> str:
    return value.isoformat() if isinstance(value, date) else ""


def _resolved(refs: Refs, name: str, value: Value) -> Ref:
    ref = refs.get(str(value))
    if ref is None:
        raise Rejected(f"The {name} {value} has no object in this project yet", fields=(FieldProblem(name, "missing"),))
    return ref


def _unheld(what: str, name: str) -> Unsupported:
    return Unsupported(f"GitLab's {what} have no {name} that can be set here", "Leave it out in the profile.")


def _at(item: Observed) -> datetime:
    return item.updated_at or datetime.min.replace(tzinfo=UTC)
