"""Killed at every point of the journal, and begun again: one object a node, no lost edit, nothing left to plan.

A roadmap is pushed to several places of one box: to one in peace, to the others with a SIGKILL of a real process at
each point of each step, and the push begun again after each. Whoever works in the tracker meanwhile does so at the
worst moment: as soon as an object is there. At the end all places hold the same, and count the same. `make sweep` takes
the customer's roadmap through it with every profile; a small one is always taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.core.plan import WRITING
from app.sync.context import Context
from tests.sync.crashing import CLOSED, PARENT, POINTS, Executioner, Room, one_certificate, step_of
from tests.sync.places import PROFILES, ROADMAP, Place, a_box, a_database
from tests.sync.stories import Story, Work, customers, small

CHAINS = {"before": POINTS[:3], "answered": POINTS[3:4], "bound": POINTS[4:]}
"""A step whose call was carried out, or bound, is never sent again: each of these points takes a push of its own.

Between "bound" and the next step's "opening" lies only the run's own count, no step's: one profile is enough for it.
"""
THERE = POINTS[2:]
"""The points at which the tracker has done what the step asks."""


@dataclass(frozen=True, slots=True)
class Case:
    """`waiting`: the profile also says what waits for what."""

    story: Callable[[], Story]
    profile: str
    database: str = "sqlite"
    waiting: bool = False

    def __str__(self) -> str:
        return f"{self.story.__name__}-{self.profile}{'-waiting' if self.waiting else ''}-{self.database}"


@dataclass
class House:
    """A database, a box, and places in it, by name."""

    room: Room
    db: str
    executioner: Executioner
    places: dict[str, Place]

    @property
    def chains(self) -> list[str]:
        return [name for name in self.places if name in CHAINS]

    def read(self, text: str) -> None:
        for place in self.places.values():
            place.read(text)

    def calm(self, work: Work) -> None:
        """Where nothing is killed: push, people's work, push."""
        place = self.places["calm"]
        assert self.room.apply(self.db, "calm") == "done"
        for todo in work.values():
            for edit in todo:
                edit(place)
        assert self.room.apply(self.db, "calm") == "done"
        assert place.pending() == {}

    def sweep(self, name: str, work: Work) -> set[tuple[str, str]]:
        """Push to a place from death to death, until one push lives; gives at which point of which step it died."""
        place, points = self.places[name], CHAINS[name]
        first = [step_of(change) for change in place.plan().plan.changes if change.action in WRITING]
        assert len(set(first)) == len(first)
        expected = {(step, point) for step in first for point in points}
        met: set[tuple[str, str]] = set()
        left = dict(work)
        while True:
            end = self.room.start(self.db, name, self.executioner, points, sorted(met))
            if end.state:
                break
            assert (end.step, end.point) not in met
            met.add((end.step, end.point))
            if end.point in THERE:
                for edit in left.pop(end.step, []):
                    edit(place)
        assert end.state == "done"
        assert {pair for pair in met if pair[1] in POINTS} == expected
        assert left == {}
        assert place.pending() == {}
        return met


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    found = Room()
    yield found
    found.close()


@pytest.fixture
def house(
    room: Room, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[House]:
    monkeypatch.setenv("SYNC_TOKEN", "the-robot")
    monkeypatch.setenv("SSL_CERT_FILE", one_certificate(tmp_path))
    database = f"sqlite:///{tmp_path / 'milepost.db'}"
    if case.database == "postgres":
        database = str(request.getfixturevalue("postgres_migrated"))
    more: dict[str, Any] = {"mapping": a_profile(case.profile, tmp_path)} if case.waiting else {}
    executioner = Executioner(tmp_path / "lethal")
    with a_database(database) as db, a_box(case.profile, executioner.around) as (box, url):
        ctx = Context(db, sleep=lambda seconds: None)
        names = ["calm", *(name for name in CHAINS if name != "bound" or (case.profile, db.sqlite) == ("github", True))]
        places = {name: Place(ctx, url, box, case.profile, name, **more) for name in names}
        yield House(room, database, executioner, places)


def a_profile(name: str, folder: Path) -> str:
    """A built-in profile that says what waits for what, too."""
    built_in = Path(__file__).parents[2] / f"mappings/profiles/{name}.toml"
    path = folder / f"{name}.toml"
    path.write_text(f"dependencies = true\n{built_in.read_text(encoding='utf-8')}", encoding="utf-8")
    return str(path)


def swept(story: Callable[[], Story], profile: str, database: str = "sqlite", **more: Any) -> Any:
    """One that takes minutes."""
    case = Case(story, profile, database, **more)
    lacking = story is customers and not ROADMAP.exists()
    marks = [pytest.mark.sweep, pytest.mark.skipif(lacking, reason="the customer's roadmap is not beside the checkout")]
    return pytest.param(case, marks=marks + [pytest.mark.postgres] * (database == "postgres"))


CASES = [
    Case(small, "github-issues", waiting=True),
    Case(small, "gitlab"),
    swept(small, "gitlab-premium", waiting=True),
    swept(customers, "github", "postgres"),
    *(swept(customers, profile) for profile in PROFILES),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_kill_loses_doubles_or_overwrites(
    house: House, case: Case, record_property: Callable[[str, object], None]
) -> None:
    story = case.story()
    first, second = story.work(case.profile)
    calm = house.places["calm"]
    kills: Counter[str] = Counter()
    house.read(story.versions[0])
    for place in house.places.values():
        place.target()
        place.write("6A — Integrated QA", "nobody's business")
    house.calm(first)
    story.kept(calm)
    for name in house.chains:
        met = house.sweep(name, first)
        kills.update(point for _, point in met)
        twice = {step for step, point in met if point == CLOSED}
        assert twice == (set() if calm.github or name != "before" else closed_from_the_start(calm))
        story.kept(house.places[name])
    same(house)
    house.read(story.versions[1])
    changes = {change.action for change in calm.plan().plan.changes}
    assert {"create", "update", "close"} <= changes
    house.calm(second)
    for name in house.chains:
        met = house.sweep(name, second)
        kills.update(point for _, point in met)
        assert CLOSED not in {point for _, point in met}
    assert (PARENT in kills) == (case.profile == "github-issues")
    same(house)
    house.read(story.versions[2])
    for name in house.places:
        assert house.room.apply(house.db, name) == "done"
        assert house.places[name].pending() == {}
    same(house)
    shown = ", ".join(f"{count} {point}" for point, count in kills.items())
    record_property("told", f"crash sweep, {case}: {kills.total()} processes killed ({shown})")


def closed_from_the_start(place: Place) -> set[str]:
    """Milestones that the roadmap calls completed: a second call of the step that makes them, on GitLab."""
    return {key for key, found in place.snapshot().items() if key[:1] in "MD" and found["state"] == "closed"}


def same(house: House) -> None:
    """Every place holds, and counts, what the calm one does."""
    there, counted = house.places["calm"].snapshot(), house.places["calm"].figures()
    for name in house.chains:
        found = house.places[name].snapshot()
        assert {key: value for key, value in found.items() if there.get(key) != value} == {
            key: value for key, value in there.items() if found.get(key) != value
        }
        assert house.places[name].figures() == counted
