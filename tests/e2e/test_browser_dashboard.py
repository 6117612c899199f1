"""A manager and an operator at the dashboard of a running service, with a real browser, while people work."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.access import Role, tokens
from app.db.engine import Database
from app.sync import targets
from app.sync.context import Context, utc_now
from app.sync.targets import NewTarget
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import serving
from tests.api.house import ROADMAP, SECRET
from tests.api.test_serve import served
from tests.e2e.people import GitHubPeople
from tests.e2e.test_browser_sandbox import browser, pytestmark
from tests.sync.test_conflicts import ASK

__all__ = ["browser", "pytestmark"]


@dataclass
class Stage:
    """A running service at `url`, and a box at `tracker`, for all tests of the module."""

    browser: Any
    url: str
    tracker: str
    secrets: dict[Role, str]
    api: httpx.Client
    ctx: Context
    profile: str

    def log_in(self, role: Role, *, dark: bool = False) -> Any:
        """A page at `/`, whose reader came by a token of the role. What a browser refuses fails the test."""
        page = self.browser.new_context(color_scheme="dark" if dark else "light").new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.on("console", lambda said: pytest.fail(said.text) if "Content Security Policy" in said.text else None)
        page.goto(self.url)
        page.get_by_label("Token").fill(self.secrets[role])
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Programmes", level=1).wait_for()
        return page


@dataclass
class Work:
    """A programme that is in no tracker yet, at `at`; the target of its name; and people at work there."""

    at: str
    target: str
    people: GitHubPeople

    def target_page(self) -> str:
        return f"{self.at}/targets/{self.target}"


@pytest.fixture(scope="module")
def stage(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("dashboard")
    box = GitHubBox()
    db = Database(f"sqlite:///{folder / 'served.db'}")
    db.ready()
    profile = folder / "ask.toml"
    profile.write_text(ASK)
    secrets = {role: tokens.create(db, role, name=role.value, now=utc_now()).secret for role in Role}
    with serving(box.app) as tracker, served(folder, MILEPOST_DEBOUNCE="0.05") as (_, api):
        api.headers["Authorization"] = f"Bearer {secrets[Role.ADMIN]}"
        yield Stage(browser, str(api.base_url).rstrip("/"), tracker, secrets, api, Context(db), str(profile))
    box.close()
    db.close()


@pytest.fixture
def work(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Work]:
    """Imported over the API, with a webhook from its repository."""
    name = "t" + hashlib.sha256(request.node.name.encode()).hexdigest()[:6]
    at, repository = f"/programmes/{name}", f"acme/{name}"
    roadmap = ROADMAP.replace("Small Programme", f"Programme {name}")
    imported = stage.api.post(f"/api/v1{at}/import", params={"start": "2026-11-02"}, content=roadmap.encode())
    assert imported.status_code == 200, imported.text
    new = NewTarget(
        name,
        name,
        "github",
        repository,
        base_url=stage.tracker,
        profile=stage.profile,
        webhook_secret_env="HOOK_SECRET",
    )
    hook = stage.url + targets.add(stage.ctx, new)["webhook_path"]
    people = GitHubPeople(stage.tracker, repository, children=False)
    people.hook(hook, SECRET)
    yield Work(at, name, people)
    people.client.close()


def applied(page: Any) -> None:
    """From a target's page: plan, review, apply, and wait for the end without reloading."""
    page.get_by_role("button", name="Plan changes").click()
    page.get_by_role("button", name=re.compile("^Apply")).click()
    page.get_by_role("heading", name=re.compile("^Run ")).wait_for()
    page.locator("h1 + .health", has_text="Done").wait_for()


