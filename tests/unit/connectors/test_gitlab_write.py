"""Writing to GitLab over a real socket: what is sent, once; what comes back; and what every failure means."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.core.plan import Desired, Observed, Ref, Shape
from connectors.base import (
    FieldProblem,
    NotFound,
    OutcomeUnknown,
    Place,
    RateLimited,
    Rejected,
    Secret,
    TrackerError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from connectors.gitlab import GitLab, open_gitlab

TOKEN = "glpat-very-secret"
PROJECT = "/gitlab/api/v4/projects/team%2Froad.map"
GRAPHQL = "/gitlab/api/graphql"


@dataclass(frozen=True)
class Reply:
    """One answer. `cut` sends half of the body and hangs up; `drop` hangs up before any; `wait` is in seconds."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    drop: bool = False
    wait: float = 0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Server:
    """Answers in the order given, and remembers what came."""

    replies: list[Reply] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    def answer(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def writes(self) -> list[Request]:
        return [r for r in self.requests if r.method != "GET" and "query" not in str((r.body or {}).get("query"))[:6]]


class Handler(BaseHTTPRequestHandler):
    told: Server
    protocol_version = "HTTP/1.1"

    def handle_one(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length)
        names = {name.lower(): value for name, value in self.headers.items()}
        self.told.requests.append(Request(self.command, self.path, names, json.loads(raw) if raw else None))
        reply = self.told.replies.pop(0) if self.told.replies else Reply(599)
        time.sleep(reply.wait)
        self.close_connection = True
        if reply.drop:
            return
        raw_body = isinstance(reply.body, bytes)
        body = reply.body if raw_body else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        headers = {"content-type": "text/html" if raw_body else "application/json", "x-request-id": "req-1"}
        for name, value in (headers | dict(reply.headers)).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        with suppress(OSError):  # a client that gave up
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if reply.cut else body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), type("Told", (Handler,), {"told": told}))
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{listening.server_address[1]}"
    yield told
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def gitlab(server: Server) -> Iterator[GitLab]:
    opened = open_gitlab(Place("gitlab", f"{server.url}/gitlab", "team/road.map", Secret(TOKEN)))
    yield opened
    opened.close()


MILESTONE = {
    "id": 912,
    "iid": 3,
    "title": "M1",
    "description": "d",
    "state": "active",
    "start_date": "2026-11-02",
    "due_date": "2026-11-16",
    "updated_at": "2026-11-02T10:00:00Z",
    "web_url": "https://x/3",
}
ISSUE = {
    "id": 7001,
    "iid": 12,
    "title": "1A",
    "state": "opened",
    "description": "d",
    "labels": ["epic"],
    "milestone": {"id": 912, "iid": 3},
    "issue_type": "issue",
    "updated_at": "2026-11-02T10:00:00Z",
}
TASK = {
    "id": "gid://gitlab/WorkItem/7002",
    "iid": "13",
    "title": "1A.1",
    "state": "OPEN",
    "workItemType": {"name": "Task"},
    "widgets": [
        {"description": "d"},
        {"parent": {"id": "gid://gitlab/WorkItem/7001"}},
        {"milestone": {"id": "gid://gitlab/Milestone/912"}},
    ],
}
TYPES = {"data": {"project": {"workItemTypes": {"nodes": [{"id": "gid://gitlab/WorkItems::Type/5", "name": "Task"}]}}}}
M1 = Ref("milestone", "912", 912, "gid://gitlab/Milestone/912")
T1 = Ref("issue", "7001", 12, "gid://gitlab/WorkItem/7001")
S1 = Ref("child", "7002", 13, "gid://gitlab/WorkItem/7002")
REFS = {"M1": M1, "1A": T1, "1A.1": S1}


def mutated(name: str, item: Any = TASK, *errors: str) -> Reply:
    return Reply(200, {"data": {name: {"errors": list(errors), "workItem": item}}})


def want(shape: Shape, **fields: Any) -> Desired:
    return Desired(1, "K", "task", shape, {"title": "T"} | fields)


def test_a_milestone_is_made_whole_in_one_call(server: Server, gitlab: GitLab) -> None:
    server.answer(Reply(201, MILESTONE))
    got = gitlab.create(
        want("milestone", description="d", start=date(2026, 11, 2), due=date(2026, 11, 16), state="open"), {}
    )
    assert got.ref == Ref("milestone", "912", 912, "gid://gitlab/Milestone/912", "https://x/3")
    assert (got.start, got.due, got.state) == (date(2026, 11, 2), date(2026, 11, 16), "open")
    (sent,) = server.requests
    assert (sent.method, sent.path) == ("POST", f"{PROJECT}/milestones")
    assert sent.body == {"title": "T", "description": "d", "start_date": "2026-11-02", "due_date": "2026-11-16"}
    assert sent.headers["private-token"] == TOKEN
    assert gitlab.requests == 1


