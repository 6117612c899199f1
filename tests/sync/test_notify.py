"""Notifications: what a programme's people are told of, once, whoever is down and whatever is killed."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from standardwebhooks import Webhook

from app.core.errors import MilepostError
from app.db.engine import Database
from app.db.models import StandingRow, UsageRow
from app.sync import notices, notify, outgoing, reconcile, targets
from app.sync.context import Context
from app.sync.notify import ATTEMPTS, NewNotifier
from app.sync.outgoing import BadAddress, NotDelivered
from connectors.sandbox.faults import Fault
from tests.sync.conftest import SMALL, Site, open_site
from tests.sync.receiver import SECRET, Receiver, receiving
from tests.sync.test_conflicts import ASK


@dataclass
class Clock:
    """A clock that tests move; it runs, too."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def on(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@dataclass
class Office:
    """A programme that is pushed and was looked at once, and somebody who takes its news."""

    site: Site
    ctx: Context
    clock: Clock
    receiver: Receiver

    def notifier(self, name: str = "crew", path: str = "/news", **more: Any) -> None:
        options: dict[str, Any] = {"format": "standard", "url": self.receiver.url + path, "secret_env": "NEWS_SECRET"}
        notify.add(self.ctx, NewNotifier(name, "small", **options | more))

    def send(self) -> int:
        """What the service does each second, as of a while later."""
        self.clock.on(seconds=10)
        return notify.send_due(self.ctx, local=True)

    def close(self, *titles: str) -> None:
        there = self.site.titles()
        for title in titles:
            self.site.edit(there[title], state="closed")
        reconcile.refresh(self.ctx, "hub")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("NEWS_SECRET", SECRET)
    monkeypatch.setattr(notices, "SHARE", 0.0)  # a slow machine's looks are long
    with receiving() as receiver:
        yield receiver


def remembered(ctx: Context) -> bool:
    with ctx.db.read() as session:
        return [row.told is not None for row in session.exec(select(StandingRow)).all()] == [True]


def opened(site: Site, receiver: Receiver, **target: Any) -> Office:
    clock = Clock()
    office = Office(site, replace(site.ctx, now=clock), clock, receiver)
    site.read(SMALL)
    site.target(**target)
    site.apply()
    reconcile.refresh(office.ctx, "hub")
    assert office.send() == 0, "the first look only remembers"
    assert remembered(office.ctx)
    return office


@pytest.fixture
def office(hub: Site, receiver: Receiver) -> Office:
    return opened(hub, receiver)


def test_a_milestone_reached_is_told_once_signed_and_across_a_restart(office: Office) -> None:
    office.notifier()
    office.close("1A — Mobilisation", "1B — Blueprint")
    assert office.send() == 1
    assert office.send() == 0
    again = Office(
        office.site, Context(Database(str(office.ctx.db.engine.url)), now=office.clock), office.clock, office.receiver
    )
    reconcile.refresh(again.ctx, "hub", full=True)
    assert again.send() == 0
    again.ctx.db.close()
    (message,) = office.receiver.verified()
    ((_, headers, body),) = office.receiver.calls
    assert Webhook(SECRET).verify(body, headers) == message, "a receiver's own library takes it"
    assert message["type"] == "milestone.reached"
    assert message["data"]["text"] == "Small Programme: M1 Foundations is reached (5 of 5 done)"
    assert (message["data"]["programme"], message["data"]["key"]) == ("small", "M1")
    assert message["data"]["url"].startswith(office.site.url)


def test_health_that_a_passing_day_changes_is_told_without_any_change_in_the_tracker(office: Office) -> None:
    office.notifier(events=["health.changed"])
    office.clock.on(days=400)
    reconcile.refresh(office.ctx, "hub")
    office.send()
    office.send()
    (message,) = office.receiver.verified()
    assert {c["after"] for c in message["data"]["changes"]} == {"late"}


