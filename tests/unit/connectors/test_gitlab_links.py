"""What blocks what in GitLab, and the webhooks that tell of changes: against GitLab in a box, over real HTTP."""

from __future__ import annotations

import base64
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.core.plan import Desired, Ref, Shape
from connectors.base import (
    BadSignature,
    Delivery,
    FieldProblem,
    NotFound,
    OutcomeUnknown,
    Place,
    RateLimited,
    Rejected,
    Secret,
    Unauthorized,
    Unsupported,
)
from connectors.gitlab import GitLab, open_gitlab, parse_delivery
from connectors.sandbox.faults import Fault
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.gitlab.access import Token
from connectors.sandbox.kit import Clock, serving

GROUP, PATH, OTHER = "team", "team/sub/road", "team/elsewhere"
TOKENS = {
    "glpat-right": Token(),
    "glpat-developer": Token(role=30, group_role=30),
    "glpat-maintainer": Token(role=40, group_role=40),
    "glpat-read": Token(scopes=("read_api",)),
}
TOKEN, SIGNING = "geheim", "whsec_" + base64.b64encode(b"0123456789abcdef" * 2).decode()


@dataclass
class Site:
    box: GitLabBox
    clock: Clock
    url: str
    opened: list[GitLab] = field(default_factory=list)

    def open(
        self, path: str = PATH, group: str = GROUP, token: str = "glpat-right", dependencies: bool = True
    ) -> GitLab:
        place = Place("gitlab", self.url, path, Secret(token), group, dependencies)
        self.opened.append(open_gitlab(place))
        self.api("GET", f"projects/{path.replace('/', '%2F')}")  # places are made on first use
        return self.opened[-1]

    def api(self, method: str, path: str, **body: Any) -> Any:
        headers = {"private-token": "glpat-right"}
        answer = httpx.request(method, f"{self.url}/api/v4/{path}", json=body or None, headers=headers)
        return answer.raise_for_status().json() if answer.content else None

    def license(self, premium: bool) -> None:
        httpx.put(f"{self.url}/_sandbox/licence", json={"premium": premium}).raise_for_status()


@pytest.fixture
def site() -> Iterator[Site]:
    clock = Clock()
    box = GitLabBox(clock=clock, premium=True, tokens=TOKENS)
    with serving(box.app) as url:
        site = Site(box, clock, url)
        yield site
        for one in site.opened:
            one.close()
    box.close()


@pytest.fixture
def gitlab(site: Site) -> GitLab:
    return site.open()


def want(shape: Shape, title: str, **fields: Any) -> Desired:
    return Desired(1, title, "task", shape, {"title": title} | fields)


def made(gitlab: GitLab, shape: Shape, *titles: str, **fields: Any) -> list[Ref]:
    return [gitlab.create(want(shape, title, **fields), {}).ref for title in titles]


def blockers(gitlab: GitLab, cursor: Any = None) -> dict[str, tuple[str, ...]]:
    seen = gitlab.observe(cursor)
    assert (seen.complete, seen.problem) == (True, "")
    return {item.title: item.blocked_by for item in seen.objects}


# Links


@pytest.mark.parametrize("group", ["", GROUP])
@pytest.mark.parametrize(("shape", "by"), [("issue", "issue"), ("child", "issue"), ("issue", "child")])
def test_a_block_is_said_and_taken_back_and_twice_is_no_error(site: Site, group: str, shape: Shape, by: Shape) -> None:
    gitlab = site.open(group=group)
    (first,), (second,) = made(gitlab, shape, "A"), made(gitlab, by, "B")
    for _ in range(2):
        gitlab.block(first, second, True)
        assert blockers(gitlab) == {"A": (second.id,), "B": ()}
    for _ in range(2):
        gitlab.block(first, second, False)
        assert blockers(gitlab) == {"A": (), "B": ()}


def test_epics_block_epics_and_issues(gitlab: GitLab) -> None:
    first, second = made(gitlab, "epic", "E1", "E2")
    (issue,) = made(gitlab, "issue", "I")
    for ref, by in ((first, second), (issue, first)):
        gitlab.block(ref, by, True)
    assert blockers(gitlab) == {"E1": (second.id,), "E2": (), "I": (first.id,)}
    gitlab.block(issue, first, False)
    assert blockers(gitlab)["I"] == ()