def test_an_issue_is_made_whole_with_the_milestone_s_global_id(server: Server, gitlab: GitLab) -> None:
    server.answer(Reply(201, ISSUE))
    got = gitlab.create(want("issue", description="d", milestone="M1", labels=("epic", "x")), REFS)
    assert (got.ref.id, got.ref.number, got.milestone) == ("7001", 12, "912")
    (sent,) = server.requests
    assert (sent.method, sent.path) == ("POST", f"{PROJECT}/issues")
    assert sent.body == {"title": "T", "description": "d", "milestone_id": 912, "labels": "epic,x"}


def test_a_child_is_made_whole_under_its_parent_and_its_type_is_asked_once(server: Server, gitlab: GitLab) -> None:
    server.answer(Reply(200, TYPES), mutated("workItemCreate"), mutated("workItemCreate"))
    got = gitlab.create(want("child", description="d", milestone="M1", parent="1A"), REFS)
    assert got.ref.identity == S1.identity
    assert (got.ref.number, got.parent, got.milestone) == (13, "7001", "912")
    gitlab.create(want("child", parent="1A"), REFS)
    assert [request.path for request in server.requests] == [GRAPHQL] * 3
    assert server.requests[1].body["variables"]["input"] == {
        "namespacePath": "team/road.map",
        "workItemTypeId": "gid://gitlab/WorkItems::Type/5",
        "title": "T",
        "descriptionWidget": {"description": "d"},
        "milestoneWidget": {"milestoneId": "gid://gitlab/Milestone/912"},
        "hierarchyWidget": {"parentId": "gid://gitlab/WorkItem/7001"},
    }
    assert all(request.headers["private-token"] == TOKEN for request in server.requests)
    assert gitlab.requests == 3


def test_a_child_s_labels_go_by_id_and_missing_ones_are_made(server: Server, gitlab: GitLab) -> None:
    labels = Reply(200, [{"id": 31, "name": "epic"}])
    server.answer(labels, Reply(201, {"id": 32, "name": "new"}), Reply(200, TYPES), mutated("workItemCreate"))
    gitlab.create(want("child", labels=("epic", "new")), REFS)
    assert server.requests[1].body["name"] == "new"
    ids = server.requests[3].body["variables"]["input"]["labelsWidget"]["labelIds"]
    assert ids == ["gid://gitlab/Label/31", "gid://gitlab/Label/32"]


def test_what_gitlab_can_not_make_is_refused_before_anything_is_sent(server: Server, gitlab: GitLab) -> None:
    for shape in ("epic", "line"):
        with pytest.raises(Unsupported):
            gitlab.create(want(shape), {})
    with pytest.raises(Rejected):
        gitlab.create(want("issue", milestone="M9"), {})
    assert server.requests == []


def test_a_project_without_tasks_takes_no_children(server: Server, gitlab: GitLab) -> None:
    server.answer(Reply(200, {"data": {"project": {"workItemTypes": {"nodes": [{"id": "x", "name": "Issue"}]}}}}))
    with pytest.raises(Unsupported):
        gitlab.create(want("child"), {})


@pytest.mark.parametrize(
    ("shape", "made", "closed"),
    [
        ("milestone", Reply(201, MILESTONE), Reply(200, MILESTONE | {"state": "closed"})),
        ("issue", Reply(201, ISSUE), Reply(200, ISSUE | {"state": "closed"})),
    ],
)
def test_what_is_wanted_closed_takes_a_second_call(
    server: Server, gitlab: GitLab, shape: Shape, made: Reply, closed: Reply
) -> None:
    server.answer(made, closed)
    assert gitlab.create(want(shape, state="closed"), {}).state == "closed"
    assert [request.method for request in server.requests] == ["POST", "PUT"]
    assert server.requests[1].body == {"state_event": "close"}


@pytest.mark.parametrize("second", [Reply(429), Reply(403, {}), Reply(500), Reply(drop=True)])
def test_made_but_not_closed_is_an_unknown_outcome(server: Server, gitlab: GitLab, second: Reply) -> None:
    server.answer(Reply(201, MILESTONE), second)
    with pytest.raises(OutcomeUnknown, match="was made, but closing it failed"):
        gitlab.create(want("milestone", state="closed"), {})
    assert len(server.requests) == 2


