"""Calls whose answer was lost: what came of them is told by the objects, when the tracker is read again.

A change of an object that is there is settled at once: each of its fields was written, or was not. A create is found by
its marker when the next plan is made; one that can't be found is made then, unless the roadmap has dropped its node.
"""

from __future__ import annotations

from sqlmodel import Session

from app.core.diff import settled
from app.core.plan import Link
from app.db import mirror
from app.db.models import TargetRow
from app.sync.compute import known
from mappings import body


def settle(session: Session, target: TargetRow) -> None:
    """Take what the mirror holds for what came of each change. To be called when no call is under way."""
    if not mirror.unsettled(session, target.id):
        return
    there = known(session, target)
    now = {item.ref.identity: item.fields for item in there.found}
    for link in there.links:
        fields = now.get(link.ref.identity) if link.ref and link.sent else None
        if fields is None or link.sent is None:
            continue
        sections = (link.section, link.sent.section or link.section)
        section = body.written(str(fields["description"]), there.tree.slug, *sections)
        mirror.settle(session, target.id, link.node, settled(link.base, link.sent, fields), section, there.tree.ids)


def unfound(session: Session, target: TargetRow) -> list[Link]:
    """Creates that were begun and whose objects no list has shown yet."""
    if not mirror.pending(session, target.id):
        return []
    there = known(session, target)
    marked = {key for item in there.found for key in item.marks}
    return [link for link in there.links if link.pending and link.name not in marked]


def forget_unmade(session: Session, target: TargetRow) -> None:
    """What no list shows, and the roadmap has dropped since, isn't looked for again."""
    for link in unfound(session, target):
        if link.archived:
            mirror.forget(session, target.id, link.node)
