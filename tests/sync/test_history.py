"""How nodes stood by day: recorded as trackers change, at midnights of any zone, rebuilt, and thinned."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from app.core.history import Point
from app.core.plan import Observed, Ref
from app.db import history as rows
from app.db import mirror, trees
from app.db import targets as target_rows
from app.db.engine import Database
from app.db.history import Stored
from app.jobs import Days
from app.sync import history, reconcile, roadmap, status, targets, zones
from app.sync.context import Context
from app.sync.targets import NewTarget
from tests.databases import migrated
from tests.sync.conftest import SMALL, Site
from tests.sync.places import Time, a_box

Figures = tuple[int, int, int, float | None, str]
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def said(found: list[Stored] | tuple[Stored, ...]) -> dict[str, Figures]:
    """The figures by day; rebuilt days end in a star."""
    return {
        one.point.day.isoformat() + "*" * one.rebuilt: (
            one.point.done,
            one.point.total,
            one.point.excluded,
            one.point.percent,
            one.point.source,
        )
        for one in found
    }


def of(ctx: Context, node: str | None = None, **more: Any) -> dict[str, Figures]:
    return said(history.history(ctx, "small", node, **more).points)


class At:
    """A clock that is set by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    name = request.param
    url = f"sqlite:///{tmp_path / 'm.db'}"
    made = migrated(url if name == "sqlite" else request.getfixturevalue("postgres_migrated"))
    yield made
    made.close()


@pytest.fixture
def clock() -> At:
    return At()


@pytest.fixture
def ctx(db: Database, clock: At) -> Context:
    return Context(db, now=clock)


def read(ctx: Context, text: str = SMALL, **more: Any) -> None:
    roadmap.import_roadmap(ctx.db, text.encode(), "small", start=date(2026, 11, 2), now=ctx.now(), **more)


