"""GitHub Enterprise Server, whose API is under /api/v3."""

from tests.conformance.github_bench import EnterpriseBench
from tests.conformance.suite import ConnectorSuite


class TestGitHubEnterprise(ConnectorSuite):
    bench_type = EnterpriseBench
    lacks = frozenset({"bodies of 1 MiB", "epics"})
