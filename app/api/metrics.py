"""`/metrics`, for Prometheus: what this process counts itself, and what the database says at the time of asking.

Names and labels are an interface: alerts and dashboards stand on them (`deploy/`). Labels hold names that operators
gave, kinds, states and route templates, never what callers make up.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib.metadata import version

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.core.errors import MilepostError
from app.db import gauges
from app.db.gauges import Gauges, TargetGauge
from app.sync.context import Context

log = logging.getLogger(__name__)

router = APIRouter(tags=["health"])

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds of an HTTP request: a webhook is answered in milliseconds, a plan reads its tracker."""
DELIVERY_STATES = ("waiting", "handled", "failed", "discarded")
RUN_STATES = ("running", "done", "failed", "interrupted")
NOTIFICATION_STATES = ("waiting", "sent", "parked")


class Metrics:
    """The registry of one service, its own. `depth` gives how many jobs this process's queue holds, pending or running;
    `ticked` how many seconds ago its schedule last ticked, None for never.
    """

    def __init__(self, ctx: Context, depth: Callable[[], int], ticked: Callable[[], float | None]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Counter(
            "milepost_http_requests",
            "HTTP requests answered, by route template.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "milepost_http_request_duration_seconds",
            "How long HTTP requests took.",
            ["method", "route"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.registry.register(_Process(ctx, depth, ticked))
        self.registry.register(_Stored(ctx))

    def seen(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. Its caller may have gone before the answer (status 0)."""
        self._requests.labels(method, route, str(status or "gone")).inc()
        self._seconds.labels(method, route).observe(seconds)


class _Process(Collector):
    """What only this process knows."""

    def __init__(self, ctx: Context, depth: Callable[[], int], ticked: Callable[[], float | None]) -> None:
        self._database = "sqlite" if ctx.db.sqlite else "postgresql"
        self._depth = depth
        self._ticked = ticked

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "milepost_build_info", "1, with what runs here.", labels=["version", "python", "database"]
        )
        info.add_metric([version("milepost"), platform.python_version(), self._database], 1)
        yield info
        yield GaugeMetricFamily(
            "milepost_queue_depth", "Jobs of this process, pending or running.", value=self._depth()
        )
        ticked = self._ticked()
        if ticked is not None:
            yield GaugeMetricFamily(
                "milepost_schedule_tick_age_seconds", "Seconds since this process's schedule last ticked.", value=ticked
            )


class _Stored(Collector):
    """What the database says, the same from every process. Where it can't be read, only that is told."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def collect(self) -> Iterator[Metric]:
        try:
            with self._ctx.db.read() as session:
                found = gauges.read(session)
        except MilepostError as error:
            log.warning("metrics are incomplete: %s", error.message)
            yield GaugeMetricFamily("milepost_database_up", "1 when the database can be read.", value=0)
            return
        yield GaugeMetricFamily("milepost_database_up", "1 when the database can be read.", value=1)
        yield from _targets(found, self._ctx.now())
        yield from _tracker(found)
        yield _by_state("milepost_runs", "Runs that are kept, by state.", found.runs, RUN_STATES)
        yield _by_state("milepost_notifications", "Notifications by state.", found.notifications, NOTIFICATION_STATES)
        yield _reports(found)


def _family(name: str, words: str, *more: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, labels=["target", "programme", "tracker", *more])


def _labels(one: TargetGauge) -> list[str]:
    return [one.row.name, one.programme, one.row.kind]


def _targets(found: Gauges, now: datetime) -> Iterator[Metric]:
    age = _family(
        "milepost_target_refresh_age_seconds", "Seconds since the last good refresh; since it was added for never."
    )
    interval = _family("milepost_target_interval_seconds", "How often the target is refreshed.")
    active = _family("milepost_target_active", "1 for active, 0 for paused.")
    failing = _family("milepost_target_failing", "1 when the last read failed.")
    conflicts = _family("milepost_conflicts", "Fields to be decided by people.")
    pending = _family("milepost_pending_creates", "Creates that were begun and whose object isn't known yet.")
    deliveries = _family("milepost_deliveries", "Webhook deliveries that are kept, by state.", "state")
    oldest = _family(
        "milepost_delivery_wait_seconds", "How long the oldest delivery that waits has waited; 0 for none."
    )
    for one in found.targets:
        labels, row = _labels(one), one.row
        age.add_metric(labels, max(0.0, (now - (row.last_refresh or row.created_at)).total_seconds()))
        interval.add_metric(labels, row.interval_seconds)
        active.add_metric(labels, row.state == "active")
        failing.add_metric(labels, bool(row.last_error))
        conflicts.add_metric(labels, one.conflicts)
        pending.add_metric(labels, one.pending)
        waited = (now - one.oldest_waiting).total_seconds() if one.oldest_waiting else 0.0
        oldest.add_metric(labels, max(0.0, waited))
        for state in {**dict.fromkeys(DELIVERY_STATES), **one.deliveries}:
            deliveries.add_metric([*labels, state], one.deliveries.get(state, 0))
    yield from (age, interval, active, failing, conflicts, pending, deliveries, oldest)


def _tracker(found: Gauges) -> Iterator[Metric]:
    names = ["target", "programme", "tracker"]
    requests = CounterMetricFamily("milepost_tracker_requests", "HTTP requests made to the tracker.", labels=names)
    left = _family("milepost_tracker_budget_remaining", "Requests that the tracker last said it still takes.")
    most = _family("milepost_tracker_budget_limit", "Requests that the tracker takes until its limit is renewed.")
    for one in found.targets:
        labels = _labels(one)
        requests.add_metric(labels, one.usage.requests if one.usage else 0)
        if one.usage and one.usage.remaining is not None and one.usage.most is not None:
            left.add_metric(labels, one.usage.remaining)
            most.add_metric(labels, one.usage.most)
    yield from (requests, left, most)


def _reports(found: Gauges) -> Metric:
    failing = GaugeMetricFamily(
        "milepost_report_schedule_failing",
        "1 when the last attempt to make the report failed.",
        labels=["schedule", "programme"],
    )
    for one in found.reports:
        failing.add_metric([one.row.name, one.programme], bool(one.row.last_error))
    return failing


def _by_state(name: str, words: str, counts: dict[str, int], states: tuple[str, ...]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=["state"])
    for state in {**dict.fromkeys(states), **counts}:
        family.add_metric([state], counts.get(state, 0))
    return family


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus's text"}},
)
def metrics(request: Request) -> Response:
    """What is counted, in Prometheus's text format."""
    counted: Metrics = request.app.state.metrics
    return Response(generate_latest(counted.registry), media_type=CONTENT_TYPE_LATEST)
