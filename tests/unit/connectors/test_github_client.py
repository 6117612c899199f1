"""The GitHub connector against a scripted server: what it sends, how often, and what every failure becomes."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import requests
from github_script import (
    DROP,
    HALF,
    NOW,
    REFS,
    TOKEN,
    Call,
    Reply,
    Scripted,
    graphql_issue,
    hidden,
    issue,
    labelled,
    milestone,
    scripted,
    want,
)
from urllib3.exceptions import MaxRetryError, NewConnectionError, ReadTimeoutError

from app.core.plan import Desired, Fields, Ref
from connectors.base import (
    Cursor,
    FieldProblem,
    NotFound,
    OutcomeUnknown,
    Pace,
    Place,
    RateLimited,
    Rejected,
    Retryable,
    Secret,
    TrackerError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from connectors.github import GitHub, open_github
from connectors.github.client import LIMITS
from connectors.github.wire import lost


@pytest.fixture
def script() -> Iterator[Scripted]:
    with scripted() as made:
        yield made


@pytest.fixture
def hub(script: Scripted) -> Iterator[GitHub]:
    made = open_github(Place("github", script.url, "octo/hub", Secret(TOKEN)))
    yield made
    made.close()


# -- reading


class Listing:
    """Serves milestones and issues in pages, with ETags made of their content, as GitHub does."""

    def __init__(self, script: Scripted) -> None:
        self.script = script
        self.milestones: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.asked: dict[str, list[int]] = defaultdict(list)
        self.before_page: Callable[[Call], None] = lambda _: None
        self.now = NOW
        script.answer["GET /repos/octo/hub/milestones"] = lambda call: self.page(call, self.milestones)
        script.answer["GET /repos/octo/hub/issues"] = lambda call: self.page(call, self.issues)
        script.answer["POST /graphql"] = self.by_number

    def page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        assert call.query["state"] == ["all"]
        assert call.query["per_page"] == ["100"]
        self.before_page(call)
        if "sort" in call.query:
            key = {"updated": "updated_at", "created": "number"}[call.query["sort"][0]]
            items = sorted(items, key=lambda item: item[key], reverse=call.query["direction"] == ["desc"])
        since = call.query.get("since", [""])[0]
        items = [item for item in items if item["updated_at"] >= since]
        number = int(call.query.get("page", ["1"])[0])
        shown = items[(number - 1) * 100 : number * 100]
        etag = f'W/"{hash(json.dumps(shown)) & 0xFFFFFFFF:x}"'
        headers = {"ETag": etag, "Date": self.now.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        if len(items) > number * 100:
            query = "&".join(f"{k}={v[0]}" for k, v in call.query.items() if k != "page")
            headers["Link"] = f'<{self.script.url}{call.path}?{query}&page={number + 1}>; rel="next"'
        status = 304 if call.headers.get("if-none-match") == etag else 200
        self.asked[call.path.rsplit("/", 1)[1]].append(status)
        return Reply(status, shown, headers)

    def by_number(self, call: Call) -> Reply:
        """GraphQL's count of issues, and its list of milestones, as they are asked for."""
        given = call.body["variables"]
        if "issues(first: 1" in call.body["query"]:
            real = [one["number"] for one in self.issues if "pull_request" not in one]
            counted = {"totalCount": len(real), "nodes": [{"number": n} for n in sorted(real)[-1:]]}
            return Reply(body={"data": {"repository": {"issues": counted}}})
        assert "orderBy: {field: NUMBER, direction: ASC}" in call.body["query"]
        assert (given["owner"], given["name"]) == ("octo", "hub")
        rest = [one for one in self.milestones if one["number"] > int(given["after"] or 0)][:100]
        nodes = [
            {"id": one["node_id"], "number": one["number"], "url": one["html_url"], "title": one["title"]}
            | {"state": one["state"].upper(), "updatedAt": one["updated_at"]}
            for one in rest
        ]
        more = bool(rest) and rest[-1]["number"] < self.milestones[-1]["number"]
        page = {"hasNextPage": more, "endCursor": str(rest[-1]["number"]) if rest else None}
        return Reply(body={"data": {"repository": {"milestones": {"totalCount": 9, "nodes": nodes, "pageInfo": page}}}})

    def statuses(self) -> tuple[list[int], list[int]]:
        """(milestones, issues) since last asked."""
        given = (self.asked["milestones"], self.asked["issues"])
        self.asked = defaultdict(list)
        return given


@pytest.fixture
def listing(script: Scripted) -> Listing:
    return Listing(script)


