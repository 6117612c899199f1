"""GitLab Premium: a project whose group has epics."""

from tests.conformance.gitlab_bench import PremiumBench
from tests.conformance.suite import ConnectorSuite


class TestGitLabPremium(ConnectorSuite):
    bench_type = PremiumBench
    lacks = frozenset({"pull requests in lists", "silent drops"})
