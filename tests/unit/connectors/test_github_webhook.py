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


@pytest.mark.parametrize(
    ("event", "action", "relevant"),
    [
        ("issues", "edited", True),
        ("milestone", "closed", True),
        ("sub_issues", "sub_issue_added", True),
        ("issue_dependencies", "blocked_by_added", True),
        ("repository", "renamed", True),
        ("repository", "transferred", True),
        ("repository", "deleted", True),
        ("repository", "publicized", False),
        ("label", "edited", False),
        ("ping", None, False),
        ("issue_comment", "created", False),
        ("push", None, False),
        ("unheard_of", "x", False),
    ],
)
def test_what_matters(event: str, action: str | None, relevant: bool) -> None:
    body = json.dumps({"action": action}).encode()
    delivery = parse_delivery(headers(body, x_github_event=event), body, Secret(SECRET), NOW)
    assert (delivery.event, delivery.relevant) == (event, relevant)
