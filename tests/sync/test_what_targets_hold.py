"""Epics, issue types, dependencies and caps: pushed where the target has them, told in the plan where it has not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.db.engine import Database
from app.sync import reconcile
from app.sync.context import Context
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Options, serving
from tests.databases import usual
from tests.sync.conftest import SMALL, Site

PROFILE = (Path(__file__).parents[2] / "mappings/profiles/github.toml").read_text()
TABLE = """
| Milestone | Depends on |
| --- | --- |
| M2 | M1 |
"""


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Site]:
    """A GitLab with a group of epics."""
    db = Database(usual(tmp_path))
    box: Any = GitLabBox(premium=True)
    with serving(box.app) as address:
        base = f"{address}/api/v4/projects/acme%2Fapp"
        with httpx.Client(base_url=base, headers={"Authorization": "Bearer a-person"}, trust_env=False) as person:
            yield Site(Context(db), address, box, "gitlab-premium", person)
    box.close()
    db.close()


def epics(site: Site) -> dict[str, dict[str, Any]]:
    """The group's epics by title, asked as a person would."""
    query = """{ group(fullPath: "acme") { workItems(types: [EPIC], first: 100) { nodes { id iid title state
      widgets { ... on WorkItemWidgetDescription { description } } } } } }"""
    answer = site.person.post(f"{site.url}/api/graphql", json={"query": query}).raise_for_status().json()
    return {node["title"]: node for node in answer["data"]["group"]["workItems"]["nodes"]}


def test_tasks_are_epics_of_the_group(group: Site) -> None:
    group.read(SMALL)
    group.target(group="acme")
    planned = reconcile.make_plan(group.ctx, "hub")
    assert planned.plan.degraded == ()
    applied = group.apply(plan_id=planned.id)
    assert (applied.state, len(applied.outcomes)) == ("done", 5)
    assert set(epics(group)) == {"1A — Mobilisation", "1B — Blueprint", "2A — Bricks"}
    assert group.issues() == {}
    assert group.summary() == {}
    before = group.writes()
    group.apply()
    assert group.writes() == before


def test_work_in_epics_is_counted(group: Site) -> None:
    group.read(SMALL)
    group.target(group="acme")
    group.apply()
    epic = epics(group)["1A — Mobilisation"]
    text = epic["widgets"][0].get("description") or next(w["description"] for w in epic["widgets"] if w)
    mutation = "mutation ($input: WorkItemUpdateInput!) { workItemUpdate(input: $input) { errors } }"

    def update(**fields: Any) -> None:
        answer = group.person.post(f"{group.url}/api/graphql", json={"query": mutation, "variables": {"input": fields}})
        assert answer.json()["data"]["workItemUpdate"]["errors"] == [], answer.text

    update(id=epic["id"], descriptionWidget={"description": text.replace("- [ ] 1A.1", "- [x] 1A.1")})
    made = group.person.post("/issues", json={"title": "Unforeseen"}).raise_for_status().json()
    update(id=f"gid://gitlab/WorkItem/{made['id']}", hierarchyWidget={"parentId": epic["id"]})
    task = group.status().milestones[0].tasks[0]
    assert (task.key, task.done, task.total) == ("1A", 1, 4)
    group.person.put(f"/issues/{made['iid']}", json={"state_event": "close"}).raise_for_status()
    status = group.status()
    assert (status.milestones[0].tasks[0].done, status.milestones[0].issues.added) == (2, 1)
    update(id=epics(group)["1B — Blueprint"]["id"], stateEvent="CLOSE")
    assert group.status().milestones[0].tasks[1].percent == 100.0
    assert group.summary() == {}


@pytest.mark.parametrize("site", ["gitlab"], indirect=True)
def test_without_the_licence_tasks_are_issues_and_the_plan_says_so(site: Site) -> None:
    site.read(SMALL)
    site.target(profile="gitlab-premium", group="acme")
    planned = reconcile.make_plan(site.ctx, "hub")
    assert [(d.key, d.wanted, d.got) for d in planned.plan.degraded] == [
        (key, "epic", "issue") for key in ("1A", "1B", "2A")
    ]
    site.apply()
    assert len(site.titles()) == 3
    assert site.summary() == {}


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Site]:
    """A GitHub whose organisation has issue types."""
    db = Database(usual(tmp_path))
    box: Any = GitHubBox(Options(types=("Task", "Epic")))
    with serving(box.app) as address:
        base = f"{address}/repos/acme/app"
        with httpx.Client(base_url=base, headers={"Authorization": "Bearer a-person"}, trust_env=False) as person:
            yield Site(Context(db), address, box, "github", person)
    box.close()
    db.close()


