"""Sessions: a browser shows a token once and gets a cookie of its own, which is as random, and stored as its hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from app.access import tokens
from app.access.roles import Role, Who
from app.core.errors import MilepostError
from app.db import access
from app.db.engine import Database
from app.db.models import SessionRow, TokenRow

LASTS: Final = timedelta(hours=12)
COOKIE: Final = "milepost_session"
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf"
"""Where writes of a session bring its `csrf`: programs of a page in the header, forms in the field."""


class CsrfMissing(MilepostError):
    """A write that only a session's cookie allows, without what the session's own pages bring along."""

    type = "csrf-missing"
    status = 403

    def __init__(self) -> None:
        super().__init__("this write didn't come from a page of this session", "reload the page, and try again")


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that was just begun. `cookie` is the browser's alone."""

    cookie: str = field(repr=False)
    expires_at: datetime


def begin(db: Database, token: TokenRow, now: datetime) -> NewSession:
    """Begin a session for whoever showed `token`; it ends with the token, at the latest."""
    cookie = secrets.token_urlsafe(32)
    ends = min(now + LASTS, token.expires_at or now + LASTS)
    row = SessionRow(hash=tokens.digest(cookie), token_id=token.id, created_at=now, expires_at=ends)
    with db.write() as session:
        access.begin_session(session, row)
    return NewSession(cookie, ends)


def recognise(db: Database, cookie: str, now: datetime) -> Who | None:
    """Who the cookie stands for; None where its session or its token is over. Notes the token's use, once a minute."""
    hash_ = tokens.digest(cookie)
    with db.read() as session:
        found = access.session_of_hash(session, hash_)
    if found is None:
        return None
    row, token = found
    if not hmac.compare_digest(row.hash, hash_) or row.expires_at <= now or not access.is_good(token, now):
        return None
    tokens.note_use(db, token, now)
    return Who(token.name, Role(token.role), "session", token.id, hash_, csrf_of(cookie))


def end(db: Database, who: Who) -> None:
    """End a session; its cookie lets nobody in any more."""
    with db.write() as session:
        access.end_session(session, who.session_hash)


def csrf_of(cookie: str) -> str:
    """What a page of this session writes with, and no other page can know: bound to the cookie, and not it."""
    return hmac.new(cookie.encode("utf-8", "surrogatepass"), b"milepost csrf", hashlib.sha256).hexdigest()


def csrf_is(who: Who, given: str) -> bool:
    """Whether `given` is what the session's pages write with, in constant time."""
    return bool(who.csrf) and hmac.compare_digest(who.csrf.encode(), given.encode("utf-8", "surrogatepass"))
