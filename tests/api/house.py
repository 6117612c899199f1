"""A whole service on loopback with a GitHub in a box beside it, for the tests of its doors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete

from app.db.engine import Database
from app.db.models import ProgrammeRow
from app.jobs.service import queue_for
from app.main import create_app
from app.settings import Settings
from app.sync.context import Context
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import serving
from tests.databases import usual

ROADMAP = """# Small Programme

### Milestone M1 — Foundations
- **Target Window:** Weeks 0–2
- **Objective:** Lay the ground.
- **Tasks:**
  - **Task 1A — Mobilisation (12% complete)**
    1. Draft the charter.
    2. Set up the tools.
  - **Task 1B — Blueprint**
    1. Draw the plan.

### Milestone M2 — Walls
- **Target Window:** Weeks 2–4
- **Objective:** Build up.
- **Tasks:**
  - **Task 2A — Bricks**
    1. Lay bricks.
"""
SECRET = "a-webhook-secret-of-tests"


@dataclass
class House:
    """`api` speaks to the service's `/api/v1`, `root` to its root, `tracker` to the box's REST API as a person."""

    ctx: Context
    settings: Settings
    app: FastAPI
    box: GitHubBox
    root: httpx.Client
    api: httpx.Client
    tracker: httpx.Client
    repo: str = "acme/app"
    _repos: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._service = self.app.state.service

    def empty(self) -> None:
        """Forget everything, and move to a repository that nobody has used."""
        self.app.state.service = self._service
        with self.ctx.db.write() as session:
            session.execute(delete(ProgrammeRow))
        self.repo = f"acme/app-{next(self._repos)}"
        self.box.log.clear()

    def issues(self) -> list[dict[str, Any]]:
        """Open issues, as a person sees them."""
        return list(self.tracker.get(f"/repos/{self.repo}/issues", params={"state": "open"}).json())

    def ready(self, name: str = "hub", **more: Any) -> dict[str, Any]:
        """A programme `small`, and a target of all of it; gives the target's document."""
        found = self.api.post("/programmes/small/import", params={"start": "2026-11-02"}, content=ROADMAP.encode())
        assert found.status_code == 200, found.text
        return self.target(name, **more)

    def target(self, name: str, **more: Any) -> dict[str, Any]:
        body = {
            "name": name,
            "kind": "github",
            "repo": self.repo,
            "base_url": str(self.tracker.base_url),
            "webhook_secret_env": "HOOK_SECRET",
            **more,
        }
        made = self.api.post("/programmes/small/targets", json=body)
        assert made.status_code == 201, made.text
        return dict(made.json())

    def plan(self, name: str = "hub", slug: str = "small") -> str:
        made = self.api.post(f"/programmes/{slug}/targets/{name}/plans")
        assert made.status_code == 201, made.text
        return str(made.json()["plan"])

    def apply(self, plan: str) -> dict[str, Any]:
        """Carry a plan out and wait for its end."""
        begun = self.api.post(f"/programmes/small/plans/{plan}/apply")
        assert begun.status_code == 202, begun.text
        return self.run(begun.json()["run"])

    def run(self, run_id: str) -> dict[str, Any]:
        def over() -> dict[str, Any] | None:
            run = self.api.get(f"/programmes/small/runs/{run_id}").json()
            return run if run["state"] != "running" else None

        return dict(until(over))

    def close_issue(self, title: str) -> None:
        """A person closes an issue as completed."""
        (number,) = [issue["number"] for issue in self.issues() if issue["title"] == title]
        self.tracker.patch(f"/repos/{self.repo}/issues/{number}", json={"state": "closed"}).raise_for_status()


def until(look: Callable[[], Any], seconds: float = 10.0) -> Any:
    """What `look` gives as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)
    return found


def database(folder: Path) -> Database:
    return Database(usual(folder))


@contextmanager
def open_house(folder: Path, settings: Settings) -> Iterator[House]:
    """The service without its schedule: what isn't asked for doesn't happen. Its queue works, of either kind."""
    ctx = Context(database(folder))
    queue = queue_for(ctx.db)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.jobs.service.queue_for", lambda _: queue)
        app = create_app(ctx, settings)
    queue.start()
    box = GitHubBox()
    person = {"Authorization": "Bearer person"}
    with (
        serving(box.app) as tracker_url,
        serving(app) as url,
        httpx.Client(base_url=url, trust_env=False) as root,
        httpx.Client(base_url=f"{url}/api/v1", trust_env=False, timeout=30) as api,
        httpx.Client(base_url=tracker_url, trust_env=False, headers=person) as tracker,
    ):
        yield House(ctx, settings, app, box, root, api, tracker)
    queue.stop(5.0)
    box.close()
    ctx.db.close()
