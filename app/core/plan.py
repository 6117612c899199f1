"""Desired, observed and base, and the plan that their three-way difference makes. Pure.

Field names, the same for both trackers: `title`, `description`, `milestone`, `parent`, `labels`, `start`, `due`,
`state`. In desired values and in changes `milestone` and `parent` hold node *keys*; in an `Observed` they hold the
tracker's own `Ref.id`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
class Line:
    """A line of a task's checklist as written: which step it is, and the key and words it shows."""

    node: int
    key: str
    title: str


@dataclass(frozen=True, slots=True)
class Section:
    """What was last written into an object's managed section: the words above the checklist, and its lines."""

    intro: str = ""
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Desired:
    """One object that the tree asks for. `fields` are final values; a field absent from them is left to the tracker.

    `labels` means "at least these".
    """

    node: int
    key: str
    kind: Kind
    shape: Shape
    fields: Fields
    section: Section = Section()


@dataclass(frozen=True, slots=True)
class Degraded:
    """A node that the target can't hold as the profile prefers."""

    key: str
    wanted: Shape
    got: Shape
    reason: str


@dataclass(frozen=True, slots=True)
class Link:
    """Which object a node is. `pending`: a create was begun and its outcome isn't known, `ref` is None.

    `base` is what was last applied, empty where nothing was (adopted). `archived`: the roadmap no longer has the node.
    """

    node: int
    key: str
    kind: Kind
    ref: Ref | None
    base: Fields = field(default_factory=dict)
    section: Section = Section()
    archived: bool = False

    @property
    def pending(self) -> bool:
        return self.ref is None


