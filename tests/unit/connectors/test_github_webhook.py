"""GitHub's webhook calls: what is let in, what is refused, what matters."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from connectors.base import BadDelivery, BadSignature, NotJson, Secret
from connectors.github import parse_delivery
from connectors.github.hooks import EVENTS

SECRET = "It's a Secret to Everybody"
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(body: bytes, **more: str) -> dict[str, str]:
    given = {
        "content-type": "application/json",
        "x-github-event": "issues",
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": signed(body),
    }
    return given | {name.replace("_", "-"): value for name, value in more.items()}


def test_githubs_own_example() -> None:
    """The values in GitHub's documentation, "Validating webhook deliveries"."""
    body = b"Hello, World!"
    known = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    with pytest.raises(NotJson):  # rightly signed
        parse_delivery(headers(body, x_hub_signature_256=known), body, Secret(SECRET), NOW)


def test_a_good_call() -> None:
    body = b'{"action": "closed"}'
    delivery = parse_delivery(headers(body), body, Secret(SECRET), NOW)
    assert (delivery.id, delivery.event, delivery.relevant) == ("72d3162e-cc78-11e3-81ab-4c9367dc0958", "issues", True)


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        signed(b"{}", "another secret"),
        signed(b"{} "),
        signed(b"{}").upper(),
        signed(b"{}").removeprefix("sha256="),
        "sha1=" + hmac.new(SECRET.encode(), b"{}", hashlib.sha1).hexdigest(),
        "sha256=é",
        "\udcff",
    ],
)
def test_signatures_that_are_refused(signature: str | None) -> None:
    given = headers(b"{}")
    if signature is None:
        del given["x-hub-signature-256"]
    else:
        given["x-hub-signature-256"] = signature
    with pytest.raises(BadSignature) as caught:
        parse_delivery(given, b"{}", Secret(SECRET), NOW)
    assert SECRET not in f"{caught.value!r}{caught.value.hint}"


