"""The three-way difference by field: desired, observed and base make a plan. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from app.core.plan import (
    BLOCKED_BY,
    CLOSED_AT,
    PLACES,
    Action,
    Agreed,
    Change,
    Degraded,
    Desired,
    Drift,
    FieldChange,
    Fields,
    Found,
    Link,
    Plan,
    Policy,
    Ref,
    Sent,
    Value,
    canonical,
)


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
    """For one object: fields to write, fields to ask about, the names of all that are left as they are, and fields
    that both sides have come to say alike.
    """

    write: dict[str, FieldChange] = field(default_factory=dict)
    asked: dict[str, FieldChange] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    agreed: dict[str, Value] = field(default_factory=dict)


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
    agreed: list[Agreed] = field(default_factory=list)
    unchanged: int = 0
    held: set[str] = field(default_factory=set)  # nodes that have no object and get none by this plan
    remade: set[str] = field(default_factory=set)
    claimed: set[tuple[str, str]] = field(default_factory=set)  # objects that this plan adopts: each only once
    above: dict[str, Value] = field(default_factory=dict)  # by name what an object stands under in the tracker
    waits: list[tuple[Desired, Found | None, Fields]] = field(default_factory=list)  # objects whose dependencies follow

    def run(self, desired: Sequence[Desired], degraded: Sequence[Degraded]) -> Plan:
        by_identity = {item.ref.identity: item for item in self.found}
        by_node = {link.node: link for link in self.links}
        linked = {link.ref.identity: link.name for link in self.links if link.ref}
        issues = [item for item in self.found if item.ref.shape != "milestone"]
        self.above = {linked.get(i.ref.identity, f"#{i.ref.id}"): i.fields.get("parent") for i in issues}
        living = {link.ref.identity for link in self.links if link.ref and not link.archived}
        marked: dict[tuple[bool, str], list[Found]] = {}
        titled: dict[tuple[bool, str], list[Found]] = {}
        for item in self.found:
            milestone, ours = item.ref.shape == "milestone", item.ref.identity in linked
            for key in () if ours else item.marks:
                marked.setdefault((milestone, key), []).append(item)
            free = item.ref.number and not (ours or item.marks or item.foreign)
            if item.ref.identity not in living and (milestone or free):
                titled.setdefault((milestone, str(item.fields["title"])), []).append(item)
        for want in desired:
            link = by_node.get(want.node)
            if link and link.ref:
                self._linked(want, link, by_identity.get(link.ref.identity))
            else:
                family = want.shape == "milestone"
                same_title = titled.get((family, str(want.fields["title"])), [])
                self._unlinked(want, link, marked.get((family, want.key), []), same_title, linked)
        for waiting in self.waits:
            self._dependencies(*waiting)
        wanted = {want.node for want in desired}
        for link in self.links:
            if not link.archived or link.node in wanted:
                continue
            if link.ref:
                self._removed(link, by_identity.get(link.ref.identity))
            else:
                made = marked.get((link.kind == "milestone", link.name), [])
                self._removed(link, made[0] if len(made) == 1 else None)
        return Plan(
            tuple(self.changes), self.unchanged, tuple(self.drift), tuple(degraded), self.complete, tuple(self.agreed)
        )

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
        base = {name: value for name, value in want.fields.items() if name not in kept and name != BLOCKED_BY}
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
        if link.sent:  # nobody knows yet what came of the last call: what differs may be ours or people's
            self.unchanged += 1
            why = "the outcome of the last call is known once the tracker can be read whole"
            now = item.fields
            self.drift += [Drift(want.key, name, link.base.get(name), now.get(name), why) for name in link.sent.fields]
            return
        back = link.base.get("state") == "not_planned"  # it was removed, and has come back
        back = back and (item.fields["state"] == "open" or _our_close(link.base, item))
        if back and "state" not in want.fields:
            want = replace(want, fields={**want.fields, "state": "open"})
        self.waits.append((want, item, link.base))
        verdict = self._fields(want, item, link.base, ours=False)
        said = same("description", want.fields.get("description"), item.fields.get("description"))
        section = want.section if said and not want.section.says(link.section) else None
        if self.complete and (verdict.agreed or section):
            self.agreed.append(Agreed(want.node, verdict.agreed, section))
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
            self.waits.append((want, marked[0], {}))
            verdict = self._fields(want, marked[0], link.base if link else {}, ours=link is not None)
            if verdict.asked:
                self._tell("conflict", want, f"both sides differ: {_and(verdict.asked)}", marked[0].ref, verdict.asked)
            reason = "a create whose answer was lost" if link else "its marker was found"
            self._tell("adopt", want, reason, marked[0].ref, verdict.write, verdict.kept)
        elif not self.complete:
            self.held.add(want.key)
        elif self.adopt and len(free) == 1 == len(same_title):
            self.claimed.add(free[0].ref.identity)
            self.waits.append((want, free[0], {}))
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
        given = {name: value for name, value in want.fields.items() if value not in (None, "", ())}
        fields = {name: FieldChange(None, value) for name, value in given.items() if name != BLOCKED_BY}
        self._tell("create", want, reason, None, fields)
        self.waits.append((want, None, {}))

    def _dependencies(self, want: Desired, item: Found | None, base: Fields) -> None:
        """A step for each dependency to be added, and for each that we put and the roadmap no longer has.

        What people took off stays off, and what they put on stays. Nothing is concluded from half a read.
        """
        if not self.complete or BLOCKED_BY not in want.fields:
            return
        asked, put, have = (
            _keys(source.get(BLOCKED_BY)) for source in (want.fields, base, item.fields if item else {})
        )
        add = [key for key in asked if key not in have and key not in put and key not in self.held]
        drop = [key for key in put if key in have and key not in asked]
        for key in (*add, *drop):
            after = tuple(k for k in have if k != key) if key in drop else (*have, key)
            put = tuple(k for k in put if k != key) if key in drop else (*put, key)
            reason = f"no longer waits for {key}" if key in drop else f"waits for {key}"
            change = {BLOCKED_BY: FieldChange(have, after)}
            ref = item.ref if item else None
            shape = ref.shape if ref else want.shape
            self.changes.append(
                Change(
                    "update",
                    want.node,
                    want.key,
                    want.kind,
                    shape,
                    ref,
                    change,
                    reason,
                    want.section,
                    {BLOCKED_BY: put},
                )
            )
            have = after
        gone = [key for key in put if key in asked and key not in have]
        if gone:
            reason = "people took it off in the tracker"
            self.drift.append(Drift(want.key, BLOCKED_BY, tuple(gone), have, reason))

    def _fields(self, want: Desired, item: Found, base: Fields, *, ours: bool) -> _Verdict:
        """What to write, to ask about, and to leave. `ours`: made by us just now; what `base` doesn't say was sent is
        nobody else's.

        What is adopted as the tracker has it gets the wanted value for its base: it stands until the roadmap asks for
        something new. A close that people made is never put down as ours, so that it is never undone.
        """
        verdict = _Verdict()
        for name, value in want.fields.items():
            if name == BLOCKED_BY:
                continue  # `_dependencies` sees to it
            before = item.fields.get(name)
            after = _labels(value, before, base.get(name, ())) if name == "labels" else value
            if same(name, before, after):
                if name == "state" and before != "open" and not (ours or same(name, base.get(name, "open"), before)):
                    verdict.kept.add(name)
                elif name in base and name not in ("state", "description") and not same(name, base[name], value):
                    verdict.agreed[name] = value
                continue
            if name in PLACES and after in self.held:
                verdict.kept.add(name)
                continue
            if name == "parent" and self._circle(want.key, after):
                verdict.kept.add(name)
                self.drift.append(Drift(want.key, name, base.get(name), before, f"people put {after} under it"))
                continue
            back = name in PLACES and after in self.remade and before is None
            word, reason = ("write", "") if back else self._word(name, after, item, base, ours)
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

    def _circle(self, key: str, above: Value) -> bool:
        """Whether what it should stand under stands under it, however deep."""
        seen: set[Value] = set()
        while isinstance(above, str) and above not in seen:
            if above == key:
                return True
            seen.add(above)
            above = self.above.get(above)
        return False

    def _word(
        self, name: str, want: Value, item: Found, base: Fields, ours: bool
    ) -> tuple[Literal["write", "keep", "ask"], str]:
        observed = item.fields.get(name)
        owner = self.policy.owners.get(name, "tracker")
        if name == "description" or (name == "labels" and name in base):  # what is wanted holds people's part already
            return "write", ""
        if name == "state" and want != "open" and not self.complete:
            return "keep", "the tracker could not be read whole: nothing is closed"
        untouched = same(name, base[name], observed) if name in base else ours or observed in (None, "", ())
        if name == "state" and observed != "open":
            untouched = untouched and _our_close(base, item)
        if untouched:
            return "write", ""
        why = "adopted: the tracker's value stands"
        if name in base:
            if same(name, base[name], want):
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


def _keys(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()


def _our_close(base: Fields, item: Found) -> bool:
    """Whether a closed object may be closed by us: not where people have reopened and closed it since."""
    now = item.fields.get(CLOSED_AT)
    return base.get(CLOSED_AT, now) == now


def _labels(want: Value, observed: Value, base: Value) -> Value:
    """The observed labels and those wanted that people did not take off after we put them on."""
    have = observed if isinstance(observed, tuple) else ()
    ask = want if isinstance(want, tuple) else ()
    put = base if isinstance(base, tuple) else ()
    return have + tuple(label for label in ask if label not in have and label not in put)


def settled(base: Fields, sent: Sent, now: Fields) -> Fields:
    """What an object's base is after a call whose answer was lost, told by what the object is now.

    A field that is as the call found it was not written. Any other was, by the call and perhaps by people since.
    """
    written = {n: v for n, v in sent.fields.items() if not same(n, sent.before.get(n), now.get(n))}
    if sent.waits is not None:
        key, added = sent.waits
        put = tuple(one for one in _keys(base.get(BLOCKED_BY)) if one != key)
        if (key in _keys(now.get(BLOCKED_BY))) == added:
            written[BLOCKED_BY] = (*put, key) if added else put
    return {**base, **written}


def same(name: str, one: Value, other: Value) -> bool:
    """Whether two values of a field are one, apart from what trackers change by themselves."""
    if name == "description":
        return canonical(str(one or "")) == canonical(str(other or ""))
    if name == "state":
        return (one == "open") == (other == "open")
    return one == other or (one in (None, "", ()) and other in (None, "", ()))


def _urls(items: Iterable[Found]) -> str:
    return " and ".join(sorted(item.ref.url for item in items))


def _and(names: Iterable[str]) -> str:
    return ", ".join(names)
