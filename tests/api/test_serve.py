"""`milepost serve` as a process: where it listens, how it ends, and figures that follow the tracker."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.service import NotLoopback, loopback
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import serving
from tests.api.house import ROADMAP, SECRET, until

MILEPOST = [sys.executable, "-c", "from app.cli import main; main()"]
ROOT = Path(__file__).parents[2]


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MILEPOST_DATABASE_URL": f"sqlite:///{folder / 'served.db'}",
        "GITHUB_TOKEN": "ghp_token_of_tests",
        "HOOK_SECRET": SECRET,
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def served(folder: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A running service, and a client of it. It is ended gracefully."""
    log = (folder / "serve.log").open("w")
    process = subprocess.Popen(
        [*MILEPOST, "serve", "--port", "0", "--json"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("}"):
                break
        url = json.loads("".join(lines))["url"]
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            yield process, client
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
            log.close()


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MILEPOST, *words],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "::ffff:10.0.0.1", "example.com", "", "127.1"])
def test_an_address_that_others_could_reach_is_refused(host: str) -> None:
    with pytest.raises(NotLoopback, match="no access control yet"):
        loopback(host)


@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1"), ("[::1]", "::1")],
)
def test_this_machines_own_addresses_are_taken(host: str, address: str) -> None:
    assert loopback(host) == address


def test_a_refused_address_is_one_line_and_makes_nothing(tmp_path: Path) -> None:
    result = command(tmp_path, "serve", "--host", "0.0.0.0", "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout)["error"]["type"] == "not-loopback"
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "served.db").exists()


def test_a_port_in_use_is_said_in_a_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = command(tmp_path, "serve", "--port", str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert "the port is in use" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def set_up(api: httpx.Client, tracker: str, **more: Any) -> str:
    """The small programme, applied to a box; gives the target's webhook path."""
    imported = api.post("/api/v1/programmes/small/import", params={"start": "2026-11-02"}, content=ROADMAP.encode())
    assert imported.status_code == 200, imported.text
    base = "/api/v1/programmes/small"
    target = {"name": "hub", "kind": "github", "repo": "acme/app", "base_url": tracker, **more}
    made = api.post(f"{base}/targets", json={**target, "webhook_secret_env": "HOOK_SECRET"})
    assert made.status_code == 201, made.text
    plan = api.post(f"{base}/targets/hub/plans").json()["plan"]
    run = api.post(f"{base}/plans/{plan}/apply").json()["run"]
    until(lambda: api.get(f"{base}/runs/{run}").json()["state"] == "done")
    return str(made.json()["webhook_path"])


def close(person: httpx.Client, title: str) -> None:
    issues = person.get("/repos/acme/app/issues").json()
    (number,) = [issue["number"] for issue in issues if issue["title"] == title]
    person.patch(f"/repos/acme/app/issues/{number}", json={"state": "closed"}).raise_for_status()


def done(api: httpx.Client, key: str) -> float | None:
    status = api.get("/api/v1/programmes/small/status").json()
    tasks = {task["key"]: task for milestone in status["milestones"] for task in milestone["tasks"]}
    return tasks[key]["percent"]  # type: ignore[no-any-return]


def test_figures_follow_the_tracker_by_webhook_and_the_service_ends_when_told(tmp_path: Path) -> None:
    box = GitHubBox()
    headers = {"Authorization": "Bearer a-person"}
    with (
        serving(box.app) as tracker,
        httpx.Client(base_url=tracker, headers=headers, trust_env=False) as person,
        served(tmp_path) as (process, api),
    ):
        path = set_up(api, tracker, interval_seconds=3600)
        assert api.get("/readyz").json() == {
            "status": "ok",
            "database": "ok",
            "migrations": "ok",
            "scheduler": "ok",
        }
        config = {"url": f"{api.base_url}{path}".replace("//web", "/web"), "content_type": "json", "secret": SECRET}
        hook = {"name": "web", "events": ["issues", "milestone"], "config": config}
        person.post("/repos/acme/app/hooks", json=hook).raise_for_status()
        until(lambda: done(api, "2A") == 0.0)
        close(person, "2A — Bricks")
        began = time.monotonic()
        until(lambda: done(api, "2A") == 100.0, seconds=5)
        assert time.monotonic() - began < 5
        assert {status for _, status in box.hooks.sent} == {202}

        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    box.close()
    log = (tmp_path / "serve.log").read_text()
    assert "refresh of hub" in log
    assert "Traceback" not in log
    assert SECRET not in log
    assert "ghp_token" not in log


def test_figures_follow_the_tracker_by_schedule(tmp_path: Path) -> None:
    box = GitHubBox()
    with (
        serving(box.app) as tracker,
        httpx.Client(base_url=tracker, headers={"Authorization": "Bearer p"}, trust_env=False) as person,
        served(tmp_path) as (_, api),
    ):
        set_up(api, tracker, interval_seconds=5)
        close(person, "1B — Blueprint")
        until(lambda: done(api, "1B") == 100.0, seconds=12)
    box.close()


def test_a_request_that_waits_for_a_tracker_holds_up_no_ending(tmp_path: Path) -> None:
    """The tracker accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, served(tmp_path) as (process, api):
        api.post("/api/v1/programmes/small/import", params={"start": "2026-11-02"}, content=ROADMAP.encode())
        target = {
            "name": "hub",
            "kind": "github",
            "repo": "acme/app",
            "base_url": f"http://127.0.0.1:{deaf.getsockname()[1]}",
        }
        assert api.post("/api/v1/programmes/small/targets", json=target).status_code == 201
        with pytest.raises(httpx.ReadTimeout):
            api.post("/api/v1/programmes/small/targets/hub/check", timeout=0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
