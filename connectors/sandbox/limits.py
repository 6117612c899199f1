"""Limits of rate that a box holds to once it is told to, on a clock that can run fast."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

FASTEST = 100_000.0


class BadLimits(ValueError):
    """Settings that can't be taken; the text says what is allowed."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that a tracker has. `how` it is counted:
    `rolling`: at most so many within any `window`; `spacing`: so many seconds between two, on the average, one of which
    may come early, as things do on a network; `at_once`: so many under way; `told`: the box counts it by itself.
    `window` is in the tracker's seconds. `kind` is what a breach is answered as.
    """

    name: str
    how: Literal["rolling", "spacing", "at_once", "told"]
    window: float = 0.0
    kind: Literal["primary_limit", "secondary_limit"] = "secondary_limit"


@dataclass(frozen=True, slots=True)
class Exceeded:
    """`wait` is in real seconds from now."""

    limit: Limit
    wait: float


@dataclass(slots=True)
class _Counts:
    """What one token has used."""

    rolling: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)  # moment, amount
    due: dict[str, float] = field(default_factory=dict)  # when the next is due by its spacing
    under_way: int = 0


class Limits:
    """`known` are the tracker's limits; none is held to until `set` names it. A token's use is its own. Thread-safe."""

    def __init__(self, known: Sequence[Limit], clock: Callable[[], float] = time.monotonic) -> None:
        self._known = {limit.name: limit for limit in known}
        self._clock = clock
        self._lock = threading.Lock()
        self._amounts: dict[str, float] = {}
        self._counts: dict[str, _Counts] = {}
        self._speed = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._known, "speed")

    @property
    def speed(self) -> float:
        """How many of the tracker's seconds pass in a real one."""
        return self._speed

    def amount(self, name: str) -> float | None:
        """What a limit is set to; None when it is not held to."""
        return self._amounts.get(name)

    def real(self, seconds: float) -> float:
        """The tracker's seconds in real ones."""
        return seconds / self._speed

    def shown(self) -> dict[str, float]:
        """As `set` takes it; empty when nothing is held to."""
        return {**self._amounts, "speed": self._speed} if self._amounts else {}

    def set(self, asked: object) -> None:
        """Hold to exactly these from now on, counting from nothing: {name: amount}, and `speed`. Raises BadLimits."""
        if not isinstance(asked, Mapping):
            raise BadLimits(f"a JSON object is wanted, with {', '.join(self.names)}")
        if unknown := [str(name) for name in asked if name not in self.names]:
            raise BadLimits(f"unknown: {', '.join(unknown)}; the limits are {', '.join(self.names)}")
        for name, value in asked.items():
            fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
            if not fits or (name == "speed" and value > FASTEST):
                raise BadLimits(f"{name}: {value!r} is no number above 0")
        with self._lock:
            self._amounts = {name: float(value) for name, value in asked.items() if name != "speed"}
            self._speed = float(asked.get("speed", 1.0))
            self._counts = {}

    def clear(self) -> None:
        self.set({})

    def enter(self, token: str, costs: Mapping[str, float]) -> Exceeded | None:
        """Count one request that uses so much of each limit, or say which it exceeds; then nothing is counted. Whoever
        was let in must `leave`.
        """
        with self._lock:
            if not self._amounts:
                return None
            counts = self._counts.setdefault(token, _Counts())
            now = self._clock()
            for name, cost in costs.items():
                if cost and name in self._amounts and (wait := self._wait(counts, name, cost, now)) > 0:
                    return Exceeded(self._known[name], wait)
            for name, cost in costs.items():
                if cost and name in self._amounts:
                    self._count(counts, name, cost, now)
            counts.under_way += 1
            return None

    def leave(self, token: str) -> None:
        with self._lock:
            counts = self._counts.get(token)
            if counts and counts.under_way:
                counts.under_way -= 1

    def _wait(self, counts: _Counts, name: str, cost: float, now: float) -> float:
        """Real seconds until `cost` fits; 0 when it does."""
        limit, amount = self._known[name], self._amounts[name]
        if limit.how == "at_once":
            return 1.0 if counts.under_way >= amount else 0.0
        if limit.how == "spacing":
            return max(0.0, counts.due.get(name, now) - now - self.real(amount))
        if limit.how == "told":
            return 0.0
        used = counts.rolling.setdefault(name, deque())
        window = self.real(limit.window)
        while used and used[0][0] <= now - window:
            used.popleft()
        left = sum(spent for _, spent in used) + cost - amount
        for moment, spent in used:
            if left <= 0:
                return 0.0
            left -= spent
            if left <= 0:
                return moment + window - now
        return window if left > 0 else 0.0

    def _count(self, counts: _Counts, name: str, cost: float, now: float) -> None:
        how = self._known[name].how
        if how == "rolling":
            counts.rolling.setdefault(name, deque()).append((now, cost))
        elif how == "spacing":
            counts.due[name] = max(counts.due.get(name, now), now) + self.real(self._amounts[name])
