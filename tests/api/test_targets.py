"""Targets over HTTP: adding, changing, checking, refreshing, removing, and every refusal."""

from __future__ import annotations

from typing import Any

import pytest

from app.sync import lease
from tests.api.house import ROADMAP, House, until

TARGETS = "/programmes/small/targets"


def test_a_target_is_added_shown_and_listed_without_a_secret(house: House) -> None:
    made = house.ready()
    assert (made["programme"], made["kind"], made["repo"], made["state"]) == ("small", "github", house.repo, "active")
    assert made["webhook_path"] == f"/webhooks/github/{made['id']}"
    assert "project" not in made
    assert (made["select"], made["last_refresh"]) == (None, None)
    assert house.api.get(f"{TARGETS}/hub").json() == made
    assert house.api.get(TARGETS).json() == {"items": [made], "next_cursor": None}
    assert "ghp_token" not in house.api.get(TARGETS).text


def test_a_gitlab_target_names_its_project(house: House) -> None:
    house.ready(select=["M1"])
    made = house.api.post(
        TARGETS, json={"name": "lab", "kind": "gitlab", "project": "acme/sub/app", "select": ["M2"]}
    ).json()
    assert (made["project"], made["select"], made["profile"]) == ("acme/sub/app", ["M2"], "gitlab")
    assert "repo" not in made
    page = house.api.get(TARGETS, params={"limit": "1"}).json()
    assert [item["name"] for item in page["items"]] == ["hub"]
    rest = house.api.get(TARGETS, params={"limit": "1", "cursor": page["next_cursor"]}).json()
    assert ([item["name"] for item in rest["items"]], rest["next_cursor"]) == (["lab"], None)


@pytest.mark.parametrize(
    ("change", "status", "type_"),
    [
        ({"name": "hub"}, 409, "target-exists"),
        ({"name": "no spaces please"}, 422, "bad-target"),
        ({"repo": "acme"}, 422, "bad-target"),
        ({"project": "acme/app"}, 422, "bad-target"),
        ({"kind": "gitlab"}, 422, "bad-target"),
        ({"kind": "jira"}, 422, "invalid-request"),
        ({"select": ["M9"]}, 422, "bad-target"),
        ({"profile": "../../etc/passwd"}, 422, "invalid-request"),
        ({"profile": "nothing"}, 422, "bad-profile"),
        ({"interval_seconds": 1}, 422, "invalid-request"),
        ({"token": "ghp_plain"}, 422, "invalid-request"),
        ({"base_url": "https://user:word@host"}, 422, "bad-target"),
    ],
)
def test_a_target_that_cant_be_is_refused(house: House, change: dict[str, Any], status: int, type_: str) -> None:
    house.ready(select=["M1"])
    answer = house.api.post(TARGETS, json={"name": "two", "kind": "github", "repo": house.repo, **change})
    assert (answer.status_code, answer.json()["type"]) == (status, type_)
    assert "ghp_plain" not in answer.text
    assert "user:word" not in answer.text


def test_a_target_is_paused_and_read_less_often(house: House) -> None:
    house.ready()
    changed = house.api.patch(f"{TARGETS}/hub", json={"state": "paused", "interval_seconds": 60}).json()
    assert (changed["state"], changed["interval_seconds"]) == ("paused", 60)
    assert house.api.patch(f"{TARGETS}/hub", json={"state": "active"}).json()["interval_seconds"] == 60
    for body in ({"state": "asleep"}, {"interval_seconds": 4}, {"name": "other"}):
        assert house.api.patch(f"{TARGETS}/hub", json=body).status_code == 422


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/check"),
        ("POST", "/refresh"),
        ("POST", "/plans"),
    ],
)
def test_a_target_of_another_programme_is_unknown(house: House, method: str, path: str) -> None:
    house.ready()
    house.api.post("/programmes/other/import", params={"start": "2026-11-02"}, content=ROADMAP.encode())
    body = {"json": {"state": "paused"}} if method == "PATCH" else {}
    for slug, name in (("other", "hub"), ("small", "nothing")):
        answer = house.api.request(method, f"/programmes/{slug}/targets/{name}{path}", **body)
        assert (answer.status_code, answer.json()["type"]) == (404, "target-unknown")


def test_a_check_asks_the_tracker(house: House) -> None:
    house.ready()
    found = house.api.post(f"{TARGETS}/hub/check").json()
    assert found["target"] == "hub"
    assert found["findings"]
    assert all(finding["ok"] for finding in found["findings"])


def test_credentials_that_are_missing_are_a_problem_that_says_which(house: House) -> None:
    house.ready(token_env="NOBODY_SET_THIS")
    for path in ("check", "plans"):
        answer = house.api.post(f"{TARGETS}/hub/{path}")
        assert (answer.status_code, answer.json()["type"]) == (409, "credentials-missing")
        assert "NOBODY_SET_THIS" in answer.json()["detail"]


def test_a_tracker_that_is_away_is_said_so(house: House) -> None:
    house.ready(base_url="http://127.0.0.1:9")
    answer = house.api.post(f"{TARGETS}/hub/plans")
    assert (answer.status_code, answer.json()["type"]) == (502, "tracker-unavailable")
    assert not all(finding["ok"] for finding in house.api.post(f"{TARGETS}/hub/check").json()["findings"])


def test_a_refresh_is_queued_and_comes_about(house: House) -> None:
    house.ready()
    answer = house.api.post(f"{TARGETS}/hub/refresh")
    assert (answer.status_code, answer.json()) == (202, {"target": "hub", "queued": True})
    until(lambda: house.api.get(f"{TARGETS}/hub").json()["last_refresh"])


def test_a_removed_target_is_gone_with_its_history(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.service.PATIENCE", 0.2)
    target = house.ready()
    run = house.apply(house.plan())["run"]
    with lease.held(house.ctx, target["id"], patience=5):
        busy = house.api.delete(f"{TARGETS}/hub")
        assert (busy.status_code, busy.json()["type"]) == (409, "target-busy")
        assert house.api.delete("/programmes/small").status_code == 409
    assert house.api.delete(f"{TARGETS}/hub").status_code == 204
    assert house.api.get(f"{TARGETS}/hub").status_code == 404
    assert house.api.get(f"/programmes/small/runs/{run}").status_code == 404
    assert len(house.issues()) == 3
