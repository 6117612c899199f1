"""Anything, in any order: people, the roadmap, lost answers, dying processes, two at once. Held to by a witness.

A failure prints its steps and a line to repeat it. Longer: MILEPOST_STATEFUL=20 (so many times the examples).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from app.core.plan import WRITING
from app.db import deliveries
from app.db import targets as rows
from app.db.engine import Database
from app.sync import lease, reconcile, status, targets
from app.sync.reconcile import Applied, PlanStale
from app.sync.targets import NewTarget
from app.webhooks import inbox
from connectors.sandbox.faults import Fault
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import serving
from tests.databases import migrated
from tests.sync.conftest import PROFILES
from tests.sync.life import NUMBERS, House, Life, StoppedClock, act
from tests.sync.moving import SLUG

TIMES = int(os.environ.get("MILEPOST_STATEFUL", "1"))
SETTINGS = settings(
    max_examples=6 * TIMES,
    stateful_step_count=30 if TIMES == 1 else 40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
        *([Phase.shrink] if TIMES > 1 and not os.environ.get("NOSHRINK") else []),
    ],
)
WRITES = r"^(POST|PUT|PATCH) \S*/(issues|milestones)(/\d+)?$| mutation$"
LOST = ("dropped", "reset", "error", "error_after", "truncated", "html")


class Killed(BaseException):
    """The process ends here: nothing that follows reaches the database."""


@dataclass
class Dying:
    """A database whose process is killed at its `at`th commit, just before or just after it."""

    db: Database
    at: int
    before: bool
    count: int = 0
    dead: bool = False

    def read(self) -> Any:
        self._check()
        return self.db.read()

    @contextmanager
    def write(self) -> Iterator[Any]:
        self._check()
        self.count += 1
        with self.db.write() as session:
            yield session
            if self.count == self.at and self.before:
                self.dead = True
                self._check()
        if self.count == self.at:
            self.dead = True
        self._check()

    def _check(self) -> None:
        if self.dead:
            raise Killed


class Machine(Life):
    """Milepost at work in it, and what holds after each of its acts."""

    @contextmanager
    def judged(self, *, recreate: bool = False, sure: bool = True) -> Iterator[None]:
        """What Milepost writes in here is compared with what it may write."""
        before = self.tracker.snap()
        yield
        self.witness.judge(before, self.tracker.snap(), recreate=recreate, sure=sure)

    @contextmanager
    def only_read(self) -> Iterator[None]:
        before = self.tracker.snap()
        yield
        assert self.tracker.snap() == before

    def apply(self, **more: Any) -> Applied:
        with self.judged(recreate=more.get("recreate", False)):
            applied = reconcile.apply_plan(self.ctx(), "hub", max_percent=100, **more)
        assert applied is not None
        assert applied.state == "done", [outcome for outcome in applied.outcomes if outcome.result != "done"]
        self.moved, self.deleted, self.cut = True, False, False
        return applied

    @initialize()
    def begin(self) -> None:
        self.imported()
        kind = "github" if self.house.github else "gitlab"
        new = NewTarget(
            "hub",
            SLUG,
            kind,
            self.path,
            profile=self.house.profile,
            token_env="SYNC_TOKEN",
            base_url=self.house.url,
            webhook_secret_env="HOOK_SECRET",
        )
        self.target = targets.add(self.ctx(), new)["id"]
        self.apply()

    @act()
    def applies(self) -> None:
        self.apply()

    @act()
    def remakes(self) -> None:
        self.apply(recreate=True)

    @act()
    def plans(self) -> None:
        with self.only_read():
            self.planned = reconcile.make_plan(self.ctx(), "hub")
        self.moved, self.deleted = False, False

    @act()
    def applies_reviewed(self) -> None:
        if self.planned is None:
            return
        try:
            self.apply(plan_id=self.planned.id)
        except PlanStale:
            assert self.moved, "nothing happened since the plan was made"
        self.planned = None

    @act(full=st.booleans())
    def refreshes(self, full: bool) -> None:
        with self.only_read():
            found = reconcile.refresh(self.ctx(), "hub", full=full)
        assert (found.complete, found.error) == (True, None)
        self.deleted = self.deleted and not full
        self.counted()

    @act(order=st.lists(NUMBERS, max_size=6))
    def calls_arrive(self, order: list[int]) -> None:
        """Some of the webhook calls, in any order, some of them twice; others are lost."""
        if not self.calls:
            return
        for number in order:
            self._take(self.calls[number % len(self.calls)])
        self.calls.clear()
        with self.db.read() as session:
            waiting = self.target in deliveries.waiting(session)
        if waiting:
            self.refreshes(full=False)
            with self.db.read() as session:
                assert not deliveries.waiting(session)

    def _take(self, call: str) -> None:
        body = b'{"action": "edited", "object_kind": "issue"}'
        signature = "sha256=" + hmac.new(b"a-secret", body, hashlib.sha256).hexdigest()
        headers = {"x-github-delivery": call, "x-github-event": "issues", "x-hub-signature-256": signature}
        if not self.house.github:
            headers = {"x-gitlab-token": "a-secret", "x-gitlab-event": "Issue Hook", "idempotency-key": call}
        inbox.take(self.ctx(), "github" if self.house.github else "gitlab", self.target, headers, body)

    @act(at=st.integers(1, 30), before=st.booleans(), recreate=st.booleans())
    def is_killed(self, at: int, before: bool, recreate: bool) -> None:
        dying = Dying(self.db, at, before)
        with self.judged(sure=False, recreate=recreate), suppress(Killed):
            reconcile.apply_plan(self.ctx(dying), "hub", max_percent=100, recreate=recreate)
        self.house.clock.pass_(lease.SECONDS + 1)  # its lease lapses
        self.moved, self.cut = True, True

    @act(kind=st.sampled_from(LOST), skip=st.integers(0, 4), times=st.integers(1, 2), again=st.booleans())
    def loses_answers(self, kind: str, skip: int, times: int, again: bool) -> None:
        """Answers to writes are lost. With `again` it goes on at once, while the lists don't show yet what was made."""
        self.house.box.faults.add(Fault(kind, WRITES, skip=skip, times=times))
        with self.judged(sure=False):
            reconcile.apply_plan(self.ctx(), "hub", max_percent=100)
            if again:
                self.house.box.faults.add(Fault("list_lag", seconds=2.0, times=None))
                reconcile.apply_plan(self.ctx(), "hub", max_percent=100)
            self.house.box.faults.clear()
        self.moved, self.cut = True, True

    @act()
    def two_at_once(self) -> None:
        states: list[str] = []
        wrong: list[BaseException] = []

        def write() -> None:
            try:
                applied = reconcile.apply_plan(self.ctx(), "hub", max_percent=100)
                states.append(applied.state if applied else "")
            except rows.TargetBusy:
                states.append("busy")
            except BaseException as error:  # noqa: BLE001 - told below
                wrong.append(error)

        with self.judged():
            threads = [threading.Thread(target=write) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert not wrong
        assert "done" in states
        assert set(states) <= {"done", "busy", "interrupted"}
        self.moved, self.cut = True, False

    @act()
    def a_day_passes(self) -> None:
        self.house.clock.pass_(25 * 3600)

    @act()
    def is_quiet(self) -> None:
        """A cycle, and nothing is left to do; each node has its object, and the figures are those of the tracker."""
        self.apply()
        self.refreshes(full=True)
        before = self.house.box.log.summary()["writes"]
        with self.only_read():
            plan = reconcile.make_plan(self.ctx(), "hub").plan
        assert [change for change in plan.changes if change.action in WRITING] == []
        self.apply()
        assert self.house.box.log.summary()["writes"] == before
        snap = self.tracker.snap()
        gone = {node.id for node in self.roadmap.living() if self.witness.bound.get(node.id) not in snap}
        told = {change.key for change in plan.changes if change.action in ("missing", "conflict")}
        lines = set() if self.witness.children else {node.id for node in self.roadmap.living("step")}
        for thing in snap.values():
            node = self.witness.owner.get(thing.name)
            removed = node is not None and node not in {one.id for one in self.roadmap.living()}
            assert not removed or thing.state == "closed" or thing.name in self.witness.closings, thing
        assert told == {self.roadmap.key(node) for node in self.roadmap.living() if node.id in gone - lines}

    def counted(self) -> None:
        """The figures are a recount's, unless something is known that an incremental read can't show."""
        if self.cut or self.deleted:
            return
        counts, steps = self.witness.recount(self.tracker.snap())
        found = status.status(self.ctx(), SLUG)
        told = {"": (found.done, found.total, found.excluded)}
        shown = {}
        for milestone in found.milestones:
            told[milestone.key] = (milestone.done, milestone.total, milestone.excluded)
            for task in milestone.tasks:
                told[task.key] = (task.done, task.total, task.excluded)
                shown |= {step.key: step.state for step in task.steps}
        assert shown == steps
        assert told == counts


OFTEN = ("github", "gitlab-issues")
"""Profiles that are tried each time; `make sweep` takes the others too."""


@pytest.fixture(params=[p if p in OFTEN else pytest.param(p, marks=pytest.mark.sweep) for p in PROFILES])
def house(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("HOOK_SECRET", "a-secret")
    migrated(f"sqlite:///{tmp_path / 'empty.db'}").close()
    clock = StoppedClock()
    box: Any = GitHubBox(clock=clock) if request.param.startswith("github") else GitLabBox(clock=clock)
    with serving(box.app) as url:
        yield House(request.param, tmp_path, box, url, clock)
    box.close()


def test_anything_in_any_order(house: House) -> None:
    machine = type("Machine", (Machine,), {"house": house})
    run_state_machine_as_test(machine, settings=SETTINGS)
