"""github.com."""

from tests.conformance.github_bench import GitHubBench
from tests.conformance.suite import ConnectorSuite


class TestGitHub(ConnectorSuite):
    bench_type = GitHubBench
    lacks = frozenset({"bodies of 1 MiB", "epics"})
