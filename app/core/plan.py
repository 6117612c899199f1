"""Desired, observed and base, and the plan that their three-way difference makes. Pure.

Field names, the same for both trackers: `title`, `description`, `milestone`, `parent`, `labels`, `start`, `due`,
`state`. In desired values and in changes `milestone` and `parent` hold node *keys*; in an `Observed` they hold the
tracker's own `Ref.id`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from app.core.tree import Kind

Shape = Literal["milestone", "issue", "epic", "child", "line"]
"""What a node becomes: `child` is GitHub's sub-issue and GitLab's child item; `line` a line of its task's checklist."""

Value = str | bool | date | tuple[str, ...] | None
Fields = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Ref:
    """Where an object is in its tracker.

    `id` is unique in its family (milestones; all else) and never changes: on GitHub the number, on GitLab the global
    id. `number` is what API paths take: GitHub's number; GitLab's milestone id, or the iid of an issue or work item.
    `global_id` is its GraphQL id ("" where unknown). `url` is for people.
    """

    shape: Shape
    id: str
    number: int
    global_id: str = ""
    url: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        """(family, id): equal for the same object, whatever its shape is taken to be."""
        return ("milestone" if self.shape == "milestone" else "item", self.id)


@dataclass(frozen=True, slots=True)
class Observed:
    """An object as the tracker holds it. Times are UTC and aware.

    `description` is raw (may hold \\r\\n), "" for none. `milestone` and `parent` are `Ref.id`s or None; a parent
    outside the target is "owner/repo#12" or the like. `reason` says why it is closed where the tracker tells.
    Pull and merge requests are never observed.
    """

    ref: Ref
    title: str
    description: str = ""
    state: Literal["open", "closed"] = "open"
    reason: Literal["completed", "not_planned", "duplicate", "moved"] | None = None
    milestone: str | None = None
    parent: str | None = None
    labels: tuple[str, ...] = ()
    start: date | None = None
    due: date | None = None
    updated_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Desired:
    """One object that the tree asks for. `fields` are final values, a key absent from them is left to the tracker.

    `wanted` is the shape the profile prefers; where `shape` differs, `degraded` says why.
    """

    node: int
    key: str
    kind: Kind
    shape: Shape
    fields: Fields
    wanted: Shape | None = None
    degraded: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
