"""Defects that are put into a process, to see that whoever looks for them finds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from app.db import deliveries, history
from app.jobs.schedule import Schedule
from app.webhooks import inbox


def _answered_before_it_is_stored() -> None:
    """One delivery in three is answered and forgotten."""
    keep, seen = inbox._keep, []

    def forgetful(*given: Any, **more: Any) -> Any:
        seen.append(1)
        if len(seen) % 3:
            return keep(*given, **more)
        return "new"

    inbox._keep = forgetful


def _nothing_follows_a_call() -> None:
    """What is stored counts as handled, and nobody looks."""
    insert = deliveries._insert

    def handled(*given: Any, relevant: bool) -> bool:
        return insert(*given, relevant=False)

    deliveries._insert = handled
    Schedule.delivered = lambda *_: False  # type: ignore[method-assign]


def _history_is_one_behind() -> None:
    """What is recorded is what was a unit ago."""
    write = history.write

    def late(session: Any, programme_id: int, found: Any) -> int:
        return write(
            session, programme_id, {node: replace(one, done=max(one.done - 1, 0)) for node, one in found.items()}
        )

    history.write = late


DEFECTS: dict[str, Callable[[], None]] = {
    "answered-before-it-is-stored": _answered_before_it_is_stored,
    "nothing-follows-a-call": _nothing_follows_a_call,
    "history-is-one-behind": _history_is_one_behind,
}


def plant(name: str) -> None:
    """Put one in, none where `name` is ""."""
    if name:
        DEFECTS[name]()
