"""Conflicts, the audit and undo over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from app.sync import conflicts
from app.sync.conflicts import Conflict
from tests.api.house import House

HUB = "/programmes/small/targets/hub"


def test_the_audit_pages_and_filters(house: House) -> None:
    house.ready()
    run = house.apply(house.plan())
    page = house.api.get("/programmes/small/audit", params={"limit": "2"}).json()
    assert len(page["items"]) == 2
    keys = [entry["key"] for entry in page["items"]]
    while page["next_cursor"]:
        page = house.api.get("/programmes/small/audit", params={"limit": "2", "cursor": page["next_cursor"]}).json()
        keys += [entry["key"] for entry in page["items"]]
    assert sorted(keys) == ["1A", "1B", "2A", "M1", "M2"]
    (entry,) = house.api.get("/programmes/small/audit", params={"key": "1A", "run": run["run"]}).json()["items"]
    assert (entry["by"], entry["action"], entry["outcome"]) == ("service", "create", "done")
    assert entry["fields"]["title"]["after"] == "1A — Mobilisation"
    assert house.api.get("/programmes/small/audit", params={"target": "hub"}).json()["items"]


@pytest.mark.parametrize(
    ("path", "params", "status", "type_"),
    [
        ("/programmes/none/audit", {}, 404, "programme-unknown"),
        ("/programmes/small/audit", {"run": "none"}, 404, "run-unknown"),
        ("/programmes/small/audit", {"target": "none"}, 404, "target-unknown"),
        ("/programmes/small/audit", {"cursor": "eA"}, 422, "bad-cursor"),
        ("/programmes/small/audit", {"limit": "0"}, 422, "invalid-request"),
        ("/programmes/small/targets/none/conflicts", {}, 404, "target-unknown"),
    ],
)
def test_what_is_not_there_is_refused(house: House, path: str, params: dict[str, str], status: int, type_: str) -> None:
    house.ready()
    answer = house.api.get(path, params=params)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[-1].rsplit(":", 1)[-1]) == (status, type_)


def test_a_run_is_taken_back_by_a_plan(house: House) -> None:
    house.ready()
    run = house.apply(house.plan())
    made = house.api.post(f"/programmes/small/runs/{run['run']}/undo")
    assert made.status_code == 201
    plan: dict[str, Any] = made.json()
    assert (plan["summary"]["close"], made.headers["Location"]) == (
        5,
        f"/api/v1/programmes/small/plans/{plan['plan']}",
    )
    assert len(house.issues()) == 3
    assert house.apply(plan["plan"])["state"] == "done"
    assert house.issues() == []
    again = house.api.post(f"/programmes/small/runs/{run['run']}/undo")
    assert again.status_code == 409
    assert house.api.post("/programmes/small/runs/none/undo").status_code == 404


def test_conflicts_are_listed_and_decided(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API takes built-in profiles only, which ask nobody: the listing is stood in for, the door is tested."""
    house.ready()
    one = Conflict("hub", "1A", 3, "title", "theirs", "ours", "both sides changed: title", "http://t/1")
    assert house.api.get(f"{HUB}/conflicts").json() == {"items": [], "next_cursor": None}
    monkeypatch.setattr(conflicts, "listed", lambda ctx, name: [one])
    (item,) = house.api.get(f"{HUB}/conflicts").json()["items"]
    assert item == one.as_json()
    done = house.api.post(f"{HUB}/conflicts/1A/title", json={"take": "tracker"})
    assert (done.status_code, done.json()["taken"]) == (200, "tracker")
    assert house.api.post(f"{HUB}/conflicts/1A/title", json={"take": "both"}).status_code == 422
    assert house.api.post(f"{HUB}/conflicts/1A/state", json={"take": "tracker"}).status_code == 404
