"""Tokens and sessions: every query. What is looked up by is a hash; no token and no cookie is ever stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from app.core.errors import MilepostError
from app.db.models import SessionRow, TokenRow


class TokenUnknown(MilepostError):
    """There is no such token."""

    type = "token-unknown"
    status = 404


class TokenExists(MilepostError):
    """The name is taken, perhaps by a token that was revoked."""

    type = "token-exists"
    status = 409


def any_token(session: Session) -> bool:
    """Whether a token was ever created, revoked and expired ones too."""
    return session.exec(select(TokenRow.id).limit(1)).first() is not None


def usable_token(session: Session, now: datetime) -> bool:
    """Whether anybody could come in by a token now."""
    return any(is_good(row, now) for row in tokens(session))


def is_good(row: TokenRow, now: datetime) -> bool:
    """Whether a token is neither revoked nor expired."""
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now)


def tokens(session: Session) -> Sequence[TokenRow]:
    """Every token, the oldest first."""
    return session.exec(select(TokenRow).order_by(col(TokenRow.created_at), col(TokenRow.id))).all()


def add_token(session: Session, row: TokenRow) -> None:
    """Raises TokenExists."""
    if session.exec(select(TokenRow.id).where(TokenRow.name == row.name)).first() is not None:
        hint = "give another --name: the audit names tokens, so a name is used once"
        raise TokenExists(f"there is, or was, a token {row.name!r}", hint)
    session.add(row)
    session.flush()


def find_token(session: Session, id_or_name: str) -> TokenRow:
    """A token by its id, or else by its name. Raises TokenUnknown."""
    row = session.get(TokenRow, id_or_name) or session.exec(select(TokenRow).where(TokenRow.name == id_or_name)).first()
    if row is None:
        raise TokenUnknown(f"there is no token {id_or_name!r}", "list them with `milepost token list`")
    return row


def token_of_hash(session: Session, hash_: str) -> TokenRow | None:
    """A token by its hash, good or not."""
    return session.exec(select(TokenRow).where(TokenRow.hash == hash_)).first()


def used(session: Session, token_id: str, now: datetime) -> None:
    """Note when a token was last used."""
    session.execute(update(TokenRow).where(col(TokenRow.id) == token_id).values(last_used_at=now))


def end_sessions_of(session: Session, token_id: str) -> None:
    """End every session that was begun with a token."""
    session.execute(delete(SessionRow).where(col(SessionRow.token_id) == token_id))


def begin_session(session: Session, row: SessionRow) -> None:
    """Store a session, and forget those that are over."""
    session.execute(delete(SessionRow).where(col(SessionRow.expires_at) <= row.created_at))
    session.add(row)


def session_of_hash(session: Session, hash_: str) -> tuple[SessionRow, TokenRow] | None:
    """A session by its hash, over or not, and its token."""
    return session.exec(
        select(SessionRow, TokenRow)
        .join(TokenRow, col(TokenRow.id) == col(SessionRow.token_id))
        .where(SessionRow.hash == hash_)
    ).first()


def end_session(session: Session, hash_: str) -> None:
    """Forget a session, if there is one."""
    session.execute(delete(SessionRow).where(col(SessionRow.hash) == hash_))
