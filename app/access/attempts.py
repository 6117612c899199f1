"""How often one address may give a wrong token. In memory: each process counts for itself."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

FAILURES: Final = 10
WITHIN: Final = 60.0
"""Seconds that a failure counts for."""
ADDRESSES: Final = 10_000
"""How many addresses are remembered; beyond that the one that failed longest ago is forgotten."""


class Attempts:
    """Failures by address. Every method may be called from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[str, deque[float]] = {}

    def wait(self, address: str) -> int:
        """Whole seconds that the address has to wait before its next try, 0 for none."""
        now, key = self._clock(), network(address)
        with self._lock:
            failures = self._recent(key, now)
            return max(1, math.ceil(failures[0] + WITHIN - now)) if len(failures) >= FAILURES else 0

    def failed(self, address: str) -> None:
        """The address gave a wrong token."""
        now, key = self._clock(), network(address)
        with self._lock:
            failures = self._recent(key, now)
            self._failures.pop(key, None)
            self._failures[key] = failures  # the newest is last
            failures.append(now)
            while len(self._failures) > ADDRESSES:
                del self._failures[next(iter(self._failures))]

    def clear(self) -> None:
        """Forget every failure."""
        with self._lock:
            self._failures.clear()

    def _recent(self, key: str, now: float) -> deque[float]:
        failures = self._failures.get(key) or deque(maxlen=FAILURES)
        while failures and failures[0] + WITHIN <= now:
            failures.popleft()
        return failures


def network(address: str) -> str:
    """What stands for one client: an IPv4 address, or an IPv6 /64, since whoever has one has all of it."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(IPv6Address(int(found) >> 64 << 64))
    return str(found)
