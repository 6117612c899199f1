"""GitLab's box over GraphQL: work items, their hierarchy, and what each licence allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from connectors.sandbox.gitlab import GitLabBox, rules
from connectors.sandbox.kit import Options, serving

Ask = Callable[..., dict]

TYPES = "query ($path: ID!) { namespace(fullPath: $path) { workItemTypes { nodes { id name } } } }"
CREATE = """mutation ($input: WorkItemCreateInput!) { workItemCreate(input: $input) { errors workItem {
  id iid state description workItemType { name } widgets { type
    ... on WorkItemWidgetHierarchy { parent { id iid } }
    ... on WorkItemWidgetMilestone { milestone { id title } }
    ... on WorkItemWidgetLabels { labels { nodes { title } } }
    ... on WorkItemWidgetStartAndDueDate { startDate dueDate } } } } }"""
UPDATE = """mutation ($input: WorkItemUpdateInput!) { workItemUpdate(input: $input) { errors workItem {
  id title state closedAt widgets { ... on WorkItemWidgetHierarchy { hasChildren children { nodes { iid } } } } } } }"""


@pytest.fixture(params=[False, True], ids=["free", "premium"])
def premium(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def api(premium: bool) -> Iterator[httpx.Client]:
    box = GitLabBox(Options(tokens=("t",), read_only=("reader",)), premium=premium)
    with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False, headers={"PRIVATE-TOKEN": "t"}) as client:
        yield client
    box.close()


@pytest.fixture
def ask(api: httpx.Client) -> Ask:
    def ask(query: str, **variables: object) -> dict:
        answer = api.post("/api/graphql", json={"query": query, "variables": variables}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    return ask


def types(ask: Ask, path: str = "acme/app") -> dict[str, str]:
    return {t["name"]: t["id"] for t in ask(TYPES, path=path)["namespace"]["workItemTypes"]["nodes"]}


def create(ask: Ask, kind: str, path: str = "acme/app", **fields: object) -> dict:
    wanted = {"namespacePath": path, "workItemTypeId": types(ask, path)[kind], "title": kind, **fields}
    return ask(CREATE, input=wanted)["workItemCreate"]


def widget(item: dict, kind: str) -> dict:
    return next(w for w in item["widgets"] if w.get("type") == kind)


def test_a_task_under_an_issue(api: httpx.Client, ask: Ask) -> None:
    issue = api.post("/api/v4/projects/acme%2Fapp/issues", json={"title": "Parent"}).json()
    milestone = api.post("/api/v4/projects/acme%2Fapp/milestones", json={"title": "M1"}).json()
    label = api.post("/api/v4/projects/acme%2Fapp/labels", json={"name": "step", "color": "#000"}).json()
    answer = create(
        ask,
        "Task",
        descriptionWidget={"description": "text\n/confidential"},
        hierarchyWidget={"parentId": f"gid://gitlab/WorkItem/{issue['id']}"},
        milestoneWidget={"milestoneId": f"gid://gitlab/Milestone/{milestone['id']}"},
        labelsWidget={"labelIds": [f"gid://gitlab/ProjectLabel/{label['id']}"]},
        startAndDueDateWidget={"startDate": "2026-11-02", "dueDate": "2026-11-16"},
    )
    assert answer["errors"] == []
    task = answer["workItem"]
    assert (task["description"], task["workItemType"]["name"]) == ("text", "Task")
    assert widget(task, "HIERARCHY")["parent"] == {"id": f"gid://gitlab/WorkItem/{issue['id']}", "iid": "1"}
    assert widget(task, "MILESTONE")["milestone"]["title"] == "M1"
    assert widget(task, "LABELS")["labels"]["nodes"] == [{"title": "step"}]
    assert widget(task, "START_AND_DUE_DATE")["dueDate"] == "2026-11-16"
    listed = api.get("/api/v4/projects/acme%2Fapp/issues", params={"issue_type": "task"}).json()
    assert [(i["iid"], i["issue_type"], i["type"]) for i in listed] == [(2, "task", "TASK")]
    assert task["id"] == f"gid://gitlab/WorkItem/{listed[0]['id']}"

    update = ask(UPDATE, input={"id": task["id"], "stateEvent": "CLOSE", "title": "Done"})["workItemUpdate"]
    assert (update["workItem"]["state"], update["workItem"]["title"]) == ("CLOSED", "Done")
    parent = {"id": f"gid://gitlab/WorkItem/{issue['id']}"}
    apart = ask(UPDATE, input={"id": task["id"], "hierarchyWidget": {"parentId": None}})["workItemUpdate"]
    assert apart["errors"] == []
    joined = ask(UPDATE, input={**parent, "hierarchyWidget": {"childrenIds": [task["id"]]}})["workItemUpdate"]
    (hierarchy,) = [w for w in joined["workItem"]["widgets"] if w]
    assert hierarchy == {"hasChildren": True, "children": {"nodes": [{"iid": "2"}]}}
    assert "Child items" in api.get("/acme/app/-/issues/1").text
    assert "part of" in api.get("/acme/app/-/work_items/2").text
    deleted = ask("mutation ($id: WorkItemID!) { workItemDelete(input: {id: $id}) { errors } }", id=task["id"])
    assert deleted["workItemDelete"]["errors"] == []


def test_the_hierarchy_has_rules(ask: Ask, premium: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_CHILDREN", 1)
    issue = create(ask, "Issue")["workItem"]["id"]
    refused = create(ask, "Issue", hierarchyWidget={"parentId": issue})
    assert refused == {
        "errors": ["#2 cannot be added: it's not allowed to add this type of parent item"],
        "workItem": None,
    }
    assert create(ask, "Task", hierarchyWidget={"parentId": issue})["errors"] == []
    assert "maximum number of children" in create(ask, "Task", hierarchyWidget={"parentId": issue})["errors"][0]
    assert create(ask, "Task", title=" ")["errors"] == ["Title can't be blank"]


def test_type_ids_belong_to_a_namespace(api: httpx.Client, ask: Ask, premium: bool) -> None:
    foreign = types(ask, "other/app")["Task"]
    assert foreign != types(ask)["Task"]
    wanted = {"namespacePath": "acme/app", "workItemTypeId": foreign, "title": "x"}
    answer = api.post("/api/graphql", json={"query": CREATE, "variables": {"input": wanted}}).json()
    assert "was not found" in answer["errors"][0]["message"]
    assert answer["data"] == {"workItemCreate": None}


def test_lists_are_paged_sorted_and_filtered(ask: Ask, premium: bool) -> None:
    for number in range(5):
        create(ask, "Issue" if number % 2 else "Task", title=str(number))
    query = """query ($after: String, $types: [IssueType!]) { project(fullPath: "acme/app") { id
      workItems(first: 2, after: $after, sort: UPDATED_ASC, types: $types) {
        nodes { title updatedAt } pageInfo { hasNextPage endCursor } } } }"""
    seen, after = [], None
    while True:
        found = ask(query, after=after)["project"]["workItems"]
        seen += [n["title"] for n in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert seen == ["0", "1", "2", "3", "4"]
    tasks = ask(query, types=["TASK"])["project"]["workItems"]["nodes"]
    assert [n["title"] for n in tasks] == ["0", "2"]
    since = """query ($since: Time) { namespace(fullPath: "acme/app") { workItems(updatedAfter: $since) { count } } }"""
    assert ask(since, since=tasks[0]["updatedAt"])["namespace"]["workItems"]["count"] == 5
    assert ask("{ currentUser { username } }") == {"currentUser": {"username": "root"}}


def test_limits_rights_and_the_log(api: httpx.Client, ask: Ask, premium: bool) -> None:
    long = api.post("/api/graphql", json={"query": "{ currentUser { id } }" + " " * 10_000})
    assert (long.status_code, long.json()) == (422, {"errors": [{"message": "Query too large"}]})
    assert "errors" in api.post("/api/graphql", json={"query": "{ nothing }"}).json()
    wanted = {"namespacePath": "acme/app", "workItemTypeId": types(ask)["Task"], "title": "x"}
    body = {"query": CREATE, "variables": {"input": wanted}}
    refused = api.post("/api/graphql", json=body, headers={"PRIVATE-TOKEN": "reader"}).json()
    assert "permission" in refused["errors"][0]["message"]
    api.post("/api/graphql", json=body)
    told = api.get("/_sandbox/requests").json()
    assert {k: told[k] for k in ("total", "reads", "writes", "not_modified")} == {
        "total": 5,
        "reads": 3,
        "writes": 2,
        "not_modified": 0,
    }
    assert told["entries"][-1] == {"method": "POST", "path": "/api/graphql mutation", "status": 200}
