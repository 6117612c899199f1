"""Figures are worked out once for as long as they hold: what moves a revision, and what doesn't.

That what is kept is what would be found, every test of the suite holds to (`tests/conftest.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.plan import Change
from app.db import revisions, trees
from app.db import targets as target_rows
from app.db.engine import Database
from app.sync import history, reconcile, status, targets
from app.sync.context import Context
from tests.databases import KINDS, empty
from tests.sync.conftest import SMALL, Site


def revision(ctx: Context) -> int:
    with ctx.db.read() as session:
        return trees.get(session, "small").revision


def number(ctx: Context) -> int:
    with ctx.db.read() as session:
        return trees.get(session, "small").id or 0


def due(ctx: Context) -> bool:
    with ctx.db.read() as session:
        return number(ctx) in revisions.unrecorded(session)


def test_what_changes_figures_moves_the_revision_and_nothing_else_does(site: Site) -> None:
    site.read(SMALL)
    seen = [revision(site.ctx)]

    def moved() -> bool:
        seen.append(revision(site.ctx))
        return seen[-1] > seen[-2]

    site.read(SMALL.replace("Foundations", "Ground"))
    assert moved()
    site.target()
    assert moved()
    site.apply()
    assert moved()
    reconcile.refresh(site.ctx, "hub")
    moved()  # what the tracker says of what was just made is read for the first time
    for _ in range(2):
        reconcile.refresh(site.ctx, "hub")
        assert not moved()
    reconcile.make_plan(site.ctx, "hub")
    assert not moved()
    targets.set_state(site.ctx, "hub", "paused")
    assert not moved()
    site.edit(min(site.issues()), title="Another title")
    reconcile.refresh(site.ctx, "hub")
    assert moved()
    targets.remove(site.ctx, "hub")
    assert moved()


@pytest.mark.parametrize("site", ["github-issues", "gitlab-issues"], indirect=True)
def test_a_command_records_at_once_and_the_service_when_its_schedule_comes_to_it(site: Site) -> None:
    site.read(SMALL)
    site.target()
    site.apply()
    assert not due(site.ctx)
    service = replace(site.ctx, service=True)
    before = history.history(site.ctx, "small").points
    step = next(number for title, number in site.titles().items() if title.startswith("1B.1 "))
    site.edit(step, state="closed")
    assert reconcile.refresh(service, "hub").changed
    assert due(service)
    assert history.history(site.ctx, "small").points == before
    history.catch_up(service, number(service))
    assert not due(service)
    after = history.history(site.ctx, "small").points
    assert (after[-1].point.done, before[-1].point.done) == (1, 0)
    assert history.catch_up(service, number(service)) == 0


def test_what_was_found_before_a_crash_is_due_still(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.read(SMALL)
    site.target()
    with monkeypatch.context() as patch:
        patch.setattr(history, "catch_up", _killed)
        with pytest.raises(KeyboardInterrupt):
            site.apply()
    assert due(site.ctx)
    reconcile.refresh(site.ctx, "hub")
    assert not due(site.ctx)
    assert history.history(site.ctx, "small").points[-1].point.source == "measured"


def _killed(*_: object) -> int:
    raise KeyboardInterrupt


@pytest.fixture(params=KINDS)
def ctx(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    with empty(request.param, tmp_path, request) as db:
        Site(Context(db), "", None, "github", None).read(SMALL)  # type: ignore[arg-type]
        yield Context(db)


def test_an_older_standing_is_not_recorded_after_a_newer_one(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """One was held up between its reading and its writing; another has seen more, and recorded it, meanwhile."""
    newer = SMALL.replace("12% complete", "66% complete")
    figures = status.figures

    def held_up(at: Context, slug: str) -> Any:
        found = figures(at, slug)
        monkeypatch.setattr(status, "figures", figures)
        Site(ctx, "", None, "github", None).read(newer)  # type: ignore[arg-type]
        return found

    monkeypatch.setattr(status, "figures", held_up)
    assert history.record(ctx, number(ctx)) == 0
    assert history.history(ctx, "small", "1A").points[-1].point.declared == 66.0


def test_a_session_that_reads_sees_one_moment(ctx: Context) -> None:
    with ctx.db.read() as session:
        before = trees.get(session, "small").revision
        _touch(ctx.db, number(ctx))
        session.expire_all()
        assert trees.get(session, "small").revision == before
    assert revision(ctx) == before + 1


def test_of_two_that_touch_at_once_each_counts(ctx: Context) -> None:
    before, programme = revision(ctx), number(ctx)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _touch(ctx.db, programme), range(40)))
    assert revision(ctx) == before + 40


def _touch(db: Database, programme: int) -> None:
    with db.write() as session:
        revisions.touch(session, programme)
        revisions.touch(session, programme)  # of one transaction it is one


def test_what_is_rolled_back_moves_nothing(ctx: Context) -> None:
    before = revision(ctx)
    programme = number(ctx)

    def fail() -> None:
        with ctx.db.write() as session:
            revisions.touch(session, programme)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert revision(ctx) == before


def test_a_programme_that_was_removed_and_is_there_again_is_another(ctx: Context) -> None:
    assert status.status(ctx, "small").milestones
    with ctx.db.write() as session:
        trees.remove(session, trees.get(session, "small"))
    Site(ctx, "", None, "github", None).read("# Small Programme\n\n### Milestone M9 — Other\n")  # type: ignore[arg-type]
    assert [m.key for m in status.status(ctx, "small").milestones] == ["M9"]


def test_a_profile_that_is_edited_counts_at_once(tmp_path: Path, site: Site) -> None:
    path = tmp_path / "weights.toml"
    built_in = (Path(__file__).parents[2] / "mappings" / "profiles" / f"{site.profile}.toml").read_text()
    path.write_text(built_in)
    site.read(SMALL)
    site.target(profile=str(path))
    site.apply()
    assert status.status(site.ctx, "small").warnings == []
    path.write_text("no TOML")
    (said,) = status.status(site.ctx, "small").warnings
    assert "weights.toml" in said


def test_targets_are_named_as_they_are(site: Site) -> None:
    site.read(SMALL)
    assert status.status(site.ctx, "small").milestones[0].target is None
    site.target()
    assert status.status(site.ctx, "small").milestones[0].target == "hub"
    with site.ctx.db.write() as session:
        target_rows.get(session, "hub").last_error = "the tracker is away"
    assert status.status(site.ctx, "small").milestones[0].stale_reason == "the tracker is away"


def test_the_past_of_what_is_taken_over_is_due_whenever_the_process_ends(hub: Site) -> None:
    """Killed right after the first object is adopted."""
    hub.read(SMALL)
    hub.person.post("/issues", json={"title": "1A — Mobilisation"}).raise_for_status()
    hub.target()
    plan = reconcile.make_plan(hub.ctx, "hub", adopt=True)
    assert not rebuild_due(hub.ctx)

    begun: list[str] = []

    def killed(change: Change, *_: int) -> None:
        if "adopt" in begun:
            raise KeyboardInterrupt
        begun.append(change.action)

    with pytest.raises(KeyboardInterrupt):
        reconcile.apply_plan(hub.ctx, "hub", plan_id=plan.id, on_progress=killed)
    assert rebuild_due(hub.ctx)
    reconcile.refresh(hub.ctx, "hub")
    assert not rebuild_due(hub.ctx)


def rebuild_due(ctx: Context) -> bool:
    with ctx.db.read() as session:
        return trees.get(session, "small").rebuild_due
