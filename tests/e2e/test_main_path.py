"""The main job on the customer's own roadmap: push, work, and every number of the status, through each door.

The expected figures are counted by hand below, not computed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from app.db.engine import Database
from app.main import create_app
from app.settings import Settings
from app.sync.context import Context
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import serving
from tests.e2e.people import GitHubPeople, GitLabPeople, People

ROOT = Path(__file__).parents[2]
ROADMAP = ROOT.parent / "shared" / "roadmaps" / "update-milestone-list-1.00.md"
PATH = "acme/app"
START = "2026-11-02"
PROFILES = ["github", "github-issues", "gitlab", "gitlab-issues"]
SWEPT = [pytest.param(name, marks=pytest.mark.sweep) for name in ("github-issues", "gitlab")]
SOME = ["github", "gitlab-issues", *SWEPT]
"""Where one of each tracker is enough each time, and `make sweep` takes all."""
needs_roadmap = pytest.mark.skipif(not ROADMAP.exists(), reason="the customer's roadmap is not beside the checkout")
pytestmark = needs_roadmap

# What people do, and what comes of it by INTERFACE's rules. (done, total, excluded, percent, source)
#   1A: .1 and .2 done. With issues for steps also .3 dropped: excluded.
#   1B: nothing ticked, its issue closed as completed: all of it done, with a note.
#   M1: two issues put straight into it, one of them closed; a pull request, which never counts.
#   2A: its issue dropped: all five steps excluded.   2B: .1 done and reopened.
#   3A: an issue put under it, closed.   4A: all done.   5A to 6B: untouched.
LINES = {
    "1A": (2, 5, 0, 40.0, "measured"),
    "1B": (4, 4, 0, 100.0, "measured"),
    "M1": (7, 11, 0, 63.6, "measured"),
    "2A": (0, 0, 5, None, "unknown"),
    "2B": (0, 4, 0, 0.0, "measured"),
    "M2": (0, 4, 5, 0.0, "measured"),
    "3A": (1, 5, 0, 20.0, "measured"),
    "3B": (0, 4, 0, 0.0, "measured"),
    "M3": (1, 9, 0, 11.1, "measured"),
    "4A": (4, 4, 0, 100.0, "measured"),
    "4B": (0, 4, 0, 0.0, "measured"),
    "M4": (4, 8, 0, 50.0, "measured"),
    "5A": (0, 5, 0, 0.0, "measured"),
    "5B": (0, 4, 0, 0.0, "measured"),
    "M5": (0, 9, 0, 0.0, "measured"),
    "6A": (0, 4, 0, 0.0, "measured"),
    "6B": (0, 4, 0, 0.0, "measured"),
    "M6": (0, 8, 0, 0.0, "measured"),
    "DM1": (0, 0, 0, None, "unknown"),
    "DM2": (0, 0, 0, None, "unknown"),
    "DM3": (0, 0, 0, 100.0, "declared"),
    "DM4": (0, 0, 0, 100.0, "declared"),
    "programme": (12, 49, 5, 24.4, "measured"),
}
CHILDREN = LINES | {
    "1A": (2, 4, 1, 50.0, "measured"),
    "M1": (7, 10, 1, 70.0, "measured"),
    "programme": (12, 48, 6, 25.0, "measured"),
}
ADDED = {"M1": 2, "M3": 1}
# Milepost's own issues by milestone (open, closed): with lines the two tasks, with children their steps too.
ISSUES = {
    "lines": {"M1": (1, 1), "M2": (1, 1), "M3": (2, 0), "M4": (2, 0), "M5": (2, 0), "M6": (2, 0)},
    "children": {"M1": (7, 4), "M2": (10, 1), "M3": (10, 0), "M4": (6, 4), "M5": (11, 0), "M6": (10, 0)},
}
DONE_STEPS = {"1A.1", "1A.2", "1B.1", "1B.2", "1B.3", "1B.4", "4A.1", "4A.2", "4A.3", "4A.4"}


def work(people: People, *, children: bool) -> None:
    """The known set."""
    people.finish("1A.1")
    people.finish("1A.2")
    if children:
        people.drop("1A.3")
    people.close_task("1B")
    people.add_to_milestone("M1", "Found on the way", closed=False)
    people.add_to_milestone("M1", "Found and done", closed=True)
    people.pull_request("M1")
    people.drop("2A")
    people.finish("2B.1")
    people.reopen("2B.1")
    people.add_under("3A", "More of the same", closed=True)
    for step in ("4A.1", "4A.2", "4A.3", "4A.4"):
        people.finish(step)


def figures(status: dict[str, Any]) -> dict[str, Any]:
    """Every figure of a status document by key."""

    def of(node: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(node[name] for name in ("done", "total", "excluded", "percent", "source"))

    found = {"programme": of(status)}
    for milestone in status["milestones"]:
        found[milestone["key"]] = of(milestone)
        found |= {task["key"]: of(task) for task in milestone["tasks"]}
    return found


def check(status: dict[str, Any], *, children: bool) -> None:
    """Compare every number, and what hangs on them."""
    assert figures(status) == (CHILDREN if children else LINES)
    milestones = {m["key"]: m for m in status["milestones"]}
    assert {key: m["issues"]["added"] for key, m in milestones.items() if m["issues"]["added"]} == ADDED
    own = {k: (m["issues"]["open"], m["issues"]["closed"]) for k, m in milestones.items() if m["tasks"]}
    assert own == ISSUES["children" if children else "lines"]
    steps = [step for m in status["milestones"] for task in m["tasks"] for step in task["steps"]]
    assert {step["key"] for step in steps if step["done"]} == DONE_STEPS
    assert len(steps) == 51
    (task,) = [t for t in milestones["M1"]["tasks"] if t["key"] == "1B"]
    assert "4 left open" in task["note"]
    assert {m["key"]: m["state"] for m in status["milestones"]} == {
        **dict.fromkeys(["M1", "M2", "M3", "M4", "M5", "M6", "DM1", "DM2"], "open"),
        **dict.fromkeys(["DM3", "DM4"], "closed"),
    }
    assert milestones["M1"]["window"] == {"start": "2026-11-02", "end": "2026-11-16", "text": "Weeks 0–2"}
    assert all(m["target"] == "hub" and m["url"].startswith("http") and not m["stale"] for m in status["milestones"])
    assert (task["declared_percent"], status["start"]) == (8.0, START)


@contextmanager
def tracker(profile: str) -> Iterator[tuple[str, Any]]:
    """A box of the profile's kind, and people who work in it."""
    children = profile.endswith("-issues")
    box: Any = GitHubBox() if profile.startswith("github") else GitLabBox()
    kind = GitHubPeople if profile.startswith("github") else GitLabPeople
    try:
        with serving(box.app) as url:
            people = kind(url, PATH, children=children)
            with people.client:
                yield url, people
    finally:
        box.close()


