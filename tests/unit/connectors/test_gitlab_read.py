"""Reading GitLab: pages, cursors, conditional requests, parents, and what a failure leaves."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import respx

from app.core.plan import Ref
from connectors.base import (
    AppCredentials,
    Cursor,
    Limit,
    NotFound,
    Pace,
    Place,
    Secret,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from connectors.gitlab import GitLab, open_gitlab

TOKEN = "glpat-very-secret"
HOST = "https://gitlab.example.com/gitlab"
API = f"{HOST}/api/v4/projects/team%2Fsub%2Froad.map"
PLACE = Place("gitlab", HOST, "team/sub/road.map", Secret(TOKEN))
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DATE = {"date": format_datetime(NOW, usegmt=True)}


@pytest.fixture
def router() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False) as mock:
        yield mock


@pytest.fixture(scope="module")
def gitlab() -> Iterator[GitLab]:
    """One for all that only lists: opening one takes 50 ms."""
    opened = open_gitlab(PLACE)
    yield opened
    opened.close()


@pytest.fixture
def fresh() -> Iterator[GitLab]:
    opened = open_gitlab(PLACE)
    yield opened
    opened.close()


def milestone(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "iid": 1, "title": f"M{number}", "state": "active", "updated_at": stamp(hours=2)} | more


def issue(number: int, **more: Any) -> dict[str, Any]:
    row = {"id": number, "iid": number - 5000, "title": f"I{number}", "state": "opened", "issue_type": "issue"}
    return row | {"labels": [], "updated_at": stamp(hours=1)} | more


def stamp(**ago: float) -> str:
    return (NOW - timedelta(**ago)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def listing(rows: list[Any], next_url: str = "", **headers: str) -> httpx.Response:
    link = {"link": f'<{next_url}>; rel="next"'} if next_url else {}
    return httpx.Response(200, json=rows, headers=DATE | link | headers)


def told_parents(pairs: dict[int, int | None]) -> Callable[[httpx.Request], httpx.Response]:
    """Answers each part of a query for details with those of these tasks that it asks for."""

    def respond(request: httpx.Request) -> httpx.Response:
        variables = json.loads(request.content)["variables"]
        nodes = {
            str(child - 5000): {
                "id": f"gid://gitlab/WorkItem/{child}",
                "iid": str(child - 5000),
                "widgets": [{}, {"parent": above and {"id": f"gid://gitlab/WorkItem/{above}"}}],
            }
            for child, above in pairs.items()
        }
        parts = {
            name: {"nodes": [nodes[iid] for iid in iids if iid in nodes]}
            for name, iids in variables.items()
            if name.startswith("i")
        }
        return httpx.Response(200, json={"data": {"project": parts}}, headers=DATE)

    return respond


def asked(route: respx.Route, at: int = -1) -> dict[str, str]:
    return dict(route.calls[at].request.url.params)


def test_a_full_read_follows_every_page_and_never_searches(router: respx.MockRouter, gitlab: GitLab) -> None:
    router.get(f"{API}/milestones", params={"page": "2"}).mock(return_value=listing([milestone(2)]))
    milestones = router.get(f"{API}/milestones").mock(
        return_value=listing([milestone(1)], f"{API}/milestones?page=2&per_page=100")
    )
    router.get(f"{API}/issues", params={"cursor": "abc"}).mock(return_value=listing([issue(5002)]))
    issues = router.get(f"{API}/issues").mock(
        # behind a proxy that ends TLS, GitLab may link to http
        return_value=listing([issue(5001)], f"{API}/issues?cursor=abc&pagination=keyset".replace("https:", "http:"))
    )
    got = gitlab.observe()
    assert [item.ref.identity for item in got.objects] == [
        ("milestone", "1"),
        ("milestone", "2"),
        ("item", "5001"),
        ("item", "5002"),
    ]
    assert (got.complete, got.full, got.requests, got.observed_at, got.problem) == (True, True, 4, NOW, "")
    assert asked(milestones, 0) == {"per_page": "100"}
    assert asked(issues, 0) == {
        "scope": "all",
        "sort": "asc",
        "per_page": "100",
        "pagination": "keyset",
        "order_by": "updated_at",
    }
    for call in router.calls:
        assert call.request.headers["private-token"] == TOKEN
        assert b"team%2Fsub%2Froad.map" in call.request.url.raw_path
        assert "search" not in str(call.request.url)


@pytest.mark.parametrize("status", [400, 405])
def test_without_keyset_it_pages_by_offset_in_a_stable_order_and_remembers(
    router: respx.MockRouter, gitlab: GitLab, status: int
) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([]))
    refused = {"error": "Keyset pagination is not yet available for this type of request"}
    by_key = router.get(f"{API}/issues", params={"pagination": "keyset"}).mock(
        return_value=httpx.Response(status, json=refused)
    )
    router.get(f"{API}/issues", params={"page": "2"}).mock(return_value=listing([issue(5002)]))
    by_offset = router.get(f"{API}/issues").mock(return_value=listing([issue(5001)], f"{API}/issues?page=2"))
    got = gitlab.observe()
    assert got.complete
    assert [item.ref.id for item in got.objects] == ["5001", "5002"]
    assert asked(by_offset, 0)["order_by"] == "created_at"
    assert got.requests == 4
    assert gitlab.observe(got.cursor).complete
    assert by_key.call_count == 1


def test_an_incremental_read_asks_for_what_changed_on_or_after_the_mark(
    router: respx.MockRouter, gitlab: GitLab
) -> None:
    milestones = router.get(f"{API}/milestones").mock(return_value=listing([milestone(1)]))
    issues = router.get(f"{API}/issues").mock(return_value=listing([issue(5001, updated_at=stamp(seconds=5))]))
    first = gitlab.observe()
    second = gitlab.observe(first.cursor)
    assert asked(milestones)["updated_after"] == stamp(hours=2)
    assert asked(issues)["updated_after"] == stamp(seconds=60)
    assert (second.full, second.complete, second.requests) == (False, True, 2)


def test_idle_refreshes_are_two_requests_and_answered_304(router: respx.MockRouter, gitlab: GitLab) -> None:
    def answer(rows: list[Any]) -> Callable[[httpx.Request], httpx.Response]:
        def respond(request: httpx.Request) -> httpx.Response:
            etag = f'W/"{hash(str(request.url)) & 0xFFFF:x}"'
            if request.headers.get("if-none-match") == etag:
                return httpx.Response(304, headers=DATE)
            return listing(rows, etag=etag)

        return respond

    router.get(f"{API}/milestones").mock(side_effect=answer([milestone(1)]))
    router.get(f"{API}/issues").mock(side_effect=answer([issue(5001)]))
    cursor: Cursor | None = None
    statuses: list[list[int]] = []
    for _ in range(4):
        before = len(router.calls)
        got = gitlab.observe(cursor)
        cursor = got.cursor
        assert (got.complete, got.requests) == (True, 2)
        statuses.append([call.response.status_code for call in router.calls][before:])
    assert statuses == [[200, 200], [200, 200], [304, 304], [304, 304]]
    assert got.objects == ()


def test_an_etag_of_one_page_of_several_is_not_kept(router: respx.MockRouter, gitlab: GitLab) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([]))
    router.get(f"{API}/issues", params={"cursor": "abc"}).mock(return_value=listing([issue(5002)], etag='W/"b"'))
    issues = router.get(f"{API}/issues").mock(
        return_value=listing([issue(5001)], f"{API}/issues?cursor=abc", etag='W/"a"')
    )
    cursor = gitlab.observe().cursor
    for _ in range(3):
        cursor = gitlab.observe(cursor).cursor
    assert all("if-none-match" not in call.request.headers for call in issues.calls)


def ways(router: respx.MockRouter, rows: list[Any]) -> None:
    pages = [rows[at : at + 100] for at in range(0, len(rows), 100)] or [[]]
    for at, page in reversed(list(enumerate(pages))):
        following = f"{API}/issues?cursor={at + 1}" if at + 1 < len(pages) else ""
        where = {"cursor": str(at)} if at else {}
        router.get(f"{API}/issues", params=where).mock(return_value=listing(page, following))


@pytest.mark.parametrize(
    ("issues", "tasks", "queries"), [(0, 0, 0), (1, 0, 0), (1, 1, 1), (150, 150, 1), (250, 150, 1), (2_000, 1_900, 2)]
)
def test_k_changed_issues_cost_one_request_a_hundred_and_one_for_all_their_parents(
    router: respx.MockRouter, gitlab: GitLab, issues: int, tasks: int, queries: int
) -> None:
    rows = [issue(6000 + n, issue_type="task" if n < tasks else "issue") for n in range(issues)]
    router.get(f"{API}/milestones").mock(return_value=listing([]))
    ways(router, rows)
    sent = router.post(f"{HOST}/api/graphql").mock(side_effect=told_parents(dict.fromkeys(range(6000, 8000), 5999)))
    got = gitlab.observe()
    assert got.complete
    pages = max(1, -(-issues // 100))
    assert got.requests == 1 + pages + queries
    if tasks <= 1_800:
        assert got.requests <= 2 + -(-issues // 100)
    bodies = [json.loads(call.request.content) for call in sent.calls]
    assert all(len(iids) <= 100 for body in bodies for name, iids in body["variables"].items() if name != "project")
    assert all(body["variables"]["project"] == "team/sub/road.map" for body in bodies)
    assert all(len(body["query"]) < 10_000 for body in bodies)
    children = [item for item in got.objects if item.ref.shape == "child"]
    assert len(children) == tasks
    assert {item.parent for item in children} <= {"5999"}


def test_a_child_comes_with_its_parent_and_an_orphan_with_none(router: respx.MockRouter, gitlab: GitLab) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([]))
    tasks = [issue(5001), issue(5002, issue_type="task"), issue(5003, issue_type="task")]
    router.get(f"{API}/issues").mock(return_value=listing(tasks))
    router.post(f"{HOST}/api/graphql").mock(side_effect=told_parents({5002: 5001, 5003: None}))
    got = gitlab.observe()
    assert {item.ref.id: item.parent for item in got.objects} == {"5001": None, "5002": "5001", "5003": None}
    assert got.requests == 3


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"errors": [{"message": "Internal server error"}]}),
        httpx.Response(200, json={"data": {"project": None}}),
        httpx.Response(200, json={"data": None}),
        httpx.Response(200, json={"data": {"project": {"i0": None}}}),
        httpx.Response(200, json={"data": {"project": {"i0": {"nodes": []}}}}),
        httpx.Response(200, json=[]),
        httpx.Response(503, json={}),
        httpx.Response(429, headers={"retry-after": "7"}),
    ],
    ids=["errors", "hidden", "no data", "no widget", "not told", "list", "503", "429"],
)
def test_a_child_whose_parent_was_not_told_is_not_shown_with_a_wrong_one(
    router: respx.MockRouter, gitlab: GitLab, answer: httpx.Response
) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([milestone(1)]))
    router.get(f"{API}/issues").mock(return_value=listing([issue(5001), issue(5002, issue_type="task")]))
    router.post(f"{HOST}/api/graphql").mock(return_value=answer)
    got = gitlab.observe()
    assert [item.ref.id for item in got.objects] == ["1", "5001"]
    assert (got.complete, got.cursor) == (False, None)
    assert got.problem


def test_what_comes_twice_is_kept_once_as_it_was_last(router: respx.MockRouter, gitlab: GitLab) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([milestone(5001)]))
    router.get(f"{API}/issues", params={"cursor": "2"}).mock(
        return_value=listing([issue(5001, title="later", updated_at=stamp(seconds=1))])
    )
    router.get(f"{API}/issues").mock(return_value=listing([issue(5001)], f"{API}/issues?cursor=2"))
    got = gitlab.observe()
    assert [item.title for item in got.objects] == ["M5001", "later"]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(502, html="<html>"),
        httpx.Response(429, text="Retry later", headers={"retry-after": "9"}),
        httpx.Response(404, json={"message": "404 Not found"}),
        httpx.Response(200, text="<html>sign in</html>"),
        httpx.Response(200, json={"message": "no list"}),
        httpx.Response(200, json=[{"iid": 1}]),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut off"),
    ],
    ids=["500", "502", "429", "404 later", "html", "object", "malformed", "timeout", "cut off"],
)
def test_a_failed_page_makes_the_read_incomplete_and_gives_no_cursor(
    router: respx.MockRouter, gitlab: GitLab, answer: httpx.Response | Exception
) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([milestone(1)]))
    failing = router.get(f"{API}/issues", params={"cursor": "2"})
    if isinstance(answer, Exception):
        failing.mock(side_effect=answer)
    else:
        failing.mock(return_value=answer)
    router.get(f"{API}/issues").mock(return_value=listing([issue(5001)], f"{API}/issues?cursor=2"))
    got = gitlab.observe()
    assert (got.complete, got.cursor, got.requests) == (False, None, 3)
    assert got.problem
    assert TOKEN not in got.problem
    asked_to_wait = isinstance(answer, httpx.Response) and answer.headers.get("retry-after")
    assert got.retry_after == (float(asked_to_wait) if asked_to_wait else None)


def test_pages_in_circles_end(router: respx.MockRouter, gitlab: GitLab) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([milestone(1)], f"{API}/milestones?page=2"))
    got = gitlab.observe()
    assert not got.complete
    assert "milestones" in got.problem
    assert got.requests == 2


def test_a_next_page_on_another_host_is_not_followed(router: respx.MockRouter, gitlab: GitLab) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([milestone(1)], "https://evil.example/steal?page=2"))
    stolen = router.get(host="evil.example").mock(return_value=listing([]))
    assert not gitlab.observe().complete
    assert not stolen.called


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(401, json={"message": "401 Unauthorized"}), Unauthorized),
        (httpx.Response(403, json={"message": "403 Forbidden"}), Unauthorized),
        (httpx.Response(404, json={"message": "404 Project Not Found"}), NotFound),
    ],
)
def test_a_place_that_can_not_be_read_is_raised(
    router: respx.MockRouter, gitlab: GitLab, answer: httpx.Response, error: type[Exception]
) -> None:
    router.get(f"{API}/milestones").mock(return_value=answer)
    with pytest.raises(error):
        gitlab.observe()


def test_a_refusal_of_scope_names_the_scope(router: respx.MockRouter, gitlab: GitLab) -> None:
    body = {"error": "insufficient_scope", "error_description": "higher privileges", "scope": "api read_api"}
    router.get(f"{API}/milestones").mock(return_value=httpx.Response(403, json=body))
    with pytest.raises(Unauthorized) as caught:
        gitlab.observe()
    assert "scope api" in caught.value.hint


def test_a_cursor_of_another_version_reads_everything(router: respx.MockRouter, gitlab: GitLab) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([]))
    router.get(f"{API}/issues").mock(return_value=listing([]))
    assert gitlab.observe(Cursor('{"v":99}')).full


def test_text_is_given_as_it_is_there(router: respx.MockRouter, gitlab: GitLab) -> None:
    text = "line\r\n`/close` @all\r\n<!-- milepost:p/1A -->"
    router.get(f"{API}/milestones").mock(return_value=listing([milestone(1, description=text)]))
    router.get(f"{API}/issues").mock(return_value=listing([issue(5001, description=text)]))
    assert {item.description for item in gitlab.observe().objects} == {text}


PROJECT = {
    "path_with_namespace": "team/sub/road.map",
    "issues_enabled": True,
    "permissions": {"project_access": {"access_level": 20}, "group_access": {"access_level": 40}},
}
SELF = {"scopes": ["api"], "active": True, "expires_at": "2027-01-01", "user_id": 7}
TYPES = {"workItemTypes": {"nodes": [{"id": "gid://gitlab/WorkItems::Type/5", "name": "Task"}]}}


def can(**features: bool) -> dict[str, Any]:
    return {"availableFeatures": features}


LICENCE = {
    "own": can(hasBlockedIssuesFeature=True),
    "above": can(hasEpicsFeature=True),
    "group": {"id": "gid://gitlab/Group/9"},
}


def answers(*, types: Any = TYPES, licence: Any = LICENCE) -> Callable[[httpx.Request], httpx.Response]:
    def respond(request: httpx.Request) -> httpx.Response:
        project = {"id": "gid://gitlab/Project/16", **types}
        told = licence if "availableFeatures" in json.loads(request.content)["query"] else {}
        return httpx.Response(200, json={"data": {"project": project, **told}})

    return respond


def healthy(router: respx.MockRouter, graphql: Any = None, **change: httpx.Response) -> None:
    given = {
        "self": httpx.Response(200, json=SELF),
        "project": httpx.Response(200, json=PROJECT),
        "metadata": httpx.Response(200, json={"version": "19.5.0", "enterprise": True}, headers={**LEFT}),
        "version": httpx.Response(200, json={"version": "15.0.0"}),
        "user": httpx.Response(200, json={"id": 7, "username": "bot"}),
        "hooks": httpx.Response(200, json=[]),
    } | change
    router.get(f"{HOST}/api/v4/personal_access_tokens/self").mock(return_value=given["self"])
    router.get(f"{API}/hooks").mock(return_value=given["hooks"])
    router.get(API).mock(return_value=given["project"])
    router.post(f"{HOST}/api/graphql").mock(side_effect=graphql or answers())
    for name in ("metadata", "version", "user"):
        router.get(f"{HOST}/api/v4/{name}").mock(return_value=given[name])


LEFT = {"ratelimit-limit": "2000", "ratelimit-remaining": "1998"}


def test_check_finds_everything_right_and_writes_nothing(router: respx.MockRouter, fresh: GitLab) -> None:
    healthy(router)
    findings = fresh.check()
    assert {finding.what: finding.detail for finding in findings} == {
        "token": "personal access token of bot, scopes api, until 2027-01-01",
        "project": "team/sub/road.map",
        "role": "Maintainer: may write issues and milestones",
        "issues": "switched on",
        "child items": "tasks under issues, up to 5,000 each",
        "links": "blocked by, up to 100 links an item",
        "webhooks": "may be set up; none of ours there",
        "GitLab": "19.5.0 Enterprise Edition",
        "limit": "1,998 of 2000 requests left in this minute",
    }
    assert all(finding.ok and not finding.mend for finding in findings)
    assert {call.request.method for call in router.calls if "graphql" not in str(call.request.url)} == {"GET"}
    assert b"mutation" not in b"".join(call.request.content for call in router.calls)


def limited(left: str) -> httpx.Response:
    return httpx.Response(200, json={"version": "19.5.0"}, headers={"ratelimit-remaining": left})


ROLE = PROJECT["permissions"]
OFF = {"url": "https://mile.example/webhooks/gitlab/1", "alert_status": "disabled"}


@pytest.mark.parametrize(
    ("change", "wrong", "mend"),
    [
        ({"self": httpx.Response(200, json=SELF | {"scopes": ["read_api"]})}, "token", "scope api"),
        ({"self": httpx.Response(401, json={})}, "access", "Check the token"),
        ({"self": httpx.Response(200, text="<html>")}, "access", "--base-url"),
        ({"project": httpx.Response(404, json={})}, "access", "Check the path"),
        (
            {"project": httpx.Response(200, json=PROJECT | {"permissions": {"x": {"access_level": 10}}})},
            "role",
            "Planner",
        ),
        ({"project": httpx.Response(200, json=PROJECT | {"permissions": {}})}, "role", "Planner"),
        ({"project": httpx.Response(200, json=PROJECT | {"archived": True})}, "role", "Unarchive"),
        ({"project": httpx.Response(200, json=PROJECT | {"issues_access_level": "disabled"})}, "issues", "Switch"),
        ({"graphql": answers(types={"workItemTypes": {"nodes": []}})}, "child items", "profile gitlab"),
        ({"hooks": httpx.Response(200, json=[OFF])}, "webhooks", "milepost target hook"),
        ({"metadata": httpx.Response(503)}, "GitLab", "later"),
        ({"metadata": limited("7")}, "limit", "one of its own"),
    ],
)
def test_check_says_what_is_wrong_and_how_to_mend_it(
    router: respx.MockRouter, fresh: GitLab, change: dict[str, Any], wrong: str, mend: str
) -> None:
    healthy(router, **change)
    bad = [finding for finding in fresh.check() if not finding.ok]
    assert [finding.what for finding in bad] == [wrong]
    assert mend in bad[0].mend


@pytest.mark.parametrize(
    ("user", "kind"),
    [
        ("project_16_bot_0a1b", "project access token"),
        ("group_9_bot", "group access token"),
        ("ann", "personal access token of ann"),
    ],
)
def test_check_says_what_kind_of_token_it_is(router: respx.MockRouter, fresh: GitLab, user: str, kind: str) -> None:
    healthy(router, user=httpx.Response(200, json={"id": 7, "username": user}))
    assert fresh.check()[0].detail.startswith(f"{kind}, scopes api")


GROUP = f"{HOST}/api/v4/groups/team"


@pytest.mark.parametrize(
    ("licence", "member", "ok", "detail"),
    [
        (LICENCE, httpx.Response(200, json={"access_level": 30}), True, "Developer in team: may write epics"),
        (LICENCE, httpx.Response(200, json={"access_level": 10}), False, "Guest in team: may not write epics"),
        (LICENCE, httpx.Response(404, json={}), False, "no member of team"),
        (LICENCE | {"above": can(hasEpicsFeature=False)}, httpx.Response(404), False, "tasks become issues"),
        (LICENCE | {"group": None}, httpx.Response(404), False, "shows no group team"),
    ],
)
def test_check_says_whether_epics_can_be_written(
    router: respx.MockRouter, licence: Any, member: httpx.Response, ok: bool, detail: str
) -> None:
    opened = open_gitlab(replace(PLACE, group="team"))
    healthy(router, graphql=answers(licence=licence))
    router.get(f"{GROUP}/members/all/7").mock(return_value=member)
    (found,) = (finding for finding in opened.check() if finding.what == "epics")
    assert found.ok is ok
    assert detail in found.detail
    assert bool(found.mend) is not ok
    opened.close()


@pytest.mark.parametrize("dependencies", [False, True])
def test_check_minds_a_lack_of_blocking_links_only_where_they_are_wanted(
    router: respx.MockRouter, dependencies: bool
) -> None:
    opened = open_gitlab(replace(PLACE, dependencies=dependencies))
    healthy(router, graphql=answers(licence=LICENCE | {"own": can(hasBlockedIssuesFeature=False)}))
    (found,) = (finding for finding in opened.check() if finding.what == "links")
    assert (found.ok, "Premium" in found.mend) == (not dependencies, dependencies)
    opened.close()


def test_check_takes_older_gitlabs(router: respx.MockRouter, fresh: GitLab) -> None:
    old = httpx.Response(404, json={})
    healthy(router, self=old, metadata=old)
    findings = {finding.what: finding for finding in fresh.check()}
    assert "bot" in findings["token"].detail
    assert findings["GitLab"].detail == "15.0.0"


def test_capabilities_without_a_group_are_those_of_free_and_nothing_is_asked() -> None:
    opened = open_gitlab(PLACE)
    got = opened.capabilities()
    assert (got.title_max, got.description_max, got.children_max) == (255, 1_048_576, 5_000)
    assert (got.start_dates, got.children, got.epics, got.levels, got.blockers_max) == (True, True, False, 2, 0)
    assert (got.strips_title_tags, got.quick_actions, got.types) == (True, True, ())
    assert opened.requests == 0
    opened.close()


@pytest.mark.parametrize(
    ("host", "limits"),
    [
        ("https://gitlab.com", (Limit(200, 60.0),)),
        ("https://git.example.com/gitlab", (Limit(300, 60.0),)),
        ("http://127.0.0.1:8080", ()),
        ("http://localhost", ()),
    ],
)
def test_the_pace_is_that_of_issue_creations_and_none_on_this_machine(host: str, limits: tuple[Limit, ...]) -> None:
    opened = open_gitlab(replace(PLACE, base_url=host))
    assert opened.capabilities().pace == Pace(limits)
    opened.close()


NO_FIELD = "Field 'availableFeatures' doesn't exist on type 'Namespace'"
NO_EPICS = "Field 'epicsEnabled' doesn't exist on type 'Group'"


def told(data: dict[str, Any]) -> httpx.Response:
    return httpx.Response(200, json={"data": {"project": {"id": "gid://gitlab/Project/16"}, **data}})


def refused(message: str) -> httpx.Response:
    return httpx.Response(200, json={"errors": [{"message": message}]})


OLD_GROUP = {"group": {"id": "gid://gitlab/Group/9", "epicsEnabled": True}}


@pytest.mark.parametrize(
    ("place", "replies", "epics", "blockers"),
    [
        ({"group": "team"}, [told(LICENCE)], True, 100),
        ({"group": "team"}, [told(LICENCE | {"above": can(hasEpicsFeature=False)})], False, 100),
        ({"group": "team"}, [told(LICENCE | {"own": can(hasBlockedIssuesFeature=False)})], True, 0),
        ({"group": "team"}, [refused(NO_FIELD), told(OLD_GROUP)], True, 100),
        ({"group": "team"}, [refused(NO_FIELD), refused(NO_EPICS)], False, 0),
        ({"dependencies": True}, [told(LICENCE)], False, 100),
        ({"dependencies": True}, [refused(NO_FIELD)], False, 0),
    ],
    ids=["premium", "free group", "no links", "before 18.3", "community", "links only", "links can't be told"],
)
def test_the_licence_is_asked_once(
    router: respx.MockRouter, place: Any, replies: list[httpx.Response], epics: bool, blockers: int
) -> None:
    opened = open_gitlab(replace(PLACE, **place))
    route = router.post(f"{HOST}/api/graphql").mock(side_effect=replies)
    for _ in range(3):
        got = opened.capabilities()
        assert (got.epics, got.blockers_max) == (epics, blockers)
    assert route.call_count == opened.requests == len(replies)
    assert b"workItemTypes" not in b"".join(call.request.content for call in route.calls)
    opened.close()


def test_a_group_that_is_hidden_or_asked_in_vain_is_no_group_without_epics(router: respx.MockRouter) -> None:
    opened = open_gitlab(replace(PLACE, group="team"))
    replies = [told(LICENCE | {"group": None}), httpx.Response(503), told(LICENCE)]
    router.post(f"{HOST}/api/graphql").mock(side_effect=replies)
    with pytest.raises(NotFound, match="no group team") as caught:
        opened.capabilities()
    assert "--group" in caught.value.hint
    with pytest.raises(Unavailable):
        opened.capabilities()
    assert opened.capabilities().epics
    opened.close()


def test_a_group_that_the_project_is_not_in_is_refused() -> None:
    for group in ("other", "team/sub/road.map", "tea"):
        with pytest.raises(Unsupported, match=f"not in the group {group}"):
            open_gitlab(replace(PLACE, group=group))
    open_gitlab(replace(PLACE, group="Team")).close()


def test_app_credentials_and_tokens_that_no_header_can_carry_are_refused() -> None:
    with pytest.raises(Unsupported, match="GitLab takes a token"):
        open_gitlab(Place("gitlab", HOST, "a/b", AppCredentials(1, 2, Secret("k"))))
    for token in ("", "glpat-x\n", "glpat x", "glpat-ü"):
        with pytest.raises(Unauthorized) as caught:
            open_gitlab(Place("gitlab", HOST, "a/b", Secret(token)))
        assert not token or token not in str(caught.value)
    with pytest.raises(Unavailable):
        open_gitlab(Place("gitlab", "gitlab.com", "a/b", Secret("x")))


def test_no_secret_shows_in_a_repr_a_log_or_an_error(
    router: respx.MockRouter, gitlab: GitLab, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    router.get(f"{API}/milestones").mock(side_effect=httpx.ConnectError("refused"))
    got = gitlab.observe()
    assert TOKEN not in got.problem + repr(gitlab) + repr(got) + caplog.text
    router.get(f"{API}/issues/1").mock(return_value=httpx.Response(401, json={"message": "401 Unauthorized"}))
    with pytest.raises(Unauthorized) as caught:
        gitlab.update(Ref("issue", "1", 1), {}, {})
    assert TOKEN not in repr(caught.value) + caught.value.hint + caplog.text


def test_missed_deliveries_are_told_though_the_list_tells_no_time_of_its_own(
    router: respx.MockRouter, gitlab: GitLab
) -> None:
    """As GitLab documents a webhook's events: without `created_at`, and nothing but headers to tell by."""

    def row(key: str, status: str, *, signed: float = 0, answered: float = 0, **more: Any) -> dict[str, Any]:
        at = NOW - timedelta(hours=signed)
        sent = {"X-Gitlab-Event": "Issue Hook", "Idempotency-Key": key}
        sent |= {"webhook-timestamp": str(int(at.timestamp()))} if signed else {}
        told = {"Date": format_datetime(NOW - timedelta(hours=answered), usegmt=True)} if answered else {}
        data = {"object_kind": "issue"}
        return {
            "id": 1,
            "request_headers": sent,
            "response_headers": told,
            "request_data": data,
            "response_status": status,
        } | more

    first = [
        row("again", "200", answered=1),
        row("lost", "internal error"),
        row("again", "500", answered=2),
        row(
            "push",
            "404",
            signed=3,
            request_data={"object_kind": "push"},
            request_headers={"X-Gitlab-Event": "Push Hook"},
        ),
    ]
    second = [
        row("lost", "302", answered=4),
        row("under way", "", signed=5),
        row("old", "500", answered=7),
        row("older", "500", answered=8),
    ]
    events = f"{API}/hooks/12/events"
    router.get(events, params={"page": "2"}).mock(return_value=listing(second, f"{events}?page=3"))
    third = router.get(events, params={"page": "3"}).mock(return_value=listing([]))
    router.get(events).mock(return_value=listing(first, f"{events}?page=2"))
    got = list(gitlab.missed_deliveries("12", NOW - timedelta(hours=6)))
    assert [(one.id, one.relevant) for one in got] == [("under way", True), ("lost", True), ("event-1", False)]
    assert not third.called


