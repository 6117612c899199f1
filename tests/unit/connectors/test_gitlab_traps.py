"""GitLab's traps, each set by the box as GitLab sets it: what the connector does about it, and that it would bite."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.core.plan import Desired, Observed, Shape
from connectors.base import FieldProblem, Place, RateLimited, Rejected, Secret, TrackerError, Unavailable
from connectors.gitlab import GitLab, graphql, open_gitlab, parse_delivery
from connectors.sandbox.faults import Fault
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Clock, serving
from mappings.harmless import harmless

GROUP, PATH = "team", "team/sub/road"
SHAPES: tuple[Shape, ...] = ("milestone", "issue", "child", "epic")


@dataclass
class Site:
    box: GitLabBox
    clock: Clock
    url: str
    opened: list[GitLab] = field(default_factory=list)

    def open(self, path: str = PATH, group: str = GROUP) -> GitLab:
        self.opened.append(open_gitlab(Place("gitlab", self.url, path, Secret("glpat-x"), group)))
        self.api("GET", f"projects/{path.replace('/', '%2F')}")  # places are made on first use
        return self.opened[-1]

    def api(self, method: str, path: str, **sent: Any) -> Any:
        url = f"{self.url}/api/v4/{path}"
        return httpx.request(method, url, json=sent or None, headers={"private-token": "x"}).raise_for_status().json()

    def project(self, method: str, path: str, **sent: Any) -> Any:
        return self.api(method, f"projects/{PATH.replace('/', '%2F')}/{path}", **sent)

    def notified(self) -> list[str]:
        rows = httpx.get(f"{self.url}/_sandbox/notifications").raise_for_status().json()
        return [name for row in rows for name in row["mentioned"]]


def site_of(box: GitLabBox, clock: Clock) -> Iterator[Site]:
    with serving(box.app) as url:
        site = Site(box, clock, url)
        yield site
        for one in site.opened:
            one.close()
    box.close()


@pytest.fixture
def site() -> Iterator[Site]:
    clock = Clock()
    yield from site_of(GitLabBox(clock=clock, premium=True), clock)


def want(shape: Shape, title: str, **fields: Any) -> Desired:
    return Desired(1, title, "task", shape, {"title": title} | fields)


def read(gitlab: GitLab) -> dict[str, Observed]:
    seen = gitlab.observe()
    assert (seen.complete, seen.problem) == (True, "")
    return {item.title: item for item in seen.objects}


ACTS = "Plan\n/close\n/title changed\n/assign @ann\n  /label ~x\nand @bob, @team/sub\n/unknown stays"


def test_5_and_6_roadmap_text_neither_acts_nor_notifies_and_comes_back_as_sent(site: Site) -> None:
    gitlab = site.open()
    bare = gitlab.create(want("issue", "bare", description=ACTS), {})
    acted = gitlab.update(bare.ref, {"description": ACTS}, {})
    assert (acted.state, acted.title, "/assign" in acted.description) == ("closed", "changed", False)
    assert site.notified() != []  # the trap bites
    before = len(site.notified())
    safe = harmless(ACTS, mentions=False)
    for shape in SHAPES:
        made = gitlab.create(want(shape, f"new {shape}", description=safe), {})
        assert (made.state, made.title, made.description) == ("open", f"new {shape}", safe)
        again = gitlab.update(made.ref, {"description": f"{safe}\n{safe}"}, {})
        assert (again.state, again.title, again.description) == ("open", f"new {shape}", f"{safe}\n{safe}")
        assert read(gitlab)[made.title].description == again.description  # so the next plan is empty
    assert len(site.notified()) == before


@pytest.mark.parametrize(("kind", "wait"), [("primary_limit", 40), ("secondary_limit", None)])
@pytest.mark.parametrize("shape", SHAPES)
def test_7_a_limit_is_told_at_once_and_nothing_waits_or_sends_again(
    site: Site, shape: Shape, kind: str, wait: float | None
) -> None:
    """That of issue creations, `secondary_limit`, may come without Retry-After."""
    gitlab = site.open()
    gitlab.create(want(shape, "warm"), {})
    site.box.log.clear()
    site.box.faults.add(Fault(kind, match="^POST ", seconds=40))
    began = time.monotonic()
    with pytest.raises(RateLimited) as caught:
        gitlab.create(want(shape, "new"), {})
    assert time.monotonic() - began < 10
    assert caught.value.retry_after == wait
    assert site.box.log.summary()["total"] <= 1
    gitlab.create(want(shape, "new"), {})
    assert "new" in read(gitlab)


@pytest.mark.parametrize("match", ["/milestones", "/issues", "/graphql"])
def test_7_a_read_that_is_held_back_says_for_how_long(site: Site, match: str) -> None:
    gitlab = site.open()
    gitlab.create(want("epic", "1A"), {})
    assert gitlab.observe().retry_after is None
    site.box.faults.add(Fault("primary_limit", match=match, seconds=40))
    seen = gitlab.observe()
    assert (seen.complete, seen.cursor, seen.retry_after) == (False, None, 40)


def test_10_objects_are_found_in_lists_and_nothing_is_searched_for(site: Site) -> None:
    gitlab = site.open()
    epic = gitlab.create(want("epic", "1A"), {})
    gitlab.create(want("child", "1A.1", parent="1A"), {"1A": epic.ref})
    site.box.log.clear()
    assert set(read(gitlab)) == {"1A", "1A.1"}
    gitlab.check()
    assert not [entry for entry in site.box.log.entries if "search" in str(entry)]
    documents = [value for value in vars(graphql).values() if isinstance(value, str)]
    documents.append(graphql.details(graphql.EpicPage(True, True), [graphql.Ask("items", ("1",))], links=True))
    assert not [document for document in documents if "search:" in document]


def test_10_lists_lag_behind_and_a_later_read_goes_back_far_enough(site: Site) -> None:
    gitlab = site.open()
    gitlab.create(want("epic", "old"), {})
    gitlab.create(want("issue", "older"), {})
    site.clock.offset_seconds += 600
    for shape in SHAPES:
        gitlab.create(want(shape, shape), {})
    lag = site.box.faults.add(Fault("list_lag", times=None, seconds=30))
    first = gitlab.observe()
    assert {item.title for item in first.objects} == {"old", "older"}
    site.box.faults.clear()
    later = gitlab.observe(first.cursor)
    assert {item.title for item in later.objects} >= set(SHAPES)
    assert lag


def test_a_milestone_s_path_takes_its_global_id_and_an_issue_s_its_iid(site: Site) -> None:
    gitlab, other = site.open(), site.open("team/other")
    for at in range(3):
        other.create(want("milestone", f"M{at}"), {})
        other.create(want("issue", f"I{at}"), {})
    mine, issue = gitlab.create(want("milestone", "mine"), {}), gitlab.create(want("issue", "mine too"), {})
    assert mine.ref.number == int(mine.ref.id) != site.project("GET", "milestones")[0]["iid"] == 1
    assert (issue.ref.number, issue.ref.id != "1") == (1, True)
    assert gitlab.update(mine.ref, {"title": "mine!"}, {}).ref.id == mine.ref.id
    assert gitlab.update(issue.ref, {"milestone": "M"}, {"M": mine.ref}).milestone == mine.ref.id


def test_tags_go_from_a_milestone_s_title_and_capabilities_say_so(site: Site) -> None:
    gitlab = site.open()
    assert gitlab.create(want("milestone", "M1 <b>bold</b> & more"), {}).title == "M1 bold & more"
    assert gitlab.create(want("issue", "1A <b>bold</b>"), {}).title == "1A <b>bold</b>"
    assert gitlab.capabilities().strips_title_tags


@pytest.mark.parametrize(("start", "due"), [(2, 1), (1, 1)])
def test_a_due_date_not_after_the_start_is_refused_by_field(site: Site, start: int, due: int) -> None:
    gitlab = site.open()
    days = {"start": date(2026, 11, start), "due": date(2026, 11, due)}
    with pytest.raises(Rejected) as caught:
        gitlab.create(want("milestone", "M1", **days), {})
    assert [problem.field for problem in caught.value.fields] == ["due"]


def test_a_title_that_a_milestone_of_a_group_above_has_is_taken(site: Site) -> None:
    gitlab = site.open()
    site.api("POST", "groups/team/milestones", title="M1")
    with pytest.raises(Rejected) as caught:
        gitlab.create(want("milestone", "M1"), {})
    assert caught.value.fields == (FieldProblem("title", "already_exists"),)
    mine = gitlab.create(want("milestone", "M2"), {})
    with pytest.raises(Rejected) as again:
        gitlab.update(mine.ref, {"title": "M1"}, {})
    assert again.value.fields == (FieldProblem("title", "already_exists"),)


def test_an_issue_that_was_moved_away_is_closed_as_moved(site: Site) -> None:
    gitlab = site.open()
    issue = gitlab.create(want("issue", "1A"), {})
    other = site.open("team/other")
    there = site.api("GET", "projects/team%2Fother")["id"]
    site.project("POST", f"issues/{issue.ref.number}/move", to_project_id=there)
    assert (read(gitlab)["1A"].state, read(gitlab)["1A"].reason) == ("closed", "moved")
    assert read(other)["1A"].state == "open"


def test_a_description_too_long_is_refused_by_us_and_by_gitlab_and_never_cut(site: Site) -> None:
    gitlab = site.open()
    most = gitlab.capabilities().description_max
    site.box.log.clear()
    for shape in SHAPES:
        with pytest.raises(Rejected) as caught:
            gitlab.create(want(shape, shape, description="x" * (most + 1)), {})
        assert caught.value.fields == (FieldProblem("description", "too_long"),)
    assert site.box.log.summary()["writes"] == 0
    issue = gitlab.create(want("issue", "1A", description="x" * most), {})
    assert len(issue.description) == most


def test_an_older_gitlab_pages_by_offset(site: Site) -> None:
    clock = Clock()
    for old in site_of(GitLabBox(clock=clock, version="18.2.0"), clock):
        gitlab = old.open(group="")
        for at in range(3):
            gitlab.create(want("issue", f"I{at}"), {})
        first = gitlab.observe()
        assert (len(first.objects), first.requests) == (3, 3)  # by key is tried once
        assert gitlab.observe(first.cursor).requests == 2


def test_a_confidential_issue_and_a_milestone_are_told_too(site: Site) -> None:
    calls: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    async def sink(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        calls.put((dict(request.headers), await request.body()))
        await Response()(scope, receive, send)

    gitlab = site.open(group="")
    with serving(sink) as url:
        gitlab.hook(f"{url}/x", Secret("s"))
        site.project("POST", "issues", title="secret", confidential=True)
        gitlab.create(want("milestone", "M1", state="closed"), {})
        gitlab.create(want("child", "task"), {})
        got = [parse_delivery(*calls.get(timeout=10), Secret("s"), datetime.now(UTC)) for _ in range(4)]
    assert [one.event for one in got] == ["Confidential Issue Hook", "Milestone Hook", "Milestone Hook", "Issue Hook"]
    assert all(one.relevant for one in got)


@pytest.mark.parametrize("links", [False, True])
@pytest.mark.parametrize("paged", [False, True])
def test_a_query_packed_to_the_full_is_within_gitlab_s_complexity(site: Site, links: bool, paged: bool) -> None:
    """By the box's sum, which is GitLab's. What is packed to the full is what `_Pass._send` packs: up to ROOM."""
    page = graphql.EpicPage(filtered=True, oldest_first=False) if paged else None
    room = graphql.ROOM - (graphql.EPICS_COST if paged else 0)
    variables: dict[str, Any] = {"project": PATH, "group": GROUP, "after": None, "since": "2026-11-01T00:00:00Z"}
    site.open()
    for what in ("items", "epics"):
        ask = graphql.Ask(what, tuple(str(iid) for iid in range(1, 101)))
        asks = [ask] * (room // ask.cost(links=links))
        sent = {"query": graphql.details(page, asks, links=links)}
        variables |= {f"i{at}": list(one.iids) for at, one in enumerate(asks)}
        body = {**sent, "variables": variables}
        answer = httpx.post(f"{site.url}/api/graphql", json=body, headers={"private-token": "x"}).json()
        assert "errors" not in answer
        # and the box does refuse what is much over it
        over = {**body, "query": graphql.details(page, asks * 3, links=links)}
        told = httpx.post(f"{site.url}/api/graphql", json=over, headers={"private-token": "x"}).json()
        assert what == "epics" or "complexity" in str(told["errors"])


@pytest.mark.parametrize("kind", ["error", "reset", "dropped", "truncated", "html"])
def test_a_read_that_failed_anywhere_proves_nothing(site: Site, kind: str) -> None:
    gitlab = site.open()
    epic = gitlab.create(want("epic", "1A"), {})
    gitlab.create(want("child", "1A.1", parent="1A"), {"1A": epic.ref})
    gitlab.create(want("milestone", "M1"), {})
    whole = gitlab.observe()
    for match in ("/milestones", "/issues", "/graphql"):
        for since in (None, whole.cursor):
            site.box.faults.add(Fault(kind, match=match))
            seen = gitlab.observe(since)
            assert (seen.complete, seen.cursor, bool(seen.problem)) == (False, None, True)
            # what is shown is right: an epic's child without its epic told is not shown as an orphan
            shown = {item.title: item.parent for item in seen.objects}
            assert shown.get("1A.1", epic.ref.id) == epic.ref.id
    assert set(read(gitlab)) == {"1A", "1A.1", "M1"}


def test_the_licence_that_can_not_be_asked_is_a_read_that_failed(site: Site) -> None:
    gitlab = site.open()
    site.box.faults.add(Fault("error", match="graphql"))
    seen = gitlab.observe()
    assert (seen.objects, seen.complete, seen.full, seen.cursor) == ((), False, False, None)
    assert "502" in seen.problem
    site.box.faults.add(Fault("error", match="graphql"))
    with pytest.raises(Unavailable):
        gitlab.capabilities()
    assert issubclass(Unavailable, TrackerError)
    assert gitlab.capabilities().epics
