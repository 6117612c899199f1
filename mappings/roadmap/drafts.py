"""Milestones and tasks as the walk gathers them, before they are settled into a programme."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from mappings.roadmap.blocks import Block, Line
from mappings.roadmap.marks import Marks
from mappings.roadmap.values import Problem


@dataclass(slots=True)
class StepDraft:
    title: str
    done: bool
    line: int
    detail: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Draft:
    """A milestone or task as gathered, its window and dependencies still as raw lines.

    `weak` ones (table rows, summaries, plain lines) repeat a milestone where a heading defines it; `table` is the line
    of a row's table. `level` is the heading's, 0 where no heading ends it. `end` is where a note can be appended.
    """

    kind: Literal["milestone", "task"]
    key: str
    line: int
    end: Line
    title: str = ""
    weak: bool = False
    table: int = 0
    level: int = 0
    ticked: bool = False
    marks: list[Marks] = field(default_factory=list)
    window: list[Line] = field(default_factory=list)
    objective: list[str] = field(default_factory=list)
    owner: list[str] = field(default_factory=list)
    waits: list[list[Line]] = field(default_factory=list)
    tasks: list[Draft] = field(default_factory=list)
    steps: list[StepDraft] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Note:
    """Prose that begins with a key, or a date and a key, and may say that the node was completed.

    `aside` is what to say of it if it does not, "" for nothing.
    """

    line: int
    key: str
    rest: str
    day: date | None
    aside: str


@dataclass(slots=True)
class Gathered:
    """What the walk found: drafts and notes in document order, the title, and what was left aside."""

    title: str = ""
    drafts: list[Draft] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def warn(self, line: int, message: str) -> None:
        self.warnings.append(Problem(line, message))

    def aside(self, block: Block, what: str) -> None:
        """Say that the block, and whatever it holds, was left aside."""
        to = f" (to line {block.end})" if block.end > block.line else ""
        self.warn(block.line, f"{what}, left aside{to}")
