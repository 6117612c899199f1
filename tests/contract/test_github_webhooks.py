"""The GitHub box's webhook calls against GitHub's description; GitHub's own examples against the connector's reader."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import BadSignature, Secret
from connectors.github import parse_delivery
from tests.contract.github_pages import CALL_LEEWAYS
from tests.contract.github_traffic import SECRET, Heard
from tests.contract.leeway import left, told, unused
from tests.contract.traffic import Call
from tests.contract.webhooks import Calls, name_of

pytestmark = pytest.mark.xdist_group("contract-github")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
CHANGING = ("issues", "milestone", "sub_issues", "issue_dependencies")
OURS = (*CHANGING, "label", "repository", "ping", "issue_comment", "installation", "installation_repositories")
IDLE = ("assigned", "unassigned", "locked", "unlocked", "pinned", "unpinned")  # of issues: nothing that a unit has
OF_THE_PLACE = ("archived", "deleted", "renamed", "transferred", "unarchived")  # of a repository


@pytest.fixture(scope="module")
def in_calls(github_calls: Calls, github_heard: Heard) -> list[str]:
    return [problem for call in github_heard.calls for problem in github_calls.problems(call)]


def test_every_call_of_the_box_is_as_described(in_calls: list[str]) -> None:
    problems = left(in_calls, CALL_LEEWAYS)
    assert not problems, told(problems)


def test_every_leeway_is_needed(in_calls: list[str]) -> None:
    assert unused(in_calls, CALL_LEEWAYS) == []


def test_every_event_that_can_change_a_unit_was_sent(github_heard: Heard) -> None:
    assert {name_of(call) for call in github_heard.calls} >= {
        "issue-dependencies-blocked-by-added",
        "issue-dependencies-blocked-by-removed",
        "issues-assigned",
        "issues-closed",
        "issues-deleted",
        "issues-demilestoned",
        "issues-edited",
        "issues-labeled",
        "issues-milestoned",
        "issues-opened",
        "issues-reopened",
        "issues-transferred",
        "issues-typed",
        "issues-unassigned",
        "issues-unlabeled",
        "issues-untyped",
        "label-created",
        "label-deleted",
        "label-edited",
        "milestone-closed",
        "milestone-created",
        "milestone-deleted",
        "milestone-edited",
        "milestone-opened",
        "ping",
        "sub-issues-parent-issue-added",
        "sub-issues-sub-issue-added",
        "sub-issues-sub-issue-removed",
    }


def changes(event: str, body: Any) -> bool:
    """Whether such a call can change a unit, or takes the place away."""
    if event == "repository":
        return body["action"] in OF_THE_PLACE
    return event in CHANGING and body["action"] not in IDLE


def test_every_call_of_the_box_is_let_in(github_heard: Heard) -> None:
    for call in github_heard.calls:
        read = parse_delivery(call.headers, call.body, Secret(SECRET), NOW)
        assert read.event == call.headers["x-github-event"]
        assert read.relevant == changes(read.event, json.loads(call.body))


def test_github_s_own_examples_are_read(github_examples: list[Any]) -> None:
    """Every example of the events that we ask for or may be sent, as GitHub would send it."""
    seen = set()
    for event in github_examples:
        for number, example in enumerate(event["examples"] if event["name"] in OURS else []):
            seen.add(event["name"])
            body = json.dumps(example).encode()
            headers = {
                "x-github-event": event["name"],
                "x-github-delivery": f"{event['name']}-{number}",
                "x-hub-signature-256": "sha256=" + hmac.new(b"key", body, hashlib.sha256).hexdigest(),
                "content-type": "application/json",
            }
            read = parse_delivery(headers, body, Secret("key"), NOW)
            assert (read.id, read.event) == (headers["x-github-delivery"], event["name"])
            assert read.relevant == changes(event["name"], example), example["action"]
            with pytest.raises(BadSignature):
                parse_delivery(headers, body + b" ", Secret("key"), NOW)
    assert seen >= set(OURS) - {"sub_issues", "issue_dependencies"}  # GitHub gives no example of these


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: body.pop("sender"), "'sender' is a required property"),
        (lambda body: body["issue"].pop("node_id"), "'node_id' is a required property"),
        (lambda body: body["issue"].update(state="opened"), "body.issue.state: 'opened' is not one of"),
        (lambda body: body["issue"].update(number="1"), "body.issue.number: '1' is not of type"),
        (lambda body: body.update(isue={}), "body.isue: the description has no such key"),
        (lambda body: body.update(action="opend"), "issues-opend is not described"),
    ],
)
def test_a_wrong_call_is_caught(
    github_calls: Calls, github_heard: Heard, spoil: Callable[[Any], object], said: str
) -> None:
    right = next(call for call in github_heard.calls if name_of(call) == "issues-opened")
    assert left(github_calls.problems(right), CALL_LEEWAYS) == []
    body = json.loads(right.body)
    spoil(body)
    problems = left(github_calls.problems(Call(right.headers, json.dumps(body).encode())), CALL_LEEWAYS)
    assert any(said in problem for problem in problems), problems


def test_a_call_without_its_signature_is_caught(github_calls: Calls, github_heard: Heard) -> None:
    right = github_heard.calls[0]
    headers = {name: text for name, text in right.headers.items() if name != "x-hub-signature-256"}
    assert "X-Hub-Signature-256 is missing" in told(github_calls.problems(Call(headers, right.body)))
