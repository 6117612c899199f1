"""What an organisation's team meets in the GitHub box: issue types, rights, dependencies, issues that move away."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import Clock, Options, serving

REPO = "/repos/acme/roadmap"
ISSUES = f"{REPO}/issues"
TYPES = ("Task", "Bug", "Feature", "Epic")


def client(url: str, token: str = "t") -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)


@contextmanager
def github(options: Options, token: str = "t", clock: Clock | None = None) -> Iterator[httpx.Client]:
    box = GitHubBox(options, clock)
    with serving(box.app) as url, client(url, token) as api:
        yield api
    box.close()


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    with github(Options(types=TYPES, no_push=("reporter",), read_only=("reader",))) as api:
        yield api


@pytest.fixture
def reporter(api) -> Iterator[httpx.Client]:
    with client(str(api.base_url), "reporter") as reporter:
        yield reporter


def made(answer: httpx.Response, status: int = 201) -> dict:
    assert answer.status_code == status, answer.text
    return answer.json()


def issue(api: httpx.Client, title: str = "x", place: str = ISSUES, **fields) -> dict:
    return made(api.post(place, json={"title": title, **fields}))


def run(api: httpx.Client, query: str, **variables) -> dict:
    return made(api.post("/graphql", json={"query": query, "variables": variables}), 200)


def events(api: httpx.Client, hook: dict) -> list[tuple[str, dict]]:
    """What the hook was told, the oldest first, pings left out."""
    place = f"{REPO}/hooks/{hook['id']}/deliveries"
    told = [api.get(f"{place}/{one['id']}").json() for one in reversed(api.get(place).json()) if one["action"]]
    return [(f"{one['event']}.{one['action']}", one["request"]["payload"]) for one in told]


def hook(api: httpx.Client, *names: str, place: str = REPO) -> dict:
    config = {"url": "http://127.0.0.1:9/hook", "content_type": "json"}
    return made(api.post(f"{place}/hooks", json={"config": config, "events": list(names)}))


def heard(api: httpx.Client, hook: dict, *wanted: str) -> dict[str, dict]:
    """The payloads by event, once all that are `wanted` have been told, in that order."""
    for _ in range(500):
        if len(told := events(api, hook)) >= len(wanted):
            break
    assert [name for name, _ in told] == list(wanted)
    return dict(told)


class TestTypes:
    def test_are_listed_for_the_repository_and_its_owner(self, api):
        listed = made(api.get(f"{REPO}/issue-types"), 200)
        assert [one["name"] for one in listed] == list(TYPES)
        assert {"id", "node_id", "description", "color", "is_enabled", "created_at"} <= listed[0].keys()
        assert made(api.get("/orgs/acme/issue-types"), 200) == listed

    def test_there_are_none_by_default(self):
        with github(Options()) as api:
            assert made(api.get(f"{REPO}/issue-types"), 200) == []
            assert api.get("/orgs/acme/issue-types").status_code == 404
            refused = api.post(ISSUES, json={"title": "x", "type": "Bug"})
            assert refused.status_code == 422
            assert refused.json()["errors"] == [
                {"resource": "Issue", "code": "invalid", "field": "type", "value": "Bug"}
            ]
            assert api.get(ISSUES).json() == []

    def test_are_set_changed_cleared_and_told(self, api):
        listener = hook(api, "issues")
        assert issue(api, type="Bug")["type"]["name"] == "Bug"
        changed = made(api.patch(f"{ISSUES}/1", json={"type": "Epic"}), 200)
        assert changed["type"]["name"] == "Epic"
        same = made(api.patch(f"{ISSUES}/1", json={"type": "Epic", "body": "b"}), 200)
        assert same["type"]["name"] == "Epic"
        assert made(api.patch(f"{ISSUES}/1", json={"type": None}), 200)["type"] is None
        told = heard(api, listener, "issues.opened", "issues.typed", "issues.typed", "issues.edited", "issues.untyped")
        assert told["issues.typed"]["type"]["name"] == "Epic"
        assert told["issues.untyped"]["type"]["name"] == "Epic"

    @pytest.mark.parametrize("name", ["Story", "", "bug", 7])
    def test_unknown_ones_are_refused(self, api, name):
        issue(api, type="Task")
        assert api.patch(f"{ISSUES}/1", json={"type": name}).status_code == 422
        assert api.get(f"{ISSUES}/1").json()["type"]["name"] == "Task"

    def test_lists_by_type(self, api):
        for kind in ("Bug", "Task", None):
            issue(api, str(kind), type=kind)
        found = {
            wanted: sorted(one["title"] for one in api.get(ISSUES, params={"type": wanted}).json())
            for wanted in ("Bug", "*", "none", "Epic")
        }
        assert found == {"Bug": ["Bug"], "*": ["Bug", "Task"], "none": ["None"], "Epic": []}

    def test_by_graphql(self, api):
        kind = api.get(f"{REPO}/issue-types").json()[2]
        create = """mutation($repo: ID!, $type: ID) {
          createIssue(input: {repositoryId: $repo, title: "x", issueTypeId: $type}) {
            issue { number issueType { id name color isEnabled } } } }"""
        repo = api.get(REPO).json()["node_id"]
        shown = run(api, create, repo=repo, type=kind["node_id"])["data"]["createIssue"]["issue"]["issueType"]
        assert shown == {"id": kind["node_id"], "name": "Feature", "color": kind["color"].upper(), "isEnabled": True}
        refused = run(api, create, repo=repo, type=repo)
        assert (refused["data"]["createIssue"], refused["errors"][0]["type"]) == (None, "NOT_FOUND")
        assert len(api.get(ISSUES).json()) == 1


WANTED = {"milestone": 1, "labels": ["new", "old"], "assignees": ["sandbox-bot"], "type": "Bug"}


class TestWithoutPushAccess:
    def left(self, shown: dict) -> tuple:
        return shown["milestone"], shown["labels"], shown["assignees"], shown["type"]

    def test_the_repository_says_so(self, reporter):
        shown = made(reporter.get(REPO), 200)["permissions"]
        assert shown == {"admin": False, "maintain": False, "push": False, "triage": False, "pull": True}

    def test_a_create_is_taken_and_half_of_it_dropped_without_a_word(self, api, reporter):
        made(api.post(f"{REPO}/milestones", json={"title": "M1"}))
        shown = issue(reporter, "kept", body="kept too", **WANTED)
        assert (shown["title"], shown["body"]) == ("kept", "kept too")
        assert self.left(shown) == (None, [], [], None)
        assert api.get(f"{REPO}/labels").json() == []

    def test_an_edit_too(self, api, reporter):
        made(api.post(f"{REPO}/milestones", json={"title": "M1"}))
        issue(reporter)
        shown = made(reporter.patch(f"{ISSUES}/1", json={"title": "y", "state": "closed", **WANTED}), 200)
        assert (shown["title"], shown["state"]) == ("y", "closed")
        assert self.left(shown) == (None, [], [], None)
        kept = made(api.patch(f"{ISSUES}/1", json=WANTED), 200)
        assert kept["milestone"]["number"] == 1
        cleared = made(reporter.patch(f"{ISSUES}/1", json={"milestone": None, "labels": [], "type": None}), 200)
        assert self.left(cleared) == self.left(kept)

    def test_by_graphql_too(self, api, reporter):
        milestone = made(api.post(f"{REPO}/milestones", json={"title": "M1"}))["node_id"]
        create = """mutation($repo: ID!, $milestone: ID) {
          createIssue(input: {repositoryId: $repo, title: "x", milestoneId: $milestone}) {
            issue { milestone { number } } } }"""
        shown = run(reporter, create, repo=api.get(REPO).json()["node_id"], milestone=milestone)
        assert shown["data"]["createIssue"]["issue"] == {"milestone": None}
        seen = run(reporter, '{ repository(owner: "acme", name: "roadmap") { viewerPermission } }')
        assert seen["data"]["repository"]["viewerPermission"] == "READ"

    @pytest.mark.parametrize(
        ("method", "path", "needs"),
        [
            ("POST", "/milestones", "issues=write"),
            ("PATCH", "/milestones/1", "issues=write"),
            ("POST", "/labels", "issues=write"),
            ("POST", "/issues/1/labels", "issues=write"),
            ("POST", "/issues/1/sub_issues", "issues=write"),
            ("POST", "/issues/1/dependencies/blocked_by", "issues=write"),
            ("POST", "/hooks", "repository_hooks=write"),
        ],
    )
    @pytest.mark.parametrize("token", ["reporter", "reader"])
    def test_the_rest_is_refused_saying_what_is_needed(self, api, method, path, needs, token):
        issue(api)
        with client(str(api.base_url), token) as weak:
            refused = weak.request(method, REPO + path, json={"title": "x", "name": "x"})
        assert (refused.status_code, refused.headers["x-accepted-github-permissions"]) == (403, needs)
        assert refused.json()["message"] == "Resource not accessible by personal access token"

    def test_others_issues_are_not_edited(self, api, reporter):
        asked = {"owner": "acme", "repo": "roadmap", "title": "of a person"}
        assert api.post("/_sandbox/pull-requests", json=asked).status_code == 201
        assert reporter.patch(f"{ISSUES}/1", json={"title": "y"}).status_code == 403
        assert api.patch(f"{ISSUES}/1", json={"title": "y"}).status_code == 200


class TestDependencies:
    ADD = """mutation($issue: ID!, $blocker: ID!) {
      addBlockedBy(input: {issueId: $issue, blockingIssueId: $blocker}) {
        issue { number blockedBy(first: 10) { totalCount nodes { number } } issueDependenciesSummary { blockedBy } }
        blockingIssue { number blocking(first: 10) { nodes { number } } } } }"""
    REMOVE = """mutation($issue: ID!, $blocker: ID!) {
      removeBlockedBy(input: {issueId: $issue, blockingIssueId: $blocker}) { issue { number } } }"""

    def block(self, api: httpx.Client, number: int, by: dict) -> httpx.Response:
        return api.post(f"{ISSUES}/{number}/dependencies/blocked_by", json={"issue_id": by["id"]})

    def test_by_id_never_by_number_and_each_once(self, api):
        one, two = issue(api), issue(api)
        assert self.block(api, 2, {"id": one["number"]}).status_code == 404
        assert self.block(api, 2, one).status_code == 201
        again = self.block(api, 2, one)
        assert again.status_code == 422
        assert "Target issue has already been taken" in again.json()["message"]
        assert self.block(api, 2, two).status_code == 422
        assert [each["number"] for each in api.get(f"{ISSUES}/2/dependencies/blocked_by").json()] == [1]

    def test_taking_away_what_is_not_there_is_no_error(self, api):
        one = issue(api)
        issue(api)
        assert api.delete(f"{ISSUES}/2/dependencies/blocked_by/{one['id']}").status_code == 200
        assert api.delete(f"{ISSUES}/2/dependencies/blocked_by/1").status_code == 404

    def test_fifty_of_each_relation(self, api):
        blocked, blocker = issue(api, "blocked"), issue(api, "blocker")
        for _ in range(50):
            assert self.block(api, blocked["number"], issue(api)).status_code == 201
        assert self.block(api, blocked["number"], blocker).status_code == 422
        for number in range(3, 53):
            assert self.block(api, number, blocker).status_code == 201
        late = issue(api)
        assert self.block(api, late["number"], blocker).status_code == 422
        summary = api.get(f"{ISSUES}/2").json()["issue_dependencies_summary"]
        assert (summary["total_blocking"], summary["blocking"], summary["total_blocked_by"]) == (50, 50, 0)

    def test_both_sides_are_told(self, api):
        listener = hook(api, "issue_dependencies")
        one, two = issue(api), issue(api)
        self.block(api, 2, one)
        api.delete(f"{ISSUES}/2/dependencies/blocked_by/{one['id']}")
        names = ("blocked_by_added", "blocking_added", "blocked_by_removed", "blocking_removed")
        told = heard(api, listener, *(f"issue_dependencies.{name}" for name in names))
        assert {(body["blocked_issue_id"], body["blocking_issue_id"]) for body in told.values()} == {
            (two["id"], one["id"])
        }
        assert "blocking_issue_repo" in told["issue_dependencies.blocked_by_added"]
        assert "blocked_issue_repo" in told["issue_dependencies.blocking_added"]

    def test_by_graphql(self, api):
        one, two = issue(api), issue(api)
        ids = {"issue": two["node_id"], "blocker": one["node_id"]}
        shown = run(api, self.ADD, **ids)["data"]["addBlockedBy"]
        assert shown["issue"]["blockedBy"] == {"totalCount": 1, "nodes": [{"number": 1}]}
        assert shown["issue"]["issueDependenciesSummary"] == {"blockedBy": 1}
        assert shown["blockingIssue"]["blocking"]["nodes"] == [{"number": 2}]
        again = run(api, self.ADD, **ids)
        assert again["errors"][0]["type"] == "VALIDATION"
        assert "already been taken" in again["errors"][0]["message"]
        assert run(api, self.REMOVE, **ids)["data"]["removeBlockedBy"]["issue"] == {"number": 2}
        assert api.get(f"{ISSUES}/2/dependencies/blocked_by").json() == []


class TestTransfers:
    OTHER = "/repos/acme/archive"

    def move(self, api: httpx.Client, number: int, to: str = "archive") -> httpx.Response:
        return api.post(f"/_sandbox/issues/acme/roadmap/{number}/transfer", json={"repo": to})

    def test_the_old_address_leads_to_the_new(self, api):
        made(api.post(f"{REPO}/milestones", json={"title": "M1"}))
        made(api.post(f"{self.OTHER}/labels", json={"name": "Kept"}))
        old = issue(api, "moving", body="as it was", milestone=1, labels=["kept", "lost"], type="Bug")
        issue(api, "staying")
        new = made(self.move(api, 1), 200)
        gone = api.get(f"{ISSUES}/1")
        assert (gone.status_code, gone.json()["message"]) == (301, "Moved Permanently")
        assert re.fullmatch(r".*/repositories/\d+/issues/1", gone.headers["location"])
        there = api.get(gone.headers["location"]).json()
        assert there == api.get(f"{self.OTHER}/issues/1").json() == new
        assert (there["title"], there["body"], there["type"]["name"]) == ("moving", "as it was", "Bug")
        assert ([label["name"] for label in there["labels"]], there["milestone"]) == (["Kept"], None)
        assert there["id"] != old["id"]
        assert there["repository_url"].endswith("/repos/acme/archive")
        assert [one["title"] for one in api.get(ISSUES, params={"state": "all"}).json()] == ["staying"]
        assert api.get(f"{REPO}/milestones/1").json()["open_issues"] == 0

    def test_writes_to_the_old_address_change_nothing(self, api):
        issue(api)
        self.move(api, 1)
        assert api.patch(f"{ISSUES}/1", json={"title": "y"}).status_code == 301
        below = api.get(f"{ISSUES}/1/comments")
        assert below.headers["location"].endswith("/issues/1/comments")
        assert api.get(below.headers["location"]).json() == []
        assert api.get(f"{self.OTHER}/issues/1").json()["title"] == "x"
        made(api.patch(api.get(f"{ISSUES}/1").headers["location"], json={"title": "y"}), 200)
        assert api.get(f"{self.OTHER}/issues/1").json()["title"] == "y"

    def test_a_milestone_stays_that_is_there_too(self, api):
        for place in (REPO, self.OTHER):
            made(api.post(f"{place}/milestones", json={"title": "M1", "due_on": "2027-03-01T12:00:00Z"}))
        issue(api, milestone=1)
        assert made(self.move(api, 1), 200)["milestone"]["title"] == "M1"
        assert api.get(f"{self.OTHER}/milestones/1").json()["open_issues"] == 1

    def test_moved_on_and_deleted_there_is_gone(self, api):
        issue(api)
        self.move(api, 1)
        assert api.delete("/_sandbox/issues/acme/archive/1").status_code == 204
        assert api.get(api.get(f"{ISSUES}/1").headers["location"]).status_code == 410

    def test_both_repositories_are_told(self, api):
        here = hook(api, "issues")
        old = issue(api)
        new = made(self.move(api, 1), 200)
        changes = heard(api, here, "issues.opened", "issues.transferred")["issues.transferred"]["changes"]
        assert (changes["new_issue"]["id"], changes["new_repository"]["name"]) == (new["id"], "archive")
        assert old["id"] != new["id"]

    @pytest.mark.parametrize("to", ["roadmap", "no such name"])
    def test_only_to_another_repository(self, api, to):
        issue(api)
        assert self.move(api, 1, to).status_code in (404, 422)
        assert api.get(f"{ISSUES}/1").status_code == 200

    def test_by_graphql(self, api):
        moving = issue(api, labels=["new there"])
        target = api.get(self.OTHER).json()["node_id"]
        transfer = """mutation($issue: ID!, $repo: ID!) {
          transferIssue(input: {issueId: $issue, repositoryId: $repo, createLabelsIfMissing: true}) {
            issue { number repository { name } labels(first: 5) { nodes { name } } } } }"""
        shown = run(api, transfer, issue=moving["node_id"], repo=target)["data"]["transferIssue"]["issue"]
        assert shown == {"number": 1, "repository": {"name": "archive"}, "labels": {"nodes": [{"name": "new there"}]}}
        assert run(api, "query($id: ID!) { node(id: $id) { id } }", id=moving["node_id"])["data"] == {"node": None}
