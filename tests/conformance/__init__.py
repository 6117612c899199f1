"""What every connector must do, over real HTTP: `suite.py` is the base class, `bench.py` what a tracker brings.

A new kind of tracker gives a `Bench` and a class `Test…(ConnectorSuite)`; `test_registry.py` asks for it.
`test_defects.py` seeds mistakes into a connector and asks that the suite finds each.
"""

import pytest

BENCHES = ("bench", "github_bench", "gitlab_bench", "site")
TESTS = ("calling", "cycling", "failing", "reading", "suite", "writing")
pytest.register_assert_rewrite(*(f"tests.conformance.{part}" for part in BENCHES + TESTS))
