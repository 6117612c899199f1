"""The gate: who asks, by token, by session, or because nobody has made a token yet."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final

from app.access import sessions, tokens
from app.access.attempts import Attempts
from app.access.roles import Role, TooManyFailures, Unauthenticated, Who
from app.access.sessions import NewSession
from app.db import access
from app.db.engine import Database
from app.db.models import TokenRow

KNOWN: Final = 1000
"""Hashes of tokens that were good, which are remembered so that they are not taken for guesses."""


class Gate:
    """Every method may be called from any thread, and raises DatabaseUnusable."""

    def __init__(
        self, db: Database, now: Callable[[], datetime], *, nobody: str, attempts: Attempts | None = None
    ) -> None:
        """`nobody` is the name of whoever comes while there is no token."""
        self._db = db
        self._now = now
        self._open = Who(nobody, Role.ADMIN, "open")
        self.attempts = attempts or Attempts()
        self._lock = threading.Lock()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._closed = False

    def is_open(self) -> bool:
        """Whether no token was ever made. Asked of the database until one is there, then never again: none goes."""
        if not self._closed:
            with self._db.read() as session:
                self._closed = access.any_token(session)
        return not self._closed

    def who(self, address: str, bearer: str | None, cookie: str | None, *, here: bool) -> Who:
        """Who asks from `address`. A token counts before a session's cookie. `here`: surely from this machine, which
        is what being open is for.

        Raises Unauthenticated, TooManyFailures.
        """
        if here and self.is_open():
            return self._open
        if bearer is not None:
            row = self._token(address, bearer)
            return Who(row.name, Role(row.role), "token", row.id)
        found = sessions.recognise(self._db, cookie, self._now()) if cookie else None
        if found is None:
            raise Unauthenticated(tried=False)
        return found

    def log_in(self, address: str, secret: str) -> NewSession:
        """Begin a session by a token. Raises Unauthenticated, TooManyFailures."""
        return sessions.begin(self._db, self._token(address, secret), self._now())

    def log_out(self, who: Who) -> None:
        """End the session that somebody came by, if one."""
        if who.via == "session":
            sessions.end(self._db, who)

    def _token(self, address: str, secret: str) -> TokenRow:
        """A good token. An address that failed too often may go on with tokens that were good before: it may be a
        whole office, and what was good is no guess. Whether a new one is good is not even looked at.
        """
        hash_ = tokens.digest(secret)
        wait = self.attempts.wait(address)
        with self._lock:
            known = hash_ in self._known
        if wait and not known:
            raise TooManyFailures(wait)
        row = tokens.recognise(self._db, secret, self._now())
        with self._lock:
            if row is None:
                self._known.pop(hash_, None)
            else:
                self._known[hash_] = None
                self._known.move_to_end(hash_)
                if len(self._known) > KNOWN:
                    self._known.popitem(last=False)
        if row is None:
            self.attempts.failed(address)
            raise Unauthenticated(tried=True)
        return row