def test_an_empty_secret_lets_nothing_in() -> None:
    with pytest.raises(BadSignature):
        parse_delivery(headers(b"{}", x_hub_signature_256=signed(b"{}", "")), b"{}", Secret(""), NOW)


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"null", b'{"a": ', b"\xff\xfe", b"payload={}", b"[" * 100_000])
def test_rightly_signed_but_no_json_object(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse_delivery(headers(body), body, Secret(SECRET), NOW)


def test_the_signature_is_looked_at_first() -> None:
    with pytest.raises(BadSignature):
        parse_delivery(headers(b"x", x_hub_signature_256="sha256=0"), b"x", Secret(SECRET), NOW)


@pytest.mark.parametrize("missing", ["x-github-event", "x-github-delivery"])
def test_without_githubs_headers(missing: str) -> None:
    given = headers(b"{}")
    del given[missing]
    with pytest.raises(BadDelivery):
        parse_delivery(given, b"{}", Secret(SECRET), NOW)


def test_a_form() -> None:
    body = urlencode({"payload": json.dumps({"action": "opened", "title": "a & b = ü"})}).encode()
    given = headers(body, content_type="application/x-www-form-urlencoded; charset=utf-8")
    assert parse_delivery(given, body, Secret(SECRET), NOW).relevant


@pytest.mark.parametrize("body", [b"other=1", b"payload=x", b"", b"payload=[]"])
def test_a_form_without_a_payload(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse_delivery(headers(body, content_type="application/x-www-form-urlencoded"), body, Secret(SECRET), NOW)


# Every event and action of GitHub's description (@octokit/openapi-webhooks 12.1.0), ours first. An event without
# actions stands with "".
MATTERS = {
    "issues": (
        "closed deleted demilestoned edited labeled milestoned opened reopened transferred typed unlabeled untyped"
    ),
    "milestone": "closed created deleted edited opened",
    "sub_issues": "parent_issue_added parent_issue_removed sub_issue_added sub_issue_removed",
    "issue_dependencies": "blocked_by_added blocked_by_removed blocking_added blocking_removed",
    "repository": "archived deleted renamed transferred unarchived",
}
IDLE = {
    "issues": "assigned locked pinned unassigned unlocked unpinned",
    "repository": "created edited privatized publicized",
    "branch_protection_configuration": "disabled enabled",
    "branch_protection_rule": "created deleted edited",
    "check_run": "completed created requested_action rerequested",
    "check_suite": "completed requested rerequested",
    "code_scanning_alert": "appeared_in_branch closed_by_user created fixed reopened reopened_by_user",
    "commit_comment": "created",
    "create": "",
    "custom_property": "created deleted promote_to_enterprise updated",
    "custom_property_values": "updated",
    "delete": "",
    "dependabot_alert": "auto_dismissed auto_reopened created dismissed fixed reintroduced reopened",
    "deploy_key": "created deleted",
    "deployment": "created",
    "deployment_protection_rule": "requested",
    "deployment_review": "approved rejected requested",
    "deployment_status": "created",
    "discussion": (
        "answered category_changed closed created deleted edited labeled locked pinned reopened "
        "transferred unanswered unlabeled unlocked unpinned"
    ),
    "discussion_comment": "created deleted edited",
    "fork": "",
    "github_app_authorization": "revoked",
    "gollum": "",
    "installation": "created deleted new_permissions_accepted suspend unsuspend",
    "installation_repositories": "added removed",
    "installation_target": "renamed",
    "issue_comment": "created deleted edited",
    "label": "created deleted edited",
    "marketplace_purchase": "cancelled changed pending_change pending_change_cancelled purchased",
    "member": "added edited removed",
    "membership": "added removed",
    "merge_group": "checks_requested destroyed",
    "meta": "deleted",
    "org_block": "blocked unblocked",
    "organization": "deleted member_added member_invited member_removed renamed",
    "package": "published updated",
    "page_build": "",
    "personal_access_token_request": "approved cancelled created denied",
    "ping": "",
    "project": "closed created deleted edited reopened",
    "project_card": "converted created deleted edited moved",
    "project_column": "created deleted edited moved",
    "projects_v2": "closed created deleted edited reopened",
    "projects_v2_item": "archived converted created deleted edited reordered restored",
    "projects_v2_status_update": "created deleted edited",
    "public": "",
    "pull_request": (
        "assigned auto_merge_disabled auto_merge_enabled closed converted_to_draft demilestoned dequeued "
        "edited enqueued labeled locked milestoned opened ready_for_review reopened "
        "review_request_removed review_requested synchronize unassigned unlabeled unlocked"
    ),
    "pull_request_review": "dismissed edited submitted",
    "pull_request_review_comment": "created deleted edited",
    "pull_request_review_thread": "resolved unresolved",
    "push": "",
    "registry_package": "published updated",
    "release": "created deleted edited prereleased published released unpublished",
    "repository_advisory": "published reported",
    "repository_dispatch": "sample.collected",
    "repository_import": "",
    "repository_ruleset": "created deleted edited",
    "repository_vulnerability_alert": "create dismiss reopen resolve",
    "secret_scanning_alert": "assigned created publicly_leaked reopened resolved unassigned validated",
    "secret_scanning_alert_location": "created",
    "secret_scanning_scan": "completed",
    "security_advisory": "published updated withdrawn",
    "security_and_analysis": "",
    "sponsorship": "cancelled created edited pending_cancellation pending_tier_change tier_changed",
    "star": "created deleted",
    "status": "",
    "team": "added_to_repository created deleted edited removed_from_repository",
    "team_add": "",
    "watch": "started",
    "workflow_dispatch": "",
    "workflow_job": "completed in_progress queued waiting",
    "workflow_run": "completed in_progress requested",
}


def table(events: dict[str, str]) -> list[tuple[str, str | None]]:
    return [(event, action) for event, actions in events.items() for action in actions.split() or [None]]


def relevant(event: str, **payload: object) -> bool:
    body = json.dumps(payload).encode()
    delivery = parse_delivery(headers(body, x_github_event=event), body, Secret(SECRET), NOW)
    assert delivery.event == event
    return delivery.relevant


@pytest.mark.parametrize(("event", "action"), table(MATTERS))
def test_what_changes_a_unit_or_the_place(event: str, action: str) -> None:
    assert relevant(event, action=action)


def test_the_rest_does_not_matter() -> None:
    assert [(event, action) for event, action in table(IDLE) if relevant(event, action=action)] == []


@pytest.mark.parametrize(
    ("event", "payload", "matters"),
    [
        ("issues", {"action": "of_tomorrow"}, True),  # a look too many costs two answers of 304
        ("issues", {}, True),
        ("issues", {"action": ["closed"]}, True),
        ("issues", {"action": {"a": 1}}, True),
        ("unheard_of", {"action": "closed"}, False),
        ("unheard_of", {}, False),
        ("ISSUES", {"action": "closed"}, False),
    ],
)
def test_what_nobody_has_heard_of_is_no_error(event: str, payload: dict[str, object], matters: bool) -> None:
    assert relevant(event, **payload) is matters


def test_the_hook_asks_for_just_what_matters() -> None:
    assert set(EVENTS) == set(MATTERS)
