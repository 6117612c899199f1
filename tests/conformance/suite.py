"""`ConnectorSuite`: what every connector must do. A subclass names its bench, and what its tracker lacks.

The tests stand in the parts by what they are about; all are written against `connectors.base` and `Bench` alone.
"""

from __future__ import annotations

from typing import ClassVar

import pytest

from tests.conformance.bench import Bench
from tests.conformance.calling import Calling
from tests.conformance.cycling import Cycling
from tests.conformance.failing import Failing
from tests.conformance.needs import NEEDS
from tests.conformance.reading import Reading
from tests.conformance.writing import Writing


class ConnectorSuite(Reading, Writing, Failing, Calling, Cycling):
    bench_type: ClassVar[type[Bench]]
    lacks: ClassVar[frozenset[str]] = frozenset()  # of `NEEDS`: the tests that are skipped here

    @pytest.fixture(autouse=True)
    def _asked_for(self, request: pytest.FixtureRequest) -> None:
        need = getattr(request.function, "needs", "")
        if need in self.lacks:
            pytest.skip(f"this tracker has none: {need}")

    def test_only_what_it_can_not_do_is_skipped(self, bench: Bench) -> None:
        holds = bench.open(bench.place(dependencies=True)).capabilities()
        assert {name for name, has in NEEDS.items() if not has(bench, holds)} == self.lacks
        asked_for = {getattr(test, "needs", "") for name, test in vars_of(type(self)) if name.startswith("test_")}
        assert asked_for - {""} == set(NEEDS)


def vars_of(suite: type) -> list[tuple[str, object]]:
    return [pair for base in suite.__mro__ for pair in vars(base).items()]
