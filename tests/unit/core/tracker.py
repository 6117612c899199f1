"""A tracker and a link table in memory, and a plan's interpreter: what apply does, without HTTP or a database.

It follows `app.sync.run` and `app.sync.reconcile`, and the trackers' rules that a comparison can trip over: GitLab
strips white space at line ends and executes quick actions, GitHub's editor saves \\r\\n.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from app.core import versions
from app.core.diff import diff
from app.core.plan import PLACES, WRITING, Change, Found, Link, Observed, Plan, Ref
from app.core.tree import Programme, kind_of
from app.core.versions import Known
from app.sync import translate
from mappings import body, desired
from mappings.profile import Profile

QUICK = re.compile(r"^/(close|assign|label|reopen|shrug|title)\b.*$")


@dataclass(frozen=True)
class Holds:
    title_max: int = 256
    description_max: int = 65_536
    start_dates: bool = False
    children: bool = True
    children_max: int = 100
    strips_title_tags: bool = False
    epics: bool = False
    levels: int = 8
    types: tuple[str, ...] = ()
    blockers_max: int = 50


@dataclass
class World:
    """A programme, its node ids, a target's links and its tracker."""

    profile: Profile
    holds: Holds = field(default_factory=Holds)
    slug: str = "prog"
    ids: dict[str, int] = field(default_factory=dict)
    known: dict[int, Known] = field(default_factory=dict)
    programme: Programme = field(default_factory=lambda: Programme("", date(2026, 1, 5)))
    objects: dict[tuple[str, str], Observed] = field(default_factory=dict)
    links: dict[int, dict[str, Any]] = field(default_factory=dict)
    writes: int = 0
    last_id: int = 0

    def load(self, programme: Programme) -> None:
        """Import a version: nodes keep their ids as `versions.match` says, others are archived."""
        fresh = versions.flatten(programme)
        found = versions.match(list(self.known.values()), fresh)
        kept = set(found.values())
        self.known = {n: replace(k, archived=k.archived or n not in kept) for n, k in self.known.items()}
        ids: dict[str, int] = {}
        for new in fresh:
            node = found.get(new.key) or 1000 + len(self.known)
            ids[new.key] = node
            parent = ids[new.parent] if new.parent else None
            self.known[node] = Known(node, new.kind, new.key, new.title, parent, new.position, new.text)
        self.ids, self.programme = ids, programme

    def forget(self) -> None:
        """A new database: same roadmap, no links, other ids."""
        self.links.clear()
        self.ids = {key: number + 5000 for key, number in self.ids.items()}
        self.known = {
            n + 5000: replace(k, node=n + 5000, parent=None if k.parent is None else k.parent + 5000)
            for n, k in self.known.items()
            if not k.archived
        }

    def link_values(self) -> list[Link]:
        living = {number: key for key, number in self.ids.items()}
        return [
            Link(
                node,
                self.known[node].key,
                self.known[node].kind,
                row["ref"],
                {n: (living.get(v, f"#{v}") if n in PLACES and v is not None else v) for n, v in row["base"].items()},
                row["section"],
                self.known[node].archived,
            )
            for node, row in self.links.items()
        ]

    def found(self) -> list[Found]:
        observed = list(self.objects.values())
        return translate.found(observed, self.link_values(), translate.marks(observed, self.slug))

    def plan(self, *, complete: bool = True, adopt: bool = False, recreate: bool = False) -> Plan:
        links, found = self.link_values(), self.found()
        current: dict[int, desired.Current] = {}
        linked = {link.ref.identity for link in links if link.ref}
        for link in links:
            item = self.objects.get(link.ref.identity) if link.ref else None
            if item:
                current[link.node] = desired.Current(item.description, link.section)
        sections = {link.node: link.section for link in links if link.pending}
        for entry in found:
            for key in entry.marks if entry.ref.identity not in linked else ():
                node = self.ids.get(key)
                if node is not None and node not in current:
                    text = self.objects[entry.ref.identity].description
                    section = sections.get(node)
                    current[node] = desired.Current(text, section) if section else desired.Current(text)
        keys = [milestone.key for milestone in self.programme.milestones]
        wants, degraded = desired.build(self.programme, self.ids, self.slug, keys, self.profile, self.holds, current)
        policy = self.profile.policy()
        return diff(wants, found, links, policy, complete=complete, adopt=adopt, recreate=recreate, degraded=degraded)

    def apply(self, plan: Plan) -> int:
        """Carry the plan out; gives how many writes that cost. A step whose place is missing is skipped."""
        before = self.writes
        refs = {link.key: link.ref for link in self.link_values() if link.ref and not link.archived}
        for change in plan.changes:
            if change.action not in WRITING:
                continue
            places = [change.fields[name].after for name in PLACES if name in change.fields]
            if any(key is not None and key not in refs for key in places):
                continue
            ref = self._send(change, refs)
            row = self.links.setdefault(change.node, {"base": {}})
            base = {n: (self.ids.get(v) if n in PLACES and v is not None else v) for n, v in change.base.items()}
            kept = {} if change.action == "create" else row["base"]
            row |= {"ref": ref, "base": {**kept, **{n: v for n, v in base.items() if n != "description"}}}
            row["section"] = change.section
            if self.ids.get(change.key) == change.node:
                refs[change.key] = ref
        return self.writes - before

    def _send(self, change: Change, refs: Mapping[str, Ref]) -> Ref:
        values: dict[str, Any] = {name: pair.after for name, pair in change.fields.items()}
        for name in PLACES:
            if values.get(name) is not None:
                values[name] = refs[values[name]].id
        if change.action == "create":
            self.last_id += 1
            made = Ref(change.shape, str(self.last_id), self.last_id, "", f"http://t/{self.last_id}")
            item = Observed(made, "")
        else:
            assert change.ref is not None
            item = self.objects[change.ref.identity]
        if values or change.action == "create":
            self.writes += 1
        self.put(item, **values)
        return item.ref

    def put(self, item: Observed, **values: Any) -> None:
        """Save an object as the tracker would."""
        state = values.pop("state", None)
        if state:
            reason = None if state == "open" else "not_planned" if state == "not_planned" else "completed"
            values |= {"state": "open" if state == "open" else "closed", "reason": reason}
        if "description" in values:
            values["description"] = self._stored(values["description"] or "")
        if "title" in values:
            values["title"] = values["title"].strip()
        self.objects[item.ref.identity] = replace(item, **values)

    def _stored(self, text: str) -> str:
        if self.profile.kind == "github":
            return text
        lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n") if not QUICK.match(line)]
        return "\n".join(lines).strip()

    def of(self, key: str) -> Observed:
        """The object that a node is."""
        ref: Ref = self.links[self.ids[key]]["ref"]
        return self.objects[ref.identity]

    def items(self) -> Sequence[Observed]:
        return list(self.objects.values())

    def ticks(self, key: str) -> dict[str, bool]:
        """Step words -> ticked, as read back from a task's text."""
        section = self.links[self.ids[key]]["section"]
        titles = {line.node: line.title for line in section.lines}
        return {titles[n]: t for n, t in body.ticks(self.of(key).description, self.slug, section).items()}


def kinds(programme: Programme) -> dict[str, str]:
    return {node.key: kind_of(node) for node in programme.nodes()}