def put(ctx: Context, day: date, figures: dict[str | None, tuple[int, int]]) -> None:
    """Store (done, total) of nodes, as a recording of that day would."""
    with ctx.db.write() as session:
        tree = trees.load(session, "small")
        points: dict[int | None, Point] = {
            (tree.ids[key] if key else None): Point(day, done, total, 0, done * 1000 // total / 10, "measured")
            for key, (done, total) in figures.items()
        }
        rows.write(session, tree.id, points)


# -- what is recorded


def test_changes_in_a_tracker_are_recorded_by_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import, apply, close an issue on another day, drop one: a point a day, and none on a day without a change."""
    time = Time()
    with a_box("github-issues", clock=time) as (box, url):
        db = migrated(f"sqlite:///{tmp_path / 'a.db'}")
        ctx = Context(db, now=time.now, sleep=time.sleep)
        site = Site(ctx, url, box, "github-issues", person_of(url))
        first = time.now().date()
        read(ctx)
        site.target()
        site.apply()
        assert of(ctx, "1A") == {first.isoformat(): (0, 3, 0, 0.0, "measured")}
        time.sleep(86_400)
        assert reconcile.refresh(ctx, "hub").changed == 0
        time.sleep(86_400)
        numbers = site.titles()
        site.edit(numbers["1A.1 Draft the charter of the whole programme."], state="closed")
        reconcile.refresh(ctx, "hub")
        site.edit(numbers["1A.2 Set up tools and accounts for everybody."], state="closed", state_reason="not_planned")
        reconcile.refresh(ctx, "hub")
        third = (first + timedelta(days=2)).isoformat()
        assert of(ctx, "1A")[third] == (1, 2, 1, 50.0, "measured")
        assert of(ctx)[third] == (1, 6, 1, 16.6, "measured")
        assert list(of(ctx, "2A")) == [first.isoformat()]
        found = status.status(ctx, "small")
        last = history.history(ctx, "small").points[-1].point
        assert (last.done, last.total, last.excluded, last.percent) == (
            found.done,
            found.total,
            found.excluded,
            found.percent,
        )
        past = history.at(ctx, "small", first + timedelta(days=1))
        assert past.programme == Point(first + timedelta(days=1), 0, 7, 0, 0.0, "measured", 5.1)
        assert past.nodes["1A"].done == 0
        assert history.at(ctx, "small", first + timedelta(days=5)).nodes["1A"].done == 1
        assert history.at(ctx, "small", first - timedelta(days=1)) == history.Past(
            first - timedelta(days=1), "UTC", None, {}, {}
        )
        site.person.close()
        db.close()


def person_of(url: str) -> Any:
    return httpx.Client(base_url=f"{url}/repos/acme/app", headers={"Authorization": "Bearer a-person"}, trust_env=False)


def test_what_the_roadmap_says_is_recorded_with_each_import(ctx: Context, clock: At) -> None:
    read(ctx)
    clock.now += timedelta(days=1)
    read(ctx)
    clock.now += timedelta(days=1)
    read(ctx, SMALL.replace("12% complete", "50% complete"))
    points = history.history(ctx, "small", "1A").points
    assert [(one.point.day.day, one.point.declared, one.point.source) for one in points] == [
        (2, 12.0, "declared"),
        (4, 50.0, "declared"),
    ]
    whole = [one.point.declared for one in history.history(ctx, "small").points]
    assert whole == [status_declared(12), status_declared(50)]


def status_declared(percent: float) -> float:
    """Three of the seven steps are in 1A, which is the only task that declares anything."""
    return int(percent * 3 / 7 * 10) / 10


def test_a_day_has_its_last_word_and_a_day_back_as_before_has_none(ctx: Context) -> None:
    read(ctx)
    put(ctx, date(2026, 11, 3), {"1A": (1, 3)})
    put(ctx, date(2026, 11, 3), {"1A": (2, 3)})
    put(ctx, date(2026, 11, 4), {"1A": (3, 3)})
    put(ctx, date(2026, 11, 4), {"1A": (2, 3)})
    assert {day: figures[0] for day, figures in of(ctx, "1A").items()} == {"2026-11-02": 0, "2026-11-03": 2}
    put(ctx, date(2026, 11, 1), {"1A": (3, 3)})  # the clock was set back: the newest point is the newest word
    assert {day: figures[0] for day, figures in of(ctx, "1A").items()} == {"2026-11-02": 0, "2026-11-03": 3}


def test_nodes_that_were_removed_stood_there_until_then(ctx: Context, clock: At) -> None:
    read(ctx)
    clock.now += timedelta(days=3)
    read(ctx, SMALL[: SMALL.index("### Milestone M2")])
    before, after = history.at(ctx, "small", date(2026, 11, 3)), history.at(ctx, "small", date(2026, 11, 6))
    assert (set(before.nodes), set(before.removed)) == ({"M1", "1A", "1B"}, {"M2", "2A"})
    assert (set(after.nodes), set(after.removed)) == ({"M1", "1A", "1B"}, set())
    assert (before.programme, after.programme) == (
        Point(date(2026, 11, 3), 0, 7, 0, 5.1, "declared", 5.1),
        Point(date(2026, 11, 6), 0, 5, 0, 7.2, "declared", 7.2),
    )
    assert list(of(ctx, "M2")) == ["2026-11-02"]


# -- days and time zones


@pytest.mark.parametrize(
    ("zone", "now", "day"),
    [
        ("UTC", "2026-11-02T23:59:59+00:00", "2026-11-02"),
        ("Europe/Berlin", "2026-11-02T22:59:59+00:00", "2026-11-02"),
        ("Europe/Berlin", "2026-11-02T23:00:00+00:00", "2026-11-03"),
        ("Pacific/Kiritimati", "2026-11-02T10:00:00+00:00", "2026-11-03"),
        ("America/Los_Angeles", "2026-11-02T07:59:59+00:00", "2026-11-01"),
        # the day of 25 hours, and that of 23
        ("Europe/Berlin", "2026-10-25T22:59:59+00:00", "2026-10-25"),
        ("Europe/Berlin", "2026-10-24T22:00:00+00:00", "2026-10-25"),
        ("Europe/Berlin", "2027-03-28T21:59:59+00:00", "2027-03-28"),
        ("Europe/Berlin", "2027-03-27T23:00:00+00:00", "2027-03-28"),
        ("Asia/Kathmandu", "2026-11-02T18:15:00+00:00", "2026-11-03"),
    ],
    ids=map(str, range(10)),
)
def test_a_day_ends_at_midnight_there(ctx: Context, clock: At, zone: str, now: str, day: str) -> None:
    clock.now = datetime.fromisoformat(now)
    read(ctx, time_zone=zone)
    assert list(of(ctx)) == [day]
    ends = zones.end_of(date.fromisoformat(day), zone)
    assert zones.day_of(ends, zone) == date.fromisoformat(day) + timedelta(days=1)
    assert zones.day_of(ends - timedelta(seconds=1), zone) == date.fromisoformat(day)


def test_days_of_23_and_25_hours() -> None:
    def hours(day: date) -> float:
        one, other = (zones.end_of(at, "Europe/Berlin") for at in (day - timedelta(days=1), day))
        return (other - one) / timedelta(hours=1)

    assert [hours(date(2027, 3, 28)), hours(date(2026, 10, 25)), hours(date(2026, 11, 2))] == [23, 25, 24]


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../etc/passwd", "Europe", "utc+1", "Europe/Berlin\x00"])
def test_a_zone_that_is_none_is_one_clear_line(ctx: Context, name: str) -> None:
    with pytest.raises(zones.BadTimeZone, match="there is no time zone") as caught:
        read(ctx, time_zone=name)
    assert (caught.value.status, "\n" in caught.value.message) == (422, False)
    with ctx.db.read() as session:
        assert trees.find(session, "small") is None


def close_in_mirror(ctx: Context) -> None:
    """A change that nobody recorded, as in the middle of a long run: what the tracker holds is kept, no more."""
    with ctx.db.write() as session:
        tree = trees.load(session, "small")
        target = target_rows.get(session, "hub")
        item = Observed(Ref("issue", "1", 1), "1A", state="closed", reason="completed")
        mirror.keep(session, target.id, [item], full=False)
        mirror.bind(session, target.id, tree.ids["1A"], item.ref, {}, None, tree.ids)


def a_target(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    targets.add(ctx, NewTarget("hub", "small", "github", "a/b", profile="github", token_env="SYNC_TOKEN"))


def test_the_day_s_end_finds_what_no_change_told(ctx: Context, clock: At, monkeypatch: pytest.MonkeyPatch) -> None:
    read(ctx, time_zone="Europe/Berlin")
    a_target(ctx, monkeypatch)
    days = Days(ctx, timedelta(days=730))
    days.tick()
    clock.now = datetime(2026, 11, 3, 22, 58, tzinfo=UTC)
    days.tick()
    close_in_mirror(ctx)
    days.tick()
    assert list(of(ctx, "1A")) == ["2026-11-02"]
    clock.now = datetime(2026, 11, 3, 23, 0, 30, tzinfo=UTC)  # past midnight in Berlin
    days.tick()
    assert of(ctx, "1A")["2026-11-03"] == (3, 3, 0, 100.0, "measured")
    assert list(of(ctx, "1A")) == ["2026-11-02", "2026-11-03"]
    clock.now += timedelta(days=1)
    days.tick()
    assert list(of(ctx)) == ["2026-11-02", "2026-11-03"]


def test_what_is_known_of_a_later_day_says_nothing_of_the_one_that_ended(
    ctx: Context, clock: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(ctx)
    a_target(ctx, monkeypatch)
    days = Days(ctx, timedelta(days=730))
    days.tick()
    clock.now += timedelta(hours=12, seconds=10)
    close_in_mirror(ctx)
    with ctx.db.read() as session:
        programme = trees.get(session, "small").id
    assert programme is not None
    history.record(ctx, programme)  # a refresh was faster than the minute's tick
    close_in_mirror(ctx)
    days.tick()
    assert list(of(ctx, "1A")) == ["2026-11-02", "2026-11-03"]
    assert of(ctx, "1A")["2026-11-02"][0] == 0


# -- ranges


def test_a_range_begins_with_how_it_stood(ctx: Context) -> None:
    read(ctx)
    for day, done in ((5, 1), (8, 2), (12, 3)):
        put(ctx, date(2026, 11, day), {"1A": (done, 3), None: (done, 7)})
    november = {day: date(2026, 11, day) for day in range(1, 31)}
    assert [(k[-2:], v[0]) for k, v in of(ctx, "1A", since=november[6], until=november[9]).items()] == [
        ("06", 1),
        ("08", 2),
    ]
    assert list(of(ctx, "1A", since=november[8])) == ["2026-11-08", "2026-11-12"]
    assert list(of(ctx, since=november[20])) == ["2026-11-20"]
    assert of(ctx, until=november[1]) == {}
    with pytest.raises(history.BadRange):
        of(ctx, since=november[9], until=november[8])
    with pytest.raises(history.NodeUnknown, match="no milestone or task '9Z'"):
        of(ctx, "9Z")
    with pytest.raises(history.NodeUnknown) as caught:
        of(ctx, "1A.1")
    assert "ask for their task" in caught.value.hint


# -- growth


BIG = "# Big\n\n" + "\n".join(
    f"### Milestone M{m}\n- **Tasks:**\n"
    + "\n".join(f"  - **Task {m}{letter} — Task {m}{letter}**" for letter in "ABCDEFGHI")
    for m in range(1, 101)
)


@pytest.mark.parametrize("days", [30, pytest.param(365, marks=pytest.mark.sweep)])
def test_a_year_of_a_thousand_nodes_is_what_changed(ctx: Context, days: int) -> None:
    """Three of them change a day, and all are recorded each day: the rows are those three's."""
    read(ctx, BIG)
    with ctx.db.read() as session:
        tree = trees.load(session, "small")
        nodes = [tree.ids[key] for m in tree.programme.milestones for key in (m.key, *(t.key for t in m.tasks))]
    assert len(nodes) == 1000
    kept: dict[int | None, Point] = {}
    for number in range(days):
        day = date(2026, 11, 3) + timedelta(days=number)
        moved = {nodes[(3 * number + i) % 1000]: Point(day, number + 1, 1000, 0, 0.1, "measured") for i in range(3)}
        unmoved = {node: Point(day, p.done, p.total, 0, p.percent, "measured") for node, p in kept.items()}
        with ctx.db.write() as session:
            assert rows.write(session, tree.id, unmoved | moved) == 3
        kept |= moved
    statements: list[tuple[str, Any]] = []
    event.listen(
        ctx.db.engine, "before_cursor_execute", lambda c, u, sql, given, x, many: statements.append((sql, given))
    )
    with ctx.db.read() as session:
        found = rows.series(session, tree.id)
        assert sum(len(points) for points in found.values()) == 1000 + 1 + 3 * days
        assert len([sql for sql, _ in statements if sql.startswith("SELECT")]) == 1
        statements.clear()
        some = rows.series(session, tree.id, nodes[:3])
        assert all(len(points) == (3 if days > 334 else 2) for points in some.values())  # all moved by then, some twice
        (sql, given) = next((s, g) for s, g in statements if s.startswith("SELECT"))
        if ctx.db.sqlite:
            plan = [str(row) for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given)]
            assert all("SEARCH" in line and "INDEX" in line for line in plan), plan
        statements.clear()
        then = rows.standing(session, tree.id, date(2026, 11, 20))
        assert (len(then), max(one.point.day for one in then.values())) == (1001, date(2026, 11, 20))
        (sql, given) = next((s, g) for s, g in statements if s.startswith("SELECT"))
        if ctx.db.sqlite:
            plan = [str(row) for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given)]
            assert not [line for line in plan if "SCAN history" in line], plan