def target_options(profile: str) -> tuple[str, str]:
    return ("github", "--repo") if profile.startswith("github") else ("gitlab", "--project")


class Shell:
    """The `milepost` command in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.environment = os.environ | {
            "MILEPOST_DATABASE_URL": f"sqlite:///{folder / 'milepost.db'}",
            "GITHUB_TOKEN": "the-robot",
            "GITLAB_TOKEN": "the-robot",
        }
        self.folder = folder

    def __call__(self, *arguments: str) -> dict[str, Any]:
        command = [str(Path(sys.executable).with_name("milepost")), *arguments, "--json"]
        ran = subprocess.run(
            command, env=self.environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, (arguments, ran.returncode, ran.stdout, ran.stderr)
        return dict(json.loads(ran.stdout))


@pytest.mark.parametrize("profile", SOME)
def test_by_the_command_line(profile: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    children = profile.endswith("-issues")
    kind, option = target_options(profile)
    with tracker(profile) as (url, people):
        shell("import", str(ROADMAP), "--programme", "update-1", "--start", START)
        shell(
            "target",
            "add",
            "hub",
            "--programme",
            "update-1",
            "--kind",
            kind,
            option,
            PATH,
            "--base-url",
            url,
            "--profile",
            profile,
        )
        plan = shell("plan", "hub")
        wanted = 10 + 12 + (51 if children else 0)
        assert plan["summary"]["create"] == wanted
        assert shell("apply", "hub", "--plan", plan["plan"], "--yes")["summary"] == {
            "done": wanted,
            "failed": 0,
            "skipped": 0,
        }
        assert shell("plan", "hub")["changes"] == []
        work(people, children=children)
        assert shell("refresh")["targets"][0]["error"] is None
        check(shell("status", "update-1"), children=children)
        # What people did is theirs: nothing is to be written, and a full read gives the same numbers.
        again = shell("plan", "hub")
        assert again["changes"] == []
        shell("refresh", "hub", "--full")
        check(shell("status", "update-1"), children=children)
        exported = shell("export", "update-1")["roadmap"]
        lines = [line for line in exported.splitlines() if "complete)" in line]
        assert [line[line.rindex("(") :] for line in lines][:4] == [
            "(50% complete)**" if children else "(40% complete)**",
            "(100% complete)**",
            "(18% complete)**",  # 2A: dropped, so nothing was measured
            "(0% complete)**",
        ]


@contextmanager
def service(folder: Path, **settings: Any) -> Iterator[httpx.Client]:
    """The whole service on loopback."""
    db = Database(f"sqlite:///{folder / 'service.db'}")
    db.ready()
    app = create_app(Context(db), Settings(_env_file=None, **settings))  # type: ignore[call-arg]
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        db.close()


def push(client: httpx.Client, profile: str, url: str) -> dict[str, Any]:
    """Import, add the target, plan and apply by REST; gives the target."""
    base = "/api/v1/programmes/update-1"
    markdown = {"Content-Type": "text/markdown"}
    found = client.post(f"{base}/import", params={"start": START}, content=ROADMAP.read_bytes(), headers=markdown)
    assert (found.json()["milestones"], found.json()["tasks"], found.json()["steps"]) == (10, 12, 51)
    kind, option = target_options(profile)
    body = {
        "name": "hub",
        "kind": kind,
        option.strip("-"): PATH,
        "base_url": url,
        "profile": profile,
        "token_env": "E2E_TOKEN",
        "webhook_secret_env": "E2E_SECRET",
        "interval_seconds": 86_400,
    }
    target = client.post(f"{base}/targets", json=body)
    assert target.status_code == 201, target.text
    plan = client.post(f"{base}/targets/hub/plans").json()
    run = client.post(f"{base}/plans/{plan['plan']}/apply")
    assert run.status_code == 202, run.text
    wait(lambda: client.get(f"{base}/runs/{run.json()['run']}").json()["state"] == "done", 60)
    return dict(target.json())


def wait(look: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"it did not come about in {seconds} s"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2E_TOKEN", "the-robot")
    monkeypatch.setenv("E2E_SECRET", "a-secret-of-the-hook")


@pytest.mark.parametrize("profile", SOME)
def test_by_rest(profile: str, tmp_path: Path) -> None:
    children = profile.endswith("-issues")
    base = "/api/v1/programmes/update-1"
    with tracker(profile) as (url, people), service(tmp_path) as client:
        push(client, profile, url)
        work(people, children=children)
        assert client.post(f"{base}/targets/hub/refresh").status_code == 202
        wanted = CHILDREN if children else LINES
        wait(lambda: figures(client.get(f"{base}/status").json()) == wanted, 15)
        check(client.get(f"{base}/status").json(), children=children)
        answer = client.get(f"{base}/status")
        assert client.get(f"{base}/status", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
        assert client.get(f"{base}/roadmap.md").content.count(b"(100% complete)") == 2


@pytest.mark.parametrize("profile", SOME)
def test_by_webhook_alone(profile: str, tmp_path: Path) -> None:
    """No command, no schedule (its interval is a day): closing work is all that anybody does."""
    children = profile.endswith("-issues")
    with tracker(profile) as (url, people), service(tmp_path) as client:
        target = push(client, profile, url)
        people.hook(str(client.base_url).rstrip("/") + target["webhook_path"], "a-secret-of-the-hook")
        work(people, children=children)
        wanted = CHILDREN if children else LINES
        wait(lambda: figures(client.get("/api/v1/programmes/update-1/status").json()) == wanted, 5)
        check(client.get("/api/v1/programmes/update-1/status").json(), children=children)
