"""Webhooks on GitHub: set up, mended, and what did not arrive."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from github_script import NOW, PEM, TOKEN, Boxed, Call, Reply, Scripted, boxed, hidden, scripted

from connectors.base import (
    AppCredentials,
    Hook,
    NotFound,
    OutcomeUnknown,
    Place,
    Rejected,
    Secret,
    TrackerError,
    Unauthorized,
)
from connectors.github import GitHub, open_github
from connectors.github.hooks import EVENTS
from connectors.github.webhook import parse_delivery
from connectors.sandbox.faults import Fault

SECRET = Secret("It's a Secret to Everybody")
URL = "http://127.0.0.1:9/webhooks/github/1"  # nobody listens


class Receiver:
    """Takes calls as the service does, and answers `status`."""

    def __init__(self) -> None:
        self.calls: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self.status = 202
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.calls.put(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/github/1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def box() -> Iterator[Boxed]:
    with boxed() as made:
        yield made


@pytest.fixture
def script() -> Iterator[Scripted]:
    with scripted() as made:
        made.answer["GET /repos/octo/hub"] = Reply(body={"node_id": "R_1", "full_name": "octo/hub"})
        yield made


@pytest.fixture
def hub(script: Scripted) -> Iterator[GitHub]:
    made = open_github(Place("github", script.url, "octo/hub", Secret(TOKEN)))
    yield made
    made.close()


def standing(box: Boxed) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = box.ask("GET", "/repos/octo/hub/hooks").json()
    return found


def kept(box: Boxed, hook_id: str, count: int) -> None:
    """Wait until the box has written down so many deliveries: it does when their answer is there."""
    until = time.monotonic() + 10
    while len(box.ask("GET", f"/repos/octo/hub/hooks/{hook_id}/deliveries").json()) < count:
        assert time.monotonic() < until
        time.sleep(0.005)


class TestHook:
    def test_it_is_made_and_signs_what_it_sends(self, box: Boxed, receiver: Receiver) -> None:
        hook = box.open().hook(receiver.url, SECRET)
        (there,) = standing(box)
        assert hook == Hook(str(there["id"]), receiver.url, EVENTS, "made")
        assert (there["active"], there["events"]) == (True, list(EVENTS))
        assert there["config"]["content_type"] == "json"
        assert there["config"]["insecure_ssl"] == "0"
        box.ask("POST", "/repos/octo/hub/issues", title="by people")
        received = {}
        for _ in range(2):
            headers, body = receiver.calls.get(timeout=10)
            delivery = parse_delivery(headers, body, SECRET, datetime.now(UTC))
            received[delivery.event] = delivery.relevant
        assert received == {"ping": False, "issues": True}

    def test_one_that_stands_is_mended_and_others_stay(self, box: Boxed) -> None:
        config = {"url": URL, "content_type": "form", "insecure_ssl": "1"}
        box.ask("POST", "/repos/octo/hub/hooks", config=config, events=["push"], active=False)
        other = {"url": "http://127.0.0.1:9/ci/", "content_type": "form"}
        box.ask("POST", "/repos/octo/hub/hooks", config=other, events=["push"])
        before = standing(box)
        hub = box.open()
        for _ in range(2):
            hook = hub.hook(URL, SECRET)
            assert hook == Hook(str(before[0]["id"]), URL, EVENTS, "mended")
        ours, theirs = standing(box)
        assert (ours["active"], ours["events"]) == (True, list(EVENTS))
        assert {**ours["config"], "secret": ""} == {
            "url": URL,
            "content_type": "json",
            "insecure_ssl": "0",
            "secret": "",
        }
        assert theirs | {"last_response": 0} == before[1] | {"last_response": 0}

    def test_one_on_a_further_page_is_found(self, box: Boxed) -> None:
        for n in range(120):
            box.ask("POST", "/repos/octo/hub/hooks", config={"url": f"http://127.0.0.1:9/ci/{n}"}, events=["push"])
        first = box.open().hook("http://127.0.0.1:9/ci/115", SECRET)
        assert first.done == "mended"
        assert len(box.open().hook(URL, SECRET).id) > 0
        assert len(box.ask("GET", "/repos/octo/hub/hooks?per_page=100&page=2").json()) == 21

    def test_one_attempt_and_found_again(self, box: Boxed) -> None:
        """A lost answer is looked up by whoever asks again: one hook in the end."""
        box.box.faults.add(Fault("dropped", match=r"^POST .*/hooks$"))
        hub = box.open()
        with pytest.raises(OutcomeUnknown):
            hub.hook(URL, SECRET)
        assert hub.hook(URL, SECRET).done == "mended"
        assert len(standing(box)) == 1

    def test_as_an_app(self, script: Scripted) -> None:
        lapses = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
        token = {"token": "ghs_made", "expires_at": lapses, "permissions": {"repository_hooks": "write"}}
        script.answer["POST /app/installations/42/access_tokens"] = Reply(201, token)
        script.answer["GET /repos/octo/hub/hooks"] = Reply(body=[])
        made = {"id": 5, "config": {"url": URL}, "events": list(EVENTS)}
        script.answer["POST /repos/octo/hub/hooks"] = Reply(201, made)
        hub = open_github(Place("github", script.url, "octo/hub", AppCredentials(7, 42, Secret(PEM))))
        assert hub.hook(URL, SECRET) == Hook("5", URL, EVENTS, "made")
        post = script.sent("POST")[-1]
        assert post.headers["authorization"] == "Bearer ghs_made"
        assert post.body == {
            "name": "web",
            "active": True,
            "events": list(EVENTS),
            "config": {"url": URL, "content_type": "json", "secret": SECRET.reveal(), "insecure_ssl": "0"},
        }
        hub.close()

    @pytest.mark.parametrize(
        ("verb", "reply"),
        [
            ("GET", Reply(403, {"message": "Resource not accessible by integration"})),
            ("GET", Reply(404, {"message": "Not Found"})),
            ("POST", Reply(403, {"message": "Resource not accessible by personal access token"})),
            ("POST", Reply(404, {"message": "Not Found"})),
        ],
    )
    def test_the_right_that_is_missing_is_named(self, hub: GitHub, script: Scripted, verb: str, reply: Reply) -> None:
        script.answer["GET /repos/octo/hub/hooks"] = Reply(body=[])
        script.answer[f"{verb} /repos/octo/hub/hooks"] = reply
        with pytest.raises(Unauthorized) as caught:
            hub.hook(URL, SECRET)
        assert "Webhooks: read and write" in caught.value.hint
        hidden(caught.value)
        assert SECRET.reveal() not in f"{caught.value!r}{caught.value.hint}"

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (Reply(422, {"message": "Validation Failed", "errors": [{"message": "url is not supported"}]}), Rejected),
            (Reply(502), OutcomeUnknown),
            (Reply(201, {"id": "x"}), OutcomeUnknown),
        ],
    )
    def test_other_refusals_keep_their_kind(
        self, hub: GitHub, script: Scripted, reply: Reply, kind: type[TrackerError]
    ) -> None:
        script.answer["GET /repos/octo/hub/hooks"] = Reply(body=[])
        script.answer["POST /repos/octo/hub/hooks"] = reply
        with pytest.raises(kind):
            hub.hook(URL, SECRET)
        assert len(script.sent("POST")) == 1

    def test_a_repository_that_is_not_there(self, hub: GitHub, script: Scripted) -> None:
        script.answer["GET /repos/octo/hub"] = Reply(404, {"message": "Not Found"})
        with pytest.raises(NotFound):
            hub.hook(URL, SECRET)


def entry(number: int, guid: str, minutes_ago: int, status: str = "OK", **more: Any) -> dict[str, Any]:
    when = (NOW - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = {"id": number, "guid": guid, "delivered_at": when, "redelivery": False, "duration": 0.1, "status": status}
    return made | {"status_code": 200, "event": "issues", "action": "closed"} | more


class TestMissed:
    def told(self, hub: GitHub, since: datetime, hook_id: str = "5") -> list[tuple[str, str, bool]]:
        return [(d.id, d.event, d.relevant) for d in hub.missed_deliveries(hook_id, since)]

    def test_what_did_not_arrive_each_once_oldest_first(self, hub: GitHub, script: Scripted) -> None:
        """By status, not by number: GitHub keeps `status_code` 0 or 502 for what never got an answer."""
        listed = [
            entry(9, "e", 1, "timed out"),
            entry(8, "d", 2),
            entry(7, "c", 3, redelivery=True),
            entry(6, "b", 4, "Invalid HTTP Response: 500", action="assigned"),
            entry(5, "c", 5, "failed to connect to host"),
            entry(4, "b", 6, "timed out", action="assigned"),
            entry(3, "ping", 7, "timed out", event="ping", action=None),
            entry(2, "old", 70, "timed out"),
        ]
        script.answer["GET /repos/octo/hub/hooks/5/deliveries"] = Reply(body=listed)
        assert self.told(hub, NOW - timedelta(hours=1)) == [
            ("ping", "ping", False),
            ("b", "issues", False),
            ("e", "issues", True),
        ]
        assert script.calls[0].query == {"per_page": ["100"]}  # unfiltered
        assert {call.method for call in script.calls} == {"GET"}

    def test_by_cursor_until_long_enough_ago(self, hub: GitHub, script: Scripted) -> None:
        pages = [[entry(n, f"g{n}", page * 30 + 1, "timed out") for n in range(page, page + 1)] for page in range(9)]

        def deliveries(call: Call) -> Reply:
            page = int(call.query.get("cursor", ["v1_0"])[0].removeprefix("v1_"))
            link = f'<{script.url}{call.path}?per_page=100&cursor=v1_{page + 1}>; rel="next"'
            return Reply(body=pages[page], headers={"Link": link} if page < 8 else {})

        script.answer["GET /repos/octo/hub/hooks/5/deliveries"] = deliveries
        assert [told[0] for told in self.told(hub, NOW - timedelta(minutes=70))] == ["g2", "g1", "g0"]
        assert len(script.calls) == 4
        script.calls.clear()
        assert len(self.told(hub, NOW - timedelta(days=3))) == len(script.calls) == 9

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (Reply(404, {"message": "Not Found"}), NotFound),
            (Reply(403, {"message": "Resource not accessible by integration"}), Unauthorized),
            (Reply(502), TrackerError),
            (Reply(body=[{"guid": "x"}]), TrackerError),
            (Reply(body={}), TrackerError),
        ],
    )
    def test_a_list_that_cant_be_read(
        self, hub: GitHub, script: Scripted, reply: Reply, kind: type[TrackerError]
    ) -> None:
        script.answer["GET /repos/octo/hub/hooks/5/deliveries"] = reply
        with pytest.raises(kind):
            list(hub.missed_deliveries("5", NOW))

    def test_in_a_box(self, box: Boxed, receiver: Receiver) -> None:
        """Lost on the way, or refused by us: missed. Sent again and taken: not."""
        hub = box.open()
        hook = hub.hook(receiver.url, SECRET)
        receiver.calls.get(timeout=10)  # the ping
        since = datetime.now(UTC) - timedelta(minutes=1)
        assert list(hub.missed_deliveries(hook.id, since)) == []
        box.box.faults.add(Fault("hook_lost", match="^issues"))
        box.ask("POST", "/repos/octo/hub/issues", title="lost")
        box.ask("POST", "/repos/octo/hub/issues", title="taken")
        receiver.calls.get(timeout=10)
        receiver.status = 503
        box.ask("POST", "/repos/octo/hub/milestones", title="refused")
        refused, _ = receiver.calls.get(timeout=10)
        kept(box, hook.id, 4)
        missed = list(hub.missed_deliveries(hook.id, since))
        assert [(d.event, d.relevant) for d in missed] == [("issues", True), ("milestone", True)]
        assert missed[1].id == refused["x-github-delivery"]
        receiver.status = 202
        path = f"/repos/octo/hub/hooks/{hook.id}/deliveries"
        (again,) = [one for one in box.ask("GET", path).json() if one["guid"] == missed[1].id]
        box.ask("POST", f"{path}/{again['id']}/attempts")
        assert receiver.calls.get(timeout=10)[0]["x-github-delivery"] == missed[1].id
        kept(box, hook.id, 5)
        assert list(hub.missed_deliveries(hook.id, since)) == missed[:1]
        assert list(hub.missed_deliveries(hook.id, datetime.now(UTC) + timedelta(minutes=1))) == []