def test_old_days_are_thinned_to_weeks_but_for_the_first(ctx: Context, clock: At) -> None:
    read(ctx)  # Monday, 2 November
    for number in range(1, 28):
        put(ctx, date(2026, 11, 2) + timedelta(days=number), {"1A": (number, 100)})
    clock.now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    before = of(ctx, "1B")
    thinned = history.prune(ctx.db, clock.now, timedelta(days=3))
    # kept: the first, Sundays, of the week of the edge its last day before it, and every day from it on
    assert [day[-2:] for day in of(ctx, "1A")] == ["02", "08", "15", "22", "23", "24", "25", "26", "27", "28", "29"]
    assert thinned == 28 - 11
    assert of(ctx, "1B") == before
    assert history.prune(ctx.db, clock.now, timedelta(days=3)) == 0


def test_the_first_rebuilt_and_the_first_recorded_point_outlast_thinning(ctx: Context, clock: At) -> None:
    read(ctx)
    with ctx.db.write() as session:
        tree = trees.load(session, "small")
        days = [date(2026, 10, 27) + timedelta(days=number) for number in range(3)]
        listed = [(tree.ids["1A"], Point(day, n, 100, 0, 1.0, "measured")) for n, day in enumerate(days)]
        rows.replace_rebuilt(session, tree.id, listed)
    put(ctx, date(2026, 11, 3), {"1A": (7, 100)})
    put(ctx, date(2026, 11, 4), {"1A": (8, 100)})
    history.prune(ctx.db, datetime(2027, 11, 2, tzinfo=UTC), timedelta(days=30))
    assert list(of(ctx, "1A")) == ["2026-10-27*", "2026-10-29*", "2026-11-02", "2026-11-04"]


