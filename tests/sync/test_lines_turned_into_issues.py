"""People turn a line of a checklist into an issue: `- [ ] #45`. It is that step, and its state counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sync.conftest import SMALL, Site

pytestmark = pytest.mark.parametrize("site", ["github", "gitlab"], indirect=True)  # elsewhere steps are issues already
LINE = "1A.2 Set up tools and accounts for everybody."


def turn(site: Site) -> int:
    """As GitHub does it: the line becomes a reference to an issue with the line's words for its title."""
    task = site.titles()["1A — Mobilisation"]
    made = site.person.post("/issues", json={"title": LINE}).raise_for_status().json()
    number = int(made["number" if site.github else "iid"])
    text = site.text(task)
    assert f"- [ ] {LINE}" in text
    site.edit(task, body=text.replace(f"- [ ] {LINE}", f"- [ ] #{number}"))
    return number


def task(site: Site) -> Any:
    return site.status().milestones[0].tasks[0]


@pytest.fixture
def turned(site: Site) -> tuple[Site, int]:
    site.read(SMALL)
    site.target()
    site.apply()
    return site, turn(site)


def test_the_issue_is_the_step_and_is_not_added(turned: tuple[Site, int]) -> None:
    site, number = turned
    assert (task(site).done, task(site).total) == (0, 3)
    assert site.status().milestones[0].issues.added == 0
    assert site.summary() == {}  # the line stays as people left it
    site.edit(number, state="closed")
    assert (task(site).done, task(site).total) == (1, 3)
    (step,) = [step for step in task(site).steps if step.key == "1A.2"]
    assert (step.done, step.url is not None) == (True, True)
    assert site.summary() == {}


def test_the_line_stays_a_reference_when_the_roadmap_is_reworded(turned: tuple[Site, int]) -> None:
    site, number = turned
    site.read(SMALL.replace("Set up tools and accounts for everybody.", "Set up tools and accounts for all of us."))
    site.apply()
    text = site.text(site.titles()["1A — Mobilisation"])
    assert f"- [ ] #{number}" in text
    assert "1A.2" not in text
    assert site.summary() == {}
    assert (task(site).done, task(site).total) == (0, 3)


def test_a_reference_to_something_else_is_peoples_own_line(turned: tuple[Site, int]) -> None:
    site, number = turned
    site.edit(number, title="Something else entirely")
    site.apply()
    text = site.text(site.titles()["1A — Mobilisation"])
    assert f"- [ ] {LINE}" in text
    assert f"- [ ] #{number}" in text
    assert site.summary() == {}
    assert task(site).total == 3
