"""Notifiers and the sending of what waits in the outbox: each message in its notifier's order, until it is taken.

A notifier that fails is left alone for longer and longer, and holds up no other; after `ATTEMPTS` a message is parked.
A process that is killed while it sends may send a message again: its id is the same, for the receiver to know it by.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy.exc import IntegrityError
from standardwebhooks import Webhook

from app.core.errors import MilepostError
from app.core.news import EVENTS
from app.db import notices, report_schedules, trees
from app.db.engine import DatabaseUnusable
from app.db.models import NotificationRow, NotifierRow
from app.settings import Settings
from app.sync import outgoing
from app.sync.context import Context, named_secret
from app.sync.notices import look, message, row_of, slack
from app.sync.outgoing import BadAddress, NotDelivered
from app.sync.targets import NAME, variable

log = logging.getLogger(__name__)

Format = Literal["standard", "slack"]
WAITS: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 10_800.0, 21_600.0)
"""Seconds from each failed attempt to the next, about as the Standard Webhooks specification has it."""
ATTEMPTS: Final = len(WAITS) + 1
NOTHING: Final = "nothing"
"""In the place of events: no news go there, only the reports that are scheduled for it."""
LONGEST_WAIT: Final = 86_400.0
CLAIM: Final = timedelta(seconds=60)
"""How long one attempt may take before another process may make the next."""
AT_ONCE: Final = 20.0
"""Seconds that one call of `send_due` sends for."""
KEPT: Final = timedelta(days=30)
JITTER: Final = random.SystemRandom()


class BadNotifier(MilepostError):
    """A notifier that can't be: which option, and how to mend it."""

    type = "bad-notifier"
    status = 422


class NotifierExists(MilepostError):
    """The name is taken."""

    type = "notifier-exists"
    status = 409


class NotifierNeeded(MilepostError):
    """Reports are scheduled for it."""

    type = "notifier-needed"
    status = 409


@dataclass(frozen=True, slots=True)
class NewNotifier:
    """What a notifier is made from. Secrets, and URLs that are one, are named by variable. `events` are of `EVENTS`, or
    `NOTHING` alone.
    """

    name: str
    programme: str
    format: str
    url: str = ""
    url_env: str = ""
    secret_env: str = ""
    events: Sequence[str] = EVENTS


def add(ctx: Context, new: NewNotifier) -> dict[str, Any]:
    """Store a notifier; sends nothing. Raises BadNotifier, BadAddress, BadTarget, NotifierExists, ProgrammeUnknown."""
    if not NAME.fullmatch(new.name):
        raise BadNotifier(f"{new.name!r} can't name a notifier", "use letters, digits, dots, hyphens; 64 at most")
    if new.format not in get_args(Format):
        raise BadNotifier(f"there is no format {new.format!r}", f"use {' or '.join(get_args(Format))}")
    if bool(new.url) == bool(new.url_env):
        raise BadNotifier("where should it go?", "give --url URL, or --url-env VAR where the URL is a secret")
    if new.url and (new.format == "slack" or "hooks.slack.com" in new.url):
        raise BadNotifier("a Slack URL is a secret, and secrets aren't stored", "put it in a variable: --url-env VAR")
    if new.format == "standard" and not new.secret_env:
        raise BadNotifier("--format standard is signed", "give --secret-env VAR, the variable that holds whsec_…")
    if new.format == "slack" and new.secret_env:
        raise BadNotifier("--format slack isn't signed", "leave --secret-env out")
    unknown = [event for event in new.events if event not in EVENTS]
    if (unknown or not new.events) and list(new.events) != [NOTHING]:
        what = f"{', '.join(unknown)} is no event" if unknown else "--on names no event"
        raise BadNotifier(what, f"there are: {', '.join(EVENTS)}; or {NOTHING} alone")
    row = NotifierRow(
        programme_id=0,
        name=new.name,
        format=new.format,
        url=outgoing.checked(new.url) if new.url else "",
        url_env=variable(new.url_env, "--url-env"),
        secret_env=variable(new.secret_env, "--secret-env"),
        events=[event for event in EVENTS if event in new.events],
        created_at=ctx.now(),
    )
    try:
        with ctx.db.write() as session:
            row.programme_id = trees.get(session, new.programme).id or 0
            session.add(row)
    except DatabaseUnusable as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise
        raise NotifierExists(f"there is a notifier {new.name!r} already", "give another name") from None
    return as_json(row, new.programme, {})


def as_json(row: NotifierRow, programme: str, counts: dict[str, int], error: str = "") -> dict[str, Any]:
    """A notifier as commands show it; no secret is in it."""
    return {
        "name": row.name,
        "programme": programme,
        "format": row.format,
        "url": row.url or None,
        "url_env": row.url_env or None,
        "secret_env": row.secret_env or None,
        "on": row.events,
        "messages": {state: counts.get(state, 0) for state in ("waiting", "sent", "parked")},
        "last_error": error or None,
    }


def listed(ctx: Context) -> list[dict[str, Any]]:
    """Every notifier, with how many messages wait, were sent and are parked."""
    with ctx.db.read() as session:
        counts = notices.counts(session)
        return [
            as_json(row, slug, counts.get(row.id or 0, {}), notices.last_error(session, row.id or 0))
            for row, slug in notices.everyone(session)
        ]