# -- rebuilding


@pytest.mark.parametrize("profile", ["github", "github-issues", "gitlab", "gitlab-issues"])
def test_a_programme_adopted_late_still_has_a_curve(tmp_path: Path, profile: str) -> None:
    """People work for two weeks, then Milepost comes along and takes their issues over: each day has its figures."""
    time = Time(offset_seconds=-14 * 86_400)
    with a_box(profile, clock=time) as (box, url):
        site, people = adopted(tmp_path, profile, box, url, time)
        first = time.now().date() - timedelta(days=14)
        day = {number: (first + timedelta(days=number)).isoformat() for number in range(20)}
        of_task, whole = of(site.ctx, "1A"), of(site.ctx)
        stars = {k.rstrip("*"): v for k, v in of_task.items() if k.endswith("*")}
        # what people added counts from the day it was made, and is done from the day it was closed
        added = {k.rstrip("*"): v[:2] for k, v in of(site.ctx, "M1").items() if k.endswith("*")}
        base = 5
        assert added == {day[0]: (0, base), day[2]: (0, base + 1), day[6]: (1, base + 1), day[9]: (1, base + 2)}
        assert stars == {day[0]: (0, 3, 0, 0.0, "measured")}
        assert [k for k in whole if k.endswith("*")] == [f"{day[n]}*" for n in (0, 2, 6, 9)]
        # what the push made today was in the roadmap all along
        assert {k: v[:2] for k, v in of(site.ctx, "2A").items() if k.endswith("*")} == {f"{day[0]}*": (0, 2)}
        before = {node: of(site.ctx, node) for node in (None, "M1", "1A", "2A")}
        assert history.rebuild(site.ctx, "small") == history.rebuild(site.ctx, "small") > 0
        assert {node: of(site.ctx, node) for node in before} == before
        people.close()
        site.ctx.db.close()