def test_a_conflict_is_told_when_it_comes_and_not_again(hub: Site, receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "ask.toml").write_text(ASK)
    office = opened(hub, receiver, profile=str(tmp_path / "ask.toml"))
    office.notifier(events=["conflict.found"])
    hub.edit(hub.titles()["1B — Blueprint"], title="People's own")
    hub.read(SMALL.replace("Blueprint", "The Drawing"))
    reconcile.make_plan(office.ctx, "hub")
    for _ in range(3):
        office.send()
        reconcile.refresh(office.ctx, "hub")
    assert [one["data"]["conflicts"] for one in receiver.verified()] == [["1B title"]]
    assert receiver.verified()[0]["data"]["text"] == "Small Programme: a conflict to decide in hub: 1B title"


def test_a_target_that_fails_for_three_intervals_is_told_and_so_is_its_recovery(office: Office) -> None:
    office.notifier()
    fault = Fault("error", times=None, status=502)
    office.site.box.faults.add(fault)
    reconcile.refresh(office.ctx, "hub")
    office.send()
    assert office.receiver.verified() == [], "one failed read is no news"
    office.clock.on(seconds=1000)
    office.send()
    office.send()
    office.site.box.faults.clear()
    reconcile.refresh(office.ctx, "hub")
    office.send()
    assert [one["type"] for one in office.receiver.verified()] == ["target.failing", "target.recovered"]
    assert "502" in office.receiver.verified()[0]["data"]["reason"]


def test_slack_gets_a_text_in_which_nothing_acts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_URL", f"{office.receiver.url}/slack")
    office.notifier("slack", url="", url_env="SLACK_URL", format="slack", secret_env="")
    office.site.read(
        SMALL.replace("— Foundations", "— <!channel> & <@U1|you> @here <https://evil.example|Foundations>")
    )
    office.close("1A — Mobilisation", "1B — Blueprint")
    assert office.send() == 1
    (body,) = office.receiver.taken("/slack")
    assert list(body) == ["text"]
    assert not set("<>") & set(body["text"])
    assert "&lt;!channel&gt; &amp; &lt;@\u200bU1|you&gt; @\u200bhere" in body["text"]
    assert "@here" not in body["text"]
    ((_, headers, _),) = office.receiver.calls
    assert "webhook-signature" not in headers


