"""The roles, who somebody is, and how one is turned away."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from app.core.errors import MilepostError


class Role(StrEnum):
    """What a token lets do. Each holds what the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what `needed` may."""
        return _LADDER.index(self) >= _LADDER.index(needed)


_LADDER: Final = tuple(Role)


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who was let in. `name` is the token's, and the audit's. `via`: `open` while there is no token at all.

    `session_hash` and `csrf` are a session's; a write that only the session allows has to bring `csrf` along.
    """

    name: str
    role: Role
    via: Literal["open", "token", "session"]
    token_id: str = ""
    session_hash: str = ""
    csrf: str = ""


class Unauthenticated(MilepostError):
    """No token, or one that is wrong, expired or revoked. Which of these is not told. `tried`: one was given."""

    type = "unauthenticated"
    status = 401

    def __init__(self, *, tried: bool) -> None:
        what = "the token is wrong, expired or revoked" if tried else "a token is needed"
        super().__init__(what, "send Authorization: Bearer TOKEN; `milepost token create` makes one")
        self.tried = tried


class Forbidden(MilepostError):
    """The role doesn't suffice."""

    type = "forbidden"
    status = 403

    def __init__(self, needed: Role, role: Role) -> None:
        super().__init__(f"this needs the role {needed}; the token's is {role}", f"use a token of the role {needed}")


class TooManyFailures(MilepostError):
    """An address that gave wrong tokens too often waits. `retry_after` is in whole seconds."""

    type = "too-many-failures"
    status = 429

    def __init__(self, retry_after: int) -> None:
        super().__init__("too many wrong tokens came from this address", f"try again in {retry_after} s")
        self.retry_after = retry_after
