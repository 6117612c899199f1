"""What the reader and the writer take and give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from app.core.errors import MilepostError
from app.core.tree import Programme

MAX_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was not understood, or can't stand. `line` counts from 1; `message` says what, and how to mend it."""

    line: int
    message: str


class RoadmapRefused(MilepostError):
    """A document that can't become a tree. `problems` holds all that were found, by line, at least one."""

    type: ClassVar[str] = "roadmap-refused"
    status: ClassVar[int] = 422

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda problem: (problem.line, problem.message)))
        first, more = self.problems[0], len(self.problems) - 1
        rest = f" (and {more} more {'problem' if more == 1 else 'problems'})" if more else ""
        super().__init__(f"line {first.line}: {first.message}{rest}", "mend the document and import it again")


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as read: the tree, and by line whatever was left aside or could not be dated or resolved."""

    programme: Programme
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of a node: whole percent (0 to 100, truncated), None where there was nothing to count.

    `completed_on` is the day it was found to be at 100. Raises ValueError for a percentage out of range.
    """

    percent: int | None
    completed_on: date | None = None

    def __post_init__(self) -> None:
        if self.percent is not None and not 0 <= self.percent <= 100:
            raise ValueError(f"a percentage is 0 to 100, not {self.percent}")
