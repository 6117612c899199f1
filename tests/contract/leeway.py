"""Where a tracker is known to differ from its own description: each by name, with why and where that is known from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leeway:
    """A problem that is none. `problem` is a regular expression for the whole of it."""

    problem: str
    why: str
    page: str

    def covers(self, problem: str) -> bool:
        return re.fullmatch(self.problem, problem) is not None


def left(problems: Iterable[str], leeways: Sequence[Leeway]) -> list[str]:
    """The problems that no leeway covers."""
    return [problem for problem in problems if not any(one.covers(problem) for one in leeways)]


def unused(problems: Iterable[str], leeways: Sequence[Leeway]) -> list[str]:
    """The leeways that cover none of the problems: they are to be taken away."""
    met = set(problems)
    return [one.problem for one in leeways if not any(one.covers(problem) for problem in met)]


def told(problems: Iterable[str]) -> str:
    """Problems for people: each once, with how often it was met, whatever its place in a list."""
    met = Counter(re.sub(r"\[\d+\]", "[…]", problem) for problem in problems)
    return "\n".join(f"{count} x {problem}" for problem, count in met.most_common())
