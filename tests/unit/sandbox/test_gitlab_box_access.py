"""GitLab's box: kinds of token, their scopes and roles, and what each may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.gitlab.access import Token
from connectors.sandbox.kit import serving

API = "/api/v4"
PROJECT = f"{API}/projects/acme%2Fapp"
ISSUES = f"{PROJECT}/issues"
TODAY = datetime.now(UTC).date()
FORBIDDEN = {"message": "403 Forbidden"}
TOKENS = {
    "owner": Token(),
    "maintainer": Token(role=40, group_role=0),
    "planner": Token(role=15, group_role=0),
    "guest": Token(role=10, group_role=0),
    "stranger": Token(role=0, group_role=0),
    "reader": Token(scopes=("read_api",)),
    "repository": Token(scopes=("read_repository",)),
    "project": Token(kind="project", path="acme/app", expires_on=TODAY + timedelta(days=30)),
    "group": Token(kind="group", path="acme"),
    "expired": Token(expires_on=TODAY - timedelta(days=1)),
    "revoked": Token(revoked=True),
}


@contextmanager
def a_box(tokens: Mapping[str, Token] = TOKENS, *, premium: bool = False) -> Iterator[httpx.Client]:
    box = GitLabBox(premium=premium, tokens=tokens)
    try:
        with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False) as client:
            yield client
    finally:
        box.close()


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    with a_box() as one:
        yield one


def of(token: str) -> dict[str, str]:
    return {"PRIVATE-TOKEN": token}


def test_a_token_tells_of_itself(api: httpx.Client) -> None:
    told = {name: api.get(f"{API}/personal_access_tokens/self", headers=of(name)).json() for name in TOKENS}
    assert told["owner"]["scopes"] == ["api"]
    assert told["repository"]["scopes"] == ["read_repository"]
    assert (told["owner"]["user_id"], told["owner"]["expires_at"]) == (1, None)
    assert told["project"]["expires_at"] == str(TODAY + timedelta(days=30))
    bot = api.get(f"{API}/user", headers=of("project")).json()
    project = api.get(PROJECT, headers=of("project")).json()["id"]
    assert (bot["id"], bot["bot"]) == (told["project"]["user_id"], True)
    assert bot["username"].startswith(f"project_{project}_bot_")
    assert api.get(f"{API}/user", headers=of("owner")).json()["bot"] is False
    graphql = api.post("/api/graphql", json={"query": "{ currentUser { username } }"}, headers=of("group")).json()
    assert graphql["data"]["currentUser"]["username"].startswith("group_")


def test_a_token_that_is_over_is_not_let_in(api: httpx.Client) -> None:
    for token, word in (("expired", "expired"), ("revoked", "revoked")):
        refused = api.get(PROJECT, headers=of(token))
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_token")
        assert word in refused.json()["error_description"]
    assert api.get(PROJECT, headers=of("unknown")).json() == {"message": "401 Unauthorized"}


def test_scopes(api: httpx.Client) -> None:
    assert api.get(ISSUES, headers=of("reader")).status_code == 200
    writing = api.post(ISSUES, json={"title": "x"}, headers=of("reader"))
    assert (writing.status_code, writing.json()["error"], writing.json()["scope"]) == (403, "insufficient_scope", "api")
    reading = api.get(ISSUES, headers=of("repository"))
    assert (reading.status_code, reading.json()["scope"]) == (403, "api read_api")
    graphql = api.post("/api/graphql", json={"query": "{ currentUser { id } }"}, headers=of("repository"))
    assert (graphql.status_code, graphql.json()) == (401, {"errors": [{"message": "Invalid token"}]})


@pytest.mark.parametrize(
    ("method", "path", "body", "least"),
    [
        ("POST", ISSUES, {"title": "x"}, "guest"),
        ("POST", f"{PROJECT}/milestones", {"title": "M"}, "planner"),
        ("POST", f"{PROJECT}/labels", {"name": "l", "color": "#000"}, "planner"),
        ("POST", f"{PROJECT}/hooks", {"url": "http://127.0.0.1:9/"}, "maintainer"),
        ("GET", f"{PROJECT}/hooks", None, "maintainer"),
        ("POST", f"{API}/groups/acme/milestones", {"title": "M"}, "owner"),
    ],
)
def test_roles(api: httpx.Client, method: str, path: str, body: dict | None, least: str) -> None:
    ladder = ["guest", "planner", "maintainer", "owner"]
    for token in ladder[: ladder.index(least)]:
        refused = api.request(method, path, json=body, headers=of(token))
        assert (refused.status_code, refused.json()) == (403, FORBIDDEN), token
    assert api.request(method, path, json=body, headers=of(least)).is_success


def test_a_place_that_is_not_theirs_is_not_there(api: httpx.Client) -> None:
    api.get(f"{API}/projects/acme%2Fother", headers=of("owner"))
    for token in ("stranger", "project"):
        refused = api.get(f"{API}/projects/acme%2Fother", headers=of(token))
        assert (refused.status_code, refused.json()) == (404, {"message": "404 Project Not Found"})
    asked = {"query": '{ project(fullPath: "acme/other") { id } }'}
    assert api.post("/api/graphql", json=asked, headers=of("project")).json() == {"data": {"project": None}}
    assert api.get(f"{API}/groups/other", headers=of("group")).json() == {"message": "404 Group Not Found"}
    assert api.get(f"{API}/projects/acme%2Fother", headers=of("group")).status_code == 200
    assert api.get(f"{API}/groups/acme", headers=of("project")).status_code == 200
    level = api.get(PROJECT, headers=of("planner")).json()["permissions"]["project_access"]["access_level"]
    assert level == 15


def test_a_user_asks_for_the_own_role(api: httpx.Client) -> None:
    api.get(PROJECT, headers=of("owner"))
    roles = {}
    for token in ("owner", "planner", "project", "group"):
        user = api.get(f"{API}/user", headers=of(token)).json()["id"]
        at = [f"{place}/members/all/{user}" for place in (PROJECT, f"{API}/groups/acme")]
        roles[token] = [api.get(one, headers=of(token)).json().get("access_level") for one in at]
    assert roles == {"owner": [50, 50], "planner": [15, None], "project": [40, None], "group": [50, 50]}
    assert api.get(f"{PROJECT}/members/all/2", headers=of("owner")).json() == {"message": "404 Not found"}


def test_what_a_guest_may_not_set_is_dropped_without_a_word(api: httpx.Client) -> None:
    milestone = api.post(f"{PROJECT}/milestones", json={"title": "M"}, headers=of("owner")).json()["id"]
    asked = {"title": "x", "labels": "a", "milestone_id": milestone, "due_date": "2026-12-01"}
    made = api.post(ISSUES, json=asked, headers=of("guest")).json()
    assert (made["labels"], made["milestone"], made["due_date"]) == ([], None, None)
    whole = api.post(ISSUES, json=asked, headers=of("planner")).json()
    assert (whole["labels"], whole["milestone"]["id"]) == (["a"], milestone)


def test_the_plan_is_told_to_owners() -> None:
    with a_box(premium=True) as api:
        assert api.get(f"{API}/namespaces/acme", headers=of("owner")).json()["plan"] == "premium"
        assert "plan" not in api.get(f"{API}/namespaces/acme", headers=of("maintainer")).json()
        assert api.get(f"{API}/license", headers=of("owner")).status_code == 403


def test_tokens_are_made_over_http(api: httpx.Client) -> None:
    asked = {"kind": "group", "path": "acme", "group_role": 10, "scopes": ["api"], "expires_on": "2100-01-01"}
    assert api.put("/_sandbox/tokens/new", json=asked).status_code == 204
    assert api.get(f"{API}/personal_access_tokens/self", headers=of("new")).json()["expires_at"] == "2100-01-01"
    assert api.post(f"{PROJECT}/milestones", json={"title": "M"}, headers=of("new")).status_code == 403
    for wrong in ({"kind": "robot"}, {"kind": "project"}, {"colour": 1}, {"expires_on": "soon"}, []):
        assert api.put("/_sandbox/tokens/other", json=wrong).status_code == 422
    assert api.get(PROJECT, headers=of("other")).status_code == 401
