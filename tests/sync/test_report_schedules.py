"""Reports by schedule: one at each time, whatever the clocks do, whoever is down and whatever is killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete
from sqlmodel import select

from app.core.errors import MilepostError
from app.db import report_schedules as rows
from app.db.engine import Database
from app.db.models import NotificationRow, ProgrammeRow
from app.sync import notices, notify, report_schedules, reporting, roadmap, zones
from app.sync.context import Context
from app.sync.notify import NewNotifier
from app.sync.report_schedules import CLAIM, WAITS, NewReportSchedule, due_at
from tests.sync.conftest import SMALL
from tests.sync.receiver import SECRET, receiving
from tests.sync.test_history import NOON, At, clock, ctx, db, read
from tests.unit.hostile import HOSTILE

__all__ = ["clock", "ctx", "db"]

EIGHT = datetime(2026, 11, 3, 8, tzinfo=UTC)
"""The first time that a daily report is due, of a programme that was read at NOON of the day before."""


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWS_SECRET", SECRET)


def daily(ctx: Context, folder: Path, name: str = "daily", file: str = "report.json", **more: Any) -> Path:
    """A schedule to a file."""
    options: dict[str, Any] = {"every": "day", "file": str(folder / file)}
    report_schedules.add(ctx, NewReportSchedule(name, "small", **options | more))
    return folder / file


def told(ctx: Context, name: str = "crew", url: str = "https://news.example/", **more: Any) -> None:
    """A notifier, and a daily schedule `daily` to it."""
    new = NewNotifier(name, "small", "standard", url, secret_env="NEWS_SECRET", events=[notify.NOTHING])
    notify.add(ctx, new)
    report_schedules.add(ctx, NewReportSchedule("daily", "small", "day", notifier=name, **more))


def listed(ctx: Context) -> dict[str, Any]:
    (one,) = report_schedules.listed(ctx)
    return one


def outbox(ctx: Context) -> list[NotificationRow]:
    with ctx.db.read() as session:
        return list(session.exec(select(NotificationRow)).all())


def moved(file: Path) -> tuple[str | None, list[str]]:
    report = json.loads(file.read_text())
    return report["since"], report["moved"]


class Killed(BaseException):
    """The process is gone at that point."""


def killed(*args: object, **more: object) -> None:
    raise Killed


# -- when


def test_a_report_is_made_at_its_time_and_once(ctx: Context, clock: At, tmp_path: Path) -> None:
    read(ctx)
    file = daily(ctx, tmp_path)
    assert listed(ctx)["next"] == "2026-11-03T08:00:00Z"
    clock.now = EIGHT - timedelta(seconds=1)
    assert report_schedules.make_due(ctx) == 0
    assert not file.exists()
    clock.now = EIGHT
    assert report_schedules.make_due(ctx) == 1
    assert json.loads(file.read_text())["today"] == "2026-11-03"
    assert report_schedules.make_due(ctx) == 0
    assert (listed(ctx)["last"], listed(ctx)["next"]) == ("2026-11-03T08:00:00Z", "2026-11-04T08:00:00Z")


def test_missed_while_down_is_made_once_and_leaves_nothing_out(ctx: Context, clock: At, tmp_path: Path) -> None:
    """Monday's report; something moves in the afternoon; nobody is there for three and a half weeks."""
    read(ctx)
    file = daily(ctx, tmp_path, every="week", on="mon")
    clock.now = datetime(2026, 11, 9, 8, 0, 30, tzinfo=UTC)
    assert report_schedules.make_due(ctx) == 1
    clock.now = datetime(2026, 11, 9, 15, tzinfo=UTC)
    read(ctx, SMALL.replace("12% complete", "60% complete"))
    clock.now = datetime(2026, 12, 3, 22, tzinfo=UTC)
    assert report_schedules.make_due(ctx) == 1
    assert moved(file) == ("2026-11-08", ["M1", "M2"]), "M2 is late by then"
    first = json.loads(file.read_text())["milestones"][0]
    assert (first["before"]["percent"], first["percent"]) == (7.2, 36.0), "the afternoon is left out"
    assert report_schedules.make_due(ctx) == 0
    assert listed(ctx)["next"] == "2026-12-07T08:00:00Z"
    clock.now = datetime(2026, 12, 7, 8, tzinfo=UTC)
    assert report_schedules.make_due(ctx) == 1
    assert moved(file) == ("2026-12-02", []), "told again"


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Berlin", date(2026, 10, 23)),  # from three o'clock back to two on the 25th
        ("Europe/Berlin", date(2026, 3, 27)),  # from two o'clock on to three on the 29th
        ("America/Santiago", date(2026, 9, 4)),  # no midnight on the 6th
        ("Australia/Lord_Howe", date(2026, 10, 2)),  # half an hour on the 4th
    ],
)
@pytest.mark.parametrize("at", ["00:00", "00:30", "02:15", "02:59", "08:00", "23:45"])
def test_each_day_has_one_report_also_when_clocks_change(
    tmp_path: Path, empty_database: Callable[[], Database], zone: str, first: date, at: str
) -> None:
    days = [first + timedelta(days=n) for n in range(4)]
    clock = At(zones.end_of(first - timedelta(days=1), zone) - timedelta(minutes=15))
    ctx = Context(empty_database(), now=clock)
    read(ctx, time_zone=zone)
    daily(ctx, tmp_path, file="{date}.json", at=at)
    made = []
    while clock.now < zones.end_of(days[-1], zone) - timedelta(minutes=15):
        clock.now += timedelta(minutes=15)
        made += [clock.now.astimezone(ZoneInfo(zone)).date()] * report_schedules.make_due(ctx)
    assert made == days
    assert sorted(file.name for file in tmp_path.glob("*.json")) == [f"{day}.json" for day in made]
    ctx.db.close()


