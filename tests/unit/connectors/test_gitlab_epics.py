"""Epics of a group, and what is under them, against GitLab in a box on Premium: written, read, and read on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import httpx
import pytest

from app.core.plan import Desired, Observed, Shape
from connectors.base import Cursor, NotFound, Observation, OutcomeUnknown, Place, Secret, Unsupported
from connectors.gitlab import GitLab, open_gitlab
from connectors.sandbox.faults import Fault
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.gitlab.access import Token
from connectors.sandbox.kit import Clock, serving

GROUP, PATH, OTHER = "team", "team/sub/road", "team/elsewhere"
TOKENS = {
    "glpat-right": Token(),
    "glpat-guest": Token(group_role=10),
    "glpat-bot": Token(kind="project", path=PATH),
    "glpat-group": Token(kind="group", path=GROUP, group_role=30),
}


@dataclass
class Site:
    box: GitLabBox
    clock: Clock
    url: str
    opened: list[GitLab]

    def open(self, path: str = PATH, group: str = GROUP, token: str = "glpat-right", **more: bool) -> GitLab:
        self.opened.append(open_gitlab(Place("gitlab", self.url, path, Secret(token), group, **more)))
        return self.opened[-1]

    def later(self, seconds: float = 600) -> None:
        self.clock.offset_seconds += seconds

    def license(self, premium: bool) -> None:
        httpx.put(f"{self.url}/_sandbox/licence", json={"premium": premium}).raise_for_status()

    def rest(self, path: str, project: str = PATH) -> Any:
        url = f"{self.url}/api/v4/projects/{project.replace('/', '%2F')}/{path}"
        return httpx.get(url, headers={"private-token": "glpat-right"}).raise_for_status().json()

    def requests(self) -> int:
        total: int = self.box.log.summary()["total"]
        return total


@pytest.fixture
def site() -> Iterator[Site]:
    clock = Clock(offset_seconds=-3_600)
    box = GitLabBox(clock=clock, premium=True, tokens=TOKENS)
    with serving(box.app) as url:
        opened: list[GitLab] = []
        yield Site(box, clock, url, opened)
        for one in opened:
            one.close()
    box.close()


@pytest.fixture
def gitlab(site: Site) -> GitLab:
    """The project in its group. That both are there is the box's rule: places are made on first use."""
    opened = site.open()
    site.rest("milestones")
    return opened


def want(shape: Shape, title: str, **fields: Any) -> Desired:
    return Desired(1, title, "task", shape, {"title": title} | fields)


def found(seen: Observation) -> dict[str, Observed]:
    assert (seen.complete, seen.problem) == (True, "")
    return {item.title: item for item in seen.objects}


def family(gitlab: GitLab) -> tuple[Observed, Observed]:
    """An epic and an issue under it."""
    epic = gitlab.create(want("epic", "1A"), {})
    return epic, gitlab.create(want("child", "1A.1", parent="1A"), {"1A": epic.ref})


def test_an_epic_and_its_child_issue_come_back_as_they_were_made(site: Site, gitlab: GitLab) -> None:
    m1 = gitlab.create(want("milestone", "M1"), {})
    days = {"start": date(2026, 11, 2), "due": date(2026, 11, 16)}
    epic = gitlab.create(want("epic", "1A", description="why", labels=("epic", "new"), state="open", **days), {})
    refs = {"M1": m1.ref, "1A": epic.ref}
    wanted = want("child", "1A.1", description="do", parent="1A", milestone="M1", labels=("epic",))
    child = gitlab.create(wanted, refs)
    task = gitlab.create(want("child", "1A.1a", parent="1A.1"), refs | {"1A.1": child.ref})
    seen = found(gitlab.observe())
    assert (epic.ref.shape, child.ref.shape, task.ref.shape) == ("epic", "child", "child")
    assert (epic.description, epic.start, epic.due, epic.state) == ("why", days["start"], days["due"], "open")
    assert sorted(epic.labels) == ["epic", "new"]
    assert (child.parent, child.milestone, child.labels) == (epic.ref.id, m1.ref.id, ("epic",))
    assert task.parent == child.ref.id
    assert site.rest(f"issues/{child.ref.number}")["issue_type"] == "issue"
    assert site.rest(f"issues/{task.ref.number}")["issue_type"] == "task"
    for item in (m1, epic, child, task):
        assert seen[item.title] == replace(item, updated_at=seen[item.title].updated_at)  # a child touches its parent


