"""When objects were made, whose they are and what they weigh: as recorded, and as the boxes send it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.core.plan import Desired, Observed
from connectors import registry
from connectors.base import Place, Secret
from connectors.github import convert as github
from connectors.gitlab import convert as gitlab
from connectors.gitlab.convert import Malformed
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import serving

MADE = datetime(2026, 11, 3, 8, 30, tzinfo=UTC)
GITHUB: dict[str, Any] = {"number": 7, "title": "x", "state": "open", "created_at": "2026-11-03T08:30:00Z"}
GITHUB_GQL: dict[str, Any] = {
    "id": "I_7", "number": 7, "url": "u", "title": "x", "state": "OPEN", "createdAt": "2026-11-03T08:30:00Z",
}  # fmt: skip
GITLAB: dict[str, Any] = {
    "id": 70, "iid": 7, "title": "x", "state": "opened", "created_at": "2026-11-03T09:30:00.000+01:00",
}  # fmt: skip
WORK_ITEM: dict[str, Any] = {
    "id": "gid://gitlab/WorkItem/70", "iid": "7", "title": "x", "state": "OPEN", "createdAt": "2026-11-03T08:30:00Z",
}  # fmt: skip


def told(item: Observed) -> tuple[datetime | None, tuple[str, ...], int | None]:
    return item.created_at, item.assignees, item.estimate


@pytest.mark.parametrize(
    ("change", "people"),
    [({"assignees": [{"login": "mona"}, {"login": "lisa"}]}, ("mona", "lisa")), ({"assignees": None}, ()), ({}, ())],
)
def test_github_rest(change: dict[str, Any], people: tuple[str, ...]) -> None:
    assert told(github.issue(GITHUB | change)) == (MADE, people, None)


def test_github_graphql_and_milestones() -> None:
    some = {"assignees": {"nodes": [{"login": "mona"}]}}
    assert told(github.graphql_issue(GITHUB_GQL | some)) == (MADE, ("mona",), None)
    assert told(github.graphql_issue(GITHUB_GQL)) == (MADE, (), None)
    assert told(github.milestone(GITHUB)) == (MADE, (), None)
    assert told(github.graphql_milestone(GITHUB_GQL)) == (MADE, (), None)


@pytest.mark.parametrize(
    ("change", "people", "weight"),
    [
        ({"assignees": [{"username": "ann"}, {"username": "bob"}], "weight": 5}, ("ann", "bob"), 5),
        ({"assignees": [], "weight": 0}, (), 0),
        ({"weight": None}, (), None),  # licensed, and not weighed
        ({}, (), None),  # not licensed
    ],
)
def test_gitlab_rest(change: dict[str, Any], people: tuple[str, ...], weight: int | None) -> None:
    assert told(gitlab.issue(GITLAB | change)) == (MADE, people, weight)


def test_a_weight_that_is_none_is_no_answer_of_gitlab_s() -> None:
    with pytest.raises(Malformed, match="weight"):
        gitlab.issue(GITLAB | {"weight": "5"})


def test_gitlab_graphql_and_milestones() -> None:
    some = {"widgets": [{}, {"assignees": {"nodes": [{"username": "ann"}]}}]}
    assert told(gitlab.work_item(WORK_ITEM | some)) == (MADE, ("ann",), None)
    assert told(gitlab.work_item(WORK_ITEM | {"widgets": [{"assignees": None}]})) == (MADE, (), None)
    assert told(gitlab.milestone(GITLAB)) == (MADE, (), None)


def test_the_github_box_sends_them() -> None:
    box = GitHubBox()
    with serving(box.app) as url:
        head = {"Authorization": "Bearer a-person"}
        with httpx.Client(base_url=f"{url}/repos/acme/app", headers=head, trust_env=False) as person:
            person.post("/issues", json={"title": "theirs", "assignees": ["mona", "lisa"]}).raise_for_status()
            person.post("/milestones", json={"title": "M1"}).raise_for_status()
        hub = registry.kind("github").open(Place("github", url, "acme/app", Secret("t")))
        seen = hub.observe(None)
        hub.close()
    box.close()
    found = {item.title: item for item in seen.objects}
    assert set(found["theirs"].assignees) == {"mona", "lisa"}
    assert all(item.created_at for item in found.values())
    assert seen.requests == 2


@pytest.mark.parametrize("premium", [False, True])
def test_the_gitlab_box_sends_them(premium: bool) -> None:
    box = GitLabBox(premium=premium)
    with serving(box.app) as url:
        lab = registry.kind("gitlab").open(Place("gitlab", url, "acme/app", Secret("t"), "acme" if premium else ""))
        lab.capabilities()
        with httpx.Client(base_url=f"{url}/api/v4/projects/acme%2Fapp", trust_env=False) as person:
            sent = {"title": "theirs", "assignee_ids": [1], "weight": 5}
            person.post("/issues", json=sent, headers={"private-token": "x"}).raise_for_status()
        if premium:
            lab.create(Desired(1, "1A", "task", "epic", {"title": "1A"}), {})
        seen = lab.observe(None)
        lab.close()
    box.close()
    found = {item.title: item for item in seen.objects}
    assert (found["theirs"].assignees, found["theirs"].estimate) == (("root",), 5 if premium else None)
    assert all(item.created_at for item in found.values())
    assert ("1A" in found) == premium
    assert seen.requests == (3 if premium else 2)
