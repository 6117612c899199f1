"""Under mutmut (`make mutants`) a property is asked a few examples, always the same, and after the plain tests.

A mutant is killed by the first test that fails: the quick ones go first. Nothing but a failed assertion or an error may
kill it, so examples have no deadline and no check of how slowly they are drawn. Each mutant runs in a fork of a process
that has run the tests before: what that has cached was made without the mutant, and goes.
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.unit.examples import MUTATED_EXAMPLES, MUTATING

if MUTATING:
    settings.register_profile(
        "mutants",
        max_examples=MUTATED_EXAMPLES,
        derandomize=True,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("mutants")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if MUTATING:
        items.sort(key=lambda item: (hasattr(getattr(item, "obj", None), "hypothesis"), item.nodeid))


@pytest.fixture(scope="session", autouse=True)
def nothing_cached() -> None:
    if MUTATING:
        for name, module in list(sys.modules.items()):
            for value in vars(module).values() if name.startswith(("app.core", "mappings")) else ():
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