UPDATES: list[tuple[Ref, dict[str, Any], dict[str, Any]]] = [
    (M1, {"title": "N"}, {"title": "N"}),
    (M1, {"due": None}, {"due_date": ""}),
    (M1, {"start": date(2026, 1, 2), "state": "closed"}, {"start_date": "2026-01-02", "state_event": "close"}),
    (T1, {"title": "N"}, {"title": "N"}),
    (T1, {"milestone": None, "description": None}, {"milestone_id": 0, "description": ""}),
    (T1, {"milestone": "M1", "labels": ("a",)}, {"milestone_id": 912, "labels": "a"}),
    (T1, {"state": "not_planned"}, {"state_event": "close"}),
    (T1, {"state": "open"}, {"state_event": "reopen"}),
]


@pytest.mark.parametrize(("ref", "fields", "sent"), UPDATES)
def test_an_update_sends_only_the_fields_named_once(
    server: Server, gitlab: GitLab, ref: Ref, fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    server.answer(Reply(200, MILESTONE if ref is M1 else ISSUE))
    assert gitlab.update(ref, fields, REFS).ref.identity == ref.identity
    (request,) = server.requests
    assert (request.method, request.body) == ("PUT", sent)
    assert request.path == PROJECT + ("/milestones/912" if ref is M1 else "/issues/12")


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"title": "N"}, {"title": "N"}),
        (
            {"parent": "1A", "milestone": None},
            {"hierarchyWidget": {"parentId": T1.global_id}, "milestoneWidget": {"milestoneId": None}},
        ),
        ({"parent": None}, {"hierarchyWidget": {"parentId": None}}),
        ({"state": "not_planned"}, {"stateEvent": "CLOSE"}),
    ],
)
def test_a_child_is_updated_in_one_mutation_that_tells_its_parent(
    server: Server, gitlab: GitLab, fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    server.answer(mutated("workItemUpdate"))
    assert gitlab.update(S1, fields, REFS).parent == "7001"
    (request,) = server.requests
    assert request.body["variables"]["input"] == {"id": S1.global_id} | sent


def test_a_child_s_labels_go_by_id_with_all_else_in_one_mutation(server: Server, gitlab: GitLab) -> None:
    on = {"labels": {"nodes": [{"id": f"gid://gitlab/Label/{n}", "title": t} for n, t in ((31, "epic"), (33, "old"))]}}
    labelled = TASK | {"widgets": [on]}
    labels = Reply(200, [{"id": 32, "name": "new"}])
    server.answer(Reply(200, {"data": {"workItem": labelled}}), labels, mutated("workItemUpdate"))
    assert gitlab.update(S1, {"labels": ("epic", "new"), "title": "N"}, REFS).parent == "7001"
    (sent,) = server.writes()
    assert sent.body["variables"]["input"] == {
        "id": S1.global_id,
        "title": "N",
        "labelsWidget": {"addLabelIds": ["gid://gitlab/Label/32"], "removeLabelIds": ["gid://gitlab/Label/33"]},
    }


def test_labels_that_are_on_already_are_not_sent(server: Server, gitlab: GitLab) -> None:
    on = {"labels": {"nodes": [{"id": "gid://gitlab/Label/31", "title": "epic"}]}}
    server.answer(*[Reply(200, {"data": {"workItem": TASK | {"widgets": [on]}}})] * 2)
    assert gitlab.update(S1, {"labels": ("epic",)}, REFS).labels == ("epic",)
    assert server.writes() == []


def test_an_update_of_nothing_only_reads(server: Server, gitlab: GitLab) -> None:
    server.answer(Reply(200, MILESTONE), Reply(200, ISSUE), Reply(200, {"data": {"workItem": TASK}}))
    assert [gitlab.update(ref, {}, REFS).title for ref in (M1, T1, S1)] == ["M1", "1A", "1A.1"]
    assert server.writes() == []


def test_what_comes_back_is_given_as_gitlab_left_it(server: Server, gitlab: GitLab) -> None:
    server.answer(Reply(200, ISSUE | {"description": "left\r\nover", "state": "closed"}))
    got = gitlab.update(T1, {"description": "left\n/close\nover  "}, REFS)
    assert (got.description, got.state) == ("left\r\nover", "closed")


LOST = [
    Reply(500, {"message": "500 Internal Server Error"}),
    Reply(502, b"<html>bad gateway</html>"),
    Reply(503),
    Reply(408),
    Reply(drop=True),
    Reply(201, {"id": 1, "title": "x" * 500}, cut=True),
    Reply(201, b"<html>who are you</html>"),
    Reply(201, b'{"id": 912', {"content-type": "application/json"}),
    Reply(201, []),
    Reply(201, {}),
    Reply(204),
]
REFUSED: list[tuple[Reply, type[TrackerError]]] = [
    (Reply(401, {"message": "401 Unauthorized"}), Unauthorized),
    (Reply(403, {"message": "403 Forbidden"}), Unauthorized),
    (Reply(404, {"message": "404 Project Not Found"}), NotFound),
    (Reply(400, {"error": "title is missing"}), Rejected),
    (Reply(409, {"message": "409 Conflict"}), Rejected),
    (Reply(422, {"message": {"title": ["has already been taken"]}}), Rejected),
    (Reply(429, {"message": {"error": "This endpoint has been requested too many times."}}), RateLimited),
    (Reply(429, b"Retry later"), RateLimited),
    (Reply(301, b"", {"location": "/elsewhere"}), Unavailable),
    (Reply(308, b"", {"location": "https://evil.example/"}), Unavailable),
    (Reply(413, b"<html>too large</html>"), Unavailable),
]


def attempt(gitlab: GitLab, shape: Shape, *, update: bool = False) -> Observed:
    if update:
        return gitlab.update({"milestone": M1, "issue": T1, "child": S1}[shape], {"title": "N"}, REFS)
    return gitlab.create(want(shape), REFS)


@pytest.mark.parametrize("update", [False, True], ids=["create", "update"])
@pytest.mark.parametrize("shape", ["milestone", "issue"])
@pytest.mark.parametrize("reply", LOST, ids=lambda r: f"{r.status}{'cut' * r.cut}{'drop' * r.drop}")
def test_a_lost_answer_is_an_unknown_outcome_after_exactly_one_attempt(
    server: Server, gitlab: GitLab, reply: Reply, shape: Shape, update: bool
) -> None:
    server.answer(reply, Reply(201, MILESTONE))
    with pytest.raises(OutcomeUnknown):
        attempt(gitlab, shape, update=update)
    assert len(server.requests) == gitlab.requests == 1


@pytest.mark.parametrize("update", [False, True], ids=["create", "update"])
@pytest.mark.parametrize("shape", ["milestone", "issue"])
@pytest.mark.parametrize(("reply", "error"), REFUSED, ids=lambda r: str(getattr(r, "status", "")))
def test_a_refusal_is_told_apart_after_exactly_one_attempt(
    server: Server, gitlab: GitLab, reply: Reply, error: type[TrackerError], shape: Shape, update: bool
) -> None:
    server.answer(reply, Reply(201, MILESTONE))
    with pytest.raises(error) as caught:
        attempt(gitlab, shape, update=update)
    assert type(caught.value) is error
    assert len(server.requests) == gitlab.requests == 1
    assert caught.value.request_id == ("" if error is Unavailable else "req-1")


TITLE_TAKEN = 'Failed to create milestone {:title=>["already being used for another group or project milestone."]}'


@pytest.mark.parametrize("message", [{"title": ["has already been taken"]}, TITLE_TAKEN])
def test_a_title_that_exists_is_told_as_such(server: Server, gitlab: GitLab, message: Any) -> None:
    server.answer(Reply(400, {"message": message}))
    with pytest.raises(Rejected) as caught:
        gitlab.create(want("milestone"), {})
    assert caught.value.fields == (FieldProblem("title", "already_exists"),)


@pytest.mark.parametrize(
    ("headers", "wait"), [({}, None), ({"retry-after": "17"}, 17.0), ({"ratelimit-remaining": "5"}, None)]
)
def test_a_rate_limit_is_raised_at_once_and_not_slept_through(
    server: Server, gitlab: GitLab, headers: dict[str, str], wait: float | None
) -> None:
    for shape, replies in (("milestone", []), ("issue", []), ("child", [Reply(200, TYPES)])):
        server.answer(*replies, Reply(429, b"Retry later", headers), Reply(201, MILESTONE))
        began = time.monotonic()
        with pytest.raises(RateLimited) as caught:
            gitlab.create(want(shape), REFS)  # type: ignore[arg-type]
        assert caught.value.retry_after == wait
        assert time.monotonic() - began < 5
        assert len(server.replies) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        *((reply, OutcomeUnknown) for reply in LOST),
        *(pair for pair in REFUSED if pair[0].status not in (400, 422, 409)),
        (Reply(401, {"errors": [{"message": "Invalid token"}]}), Unauthorized),
        (Reply(200, {"errors": [{"message": "Invalid token"}]}), Unauthorized),
        (Reply(200, {"errors": [{"message": "Internal server error"}]}), OutcomeUnknown),
        (Reply(200, {"errors": [{"message": "x"}], "data": {"workItemCreate": {"workItem": TASK}}}), OutcomeUnknown),
        (Reply(200, {"errors": [{"message": "Variable $input was provided invalid value"}]}), Unsupported),
        (Reply(200, {"errors": [{"message": "does not exist or you don't have permission"}]}), NotFound),
        (Reply(200, {"data": None}), OutcomeUnknown),
        (Reply(200, {"data": {}}), OutcomeUnknown),
        (Reply(200, {"data": {"workItemCreate": None}}), OutcomeUnknown),
        (mutated("workItemCreate", None), OutcomeUnknown),
        (mutated("workItemCreate", {"id": "?"}), OutcomeUnknown),
        (mutated("workItemCreate", None, "Title can't be blank"), Rejected),
        (mutated("workItemCreate", None, "#12 cannot be added: reached maximum number of children"), Unsupported),
        (
            mutated("workItemCreate", None, "This endpoint has been requested too many times. Try again later."),
            RateLimited,
        ),
    ],
    ids=lambda r: str(getattr(r, "status", "")),
)
def test_a_mutation_that_fails_is_told_apart_after_exactly_one_attempt(
    server: Server, gitlab: GitLab, reply: Reply, error: type[TrackerError]
) -> None:
    server.answer(Reply(200, TYPES), reply, mutated("workItemCreate"))
    with pytest.raises(error) as caught:
        gitlab.create(want("child"), {})
    assert type(caught.value) is error
    assert len(server.requests) == gitlab.requests == 2


