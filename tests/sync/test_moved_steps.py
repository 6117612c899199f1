"""Ticks are people's: they go where their step goes, and are there again when it comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.sync import reconcile
from connectors.github import GitHub
from tests.sync.conftest import SMALL, Site, open_site

TOOLS = "    2. Set up tools and accounts for everybody.\n"
LAST = "    2. Have the drawings checked by the city.\n"
MOVED = SMALL.replace(TOOLS, "").replace(LAST, LAST + TOOLS.replace("2.", "3."))
REMOVED = SMALL.replace(TOOLS, "")


@pytest.fixture(params=["github", "gitlab"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    for site in open_site(tmp_path, request.param):
        site.read(SMALL)
        site.target()
        site.apply()
        yield site


def task(site: Site, key: str) -> int:
    return next(number for title, number in site.titles().items() if title.startswith(f"{key} —"))


def tick(site: Site, key: str) -> None:
    number = task(site, key.partition(".")[0])
    assert f"- [ ] {key} " in site.text(number)
    site.edit(number, body=site.text(number).replace(f"- [ ] {key} ", f"- [x] {key} "))


def line(site: Site, words: str) -> str:
    """The line with these words, of whichever task."""
    (found,) = [text for number in site.issues() for text in site.text(number).split("\n") if words in text]
    return found


def test_a_tick_moves_to_another_task_with_its_step(site: Site) -> None:
    tick(site, "1A.2")
    site.read(MOVED)
    assert site.apply().state == "done"
    assert line(site, "Set up tools") == "- [x] 1B.3 Set up tools and accounts for everybody."
    assert site.summary() == {}
    assert site.status().done == 1


def test_a_tick_comes_back_with_its_step(site: Site) -> None:
    tick(site, "1A.2")
    site.read(REMOVED)
    site.apply()
    assert "Set up tools" not in site.text(task(site, "1A"))
    site.read(SMALL)
    site.apply()
    assert line(site, "Set up tools") == "- [x] 1A.2 Set up tools and accounts for everybody."
    assert site.summary() == {}


def test_the_last_word_on_a_step_counts(site: Site) -> None:
    """It leaves a text ticked, is unticked where it went, and comes back unticked."""
    tick(site, "1A.2")
    site.read(MOVED)
    site.apply()
    number = task(site, "1B")
    site.edit(number, body=site.text(number).replace("- [x] 1B.3", "- [ ] 1B.3"))
    site.read(SMALL)
    site.apply()
    assert line(site, "Set up tools") == "- [ ] 1A.2 Set up tools and accounts for everybody."


def test_an_issue_made_of_a_line_moves_along(site: Site) -> None:
    words = "1A.2 Set up tools and accounts for everybody."
    made = site.person.post("/issues", json={"title": words}).raise_for_status().json()
    reference = f"#{made['number' if site.github else 'iid']}"
    number = task(site, "1A")
    site.edit(number, body=site.text(number).replace(f"] {words}", f"] {reference}"))
    site.edit(int(reference[1:]), state="closed")
    site.read(MOVED)
    site.apply()
    assert f"- [ ] {reference}" in site.text(task(site, "1B"))
    assert site.summary() == {}
    assert site.status().done == 1


class Dead(BaseException):
    """A process that is killed."""


def test_a_tick_outlives_a_process_that_dies_between_two_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    update = GitHub.update

    def die(self: GitHub, *arguments: Any) -> Any:
        update(self, *arguments)
        raise Dead

    for site in open_site(tmp_path, "github"):
        site.read(SMALL)
        site.target()
        site.apply()
        tick(site, "1A.2")
        site.read(MOVED)
        monkeypatch.setattr(GitHub, "update", die)
        with pytest.raises(Dead):
            site.apply()
        monkeypatch.setattr(GitHub, "update", update)
        assert not re.search("Set up tools", site.text(task(site, "1A")) + site.text(task(site, "1B")))
        assert site.apply().state == "done"
        assert line(site, "Set up tools") == "- [x] 1B.3 Set up tools and accounts for everybody."


def test_a_line_counts_that_was_written_by_a_process_that_died(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    update = GitHub.update

    def die(self: GitHub, *arguments: Any) -> Any:
        update(self, *arguments)
        raise Dead

    for site in open_site(tmp_path, "github"):
        site.read(SMALL)
        site.target()
        site.apply()
        site.read(SMALL.replace(LAST, f"{LAST}    3. Pay the architect.\n"))
        monkeypatch.setattr(GitHub, "update", die)
        with pytest.raises(Dead):
            site.apply()
        monkeypatch.setattr(GitHub, "update", update)
        assert site.summary() == {}
        tick(site, "1B.3")
        assert site.status().done == 1


def test_a_step_stays_where_it_is_while_people_have_its_new_task_under_it(tmp_path: Path) -> None:
    """A tracker allows no circle: people's part in it stands, and is told."""
    for site in open_site(tmp_path, "github-issues"):
        site.read(SMALL)
        site.target()
        site.apply()
        step, above = site.titles()["1A.2 Set up tools and accounts for everybody."], task(site, "1B")
        put = {"sub_issue_id": site.issues()[above]["id"]}
        site.person.post(f"/issues/{step}/sub_issues", json=put).raise_for_status()
        site.read(MOVED)
        assert site.apply(max_percent=100).state == "done"
        assert site.issues()[step]["parent_issue_url"].endswith(f"/{task(site, '1A')}")
        assert site.issues()[step]["title"] == "1B.3 Set up tools and accounts for everybody."
        drift = reconcile.make_plan(site.ctx, "hub").plan.drift
        assert [(one.key, one.field, one.reason) for one in drift] == [("1B.3", "parent", "people put 1B under it")]
        assert site.summary() == {}
