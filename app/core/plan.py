"""Desired, observed and base, and what a plan is made of. Pure. `app.core.diff` makes one of them.

Field names, the same for both trackers: `title`, `description`, `milestone`, `parent`, `labels`, `type`, `start`,
`due`, `state`, `blocked_by`. In desired values and in changes `milestone`, `parent` and `blocked_by` hold node *keys*;
in an `Observed` they hold the tracker's own `Ref.id`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from app.core.errors import MilepostError
from app.core.tree import Kind

Shape = Literal["milestone", "issue", "epic", "child", "line"]
"""What a node becomes: `child` is GitHub's sub-issue and GitLab's child item; `line` a line of its task's checklist."""

Value = str | bool | date | tuple[str, ...] | None
Fields = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Ref:
    """Where an object is in its tracker.

    `id` is unique in its family (milestones; all else) and never changes: on GitHub the number, on GitLab the global
    id. `number` is what API paths take: GitHub's number; GitLab's milestone id, or the iid of an issue or work item; 0
    for an issue of another project, which only counts. `global_id` is its GraphQL id ("" where unknown). `url` is for
    people.
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
    outside the target is "owner/repo#12" or the like. `type` is the name of an organisation's issue type. `blocked_by`
    are the `Ref.id`s that it waits for (outside the target "owner/repo#12"), read only where the place asks for it.
    `reason` says why it is closed where the tracker tells. `assignees` are login names. `estimate` is GitLab's weight,
    None where there is none, or the answer at hand doesn't hold it (GraphQL's). Pull and merge requests are never
    observed.
    """

    ref: Ref
    title: str
    description: str = ""
    state: Literal["open", "closed"] = "open"
    reason: Literal["completed", "not_planned", "duplicate", "moved"] | None = None
    milestone: str | None = None
    parent: str | None = None
    labels: tuple[str, ...] = ()
    type: str | None = None
    start: date | None = None
    due: date | None = None
    blocked_by: tuple[str, ...] = ()
    updated_at: datetime | None = None
    closed_at: datetime | None = None
    created_at: datetime | None = None
    assignees: tuple[str, ...] = ()
    estimate: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a task's checklist as written: which step it is, and the key and words it shows."""

    node: int
    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Left:
    """How a step's line stood in a text when it was taken out there: its tick, and the issue ("#45") it had become.

    `order` is that of the section which no longer has it.
    """

    node: int
    ticked: bool
    issue: str
    order: int


@dataclass(frozen=True, slots=True)
class Section:
    """What was last written into an object's managed section: the words above the checklist, and its lines.

    `left` are lines that were there before: where the step goes, or when it comes back, it is as people left it.
    `order` rises from one writing to the next, so that the last word on a step can be told.
    """

    intro: str = ""
    lines: tuple[Line, ...] = ()
    left: tuple[Left, ...] = ()
    order: int = 0

    def says(self, other: Section) -> bool:
        """Whether the two stand for the same text."""
        return (self.intro, self.lines) == (other.intro, other.lines)


@dataclass(frozen=True, slots=True)
class Desired:
    """One object that the tree asks for. `fields` are final values; a field absent from them is left to the tracker.

    `labels` and `blocked_by` mean "at least these".
    """

    node: int
    key: str
    kind: Kind
    shape: Shape
    fields: Fields
    section: Section = Section()


@dataclass(frozen=True, slots=True)
class Degraded:
    """A node that the target can't hold as the profile prefers: what was wanted, what it gets ("" for nothing)."""

    key: str
    wanted: str
    got: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A call whose outcome isn't known. `key` is what its marker names. For a change of an object that is there also
    the fields it asked for, what they were before, the section it wrote, and a node that it said is waited for, or
    (False) no longer.
    """

    key: str
    fields: Fields = field(default_factory=dict)
    before: Fields = field(default_factory=dict)
    section: Section | None = None
    waits: tuple[str, bool] | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Which object a node is. `pending`: a create was begun and its outcome isn't known, `ref` is None.

    `base` is what was last applied, empty where nothing was (adopted); of a pending link what was asked for.
    `archived`: the roadmap no longer has the node. `sent` is the last call, while nobody knows what came of it.
    """

    node: int
    key: str
    kind: Kind
    ref: Ref | None
    base: Fields = field(default_factory=dict)
    section: Section = Section()
    archived: bool = False
    sent: Sent | None = None

    @property
    def pending(self) -> bool:
        return self.ref is None

    @property
    def name(self) -> str:
        """The node's key; "#" and its id once it is archived: its key may be another node's by now."""
        return f"#{self.node}" if self.archived else self.key