def test_a_slow_answer_is_an_unknown_outcome(server: Server, gitlab: GitLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.gitlab.writes.WRITE_SECONDS", 0.2)
    slow = open_gitlab(Place("gitlab", f"{server.url}/gitlab", "team/road.map", Secret(TOKEN)))
    for shape, replies in (("issue", []), ("child", [Reply(200, TYPES)])):
        server.answer(*replies, Reply(201, ISSUE, wait=1), Reply(201, ISSUE))
        with pytest.raises(OutcomeUnknown):
            slow.create(want(shape), {})  # type: ignore[arg-type]
        assert len(server.replies) == 1
    slow.close()


def test_what_was_never_sent_is_unavailable_not_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", "http://nowhere.invalid"):
        opened = open_gitlab(Place("gitlab", url, "a/b", Secret(TOKEN)))
        for ref in (M1, T1, S1):
            with pytest.raises(Unavailable):
                opened.update(ref, {"title": "N"}, {})
        assert opened.requests == 3
        opened.close()


def test_a_server_without_tls_was_sent_nothing(server: Server) -> None:
    opened = open_gitlab(Place("gitlab", server.url.replace("http:", "https:"), "a/b", Secret(TOKEN)))
    for ref in (T1, S1):
        with pytest.raises((Unavailable, OutcomeUnknown)):
            opened.update(ref, {"title": "N"}, {})
    assert server.requests == []
    opened.close()


def everything(error: BaseException | None) -> str:
    """An error with all that hangs on it, as a careless logger would print it."""
    text = ""
    while error is not None:
        request = getattr(error, "request", None)
        text += f"{error!r}{vars(error)}{error.args}{getattr(request, 'headers', '')}"
        text += "".join(traceback.format_exception(error))
        error = error.__cause__ or error.__context__
    return text


@pytest.mark.parametrize(
    "reply", [Reply(401, {}), Reply(500), Reply(drop=True), Reply(429), Reply(400, {"message": "x"}), Reply(201, {})]
)
def test_no_secret_hangs_on_an_error_or_shows_in_a_log(
    server: Server, gitlab: GitLab, reply: Reply, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for shape, replies in (("milestone", []), ("child", [Reply(200, TYPES)])):
        server.answer(*replies, reply)
        with pytest.raises(TrackerError) as caught:
            gitlab.create(want(shape), {})  # type: ignore[arg-type]
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert TOKEN not in everything(caught.value) + caught.value.hint
    assert TOKEN not in caplog.text + repr(gitlab) + str(vars(gitlab))