def test_blockers_are_right_after_incremental_reads(site: Site, gitlab: GitLab) -> None:
    one, two, three = made(gitlab, "issue", "A", "B", "C")
    site.clock.offset_seconds += 600
    cursor = gitlab.observe().cursor
    site.clock.offset_seconds += 600
    gitlab.block(one, two, True)
    seen = gitlab.observe(cursor)
    assert {item.title: item.blocked_by for item in seen.objects if item.title != "C"} == {"A": (two.id,), "B": ()}
    assert seen.requests == 3
    site.clock.offset_seconds += 600
    gitlab.block(one, three, True)
    gitlab.block(one, two, False)
    assert blockers(gitlab, seen.cursor)["A"] == (three.id,)


def test_a_blocker_elsewhere_is_told_by_its_reference(site: Site, gitlab: GitLab) -> None:
    (mine,) = made(gitlab, "issue", "A")
    made(site.open(OTHER), "issue", "theirs")
    links = f"projects/{PATH.replace('/', '%2F')}/issues/{mine.number}/links"
    target = {"target_project_id": OTHER, "target_issue_iid": 1}
    site.api("POST", links, link_type="is_blocked_by", **target)
    assert blockers(gitlab) == {"A": (f"{OTHER}#1",)}


def test_without_dependencies_nothing_is_asked_about_links(site: Site) -> None:
    gitlab = site.open(group="", dependencies=False)
    one, two = made(gitlab, "issue", "A", "B")
    gitlab.block(one, two, True)
    seen = gitlab.observe()
    assert ([item.blocked_by for item in seen.objects], seen.requests) == ([(), ()], 2)


@pytest.mark.parametrize("shape", ["issue", "epic"])
def test_what_people_linked_as_related_is_told_and_stays(site: Site, gitlab: GitLab, shape: Shape) -> None:
    one, two = made(gitlab, shape, "A", "B")
    relate = "mutation ($i: WorkItemAddLinkedItemsInput!) { workItemAddLinkedItems(input: $i) { errors } }"
    fields = {"id": one.global_id, "workItemsIds": [two.global_id], "linkType": "RELATED"}
    answer = httpx.post(
        f"{site.url}/api/graphql",
        json={"query": relate, "variables": {"i": fields}},
        headers={"private-token": "glpat-right"},
    )
    assert answer.json() == {"data": {"workItemAddLinkedItems": {"errors": []}}}
    with pytest.raises(Rejected, match="already relates_to") as caught:
        gitlab.block(one, two, True)
    assert caught.value.fields == (FieldProblem("blocked_by", "already_exists"),)
    gitlab.block(one, two, False)
    with pytest.raises(Rejected):  # still there
        gitlab.block(one, two, True)


@pytest.mark.parametrize("shape", ["issue", "child", "epic"])
def test_without_the_licence_a_block_is_unsupported(site: Site, gitlab: GitLab, shape: Shape) -> None:
    refs = made(gitlab, shape, "A", "B")
    site.license(False)
    free = site.open(group="" if shape == "issue" else GROUP)
    with pytest.raises((Unsupported, NotFound)) as caught:
        free.block(*refs, True)
    assert shape == "epic" or isinstance(caught.value, Unsupported)
    assert shape == "epic" or "Premium" in caught.value.hint
    assert free.capabilities().blockers_max == 0


def test_milestones_don_t_block(gitlab: GitLab) -> None:
    (milestone,), (issue,) = made(gitlab, "milestone", "M"), made(gitlab, "issue", "I")
    for pair in ((milestone, issue), (issue, milestone)):
        with pytest.raises(Unsupported, match="milestones"):
            gitlab.block(*pair, True)


@pytest.mark.parametrize("group", ["", GROUP])
def test_a_block_is_one_attempt(site: Site, group: str) -> None:
    gitlab = site.open(group=group)
    shape: Shape = "epic" if group else "issue"
    one, two = made(gitlab, shape, "A", "B")
    for kind, error in (("dropped", OutcomeUnknown), ("error", OutcomeUnknown), ("secondary_limit", RateLimited)):
        site.box.log.clear()
        site.box.faults.add(Fault(kind, match="^POST ", seconds=30))
        with pytest.raises(error):
            gitlab.block(one, two, True)
        site.box.faults.clear()
        assert site.box.log.summary()["writes"] <= 1
    assert blockers(gitlab)["A"] == (two.id,)  # the first was carried out, and the second finds it done


def test_an_object_that_is_gone_is_not_found(gitlab: GitLab) -> None:
    (one,) = made(gitlab, "issue", "A")
    gone = Ref("issue", "999999", 999, "gid://gitlab/WorkItem/999999")
    for pair in ((one, gone), (gone, one)):
        with pytest.raises((NotFound, Rejected)):
            gitlab.block(*pair, True)


# Webhooks

Call = tuple[dict[str, str], bytes]