def adopted(folder: Path, profile: str, box: Any, url: str, time: Time) -> tuple[Site, Any]:
    github = profile.startswith("github")
    base = f"{url}/repos/acme/app" if github else f"{url}/api/v4/projects/acme%2Fapp"
    people = httpx.Client(base_url=base, headers={"Authorization": "Bearer a-person"}, trust_env=False)

    def call(method: str, path: str, **body: Any) -> Any:
        return people.request(method, path, json=body).raise_for_status().json()

    milestone = call("POST", "/milestones", title="M1 — Foundations")
    name = {"milestone": milestone["number"]} if github else {"milestone_id": milestone["id"]}
    call("POST", "/issues", title="1A — Mobilisation", **name)
    time.sleep(2 * 86_400)
    bug = call("POST", "/issues", title="a bug of theirs", **name)
    time.sleep(4 * 86_400)
    change = {"state": "closed"} if github else {"state_event": "close"}
    call("PATCH" if github else "PUT", f"/issues/{bug['number' if github else 'iid']}", **change)
    time.sleep(3 * 86_400)
    call("POST", "/issues", title="another of theirs", **name)
    time.sleep(5 * 86_400)
    db = migrated(f"sqlite:///{folder / 'late.db'}")
    ctx = Context(db, now=time.now, sleep=time.sleep)
    site = Site(ctx, url, box, profile, people)
    read(ctx)
    site.target()
    planned = reconcile.make_plan(ctx, "hub", adopt=True)
    assert planned.plan.summary()["adopt"] == 2
    reconcile.apply_plan(ctx, "hub", plan_id=planned.id, max_percent=100.0)
    return site, people


def test_dates_of_a_zone_and_reasons_are_rebuilt(ctx: Context, clock: At, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: a task's issue made at 22:30 UTC on the 20th, which is the 21st in Berlin, and two added issues, one of
    them closed as not planned. What is recorded from the 2nd on stays.
    """
    read(ctx, time_zone="Europe/Berlin")
    a_target(ctx, monkeypatch)
    made = datetime(2026, 10, 20, 22, 30, tzinfo=UTC)
    text = "<!-- milepost:small/1A -->"
    items = [
        Observed(Ref("issue", "1", 1), "1A", text, created_at=made),
        Observed(
            Ref("child", "2", 2), "x", "", "closed", "completed", parent="1",
            created_at=made + timedelta(days=1), closed_at=made + timedelta(days=3),
        ),
        Observed(
            Ref("child", "3", 3), "y", "", "closed", "not_planned", parent="1",
            created_at=made + timedelta(days=2), closed_at=made + timedelta(days=4),
        ),
    ]  # fmt: skip
    with ctx.db.write() as session:
        tree = trees.load(session, "small")
        target = target_rows.get(session, "hub")
        mirror.keep(session, target.id, items, full=True)
        mirror.bind(session, target.id, tree.ids["1A"], items[0].ref, {}, None, tree.ids)
    recorded = of(ctx, "1A")
    history.rebuild(ctx, "small")
    found = of(ctx, "1A")
    assert {k: v[:4] for k, v in found.items() if k.endswith("*")} == {
        "2026-10-21*": (0, 3, 0, 0.0),
        "2026-10-22*": (0, 4, 0, 0.0),
        "2026-10-23*": (0, 5, 0, 0.0),
        "2026-10-24*": (1, 5, 0, 20.0),
        "2026-10-25*": (1, 4, 1, 25.0),
    }
    assert list(recorded) == [k for k in found if not k.endswith("*")] == ["2026-11-02"]
    assert of(ctx)["2026-10-25*"][:2] == (1, 8)
    assert not any(k.endswith("*") for node in ("1B", "M2", "2A") for k in of(ctx, node))
