"""A database, a box and a target, for tests of the verbs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.versions import Changes
from app.sync import reconcile, roadmap, status, targets
from app.sync.context import Context, utc_now
from app.sync.documents import ProgrammeStatus
from app.sync.reconcile import Applied
from app.sync.targets import NewTarget
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Options, serving
from tests.databases import migrated, usual

SMALL = """# Small Programme

### Milestone M1 — Foundations
- **Target Window:** Weeks 0–2
- **Objective:** Lay the ground.
- **Tasks:**
  - **Task 1A — Mobilisation (12% complete)**
    1. Draft the charter of the whole programme.
    2. Set up tools and accounts for everybody.
    3. Agree on the definition of done.
  - **Task 1B — Blueprint**
    1. Draw the plan of the ground floor.
    2. Have the drawings checked by the city.

### Milestone M2 — Walls
- **Target Window:** Weeks 2–4
- **Objective:** Build up.
- **Tasks:**
  - **Task 2A — Bricks**
    1. Order bricks from two suppliers.
    2. Lay bricks up to the first floor.
"""
PATH = "acme/app"
ANY = Options()
PROFILES = ["github", "github-issues", "gitlab", "gitlab-issues"]


@dataclass
class Site:
    """A programme `small` with the target `hub` in a box of its own."""

    ctx: Context
    url: str
    box: Any
    profile: str
    person: httpx.Client

    @property
    def github(self) -> bool:
        return self.profile.startswith("github")

    def read(self, text: str, slug: str = "small") -> Changes:
        found = roadmap.import_roadmap(self.ctx.db, text.encode(), slug, start=date(2026, 11, 2), now=utc_now())
        return found.changes

    def target(self, name: str = "hub", slug: str = "small", **more: Any) -> None:
        kind = "github" if self.github else "gitlab"
        options = {"profile": self.profile, "token_env": "SYNC_TOKEN", "base_url": self.url} | more
        targets.add(self.ctx, NewTarget(name, slug, kind, PATH, **options))

    def apply(self, **more: Any) -> Applied:
        applied = reconcile.apply_plan(self.ctx, "hub", **more)
        assert applied is not None
        return applied

    def summary(self, **more: Any) -> dict[str, int]:
        """What a plan would do, the actions that occur."""
        found = reconcile.make_plan(self.ctx, "hub", **more).plan.summary()
        return {action: count for action, count in found.items() if count and action != "unchanged"}

    def status(self) -> ProgrammeStatus:
        reconcile.refresh(self.ctx, "hub")
        return status.status(self.ctx, "small")

    def issues(self) -> dict[int, dict[str, Any]]:
        """Issues by number, as a person sees them."""
        query = "state=all" if self.github else "scope=all"
        found = self.person.get(f"/issues?{query}&per_page=100").raise_for_status().json()
        return {issue["number" if self.github else "iid"]: issue for issue in found}

    def titles(self) -> dict[str, int]:
        found = {issue["title"]: number for number, issue in self.issues().items()}
        assert len(found) == len(self.issues()), "two issues have one title"
        return found

    def text(self, number: int) -> str:
        return str(self.issues()[number]["body" if self.github else "description"])

    def edit(self, number: int, **fields: Any) -> None:
        """A person edits an issue; `body` and `state` ("closed", "open") in GitHub's words."""
        if not self.github:
            if "body" in fields:
                fields["description"] = fields.pop("body")
            if "state" in fields:
                fields["state_event"] = "close" if fields.pop("state") == "closed" else "reopen"
        method = "PATCH" if self.github else "PUT"
        self.person.request(method, f"/issues/{number}", json=fields).raise_for_status()

    def writes(self) -> int:
        return int(self.box.log.summary()["writes"])


def open_site(folder: Path, profile: str, url: str | None = None, options: Options = ANY) -> Iterator[Site]:
    db = migrated(url or usual(folder))
    github = profile.startswith("github")
    box: Any = GitHubBox(options) if github else GitLabBox(options)
    with serving(box.app) as address:
        base = f"{address}/repos/{PATH}" if github else f"{address}/api/v4/projects/{PATH.replace('/', '%2F')}"
        headers = {"Authorization": "Bearer a-person"}
        with httpx.Client(base_url=base, headers=headers, trust_env=False) as person:
            try:
                yield Site(Context(db), address, box, profile, person)
            finally:
                box.close()
                db.close()


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_TOKEN", "the-robot")


@pytest.fixture(params=PROFILES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """One for each profile."""
    yield from open_site(tmp_path, request.param)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Site]:
    """One with the profile `github`."""
    yield from open_site(tmp_path, "github")
