"""GitHub's JSON to core values, and fields to GitHub's JSON. Pure.

Readers take JSON as it came: a missing or misshapen part raises KeyError, TypeError, ValueError or AttributeError,
which the caller takes for "not GitHub's API".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from app.core.plan import Fields, Observed, Ref, Value
from connectors.base import FieldProblem, Refs, Rejected, Unsupported

Json = Mapping[str, Any]
Reason = Literal["completed", "not_planned", "duplicate", "moved"]

REASONS: Final[Mapping[str, Reason]] = {
    "completed": "completed",
    "not_planned": "not_planned",
    "duplicate": "duplicate",
}
STATES: Final[Mapping[Value, Json]] = {
    "open": {"state": "open"},
    "closed": {"state": "closed", "state_reason": "completed"},
    "not_planned": {"state": "closed", "state_reason": "not_planned"},
}
ISSUE_SELECTION: Final = """
id number url title body state stateReason(enableDuplicate: true) updatedAt closedAt createdAt
milestone { number }
parent { number repository { nameWithOwner } }
repository { nameWithOwner }
labels(first: 100) { nodes { name } }
assignees(first: 20) { nodes { login } }
"""
TYPE_SELECTION: Final = "issueType { name }"  # not on every GitHub Enterprise Server


def when(text: str | None) -> datetime | None:
    """A time as GitHub writes it, UTC and aware."""
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def due_date(due_on: str | None) -> date | None:
    """The day of a milestone's `due_on`.

    GitHub keeps midnight in its own time zone (Pacific) as UTC, 07:00Z or 08:00Z: the day in UTC is the day meant.
    """
    moment = when(due_on)
    return moment.date() if moment else None


def due_on(due: Value) -> str | None:
    """What to send so that a milestone is due on that day.

    Midnight UTC is still the day before in Pacific time, to which GitHub rounds down (TRACKERS, trap 2): send noon.
    """
    return f"{due.isoformat()}T12:00:00Z" if isinstance(due, date) else None


def milestone(json: Json) -> Observed:
    """A milestone of GET …/milestones. Its own issue counts are left: they count pull requests and drift (trap 9)."""
    number = int(json["number"])
    return Observed(
        ref=Ref("milestone", str(number), number, json.get("node_id") or "", json.get("html_url") or ""),
        title=json["title"],
        description=json.get("description") or "",
        state="closed" if json["state"] == "closed" else "open",
        due=due_date(json.get("due_on")),
        updated_at=when(json.get("updated_at")),
        closed_at=when(json.get("closed_at")),
        created_at=when(json.get("created_at")),
    )


def graphql_milestone(json: Json) -> Observed:
    """A milestone out of GraphQL: id number url title description state dueOn updatedAt closedAt createdAt."""
    number = int(json["number"])
    return Observed(
        ref=Ref("milestone", str(number), number, json["id"], json["url"]),
        title=json["title"],
        description=json.get("description") or "",
        state="closed" if json["state"] == "CLOSED" else "open",
        due=due_date(json.get("dueOn")),
        updated_at=when(json.get("updatedAt")),
        closed_at=when(json.get("closedAt")),
        created_at=when(json.get("createdAt")),
    )


def node_id(json: Json) -> str:
    """The GraphQL id of anything that REST describes."""
    return str(json["node_id"])


def is_pull_request(json: Json) -> bool:
    """The list of issues holds pull requests too, told by this key."""
    return "pull_request" in json


def issue(json: Json) -> Observed:
    """An issue of GET …/issues."""
    number = int(json["number"])
    parent = parent_id(json.get("parent_issue_url"), json.get("repository_url"))
    inside = parent is not None and parent.isdecimal()
    in_milestone = json.get("milestone")
    closed = json["state"] == "closed"
    return Observed(
        ref=Ref(
            "child" if inside else "issue", str(number), number, json.get("node_id") or "", json.get("html_url") or ""
        ),
        title=json["title"],
        description=json.get("body") or "",
        state="closed" if closed else "open",
        reason=REASONS.get(json.get("state_reason") or "") if closed else None,
        milestone=str(int(in_milestone["number"])) if in_milestone else None,
        parent=parent,
        labels=tuple(label if isinstance(label, str) else label["name"] for label in json.get("labels") or ()),
        type=(json.get("type") or {}).get("name"),
        updated_at=when(json.get("updated_at")),
        closed_at=when(json.get("closed_at")),
        created_at=when(json.get("created_at")),
        assignees=tuple(person["login"] for person in json.get("assignees") or ()),
    )


def parent_id(parent_url: str | None, repository_url: str | None) -> str | None:
    """`Observed.parent` from `parent_issue_url`: "12" in the issue's own repository, else "owner/repo#12"."""
    if not parent_url:
        return None
    where, number = urlsplit(parent_url).path.rsplit("/issues/", 1)
    own = urlsplit(repository_url or "").path
    path = "/".join(where.rsplit("/", 2)[-2:])
    return number if where.lower() == own.lower() else f"{path}#{number}"


