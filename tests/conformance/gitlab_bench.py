"""A place on GitLab: a project of its own in `GitLabBox`."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, ClassVar
from urllib.parse import quote

import httpx

from app.core.plan import Ref, Shape
from connectors import registry
from connectors.sandbox.gitlab import GitLabBox
from tests.conformance.bench import PATIENCE, RIGHT, TOKENS, Bench, Seen
from tests.conformance.site import Sent, patched, without

PROOF = ("x-gitlab-token", "webhook-signature")
SIGNING = "whsec_" + base64.b64encode(b"a signing token of 32 bytes long").decode()
SWITCHES = ("issues_events", "confidential_issues_events", "milestone_events")


class GitLabBench(Bench):
    """A project without a licence."""

    kind = "gitlab"
    profiles = registry.KINDS["gitlab"].profiles
    shapes: ClassVar[tuple[Shape, ...]] = ("milestone", "issue", "child")
    fields: ClassVar[Mapping[Shape, frozenset[str]]] = {
        "milestone": frozenset({"title", "description", "start", "due", "state"}),
        "issue": frozenset({"title", "description", "milestone", "labels", "due", "state"}),
        "child": frozenset({"title", "description", "milestone", "parent", "labels", "due", "state"}),
    }
    secrets = ("a secret of the hook", SIGNING)
    tells_not_planned = False
    lists_pull_requests = False
    names_every_wait = False
    drops_silently = False
    hides_rights = frozenset({"child"})  # GraphQL: "does not exist or you don't have permission"
    premium: ClassVar[bool] = False

    @classmethod
    def box(cls) -> GitLabBox:
        return GitLabBox(TOKENS, premium=cls.premium)

    @property
    def base_url(self) -> str:
        return self.site.url

    def _person(self) -> httpx.Client:
        base = f"{self.site.url}/api/v4/projects/{quote(self.path, safe='')}"
        return httpx.Client(base_url=base, headers={"PRIVATE-TOKEN": RIGHT}, trust_env=False)

    def is_create(self, sent: Sent) -> bool:
        rest = sent.method == "POST" and sent.path.endswith(("/issues", "/milestones"))
        return rest or sent.mutation == "workItemCreate"

    def create_line(self, shape: Shape) -> str:
        if shape in ("child", "epic"):
            return r"^POST \S*/graphql mutation$"
        return rf"^POST \S*/{'milestones' if shape == 'milestone' else 'issues'}$"

    def update_line(self, shape: Shape) -> str:
        if shape in ("child", "epic"):
            return self.create_line(shape)
        return rf"^PUT \S*/{'milestones' if shape == 'milestone' else 'issues'}/\d+$"

    def _call(self, method: str, path: str, **body: Any) -> Any:
        answer = self.person.request(method, path, json=body or None)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def look(self, ref: Ref) -> Seen:
        family = "milestones" if ref.shape == "milestone" else "issues"
        return _seen(self._call("GET", f"/{family}/{ref.number}"))

    def all(self) -> list[Seen]:
        found: list[Seen] = []
        for family in ("milestones?", "issues?scope=all&"):
            page = 1
            while rows := self._call("GET", f"/{family}per_page=100&page={page}"):
                found += map(_seen, rows)
                page += 1
        return found

    def newest(self) -> list[Seen]:
        return [_seen(row) for row in self._call("GET", "/issues?scope=all&order_by=created_at&sort=desc&per_page=100")]

    def edit(self, ref: Ref, **fields: Any) -> None:
        if ref.shape == "milestone" and "state" in fields:
            fields["state_event"] = "close" if fields.pop("state") == "closed" else "activate"
        if fields.get("state") == "duplicate":
            del fields["state"]
            other = self.add("What it is a duplicate of")
            self._call("POST", f"/issues/{ref.number}/notes", body=f"/duplicate #{other.number}")
        if "state" in fields:
            fields["state_event"] = "close" if fields.pop("state") == "closed" else "reopen"
        if "text" in fields:
            fields["description"] = fields.pop("text")
        if "labels" in fields:
            fields["labels"] = ",".join(fields["labels"])
        if fields:
            self._call("PUT", f"/{'milestones' if ref.shape == 'milestone' else 'issues'}/{ref.number}", **fields)

    def add(self, title: str, *, text: str = "", milestone: Ref | None = None) -> Ref:
        more = {"milestone_id": milestone.number} if milestone else {}
        return _seen(self._call("POST", "/issues", title=title, description=text, **more)).ref

    def add_milestone(self, title: str) -> Ref:
        return _seen(self._call("POST", "/milestones", title=title)).ref

    def discuss(self, ref: Ref) -> None:
        self._call("PUT", f"/issues/{ref.number}", assignee_ids=[1])
        self._call("POST", f"/issues/{ref.number}/notes", body="Who does this?")

    def delete(self, ref: Ref) -> None:
        address = f"{self.site.url}/_sandbox/issues/{ref.number}"
        self.person.delete(address, params={"project": self.path}).raise_for_status()

    def seed(self, issues: int, milestones: int = 0) -> None:
        store = self.site.box._store
        project = store.project(self.path)
        for number in range(1, milestones + 1):
            store.create_milestone(project, {"title": f"Milestone {number}"})
        for number in range(1, issues + 1):
            store.create_issue(project, {"title": f"Issue {number}"})

    def fill(self, parent: Ref, children: int) -> None:
        store = self.site.box._store
        project = store.project(self.path)
        above = store.issue(project, parent.number)
        for number in range(1, children + 1):
            store.create_issue(project, {"title": f"Child {number}", "parent": above}, "Task")

    def subscribe(self, url: str, secret: str) -> str:
        proof = {"signing_token": secret} if secret.startswith("whsec_") else {"token": secret}
        return str(self._call("POST", "/hooks", url=url, **proof, **dict.fromkeys(SWITCHES, True))["id"])

    def hooks(self) -> list[dict[str, Any]]:
        return [
            {
                "id": str(row["id"]),
                "url": row["url"],
                "active": row.get("alert_status", "executable") == "executable",
                "events": sorted(name for name, on in row.items() if name.endswith("_events") and on is True),
            }
            for row in self._call("GET", "/hooks?per_page=100")
        ]

    def unsubscribe(self, hook_id: str) -> None:
        self._call("DELETE", f"/hooks/{own(hook_id)}")

    def spoil(self, hook_id: str) -> None:
        self._call("PUT", f"/hooks/{own(hook_id)}", token="", **dict.fromkeys(SWITCHES, False))

    def last_call(self, hook_id: str) -> str:
        return str(self._call("GET", f"/hooks/{own(hook_id)}/events")[0]["request_headers"]["Idempotency-Key"])

    def send_again(self, hook_id: str) -> None:
        (last, *_) = self._call("GET", f"/hooks/{own(hook_id)}/events")
        self._call("POST", f"/hooks/{own(hook_id)}/events/{last['id']}/resend")

    def sign(self, body: bytes, secret: str, at: datetime) -> dict[str, str]:
        name, stamp = "3f5d3d2a-7c12-4d1e-9b6a-0d2f8f0c1a11", str(int(at.timestamp()))
        headers = {"x-gitlab-event": "Issue Hook", "idempotency-key": name, "content-type": "application/json"}
        if not secret.startswith("whsec_"):
            return headers | {"x-gitlab-token": secret}
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return headers | {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature}

    def unsigned(self, headers: Mapping[str, str], instead: str | None = None) -> dict[str, str]:
        return without(headers, PROOF, instead)

    def signs_body(self, secret: str) -> bool:
        return secret.startswith("whsec_")

    def signs_time(self, secret: str) -> bool:
        return secret.startswith("whsec_")

    @contextmanager
    def impatient(self) -> Iterator[None]:
        with patched("connectors.http.READ_SECONDS", "connectors.gitlab.writes.WRITE_SECONDS", to=PATIENCE):
            yield


EPIC = """id iid title state widgets {
  ... on WorkItemWidgetDescription { description } ... on WorkItemWidgetLabels { labels { nodes { title } } }
  ... on WorkItemWidgetStartAndDueDate { startDate dueDate } }"""
EPICS = f"query($g: ID!) {{ group(fullPath: $g) {{ workItems(types: [EPIC], first: 100) {{ nodes {{ {EPIC} }} }} }} }}"
ONE_EPIC = f"query($id: WorkItemID!) {{ workItem(id: $id) {{ {EPIC} }} }}"
EDIT = "mutation($i: WorkItemUpdateInput!) { workItemUpdate(input: $i) { errors } }"


class PremiumBench(GitLabBench):
    """A project in a group of its own with a licence: epics and blocking links. Those of the group are read too."""

    profiles = tuple(
        name for name in GitLabBench.profiles if name != "gitlab"
    )  # which makes neither children nor epics
    thorough = False
    premium = True
    shapes = ("milestone", "issue", "child", "epic")
    fields: ClassVar[Mapping[Shape, frozenset[str]]] = {
        **GitLabBench.fields,
        "epic": frozenset({"title", "description", "labels", "start", "due", "state"}),
    }
    hides_rights = frozenset({"child", "epic"})

    @property
    def group(self) -> str:
        return self.name

    def look(self, ref: Ref) -> Seen:
        if ref.shape != "epic":
            return super().look(ref)
        return _epic(self._graphql(ONE_EPIC, id=f"gid://gitlab/WorkItem/{ref.id}")["workItem"])

    def all(self) -> list[Seen]:
        return super().all() + [_epic(row) for row in self._graphql(EPICS, g=self.name)["group"]["workItems"]["nodes"]]

    def edit(self, ref: Ref, **fields: Any) -> None:
        """Of an epic the state alone."""
        if ref.shape != "epic":
            super().edit(ref, **fields)
            return
        event = "CLOSE" if fields["state"] == "closed" else "REOPEN"
        self._graphql(EDIT, i={"id": f"gid://gitlab/WorkItem/{ref.id}", "stateEvent": event})

    def subscribe_to_all(self, url: str, secret: str) -> None:
        super().subscribe_to_all(url, secret)
        body = {"url": url, "token": secret, **dict.fromkeys(SWITCHES, True)}
        self.person.post(f"{self.site.url}/api/v4/groups/{self.name}/hooks", json=body).raise_for_status()

    def _graphql(self, query: str, **variables: Any) -> Any:
        answer = self.person.post(f"{self.site.url}/api/graphql", json={"query": query, "variables": variables})
        told = answer.raise_for_status().json()
        assert "errors" not in told, told
        return told["data"]


def own(hook_id: str) -> str:
    """The project's hook alone: with epics a connector's stands for the group's too."""
    return hook_id.partition("+")[0]