def test_an_epic_is_known_by_its_work_item_and_never_by_its_legacy_id(site: Site, gitlab: GitLab) -> None:
    for number in range(3):  # so that nothing is equal by chance
        gitlab.create(want("issue", f"I{number}"), {})
    epic, child = family(gitlab)
    shown = site.rest(f"issues/{child.ref.number}")["epic"]
    assert str(shown["id"]) != epic.ref.id  # the box keeps the two apart
    assert (epic.ref.number, shown["iid"]) == (1, 1)
    assert epic.ref.global_id == f"gid://gitlab/WorkItem/{epic.ref.id}"
    assert epic.ref.url.endswith("/groups/team/-/epics/1")
    assert found(gitlab.observe())["1A.1"].parent == epic.ref.id
    assert gitlab.update(epic.ref, {"title": "1A!"}, {}).ref == epic.ref


def test_an_update_of_an_epic_touches_only_the_fields_named(gitlab: GitLab) -> None:
    epic = gitlab.create(want("epic", "1A", description="d", labels=("a", "b"), start=date(2026, 11, 2)), {})
    same = ("title", "description", "state", "parent", "labels", "start", "due")
    changes: tuple[dict[str, Any], ...] = (
        {"title": "1A new"},
        {"description": None},
        {"labels": ("b", "c")},
        {"labels": None},
        {"due": date(2026, 11, 16)},
        {"start": None},
        {"state": "not_planned"},
        {"state": "open"},
    )
    for fields in changes:
        before = gitlab.update(epic.ref, {}, {})
        after = gitlab.update(epic.ref, fields, {})
        assert {name for name in same if getattr(before, name) != getattr(after, name)} == set(fields)
        assert found(gitlab.observe())[after.title] == after
    with pytest.raises(Unsupported, match="no milestone"):
        gitlab.update(epic.ref, {"milestone": "M1"}, {"M1": epic.ref})
    assert gitlab.update(epic.ref, {"milestone": None}, {}).title == "1A new"  # it has none


def test_a_write_of_an_epic_or_its_child_is_one_request(site: Site, gitlab: GitLab) -> None:
    family(gitlab)
    site.box.log.clear()
    epic, _ = family(gitlab)
    gitlab.update(epic.ref, {"title": "1B", "due": date(2026, 1, 2)}, {})
    assert site.box.log.summary() == {"total": 3, "reads": 0, "writes": 3, "not_modified": 0}


def test_what_is_wanted_closed_is_closed_by_a_second_call(site: Site, gitlab: GitLab) -> None:
    assert gitlab.create(want("epic", "1A", state="closed"), {}).state == "closed"
    site.box.faults.add(Fault("error", match="POST /api/graphql", skip=1))
    with pytest.raises(OutcomeUnknown, match="was made, but closing it failed"):
        gitlab.create(want("epic", "1B", state="closed"), {})
    assert found(gitlab.observe())["1B"].state == "open"


def test_an_answer_that_was_lost_is_an_unknown_outcome_and_the_epic_is_there_once(site: Site, gitlab: GitLab) -> None:
    family(gitlab)
    site.box.faults.add(Fault("dropped", match="POST /api/graphql"))
    with pytest.raises(OutcomeUnknown):
        gitlab.create(want("epic", "1B"), {})
    assert [item.title for item in gitlab.observe().objects].count("1B") == 1


def test_children_move_between_epics_and_out(gitlab: GitLab) -> None:
    epic, child = family(gitlab)
    other = gitlab.create(want("epic", "1B"), {})
    loose = gitlab.create(want("issue", "loose"), {})
    refs = {"1A": epic.ref, "1B": other.ref}
    assert gitlab.update(child.ref, {"parent": "1B"}, refs).parent == other.ref.id
    out = gitlab.update(child.ref, {"parent": None}, refs)
    assert (out.parent, out.ref.shape) == (None, "issue")
    assert gitlab.update(loose.ref, {"parent": "1A"}, refs).ref.shape == "child"
    seen = found(gitlab.observe())
    assert (seen["1A.1"].parent, seen["loose"].parent) == (None, epic.ref.id)
    # an issue that people put under an epic since it was read is told with it
    assert gitlab.update(loose.ref, {"title": "loose!"}, {}).parent == epic.ref.id


