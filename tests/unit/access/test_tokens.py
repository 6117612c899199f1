"""Tokens and sessions: what is stored, what is let in, when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from app.access import Forbidden, Gate, Role, TooManyFailures, Unauthenticated, sessions, tokens
from app.access.attempts import FAILURES, WITHIN, Attempts, network
from app.db import access
from app.db.access import TokenExists, TokenUnknown
from app.db.engine import Database

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.at.timestamp()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{tmp_path / 'a.db'}")
    db.ready()
    yield db
    db.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(db: Database, clock: Clock) -> Gate:
    return Gate(db, clock, nobody="service", attempts=Attempts(clock.seconds))


def test_roles_are_a_ladder() -> None:
    may = {(have, need) for have in Role for need in Role if have.covers(need)}
    assert may == {
        (Role.VIEWER, Role.VIEWER),
        (Role.OPERATOR, Role.VIEWER),
        (Role.OPERATOR, Role.OPERATOR),
        (Role.ADMIN, Role.VIEWER),
        (Role.ADMIN, Role.OPERATOR),
        (Role.ADMIN, Role.ADMIN),
    }
    assert "operator" in Forbidden(Role.OPERATOR, Role.VIEWER).message


def test_neither_a_token_nor_a_cookie_is_in_the_database(db: Database, tmp_path: Path) -> None:
    made = tokens.create(db, Role.ADMIN, name="me", now=NOW)
    row = tokens.recognise(db, made.secret, NOW)
    assert row is not None
    begun = sessions.begin(db, row, NOW)
    with db.write() as session:
        session.connection().execute(text("SELECT 1"))
    db.close()  # the write-ahead log goes into the file
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (made.secret, made.secret.removeprefix(tokens.PREFIX), begun.cookie, sessions.csrf_of(begun.cookie)):
        assert secret.encode() not in stored
        assert secret not in repr(made) + repr(begun) + repr(row)
    assert tokens.digest(made.secret).encode() in stored


def test_tokens_are_long_and_never_alike(db: Database) -> None:
    found = {tokens.create(db, Role.VIEWER, now=NOW).secret for _ in range(20)}
    assert len(found) == 20
    assert all(secret.startswith("mp_") and len(secret) == 3 + 43 for secret in found)  # 32 bytes


@pytest.mark.parametrize("wrong", ["", "mp_", "mp_" + "A" * 43, "x" * 10_000, "mp_\udc80", "mp_é"])
def test_what_is_no_token_lets_nobody_in(db: Database, gate: Gate, wrong: str) -> None:
    tokens.create(db, Role.ADMIN, now=NOW)
    with pytest.raises(Unauthenticated) as caught:
        gate.who("192.0.2.1", wrong, None, here=False)
    assert caught.value.tried
    with pytest.raises(Unauthenticated):
        gate.who("192.0.2.1", None, wrong or "-", here=True)


def test_a_token_ends_when_it_expires_and_when_it_is_revoked(db: Database, gate: Gate, clock: Clock) -> None:
    month = tokens.create(db, Role.OPERATOR, name="month", days=30, now=NOW)
    always = tokens.create(db, Role.VIEWER, name="always", now=NOW)
    assert (month.document["expires_at"], always.document["expires_at"]) == ("2026-12-24T12:00:00Z", None)
    clock.at = NOW + timedelta(days=30, seconds=-1)
    who = gate.who("192.0.2.1", month.secret, None, here=False)
    assert (who.name, who.role, who.via) == ("month", Role.OPERATOR, "token")
    clock.at = NOW + timedelta(days=30)
    with pytest.raises(Unauthenticated):
        gate.who("192.0.2.1", month.secret, None, here=False)
    assert gate.who("192.0.2.1", always.secret, None, here=False).name == "always"
    tokens.revoke(db, always.document["id"], clock.at)
    with pytest.raises(Unauthenticated):
        gate.who("192.0.2.1", always.secret, None, here=False)
    states = {one["name"]: one["state"] for one in tokens.listed(db, clock.at)}
    assert states == {"month": "expired", "always": "revoked"}
    with db.read() as session:
        assert not access.usable_token(session, clock.at)
    with pytest.raises(Unauthenticated):  # that none is left opens nothing
        gate.who("127.0.0.1", None, None, here=True)


def test_the_last_use_is_written_once_a_minute(db: Database, gate: Gate, clock: Clock) -> None:
    secret = tokens.create(db, Role.VIEWER, now=NOW).secret

    def last_use() -> str | None:
        (one,) = tokens.listed(db, clock.at)
        return one["last_used_at"]  # type: ignore[no-any-return]

    assert last_use() is None
    seen = []
    for seconds in (0, 59, 60, 61):
        clock.at = NOW + timedelta(seconds=seconds)
        gate.who("192.0.2.1", secret, None, here=False)
        seen.append(last_use())
    assert seen == ["2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z", "2026-11-24T12:01:00Z", "2026-11-24T12:01:00Z"]


def test_names_are_used_once_and_revoking_twice_is_once(db: Database) -> None:
    tokens.create(db, Role.VIEWER, name="ci", now=NOW)
    first = tokens.revoke(db, "ci", NOW)
    assert tokens.revoke(db, "ci", NOW + timedelta(days=1)) == first
    with pytest.raises(TokenExists, match="or was"):
        tokens.create(db, Role.VIEWER, name="ci", now=NOW)
    with pytest.raises(TokenUnknown):
        tokens.revoke(db, "cd", NOW)
    for name in ("", "a b", "service", "me@host", "x" * 65, "é", "-x"):
        with pytest.raises(tokens.BadToken):
            tokens.create(db, Role.VIEWER, name=name, now=NOW)
    for days in (0, -1, 3651):
        with pytest.raises(tokens.BadToken):
            tokens.create(db, Role.VIEWER, days=days, now=NOW)


def test_it_is_open_to_this_machine_until_the_first_token(db: Database, gate: Gate) -> None:
    who = gate.who("127.0.0.1", None, None, here=True)
    assert (who.name, who.role, who.via) == ("service", Role.ADMIN, "open")
    with pytest.raises(Unauthenticated):
        gate.who("192.0.2.1", None, None, here=False)
    tokens.create(db, Role.VIEWER, now=NOW)  # as another process does
    with pytest.raises(Unauthenticated) as caught:
        gate.who("127.0.0.1", None, None, here=True)
    assert not caught.value.tried


def test_a_session_ends_by_itself_by_logging_out_and_with_its_token(db: Database, gate: Gate, clock: Clock) -> None:
    made = tokens.create(db, Role.OPERATOR, name="me", now=NOW)
    first, second = gate.log_in("192.0.2.1", made.secret), gate.log_in("192.0.2.1", made.secret)
    who = gate.who("192.0.2.1", None, first.cookie, here=False)
    assert (who.name, who.role, who.via) == ("me", Role.OPERATOR, "session")
    assert sessions.csrf_is(who, sessions.csrf_of(first.cookie))
    assert not sessions.csrf_is(who, sessions.csrf_of(second.cookie))
    assert not sessions.csrf_is(who, "")
    gate.log_out(who)
    with pytest.raises(Unauthenticated):
        gate.who("192.0.2.1", None, first.cookie, here=False)
    clock.at = NOW + sessions.LASTS - timedelta(seconds=1)
    assert gate.who("192.0.2.1", None, second.cookie, here=False).name == "me"
    third = gate.log_in("192.0.2.1", made.secret)
    clock.at = NOW + sessions.LASTS
    with pytest.raises(Unauthenticated):
        gate.who("192.0.2.1", None, second.cookie, here=False)
    assert gate.who("192.0.2.1", None, third.cookie, here=False).name == "me"
    tokens.revoke(db, "me", clock.at)
    with pytest.raises(Unauthenticated):
        gate.who("192.0.2.1", None, third.cookie, here=False)


def test_a_session_outlasts_no_token(db: Database, gate: Gate, clock: Clock) -> None:
    made = tokens.create(db, Role.VIEWER, days=1, now=NOW - timedelta(hours=20))
    begun = gate.log_in("192.0.2.1", made.secret)
    assert begun.expires_at == NOW + timedelta(hours=4)
    clock.at = begun.expires_at
    with pytest.raises(Unauthenticated):
        gate.who("192.0.2.1", None, begun.cookie, here=False)


def test_wrong_tokens_from_one_address_are_slowed(db: Database, gate: Gate, clock: Clock) -> None:
    old = tokens.create(db, Role.VIEWER, name="old", now=NOW).secret
    new = tokens.create(db, Role.VIEWER, name="new", now=NOW).secret
    gate.who("192.0.2.1", old, None, here=False)
    for _ in range(FAILURES):
        with pytest.raises(Unauthenticated):
            gate.who("192.0.2.1", "mp_guess", None, here=False)
    with pytest.raises(TooManyFailures) as caught:
        gate.log_in("192.0.2.1", "mp_guess")
    assert caught.value.retry_after == WITHIN
    with pytest.raises(TooManyFailures):  # a guess is not even looked at, be it right
        gate.who("192.0.2.1", new, None, here=False)
    assert gate.who("192.0.2.1", old, None, here=False).name == "old"  # it was good before: no guess
    assert gate.who("192.0.2.2", new, None, here=False).name == "new"
    clock.at = NOW + timedelta(seconds=WITHIN)
    assert gate.who("192.0.2.1", new, None, here=False).name == "new"


def test_addresses_are_remembered_for_a_minute_and_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access.attempts.ADDRESSES", 3)
    clock = Clock()
    attempts = Attempts(clock.seconds)
    for number in range(FAILURES):
        attempts.failed("192.0.2.1")
        clock.at += timedelta(seconds=1)
        assert (attempts.wait("192.0.2.1") > 0) == (number == FAILURES - 1)
    assert attempts.wait("192.0.2.1") == WITHIN - FAILURES
    for last in range(2, 5):
        attempts.failed(f"192.0.2.{last}")
    assert attempts.wait("192.0.2.1") == 0  # forgotten for newer ones


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_whoever_has_an_ipv6_network_is_one(address: str, stands_for: str) -> None:
    assert network(address) == stands_for
