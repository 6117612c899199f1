"""Between what a tracker holds and the tree's words: which object is which node, and what it counts as. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.core.plan import CLOSED_AT, Fields, Found, Link, Observed, Ref
from app.core.progress import State, Unit
from app.core.tree import Programme
from app.db.trees import Tree
from mappings import body

Identity = tuple[str, str]


Marks = dict[Identity, tuple[tuple[str, ...], bool]]
"""Which keys the markers of each object name, and whether another programme's is among them."""
NO_MARKS: tuple[tuple[str, ...], bool] = (), False


def marks(observed: Iterable[Observed], slug: str) -> Marks:
    """What each object is marked for."""
    return {item.ref.identity: body.marks(item.description, slug) for item in observed}


def copies(marks: Marks, links: Iterable[Link]) -> set[Identity]:
    """The objects that carry the marker of one that is a node's, and are none: people copied its text."""
    linked = {link.ref.identity for link in links if link.ref}
    ours = {(identity[0], key) for identity in marks.keys() & linked for key in marks[identity][0]}
    return {i for i, (keys, _) in marks.items() if i not in linked and any((i[0], key) in ours for key in keys)}


def found(
    observed: Sequence[Observed], links: Sequence[Link], marks: Marks, copies: Collection[Identity] = ()
) -> list[Found]:
    """Every observed object with its fields by name and its places as node keys ("#12" where it is no node's).

    What a create made whose answer was lost is its node's by the key that it was marked with, whatever has that key
    today. `copies`, people's of managed objects, count as marked for somebody else.
    """
    marks = {**marks, **{identity: ((), True) for identity in copies if marks.get(identity, NO_MARKS)[0]}}
    begun = {link.sent.key: link.name for link in links if link.pending and link.sent}
    for identity in marks.keys() - {link.ref.identity for link in links if link.ref} if begun else ():
        keys, foreign = marks[identity]
        marks[identity] = tuple(begun.get(key, key) for key in keys), foreign
    names = names_of(observed, links, {identity: keys for identity, (keys, _) in marks.items()})
    return [
        Found(item.ref, _fields(item, names), marks[item.ref.identity][0], marks[item.ref.identity][1])
        for item in observed
    ]


def names_of(
    observed: Sequence[Observed], links: Iterable[Link], marks: Mapping[Identity, tuple[str, ...]]
) -> dict[Identity, str]:
    """Which node each object is: by its link, else by a marker that no other object carries.

    A removed node is "#" and its id, as in a link's base: its key may be another node's by now.
    """
    names = {link.ref.identity: link.name for link in links if link.ref}
    taken = {(identity[0], key) for identity, key in names.items()}
    count = Counter((item.ref.identity[0], key) for item in observed for key in marks[item.ref.identity])
    for item in observed:
        identity = item.ref.identity
        keys = [key for key in marks[identity] if count[identity[0], key] == 1 and (identity[0], key) not in taken]
        if identity not in names and len(keys) == 1:
            names[identity] = keys[0]
    return names


def _fields(item: Observed, names: Mapping[Identity, str]) -> Fields:
    def place(family: str, ref_id: str | None) -> str | None:
        return None if ref_id is None else names.get((family, ref_id), f"#{ref_id}")

    return {
        "title": item.title,
        "description": item.description,
        "milestone": place("milestone", item.milestone),
        "parent": place("item", item.parent),
        "labels": item.labels,
        "type": item.type,
        "start": item.start,
        "due": item.due,
        "blocked_by": tuple(names.get(("item", one), f"#{one}") for one in item.blocked_by),
        "state": item.state,
        CLOSED_AT: closed_at(item),
    }


def closed_at(item: Observed) -> str | None:
    """When it was closed, by the second: not every answer of a tracker is more exact. None where it isn't told."""
    return item.closed_at.replace(microsecond=0).isoformat() if item.closed_at else None


def titles(observed: Iterable[Observed]) -> dict[str, str]:
    """The titles of a target's issues by the reference that stands for one in a text ("#45")."""
    return {reference: item.title for reference, item in referred(observed).items()}


def referred(observed: Iterable[Observed]) -> dict[str, Observed]:
    """A target's own issues by the reference that stands for one in a text ("#45")."""
    own = (item for item in observed if item.ref.shape in ("issue", "child") and item.ref.number)
    return {f"#{item.ref.number}": item for item in own}


class Nests:
    """How issues stand under each other in the tracker."""

    def __init__(self, observed: Sequence[Observed], linked: Mapping[Identity, int], tree: Tree) -> None:
        self._items = {item.ref.id: item for item in observed if item.ref.shape != "milestone"}
        self._children: dict[str, list[Identity]] = {}
        for item in self._items.values():
            if item.parent is not None:
                self._children.setdefault(item.parent, []).append(item.ref.identity)
        self._linked = linked
        self._task = {
            tree.ids[step.key]: tree.ids[task.key]
            for milestone in tree.programme.milestones
            for task in milestone.tasks
            for step in task.steps
        }

    def others(self, node: int, item: Observed) -> int:
        """How many children of a node's object are no steps of it, closed ones too: trackers cap them all."""
        children = self._children.get(item.ref.id, []) if item.ref.shape != "milestone" else []
        return sum(1 for child in children if self._task.get(self._linked.get(child, 0)) != node)

    def level(self, item: Observed) -> int:
        """On which level an issue stands, from 1. A parent that is not in this target stands on the first."""
        level, above, seen = 1, item.parent, {item.ref.id}
        while above is not None and above not in seen and item.ref.shape != "milestone":
            seen.add(above)
            level += 1
            parent = self._items.get(above)
            above = parent.parent if parent and parent.ref.shape != "epic" else None
        return level


