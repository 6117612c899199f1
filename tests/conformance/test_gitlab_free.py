"""GitLab without a licence."""

from tests.conformance.gitlab_bench import GitLabBench
from tests.conformance.suite import ConnectorSuite


class TestGitLabFree(ConnectorSuite):
    bench_type = GitLabBench
    lacks = frozenset({"pull requests in lists", "epics", "dependencies", "silent drops"})