def test_before_work_items_could_be_asked_for_by_time_the_newest_are_read_until_the_mark(
    router: respx.MockRouter,
) -> None:
    opened = open_gitlab(replace(PLACE, group="team"))
    router.get(f"{API}/milestones").mock(return_value=listing([]))
    issues = router.get(f"{HOST}/api/v4/groups/team/issues").mock(return_value=listing([]))
    sent: list[dict[str, Any]] = []
    epics = {number: stamp(hours=number) for number in range(1, 9)}

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        query, variables = sent[-1]["query"], sent[-1]["variables"]
        if "availableFeatures" in query:
            return told(LICENCE)
        if "updatedAfter" in query:
            return refused("Field 'workItems' doesn't accept argument 'updatedAfter'")
        numbers = sorted(epics, key=lambda number: epics[number], reverse="UPDATED_DESC" in query)
        at = int(variables["after"] or 0)
        nodes = [
            {
                "id": f"gid://gitlab/WorkItem/{number}",
                "iid": str(number),
                "title": f"E{number}",
                "state": "OPEN",
                "updatedAt": epics[number],
                "workItemType": {"name": "Epic"},
            }
            for number in numbers[at : at + 2]
        ]
        info = {"endCursor": str(at + 2), "hasNextPage": at + 2 < len(numbers)}
        return told({"group": {"epics": {"nodes": nodes, "pageInfo": info}}})

    router.post(f"{HOST}/api/graphql").mock(side_effect=respond)
    first = opened.observe()
    assert ({item.title for item in first.objects}, first.full) == ({f"E{n}" for n in range(1, 9)}, True)
    assert asked(issues) == {
        "scope": "all",
        "sort": "asc",
        "per_page": "100",
        "order_by": "created_at",  # a group's issues are not paged by key
        "non_archived": "false",
    }
    epics[7] = stamp(minutes=30)
    for requests in (5, 3):  # that it can't be asked for is remembered
        second = opened.observe(first.cursor)
        assert (second.complete, second.full, second.requests) == (True, False, requests)
        assert [item.title for item in second.objects] == ["E7", "E1", "E2", "E3"][: len(second.objects)]
        assert {"E7", "E1"} <= {item.title for item in second.objects}
        assert len(second.objects) < 8
        first = second
    opened.close()


