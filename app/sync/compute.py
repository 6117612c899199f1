"""Plans from what is stored: the tree, the links, and what the tracker was last seen to hold. Asks no tracker."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlmodel import Session

from app.core.diff import diff
from app.core.plan import Desired, Link, Observed, Plan, Section
from app.core.undo import reverse
from app.db import journal, mirror, targets, trees
from app.db.models import TargetRow
from app.sync import translate
from connectors.base import Capabilities
from mappings import body, desired, profile


def last_holds(target: TargetRow) -> Capabilities | None:
    """What the target could hold when it was last planned, without its pace; None before that."""
    if target.holds is None:
        return None
    return Capabilities(**{**target.holds, "types": tuple(target.holds["types"])})


def difference(
    session: Session, target: TargetRow, holds: Capabilities, complete: bool, *, adopt: bool, recreate: bool
) -> tuple[Plan, int]:
    """(the plan from what the mirror holds, how many objects are managed). Asks the tracker nothing."""
    tree = trees.load(session, targets.slug_of(session, target))
    chosen = set(targets.selection(session, tree.id)[target.id])
    selected = [key for key in tree.milestone_keys() if tree.ids[key] in chosen]
    links = mirror.links(session, target.id, tree)
    observed = mirror.observed(session, target.id)
    found = translate.found(observed, links, tree.slug)
    mapping = profile.load(target.profile)
    current = _current(observed, links, found, tree)
    titles = translate.titles(observed)

    def build() -> tuple[list[Desired], list[Any]]:
        return desired.build(tree.programme, tree.ids, tree.slug, selected, mapping, holds, current, titles)

    wants, degraded = build()
    if adopt:
        linked = {link.ref.identity for link in links if link.ref}
        free = {i.ref.identity for i in found if i.ref.number and not i.marks and not i.foreign} - linked
        unmarked = [item for item in reversed(observed) if item.ref.identity in free]
        titled = {(item.ref.shape == "milestone", item.title): item for item in unmarked}
        for want in wants:
            same = titled.get((want.shape == "milestone", str(want.fields["title"])))
            if want.node not in current and same is not None:
                current[want.node] = desired.Current(same.description, shape=same.ref.shape)
        wants, degraded = build()
    plan = diff(
        wants,
        found,
        links,
        mapping.policy(),
        complete=complete,
        adopt=adopt,
        recreate=recreate,
        degraded=degraded,
    )
    still_open = {item.ref.identity for item in found if item.fields["state"] == "open"}
    return plan, sum(1 for link in links if link.ref and (not link.archived or link.ref.identity in still_open))


def _current(
    observed: list[Observed], links: list[Link], found: list[Any], tree: trees.Tree
) -> dict[int, desired.Current]:
    """Node id -> its object as it is and what was last written there, for linked objects and those found by marker."""
    by_identity = {item.ref.identity: item for item in observed}
    current: dict[int, desired.Current] = {}
    linked = {link.ref.identity: link.node for link in links if link.ref and link.ref.identity in by_identity}
    nests = translate.Nests(observed, linked, tree)
    for link in links:
        item = by_identity.get(link.ref.identity) if link.ref else None
        if item is not None:
            others, level = nests.others(link.node, item), nests.level(item)
            current[link.node] = desired.Current(item.description, link.section, False, item.ref.shape, others, level)
    sections = {link.node: link.section for link in links if link.pending}
    for entry in found:
        if entry.ref.identity in linked:
            continue
        for key in entry.marks:
            node = tree.ids.get(key)
            if node is not None and node not in current:
                item = by_identity[entry.ref.identity]
                pending = node in sections
                section = sections[node] if pending else Section()
                others, level = nests.others(node, item), nests.level(item)
                current[node] = desired.Current(item.description, section, pending, item.ref.shape, others, level)
    return current


def undo(session: Session, target: TargetRow, run_id: str) -> tuple[Plan, int]:
    """(the plan that takes a run back, how many objects are managed). Raises RunUnknown."""
    tree = trees.load(session, targets.slug_of(session, target))
    links = mirror.links(session, target.id, tree)
    found = translate.found(mirror.observed(session, target.id), links, tree.slug)
    plan = reverse(journal.written(session, run_id), found, links, partial(body.unmarked, slug=tree.slug))
    return plan, sum(1 for link in links if link.ref)