class TestFullRead:
    def test_everything_but_pull_requests(self, hub: GitHub, listing: Listing) -> None:
        listing.milestones = [milestone(1), milestone(2, state="closed")]
        listing.issues = [issue(3), issue(4, pull_request={"url": "x"}), issue(5, state="closed")]
        seen = hub.observe()
        assert [(o.ref.shape, o.ref.id, o.state) for o in seen.objects] == [
            ("milestone", "1", "open"),
            ("milestone", "2", "closed"),
            ("issue", "3", "open"),
            ("issue", "5", "closed"),
        ]
        assert (seen.complete, seen.full, seen.problem, seen.requests) == (True, True, "", 2)
        assert seen.observed_at == NOW
        assert seen.cursor

    def test_what_it_sends(self, hub: GitHub, listing: Listing, script: Scripted) -> None:
        hub.observe()
        sent = script.calls[0].headers
        assert sent["authorization"] == f"Bearer {TOKEN}"
        assert sent["x-github-api-version"] == "2026-03-10"
        assert sent["accept"] == "application/vnd.github+json"
        assert sent["user-agent"] == "milepost"
        assert {call.method for call in script.calls} == {"GET"}
        assert not any("/search" in call.path for call in script.calls)  # trap 10

    def test_all_pages_once(self, hub: GitHub, listing: Listing) -> None:
        listing.issues = [issue(n) for n in range(1, 251)]
        listing.milestones = [milestone(n) for n in range(1, 102)]
        seen = hub.observe()
        assert len({o.ref.identity for o in seen.objects}) == len(seen.objects) == 351
        assert seen.requests == 8

    def test_an_issue_changed_meanwhile_hides_no_other(self, hub: GitHub, listing: Listing) -> None:
        listing.issues = [issue(n, NOW - timedelta(seconds=1000 - n)) for n in range(1, 202)]

        def people(call: Call) -> None:
            if call.query.get("page") == ["2"]:
                listing.issues[0] = issue(1, NOW + timedelta(seconds=2), title="changed")

        listing.before_page = people
        seen = hub.observe()
        assert {o.ref.id for o in seen.objects} == {str(n) for n in range(1, 202)}
        listing.before_page = lambda _: None
        later = hub.observe(seen.cursor)
        assert "changed" in [o.title for o in later.objects]  # page 1 was read before it changed

    def test_the_newest_of_two_sights(self, hub: GitHub, script: Scripted, listing: Listing) -> None:
        listing.issues = [issue(1), issue(2)]

        def issues(call: Call) -> Reply:
            if "page" in call.query:
                return Reply(body=[issue(1, NOW, title="new"), issue(2)])
            link = {"Link": f'<{script.url}{call.path}?page=2>; rel="next"'}
            return Reply(body=[issue(1), issue(2, NOW, title="newer")], headers=link)

        script.answer["GET /repos/octo/hub/issues"] = issues
        assert [o.title for o in hub.observe().objects] == ["new", "newer"]

    @pytest.mark.parametrize("fault", [Reply(502), Reply(fault=DROP), Reply(body=[1], fault=HALF), Reply(body={})])
    def test_a_failed_page_is_not_complete(self, hub: GitHub, script: Scripted, listing: Listing, fault: Reply) -> None:
        listing.milestones, listing.issues = [milestone(1)], [issue(n) for n in range(1, 120)]
        whole = script.answer["GET /repos/octo/hub/issues"]
        assert callable(whole)
        script.answer["GET /repos/octo/hub/issues"] = lambda call: fault if "page" in call.query else whole(call)
        seen = hub.observe()
        assert (seen.complete, seen.cursor, len(seen.objects)) == (False, None, 101)
        assert "127.0.0.1" in seen.problem or "GitHub answered 502" in seen.problem

    def test_a_rate_limit_is_not_complete(self, hub: GitHub, script: Scripted, listing: Listing) -> None:
        script.answer["GET /repos/octo/hub/issues"] = Reply(429, {"message": "slow down"}, {"retry-after": "9"})
        seen = hub.observe()
        assert (seen.complete, seen.cursor, seen.retry_after) == (False, None, 9.0)

    @pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (403, Unauthorized), (404, NotFound)])
    def test_the_place_itself(self, hub: GitHub, script: Scripted, status: int, kind: type[TrackerError]) -> None:
        script.answer["GET /repos/octo/hub/milestones"] = Reply(status, {"message": "no"})
        with pytest.raises(kind) as caught:
            hub.observe()
        hidden(caught.value)

    @pytest.mark.parametrize("broken", [{"number": None}, {"title": 1, "state": None, "number": "x"}, {}])
    def test_json_that_is_not_githubs(self, hub: GitHub, script: Scripted, listing: Listing, broken: Any) -> None:
        script.answer["GET /repos/octo/hub/issues"] = Reply(body=[broken])
        seen = hub.observe()
        assert not seen.complete
        assert "not GitHub's API" in seen.problem

    def test_a_renamed_repository_is_followed(self, hub: GitHub, script: Scripted, listing: Listing) -> None:
        listing.issues = [issue(1)]
        for what in ("issues", "milestones"):
            script.answer[f"GET /repositories/1/{what}"] = script.answer[f"GET /repos/octo/hub/{what}"]
            script.answer[f"GET /repos/octo/hub/{what}"] = lambda call, what=what: Reply(  # type: ignore[misc]
                301,
                {"message": "Moved Permanently"},
                {
                    "Location": f"{script.url}/repositories/1/{what}?"
                    + "&".join(f"{k}={v[0]}" for k, v in call.query.items())
                },
            )
        seen = hub.observe()
        assert (seen.complete, len(seen.objects), seen.requests) == (True, 1, 4)