def is_blocked(json: Json) -> bool:
    """Whether REST's issue waits for others: `total_blocked_by` counts the closed ones too, `blocked_by` the open."""
    summary = json.get("issue_dependencies_summary") or {}
    return bool(summary.get("total_blocked_by") or summary.get("blocked_by"))


def blockers(json: Json) -> tuple[str, ...]:
    """`Observed.blocked_by` of a GraphQL issue, by number, those elsewhere last. What the token may not see is null."""
    own = json["repository"]["nameWithOwner"].lower()
    here, elsewhere = [], []
    for node in filter(None, json["blockedBy"]["nodes"]):
        home, number = str(node["repository"]["nameWithOwner"]), int(node["number"])
        if home.lower() == own:
            here.append(number)
        else:
            elsewhere.append(f"{home}#{number}")
    return (*map(str, sorted(here)), *sorted(elsewhere))


def graphql_issue(json: Json) -> Observed:
    """An issue as `ISSUE_SELECTION` asks for it."""
    number = int(json["number"])
    above, inside = json.get("parent"), False
    parent = None
    if above:
        home, own = above["repository"]["nameWithOwner"], json["repository"]["nameWithOwner"]
        inside = home.lower() == own.lower()
        parent = str(above["number"]) if inside else f"{home}#{above['number']}"
    closed = json["state"] == "CLOSED"
    in_milestone = json.get("milestone")
    return Observed(
        ref=Ref("child" if inside else "issue", str(number), number, json["id"], json["url"]),
        title=json["title"],
        description=json.get("body") or "",
        state="closed" if closed else "open",
        reason=REASONS.get((json.get("stateReason") or "").lower()) if closed else None,
        milestone=str(int(in_milestone["number"])) if in_milestone else None,
        parent=parent,
        labels=tuple(label["name"] for label in (json.get("labels") or {}).get("nodes") or ()),
        type=(json.get("issueType") or {}).get("name"),
        updated_at=when(json.get("updatedAt")),
        closed_at=when(json.get("closedAt")),
        created_at=when(json.get("createdAt")),
        assignees=tuple(person["login"] for person in (json.get("assignees") or {}).get("nodes") or ()),
    )


def milestone_body(fields: Fields) -> dict[str, Any]:
    """What to send for a milestone's fields: only those named."""
    body: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "title":
            body["title"] = value
        elif name == "description":
            body["description"] = value or ""
        elif name == "due":
            body["due_on"] = due_on(value)
        elif name == "state":
            body["state"] = "open" if value in (None, "open") else "closed"
        else:
            refuse("milestones", name, value)
    return body


def issue_body(fields: Fields, refs: Refs) -> dict[str, Any]:
    """What to send for an issue's fields: only those named, without `parent`, which is a call of its own.

    Raises Rejected where the milestone has no ref yet.
    """
    body: dict[str, Any] = {}
    for name, value in fields.items():
        if name == "title":
            body["title"] = value
        elif name == "description":
            body["body"] = value or ""
        elif name == "milestone":
            body["milestone"] = None if value is None else resolve(refs, name, value).number
        elif name == "labels":
            body["labels"] = list(value) if isinstance(value, tuple) else []
        elif name == "state":
            body |= STATES.get(value or "open", STATES["closed"])
        elif name == "type":
            body["type"] = value or None
        elif name != "parent":
            refuse("issues", name, value)
    return body


def dropped(fields: Fields, refs: Refs, made: Observed) -> tuple[str, ...]:
    """Which of the fields that were sent GitHub left as they were, though it answered that all is well.

    Without push access it silently drops milestone, labels and type (TRACKERS, trap 11).
    """
    lost = []
    if "milestone" in fields:
        wanted = fields["milestone"]
        if made.milestone != (None if wanted is None else resolve(refs, "milestone", wanted).id):
            lost.append("milestone")
    labels = fields.get("labels")
    if isinstance(labels, tuple):
        asked, have = {name.lower() for name in labels}, {name.lower() for name in made.labels}
        if asked - have or (have and not asked):
            lost.append("labels")
    if "type" in fields and str(fields["type"] or "").lower() != (made.type or "").lower():
        lost.append("type")
    return tuple(lost)


def resolve(refs: Refs, field: str, key: Value) -> Ref:
    """Where the node of that key is. Raises Rejected when it is nowhere yet."""
    ref = refs.get(str(key))
    if ref is None:
        raise Rejected(
            f"The {field} {key} is not on GitHub yet",
            "Make it first: plan and apply again.",
            fields=(FieldProblem(field, "missing"),),
        )
    return ref


def refuse(what: str, name: str, value: Value) -> None:
    """Raises Unsupported for a value that GitHub has no place for. None asks for nothing."""
    if value not in (None, "", ()):
        raise Unsupported(f"GitHub's {what} have no {name}")
