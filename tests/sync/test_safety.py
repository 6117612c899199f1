"""What is applied is what was planned, once, whatever is lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.plan import ChangeGuard, Desired, Fields, Observed, Ref
from app.db import targets as rows
from app.sync import lease, reconcile
from app.sync.context import Context, open_place, utc_now
from app.sync.reconcile import PlanStale
from app.sync.run import Stop
from connectors.base import OutcomeUnknown, Place, RateLimited, Refs, Unavailable
from connectors.sandbox.faults import Fault
from connectors.sandbox.kit import Options
from tests.sync.conftest import SMALL, Site, open_site


class Flaky:
    """The real connector, with answers lost or refused at the writes that `when` picks (counted from 1)."""

    def __init__(self, real: Any, mode: str, when: set[int], count: list[int]) -> None:
        self.real, self.mode, self.when, self.count = real, mode, when, count

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def _write(self, call: Any) -> Observed:
        self.count[0] += 1
        if self.count[0] not in self.when:
            return call()
        if self.mode == "lost answer":
            call()
            raise OutcomeUnknown("the answer was lost")
        if self.mode == "lost request":
            raise OutcomeUnknown("nobody knows")
        if self.mode == "rate limit":
            raise RateLimited("slow down", retry_after=7.0)
        raise Unavailable("nobody is there")

    def create(self, want: Desired, refs: Refs) -> Observed:
        return self._write(lambda: self.real.create(want, refs))

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        return self._write(lambda: self.real.update(ref, fields, refs))


def flaky(site: Site, mode: str, when: set[int]) -> tuple[Site, list[float]]:
    """The site seen through a flaky connector, and the waits it was put through."""
    waits: list[float] = []
    count = [0]

    def open_flaky(place: Place) -> Any:
        return Flaky(open_place(place), mode, when, count)

    def now() -> datetime:
        return utc_now() + timedelta(seconds=sum(waits))

    ctx = replace(site.ctx, open_place=open_flaky, sleep=waits.append, now=now)
    return replace(site, ctx=ctx), waits


@pytest.mark.parametrize("each", [False, pytest.param(True, marks=pytest.mark.sweep)], ids=["some", "each"])
@pytest.mark.parametrize("mode", ["lost answer", "lost request"])
def test_a_create_whose_answer_is_lost_is_looked_up_and_made_once(site: Site, mode: str, each: bool) -> None:
    """The first and the last write of each kind of node, or each write."""
    site.read(SMALL)
    site.target()
    total = 5 + (7 if site.profile.endswith("-issues") else 0)
    kinds = [change.kind for change in reconcile.make_plan(site.ctx, "hub").plan.changes]
    assert len(kinds) == total
    ends = {at for kind in kinds for at in (kinds.index(kind), total - 1 - kinds[::-1].index(kind))}
    for lost in range(1, total + 1) if each else [at + 1 for at in sorted(ends)]:
        shaky, _ = flaky(site, mode, {lost})
        shaky.apply()
        shaky.apply()
        titles = site.titles()
        milestones = site.person.get("/milestones?state=all").json()
        assert len(titles) + len(milestones) == total, f"write {lost}"
        assert site.summary() == {}
        for number in titles.values():  # start afresh for the next write
            _delete(site, number)
        for milestone in milestones:
            key = milestone["number"] if site.github else milestone["id"]
            site.person.delete(f"/milestones/{key}").raise_for_status()
        site.apply(recreate=False)
        with site.ctx.db.write() as session:
            rows.remove(session, rows.get(session, "hub"))
        site.target()


def _delete(site: Site, number: int) -> None:
    import httpx

    path = "acme/app"
    address = f"{site.url}/_sandbox/issues/{path}/{number}" if site.github else f"{site.url}/_sandbox/issues/{number}"
    params = {} if site.github else {"project": path}
    httpx.delete(address, params=params, trust_env=False).raise_for_status()


def test_a_rate_limit_is_waited_out_and_nothing_is_sent_twice(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    shaky, waits = flaky(hub, "rate limit", {2, 4})
    applied = shaky.apply()
    assert applied.state == "done"
    assert waits == [7.0, 7.0]
    assert len(hub.titles()) == 3
    assert hub.writes() == 5


def test_a_tracker_that_is_not_there_ends_the_run_and_the_same_call_goes_on(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    shaky, _ = flaky(hub, "gone", {3, 4, 5, 6})
    applied = shaky.apply()
    assert applied.state == "interrupted"
    assert [outcome.result for outcome in applied.outcomes] == ["done", "done", "failed"]
    assert shaky.apply().state == "done"
    assert hub.summary() == {}
    assert hub.writes() == 5


def test_a_stop_ends_after_the_call_in_flight_and_the_same_plan_goes_on(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    plan = reconcile.make_plan(hub.ctx, "hub")
    stop = Stop()
    seen: list[str] = []

    def after_two(change: Any, done: int, total: int) -> None:
        seen.append(change.key)
        if done == 1:
            stop.set()

    applied = hub.apply(plan_id=plan.id, on_progress=after_two, stop=stop)
    assert (applied.state, len(applied.outcomes)) == ("interrupted", 1)
    again = hub.apply(plan_id=plan.id)
    assert (again.state, len(again.outcomes)) == ("done", 4)
    assert hub.writes() == 5


@pytest.mark.parametrize("who", ["people", "the roadmap"])
def test_a_plan_that_is_out_of_date_is_refused_and_writes_nothing(site: Site, who: str) -> None:
    site.read(SMALL)
    site.target()
    site.apply()
    site.read(SMALL.replace("Mobilisation", "Kick-off"))
    plan = reconcile.make_plan(site.ctx, "hub")
    number = site.titles()["1A — Mobilisation"]
    if who == "people":
        site.edit(number, title="1A — Mobilisation, by us")
    else:
        site.read(SMALL.replace("Mobilisation", "Beginnings"))
    before = site.writes()
    with pytest.raises(PlanStale, match="1A"):
        site.apply(plan_id=plan.id)
    assert site.writes() == before


def test_a_plan_that_changes_too_much_is_refused_with_the_numbers(site: Site) -> None:
    many = SMALL + "".join(f"  - **Task 2{c} — Wall {c}**\n    1. Build wall {c}.\n" for c in "BCDEFGHIJ")
    site.read(many)
    site.target()
    site.apply()
    site.read(many.replace("— Wall", "— Great wall"))
    with pytest.raises(ChangeGuard, match=r"10 of \d+ managed") as caught:
        site.apply()
    assert "--max-changes" in caught.value.hint
    assert site.apply(max_percent=100).state == "done"
    assert site.summary() == {}


def test_what_people_deleted_is_missing_and_made_again_only_when_asked(site: Site) -> None:
    site.read(SMALL)
    site.target()
    site.apply()
    _delete(site, site.titles()["1B — Blueprint"])
    plan = reconcile.make_plan(site.ctx, "hub")
    assert plan.plan.summary()["missing"] == 1
    site.apply()
    assert "1B — Blueprint" not in site.titles()
    site.apply(recreate=True)
    assert "1B — Blueprint" in site.titles()
    assert site.summary() == {}


def test_unmarked_objects_of_the_same_title_are_adopted_only_when_asked(site: Site) -> None:
    site.read(SMALL)
    site.target()
    title = "1A — Mobilisation"
    site.person.post("/issues", json={"title": title, "description": "by hand", "body": "by hand"}).raise_for_status()
    site.person.post("/milestones", json={"title": "M1 — Foundations"}).raise_for_status()
    plan = reconcile.make_plan(site.ctx, "hub").plan
    held = {change.key: change.action for change in plan.changes if change.action == "conflict"}
    assert set(held) >= {"M1", "1A", "1B"}
    adopting = reconcile.make_plan(site.ctx, "hub", adopt=True)
    assert adopting.plan.summary()["adopt"] == 2
    site.apply(plan_id=adopting.id)
    number = site.titles()[title]
    assert site.text(number).startswith("by hand")
    assert "<!-- milepost:small/1A -->" in site.text(number)
    assert site.summary() == {}
    assert site.status().total == 7


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Site]:
    yield from open_site(tmp_path, "github")


def test_two_writers_at_once_make_no_twins(two: Site) -> None:
    two.read(SMALL)
    two.target()
    errors: list[Exception] = []

    def write() -> None:
        try:
            reconcile.apply_plan(Context(two.ctx.db), "hub")
        except rows.TargetBusy as error:  # its turn did not come in time: also right
            errors.append(error)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(two.titles()) == 3
    assert two.writes() == 5
    assert errors == []


def test_a_lease_that_was_taken_over_stops_its_old_holder(hub: Site) -> None:
    from datetime import timedelta

    hub.read(SMALL)
    hub.target()
    with hub.ctx.db.read() as session:
        target_id = rows.get(session, "hub").id
    with lease.held(hub.ctx, target_id) as old:
        late = replace(hub.ctx, now=lambda: hub.ctx.now() + timedelta(seconds=lease.SECONDS + 1))
        with lease.held(late, target_id) as new:
            assert new.fence > old.fence
            with pytest.raises(rows.TargetBusy):
                old.renew()


def test_adopting_never_writes_one_objects_text_into_another(site: Site) -> None:
    """A linked object has the title that another node asks for: its text is not what the adopted one holds."""
    site.read(SMALL)
    site.target()
    site.apply()
    linked = site.titles()["1A — Mobilisation"]
    site.edit(linked, title="2B — Roof", body=f"words of the linked one\n\n{site.text(linked)}")
    body = {"title": "2B — Roof", "description": "words of the free one", "body": "words of the free one"}
    site.person.post("/issues", json=body).raise_for_status()
    (free,) = [n for n, issue in site.issues().items() if issue["title"] == "2B — Roof" and n != linked]
    site.read(SMALL + "  - **Task 2B — Roof**\n    1. Lay the tiles.\n")
    planned = reconcile.make_plan(site.ctx, "hub", adopt=True)
    assert planned.plan.summary()["adopt"] == 1
    site.apply(plan_id=planned.id, max_percent=100)
    assert site.text(free).startswith("words of the free one")
    assert "words of the linked one" not in site.text(free)
    assert site.text(linked).startswith("words of the linked one")


def test_removing_most_of_a_roadmap_is_guarded(site: Site) -> None:
    """What is to be closed counts among what is managed: the more is removed, the less it may slip through."""
    tasks = [f"  - **Task 1{c} — Wall {c}**\n    1. Build wall {c}.\n" for c in "ABCDEFGHIJK"]
    head = "# P\n\n### Milestone M1 — Walls\n- **Tasks:**\n"
    site.read(head + "".join(tasks))
    site.target()
    site.apply()
    site.read(head + "".join(tasks[:3]))
    with pytest.raises(ChangeGuard, match=r"of \d+ managed"):
        site.apply()
    assert site.apply(max_percent=100).state == "done"
    assert site.summary() == {}


def test_a_tracker_that_is_away_gives_a_plan_that_concludes_nothing(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    hub.apply()
    hub.box.faults.add(Fault("error", times=None, status=503))
    plan = reconcile.make_plan(hub.ctx, "hub")
    assert (plan.plan.complete, plan.plan.changes) == (False, ())
    assert "503" in plan.problem
    with pytest.raises(reconcile.ReadIncomplete):
        hub.apply(plan_id=plan.id)


def push_one(site: Site) -> None:
    """A run that is stopped after its first step."""
    stop = Stop()
    site.apply(on_progress=lambda change, done, total: stop.set() if done == 1 else None, stop=stop)


def test_a_token_without_push_access_stops_the_run_and_doubles_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    """GitHub silently drops milestone and labels then (TRACKERS, trap 11)."""
    for site in open_site(tmp_path, "github", options=Options(no_push=("the-robot",))):
        site.read(SMALL)
        site.target()
        monkeypatch.setenv("SYNC_TOKEN", "another-robot")
        push_one(site)
        monkeypatch.setenv("SYNC_TOKEN", "the-robot")
        for _ in range(2):
            applied = site.apply()
            assert applied.state == "failed"
            assert "no push access" in str(applied.outcomes[-1].error)
        assert len(site.issues()) == 1
        monkeypatch.setenv("SYNC_TOKEN", "another-robot")
        assert site.apply().state == "done"
        assert set(site.titles()) == {"1A — Mobilisation", "1B — Blueprint", "2A — Bricks"}
        assert site.summary() == {}


def test_what_people_changed_before_a_lost_create_is_found_stays_theirs(site: Site) -> None:
    """The process dies after its call; people rename the object and take its label off before it is back."""
    site.read(SMALL)
    site.target()
    lost = 3 if site.profile.endswith("-issues") else 2
    shaky, _ = flaky(site, "lost answer", {lost})
    stop = Stop()
    shaky.apply(on_progress=lambda change, done, total: stop.set() if done == lost else None, stop=stop)
    key = "1A.1" if site.profile.endswith("-issues") else "1A"
    (number,) = [n for title, n in site.titles().items() if title.split(" ")[0] == key]
    site.edit(number, title="Ours now", labels=[] if site.github else "")
    site.apply()
    assert site.issues()[number]["title"] == "Ours now"
    assert site.issues()[number]["labels"] == []
    assert site.summary() == {}