class TestIncrementalRead:
    @pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(0)])
    def test_idle_is_two_requests_both_unchanged(self, hub: GitHub, listing: Listing, age: timedelta) -> None:
        """Also just after a thousand issues were changed at once."""
        listing.milestones = [milestone(1)]
        listing.issues = [issue(n, NOW - age) for n in range(1, 1001)]
        mark = hub.observe().cursor
        listing.statuses()
        mark = hub.observe(mark).cursor
        assert listing.statuses()[0] == [304]
        for _ in range(3):
            seen = hub.observe(mark)
            mark = seen.cursor
            assert listing.statuses() == ([304], [304])
            assert (seen.requests, seen.objects, seen.complete, seen.full) == (2, (), True, False)

    def test_an_empty_repository_too(self, hub: GitHub, listing: Listing) -> None:
        mark = hub.observe().cursor
        mark = hub.observe(mark).cursor
        listing.statuses()
        seen = hub.observe(mark)
        assert listing.statuses() == ([304], [304])
        listing.issues = [issue(1, NOW + timedelta(minutes=5))]
        assert [o.ref.id for o in hub.observe(seen.cursor).objects] == ["1"]

    def test_since_is_utc_with_an_overlap_and_stays(self, hub: GitHub, listing: Listing, script: Scripted) -> None:
        """Trap 3. The same URL, and so the same ETag; by GitHub's clock, never ours."""
        listing.issues = [issue(9, NOW - timedelta(minutes=30))]
        mark = hub.observe().cursor
        for n in range(1, 4):
            listing.now = NOW + timedelta(minutes=n)
            listing.issues.append(issue(n, listing.now))
            mark = hub.observe(mark).cursor
        asked = [c.query for c in script.calls if c.path.endswith("/issues")][1:]
        assert [query["since"] for query in asked] == [["2026-11-24T09:29:00Z"]] * 3
        assert {(*query["sort"], *query["direction"]) for query in asked} == {("updated", "desc")}

    @pytest.mark.parametrize("k", [1, 40, 100, 250])
    @pytest.mark.parametrize("before", [0, 1, 250])
    @pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(0)])
    def test_k_changes_cost_two_and_a_page_for_a_hundred(
        self, hub: GitHub, listing: Listing, k: int, before: int, age: timedelta
    ) -> None:
        """Also where all 500 issues were made at once."""
        listing.issues = [issue(n, NOW - age) for n in range(1, 501)]
        mark = hub.observe(hub.observe().cursor).cursor
        for changed in (before, k):
            listing.now += timedelta(seconds=20)
            for n in range(changed):
                listing.issues[n] = issue(n + 1, listing.now, title="changed")
            listing.now += timedelta(seconds=2)
            seen = hub.observe(mark)
            mark = seen.cursor
            assert {o.ref.id for o in seen.objects} >= {str(n + 1) for n in range(changed)}
            assert seen.requests <= 2 + -(-changed // 100)

    @pytest.mark.parametrize("off", [timedelta(hours=-2), timedelta(0), timedelta(hours=2)])
    def test_a_date_header_by_another_clock_loses_nothing(self, hub: GitHub, listing: Listing, off: timedelta) -> None:
        """A proxy may set it."""
        listing.now += off
        mark = hub.observe().cursor
        listing.issues = [issue(n, NOW) for n in range(1, 151)]
        seen = hub.observe(mark)
        assert len(seen.objects) == 150
        mark = hub.observe().cursor
        listing.issues[:120] = [issue(n, NOW + timedelta(minutes=1), title="changed") for n in range(1, 121)]
        assert [o.title for o in hub.observe(mark).objects].count("changed") == 120

    def test_milestones_come_all_or_not_at_all(self, hub: GitHub, listing: Listing) -> None:
        listing.milestones = [milestone(1), milestone(2)]
        mark = hub.observe().cursor
        listing.milestones[1] = milestone(2, title="changed")
        assert [o.title for o in hub.observe(mark).objects] == ["M1", "changed"]

    def test_every_milestone_page_has_its_etag(self, hub: GitHub, listing: Listing) -> None:
        listing.milestones = [milestone(n) for n in range(1, 151)]
        mark = hub.observe().cursor
        mark = hub.observe(mark).cursor
        listing.statuses()
        mark = hub.observe(mark).cursor
        assert listing.statuses()[0] == [304, 304]
        listing.milestones[120] = milestone(121, title="changed")
        seen = hub.observe(mark)
        assert len(seen.objects) == 150
        assert "changed" in [o.title for o in seen.objects]

    def test_a_milestone_that_begins_a_page_is_seen(self, hub: GitHub, listing: Listing) -> None:
        listing.milestones = [milestone(n) for n in range(1, 101)]
        mark = hub.observe(hub.observe().cursor).cursor
        listing.milestones.append(milestone(101))
        assert len(hub.observe(mark).objects) == 101

    def test_an_issue_changed_meanwhile_hides_no_other(self, hub: GitHub, listing: Listing) -> None:
        listing.issues = [issue(n) for n in range(1, 251)]
        mark = hub.observe(hub.observe().cursor).cursor
        listing.now += timedelta(minutes=10)
        for n in range(250):
            listing.issues[n] = issue(n + 1, NOW + timedelta(seconds=2 * n), title="changed")

        def people(call: Call) -> None:
            if call.query.get("page") == ["2"] and "since" in call.query:
                listing.issues[4] = issue(5, listing.now + timedelta(seconds=1), title="again")

        listing.before_page = people
        seen = hub.observe(mark)
        assert {o.ref.id for o in seen.objects} == {str(n) for n in range(1, 251)} - {"5"}
        listing.before_page = lambda _: None
        assert "again" in [o.title for o in hub.observe(seen.cursor).objects]

    def test_pull_requests_are_left_out(self, hub: GitHub, listing: Listing) -> None:
        mark = hub.observe().cursor
        listing.issues = [issue(1, NOW, pull_request={}), issue(2, NOW)]
        assert [o.ref.id for o in hub.observe(mark).objects] == ["2"]

    def test_a_failed_page_gives_no_cursor(self, hub: GitHub, listing: Listing, script: Scripted) -> None:
        mark = hub.observe().cursor
        script.answer["GET /repos/octo/hub/issues"] = Reply(500)
        seen = hub.observe(mark)
        assert (seen.complete, seen.full, seen.cursor) == (False, False, None)

    @pytest.mark.parametrize(
        "junk",
        ["", "x", "[]", "{}", '{"v": 9}', '{"v": 1, "place": "elsewhere"}'],
    )
    def test_a_cursor_that_is_none_reads_everything(self, hub: GitHub, listing: Listing, junk: str) -> None:
        listing.issues = [issue(1)]
        seen = hub.observe(Cursor(junk))
        assert (seen.full, seen.complete, len(seen.objects)) == (True, True, 1)

    def test_without_a_date_header_the_first_page_tells_the_time(
        self, hub: GitHub, script: Scripted, listing: Listing
    ) -> None:
        whole = script.answer["GET /repos/octo/hub/issues"]
        assert callable(whole)

        def dateless(call: Call) -> Reply:
            reply = whole(call)
            reply.headers["Date"] = "x"
            return reply

        script.answer["GET /repos/octo/hub/issues"] = dateless
        listing.issues = [issue(n, NOW + timedelta(seconds=n)) for n in range(1, 151)]
        mark = hub.observe().cursor
        listing.issues[7] = issue(8, NOW + timedelta(seconds=120), title="changed meanwhile")
        assert "changed meanwhile" in [o.title for o in hub.observe(mark).objects]


# -- writing

MADE: list[tuple[str, Desired, str, dict[str, Any], Any]] = [
    (
        "milestone",
        want("milestone", title="M", description="D", due=date(2026, 11, 16), state="closed"),
        "POST /repos/octo/hub/milestones",
        {"title": "M", "description": "D", "due_on": "2026-11-16T12:00:00Z", "state": "closed"},
        milestone(2),
    ),
    (
        "bare milestone",
        want("milestone", title="M", due=None),
        "POST /repos/octo/hub/milestones",
        {"title": "M"},
        milestone(2),
    ),
    (
        "issue",
        want("issue", title="T", description="D", milestone="M1", labels=("epic",), state="open"),
        "POST /repos/octo/hub/issues",
        {"title": "T", "body": "D", "milestone": 2, "labels": ["epic"]},
        issue(8, milestone={"number": 2}, labels=[{"name": "epic"}]),
    ),
    (
        "bare issue",
        want("issue", title="T", milestone=None, labels=(), parent=None),
        "POST /repos/octo/hub/issues",
        {"title": "T"},
        issue(8),
    ),
]


class TestCreate:
    @pytest.mark.parametrize(("_", "desired", "call", "body", "answer"), MADE, ids=[row[0] for row in MADE])
    def test_one_call_makes_it_whole(
        self, hub: GitHub, script: Scripted, _: str, desired: Desired, call: str, body: dict[str, Any], answer: Any
    ) -> None:
        script.answer[call] = Reply(201, answer)
        made = hub.create(desired, REFS)
        assert [f"{c.method} {c.path}" for c in script.calls] == [call]
        assert script.calls[0].body == body
        assert script.calls[0].headers["x-github-api-version"] == "2026-03-10"
        assert made.ref.number == answer["number"]
        assert hub.requests == 1

    @pytest.mark.parametrize("closing", [Reply(200, issue(8, state="closed")), Reply(502, {}), Reply(403, {})])
    def test_what_is_wanted_closed_is_made_once_and_then_closed(
        self, hub: GitHub, script: Scripted, closing: Reply
    ) -> None:
        script.answer["POST /repos/octo/hub/issues"] = Reply(201, issue(8))
        script.answer["PATCH /repos/octo/hub/issues/8"] = closing
        desired = want("issue", title="T", state="closed")
        if closing.status == 200:
            assert hub.create(desired, REFS).state == "closed"
        else:
            with pytest.raises(OutcomeUnknown, match="was made, but closing it failed"):
                hub.create(desired, REFS)
        assert [c.method for c in script.calls] == ["POST", "PATCH"]

    def test_a_child_is_one_mutation(self, hub: GitHub, script: Scripted) -> None:
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1", "full_name": "octo/hub"})
        answered = graphql_issue(milestone={"number": 2})
        script.answer["POST /graphql"] = Reply(body={"data": {"createIssue": {"issue": answered}}})
        for _ in range(2):
            made = hub.create(want("child", title="T", description="D", parent="1A", milestone="M1"), REFS)
        assert (made.ref.shape, made.parent, made.ref.id) == ("child", "7", "8")
        assert [c.path.rsplit("/", 1)[-1] for c in script.calls] == ["hub", "issue-types", "graphql", "graphql"]
        assert script.calls[2].body["variables"]["input"] == {
            "repositoryId": "R_1",
            "title": "T",
            "body": "D",
            "parentIssueId": "I_7",
            "milestoneId": "MI_2",
        }

    def test_a_childs_labels_are_looked_up_once_and_made(self, hub: GitHub, script: Scripted) -> None:
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1"})
        script.answer["GET /repos/octo/hub/labels"] = Reply(body=[{"name": "Epic", "node_id": "L_1"}])
        script.answer["POST /repos/octo/hub/labels"] = Reply(201, {"name": "new", "node_id": "L_2"})
        answered = graphql_issue(**labelled("Epic", "new"))
        script.answer["POST /graphql"] = Reply(body={"data": {"createIssue": {"issue": answered}}})
        for _ in range(2):
            hub.create(want("child", title="T", parent="1A", labels=("epic", "new")), REFS)
        mutations = [c for c in script.calls if c.path == "/graphql"]
        assert [c.body["variables"]["input"]["labelIds"] for c in mutations] == [["L_1", "L_2"]] * 2
        assert len(script.calls) == 1 + 1 + 2 + 2

    def test_a_label_that_somebody_else_made_meanwhile(self, hub: GitHub, script: Scripted) -> None:
        taken = {"message": "Validation Failed", "errors": [{"field": "name", "code": "already_exists"}]}
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1"})
        script.answer["GET /repos/octo/hub/labels"] = Reply(body=[])
        script.answer["POST /repos/octo/hub/labels"] = Reply(422, taken)
        script.answer["GET /repos/octo/hub/labels/a%2Fb"] = Reply(body={"node_id": "L_3"})
        answered = graphql_issue(**labelled("a/b"))
        script.answer["POST /graphql"] = Reply(body={"data": {"createIssue": {"issue": answered}}})
        hub.create(want("child", title="T", parent="1A", labels=("a/b",)), REFS)
        assert script.calls[-1].body["variables"]["input"]["labelIds"] == ["L_3"]

    def test_ids_that_a_ref_lacks_are_asked_for(self, hub: GitHub, script: Scripted) -> None:
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1"})
        script.answer["GET /repos/octo/hub/issues/9"] = Reply(body=issue(9))
        script.answer["POST /graphql"] = Reply(body={"data": {"createIssue": {"issue": graphql_issue()}}})
        hub.create(want("child", title="T", parent="old"), REFS)
        assert script.calls[-1].body["variables"]["input"]["parentIssueId"] == "I_9"

    @pytest.mark.parametrize("shape", ["epic", "line"])
    def test_what_github_has_not(self, hub: GitHub, script: Scripted, shape: str) -> None:
        with pytest.raises(Unsupported):
            hub.create(want(shape, title="T"), REFS)
        assert script.calls == []

    def test_a_parent_that_is_not_there_yet(self, hub: GitHub, script: Scripted) -> None:
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1"})
        with pytest.raises(Rejected):
            hub.create(want("child", title="T", parent="9Z"), REFS)
        assert script.sent("POST") == []


TAKEN = {"message": "Validation Failed", "errors": [{"resource": "M", "field": "title", "code": "already_exists"}]}
FAILED: list[tuple[str, Reply, type[TrackerError]]] = [
    ("401", Reply(401, {"message": "Bad credentials"}), Unauthorized),
    ("403", Reply(403, {"message": "Resource not accessible by personal access token"}), Unauthorized),
    ("403 secondary", Reply(403, {"message": "You have exceeded a secondary rate limit. Please wait"}), RateLimited),
    ("403 abuse", Reply(403, {"message": "You have triggered an abuse detection mechanism."}), RateLimited),
    ("403 primary", Reply(403, {"message": "x"}, {"x-ratelimit-remaining": "0"}), RateLimited),
    ("403 retry-after", Reply(403, {"message": "x"}, {"retry-after": "5"}), RateLimited),
    ("404", Reply(404, {"message": "Not Found"}), NotFound),
    ("410", Reply(410, {"message": "Issues are disabled for this repo"}), Unsupported),
    ("422", Reply(422, TAKEN), Rejected),
    ("422 list", Reply(422, ["x"]), Rejected),
    ("422 words", Reply(422, {"message": {"a": 1}, "errors": "x"}), Rejected),
    ("429", Reply(429, {}), RateLimited),
    ("301", Reply(301, {}, {"Location": "http://127.0.0.1:9/elsewhere"}), NotFound),
    ("302", Reply(302, {}, {"Location": "/login"}), NotFound),
    ("proxy page", Reply(403, b"<html>", {"Content-Type": "text/html"}), Unavailable),
    ("408", Reply(408, {}), OutcomeUnknown),
    ("500", Reply(500, {"message": "oops"}), OutcomeUnknown),
    ("502", Reply(502, b"<html>Bad gateway"), OutcomeUnknown),
    ("503", Reply(503, {}, {"retry-after": "5"}), OutcomeUnknown),
    ("504", Reply(504, {}), OutcomeUnknown),
    ("202", Reply(202, {}), OutcomeUnknown),
    ("html", Reply(201, b"<html>Sign in</html>"), OutcomeUnknown),
    ("half json", Reply(201, b'{"number": '), OutcomeUnknown),
    ("no json", Reply(201, b""), OutcomeUnknown),
    ("list", Reply(201, [1]), OutcomeUnknown),
    ("other object", Reply(201, {"hello": 1}), OutcomeUnknown),
    ("half", Reply(201, {"number": 1}, fault=HALF), OutcomeUnknown),
    ("drop", Reply(fault=DROP), OutcomeUnknown),
    ("junk limit header", Reply(201, {}, {"x-ratelimit-remaining": "x", "x-ratelimit-limit": "y"}), OutcomeUnknown),
]
WRITES: dict[str, Callable[[GitHub], object]] = {
    "POST /repos/octo/hub/milestones": lambda hub: hub.create(want("milestone", title="T"), REFS),
    "POST /repos/octo/hub/issues": lambda hub: hub.create(want("issue", title="T"), REFS),
    "POST /graphql": lambda hub: hub.create(want("child", title="T", parent="1A"), REFS),
    "PATCH /repos/octo/hub/issues/7": lambda hub: hub.update(REFS["1A"], {"title": "T"}, REFS),
}


class TestFailedWrites:
    @pytest.mark.parametrize("call", WRITES)
    @pytest.mark.parametrize(("_", "reply", "kind"), FAILED, ids=[row[0] for row in FAILED])
    def test_exactly_one_attempt(
        self,
        hub: GitHub,
        script: Scripted,
        caplog: pytest.LogCaptureFixture,
        call: str,
        _: str,
        reply: Reply,
        kind: type[TrackerError],
    ) -> None:
        """Trap 1: PyGithub by itself sends a POST again that was answered 5xx."""
        caplog.set_level(logging.DEBUG)
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1", "full_name": "octo/hub"})
        script.answer[call] = reply
        with pytest.raises(TrackerError) as caught:
            WRITES[call](hub)
        assert isinstance(caught.value, kind)
        assert isinstance(caught.value, OutcomeUnknown) is (kind is OutcomeUnknown)
        writes = [c for c in script.calls if c.method != "GET"]
        assert [f"{c.method} {c.path}" for c in writes] == [call]
        assert hub.requests == len(script.calls)
        hidden(caught.value)
        assert TOKEN not in caplog.text

    def test_already_exists_can_be_told(self, hub: GitHub, script: Scripted) -> None:
        script.answer["POST /repos/octo/hub/milestones"] = Reply(422, TAKEN)
        with pytest.raises(Rejected) as caught:
            hub.create(want("milestone", title="T"), REFS)
        assert caught.value.fields == (FieldProblem("title", "already_exists"),)
        assert caught.value.request_id == "ABC:1"

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({"retry-after": "5"}, 5.0),
            ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 30)}, 30.0),
            ({}, 60.0),
        ],
    )
    def test_how_long_to_wait(self, hub: GitHub, script: Scripted, headers: dict[str, str], wait: float) -> None:
        """GitHub: without a time, a minute at least."""
        reply = Reply(403, {"message": "You have exceeded a secondary rate limit."}, headers)
        script.answer["POST /repos/octo/hub/issues"] = reply
        with pytest.raises(RateLimited) as caught:
            hub.create(want("issue", title="T"), REFS)
        assert caught.value.retry_after == wait

    def test_the_missing_right_is_named(self, hub: GitHub, script: Scripted) -> None:
        reply = Reply(403, {"message": "no"}, {"x-accepted-github-permissions": "issues=write"})
        script.answer["POST /repos/octo/hub/issues"] = reply
        with pytest.raises(Unauthorized) as caught:
            hub.create(want("issue", title="T"), REFS)
        assert "issues=write" in caught.value.hint

    @pytest.mark.parametrize(
        ("message", "kind"),
        [
            ("Parent cannot have more than 100 sub-issues", Unsupported),
            ("Sub-issues cannot exceed 8 levels", Unsupported),
            ("Priority has already been taken", Retryable),
            ("Sub issue may only have one parent", Rejected),
        ],
    )
    def test_what_only_words_tell(self, hub: GitHub, script: Scripted, message: str, kind: type[TrackerError]) -> None:
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1"})
        error = {"type": "UNPROCESSABLE", "message": message, "path": ["createIssue"]}
        script.answer["POST /graphql"] = Reply(body={"data": {"createIssue": None}, "errors": [error]})
        with pytest.raises(TrackerError) as caught:
            hub.create(want("child", title="T", parent="1A"), REFS)
        assert type(caught.value) is kind

    @pytest.mark.parametrize(
        ("errors", "kind"),
        [
            ([{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}], RateLimited),
            ([{"message": "You have exceeded a secondary rate limit"}], RateLimited),
            ([{"type": "FORBIDDEN", "message": "x"}], Unauthorized),
            ([{"type": "INSUFFICIENT_SCOPES", "message": "x"}], Unauthorized),
            ([{"type": "NOT_FOUND", "message": "x"}], NotFound),
            ([{"type": "UNPROCESSABLE", "message": "Title is too long"}], Rejected),
            ([{"message": "x", "extensions": {"code": "undefinedField"}}], Unsupported),
            (
                [{"message": "$input of type CreateIssueInput! was provided invalid value for parentIssueId"}],
                Unsupported,
            ),
            ([{"message": "Something went wrong while executing your query."}], OutcomeUnknown),
            ([], OutcomeUnknown),
            (None, OutcomeUnknown),
            ("x", OutcomeUnknown),
        ],
    )
    def test_graphql_errors_come_with_200(
        self, hub: GitHub, script: Scripted, errors: Any, kind: type[TrackerError]
    ) -> None:
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1"})
        script.answer["POST /graphql"] = Reply(body={"data": None, "errors": errors})
        with pytest.raises(TrackerError) as caught:
            hub.create(want("child", title="T", parent="1A"), REFS)
        assert type(caught.value) is kind

    def test_what_was_made_counts_though_errors_came_with_it(self, hub: GitHub, script: Scripted) -> None:
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1"})
        answer = {"data": {"createIssue": {"issue": graphql_issue()}}, "errors": [{"message": "labels are slow"}]}
        script.answer["POST /graphql"] = Reply(body=answer)
        assert hub.create(want("child", title="T", parent="1A"), REFS).ref.id == "8"

    def test_nobody_listens_so_nothing_was_sent(self, script: Scripted) -> None:
        script.server.shutdown()
        script.server.server_close()
        hub = open_github(Place("github", script.url, "octo/hub", Secret(TOKEN)))
        with pytest.raises(Unavailable, match="can't be reached"):
            hub.create(want("issue", title="T"), REFS)
        hub.close()

    @pytest.mark.parametrize(
        ("raised", "kind"),
        [
            (requests.ConnectTimeout(), Unavailable),
            (requests.ConnectionError(MaxRetryError(None, "", NewConnectionError(None, ""))), Unavailable),  # type: ignore[arg-type]
            (
                requests.exceptions.SSLError(MaxRetryError(None, "", Exception("CERTIFICATE_VERIFY_FAILED"))),
                Unavailable,
            ),  # type: ignore[arg-type]
            (requests.exceptions.ProxyError(), Unavailable),
            (requests.exceptions.InvalidURL(), Unavailable),
            (requests.ReadTimeout(), OutcomeUnknown),
            (requests.ConnectionError(ReadTimeoutError(None, "", "")), OutcomeUnknown),  # type: ignore[arg-type]
            (requests.exceptions.SSLError("bad record mac"), OutcomeUnknown),
            (requests.exceptions.ChunkedEncodingError(), OutcomeUnknown),
            (requests.exceptions.ContentDecodingError(), OutcomeUnknown),
        ],
    )
    def test_what_was_surely_not_sent_is_told_apart(
        self, raised: requests.RequestException, kind: type[TrackerError]
    ) -> None:
        assert type(lost(raised, "host", "POST /x")) is kind

    def test_a_renamed_repository_is_written_under_its_new_name(self, hub: GitHub, script: Scripted) -> None:
        moved = Reply(307, {}, {"Location": f"{script.url}/repositories/1/issues"})
        script.answer["POST /repos/octo/hub/issues"] = moved
        script.answer["GET /repos/octo/hub"] = Reply(301, {}, {"Location": f"{script.url}/repositories/1"})
        script.answer["GET /repositories/1"] = Reply(body={"node_id": "R_1", "full_name": "octo/port"})
        script.answer["POST /repos/octo/port/issues"] = Reply(201, issue(8))
        for _ in range(2):
            hub.create(want("issue", title="T"), REFS)
        assert len(script.sent("POST")) == 3

    def test_an_issue_that_left_is_not_written_to_elsewhere(self, hub: GitHub, script: Scripted) -> None:
        """PyGithub follows 301, which a transferred issue answers: into a repository that is not ours."""
        script.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1", "full_name": "octo/hub"})
        moved = Reply(301, {}, {"Location": f"{script.url}/repositories/2/issues/1"})
        script.answer["PATCH /repos/octo/hub/issues/7"] = moved
        script.answer["PATCH /repositories/2/issues/1"] = Reply(body=issue(1))
        with pytest.raises(NotFound):
            hub.update(REFS["1A"], {"title": "T"}, REFS)
        assert len(script.sent("PATCH")) == 1


