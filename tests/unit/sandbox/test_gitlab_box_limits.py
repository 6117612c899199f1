"""GitLab's box when it misbehaves or holds back, in GitLab's words; and what a GraphQL query may cost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from connectors.sandbox.faults import Fault
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import serving

PROJECT = "/api/v4/projects/acme%2Fapp"
ISSUES = f"{PROJECT}/issues"
TOO_OFTEN = "This endpoint has been requested too many times. Try again later."
LISTED = '{ project(fullPath: "acme/app") { workItems(first: %d) { nodes { %s } } } }'


@pytest.fixture
def box() -> Iterator[GitLabBox]:
    one = GitLabBox()
    yield one
    one.close()


@pytest.fixture
def api(box: GitLabBox) -> Iterator[httpx.Client]:
    with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False, headers={"PRIVATE-TOKEN": "t"}) as client:
        yield client


def count(api: httpx.Client) -> int:
    return int(api.get(ISSUES).headers["x-total"])


def test_the_limit_on_all_requests(api: httpx.Client, box: GitLabBox) -> None:
    box.limits.set({"requests_per_minute": 3, "speed": 30})
    told = [api.get(ISSUES) for _ in range(3)][-1]
    assert (told.status_code, told.headers["ratelimit-limit"]) == (200, "3")
    before = int(time.time())
    refused = api.get(ISSUES)
    assert (refused.status_code, refused.text) == (429, "Retry later\n")
    assert refused.headers["content-type"].startswith("text/plain")
    assert (refused.headers["ratelimit-remaining"], refused.headers["ratelimit-observed"]) == ("0", "3")
    assert refused.headers["retry-after"] in ("1", "2")
    assert int(refused.headers["ratelimit-reset"]) > before
    deadline = time.monotonic() + 5
    while api.get(ISSUES).status_code == 429:
        assert time.monotonic() < deadline


def test_the_limit_on_creating_issues_shows_in_no_header(api: httpx.Client, box: GitLabBox) -> None:
    types = api.post(
        "/api/graphql", json={"query": '{ namespace(fullPath: "acme/app") { workItemTypes { nodes { id name } } } }'}
    ).json()["data"]["namespace"]["workItemTypes"]["nodes"]
    task = next(t["id"] for t in types if t["name"] == "Task")
    box.limits.set({"issues_per_minute": 2})
    create = (
        "mutation ($type: WorkItemsTypeID!) { "
        'workItemCreate(input: {namespacePath: "acme/app", workItemTypeId: $type, title: "t"}) { errors } }'
    )
    asked = {"query": create, "variables": {"type": task}}
    assert api.post("/api/graphql", json=asked).json()["data"]["workItemCreate"]["errors"] == []
    assert api.post(ISSUES, json={"title": "x"}).status_code == 201
    refused = api.post(ISSUES, json={"title": "y"})
    assert (refused.status_code, refused.json()) == (429, {"message": {"error": TOO_OFTEN}})
    assert "retry-after" not in refused.headers
    assert int(refused.headers["ratelimit-remaining"]) > 0
    graphql = api.post("/api/graphql", json=asked)
    assert (graphql.status_code, graphql.json()) == (429, {"errors": [{"message": TOO_OFTEN}]})
    assert api.put(f"{ISSUES}/1", json={"title": "z"}).status_code == 200
    assert count(api) == 2
    assert api.put("/_sandbox/limits", json={"content_per_minute": 80}).status_code == 422


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (401, {"message": "401 Unauthorized"}),
        (403, {"message": "403 Forbidden"}),
        (404, {"message": "404 Not found"}),
        (409, {"message": "409 Conflict"}),
        (412, {"message": "412 Precondition Failed"}),
        (422, {"message": "422 Unprocessable Entity"}),
        (500, {"message": "500 Internal Server Error"}),
    ],
)
def test_errors_in_gitlabs_words(api: httpx.Client, box: GitLabBox, status: int, answer: dict) -> None:
    box.faults.add(Fault("error", match=r"^POST .*/issues", status=status))
    refused = api.post(ISSUES, json={"title": "x"})
    assert (refused.status_code, refused.json()) == (status, answer)
    assert refused.headers["x-request-id"]
    assert count(api) == 0


def test_an_answer_that_is_lost_and_one_that_is_wrong(api: httpx.Client, box: GitLabBox) -> None:
    box.faults.add(Fault("error_after", match=r"^POST .*/issues"))
    lost = api.post(ISSUES, json={"title": "there"})
    assert (lost.status_code, lost.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert count(api) == 1
    box.faults.add(Fault("dropped", match=r"^POST .*/issues"))
    with pytest.raises(httpx.RemoteProtocolError):
        api.post(ISSUES, json={"title": "there too"})
    assert count(api) == 2
    box.faults.add(Fault("error", match="graphql", status=500))
    broken = api.post("/api/graphql", json={"query": "{ currentUser { id } }"})
    assert (broken.status_code, broken.json()) == (500, {"errors": [{"message": "Internal server error"}]})
    box.faults.add(Fault("primary_limit", seconds=7))
    assert api.get(ISSUES).headers["retry-after"] == "7"
    assert box.faults.active() == []


def test_lists_lag_behind(api: httpx.Client, box: GitLabBox) -> None:
    first = api.post(ISSUES, json={"title": "new"}).json()
    api.post(f"{PROJECT}/milestones", json={"title": "new"})
    number = box.faults.add(Fault("list_lag", seconds=3600, times=None))
    assert (count(api), api.get(f"{PROJECT}/milestones").json()) == (0, [])
    keyset = {"pagination": "keyset", "order_by": "updated_at"}
    assert api.get(ISSUES, params=keyset).json() == []
    query = {"query": LISTED % (10, "iid")}
    assert api.post("/api/graphql", json=query).json()["data"]["project"]["workItems"]["nodes"] == []
    assert api.get(f"{ISSUES}/{first['iid']}").status_code == 200
    assert box.faults.remove(number)
    assert count(api) == 1
    assert len(api.post("/api/graphql", json=query).json()["data"]["project"]["workItems"]["nodes"]) == 1


def graphql(api: httpx.Client, query: str) -> list[str]:
    answer = api.post("/api/graphql", json={"query": query})
    assert answer.status_code == 200
    return [error["message"] for error in answer.json().get("errors", [])]


def test_a_query_that_costs_too_much_is_refused(api: httpx.Client) -> None:
    api.post(ISSUES, json={"title": "x"})
    fields = " ".join(f"a{number}: title" for number in range(120))
    assert graphql(api, LISTED % (20, fields)) == []
    (told,) = graphql(api, LISTED % (100, fields + " " + " ".join(f"b{n}: iid" for n in range(20))))
    assert told == "Query has complexity of 287, which exceeds max complexity of 250"
    deep = '{ group(fullPath: "acme") { ' + "parent { " * 25 + "id" + " }" * 27
    (told,) = graphql(api, deep)
    assert told == "Query has depth of 27, which exceeds max depth of 20"


def test_of_fragments_on_different_types_the_dearest_counts(api: httpx.Client) -> None:
    api.post(ISSUES, json={"title": "x"})
    many = " ".join(f"a{number}: type" for number in range(100))
    kinds = ("Description", "Hierarchy", "Milestone", "Labels")
    each = " ".join(f"... on WorkItemWidget{kind} {{ {many} }}" for kind in kinds)
    assert graphql(api, LISTED % (100, f"widgets {{ {each} }}")) == []
