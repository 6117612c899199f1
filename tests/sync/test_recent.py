"""What changed in the last days, and defects by day: from history, earlier roadmaps and what trackers hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.charts.spec import OpenDefects
from app.core.history import Change
from app.core.history import changes as between
from app.sync import history, recent, reconcile, reporting, status
from app.sync.context import Context
from app.sync.history import NodeUnknown
from app.sync.recent import Recent, Slipped
from tests.sync.conftest import SMALL, Site
from tests.sync.test_conflicts import ASK
from tests.sync.test_history import NOON, At, clock, ctx, db, put, read

__all__ = ["clock", "ctx", "db"]
FIRST = NOON.date()
WITH_SEVERITIES = """
[defects]
labels = { "sev 1" = 1, "sev 2" = 2 }
days = [2]
"""


def week(ctx: Context) -> Recent:
    return recent.recent(ctx, status.standing(ctx, "small"))


def test_a_week_is_told_from_the_figures_at_both_its_ends(ctx: Context, clock: At) -> None:
    read(ctx)
    put(ctx, FIRST, {None: (1, 7), "M1": (1, 5), "1A": (1, 3), "1B": (0, 2), "M2": (0, 2), "2A": (0, 2)})
    clock.now = NOON + timedelta(days=12)
    ticked = SMALL.replace("Task 1A — Mobilisation (12% complete)", "Task 1A — Mobilisation (100% complete)")
    read(ctx, ticked.replace("    2. Have the drawings checked by the city.\n", ""))
    put(ctx, FIRST + timedelta(days=12), {None: (3, 6), "M1": (3, 4), "1A": (3, 3)})
    found = week(ctx)
    assert (found.known, found.since, found.first) == (True, FIRST + timedelta(days=5), FIRST)
    assert [(one.key, one.title) for one in found.finished] == [("1A", "Mobilisation")]
    points = history.every(ctx, "small")[None]
    told = between(points, found.since, FIRST + timedelta(days=12))
    assert told == Change(found.since, FIRST + timedelta(days=12), 0, 1, 2)
    assert (found.programme.scope_added, found.programme.scope_removed) == (0, 1)
    (m1,) = [one for one in found.moved if one.key == "M1"]
    assert m1.before is not None
    assert (m1.before.percent, m1.before.done, m1.before.total) == (20.0, 1, 5)
    assert (m1.scope_added, m1.scope_removed) == (0, 1)
    assert found.slipped == ()
    assert found.anything


def test_windows_slip_against_the_roadmap_of_that_day(ctx: Context, clock: At) -> None:
    """A milestone is the same under another key, and what was moved before the week is no slip of it."""
    read(ctx, SMALL.replace("Weeks 2–4", "Weeks 2–3"))
    put(ctx, FIRST, {None: (0, 7)})
    clock.now = NOON + timedelta(days=2)
    read(ctx)
    clock.now = NOON + timedelta(days=12)
    later = SMALL.replace("Weeks 2–4", "Weeks 2–6").replace("Milestone M2", "Milestone M7")
    read(ctx, later.replace("Weeks 0–2", "Weeks 0–1"))
    assert week(ctx).slipped == (
        Slipped("M7", "Walls", FIRST + timedelta(weeks=4), FIRST + timedelta(weeks=6)),
        Slipped("M1", "Foundations", FIRST + timedelta(weeks=2), FIRST + timedelta(weeks=1)),
    )
    assert [one.days for one in week(ctx).slipped or ()] == [14, -7]
    clock.now = NOON + timedelta(days=20)
    assert week(ctx).slipped == ()


def test_a_week_of_which_nothing_is_known_or_in_which_nothing_happened(ctx: Context, clock: At) -> None:
    read(ctx, SMALL.replace("- **Target Window:** Weeks 0–2\n", "").replace("- **Target Window:** Weeks 2–4\n", ""))
    young = week(ctx)
    assert (young.known, young.first, young.finished, young.moved, young.slipped) == (False, FIRST, (), (), ())
    clock.now = NOON + timedelta(days=9)
    assert (week(ctx).known, week(ctx).anything) == (True, False)


@pytest.fixture
def flawed(hub: Site, tmp_path: Path) -> Site:
    """Two defects of severity 1 and one of 2 in M1, one of 1 in M2; the first is closed. All today."""
    file = tmp_path / "severe.toml"
    file.write_text(ASK + WITH_SEVERITIES)
    hub.read(SMALL)
    hub.target(profile=str(file))
    hub.apply()
    numbers = {one["title"].split(" ")[0]: one["number"] for one in hub.person.get("/milestones").json()}
    for place, label in (("M1", "sev 1"), ("M1", "sev 1"), ("M1", "sev 2"), ("M2", "sev 1")):
        body = {"title": f"{label} of {place}", "labels": [label], "milestone": numbers[place]}
        made = hub.person.post("/issues", json=body).raise_for_status().json()
    first = min(one for one, issue in hub.issues().items() if issue["title"] == "sev 1 of M1")
    hub.edit(first, state="closed")
    assert made["title"] == "sev 1 of M2"
    reconcile.refresh(hub.ctx, "hub")
    return hub


def test_defects_by_day_are_what_is_open_at_its_end(flawed: Site) -> None:
    opened = flawed.ctx.now()
    ctx = replace(flawed.ctx, now=lambda: opened + timedelta(days=5))
    found = reporting.defect_curve(ctx, "small")
    today = opened.date()
    assert found.severities == ["severity 1", "severity 2"]
    assert found.days == [OpenDefects(today, "severity 1", 2), OpenDefects(today, "severity 2", 1)]
    assert found.today == today + timedelta(days=5)
    assert reporting.defect_curve(ctx, "small", "M2").days == [
        OpenDefects(today, "severity 1", 1),
        OpenDefects(today, "severity 2", 0),
    ]
    with pytest.raises(NodeUnknown, match="no milestone 'M9'"):
        reporting.defect_curve(ctx, "small", "M9")


def test_without_severities_there_is_nothing_to_draw(hub: Site) -> None:
    hub.read(SMALL)
    found = reporting.defect_curve(hub.ctx, "small")
    assert (found.days, found.severities) == ([], [])
