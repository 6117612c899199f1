"""Plans from what is stored: the tree, the links, and what the tracker was last seen to hold. Asks no tracker."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from sqlmodel import Session

from app.core.diff import diff
from app.core.plan import Desired, Found, Link, Observed, Plan, Section
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


class Known(NamedTuple):
    """What is known of a target: the tree, which objects its nodes are, the objects as last seen, and in its words."""

    tree: trees.Tree
    links: list[Link]
    observed: list[Observed]
    found: list[Found]


def known(session: Session, target: TargetRow) -> Known:
    """Everything that is stored of a target. Asks the tracker nothing."""
    tree = trees.load(session, targets.slug_of(session, target))
    links = mirror.links(session, target.id, tree)
    observed = mirror.observed(session, target.id)
    return Known(tree, links, observed, translate.found(observed, links, tree.slug, mirror.copies(session, target.id)))


def difference(
    session: Session, target: TargetRow, holds: Capabilities, complete: bool, *, adopt: bool, recreate: bool
) -> tuple[Plan, int]:
    """(the plan from what the mirror holds, how many objects are managed). Asks the tracker nothing."""
    tree, links, observed, found = known(session, target)
    chosen = set(targets.selection(session, tree.id)[target.id])
    selected = [key for key in tree.milestone_keys() if tree.ids[key] in chosen]
    mapping = profile.load(target.profile)
    current = _current(observed, links, found, tree)
    titles = translate.titles(observed)
    stood = _stood(observed, links, tree, titles, of_all="child" in mapping.step.shapes)
    order = 1 + max((link.section.order for link in links), default=0)

    def build() -> tuple[list[Desired], list[Any]]:
        return desired.build(
            tree.programme, tree.ids, tree.slug, selected, mapping, holds, current, titles, stood, order
        )

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


def note_copies(session: Session, target: TargetRow) -> None:
    """Remember which objects people have copied from managed ones, by what the mirror holds."""
    tree, links, observed, _ = known(session, target)
    mirror.note_copies(session, target.id, translate.copies(observed, links, tree.slug))


def agree(session: Session, target: TargetRow, plan: Plan) -> None:
    """Take what the roadmap and the tracker say alike for applied: the next change of either is told by it."""
    if plan.agreed:
        ids = trees.load(session, targets.slug_of(session, target)).ids
        for agreed in plan.agreed:
            mirror.agree(session, target.id, agreed, ids)


def _stood(
    observed: list[Observed], links: list[Link], tree: trees.Tree, titles: body.Titles, *, of_all: bool
) -> dict[int, body.Stood]:
    """How steps' lines stand in texts that aren't theirs (any more); with `of_all` also in their own task's.

    The last word counts: a line that is there before one that was taken out, and a removed task's as of its time.
    """
    by_identity = {item.ref.identity: item for item in observed}
    home = {
        tree.ids[step.key]: tree.ids[task.key]
        for milestone in tree.programme.milestones
        for task in milestone.tasks
        for step in task.steps
    }
    words: list[tuple[tuple[bool, int, bool], int, body.Stood]] = []
    for link in links:
        section = link.section
        for one in section.left:
            words.append(((False, one.order, False), one.node, body.Stood(one.ticked, one.issue)))
        item = by_identity.get(link.ref.identity) if link.ref else None
        away = {line.node for line in section.lines if home.get(line.node, link.node) != link.node or of_all}
        if item is not None and away:
            for node, stood in body.standing(item.description, tree.slug, section, titles).items():
                if node in away:
                    words.append(((not link.archived, section.order, True), node, stood))
    return {node: stood for _, node, stood in sorted(words, key=lambda word: word[0])}


def undo(session: Session, target: TargetRow, run_id: str) -> tuple[Plan, int]:
    """(the plan that takes a run back, how many objects are managed). Raises RunUnknown."""
    tree, links, _, found = known(session, target)
    plan = reverse(journal.written(session, run_id), found, links, partial(body.unmarked, slug=tree.slug))
    return plan, sum(1 for link in links if link.ref)