def homes(programme: Programme) -> dict[str, str]:
    """Key of every task and step -> key of its milestone."""
    home: dict[str, str] = {}
    for milestone in programme.milestones:
        for task in milestone.tasks:
            home[task.key] = milestone.key
            home.update((step.key, milestone.key) for step in task.steps)
    return home


@dataclass(slots=True)
class Measured:
    """What a target's objects count as, and where they are. Keys are node keys.

    `by` has an entry for each of `units`, in their order: the issue that it was measured by, None for a tick.
    """

    units: list[Unit] = field(default_factory=list)
    by: list[Observed | None] = field(default_factory=list)
    epics: dict[str, State] = field(default_factory=dict)
    tasks: dict[str, Observed] = field(default_factory=dict)  # task -> the issue that `epics` tells the state of
    refs: dict[str, Ref] = field(default_factory=dict)
    closed: dict[str, bool] = field(default_factory=dict)  # milestone -> closed in the tracker
    issues: dict[str, Counter[str]] = field(default_factory=dict)  # milestone -> open, closed: Milepost's own issues
    finished: dict[str, Observed] = field(default_factory=dict)  # milestone -> its issue that was closed last


def state_of(item: Observed) -> State:
    """A unit's state: closed for any reason but completion is excluded."""
    if item.state == "open":
        return "open"
    return "excluded" if item.reason in ("not_planned", "duplicate", "moved") else "done"


def measure(observed: Sequence[Observed], links: Sequence[Link], tree: Tree) -> Measured:
    """Count a target's objects as units of the tree."""
    keys = {number: key for key, number in tree.ids.items()}
    home = homes(tree.programme)
    result = Measured()
    by_identity = {item.ref.identity: item for item in observed}
    by_reference = referred(observed)
    names = {reference: item.title for reference, item in by_reference.items()}
    linked: dict[Identity, Link] = {}
    lines: set[Identity] = set()  # issues that were lines of a task
    for link in links:
        item = by_identity.get(link.ref.identity) if link.ref else None
        if item is None or link.ref is None:
            continue
        linked[link.ref.identity] = link
        if not link.archived:
            turned = body.issues(item.description, tree.slug, link.section, names) if link.kind == "task" else {}
            of = {node: by_reference[issue] for node, issue in turned.items() if node in keys}
            lines |= {issue.ref.identity for issue in of.values()}
            _own(result, link, item, tree.slug, keys, home, of)
    milestones = {i: link.key for i, link in linked.items() if link.kind == "milestone" and not link.archived}
    for item in observed:
        if item.ref.shape != "milestone" and item.ref.identity not in linked and item.ref.identity not in lines:
            _added(result, item, milestones, linked)
    return result


def _own(
    result: Measured,
    link: Link,
    item: Observed,
    slug: str,
    keys: Mapping[int, str],
    home: Mapping[str, str],
    turned: Mapping[int, Observed],
) -> None:
    """What a node's object counts as. `turned`: the issues that people made of its lines."""
    result.refs[link.key] = item.ref
    if link.kind == "milestone":
        result.closed[link.key] = item.state == "closed"
        return
    state = state_of(item)
    milestone = home[link.key]
    result.issues.setdefault(milestone, Counter())["open" if item.state == "open" else "closed"] += 1
    _finish(result, milestone, item)
    if link.kind == "step":
        result.units.append(Unit(link.key.rpartition(".")[0], state, link.key))
        result.by.append(item)
        return
    result.epics[link.key] = state
    result.tasks[link.key] = item
    ticks = body.ticks(item.description, slug, link.section, {f"#{i.ref.number}": i.title for i in turned.values()})
    for node, ticked in ticks.items():
        if node in keys:  # else the roadmap has dropped the step since
            made = turned.get(node)
            done: State = "done" if ticked else "open"
            result.units.append(Unit(link.key, state_of(made) if made else done, keys[node]))
            result.by.append(made)
    for node, made in turned.items():
        result.refs[keys[node]] = made.ref
        _finish(result, milestone, made)


def _added(
    result: Measured, item: Observed, milestones: Mapping[Identity, str], linked: Mapping[Identity, Link]
) -> None:
    """An issue that people put under a task's epic or straight into a milestone. Copies of ours don't count."""
    if body.MARKER.search(item.description):
        return
    parent = linked.get(("item", item.parent)) if item.parent else None
    if parent is not None:
        if parent.kind == "task" and not parent.archived:
            result.units.append(Unit(parent.key, state_of(item)))
            result.by.append(item)
        return
    milestone = milestones.get(("milestone", item.milestone)) if item.milestone else None
    if milestone is not None:
        result.units.append(Unit(milestone, state_of(item)))
        result.by.append(item)
        _finish(result, milestone, item)


def _finish(result: Measured, milestone: str, item: Observed) -> None:
    last = result.finished.get(milestone)
    if item.closed_at and (last is None or last.closed_at is None or item.closed_at > last.closed_at):
        result.finished[milestone] = item
