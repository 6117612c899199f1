"""A place on GitHub: a repository of its own in `GitHubBox`."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Any, ClassVar

import httpx

from app.core.plan import Ref, Shape
from connectors import registry
from connectors.github.wire import _Plain
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.github.issues import create
from connectors.sandbox.github.model import IssueEdit, MilestoneEdit
from tests.conformance.bench import NO_PUSH, PATIENCE, RIGHT, TOKENS, Bench, Seen
from tests.conformance.site import Sent, patched, without

PROOF = ("x-hub-signature-256", "x-hub-signature")
EVENTS = ["issues", "milestone", "sub_issues", "issue_dependencies", "repository"]
ISSUE = frozenset({"title", "description", "milestone", "labels", "state"})


class GitHubBench(Bench):
    """github.com: the API at the root of its host, and an organisation with issue types."""

    kind = "github"
    profiles = registry.KINDS["github"].profiles
    shapes = ("milestone", "issue", "child")
    fields: ClassVar[Mapping[Shape, frozenset[str]]] = {
        "milestone": frozenset({"title", "description", "due", "state"}),
        "issue": ISSUE | {"type"},
        "child": ISSUE | {"type", "parent"},
    }
    secrets = ("a secret of the hook",)
    tells_not_planned = True
    lists_pull_requests = True
    names_every_wait = True
    drops_silently = True
    prefix: ClassVar[str] = ""
    types: ClassVar[tuple[str, ...]] = ("Task", "Bug")

    @classmethod
    def box(cls) -> GitHubBox:
        return GitHubBox(replace(TOKENS, no_push=(NO_PUSH,), types=cls.types))

    @property
    def base_url(self) -> str:
        return f"{self.site.url}{self.prefix}"

    def _person(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {RIGHT}"}
        return httpx.Client(base_url=f"{self.base_url}/repos/{self.path}", headers=headers, trust_env=False)

    def is_create(self, sent: Sent) -> bool:
        rest = sent.method == "POST" and sent.path.endswith(("/issues", "/milestones"))
        return rest or sent.mutation == "createIssue"

    def create_line(self, shape: Shape) -> str:
        if shape == "child":
            return r"^POST \S*/graphql mutation$"
        return rf"^POST \S*/{'milestones' if shape == 'milestone' else 'issues'}$"

    def update_line(self, shape: Shape) -> str:
        return rf"^PATCH \S*/{'milestones' if shape == 'milestone' else 'issues'}/\d+$"

    def _call(self, method: str, path: str, **body: Any) -> Any:
        answer = self.person.request(method, path, json=body or None)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def look(self, ref: Ref) -> Seen:
        family = "milestones" if ref.shape == "milestone" else "issues"
        return _seen(self._call("GET", f"/{family}/{ref.number}"))

    def all(self) -> list[Seen]:
        found: list[Seen] = []
        for family in ("milestones", "issues"):
            page = 1
            while rows := self._call("GET", f"/{family}?state=all&per_page=100&page={page}"):
                found += [_seen(row) for row in rows if "pull_request" not in row]
                page += 1
        return found

    def newest(self) -> list[Seen]:
        return [_seen(row) for row in self._call("GET", "/issues?state=all&sort=created&direction=desc&per_page=100")]

    def edit(self, ref: Ref, **fields: Any) -> None:
        if "text" in fields:
            fields["description" if ref.shape == "milestone" else "body"] = fields.pop("text")
        if fields.get("state") == "duplicate":
            fields |= {"state": "closed", "state_reason": "duplicate"}
        family = "milestones" if ref.shape == "milestone" else "issues"
        self._call("PATCH", f"/{family}/{ref.number}", **fields)

    def add(self, title: str, *, text: str = "", milestone: Ref | None = None) -> Ref:
        number = milestone.number if milestone else None
        return _seen(self._call("POST", "/issues", title=title, body=text, milestone=number)).ref

    def add_milestone(self, title: str) -> Ref:
        return _seen(self._call("POST", "/milestones", title=title)).ref

    def discuss(self, ref: Ref) -> None:
        self._call("PATCH", f"/issues/{ref.number}", assignees=["sandbox-bot"])
        self._call("POST", f"/issues/{ref.number}/comments", body="Who does this?")

    def delete(self, ref: Ref) -> None:
        address = f"{self.site.url}/_sandbox/issues/{self.path}/{ref.number}"
        self.person.delete(address).raise_for_status()

    def pull_request(self, title: str, milestone: Ref) -> None:
        body = {"owner": self.name, "repo": "app", "title": title, "milestone": milestone.number}
        self.person.post(f"{self.site.url}/_sandbox/pull-requests", json=body).raise_for_status()

    def seed(self, issues: int, milestones: int = 0) -> None:
        store = self.site.box._store
        with store.session(self.site.url):
            repo = store.repo(self.name, "app")
            for number in range(1, milestones + 1):
                store.create_milestone(repo, MilestoneEdit(title=f"Milestone {number}"), "seed")
            for number in range(1, issues + 1):
                create(store, repo, IssueEdit(title=f"Issue {number}"), "seed")

    def fill(self, parent: Ref, children: int) -> None:
        store = self.site.box._store
        with store.session(self.site.url):
            repo = store.repo(self.name, "app")
            for number in range(1, children + 1):
                create(store, repo, IssueEdit(title=f"Child {number}"), "seed", parent=repo.issues[parent.number])

    def subscribe(self, url: str, secret: str) -> str:
        config = {"url": url, "content_type": "json", "secret": secret}
        return str(self._call("POST", "/hooks", config=config, events=EVENTS)["id"])

    def hooks(self) -> list[dict[str, Any]]:
        return [
            {
                "id": str(row["id"]),
                "url": row["config"]["url"],
                "active": row["active"],
                "events": sorted(row["events"]),
            }
            for row in self._call("GET", "/hooks?per_page=100")
        ]

    def subscribe_to_all(self, url: str, secret: str) -> None:
        config = {"url": url, "content_type": "json", "secret": secret}
        self._call("POST", "/hooks", config=config, events=["*"])

    def unsubscribe(self, hook_id: str) -> None:
        self._call("DELETE", f"/hooks/{hook_id}")

    def spoil(self, hook_id: str) -> None:
        (hook,) = [hook for hook in self.hooks() if hook["id"] == hook_id]
        config = {"url": hook["url"], "content_type": "form"}
        self._call("PATCH", f"/hooks/{hook_id}", config=config, events=["push"], active=False)

    def last_call(self, hook_id: str) -> str:
        return str(self._call("GET", f"/hooks/{hook_id}/deliveries")[0]["guid"])

    def send_again(self, hook_id: str) -> None:
        (last, *_) = self._call("GET", f"/hooks/{hook_id}/deliveries")
        self._call("POST", f"/hooks/{hook_id}/deliveries/{last['id']}/attempts")

    def sign(self, body: bytes, secret: str, at: datetime) -> dict[str, str]:
        del at  # no time is signed
        return {
            "content-type": "application/json",
            "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
            "x-github-event": "issues",
            "x-hub-signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}",
        }

    def unsigned(self, headers: Mapping[str, str], instead: str | None = None) -> dict[str, str]:
        return without(headers, PROOF, instead)

    def signs_body(self, secret: str) -> bool:
        return True

    def signs_time(self, secret: str) -> bool:
        return False

    @contextmanager
    def impatient(self) -> Iterator[None]:
        # PyGithub takes whole seconds alone, so its connection is told
        with patched("connectors.http.READ_SECONDS", to=PATIENCE), patched("connectors.github.wire._Plain", to=Hasty):
            yield


class Hasty(_Plain):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **(more | {"timeout": PATIENCE}))


class EnterpriseBench(GitHubBench):
    """GitHub Enterprise Server: the API under /api/v3, GraphQL beside it. No issue types."""

    profiles = ("github-issues",)  # the cycles are the same as on github.com
    thorough = False
    prefix = "/api/v3"
    types = ()
    fields: ClassVar[Mapping[Shape, frozenset[str]]] = {
        **GitHubBench.fields,
        "issue": ISSUE,
        "child": ISSUE | {"parent"},
    }


def _seen(row: Mapping[str, Any]) -> Seen:
    milestone = "due_on" in row
    inside = row.get("milestone")
    return Seen(
        ref=Ref("milestone" if milestone else "issue", str(row["number"]), row["number"], row["node_id"]),
        title=row["title"],
        text=row["description" if milestone else "body"] or "",
        state=row["state"],
        labels=tuple(sorted(label["name"] for label in row.get("labels", ()))),
        milestone=str(inside["number"]) if inside else None,
        due=date.fromisoformat(row["due_on"][:10]) if row.get("due_on") else None,
        people=(tuple(one["login"] for one in row.get("assignees", ())), row.get("comments")),
    )
