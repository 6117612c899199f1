"""A marker names a node by the key it had: keys of steps follow from their place, and are another's soon."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.sync import reconcile
from app.sync.context import open_place
from connectors.base import OutcomeUnknown, Place
from tests.sync.conftest import SMALL, Site

TOOLS = "    2. Set up tools and accounts for everybody.\n"
PAID = "    2. Pay the architect.\n"
LAST = "    3. Agree on the definition of done.\n"


class Lossy:
    """The real connector; the answer to every create is lost."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def create(self, *arguments: Any) -> Any:
        self.real.create(*arguments)
        raise OutcomeUnknown("the answer was lost")


def lose_creates(site: Site) -> None:
    def open_lossy(place: Place) -> Any:
        return Lossy(open_place(place))

    ctx = replace(site.ctx, open_place=open_lossy, sleep=lambda seconds: None)
    reconcile.apply_plan(ctx, "hub", max_percent=100)


@pytest.fixture
def started(site: Site) -> Site:
    site.read(SMALL)
    site.target()
    site.apply()
    return site


def roof(key: str) -> str:
    return f"{SMALL}  - **Task {key} — Roof**\n    1. Lay the tiles.\n"


def test_a_lost_create_is_found_when_its_node_has_another_key_by_then(started: Site) -> None:
    site = started
    site.read(roof("2B"))
    lose_creates(site)
    before = {number: issue["title"] for number, issue in site.issues().items()}
    assert "2B — Roof" in before.values()
    site.read(roof("2C"))
    site.apply(max_percent=100)
    titles = site.titles()
    assert before[titles["2C — Roof"]] == "2B — Roof"
    assert not [title for title in titles if title.startswith("2B")]
    assert site.summary() == {}


def test_a_lost_create_is_not_taken_for_the_node_that_has_its_key_by_then(started: Site) -> None:
    site = started
    if not site.profile.endswith("-issues"):
        pytest.skip("steps are no issues with this profile")
    site.read(SMALL.replace(LAST, f"{LAST}    4. Order the cake.\n"))
    lose_creates(site)
    cake = site.titles()["1A.4 Order the cake."]
    site.read(SMALL.replace(LAST, f"{LAST}    4. Send out invitations.\n    5. Order the cake.\n"))
    site.apply(max_percent=100)
    assert site.titles()["1A.5 Order the cake."] == cake
    assert site.titles()["1A.4 Send out invitations."] != cake
    assert site.summary() == {}


def test_a_lost_create_is_closed_when_its_node_was_removed_by_then(started: Site) -> None:
    site = started
    site.read(roof("2B"))
    lose_creates(site)
    number = site.titles()["2B — Roof"]
    site.read(SMALL)
    site.apply()
    assert site.issues()[number]["state"] == "closed"
    assert site.summary() == {}


def test_a_copy_is_left_alone_when_its_key_is_another_nodes(started: Site) -> None:
    """People copied a step's issue; the step goes, and a new one has its key."""
    site = started
    if not site.profile.endswith("-issues"):
        pytest.skip("steps are no issues with this profile")
    text = site.text(site.titles()["1A.2 Set up tools and accounts for everybody."])
    body = {"title": "my copy", "body": text, "description": text}
    site.person.post("/issues", json=body).raise_for_status()
    copy = site.titles()["my copy"]
    site.read(SMALL.replace(TOOLS + LAST, ""))
    site.apply(max_percent=100)
    site.read(SMALL.replace(TOOLS + LAST, PAID))
    site.apply(max_percent=100)
    assert site.titles()["my copy"] == copy
    assert site.text(copy) == text
    assert "1A.2 Pay the architect." in site.titles()
    assert site.summary() == {}
