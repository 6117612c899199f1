"""The stream that tells pages of changes, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.api import events
from app.db import changes
from app.settings import Settings
from app.sync import reconcile
from tests.api.house import SECRET, House, open_house, until

AT = "/programmes/small/events"


@contextmanager
def listening(house: House, path: str = AT) -> Iterator[list[str]]:
    """The lines of a stream as they come in; "the end" when the service ended it."""
    lines: list[str] = []
    with house.api.stream("GET", path, timeout=httpx.Timeout(10)) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        leaving = threading.Event()

        def read() -> None:
            try:
                for line in answer.iter_lines():
                    lines.append(line)
                lines.append("the end")
            except httpx.HTTPError:
                assert leaving.is_set()

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        yield lines
        leaving.set()
        answer.extensions["network_stream"].get_extra_info("socket").shutdown(2)
        thread.join(5)


def ids(lines: list[str]) -> list[str]:
    return [line.removeprefix("id: ") for line in list(lines) if line.startswith("id: ")]


def token(house: House) -> str:
    with house.ctx.db.read() as session:
        return changes.token(session, "small")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK", 0.02)
    monkeypatch.setattr(events, "HEARTBEAT", 0.1)


def test_each_change_is_told_once_and_nothing_else(house: House) -> None:
    house.ready()
    with listening(house, f"{AT}?seen={token(house)}") as lines:
        until(lambda: ": still here" in lines)
        assert ids(lines) == []
        service = replace(house.ctx, service=True)
        reconcile.refresh(service, "hub")
        until(lambda: ids(lines))
        assert ids(lines) == [token(house)]
        seen = len(ids(lines))
        house.api.patch("/programmes/small", json={"title": "Another"})
        until(lambda: len(ids(lines)) == seen + 1)
        house.apply(house.plan())
        until(lambda: ids(lines)[-1] == token(house))
        assert len(set(ids(lines))) == len(ids(lines))


def test_what_changed_between_the_page_and_the_stream_is_told(house: House) -> None:
    house.ready()
    seen = token(house)
    house.api.patch("/programmes/small", json={"title": "Another"})
    with listening(house, f"{AT}?seen={seen}") as lines:
        until(lambda: ids(lines) == [token(house)])
    house.api.headers["Last-Event-ID"] = token(house)
    try:
        with listening(house, f"{AT}?seen={seen}") as lines:
            until(lambda: ": still here" in lines)
            assert ids(lines) == []
    finally:
        del house.api.headers["Last-Event-ID"]


def test_another_programme_is_none_of_its_business(house: House) -> None:
    house.ready()
    house.api.post(
        "/programmes/other/import", params={"start": "2026-11-02"}, content=b"# Other\n\n### Milestone M1 - A\n"
    )
    with listening(house, f"{AT}?seen={token(house)}") as lines:
        house.api.patch("/programmes/other", json={"title": "Changed"})
        until(lambda: lines.count(": still here") >= 3)
        assert ids(lines) == []


def test_a_programme_that_goes_is_told_too(house: House) -> None:
    house.ready()
    with listening(house, f"{AT}?seen={token(house)}") as lines:
        until(lambda: ": still here" in lines)
        house.api.delete("/programmes/small")
        until(lambda: ids(lines) == ["gone"])
    assert house.api.get(AT).status_code == 404


def test_streams_are_bounded_and_forgotten_when_they_are_left(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ready()
    monkeypatch.setattr(events, "MOST", 2)
    streams = house.app.state.events
    until(lambda: streams.open_ == 0)
    with listening(house), listening(house) as lines:
        until(lambda: ids(lines))
        refused = house.api.get(AT)
        assert (refused.status_code, refused.json()["type"]) == (503, "too-many-streams")
    until(lambda: streams.open_ == 0)
    with listening(house) as lines:
        until(lambda: ids(lines))


def test_a_stream_lasts_only_so_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ready()
    monkeypatch.setattr(events, "LASTS", 0.2)
    with listening(house) as lines:
        until(lambda: "the end" in lines)


def test_a_service_that_stops_ends_its_streams_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_token_of_tests")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setattr(events, "HEARTBEAT", 60)
    with open_house(tmp_path, Settings(_env_file=None)) as house:
        house.ready()
        with listening(house) as lines:
            until(lambda: ids(lines))
            house.app.state.events.end()
            until(lambda: "the end" in lines, 2)
        assert house.api.get(AT).status_code == 503