def mine(site: Site, tmp_path: Path, **lines: str) -> str:
    """A profile of one's own: `github` with more."""
    text = PROFILE.replace('kind = "github"', 'kind = "github"\n' + lines.get("top", ""))
    text = text.replace('labels = ["epic"]', 'labels = ["epic"]\n' + lines.get("task", ""))
    (tmp_path / "mine.toml").write_text(text)
    return str(tmp_path / "mine.toml")


def test_a_type_is_set_and_people_may_change_it(typed: Site, tmp_path: Path) -> None:
    typed.read(SMALL)
    typed.target(profile=mine(typed, tmp_path, task='type = "epic"'))
    typed.apply()
    number = typed.titles()["1A — Mobilisation"]
    assert typed.issues()[number]["type"]["name"] == "Epic"
    assert typed.summary() == {}
    typed.edit(number, type="Task")
    assert typed.summary() == {}
    typed.edit(number, type=None)
    assert typed.summary() == {}


def test_without_types_the_plan_says_so(hub: Site, tmp_path: Path) -> None:
    hub.read(SMALL)
    hub.target(profile=mine(hub, tmp_path, task='type = "Epic"'))
    planned = reconcile.make_plan(hub.ctx, "hub")
    assert {(d.wanted, d.got) for d in planned.plan.degraded} == {("type Epic", "")}
    assert hub.apply().state == "done"


def blockers(site: Site, number: int) -> set[int]:
    found = site.person.get(f"/issues/{number}/dependencies/blocked_by").raise_for_status().json()
    return {issue["number"] for issue in found}


def test_what_waits_is_blocked_where_asked(hub: Site, tmp_path: Path) -> None:
    hub.read(SMALL + TABLE)
    hub.target(profile=mine(hub, tmp_path, top="dependencies = true"))
    planned = reconcile.make_plan(hub.ctx, "hub")
    assert planned.plan.summary()["create"] == 5
    assert planned.plan.summary()["update"] == 2
    applied = hub.apply(plan_id=planned.id)
    assert (applied.state, len(applied.outcomes)) == ("done", 7)
    there = hub.titles()
    ours = {there["1A — Mobilisation"], there["1B — Blueprint"]}
    assert blockers(hub, there["2A — Bricks"]) == ours
    assert hub.summary() == {}

    hub.person.request("DELETE", f"/issues/{there['2A — Bricks']}/dependencies/blocked_by/{ids(hub)[min(ours)]}")
    mine_own = hub.person.post("/issues", json={"title": "Permit"}).raise_for_status().json()
    hub.person.post(
        f"/issues/{there['2A — Bricks']}/dependencies/blocked_by", json={"issue_id": mine_own["id"]}
    ).raise_for_status()
    assert hub.summary() == {}  # what people took off stays off, what they put on stays
    hub.read(SMALL)
    assert hub.apply().state == "done"
    assert blockers(hub, there["2A — Bricks"]) == {mine_own["number"]}
    assert hub.summary() == {}


def ids(site: Site) -> dict[int, int]:
    return {number: issue["id"] for number, issue in site.issues().items()}


def test_an_interrupted_push_of_dependencies_goes_on(hub: Site, tmp_path: Path) -> None:
    hub.read(SMALL + TABLE)
    hub.target(profile=mine(hub, tmp_path, top="dependencies = true"))
    planned = reconcile.make_plan(hub.ctx, "hub")
    for number in range(1, 8):
        stop = reconcile.Stop()

        def one(change: Any, done: int, total: int, stop: reconcile.Stop = stop) -> None:
            if done == 1:
                stop.set()

        applied = hub.apply(plan_id=planned.id, on_progress=one, stop=stop)
        assert len(applied.outcomes) == 1, number
    assert applied.state == "done"
    assert hub.summary() == {}
    assert hub.writes() == 7


def test_over_the_cap_steps_are_lines_and_the_plan_says_so(tmp_path: Path, hub: Site) -> None:
    steps = "".join(f"    {n}. Step number {n} of many.\n" for n in range(1, 104))
    hub.read(f"# P\n\n### Milestone M1 — Much\n- **Tasks:**\n  - **Task 1A — Long**\n{steps}")
    hub.target(profile="github-issues")
    planned = reconcile.make_plan(hub.ctx, "hub")
    assert [d.key for d in planned.plan.degraded] == ["1A.101", "1A.102", "1A.103"]
    applied = hub.apply()
    (url,) = [outcome.url for outcome in applied.outcomes if outcome.key == "1A"]
    issue = hub.person.get(f"/issues/{str(url).rsplit('/', 1)[1]}").json()
    assert issue["body"].count("- [ ]") == 3
    assert issue["sub_issues_summary"]["total"] == 100
    assert hub.summary() == {}
