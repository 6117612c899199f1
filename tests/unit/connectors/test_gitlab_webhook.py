"""GitLab's webhook calls: both proofs of the sender, what is refused, and the id that tells a resend."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import BadDelivery, BadSignature, NotJson, Secret
from connectors.gitlab import parse_delivery

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
SIGNING = Secret("whsec_" + base64.b64encode(KEY).decode())
TOKEN = Secret("shared-secret")
ISSUE = json.dumps({"object_kind": "issue", "object_attributes": {"id": 1}}).encode()


def plain(**more: str) -> dict[str, str]:
    return {
        "x-gitlab-event": "Issue Hook",
        "x-gitlab-token": "shared-secret",
        "idempotency-key": "idem-1",
        "x-gitlab-event-uuid": "event-1",
        "x-gitlab-webhook-uuid": "hook-1",
    } | more


def signed(body: bytes = ISSUE, *, key: bytes = KEY, at: datetime = NOW, name: str = "msg-1") -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    mac = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "x-gitlab-event": "Issue Hook",
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }


def test_a_right_token_is_let_in() -> None:
    got = parse_delivery(plain(), ISSUE, TOKEN, NOW)
    assert (got.id, got.event, got.relevant) == ("idem-1", "Issue Hook", True)


@pytest.mark.parametrize(
    "headers",
    [
        {k: v for k, v in plain().items() if k != "x-gitlab-token"},
        plain(**{"x-gitlab-token": ""}),
        plain(**{"x-gitlab-token": "shared-secret "}),
        plain(**{"x-gitlab-token": "Shared-Secret"}),
        plain(**{"x-gitlab-token": "geheim-ü"}),
        plain(**{"x-gitlab-token": "\udcff\ud800"}),
        signed(),
    ],
    ids=["none", "empty", "a space more", "case", "non-ASCII", "surrogates", "signed instead"],
)
def test_a_wrong_token_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature) as caught:
        parse_delivery(headers, ISSUE, TOKEN, NOW)
    assert caught.value.status == 401
    assert "shared-secret" not in f"{caught.value!r}{caught.value.hint}"


def test_an_empty_secret_lets_nobody_in() -> None:
    with pytest.raises(BadSignature):
        parse_delivery(plain(**{"x-gitlab-token": ""}), ISSUE, Secret(""), NOW)


@pytest.mark.parametrize("sent", ["geheim-ü", "geheim-ü".encode().decode("latin-1")], ids=["decoded", "as Latin-1"])
def test_a_secret_beyond_ascii_works_however_the_server_decodes_headers(sent: str) -> None:
    assert parse_delivery(plain(**{"x-gitlab-token": sent}), ISSUE, Secret("geheim-ü"), NOW).relevant


def test_a_right_signature_is_let_in() -> None:
    assert parse_delivery(signed(), ISSUE, SIGNING, NOW).id == "msg-1"


def test_the_published_example_of_standard_webhooks_verifies() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, spec: the reference libraries' test vector
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "x-gitlab-event": "Issue Hook",
    }
    at = datetime.fromtimestamp(1614265330, UTC)
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    got = parse_delivery(headers, b'{"test": 2432232314}', secret, at)
    assert got.id == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_one_right_signature_of_several_is_enough() -> None:
    headers = signed()
    other = signed(key=b"an older key")["webhook-signature"]
    headers["webhook-signature"] = f"{other} v1a,abc= {headers['webhook-signature']}"
    assert parse_delivery(headers, ISSUE, SIGNING, NOW).id == "msg-1"


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({}, ISSUE + b" "),
        ({"webhook-id": "msg-2"}, ISSUE),
        ({"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, ISSUE),
        ({"webhook-timestamp": "soon"}, ISSUE),
        ({"webhook-timestamp": "١٢٣"}, ISSUE),
        ({"webhook-timestamp": "9" * 400}, ISSUE),
        ({"webhook-timestamp": ""}, ISSUE),
        ({"webhook-id": ""}, ISSUE),
        ({"webhook-signature": ""}, ISSUE),
        ({"webhook-signature": "v1"}, ISSUE),
        ({"webhook-signature": "v1,"}, ISSUE),
        ({"webhook-signature": "v1,ünglück ,, v2,x"}, ISSUE),
        ({"webhook-signature": signed()["webhook-signature"].replace("v1,", "v2,")}, ISSUE),
    ],
)
def test_anything_else_than_what_was_signed_is_refused(change: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadSignature):
        parse_delivery(signed() | change, body, SIGNING, NOW)


@pytest.mark.parametrize(
    ("seconds", "good"), [(0, True), (299, True), (300, True), (301, False), (-300, True), (-301, False)]
)
def test_a_signature_holds_for_five_minutes_either_way(seconds: int, good: bool) -> None:
    headers, now = signed(), NOW + timedelta(seconds=seconds)
    if good:
        assert parse_delivery(headers, ISSUE, SIGNING, now).relevant
        return
    with pytest.raises(BadSignature, match="five minutes"):
        parse_delivery(headers, ISSUE, SIGNING, now)


def test_a_signing_token_does_not_work_as_a_plain_one() -> None:
    with pytest.raises(BadSignature):
        parse_delivery(plain(**{"x-gitlab-token": SIGNING.reveal()}), ISSUE, SIGNING, NOW)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_***", "whsec_ü"])
def test_a_signing_token_that_is_none_lets_nobody_in(secret: str) -> None:
    with pytest.raises(BadSignature):
        parse_delivery(signed(key=b""), ISSUE, Secret(secret), NOW)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_told_apart(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse_delivery(plain(), body, TOKEN, NOW)
    with pytest.raises(NotJson):
        parse_delivery(signed(body), body, SIGNING, NOW)


@pytest.mark.parametrize(
    ("take", "name"),
    [
        ((), "idem-1"),
        (("idempotency-key",), "event-1"),
        (("idempotency-key", "x-gitlab-event-uuid"), "msg-9"),
    ],
)
def test_the_id_is_the_same_when_it_is_sent_again(take: tuple[str, ...], name: str) -> None:
    headers = plain(**{"webhook-id": "msg-9"})
    first = {k: v for k, v in headers.items() if k not in take}
    again = first | {"webhook-timestamp": "1", "x-gitlab-webhook-uuid": "other"}
    assert parse_delivery(first, ISSUE, TOKEN, NOW).id == parse_delivery(again, ISSUE, TOKEN, NOW).id == name


def test_without_any_id_it_is_refused() -> None:
    headers = {k: v for k, v in plain().items() if k not in ("idempotency-key", "x-gitlab-event-uuid")}
    with pytest.raises(BadDelivery):
        parse_delivery(headers, ISSUE, TOKEN, NOW)


@pytest.mark.parametrize(
    ("event", "kind", "relevant"),
    [
        ("Issue Hook", "issue", True),
        ("Issue Hook", "work_item", True),
        ("Work Item Hook", "work_item", True),
        ("Confidential Issue Hook", "issue", True),
        ("Milestone Hook", "milestone", True),
        ("Something New", "work_item", True),
        ("Note Hook", "note", False),
        ("Push Hook", "push", False),
        ("Pipeline Hook", "pipeline", False),
        ("Emoji Hook", "emoji", False),
        ("", None, False),
    ],
)
def test_what_can_change_a_unit_is_relevant(event: str, kind: str | None, relevant: bool) -> None:
    body = json.dumps({"object_kind": kind}).encode()
    assert parse_delivery(plain(**{"x-gitlab-event": event}), body, TOKEN, NOW).relevant is relevant


@pytest.mark.parametrize("kind", [["issue"], {"issue": 1}, 7, True, None])
def test_a_kind_that_is_no_text_is_no_kind(kind: object) -> None:
    headers = {name: value for name, value in plain().items() if name != "x-gitlab-event"}
    got = parse_delivery(headers, json.dumps({"object_kind": kind}).encode(), TOKEN, NOW)
    assert (got.event, got.relevant) == ("", False)
