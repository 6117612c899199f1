"""`connectors.http`: what is sent, what comes back, and which of our errors every failure becomes."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
import respx

from connectors.base import (
    Budget,
    FieldProblem,
    NotFound,
    RateLimited,
    Rejected,
    TrackerError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from connectors.http import Reader, Refusal, error_for, field_problems, named_wait

TOKEN = "sesame-0123456789"
BASE = "https://tracker.test/api"
DATE = "Tue, 24 Nov 2026 10:00:00 GMT"
NOON = 1795514400  # 2026-11-24T10:00:00Z


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader(BASE, lambda: {"authorization": f"Bearer {TOKEN}"}, tracker="Tracker")
    yield made
    made.close()


def hidden(error: TrackerError) -> None:
    """The token is nowhere in what is raised, and nothing foreign is chained to it."""
    assert TOKEN not in f"{error!s}{error!r}{error.message}{error.hint}"
    assert error.__suppress_context__ or error.__context__ is None


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """Answers every connection with these bytes, then closes it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


class TestAnswers:
    @respx.mock
    def test_json_etag_date_and_next_page(self, reader: Reader) -> None:
        respx.get(f"{BASE}/things", params={"page": "1"}).respond(
            200, json=[1], headers={"etag": 'W/"a"', "date": DATE, "link": f'<{BASE}/things?page=2>; rel="next"'}
        )
        answer = reader.get("/things", {"page": 1})
        assert (answer.body, answer.etag, answer.unchanged) == ([1], 'W/"a"', False)
        assert answer.next == f"{BASE}/things?page=2"
        assert answer.date is not None
        assert answer.date.isoformat() == "2026-11-24T10:00:00+00:00"
        assert reader.requests == 1

    @respx.mock
    def test_an_etag_makes_it_conditional(self, reader: Reader) -> None:
        route = respx.get(f"{BASE}/things").respond(304)
        answer = reader.get("/things", etag='"a"')
        assert answer.unchanged
        assert answer.body is None
        assert route.calls.last.request.headers["if-none-match"] == '"a"'

    @respx.mock
    def test_headers_are_asked_for_each_request(self) -> None:
        given = iter(["one", "two"])
        reader = Reader(BASE, lambda: {"authorization": next(given)}, tracker="Tracker")
        route = respx.get(f"{BASE}/x").respond(200, json={})
        reader.get("/x")
        reader.get("/x")
        assert [call.request.headers["authorization"] for call in route.calls] == ["one", "two"]
        assert route.calls.last.request.headers["user-agent"] == "milepost"
        reader.close()

    @respx.mock
    def test_query_posts_json(self, reader: Reader) -> None:
        route = respx.post(f"{BASE}/graphql").respond(200, json={"data": {}})
        assert reader.query("/graphql", {"query": "{ä}"}).body == {"data": {}}
        assert route.calls.last.request.headers["content-type"] == "application/json"

    @respx.mock
    def test_links_to_plain_http_of_the_same_host_are_kept_on_the_base(self, reader: Reader) -> None:
        """A tracker behind a proxy that ends TLS names itself http://HOST in Link."""
        link = '<http://tracker.test/api/things?page=2>; rel="next"'
        respx.get(f"{BASE}/things").respond(200, json=[], headers={"link": link})
        assert reader.get("/things").next == f"{BASE}/things?page=2"


class TestRedirects:
    @respx.mock
    def test_a_renamed_place_is_followed_with_its_etag(self, reader: Reader) -> None:
        respx.get(f"{BASE}/old").respond(301, headers={"location": f"{BASE}/new"})
        route = respx.get(f"{BASE}/new").respond(304)
        assert reader.get("/old", etag='"a"').unchanged
        assert route.calls.last.request.headers["if-none-match"] == '"a"'
        assert reader.requests == 2

    @respx.mock
    @pytest.mark.parametrize("location", ["https://elsewhere.test/x", "https://tracker.test:444/x"])
    def test_another_host_never_gets_the_token(self, reader: Reader, location: str) -> None:
        respx.get(f"{BASE}/old").respond(302, headers={"location": location})
        other = respx.get("https://elsewhere.test/x").respond(200, json={})
        with pytest.raises(Unavailable) as caught:
            reader.get("/old")
        assert not other.called
        hidden(caught.value)

    @respx.mock
    def test_a_next_page_elsewhere_is_refused(self, reader: Reader) -> None:
        respx.get(f"{BASE}/x").respond(200, json=[], headers={"link": '<https://elsewhere.test/x>; rel="next"'})
        with pytest.raises(Unavailable, match="another host"):
            reader.get("/x")

    @respx.mock
    def test_three_at_most(self, reader: Reader) -> None:
        respx.get(f"{BASE}/x").respond(301, headers={"location": f"{BASE}/x"})
        with pytest.raises(Unavailable, match="circles"):
            reader.get("/x")
        assert reader.requests == 4


