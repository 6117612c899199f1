"""The edge: problems for everything, hosts and origins, health, the description."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import pytest

from app.api.edge import is_loopback
from app.api.service import Service
from app.db.engine import Database
from tests.api.house import ROADMAP, House


@pytest.mark.parametrize(
    ("method", "path", "status", "type_"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/api/v1/programmes/", 404, "not-found"),
        ("GET", "/api/v1/programmes/a%00b", 404, "not-found"),
        ("POST", "/api/v1/programmes", 405, "method-not-allowed"),
        ("GET", "/webhooks/github/x", 405, "method-not-allowed"),
    ],
)
def test_what_isnt_there_is_a_problem(house: House, method: str, path: str, status: int, type_: str) -> None:
    answer = house.root.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["type"] == type_
    assert {"type", "title", "status", "detail", "hint", "instance"} <= set(answer.json())


def test_a_body_that_isnt_json_is_a_problem(house: House) -> None:
    house.ready()
    answer = house.api.patch("/programmes/small", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid-request")
    large = house.api.patch("/programmes/small", json={"title": "x" * 2_000_000})
    assert (large.status_code, large.json()["type"]) == (413, "too-large")


def test_an_unexpected_error_is_a_problem_without_its_words(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError("the words of a defect")

    monkeypatch.setattr("app.sync.status.answer", broken)
    answer = house.api.get("/programmes/small/status")
    assert (answer.status_code, answer.json()["type"]) == (500, "unexpected")
    assert "words of a defect" not in answer.text
    assert "words of a defect" in caplog.text


def test_a_database_that_fails_is_a_problem(house: House) -> None:
    house.app.state.service = replace(
        house.app.state.service, ctx=replace(house.ctx, db=Database("sqlite:////nowhere/at/all.db"))
    )
    answer = house.api.get("/programmes")
    assert (answer.status_code, answer.json()["type"]) == (503, "database-unusable")
    ready = house.root.get("/readyz")
    assert (ready.status_code, ready.json()["database"]) == (503, "can't be reached")


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("localhost", True),
        ("localhost:8000", True),
        ("127.0.0.1:1", True),
        ("127.9.9.9", True),
        ("[::1]:8000", True),
        ("testserver", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:8000", False),
        ("10.0.0.1", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_only_this_machines_names_are_answered(house: House, host: str, inside: bool) -> None:
    answer = house.root.get("/healthz", headers={"Host": host})
    assert answer.status_code == (200 if inside else 400)
    if not inside and host:
        assert answer.json()["type"] == "host-refused"


def test_webhooks_come_under_any_name(house: House) -> None:
    answer = house.root.post("/webhooks/github/none", headers={"Host": "tunnel.example"}, content=b"{}")
    assert (answer.status_code, answer.json()["type"]) == (404, "webhook-unknown")


def test_pages_of_other_origins_may_not_write(house: House) -> None:
    path, params = "/programmes/small/import", {"start": "2026-11-02"}
    own = f"http://{house.api.base_url.netloc.decode()}"
    for origin in ("https://evil.example", "null", "http://localhost:1", own.replace("127.0.0.1", "localhost")):
        answer = house.api.post(path, params=params, content=ROADMAP.encode(), headers={"Origin": origin})
        assert (answer.status_code, answer.json()["type"]) == (403, "origin-refused")
    assert house.api.get("/programmes", headers={"Origin": "https://evil.example"}).json()["items"] == []
    assert house.api.post(path, params=params, content=ROADMAP.encode(), headers={"Origin": own}).status_code == 200
    assert house.api.delete("/programmes/small", headers={"Origin": "null"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.255.0.1", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("host", False)],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_health_and_readiness(house: House) -> None:
    assert house.root.get("/healthz").json() == {"status": "ok"}
    unready = house.root.get("/readyz")
    assert unready.status_code == 503
    assert unready.json() == {
        "status": "unready",
        "database": "ok",
        "migrations": "ok",
        "scheduler": "not running",
        "queue": "ok",
    }
    service: Service = house.app.state.service
    running = replace(service, alive=lambda: True)
    house.app.state.service = running
    assert (house.root.get("/readyz").status_code, house.root.get("/readyz").json()["status"]) == (200, "ok")
    for part, words, broken in (
        ("scheduler", "last ticked 61 s ago", replace(running, ticked=lambda: 61.0)),
        ("queue", "stopping", replace(running, takes_jobs=lambda: False)),
        ("database", "can't be reached", replace(running, ctx=replace(running.ctx, db=Database("sqlite:////no/x.db")))),
    ):
        house.app.state.service = broken
        answer = house.root.get("/readyz")
        assert (answer.status_code, answer.json()["status"], answer.json()[part]) == (503, "unready", words)


def test_the_id_of_a_request_goes_in_and_out(house: House) -> None:
    for given in ("a-1", "x" * 128, "5f0c.ab:7"):
        assert house.root.get("/healthz", headers={"X-Request-Id": given}).headers["x-request-id"] == given
    made = set()
    for given in ("", "x" * 129, "a b", "-a", 'a"b', "é", "<b>"):
        answer = house.root.get("/nowhere", headers={"X-Request-Id": given.encode()})
        assert answer.headers.get_list("x-request-id") != [given]
        made.add(answer.headers["x-request-id"])
    assert len(made) == 7
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in made)
    refused = house.root.get("/healthz", headers={"Host": "evil.example"})
    assert refused.status_code == 400
    assert refused.headers["x-request-id"]


def test_the_description_tells_of_every_route_its_answers_and_its_problems(house: House) -> None:
    document = house.root.get("/openapi.json").json()
    assert (document["info"]["title"], document["info"]["version"]) == ("Milepost", version("milepost"))
    assert house.root.get("/docs").status_code == 200
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _described(path, method, operation)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def _described(path: str, method: str, operation: dict[str, Any]) -> None:
    good = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    assert good, (path, method)
    assert operation["description"], (path, method)
    if path.startswith("/api/"):
        assert "application/problem+json" in operation["responses"]["4XX"]["content"]
    if method != "delete":
        for answer in good:
            assert all(content["schema"] for content in answer["content"].values()), (path, method)
