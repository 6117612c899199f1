"""The inbox: a webhook call is verified on its raw bytes and stored once, before it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.exc import IntegrityError

from app.core.errors import MilepostError
from app.db import targets
from app.db.engine import DatabaseUnusable
from app.sync.context import Context, webhook_secret
from connectors import registry
from connectors.base import Delivery

LONGEST = 255
"""Characters of a delivery's id and event that are kept: a tracker's are far shorter."""


class WebhookUnknown(MilepostError):
    """There is no such target of this kind, or it has no secret set. Callers are not told which."""

    type = "webhook-unknown"
    status = 404


class DeliveryTooLong(MilepostError):
    """A delivery id or event name that no tracker sends."""

    type = "bad-delivery"
    status = 400


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a call. `accepted`: a refresh is to answer it; `ignored`: stored, can't change a figure;
    `seen`: came before and was answered. `active` is false for a paused target, which answers when it goes on.
    """

    delivery: Delivery
    state: Literal["accepted", "ignored", "seen"]
    active: bool


def take(ctx: Context, kind: str, target_id: str, headers: Mapping[str, str], body: bytes) -> Receipt:
    """Verify and store one call. `headers` has lower-case names.

    Raises WebhookUnknown, BadSignature, NotJson, BadDelivery.
    """
    with ctx.db.read() as session:
        target = targets.find(session, target_id)
    secret = webhook_secret(target) if target is not None else None
    if target is None or target.kind != kind or secret is None:
        raise WebhookUnknown(
            "there is no such webhook", "`milepost target show NAME` tells its path; its secret has to be set"
        )
    now = ctx.now()
    delivery = registry.kind(kind).parse_delivery(headers, body, secret, now)
    if max(len(delivery.id), len(delivery.event)) > LONGEST:
        raise DeliveryTooLong("the delivery's id or event is longer than any tracker's")
    try:
        new = _keep(ctx, target_id, delivery)
    except DatabaseUnusable as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
        new = _keep_again(ctx, target_id, delivery)
    state: Literal["accepted", "ignored", "seen"] = "seen"
    if new:
        state = "accepted" if delivery.relevant else "ignored"
    return Receipt(delivery, state, target.state == "active")


def _keep(ctx: Context, target_id: str, delivery: Delivery) -> bool:
    """True when the call is to be acted on: new, or seen before and never answered."""
    with ctx.db.write() as session:
        session.connection()  # waits for its turn here, so that no refresh that began before `now` answers the call
        now = ctx.now()
        new = targets.keep_delivery(session, target_id, delivery.id, delivery.event, now)
        if new and not delivery.relevant:
            targets.settle_delivery(session, target_id, delivery.id, now)
    return new


def _keep_again(ctx: Context, target_id: str, delivery: Delivery) -> bool:
    """After a row could not be added: the same call came twice at once and is seen now, or its target is gone."""
    with ctx.db.read() as session:
        if targets.find(session, target_id) is None:
            raise WebhookUnknown("there is no such webhook", "its target was removed")
    return _keep(ctx, target_id, delivery)
