"""Conflicts: listed, decided for either side, never in the way of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.sync import conflicts
from app.sync.conflicts import ConflictUnknown, NotDecidable
from mappings.profile import BUILT_IN
from tests.sync.conftest import SMALL, Site

ASK = """kind = "github"
[milestone]
title = "{key} — {title}"
[task]
as = ["issue"]
title = "{key} — {title}"
[step]
as = ["line"]
title = "{key} {title}"
[owners]
title = "ask"
milestone = "ask"
"""
RENAMED = SMALL.replace("Mobilisation", "Getting Going").replace("Blueprint", "The Drawing")


@pytest.fixture
def torn(hub: Site, tmp_path: Path) -> Site:
    """1A was renamed on both sides, 1B only in the roadmap."""
    assert "ask" not in BUILT_IN
    (tmp_path / "ask.toml").write_text(ASK)
    hub.read(SMALL)
    hub.target(profile=str(tmp_path / "ask.toml"))
    first = hub.apply()
    number = next(o.url for o in first.outcomes if o.key == "1A" and o.url).rsplit("/", 1)[1]
    hub.person.patch(f"/issues/{number}", json={"title": "People's own"}).raise_for_status()
    hub.read(RENAMED)
    return hub


def title(site: Site, was: str) -> bool:
    return was in {one["title"] for one in site.person.get("/issues").json()}


def test_a_conflict_is_listed_and_the_rest_goes_on(torn: Site) -> None:
    assert torn.summary() == {"update": 1, "conflict": 1}
    (found,) = conflicts.listed(torn.ctx, "hub")
    assert found.as_json() == {
        "target": "hub",
        "key": "1A",
        "field": "title",
        "roadmap": "1A — Getting Going",
        "tracker": "People's own",
        "reason": "both sides changed: title",
        "url": found.url,
    }
    applied = torn.apply()
    assert [(o.key, o.result) for o in applied.outcomes] == [("1B", "done")]
    assert title(torn, "People's own")
    assert title(torn, "1B — The Drawing")


def test_the_roadmap_is_taken(torn: Site) -> None:
    torn.apply()
    conflicts.resolve(torn.ctx, "hub", "1A", "title", "roadmap")
    assert conflicts.listed(torn.ctx, "hub") == []
    torn.apply()
    assert title(torn, "1A — Getting Going")
    assert torn.summary() == {}


def test_the_tracker_is_taken_until_the_roadmap_asks_anew(torn: Site) -> None:
    torn.apply()
    conflicts.resolve(torn.ctx, "hub", "1A", "title", "tracker")
    assert conflicts.listed(torn.ctx, "hub") == []
    assert torn.summary() == {}
    assert title(torn, "People's own")
    torn.read(RENAMED.replace("Getting Going", "Off We Go"))
    assert torn.summary() == {"conflict": 1}


def test_a_place_that_is_not_ours_can_be_left_to_people(hub: Site, torn: Site) -> None:
    hub.person.post("/milestones", json={"title": "Later"}).raise_for_status()
    other = next(m for m in hub.person.get("/milestones").json() if m["title"] == "Later")["number"]
    issue = next(i for i in hub.person.get("/issues").json() if i["title"].startswith("1B"))
    hub.person.patch(f"/issues/{issue['number']}", json={"milestone": other}).raise_for_status()
    task = RENAMED[RENAMED.index("  - **Task 1B") : RENAMED.index("### Milestone M2")]
    hub.read(RENAMED.replace(task, "\n") + task)  # 1B moves to M2
    torn.summary()
    found = {one.field: one for one in conflicts.listed(torn.ctx, "hub") if one.key == "1B"}
    assert (found["milestone"].roadmap, found["milestone"].tracker) == ("M2", f"#{other}")
    torn.apply()
    for side in ("roadmap", "tracker"):
        conflicts.resolve(torn.ctx, "hub", "1B", "milestone", side)  # type: ignore[arg-type]
        assert [one.key for one in conflicts.listed(torn.ctx, "hub") if one.field == "milestone"] == []
        if side == "roadmap":
            torn.apply()
            break
    now = hub.person.get(f"/issues/{issue['number']}").json()
    assert now["milestone"]["title"] == "M2 — Walls"


def test_what_is_no_conflict_is_refused_with_those_that_there_are(torn: Site) -> None:
    torn.summary()
    with pytest.raises(ConflictUnknown) as refused:
        conflicts.resolve(torn.ctx, "hub", "1B", "title", "roadmap")
    assert "1A title" in refused.value.hint


def test_two_objects_with_one_marker_are_not_decided_here(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    text = "<!-- milepost:begin -->\n<!-- milepost:small/1A -->"
    for name in ("one", "two"):
        hub.person.post("/issues", json={"title": name, "body": text}).raise_for_status()
    hub.summary()
    (found,) = [one for one in conflicts.listed(hub.ctx, "hub") if one.key == "1A"]
    assert found.field == ""
    assert found.reason.count("http://") == 2  # both addresses
    with pytest.raises(NotDecidable):
        conflicts.resolve(hub.ctx, "hub", "1A", "title", "roadmap")


def test_before_the_first_plan_there_are_none(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    assert conflicts.listed(hub.ctx, "hub") == []
