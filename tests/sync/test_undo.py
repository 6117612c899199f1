"""Taking a run back: made objects closed and let go, fields put back where nobody touched them since."""

from __future__ import annotations

import pytest

from app.core.plan import Change
from app.db import journal
from app.sync import reconcile
from app.sync.reconcile import PlanStale
from app.sync.undo import NothingToUndo, make_undo
from tests.sync.conftest import SMALL, Site

RENAMED = SMALL.replace("Mobilisation", "Getting Going").replace("Lay the ground.", "Lay it well.")
ALL = 100.0


def objects(site: Site) -> dict[str, tuple[str, str, bool]]:
    """Title -> (state, text, carries a marker) of everything in the tracker, as it is now."""
    with site.ctx.db.read() as session:
        target = reconcile.targets.get(session, "hub")
    with reconcile.opened(site.ctx, target) as connector:
        seen = connector.observe(None)
    assert seen.complete
    return {o.title: (o.state, o.description, "<!-- milepost:" in o.description) for o in seen.objects}


def take_back(site: Site, run: str) -> list[Change]:
    planned = make_undo(site.ctx, run)
    before = objects(site)
    assert objects(site) == before  # a plan writes nothing
    applied = site.apply(plan_id=planned.id, max_percent=ALL)
    assert (applied.state, {o.result for o in applied.outcomes}) == ("done", {"done"})
    return list(planned.plan.changes)


def test_a_first_push_is_taken_back(site: Site) -> None:
    site.read(SMALL)
    site.target()
    first = site.apply()
    there = objects(site)
    changes = take_back(site, first.run)
    assert {change.action for change in changes} == {"close"}
    assert len(changes) == len(first.outcomes)
    now = objects(site)
    assert set(now) == set(there)  # nothing is deleted
    assert {(state, marked) for state, _, marked in now.values()} == {("closed", False)}
    with pytest.raises(NothingToUndo):
        make_undo(site.ctx, first.run)


def test_a_later_run_is_taken_back_but_for_what_people_touched(site: Site) -> None:
    site.read(SMALL)
    site.target()
    site.apply()
    there = objects(site)
    site.read(RENAMED)
    second = site.apply(max_percent=ALL)
    assert "1A — Getting Going" in objects(site)
    planned = make_undo(site.ctx, second.run)
    assert {(c.action, c.key) for c in planned.plan.changes} == {("update", "1A"), ("update", "M1")}
    site.apply(plan_id=planned.id, max_percent=ALL)
    assert objects(site) == there
    assert site.summary() == {"update": 2}  # the roadmap still asks for it


def test_what_people_changed_since_is_left_and_told(site: Site) -> None:
    site.read(SMALL)
    site.target()
    site.apply()
    site.read(RENAMED)
    second = site.apply(max_percent=ALL)
    number = next(o.url for o in second.outcomes if o.key == "1A" and o.url).rsplit("/", 1)[1]
    site.edit(int(number), title="ours now")
    planned = make_undo(site.ctx, second.run)
    assert [(d.key, d.field) for d in planned.plan.drift] == [("1A", "title")]
    assert [c.key for c in planned.plan.changes] == ["M1"]


def test_an_undo_is_stale_when_the_tracker_moved_on(site: Site) -> None:
    site.read(SMALL)
    site.target()
    first = site.apply()
    planned = make_undo(site.ctx, first.run)
    number = next(o.url for o in first.outcomes if o.key == "1A" and o.url).rsplit("/", 1)[1]
    site.edit(int(number), state="closed")
    with pytest.raises(PlanStale, match="1A"):
        site.apply(plan_id=planned.id, max_percent=ALL)


def test_an_unknown_run_is_refused(site: Site) -> None:
    with pytest.raises(journal.RunUnknown):
        make_undo(site.ctx, "nothing")