def remove(ctx: Context, name: str) -> None:
    """Forget a notifier, and what waits for it. Raises NotifierUnknown, NotifierNeeded."""
    with ctx.db.write() as session:
        row = notices.get(session, name)
        scheduled = report_schedules.of_notifier(session, row.id or 0)
        if scheduled:
            raise NotifierNeeded(
                f"reports are scheduled for {name!r}: {', '.join(scheduled)}",
                f"milepost report schedule remove {scheduled[0]}",
            )
        session.delete(row)


def retry(ctx: Context, name: str) -> int:
    """Parked messages wait again, and all that wait are due at once. Gives how many. Raises NotifierUnknown."""
    with ctx.db.write() as session:
        return notices.again(session, notices.get(session, name).id or 0, ctx.now())


def try_out(ctx: Context, name: str, *, local: bool | None = None) -> str:
    """Send a message of the event `test`, once; gives its id. Raises NotifierUnknown, and what sending raises."""
    with ctx.db.read() as session:
        notifier = notices.get(session, name)
        programme = next(slug for row, slug in notices.everyone(session) if row.id == notifier.id)
        title = trees.get(session, programme).title
    content = message("test", programme, title, f"a test of the notifier {name}", {})
    row = row_of(notifier.id or 0, "test", content, ctx.now())
    _send(notifier, row, ctx.now(), _local(local))
    return row.message_id


def send_due(ctx: Context, *, local: bool | None = None) -> int:
    """Look for news, and send what is due; gives how many messages got through. To be called every second or so.

    Takes `AT_ONCE` seconds and one message more at most, whatever hangs. Any number of processes may do so at once.
    """
    until = time.monotonic() + AT_ONCE
    look(ctx)
    sent, tried = 0, True
    while tried and time.monotonic() < until:
        tried = False
        with ctx.db.read() as session:
            rows = notices.due(session, ctx.now())
            notifiers = {row.id: session.get(NotifierRow, row.notifier_id) for row in rows}
        for row in rows:
            notifier = notifiers[row.id]
            if notifier is None or time.monotonic() >= until:
                continue
            with ctx.db.write() as session:
                if not notices.take(session, row, ctx.now() + CLAIM):
                    continue
            tried = True
            sent += _attempt(ctx, notifier, row, _local(local))
    if sent:
        with ctx.db.write() as session:
            notices.prune(session, ctx.now() - KEPT)
    return sent


def _attempt(ctx: Context, notifier: NotifierRow, row: NotificationRow, local: bool) -> bool:
    """One attempt, and what became of it. True when the message got through."""
    try:
        _send(notifier, row, ctx.now(), local)
    except MilepostError as error:
        attempts = row.attempts + 1
        gone = isinstance(error, NotDelivered) and error.answered == 410
        parked = gone or attempts >= ATTEMPTS
        wait = 0.0 if parked else WAITS[attempts - 1] * JITTER.uniform(0.8, 1.2)
        if isinstance(error, NotDelivered):
            wait = max(wait, min(error.after, LONGEST_WAIT))
        log.warning(
            "notification %s to %s: %s; %s",
            row.message_id,
            notifier.name,
            error.message,
            "parked" if parked else f"tried again in {wait:.0f} s",
        )
        now = ctx.now()
        values: dict[str, Any] = {"error": error.message, "due_at": now + timedelta(seconds=wait)}
        if parked:
            values |= {"state": "parked", "finished_at": now}
        with ctx.db.write() as session:
            notices.finish(session, row.id, **values)
        return False
    with ctx.db.write() as session:
        notices.finish(session, row.id, state="sent", finished_at=ctx.now(), error="")
    log.info("notification %s (%s) sent to %s", row.message_id, row.event, notifier.name)
    return True


def _send(notifier: NotifierRow, row: NotificationRow, now: datetime, local: bool) -> None:
    """One POST. Raises BadNotifier where a variable is missing or holds no secret, BadAddress, NotDelivered."""
    url = notifier.url
    if notifier.url_env:
        secret = named_secret(notifier.url_env)
        if secret is None:
            raise BadNotifier(f"the variable {notifier.url_env}, which holds the URL, is not set", "export it")
        url = secret.reveal()
    headers = {"content-type": "application/json"}
    if notifier.format == "slack":
        body = json.dumps(slack(row.content), ensure_ascii=False)
    else:
        said = {"type": row.event, "timestamp": _utc(row.created_at), "data": row.content["data"]}
        body = json.dumps(said, ensure_ascii=False)
        headers |= {
            "webhook-id": row.message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": _signer(notifier).sign(row.message_id, now.replace(microsecond=0), body),
        }
    outgoing.post(url, headers, body.encode(), local=local)


def _signer(notifier: NotifierRow) -> Webhook:
    secret = named_secret(notifier.secret_env)
    if secret is None:
        raise BadNotifier(f"the variable {notifier.secret_env}, which holds the secret, is not set", "export it")
    key = secret.reveal()
    try:
        good = key.startswith("whsec_") and 24 <= len(base64.b64decode(key[6:], validate=True)) <= 64
    except binascii.Error:
        good = False
    if not good:
        raise BadNotifier(
            f"{notifier.secret_env} holds no Standard Webhooks secret: whsec_ and 24 to 64 bytes in base64",
            'make one: echo "whsec_$(openssl rand -base64 32)"',
        )
    return Webhook(key)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(given: bool | None) -> bool:
    return Settings().notify_local if given is None else given


__all__ = [
    "NOTHING",
    "BadAddress",
    "BadNotifier",
    "NewNotifier",
    "NotDelivered",
    "NotifierExists",
    "NotifierNeeded",
    "add",
    "as_json",
    "listed",
    "remove",
    "retry",
    "send_due",
    "try_out",
]