def test_an_issue_of_another_project_counts_under_an_epic_of_the_group_and_else_not(site: Site, gitlab: GitLab) -> None:
    epic, child = family(gitlab)
    other = site.open(OTHER)
    theirs = other.create(want("child", "theirs", parent="1A"), {"1A": epic.ref})
    other.create(want("issue", "their own"), {})
    assert theirs.ref.number == child.ref.number  # the same iid, in another project
    seen = found(gitlab.observe())
    assert set(seen) == {"1A", "1A.1", "theirs"}
    assert (seen["theirs"].parent, seen["theirs"].ref.id) == (epic.ref.id, theirs.ref.id)
    assert seen["theirs"].ref.number == 0  # it only counts: no path and no "#1" leads to it
    assert gitlab.update(seen["theirs"].ref, {"title": "theirs!", "labels": ()}, {}).ref.id == theirs.ref.id
    assert set(found(gitlab.observe())) == {"1A", "1A.1", "theirs!"}


def test_an_epic_of_another_group_is_told_by_its_reference(site: Site, gitlab: GitLab) -> None:
    above = site.open(PATH, "team/sub")
    nearer = above.create(want("epic", "nearer"), {})
    above.create(want("child", "under it", parent="E"), {"E": nearer.ref})
    assert found(gitlab.observe())["under it"].parent == "team/sub&1"
    assert found(above.observe())["under it"].parent == nearer.ref.id


def later(site: Site, gitlab: GitLab) -> Cursor | None:
    """A cursor from after all that is there by now."""
    site.later()
    cursor = gitlab.observe().cursor
    site.later()
    return cursor


def test_an_incremental_read_sees_changed_epics_and_children_of_unchanged_ones(site: Site, gitlab: GitLab) -> None:
    epic, child = family(gitlab)
    gitlab.create(want("epic", "quiet"), {})
    gitlab.create(want("epic", "newest"), {})  # what is as new as the mark comes again
    cursor = later(site, gitlab)
    gitlab.update(child.ref, {"title": "1A.1!"}, {})
    seen = gitlab.observe(cursor)
    assert {title: item.parent for title, item in found(seen).items()} == {"1A.1!": epic.ref.id, "newest": None}
    assert (seen.full, seen.requests) == (False, 3)
    gitlab.update(epic.ref, {"state": "closed"}, {})
    again = found(gitlab.observe(seen.cursor))
    assert (again["1A"].state, "quiet" in again) == ("closed", False)


def test_idle_reads_are_three_requests_and_other_projects_do_not_keep_it_busy(site: Site, gitlab: GitLab) -> None:
    family(gitlab)
    other = site.open(OTHER)
    other.create(want("issue", "their own"), {})
    cursor = later(site, gitlab)
    for _ in range(3):
        idle = site.open().observe(cursor)  # another process: it has not asked for the licence
        assert (idle.complete, idle.full, idle.requests) == (True, False, 3)
        assert {item.title for item in idle.objects} <= {"1A", "1A.1"}  # those as new as the mark come again
        cursor = idle.cursor
        site.later()
    for at in range(101):
        other.create(want("issue", f"their {at}"), {})
    site.later()
    busy = gitlab.observe(cursor)
    assert ({item.title for item in busy.objects} <= {"1A", "1A.1"}, busy.requests) == (True, 4)
    assert gitlab.observe(busy.cursor).requests == 3  # and it does not list them for ever