@pytest.fixture
def empty_database(tmp_path: Path) -> Callable[[], Database]:
    def make() -> Database:
        made = Database(f"sqlite:///{tmp_path / 'm.db'}")
        made.upgrade()
        return made

    return make


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Beirut"])
@pytest.mark.parametrize("weekday", [None, 6])
def test_for_years_each_time_is_after_the_last_and_on_its_day(zone: str, weekday: int | None) -> None:
    for at in ("00:00", "00:45", "02:30", "23:59"):
        moment, day = datetime(2024, 1, 1, tzinfo=UTC), None
        for _ in range(900 if weekday is None else 130):
            last, moment = moment, due_at(weekday, at, moment, zone)
            assert due_at(weekday, at, moment - timedelta(microseconds=1), zone) == moment > last
            there = moment.astimezone(ZoneInfo(zone))
            assert day is None or there.date() - day == timedelta(days=1 if weekday is None else 7)
            assert there.strftime("%H:%M") == at or _skipped(there.date(), at, zone)
            day = there.date()


def _skipped(day: date, at: str, zone: str) -> bool:
    """Whether clocks of the zone never show that time on that day."""
    local = datetime.fromisoformat(f"{day} {at}").replace(tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) != local.replace(tzinfo=None)


def test_another_time_zone_counts_at_once(ctx: Context, clock: At, tmp_path: Path) -> None:
    read(ctx)
    daily(ctx, tmp_path)
    assert listed(ctx)["next"] == "2026-11-03T08:00:00Z"
    read(ctx, time_zone="America/New_York")
    assert (listed(ctx)["next"], listed(ctx)["time_zone"]) == ("2026-11-02T13:00:00Z", "America/New_York")


def test_a_clock_that_was_years_ahead_silences_nobody(ctx: Context, clock: At, tmp_path: Path) -> None:
    read(ctx)
    daily(ctx, tmp_path)
    clock.now = EIGHT + timedelta(days=3000)
    assert report_schedules.make_due(ctx) == 1
    clock.now = EIGHT + timedelta(hours=1)
    assert report_schedules.make_due(ctx) == 1
    assert report_schedules.make_due(ctx) == 0
    clock.now = EIGHT + timedelta(days=1)
    assert report_schedules.make_due(ctx) == 1


# -- who


