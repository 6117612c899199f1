"""What the box holds: plain records with references to each other, and the events and refusals that changes give.

All times are UTC with second resolution, as GitHub's are; `born` alone is exact, for the fault `list_lag`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Literal

TITLE_MAX = 256
BODY_MAX = 65_536
LABEL_MAX = 50
LABEL_TEXT_MAX = 100
LABELS_PER_ISSUE = 100
CHILDREN_MAX = 100
LEVELS_MAX = 8
BLOCKERS_MAX = 50
CLOSED_REASONS = ("completed", "not_planned", "duplicate")


class Keep(Enum):
    """The default of an edit's fields: leave as it is, which is not the same as clearing (None)."""

    KEEP = 0


KEEP = Keep.KEEP
KINDS = {301: "NOT_FOUND", 403: "FORBIDDEN", 404: "NOT_FOUND", 410: "NOT_FOUND"}


class Refusal(Exception):
    """A request the box says no to, in GitHub's words. `kind` is GraphQL's `type` of the same refusal; `needs` the
    permission that was missing, for a 403; `moved` the issue that is elsewhere now, for a 301.
    """

    needs: str = "issues=write"
    moved: Issue | None = None

    def __init__(self, status: int, message: str, errors: Sequence[Mapping[str, Any]] = (), kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = [dict(error) for error in errors]
        self.kind = kind or KINDS.get(status, "UNPROCESSABLE")


def forbidden(needs: str = "issues=write") -> Refusal:
    """403 for a token without the right, `needs` in GitHub's words of fine-grained permissions."""
    refusal = Refusal(403, "Resource not accessible by personal access token")
    refusal.needs = needs
    return refusal


def not_found(message: str = "Not Found") -> Refusal:
    return Refusal(404, message)


def invalid(resource: str, field_name: str, code: str, **more: Any) -> Refusal:
    """422 with one entry in `errors`, as GitHub documents its codes: missing_field, invalid, already_exists, custom."""
    return Refusal(422, "Validation Failed", [{"resource": resource, "code": code, "field": field_name, **more}])


def born_by(record: Any, moment: float) -> bool:
    """Whether it was made at `moment` (seconds since 1970) or before. What has no such time always was."""
    return getattr(record, "born", 0.0) <= moment


def node_id(prefix: str, number: int) -> str:
    """An opaque global id of GitHub's looks: a prefix by type and base64 of the database id."""
    return f"{prefix}{base64.urlsafe_b64encode(number.to_bytes(9, 'big')).decode()}"


@dataclass(eq=False, slots=True)
class Label:
    repo: Repo
    id: int
    name: str
    color: str = "ededed"
    description: str | None = None
    born: float = 0.0

    @property
    def node_id(self) -> str:
        return node_id("LA_kwDO", self.id)


@dataclass(eq=False, slots=True)
class IssueType:
    """An issue type; types belong to the owner, and every owner of a box has the same."""

    id: int
    name: str
    color: str
    created_at: datetime
    description: str | None = None

    @property
    def node_id(self) -> str:
        return node_id("IT_kwDO", self.id)


@dataclass(eq=False, slots=True)
class Milestone:
    repo: Repo
    id: int
    number: int
    title: str
    creator: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    state: str = "open"
    due_on: datetime | None = None
    closed_at: datetime | None = None
    counts: dict[str, int] = field(default_factory=lambda: {"open": 0, "closed": 0})
    born: float = 0.0

    @property
    def node_id(self) -> str:
        return node_id("MI_kwDO", self.id)

    def count(self, state: str) -> int:
        """Issues of that state, pull requests included: GitHub's own counts include them (TRACKERS, trap 9)."""
        return self.counts[state]


@dataclass(eq=False, slots=True)
class Comment:
    id: int
    author: str
    body: str
    created_at: datetime
    born: float = 0.0


@dataclass(eq=False, slots=True)
class Issue:
    """An issue, or a pull request when `pull` is true: GitHub numbers both in one row and lists them together."""

    repo: Repo
    id: int
    number: int
    title: str
    author: str
    created_at: datetime
    updated_at: datetime
    body: str | None = None
    pull: bool = False
    state: str = "open"
    state_reason: str | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    milestone: Milestone | None = None
    type: IssueType | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    parent: Issue | None = None
    children: list[Issue] = field(default_factory=list)
    blocked_by: list[Issue] = field(default_factory=list)
    blocking: list[Issue] = field(default_factory=list)
    born: float = 0.0

    @property
    def node_id(self) -> str:
        return node_id("PR_kwDO" if self.pull else "I_kwDO", self.id)

    def place(self, milestone: Milestone | None) -> None:
        """Put it into that milestone, or into none."""
        if self.milestone:
            self.milestone.counts[self.state] -= 1
        self.milestone = milestone
        if milestone:
            milestone.counts[self.state] += 1

    def turn(self, state: str) -> None:
        """Open or close it."""
        milestone = self.milestone
        self.place(None)
        self.state = state
        self.place(milestone)

    @property
    def completed_children(self) -> int:
        """Closed sub-issues. Whether the real one counts "not planned" here is not known: the box does."""
        return sum(1 for child in self.children if child.state == "closed")


@dataclass(eq=False, slots=True)
class Delivery:
    """One attempt to call a hook. `headers` holds what was sent, and never the secret."""

    id: int
    guid: str
    event: str
    action: str | None
    delivered_at: datetime
    body: bytes
    headers: dict[str, str]
    redelivery: bool = False
    status_code: int = 0
    duration: float = 0.0


@dataclass(eq=False, slots=True)
class Hook:
    repo: Repo
    id: int
    url: str
    created_at: datetime
    updated_at: datetime
    content_type: str = "form"
    secret: str | None = field(default=None, repr=False)
    insecure_ssl: str = "0"
    events: list[str] = field(default_factory=lambda: ["push"])
    active: bool = True
    deliveries: list[Delivery] = field(default_factory=list)  # the oldest first
    born: float = 0.0


@dataclass(eq=False, slots=True)
class Repo:
    owner: str
    name: str
    id: int
    created_at: datetime
    labels: dict[str, Label] = field(default_factory=dict)  # by lower-case name
    milestones: dict[int, Milestone] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    moved: dict[int, Issue] = field(default_factory=dict)  # by the number that it had here
    hooks: dict[int, Hook] = field(default_factory=dict)
    last_number: int = 0
    last_milestone: int = 0

    @property
    def node_id(self) -> str:
        return node_id("R_kgDO", self.id)

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that hooks may be told. `subject` is what it is about; `other` the second issue of a link, or what a
    transferred one was or became.
    """

    name: Literal["issues", "issue_comment", "milestone", "label", "sub_issues", "issue_dependencies"]
    action: str
    repo: Repo
    by: str
    subject: Issue | Milestone | Label
    changes: Mapping[str, Any] | None = None
    label: Label | None = None
    milestone: Milestone | None = None
    other: Issue | None = None
    type: IssueType | None = None
    comment: Comment | None = None
    assignee: str | None = None


@dataclass(frozen=True, slots=True)
class IssueEdit:
    """What a change asks for; a field left at KEEP stays. A body or milestone of None is cleared."""

    title: str | Keep = KEEP
    body: str | Keep | None = KEEP
    state: str | Keep = KEEP
    state_reason: str | None = None
    milestone: Milestone | Keep | None = KEEP
    labels: list[Label] | Keep = KEEP
    assignees: list[str] | Keep = KEEP
    type: IssueType | Keep | None = KEEP


@dataclass(frozen=True, slots=True)
class MilestoneEdit:
    title: str | Keep = KEEP
    description: str | Keep | None = KEEP
    state: str | Keep = KEEP
    due_on: datetime | Keep | None = KEEP
