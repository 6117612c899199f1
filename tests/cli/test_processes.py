"""What only a process of its own shows: signals, servers, the demo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from tests.cli.conftest import MILEPOST, SMALL, Shell, Tracker, ready, tracking

PATIENCE = 60.0


def until(process: Popen[bytes], happened: Callable[[], bool]) -> None:
    """Wait for a condition while the process lives."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def long_roadmap() -> str:
    tasks = "".join(
        f"  - **Task 2{c} — Wall {c}**\n" + "".join(f"    {n}. Build part {n} of wall {c}.\n" for n in range(1, 7))
        for c in "BCD"
    )
    return SMALL + tasks


@pytest.mark.parametrize(
    ("profile", "how"),
    [
        ("github-issues", signal.SIGINT),
        ("github-issues", signal.SIGKILL),
        ("gitlab-issues", signal.SIGKILL),
        ("gitlab-issues", signal.SIGTERM),
    ],
)
def test_an_interrupted_apply_is_finished_by_the_same_command(shell: Shell, profile: str, how: signal.Signals) -> None:
    with tracking(profile) as tracker:
        ready(shell, tracker, long_roadmap())
        process = shell.spawn("apply", "hub", "--yes", "--json")
        until(process, lambda: tracker.writes() >= 5)
        process.send_signal(how)
        out, err = process.communicate(timeout=PATIENCE)
        assert b"Traceback" not in err
        if how is signal.SIGKILL:
            assert process.returncode == -signal.SIGKILL
        else:
            assert process.returncode == 1
            assert json.loads(out)["state"] == "interrupted"
            assert b"milepost apply hub" in err
        assert shell.json("apply", "hub", "--yes")["state"] == "done"  # at once: a dead process holds nothing up
        assert len(tracker.numbers()) == 3 + 7 + 3 + 18  # tasks and steps, each title once
        assert shell("plan", "hub", "--exit-code").code == 0
        states = [run["state"] for run in shell.json("runs")["runs"]]
        assert states == ["done", "interrupted"]


def asleep(process: Popen[bytes]) -> bool:
    """Whether the process waits for something: Python loses a signal that comes just before it begins to."""
    stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii")
    return stat.rpartition(") ")[2].startswith("S")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_at_the_question_is_no_at_once(shell: Shell) -> None:
    with tracking("github") as tracker:
        ready(shell, tracker, SMALL)
        ours, theirs = os.openpty()
        environment = os.environ | shell.environment
        with Popen([MILEPOST, "apply", "hub"], env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            said = b""
            while b"Carry it out?" not in said:
                said += os.read(ours, 1000)
            until(process, lambda: asleep(process))
            process.send_signal(signal.SIGINT)
            try:
                assert process.wait(PATIENCE) == 1
            finally:
                process.kill()
        said += os.read(ours, 1000)
        os.close(ours)
        assert b"nothing was written" in said
        assert b"Traceback" not in said
        assert tracker.writes() == 0


def first_document(process: Popen[bytes]) -> dict[str, str]:
    """What a server that stays says on stdout."""
    assert process.stdout is not None
    text = b""
    while line := process.stdout.readline():
        text += line
        try:
            return dict(json.loads(text))
        except ValueError:
            continue
    raise AssertionError(process.communicate())


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_sandbox_says_where_it_is_and_ends_on_a_signal(shell: Shell, kind: str) -> None:
    process = shell.spawn("sandbox", "--kind", kind, "--port", "0", "--json")
    url = first_document(process)["url"]
    assert httpx.get(f"{url}/_sandbox/requests", trust_env=False).json()["total"] == 0
    port = url.rpartition(":")[2]
    assert shell.refused("sandbox", "--kind", kind, "--port", port)["type"] == "port-taken"
    process.terminate()
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


def test_serve_answers_and_ends_on_a_signal(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    process = shell.spawn("serve", "--port", "0", "--json")
    url = first_document(process)["url"]
    with httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert client.get("/docs").status_code == 200
        there = client.get("/api/v1/programmes/small/status").json()
    here = shell.json("status", "small")
    assert [m["key"] for m in there["milestones"]] == [m["key"] for m in here["milestones"]] == ["M1", "M2"]
    error = shell.refused("serve", "--port", url.rpartition(":")[2])
    assert error["type"] == "address-unusable"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, b"")
    assert b"Traceback" not in err


def test_serve_listens_for_others_only_with_a_token(shell: Shell) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        assert shell.refused("serve", "--host", host, "--port", "0")["type"] == "token-needed"
    assert shell.refused("serve", "--host", "example.org", "--port", "0")["type"] == "address-unusable"


def test_the_demo_runs_through_once(shell: Shell) -> None:
    process = shell.spawn("demo", "--once", "--json")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    found = json.loads(out)
    assert {"before", "after", "requests"} <= set(found)
    assert found["after"]["done"] > found["before"]["done"]
    assert found["after"]["source"] == "measured"


def test_a_reader_that_goes_away_is_no_defect(shell: Shell) -> None:
    shell.read(SMALL)
    ran = subprocess.run(
        ["sh", "-c", f"'{MILEPOST}' status small --json | true"],
        env=shell.environment | {"PATH": "/usr/bin:/bin"},
        cwd=shell.folder,
        capture_output=True,
        check=False,
    )
    assert b"defect" not in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_help_loads_nothing_that_is_slow_to_load(shell: Shell) -> None:
    """Modules of commands load in their functions what the function needs, so that each command is quick to start."""
    slow = ("alembic", "fastapi", "httpx", "pydantic", "sqlalchemy", "structlog", "uvicorn")
    look = f"import sys, app.cli; print(*[name for name in {slow} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, check=True, timeout=60).stdout == b"\n"
