"""What there is to tell of a programme, found by comparing how it stands with how it stood when it was last looked at.

The new standing and the messages that follow from it are stored in one transaction: whenever a process is killed,
nothing is told twice and nothing is lost. Asks no tracker, and sends nothing: `notify.py` does.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from app import logs
from app.core.errors import MilepostError
from app.core.news import MilestoneStanding, News, Standing, news
from app.db import notices, targets, trees
from app.db.models import NotificationRow, TargetRow
from app.db.notices import Moved
from app.sync import conflicts, status
from app.sync.context import Context, new_id

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds at least between two looks at a programme."""
SHARE = 20.0
"""A look is followed by a pause of this many times its length: a programme of 10,000 tasks takes seconds of CPU."""
REST_MOST = timedelta(hours=1)
CLAIM = timedelta(minutes=2)
"""How long a look may take before another process may look instead."""
NEVER_SO_LONG = timedelta(days=1)
"""Nobody waits so long: the clock was set back."""
TEXT_MAX = 3000
"""Characters of a message's text: Slack cuts longer ones up."""


def failing(session: Session, now: datetime) -> dict[int, dict[str, str]]:
    """Programme id -> the names of its targets that can't be read, and why.

    A paused target fails when it was paused for an error; an active one once its figures are stale for one.
    """
    found: dict[int, dict[str, str]] = {}
    for row in targets.all_of(session):
        if row.last_error and (row.state != "active" or _stale(row, now)):
            found.setdefault(row.programme_id, {})[row.name] = logs.redacted(" ".join(row.last_error.split()))[:300]
    return found


def _stale(row: TargetRow, now: datetime) -> bool:
    read = row.last_refresh or row.created_at
    return now - read > timedelta(seconds=status.STALE_AFTER * row.interval_seconds)


def look(ctx: Context) -> int:
    """Look at every programme that may stand otherwise than before; gives how many messages came of it.

    The first look at a programme only remembers. One that can't be looked at is logged, and holds up no other.
    """
    now = ctx.now()
    with ctx.db.read() as session:
        broken = failing(session, now)
        moved = notices.moved(session, now.date().isoformat(), {k: sorted(v) for k, v in broken.items()})
    made = 0
    for one in moved:
        if one.standing is None or _rested(one, now):
            try:
                made += _look(ctx, one, broken.get(one.id, {}))
            except MilepostError as error:
                log.warning("the programme %s can't be looked at for news: %s", one.slug, error.message)
    return made


def _rested(one: Moved, now: datetime) -> bool:
    assert one.standing is not None  # noqa: S101 - asked by the caller
    left = one.standing.again_at - now
    return left <= timedelta() or left > NEVER_SO_LONG


def _look(ctx: Context, one: Moved, broken: dict[str, str]) -> int:
    began = time.monotonic()
    claimed = ctx.now() + CLAIM
    with ctx.db.write() as session:
        if not notices.claim(session, one, claimed):
            return 0
    told = one.standing.told if one.standing else None
    stands = _standing(ctx, one.slug, broken, told)
    found = news(told, stands) if told is not None else []
    rest = timedelta(seconds=max(LOOK_EVERY, SHARE * (time.monotonic() - began)))
    with ctx.db.write() as session:
        if not notices.tell(session, one, claimed, stands.as_told(), ctx.now() + min(rest, REST_MOST)):
            return 0
        return _put(session, one.id, stands, found, ctx.now())


def _standing(ctx: Context, slug: str, broken: dict[str, str], told: dict[str, Any] | None) -> Standing:
    now = status.status(ctx, slug)
    with ctx.db.read() as session:
        tree = trees.load(session, slug)
        names = [row.name for row in targets.all_of(session, tree.id)]
    disputed: dict[str, frozenset[str]] = {}
    for name in names:
        try:
            disputed[name] = frozenset(f"{c.key} {c.field}".strip() for c in conflicts.listed(ctx, name))
        except targets.TargetUnknown:
            continue  # it was removed just now
        except MilepostError as error:  # its profile can't be read: what was told stands
            log.warning("the conflicts of %s can't be told: %s", name, error.message)
            disputed[name] = frozenset((told or {}).get("conflicts", {}).get(name, []))
    milestones = {
        tree.ids[m.key]: MilestoneStanding(m.key, m.title, m.health, m.percent, m.done, m.total, m.source, m.url or "")
        for m in now.milestones
        if m.key in tree.ids
    }
    return Standing(slug, now.title, now.health, milestones, disputed, broken)


def _put(session: Session, programme_id: int, stands: Standing, found: Sequence[News], now: datetime) -> int:
    """Store a message of each news for each notifier that wants it."""
    made = 0
    for notifier in notices.of_programme(session, programme_id):
        for one in found:
            if one.event in notifier.events:
                content = message(one.event, stands.slug, stands.title, one.text, one.data, one.url)
                session.add(row_of(notifier.id or 0, one.event, content, now))
                made += 1
    return made


def row_of(notifier_id: int, event: str, content: dict[str, Any], now: datetime) -> NotificationRow:
    """A message that waits to be sent. Its id is the receiver's means to know it again."""
    return NotificationRow(
        notifier_id=notifier_id,
        message_id=f"msg_{new_id()}{new_id()}",
        event=event,
        content=content,
        created_at=now,
        due_at=now,
    )


def message(event: str, slug: str, title: str, text: str, data: Any, url: str = "") -> dict[str, Any]:
    """A message as it is stored: its one line, and its data as JSON."""
    line = " ".join(f"{title}: {text}".split())[:TEXT_MAX]
    return {"text": line, "url": url, "data": {"programme": slug, "title": title, "text": line, **data}}


_MENTION = re.compile(r"@(?=\w)")


def slack(content: dict[str, Any]) -> dict[str, str]:
    """Slack's `{"text": …}`. What titles hold is text: `<`, `>` and `&` are escaped, so nothing is a mention or a link
    (api.slack.com/reference/surfaces/formatting#escaping); @names are broken open for those that read them as such.
    """
    line = content["text"] + (f" {content['url']}" if content["url"] else "")
    for mark, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        line = line.replace(mark, escaped)
    return {"text": _MENTION.sub("@\u200b", line)}
