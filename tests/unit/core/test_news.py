"""What is told of a programme: only what differs from what was told, each once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app.core.news import MilestoneStanding, Standing, news

M1 = MilestoneStanding("M1", "Foundations", "on_track", 50.0, 2, 4)
M2 = MilestoneStanding("M2", "Walls", "unknown", None)
NOW = Standing("small", "Small", "on_track", {1: M1, 2: M2}, {"hub": frozenset({"1A title"})}, {})
REACHED = replace(M1, health="done", percent=100.0, done=4)


def told(standing: Standing) -> Any:
    return json.loads(json.dumps(standing.as_told()))


@pytest.mark.parametrize(
    ("reason", "now", "want"),
    [
        ("nothing changed", NOW, []),
        ("a figure changed", replace(NOW, milestones={1: replace(M1, percent=75.0, done=3), 2: M2}), []),
        ("renamed and renumbered", replace(NOW, milestones={1: replace(M1, key="M9", title="Roof"), 2: M2}), []),
        (
            "reached, which is no change of health besides",
            replace(NOW, milestones={1: REACHED, 2: M2}),
            [("milestone.reached", "M1 Foundations is reached (4 of 4 done)")],
        ),
        (
            "health of the programme and two milestones in one message",
            replace(NOW, health="late", milestones={1: replace(M1, health="late"), 2: replace(M2, health="at_risk")}),
            [
                (
                    "health.changed",
                    "the programme is late (was on track); M1 Foundations is late (was on track); "
                    "M2 Walls is at risk (was unknown)",
                )
            ],
        ),
        ("a new milestone is remembered only", replace(NOW, milestones={1: M1, 2: M2, 3: REACHED}), []),
        ("a milestone is gone", replace(NOW, milestones={1: M1}), []),
        (
            "one more conflict",
            replace(NOW, conflicts={"hub": frozenset({"1A title", "1B due"})}),
            [("conflict.found", "a conflict to decide in hub: 1B due")],
        ),
        ("a conflict is decided", replace(NOW, conflicts={"hub": frozenset()}), []),
        (
            "many conflicts of another target",
            replace(NOW, conflicts={"hub": frozenset({"1A title"}), "lab": frozenset(f"X{n}" for n in range(12))}),
            [
                (
                    "conflict.found",
                    "12 conflicts to decide in lab: X0, X1, X10, X11, X2, X3, X4, X5, X6, X7 and 2 more",
                )
            ],
        ),
        (
            "a target fails",
            replace(NOW, failing={"hub": "the tracker answered 502"}),
            [("target.failing", "hub can't be read: the tracker answered 502")],
        ),
    ],
)
def test_what_is_told(reason: str, now: Standing, want: list[tuple[str, str]]) -> None:
    assert [(one.event, one.text) for one in news(told(NOW), now)] == want, reason
    assert news(told(now), now) == [], "told again"


def test_what_is_over_is_told_once_and_can_come_again() -> None:
    broken = replace(NOW, failing={"hub": "why"})
    assert [one.event for one in news(told(broken), replace(broken, failing={"hub": "another reason"}))] == []
    assert [one.event for one in news(told(broken), NOW)] == ["target.recovered"]
    reached = replace(NOW, milestones={1: REACHED, 2: M2})
    assert [one.event for one in news(told(reached), NOW)] == ["health.changed"], "it is open again"
    assert [one.event for one in news(told(NOW), reached)] == ["milestone.reached"]
