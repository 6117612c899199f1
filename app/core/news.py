"""What has become of a programme since it was last told of: milestones reached, health, conflicts, failing targets.

Pure: two standings in, news out. Level-triggered, so that whatever happened in between, the same is told, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from app.core.progress import Health

Event = Literal["milestone.reached", "health.changed", "conflict.found", "target.failing", "target.recovered"]
EVENTS: Final[tuple[Event, ...]] = (
    "milestone.reached",
    "health.changed",
    "conflict.found",
    "target.failing",
    "target.recovered",
)
WORDS: Final[Mapping[Health, str]] = {
    "done": "done",
    "on_track": "on track",
    "at_risk": "at risk",
    "late": "late",
    "unknown": "unknown",
}
NAMED: Final = 10
"""How many of one kind a message names; of the rest it tells how many."""


@dataclass(frozen=True, slots=True)
class MilestoneStanding:
    """How one milestone stands. `percent` is None for unknown."""

    key: str
    title: str
    health: Health
    percent: float | None
    done: int = 0
    total: int = 0
    source: str = "unknown"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a programme stands: milestones by node id, conflicts by target ("KEY FIELD"), failing targets with why."""

    slug: str
    title: str
    health: Health
    milestones: Mapping[int, MilestoneStanding]
    conflicts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)

    def as_told(self) -> dict[str, Any]:
        """What of it is remembered, as JSON."""
        return {
            "health": self.health,
            "milestones": {str(node): [m.health, m.percent == 100] for node, m in self.milestones.items()},
            "conflicts": {target: sorted(found) for target, found in self.conflicts.items() if found},
            "failing": sorted(self.failing),
        }


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell: a plain line, and the same as JSON."""

    event: Event
    text: str
    data: Mapping[str, Any]
    url: str = ""


def news(told: Mapping[str, Any], now: Standing) -> list[News]:
    """What differs from what was told. A milestone that is new since is remembered, and nothing told of it."""
    found = [*_milestones(told["milestones"], now), *_health(told, now)]
    for target in sorted(now.conflicts):
        new = sorted(now.conflicts[target] - set(told["conflicts"].get(target, [])))
        if new:
            words = "a conflict" if len(new) == 1 else f"{len(new)} conflicts"
            text = f"{words} to decide in {target}: {_some(new)}"
            found.append(News("conflict.found", text, {"target": target, "conflicts": new[:50], "count": len(new)}))
    for target in sorted(set(now.failing) - set(told["failing"])):
        why = now.failing[target]
        found.append(News("target.failing", f"{target} can't be read: {why}", {"target": target, "reason": why}))
    for target in sorted(set(told["failing"]) - set(now.failing)):
        found.append(News("target.recovered", f"{target} is read again", {"target": target}))
    return found


def _milestones(told: Mapping[str, Any], now: Standing) -> list[News]:
    found = []
    for node, milestone in now.milestones.items():
        health, reached = told.get(str(node), (None, None))
        if health is None or reached or milestone.percent != 100:
            continue
        counted = f" ({milestone.done} of {milestone.total} done)" if milestone.total else ""
        data = {"key": milestone.key, "title": milestone.title, "done": milestone.done, "total": milestone.total}
        data |= {"source": milestone.source, "url": milestone.url or None}
        text = f"{milestone.key} {milestone.title} is reached{counted}"
        found.append(News("milestone.reached", text, data, milestone.url))
    return found


def _health(told: Mapping[str, Any], now: Standing) -> list[News]:
    """One message for all: a week's end moves many. That a milestone is done is told as reached."""
    changes: list[dict[str, Any]] = []
    words: list[str] = []
    if told["health"] != now.health:
        changes.append({"key": None, "title": now.title, "before": told["health"], "after": now.health})
        words.append(f"the programme is {WORDS[now.health]} (was {WORDS[told['health']]})")
    for node, milestone in now.milestones.items():
        before, _ = told["milestones"].get(str(node), (milestone.health, None))
        if milestone.health in (before, "done"):
            continue
        named = {"key": milestone.key, "title": milestone.title}
        changes.append(named | {"before": before, "after": milestone.health})
        words.append(f"{milestone.key} {milestone.title} is {WORDS[milestone.health]} (was {WORDS[before]})")
    if not words:
        return []
    return [News("health.changed", _some(words, "; "), {"changes": changes[:50], "count": len(changes)})]


def _some(words: list[str], between: str = ", ") -> str:
    rest = len(words) - NAMED
    return between.join(words[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