def test_who_refuses_is_asked_again_later_and_later_then_given_up_and_holds_up_no_other(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.notifier("down", "/down", events=["milestone.reached"])
    office.notifier("up", "/up", events=["milestone.reached"])
    office.receiver.answers["/down"] = 500
    office.close("1A — Mobilisation", "1B — Blueprint")
    office.send()
    assert len(office.receiver.verified("/up")) == 1
    assert len(office.receiver.calls) == 2
    notify.send_due(office.ctx, local=True)
    assert len(office.receiver.calls) == 2, "it was asked again at once"
    office.close("2A — Bricks")
    office.send()
    for _ in range(3 * ATTEMPTS):
        office.clock.on(hours=25)
        office.send()
    tried = [headers["webhook-id"] for path, headers, _ in office.receiver.calls if path == "/down"]
    first, second = dict.fromkeys(tried)
    assert tried == [first] * ATTEMPTS + [second] * ATTEMPTS, "out of order, or not given up"
    down, up = notify.listed(office.ctx)
    assert down["messages"] == {"waiting": 0, "sent": 0, "parked": 2}
    assert down["last_error"] == "127.0.0.1 answered 500"
    assert up["messages"] == {"waiting": 0, "sent": 2, "parked": 0}

    office.receiver.answers.clear()
    office.receiver.calls.clear()
    assert notify.retry(office.ctx, "down") == 2
    office.send()
    assert [one["data"]["key"] for one in office.receiver.verified("/down")] == ["M1", "M2"]


def test_an_endpoint_that_is_gone_is_given_up_at_once_and_one_that_asks_for_time_gets_it(office: Office) -> None:
    office.notifier("gone", "/gone")
    office.notifier("busy", "/busy")
    office.receiver.answers |= {"/gone": 410, "/busy": 429}
    office.receiver.headers["retry-after"] = "7200"
    office.close("1A — Mobilisation", "1B — Blueprint")
    office.send()
    office.clock.on(hours=1)
    office.send()
    assert sorted(path for path, _, _ in office.receiver.calls) == ["/busy", "/gone"]
    office.clock.on(hours=1.1)
    office.send()
    assert sorted(path for path, _, _ in office.receiver.calls) == ["/busy", "/busy", "/gone"]


def test_a_process_killed_while_it_sends_is_made_up_for_with_the_same_id(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.notifier()
    office.close("1A — Mobilisation", "1B — Blueprint")

    class Killed(BaseException):
        pass

    def killed(*args: object, **kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outgoing, "post", killed)
        with pytest.raises(Killed):
            office.send()
    assert office.send() == 0, "another may still be at it"
    office.clock.on(seconds=61)
    assert office.send() == 1
    assert len(office.receiver.verified()) == 1


def test_a_process_killed_between_the_comparison_and_its_end_loses_no_news(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.notifier()
    office.close("1A — Mobilisation", "1B — Blueprint")

    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    for where in ("row_of", "_standing"):
        with monkeypatch.context() as patch:
            patch.setattr(notices, where, killed)
            with pytest.raises(KeyboardInterrupt):
                office.send()
        assert office.send() == 0, "another may still be at it"
        office.clock.on(minutes=2)
    assert office.send() == 1


def test_a_look_that_took_long_is_not_soon_followed_by_another(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many processes there are: until when they wait is in the database."""
    office.notifier()
    real = notices.status.status

    def slow(ctx: Context, slug: str) -> Any:
        time.sleep(0.1)
        return real(ctx, slug)

    monkeypatch.setattr(notices.status, "status", slow)
    monkeypatch.setattr(notices, "SHARE", 2000.0)
    reconcile.refresh(office.ctx, "hub")
    office.send()
    office.close("1A — Mobilisation", "1B — Blueprint")
    office.clock.on(seconds=150)
    assert office.send() == 0
    office.clock.on(hours=1)
    assert office.send() == 1


@pytest.mark.postgres
def test_many_processes_tell_each_thing_once(tmp_path: Path, receiver: Receiver, postgres: str) -> None:
    with contextmanager(open_site)(tmp_path, "github", postgres) as site:
        office = opened(site, receiver)
        for name in ("a", "b", "c"):
            office.notifier(name, f"/{name}")
        office.close("1A — Mobilisation", "1B — Blueprint", "2A — Bricks")
        office.clock.on(seconds=10)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: notify.send_due(office.ctx, local=True), range(12)))
        notify.send_due(office.ctx, local=True)  # whoever found the news may have been the last
        for name in ("a", "b", "c"):
            keys = [one["data"].get("key") for one in receiver.verified(f"/{name}") if one["type"] != "health.changed"]
            assert keys == ["M1", "M2"]


def test_a_receiver_that_never_answers_is_left_in_bounded_time(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        office.notifier(url=f"http://127.0.0.1:{deaf.getsockname()[1]}/")
        office.close("1A — Mobilisation", "1B — Blueprint")
        began = time.monotonic()
        assert office.send() == 0
        assert time.monotonic() - began < 5
    (listed,) = notify.listed(office.ctx)
    assert listed["last_error"] == "127.0.0.1 did not answer in time"


def test_a_notifier_whose_secret_is_missing_or_none_says_so_and_shows_none(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.notifier()
    for value in ("", "not base64 at all !", "whsec_", "whsec_c2hvcnQ=", SECRET.removeprefix("whsec_")):
        monkeypatch.setenv("NEWS_SECRET", value)
        with pytest.raises(MilepostError, match="NEWS_SECRET") as caught:
            notify.try_out(office.ctx, "crew", local=True)
        assert len(value) < 8 or value not in str(caught.value)
    monkeypatch.setenv("NEWS_SECRET", SECRET)
    message_id = notify.try_out(office.ctx, "crew", local=True)
    assert [headers["webhook-id"] for _, headers, _ in office.receiver.calls] == [message_id]
    assert office.receiver.verified()[0]["type"] == "test"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "localhost",
        "169.254.169.254",
        "[fe80::1]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.1.1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "2130706433",
        "0x7f.1",
        "224.0.0.1",
    ],
)
def test_this_machine_and_its_link_are_reached_only_where_that_is_allowed(host: str, receiver: Receiver) -> None:
    port = receiver.url.rpartition(":")[2]
    with pytest.raises(MilepostError) as caught:
        outgoing.post(f"http://{host}:{port}/x", {}, b"{}", local=False)
    assert isinstance(caught.value, BadAddress), caught.value
    assert receiver.calls == []


def test_a_name_that_leads_here_is_refused_and_is_not_looked_up_twice(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name may give another address each time it is asked for."""
    port = int(receiver.url.rpartition(":")[2])
    given: list[str] = []
    real = socket.getaddrinfo

    def resolve(name: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        if name == "news.example":
            given.append(name)
            address = ("127.0.0.1", "127.0.0.2")[len(given) - 1]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
        return real(name, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(BadAddress):
        outgoing.post(f"http://news.example:{port}/x", {}, b"{}", local=False)
    given.clear()
    outgoing.post(f"http://news.example:{port}/x", {}, b"{}", local=True)
    assert len(given) == 1
    ((_, headers, _),) = receiver.calls
    assert headers["host"] == f"news.example:{port}"


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answers["/a"] = 307
    receiver.headers["location"] = f"{receiver.url}/b"
    with pytest.raises(NotDelivered, match="answered 307"):
        outgoing.post(f"{receiver.url}/a", {}, b"{}", local=True)
    assert len(receiver.calls) == 1


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "no spaces"}, "can't name"),
    ({"format": "smoke"}, "no format"),
    ({"url": ""}, "where should it go"),
    ({"url_env": "X"}, "where should it go"),
    ({"url": "https://hooks.slack.com/services/T/B/x"}, "is a secret"),
    ({"format": "slack"}, "is a secret"),
    ({"secret_env": ""}, "is signed"),
    ({"secret_env": "whsec_abc="}, "not a secret"),
    ({"events": ["milestone.lost"]}, "no event"),
    ({"events": []}, "names no event"),
    ({"url": "https://user:pw@host/"}, "user name"),
    ({"url": "ftp://host/"}, "no http"),
    ({"url": "https://[broken/"}, "is none"),
    ({"programme": "nowhere"}, "no programme"),
]


def test_a_notifier_that_cannot_be_is_refused_in_a_line(hub: Site) -> None:
    hub.read(SMALL)
    given: dict[str, Any] = {"name": "n", "programme": "small", "format": "standard", "url": "https://news.example/x"}
    for options, words in REFUSED:
        with pytest.raises(MilepostError, match=words):
            notify.add(hub.ctx, NewNotifier(**given | {"secret_env": "S"} | options))
    assert notify.listed(hub.ctx) == []


def test_a_name_is_taken_once_and_removing_forgets_what_waits(office: Office) -> None:
    office.notifier()
    with pytest.raises(MilepostError, match="already"):
        office.notifier()
    office.receiver.answers["/news"] = 500
    office.close("1A — Mobilisation", "1B — Blueprint")
    office.send()
    notify.remove(office.ctx, "crew")
    office.receiver.calls.clear()
    office.clock.on(hours=1)
    office.send()
    assert office.receiver.calls == []
    with pytest.raises(MilepostError, match="no notifier"):
        notify.remove(office.ctx, "crew")


def test_what_a_target_costs_is_counted_and_its_budget_kept(hub: Site) -> None:
    hub.read(SMALL)
    hub.target()
    found = []
    for _ in range(2):
        before = hub.box.log.summary()
        reconcile.refresh(hub.ctx, "hub")
        with hub.ctx.db.read() as session:
            (row,) = session.exec(select(UsageRow)).all()
        found.append((row.requests, row.remaining, row.most))
        assert before is not None
    assert found[1][0] > found[0][0] > 0
    assert found[0][2] == 5000
    assert found[1][1] <= found[0][1] < 5000
    targets.remove(hub.ctx, "hub")
    with hub.ctx.db.read() as session:
        assert session.exec(select(UsageRow)).all() == []
