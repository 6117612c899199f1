"""GitLab's box over real HTTP: REST, its pages, and the real python-gitlab."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import gitlab
import httpx
import pytest

from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Clock, Options, serving

PROJECT = "/api/v4/projects/acme%2Fapp"
ISSUES = f"{PROJECT}/issues"
MILESTONES = f"{PROJECT}/milestones"


@pytest.fixture
def box() -> Iterator[GitLabBox]:
    one = GitLabBox()
    yield one
    one.close()


@pytest.fixture
def api(box: GitLabBox) -> Iterator[httpx.Client]:
    with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False, headers={"PRIVATE-TOKEN": "t"}) as client:
        yield client


def made(response: httpx.Response) -> dict:
    assert response.status_code == 201, response.text
    return response.json()


def test_an_issue_from_create_to_delete(api: httpx.Client) -> None:
    issue = made(api.post(ISSUES, json={"title": " One ", "description": "- [ ] a\n- [x] b", "labels": "z,epic"}))
    assert (issue["title"], issue["iid"], issue["state"], issue["type"]) == ("One", 1, "opened", "ISSUE")
    assert issue["labels"] == ["epic", "z"]
    assert issue["task_completion_status"] == {"count": 2, "completed_count": 1}
    assert issue["references"] == {"short": "#1", "relative": "#1", "full": "acme/app#1"}
    assert issue["web_url"] == f"{api.base_url}/acme/app/-/issues/1".replace("//acme", "/acme")
    at = f"{ISSUES}/1"
    changed = api.put(at, json={"state_event": "close", "add_labels": ["x"], "remove_labels": "z"}).json()
    assert (changed["state"], changed["labels"], changed["closed_by"]["username"]) == ("closed", ["epic", "x"], "root")
    assert api.put(at, json={"state_event": "reopen", "description": ""}).json()["closed_at"] is None
    assert api.get(at).json()["description"] is None
    assert api.put(at, json={}).status_code == 400
    assert api.delete(at).status_code == 204
    assert api.get(at).status_code == 404


def test_a_project_is_named_by_path_or_id_and_made_on_first_use(api: httpx.Client) -> None:
    project = api.get("/api/v4/projects/acme%2Fsub%2Fapp").json()
    assert project["path_with_namespace"] == "acme/sub/app"
    assert api.get(f"/api/v4/projects/{project['id']}").json() == project
    assert api.get("/api/v4/groups/acme%2Fsub").json()["parent_id"] == api.get("/api/v4/groups/acme").json()["id"]
    assert api.get("/api/v4/projects/99999").json() == {"message": "404 Project Not Found"}
    assert api.get("/api/v4/nothing").status_code == 404


def test_ids_are_not_iids(api: httpx.Client) -> None:
    milestone = made(api.post(MILESTONES, json={"title": "M1"}))
    assert milestone["id"] > 1000
    assert milestone["iid"] == 1
    assert api.get(f"{MILESTONES}/{milestone['iid']}").status_code == 404
    assert api.get(f"{MILESTONES}/{milestone['id']}").json() == milestone
    issue = made(api.post(ISSUES, json={"title": "x", "milestone_id": milestone["id"]}))
    assert issue["milestone"]["title"] == "M1"
    # GitLab drops a milestone it does not know without a word: an iid clears the field.
    assert api.put(f"{ISSUES}/1", json={"milestone_id": milestone["iid"]}).json()["milestone"] is None


@pytest.mark.parametrize(
    ("sent", "status", "answer"),
    [
        ({}, 400, {"error": "title is missing"}),
        ({"title": "  "}, 400, {"message": {"title": ["can't be blank"]}}),
        ({"title": "a" * 256}, 400, {"message": {"title": ["is too long (maximum is 255 characters)"]}}),
        (
            {"title": "a", "description": "b" * 1_048_577},
            400,
            {"message": {"description": ["is too long (maximum is 1048576 characters)"]}},
        ),
        ({"title": "a", "issue_type": "story"}, 400, {"error": "issue_type does not have a valid value"}),
    ],
)
def test_issues_refused(api: httpx.Client, sent: dict, status: int, answer: dict) -> None:
    response = api.post(ISSUES, json=sent)
    assert (response.status_code, response.json()) == (status, answer)


@pytest.mark.parametrize(
    ("sent", "wrong"),
    [
        ({"title": "M", "start_date": "2026-02-01", "due_date": "2026-02-01"}, "due_date"),
        ({"title": "M", "start_date": "2026-02-02", "due_date": "2026-02-01"}, "due_date"),
        ({"title": "Taken"}, "title"),
        ({"title": "In the group"}, "title"),
        ({"title": "<b></b>"}, "title"),
    ],
)
def test_milestones_refused(api: httpx.Client, sent: dict, wrong: str) -> None:
    made(api.post(MILESTONES, json={"title": "Taken"}))
    made(api.post("/api/v4/groups/acme/milestones", json={"title": "In the group"}))
    response = api.post(MILESTONES, json=sent)
    assert response.status_code == 400
    assert response.json()["message"].startswith(f"Failed to create milestone {{:{wrong}=>[")
    assert len(api.get(MILESTONES).json()) == 1


def test_a_group_cannot_take_a_title_of_its_projects(api: httpx.Client) -> None:
    made(api.post(MILESTONES, json={"title": "M1"}))
    response = api.post("/api/v4/groups/acme/milestones", json={"title": "M1"})
    told = '{:title=>["already being used for another group or project milestone."]}'
    assert response.json() == {"message": f"Failed to create milestone {told}"}
    here = api.get(MILESTONES).json()[0]["id"]
    made(api.post(MILESTONES, json={"title": "M2"}))
    taken = api.put(f"{MILESTONES}/{here}", json={"title": "M2"})
    assert (taken.status_code, taken.json()) == (400, {"message": f"Failed to update milestone {told}"})


def test_a_milestone_changes(api: httpx.Client) -> None:
    first = made(api.post(MILESTONES, json={"title": "<i>M1</i> — A &amp; B", "due_date": "2026-02-01"}))
    assert first["title"] == "M1 — A & B"
    at = f"{MILESTONES}/{first['id']}"
    assert api.put(at, json={"title": "M1 — A & B", "state_event": "activate"}).json() == first
    closed = api.put(at, json={"state_event": "close", "due_date": ""}).json()
    assert (closed["state"], closed["due_date"]) == ("closed", None)
    assert closed["updated_at"] > first["updated_at"]
    made(api.post(MILESTONES, json={"title": "M2"}))
    assert [m["title"] for m in api.get(MILESTONES, params={"state": "active"}).json()] == ["M2"]
    assert [m["iid"] for m in api.get(MILESTONES, params={"iids[]": [1, 7]}).json()] == [1]
    assert [m["iid"] for m in api.get(MILESTONES, params={"updated_after": closed["updated_at"]}).json()] == [1, 2]
    made(api.post(ISSUES, json={"title": "x", "milestone_id": first["id"]}))
    counts = api.get(f"{PROJECT}/issues_statistics", params={"milestone": "M1 — A & B"}).json()["statistics"]["counts"]
    assert counts == {"all": 1, "opened": 1, "closed": 0}
    assert api.delete(at).status_code == 204
    assert api.get(f"{ISSUES}/1").json()["milestone"] is None


def test_offset_pages(api: httpx.Client) -> None:
    for number in range(5):
        made(api.post(ISSUES, json={"title": f"Issue {number}"}))
    page = api.get(ISSUES, params={"per_page": 2, "page": 2, "sort": "asc"})
    assert [i["iid"] for i in page.json()] == [3, 4]
    headers = {
        name: page.headers[name] for name in ("x-total", "x-total-pages", "x-page", "x-next-page", "x-prev-page")
    }
    assert headers == {"x-total": "5", "x-total-pages": "3", "x-page": "2", "x-next-page": "3", "x-prev-page": "1"}
    assert [i["iid"] for i in api.get(page.links["next"]["url"]).json()] == [5]
    assert set(page.links) == {"next", "prev", "first", "last"}
    assert "next" not in api.get(page.links["last"]["url"]).links
    assert api.get(ISSUES, params={"per_page": 1000}).headers["x-per-page"] == "100"


def test_keyset_pages_stay_whole_while_issues_change(api: httpx.Client) -> None:
    for number in range(5):
        made(api.post(ISSUES, json={"title": f"Issue {number}"}))
    asked = {"pagination": "keyset", "order_by": "updated_at", "sort": "asc", "per_page": 2}
    page = api.get(ISSUES, params=asked)
    seen = [i["iid"] for i in page.json()]
    assert "x-total" not in page.headers
    api.put(f"{ISSUES}/1", json={"title": "Moved to the end"})
    while "next" in page.links:
        page = api.get(page.links["next"]["url"])
        seen += [i["iid"] for i in page.json()]
    assert seen == [1, 2, 3, 4, 5, 1]
    assert [i["title"] for i in api.get(ISSUES, params={**asked, "order_by": "title"}).json()] == ["Issue 1", "Issue 2"]
    assert api.get("/api/v4/groups/acme/issues", params=asked).status_code == 405


def test_filters(api: httpx.Client) -> None:
    made(api.post(MILESTONES, json={"title": "M1"}))
    milestone_id = api.get(MILESTONES).json()[0]["id"]
    made(api.post(ISSUES, json={"title": "a", "labels": ["epic"], "milestone_id": milestone_id}))
    made(api.post(ISSUES, json={"title": "b", "issue_type": "task"}))
    made(api.post(ISSUES, json={"title": "c", "confidential": True}))
    api.put(f"{ISSUES}/3", json={"state_event": "close"})
    cases = {
        "state=opened": [1, 2],
        "state=closed": [3],
        "issue_type=task": [2],
        "labels=epic": [1],
        "labels=None": [2, 3],
        "milestone=M1": [1],
        "milestone=None": [2, 3],
        "milestone_id=Any": [1],
        "iids[]=1&iids[]=3": [1, 3],
        "search=B": [2],
        "confidential=true": [3],
        "scope=all": [1, 2, 3],
    }
    found = {q: [i["iid"] for i in api.get(f"{ISSUES}?{q}&sort=asc").json()] for q in cases}
    assert found == cases
    assert api.get(f"{ISSUES}?milestone_id={milestone_id}").status_code == 400


def test_updated_after_is_on_or_after(api: httpx.Client) -> None:
    for title in ("a", "b"):
        made(api.post(ISSUES, json={"title": title}))
        time.sleep(0.002)
    moment = api.get(f"{ISSUES}/2").json()["updated_at"]
    assert [i["iid"] for i in api.get(ISSUES, params={"updated_after": moment}).json()] == [2]
    later = (datetime.fromisoformat(moment) + timedelta(seconds=1)).isoformat()
    assert api.get(ISSUES, params={"updated_after": later}).json() == []
    assert api.get(ISSUES, params={"updated_after": "yesterday"}).json() == {"error": "updated_after is invalid"}


def test_a_change_that_changes_nothing_does_not_move_updated_at(api: httpx.Client) -> None:
    first = made(api.post(ISSUES, json={"title": "a", "description": "b\r\n", "labels": ["x"]}))
    same = {"title": "a", "description": "b  \n", "labels": "x", "state_event": "reopen"}
    assert api.put(f"{ISSUES}/1", json=same).json()["updated_at"] == first["updated_at"]


def test_an_entity_tag_spares_the_body(api: httpx.Client, box: GitLabBox) -> None:
    made(api.post(ISSUES, json={"title": "a"}))
    first = api.get(ISSUES)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    again = api.get(ISSUES, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    api.put(f"{ISSUES}/1", json={"title": "b"})
    assert api.get(ISSUES, headers={"If-None-Match": tag}).status_code == 200
    assert box.log.summary() == {"total": 5, "reads": 3, "writes": 2, "not_modified": 1}
    assert api.get("/_sandbox/requests").json()["total"] == 5
    assert int(first.headers["ratelimit-remaining"]) < int(first.headers["ratelimit-limit"])
    assert first.headers["x-request-id"]


def test_links_notes_and_moving(api: httpx.Client) -> None:
    for title in ("a", "b"):
        made(api.post(ISSUES, json={"title": title}))
    link = {"target_project_id": "acme/app", "target_issue_iid": 2}
    assert made(api.post(f"{ISSUES}/1/links", json=link))["link_type"] == "relates_to"
    assert api.post(f"{ISSUES}/1/links", json=link).status_code == 409
    assert api.post(f"{ISSUES}/1/links", json={**link, "link_type": "blocks"}).status_code == 403
    (seen,) = api.get(f"{ISSUES}/2/links").json()
    assert (seen["iid"], seen["link_type"]) == (1, "relates_to")
    assert api.delete(f"{ISSUES}/2/links/{seen['issue_link_id']}").status_code == 200
    assert api.get(f"{ISSUES}/1/links").json() == []

    assert made(api.post(f"{ISSUES}/1/notes", json={"body": "hello\n/close"}))["body"] == "hello"
    assert api.post(f"{ISSUES}/1/notes", json={"body": "/reopen"}).status_code == 202
    assert api.get(f"{ISSUES}/1").json()["state"] == "opened"
    assert [n["body"] for n in api.get(f"{ISSUES}/1/notes").json()] == ["hello"]

    other = api.get("/api/v4/projects/acme%2Fother").json()
    moved = made(api.post(f"{ISSUES}/1/move", json={"to_project_id": other["id"]}))
    old = api.get(f"{ISSUES}/1").json()
    assert (old["state"], old["moved_to_id"], moved["project_id"]) == ("closed", moved["id"], other["id"])


def test_duplicates(api: httpx.Client) -> None:
    for title in ("a", "b"):
        made(api.post(ISSUES, json={"title": title}))
    closed = api.put(f"{ISSUES}/2", json={"description": "/duplicate #1"}).json()
    assert closed["state"] == "closed"
    assert closed["_links"]["closed_as_duplicate_of"] == api.get(f"{ISSUES}/1").json()["_links"]["self"]


def test_control(api: httpx.Client) -> None:
    made(api.post(ISSUES, json={"title": "a", "description": "for @ann, not `@bob`"}))
    api.put(f"{ISSUES}/1", json={"description": "for @ann and @cleo"})
    notified = [{"project": "acme/app", "iid": 1, "mentioned": ["ann", "cleo"]}]
    assert api.get("/_sandbox/notifications").json() == notified
    assert api.delete("/_sandbox/issues/1", params={"project": "acme/app"}).status_code == 204
    assert api.get(ISSUES).json() == []
    assert api.delete("/_sandbox/requests").status_code == 204
    assert api.get("/_sandbox/requests").json()["entries"] == []


def test_tokens_and_fixed_paths() -> None:
    box = GitLabBox(Options(paths=("acme/app",), tokens=("good",), read_only=("reader",)), Clock(3600))
    with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/api/v4/user").json() == {"message": "401 Unauthorized"}
        assert client.get("/api/v4/user", headers={"PRIVATE-TOKEN": "bad"}).status_code == 401
        assert client.post("/api/graphql", json={"query": "{currentUser{id}}"}).status_code == 401
        good = {"Authorization": "Bearer good"}
        assert client.get("/api/v4/user", headers=good).json()["username"] == "root"
        assert client.get("/api/v4/projects/acme%2Fother", headers=good).json() == {"message": "404 Project Not Found"}
        reader = {"PRIVATE-TOKEN": "reader"}
        assert client.get(ISSUES, headers=reader).status_code == 200
        refused = client.post(ISSUES, json={"title": "x"}, headers=reader)
        assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
        told = {name: client.get("/api/v4/personal_access_tokens/self", headers=h).json()["scopes"] for name, h in
                (("good", good), ("reader", reader))}  # fmt: skip
        assert told == {"good": ["api"], "reader": ["read_api"]}
        date = client.get("/api/v4/version", headers=good).headers.get_list("date")[-1]
        assert parsedate_to_datetime(date) > datetime.now(UTC) + timedelta(minutes=59)
    box.close()


def test_the_pages(api: httpx.Client) -> None:
    milestone = made(api.post(MILESTONES, json={"title": "M1"}))
    text = "Tick <these>:\n\n- [ ] 1A.1 one\n  - [x] two\n```\n- [ ] code\n```\n<!-- keep -->"
    made(api.post(ISSUES, json={"title": "<b>T</b>", "description": text, "milestone_id": milestone["id"]}))
    assert 'href="/acme/app"' in api.get("/").text
    listed = api.get("/acme/app").text
    assert "&lt;b&gt;T&lt;/b&gt;" in listed
    assert "0 of 1" in listed
    page = api.get("/acme/app/-/issues/1").text
    assert "Tick &lt;these&gt;" in page
    assert page.count('<button name="box"') == 2
    assert 'value="0" aria-label="Tick 1A.1 one"' in page

    before = api.get(f"{ISSUES}/1").json()
    assert api.post("/acme/app/-/issues/1", data={"box": "0"}).status_code == 303
    after = api.get(f"{ISSUES}/1").json()
    assert after["description"] == text.replace("- [ ] 1A.1", "- [x] 1A.1")
    assert after["updated_at"] > before["updated_at"]
    api.post("/acme/app/-/issues/1", data={"box": "1"})
    assert api.get(f"{ISSUES}/1").json()["task_completion_status"] == {"count": 2, "completed_count": 1}
    assert api.post("/acme/app/-/issues/1", data={"box": "2"}).status_code == 400

    api.post("/acme/app/-/issues/1", data={"do": "close"})
    assert "1 of 1" in api.get("/acme/app/-/issues").text
    saved = {"do": "save", "title": "New", "description": "a\r\nb", "milestone": ""}
    api.post("/acme/app/-/issues/1", data=saved)
    issue = api.get(f"{ISSUES}/1").json()
    assert (issue["title"], issue["description"], issue["milestone"]) == ("New", "a\nb", None)

    new = api.post("/acme/app/-/issues", data={"title": "Second", "milestone": str(milestone["id"])})
    assert new.headers["location"] == "/acme/app/-/issues/2"
    assert api.get(f"{ISSUES}/2").json()["milestone"]["id"] == milestone["id"]
    assert api.get("/acme/nothing").status_code == 404


def test_the_real_python_gitlab(api: httpx.Client) -> None:
    client = gitlab.Gitlab(str(api.base_url), private_token="t")
    client.auth()
    project = client.projects.get("acme/app")
    milestone = project.milestones.create({"title": "M1", "start_date": "2026-11-02", "due_date": "2026-11-16"})
    milestone.state_event = "close"
    milestone.save()
    assert milestone.state == "closed"
    issue = project.issues.create({"title": "T", "milestone_id": milestone.id, "labels": ["epic", "new"]})
    issue.description = "text\n\n/label ~none"
    issue.state_event = "close"
    issue.save()
    assert (issue.state, issue.description, issue.labels) == ("closed", "text", ["epic", "new"])
    for number in range(3):
        project.issues.create({"title": str(number)})
    assert len(project.issues.list(iterator=True, per_page=2)) == 4
    keyset = project.issues.list(iterator=True, per_page=2, pagination="keyset", order_by="updated_at", sort="asc")
    times = [i.updated_at for i in keyset]
    assert len(times) == 4
    assert all(a <= b for a, b in itertools.pairwise(times))
    with pytest.raises(gitlab.GitlabCreateError) as refused:
        project.milestones.create({"title": "M1"})
    assert refused.value.response_code == 400
    hook = project.hooks.create({"url": "http://127.0.0.1:9/", "issues_events": True})
    assert project.hooks.get(hook.id).issues_events is True
    issue.delete()
    with gitlab.GraphQL(str(api.base_url), token="t") as graphql:
        answer = graphql.execute('{ project(fullPath: "acme/app") { workItems { nodes { title } } } }')
    assert [n["title"] for n in answer["project"]["workItems"]["nodes"]] == ["2", "1", "0"]
