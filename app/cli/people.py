"""Simulated people for the demo: they close issues and tick boxes through the trackers' own APIs, as anyone would."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

import httpx


class People(Protocol):
    """Engineers of one tracker. `work` does one thing and says what, or gives None when all is done."""

    def work(self) -> str | None: ...


@dataclass(slots=True)
class GitHubPeople:
    """They close sub-issues, most as completed and some as not planned."""

    url: str
    repository: str
    token: str
    dice: random.Random
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=10))

    def _call(self, method: str, path: str, **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "X-GitHub-Api-Version": "2022-11-28"}
        answer = self.client.request(
            method, f"{self.url}/repos/{self.repository}{path}", json=body or None, headers=headers
        )
        answer.raise_for_status()
        return answer.json()

    def work(self) -> str | None:
        issues = [i for page in range(1, 4) for i in self._call("GET", f"/issues?state=open&per_page=100&page={page}")]
        steps = [issue for issue in issues if issue.get("parent_issue_url")]
        if not steps:
            return None
        issue = self.dice.choice(steps[-12:])  # the oldest first, as people do
        reason = "not_planned" if self.dice.random() < 0.1 else "completed"
        self._call("PATCH", f"/issues/{issue['number']}", state="closed", state_reason=reason)
        return f"GitHub: #{issue['number']} closed as {reason.replace('_', ' ')}: {issue['title']}"

    def add(self, title: str) -> str | None:
        """Somebody finds more work: a new issue straight in the first milestone."""
        milestones = self._call("GET", "/milestones?state=all")
        if not milestones:
            return None
        issue = self._call("POST", "/issues", title=title, milestone=milestones[0]["number"])
        return f"GitHub: #{issue['number']} added to {milestones[0]['title']}: {title}"


@dataclass(slots=True)
class GitLabPeople:
    """They tick boxes in descriptions."""

    url: str
    project: str
    token: str
    dice: random.Random
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=10))

    def _call(self, method: str, path: str, **body: Any) -> Any:
        address = f"{self.url}/api/v4/projects/{quote(self.project, safe='')}{path}"
        answer = self.client.request(method, address, json=body or None, headers={"PRIVATE-TOKEN": self.token})
        answer.raise_for_status()
        return answer.json()

    def work(self) -> str | None:
        issues = self._call("GET", "/issues?state=opened&scope=all&per_page=100")
        open_ = [issue for issue in issues if "- [ ] " in (issue["description"] or "")]
        if not open_:
            return None
        issue = self.dice.choice(open_[-4:])
        before, _, rest = issue["description"].partition("- [ ] ")
        self._call("PUT", f"/issues/{issue['iid']}", description=f"{before}- [x] {rest}")
        return f"GitLab: #{issue['iid']} ticked: {rest.splitlines()[0]}"
