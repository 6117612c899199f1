"""deliveries, target pause and resume, worker, as scripts use them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.db import deliveries, targets
from app.db.engine import Database
from tests.cli.conftest import PATH, SMALL, Shell, Tracker

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.fixture
def inbox(shell: Shell) -> Shell:
    """One waiting and one failed delivery."""
    shell.read(SMALL)
    shell.json("target", "add", "hub", "--programme", "small", "--kind", "github", "--repo", PATH)
    db = Database(shell.environment["MILEPOST_DATABASE_URL"])
    with db.write() as session:
        target = targets.get(session, "hub").id
        for name in ("first", "second"):
            deliveries.keep(session, target, name, "issues", NOW, relevant=True)
        row = deliveries.listed(session, target, 1)[0]
        row.state, row.attempts, row.error = "failed", 10, "the tracker was away"
        session.add(row)
    db.close()
    return shell


def test_the_inbox_is_listed(inbox: Shell) -> None:
    found = inbox.json("deliveries", "hub")
    assert found["target"] == "hub"
    assert [(one["id"], one["delivery"], one["state"]) for one in found["deliveries"]] == [
        (2, "second", "failed"),
        (1, "first", "waiting"),
    ]
    assert [one["id"] for one in inbox.json("deliveries", "hub", "--failed")["deliveries"]] == [2]
    shown = inbox("deliveries", "hub").out.decode()
    assert "the tracker was away" in shown
    assert len(shown.splitlines()) == 3


def test_a_delivery_is_retried_or_discarded(inbox: Shell) -> None:
    assert inbox.json("deliveries", "retry", "2")["state"] == "waiting"
    assert inbox.json("deliveries", "discard", "1")["state"] == "discarded"
    assert [one["state"] for one in inbox.json("deliveries", "hub")["deliveries"]] == ["waiting", "discarded"]
    assert b"next refresh of hub" in inbox("deliveries", "retry", "1").out


def test_a_retried_delivery_is_handled_by_the_next_refresh(inbox: Shell, tracker: Tracker) -> None:
    inbox.json("target", "remove", "hub")
    inbox.json("target", "add", "hub", "--programme", "small", *tracker.options)
    db = Database(inbox.environment["MILEPOST_DATABASE_URL"])
    with db.write() as session:
        target = targets.get(session, "hub").id
        deliveries.keep(session, target, "third", "issues", NOW, relevant=True)
    db.close()
    inbox.json("refresh", "hub")
    (one,) = inbox.json("deliveries", "hub")["deliveries"]
    assert (one["state"], one["next_try_at"]) == ("handled", None)
    assert inbox.refused("deliveries", "retry", str(one["id"]))["type"] == "delivery-handled"


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (("deliveries", "nobody"), 1, "target-unknown"),
        (("deliveries", "retry", "99"), 1, "delivery-unknown"),
        (("deliveries", "discard", "99"), 1, "delivery-unknown"),
        (("deliveries", "hub", "2"), 2, "wrong-usage"),
        (("target", "pause", "nobody"), 1, "target-unknown"),
        (("worker",), 1, "worker-needs-postgresql"),
    ],
)
def test_what_cant_be_done_is_said_in_a_line(inbox: Shell, words: tuple[str, ...], code: int, kind: str) -> None:
    assert inbox.refused(*words, code=code)["type"] == kind


def test_a_target_is_paused_and_goes_on(inbox: Shell) -> None:
    assert inbox.json("target", "pause", "hub")["state"] == "paused"
    assert inbox.json("deliveries", "hub")["deliveries"][1]["next_try_at"] is None
    shown = inbox.json("target", "show", "hub")
    assert (shown["state"], shown["pause_reason"]) == ("paused", None)
    assert inbox.json("target", "resume", "hub")["state"] == "active"
    assert inbox("target", "pause", "hub").out == b"target hub is paused\n"
