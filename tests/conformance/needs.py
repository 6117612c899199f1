"""What a test of the suite asks for: where a tracker has none the test is skipped, and the class declares so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from connectors.base import Capabilities
from tests.conformance.bench import Bench

NEEDS: Mapping[str, Callable[[Bench, Capabilities], bool]] = {
    "pull requests in lists": lambda bench, holds: bench.lists_pull_requests,
    "bodies of 1 MiB": lambda bench, holds: holds.description_max >= 1_048_576,
    "children": lambda bench, holds: holds.children,
    "epics": lambda bench, holds: holds.epics,
    "dependencies": lambda bench, holds: holds.blockers_max > 0,
    "silent drops": lambda bench, holds: bench.drops_silently,
}
Test = TypeVar("Test", bound=Callable[..., None])


def needs(name: str) -> Callable[[Test], Test]:
    """Says that a test asks for it: one of `NEEDS`."""
    assert name in NEEDS

    def mark(test: Test) -> Test:
        test.needs = name  # type: ignore[attr-defined]
        return test

    return mark
