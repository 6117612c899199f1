"""Reading GitLab: pages, cursors, conditional requests, parents, and what a failure leaves."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
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
    NotFound,
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


def told_parents(pairs: dict[int, int | None]) -> httpx.Response:
    nodes = [
        {
            "id": f"gid://gitlab/WorkItem/{child}",
            "iid": str(child - 5000),
            "widgets": [{}, {"parent": above and {"id": f"gid://gitlab/WorkItem/{above}"}}],
        }
        for child, above in pairs.items()
    ]
    return httpx.Response(200, json={"data": {"project": {"workItems": {"nodes": nodes}}}})


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


def test_k_changed_issues_cost_one_request_a_hundred_and_children_one_more(
    router: respx.MockRouter, gitlab: GitLab
) -> None:
    rows = [issue(6000 + n, issue_type="task" if n < 150 else "issue") for n in range(250)]
    pages = [rows[at : at + 100] for at in range(0, 250, 100)]
    router.get(f"{API}/milestones").mock(return_value=listing([]))
    for at, page in reversed(list(enumerate(pages))):
        following = f"{API}/issues?cursor={at + 1}" if at < 2 else ""
        where = {"cursor": str(at)} if at else {}
        router.get(f"{API}/issues", params=where).mock(return_value=listing(page, following))
    sent: list[dict[str, Any]] = []

    def parents(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content)["variables"])
        return told_parents({int(iid) + 5000: 6200 for iid in sent[-1]["iids"]})

    router.post(f"{HOST}/api/graphql").mock(side_effect=parents)
    got = gitlab.observe()
    assert got.complete
    assert got.requests == 1 + 3 + 2
    assert [len(variables["iids"]) for variables in sent] == [100, 50]
    assert all(variables["path"] == "team/sub/road.map" for variables in sent)
    assert {item.parent for item in got.objects if item.ref.shape == "child"} == {"6200"}


def test_a_child_comes_with_its_parent_and_an_orphan_with_none(router: respx.MockRouter, gitlab: GitLab) -> None:
    router.get(f"{API}/milestones").mock(return_value=listing([]))
    tasks = [issue(5001), issue(5002, issue_type="task"), issue(5003, issue_type="task")]
    router.get(f"{API}/issues").mock(return_value=listing(tasks))
    router.post(f"{HOST}/api/graphql").mock(return_value=told_parents({5002: 5001, 5003: None}))
    got = gitlab.observe()
    assert {item.ref.id: item.parent for item in got.objects} == {"5001": None, "5002": "5001", "5003": None}
    assert got.requests == 3


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"errors": [{"message": "Internal server error"}]}),
        httpx.Response(200, json={"data": {"project": None}}),
        httpx.Response(200, json={"data": None}),
        httpx.Response(200, json={"data": {"project": {"workItems": None}}}),
        httpx.Response(200, json={"data": {"project": {"workItems": {"nodes": []}}}}),
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
    "permissions": {"project_access": None, "group_access": {"access_level": 20}},
}
SELF = {"scopes": ["api"], "active": True, "expires_at": "2027-01-01"}
TYPES = {"data": {"project": {"workItemTypes": {"nodes": [{"id": "gid://gitlab/WorkItems::Type/5", "name": "Task"}]}}}}


def healthy(router: respx.MockRouter, **change: httpx.Response) -> None:
    answers = {
        "self": httpx.Response(200, json=SELF),
        "project": httpx.Response(200, json=PROJECT),
        "graphql": httpx.Response(200, json=TYPES),
        "metadata": httpx.Response(200, json={"version": "19.5.0", "enterprise": True}),
        "version": httpx.Response(200, json={"version": "15.0.0"}),
        "user": httpx.Response(200, json={"username": "bot"}),
    } | change
    router.get(f"{HOST}/api/v4/personal_access_tokens/self").mock(return_value=answers["self"])
    router.get(API).mock(return_value=answers["project"])
    router.post(f"{HOST}/api/graphql").mock(return_value=answers["graphql"])
    for name in ("metadata", "version", "user"):
        router.get(f"{HOST}/api/v4/{name}").mock(return_value=answers[name])


def test_check_finds_everything_right_and_writes_nothing(router: respx.MockRouter, fresh: GitLab) -> None:
    healthy(router)
    findings = fresh.check()
    assert [finding.what for finding in findings] == ["token", "project", "role", "issues", "child items", "GitLab"]
    assert all(finding.ok and not finding.mend for finding in findings)
    assert {call.request.method for call in router.calls if "graphql" not in str(call.request.url)} == {"GET"}
    assert b"mutation" not in b"".join(call.request.content for call in router.calls)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"self": httpx.Response(200, json=SELF | {"scopes": ["read_api"]})}, "token"),
        ({"self": httpx.Response(401, json={})}, "access"),
        ({"project": httpx.Response(404, json={})}, "access"),
        (
            {"project": httpx.Response(200, json=PROJECT | {"permissions": {"project_access": {"access_level": 10}}})},
            "role",
        ),
        ({"project": httpx.Response(200, json=PROJECT | {"permissions": {}})}, "role"),
        ({"project": httpx.Response(200, json=PROJECT | {"archived": True})}, "role"),
        ({"project": httpx.Response(200, json=PROJECT | {"issues_access_level": "disabled"})}, "issues"),
        ({"graphql": httpx.Response(200, json={"data": {"project": {"workItemTypes": {"nodes": []}}}})}, "child items"),
        ({"metadata": httpx.Response(503)}, "access"),
    ],
)
def test_check_says_what_is_wrong_and_how_to_mend_it(
    router: respx.MockRouter, fresh: GitLab, change: dict[str, httpx.Response], wrong: str
) -> None:
    healthy(router, **change)
    bad = [finding for finding in fresh.check() if not finding.ok]
    assert [finding.what for finding in bad] == [wrong]
    assert bad[0].mend


def test_check_takes_older_gitlabs(router: respx.MockRouter, fresh: GitLab) -> None:
    healthy(router, self=httpx.Response(404, json={}), metadata=httpx.Response(404, json={}))
    findings = {finding.what: finding for finding in fresh.check()}
    assert "bot" in findings["token"].detail
    assert findings["GitLab"].detail == "15.0.0"


def test_capabilities_are_those_of_free() -> None:
    opened = open_gitlab(PLACE)
    got = opened.capabilities()
    assert (got.title_max, got.description_max, got.children_max) == (255, 1_048_576, 5_000)
    assert (got.start_dates, got.children, got.epics) == (True, True, False)
    assert (got.strips_title_tags, got.quick_actions) == (True, True)
    assert opened.requests == 0
    opened.close()


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
