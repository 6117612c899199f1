"""The canonical tree: a programme of milestones, tasks and steps, as plain values.

Keys: `M1`, `DM1` (milestone), `1A` (task), `1A.3` (step: its task's key and its ordinal, from 1).
Keys are unique in a programme. They name a node within one version of a roadmap; across versions identity is
`app.core.versions.match`'s to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

Kind = Literal["milestone", "task", "step"]


@dataclass(frozen=True, slots=True)
class Window:
    """When work is meant to happen. `text` is as written ("Weeks 0–2"); dates are None where it can't be dated.

    Weeks count from the programme's start: "Weeks 0–2" is start + 0 weeks to start + 2 weeks, "Week 2" only ends,
    at start + 2 weeks.
    """

    text: str
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of work. `done` is what the roadmap says (a ticked box), not what was measured.

    `detail` keeps nested sub-steps as plain text lines. `line` is the 1-based line of the document, 0 if none.
    """

    key: str
    title: str
    done: bool = False
    detail: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of work of a milestone. `declared_percent` (0 to 100) and `completed_on` are what the roadmap says.

    `completed` is true for a ticked box, 100 %, or a completion mark, with or without a date.
    """

    key: str
    title: str
    steps: tuple[Step, ...] = ()
    description: str = ""
    declared_percent: float | None = None
    completed: bool = False
    completed_on: date | None = None
    depends_on: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True, slots=True)
class Milestone:
    """A checkpoint. `objective` is its purpose in words (an "Objective:" line, or a table's description).

    `depends_on` holds keys of nodes, `prerequisites` what it waits for in words.
    """

    key: str
    title: str
    tasks: tuple[Task, ...] = ()
    objective: str = ""
    window: Window | None = None
    declared_percent: float | None = None
    completed: bool = False
    completed_on: date | None = None
    depends_on: tuple[str, ...] = ()
    prerequisites: tuple[str, ...] = ()
    owner: str = ""
    line: int = 0


Node = Milestone | Task | Step


@dataclass(frozen=True, slots=True)
class Programme:
    """The root. `start` is the first day of week 0."""

    title: str
    start: date
    milestones: tuple[Milestone, ...] = ()

    def nodes(self) -> Iterator[Node]:
        """Every node in document order: a milestone, its first task, that task's steps, its next task, …"""
        for milestone in self.milestones:
            yield milestone
            for task in milestone.tasks:
                yield task
                yield from task.steps


def kind_of(node: Node) -> Kind:
    """The node's kind as a word."""
    if isinstance(node, Milestone):
        return "milestone"
    return "task" if isinstance(node, Task) else "step"