Owner = Literal["roadmap", "tracker", "ask"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the profile decides: who owns a field that both sides changed, and what becomes of removed nodes."""

    owners: Mapping[str, Owner]
    removed: Literal["close", "leave"] = "close"


Action = Literal["create", "update", "close", "reopen", "adopt", "conflict", "missing"]
PLACES = ("milestone", "parent")
"""The fields whose value is another node's key."""
BLOCKED_BY = "blocked_by"
"""The field that holds keys of the nodes that a node waits for: "at least these". Each is a step and a call of its own,
after what it is between was made.
"""

CLOSED_AT = "closed_at"
"""When an object was closed, as text; in a base: by us. "" there: it was reopened since, and no close of it is ours."""

WRITING: frozenset[Action] = frozenset({"create", "update", "close", "reopen", "adopt"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a plan. `conflict` and `missing` are told, never carried out (but `missing` by `recreate`).

    `base` is what will have been applied once it is done: the fields written, and those that were as wanted already.
    `ref` is None for a create, and for a dependency of an object that the same plan makes.
    """

    action: Action
    node: int
    key: str
    kind: Kind
    shape: Shape
    ref: Ref | None
    fields: Mapping[str, FieldChange]
    reason: str
    section: Section = Section()
    base: Fields = field(default_factory=dict)
    forget: bool = False  # the object is not the node's any more, once this is done

    def dependency(self) -> tuple[str, bool]:
        """(the node that this step says is waited for, whether it is rather than no longer). Only for such a step."""
        field = self.fields[BLOCKED_BY]
        before, after = (set(value) if isinstance(value, tuple) else set() for value in (field.before, field.after))
        (key,) = before ^ after
        return key, key in after


@dataclass(frozen=True, slots=True)
class Drift:
    """A field where the tracker left the base and is left alone."""

    key: str
    field: str
    base: Value
    observed: Value
    reason: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the roadmap and the tracker say alike, and the base doesn't yet: it is to be taken for applied.

    People did the same before Milepost, or an answer was lost. `section` is None where the text is no part of it.
    """

    node: int
    fields: Fields
    section: Section | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A reviewed difference. `complete` is false when the tracker could not be read whole: then nothing is created,
    closed or called missing. `agreed` is for whoever keeps the base: nothing is to be written for it.
    """

    changes: tuple[Change, ...]
    unchanged: int
    drift: tuple[Drift, ...] = ()
    degraded: tuple[Degraded, ...] = ()
    complete: bool = True
    agreed: tuple[Agreed, ...] = ()

    def summary(self) -> dict[str, int]:
        """Counts by action, every action named, and `unchanged`."""
        counts = Counter(change.action for change in self.changes)
        return {action: counts[action] for action in ("create", "update", "close", "reopen", "adopt")} | {
            "unchanged": self.unchanged,
            "conflict": counts["conflict"],
            "missing": counts["missing"],
        }

    def checksum(self) -> str:
        """SHA-256 over every change, in hex: equal only where the same would be done to the same objects."""
        parts = sorted(fingerprint(change) for change in self.changes)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fingerprint(change: Change) -> str:
    """A change as canonical JSON: what apply compares to tell whether the tracker has moved on.

    A dependency is planned before its object is made: it is the same step once there is one.
    """
    ref = None if BLOCKED_BY in change.fields else change.ref
    return json.dumps(
        [
            change.action,
            change.node,
            change.key,
            change.shape,
            list(ref.identity) if ref else None,
            {name: [plain(f.before), plain(f.after)] for name, f in change.fields.items()},
        ],
        sort_keys=True,
        ensure_ascii=False,
    )


def plain(value: Value) -> str | bool | list[str] | None:
    """A field value as JSON holds it: dates as YYYY-MM-DD, tuples as lists."""
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True)
class Found:
    """An observed object in the tree's words: its fields by name, `milestone` and `parent` as node keys. `closed_at`
    among them is when it was closed, as text.

    `marks` are the node keys that this programme's markers in its description name; `foreign` is true where another
    programme's marker stands there.
    """

    ref: Ref
    fields: Fields
    marks: tuple[str, ...] = ()
    foreign: bool = False


def canonical(text: str) -> str:
    """Text without the differences that trackers make by themselves: line ends, and white space at line ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


class ChangeGuard(MilepostError):
    """A plan that would change too much of what is there."""

    type = "change-guard"
    status = 409


GUARD_PERCENT = 30.0
"""How much of what is managed a plan may change without being told so."""
GUARD_FROM = 10
"""Fewer managed objects than these are not guarded."""


def guard(plan: Plan, managed: int, max_percent: float = GUARD_PERCENT) -> None:
    """Refuse a plan that updates or closes more than `max_percent` of ten or more managed objects.

    Raises ChangeGuard, with the numbers and the option that allows it. Creates don't count: they overwrite nothing.
    """
    touching = sum(1 for c in plan.changes if c.action in ("update", "close", "reopen"))
    if managed >= GUARD_FROM and touching * 100 > max_percent * managed:
        share = touching * 100 / managed
        raise ChangeGuard(
            f"this plan changes {touching} of {managed} managed objects ({share:.0f} %), more than {max_percent:g} %",
            f"look at it with `milepost plan`; if it is meant, apply with --max-changes {min(100, int(share) + 1)}",
        )