def test_an_operator_applies_a_plan_and_a_manager_sees_the_work(stage: Stage, work: Work) -> None:
    operator = stage.log_in(Role.OPERATOR)
    operator.get_by_role("link", name=f"Programme {work.target}").click()
    operator.get_by_role("link", name=work.target, exact=True).click()
    operator.get_by_role("button", name="Plan changes").click()
    operator.get_by_role("heading", name=f"Plan for {work.target}").wait_for()
    change = operator.locator("article", has_text="1A — Mobilisation")
    assert change.locator("tr", has_text="title").inner_text().split("\t") == [
        "title",
        "(nothing)",
        "1A — Mobilisation",
    ]
    assert work.people.issues() == []
    operator.get_by_role("button", name=re.compile("^Apply")).click()
    operator.locator("h1 + .health", has_text="Done").wait_for()  # without a reload
    assert len(work.people.issues()) == 3

    manager = stage.log_in(Role.VIEWER)
    manager.goto(stage.url + work.at)
    manager.locator("#percent", has_text="0 %").wait_for()
    manager.locator("#d-M1 > summary").click()
    manager.locator("#t-1A > summary").focus()
    manager.evaluate("window.neverReloaded = true")
    person = stage.browser.new_page()
    person.goto(f"{stage.tracker}/acme/{work.target}")
    person.get_by_role("link", name="1B — Blueprint").first.click()
    person.get_by_role("button", name=re.compile("^Close")).first.click()
    manager.locator("#percent", has_text="25 %").wait_for()
    assert manager.evaluate("window.neverReloaded") is True
    assert manager.locator("#d-M1").get_attribute("open") is not None
    assert manager.evaluate("document.activeElement.parentElement.id") == "t-1A"
    assert manager.locator("#t-1B > summary .value").inner_text() == "100 %"

    for path in (work.target_page(), work.at):
        manager.goto(stage.url + path)
        buttons = manager.get_by_role("button").all_inner_texts()
        assert [one for one in buttons if not one.endswith("to point at")] == ["Log out"]
    assert manager.goto(operator.url).status == 403
    assert (
        manager.get_by_role("heading", level=1).inner_text() == "This needs the role operator; the token's is viewer."
    )
    manager.get_by_role("button", name="Log out").click()
    manager.wait_for_url(f"{stage.url}/login")
    for page in (manager, operator):
        page.context.close()
    person.close()


def test_a_conflict_is_decided(stage: Stage, work: Work) -> None:
    operator = stage.log_in(Role.OPERATOR)
    operator.goto(stage.url + work.target_page())
    applied(operator)
    operator.goto(stage.url + work.target_page())
    work.people._edit("1A", title="1A People's own")
    renamed = ROADMAP.replace("Mobilisation", "Getting Going").encode()
    assert stage.api.post(f"/api/v1{work.at}/import", content=renamed).status_code == 200
    operator.get_by_role("button", name="Refresh now").click()
    row = operator.locator("tr", has_text="1A title")
    row.wait_for()  # without a reload
    assert "1A — Getting Going" in row.inner_text()
    assert "1A People's own" in row.inner_text()
    row.get_by_role("button", name="Take roadmap").click()
    operator.get_by_text("The roadmap's value counts.").wait_for()
    assert operator.locator("tr", has_text="1A title").count() == 0
    applied(operator)
    assert "1A — Getting Going" in [issue["title"] for issue in work.people.issues()]
    operator.context.close()


def test_nothing_serious_is_found_by_axe_on_any_page(stage: Stage, work: Work) -> None:
    """In both themes; and nothing is wider than a phone."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    operator = stage.log_in(Role.OPERATOR)
    operator.set_viewport_size({"width": 390, "height": 900})
    found = []

    def looked_at(path: str = "") -> None:
        if path:
            operator.goto(stage.url + path)
        operator.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        operator.emulate_media(color_scheme="light")
        results = [axe.Axe().run(operator, options={"resultTypes": ["violations"]}).response]
        operator.emulate_media(color_scheme="dark")  # only colours differ
        results.append(operator.evaluate("axe.run({ runOnly: ['color-contrast'], resultTypes: ['violations'] })"))
        for each in (violation for result in results for violation in result["violations"]):
            if each["impact"] in ("serious", "critical"):
                found.append((operator.url, each["id"], [node["html"][:200] for node in each["nodes"]][:3]))
        beside = operator.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beside == 0, f"{operator.url} is {beside} pixels too wide"

    for path in ("/", work.at, work.target_page()):
        looked_at(path)
    operator.get_by_role("button", name="Plan changes").click()
    operator.get_by_role("heading", name=f"Plan for {work.target}").wait_for()
    looked_at()
    operator.get_by_role("button", name=re.compile("^Apply")).click()
    operator.locator("h1 + .health", has_text="Done").wait_for()
    looked_at()
    operator.context.close()
    assert found == []


def test_a_chart_can_be_pointed_at(stage: Stage, work: Work) -> None:
    """Drawn on the page when asked for, under the strict policy; a picture stands there until then."""
    manager = stage.log_in(Role.VIEWER)
    manager.goto(stage.url + work.at)
    assert manager.locator("figure img").count() == 2
    manager.get_by_role("button", name="Show a timeline to point at").click()
    drawn = manager.locator("figure .chart svg")
    drawn.wait_for(timeout=20_000)
    assert "Foundations" in drawn.text_content()
    assert manager.locator("figure img").count() == 1
    stage.api.patch(f"/api/v1{work.at}", json={"title": "Another"}).raise_for_status()
    manager.locator("h1", has_text="Another").wait_for()  # without a reload
    assert manager.locator("figure .chart svg").count() == 1
    assert manager.locator("figure img").count() == 1
