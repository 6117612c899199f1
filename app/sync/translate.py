"""Between what a tracker holds and the tree's words: which object is which node, and what it counts as. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from app.core.plan import Fields, Found, Link, Observed, Ref
from app.core.progress import State, Unit
from app.core.tree import Programme
from app.db.trees import Tree
from mappings import body

Identity = tuple[str, str]


def found(observed: Sequence[Observed], links: Iterable[Link], slug: str) -> list[Found]:
    """Every observed object with its fields by name and its places as node keys ("#12" where it is no node's)."""
    marks = {item.ref.identity: body.marks(item.description, slug) for item in observed}
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
    names = {link.ref.identity: f"#{link.node}" if link.archived else link.key for link in links if link.ref}
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
        "start": item.start,
        "due": item.due,
        "state": item.state,
    }


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
    """What a target's objects count as, and where they are. Keys are node keys."""

    units: list[Unit] = field(default_factory=list)
    epics: dict[str, State] = field(default_factory=dict)
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
    linked: dict[Identity, Link] = {}
    for link in links:
        item = by_identity.get(link.ref.identity) if link.ref else None
        if item is None or link.ref is None:
            continue
        linked[link.ref.identity] = link
        if not link.archived:
            _own(result, link, item, tree.slug, keys, home)
    milestones = {i: link.key for i, link in linked.items() if link.kind == "milestone" and not link.archived}
    for item in observed:
        if item.ref.shape != "milestone" and item.ref.identity not in linked:
            _added(result, item, milestones, linked)
    return result


def _own(
    result: Measured, link: Link, item: Observed, slug: str, keys: Mapping[int, str], home: Mapping[str, str]
) -> None:
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
        return
    result.epics[link.key] = state
    for node, ticked in body.ticks(item.description, slug, link.section).items():
        if node in keys:  # else the roadmap has dropped the step since
            result.units.append(Unit(link.key, "done" if ticked else "open", keys[node]))


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
        return
    milestone = milestones.get(("milestone", item.milestone)) if item.milestone else None
    if milestone is not None:
        result.units.append(Unit(milestone, state_of(item)))
        _finish(result, milestone, item)


def _finish(result: Measured, milestone: str, item: Observed) -> None:
    last = result.finished.get(milestone)
    if item.closed_at and (last is None or last.closed_at is None or item.closed_at > last.closed_at):
        result.finished[milestone] = item
