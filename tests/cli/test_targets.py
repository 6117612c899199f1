"""target add, list, show, check, remove; and trackers that can't be reached or say no."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest

from app.cli import targets
from connectors.sandbox.kit import Options
from mappings.profile import BUILT_IN
from tests.cli.conftest import PATH, SMALL, Shell, Tracker, tracking

TARGET = [
    "id",
    "name",
    "programme",
    "kind",
    "repo",
    "profile",
    "select",
    "base_url",
    "webhook_path",
    "state",
    "last_refresh",
]
ADD = ("target", "add")
GITHUB = ("--programme", "small", "--kind", "github")


def test_a_target_is_added_shown_listed_and_removed(shell: Shell) -> None:
    shell.read(SMALL)
    made = shell.json(*ADD, "hub", *GITHUB, "--repo", PATH, "--select", "M1")
    assert set(TARGET) <= set(made)
    assert (made["name"], made["programme"], made["kind"], made["repo"]) == ("hub", "small", "github", PATH)
    assert (made["profile"], made["select"], made["base_url"]) == ("github", ["M1"], "https://api.github.com")
    assert (made["webhook_path"], made["state"]) == (f"/webhooks/github/{made['id']}", "active")
    assert shell.json("target", "show", "hub") == made
    lab = shell.json(*ADD, "lab", "--programme", "small", "--kind", "gitlab", "--project", "a/b/c", "--group", "a")
    assert (lab["project"], lab["group"], lab["profile"]) == ("a/b/c", "a", "gitlab")
    assert (lab["base_url"], lab["select"]) == ("https://gitlab.com", None)
    assert shell.json("target", "list") == {"targets": [made, lab]}
    assert shell.json("target", "remove", "hub")["name"] == "hub"
    assert shell.json("target", "list") == {"targets": [lab]}


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (("new", *GITHUB, "--repo", "a/b", "--select", "M1,M2"), "target-exists"),
        (("hub", *GITHUB, "--repo", "a/b", "--select", "M2"), "target-exists"),
        (("new", *GITHUB, "--repo", "a/b", "--select", "M9"), "bad-target"),
        (("new", *GITHUB, "--repo", "a/b", "--select", "1A"), "bad-target"),
        (("new", *GITHUB, "--repo", "a"), "bad-target"),
        (("new", *GITHUB, "--project", "a/b"), "bad-target"),
        (("new", *GITHUB), "bad-target"),
        (("new", *GITHUB, "--repo", "a/b", "--base-url", "ftp://x"), "bad-target"),
        (("new", *GITHUB, "--repo", "a/b", "--base-url", "https://u:hidden@h"), "bad-target"),
        (("new", *GITHUB, "--repo", "a/b", "--token-env", "ghp-hidden"), "bad-target"),
        (("new", *GITHUB, "--repo", "a/b", "--token-env", "A", "--token-file", "b"), "bad-target"),
        (("new", *GITHUB, "--repo", "a/b", "--app-id", "1"), "bad-target"),
        (("new", *GITHUB, "--repo", "a/b", "--profile", "absent"), "bad-profile"),
        (("new", *GITHUB, "--repo", "a/b", "--profile", "gitlab"), "bad-target"),
        (("new", "--programme", "absent", "--kind", "github", "--repo", "a/b"), "programme-unknown"),
        (("new", "--programme", "small", "--kind", "jira", "--repo", "a/b"), "kind-unknown"),
    ],
)
def test_a_target_that_cannot_be_is_refused(shell: Shell, options: tuple[str, ...], kind: str) -> None:
    shell.read(SMALL)
    shell.json(*ADD, "hub", *GITHUB, "--repo", PATH, "--select", "M1")
    error = shell.refused(*ADD, *options)
    assert error["type"] == kind
    assert "hidden" not in f"{error['message']} {error['hint']}"
    assert [target["name"] for target in shell.json("target", "list")["targets"]] == ["hub"]


def test_an_unknown_target_is_refused_everywhere(shell: Shell) -> None:
    shell.read(SMALL)
    verbs = (("plan",), ("apply",), ("refresh",), ("runs",), ("target", "show"), ("target", "check"))
    for verb in (*verbs, ("target", "remove")):
        assert shell.refused(*verb, "absent")["type"] == "target-unknown"


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def website() -> Iterator[str]:
    """A server that is no tracker."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(params=["github", "gitlab"])
