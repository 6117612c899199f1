"""The whole service at work: storms, slow trackers, and deliveries that never came in. On both databases."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from app.db import deliveries
from app.db import targets as rows
from app.db.engine import Database
from app.db.models import TargetRow
from app.main import create_app
from app.settings import Settings
from app.sync import inbox, reconcile, status, targets, webhook
from app.sync.context import Context
from connectors.sandbox.faults import Fault
from tests.api.house import ROADMAP, SECRET, until
from tests.sync.places import Place, a_box
from tests.webhooks.test_webhooks import github

DEBOUNCE = 0.5
BODY = b'{"action": "closed", "issue": {"number": 1}}'


@contextmanager
def service(ctx: Context, port: int = 0) -> Iterator[httpx.Client]:
    """All of `milepost serve` but its process, from its start to its graceful end."""
    app = create_app(ctx, Settings(_env_file=None, debounce=DEBOUNCE))
    config = uvicorn.Config(app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=3)
    with socket.create_server(("127.0.0.1", port)) as listener:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        until(lambda: server.started)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", trust_env=False) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


@dataclass
class Live:
    """A database, and places in boxes that it syncs to."""

    ctx: Context

    def place(self, name: str, profile: str, box: Any, url: str, *, applied: bool = True) -> Place:
        made = Place(self.ctx, url, box, profile, name)
        made.read(ROADMAP)
        made.target()
        self.change(name, interval_seconds=3600, webhook_secret_env="HOOK_SECRET")
        if applied:
            assert made.apply() == "done"
            reconcile.refresh(self.ctx, name)
        return made

    def change(self, name: str, **values: Any) -> None:
        with self.ctx.db.write() as session:
            row = rows.get(session, name)
            for field, value in values.items():
                setattr(row, field, value)
            session.add(row)

    def target(self, name: str) -> TargetRow:
        with self.ctx.db.read() as session:
            return rows.get(session, name)

    def states(self, name: str) -> list[str]:
        return [one["state"] for one in inbox.listed(self.ctx, name, limit=2000)]

    def done(self, name: str) -> tuple[int, int]:
        found = status.status(self.ctx, name)
        return found.done, found.total


@pytest.fixture
def live(db: Database, monkeypatch: pytest.MonkeyPatch) -> Live:
    monkeypatch.setenv("SYNC_TOKEN", "a-robot")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    return Live(Context(db))


def test_a_storm_of_a_thousand_deliveries_costs_a_handful_of_requests(live: Live) -> None:
    with a_box("github") as (box, url):
        live.place("hub", "github", box, url)
        path = targets.webhook_path(live.target("hub"))
        with service(live.ctx) as client:
            until(lambda: not box.log.clear() and client.get("/readyz").status_code == 200)
            began = time.monotonic()

            def post(number: int) -> int:
                headers = github(BODY, secret=SECRET, X_GitHub_Delivery=f"storm-{number}")
                return client.post(path, headers=headers, content=BODY).status_code

            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(post, range(1000)))
            took = time.monotonic() - began
            until(lambda: set(live.states("hub")) == {"handled"}, 20)
        assert set(answers) == {202}
        assert len(live.states("hub")) == 1000
        most = 2 * (took / DEBOUNCE + 2)  # a refresh is two requests, and there is one in each debounce
        assert 2 <= box.log.summary()["total"] <= most < 200


def test_a_slow_tracker_holds_up_no_other(live: Live) -> None:
    """Ten targets of a tracker that takes four seconds an answer, and one of another that is as quick as ever."""
    with a_box("github") as (slow, slow_url), a_box("gitlab") as (quick, quick_url):
        names = [f"slow{number}" for number in range(10)]
        for name in names:
            live.place(name, "github", slow, slow_url, applied=False)
        live.place("quick", "gitlab", quick, quick_url)
        slow.faults.add(Fault("latency", seconds=4.0, times=None))
        with service(live.ctx):  # the slow ones were never read, and are due at once
            until(lambda: len(slow.log.entries) >= 4)
            live.change("quick", last_refresh=None)
            began = time.monotonic()
            until(lambda: live.target("quick").last_refresh, 8)
            took = time.monotonic() - began
            unread = [name for name in names if live.target(name).last_refresh is None]
            slow.faults.clear()
            assert len(unread) == len(names), f"the quick one was read after {took:.1f} s"
            until(lambda: all(live.target(name).last_refresh for name in names), 30)


@pytest.mark.parametrize("profile", ["github", "gitlab"])
@pytest.mark.parametrize("listed", [True, False])
def test_what_was_missed_is_found_and_healed_at_the_start_and_a_refresh_heals_without_it(
    live: Live, profile: str, listed: bool
) -> None:
    with a_box(profile) as (box, url):
        place = live.place("hub", profile, box, url)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        webhook.hook(live.ctx, "hub", f"http://127.0.0.1:{port}")
        box.faults.add(Fault("hook_lost", times=None))
        place.edit("1A", closed=True)
        place.edit("2A", closed=True)
        until(lambda: len(box.hooks.sent) >= 2)
        box.faults.clear()
        before = live.done("hub")
        if not listed:
            box.faults.add(Fault("error", match="GET .*hooks", times=None, status=500))
        with service(live.ctx, port) as client:
            if listed:
                until(lambda: live.done("hub") != before, 15)
            else:
                until(lambda: any("hooks" in path for _, path, _ in box.log.entries), 15)
                target = "/api/v1/programmes/hub/targets/hub"
                assert client.post(f"{target}/refresh", headers={"Host": "localhost"}).status_code == 202
                until(lambda: live.done("hub") != before, 15)
            assert (before, live.done("hub")) == ((0, 4), (3, 4))
            until(lambda: "waiting" not in live.states("hub"))
            found = inbox.listed(live.ctx, "hub", limit=100)
            assert ({one["state"] for one in found}, len(found) >= 2) == (
                ({"handled"}, True) if listed else (set(), False)
            )
            if listed:
                again = inbox.replay(live.ctx, live.target("hub").id)
                assert (again, len(inbox.listed(live.ctx, "hub", limit=100))) == (0, len(found))


def test_a_target_answers_its_webhook_within_a_debounce_and_a_refresh(live: Live) -> None:
    with a_box("github") as (box, url):
        place = live.place("hub", "github", box, url)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        webhook.hook(live.ctx, "hub", f"http://127.0.0.1:{port}")
        with service(live.ctx, port):
            place.edit("2A", closed=True)
            until(lambda: live.done("hub") == (1, 4), 10)
            until(lambda: set(live.states("hub")) == {"handled"})
            with live.ctx.db.read() as session:
                assert deliveries.counts(session) == {(live.target("hub").id, "handled"): len(live.states("hub"))}
