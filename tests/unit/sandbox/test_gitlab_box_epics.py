"""GitLab's box: epics of groups as work items, what they hold, who may make them, and what links there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
import pytest

from connectors.sandbox.gitlab import GitLabBox, rules
from connectors.sandbox.gitlab.access import Token
from connectors.sandbox.kit import serving

API = "/api/v4"
PROJECT = f"{API}/projects/acme%2Fplatform%2Fapp"
ISSUES = f"{PROJECT}/issues"
PAGE = "/acme/platform/app/-"
ABSENT = (
    "The resource that you are attempting to access does not exist or you don't have permission to perform this action"
)
TYPES = "query ($path: ID!) { namespace(fullPath: $path) { workItemTypes { nodes { id name } } } }"
CREATE = """mutation ($input: WorkItemCreateInput!) { workItemCreate(input: $input) { errors workItem {
  id iid webUrl description reference(full: true) namespace { fullPath } widgets { type
    ... on WorkItemWidgetHierarchy { parent { id } hasParent }
    ... on WorkItemWidgetLabels { labels { nodes { id title } } }
    ... on WorkItemWidgetMilestone { milestone { id title } }
    ... on WorkItemWidgetStartAndDueDate { startDate dueDate } } } } }"""
UPDATE = """mutation ($input: WorkItemUpdateInput!) { workItemUpdate(input: $input) { errors workItem {
  id title state description } } }"""
LISTED = """query ($path: ID!, $first: Int, $after: String, $iids: [String!], $state: IssuableState, $since: Time) {
  group(fullPath: $path) { epicsEnabled workItems(types: [EPIC], first: $first, after: $after, iids: $iids,
    state: $state, updatedAfter: $since, sort: UPDATED_ASC) {
      count nodes { iid title state updatedAt } pageInfo { hasNextPage endCursor } } } }"""


class Site:
    """A box, and a client of it."""

    def __init__(self, box: GitLabBox, client: httpx.Client) -> None:
        self.box = box
        self.api = client
        self.types: dict[str, str] = {}

    def send(self, query: str, token: str = "t", **variables: object) -> dict:
        body = {"query": query, "variables": variables}
        answer = self.api.post("/api/graphql", json=body, headers={"PRIVATE-TOKEN": token})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, query: str, token: str = "t", **variables: object) -> dict:
        answer = self.send(query, token, **variables)
        assert "errors" not in answer, answer
        return answer["data"]

    def wanted(self, kind: str, path: str, **fields: object) -> dict:
        if not self.types:
            nodes = self.ask(TYPES, path="acme")["namespace"]["workItemTypes"]["nodes"]
            self.types = {node["name"]: node["id"] for node in nodes}
        return {"namespacePath": path, "workItemTypeId": self.types[kind], "title": kind, **fields}

    def create(self, kind: str, path: str = "acme/platform", **fields: object) -> dict:
        return self.ask(CREATE, input=self.wanted(kind, path, **fields))["workItemCreate"]

    def epic(self, path: str = "acme/platform", **fields: object) -> dict:
        made = self.create("Epic", path, **fields)
        assert made["errors"] == []
        return made["workItem"]

    def refused(self, kind: str, path: str, token: str = "t", **fields: object) -> str:
        """The error of the whole document."""
        answer = self.send(CREATE, token, input=self.wanted(kind, path, **fields))
        assert answer["data"] == {"workItemCreate": None}
        return answer["errors"][0]["message"]

    def update(self, item: str, **fields: object) -> list[str]:
        return self.ask(UPDATE, input={"id": item, **fields})["workItemUpdate"]["errors"]

    def listed(self, path: str = "acme/platform", **asked: object) -> dict:
        return self.ask(LISTED, path=path, **asked)["group"]["workItems"]

    def issue(self, **fields: object) -> dict:
        response = self.api.post(ISSUES, json={"title": "x", **fields})
        assert response.status_code == 201, response.text
        return response.json()


@contextmanager
def a_site(*, tokens: Mapping[str, Token] | None = None, **settings: bool) -> Iterator[Site]:
    box = GitLabBox(tokens={"t": Token(), **tokens} if tokens else {}, **settings)
    headers = {"PRIVATE-TOKEN": "t"}
    try:
        with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False, headers=headers) as client:
            yield Site(box, client)
    finally:
        box.close()


@pytest.fixture
def site() -> Iterator[Site]:
    with a_site(premium=True) as one:
        yield one


@pytest.fixture
def free() -> Iterator[Site]:
    with a_site() as one:
        yield one


def widget(item: dict, kind: str) -> dict:
    return next(w for w in item["widgets"] if w["type"] == kind)


def test_an_epic_is_made_whole_in_one_call(site: Site) -> None:
    label = site.api.post(f"{API}/groups/acme/labels", json={"name": "roadmap", "color": "#000"}).json()
    milestone = site.api.post(f"{API}/groups/acme%2Fplatform/milestones", json={"title": "M1"}).json()
    epic = site.epic(
        descriptionWidget={"description": "text for @ann\n/close\n/label ~roadmap"},
        labelsWidget={"labelIds": [f"gid://gitlab/GroupLabel/{label['id']}"]},
        milestoneWidget={"milestoneId": f"gid://gitlab/Milestone/{milestone['id']}"},
        startAndDueDateWidget={"startDate": "2026-11-02", "dueDate": "2026-11-16"},
    )
    assert (epic["description"], epic["iid"], epic["reference"]) == ("text for @ann", "1", "acme/platform&1")
    assert epic["namespace"] == {"fullPath": "acme/platform"}
    assert epic["webUrl"].endswith("/groups/acme/platform/-/epics/1")
    assert [x["title"] for x in widget(epic, "LABELS")["labels"]["nodes"]] == ["roadmap"]
    assert widget(epic, "MILESTONE")["milestone"]["title"] == "M1"
    dates = widget(epic, "START_AND_DUE_DATE")
    assert (dates["startDate"], dates["dueDate"]) == ("2026-11-02", "2026-11-16")
    assert site.api.get("/_sandbox/notifications").json() == [
        {"project": "acme/platform", "iid": 1, "mentioned": ["ann"]}
    ]


def test_an_epic_changes_closes_and_goes(site: Site) -> None:
    epic = site.epic()["id"]
    assert site.update(epic, title="New", stateEvent="CLOSE", descriptionWidget={"description": "a\n/reopen"}) == []
    (found,) = site.listed(state="closed")["nodes"]
    assert (found["title"], found["state"]) == ("New", "CLOSED")
    assert site.update(epic, title=" ") == ["Title can't be blank"]
    assert site.update(epic, title="a" * 256) == ["Title is too long (maximum is 255 characters)"]
    assert site.api.delete("/_sandbox/issues/1", params={"project": "acme/platform"}).status_code == 204
    assert site.listed()["count"] == 0


def test_a_groups_epics_are_listed_page_by_page(site: Site) -> None:
    for number in range(5):
        site.epic(title=str(number))
    site.epic("acme", title="above")
    seen, after = [], None
    while True:
        page = site.listed(first=2, after=after)
        seen += [node["title"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert seen == ["0", "1", "2", "3", "4"]
    assert [n["title"] for n in site.listed(iids=["2", "4"])["nodes"]] == ["1", "3"]
    newest = site.listed()["nodes"][-1]["updatedAt"]
    assert site.listed(since=newest)["nodes"][-1]["title"] == "4"
    assert site.listed(first=1000)["count"] == 5
    many = site.send(LISTED, path="acme/platform", iids=[str(number) for number in range(101)])
    assert many["errors"][0]["message"] == "iids is too long (maximum is 100)"
    below = 'query { group(fullPath: "acme") { workItems(includeDescendants: true, excludeProjects: true) { count } } }'
    assert site.ask(below)["group"]["workItems"]["count"] == 6


def test_an_issue_is_put_under_an_epic_and_rest_tells(site: Site) -> None:
    epic = site.epic(title="Task 1")
    child = site.create("Issue", "acme/platform/app", hierarchyWidget={"parentId": epic["id"]})["workItem"]
    assert widget(child, "HIERARCHY") == {"type": "HIERARCHY", "parent": {"id": epic["id"]}, "hasParent": True}
    other = site.issue()
    assert site.update(f"gid://gitlab/WorkItem/{other['id']}", hierarchyWidget={"parentId": epic["id"]}) == []
    shown = site.api.get(f"{ISSUES}/{other['iid']}").json()
    group = site.api.get(f"{API}/groups/acme%2Fplatform").json()["id"]
    told = {key: shown["epic"][key] for key in ("iid", "title", "group_id", "url")}
    assert told == {"iid": 1, "title": "Task 1", "group_id": group, "url": "/groups/acme/platform/-/epics/1"}
    assert shown["epic_iid"] == 1
    assert f"gid://gitlab/WorkItem/{shown['epic']['id']}" != epic["id"]  # its own id, not its work item's
    inside = site.api.get(f"{API}/groups/acme/issues", params={"scope": "all", "sort": "asc"}).json()
    assert [(i["references"]["full"], i["epic_iid"]) for i in inside] == [
        ("acme/platform/app#1", 1),
        ("acme/platform/app#2", 1),
    ]
    under = """query ($ids: [WorkItemID!]) {
      project(fullPath: "acme/platform/app") { workItems(parentIds: $ids) { count } } }"""
    assert site.ask(under, ids=[epic["id"]])["project"]["workItems"]["count"] == 2
    page = site.api.get("/groups/acme/platform").text
    assert page.index("Task 1") < page.index("/acme/platform/app/-/issues/1") < page.index("/app/-/issues/2")
    assert site.update(f"gid://gitlab/WorkItem/{other['id']}", hierarchyWidget={"parentId": None}) == []
    assert site.api.get(f"{ISSUES}/{other['iid']}").json()["epic"] is None


def test_epics_under_epics_are_for_ultimate(site: Site) -> None:
    top = site.epic()["id"]
    refused = site.create("Epic", hierarchyWidget={"parentId": top})
    assert (refused["workItem"], refused["errors"]) == (None, [rules.NO_SUCH_ITEM])
    assert site.api.put("/_sandbox/licence", json={"premium": True, "ultimate": True}).status_code == 200
    levels = [top]
    while len(levels) < 7:
        levels.append(site.epic(hierarchyWidget={"parentId": levels[-1]})["id"])
    told = site.create("Epic", hierarchyWidget={"parentId": levels[-1]})["errors"]
    assert told == ["&8 cannot be added: reached maximum depth"]
    assert site.update(top, hierarchyWidget={"parentId": levels[1]}) == [
        "&1 cannot be added: it's already present in this item's hierarchy"
    ]


def test_what_may_not_be_under_what(site: Site) -> None:
    epic = site.epic(confidential=True)["id"]
    wrong_type = site.create("Task", "acme/platform/app", hierarchyWidget={"parentId": epic})["errors"]
    assert wrong_type == ["#1 cannot be added: it's not allowed to add this type of parent item"]
    secret = site.create("Issue", "acme/platform/app", hierarchyWidget={"parentId": epic})["errors"]
    assert "Make the issue confidential and try again." in secret[0]
    assert site.refused("Issue", "acme") == ABSENT
    assert site.refused("Epic", "acme/platform/app") == ABSENT


def test_without_a_licence_epics_are_listed_as_a_type_and_refused(free: Site) -> None:
    assert free.refused("Epic", "acme") == ABSENT
    assert free.listed()["count"] == 0
    assert "epic" not in free.issue()
    features = 'query { namespace(fullPath: "acme") { availableFeatures { hasEpicsFeature hasSubepicsFeature } } }'
    assert free.ask(features)["namespace"]["availableFeatures"] == {
        "hasEpicsFeature": False,
        "hasSubepicsFeature": False,
    }
    assert free.api.get(f"{API}/namespaces/acme").json()["plan"] == "free"


def test_a_licence_comes_and_lapses(free: Site) -> None:
    assert free.api.put("/_sandbox/licence", json={"premium": True}).json() == {"premium": True, "ultimate": False}
    epic = free.epic()["id"]
    free.create("Issue", "acme/platform/app", hierarchyWidget={"parentId": epic})
    assert free.api.get(f"{ISSUES}/1").json()["epic"]["iid"] == 1
    free.api.put("/_sandbox/licence", json={"premium": False})
    assert "epic" not in free.api.get(f"{ISSUES}/1").json()
    assert free.listed()["count"] == 0
    assert free.send(UPDATE, input={"id": epic, "title": "x"})["errors"][0]["message"] == ABSENT
    assert free.api.put("/_sandbox/licence", json={"premium": "yes"}).status_code == 422


def test_who_may_make_epics() -> None:
    tokens = {
        "planner": Token(role=15, group_role=15),
        "guest": Token(role=10, group_role=10),
        "outside": Token(role=40, group_role=0),
        "project": Token(kind="project", path="acme/platform/app"),
        "group": Token(kind="group", path="acme/platform"),
        "reader": Token(scopes=("read_api",)),
    }
    with a_site(premium=True, tokens=tokens) as site:
        site.issue()
        for token in ("guest", "outside", "project", "reader"):
            assert site.refused("Epic", "acme/platform", token) == ABSENT, token
        assert site.refused("Epic", "acme", "group") == ABSENT
        for token in ("planner", "group"):
            made = site.ask(CREATE, token, input=site.wanted("Epic", "acme/platform"))["workItemCreate"]
            assert made["errors"] == [], token
        assert site.listed()["count"] == 2
        assert site.ask(LISTED, "project", path="acme/platform")["group"]["workItems"]["count"] == 2
        assert site.ask(LISTED, "group", path="other")["group"] is None


def test_blocking_links_need_a_licence(site: Site, free: Site) -> None:
    for one in (site, free):
        for _ in range(2):
            one.issue()
    link = {"target_project_id": "acme/platform/app", "target_issue_iid": 2, "link_type": "is_blocked_by"}
    refused = free.api.post(f"{ISSUES}/1/links", json=link)
    told = {"message": "Blocked issues not available for current license"}
    assert (refused.status_code, refused.json()) == (403, told)
    made = site.api.post(f"{ISSUES}/1/links", json=link)
    assert (made.status_code, made.json()["link_type"]) == (201, "is_blocked_by")
    again = site.api.post(f"{ISSUES}/1/links", json={**link, "link_type": "relates_to"})
    assert (again.status_code, again.json()) == (409, {"message": "Issue(s) already assigned"})
    assert site.api.get(f"{ISSUES}/2").json()["blocking_issues_count"] == 1
    (seen,) = site.api.get(f"{ISSUES}/2/links").json()
    assert (seen["iid"], seen["link_type"]) == (1, "blocks")
    assert site.api.post(f"{ISSUES}/1/links", json={**link, "link_type": "needs"}).status_code == 400
    absent = site.api.post(f"{ISSUES}/1/links", json={**link, "target_issue_iid": 9})
    assert absent.status_code == 404


LINKS = """query ($id: WorkItemID!) { workItem(id: $id) { widgets { ... on WorkItemWidgetLinkedItems {
  blocked blockedByCount blockingCount linkedItems { nodes { linkId linkType workItem { iid } } } } } } }"""
LINK = (
    """mutation ($input: WorkItemAddLinkedItemsInput!) { workItemAddLinkedItems(input: $input) { errors message } }"""
)
UNLINK = """mutation ($input: WorkItemRemoveLinkedItemsInput!) {
  workItemRemoveLinkedItems(input: $input) { errors message } }"""


def test_work_items_are_linked(site: Site, free: Site) -> None:
    ids = [f"gid://gitlab/WorkItem/{site.issue()['id']}" for _ in range(3)]
    asked = {"id": ids[0], "workItemsIds": ids[1:], "linkType": "BLOCKED_BY"}
    assert site.ask(LINK, input=asked)["workItemAddLinkedItems"]["errors"] == []
    assert site.ask(LINK, input=asked)["workItemAddLinkedItems"]["errors"] == ["Items are already linked"]
    (shown,) = [w for w in site.ask(LINKS, id=ids[0])["workItem"]["widgets"] if w]
    assert (shown["blocked"], shown["blockedByCount"], shown["blockingCount"]) == (True, 2, 0)
    kinds = [(n["linkType"], n["workItem"]["iid"]) for n in shown["linkedItems"]["nodes"]]
    assert kinds == [("is_blocked_by", "2"), ("is_blocked_by", "3")]
    gone = site.ask(UNLINK, input={"id": ids[0], "workItemsIds": ids[1:2]})["workItemRemoveLinkedItems"]
    assert gone["errors"] == []
    (left,) = [w for w in site.ask(LINKS, id=ids[0])["workItem"]["widgets"] if w]
    assert [n["workItem"]["iid"] for n in left["linkedItems"]["nodes"]] == ["3"]
    assert site.update(ids[2], stateEvent="CLOSE") == []
    (open_,) = [w for w in site.ask(LINKS, id=ids[0])["workItem"]["widgets"] if w]
    assert (open_["blocked"], open_["blockedByCount"]) == (False, 0)

    plain = [f"gid://gitlab/WorkItem/{free.issue()['id']}" for _ in range(2)]
    refused = free.ask(LINK, input={"id": plain[0], "workItemsIds": plain[1:], "linkType": "BLOCKS"})
    told = "Blocked work items are not available for the current subscription tier"
    assert refused["workItemAddLinkedItems"]["errors"] == [told]
    related = free.ask(LINK, input={"id": plain[0], "workItemsIds": plain[1:]})["workItemAddLinkedItems"]
    assert related["message"] == f"Successfully linked ID(s): {plain[1].rpartition('/')[2]}."


def test_epics_by_mouse(site: Site) -> None:
    epic = site.epic(title="Task 1")
    site.issue(title="Step")
    page = site.api.get(f"{PAGE}/issues/1").text
    assert f'<option value="{epic["id"].rpartition("/")[2]}">Task 1</option>' in page
    form = {"do": "save", "title": "Step", "milestone": "", "parent": epic["id"].rpartition("/")[2]}
    assert site.api.post(f"{PAGE}/issues/1", data=form).status_code == 303
    assert site.api.get(f"{ISSUES}/1").json()["epic_iid"] == 1
    assert "part of" in site.api.get(f"{PAGE}/issues/1").text
    assert "Step" in site.api.get("/groups/acme/platform/-/epics/1").text
    site.api.post("/groups/acme/platform/-/epics/1", data={"do": "close"})
    assert site.listed(state="closed")["count"] == 1
    made = site.api.post("/groups/acme/platform/-/epics", data={"title": "By hand"})
    assert made.headers["location"] == "/groups/acme/platform/-/epics/2"
    assert "/groups/acme/platform" in site.api.get("/").text
    site.api.post("/_sandbox", data={"action": "switch", "switch": "licence"})
    assert site.api.get("/_sandbox/licence").json() == {"premium": False, "ultimate": False}
    assert site.api.post("/groups/acme/platform/-/epics", data={"title": "No"}).status_code == 403