def locked(request: pytest.FixtureRequest) -> Iterator[Tracker]:
    """A box with one repository and two tokens, one of which may only read."""
    with tracking(request.param, Options((PATH,), ("right",), ("reader",))) as one:
        yield one


@pytest.mark.parametrize("trouble", ["away", "website", "wrong token", "no repository"])
def test_a_tracker_that_is_away_or_says_no_is_3_with_one_line(
    shell: Shell, locked: Tracker, website: str, trouble: str
) -> None:
    address = {"away": "http://127.0.0.1:9", "website": website}.get(trouble, locked.url)
    path = "acme/other" if trouble == "no repository" else PATH
    token = "wrong" if trouble == "wrong token" else "right"
    kind = ("github", "--repo") if locked.github else ("gitlab", "--project")
    shell.read(SMALL)
    options = ("--programme", "small", "--kind", *kind, path, "--base-url", address, "--token-env", "TOKEN")
    shell.json(*ADD, "hub", *options)
    shell.environment["TOKEN"] = token
    for verb in (("plan", "hub"), ("plan", "hub", "--exit-code"), ("apply", "hub", "--yes")):
        assert shell.refused(*verb, code=3)["message"]
    ran = shell("refresh", "--json")
    assert (ran.code, len(ran.lines)) == (3, 1)
    (result,) = ran.json["targets"]
    assert (result["name"], result["complete"]) == ("hub", False)
    assert result["error"] in ran.err
    ran = shell("target", "check", "hub", "--json")
    assert (ran.code, len(ran.lines)) == (3, 1)
    assert not all(finding["ok"] for finding in ran.json["findings"])
    assert all(finding["mend"] for finding in ran.json["findings"] if not finding["ok"])
    assert shell.json("runs") == {"runs": []}
    assert shell.json("status", "small")["milestones"][0]["stale"] is True
    assert locked.writes() == 0


def test_a_token_that_may_only_read_is_found_out_by_check_and_by_apply(shell: Shell, locked: Tracker) -> None:
    wrong = "permission to write" if locked.github else "token"
    shell.environment["TOKEN"] = "reader"
    shell.read(SMALL)
    shell.json(*ADD, "hub", "--programme", "small", *locked.options, "--token-env", "TOKEN")
    ran = shell("target", "check", "hub", "--json")
    assert ran.code == 3
    assert [f["what"] for f in ran.json["findings"] if not f["ok"]] == [wrong]
    shell.json("plan", "hub")
    ran = shell("apply", "hub", "--yes", "--json")
    assert ran.code == 3
    assert ran.json["summary"]["done"] == 0
    assert ran.json["outcomes"][0]["error"] in ran.err
    shell.environment["TOKEN"] = "right"
    assert shell("target", "check", "hub").code == 0
    assert shell.json("apply", "hub", "--yes")["state"] == "done"


def test_a_token_that_is_not_there_is_refused_by_name(shell: Shell, tracker: Tracker) -> None:
    shell.read(SMALL)
    shell.json(*ADD, "hub", "--programme", "small", *tracker.options, "--token-env", "NOT_SET_ANYWHERE")
    for verb in (("plan", "hub"), ("apply", "hub", "--yes"), ("target", "check", "hub")):
        error = shell.refused(*verb)
        assert error["type"] == "credentials-missing"
        assert "NOT_SET_ANYWHERE" in error["message"]


def test_refused_credentials_pause_a_target_and_a_good_check_lets_it_go_on(shell: Shell) -> None:
    with tracking("github", Options(tokens=("good",))) as tracker:
        shell.read(SMALL)
        shell.json(*ADD, "hub", "--programme", "small", *tracker.options)
        (refreshed,) = shell.json("refresh", "hub", code=3, GITHUB_TOKEN="revoked")["targets"]
        assert not refreshed["complete"]
        paused = shell.json("target", "show", "hub")
        assert (paused["state"], paused["pause_reason"]) == ("paused", "credentials")
        assert paused["last_error"] == refreshed["error"]
        shell("target", "check", "hub", "--json", GITHUB_TOKEN="revoked")
        assert shell.json("target", "show", "hub")["state"] == "paused"
        assert "schedule" in [f["what"] for f in shell.json("target", "check", "hub", GITHUB_TOKEN="good")["findings"]]
        assert shell.json("target", "show", "hub")["state"] == "active"


def test_the_help_names_the_built_in_profiles() -> None:
    assert tuple(targets.PROFILES) == BUILT_IN