def _epic(row: Mapping[str, Any]) -> Seen:
    widgets: dict[str, Any] = {}
    for widget in row["widgets"]:
        widgets |= widget
    return Seen(
        ref=Ref("epic", row["id"].rpartition("/")[2], int(row["iid"])),
        title=row["title"],
        text=widgets["description"] or "",
        state="closed" if row["state"] == "CLOSED" else "open",
        labels=tuple(sorted(label["title"] for label in widgets["labels"]["nodes"])),
        start=_day((widgets["startDate"] or "")[:10]),
        due=_day((widgets["dueDate"] or "")[:10]),
    )


def _seen(row: Mapping[str, Any]) -> Seen:
    milestone = "issue_type" not in row
    inside = row.get("milestone")
    number = row["id"] if milestone else row["iid"]
    return Seen(
        ref=Ref("milestone" if milestone else "issue", str(row["id"]), number),
        title=row["title"],
        text=row["description"] or "",
        state="closed" if row["state"] == "closed" else "open",
        labels=tuple(sorted(row.get("labels", ()))),
        milestone=str(inside["id"]) if inside else None,
        start=_day(row.get("start_date")),
        due=_day(row.get("due_date")),
        people=(tuple(one["username"] for one in row.get("assignees", ())), row.get("user_notes_count")),
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
