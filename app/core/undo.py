"""Taking a run back: what it made is closed and let go, what it changed is put back if untouched since. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.core.diff import same
from app.core.plan import BLOCKED_BY, PLACES, Action, Change, Drift, FieldChange, Found, Link, Plan, Value

MADE: frozenset[Action] = frozenset({"create", "adopt"})
TOUCHED = "somebody has changed it since; it is left as it is"


@dataclass(frozen=True, slots=True)
class Written:
    """One step that a run carried out, as the journal keeps it."""

    node: int
    action: Action
    fields: Mapping[str, FieldChange]


def reverse(
    written: Sequence[Written], found: Sequence[Found], links: Sequence[Link], unmarked: Callable[[str], str]
) -> Plan:
    """The plan that takes these steps back, the last first. `unmarked` gives a text without this programme's markers.

    Objects are closed as not planned and never deleted. What is gone from the tracker, or not this node's any more, is
    left out; what people changed since is told as drift.
    """
    by_identity = {item.ref.identity: item for item in found}
    by_node = {link.node: link for link in links}
    made = {step.node for step in written if step.action == "create"}
    changes: list[Change] = []
    drift: list[Drift] = []
    for step in reversed(written):
        link = by_node.get(step.node)
        item = by_identity.get(link.ref.identity) if link and link.ref else None
        if link is None or item is None or (step.node in made and step.action != "create"):
            continue
        fields: dict[str, FieldChange] = {}
        if step.action == "create":
            if item.fields["state"] == "open":
                fields["state"] = FieldChange("open", "not_planned")
        else:
            for name, change in step.fields.items():
                before, why = _back(name, change, item.fields.get(name))
                if why:
                    drift.append(Drift(link.key, name, change.after, item.fields.get(name), why))
                elif not same(name, item.fields.get(name), before):
                    fields[name] = FieldChange(item.fields.get(name), before)
        if step.action in MADE:
            text = str(item.fields["description"])
            bare = unmarked(str(fields["description"].after) if "description" in fields else text)
            if bare != text:
                fields["description"] = FieldChange(text, bare)
        if fields or step.action in MADE:
            changes.append(_change(step, link, item, fields))
    return Plan(tuple(changes), 0, tuple(drift))


def _back(name: str, change: FieldChange, now: Value) -> tuple[Value, str]:
    """(what a field was before the step, or why it can't be that again)."""
    if not same(name, now, change.after):
        return None, TOUCHED
    if name in PLACES and str(change.before).startswith("#"):
        return None, f"it was in {change.before}, which this programme doesn't manage"
    return change.before, ""


def _change(step: Written, link: Link, item: Found, fields: Mapping[str, FieldChange]) -> Change:
    forget = step.action in MADE
    action: Action = "update"
    if set(fields) == {"state"} or (step.action == "create" and "state" in fields):
        action = "reopen" if fields["state"].after == "open" else "close"
    reason = "made by the run that is taken back" if step.action == "create" else "put back as it was before the run"
    if step.action == "adopt":
        reason = "taken over by the run that is taken back"
    base: dict[str, Value] = {name: field.after for name, field in fields.items() if name != "description"}
    if BLOCKED_BY in fields:
        base[BLOCKED_BY] = tuple(key for key in _keys(link.base.get(BLOCKED_BY)) if key in _keys(base[BLOCKED_BY]))
    return Change(
        action, link.node, link.key, link.kind, item.ref.shape, item.ref, fields, reason, link.section, base, forget
    )


def _keys(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
