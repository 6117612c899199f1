"""GitLab's box as a sender of webhooks, received on a server of our own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Clock, serving

PROJECT = "/api/v4/projects/acme%2Fapp"
ISSUES, HOOKS = f"{PROJECT}/issues", f"{PROJECT}/hooks"


class Receiver:
    """Keeps what it is sent; answers with `status`."""

    def __init__(self) -> None:
        self.calls: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.calls.put(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def next(self) -> tuple[dict[str, str], dict]:
        headers, body = self.calls.get(timeout=5)
        return headers, json.loads(body)

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    yield one
    one.close()


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    box = GitLabBox()
    with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False, headers={"PRIVATE-TOKEN": "t"}) as client:
        yield client
    box.close()


def hook(api: httpx.Client, receiver: Receiver, **more: object) -> dict:
    asked = {"url": receiver.url, "issues_events": True, "milestone_events": True, **more}
    response = api.post(HOOKS, json=asked)
    assert response.status_code == 201, response.text
    return response.json()


def test_an_issues_life_is_told(api: httpx.Client, receiver: Receiver) -> None:
    hook(api, receiver, token="s3cret")
    api.post(ISSUES, json={"title": "T", "labels": "epic"})
    headers, body = receiver.next()
    assert (headers["x-gitlab-event"], headers["x-gitlab-token"]) == ("Issue Hook", "s3cret")
    assert headers["x-gitlab-instance"] == str(api.base_url).rstrip("/")
    assert {"x-gitlab-event-uuid", "x-gitlab-webhook-uuid", "idempotency-key"} <= set(headers)
    assert (body["object_kind"], body["object_attributes"]["action"]) == ("issue", "open")
    assert body["project"]["path_with_namespace"] == "acme/app"
    assert body["object_attributes"]["url"].endswith("/acme/app/-/issues/1")

    api.put(f"{ISSUES}/1", json={"title": "U"})
    body = receiver.next()[1]
    assert body["object_attributes"]["action"] == "update"
    assert body["changes"]["title"] == {"previous": "T", "current": "U"}
    api.put(f"{ISSUES}/1", json={"title": "U"})  # nothing changed: nothing told
    api.put(f"{ISSUES}/1", json={"state_event": "close"})
    body = receiver.next()[1]
    assert (body["object_attributes"]["action"], body["object_attributes"]["state"]) == ("close", "closed")
    assert body["changes"]["state_id"] == {"previous": 1, "current": 2}
    api.post("/acme/app/-/issues/1", data={"do": "reopen"})
    assert receiver.next()[1]["object_attributes"]["action"] == "reopen"
    api.post(ISSUES, json={"title": "child", "issue_type": "task"})
    headers, body = receiver.next()
    assert (headers["x-gitlab-event"], body["object_kind"]) == ("Issue Hook", "work_item")
    assert body["object_attributes"]["type"] == "Task"
    assert receiver.calls.empty()


def test_milestones_are_told_of_but_not_their_edits(api: httpx.Client, receiver: Receiver) -> None:
    hook(api, receiver)
    made = api.post(f"{PROJECT}/milestones", json={"title": "M1"}).json()
    headers, body = receiver.next()
    assert (headers["x-gitlab-event"], body["object_kind"], body["action"]) == ("Milestone Hook", "milestone", "create")
    for change in ({"title": "M2"}, {"state_event": "close"}, {"state_event": "activate"}):
        api.put(f"{PROJECT}/milestones/{made['id']}", json=change)
    api.delete(f"{PROJECT}/milestones/{made['id']}")
    assert [receiver.next()[1]["action"] for _ in range(3)] == ["close", "reopen", "delete"]
    assert receiver.calls.empty()


def test_confidential_issues_need_their_own_switch(api: httpx.Client, receiver: Receiver) -> None:
    made = hook(api, receiver)
    api.post(ISSUES, json={"title": "secret", "confidential": True})
    api.post(ISSUES, json={"title": "open"})
    assert receiver.next()[1]["object_attributes"]["title"] == "open"
    assert api.put(f"{HOOKS}/{made['id']}", json={"confidential_issues_events": True}).status_code == 200
    api.put(f"{ISSUES}/1", json={"title": "secret still"})
    headers, body = receiver.next()
    assert headers["x-gitlab-event"] == "Confidential Issue Hook"
    assert (body["event_type"], body["object_attributes"]["confidential"]) == ("confidential_issue", True)


def test_a_signing_token_signs_by_the_standard(api: httpx.Client, receiver: Receiver) -> None:
    key = b"0123456789abcdef"
    token = "whsec_" + base64.b64encode(key).decode()
    made = hook(api, receiver, signing_token=token, token="old")
    assert (made["token_present"], made["signing_token_present"]) == (True, True)
    assert token not in json.dumps(made)
    assert "old" not in json.dumps(made)
    api.post(ISSUES, json={"title": "T"})
    headers, body = receiver.calls.get(timeout=5)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert api.post(HOOKS, json={"url": receiver.url, "signing_token": "plain"}).status_code == 400


def test_what_was_missed_is_listed_and_sent_again(api: httpx.Client, receiver: Receiver) -> None:
    made = hook(api, receiver, token="s3cret", signing_token="whsec_" + base64.b64encode(b"k" * 24).decode())
    receiver.status = 503
    api.post(ISSUES, json={"title": "T"})
    first, _ = receiver.next()
    receiver.status = 200
    assert api.post(f"{HOOKS}/{made['id']}/test/milestone_events").status_code == 422
    assert api.post(f"{HOOKS}/{made['id']}/test/issues_events").json() == {"message": "201 Created"}
    receiver.next()

    listed = api.get(f"{HOOKS}/{made['id']}/events", params={"status": "server_failure"})
    (event,) = listed.json()
    assert (event["response_status"], event["trigger"]) == ("503", "issue_hooks")
    assert event["request_data"]["object_attributes"]["title"] == "T"
    assert "s3cret" not in listed.text
    again = api.post(f"{HOOKS}/{made['id']}/events/{event['id']}/resend")
    assert (again.status_code, again.json()) == (201, {"response_status": 200})
    headers, body = receiver.next()
    assert headers["idempotency-key"] == first["idempotency-key"]
    assert headers["x-gitlab-token"] == "s3cret"
    assert body == event["request_data"]
    assert [e["response_status"] for e in api.get(f"{HOOKS}/{made['id']}/events").json()] == ["200", "200", "503"]
    for _ in range(4):
        api.post(f"{HOOKS}/{made['id']}/events/{event['id']}/resend")
    assert api.post(f"{HOOKS}/{made['id']}/events/{event['id']}/resend").status_code == 429


def test_four_failures_in_a_row_pause_a_hook(api: httpx.Client, receiver: Receiver) -> None:
    made = hook(api, receiver)
    receiver.status = 500
    for number in range(4):
        api.post(ISSUES, json={"title": str(number)})
        receiver.next()
        while len(api.get(f"{HOOKS}/{made['id']}/events").json()) <= number:
            pass
    shown = api.get(f"{HOOKS}/{made['id']}").json()
    assert shown["alert_status"] == "temporarily_disabled"
    assert shown["disabled_until"]
    api.post(ISSUES, json={"title": "unheard"})
    receiver.status = 200
    api.post(f"{HOOKS}/{made['id']}/test/issues_events")
    assert receiver.next()[1]["object_attributes"].get("action") is None
    assert api.get(f"{HOOKS}/{made['id']}").json()["alert_status"] == "executable"


def test_hooks_are_changed_and_removed(api: httpx.Client, receiver: Receiver) -> None:
    made = hook(api, receiver, enable_ssl_verification=False)
    assert (made["push_events"], made["issues_events"], made["enable_ssl_verification"]) == (True, True, False)
    assert api.post(HOOKS, json={"url": "ftp://x"}).status_code == 422
    assert [h["id"] for h in api.get(HOOKS).json()] == [made["id"]]
    assert api.delete(f"{HOOKS}/{made['id']}").status_code == 204
    api.post(ISSUES, json={"title": "T"})
    assert receiver.calls.empty()
    assert api.get(f"{HOOKS}/{made['id']}").status_code == 404


GROUP_HOOKS = "/api/v4/groups/acme/hooks"
EPIC = """mutation ($path: ID!, $type: WorkItemsTypeID!) {
  workItemCreate(input: {namespacePath: $path, workItemTypeId: $type, title: "E"}) { errors workItem { id } } }"""


def group_hook(api: httpx.Client, receiver: Receiver) -> dict:
    assert api.post(GROUP_HOOKS, json={"url": receiver.url}).status_code == 403  # needs a licence
    api.put("/_sandbox/licence", json={"premium": True})
    switches = {"issues_events": True, "milestone_events": True}
    response = api.post(GROUP_HOOKS, json={"url": receiver.url, "token": "s3cret", **switches})
    assert response.status_code == 201, response.text
    return response.json()


def test_a_groups_hook_hears_of_epics_and_of_all_below(api: httpx.Client, receiver: Receiver) -> None:
    made = group_hook(api, receiver)
    assert made["group_id"] == api.get("/api/v4/groups/acme").json()["id"]
    assert {"subgroup_events", "member_events"} <= set(made)
    types = api.post(
        "/api/graphql", json={"query": '{ group(fullPath: "acme") { workItemTypes { nodes { id name } } } }'}
    )
    ids = {t["name"]: t["id"] for t in types.json()["data"]["group"]["workItemTypes"]["nodes"]}
    asked = {"query": EPIC, "variables": {"path": "acme/sub", "type": ids["Epic"]}}
    epic = api.post("/api/graphql", json=asked).json()["data"]["workItemCreate"]["workItem"]["id"]
    headers, body = receiver.next()
    assert (headers["x-gitlab-event"], headers["x-gitlab-token"]) == ("Issue Hook", "s3cret")
    assert (body["object_kind"], body["object_attributes"]["type"], body["project"]) == ("work_item", "Epic", None)
    assert body["object_attributes"]["id"] == int(epic.rpartition("/")[2])
    api.post(ISSUES, json={"title": "T"})
    assert receiver.next()[1]["project"]["path_with_namespace"] == "acme/app"
    api.post("/api/v4/groups/acme/milestones", json={"title": "M1"})
    headers, body = receiver.next()
    assert (headers["x-gitlab-event"], body["object_attributes"]["group_id"]) == ("Milestone Hook", made["group_id"])


def test_a_groups_hook_lists_and_sends_again_too(api: httpx.Client, receiver: Receiver) -> None:
    made = group_hook(api, receiver)
    api.post("/_sandbox/faults", json={"kind": "hook_lost", "match": "Issue Hook"})
    api.post(ISSUES, json={"title": "lost"})
    at = f"{GROUP_HOOKS}/{made['id']}/events"
    while not (events := api.get(at, params={"status": "server_failure"}).json()):
        pass
    assert events[0]["response_status"] == "internal error"
    assert receiver.calls.empty()
    assert api.post(f"{at}/{events[0]['id']}/resend").json() == {"response_status": 200}
    assert receiver.next()[1]["object_attributes"]["title"] == "lost"
    assert api.get(at, params={"status": "sent"}).json() == {"error": "status does not have a valid value"}
    assert api.get(at, params={"per_page": 100}).json() == {"error": "per_page does not have a valid value"}
    assert api.get(f"{HOOKS}/{made['id']}").status_code == 404


def newest_title(api: httpx.Client, made: dict) -> str:
    events = api.get(f"{HOOKS}/{made['id']}/events", params={"per_page": 1}).json()
    return events[0]["request_data"]["object_attributes"]["title"] if events else ""


def test_forty_failures_stop_a_hook_for_good(receiver: Receiver) -> None:
    clock = Clock()
    box = GitLabBox(clock=clock)
    headers = {"PRIVATE-TOKEN": "t"}
    with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False, headers=headers) as api:
        made = hook(api, receiver)
        receiver.status = 500
        for number in range(40):
            api.post(ISSUES, json={"title": str(number)})
            receiver.next()
            while newest_title(api, made) != str(number):  # until the box knows what came of it
                pass
            clock.offset_seconds += 86_401  # every pause is over
        shown = api.get(f"{HOOKS}/{made['id']}").json()
        assert (shown["alert_status"], shown["disabled_until"]) == ("disabled", None)
        api.post(ISSUES, json={"title": "unheard"})
        receiver.status = 200
        api.post(f"{HOOKS}/{made['id']}/test/issues_events")
        assert receiver.next()[1]["object_attributes"].get("action") is None
        assert api.get(f"{HOOKS}/{made['id']}").json()["alert_status"] == "executable"
    box.close()


def test_an_older_gitlab_has_no_milestone_events_and_no_signatures(receiver: Receiver) -> None:
    box = GitLabBox(version="18.1.0")
    headers = {"PRIVATE-TOKEN": "t"}
    with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False, headers=headers) as api:
        hook(api, receiver, signing_token="whsec_" + base64.b64encode(b"k" * 24).decode())
        api.post(f"{PROJECT}/milestones", json={"title": "M1"})
        api.post(ISSUES, json={"title": "T"})
        told, body = receiver.next()
        assert body["object_kind"] == "issue"
        assert "webhook-signature" not in told
        keyset = {"pagination": "keyset", "order_by": "updated_at"}
        assert api.get(ISSUES, params=keyset).status_code == 405
        assert api.get("/api/v4/metadata").json()["version"].startswith("18.1.0")
    box.close()