def test_a_query_takes_a_page_of_epics_and_the_details_that_fit_beside_it(router: respx.MockRouter) -> None:
    opened = open_gitlab(replace(PLACE, group="team", dependencies=True))
    rows = [issue(6000 + n, project_id=16) for n in range(1_000)]
    router.get(f"{API}/milestones").mock(return_value=listing([]))
    router.get(f"{HOST}/api/v4/groups/team/issues").mock(return_value=listing(rows))
    parts: list[int] = []

    def respond(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if "availableFeatures" in body["query"]:
            return told(LICENCE)
        asks = {name: iids for name, iids in body["variables"].items() if name.startswith("i")}
        parts.append(len(asks))
        nodes = {
            name: {"nodes": [{"id": f"gid://gitlab/WorkItem/{5000 + int(iid)}", "iid": iid} for iid in iids]}
            for name, iids in asks.items()
        }
        page = {"nodes": [], "pageInfo": {"endCursor": None, "hasNextPage": False}}
        group = {"group": {"epics": page}} if "group" in body["variables"] else {}
        return httpx.Response(200, json={"data": {"project": nodes, **group}}, headers=DATE)

    router.post(f"{HOST}/api/graphql").mock(side_effect=respond)
    got = opened.observe()
    assert (got.complete, len(got.objects), parts) == (True, 1_000, [5, 5])
    opened.close()