def test_of_many_at_once_one_makes_it(
    ctx: Context, clock: At, db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(ctx)
    told(ctx)
    begun: list[str] = []
    real = reporting.report

    def slow(*args: Any) -> Any:
        begun.append(args[1])
        time.sleep(0.05)
        return real(*args)

    monkeypatch.setattr(reporting, "report", slow)
    daily(ctx, tmp_path, "to-a-file", "{date}.md")
    for n in range(3):
        clock.now = EIGHT + timedelta(days=n)
        others = [Context(Database(db.engine.url.render_as_string(hide_password=False)), now=clock) for _ in range(3)]
        with ThreadPoolExecutor(6) as pool:
            made = list(pool.map(report_schedules.make_due, [ctx, *others] * 3))
        assert sum(made) == 2
        assert len(begun) == 2 * (n + 1), "two made the same one"
        assert len(outbox(ctx)) == n + 1
        for other in others:
            other.db.close()
    assert len(list(tmp_path.glob("*.md"))) == 3


@pytest.mark.parametrize("where", ["reporting.report", "rows.finish", "reporting.rendered", "row_of"])
def test_a_process_killed_midway_is_made_up_for_once(
    ctx: Context, clock: At, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Before the report, between the file and the database, and between making it and storing it."""
    read(ctx)
    if where == "row_of":
        told(ctx)
    else:
        daily(ctx, tmp_path)
    clock.now = EIGHT
    module, _, name = where.rpartition(".")
    with monkeypatch.context() as patch:
        patch.setattr({"reporting": reporting, "rows": rows}.get(module, report_schedules), name, killed)
        with pytest.raises(Killed):
            report_schedules.make_due(ctx)
    assert report_schedules.make_due(ctx) == 0, "another may still be at it"
    clock.now += CLAIM
    assert report_schedules.make_due(ctx) == 1
    assert report_schedules.make_due(ctx) == 0
    assert len(outbox(ctx)) == (where == "row_of")
    assert listed(ctx)["next"] == "2026-11-04T08:00:00Z"


def test_who_took_too_long_stores_nothing_when_another_has_taken_over(
    ctx: Context, clock: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(ctx)
    told(ctx)
    clock.now = EIGHT
    real = reporting.report

    def slow(*args: Any) -> Any:
        monkeypatch.setattr(reporting, "report", real)
        found = real(*args)
        clock.now += CLAIM
        assert report_schedules.make_due(ctx) == 1
        return found

    monkeypatch.setattr(reporting, "report", slow)
    assert report_schedules.make_due(ctx) == 0
    assert len(outbox(ctx)) == 1
    assert listed(ctx)["last_error"] is None


def test_one_that_fails_holds_up_no_other(
    ctx: Context, clock: At, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where that is a defect: it is told in the log, and tried again later."""
    read(ctx)
    daily(ctx, tmp_path, "a", "a.md")
    daily(ctx, tmp_path, "b", "b.json")
    real = reporting.rendered

    def broken(ctx: Context, found: Any, form: str) -> str:
        if form == "md":
            raise ZeroDivisionError("a title")
        return real(ctx, found, form)

    monkeypatch.setattr(reporting, "rendered", broken)
    clock.now = EIGHT
    assert report_schedules.make_due(ctx) == 1
    assert report_schedules.make_due(ctx) == 0
    a, b = report_schedules.listed(ctx)
    assert (a["last_error"], b["last_error"]) == ("unexpected: ZeroDivisionError", None)
    assert "the report a failed" in caplog.text


# -- to a file


def test_a_folder_that_is_gone_is_told_and_later_success_forgets_it(
    ctx: Context, clock: At, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    read(ctx)
    folder = tmp_path / "reports"
    folder.mkdir()
    file = daily(ctx, folder)
    folder.rmdir()
    clock.now = EIGHT
    tries = []
    for minute in range(180):
        clock.now = EIGHT + timedelta(minutes=minute)
        before = len(caplog.records)
        assert report_schedules.make_due(ctx) == 0
        if len(caplog.records) > before:
            tries.append(minute)
    assert tries == [0, 1, 6, 21, 81, 141], "with growing pauses"
    assert [sum(WAITS[:n]) / 60 for n in range(5)] == tries[:5]
    assert listed(ctx)["last_error"] == f"{file} can't be written: No such file or directory"
    assert listed(ctx)["last"] is None
    one_line = f"the report daily was not made: {file} can't be written: No such file or directory; tried again in 60 s"
    assert caplog.messages[0] == one_line
    folder.mkdir()
    clock.now = EIGHT + timedelta(hours=4)
    assert report_schedules.make_due(ctx) == 1
    assert json.loads(file.read_text())["today"] == "2026-11-03"
    assert (listed(ctx)["last_error"], listed(ctx)["next"]) == (None, "2026-11-04T08:00:00Z")


def test_a_file_is_replaced_whole_or_not_at_all(
    ctx: Context, clock: At, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(ctx)
    folder = tmp_path / "reports"
    folder.mkdir()
    file = daily(ctx, folder, file="report.html")
    file.write_text("the old one")
    with file.open() as reader:
        clock.now = EIGHT
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", _full)
            assert report_schedules.make_due(ctx) == 0
        assert listed(ctx)["last_error"] == f"{file} can't be written: No space left on device"
        assert file.read_text() == "the old one"
        assert [one.name for one in folder.iterdir()] == ["report.html"], "something was left behind"
        clock.now += timedelta(seconds=WAITS[0])
        assert report_schedules.make_due(ctx) == 1
        assert reader.read() == "the old one", "it was written over under a reader's eyes"
    assert file.read_text().startswith("<!doctype html>")
    assert "Small Programme" in file.read_text()
    assert [one.name for one in folder.iterdir()] == ["report.html"]


def _full(file: int) -> None:
    raise OSError(28, os.strerror(28))


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(ctx: Context, tmp_path: Path) -> None:
    read(ctx)
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text("mine")
    (tmp_path / "report.json").symlink_to(elsewhere)
    daily(ctx, tmp_path)
    report_schedules.run(ctx, "daily")
    assert elsewhere.read_text() == "mine"
    assert not (tmp_path / "report.json").is_symlink()


def test_run_makes_it_now_and_the_next_compares_with_that(ctx: Context, clock: At, tmp_path: Path) -> None:
    read(ctx)
    daily(ctx, tmp_path, file="{date}.md")
    clock.now += timedelta(days=5)
    made = report_schedules.run(ctx, "daily")
    assert made["file"] == str(tmp_path / "2026-11-07.md")
    assert "# Small Programme: status on 7 Nov 2026" in (tmp_path / "2026-11-07.md").read_text()
    assert report_schedules.make_due(ctx) == 0, "what was due when it was run is made"
    clock.now += timedelta(days=1)
    assert report_schedules.make_due(ctx) == 1
    assert "What moved since 6 Nov 2026" in (tmp_path / "2026-11-08.md").read_text()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "no spaces"}, "can't name a schedule"),
    ({"programme": "nowhere"}, "no programme"),
    ({"every": "hour"}, "no --every"),
    ({"on": "mon"}, "--on is a day of the week"),
    ({"every": "week", "on": "monday"}, "no day 'monday'"),
    ({"at": "8:00"}, "no time of day"),
    ({"at": "24:00"}, "no time of day"),
    ({"at": "08:00\n"}, "no time of day"),
    ({"file": ""}, "where should"),
    ({"notifier": "crew"}, "where should"),
    ({"file": "report.md"}, "no absolute path"),
    ({"file": "~/report.md"}, "no absolute path"),
    ({"file": "/x\0y.md"}, "no absolute path"),
    ({"file": "FOLDER/report.pdf"}, "in what format"),
    ({"file": "FOLDER/report"}, "in what format"),
    ({"file": "FOLDER/none/report.md"}, "the folder .* No such file"),
    ({"file": "FOLDER/{date}/report.md"}, "the folder .* No such file"),
    ({"file": "FOLDER/file.md/report.md"}, "can't be written: Not a directory"),
    ({"file": "FOLDER/folder.md"}, "is there, and no file"),
    ({"file": f"FOLDER/{'x' * 300}.md"}, "File name too long"),
    ({"file": "/proc/report.md"}, "the folder /proc can't be written to"),
    ({"file": "", "notifier": "nobody"}, "no notifier"),
    ({"file": "", "notifier": "theirs"}, "another programme's"),
]


def test_a_schedule_that_cannot_be_is_refused_in_a_line_and_leaves_nothing(ctx: Context, tmp_path: Path) -> None:
    read(ctx)
    roadmap.import_roadmap(ctx.db, SMALL.encode(), "other", start=date(2026, 11, 2), now=NOON)
    notify.add(ctx, NewNotifier("theirs", "other", "standard", "https://news.example/", secret_env="S"))
    folder = tmp_path / "reports"
    (folder / "folder.md").mkdir(parents=True)
    (folder / "file.md").write_text("")
    given = {"name": "n", "programme": "small", "every": "day", "file": str(folder / "report.md")}
    for options, words in REFUSED:
        wrong = {name: value.replace("FOLDER", str(folder)) for name, value in options.items()}
        with pytest.raises(MilepostError, match=words) as caught:
            report_schedules.add(ctx, NewReportSchedule(**given | wrong))
        assert "\n" not in caught.value.message + caught.value.hint
    assert report_schedules.listed(ctx) == []
    assert sorted(one.name for one in folder.iterdir()) == ["file.md", "folder.md"]
    report_schedules.add(ctx, NewReportSchedule(**given))
    with pytest.raises(MilepostError, match="already"):
        report_schedules.add(ctx, NewReportSchedule(**given))


# -- as a notification


def test_a_notifier_gets_the_report_signed_in_values_and_in_words(ctx: Context, clock: At) -> None:
    read(ctx)
    with receiving() as receiver:
        told(ctx, url=f"{receiver.url}/news")
        clock.now = EIGHT
        report_schedules.make_due(ctx)
        assert notify.send_due(ctx, local=True) == 1
        read(ctx, SMALL.replace("12% complete", "60% complete"))
        clock.now = EIGHT + timedelta(days=1)
        report_schedules.make_due(ctx)
        assert notify.send_due(ctx, local=True) == 1
        first, second = receiver.verified()
    assert first["type"] == second["type"] == "report"
    assert first["data"]["programme"] == "small"
    assert first["data"]["text"].startswith("Small Programme: ")
    assert first["data"]["markdown"].startswith("# Small Programme: status on 3 Nov 2026\n")
    assert (second["data"]["report"]["since"], second["data"]["report"]["moved"]) == ("2026-11-02", ["M1"])
    assert "## What moved since 2 Nov 2026" in second["data"]["markdown"]


def test_what_titles_hold_does_nothing_in_a_message(ctx: Context, clock: At, monkeypatch: pytest.MonkeyPatch) -> None:
    title = "<!channel> & <@U1|you> @here <https://evil.example|Foundations>"
    words = SMALL.replace("— Foundations", f"— {title}").replace("Small Programme", HOSTILE_TITLE)
    read(ctx, words)
    with receiving() as receiver:
        monkeypatch.setenv("SLACK_URL", f"{receiver.url}/slack")
        notify.add(ctx, NewNotifier("chat", "small", "slack", url_env="SLACK_URL", events=[notify.NOTHING]))
        report_schedules.add(ctx, NewReportSchedule("daily", "small", "day", notifier="chat"))
        clock.now = EIGHT + timedelta(days=60)
        report_schedules.make_due(ctx)
        assert notify.send_due(ctx, local=True) == 1
        (body,) = receiver.taken("/slack")
    assert list(body) == ["text"]
    assert not set("<>") & set(body["text"])
    assert "&lt;!channel&gt; &amp; &lt;@\u200bU1|you&gt; @\u200bhere" in body["text"]
    assert "@here" not in body["text"]
    assert len(body["text"].splitlines()) > 3, "a report is more than a line"
    assert not any(line.startswith("/") for line in body["text"].splitlines())


HOSTILE_TITLE = "<script>alert(1)</script> @channel"


@pytest.mark.parametrize("name", HOSTILE)
def test_any_title_makes_a_file_and_a_message(ctx: Context, tmp_path: Path, name: str) -> None:
    title = " ".join(HOSTILE[name].encode(errors="replace").decode().replace("\0", "").split())
    read(ctx, SMALL.replace("Foundations", title))
    told(ctx)
    daily(ctx, tmp_path, "page", "report.html")
    for schedule in ("daily", "page"):
        report_schedules.run(ctx, schedule)
    (row,) = outbox(ctx)
    assert json.loads(json.dumps(row.content)) == row.content
    assert "\n" not in row.content["data"]["text"]
    assert "<script" not in (tmp_path / "report.html").read_text()
    assert not set("<>") & set(notices.slack(row.content)["text"])


def test_a_large_programme_makes_a_small_message(ctx: Context, clock: At) -> None:
    milestones = "".join(
        f"### Milestone M{n} — {'Wall ' * 60}{n}\n- **Target Window:** Weeks 0–2\n- **Tasks:**\n"
        f"  - **Task {n}A — {'Bricks ' * 40} (10% complete)**\n\n"
        for n in range(1, 400)
    )
    read(ctx, f"# Large\n\n{milestones}")
    told(ctx)
    clock.now = EIGHT + timedelta(days=60)
    report_schedules.make_due(ctx)
    (row,) = outbox(ctx)
    assert len(json.dumps(row.content)) < 80_000
    assert len(row.content["text"]) <= notices.TEXT_MAX
    assert row.content["data"]["report"]["left_out"]["risks"] == 399 - 20


def test_a_notifier_that_reports_go_to_stays_and_a_programme_takes_its_schedules_along(ctx: Context) -> None:
    read(ctx)
    told(ctx)
    with pytest.raises(MilepostError, match="reports are scheduled for 'crew': daily"):
        notify.remove(ctx, "crew")
    report_schedules.remove(ctx, "daily")
    notify.remove(ctx, "crew")
    told(ctx)
    report_schedules.run(ctx, "daily")
    with ctx.db.write() as session:
        session.execute(delete(ProgrammeRow))
    assert report_schedules.listed(ctx) == []
    assert report_schedules.make_due(ctx) == 0
    with pytest.raises(MilepostError, match="no report schedule"):
        report_schedules.run(ctx, "daily")
