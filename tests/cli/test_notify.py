"""notify add, list, remove, retry, test, as a script sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import SMALL, Shell
from tests.sync.receiver import SECRET, Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_notifiers_are_added_tried_listed_and_removed(shell: Shell, receiver: Receiver) -> None:
    shell.read(SMALL)
    add = ("notify", "add", "crew", "--programme", "small")
    made = shell.json(
        *add, "--format", "standard", "--url", f"{receiver.url}/news", "--secret-env", "S", "--on", "milestone.reached"
    )
    assert made == {
        "name": "crew",
        "programme": "small",
        "format": "standard",
        "url": f"{receiver.url}/news",
        "url_env": None,
        "secret_env": "S",
        "on": ["milestone.reached"],
        "messages": {"waiting": 0, "sent": 0, "parked": 0},
        "last_error": None,
    }
    assert shell.refused("notify", "test", "crew")["type"] == "bad-notifier"
    assert shell.refused("notify", "test", "crew", S=SECRET)["type"] == "bad-address"
    sent = shell.json("notify", "test", "crew", S=SECRET, MILEPOST_NOTIFY_LOCAL="true")
    assert [message["type"] for message in receiver.verified()] == ["test"]
    assert sent["sent"] is True
    receiver.answers["/news"] = 503
    error = shell.refused("notify", "test", "crew", code=3, S=SECRET, MILEPOST_NOTIFY_LOCAL="true")
    assert error["message"] == "127.0.0.1 answered 503"
    assert shell.json("notify", "list")["notifiers"] == [made]
    assert "milestone.reached" in shell("notify", "list").out.decode()
    assert shell.json("notify", "retry", "crew") == {"notifier": "crew", "waiting": 0}
    shell.json("notify", "remove", "crew")
    assert "no notifier yet" in shell("notify", "list").out.decode()
    assert shell.refused("notify", "remove", "crew")["type"] == "notifier-unknown"


def test_the_secret_url_of_slack_is_nowhere(shell: Shell, receiver: Receiver) -> None:
    shell.read(SMALL)
    url = f"{receiver.url}/services/T000/B000/a-very-secret-part"
    shell.json("notify", "add", "crew", "--programme", "small", "--format", "slack", "--url-env", "CREW_URL")
    given = {"CREW_URL": url, "MILEPOST_NOTIFY_LOCAL": "1"}
    assert shell("notify", "test", "crew", **given).code == 0
    receiver.answers["/services/T000/B000/a-very-secret-part"] = 403
    for ran in (shell("notify", "test", "crew", **given), shell("notify", "list", **given)):
        assert "very-secret" not in ran.out.decode() + ran.err
    assert b"very-secret" not in (shell.folder / "milepost.db").read_bytes()
    stored = shell("notify", "add", "x", "--programme", "small", "--format", "slack", "--url", url)
    assert (stored.code, "very-secret" in stored.err) == (1, False)
