"""Plans from what is stored: the tree, the links, and what the tracker was last seen to hold. Asks no tracker."""

from __future__ import annotations

from collections.abc import Collection, Iterable
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
    """What is known of a target: the tree and the milestones that go there (by key), which objects its nodes are, the
    objects as last seen, the same in the tree's words, and which of them are people's copies of managed ones.
    """

    tree: trees.Tree
    selected: list[str]
    links: list[Link]
    observed: list[Observed]
    found: list[Found]
    copies: set[tuple[str, str]]


def known(session: Session, target: TargetRow) -> Known:
    """Everything that is stored of a target. Asks the tracker nothing."""
    tree = trees.load(session, targets.slug_of(session, target))
    chosen = set(targets.selection(session, tree.id)[target.id])
    selected = [key for key in tree.milestone_keys() if tree.ids[key] in chosen]
    links = mirror.links(session, target.id, tree)
    observed = mirror.observed(session, target.id)
    marks = translate.marks(observed, tree.slug)
    copies = mirror.copies(session, target.id) | translate.copies(marks, links)
    return Known(tree, selected, links, observed, translate.found(observed, links, marks, copies), copies)


def difference(
    known: Known, profile_name: str, holds: Capabilities, complete: bool, *, adopt: bool, recreate: bool
) -> tuple[Plan, int]:
    """(the plan that follows from what is known, how many objects are managed)."""
    tree, selected, links, observed, found, _ = known
    mapping = profile.load(profile_name)
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
    return plan, managed(links, {item.ref.identity for item in found if item.fields["state"] == "open"})


def managed(links: Iterable[Link], still_open: Collection[tuple[str, str]]) -> int:
    """How many objects the change guard counts: those of living nodes, and of removed ones that are open."""
    return sum(1 for link in links if link.ref and (not link.archived or link.ref.identity in still_open))


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


def keep(session: Session, target: TargetRow, known: Known, plan: Plan) -> None:
    """Keep what a plan has come upon: people's copies, and what the roadmap and the tracker say alike by now.

    The first count as nobody's whatever key their markers name one day; the second is taken for applied.
    """
    mirror.note_copies(session, target.id, known.copies)
    for agreed in plan.agreed:
        mirror.agree(session, target.id, agreed, known.tree.ids)


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
    now = known(session, target)
    unmarked = partial(body.unmarked, slug=now.tree.slug)
    plan = reverse(journal.written(session, run_id), now.found, now.links, unmarked)
    return plan, sum(1 for link in now.links if link.ref)
