"""The customer's roadmap, pushed by processes that are killed at every point of the journal, one after the other.

Beside the places that go through that there is one that doesn't, and in all of them people do the same work, in the
worst moment: as soon as an object is there. At the end all places hold the same.
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
from tests.sync.crashing import POINTS, Executioner, Room, one_certificate, step_of
from tests.sync.places import PROFILES, ROADMAP, Place, a_box, a_database

pytestmark = pytest.mark.skipif(not ROADMAP.exists(), reason="the customer's roadmap is not beside the checkout")

CHAINS = {"before": POINTS[:3], "answered": POINTS[3:4], "bound": POINTS[4:]}
"""A step whose call was carried out, or bound, is never sent again: each of these points takes a push of its own.

Between "bound" and the next step's "opening" lies only the run's own count, no step's: one profile is enough for it.
"""
THERE = POINTS[2:]
"""The points at which the tracker has done what the step asks."""

Edit = Callable[[Place], None]


def changed(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def without(text: str, start: str, end: str) -> tuple[str, str]:
    """(the text without what stands from `start` up to `end`, that)."""
    assert text.count(start) == text.count(end) == 1
    first, last = text.index(start), text.index(end)
    return text[:first] + text[last:], text[first:last]


def second_version(text: str) -> str:
    """Renames, a task removed, one moved, one new, steps moved and put into another order, another window."""
    text = changed(
        text,
        ("Programme Mobilisation", "Programme Mobilisation & Kick-off"),
        ("M2 — Core Services Alpha", "M2 — Core Services Alpha & Pilot"),
        ("Define API contracts (OpenAPI/AsyncAPI) for zone", "Define and review the API contracts for zone"),
        ("Weeks 4–8", "Weeks 4–9"),
        ("Core Service Blueprint Kick-off", "Core Service Blueprint"),
    )
    text, _ = without(text, "  - **Task 3B", "\n### Milestone M4")
    text, moved = without(text, "  - **Task 4B", "\n### Milestone M5")
    text = text.replace("\n### Milestone M6", f"{moved}\n### Milestone M6")
    text, step = without(text, "    4. Configure alerting", "    5. Publish metric")
    text = text.replace("    1. Execute GDPR", f"{step}    1. Execute GDPR")
    new = "  - **Task 6C — Farewell**\n    1. Say thanks to everybody who took part.\n    2. Close the books.\n"
    return text.replace("\n---\n", f"{new}\n---\n", 1)


def third_version(first: str) -> str:
    """What was removed is back, what was moved is back, what was renamed has another name again."""
    return changed(
        first,
        ("Programme Mobilisation", "Programme Start"),
        ("M2 — Core Services Alpha", "M2 — Core Services, First Cut"),
        ("Define API contracts (OpenAPI/AsyncAPI) for zone", "Define, review and freeze the API contracts for zone"),
        ("Weeks 4–8", "Weeks 5–8"),
    )


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

    def calm(self, edits: dict[str, list[Edit]]) -> None:
        """Where nothing is killed: push, people's work, push."""
        place = self.places["calm"]
        assert self.room.apply(self.db, "calm") == "done"
        for todo in edits.values():
            for edit in todo:
                edit(place)
        assert self.room.apply(self.db, "calm") == "done"
        assert place.pending() == {}

    def sweep(self, name: str, edits: dict[str, list[Edit]]) -> Counter[str]:
        """Push to a place from death to death, until one push lives; gives how many met each kind of point."""
        place, points = self.places[name], CHAINS[name]
        first = [step_of(change) for change in place.plan().plan.changes if change.action in WRITING]
        assert len(set(first)) == len(first)
        expected = {(step, point) for step in first for point in points}
        met: set[tuple[str, str]] = set()
        left = dict(edits)
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
        return Counter(point for _, point in met)


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    found = Room()
    yield found
    found.close()


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres"))
    return f"sqlite:///{tmp_path / 'milepost.db'}"


