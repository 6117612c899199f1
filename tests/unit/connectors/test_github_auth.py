"""GitHub App tokens: made from the key, made again before they lapse, never shown."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
import respx
from github_script import KEY, PEM, Call, Reply, issue, scripted, want

from connectors.base import AppCredentials, NotFound, Place, Secret, TrackerError, Unauthorized, Unavailable
from connectors.github import open_github
from connectors.github.auth import TokenSource

BASE = "https://api.github.com"
CALL = f"{BASE}/app/installations/42/access_tokens"
THEIRS = datetime(2026, 11, 24, 10, tzinfo=UTC)


class Hour:
    """A clock of ours, which may be off from GitHub's, and GitHub's tokens, which live an hour by GitHub's."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.off = 0.0
        self.made = 0

    def clock(self) -> float:
        return THEIRS.timestamp() + self.passed + self.off

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.made += 1
        now = THEIRS + timedelta(seconds=self.passed)
        body = {
            "token": f"ghs_made{self.made}",
            "expires_at": (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": {"issues": "write", "metadata": "read"},
        }
        return httpx.Response(201, json=body, headers={"date": now.strftime("%a, %d %b %Y %H:%M:%S GMT")})


@pytest.fixture
def hour() -> Iterator[Hour]:
    made = Hour()
    with respx.mock:
        respx.post(CALL).mock(side_effect=made.answer)
        yield made


def source(hour: Hour, key: str = PEM) -> TokenSource:
    return TokenSource(AppCredentials(7, 42, Secret(key)), BASE, "2026-03-10", clock=hour.clock)


def test_one_token_for_many_requests(hour: Hour) -> None:
    tokens = source(hour)
    assert [tokens.token for _ in range(3)] == ["ghs_made1"] * 3
    assert tokens.requests == 1
    assert tokens.headers()["authorization"] == "Bearer ghs_made1"
    tokens.close()


@pytest.mark.parametrize("off", [0.0, -3000.0, 3000.0])
def test_made_again_before_it_lapses_whatever_our_clock_says(hour: Hour, off: float) -> None:
    hour.off = off
    tokens = source(hour)
    assert tokens.token == "ghs_made1"
    hour.passed = 3400.0
    assert tokens.token == "ghs_made1"
    hour.passed = 3500.0  # 100 s left
    assert tokens.token == "ghs_made2"
    tokens.close()


def test_it_asks_as_the_app(hour: Hour) -> None:
    tokens = source(hour)
    assert tokens.token
    sent = respx.calls.last.request
    kind, _, text = sent.headers["authorization"].partition(" ")
    claims = jwt.decode(text, KEY.public_key(), algorithms=["RS256"])
    assert (kind, claims["iss"], json.loads(sent.content)) == ("Bearer", "7", {})
    tokens.close()


@pytest.mark.parametrize(
    "key", ["", "not a key", "-----BEGIN RSA PRIVATE KEY-----\nsesame\n-----END RSA PRIVATE KEY-----"]
)
def test_a_key_that_is_none(hour: Hour, key: str) -> None:
    tokens = source(hour, key)
    with pytest.raises(Unauthorized) as caught:
        tokens.headers()
    assert "sesame" not in f"{caught.value!r}{caught.value.hint}"
    assert caught.value.__suppress_context__
    tokens.close()


@respx.mock
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"message": "A JSON web token could not be decoded"}, Unauthorized),
        (404, {"message": "Not Found"}, NotFound),
        (500, {}, Unavailable),
        (201, {}, Unavailable),
        (201, {"token": "x", "expires_at": "soon"}, Unavailable),
        (201, [], Unavailable),
    ],
)
def test_refused(status: int, body: object, kind: type[TrackerError]) -> None:
    respx.post(CALL).respond(status, json=body)
    tokens = source(Hour())
    with pytest.raises(kind):
        tokens.headers()
    tokens.close()


def test_through_the_connector(hour: Hour, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    respx.get(f"{BASE}/repos/octo/hub").respond(200, json={"node_id": "R", "full_name": "octo/hub", "has_issues": True})
    respx.get(f"{BASE}/repos/octo/hub/issue-types").respond(404, json={"message": "Not Found"})
    hub = open_github(Place("github", BASE, "octo/hub", AppCredentials(7, 42, Secret(PEM))))
    found = {finding.what: finding for finding in hub.check()}
    assert found["credentials"].detail == "installation 42 of app 7"
    assert found["permission to write"].ok
    assert found["permission to write"].detail == "Issues: write"
    assert hub.requests == 3  # the token counts
    assert "ghs_made1" not in caplog.text
    assert "ghs_made1" not in repr(vars(hub))
    hub.close()


def test_a_write_with_a_revoked_token_is_not_sent_again_but_the_next_has_a_new_one() -> None:
    made: list[str] = []

    def token(_: Call) -> Reply:
        made.append(f"ghs_{len(made) + 1}")
        lapses = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
        return Reply(201, {"token": made[-1], "expires_at": lapses, "permissions": {}}, {"Date": now})

    def create(call: Call) -> Reply:
        good = call.headers["authorization"] == "Bearer ghs_2"
        return Reply(201, issue(8)) if good else Reply(401, {"message": "Bad credentials"})

    with scripted() as script:
        script.answer["POST /api/v3/app/installations/42/access_tokens"] = token
        script.answer["POST /api/v3/repos/octo/hub/issues"] = create
        place = Place("github", f"{script.url}/api/v3", "octo/hub", AppCredentials(7, 42, Secret(PEM)))
        hub = open_github(place)
        with pytest.raises(Unauthorized):
            hub.create(want("issue", title="T"), {})
        assert [call.path.rsplit("/", 1)[-1] for call in script.calls] == ["access_tokens", "issues"]
        assert hub.create(want("issue", title="T"), {}).ref.id == "8"
        hub.close()
