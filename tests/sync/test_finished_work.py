"""What the roadmap says is finished is pushed as finished; from then on people decide. And versions are kept."""

from __future__ import annotations

from datetime import date

import pytest
from sqlmodel import select

from app.db.models import VersionRow
from app.sync import roadmap
from app.sync.context import utc_now
from connectors.sandbox.faults import Fault
from mappings.roadmap import RoadmapRefused
from tests.sync.conftest import SMALL, Site

FINISHED = """# Half Done

### Milestone M1 — Ground
- **Tasks:**
  - **Task 1A — Mobilise**
    - [x] Draft the charter.
    - [ ] Open an account.
  - [x] **Task 1B — Scout the site**
  - **Task 1C — Fence (100% complete)**
    - [ ] Order the posts.
    - [ ] Set the posts.
"""


def done(site: Site) -> dict[str, tuple[int, int]]:
    return {task.key: (task.done, task.total) for m in site.status().milestones for task in m.tasks}


def test_finished_work_is_not_forgotten_by_the_first_push(site: Site) -> None:
    site.read(FINISHED)
    site.target()
    site.apply()
    assert done(site) == {"1A": (1, 2), "1B": (1, 1), "1C": (2, 2)}
    assert site.summary() == {}
    site.edit(site.titles()["1B — Scout the site"], state="open")
    if site.profile.endswith("-issues"):
        site.edit(site.titles()["1A.1 Draft the charter."], state="open")
    assert done(site)["1B"] == (0, 1)
    assert site.summary() == {}, "people reopened it: nobody closes it again"


def test_a_close_that_fails_after_its_create_is_made_up_for(hub: Site) -> None:
    hub.read(FINISHED)
    hub.target()
    hub.box.faults.add(Fault("error", match="^PATCH", times=None))
    failed = [outcome.key for outcome in hub.apply().outcomes if outcome.result == "failed"]
    assert failed == ["1B", "1C"]
    hub.box.faults.clear()
    assert hub.summary() == {"adopt": 2}
    assert hub.apply().state == "done"
    assert done(hub) == {"1A": (1, 2), "1B": (1, 1), "1C": (2, 2)}
    assert len(hub.titles()) == 3
    assert hub.summary() == {}


def test_every_version_is_kept_as_it_came_and_a_refused_one_is_not(hub: Site) -> None:
    versions = [SMALL, SMALL.replace("Bricks", "Stone").replace("\n", "\r\n"), SMALL]
    for text in versions:
        hub.read(text)
    hub.read(SMALL)  # the same again is no new version
    with pytest.raises(RoadmapRefused):
        roadmap.import_roadmap(hub.ctx.db, b"no milestone", "small", start=date(2026, 11, 2), now=utc_now())
    with hub.ctx.db.read() as session:
        kept = session.exec(select(VersionRow).order_by(VersionRow.number)).all()  # type: ignore[arg-type]
    assert [version.source for version in kept] == [text.encode() for text in versions]
    assert [version.number for version in kept] == [1, 2, 3]