Owner = Literal["roadmap", "tracker", "ask"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the profile decides: who owns a field that both sides changed, and what becomes of removed nodes."""

    owners: Mapping[str, Owner]
    removed: Literal["close", "leave"] = "close"


Action = Literal["create", "update", "close", "reopen", "adopt", "conflict", "missing"]
PLACES = ("milestone", "parent")
"""The fields whose value is another node's key."""

WRITING: frozenset[Action] = frozenset({"create", "update", "close", "reopen", "adopt"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    before: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a plan. `conflict` and `missing` are told, never carried out (but `missing` by `recreate`).

    `base` is what will have been applied once it is done: the fields written, and those that were as wanted already.
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


@dataclass(frozen=True, slots=True)
class Drift:
    """A field where the tracker left the base and is left alone."""

    key: str
    field: str
    base: Value
    observed: Value
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A reviewed difference. `complete` is false when the tracker could not be read whole: then nothing is created,
    closed or called missing.
    """

    changes: tuple[Change, ...]
    unchanged: int
    drift: tuple[Drift, ...] = ()
    degraded: tuple[Degraded, ...] = ()
    complete: bool = True

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
    """A change as canonical JSON: what apply compares to tell whether the tracker has moved on."""
    return json.dumps(
        [
            change.action,
            change.node,
            change.key,
            change.shape,
            list(change.ref.identity) if change.ref else None,
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
    """An observed object in the tree's words: its fields by name, `milestone` and `parent` as node keys.

    `marks` are the node keys that this programme's markers in its description name; `foreign` is true where another
    programme's marker stands there.
    """

    ref: Ref
    fields: Fields
    marks: tuple[str, ...] = ()
    foreign: bool = False


def diff(
    desired: Sequence[Desired],
    found: Sequence[Found],
    links: Sequence[Link],
    policy: Policy,
    *,
    complete: bool = True,
    adopt: bool = False,
    recreate: bool = False,
    degraded: Sequence[Degraded] = (),
) -> Plan:
    """The three-way difference. Pure and linear; asks nothing and writes nothing.

    `desired` is in the order in which objects are made (parents first). Objects that are neither linked nor marked
    are never touched, but with `adopt` those of exactly the same title are proposed.
    """
    return _Differ(found, links, policy, complete, adopt, recreate).run(desired, degraded)


@dataclass(slots=True)
class _Verdict:
    """For one object: fields to write, fields to ask about, and the names of all that are left as they are."""

    write: dict[str, FieldChange] = field(default_factory=dict)
    asked: dict[str, FieldChange] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Differ:
    found: Sequence[Found]
    links: Sequence[Link]
    policy: Policy
    complete: bool
    adopt: bool
    recreate: bool
    changes: list[Change] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    unchanged: int = 0
    held: set[str] = field(default_factory=set)  # nodes that have no object and get none by this plan
    remade: set[str] = field(default_factory=set)
    claimed: set[tuple[str, str]] = field(default_factory=set)  # objects that this plan adopts: each only once

    def run(self, desired: Sequence[Desired], degraded: Sequence[Degraded]) -> Plan:
        by_identity = {item.ref.identity: item for item in self.found}
        by_node = {link.node: link for link in self.links}
        linked = {link.ref.identity for link in self.links if link.ref}
        living = {link.ref.identity for link in self.links if link.ref and not link.archived}
        marked: dict[tuple[bool, str], list[Found]] = {}
        titled: dict[tuple[bool, str], list[Found]] = {}
        for item in self.found:
            milestone, ours = item.ref.shape == "milestone", item.ref.identity in linked
            for key in () if ours else item.marks:
                marked.setdefault((milestone, key), []).append(item)
            if item.ref.identity not in living and (milestone or not (ours or item.marks or item.foreign)):
                titled.setdefault((milestone, str(item.fields["title"])), []).append(item)
        for want in desired:
            link = by_node.get(want.node)
            if link and link.ref:
                self._linked(want, link, by_identity.get(link.ref.identity))
            else:
                family = want.shape == "milestone"
                same_title = titled.get((family, str(want.fields["title"])), [])
                self._unlinked(want, link, marked.get((family, want.key), []), same_title, linked)
        wanted = {want.node for want in desired}
        for link in self.links:
            if link.archived and link.ref and link.node not in wanted:
                self._removed(link, by_identity.get(link.ref.identity))
        return Plan(tuple(self.changes), self.unchanged, tuple(self.drift), tuple(degraded), self.complete)

    def _tell(
        self,
        action: Action,
        want: Desired,
        reason: str,
        ref: Ref | None = None,
        fields: Mapping[str, FieldChange] | None = None,
        kept: Collection[str] = (),
    ) -> None:
        if action in ("conflict", "missing") and ref is None:
            self.held.add(want.key)
        base = {name: value for name, value in want.fields.items() if name not in kept}
        self.changes.append(
            Change(action, want.node, want.key, want.kind, want.shape, ref, fields or {}, reason, want.section, base)
        )

    def _linked(self, want: Desired, link: Link, item: Found | None) -> None:
        if item is None:
            if not self.complete:
                self.unchanged += 1
            elif self.recreate:
                self._create(want, "deleted in the tracker; made again because asked")
                self.remade.add(want.key)
            else:
                self._tell("missing", want, "deleted in the tracker; apply --recreate makes it again", link.ref)
                self.held.add(want.key)
            return
        back = link.base.get("state") == "not_planned"  # it was removed, and has come back
        if back and "state" not in want.fields:
            want = replace(want, fields={**want.fields, "state": "open"})
        verdict = self._fields(want, item, link.base, ours=False)
        if verdict.asked:
            self._tell("conflict", want, f"both sides changed: {_and(verdict.asked)}", item.ref, verdict.asked)
        if verdict.write:
            action: Action = "update"
            if set(verdict.write) == {"state"}:
                action = "reopen" if verdict.write["state"].after == "open" else "close"
            reason = f"the roadmap asks for another {_and(verdict.write)}"
            self._tell(action, want, reason, item.ref, verdict.write, verdict.kept)
        elif back and "state" not in verdict.kept:
            self._tell("adopt", want, "back in the roadmap, and reopened already", item.ref, {}, verdict.kept)
        elif not verdict.asked:
            self.unchanged += 1

    def _unlinked(
        self,
        want: Desired,
        link: Link | None,
        marked: list[Found],
        same_title: list[Found],
        linked: Collection[tuple[str, str]],
    ) -> None:
        marked = [item for item in marked if item.ref.identity not in self.claimed]
        free = [item for item in same_title if not (item.marks or item.foreign or item.ref.identity in linked)]
        free = [item for item in free if item.ref.identity not in self.claimed]
        if len(marked) > 1:
            where = _urls(marked)
            self._tell("conflict", want, f"two objects carry its marker: {where}; remove it from the copy")
        elif marked:
            self.claimed.add(marked[0].ref.identity)
            verdict = self._fields(want, marked[0], {}, ours=link is not None)
            if verdict.asked:
                self._tell("conflict", want, f"both sides differ: {_and(verdict.asked)}", marked[0].ref, verdict.asked)
            reason = "a create whose answer was lost" if link else "its marker was found"
            self._tell("adopt", want, reason, marked[0].ref, verdict.write, verdict.kept)
        elif not self.complete:
            self.held.add(want.key)
        elif self.adopt and len(free) == 1 == len(same_title):
            self.claimed.add(free[0].ref.identity)
            verdict = self._fields(want, free[0], {}, ours=False)
            if verdict.asked:
                self._tell("conflict", want, f"both sides differ: {_and(verdict.asked)}", free[0].ref, verdict.asked)
            reason = "an unmarked object of the same title"
            self._tell("adopt", want, reason, free[0].ref, verdict.write, verdict.kept)
        elif same_title and (want.shape == "milestone" or self.adopt):
            hint = "titles are unique: rename it, or rename all but one"
            if len(free) == 1 == len(same_title):
                hint = "titles are unique: plan --adopt takes it over"
            what = "an unmarked object" if len(free) == len(same_title) else "another object"
            self._tell("conflict", want, f"{what} has this title already, {_urls(same_title)}; {hint}")
        else:
            self._create(want, "not in the tracker yet")

    def _create(self, want: Desired, reason: str) -> None:
        waits = [str(want.fields[name]) for name in PLACES if want.fields.get(name) in self.held]
        if waits:
            self._tell("conflict", want, f"waits for {_and(waits)}, which can't be made")
            return
        fields = {name: FieldChange(None, value) for name, value in want.fields.items() if value not in (None, "", ())}
        self._tell("create", want, reason, None, fields)

    def _fields(self, want: Desired, item: Found, base: Fields, *, ours: bool) -> _Verdict:
        """What to write, to ask about, and to leave. `ours`: made by us just now, its values are nobody else's.

        What is adopted as the tracker has it gets the wanted value for its base: it stands until the roadmap asks for
        something new. A close that people made is never put down as ours, so that it is never undone.
        """
        verdict = _Verdict()
        for name, value in want.fields.items():
            before = item.fields.get(name)
            after = _labels(value, before, base.get(name, ())) if name == "labels" else value
            if _same(name, before, after):
                if name == "state" and before != "open" and not (ours or _same(name, base.get(name, "open"), before)):
                    verdict.kept.add(name)
                continue
            if name in PLACES and after in self.held:
                verdict.kept.add(name)
                continue
            back = name in PLACES and after in self.remade and before is None
            word, reason = ("write", "") if back else self._word(name, after, before, base, ours)
            if word == "write":
                verdict.write[name] = FieldChange(before, after)
                continue
            if word == "ask" or name in base or not self.complete:
                verdict.kept.add(name)
            if word == "ask":
                verdict.asked[name] = FieldChange(before, after)
            else:
                self.drift.append(Drift(want.key, name, base.get(name), before, reason))
        return verdict

    def _word(
        self, name: str, want: Value, observed: Value, base: Fields, ours: bool
    ) -> tuple[Literal["write", "keep", "ask"], str]:
        owner = self.policy.owners.get(name, "tracker")
        if name == "description" or (name == "labels" and name in base):  # what is wanted holds people's part already
            return "write", ""
        if name == "state" and want != "open" and not self.complete:
            return "keep", "the tracker could not be read whole: nothing is closed"
        untouched = _same(name, base[name], observed) if name in base else ours or observed in (None, "", ())
        if untouched:
            return "write", ""
        why = "adopted: the tracker's value stands"
        if name in base:
            if _same(name, base[name], want):
                return "keep", "people changed it in the tracker; the roadmap asks for nothing new"
            why = "both sides changed it; the profile leaves it to the tracker"
        if owner == "ask":
            return "ask", ""
        return ("write", "") if owner == "roadmap" else ("keep", why)

    def _removed(self, link: Link, item: Found | None) -> None:
        if item is None or item.fields["state"] != "open":
            return
        if self.policy.removed == "leave" or not self.complete:
            self.drift.append(
                Drift(link.key, "state", None, "open", "removed from the roadmap; left as the profile asks")
            )
            return
        if link.base.get("state") == "not_planned":
            self.drift.append(Drift(link.key, "state", "not_planned", "open", "people reopened it after its removal"))
            return
        shape = item.ref.shape
        change = {"state": FieldChange("open", "not_planned")}
        self.changes.append(
            Change(
                "close",
                link.node,
                link.key,
                link.kind,
                shape,
                item.ref,
                change,
                "removed from the roadmap",
                link.section,
                {"state": "not_planned"},
            )
        )


def _labels(want: Value, observed: Value, base: Value) -> Value:
    """The observed labels and those wanted that people did not take off after we put them on."""
    have = observed if isinstance(observed, tuple) else ()
    ask = want if isinstance(want, tuple) else ()
    put = base if isinstance(base, tuple) else ()
    return have + tuple(label for label in ask if label not in have and label not in put)


def _same(name: str, one: Value, other: Value) -> bool:
    if name == "description":
        return canonical(str(one or "")) == canonical(str(other or ""))
    if name == "state":
        return (one == "open") == (other == "open")
    return one == other or (one in (None, "", ()) and other in (None, "", ()))


def canonical(text: str) -> str:
    """Text without the differences that trackers make by themselves: line ends, and white space at line ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _urls(items: Iterable[Found]) -> str:
    return " and ".join(sorted(item.ref.url for item in items))


def _and(names: Iterable[str]) -> str:
    return ", ".join(names)


class ChangeGuard(MilepostError):
    """A plan that would change too much of what is there."""

    type = "change-guard"
    status = 409


def guard(plan: Plan, managed: int, max_percent: float = 30.0) -> None:
    """Refuse a plan that updates or closes more than `max_percent` of ten or more managed objects.

    Raises ChangeGuard, with the numbers and the option that allows it. Creates don't count: they overwrite nothing.
    """
    touching = sum(1 for c in plan.changes if c.action in ("update", "close", "reopen"))
    if managed >= 10 and touching * 100 > max_percent * managed:
        share = touching * 100 / managed
        raise ChangeGuard(
            f"this plan changes {touching} of {managed} managed objects ({share:.0f} %), more than {max_percent:g} %",
            f"look at it with `milepost plan`; if it is meant, apply with --max-changes {min(100, int(share) + 1)}",
        )
