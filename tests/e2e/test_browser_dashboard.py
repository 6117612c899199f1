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
from app.sync import reconcile, targets
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
    """A programme at `at`, with its roadmap and the target of its name; and people at work there."""

    at: str
    target: str
    people: GitHubPeople
    roadmap: str = ROADMAP

    def target_page(self) -> str:
        return f"{self.at}/targets/{self.target}"

    def imported(self, stage: Stage, roadmap: str = "") -> None:
        """Over the API."""
        where, how = f"/api/v1{self.at}/import", {"start": "2026-11-02"}
        answer = stage.api.post(where, params=how, content=(roadmap or self.roadmap).encode())
        assert answer.status_code == 200, answer.text

    def connected(self, stage: Stage) -> None:
        """A target for it, with a webhook from its repository."""
        new = NewTarget(
            self.target,
            self.target,
            "github",
            f"acme/{self.target}",
            base_url=stage.tracker,
            profile=stage.profile,
            webhook_secret_env="HOOK_SECRET",
        )
        self.people.hook(stage.url + targets.add(stage.ctx, new)["webhook_path"], SECRET)


@pytest.fixture(scope="module")
def stage(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("dashboard")
    box = GitHubBox()
    db = Database(f"sqlite:///{folder / 'served.db'}")
    db.ready()
    profile = folder / "ask.toml"
    profile.write_text(ASK + '[defects]\nlabels = { "sev 1" = 1, "sev 2" = 2 }\ndays = [2]\n')
    secrets = {role: tokens.create(db, role, name=role.value, now=utc_now()).secret for role in Role}
    with serving(box.app) as tracker, served(folder, MILEPOST_DEBOUNCE="0.05") as (_, api):
        api.headers["Authorization"] = f"Bearer {secrets[Role.ADMIN]}"
        yield Stage(browser, str(api.base_url).rstrip("/"), tracker, secrets, api, Context(db), str(profile))
    box.close()
    db.close()


@pytest.fixture
def fresh(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Work]:
    """Nothing of it is there yet but its repository."""
    name = "t" + hashlib.sha256(request.node.name.encode()).hexdigest()[:6]
    people = GitHubPeople(stage.tracker, f"acme/{name}", children=False)
    yield Work(f"/programmes/{name}", name, people, ROADMAP.replace("Small Programme", f"Programme {name}"))
    people.client.close()


@pytest.fixture
def work(stage: Stage, fresh: Work) -> Work:
    """Imported and connected, and in its tracker not yet."""
    fresh.imported(stage)
    fresh.connected(stage)
    return fresh


def applied(page: Any) -> None:
    """From a target's page: plan, review, apply, and wait for the end without reloading."""
    page.get_by_role("button", name="Plan changes").click()
    page.get_by_role("button", name=re.compile("^Apply")).click()
    page.get_by_role("heading", name=re.compile("^Run ")).wait_for()
    page.locator("h1 + .health", has_text="Done").wait_for()


def test_an_operator_imports_and_applies_and_a_manager_sees_the_work(stage: Stage, fresh: Work) -> None:
    work = fresh
    operator = stage.log_in(Role.OPERATOR)
    operator.get_by_role("link", name="Import a roadmap").click()
    operator.get_by_label("Name in addresses").fill(work.target)
    operator.get_by_label("First day of week 0").fill("2026-11-02")
    operator.get_by_label("or its text").fill(work.roadmap.replace("Task 1B", "Task 1A"))
    operator.get_by_role("button", name="Show what it changes").click()
    assert "Line 10: 1A is defined twice" in operator.get_by_role("alert").inner_text()
    assert "Task 1A — Blueprint" in operator.get_by_label("or its text").input_value()
    file = {"name": "roadmap.md", "mimeType": "text/markdown", "buffer": work.roadmap.encode()}
    operator.get_by_label("A Markdown file").set_input_files(file)
    operator.get_by_role("button", name="Show what it changes").click()
    operator.get_by_text("would be a new programme").wait_for()
    operator.get_by_text("9 added").wait_for()
    operator.get_by_role("button", name="Store it as version 1").click()
    operator.get_by_text("The roadmap is imported, as version 1.").wait_for()
    assert operator.request.get(f"{stage.url}/api/v1{work.at}/roadmap.md").text() == work.roadmap
    work.connected(stage)
    operator.reload()
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
    assert "/import" not in manager.content()
    assert manager.goto(f"{stage.url}{work.at}/import").status == 403
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
    operator.goto(f"{stage.url}{work.at}/import")
    operator.get_by_label("or its text").fill(work.roadmap.replace("Mobilisation", "Getting Going"))
    operator.get_by_role("button", name="Show what it changes").click()
    operator.get_by_text("1 renamed").wait_for()
    operator.get_by_role("button", name="Store it as version 2").click()
    operator.get_by_role("link", name=work.target, exact=True).click()
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


def test_a_page_keeps_its_figures_while_the_service_fails(stage: Stage, work: Work) -> None:
    operator = stage.log_in(Role.OPERATOR)
    operator.goto(stage.url + work.target_page())
    applied(operator)
    operator.goto(stage.url + work.at)
    operator.locator("#percent", has_text="0 %").wait_for()
    failing = f"{stage.url}{work.at}"
    operator.route(failing, lambda route: route.fulfill(status=500, content_type="text/html", body="<main>No.</main>"))
    work.people.close_task("1B")
    operator.locator("main.unreachable").wait_for()
    assert operator.locator("#percent").inner_text() == "0 %"
    operator.unroute(failing)
    work.people.close_task("2A")
    operator.locator("#percent", has_text="50 %").wait_for()
    assert operator.locator("main.unreachable").count() == 0
    operator.context.close()


def test_a_run_is_taken_back_after_its_plan_was_looked_at(stage: Stage, work: Work) -> None:
    operator = stage.log_in(Role.OPERATOR)
    operator.goto(stage.url + work.target_page())
    applied(operator)
    operator.get_by_role("button", name="Plan its undoing").click()  # it is there without a reload
    operator.get_by_text("to take back the run").wait_for()
    assert [issue["state"] for issue in work.people.issues()] == ["open"] * 3
    operator.get_by_role("button", name=re.compile("^Apply")).click()
    operator.locator("h1 + .health", has_text="Done").wait_for()
    assert {issue["state_reason"] for issue in work.people.issues()} == {"not_planned"}
    operator.context.close()


def pages(stage: Stage, work: Work, page: Any) -> Iterator[str]:
    """Every page of the dashboard, one after another, with everything that can be opened open."""

    def ready(path: str = "") -> str:
        if path:
            page.goto(stage.url + path)
        page.wait_for_load_state("load")  # its style too: what was waited for may be there before
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        return str(page.url.removeprefix(stage.url))

    page.goto(stage.url + work.target_page())
    page.get_by_role("button", name="Plan changes").click()
    page.get_by_role("heading", name=f"Plan for {work.target}").wait_for()
    yield ready()
    page.get_by_role("button", name=re.compile("^Apply")).click()
    page.locator("h1 + .health", has_text="Done").wait_for()
    yield ready()
    (m1,) = [one["number"] for one in work.people.milestones() if one["title"].startswith("M1")]
    title = one_of(work.roadmap)
    work.people._call("POST", "/issues", title=title, labels=["sev 1"], milestone=m1)
    work.people._edit("1A", title=f"1A {title}"[:255])
    work.imported(stage, work.roadmap.replace("Lay bricks", "Bricks are laid").replace("1A — ", "1A — B "))
    reconcile.refresh(stage.ctx, work.target)
    for path in ("/", work.at, f"{work.at}/milestones/M1", work.target_page(), "/nowhere/" + title[:80]):
        yield ready(path)
    page.goto(f"{stage.url}{work.at}/import")
    page.get_by_label("or its text").fill(f"# {title}\n")
    page.get_by_role("button", name="Show what it changes").click()
    page.get_by_role("alert").wait_for()
    yield ready() + " refused"
    page.get_by_label("or its text").fill(work.roadmap + "\n- **Dependencies:** " + title)
    page.get_by_role("button", name="Show what it changes").click()
    page.get_by_role("heading", name="What it changes").wait_for()
    yield ready() + " looked at"
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Token").wait_for()
    yield ready()


def one_of(roadmap: str) -> str:
    """The words of its first task."""
    return roadmap.partition("Task 1A — ")[2].partition(" (12% complete)")[0].partition("**")[0]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_serious_is_found_by_axe_on_any_page(stage: Stage, work: Work, dark: bool) -> None:
    """By all of its rules, in both themes."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    operator = stage.log_in(Role.OPERATOR, dark=dark)
    operator.set_viewport_size({"width": 390, "height": 900})
    found, looked_at = [], 0
    for path in pages(stage, work, operator):
        looked_at += 1
        for each in axe.Axe().run(operator, options={"resultTypes": ["violations"]}).response["violations"]:
            if each["impact"] in ("serious", "critical"):
                found.append((path, each["id"], [node["html"][:200] for node in each["nodes"]][:3]))
    operator.context.close()
    assert found == []
    assert looked_at == 10


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_serious_is_found_by_axe_in_the_reference(stage: Stage, dark: bool) -> None:
    """The first operation of each section is open: axe takes ten seconds for all of them, which are alike."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    viewer = stage.log_in(Role.VIEWER, dark=dark)
    viewer.set_viewport_size({"width": 390, "height": 900})
    viewer.goto(f"{stage.url}/docs")
    viewer.evaluate(
        "document.querySelectorAll('section > details:first-of-type').forEach(each => { each.open = true })"
    )
    violations = axe.Axe().run(viewer, options={"resultTypes": ["violations"]}).response["violations"]
    assert [each["id"] for each in violations if each["impact"] in ("serious", "critical")] == []
    viewer.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert viewer.evaluate("document.documentElement.scrollWidth <= innerWidth")
    viewer.context.close()


WIDE = {
    "cjk": "漢" * 255,
    "emoji": "👩‍👩‍👧‍👦" * 23,
    "one word": "W" * 255,
    "right to left": "خارطة الطريق للإصدار الثاني " * 9,
    "turned": "\u202e" + "gnirts a " * 20,
}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", WIDE)
def test_no_title_makes_a_page_wider_than_a_phone(stage: Stage, fresh: Work, name: str, dark: bool) -> None:
    for words in ("Programme " + fresh.target, "Mobilisation", "Foundations", "Draft the charter."):
        fresh.roadmap = fresh.roadmap.replace(words, WIDE[name].strip())
    fresh.imported(stage)
    fresh.connected(stage)
    operator = stage.log_in(Role.OPERATOR, dark=dark)
    operator.set_viewport_size({"width": 390, "height": 900})
    wider = {}
    for path in pages(stage, fresh, operator):
        scroll, inner = operator.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if scroll > inner:
            wider[path] = (scroll, inner)
    operator.context.close()
    assert wider == {}


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
