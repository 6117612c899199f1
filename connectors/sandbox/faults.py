"""Faults on request: which misbehave is ordered, and which request or webhook it strikes. `misbehaviour.py` carries the
requests' out, `kit.HookSender` the webhooks'.
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

REQUEST_KINDS = {
    "latency": "answered `seconds` later; carried out at once",
    "error": "answered `status` in the tracker's own words; nothing is carried out",
    "error_after": "carried out, and answered `status` all the same",
    "reset": "the connection is closed before anything is carried out",
    "dropped": "carried out, and the connection is closed without a byte of answer",
    "truncated": "carried out; the right answer is cut in the middle, and the connection closed",
    "html": "200 and an HTML page, as from a proxy; nothing is carried out",
    "primary_limit": "the requests of this token are used up, for `seconds`",
    "secondary_limit": "too fast, wait `seconds` (0: not said how long)",
    "list_lag": "lists and GraphQL connections leave out what was made within the last `seconds`",
}
HOOK_KINDS = {
    "hook_lost": "never arrives; stands as failed in the tracker's own list of deliveries",
    "hook_late": "arrives `seconds` later; others pass it by",
    "hook_twice": "arrives twice, the same call",
    "hook_reordered": "held until the next call to the same address has been sent",
}
KINDS = {**REQUEST_KINDS, **HOOK_KINDS}
PILING_UP = ("latency", "list_lag")  # may strike along with another fault; of all others one strikes a request


class BadFault(ValueError):
    """A fault that can't be ordered; the text says what is allowed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One misbehave. `match` is a regular expression searched in `"METHOD /path?query"` as sent, which for a GraphQL
    mutation ends in ` mutation` (for hook kinds: in the event's name); "" fits every API request. `skip` requests that
    fit pass first, then `times` are struck (None: until the fault is taken off). `seconds` are real ones. `status` is
    any from 400 to 599. Raises BadFault.
    """

    kind: str
    match: str = ""
    skip: int = 0
    times: int | None = 1
    seconds: float = 0.0
    status: int = 502

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadFault(f"kind: {self.kind!r} is none of {', '.join(KINDS)}")
        try:
            re.compile(self.match)
        except (re.error, TypeError):
            raise BadFault(f"match: {self.match!r} is no regular expression") from None
        if not _whole(self.skip) or self.skip < 0:
            raise BadFault(f"skip: {self.skip!r} is no whole number from 0")
        if self.times is not None and (not _whole(self.times) or self.times < 1):
            raise BadFault(f"times: {self.times!r} is neither a whole number from 1 nor null (until taken off)")
        if not _number(self.seconds) or not 0 <= self.seconds <= 86_400:
            raise BadFault(f"seconds: {self.seconds!r} is no number from 0 to 86400")
        if not _whole(self.status) or not 400 <= self.status <= 599:
            raise BadFault(f"status: {self.status!r} is no whole number from 400 to 599")

    @property
    def of_hooks(self) -> bool:
        return self.kind in HOOK_KINDS


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


FIELDS = tuple(one.name for one in fields(Fault))


def parse(asked: object) -> Fault:
    """A Fault out of JSON, strictly: no unknown field, no value of another type. Raises BadFault."""
    if not isinstance(asked, Mapping):
        raise BadFault(f"a JSON object is wanted, with {', '.join(FIELDS)}")
    if unknown := [str(name) for name in asked if name not in FIELDS]:
        raise BadFault(f"unknown: {', '.join(unknown)}; the fields are {', '.join(FIELDS)}")
    if "kind" not in asked:
        raise BadFault(f"kind is needed, one of {', '.join(KINDS)}")
    return Fault(**asked)


@dataclass(slots=True)
class _Ordered:
    id: int
    fault: Fault
    met: int = 0  # requests that fitted
    struck: int = 0

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.struck >= self.fault.times

    def strikes(self) -> bool:
        """Meet one more that fits; whether it is struck."""
        self.met += 1
        if self.met <= self.fault.skip:
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class Faults:
    """The faults of one box, in the order they were added. Thread-safe."""

    _ordered: list[_Ordered] = field(default_factory=list)
    _last: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> int:
        """Order it; gives its id."""
        with self._lock:
            self._last += 1
            self._ordered.append(_Ordered(self._last, fault))
            return self._last

    def remove(self, number: int) -> bool:
        """Take one off; false when there is none of that id."""
        with self._lock:
            kept = [one for one in self._ordered if one.id != number]
            found, self._ordered = len(kept) < len(self._ordered), kept
            return found

    def clear(self) -> None:
        with self._lock:
            self._ordered = []

    def active(self) -> list[Fault]:
        """Those that have strikes left."""
        with self._lock:
            return [one.fault for one in self._ordered if not one.spent]

    def struck(self, number: int) -> int:
        """How often the fault of that id has struck; 0 when it was taken off."""
        with self._lock:
            return next((one.struck for one in self._ordered if one.id == number), 0)

    def shown(self) -> list[dict[str, Any]]:
        """Each fault's fields, with its `id`, how many it has `met` and `struck`, and whether it is `active` still."""
        with self._lock:
            return [
                {"id": one.id, **asdict(one.fault), "met": one.met, "struck": one.struck, "active": not one.spent}
                for one in self._ordered
            ]

    def strike_request(self, line: str, *, lists: bool) -> tuple[Fault, ...]:
        """What strikes this request. `latency` and `list_lag` pile up; of the others the first that is due strikes, and
        those added after it don't meet the request. `list_lag` meets only what `lists`.
        """
        found: list[Fault] = []
        with self._lock:
            for one in self._ordered:
                fault = one.fault
                if one.spent or fault.of_hooks or not re.search(fault.match, line):
                    continue
                if fault.kind == "list_lag" and not lists:
                    continue
                if fault.kind not in PILING_UP and any(other.kind not in PILING_UP for other in found):
                    continue
                if one.strikes():
                    found.append(fault)
        return tuple(found)

    def strike_hook(self, event: str) -> Fault | None:
        """What strikes a call of that event: the first fault that is due."""
        with self._lock:
            for one in self._ordered:
                if not one.spent and one.fault.of_hooks and re.search(one.fault.match, event) and one.strikes():
                    return one.fault
        return None
