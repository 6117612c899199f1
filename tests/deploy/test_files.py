"""What is in `deploy/` is well-formed, and speaks of metrics, labels, commands and settings that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from app.cli.run import app as commands
from app.settings import Settings
from app.sync import report_schedules
from app.sync.report_schedules import NewReportSchedule
from tests.api.house import House, open_house

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OTHERS = {"up", "process_resident_memory_bytes"}
"""What Prometheus itself, or Python's client on Linux, tells."""
WORDS = re.compile(r"\b(?:milepost|process)_[a-z_]+\b|\bup\b")
SELECTED = re.compile(r"\{([^}]*)\}|\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Sample name -> its labels, as a service with a target and a report schedule tells them."""
    patch = pytest.MonkeyPatch()
    patch.setenv("GITHUB_TOKEN", "ghp_token_of_tests")
    with open_house(tmp_path_factory.mktemp("deploy"), Settings(_env_file=None)) as house:
        told = _told(house, tmp_path_factory.mktemp("reports"))
    patch.undo()
    return told


def _told(house: House, folder: Path) -> dict[str, set[str]]:
    house.ready()
    house.apply(house.plan())
    house.api.post("/programmes/small/targets/hub/check")
    schedule = NewReportSchedule("weekly", "small", "week", file=str(folder / "report.md"))
    report_schedules.add(house.ctx, schedule)
    text = house.root.get("/metrics").text
    found: dict[str, set[str]] = {name: {"job", "instance"} for name in OTHERS}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {"job", "instance"}).update(sample.labels)
    found["milepost_schedule_tick_age_seconds"] = {
        "job",
        "instance",
    }  # once the schedule runs: tests/api/test_metrics.py
    return found


def queries() -> list[tuple[str, str]]:
    rules = [
        rule for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
    ]
    panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
    return [(rule["alert"], rule["expr"]) for rule in rules] + [
        (panel["title"], target["expr"]) for panel in panels for target in panel["targets"]
    ]


@pytest.mark.parametrize(("name", "query"), queries())
def test_every_metric_and_label_that_is_asked_for_is_told(name: str, query: str, metrics: dict[str, set[str]]) -> None:
    asked = set(WORDS.findall(re.sub(r'"[^"]*"', '""', query)))
    assert asked, query
    assert asked <= set(metrics), name
    labels = set.union(*(metrics[word] for word in asked))
    for selector, grouped in SELECTED.findall(query):
        used = re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", selector) + re.findall(r"[a-z_]+", grouped)
        assert set(used) <= labels, name
    assert query.count("(") == query.count(")")


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    document = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())
    names = []
    for rule in document["groups"][0]["rules"]:
        names.append(rule["alert"])
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
        assert re.fullmatch(r"\d+[mhd]", rule["for"])
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        assert set(rule["annotations"]) == {"summary", "description"}
        kept = re.search(r"(?:max|min|sum) by \(([^)]*)\)", rule["expr"])
        for label in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
            assert (label == "instance" and not kept) or (kept and label in kept.group(1)), rule["alert"]
    assert len(set(names)) == len(names)
    watched = (ROOT / "docs/operations.md").read_text()
    assert [name for name in names if f"`{name}`" not in watched] == []


def test_the_dashboard_is_one_that_grafana_can_lay_out() -> None:
    dashboard = json.loads((DEPLOY / "grafana.json").read_text())
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    assert [one["name"] for one in dashboard["templating"]["list"]] == ["datasource", "programme"]


def compose(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def test_compose_starts_what_there_is_with_settings_that_there_are() -> None:
    document = compose(DEPLOY / "compose.yaml")
    services = document["services"]
    assert [name for name in services if name.startswith(("serve", "worker"))] == [
        "serve-1",
        "serve-2",
        "worker-1",
        "worker-2",
    ]
    there = {command.name for command in commands.registered_commands} | {
        group.typer_instance.info.name for group in commands.registered_groups
    }
    known = {f"MILEPOST_{name.upper()}" for name in Settings.model_fields}
    for name, service in services.items():
        for secret in service.get("secrets", []):
            assert secret in document["secrets"]
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted["condition"] in ("service_healthy", "service_completed_successfully")
            assert wanted["condition"] != "service_healthy" or "healthcheck" in services[other]
        if name == "postgres":
            continue
        assert service["command"][0] in there, name
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        for variable, value in service["environment"].items():
            assert variable in known or variable.endswith("_FILE"), variable
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in service["secrets"]
    assert services["upgrade"]["command"] == ["db", "upgrade"]
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert compose(ROOT / "compose.yaml")["services"]


def test_prometheus_asks_what_compose_starts() -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())["scrape_configs"]
    services = compose(DEPLOY / "compose.yaml")["services"]
    asked = [target for group in job["static_configs"] for target in group["targets"]]
    assert asked == [f"{name}:8000" for name in services if name.startswith("serve")]
    assert job["job_name"] == "milepost"


def test_the_documents_table_of_metrics_is_whole_and_true(metrics: dict[str, set[str]]) -> None:
    text = (ROOT / "docs/operations.md").read_text()
    named = set(re.findall(r"`(milepost_[a-z_]+)`", text))
    told = {name for name in metrics if name.startswith("milepost_") and not name.endswith("_created")}
    told = {re.sub(r"_(bucket|count|sum)$", "", name) for name in told}
    assert named == told
