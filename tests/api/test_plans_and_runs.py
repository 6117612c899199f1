"""Plans made, refused and carried out in the background; runs watched and stopped."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from app.jobs import Runs
from app.sync import lease, reconcile
from app.sync.context import open_place
from connectors.base import Connector, Place
from tests.api.house import ROADMAP, House, until


def test_a_plan_is_stored_and_shown_as_it_was_made(house: House) -> None:
    house.ready()
    made = house.api.post("/programmes/small/targets/hub/plans")
    plan = made.json()
    assert made.headers["location"] == f"/api/v1/programmes/small/plans/{plan['plan']}"
    assert (plan["target"], plan["complete"], plan["summary"]["create"]) == ("hub", True, 5)
    change = next(change for change in plan["changes"] if change["key"] == "1A")
    assert (change["action"], change["shape"], change["url"]) == ("create", "issue", None)
    assert change["fields"]["title"] == {"before": None, "after": "1A — Mobilisation"}
    assert house.api.get(f"/programmes/small/plans/{plan['plan']}").json() == plan
    assert house.box.log.summary()["writes"] == 0


def test_applying_answers_with_a_run_that_goes_on_by_itself(house: House) -> None:
    house.ready()
    plan = house.plan()
    begun = house.api.post(f"/programmes/small/plans/{plan}/apply", json={"max_changes": 50, "recreate": False})
    assert begun.status_code == 202
    assert (begun.json()["plan"], begun.json()["target"], begun.json()["total"]) == (plan, "hub", 5)
    assert begun.headers["location"] == f"/api/v1/programmes/small/runs/{begun.json()['run']}"
    run = house.run(begun.json()["run"])
    assert (run["state"], run["summary"]) == ("done", {"done": 5, "failed": 0, "skipped": 0})
    assert {outcome["key"] for outcome in run["outcomes"]} == {"M1", "M2", "1A", "1B", "2A"}
    assert all(o["result"] == "done" and o["url"] and o["error"] is None for o in run["outcomes"])
    assert len(house.issues()) == 3


def test_nothing_to_do_gives_a_run_too(house: House) -> None:
    house.ready()
    house.apply(house.plan())
    run = house.apply(house.plan())
    assert (run["state"], run["total"], run["outcomes"]) == ("done", 0, [])


def test_runs_are_listed_newest_first_in_pages(house: House) -> None:
    house.ready()
    made = [house.apply(house.plan())["run"] for _ in range(3)]
    first = house.api.get("/programmes/small/runs", params={"limit": "2", "target": "hub"}).json()
    rest = house.api.get("/programmes/small/runs", params={"limit": "2", "cursor": first["next_cursor"]}).json()
    assert [run["run"] for run in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None
    for params, status in (({"cursor": "bm9uZQ"}, 422), ({"target": "nothing"}, 404)):
        assert house.api.get("/programmes/small/runs", params=params).status_code == status


def stale(house: House, plan: str) -> str:
    house.apply(house.plan())
    return plan


def roadmap_moved(house: House, plan: str) -> str:
    house.api.post("/programmes/small/import", content=ROADMAP.replace("Bricks", "Stones").encode())
    return plan


@pytest.mark.parametrize("moved", [stale, roadmap_moved])
def test_a_plan_that_is_out_of_date_is_refused(house: House, moved: Any) -> None:
    house.ready()
    plan = moved(house, house.plan())
    writes = house.box.log.summary()["writes"]
    answer = house.api.post(f"/programmes/small/plans/{plan}/apply")
    assert (answer.status_code, answer.json()["type"]) == (409, "plan-stale")
    assert answer.json()["hint"]
    assert house.box.log.summary()["writes"] == writes


def test_a_plan_over_the_guard_is_refused_and_let_through_by_name(house: House) -> None:
    many = ROADMAP + "".join(f"  - **Task 2{chr(66 + n)} — Row {n}**\n    1. Lay it.\n" for n in range(8))
    house.api.post("/programmes/small/import", params={"start": "2026-11-02"}, content=many.encode())
    house.target("hub")
    house.apply(house.plan())
    house.api.post("/programmes/small/import", content=many.replace(" — Row", " — Line").encode())
    plan = house.plan()
    refused = house.api.post(f"/programmes/small/plans/{plan}/apply")
    assert (refused.status_code, refused.json()["type"]) == (409, "change-guard")
    begun = house.api.post(f"/programmes/small/plans/{plan}/apply", json={"max_changes": 100})
    assert house.run(begun.json()["run"])["state"] == "done"


@pytest.mark.parametrize("body", [{"max_changes": 101}, {"max_changes": "many"}, {"yes": True}, []])
def test_a_wrong_way_to_apply_is_refused(house: House, body: object) -> None:
    house.ready()
    answer = house.api.post(f"/programmes/small/plans/{house.plan()}/apply", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid-request")


def test_a_busy_target_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "PATIENCE", 0.2)
    target = house.ready()
    plan = house.plan()
    with lease.held(house.ctx, target["id"], patience=5):
        answer = house.api.post(f"/programmes/small/plans/{plan}/apply")
    assert (answer.status_code, answer.json()["type"]) == (409, "target-busy")


def test_plans_and_runs_of_another_programme_are_unknown(house: House) -> None:
    house.ready()
    house.api.post("/programmes/other/import", params={"start": "2026-11-02"}, content=ROADMAP.encode())
    plan = house.plan()
    run = house.apply(plan)["run"]
    for method, path, type_ in (
        ("GET", f"/programmes/other/plans/{plan}", "plan-unknown"),
        ("GET", "/programmes/small/plans/none", "plan-unknown"),
        ("POST", f"/programmes/other/plans/{plan}/apply", "plan-unknown"),
        ("GET", f"/programmes/other/runs/{run}", "run-unknown"),
        ("GET", "/programmes/small/runs/none", "run-unknown"),
        ("POST", f"/programmes/other/runs/{run}/cancel", "run-unknown"),
        ("GET", f"/programmes/none/runs/{run}", "programme-unknown"),
    ):
        answer = house.api.request(method, path)
        assert (answer.status_code, answer.json()["type"]) == (404, type_)


class Held:
    """Opens trackers whose creates wait until they are let go."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self, place: Place) -> Connector:
        connector = open_place(place)
        create = connector.create

        def slow(*args: Any) -> Any:
            self.reached.set()
            assert self.go.wait(20)
            return create(*args)

        connector.create = slow  # type: ignore[method-assign]
        return connector


