"""People at work in the two boxes, over the trackers' own APIs: what engineers do, without Milepost."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import quote

import httpx


class People(Protocol):
    """What a person does. Steps and tasks are named by key; a step is a box or an issue, as the profile has it."""

    def finish(self, step: str) -> None: ...
    def reopen(self, step: str) -> None: ...
    def drop(self, key: str) -> None: ...
    def close_task(self, task: str) -> None: ...
    def add_to_milestone(self, milestone: str, title: str, *, closed: bool) -> None: ...
    def add_under(self, task: str, title: str, *, closed: bool) -> None: ...
    def pull_request(self, milestone: str) -> None: ...


def _named(items: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """The one object whose title begins with the key."""
    (found,) = [item for item in items if item["title"].split(" ")[0] == key]
    return found


def _box(text: str, step: str, mark: str, other: str) -> str:
    assert text.count(f"- [{other}] {step} ") == 1
    return text.replace(f"- [{other}] {step} ", f"- [{mark}] {step} ")


class GitHubPeople:
    """`children`: steps are sub-issues."""

    def __init__(self, url: str, repo: str, *, children: bool) -> None:
        self.url, self.repo, self.children = url, repo, children
        headers = {"Authorization": "Bearer a-person", "X-GitHub-Api-Version": "2022-11-28"}
        self.client = httpx.Client(base_url=f"{url}/repos/{repo}", headers=headers, trust_env=False)

    def _call(self, method: str, path: str, **body: Any) -> Any:
        answer = self.client.request(method, path, json=body or None)
        answer.raise_for_status()
        return answer.json()

    def issues(self) -> list[dict[str, Any]]:
        pages = [self._call("GET", f"/issues?state=all&per_page=100&page={page}") for page in (1, 2)]
        return [issue for page in pages for issue in page]

    def milestones(self) -> list[dict[str, Any]]:
        return list(self._call("GET", "/milestones?state=all&per_page=100"))

    def _edit(self, key: str, **fields: Any) -> None:
        self._call("PATCH", f"/issues/{_named(self.issues(), key)['number']}", **fields)

    def _tick(self, step: str, mark: str, other: str) -> None:
        issue = _named(self.issues(), step.rpartition(".")[0])
        text = (
            _box(issue["body"], step, mark, other).replace("\r\n", "\n").replace("\n", "\r\n")
        )  # as GitHub's own editor saves
        self._call("PATCH", f"/issues/{issue['number']}", body=text)

    def finish(self, step: str) -> None:
        if self.children:
            self._edit(step, state="closed", state_reason="completed")
        else:
            self._tick(step, "x", " ")

    def reopen(self, step: str) -> None:
        if self.children:
            self._edit(step, state="open")
        else:
            self._tick(step, " ", "x")

    def drop(self, key: str) -> None:
        self._edit(key, state="closed", state_reason="not_planned")

    def close_task(self, task: str) -> None:
        self._edit(task, state="closed", state_reason="completed")

    def add_to_milestone(self, milestone: str, title: str, *, closed: bool) -> None:
        issue = self._call("POST", "/issues", title=title, milestone=_named(self.milestones(), milestone)["number"])
        if closed:
            self._call("PATCH", f"/issues/{issue['number']}", state="closed")

    def add_under(self, task: str, title: str, *, closed: bool) -> None:
        issue = self._call("POST", "/issues", title=title)
        parent = _named(self.issues(), task)["number"]
        self._call("POST", f"/issues/{parent}/sub_issues", sub_issue_id=issue["id"])
        if closed:
            self._call("PATCH", f"/issues/{issue['number']}", state="closed")

    def pull_request(self, milestone: str) -> None:
        owner, repo = self.repo.split("/")
        number = _named(self.milestones(), milestone)["number"]
        body = {"owner": owner, "repo": repo, "title": "A change", "milestone": number, "state": "closed"}
        httpx.post(f"{self.url}/_sandbox/pull-requests", json=body, trust_env=False).raise_for_status()

    def hook(self, url: str, secret: str) -> None:
        config = {"url": url, "content_type": "json", "secret": secret}
        self._call("POST", "/hooks", config=config, events=["issues", "milestone", "sub_issues"])


class GitLabPeople:
    """`children`: steps are child items. GitLab knows no "not planned": work is dropped as a duplicate."""

    def __init__(self, url: str, project: str, *, children: bool) -> None:
        self.url, self.project, self.children = url, project, children
        base = f"{url}/api/v4/projects/{quote(project, safe='')}"
        self.client = httpx.Client(base_url=base, headers={"PRIVATE-TOKEN": "a-person"}, trust_env=False)

    def _call(self, method: str, path: str, **body: Any) -> Any:
        answer = self.client.request(method, path, json=body or None)
        answer.raise_for_status()
        return answer.json()

    def issues(self) -> list[dict[str, Any]]:
        pages = [self._call("GET", f"/issues?scope=all&per_page=100&page={page}") for page in (1, 2)]
        return [issue for page in pages for issue in page]

    def milestones(self) -> list[dict[str, Any]]:
        return list(self._call("GET", "/milestones?per_page=100"))

    def _edit(self, key: str, **fields: Any) -> None:
        self._call("PUT", f"/issues/{_named(self.issues(), key)['iid']}", **fields)

    def _tick(self, step: str, mark: str, other: str) -> None:
        issue = _named(self.issues(), step.rpartition(".")[0])
        self._call("PUT", f"/issues/{issue['iid']}", description=_box(issue["description"], step, mark, other))

    def finish(self, step: str) -> None:
        if self.children:
            self._edit(step, state_event="close")
        else:
            self._tick(step, "x", " ")

    def reopen(self, step: str) -> None:
        if self.children:
            self._edit(step, state_event="reopen")
        else:
            self._tick(step, " ", "x")

    def drop(self, key: str) -> None:
        other = _named(self.issues(), "6B" if key != "6B" else "6A")
        iid = _named(self.issues(), key)["iid"]
        self._call("POST", f"/issues/{iid}/notes", body=f"/duplicate #{other['iid']}")

    def close_task(self, task: str) -> None:
        self._edit(task, state_event="close")

    def add_to_milestone(self, milestone: str, title: str, *, closed: bool) -> None:
        issue = self._call("POST", "/issues", title=title, milestone_id=_named(self.milestones(), milestone)["id"])
        if closed:
            self._call("PUT", f"/issues/{issue['iid']}", state_event="close")

    def _graphql(self, query: str, **variables: Any) -> Any:
        answer = httpx.post(
            f"{self.url}/api/graphql",
            json={"query": query, "variables": variables},
            headers={"PRIVATE-TOKEN": "a-person"},
            trust_env=False,
        )
        answer.raise_for_status()
        data = answer.json()
        assert "errors" not in data, data
        return data["data"]

    def add_under(self, task: str, title: str, *, closed: bool) -> None:
        types = self._graphql(
            "query($p: ID!) { project(fullPath: $p) { workItemTypes { nodes { id name } } } }", p=self.project
        )["project"]["workItemTypes"]["nodes"]
        (kind,) = [entry["id"] for entry in types if entry["name"] == "Task"]
        parent = f"gid://gitlab/WorkItem/{_named(self.issues(), task)['id']}"
        made = self._graphql(
            "mutation($i: WorkItemCreateInput!) { workItemCreate(input: $i) { errors workItem { id iid } } }",
            i={
                "namespacePath": self.project,
                "title": title,
                "workItemTypeId": kind,
                "hierarchyWidget": {"parentId": parent},
            },
        )["workItemCreate"]
        assert made["errors"] == []
        if closed:
            self._call("PUT", f"/issues/{made['workItem']['iid']}", state_event="close")

    def pull_request(self, milestone: str) -> None:
        """Merge requests have a list of their own in GitLab: none could come in by mistake."""

    def hook(self, url: str, secret: str) -> None:
        flags = {"issues_events": True, "milestone_events": True, "push_events": False}
        self._call("POST", "/hooks", url=url, token=secret, **flags)
