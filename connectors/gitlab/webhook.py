"""GitLab's webhook calls: verified, then read. Pure.

Two ways of proving the sender (https://docs.gitlab.com/user/project/integrations/webhooks/): a signing token
(`whsec_…`, since GitLab 19.0), by the Standard Webhooks rules (https://www.standardwebhooks.com), or the older shared
secret in `X-Gitlab-Token`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from connectors.base import BadDelivery, BadSignature, Delivery, NotJson, Secret

WINDOW_SECONDS: Final = 300
SIGNING: Final = "whsec_"
RELEVANT: Final = frozenset({"issue", "work_item", "milestone"})  # `object_kind`s that can change a unit
EVENTS: Final = frozenset({"Issue Hook", "Confidential Issue Hook", "Work Item Hook", "Milestone Hook"})

NAMES: Final = ("idempotency-key", "x-gitlab-event-uuid", "webhook-id")  # the first is the same when sent again


def parse_delivery(headers: Mapping[str, str], body: bytes, secret: Secret, now: datetime) -> Delivery:
    """Verify a call on its raw bytes, in constant time, then read it. `headers` has lower-case names; `now` is UTC.

    A signing token as secret asks for a signature no older or newer than five minutes; a plain token in its place is
    refused, since it would let a caller choose the weaker proof. Raises BadSignature; NotJson; BadDelivery where no id
    is given. The id stays the same when GitLab sends again (`Idempotency-Key`).
    """
    key = secret.reveal()
    if key.startswith(SIGNING):
        _check_signature(headers, body, key.removeprefix(SIGNING), now)
    elif not key or not _same(headers.get("x-gitlab-token", ""), key):
        raise BadSignature("The call carries no X-Gitlab-Token, or a wrong one", "Set the webhook up again.")
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise NotJson("The call's body is not JSON") from None
    if not isinstance(told, dict):
        raise NotJson("The call's body is not a JSON object")
    read = delivery(headers, told)
    if not read.id:
        raise BadDelivery("The call carries no Idempotency-Key or X-Gitlab-Event-UUID to tell it by")
    return read


def delivery(headers: Mapping[str, str], told: Mapping[str, object], *, otherwise: str = "") -> Delivery:
    """A call by its lower-case headers and its body, verified or not. `otherwise` names one that has no id."""
    name = next((headers[n].strip() for n in NAMES if headers.get(n, "").strip()), otherwise)
    event, kind = headers.get("x-gitlab-event", ""), told.get("object_kind")
    kind = kind if isinstance(kind, str) else ""
    return Delivery(id=name, event=event or kind, relevant=kind in RELEVANT or event in EVENTS)


def _check_signature(headers: Mapping[str, str], body: bytes, key: str, now: datetime) -> None:
    """HMAC-SHA256 over `{id}.{timestamp}.{body}`; the header holds one `v1,BASE64` or several, apart by spaces."""
    name, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")
    if not (name and sent and given):
        raise BadSignature("The call is not signed", "Set the webhook up again, with its signing token.")
    try:
        secret = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not secret:
        raise BadSignature("The webhook secret is no signing token: no base64 follows whsec_", "Copy it again.")
    if not (sent.isascii() and sent.isdecimal() and len(sent) < 12):
        raise BadSignature("The call's webhook-timestamp is no time")
    expected = hmac.new(secret, _raw(f"{name}.{sent}.") + body, hashlib.sha256).digest()
    right = [
        _same(signature, base64.b64encode(expected).decode())
        for version, _, signature in (one.partition(",") for one in given.split())
        if version == "v1"
    ]
    if not any(right):
        raise BadSignature("The call's signature is wrong", "Set the webhook up again.")
    if abs(now.timestamp() - int(sent)) > WINDOW_SECONDS:
        raise BadSignature("The call was signed over five minutes from now", "Check this machine's clock.")


def _same(given: str, expected: str) -> bool:
    """Equal, in constant time. A secret beyond ASCII comes as UTF-8, which servers hand on decoded as Latin-1."""
    wanted = expected.encode("utf-8", "surrogatepass")
    return hmac.compare_digest(_raw(given), wanted) | hmac.compare_digest(
        given.encode("utf-8", "surrogatepass"), wanted
    )


def _raw(header: str) -> bytes:
    """The bytes that a header was sent as."""
    try:
        return header.encode("latin-1")
    except UnicodeEncodeError:
        return header.encode("utf-8", "surrogatepass")
