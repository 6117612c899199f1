"""Only a close of Milepost's own is undone; and what people did before the roadmap asked for it is theirs to undo."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from connectors.sandbox.kit import Clock
from tests.sync.conftest import SMALL, Site

TASK = SMALL[SMALL.index("  - **Task 1B") : SMALL.index("### Milestone M2")]
WITHOUT = SMALL.replace(TASK, "\n")
COMPLETED = SMALL.replace("M1 — Foundations", "M1 — Foundations ✅")


@pytest.fixture
def started(site: Site) -> Site:
    site.read(SMALL)
    site.target()
    site.apply()
    return site


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Trackers tell by the second when something was closed: it passes without being waited for."""
    seconds = itertools.count(2, 2)

    def pass_() -> None:
        shift = next(seconds)
        monkeypatch.setattr(Clock, "now", lambda self: datetime.fromtimestamp(time.time() + shift, UTC))

    return pass_


def blueprint(site: Site) -> int:
    return site.titles()["1B — Blueprint"]


def milestone(site: Site) -> tuple[int, str]:
    """M1's number and state."""
    rows = site.person.get("/milestones?state=all" if site.github else "/milestones").raise_for_status().json()
    (found,) = [row for row in rows if row["title"].startswith("M1")]
    return found["number" if site.github else "id"], "closed" if found["state"] == "closed" else "open"


def turn(site: Site, state: str) -> None:
    """People close or reopen M1."""
    again = {"open": "activate", "closed": "close"}[state]
    body = {"state": state} if site.github else {"state_event": again}
    path = f"/milestones/{milestone(site)[0]}"
    site.person.request("PATCH" if site.github else "PUT", path, json=body).raise_for_status()


@pytest.mark.parametrize("seen", [True, False])
def test_a_task_that_people_reopened_and_closed_is_theirs_when_it_comes_back(
    started: Site, wait: Callable[[], None], seen: bool
) -> None:
    site = started
    site.read(WITHOUT)
    site.apply()
    number = blueprint(site)
    assert site.issues()[number]["state"] == "closed"
    site.edit(number, state="open")
    if seen:
        site.apply()
    wait()
    site.edit(number, state="closed")
    site.read(SMALL)
    site.apply()
    assert site.issues()[number]["state"] == "closed"
    assert site.summary() == {}


def test_a_task_that_milepost_closed_is_reopened_when_it_comes_back(started: Site) -> None:
    site = started
    site.read(WITHOUT)
    site.apply()
    site.read(SMALL)
    site.apply()
    assert site.issues()[blueprint(site)]["state"] in ("open", "opened")
    assert site.summary() == {}


def test_a_milestone_that_people_closed_stays_closed_when_the_roadmap_takes_its_word_back(
    started: Site, wait: Callable[[], None]
) -> None:
    site = started
    site.read(COMPLETED)
    site.apply()
    assert milestone(site)[1] == "closed"
    turn(site, "open")
    site.apply()
    wait()
    turn(site, "closed")
    site.read(SMALL)
    site.apply()
    assert milestone(site)[1] == "closed"
    assert site.summary() == {}


def test_what_people_did_first_is_theirs_to_undo(started: Site) -> None:
    """They move an issue, the roadmap follows, they move it back: it stays where they put it last."""
    site = started
    rows = site.person.get("/milestones").raise_for_status().json()
    first, second = ({row["title"][:2]: row for row in rows}[key] for key in ("M1", "M2"))
    name, key = ("milestone", "number") if site.github else ("milestone_id", "id")
    site.edit(blueprint(site), **{name: second[key]})
    site.read(WITHOUT + TASK)
    site.apply(max_percent=100)
    site.edit(blueprint(site), **{name: first[key]})
    site.apply()
    assert site.issues()[blueprint(site)]["milestone"][key] == first[key]
