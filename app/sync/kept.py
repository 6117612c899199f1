"""What was worked out of programmes, kept for as long as it holds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

T = TypeVar("T")

MOST: Final = 250_000
"""Lines that are kept of all programmes together, as each says how many it has: some 100 MB at the most."""


class Shelf:
    """What is kept of one programme: values by part, each with the stamp of what it was made from."""

    def __init__(self) -> None:
        self.lines = 0
        self.lock = threading.RLock()
        self._parts: dict[str, tuple[Hashable, Any]] = {}

    @property
    def empty(self) -> bool:
        return not self._parts

    def part(self, name: str, stamp: Hashable, make: Callable[[], T]) -> T:
        """The value as it was made before, if of the same stamp; else made now."""
        there = self._parts.get(name)
        if there is None or there[0] != stamp:
            there = self._parts[name] = stamp, make()
        value: T = there[1]
        return value


class Kept:
    """Shelves by name, the least lately used of which make room. Every method may be called from any thread."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._shelves: OrderedDict[str, Shelf] = OrderedDict()

    @contextmanager
    def shelf(self, name: str) -> Iterator[Shelf]:
        """One shelf, for one thread at a time: what a hundred ask for at once is made once. Of names for which nothing
        is made, as those of no programme, nothing stays.
        """
        with self._lock:
            shelf = self._shelves.setdefault(name, Shelf())
            self._shelves.move_to_end(name)
        try:
            with shelf.lock:
                yield shelf
        finally:
            with self._lock:
                if shelf.empty and self._shelves.get(name) is shelf:
                    del self._shelves[name]
                while len(self._shelves) > 1 and sum(each.lines for each in self._shelves.values()) > self._most:
                    self._shelves.popitem(last=False)

    def __len__(self) -> int:
        return len(self._shelves)
