"""A person with a mouse at both boxes' pages: a box ticked, an issue closed, and the status's numbers move."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.db.engine import Database
from app.sync import reconcile, roadmap, status, targets
from app.sync.context import Context, utc_now
from app.sync.targets import NewTarget
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import serving

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: apt-get install chromium"),
]
PATH = "acme/app"
ROADMAP = b"""# Small

### Milestone M1 - Foundations
- **Tasks:**
  - **Task 1A - Mobilisation**
    1. Draft the charter.
    2. Set up tools.
  - **Task 1B - Blueprint**
    1. Draw the plan.
    2. Have it checked.
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=["github", "gitlab"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Context, str]]:
    """The roadmap, pushed; gives the context and the address of the box's page of the repository."""
    monkeypatch.setenv("ROBOT", "the-robot")
    db = Database(f"sqlite:///{tmp_path / 'milepost.db'}")
    db.ready()
    ctx = Context(db)
    box: Any = GitHubBox() if request.param == "github" else GitLabBox()
    with serving(box.app) as url:
        roadmap.import_roadmap(db, ROADMAP, "small", start=utc_now().date(), now=utc_now())
        targets.add(ctx, NewTarget("hub", "small", request.param, PATH, base_url=url, token_env="ROBOT"))
        reconcile.apply_plan(ctx, "hub")
        yield ctx, f"{url}/{PATH}"
    box.close()
    db.close()


def figures(ctx: Context) -> tuple[int, int, float | None]:
    assert reconcile.refresh(ctx, "hub").error is None
    found = status.status(ctx, "small")
    return found.done, found.total, found.percent


def test_what_a_person_does_with_the_mouse_moves_the_numbers(browser: Any, site: tuple[Context, str]) -> None:
    ctx, home = site
    assert figures(ctx) == (0, 4, 0.0)
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(home)
    page.get_by_role("link", name="1A — Mobilisation").first.click()
    page.get_by_role("button", name=re.compile(r"^Tick 1A\.1")).click()
    page.get_by_role("button", name="Untick 1A.1").wait_for()
    assert figures(ctx) == (1, 4, 25.0)
    page.get_by_role("button", name="Untick 1A.1").click()
    page.get_by_role("button", name=re.compile(r"^Tick 1A\.1")).wait_for()
    assert figures(ctx) == (0, 4, 0.0)
    page.goto(home)
    page.get_by_role("link", name="1B — Blueprint").first.click()
    page.get_by_role("button", name=re.compile("^Close")).first.click()
    page.get_by_role("button", name="Reopen").wait_for()
    assert figures(ctx) == (2, 4, 50.0)
    (task,) = [t for m in status.status(ctx, "small").milestones for t in m.tasks if t.key == "1B"]
    assert (task.percent, task.state) == (100.0, "closed")
    page.get_by_role("button", name="Reopen").click()
    page.get_by_role("button", name=re.compile("^Close")).first.wait_for()
    assert figures(ctx) == (0, 4, 0.0)
    assert reconcile.make_plan(ctx, "hub").plan.changes == ()
    assert errors == []
    page.close()
