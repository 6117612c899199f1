"""One roadmap pushed to several places of one box, people at work in each, and what each place holds, to compare."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from app.core.plan import Observed
from app.db import targets as rows
from app.db.engine import Database
from app.sync import reconcile, roadmap, status, targets
from app.sync.context import Context, utc_now
from app.sync.documents import ProgrammeStatus
from app.sync.targets import NewTarget
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Clock, serving
from tests.databases import migrated

ROOT = Path(__file__).parents[2]
ROADMAP = ROOT.parent / "shared" / "roadmaps" / "update-milestone-list-1.00.md"
PROFILES = ["github", "github-issues", "gitlab", "gitlab-issues", "gitlab-premium"]
MARKER = re.compile(r"<!-- milepost:([a-z0-9-]+)/(\S+) -->")
Around = Callable[[ASGIApp], ASGIApp]


@dataclass(slots=True)
class Place:
    """A programme and its target, both called `name`, in a repository or project of their own: `name/app`. `mapping` is
    the profile's file, where it isn't the built-in one.
    """

    ctx: Context
    url: str
    box: Any
    profile: str
    name: str
    mapping: str = ""

    @property
    def github(self) -> bool:
        return self.profile.startswith("github")

    @property
    def path(self) -> str:
        return f"{self.name}/app"

    def read(self, text: str) -> None:
        roadmap.import_roadmap(self.ctx.db, text.encode(), self.name, start=date(2026, 11, 2), now=utc_now())

    def target(self) -> None:
        kind = "github" if self.github else "gitlab"
        more = {"group": self.name} if self.profile == "gitlab-premium" else {}
        options = {"profile": self.mapping or self.profile, "token_env": "SYNC_TOKEN", "base_url": self.url} | more
        targets.add(self.ctx, NewTarget(self.name, self.name, kind, self.path, **options))

    def plan(self) -> reconcile.Planned:
        return reconcile.make_plan(self.ctx, self.name)

    def apply(self) -> str:
        applied = reconcile.apply_plan(self.ctx, self.name, max_percent=100.0)
        assert applied is not None
        return applied.state

    def pending(self) -> dict[str, int]:
        """What a plan would do, the actions that occur."""
        found = self.plan().plan.summary()
        return {action: count for action, count in found.items() if count and action != "unchanged"}

    def figures(self) -> dict[str, Any]:
        """Every number of the status, and nothing that differs from one place to another."""
        reconcile.refresh(self.ctx, self.name)
        return figures(status.status(self.ctx, self.name))

    # -- what is there

    def objects(self) -> list[Observed]:
        """Everything that the tracker holds now."""
        with self.ctx.db.read() as session:
            target = rows.get(session, self.name)
        with reconcile.opened(self.ctx, target) as connector:
            found = connector.observe(None)
        assert found.complete, found.problem
        return list(found.objects)

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """What is there by the key of its marker, in words that are the same in every place; people's own by title.

        Fails where one node has two objects.
        """
        objects = self.objects()
        named = {item.ref.identity: self._name(item) for item in objects}
        twins = [name for name, count in Counter(named.values()).items() if count > 1]
        assert not twins, f"{twins} are there more than once"
        return {named[item.ref.identity]: self._said(item, named) for item in objects}

    def _name(self, item: Observed) -> str:
        keys = [key for slug, key in MARKER.findall(item.description) if slug == self.name]
        assert len(keys) <= 1, f"{item.title} carries the markers of {keys}"
        return keys[0] if keys else f"people's: {item.title}"

    def _said(self, item: Observed, named: dict[tuple[str, str], str]) -> dict[str, Any]:
        text = item.description.replace("\r\n", "\n").replace(f"milepost:{self.name}/", "milepost:SLUG/")
        return {
            "title": item.title,
            "text": text,
            "state": item.state,
            "reason": item.reason,
            "milestone": named.get(("milestone", str(item.milestone)), item.milestone),
            "parent": named.get(("item", str(item.parent)), item.parent),
            "labels": sorted(item.labels),
            "start": item.start,
            "due": item.due,
            "blocked by": sorted(named.get(("item", one), one) for one in item.blocked_by),
        }

    def find(self, key: str) -> Observed:
        (found,) = [item for item in self.objects() if self._name(item) == key]
        return found

    # -- what people do

    def edit(self, key: str, **fields: Any) -> None:
        """A person edits what a node became: `title`, `text`, `labels`, `milestone` (a key), `closed`, `due`."""
        item = self.find(key)
        if item.ref.shape == "milestone":
            self._call(*self._milestone(item, fields))
        elif item.ref.shape == "epic":
            self._epic(item, fields)
        else:
            self._call(*self._issue(item, fields))

    def write(self, title: str, text: str) -> None:
        """A person writes an issue of their own."""
        self._call("POST", "/issues", {"title": title, "body": text, "description": text})

    def _milestone(self, item: Observed, fields: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        names = {"text": "description", "due": "due_on" if self.github else "due_date"}
        sent = {names.get(name, name): value for name, value in fields.items()}
        if self.github:
            if "due_on" in sent:
                sent["due_on"] = f"{sent['due_on']}T08:00:00Z"
            return "PATCH", f"/milestones/{item.ref.number}", sent
        return "PUT", f"/milestones/{item.ref.id}", sent

    def _issue(self, item: Observed, fields: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        sent = dict(fields)
        if "text" in sent:
            sent["body" if self.github else "description"] = sent.pop("text")
        if "milestone" in sent:
            above = self.find(sent.pop("milestone")).ref
            sent |= {"milestone": above.number} if self.github else {"milestone_id": int(above.id)}
        if "closed" in sent:
            closed = sent.pop("closed")
            if self.github:
                sent["state"] = "closed" if closed else "open"
            else:
                sent["state_event"] = "close" if closed else "reopen"
        if "labels" in sent and not self.github:
            sent["labels"] = ",".join(sent["labels"])
        return "PATCH" if self.github else "PUT", f"/issues/{item.ref.number}", sent

    def _epic(self, item: Observed, fields: dict[str, Any]) -> None:
        asked: dict[str, Any] = {"id": item.ref.global_id}
        if "title" in fields:
            asked["title"] = fields["title"]
        if "text" in fields:
            asked["descriptionWidget"] = {"description": fields["text"]}
        if "closed" in fields:
            asked["stateEvent"] = "CLOSE" if fields["closed"] else "REOPEN"
        if "labels" in fields:
            asked["labelsWidget"] = self._labels(item, fields["labels"])
        query = "mutation($i: WorkItemUpdateInput!) { workItemUpdate(input: $i) { errors } }"
        answer = self._call("POST", f"{self.url}/api/graphql", {"query": query, "variables": {"i": asked}})
        assert "errors" not in answer, answer
        assert answer["data"]["workItemUpdate"]["errors"] == []

    def _labels(self, item: Observed, wanted: list[str]) -> dict[str, list[str]]:
        labels = f"{self.url}/api/v4/groups/{self.name}/labels"
        ids = {label["name"]: label["id"] for label in self._call("GET", labels)}
        for name in wanted:
            if name not in ids:
                ids[name] = self._call("POST", labels, {"name": name, "color": "#ff0000"})["id"]
        names = {name: f"gid://gitlab/Label/{number}" for name, number in ids.items()}
        add = [names[name] for name in wanted if name not in item.labels]
        drop = [names[name] for name in item.labels if name not in wanted]
        return {"addLabelIds": add, "removeLabelIds": drop}

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        base = f"/repos/{self.path}" if self.github else f"/api/v4/projects/{self.path.replace('/', '%2F')}"
        url = path if path.startswith("http") else f"{self.url}{base}{path}"
        headers = {"Authorization": "Bearer a-person"}
        answer = httpx.request(method, url, json=body, headers=headers, trust_env=False, verify=False)
        answer.raise_for_status()
        return answer.json()


def figures(found: ProgrammeStatus) -> dict[str, Any]:
    """Each node's numbers, by its key; "" is the programme."""
    nodes = [("", found)]
    for milestone in found.milestones:
        nodes += [(milestone.key, milestone), *((task.key, task) for task in milestone.tasks)]
    counted = {key: (node.percent, node.done, node.total, node.excluded, node.source) for key, node in nodes}
    steps = {step.key: step.state for m in found.milestones for task in m.tasks for step in task.steps}
    return {**counted, **steps}


class Time(Clock):
    """Ours and the box's: sleeping takes none of it, and passes it for both."""

    def now(self) -> datetime:
        return utc_now() + timedelta(seconds=self.offset_seconds)

    def sleep(self, seconds: float) -> None:
        self.offset_seconds += seconds


@contextmanager
def a_box(profile: str, around: Around = lambda app: app, clock: Clock | None = None) -> Iterator[tuple[Any, str]]:
    """The tracker of a profile, and its address."""
    premium = profile == "gitlab-premium"
    box: Any = GitHubBox(clock=clock) if profile.startswith("github") else GitLabBox(clock=clock, premium=premium)
    with serving(around(box.app)) as url:
        yield box, url
    box.close()


@contextmanager
def a_database(url: str) -> Iterator[Database]:
    db = migrated(url)
    yield db
    db.close()