@dataclass
class Sink:
    """What GitLab calls. `status[0]` is what it is answered with; 0: not at all."""

    url: str
    calls: queue.Queue[Call]
    status: list[int]

    def next(self) -> Call:
        return self.calls.get(timeout=10)


@pytest.fixture
def sink() -> Iterator[Sink]:
    calls: queue.Queue[Call] = queue.Queue()
    status = [200]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        calls.put((dict(request.headers), await request.body()))
        if status[0]:
            await Response(status_code=status[0])(scope, receive, send)

    with serving(app) as url:
        yield Sink(f"{url}/webhooks/gitlab/1", calls, status)


def hooks(site: Site, place: str = f"projects/{PATH.replace('/', '%2F')}") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = site.api("GET", f"{place}/hooks")
    return listed


@pytest.mark.parametrize("secret", [TOKEN, SIGNING])
def test_a_webhook_is_made_and_its_calls_are_let_in(site: Site, gitlab: GitLab, sink: Sink, secret: str) -> None:
    hook = gitlab.hook(sink.url, Secret(secret))
    (row,), (above,) = hooks(site), hooks(site, "groups/team")
    assert (hook.id, hook.url, hook.done) == (f"{row['id']}+g{above['id']}", sink.url, "made")
    assert hook.events == ("issues_events", "confidential_issues_events", "milestone_events")
    for one in (row, above):
        assert [name for name in (*hook.events, "push_events", "note_events") if one.get(name)] == list(hook.events)
        assert one["enable_ssl_verification"]
    (epic,) = made(gitlab, "epic", "E")  # told to the group's webhook alone
    headers, body = sink.next()
    got = parse_delivery(headers, body, Secret(secret), datetime.now(UTC))
    assert (got.relevant, epic.global_id != "") == (True, True)
    with pytest.raises(BadSignature):
        parse_delivery(headers, body, Secret(TOKEN if secret == SIGNING else SIGNING), datetime.now(UTC))


def test_a_webhook_that_stands_is_mended_and_others_stay(site: Site, gitlab: GitLab, sink: Sink) -> None:
    place = f"projects/{PATH.replace('/', '%2F')}/hooks"
    other = site.api("POST", place, url="https://chat.example/x", push_events=True, token="theirs")
    ours = site.api("POST", place, url=sink.url, note_events=True, issues_events=False, token="old")
    hook = gitlab.hook(sink.url, Secret(TOKEN))
    assert (hook.id.split("+")[0], hook.done) == (str(ours["id"]), "mended")
    rows = {row["id"]: row for row in hooks(site)}
    assert set(rows) == {other["id"], ours["id"]}
    assert rows[other["id"]] == other
    assert (rows[ours["id"]]["issues_events"], rows[ours["id"]]["note_events"]) == (True, True)
    made(gitlab, "issue", "I")
    parse_delivery(*sink.next(), Secret(TOKEN), datetime.now(UTC))
    assert gitlab.hook(sink.url, Secret(TOKEN)).id == hook.id
    assert len(hooks(site)) == 2


def test_a_maintainer_who_does_not_own_the_group_sets_up_the_project_s_webhook(site: Site, sink: Sink) -> None:
    hook = site.open(token="glpat-maintainer").hook(sink.url, Secret(TOKEN))
    assert hook.id.isdecimal()
    assert hooks(site, "groups/team") == []


