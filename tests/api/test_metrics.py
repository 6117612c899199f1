"""`/metrics`: what Prometheus reads, and that it is true."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.api.metrics import Metrics
from app.db import targets
from app.db.engine import Database
from app.db.models import DeliveryRow, StandingRow
from app.sync import roadmap
from app.sync import targets as verbs
from app.sync.context import Context
from app.sync.targets import NewTarget
from tests.api.house import ROADMAP, SECRET, House, until

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(house: House) -> Samples:
    answer = house.root.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found: Samples = {}
    for family in text_string_to_metric_families(answer.text):
        assert family.documentation, family.name
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    (only,) = [v for (n, has), v in found.items() if n == name and labels.items() <= dict(has).items()]
    return only


def test_what_is_said_of_a_target_is_true(house: House) -> None:
    house.ready()
    before = scraped(house)
    assert value(before, "milepost_tracker_requests_total", target="hub") == 0
    assert value(before, "milepost_target_failing", target="hub") == 0
    house.apply(house.plan())
    of = {"target": "hub", "programme": "small", "tracker": "github"}
    asked = house.box.log.summary()["total"]
    until(lambda: value(scraped(house), "milepost_tracker_requests_total", **of) == asked)
    found = scraped(house)
    assert value(found, "milepost_target_refresh_age_seconds", **of) < 60
    assert value(found, "milepost_target_interval_seconds", **of) == 300
    assert value(found, "milepost_target_active", **of) == 1
    assert value(found, "milepost_tracker_budget_limit", **of) == 5000
    assert 0 < value(found, "milepost_tracker_budget_remaining", **of) < 5000
    assert value(found, "milepost_runs", state="done") == 1
    assert value(found, "milepost_pending_creates", **of) == 0
    now = house.ctx.now()
    with house.ctx.db.write() as session:
        row = targets.get(session, "hub")
        row.last_refresh, row.last_error, row.state = now - timedelta(hours=2), "it broke", "paused"
        late = now - timedelta(minutes=10)
        session.add(DeliveryRow(target_id=row.id, delivery_id="a", event="issues", received_at=late))
        session.add(
            DeliveryRow(
                target_id=row.id, delivery_id="b", event="issues", received_at=now, handled_at=now, state="handled"
            )
        )
        told = {"conflicts": {"hub": ["1A title", "1B due"]}}
        session.add(StandingRow(programme_id=row.programme_id, again_at=now, told=told))
    found = scraped(house)
    assert 7200 <= value(found, "milepost_target_refresh_age_seconds", **of) < 7260
    assert value(found, "milepost_target_failing", **of) == 1
    assert value(found, "milepost_target_active", **of) == 0
    assert value(found, "milepost_deliveries", state="waiting", **of) == 1
    assert value(found, "milepost_deliveries", state="handled", **of) == 1
    assert 600 <= value(found, "milepost_delivery_wait_seconds", **of) < 660
    assert value(found, "milepost_conflicts", **of) == 2


def test_requests_are_counted_by_route_and_callers_make_up_no_labels(house: House) -> None:
    house.ready()

    def counted(route: str, status: str, method: str = "GET") -> float:
        labels = {"method": method, "route": route, "status": status}
        found = scraped(house)
        key = ("milepost_http_requests_total", frozenset(labels.items()))
        return found.get(key, 0.0)

    status = "/api/v1/programmes/{slug}/status"
    before = counted(status, "200"), counted(status, "404"), counted("unmatched", "404")
    for path in ("/programmes/small/status", "/programmes/nobody/status", "/made-up/1", "/made-up/2"):
        house.api.get(path)
    house.root.request("BREW", "/pot")
    after = counted(status, "200"), counted(status, "404"), counted("unmatched", "404")
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 2]
    found = scraped(house)
    routes = {dict(has).get("route", "") for name, has in found if name.startswith("milepost_http")}
    assert not [route for route in routes if "made-up" in route or "small" in route or "pot" in route]
    methods = {dict(has).get("method", "GET") for _, has in found}
    assert methods <= {"GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "other"}
    seen = value(found, "milepost_http_request_duration_seconds_count", route=status, method="GET")
    assert seen == value(found, "milepost_http_request_duration_seconds_bucket", route=status, method="GET", le="+Inf")
    assert seen >= 2


def test_names_follow_the_conventions_and_no_secret_is_in_them(house: House) -> None:
    house.ready()
    house.apply(house.plan())
    text = house.root.get("/metrics").text
    assert SECRET not in text
    assert "ghp_token_of_tests" not in text
    for family in text_string_to_metric_families(text):
        if family.name.startswith("milepost_"):
            assert not family.name.endswith("_total") or family.type == "counter"
            units = [unit for unit in ("minutes", "hours", "ms", "milliseconds") if family.name.endswith(f"_{unit}")]
            assert not units
        for sample in family.samples:
            assert sample.name == sample.name.lower()


def test_without_a_database_the_rest_is_told(house: House) -> None:
    broken = Context(Database("sqlite:////nowhere/at/all.db"))
    kept = house.app.state.metrics
    house.app.state.metrics = Metrics(broken, lambda: 3, lambda: 1.5)
    try:
        found = scraped(house)
    finally:
        house.app.state.metrics = kept
    assert value(found, "milepost_database_up") == 0
    assert value(found, "milepost_queue_depth") == 3
    assert value(found, "milepost_schedule_tick_age_seconds") == 1.5
    assert value(found, "milepost_build_info") == 1
    assert not [name for name, _ in found if name.startswith("milepost_target")]


@pytest.mark.postgres
def test_postgresql_says_the_same(house: House, postgres: str) -> None:
    db = Database(postgres)
    db.upgrade()
    kept = house.app.state.metrics
    ctx = replace(house.ctx, db=db)
    roadmap.import_roadmap(db, ROADMAP.encode(), "small", start=date(2026, 11, 2), now=ctx.now())
    verbs.add(ctx, NewTarget("lab", "small", "github", "acme/app"))
    house.app.state.metrics = Metrics(ctx, lambda: 0, lambda: None)
    try:
        found = scraped(house)
    finally:
        house.app.state.metrics = kept
        db.close()
    assert value(found, "milepost_database_up") == 1
    assert value(found, "milepost_target_refresh_age_seconds", target="lab") < 60
    assert value(found, "milepost_build_info", database="postgresql") == 1
