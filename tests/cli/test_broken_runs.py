"""An apply that ends where it shouldn't says so, leaves no run that seems to go on, and can be begun again."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from app.db import targets
from app.db.engine import Database
from connectors.github.client import GitHub
from connectors.sandbox.faults import Fault
from tests.cli.conftest import SMALL, Shell, Tracker, ready
from tests.cli.test_processes import until

SECOND = r"^POST .*/issues$"


def goes_on(shell: Shell, tracker: Tracker) -> None:
    assert shell.json("apply", "hub", "--yes")["state"] == "done"
    assert set(tracker.numbers()) == {"1A — Mobilisation", "1B — Blueprint", "2A — Bricks"}
    assert shell("plan", "hub", "--exit-code").code == 0


def last_run(shell: Shell) -> tuple[str, str]:
    run = shell.json("runs")["runs"][0]
    assert run["finished_at"]
    return run["state"], run["error"]


def test_a_defect_is_named_in_the_run(shell: Shell, tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    ready(shell, tracker, SMALL)
    create = GitHub.create

    def broken(self: GitHub, want: Any, refs: Any) -> Any:
        if want.key == "1B":
            raise ZeroDivisionError("a defect")
        return create(self, want, refs)

    with monkeypatch.context() as patch:
        patch.setattr(GitHub, "create", broken)
        ran = shell("apply", "hub", "--yes")
    assert ran.code == 1
    assert "ZeroDivisionError" in ran.err
    assert last_run(shell) == ("interrupted", "unexpected: ZeroDivisionError")
    goes_on(shell, tracker)


def test_a_run_whose_target_was_taken_over_says_so(
    shell: Shell, tracker: Tracker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ready(shell, tracker, SMALL)
    create = GitHub.create

    def held_up(self: GitHub, want: Any, refs: Any) -> Any:
        made = create(self, want, refs)
        if want.key == "1A":
            with Database(f"sqlite:///{tmp_path / 'milepost.db'}").write() as session:
                lease = targets.get(session, "hub")
                targets.drop_lease(session, lease.id, 1, lease.created_at)
                targets.take_lease(session, lease.id, "another", 0.0, lease.created_at, ended=lambda holder: False)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(GitHub, "create", held_up)
        assert shell.json("apply", "hub", "--yes", code=1)["error"]["type"] == "target-busy"
    state, error = last_run(shell)
    assert state == "interrupted"
    assert "took this target over" in error
    goes_on(shell, tracker)


def test_a_second_ctrl_c_ends_a_run_at_once(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker, SMALL)
    slow = tracker.box.faults.add(Fault("latency", SECOND, skip=1, seconds=30))
    process = shell.spawn("apply", "hub", "--yes")
    assert process.stderr is not None
    until(process, lambda: bool(tracker.box.faults.struck(slow)))
    process.send_signal(signal.SIGINT)
    assert b"after the call in flight" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 1
    assert err.splitlines()[-1:] == [b"milepost: interrupted"]
    tracker.box.faults.clear()
    assert last_run(shell) == ("interrupted", "ended at once, on request")
    goes_on(shell, tracker)
