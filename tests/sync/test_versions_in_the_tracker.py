"""A new version of a roadmap keeps every node's object, and what people wrote there."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.db.engine import Database
from app.sync.context import Context
from tests.sync.conftest import SMALL, Site


def swapped(text: str) -> str:
    return text.replace("Task 1A", "Task X").replace("Task 1B", "Task 1A").replace("Task X", "Task 1B")


def moved(text: str) -> str:
    """Task 1B under M2."""
    start = text.index("  - **Task 1B")
    end = text.index("\n### Milestone M2")
    return text[:start] + text[end:] + text[start:end]


EDITS = {
    "a task renamed": (SMALL.replace("Mobilisation", "Mobilising everybody"), {"renamed": ("1A",)}, 0),
    "a step reworded": (SMALL.replace("of the whole programme", "for the programme"), {"reworded": ("1A.1",)}, 0),
    "a step at the top": (
        SMALL.replace("    1. Draft", "    1. Find an office to work in.\n    2. Draft"),
        {"added": ("1A.1",)},
        1,
    ),
    "steps reordered": (
        SMALL.replace("1. Draft the charter of the whole programme.", "1. X")
        .replace("3. Agree on the definition of done.", "3. Draft the charter of the whole programme.")
        .replace("1. X", "1. Agree on the definition of done."),
        None,
        0,
    ),
    "a task moved": (moved(SMALL), {"moved": ("1B",)}, 0),
    "tasks renumbered": (
        SMALL.replace("Task 1B", "Task 1C").replace("Task 1A", "Task 1B"),
        {"renamed": ("1B", "1C")},
        0,
    ),
    "keys swapped": (swapped(SMALL), {"renamed": ("1B", "1A"), "moved": ()}, 0),
    "milestones renumbered": (
        SMALL.replace("Milestone M2", "Milestone M3").replace("Milestone M1", "Milestone M2"),
        {"renamed": ("M2", "M3")},
        0,
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_keeps_objects_ticks_and_human_text(site: Site, edit: str) -> None:
    text, changes, created = EDITS[edit]
    site.read(SMALL)
    site.target()
    site.apply()
    before = site.titles()
    first = before["1A — Mobilisation"]
    site.edit(first, body=f"Ask Ann before touching this.\n\n{site.text(first)}\n\n- [ ] a box of my own")
    if site.profile.endswith("-issues"):
        site.edit(before["1A.2 Set up tools and accounts for everybody."], state="closed")
    else:
        site.edit(first, body=site.text(first).replace("[ ] 1A.2", "[x] 1A.2"))
    figures = site.status()
    assert (figures.done, figures.total) == (1, 7)

    found = site.read(text)
    for name, keys in (changes or {}).items():
        assert getattr(found, name) == keys, name
    assert (len(found.added), len(found.removed)) == (created, 0)
    children = site.profile.endswith("-issues")
    wanted = {"create": created} if created and children else {}
    assert {k: v for k, v in site.summary().items() if k in ("create", "close", "missing", "conflict")} == wanted
    site.apply(max_percent=100)
    after = site.issues()
    assert len(after) == len(before) + (created if children else 0)
    assert set(before.values()) <= set(after)
    human = site.text(first)
    assert human.startswith("Ask Ann before touching this.")
    assert human.rstrip().endswith("- [ ] a box of my own")
    figures = site.status()
    assert (figures.done, figures.total) == (1, 7 + created)
    ticked = [step.title for m in figures.milestones for task in m.tasks for step in task.steps if step.done]
    assert ticked == ["Set up tools and accounts for everybody."]
    assert site.summary() == {}


def test_removed_nodes_are_closed_as_not_planned_and_come_back(site: Site) -> None:
    site.read(SMALL)
    site.target()
    site.apply()
    number = site.titles()["1B — Blueprint"]
    without = SMALL[: SMALL.index("  - **Task 1B")] + SMALL[SMALL.index("\n### Milestone M2") :]
    assert site.read(without).removed == ("1B", "1B.1", "1B.2")
    children = 2 if site.profile.endswith("-issues") else 0
    assert site.summary() == {"close": 1 + children}
    site.apply(max_percent=100)
    assert site.issues()[number]["state"] == "closed"
    if site.github:
        assert site.issues()[number]["state_reason"] == "not_planned"
    assert site.status().total == 5
    assert site.read(SMALL).added == ("1B", "1B.1", "1B.2")
    assert site.summary() == {"reopen": 1 + children}
    site.apply(max_percent=100)
    assert site.issues()[number]["state"] in ("open", "opened")
    assert site.status().total == 7
    assert site.summary() == {}


@pytest.mark.parametrize("renamed", [False, True])
def test_a_new_database_adopts_by_marker(site: Site, renamed: bool, tmp_path: Path) -> None:
    site.read(SMALL)
    site.target()
    site.apply()
    if renamed:
        site.edit(site.titles()["2A — Bricks"], title="2A — Bricks and mortar")
    db = Database(f"sqlite:///{tmp_path / 'other.db'}")
    db.ready()
    other = Site(Context(db), site.url, site.box, site.profile, site.person)
    other.read(SMALL)
    other.target()
    before = site.writes()
    objects = 5 + (7 if site.profile.endswith("-issues") else 0)
    assert other.summary() == {"adopt": objects}
    other.apply()
    assert site.writes() - before == (1 if renamed else 0)  # a title differs: the profile gives it to the roadmap
    assert other.summary() == {}
    db.close()