def test_a_run_is_stopped_after_the_call_in_flight_and_gone_on_with_by_its_plan(house: House) -> None:
    house.ready()
    plan, held = house.plan(), Held()
    runs = Runs(replace(house.ctx, open_place=held))
    service = house.app.state.service
    house.app.state.service = replace(service, begin_run=runs.begin, cancel_run=runs.cancel)
    run = house.api.post(f"/programmes/small/plans/{plan}/apply").json()["run"]
    assert held.reached.wait(10)
    cancelled = house.api.post(f"/programmes/small/runs/{run}/cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "running")
    held.go.set()
    ended = house.run(run)
    assert (ended["state"], ended["done"], ended["error"]) == ("interrupted", 1, "stopped on request")
    over = until(lambda: _refused(house, run))
    assert over["type"] == "run-not-here"

    assert house.apply(plan)["state"] == "done"
    assert len(house.issues()) == 3
    runs.stop(5)
    refused = house.api.post(f"/programmes/small/plans/{plan}/apply")
    assert (refused.status_code, refused.json()["type"]) == (503, "service-stopping")


def _refused(house: House, run: str) -> dict[str, Any] | None:
    answer = house.api.post(f"/programmes/small/runs/{run}/cancel")
    return dict(answer.json()) if answer.status_code == 409 else None


def test_a_run_that_breaks_off_says_why(house: House) -> None:
    house.ready()
    plan = house.plan()

    def broken(place: Place) -> Connector:
        connector = open_place(place)

        def create(*args: Any) -> Any:
            raise ZeroDivisionError("a defect, with a-secret in its words")

        connector.create = create  # type: ignore[method-assign]
        return connector

    runs = Runs(replace(house.ctx, open_place=broken))
    house.app.state.service = replace(house.app.state.service, begin_run=runs.begin)
    run = house.apply(plan)
    assert (run["state"], run["error"]) == ("interrupted", "unexpected: ZeroDivisionError")