class TestUpdate:
    @pytest.mark.parametrize(
        ("fields", "body"),
        [
            ({"title": "T"}, {"title": "T"}),
            ({"description": "D", "milestone": None}, {"body": "D", "milestone": None}),
            ({"milestone": "M1", "labels": ("a",)}, {"milestone": 2, "labels": ["a"]}),
            ({"state": "not_planned"}, {"state": "closed", "state_reason": "not_planned"}),
            ({"type": None}, {"type": None}),
        ],
    )
    def test_only_the_fields_named(self, hub: GitHub, script: Scripted, fields: Fields, body: dict[str, Any]) -> None:
        answered = issue(7, title="as answered")
        if fields.get("milestone"):
            answered |= {"milestone": {"number": 2}, "labels": [{"name": "a"}]}
        script.answer["PATCH /repos/octo/hub/issues/7"] = Reply(body=answered)
        assert hub.update(REFS["1A"], fields, REFS).title == "as answered"
        assert [c.body for c in script.calls] == [body]

    @pytest.mark.parametrize(("due", "sent"), [(date(2026, 7, 1), "2026-07-01T12:00:00Z"), (None, None)])
    def test_a_milestones_due_day(self, hub: GitHub, script: Scripted, due: date | None, sent: str | None) -> None:
        """Trap 2, in update too; and it can be cleared."""
        script.answer["PATCH /repos/octo/hub/milestones/2"] = Reply(body=milestone(2))
        hub.update(REFS["M1"], {"due": due}, REFS)
        assert script.calls[0].body == {"due_on": sent}

    def test_a_parent_alone_is_one_mutation(self, hub: GitHub, script: Scripted) -> None:
        script.answer["POST /graphql"] = Reply(body={"data": {"addSubIssue": {"subIssue": graphql_issue()}}})
        ref = Ref("issue", "8", 8, "I_8")
        assert hub.update(ref, {"parent": "1A"}, REFS).parent == "7"
        arguments = {"issueId": "I_7", "subIssueId": "I_8", "replaceParent": True}
        assert [c.body["variables"]["input"] for c in script.sent("POST")] == [arguments]

    def test_a_parent_is_taken_away(self, hub: GitHub, script: Scripted) -> None:
        script.answer["GET /repos/octo/hub/issues/8/parent"] = Reply(body=issue(7))
        alone = graphql_issue() | {"parent": None}
        script.answer["POST /graphql"] = Reply(body={"data": {"removeSubIssue": {"subIssue": alone}}})
        assert hub.update(Ref("child", "8", 8, "I_8"), {"parent": None}, REFS).parent is None
        assert script.calls[-1].body["variables"]["input"] == {"issueId": "I_7", "subIssueId": "I_8"}

    def test_a_parent_that_is_gone_already(self, hub: GitHub, script: Scripted) -> None:
        script.answer["GET /repos/octo/hub/issues/8"] = Reply(body=issue(8))
        assert hub.update(Ref("child", "8", 8, "I_8"), {"parent": None}, REFS).parent is None
        assert script.sent("POST") == []

    def test_nothing_named_writes_nothing(self, hub: GitHub, script: Scripted) -> None:
        script.answer["GET /repos/octo/hub/issues/7"] = Reply(body=issue(7))
        assert hub.update(REFS["1A"], {}, REFS).ref.id == "7"
        assert {c.method for c in script.calls} == {"GET"}


