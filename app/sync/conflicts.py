"""Fields that both the roadmap and people changed, where the profile says `ask`: which there are, and deciding them.

A decision moves the base: taking the roadmap's value says that the tracker's was seen, taking the tracker's that the
roadmap's was. The next plan follows from that like from any other base, and a later change on either side counts anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from app.core.errors import MilepostError
from app.core.plan import Change, Value, plain
from app.db import mirror, targets, trees
from app.db.models import TargetRow
from app.sync import compute
from app.sync.context import Context

Side = Literal["roadmap", "tracker"]


class ConflictUnknown(MilepostError):
    """Nothing is to be decided there."""

    type = "conflict-unknown"
    status = 404


class NotDecidable(MilepostError):
    """A conflict that is mended in the tracker or the roadmap, not by taking one side."""

    type = "conflict-not-decidable"
    status = 409


@dataclass(frozen=True, slots=True)
class Conflict:
    """One field of one node. `field` is "" where the object itself is in question (two of them carry its marker)."""

    target: str
    key: str
    node: int
    field: str
    roadmap: Value
    tracker: Value
    reason: str
    url: str | None

    def as_json(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "key": self.key,
            "field": self.field or None,
            "roadmap": plain(self.roadmap),
            "tracker": plain(self.tracker),
            "reason": self.reason,
            "url": self.url,
        }


def listed(ctx: Context, name: str) -> list[Conflict]:
    """The target's conflicts, by what was last read of it; none before its first plan. Asks the tracker nothing."""
    with ctx.db.read() as session:
        target = targets.get(session, name)
        holds = compute.last_holds(target)
        if holds is None:
            return []
        known = compute.known(session, target)
    plan, _ = compute.difference(known, target.profile, holds, True, adopt=False, recreate=False)
    return [one for change in plan.changes if change.action == "conflict" for one in _of(target, change)]


def _of(target: TargetRow, change: Change) -> list[Conflict]:
    url = (change.ref.url or None) if change.ref else None
    if not change.fields:
        return [Conflict(target.name, change.key, change.node, "", None, None, change.reason, url)]
    return [
        Conflict(target.name, change.key, change.node, name, field.after, field.before, change.reason, url)
        for name, field in change.fields.items()
    ]


def resolve(ctx: Context, name: str, key: str, field: str, take: Side) -> Conflict:
    """Decide one field. The roadmap's value is written by the next apply; the tracker's stays. Gives what was decided.

    Raises TargetUnknown, ConflictUnknown with those that there are, NotDecidable.
    """
    there = listed(ctx, name)
    found = next((one for one in there if one.key == key and one.field == field), None)
    if found is None:
        whole = next((one for one in there if one.key == key and not one.field), None)
        if whole is not None:
            raise NotDecidable(f"{key}: {whole.reason}", "mend it in the tracker or the roadmap, then plan again")
        known = ", ".join(f"{one.key} {one.field}".strip() for one in there)
        raise ConflictUnknown(f"{key} {field} is no conflict of {name!r}", f"there are: {known}" if known else "")
    with ctx.db.write() as session:
        target = targets.get(session, name)
        tree = trees.load(session, targets.slug_of(session, target))
        value = found.tracker if take == "roadmap" else found.roadmap
        mirror.rebase(session, target.id, found.node, {field: value}, tree.ids)
    return found
