"""The GitHub box over real HTTP: its REST API and webhooks, held to what TRACKERS.md says of the real one."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import github
import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from connectors.sandbox.faults import Fault
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import Clock, Options, serving

REPO = "/repos/acme/roadmap"
MANY = 105


class Receiver:
    """A webhook's other end: an ASGI application that keeps what it gets and answers `status`."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 202
        self._arrived = threading.Condition()

    async def __call__(self, scope, receive, send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        with self._arrived:
            self.got.append((dict(request.headers), body))
            self._arrived.notify_all()
        await Response(status_code=self.status)(scope, receive, send)

    def events(self, count: int) -> list[tuple[str, dict]]:
        """The first `count` calls as (event.action, payload), waiting for them."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.got) >= count, timeout=5), [h for h, _ in self.got]
            calls = [(headers["x-github-event"], json.loads(body)) for headers, body in self.got]
        return [(f"{event}.{shown['action']}" if "action" in shown else event, shown) for event, shown in calls]


@pytest.fixture
def box() -> Iterator[GitHubBox]:
    box = GitHubBox()
    yield box
    box.close()


@pytest.fixture
def url(box) -> Iterator[str]:
    with serving(box.app) as url:
        yield url


@pytest.fixture
def api(url) -> Iterator[httpx.Client]:
    with client(url) as api:
        yield api


@pytest.fixture
def receiver() -> Iterator[tuple[Receiver, str]]:
    receiver = Receiver()
    with serving(receiver) as url:
        yield receiver, f"{url}/hook"


def client(url: str, token: str = "t") -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)


def make(api: httpx.Client, path: str, **fields) -> dict:
    answer = api.post(f"{REPO}/{path}", json=fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def change(api: httpx.Client, path: str, **fields) -> dict:
    answer = api.patch(f"{REPO}/{path}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestAccess:
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}])
    def test_a_missing_or_wrong_token_is_refused(self, headers):
        box = GitHubBox(Options(tokens=("right",)))
        with serving(box.app) as url:
            answer = httpx.get(f"{url}{REPO}", headers=headers, trust_env=False)
            right = httpx.get(f"{url}{REPO}", headers={"Authorization": "token right"}, trust_env=False)
        box.close()
        assert (answer.status_code, answer.json()["message"]) == (401, "Bad credentials")
        assert right.status_code == 200

    def test_a_read_only_token_reads_and_may_not_write(self):
        box = GitHubBox(Options(read_only=("reader",)))
        with serving(box.app) as url, client(url, "reader") as api:
            repo = api.get(REPO).json()
            answer = api.post(f"{REPO}/issues", json={"title": "x"})
            mutation = 'mutation { createIssue(input: {repositoryId: "%s", title: "x"}) { issue { id } } }'
            told = api.post("/graphql", json={"query": mutation % repo["node_id"]})
        box.close()
        assert repo["permissions"]["push"] is False
        assert answer.status_code == 403
        assert answer.json()["message"] == "Resource not accessible by personal access token"
        assert told.status_code == 200
        assert told.json()["data"] == {"createIssue": None}
        assert told.json()["errors"][0]["type"] == "FORBIDDEN"

    def test_only_the_given_repositories_exist(self):
        box = GitHubBox(Options(paths=("Acme/Roadmap",)))
        with serving(box.app) as url, client(url) as api:
            assert api.get(REPO).json()["full_name"] == "Acme/Roadmap"
            answer = api.get("/repos/acme/other/issues")
        box.close()
        assert answer.status_code == 404
        assert {"message", "documentation_url", "status"} <= answer.json().keys()

    @pytest.mark.parametrize(
        ("version", "status"), [("2022-11-28", 200), ("2026-03-10", 200), ("2021-01-01", 410), ("soon", 400)]
    )
    def test_versions(self, api, version, status):
        assert api.get("/user", headers={"X-GitHub-Api-Version": version}).status_code == status

    @pytest.mark.parametrize("prefix", ["", "/api/v3"])
    def test_the_api_is_at_the_root_and_where_enterprise_has_it(self, api, url, prefix):
        issue = api.post(f"{prefix}{REPO}/issues", json={"title": "x"}).json()
        assert issue["url"] == f"{url}{prefix}{REPO}/issues/1"
        assert issue["html_url"] == f"{url}/acme/roadmap/issues/1"
        assert api.get(f"{prefix}/nowhere/at/all/to/go").status_code == 404
        assert api.delete(f"{prefix}{REPO}/issues/1").status_code == 404


class TestMilestones:
    def test_create_read_change_delete(self, api):
        made = make(api, "milestones", title="M1 — Start", description="why", due_on="2026-11-16T12:00:00Z")
        assert made["number"] == 1
        assert made["open_issues"] == made["closed_issues"] == 0
        assert api.get(f"{REPO}/milestones/1").json() == made
        shut = change(api, "milestones/1", state="closed", title="M1 — Begin")
        assert (shut["state"], shut["title"], shut["description"]) == ("closed", "M1 — Begin", "why")
        assert shut["closed_at"]
        cleared = change(api, "milestones/1", due_on=None, description=None, state="open")
        assert (cleared["due_on"], cleared["description"], cleared["closed_at"]) == (None, None, None)
        assert api.delete(f"{REPO}/milestones/1").status_code == 204
        assert api.get(f"{REPO}/milestones/1").status_code == 404

    @pytest.mark.parametrize(
        ("sent", "returned"),
        [
            ("2026-11-16T12:00:00Z", "2026-11-16T08:00:00Z"),
            ("2026-11-16T00:00:00Z", "2026-11-15T08:00:00Z"),
            ("2026-07-01T12:00:00Z", "2026-07-01T07:00:00Z"),
            ("2026-11-16T23:30:00-08:00", "2026-11-16T08:00:00Z"),
        ],
    )
    def test_due_on_is_floored_to_midnight_pacific(self, api, sent, returned):
        assert make(api, "milestones", title="M", due_on=sent)["due_on"] == returned
        assert change(api, "milestones/1", due_on=sent)["due_on"] == returned

    def test_a_title_stays_taken_when_closed(self, api):
        make(api, "milestones", title="M1", state="closed")
        answer = api.post(f"{REPO}/milestones", json={"title": "M1"})
        assert answer.status_code == 422
        assert answer.json()["message"] == "Validation Failed"
        assert answer.json()["errors"] == [{"resource": "Milestone", "code": "already_exists", "field": "title"}]

    def test_lists_by_state_and_due_date(self, api):
        for title, due, state in (("a", None, "open"), ("b", "02", "open"), ("c", "01", "open"), ("d", "03", "closed")):
            more = {"due_on": f"2026-12-{due}T12:00:00Z"} if due else {}
            make(api, "milestones", title=title, state=state, **more)

        def listed(query: str) -> str:
            return "".join(one["title"] for one in api.get(f"{REPO}/milestones?{query}").json())

        assert listed("") == "cba"
        assert listed("direction=desc") == "bca"
        assert listed("state=closed") == "d"
        assert listed("state=all&per_page=2&page=2") == "da"

    def test_counts_include_pull_requests(self, api):
        make(api, "milestones", title="M1")
        make(api, "issues", title="issue", milestone=1)
        asked = {"owner": "acme", "repo": "roadmap", "title": "pull", "milestone": 1, "state": "closed"}
        pull = api.post("/_sandbox/pull-requests", json=asked).json()
        assert "pull_request" in pull
        shown = api.get(f"{REPO}/milestones/1").json()
        assert (shown["open_issues"], shown["closed_issues"]) == (1, 1)
        assert ["pull_request" in one for one in api.get(f"{REPO}/issues?state=all").json()] == [True, False]


class TestIssues:
    def test_create_read_change(self, api):
        make(api, "milestones", title="M1")
        issue = make(api, "issues", title="1A — Start", body="", milestone=1, labels=["epic"], type=None)
        assert (issue["body"], issue["type"], issue["state_reason"]) == (None, None, None)
        assert issue["milestone"]["number"] == 1
        assert [label["name"] for label in issue["labels"]] == ["epic"]
        assert api.get(f"{REPO}/labels/EPIC").json()["name"] == "epic"
        assert issue["id"] != issue["number"]
        shut = change(api, "issues/1", state="closed", state_reason="not_planned", milestone=None, labels=[])
        assert (shut["state"], shut["state_reason"]) == ("closed", "not_planned")
        assert shut["closed_at"]
        assert (shut["milestone"], shut["labels"]) == (None, [])
        again = change(api, "issues/1", state="open")
        assert (again["state_reason"], again["closed_at"]) == ("reopened", None)

    def test_the_reason_counts_only_when_the_state_changes(self, api):
        make(api, "issues", title="x")
        assert change(api, "issues/1", state_reason="not_planned")["state_reason"] is None
        assert change(api, "issues/1", state="closed")["state_reason"] == "completed"

    def test_only_a_real_change_moves_updated_at(self, box):
        clock = Clock()
        box = GitHubBox(clock=clock)
        with serving(box.app) as url, client(url) as api:
            issue = make(api, "issues", title="x", body="b", labels=["l"])
            clock.offset_seconds += 60
            same = change(api, "issues/1", title="x", body="b", labels=["L"], state="open", milestone=None)
            assert same["updated_at"] == issue["updated_at"]
            assert change(api, "issues/1", body="c")["updated_at"] > issue["updated_at"]
        box.close()

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"title": ""},
            {"title": "x" * 257},
            {"title": "x", "body": "b" * 65_537},
            {"title": "x", "milestone": 9},
            {"title": "x", "labels": "epic"},
            {"title": "x", "labels": ["fine", "l" * 51]},
            {"title": "x", "labels": [f"l{number}" for number in range(101)]},
            {"title": "x" * 257, "labels": ["fine"]},
            {"title": ["x"]},
            {"title": "x", "body": 5},
        ],
    )
    def test_what_is_not_valid_is_refused(self, api, fields):
        answer = api.post(f"{REPO}/issues", json=fields)
        assert answer.status_code == 422, answer.text
        assert api.get(f"{REPO}/issues?state=all").json() == []
        assert api.get(f"{REPO}/labels").json() == []

    def test_the_largest_is_taken(self, api):
        assert len(make(api, "issues", title="x" * 256, body="b" * 65_536)["body"]) == 65_536

    @pytest.mark.parametrize("fields", [{"state": "shut"}, {"state": "closed", "state_reason": "bored"}])
    def test_unknown_words_are_refused(self, api, fields):
        make(api, "issues", title="x")
        assert api.patch(f"{REPO}/issues/1", json=fields).status_code == 422
        assert api.get(f"{REPO}/issues?state=shut").status_code == 422

    def test_bad_json_is_a_bad_request(self, api):
        answer = api.post(f"{REPO}/issues", content=b"{")
        assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")

    def test_a_date_alone_is_no_due_on(self, api):
        assert api.post(f"{REPO}/milestones", json={"title": "M", "due_on": "2026-11-16"}).status_code == 422

    def test_pages_follow_the_link_header(self, api):
        for number in range(MANY):
            make(api, "issues", title=str(number))
        first = api.get(f"{REPO}/issues?per_page=500&direction=asc")
        assert len(first.json()) == 100
        assert set(first.links) == {"next", "last"}
        last = api.get(first.links["next"]["url"])
        assert [one["number"] for one in last.json()] == list(range(101, MANY + 1))
        assert "next" not in last.links
        assert len(api.get(f"{REPO}/issues").json()) == 30

    def test_since_is_on_or_after_and_needs_state_all_to_see_closures(self):
        clock = Clock(-3600)
        box = GitHubBox(clock=clock)
        with serving(box.app) as url, client(url) as api:
            make(api, "issues", title="old")
            clock.offset_seconds += 60
            changed = make(api, "issues", title="changed")["updated_at"]
            change(api, "issues/2", state="closed")
            asked = f"{REPO}/issues?since={changed}&sort=updated&direction=asc"
            assert [one["number"] for one in api.get(f"{asked}&state=all").json()] == [2]
            assert api.get(asked).json() == []
        box.close()

    def test_filters(self, api):
        make(api, "milestones", title="M1")
        make(api, "issues", title="a", milestone=1, labels=["x", "y"])
        make(api, "issues", title="b", labels=["x"])

        def listed(query: str) -> str:
            return "".join(one["title"] for one in api.get(f"{REPO}/issues?{query}").json())

        assert listed("milestone=1") == listed("milestone=*") == listed("labels=x,Y") == "a"
        assert listed("milestone=none") == "b"
        assert api.get(f"{REPO}/issues?milestone=7").status_code == 422

    def test_a_deleted_issue_is_gone(self, api):
        make(api, "issues", title="x")
        assert api.delete("/_sandbox/issues/acme/roadmap/1").status_code == 204
        assert api.get(f"{REPO}/issues/1").status_code == 410
        assert make(api, "issues", title="y")["number"] == 2

    def test_labels_and_comments(self, api):
        make(api, "labels", name="epic", color="5319E7", description="A task")
        assert api.post(f"{REPO}/labels", json={"name": "Epic"}).json()["errors"][0]["code"] == "already_exists"
        make(api, "issues", title="x")
        added = api.post(f"{REPO}/issues/1/labels", json={"labels": ["EPIC", "new"]})
        assert [label["name"] for label in added.json()] == ["epic", "new"]
        left = api.delete(f"{REPO}/issues/1/labels/epic").json()
        assert [label["name"] for label in left] == ["new"]
        make(api, "issues/1/comments", body="hello")
        assert [one["body"] for one in api.get(f"{REPO}/issues/1/comments").json()] == ["hello"]
        assert api.get(f"{REPO}/issues/1").json()["comments"] == 1


class TestConditionalRequests:
    def test_unchanged_answers_304_for_free(self, api, box):
        first = api.get(f"{REPO}/issues")
        assert first.headers["etag"].startswith('W/"')
        used = int(first.headers["x-ratelimit-used"])
        same = api.get(f"{REPO}/issues", headers={"If-None-Match": first.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
        assert int(same.headers["x-ratelimit-used"]) == used
        assert same.headers["date"]
        make(api, "issues", title="x")
        assert api.get(f"{REPO}/issues", headers={"If-None-Match": first.headers["etag"]}).status_code == 200
        assert box.log.summary() == {"total": 4, "reads": 3, "writes": 1, "not_modified": 1}

    def test_the_log_can_be_read_and_cleared(self, api):
        api.get("/user")
        shown = api.get("/_sandbox/requests").json()
        assert shown["entries"] == [{"method": "GET", "path": "/user", "status": 200}]
        assert api.delete("/_sandbox/requests").status_code == 204
        assert api.get("/_sandbox/requests").json()["total"] == 0


class TestSubIssues:
    def link(self, api: httpx.Client, parent: int, child: dict, **more) -> httpx.Response:
        return api.post(f"{REPO}/issues/{parent}/sub_issues", json={"sub_issue_id": child["id"], **more})

    def test_add_order_remove(self, api):
        parent, one, two = (make(api, "issues", title=title) for title in ("parent", "one", "two"))
        assert self.link(api, 1, one).json()["sub_issues_summary"]["total"] == 1
        assert self.link(api, 1, two).status_code == 201
        assert api.get(f"{REPO}/issues/2/parent").json()["id"] == parent["id"]
        assert api.get(f"{REPO}/issues/2").json()["parent_issue_url"].endswith("/issues/1")
        moved = {"sub_issue_id": two["id"], "before_id": one["id"]}
        assert api.patch(f"{REPO}/issues/1/sub_issues/priority", json=moved).status_code == 200
        assert [child["title"] for child in api.get(f"{REPO}/issues/1/sub_issues").json()] == ["two", "one"]
        change(api, "issues/2", state="closed")
        assert api.get(f"{REPO}/issues/1").json()["sub_issues_summary"] == {
            "total": 2,
            "completed": 1,
            "percent_completed": 50,
        }
        gone = api.request("DELETE", f"{REPO}/issues/1/sub_issue", json={"sub_issue_id": one["id"]})
        assert gone.status_code == 200
        assert api.get(f"{REPO}/issues/2/parent").status_code == 404
        assert "parent_issue_url" not in api.get(f"{REPO}/issues/2").json()

    def test_the_number_is_not_the_id(self, api):
        make(api, "issues", title="parent")
        make(api, "issues", title="child")
        assert api.post(f"{REPO}/issues/1/sub_issues", json={"sub_issue_id": 2}).status_code == 404

    def test_one_parent_only_unless_replaced(self, api):
        for title in ("one", "two", "child"):
            child = make(api, "issues", title=title)
        assert self.link(api, 1, child).status_code == 201
        refused = self.link(api, 2, child)
        assert refused.status_code == 422
        assert "may only have one parent" in refused.json()["message"]
        assert self.link(api, 1, child).status_code == 422
        assert self.link(api, 2, child, replace_parent=True).status_code == 201
        assert api.get(f"{REPO}/issues/1").json()["sub_issues_summary"]["total"] == 0

    def test_a_hundred_to_a_parent_closed_ones_too(self, api):
        make(api, "issues", title="parent")
        for number in range(100):
            child = make(api, "issues", title=str(number), labels=[])
            assert self.link(api, 1, child).status_code == 201
        change(api, "issues/2", state="closed")
        extra = make(api, "issues", title="extra")
        refused = self.link(api, 1, extra)
        assert refused.status_code == 422
        assert "more than 100 sub-issues" in refused.json()["message"]

    def test_eight_levels_and_no_circles(self, api):
        made = [make(api, "issues", title=str(level)) for level in range(10)]
        for level in range(8):
            assert self.link(api, level + 1, made[level + 1]).status_code == 201
        assert self.link(api, 9, made[9]).status_code == 422
        assert self.link(api, 9, made[0]).status_code == 422
        assert self.link(api, 1, made[0]).status_code == 422

    def test_parallel_adds_under_one_parent_collide(self, api, url):
        make(api, "issues", title="parent")
        children = [make(api, "issues", title=str(number)) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda child: self.link(api, 1, child), children))
        refused = [answer.json()["message"] for answer in answers if answer.status_code == 422]
        assert refused
        assert all("Priority has already been taken" in message for message in refused)

    def test_dependencies(self, api):
        one, two = make(api, "issues", title="one"), make(api, "issues", title="two")
        blocked = api.post(f"{REPO}/issues/2/dependencies/blocked_by", json={"issue_id": one["id"]})
        assert blocked.status_code == 201
        assert blocked.json()["issue_dependencies_summary"]["blocked_by"] == 1
        change(api, "issues/1", state="closed")
        summary = api.get(f"{REPO}/issues/2").json()["issue_dependencies_summary"]
        assert (summary["blocked_by"], summary["total_blocked_by"]) == (0, 1)
        assert [each["id"] for each in api.get(f"{REPO}/issues/1/dependencies/blocking").json()] == [two["id"]]
        assert api.delete(f"{REPO}/issues/2/dependencies/blocked_by/{one['id']}").status_code == 200
        assert api.get(f"{REPO}/issues/2/dependencies/blocked_by").json() == []


class TestWebhooks:
    def hook(self, api: httpx.Client, address: str, *events: str, **config) -> dict:
        config = {"url": address, "content_type": "json", **config}
        return make(api, "hooks", name="web", config=config, events=list(events))

    def test_calls_are_signed_on_their_bytes(self, api, receiver):
        hooks, address = receiver
        made = self.hook(api, address, "issues", secret="hush")
        assert made["config"]["secret"] == "********"
        assert "hush" not in api.get(f"{REPO}/hooks").text
        make(api, "issues", title="Größe")
        events = hooks.events(2)
        assert [event for event, _ in events] == ["ping", "issues.opened"]
        assert events[0][1]["hook_id"] == made["id"]
        assert events[1][1]["issue"]["title"] == "Größe"
        for headers, body in hooks.got:
            signature = hmac.new(b"hush", body, hashlib.sha256).hexdigest()
            assert headers["x-hub-signature-256"] == f"sha256={signature}"
            assert headers["x-github-hook-id"] == str(made["id"])
            assert headers["user-agent"].startswith("GitHub-Hookshot/")

    def test_every_change_is_told(self, api, receiver):
        hooks, address = receiver
        self.hook(api, address, "*")
        make(api, "milestones", title="M1")
        make(api, "issues", title="parent", milestone=1, labels=["epic"])
        child = make(api, "issues", title="child")
        change(api, "issues/1", title="Parent", state="closed", milestone=None, labels=[])
        change(api, "issues/1", state="open")
        change(api, "issues/1", state="open", title="Parent")
        api.post(f"{REPO}/issues/1/sub_issues", json={"sub_issue_id": child["id"]})
        change(api, "milestones/1", state="closed", due_on="2026-12-01T12:00:00Z")
        api.delete("/_sandbox/issues/acme/roadmap/2")
        api.delete(f"{REPO}/milestones/1")
        expected = [
            "ping",
            "milestone.created",
            "label.created",
            "issues.opened",
            "issues.labeled",
            "issues.milestoned",
            "issues.opened",
            "issues.edited",
            "issues.unlabeled",
            "issues.demilestoned",
            "issues.closed",
            "issues.reopened",
            "sub_issues.sub_issue_added",
            "sub_issues.parent_issue_added",
            "milestone.edited",
            "milestone.closed",
            "sub_issues.sub_issue_removed",
            "sub_issues.parent_issue_removed",
            "issues.deleted",
            "milestone.deleted",
        ]
        events = hooks.events(len(expected))
        assert [event for event, _ in events] == expected
        told = dict(events)
        assert told["issues.edited"]["changes"] == {"title": {"from": "parent"}}
        assert told["sub_issues.sub_issue_added"]["sub_issue_id"] == child["id"]

    def test_a_failed_delivery_is_listed_and_sent_again_under_its_own_id(self, api, box, receiver):
        hooks, address = receiver
        made = self.hook(api, address, "issues")
        place = f"{REPO}/hooks/{made['id']}/deliveries"
        until(lambda: len(api.get(place).json()) == 1)
        hooks.status = 500
        make(api, "issues", title="x")
        until(lambda: len(api.get(place).json()) == 2)
        failed = api.get(place).json()[0]
        assert (failed["event"], failed["action"], failed["status_code"]) == ("issues", "opened", 500)
        assert failed["status"] != "OK"
        assert api.get(f"{place}?per_page=1").links["next"]["url"].count("cursor=") == 1
        older = api.get(api.get(f"{place}?per_page=1").links["next"]["url"]).json()
        assert [one["event"] for one in older] == ["ping"]
        assert [one["event"] for one in api.get(f"{place}?status=failure").json()] == ["issues"]
        payload = api.get(f"{place}/{failed['id']}").json()["request"]["payload"]
        assert payload["issue"]["title"] == "x"
        hooks.status = 200
        assert api.post(f"{place}/{failed['id']}/attempts").status_code == 202
        until(lambda: len(api.get(place).json()) == 3)
        newest = api.get(place).json()[0]
        assert (newest["guid"], newest["redelivery"], newest["status"]) == (failed["guid"], True, "OK")
        sent = [headers["x-github-delivery"] for headers, _ in hooks.got]
        assert sent[1] == sent[2] == failed["guid"]
        assert box.hooks.sent[-1] == (address, 200)

    def test_a_lost_call_stands_as_failed_and_can_be_sent_again(self, api, box, receiver):
        hooks, address = receiver
        made = self.hook(api, address, "issues")
        hooks.events(1)
        box.faults.add(Fault("hook_lost", "issues"))
        make(api, "issues", title="lost")
        place = f"{REPO}/hooks/{made['id']}/deliveries"
        until(lambda: len(api.get(place).json()) == 2)
        lost = api.get(f"{place}?status=failure").json()[0]
        assert (lost["event"], lost["action"], lost["status_code"], lost["redelivery"]) == (
            "issues",
            "opened",
            502,
            False,
        )
        assert len(hooks.got) == 1
        api.post(f"{place}/{lost['id']}/attempts")
        assert hooks.events(2)[1][1]["issue"]["title"] == "lost"
        assert hooks.got[1][0]["x-github-delivery"] == lost["guid"]

    def test_calls_come_twice_late_and_out_of_order(self, api, box, receiver):
        hooks, address = receiver
        self.hook(api, address, "issues", "milestone")
        hooks.events(1)
        box.faults.add(Fault("hook_twice", "issues"))
        make(api, "issues", title="twice")
        assert [shown["issue"]["title"] for _, shown in hooks.events(3)[1:]] == ["twice", "twice"]
        assert len({headers["x-github-delivery"] for headers, _ in hooks.got[1:]}) == 1
        box.faults.add(Fault("hook_reordered", "^issues$"))
        make(api, "issues", title="first")
        make(api, "milestones", title="second")
        assert [event for event, _ in hooks.events(5)[3:]] == ["milestone.created", "issues.opened"]
        box.faults.add(Fault("hook_late", "issues", seconds=0.5))
        started = time.monotonic()
        make(api, "issues", title="late")
        make(api, "milestones", title="in time")
        assert [event for event, _ in hooks.events(7)[5:]] == ["milestone.created", "issues.opened"]
        assert time.monotonic() - started >= 0.5

    def test_change_ping_and_remove(self, api, receiver):
        hooks, address = receiver
        made = self.hook(api, address, "issues", secret="hush")
        place = f"hooks/{made['id']}"
        assert change(api, place, add_events=["milestone"])["events"] == ["issues", "milestone"]
        assert change(api, place, active=False)["active"] is False
        bare = change(api, place, config={"url": address, "content_type": "json"})
        assert "secret" not in bare["config"]
        make(api, "issues", title="told to nobody")
        assert api.post(f"{REPO}/{place}/pings").status_code == 204
        assert [event for event, _ in hooks.events(2)] == ["ping", "ping"]
        twice = {"config": {"url": address}, "events": ["issues"]}
        assert api.post(f"{REPO}/hooks", json=twice).status_code == 422
        assert api.delete(f"{REPO}/{place}").status_code == 204
        assert api.get(f"{REPO}/{place}").status_code == 404

    def test_nobody_there_is_a_failed_delivery(self, api):
        made = self.hook(api, "http://127.0.0.1:9/hook", "issues")
        place = f"{REPO}/hooks/{made['id']}/deliveries"
        until(lambda: api.get(place).json())
        assert api.get(place).json()[0]["status"] == "failed to connect to host"


class TestGraphQL:
    CREATE = """mutation($repo: ID!, $title: String!, $milestone: ID, $labels: [ID!], $parent: ID) {
      createIssue(input: {repositoryId: $repo, title: $title, milestoneId: $milestone, labelIds: $labels,
                          parentIssueId: $parent, clientMutationId: "c"}) {
        clientMutationId
        issue { id databaseId fullDatabaseId number title body url state stateReason updatedAt closedAt createdAt
                milestone { number id } labels(first: 100) { nodes { name id } } parent { number id url } }
      }
    }"""

    def ask(self, api: httpx.Client, query: str, **variables) -> dict:
        answer = api.post("/api/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200
        return answer.json()

    def test_creates_an_issue_under_a_parent_in_one_call(self, api, url, box):
        milestone = make(api, "milestones", title="M1")
        label = make(api, "labels", name="epic")
        parent = make(api, "issues", title="parent")
        repo = api.get(REPO).json()["node_id"]
        told = self.ask(
            api,
            self.CREATE,
            repo=repo,
            title="child",
            milestone=milestone["node_id"],
            labels=[label["node_id"]],
            parent=parent["node_id"],
        )
        issue = told["data"]["createIssue"]["issue"]
        assert issue["number"] == 2
        assert issue["milestone"]["number"] == 1
        assert issue["labels"]["nodes"] == [{"name": "epic", "id": label["node_id"]}]
        assert issue["parent"] == {"number": 1, "id": parent["node_id"], "url": f"{url}/acme/roadmap/issues/1"}
        shown = api.get(f"{REPO}/issues/2").json()
        assert (shown["node_id"], str(shown["id"])) == (issue["id"], issue["fullDatabaseId"])
        assert issue["databaseId"] is None
        assert box.log.entries[-2][1] == "/api/graphql mutation"
        assert box.log.summary()["writes"] == 4

    def test_close_reopen_update_delete(self, api):
        node = make(api, "issues", title="x", body="b")["node_id"]
        close = "mutation($id: ID!) { closeIssue(input: {issueId: $id, stateReason: NOT_PLANNED}) { issue { state } } }"
        assert self.ask(api, close, id=node)["data"]["closeIssue"]["issue"]["state"] == "CLOSED"
        assert api.get(f"{REPO}/issues/1").json()["state_reason"] == "not_planned"
        reopen = "mutation($id: ID!) { reopenIssue(input: {issueId: $id}) { issue { stateReason } } }"
        assert self.ask(api, reopen, id=node)["data"]["reopenIssue"]["issue"]["stateReason"] == "REOPENED"
        update = 'mutation($id: ID!) { updateIssue(input: {id: $id, body: "c"}) { issue { title body } } }'
        assert self.ask(api, update, id=node)["data"]["updateIssue"]["issue"] == {"title": "x", "body": "c"}
        delete = "mutation($id: ID!) { deleteIssue(input: {issueId: $id}) { repository { nameWithOwner } } }"
        told = self.ask(api, delete, id=node)["data"]["deleteIssue"]
        assert told == {"repository": {"nameWithOwner": "acme/roadmap"}}
        assert api.get(f"{REPO}/issues/1").status_code == 410

    def test_sub_issues_and_their_limits(self, api):
        parent, child = make(api, "issues", title="parent"), make(api, "issues", title="child")
        add = """mutation($parent: ID!, $url: String) {
          addSubIssue(input: {issueId: $parent, subIssueUrl: $url}) {
            issue { subIssuesSummary { total } } subIssue { number } } }"""
        told = self.ask(api, add, parent=parent["node_id"], url=child["html_url"])["data"]["addSubIssue"]
        assert told == {"issue": {"subIssuesSummary": {"total": 1}}, "subIssue": {"number": 2}}
        repo = api.get(REPO).json()["node_id"]
        for number in range(99):
            told = self.ask(api, self.CREATE, repo=repo, title=str(number), parent=parent["node_id"])
            assert "errors" not in told
        refused = self.ask(api, self.CREATE, repo=repo, title="one too many", parent=parent["node_id"])
        assert refused["data"] == {"createIssue": None}
        assert refused["errors"][0]["type"] == "VALIDATION"
        assert refused["errors"][0]["message"] == "Parent cannot have more than 100 sub-issues"
        assert api.get(f"{REPO}/issues/102").status_code == 404

    def test_reads(self, api, box):
        make(api, "milestones", title="M1")
        for title in "abc":
            make(api, "issues", title=title, milestone=1)
        query = """query($after: String) { viewer { login } rateLimit { limit remaining }
          repository(owner: "acme", name: "roadmap") {
            milestone(number: 1) { issues(first: 2, after: $after) {
              totalCount nodes { title } pageInfo { hasNextPage endCursor } } } } }"""
        page = self.ask(api, query)["data"]["repository"]["milestone"]["issues"]
        assert (page["totalCount"], page["nodes"]) == (3, [{"title": "a"}, {"title": "b"}])
        rest = self.ask(api, query, after=page["pageInfo"]["endCursor"])["data"]["repository"]["milestone"]["issues"]
        assert (rest["nodes"], rest["pageInfo"]["hasNextPage"]) == ([{"title": "c"}], False)
        node = api.get(f"{REPO}/issues/1").json()["node_id"]
        told = self.ask(api, "query($id: ID!) { node(id: $id) { __typename id ... on Issue { title } } }", id=node)
        assert told["data"]["node"] == {"__typename": "Issue", "id": node, "title": "a"}
        assert box.log.summary()["writes"] == 4

    @pytest.mark.parametrize(
        ("query", "kind"),
        [
            ('{ node(id: "I_nothing") { id } }', "NOT_FOUND"),
            ('{ repository(owner: "acme", name: "no way") { id } }', "NOT_FOUND"),
            ('{ repository(owner: "a", name: "b") { labels { totalCount } } }', "MISSING_PAGINATION_BOUNDARIES"),
            ('{ repository(owner: "a", name: "b") { labels(first: 101) { totalCount } } }', "EXCESSIVE_PAGINATION"),
        ],
    )
    def test_errors_have_githubs_types(self, api, query, kind):
        assert self.ask(api, query)["errors"][0]["type"] == kind

    def test_what_does_not_parse_is_said_with_200(self, api):
        assert self.ask(api, "{ nonsense }")["errors"]
        assert self.ask(api, "{")["errors"]
        assert api.post("/graphql", content=b"{").status_code == 400


def test_pygithub_works_against_the_box(url):
    hub = github.Github(base_url=url, auth=github.Auth.Token("t"), seconds_between_requests=0, seconds_between_writes=0)
    repo = hub.get_repo("acme/roadmap")
    milestone = repo.create_milestone("M1 — Start", description="why")
    parent = repo.create_issue("1A — Mobilise", body="- [ ] step", milestone=milestone, labels=["epic"])
    child = repo.create_issue("1A.1 Draft")
    parent.add_sub_issue(child)
    assert [one.title for one in parent.get_sub_issues()] == ["1A.1 Draft"]
    child.edit(state="closed", state_reason="completed")
    parent.edit(title="1A — Mobilised", labels=[])
    shown = repo.get_issue(parent.number)
    assert (shown.title, shown.labels, shown.milestone.title) == ("1A — Mobilised", [], "M1 — Start")
    assert shown.sub_issues_summary.completed == 1
    assert [one.number for one in repo.get_issues(state="all", sort="updated", direction="asc")] == [1, 2]
    with pytest.raises(github.GithubException) as refused:
        repo.create_milestone("M1 — Start")
    assert refused.value.status == 422
    hub.close()
