"""The inbox: a webhook call is verified on its raw bytes and stored once, before it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from app.core.errors import MilepostError
from app.db import deliveries, targets
from app.db.deliveries import Came
from app.db.engine import DatabaseUnusable
from app.db.targets import Door
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
    `seen`: came before and was answered. `prompt` says that a refresh is to be asked for now: a paused target answers
    when it goes on, one that fails when it is tried again.
    """

    delivery: Delivery
    state: Literal["accepted", "ignored", "seen"]
    prompt: bool


def take(ctx: Context, kind: str, target_id: str, headers: Mapping[str, str], body: bytes) -> Receipt:
    """Verify and store one call. `headers` has lower-case names.

    Raises WebhookUnknown, BadSignature, NotJson, BadDelivery.
    """
    try:
        door, delivery, came = _stored(ctx, kind, target_id, headers, body)
    except DatabaseUnusable as error:
        if isinstance(error.__cause__, IntegrityError):
            raise WebhookUnknown("there is no such webhook", "its target was removed") from None
        raise
    if came == "seen":
        return Receipt(delivery, "seen", prompt=False)
    state: Literal["accepted", "ignored"] = "accepted" if delivery.relevant else "ignored"
    return Receipt(delivery, state, prompt=delivery.relevant and door.state == "active" and door.failures == 0)


def _stored(
    ctx: Context, kind: str, target_id: str, headers: Mapping[str, str], body: bytes
) -> tuple[Door, Delivery, Came]:
    if not ctx.db.sqlite:  # each round trip costs, and writers don't wait for each other
        with ctx.db.write() as session:
            door, delivery = _verified(targets.door(session, target_id), kind, headers, body, ctx.now())
            return door, delivery, _keep(session, target_id, delivery, ctx.now())
    with ctx.db.read() as session:
        found = targets.door(session, target_id)
    door, delivery = _verified(found, kind, headers, body, ctx.now())  # SQLite's one writer isn't kept waiting by it
    with ctx.db.write() as session:
        return door, delivery, _keep(session, target_id, delivery, ctx.now())


def _verified(
    door: Door | None, kind: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> tuple[Door, Delivery]:
    secret = webhook_secret(door) if door is not None else None
    if door is None or door.kind != kind or secret is None:
        raise WebhookUnknown(
            "there is no such webhook", "`milepost target show NAME` tells its path; its secret has to be set"
        )
    delivery = registry.kind(kind).parse_delivery(headers, body, secret, now)
    if max(len(delivery.id), len(delivery.event)) > LONGEST:
        raise DeliveryTooLong("the delivery's id or event is longer than any tracker's")
    return door, delivery


def _keep(session: Session, target_id: str, delivery: Delivery, now: datetime) -> Came:
    return deliveries.keep(session, target_id, delivery.id, delivery.event, now, relevant=delivery.relevant)