@pytest.mark.parametrize(("epics", "issues", "tasks"), [(0, 1, 0), (3, 101, 5), (101, 20, 20)])
def test_k_changed_objects_cost_two_requests_and_one_a_hundred(
    site: Site, gitlab: GitLab, epics: int, issues: int, tasks: int
) -> None:
    epic, _ = family(gitlab)
    parent = gitlab.create(want("issue", "P"), {})
    refs = {"1A": epic.ref, "P": parent.ref}
    cursor = later(site, gitlab)
    for at in range(epics):
        gitlab.create(want("epic", f"E{at}"), {})
    for at in range(issues - tasks):
        gitlab.create(want("child", f"I{at}", parent="1A"), refs)
    for at in range(tasks):
        gitlab.create(want("child", f"T{at}", parent="P"), refs)
    site.box.log.clear()
    seen = gitlab.observe(cursor)
    assert seen.requests == site.requests() <= 2 + -(-(epics + issues) // 100)
    titles = set(found(seen))
    assert len([one for one in titles if one[0] in "EIT"]) == epics + issues


def test_a_full_read_of_many_epics_costs_a_query_a_hundred(site: Site, gitlab: GitLab) -> None:
    made = [gitlab.create(want("epic", f"E{at}"), {}) for at in range(105)]
    for item in made[::50]:
        gitlab.create(want("child", f"under {item.title}", parent="E"), {"E": item.ref})
    site.box.log.clear()
    seen = site.open().observe()
    assert seen.requests == site.requests() == 1 + 1 + 1 + 2  # licence, milestones, issues, epics
    epics = {item.title: item.ref.id for item in seen.objects if item.ref.shape == "epic"}
    assert len(epics) == 105
    under = {item.title: item.parent for item in seen.objects if item.ref.shape == "child"}
    assert under == {f"under {item.title}": item.ref.id for item in made[::50]}


def test_without_the_licence_the_project_is_read_as_on_free_and_epics_are_refused(site: Site, gitlab: GitLab) -> None:
    family(gitlab)
    cursor = later(site, gitlab)
    site.license(False)
    free = site.open()
    assert (free.capabilities().epics, free.capabilities().blockers_max) == (False, 0)
    seen = free.observe(cursor)
    assert (seen.full, seen.complete) == (True, True)  # what was read with epics is no ground to go on from
    assert {item.title: (item.ref.shape, item.parent) for item in seen.objects} == {"1A.1": ("issue", None)}
    with pytest.raises(Unsupported, match="not licensed") as caught:
        free.create(want("epic", "1B"), {})
    assert "Premium" in caught.value.hint
    assert [item.title for item in free.observe().objects] == ["1A.1"]
    idle = free.observe(later(site, free))
    assert idle.requests == 2
    site.license(True)
    again = site.open()
    assert again.capabilities().epics
    assert set(found(again.observe(idle.cursor))) == {"1A", "1A.1"}  # the licence came: everything is read anew


def test_a_licence_that_ends_in_between_is_a_refusal_by_the_tracker(site: Site, gitlab: GitLab) -> None:
    epic, _ = family(gitlab)
    site.license(False)
    with pytest.raises((Unsupported, NotFound)):
        gitlab.create(want("epic", "1B"), {})
    with pytest.raises((Unsupported, NotFound)):
        gitlab.update(epic.ref, {"title": "x"}, {})
    site.license(True)
    assert set(found(gitlab.observe())) == {"1A", "1A.1"}


def test_epics_need_a_group_and_nothing_is_sent_without(site: Site) -> None:
    alone = site.open(group="")
    with pytest.raises(Unsupported, match="are a group's") as caught:
        alone.create(want("epic", "1A"), {})
    assert "--group" in caught.value.hint
    assert alone.requests == 0


def test_roles_and_kinds_of_token(site: Site, gitlab: GitLab) -> None:
    family(gitlab)
    of_group = site.open(token="glpat-group")
    assert of_group.create(want("epic", "1B"), {}).ref.number == 2
    assert {finding.what for finding in of_group.check() if not finding.ok} == set()
    guest = site.open(token="glpat-guest")
    with pytest.raises(NotFound) as caught:  # GitLab hides what may not be changed
        guest.create(want("epic", "1C"), {})
    assert "role" in caught.value.hint
    (wrong,) = [finding for finding in guest.check() if not finding.ok]
    assert (wrong.what, "Planner" in wrong.mend) == ("epics", True)
    bot = site.open(token="glpat-bot")
    findings = {finding.what: finding for finding in bot.check()}
    assert findings["token"].detail.startswith("project access token")
    assert (findings["epics"].ok, "group" in findings["epics"].mend) == (False, True)
    assert of_group.check()[0].detail.startswith("group access token")


def test_many_details_fit_the_tracker_s_limits_of_a_query(site: Site) -> None:
    """The box adds a query's complexity up as GitLab does, and refuses one over 250."""
    gitlab = site.open(dependencies=True)
    site.rest("milestones")
    epic, _ = family(gitlab)
    refs = {"1A": epic.ref}
    issue = gitlab.create(want("issue", "I"), {})
    for at in range(5):
        gitlab.create(want("child", f"I{at}", parent="1A"), refs)
        gitlab.create(want("child", f"T{at}", parent="I"), refs | {"I": issue.ref})
    assert found(gitlab.observe())["T4"].parent == issue.ref.id
    assert gitlab.observe(later(site, gitlab)).complete