# -- the rest


class TestPlace:
    def test_capabilities_cost_one_request_for_life(self, hub: GitHub, script: Scripted) -> None:
        kinds = [{"name": "Bug", "node_id": "IT_1"}, {"name": "Old", "node_id": "IT_2", "is_enabled": False}]
        script.answer["GET /repos/octo/hub/issue-types"] = Reply(body=kinds)
        for _ in range(3):
            holds = hub.capabilities()
        assert holds == replace(LIMITS, types=("Bug",), pace=Pace())  # a box is written to without pauses
        assert (holds.children_max, holds.levels, holds.blockers_max) == (100, 8, 50)
        assert [c.path for c in script.calls] == ["/repos/octo/hub/issue-types"]
        assert [(limit.count, limit.seconds) for limit in LIMITS.pace.limits] == [(80, 60), (500, 3600)]
        assert (hub.kind, LIMITS.pace.spacing) == ("github", 1.0)

    @pytest.mark.parametrize("status", [403, 404, 410, 422])
    def test_a_place_without_types(self, hub: GitHub, script: Scripted, status: int) -> None:
        """A user's repository, and an older GitHub Enterprise Server."""
        script.answer["GET /repos/octo/hub/issue-types"] = Reply(status, {"message": "no"})
        for _ in range(2):
            assert hub.capabilities().types == ()
        assert len(script.calls) == 1

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (Reply(502), Unavailable),
            (Reply(429, {}), RateLimited),
            (Reply(401, {}), Unauthorized),
            (Reply(fault=DROP), Unavailable),
            (Reply(body={}), Unavailable),
            (Reply(body=[{"id": 1}]), Unavailable),
        ],
    )
    def test_types_that_cant_be_told_now(
        self, hub: GitHub, script: Scripted, reply: Reply, kind: type[TrackerError]
    ) -> None:
        script.answer["GET /repos/octo/hub/issue-types"] = reply
        with pytest.raises(kind):
            hub.capabilities()
        script.answer["GET /repos/octo/hub/issue-types"] = Reply(body=[{"name": "Bug", "node_id": "IT_1"}])
        assert hub.capabilities().types == ("Bug",)

    @pytest.mark.parametrize(
        ("prefix", "graphql", "version"),
        [("", "/graphql", "2026-03-10"), ("/api/v3", "/api/graphql", "2022-11-28"), ("/", "/graphql", "2026-03-10")],
    )
    def test_base_urls(self, script: Scripted, prefix: str, graphql: str, version: str) -> None:
        root = prefix.rstrip("/")
        hub = open_github(Place("github", script.url + prefix, "octo/hub", Secret(TOKEN + "\n")))
        script.answer[f"GET {root}/repos/octo/hub"] = Reply(body={"node_id": "R_1"})
        script.answer[f"POST {root}/repos/octo/hub/issues"] = Reply(201, issue(8))
        script.answer[f"POST {graphql}"] = Reply(body={"data": {"createIssue": {"issue": graphql_issue()}}})
        hub.create(want("issue", title="T"), REFS)
        hub.create(want("child", title="T", parent="1A"), REFS)
        assert {c.headers["x-github-api-version"] for c in script.calls} == {version}
        assert {c.headers["authorization"] for c in script.calls} == {f"Bearer {TOKEN}"}
        hub.close()

    def test_a_name_in_another_script_is_quoted(self, script: Scripted) -> None:
        hub = open_github(Place("github", script.url, "octo/a b", Secret(TOKEN)))
        script.answer["POST /repos/octo/a%20b/issues"] = Reply(201, issue(8))
        assert hub.create(want("issue", title="T"), REFS).ref.id == "8"
        hub.close()

    @pytest.mark.parametrize("path", ["", "octo", "/hub", "octo/", "octo/hub/more"])
    def test_what_is_no_repository(self, path: str) -> None:
        with pytest.raises(NotFound):
            open_github(Place("github", "https://api.github.com", path, Secret(TOKEN)))

    @pytest.mark.parametrize("base", ["", "api.github.com", f"https://me:{TOKEN}@host", "https://[bad"])
    def test_what_is_no_base_url(self, base: str) -> None:
        with pytest.raises(Unavailable) as caught:
            open_github(Place("github", base, "octo/hub", Secret(TOKEN)))
        hidden(caught.value)

    @pytest.mark.parametrize("token", ["", " \n", f"{TOKEN}\nx", f"{TOKEN}é", f"{TOKEN}→"])
    def test_tokens_that_are_none(self, script: Scripted, token: str) -> None:
        hub = open_github(Place("github", script.url, "octo/hub", Secret(token)))
        for act in (lambda: hub.create(want("issue", title="T"), REFS), hub.observe):
            with pytest.raises(Unauthorized) as caught:
                act()
            hidden(caught.value)
        assert script.calls == []
        hub.close()

    def test_no_proxy_for_loopback(self, script: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, "http://192.0.2.1:9")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        hub = open_github(Place("github", script.url, "octo/hub", Secret(TOKEN)))
        script.answer["POST /repos/octo/hub/issues"] = Reply(201, issue(8))
        assert hub.create(want("issue", title="T"), REFS).ref.id == "8"
        hub.close()

    def test_nothing_waits_and_one_connection_is_kept(self, hub: GitHub, script: Scripted) -> None:
        """Trap 12: PyGithub by itself waits a second between writes."""
        script.answer["PATCH /repos/octo/hub/issues/7"] = Reply(body=issue(7))
        began = datetime.now(UTC)
        for _ in range(20):
            hub.update(REFS["1A"], {"title": "T"}, REFS)
        assert datetime.now(UTC) - began < timedelta(seconds=10)  # 19 s with its waits

    def test_no_token_in_any_repr_or_log(
        self, hub: GitHub, script: Scripted, listing: Listing, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        for name in ("httpx", "httpcore", "urllib3", "github", "github.Requester"):
            caplog.set_level(logging.DEBUG, name)
        script.answer["POST /repos/octo/hub/issues"] = Reply(201, issue(8))
        hub.observe()
        hub.create(want("issue", title="T"), REFS)
        assert "127.0.0.1" in caplog.text
        assert TOKEN not in caplog.text
        parts = [hub, *vars(hub).values()]
        assert not any(TOKEN in repr(part) for part in parts)