@pytest.fixture
def house(room: Room, database: str, profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("SYNC_TOKEN", "the-robot")
    monkeypatch.setenv("SSL_CERT_FILE", one_certificate(tmp_path))
    executioner = Executioner(tmp_path / "lethal")
    with a_database(database) as db, a_box(profile, executioner.around) as (box, url):
        ctx = Context(db, sleep=lambda seconds: None)
        names = ["calm", *(name for name in CHAINS if name != "bound" or (profile, db.sqlite) == ("github", True))]
        places = {name: Place(ctx, url, box, profile, name) for name in names}
        yield House(room, database, executioner, places)


def words(key: str) -> Edit:
    """Words above and below what is ours."""

    def edit(place: Place) -> None:
        text = place.find(key).description
        place.edit(key, text=f"Ask Ana before you begin.\n\n{text}\n\nSeen by Bob.")

    return edit


def ticked(key: str) -> Edit:
    def edit(place: Place) -> None:
        text = place.find(key.partition(".")[0]).description
        assert text.count(f"- [ ] {key} ") == 1
        place.edit(key.partition(".")[0], text=text.replace(f"- [ ] {key} ", f"- [x] {key} "))

    return edit


def given(key: str, **fields: Any) -> Edit:
    return lambda place: place.edit(key, **fields)


def labelled(key: str, *, take: str = "", put: str = "") -> Edit:
    def edit(place: Place) -> None:
        labels = [label for label in place.find(key).labels if label != take]
        place.edit(key, labels=[*labels, *([put] if put else [])])

    return edit


def first_work(profile: str) -> dict[str, list[Edit]]:
    """What people do while the first version is pushed, by the step after which they do it."""
    work = {
        "1A": [words("1A"), labelled("1A", put="urgent")],
        "2A": [given("2A", title="2A — Zones, as we call them")],
        "2B": [labelled("2B", take="epic")],
        "3A": [given("3A", title="3A — The stock"), words("3A")],
        "5B": [given("5B", closed=True)],
        "M4": [words("M4")],
        "M5": [given("M5", title="M5 — The hard part")],
        "M6": [given("M6", due="2027-12-30")],
    }
    if profile != "gitlab-premium":
        work["4A"] = [given("4A", milestone="M1")]
    if profile.endswith("-issues"):
        work |= {
            "1A.2": [given("1A.2", closed=True), words("1A.2")],
            "2B.1": [given("2B.1", title="2B.1 Telemetry, by ourselves")],
            "4B.3": [given("4B.3", closed=True)],
        }
    else:
        work["1A"].append(ticked("1A.2"))
        work["4B"] = [ticked("4B.3")]
        work["5A"] = [ticked("5A.4")]
    return work


def second_work(profile: str) -> dict[str, list[Edit]]:
    """And while the second is: the moment after an update was carried out."""
    work = {"M2": [words("M2")], "1B": [words("1B"), given("1B", title="1B — Blueprint, by us")], "6C": [words("6C")]}
    if profile.endswith("-issues"):
        work["1B.2"] = [words("1B.2"), given("1B.2", closed=True)]
    else:
        work["1B"].append(ticked("1B.2"))
    return work


def as_people_left_it(place: Place, profile: str) -> None:
    """Nothing that people did in the first version is lost."""
    there = place.snapshot()
    assert there["1A"]["text"].startswith("Ask Ana before you begin.\n\n<!-- milepost:begin -->")
    assert there["1A"]["text"].endswith("<!-- milepost:SLUG/1A -->\n\nSeen by Bob.")
    assert there["1A"]["labels"] == ["epic", "urgent"]
    assert there["2A"]["title"] == "2A — Zones, as we call them"
    assert there["2B"]["labels"] == []
    assert there["3A"]["title"] == "3A — The stock"
    assert there["5B"]["state"] == "closed"
    assert there["M4"]["text"].startswith("Ask Ana")
    assert there["M5"]["title"] == "M5 — The hard part"
    assert str(there["M6"]["due"]) == "2027-12-30"
    if profile != "gitlab-premium":
        assert there["4A"]["milestone"] == "M1"
    if profile.endswith("-issues"):
        assert there["1A.2"]["state"] == there["4B.3"]["state"] == "closed"
        assert there["2B.1"]["title"] == "2B.1 Telemetry, by ourselves"
    else:
        assert "- [x] 1A.2 " in there["1A"]["text"]
        assert "- [x] 4B.3 " in there["4B"]["text"]
    assert there["people's: 6A — Integrated QA"]["text"] == "nobody's business"


CASES = [(profile, "sqlite") for profile in PROFILES] + [("github", "postgres")]


@pytest.mark.parametrize(("profile", "database"), CASES, indirect=["database"])
def test_no_kill_loses_doubles_or_overwrites(
    house: House, profile: str, record_property: Callable[[str, object], None]
) -> None:
    first = ROADMAP.read_text(encoding="utf-8")
    calm = house.places["calm"]
    kills: Counter[str] = Counter()
    house.read(first)
    for place in house.places.values():
        place.target()
        place.write("6A — Integrated QA", "nobody's business")
    house.calm(first_work(profile))
    as_people_left_it(calm, profile)
    for name in house.chains:
        kills += house.sweep(name, first_work(profile))
        as_people_left_it(house.places[name], profile)
    same(house)
    house.read(second_version(first))
    changes = {change.action for change in calm.plan().plan.changes}
    assert {"create", "update", "close"} <= changes
    house.calm(second_work(profile))
    for name in house.chains:
        kills += house.sweep(name, second_work(profile))
    same(house)
    house.read(third_version(first))
    for name in house.places:
        assert house.room.apply(house.db, name) == "done"
        assert house.places[name].pending() == {}
    same(house)
    shown = ", ".join(f"{count} {point}" for point, count in kills.items())
    record_property("told", f"crash sweep, {profile}: {kills.total()} processes killed ({shown})")


def same(house: House) -> None:
    """Every place holds, and counts, what the calm one does."""
    there, counted = house.places["calm"].snapshot(), house.places["calm"].figures()
    for name in house.chains:
        found = house.places[name].snapshot()
        assert {key: value for key, value in found.items() if there.get(key) != value} == {
            key: value for key, value in there.items() if found.get(key) != value
        }
        assert house.places[name].figures() == counted
