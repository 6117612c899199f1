"""GitHub's webhook calls: verified on the raw bytes, then read."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from connectors.base import BadDelivery, BadSignature, Delivery, NotJson, Secret

PREFIX: Final = "sha256="
IDLE: Final[Mapping[str, frozenset[str]]] = {
    "issues": frozenset({"assigned", "unassigned", "locked", "unlocked", "pinned", "unpinned"}),
    "milestone": frozenset(),
    "sub_issues": frozenset(),
    "issue_dependencies": frozenset(),
    "repository": frozenset({"created", "edited", "privatized", "publicized"}),
}
"""The events that matter, and which of their actions do not: they change nothing of what is read of an object. An
action that GitHub adds to one of these events is looked at: a look too many costs two answers of 304.
"""


def parse_delivery(headers: Mapping[str, str], body: bytes, secret: Secret, now: datetime) -> Delivery:
    """Read one call. `headers` has lower-case names. GitHub signs no time, so `now` is not used.

    The signature is `X-Hub-Signature-256`: "sha256=" and the hex HMAC-SHA256 of the raw body. The body is JSON, or a
    form with the JSON in `payload` where the hook was set to that content type. `id` is X-GitHub-Delivery, which a
    redelivery keeps. Raises BadSignature, then NotJson, then BadDelivery where GitHub's headers are missing.
    """
    verify(headers.get("x-hub-signature-256", ""), body, secret)
    payload = read(headers.get("content-type", ""), body)
    delivery, event = headers.get("x-github-delivery", ""), headers.get("x-github-event", "")
    if not delivery or not event:
        raise BadDelivery("The call names no delivery or no event (X-GitHub-Delivery, X-GitHub-Event)")
    return Delivery(delivery, event, is_relevant(event, payload))


def verify(signature: str, body: bytes, secret: Secret) -> None:
    """Raises BadSignature unless the signature is the secret's for these bytes. Compared in constant time."""
    key = secret.reveal().encode()
    if not key:
        raise BadSignature("No webhook secret is set, so no call can be verified")
    if not signature:
        raise BadSignature("The call is not signed (X-Hub-Signature-256)", "Set the same secret in GitHub's webhook.")
    due = PREFIX + hmac.new(key, body, hashlib.sha256).hexdigest()
    # as bytes: compare_digest refuses strings that are not ASCII
    if not hmac.compare_digest(due.encode(), signature.encode("utf-8", "replace")):
        raise BadSignature("The signature does not fit the body", "Set the same secret in GitHub's webhook.")


def read(content_type: str, body: bytes) -> Mapping[str, object]:
    """The JSON object of a verified call. Raises NotJson."""
    try:
        text = body.decode()
        if content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            text = parse_qs(text, strict_parsing=True, max_num_fields=10)["payload"][0]
        payload = json.loads(text)
    except (ValueError, KeyError, RecursionError):
        raise NotJson("The call's body is not JSON", "Set the webhook's content type to application/json.") from None
    if not isinstance(payload, dict):
        raise NotJson("The call's body is not a JSON object")
    return payload


def is_relevant(event: str, payload: Mapping[str, object]) -> bool:
    """Whether the event can change a unit, or takes the place itself away (renamed, transferred, deleted, archived)."""
    return event in IDLE and str(payload.get("action")) not in IDLE[event]
