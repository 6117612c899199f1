"""`milepost serve` as an operator sees it: its log, its metrics, and the news it tells by itself."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import serving
from tests.api.house import SECRET, until
from tests.api.test_serve import close, command, served, set_up
from tests.sync import receiver
from tests.sync.receiver import receiving


def test_news_are_told_logs_are_objects_and_no_secret_is_in_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWS_SECRET", receiver.SECRET)
    monkeypatch.setenv("MILEPOST_NOTIFY_LOCAL", "true")
    monkeypatch.setenv("MILEPOST_LOG_LEVEL", "debug")
    box = GitHubBox()
    with (
        serving(box.app) as tracker,
        receiving() as news,
        httpx.Client(base_url=tracker, headers={"Authorization": "Bearer a-person"}, trust_env=False) as person,
        served(tmp_path) as (_, api),
    ):
        set_up(api, tracker, interval_seconds=5)
        signed = ("--format", "standard", "--secret-env", "NEWS_SECRET", "--url", f"{news.url}/news")
        added = command(tmp_path, "notify", "add", "crew", "--programme", "small", *signed)
        assert added.returncode == 0, added.stderr
        until(lambda: 'milepost_runs{state="done"} 1.0' in api.get("/metrics").text)
        close(person, "2A — Bricks")
        reached = "Small Programme: M2 Walls is reached"  # other news may come first: that it is at risk
        until(lambda: any(one["data"]["text"].startswith(reached) for one in news.verified()), seconds=20)

        asked = api.get("/healthz", headers={"X-Request-Id": "mine-1"})
        wrong = {"x-hub-signature-256": "sha256=" + "0" * 64, "x-github-event": "issues", "x-github-delivery": "d-1"}
        path = api.get("/api/v1/programmes/small/targets/hub").json()["webhook_path"]
        refused = api.post(f"{path}?token={SECRET}", content=b"{}", headers=wrong)
        assert (asked.status_code, refused.status_code) == (200, 401)
        told = {s.name: s.value for f in text_string_to_metric_families(api.get("/metrics").text) for s in f.samples}
        assert told["milepost_schedule_tick_age_seconds"] < 30
        assert told["milepost_database_up"] == 1
    box.close()
    first, openly, *log = (tmp_path / "serve.log").read_text().splitlines()
    assert first.startswith("milepost: serving http"), "commands keep their plain lines"
    assert openly.startswith("milepost: there is no token yet")
    lines = [json.loads(line) for line in log]
    assert {line["request"] for line in lines if line.get("route") == "/healthz"} == {"mine-1"}
    refresh = [line for line in lines if line["event"].startswith("refresh of hub: ")]
    assert refresh
    assert {line["target"] for line in refresh} == {"hub"}
    (run,) = [line for line in lines if line["event"].endswith(" is done")]
    assert run["run"] in run["event"]
    assert run["request"], "the run tells which request it was asked for by"
    for secret in (SECRET, receiver.SECRET, "ghp_token_of_tests", "MfKQ9r8G"):
        assert secret not in "\n".join(log)
