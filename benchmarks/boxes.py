"""A sandbox tracker and a target in it: in a process of its own where seconds count, else in a thread, with a clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from app.db.engine import Database
from app.sync import reconcile, roadmap, targets
from app.sync.context import Context
from app.sync.reconcile import Applied, Refreshed
from app.sync.targets import NewTarget
from benchmarks import generated
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Clock, serving

TOKEN = "MILEPOST_BENCH_TOKEN"
SLUG, NAME = "bench", "box"


@dataclass(frozen=True, slots=True)
class Counts:
    """What came in at the box."""

    total: int
    reads: int
    writes: int
    not_modified: int


@dataclass(slots=True)
class Box:
    """A running sandbox. It counts every request to its API by itself."""

    kind: str
    url: str
    client: httpx.Client
    clock: Clock = field(default_factory=Clock)

    def later(self, seconds: float) -> None:
        """Let time pass in a box that runs in a thread."""
        self.clock.offset_seconds += seconds

    def slow(self, seconds: float) -> None:
        """From now on every answer of the API leaves so much later; 0 for at once."""
        self.client.delete("/_sandbox/faults").raise_for_status()
        if seconds:
            fault = {"kind": "latency", "seconds": seconds, "times": None}
            self.client.post("/_sandbox/faults", json=fault).raise_for_status()

    def clear(self) -> None:
        self.client.delete("/_sandbox/requests").raise_for_status()

    def counts(self) -> Counts:
        """Since `clear`."""
        found = self.client.get("/_sandbox/requests").raise_for_status().json()
        return Counts(*(found[name] for name in ("total", "reads", "writes", "not_modified")))

    def entries(self) -> list[tuple[str, str, int]]:
        """(method, path, status) of every request since `clear`."""
        found = self.client.get("/_sandbox/requests").raise_for_status().json()["entries"]
        return [(entry["method"], entry["path"], entry["status"]) for entry in found]

    def limit(self, limits: Mapping[str, float]) -> None:
        """From now on hold to these limits of the tracker, at `speed` times the wall's clock."""
        self.client.put("/_sandbox/limits", json=dict(limits)).raise_for_status()

    def touch(self, path: str, k: int, *, children: bool) -> None:
        """A person writes a line under the text of `k` issues: child issues, or those of tasks."""
        if self.kind == "github":
            issues, verb, field = f"/repos/{path}/issues?state=all", "PATCH", "body"
            number = "number"
        else:
            issues, verb, field = f"/api/v4/projects/{quote(path, safe='')}/issues?scope=all", "PUT", "description"
            number = "iid"
        root = issues.partition("?")[0]
        found = [i for page in range(1, 6) for i in self.call("GET", f"{issues}&per_page=100&page={page}")]
        chosen = [i for i in found if (i["title"].split(" ")[0].count(".") == 1) == children][:k]
        if len(chosen) < k:
            raise RuntimeError(f"{path} holds only {len(chosen)} such issues, not {k}")
        for issue in chosen:
            words = {field: f"{issue[field]}\n\nSomebody was here."}
            self.call(verb, f"{root}/{issue[number]}", **words)

    def touch_epics(self, group: str, k: int) -> None:
        """A person writes a line under the text of `k` epics of a GitLab group."""
        found: list[Any] = []
        page = {"hasNextPage": True, "endCursor": None}
        while page["hasNextPage"] and len(found) < k:
            listed = self.ask(EPICS, group=group, after=page["endCursor"])["group"]["workItems"]
            found, page = found + listed["nodes"], listed["pageInfo"]
        if len(found) < k:
            raise RuntimeError(f"{group} holds only {len(found)} epics, not {k}")
        for epic in found[:k]:
            text = next(widget["description"] for widget in epic["widgets"] if "description" in widget)
            words = {"description": f"{text}\n\nSomebody was here."}
            self.ask(EDIT, input={"id": epic["id"], "descriptionWidget": words})

    def license(self) -> None:
        """From now on a GitLab is Premium: groups have epics, issues can block each other."""
        self.client.put("/_sandbox/licence", json={"premium": True}).raise_for_status()

    def ask(self, query: str, **variables: Any) -> Any:
        """The `data` that GitLab's GraphQL answers to a person. Raises where there are errors, a mutation's too."""
        told = self.call("POST", "/api/graphql", query=query, variables=variables)
        errors = told.get("errors") or [e for said in told["data"].values() for e in (said or {}).get("errors", ())]
        if errors:
            raise RuntimeError(str(errors))
        return told["data"]

    def write(self, path: str, number: int, text: str) -> None:
        """A person writes this text into an issue."""
        if self.kind == "github":
            self.call("PATCH", f"/repos/{path}/issues/{number}", body=text)
        else:
            self.call("PUT", f"/api/v4/projects/{quote(path, safe='')}/issues/{number}", description=text)

    def close_one(self, path: str) -> None:
        """A person closes an issue of a GitHub repository."""
        issue = self.call("GET", f"/repos/{path}/issues?per_page=1")[0]
        self.call("PATCH", f"/repos/{path}/issues/{issue['number']}", state="closed", state_reason="completed")

    def call(self, method: str, path: str, **body: Any) -> Any:
        """The JSON that the API answers to a person."""
        return self.client.request(method, path, json=body or None).raise_for_status().json()


