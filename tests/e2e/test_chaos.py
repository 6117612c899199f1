"""Whatever is killed, and whenever: at rest the figures are the tracker's, and nothing was lost or made twice."""

from __future__ import annotations

import random
import signal
import sys
from contextlib import ExitStack, closing
from datetime import date
from pathlib import Path

import httpx
import pytest

from app.db import targets as rows
from app.db.engine import Database
from app.sync import reconcile, roadmap, targets
from app.sync.context import Context, utc_now
from app.sync.targets import NewTarget
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import serving
from tests.api.house import SECRET, until
from tests.e2e.chaos import REPO, Fleet, Story, Team, rampage
from tests.e2e.defects import DEFECTS

pytestmark = pytest.mark.postgres


def document(parts: int) -> bytes:
    """A roadmap of so many milestones, of six tasks with four steps each."""
    lines = ["# Small Programme"]
    for part in range(1, parts + 1):
        lines += ["", f"### Milestone M{part} — Part {part}", "- **Target Window:** Weeks 0–2", "- **Tasks:**"]
        for letter in "ABCDEF":
            lines.append(f"  - **Task {part}{letter} — Work {letter} of part {part}**")
            lines += [f"    {step}. Do the thing {step} of {part}{letter}." for step in (1, 2, 3, 4)]
    return "\n".join(lines).encode()


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_token_of_tests")
    monkeypatch.setenv("HOOK_SECRET", SECRET)


@pytest.mark.parametrize("seconds", [15, pytest.param(60, marks=pytest.mark.sweep)])
def test_killed_processes_lose_nothing_and_do_nothing_twice(seconds: int, postgres: str, tmp_path: Path) -> None:
    unharmed(seconds, postgres, tmp_path)


@pytest.mark.sweep
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found(defect: str, postgres: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        unharmed(15, postgres, tmp_path, defect)


def unharmed(seconds: int, postgres: str, folder: Path, defect: str = "") -> None:
    """Raises AssertionError where anything was lost, made twice or counted otherwise than the tracker shows it."""
    chance = random.Random(20261124 + seconds)
    with ExitStack() as stack:
        db, box = stack.enter_context(closing(Database(postgres))), stack.enter_context(closing(GitHubBox()))
        db.upgrade()
        ctx = Context(db)
        roadmap.import_roadmap(db, document(2), "small", start=date(2026, 11, 2), now=utc_now())
        url = stack.enter_context(serving(box.app))
        options = {"base_url": url, "webhook_secret_env": "HOOK_SECRET", "interval_seconds": 3600}
        targets.add(ctx, NewTarget("hub", "small", "github", REPO, **options))  # type: ignore[arg-type]
        story, team, fleet = Story(ctx), Team(url, chance), Fleet(folder, postgres, defect)
        stack.enter_context(team.http)
        hooks = [team.hook(port, story.path()) for port in fleet.ports]
        with db.write() as session:
            rows.get(session, "hub").hook_id = hooks[0]
        reconcile.apply_plan(ctx, "hub")
        fleet.begin()
        try:
            roadmap.import_roadmap(db, document(4), "small", start=date(2026, 11, 2), now=utc_now())
            plan = reconcile.make_plan(ctx, "hub").id
            base = f"http://127.0.0.1:{fleet.ports[0]}/api/v1/programmes/small"
            begun = httpx.post(f"{base}/plans/{plan}/apply", trust_env=False, timeout=30)
            assert begun.status_code == 202, begun.text
            fleet.serves[0].end(signal.SIGKILL)  # in the midst of its run
            fleet.serves[0].begin()
            killed = rampage(fleet, team, chance, seconds)
            fleet.ready()
            until(lambda: box.hooks.idle() and story.rests(), 90)
            steps = story.figures()[0], story.recorded()[0], team.recount()[0]
            assert len(set(steps)) == 1, steps  # those done: what was not made yet has no steps in the tracker
            ended = fleet.end()
        finally:
            for member in fleet.members:
                member.end(signal.SIGKILL)
        arrived = set().union(*(team.arrived(hook) for hook in hooks))
        kept = {one.delivery_id: one for one in story.deliveries()}
        assert arrived <= kept.keys()
        assert {one.state for one in kept.values()} == {"handled"}
        assert (story.made_twice(), team.twins()) == ([], [])
        reconcile.apply_plan(ctx, "hub", max_percent=100.0)  # people's edits may have made the plan out of date
        assert (story.made_twice(), team.twins()) == ([], [])
        assert story.figures() == story.recorded() == team.recount()
        assert team.recount()[1] == 96
        assert ended == [0, 0, 0, 0]
        assert killed >= seconds / 5
        assert team.edits >= seconds
        said = f"{killed + 1} killed, {team.edits} edits, {len(arrived)} deliveries answered, {len(kept)} kept"
        sys.stdout.write(f"{said}\n")
    log = fleet.logs()
    assert SECRET not in log
    assert "ghp_token" not in log