@pytest.mark.parametrize("token", ["glpat-developer", "glpat-read"])
def test_without_the_right_it_is_unauthorized_naming_maintainer(site: Site, sink: Sink, token: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        site.open(token=token).hook(sink.url, Secret(TOKEN))
    assert "Maintainer" in caught.value.hint
    assert hooks(site) == []


@pytest.mark.parametrize("secret", ["whsec_" + base64.b64encode(b"short").decode(), "whsec_", "whsec_***"])
def test_a_signing_token_that_gitlab_takes_not_is_refused_before_anything_is_sent(
    site: Site, gitlab: GitLab, sink: Sink, secret: str
) -> None:
    with pytest.raises(Rejected, match="32 bytes") as caught:
        gitlab.hook(sink.url, Secret(secret))
    assert secret not in f"{caught.value!r}{caught.value.hint}" or secret == "whsec_"
    assert hooks(site) == []


def test_a_gitlab_that_passes_over_signing_tokens_is_told(sink: Sink) -> None:
    box = GitLabBox(version="18.9.0")
    with serving(box.app) as url:
        old = open_gitlab(Place("gitlab", url, "a/b", Secret("x")))
        with pytest.raises(Unsupported, match="no signing token") as caught:
            old.hook(sink.url, Secret(SIGNING))
        assert "Settings, Webhooks" in caught.value.hint
        assert old.hook(sink.url, Secret(TOKEN)).done == "mended"
        old.close()
    box.close()


def fail(site: Site, gitlab: GitLab, sink: Sink, times: int, name: str = "F") -> None:
    sink.status[0] = 503
    for at in range(times):
        made(gitlab, "issue", f"{name}{at}")
        sink.next()
    sink.status[0] = 200


def test_a_webhook_that_gitlab_switched_off_is_switched_on_again(site: Site, sink: Sink) -> None:
    gitlab = site.open(group="")
    gitlab.hook(sink.url, Secret(TOKEN))
    fail(site, gitlab, sink, 4)
    wait_for(lambda: hooks(site)[0]["alert_status"] == "temporarily_disabled")
    finding = next(one for one in gitlab.check() if one.what == "webhooks")
    assert (finding.ok, "milepost target hook" in finding.mend) == (False, True)
    for status in (503, 0):
        sink.status[0] = status
        with pytest.raises(Rejected, match="switched off"):
            gitlab.hook(sink.url, Secret(TOKEN))
    sink.status[0] = 200
    assert gitlab.hook(sink.url, Secret(TOKEN)).done == "mended"
    assert hooks(site)[0]["alert_status"] == "executable"


def wait_for(done: Callable[[], bool]) -> None:
    until = datetime.now(UTC) + timedelta(seconds=10)
    while not done():
        assert datetime.now(UTC) < until


def test_missed_deliveries_are_those_that_never_arrived(site: Site, sink: Sink) -> None:
    gitlab = site.open(group="")
    hook = gitlab.hook(sink.url, Secret(TOKEN))
    began = site.clock.now()
    made(gitlab, "issue", "arrived")
    sink.next()
    assert list(gitlab.missed_deliveries(hook.id, began)) == []
    fail(site, gitlab, sink, 2)
    site.box.faults.add(Fault("hook_lost"))
    made(gitlab, "milestone", "lost")
    lost = list(wait_missed(gitlab, hook.id, began, 3))
    assert [one.event for one in lost] == ["Issue Hook", "Issue Hook", "Milestone Hook"]
    assert all(one.relevant for one in lost)
    assert len({one.id for one in lost}) == 3
    place = f"projects/{PATH.replace('/', '%2F')}/hooks/{hook.id}/events"
    oldest = [row for row in site.api("GET", place) if row["response_status"] != "200"][-1]
    site.api("POST", f"{place}/{oldest['id']}/resend")
    again = parse_delivery(*sink.next(), Secret(TOKEN), datetime.now(UTC))
    assert again.id == lost[0].id  # the name that the inbox knows it by
    assert [one.id for one in wait_missed(gitlab, hook.id, began, 2)] == [one.id for one in lost[1:]]
    assert list(gitlab.missed_deliveries(hook.id, site.clock.now() + timedelta(seconds=1))) == []


def wait_missed(gitlab: GitLab, hook: str, since: datetime, count: int) -> list[Delivery]:
    found: list[Delivery] = []

    def there() -> bool:
        found[:] = gitlab.missed_deliveries(hook, since)
        return len(found) == count

    wait_for(there)
    return found


def test_missed_deliveries_are_read_over_pages_and_of_both_webhooks(site: Site, gitlab: GitLab, sink: Sink) -> None:
    hook = gitlab.hook(sink.url, Secret(TOKEN))
    began = site.clock.now()
    site.box.faults.add(Fault("hook_lost", times=2))
    made(gitlab, "epic", "E1", "E2")
    for at in range(22):
        made(gitlab, "issue", f"I{at}")
    missed = wait_missed(gitlab, hook.id, began, 2)
    assert [one.relevant for one in missed] == [True, True]


def test_a_webhook_that_is_none_is_not_found(gitlab: GitLab) -> None:
    for name in ("999", "x", "", "1+g999"):
        with pytest.raises(NotFound):
            list(gitlab.missed_deliveries(name, datetime.now(UTC)))


def test_no_secret_of_a_webhook_shows(site: Site, gitlab: GitLab, sink: Sink) -> None:
    hook = gitlab.hook(sink.url, Secret(TOKEN))
    site.box.faults.add(Fault("error", match="^PUT "))
    with pytest.raises(OutcomeUnknown) as caught:
        gitlab.hook(sink.url, Secret(TOKEN))
    assert TOKEN not in repr(hook) + repr(caught.value) + repr(gitlab) + str(vars(gitlab))
