"""How a programme stood by day, over HTTP."""

from __future__ import annotations

import pytest

from tests.api.house import House


def test_points_of_the_programme_and_of_a_node(house: House) -> None:
    house.ready()
    answer = house.api.get("/programmes/small/history", params={"node": "M1"})
    found = answer.json()
    assert (answer.status_code, found["programme"], found["node"], found["time_zone"]) == (200, "small", "M1", "UTC")
    (point,) = found["points"]
    status = house.api.get("/programmes/small/milestones/M1").json()
    assert {name: point[name] for name in ("done", "total", "excluded", "percent", "source")} == {
        name: status[name] for name in ("done", "total", "excluded", "percent", "source")
    }
    assert (point["declared"], point["rebuilt"]) == (status["declared_percent"], False)
    again = house.api.get(
        "/programmes/small/history", params={"node": "M1"}, headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    whole = house.api.get("/programmes/small/history").json()
    assert (whole["node"], len(whole["points"])) == (None, 1)
    later = house.api.get("/programmes/small/history", params={"from": "2099-01-01", "to": "2099-01-02"}).json()
    assert [one["day"] for one in later["points"]] == ["2099-01-01"]
    assert house.api.get("/programmes/small/history", params={"to": "2001-01-01"}).json()["points"] == []


@pytest.mark.parametrize(
    ("path", "params", "status", "kind"),
    [
        ("small", {"node": "M99"}, 404, "node-unknown"),
        ("nowhere", {}, 404, "programme-unknown"),
        ("small", {"from": "2026-11-03", "to": "2026-11-02"}, 422, "bad-range"),
        ("small", {"from": "yesterday"}, 422, "invalid-request"),
    ],
)
def test_what_there_is_none_of_is_a_problem(
    house: House, path: str, params: dict[str, str], status: int, kind: str
) -> None:
    house.ready()
    answer = house.api.get(f"/programmes/{path}/history", params=params)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, kind)


def test_a_time_zone_is_set_and_checked(house: House) -> None:
    house.ready()
    assert house.api.get("/programmes/small").json()["time_zone"] == "UTC"
    changed = house.api.patch("/programmes/small", json={"time_zone": "Asia/Kathmandu"}).json()
    assert (changed["time_zone"], changed["title"]) == (
        "Asia/Kathmandu",
        house.api.get("/programmes/small").json()["title"],
    )
    refused = house.api.patch("/programmes/small", json={"time_zone": "Mars/Olympus"})
    assert (refused.status_code, refused.json()["type"]) == (422, "bad-time-zone")
    assert house.api.get("/programmes/small/history").json()["time_zone"] == "Asia/Kathmandu"
