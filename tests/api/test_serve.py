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

from app.cli.service import AddressTaken, address_of
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import serving
from tests.api.house import ROADMAP, SECRET, until
from tests.databases import migrated

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
def served(folder: Path, *options: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A running service, and a client of it. It is ended gracefully. `more` is of its environment."""
    migrated(f"sqlite:///{folder / 'served.db'}").close()
    log = (folder / "serve.log").open("w")
    process = subprocess.Popen(
        [*MILEPOST, "serve", "--port", "0", "--json", *options],
        cwd=folder,
        env=environment(folder) | more,
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


@pytest.mark.parametrize("host", ["example.com", "", "127.1", "0x7f000001", "127.0.0.1:80"])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(AddressTaken, match="it is no address"):
        address_of(host)


@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "::1"), ("[::1]", "::1"), ("0.0.0.0", "0.0.0.0")],
)
def test_addresses_are_taken(host: str, address: str) -> None:
    assert address_of(host) == address


def make_token(folder: Path, role: str, *more: str) -> str:
    made = command(folder, "token", "create", "--role", role, *more)
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def test_an_address_that_others_can_reach_is_refused_before_there_is_a_token(tmp_path: Path) -> None:
    """Also when the only token that there was is of no use."""

    def refused(host: str) -> None:
        result = command(tmp_path, "serve", "--host", host, "--json")
        assert result.returncode == 1
        error = json.loads(result.stdout)["error"]
        assert (error["type"], error["hint"]) == ("token-needed", "milepost token create --role admin")
        assert len(result.stderr.strip().splitlines()) == 1

    refused("0.0.0.0")
    make_token(tmp_path, "admin", "--name", "gone")
    assert command(tmp_path, "token", "revoke", "gone").returncode == 0
    refused("::")


def test_with_a_token_it_serves_others_and_nobody_without(tmp_path: Path) -> None:
    secret = make_token(tmp_path, "viewer", "--name", "wall")
    with served(tmp_path, "--host", "0.0.0.0") as (_, api):
        port = api.base_url.port
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert client.get("/healthz").status_code == 200
            assert client.get("/api/v1/programmes").status_code == 401
            good = {"Authorization": f"Bearer {secret}"}
            assert client.get("/api/v1/programmes", headers=good).status_code == 200
            (one,) = json.loads(command(tmp_path, "token", "list", "--json").stdout)["tokens"]
            assert one["last_used_at"] is not None
            assert command(tmp_path, "token", "revoke", "wall").returncode == 0
            assert client.get("/api/v1/programmes", headers=good).status_code == 401
    log = (tmp_path / "serve.log").read_text()
    assert secret not in log
    assert "there is no token yet" not in log


def test_it_closes_with_the_first_token_while_it_runs(tmp_path: Path) -> None:
    with served(tmp_path) as (_, api):
        assert api.get("/api/v1/programmes").status_code == 200
        for name, value in (("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1"), ("X-Real-IP", "1.2.3.4")):
            # a proxy on this machine passes it on, from who knows where
            assert api.get("/api/v1/programmes", headers={name: value}).status_code == 401
        secret = make_token(tmp_path, "viewer")
        assert api.get("/api/v1/programmes").status_code == 401
        assert api.get("/api/v1/programmes", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    assert (
        "there is no token yet, so everybody on this machine may do everything" in (tmp_path / "serve.log").read_text()
    )


@pytest.mark.parametrize("believed", [True, False])
def test_whose_failures_count_is_what_a_trusted_proxy_says(tmp_path: Path, believed: bool) -> None:
    make_token(tmp_path, "viewer")
    proxies = {"MILEPOST_TRUSTED_PROXIES": "127.0.0.0/8"} if believed else {}
    with served(tmp_path, **proxies) as (_, api):
        for number in range(12):
            headers = {"X-Forwarded-For": f"198.51.100.{number}, 192.0.2.1", "Authorization": "Bearer mp_wrong"}
            last = api.get("/api/v1/programmes", headers=headers).status_code
        assert last == 429
        headers = {"X-Forwarded-For": "192.0.2.1, 198.51.100.99", "Authorization": "Bearer mp_wrong"}
        assert api.get("/api/v1/programmes", headers=headers).status_code == (401 if believed else 429)
        cookie = _cookie(api, tmp_path)
        assert ("; Secure" in cookie) == believed


def _cookie(api: httpx.Client, folder: Path) -> str:
    headers = {"X-Forwarded-For": "203.0.113.1", "X-Forwarded-Proto": "https"}
    answer = api.post("/login", data={"token": make_token(folder, "viewer")}, headers=headers)
    return str(answer.headers.get("set-cookie", ""))


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        ("", "127.0.0.1", 201),
        ("", "169.254.169.254", 422),
        ("git.example", "127.0.0.1", 422),
        ("10.0.0.0/8", "10.1.1.1", 201),
    ],
)
def test_targets_are_where_the_setting_says(tmp_path: Path, allowed: str, host: str, status: int) -> None:
    with served(tmp_path, MILEPOST_ALLOWED_TRACKERS=allowed) as (_, api):
        api.post("/api/v1/programmes/small/import", params={"start": "2026-11-02"}, content=ROADMAP.encode())
        target = {"name": "hub", "kind": "github", "repo": "acme/app", "base_url": f"http://{host}:9"}
        answer = api.post("/api/v1/programmes/small/targets", json=target)
        assert answer.status_code == status
        if status == 422:
            assert answer.json()["type"] == "address-refused"
            assert "MILEPOST_ALLOWED_TRACKERS" in answer.json()["hint"]


def test_who_listens_for_others_is_led_to_no_tracker_on_this_machine(tmp_path: Path) -> None:
    secret = make_token(tmp_path, "admin")
    with served(tmp_path, "--host", "0.0.0.0") as (_, api):
        url = f"http://127.0.0.1:{api.base_url.port}/api/v1/programmes/small"
        with httpx.Client(headers={"Authorization": f"Bearer {secret}"}, trust_env=False) as client:
            client.post(f"{url}/import", params={"start": "2026-11-02"}, content=ROADMAP.encode())
            target = {"name": "hub", "kind": "github", "repo": "acme/app", "base_url": "http://localhost:9"}
            assert client.post(f"{url}/targets", json=target).json()["type"] == "address-refused"


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
            "queue": "ok",
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


def test_open_streams_hold_up_no_ending(tmp_path: Path) -> None:
    with served(tmp_path) as (process, root):
        path = "/api/v1/programmes/small"
        imported = root.post(f"{path}/import", params={"start": "2026-11-02"}, content=ROADMAP.encode())
        assert imported.status_code == 200, imported.text
        with root.stream("GET", f"{path}/events") as one, root.stream("GET", f"{path}/events") as other:
            lines = one.iter_lines()
            assert next(line for line in lines if line) == "retry: 3000"
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert time.monotonic() - began < 2.5
            assert "event: changed" in list(lines)
            other.read()  # ended as it should be, not cut off


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