REFUSALS = [
    (401, {"message": "Bad credentials"}, {}, Unauthorized, None),
    (403, {"message": "Resource not accessible"}, {}, Unauthorized, None),
    (403, {"message": "nope"}, {"retry-after": "7"}, RateLimited, 7.0),
    (403, {"message": "x"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON + 90)}, RateLimited, 90.0),
    (403, {"message": "You have exceeded a secondary rate limit."}, {}, RateLimited, None),
    (404, {"message": "Not Found"}, {}, NotFound, None),
    (410, {"message": "Gone"}, {}, NotFound, None),
    (422, {"message": "Validation Failed"}, {}, Rejected, None),
    (400, {"error": "title is missing"}, {}, Rejected, None),
    (409, {"message": "Conflict"}, {}, Rejected, None),
    (429, None, {"ratelimit-remaining": "0", "ratelimit-reset": str(NOON + 5)}, RateLimited, 5.0),
    (429, None, {"retry-after": "Tue, 24 Nov 2026 10:01:00 GMT"}, RateLimited, 60.0),
    (429, None, {}, RateLimited, None),
    (500, None, {}, Unavailable, None),
    (502, None, {"content-type": "text/html"}, Unavailable, None),
    (503, {"message": "Down"}, {"retry-after": "3"}, Unavailable, 3.0),
    (407, None, {}, Unavailable, None),
    (404, None, {"content-type": "text/html; charset=utf-8"}, Unavailable, None),
    (302, None, {}, Unavailable, None),
]


class TestRefusals:
    @pytest.mark.parametrize(("status", "body", "headers", "kind", "wait"), REFUSALS)
    def test_table(
        self, status: int, body: object, headers: dict[str, str], kind: type[TrackerError], wait: float | None
    ) -> None:
        told = {"date": DATE, "x-github-request-id": "ABC:1", **headers}
        error = error_for(Refusal("Tracker", "tracker.test", "GET /x", status, told, body))  # type: ignore[arg-type]
        assert type(error) is kind
        assert getattr(error, "retry_after", None) == wait
        assert error.request_id in ("ABC:1", "")
        assert error.hint or kind is Rejected

    @respx.mock
    @pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (404, NotFound), (500, Unavailable)])
    def test_through_the_reader_in_the_trackers_words(
        self, reader: Reader, status: int, kind: type[TrackerError]
    ) -> None:
        respx.get(f"{BASE}/x").respond(status, json={"message": "Its own\nwords"}, headers={"x-request-id": "r1"})
        with pytest.raises(kind) as caught:
            reader.get("/x")
        assert caught.value.message == f"Tracker answered {status} to GET /api/x: Its own words"
        assert caught.value.request_id == "r1"
        hidden(caught.value)

    @respx.mock
    def test_the_trackers_own_rules_come_first(self) -> None:
        reader = Reader(BASE, dict, tracker="Tracker", refine=lambda r: Unsupported("no") if r.status == 410 else None)
        respx.get(f"{BASE}/gone").respond(410, json={})
        respx.get(f"{BASE}/lost").respond(404, json={})
        with pytest.raises(Unsupported):
            reader.get("/gone")
        with pytest.raises(NotFound):
            reader.get("/lost")
        reader.close()

    def test_fields(self) -> None:
        github = {
            "errors": [
                {"resource": "Milestone", "field": "title", "code": "already_exists"},
                {"field": "body", "code": "custom", "message": "is too long"},
                "words",
            ]
        }
        assert field_problems(github) == (  # type: ignore[arg-type]
            FieldProblem("title", "already_exists"),
            FieldProblem("body", "is too long"),
            FieldProblem("", "words"),
        )
        assert field_problems({"message": {"title": ["has already been taken"]}}) == (
            FieldProblem("title", "has already been taken"),
        )
        assert field_problems({"message": "words"}) == ()

    def test_waits_are_by_the_trackers_clock_and_never_negative(self) -> None:
        late = {"date": DATE, "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON - 90)}
        assert named_wait(late) == 0.0
        assert named_wait({"retry-after": "soon"}) is None
        assert named_wait({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 40}) is None


class TestTransport:
    @respx.mock
    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            (httpx.ConnectTimeout("x"), "accept a connection"),
            (httpx.ReadTimeout("x"), "to answer"),
            (httpx.PoolTimeout("x"), "to answer"),
            (httpx.ConnectError("[Errno 111] Connection refused"), "can't be reached"),
            (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), "certificate"),
            (httpx.ProxyError("x"), "proxy"),
            (httpx.RemoteProtocolError("x"), "broke off"),
            (httpx.ReadError("x"), "broke off"),
            (httpx.DecodingError("x"), "broke off"),
            (httpx.UnsupportedProtocol("x"), "can't be used"),
        ],
    )
    def test_faults_name_the_host_and_how_to_mend(self, reader: Reader, fault: Exception, words: str) -> None:
        respx.get(f"{BASE}/x").mock(side_effect=fault)
        with pytest.raises(Unavailable, match=words) as caught:
            reader.get("/x")
        assert "tracker.test" in caught.value.message
        assert caught.value.hint
        hidden(caught.value)
        assert reader.requests == 1

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"a": ',
            b"not http at all",
            b'HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{"a": ',
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\n\r\n<html>Sign in</html>",
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\nnot gzip",
        ],
    )
    def test_half_answers_and_other_programs(self, answer: bytes) -> None:
        with raw_server(answer) as url:
            reader = Reader(url, dict, tracker="Tracker")
            with pytest.raises(Unavailable) as caught:
                reader.get("/x")
            assert "127.0.0.1" in caught.value.message
            reader.close()

    def test_nobody_listens(self) -> None:
        with raw_server(b"") as url:
            pass
        reader = Reader(url, dict, tracker="Tracker")
        with pytest.raises(Unavailable, match="can't be reached"):
            reader.get("/x")
        reader.close()

    @pytest.mark.parametrize("limit", ["ANSWER_BYTES", "ANSWER_SECONDS"])
    def test_an_endless_answer_is_left(self, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
        monkeypatch.setattr(f"connectors.http.{limit}", 0)
        with raw_server(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[1]") as url:
            reader = Reader(url, dict, tracker="Tracker")
            with pytest.raises(Unavailable, match="too large or too slow"):
                reader.get("/x")
            reader.close()

    @pytest.mark.parametrize("token", [f"{TOKEN}\nx", f"{TOKEN}é", f"{TOKEN}\x00"])
    def test_a_token_that_can_t_be_sent_is_not_quoted(self, token: str) -> None:
        with raw_server(b"") as url:
            reader = Reader(url, lambda: {"authorization": f"Bearer {token}"}, tracker="Tracker")
            with pytest.raises(Unauthorized) as caught:
                reader.get("/x")
            hidden(caught.value)
            reader.close()


class TestBase:
    @pytest.mark.parametrize(
        "base", ["", "tracker.test", "ftp://tracker.test", "https://", "https://[bad", "https://h/?a=1", "https://h/#f"]
    )
    def test_what_is_no_base_url(self, base: str) -> None:
        with pytest.raises(Unavailable) as caught:
            Reader(base, dict, tracker="Tracker")
        assert "--base-url" in caught.value.hint

    def test_credentials_in_it_are_refused_and_not_quoted(self) -> None:
        with pytest.raises(Unavailable) as caught:
            Reader(f"https://me:{TOKEN}@tracker.test", dict, tracker="Tracker")
        hidden(caught.value)

    def test_no_proxy_for_loopback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:9")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with raw_server(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[1]") as url:
            reader = Reader(url, dict, tracker="Tracker")
            assert reader.get("/x").body == [1]
            reader.close()

    def test_a_proxy_setting_that_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "gopher://proxy")
        with pytest.raises(Unavailable, match="proxy"):
            Reader(BASE, dict, tracker="Tracker")


