"""The webhook inbox over HTTP: listed, tried again, discarded, and every refusal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from app.db.models import DeliveryRow
from tests.api.house import SECRET, House, until
from tests.webhooks.test_webhooks import BODY, github

LIST = "/programmes/small/targets/hub/deliveries"


def deliver(house: House, *ids: str) -> None:
    path = house.api.get("/programmes/small/targets/hub").json()["webhook_path"]
    for one in ids:
        headers = github(secret=SECRET, X_GitHub_Delivery=one)
        assert house.root.post(path, headers=headers, content=BODY).status_code == 202


def fail(house: House, delivery: str) -> None:
    with house.ctx.db.write() as session:
        values = {"state": "failed", "attempts": 10, "error": "the tracker was away"}
        session.execute(update(DeliveryRow).where(DeliveryRow.delivery_id == delivery).values(values))  # type: ignore[arg-type]


def listed(house: House, **params: str) -> list[dict[str, Any]]:
    return list(house.api.get(LIST, params=params).raise_for_status().json()["items"])


def test_deliveries_are_listed_newest_first_by_state_and_in_pages(house: House) -> None:
    house.ready()
    deliver(house, "a", "b", "c")
    fail(house, "b")
    assert [(one["delivery"], one["state"]) for one in listed(house)] == [
        ("c", "waiting"),
        ("b", "failed"),
        ("a", "waiting"),
    ]
    (failed,) = listed(house, state="failed")
    assert (failed["event"], failed["target"], failed["attempts"]) == ("issues", "hub", 10)
    assert (failed["error"], failed["handled_at"], failed["next_try_at"]) == ("the tracker was away", None, None)
    page = house.api.get(LIST, params={"limit": "2"}).json()
    rest = house.api.get(LIST, params={"limit": "2", "cursor": page["next_cursor"]}).json()
    assert [one["delivery"] for one in [*page["items"], *rest["items"]]] == ["c", "b", "a"]
    assert rest["next_cursor"] is None


def test_a_failed_delivery_is_tried_again_at_once_and_handled_by_a_good_refresh(house: House) -> None:
    house.ready()
    deliver(house, "a")
    fail(house, "a")
    number = listed(house)[0]["id"]
    again = house.api.post(f"/programmes/small/deliveries/{number}/retry")
    assert (again.status_code, again.json()["state"], again.json()["attempts"]) == (202, "waiting", 0)
    until(lambda: listed(house)[0]["state"] == "handled")
    (one,) = listed(house)
    assert (one["state"], one["error"]) == ("handled", None)
    assert datetime.fromisoformat(one["handled_at"]) <= datetime.now(UTC)
    for action in ("retry", "discard"):
        refused = house.api.post(f"/programmes/small/deliveries/{number}/{action}")
        assert (refused.status_code, refused.json()["type"]) == (409, "delivery-handled")


def test_a_discarded_delivery_stays_in_the_list(house: House) -> None:
    house.ready()
    deliver(house, "a")
    number = listed(house)[0]["id"]
    gone = house.api.post(f"/programmes/small/deliveries/{number}/discard")
    assert (gone.status_code, gone.json()["state"]) == (200, "discarded")
    assert [one["state"] for one in listed(house, state="discarded")] == ["discarded"]
    assert listed(house, state="waiting") == []


@pytest.mark.parametrize(
    ("method", "path", "status", "type_"),
    [
        ("GET", "/programmes/small/targets/nobody/deliveries", 404, "target-unknown"),
        ("GET", "/programmes/none/targets/hub/deliveries", 404, "programme-unknown"),
        ("GET", f"{LIST}?state=lost", 422, "invalid-request"),
        ("GET", f"{LIST}?cursor=bm90aGluZw", 422, "bad-cursor"),
        ("POST", "/programmes/small/deliveries/999/retry", 404, "delivery-unknown"),
        ("POST", "/programmes/small/deliveries/999/discard", 404, "delivery-unknown"),
        ("POST", f"/programmes/small/deliveries/{2**63}/retry", 422, "invalid-request"),
        ("POST", "/programmes/small/deliveries/0/retry", 422, "invalid-request"),
    ],
)
def test_what_there_isnt_is_refused(house: House, method: str, path: str, status: int, type_: str) -> None:
    house.ready()
    answer = house.api.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (status, type_)


def test_another_programmes_delivery_is_not_found(house: House) -> None:
    house.ready()
    deliver(house, "a")
    number = listed(house)[0]["id"]
    text = b"# Other\n\n### Milestone M1 \xe2\x80\x94 One\n"
    house.api.post("/programmes/other/import", params={"start": "2026-11-02"}, content=text).raise_for_status()
    refused = house.api.post(f"/programmes/other/deliveries/{number}/discard")
    assert (refused.status_code, refused.json()["type"]) == (404, "delivery-unknown")
    assert listed(house)[0]["state"] == "waiting"
