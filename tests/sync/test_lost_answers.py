"""While nobody knows whether a call was carried out, people and the roadmap move on: nothing of either is lost."""

from __future__ import annotations

import pytest

from app.core.plan import WRITING
from app.db import mirror, targets, trees
from app.sync import reconcile
from app.sync.run import urgent_first
from tests.sync.conftest import SMALL, Site
from tests.sync.test_safety import flaky

MODES = pytest.mark.parametrize("mode", ["lost answer", "lost request"])


def pushed(site: Site, text: str = SMALL) -> None:
    site.read(text)
    site.target()
    site.apply()


def lose(site: Site, mode: str, key: str) -> None:
    """An apply whose answer to the step of that node is lost, with the write carried out or not."""
    plan = reconcile.make_plan(site.ctx, "hub").plan
    steps = [change.key for change in urgent_first([c for c in plan.changes if c.action in WRITING])]
    shaky, _ = flaky(site, mode, {steps.index(key) + 1})
    shaky.apply(max_percent=100)


def test_what_people_change_in_an_object_before_it_is_found_is_theirs(site: Site) -> None:
    site.read(SMALL)
    site.target()
    lose(site, "lost answer", "1A")
    number = site.titles()["1A — Mobilisation"]
    site.edit(number, title="1A — Off we go", labels=[] if site.github else "", state="closed")
    site.apply()
    issue = site.issues()[number]
    assert (issue["title"], issue["labels"], issue["state"]) == ("1A — Off we go", [], "closed")
    assert site.summary() == {}


@MODES
def test_a_rename_whose_answer_is_lost_leaves_people_their_own(site: Site, mode: str) -> None:
    pushed(site)
    number = site.titles()["1A — Mobilisation"]
    site.read(SMALL.replace("Mobilisation", "Kick-off"))
    lose(site, mode, "1A")
    if mode == "lost answer":
        site.edit(number, title="1A — Off we go")
    site.apply()
    assert site.issues()[number]["title"] == ("1A — Off we go" if mode == "lost answer" else "1A — Kick-off")
    site.read(SMALL.replace("Mobilisation", "Start"))
    site.apply()
    assert site.issues()[number]["title"] == "1A — Start"
    assert site.summary() == {}


@MODES
def test_a_move_whose_answer_is_lost_is_ours_when_the_roadmap_moves_on(site: Site, mode: str) -> None:
    """Who is in charge of an issue's milestone is people: what we did ourselves must not be taken for theirs."""
    third = "\n### Milestone M3 — Roof\n- **Tasks:**\n"
    task = SMALL[SMALL.index("  - **Task 1B") : SMALL.index("\n### Milestone M2")]
    rest = SMALL.replace(task, "") + third
    pushed(site, SMALL + third)
    number = site.titles()["1B — Blueprint"]
    site.read(rest.replace(third, f"{task}{third}"))
    lose(site, mode, "1B")
    site.read(f"{rest}{task}")
    site.apply(max_percent=100)
    assert site.issues()[number]["milestone"]["title"] == "M3 — Roof"
    assert site.summary() == {}


@MODES
def test_a_close_whose_answer_is_lost_is_taken_back_when_the_task_comes_back(site: Site, mode: str) -> None:
    pushed(site)
    number = site.titles()["2A — Bricks"]
    start = SMALL.index("  - **Task 2A")
    site.read(SMALL[:start])
    lose(site, mode, "2A")
    site.apply(max_percent=100)
    assert site.issues()[number]["state"] == "closed"
    site.read(SMALL)
    site.apply(max_percent=100)
    assert site.issues()[number]["state"] in ("open", "opened")
    assert site.summary() == {}


def test_lines_whose_change_was_lost_keep_their_ticks_when_they_change_again(hub: Site) -> None:
    pushed(hub)
    number = hub.titles()["1B — Blueprint"]
    second = SMALL.replace("    1. Draw the plan", "    1. Visit the site.\n    1. Draw up the plan")
    hub.read(second)
    lose(hub, "lost answer", "1B")
    assert "- [ ] 1B.1 Visit the site." in hub.text(number)
    hub.edit(number, body=hub.text(number).replace("- [ ] 1B.1 ", "- [x] 1B.1 "))
    assert [step.key for task in hub.status().milestones[0].tasks for step in task.steps if step.done] == ["1B.1"]
    hub.read(second.replace("Visit the site", "See the place itself").replace("Draw up the plan", "Draft a plan"))
    hub.apply()
    assert "- [x] 1B.1 See the place itself." in hub.text(number)
    assert hub.text(number).count("[x]") == 1
    assert hub.summary() == {}


def test_a_task_that_gets_another_key_before_it_is_found_has_no_twin(site: Site) -> None:
    site.read(SMALL)
    site.target()
    lose(site, "lost answer", "1B")
    number = site.titles()["1B — Blueprint"]
    site.edit(number, body=f"Ask Ana.\n\n{site.text(number)}")
    moved = SMALL.replace("Task 1B", "Task 1C").replace(
        "  - **Task 1C", "  - **Task 1B — Permits**\n    1. Ask the city.\n  - **Task 1C"
    )
    site.read(moved)
    site.apply(max_percent=100)
    names = [title for title in site.titles() if "Blueprint" in title or "Permits" in title]
    assert sorted(names) == ["1B — Permits", "1C — Blueprint"]
    assert site.issues()[number]["title"] == "1C — Blueprint"
    assert site.text(number).startswith("Ask Ana.")
    assert site.summary() == {}


@MODES
def test_a_task_that_is_removed_before_it_is_found_is_closed_and_forgotten(site: Site, mode: str) -> None:
    site.read(SMALL)
    site.target()
    task = SMALL[SMALL.index("  - **Task 1B") : SMALL.index("\n### Milestone M2")]
    lose(site, mode, "1B")
    site.read(SMALL.replace(task, ""))
    site.apply(max_percent=100)
    open_ones = [issue["title"] for issue in site.issues().values() if issue["state"] != "closed"]
    assert not [title for title in open_ones if title.startswith("1B")]
    assert site.summary() == {}
    with site.ctx.db.read() as session:
        row = targets.get(session, "hub")
        links = mirror.links(session, row.id, trees.load(session, "small"))
    assert not [link for link in links if link.pending]
