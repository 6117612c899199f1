"""What the box stores, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypedDict


class Refused(Exception):
    """An answer other than success: its HTTP status and its JSON body."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


class NotAllowed(Exception):
    """A rule of work items was broken. GraphQL answers it in the payload's `errors`, with HTTP 200."""


class NotAvailable(Exception):
    """What the licence or the role does not give. GraphQL answers it as if the thing were not there, as an error of the
    whole document (`raise_resource_not_available_error!`).
    """


@dataclass(slots=True, eq=False)
class Group:
    id: int
    path: str  # full, "acme/platform"
    parent: Group | None
    type_ids: dict[str, int]  # work item type name -> id; shared with the top-level group
    created_at: datetime
    last_milestone: int = 0
    last_issue: int = 0

    @property
    def ancestors(self) -> list[Group]:
        """Itself first, the top-level group last."""
        return [self, *(self.parent.ancestors if self.parent else [])]


@dataclass(slots=True, eq=False)
class Project:
    id: int
    path: str  # full, "acme/app"
    group: Group
    created_at: datetime
    last_milestone: int = 0
    last_issue: int = 0


Owner = Project | Group


@dataclass(slots=True, eq=False)
class Label:
    id: int
    owner: Owner
    name: str
    color: str
    description: str | None
    created_at: datetime


@dataclass(slots=True, eq=False)
class Milestone:
    id: int
    iid: int
    owner: Owner
    title: str
    description: str | None
    start_date: date | None
    due_date: date | None
    created_at: datetime
    updated_at: datetime
    state: str = "active"  # or "closed"


@dataclass(slots=True, eq=False)
class Note:
    id: int
    body: str
    created_at: datetime


@dataclass(slots=True, eq=False)
class Issue:
    """An issue or any other work item: GitLab keeps both in one table, under one id."""

    id: int
    iid: int
    owner: Owner
    type: str  # "Issue", "Task", "Incident", "Epic"
    title: str
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    state: str = "opened"  # or "closed"
    closed_at: datetime | None = None
    edited_at: datetime | None = None
    milestone: Milestone | None = None
    labels: list[Label] = field(default_factory=list)
    start_date: date | None = None
    due_date: date | None = None
    confidential: bool = False
    locked: bool = False
    assigned: bool = False  # to the one user there is
    weight: int | None = None  # Premium's
    parent: Issue | None = None
    children: list[Issue] = field(default_factory=list)
    moved_to: Issue | None = None
    duplicate_of: Issue | None = None
    notes: list[Note] = field(default_factory=list)
    mentions: list[str] = field(default_factory=list)  # whom GitLab has notified, in order
    version: int = 0
    epic_id: int = 0  # an epic's own id, which is not its work item's


@dataclass(slots=True, eq=False)
class Link:
    id: int
    source: Issue
    target: Issue
    type: str  # "relates_to" or "blocks"
    created_at: datetime


@dataclass(slots=True, eq=False)
class Hook:
    id: int
    owner: Owner
    url: str
    uuid: str
    created_at: datetime
    name: str | None = None
    description: str | None = None
    token: str | None = None
    signing_token: str | None = None
    switches: dict[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HookEvent:
    """One call made, as sent but for the token, which is masked in `headers`."""

    id: int
    hook: Hook
    trigger: str  # "issue_hooks"
    body: bytes
    key: str  # Idempotency-Key
    headers: dict[str, str]
    created_at: datetime


class Fields(TypedDict, total=False):
    """What a create or an update asks for; a name that is absent is left alone."""

    title: str
    description: str
    state_event: str  # "close" or "reopen"
    milestone: Milestone | None
    labels: list[str]
    add_labels: list[str]
    remove_labels: list[str]
    start_date: date | None
    due_date: date | None
    confidential: bool
    locked: bool
    assigned: bool
    weight: int | None
    parent: Issue | None
    duplicate_of: Issue


class MilestoneFields(TypedDict, total=False):
    title: str
    description: str
    start_date: date | None
    due_date: date | None
    state_event: str  # "close" or "activate"