@respx.mock
def test_nothing_logs_the_token(reader: Reader, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    respx.get(f"{BASE}/x").respond(200, json={})
    reader.get("/x")
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(reader)


def test_the_token_is_not_logged_on_the_wire_either(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    headers: Callable[[], dict[str, str]] = lambda: {"authorization": f"Bearer {TOKEN}"}  # noqa: E731
    with raw_server(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n[1]") as url:
        reader = Reader(url, headers, tracker="Tracker")
        reader.get("/x")
        reader.close()
    assert "127.0.0.1" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("headers", "want"),
    [
        ({}, None),
        ({"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4998"}, Budget(4998, 5000)),
        (
            {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON)},
            Budget(0, 5000, datetime(2026, 11, 24, 10, tzinfo=UTC)),
        ),
        ({"x-ratelimit-limit": "30", "x-ratelimit-remaining": "29", "x-ratelimit-resource": "search"}, None),
        ({"ratelimit-limit": "2000", "ratelimit-remaining": "1999"}, Budget(1999, 2000)),
        ({"x-ratelimit-limit": "many", "x-ratelimit-remaining": "4998"}, None),
        ({"x-ratelimit-limit": "5" * 40, "x-ratelimit-remaining": "1"}, None),
        ({"x-ratelimit-limit": "5", "x-ratelimit-remaining": "1", "x-ratelimit-reset": "9" * 30}, Budget(1, 5)),
    ],
)
def test_what_is_left_of_a_limit_is_kept(headers: dict[str, str], want: Budget | None, reader: Reader) -> None:
    with respx.mock(base_url=BASE) as tracker:
        tracker.get("/x").respond(json={}, headers=headers)
        tracker.get("/gone").respond(404, json={})
        reader.get("/x")
        assert reader.budget == want
        with pytest.raises(NotFound):
            reader.get("/gone")
        assert reader.budget == want