EPICS = """query($group: ID!, $after: String) { group(fullPath: $group) {
  workItems(types: [EPIC], first: 100, after: $after) { pageInfo { hasNextPage endCursor }
    nodes { id widgets { ... on WorkItemWidgetDescription { description } } } } } }"""
EDIT = "mutation($input: WorkItemUpdateInput!) { workItemUpdate(input: $input) { errors } }"
HEADERS = {"github": {"Authorization": "Bearer a-person"}, "gitlab": {"PRIVATE-TOKEN": "a-person"}}


@contextmanager
def threaded(kind: str) -> Iterator[Box]:
    """A sandbox of this kind in a thread of this process, whose clock can be put on."""
    clock = Clock()
    box = GitHubBox(clock=clock) if kind == "github" else GitLabBox(clock=clock)
    with (
        serving(box.app) as url,
        httpx.Client(base_url=url, headers=HEADERS[kind], trust_env=False, timeout=30) as http,
    ):
        yield Box(kind, url, http, clock)
    box.close()


@contextmanager
def running(kind: str) -> Iterator[Box]:
    """A sandbox of this kind on a free port."""
    command = "from app.cli import main; main()"
    words = [sys.executable, "-c", command, "sandbox", "--kind", kind, "--port", "0", "--json"]
    root = Path(__file__).parents[1]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root) as process:
        try:
            assert process.stdout is not None
            told = ""
            while not told.endswith("}\n"):
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError(f"the {kind} sandbox did not start")
                told += line
            url = json.loads(told)["url"]
            with httpx.Client(base_url=url, headers=HEADERS[kind], trust_env=False, timeout=30) as client:
                yield Box(kind, url, client)
        finally:
            process.terminate()


@dataclass(slots=True)
class Bench:
    """A programme with one target in a box."""

    ctx: Context

    def apply(self) -> Applied:
        applied = reconcile.apply_plan(self.ctx, NAME)
        if applied is None or applied.state != "done":
            raise RuntimeError(f"the plan was not applied whole: {applied}")
        return applied

    def refresh(self) -> Refreshed:
        found = reconcile.refresh(self.ctx, NAME)
        if not found.complete:
            raise RuntimeError(f"the refresh was not complete: {found.error}")
        return found


@contextmanager
def programme(source: bytes, box: Box, path: str, profile: str, group: str = "") -> Iterator[Bench]:
    """A new database with this roadmap and a target at `path`; nothing is asked of the box yet."""
    os.environ[TOKEN] = "bench"
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        ctx = Context(Database(f"sqlite:///{folder}/bench.db"))
        ctx.db.ready()
        try:
            roadmap.import_roadmap(ctx.db, source, SLUG, start=generated.START, now=ctx.now())
            target = NewTarget(
                NAME, SLUG, box.kind, path, group=group, base_url=box.url, profile=profile, token_env=TOKEN
            )
            targets.add(ctx, target)
            yield Bench(ctx)
        finally:
            ctx.db.close()
