"""API tokens: made, listed, revoked, recognised.

A token is 32 random bytes, so nobody finds one by trying, and nobody finds one from its hash either: plain SHA-256 is
enough. (A slow hash protects what people choose themselves; here it would only slow each request.)
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from app.access.roles import Role
from app.core.errors import MilepostError
from app.db import access
from app.db.engine import Database
from app.db.models import TokenRow

PREFIX: Final = "mp_"
"""Begins every token, so that scanners for leaked secrets, and people, know one."""
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RESERVED: Final = frozenset({"service"})
"""What the audit calls the service itself."""
USE_NOTED: Final = timedelta(minutes=1)
"""How often at most a token's last use is written."""
LONGEST: Final = 3650


class BadToken(MilepostError):
    """A token that can't be made: which option, and how to mend it."""

    type = "bad-token"
    status = 422


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. `secret` is shown once and never again."""

    document: dict[str, Any]
    secret: str = field(repr=False)


def digest(secret: str) -> str:
    """What a token or a cookie is stored and looked up as."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def create(db: Database, role: Role, *, name: str | None = None, days: int | None = None, now: datetime) -> NewToken:
    """Make a token, for `days` or until it is revoked. `name` is the role with a number unless given.

    Raises BadToken, TokenExists.
    """
    if name is not None and (not NAME.fullmatch(name) or name in RESERVED):
        raise BadToken(f"{name!r} can't name a token", "use letters, digits, dots, hyphens; 64 at most")
    if days is not None and not 1 <= days <= LONGEST:
        raise BadToken(f"{days} days is no time for a token", f"give 1 to {LONGEST}, or leave --expires out")
    secret = PREFIX + secrets.token_urlsafe(32)
    id_ = secrets.token_hex(6)
    row = TokenRow(
        id=id_,
        name=name or f"{role}-{id_[:6]}",
        role=role.value,
        hash=digest(secret),
        created_at=now,
        expires_at=now + timedelta(days=days) if days is not None else None,
    )
    with db.write() as session:
        access.add_token(session, row)
    return NewToken(as_json(row, now), secret)


def listed(db: Database, now: datetime) -> list[dict[str, Any]]:
    """Every token, the oldest first, as `as_json` shows it."""
    with db.read() as session:
        return [as_json(row, now) for row in access.tokens(session)]


def revoke(db: Database, id_or_name: str, now: datetime) -> dict[str, Any]:
    """Let a token, and every session begun with it, in no more. One that is revoked already stays so.

    Raises TokenUnknown.
    """
    with db.write() as session:
        row = access.find_token(session, id_or_name)
        row.revoked_at = row.revoked_at or now
        session.add(row)
        access.end_sessions_of(session, row.id)
        return as_json(row, now)


def recognise(db: Database, secret: str, now: datetime) -> TokenRow | None:
    """The good token that `secret` is, None where it is wrong, expired or revoked. Notes its use, once a minute."""
    hash_ = digest(secret)
    with db.read() as session:
        row = access.token_of_hash(session, hash_)
    if row is None or not hmac.compare_digest(row.hash, hash_) or not access.is_good(row, now):
        return None
    note_use(db, row, now)
    return row


def note_use(db: Database, row: TokenRow, now: datetime) -> None:
    """Write down that a token was used, unless that was done within the minute."""
    if row.last_used_at is None or now - row.last_used_at >= USE_NOTED:
        with db.write() as session:
            access.used(session, row.id, now)


def as_json(row: TokenRow, now: datetime) -> dict[str, Any]:
    """A token as commands show it. Times are UTC; `last_used_at` is right to a minute."""
    state = "revoked" if row.revoked_at else "active" if access.is_good(row, now) else "expired"
    return {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "state": state,
        "created_at": _utc(row.created_at),
        "expires_at": _utc(row.expires_at),
        "last_used_at": _utc(row.last_used_at),
        "revoked_at": _utc(row.revoked_at),
    }


def _utc(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
