"""`target check` on GitHub: each thing that can be wrong gives the one line that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from github_script import DROP, KEY, PEM, TOKEN, Call, Reply, Scripted, boxed, scripted

from connectors.base import AppCredentials, Finding, Place, Secret
from connectors.github import GitHub, open_github

APP = AppCredentials(7, 42, Secret(PEM))
REPO = {
    "node_id": "R_1",
    "full_name": "octo/hub",
    "has_issues": True,
    "permissions": {"admin": True, "push": True, "pull": True},
}
LEFT = {"x-ratelimit-remaining": "4999", "x-ratelimit-limit": "5000"}
GRANTED = {"metadata": "read", "issues": "write", "repository_hooks": "write"}


def http_now(ahead: float = 0.0) -> dict[str, str]:
    return {"Date": (datetime.now(UTC) + timedelta(seconds=ahead)).strftime("%a, %d %b %Y %H:%M:%S GMT")}


class Hub:
    """A scripted repository where all is well, and what a check of it finds."""

    def __init__(self, script: Scripted) -> None:
        self.script = script
        self.set("/user", body={"login": "mona"})
        self.set("", body=REPO)
        self.set("/issue-types", body=[{"name": "Bug", "node_id": "IT_1"}, {"name": "Task", "node_id": "IT_2"}])
        self.set("/hooks", body=[])

    def set(self, path: str, status: int = 200, body: Any = None, **headers: str) -> None:
        """What a path under the repository (or /user) is answered with."""
        whole = path if path == "/user" else f"/repos/octo/hub{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.script.answer[f"GET {whole}"] = Reply(status, body, LEFT | http_now() | named)

    def app(self, permissions: dict[str, str] | None = None, status: int = 201, **body: Any) -> None:
        """An installation that was given these permissions."""

        def token(call: Call) -> Reply:
            sent = call.headers["authorization"].removeprefix("Bearer ")
            assert jwt.decode(sent, KEY.public_key(), algorithms=["RS256"])["iss"] == "7"
            lapses = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
            made = {"token": "ghs_made", "expires_at": lapses, "permissions": permissions}
            return Reply(status, made | body, http_now())

        self.script.answer["POST /app/installations/42/access_tokens"] = token

    def check(self, credentials: str | AppCredentials = TOKEN, base: str = "") -> list[Finding]:
        secret = Secret(credentials) if isinstance(credentials, str) else credentials
        hub = open_github(Place("github", base or self.script.url, "octo/hub", secret))
        found = hub.check()
        hub.close()
        assert all(finding.ok or (finding.mend and finding.detail) for finding in found)
        assert not any("\n" in f"{finding.detail}{finding.mend}" for finding in found)
        assert TOKEN not in repr(found)
        return found

    def wrong(self, credentials: str | AppCredentials = TOKEN, base: str = "") -> tuple[str, str]:
        """The one finding that failed: (what, how to mend it)."""
        failed = [finding for finding in self.check(credentials, base) if not finding.ok]
        assert len(failed) == 1, failed
        return failed[0].what, failed[0].mend


@pytest.fixture
def hub() -> Iterator[Hub]:
    with scripted() as script:
        yield Hub(script)


def test_all_is_well_and_nothing_is_written(hub: Hub) -> None:
    told = {finding.what: (finding.ok, finding.detail) for finding in hub.check()}
    held = "sub-issues (100 a parent, 8 levels), dependencies (50 an issue), issue types Bug, Task"
    assert told == {
        "credentials": (True, "signed in as mona"),
        "repository": (True, "octo/hub"),
        "permission to write": (True, "role admin"),
        "issues": (True, "on"),
        "what it holds": (True, held),
        "webhooks": (True, "can be read; whether they can be set up is told by doing it"),
        "rate limit": (True, "4999 of 5000 requests left"),
        "API version": (True, "2026-03-10, which the server does not confirm"),
        "clock": (True, "as GitHub's"),
    }
    assert {call.method for call in hub.script.calls} == {"GET"}
    assert len(hub.script.calls) == 4


@pytest.mark.parametrize(
    ("token", "headers", "who"),
    [
        (TOKEN, {"x_oauth_scopes": "repo, gist"}, "signed in as mona, a classic token (scopes: gist, repo)"),
        ("github_pat_11AB", {}, "signed in as mona, a fine-grained token"),
        (
            "github_pat_11AB",
            {"github_authentication_token_expiration": "2026-12-31 10:00:00 UTC"},
            "signed in as mona, a fine-grained token, until 2026-12-31 10:00:00 UTC",
        ),
        ("ghs_of_an_action", {}, "signed in as mona"),
    ],
)
def test_which_kind_of_token(hub: Hub, token: str, headers: dict[str, str], who: str) -> None:
    hub.set("", body=REPO, **headers)
    assert hub.check(token)[0] == Finding("credentials", True, who)


def test_a_token_that_belongs_to_no_user(hub: Hub) -> None:
    hub.set("/user", 403, {"message": "Resource not accessible by integration"})
    assert hub.check()[0] == Finding("credentials", True, "a token that belongs to no user")


READER = {"permissions": {"triage": True, "pull": True}}
WRONG: list[tuple[str, dict[str, Any], dict[str, str], str, str]] = [
    ("triage only", READER, {}, "permission to write", "Issues: read and write"),  # trap 11
    ("pull only", {"permissions": {"pull": True}}, {}, "permission to write", "Issues: read and write"),
    ("no role", {"permissions": None}, {}, "permission to write", "Issues: read and write"),
    ("no scope", {}, {"x_oauth_scopes": ""}, "permission to write", "scope repo"),
    ("other scopes", {}, {"x_oauth_scopes": "gist, read:org"}, "permission to write", "scope repo"),
    ("private", {"private": True}, {"x_oauth_scopes": "public_repo"}, "permission to write", "scope repo"),
    ("issues off", {"has_issues": False}, {}, "issues", "Switch issues on"),
    ("archived", {"archived": True}, {}, "repository", "Unarchive it"),
    ("renamed", {"full_name": "octo/port"}, {}, "repository", "octo/port"),
    ("spent", {}, {"x_ratelimit_remaining": "0"}, "rate limit", "Wait an hour"),
    ("version", {}, {"x_github_api_version_selected": "2022-11-28"}, "API version", "Update Milepost"),
    ("clock ahead", {}, http_now(-3600), "clock", "Set this machine's clock"),
    ("clock behind", {}, http_now(3600), "clock", "Set this machine's clock"),
]


@pytest.mark.parametrize(("_", "change", "headers", "what", "mend"), WRONG, ids=[row[0] for row in WRONG])
def test_what_is_wrong(hub: Hub, _: str, change: dict[str, Any], headers: dict[str, str], what: str, mend: str) -> None:
    hub.set("", body=REPO | change, **headers)
    wrong = hub.wrong()
    assert wrong[0] == what
    assert mend in wrong[1]


@pytest.mark.parametrize(
    ("permissions", "what", "mend"),
    [
        ({"issues": "write", "repository_hooks": "write"}, "", ""),
        ({"issues": "read", "repository_hooks": "write"}, "permission to write", "Issues: read and write"),
        ({"repository_hooks": "write"}, "permission to write", "Issues: read and write"),
    ],
)
def test_as_an_app_with_each_missing_permission(hub: Hub, permissions: dict[str, str], what: str, mend: str) -> None:
    hub.app({"metadata": "read", **permissions})
    hub.set("", body=REPO | {"permissions": {"pull": True}})  # an App has no role: its permissions count
    found = hub.check(APP)
    assert found[0] == Finding("credentials", True, "installation 42 of app 7")
    if what:
        wrong = hub.wrong(APP)
        assert wrong[0] == what
        assert mend in wrong[1]
    else:
        assert all(finding.ok for finding in found)


@pytest.mark.parametrize(
    ("change", "headers", "mend"),
    [
        ({}, {"x_oauth_scopes": "public_repo"}, "admin:repo_hook"),
        ({"permissions": {"push": True}}, {}, "role admin"),
    ],
)
def test_without_the_right_to_webhooks_all_else_works(
    hub: Hub, change: dict[str, Any], headers: dict[str, str], mend: str
) -> None:
    hub.set("", body=REPO | change, **headers)
    found = hub.check()
    (webhooks,) = [finding for finding in found if finding.what == "webhooks"]
    assert all(finding.ok for finding in found)
    assert mend in webhooks.mend


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_may_not_see_webhooks(hub: Hub, status: int) -> None:
    hub.set("", body=REPO)
    hub.set("/hooks", status, {"message": "Not for you"})
    found = hub.check()
    (webhooks,) = [finding for finding in found if finding.what == "webhooks"]
    assert all(finding.ok for finding in found)
    assert "Webhooks: read" in webhooks.mend


@pytest.mark.parametrize("level", [{"repository_hooks": "read"}, {}])
def test_an_app_without_the_right_to_webhooks(hub: Hub, level: dict[str, str]) -> None:
    hub.app({"metadata": "read", "issues": "write", **level})
    hub.set("", body=REPO | {"permissions": {"pull": True}})
    found = hub.check(APP)
    (webhooks,) = [finding for finding in found if finding.what == "webhooks"]
    assert all(finding.ok for finding in found)
    assert "Webhooks: read and write" in webhooks.mend


def test_an_app_without_metadata(hub: Hub) -> None:
    hub.app({"issues": "write"})
    needs = {"x_accepted_github_permissions": "metadata=read"}
    hub.set("", 403, {"message": "Resource not accessible by integration"}, **needs)
    assert hub.wrong(APP) == ("permission to read", "Give the token the permission metadata=read.")


def test_an_app_that_is_not_installed_on_the_repository(hub: Hub) -> None:
    hub.app(GRANTED)
    hub.set("", 404, {"message": "Not Found"})
    what, mend = hub.wrong(APP)
    assert what == "repository"
    assert "installation includes this repository" in mend


@pytest.mark.parametrize(
    ("credentials", "status", "what", "mend"),
    [
        (APP, 401, "credentials", "--app-key-file"),
        (APP, 404, "repository", "--installation-id"),
        (APP, 403, "permission to read", "Unsuspend"),
        (AppCredentials(7, 42, Secret("no key")), 201, "credentials", ".pem"),
    ],
)
def test_an_app_that_gets_no_token(hub: Hub, credentials: AppCredentials, status: int, what: str, mend: str) -> None:
    hub.app(GRANTED, status, message="This installation has been suspended")
    wrong = hub.wrong(credentials)
    assert wrong[0] == what
    assert mend in wrong[1]
    assert len(hub.script.calls) <= 1


@pytest.mark.parametrize(
    ("path", "status", "body", "what", "mend"),
    [
        ("/user", 401, {"message": "Bad credentials"}, "credentials", "Check the token"),
        ("", 401, {"message": "Bad credentials"}, "credentials", "Check the token"),
        ("", 404, {"message": "Not Found"}, "repository", "Check --repo"),
        ("", 403, {"message": "Resource protected by SAML"}, "permission to read", "Give the token"),
        ("/user", 500, {}, "connection", "tried again"),
        ("", 502, {}, "connection", "tried again"),
        ("/user", 200, b"<html>Sign in</html>", "connection", "https://HOST/api/v3"),
        ("/user", 401, b"<html>Who are you?</html>", "connection", "https://HOST/api/v3"),
        ("/user", 404, b"<html>Not here</html>", "connection", "https://HOST/api/v3"),
        ("/user", 200, {"hello": "world"}, "connection", "https://HOST/api/v3"),
        ("/user", 410, {"message": "API version '2026-03-10' is not supported."}, "API version", "Update Milepost"),
        ("/user", 400, {"message": "Version 'x' is not a valid API version."}, "API version", "Update Milepost"),
        ("/issue-types", 502, {}, "what it holds", "tried again"),
        ("/hooks", 502, {}, "webhooks", "tried again"),
    ],
)
def test_it_finds_rather_than_raises(hub: Hub, path: str, status: int, body: Any, what: str, mend: str) -> None:
    content = {"Content_Type": "text/html"} if isinstance(body, bytes) else {}
    hub.set(path, status, body, **content)
    wrong = hub.wrong()
    assert wrong[0] == what
    assert mend in wrong[1]


def test_a_wrong_host(hub: Hub) -> None:
    hub.script.answer["GET /user"] = Reply(fault=DROP)
    assert hub.wrong()[0] == "connection"
    what, mend = hub.wrong(base="http://127.0.0.1:1")
    assert (what, "--base-url" in mend) == ("connection", True)


@pytest.mark.parametrize("token", ["", "a\nb"])
def test_a_token_that_is_none(hub: Hub, token: str) -> None:
    assert hub.wrong(token)[0] == "credentials"
    assert hub.script.calls == []


class TestInABox:
    def failed(self, hub: GitHub) -> list[str]:
        found = hub.check()
        assert all(finding.ok or finding.mend for finding in found)
        return [finding.what for finding in found if not finding.ok]

    @pytest.mark.parametrize(
        ("token", "wrong"),
        [("writer", []), ("reader", ["permission to write"]), ("wrong", ["credentials"]), ("", ["credentials"])],
    )
    @pytest.mark.parametrize("prefix", ["", "/api/v3"])
    def test_tokens(self, token: str, wrong: list[str], prefix: str) -> None:
        with boxed() as box:
            assert self.failed(box.open(token, prefix)) == wrong
            assert box.box.log.summary()["writes"] == 0

    @pytest.mark.parametrize("offset", [-7200.0, 7200.0])
    def test_a_clock_that_is_off(self, offset: float) -> None:
        with boxed(offset=offset) as box:
            assert self.failed(box.open()) == ["clock"]
