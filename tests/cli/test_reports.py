"""report by command and over REST, with defects and overdue work; report schedule, and services that make them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import pytest
from sqlmodel import select

from app.db.engine import Database
from app.db.models import ReportScheduleRow
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Clock, serving
from tests.cli.conftest import PATH, SMALL, Shell
from tests.cli.test_processes import PATIENCE, first_document, until
from tests.sync.receiver import SECRET, receiving

PROFILE = (Path(__file__).parents[2] / "mappings/profiles/gitlab.toml").read_text()
DEFECTS = '\n[defects]\nlabels = { "severity::1" = 1, "severity::2" = 2 }\ndays = [2, 30]\n'


# -- defects and overdue work


@pytest.fixture
def nine_days_on(shell: Shell) -> Iterator[str]:
    """The programme `small` in a GitLab where two defects were found nine days ago, and one issue was due yesterday;
    gives that day.
    """
    (shell.folder / "mine.toml").write_text(PROFILE + DEFECTS)
    clock = Clock(-9 * 86_400.0)
    box = GitLabBox(clock=clock)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with serving(box.app) as url:
        shell.read(SMALL)
        options = ("--kind", "gitlab", "--project", PATH, "--base-url", url, "--profile", "mine.toml")
        shell.json("target", "add", "lab", "--programme", "small", *options)
        shell.json("apply", "lab", "--yes")
        base = f"{url}/api/v4/projects/{PATH.replace('/', '%2F')}"
        with httpx.Client(base_url=base, headers={"Authorization": "Bearer a-person"}, trust_env=False) as person:
            m1 = next(m["id"] for m in person.get("/milestones").json() if m["title"].startswith("M1"))
            for more in (
                {"title": "Payments <b>are</b> lost", "labels": "severity::1", "milestone_id": m1},
                {"title": "Search is slow", "labels": "severity::2", "milestone_id": m1},
                {"title": "Call the @city", "milestone_id": m1, "due_date": str(yesterday), "assignee_ids": [1]},
            ):
                person.post("/issues", json=more).raise_for_status()
        clock.offset_seconds = 0.0
        shell.json("refresh", "lab")
        yield f"{yesterday.day} {yesterday:%b %Y}"
    box.close()


def test_a_report_tells_of_defects_and_of_what_is_overdue_by_command_and_over_rest(
    shell: Shell, nine_days_on: str
) -> None:
    process = shell.spawn("serve", "--port", "0", "--json")
    with httpx.Client(base_url=first_document(process)["url"], trust_env=False) as client:
        answers = {form: client.get(f"/api/v1/programmes/small/report.{form}") for form in ("md", "html", "json")}
    process.terminate()
    process.communicate(timeout=PATIENCE)
    commands = {form: shell("report", "small", "--format", form).out.decode() for form in ("md", "html")}
    for document in (answers["json"].json(), shell.json("report", "small")):
        assert document["severities"] == [
            {"severity": 1, "open": 1, "over": 1},
            {"severity": 2, "open": 1, "over": 0},
        ]
        defect, other = document["defects"]
        assert (other["title"], other["severity"], other["over_days"]) == ("Search is slow", 2, None)
        url = defect.pop("url")
        assert url.startswith("http://127.0.0.1")
        assert defect == {
            "milestone": "M1",
            "title": "Payments <b>are</b> lost",
            "severity": 1,
            "age_days": 9,
            "over_days": 7,
        }
        (overdue,) = document["overdue"]
        assert (overdue["key"], overdue["title"], len(overdue["owners"])) == ("M1", "Call the @city", 1)
        assert {"kind": "severe defects", "key": "M1", "why": ["1 open, 1 past the allowed time"]} in document["risks"]
    owner = overdue["owners"][0]
    for text in (answers["md"].text, commands["md"]):
        assert "- severity 1: 1 open, 1 past the allowed time\n" in text
        assert "- severity 2: 1 open\n" in text
        named = f"[**M1** Payments &lt;b&gt;are&lt;/b&gt; lost](<{url}>)"
        assert f"- {named}: severity 1, 9 days old, 7 days past the allowed time\n" in text
        assert f"- [**M1** Call the @\u200bcity](<{overdue['url']}>): was due {nine_days_on}, {owner}\n" in text
    for text in (answers["html"].text, commands["html"]):
        assert "<b>are</b>" not in text
        assert "severity 1, 9 days old, 7 days past the allowed time" in text
        assert f"was due {nine_days_on}, {owner}" in text


# -- schedules


def missed(shell: Shell) -> None:
    """As if every schedule had been added three weeks ago, and nobody had been there since."""
    db = Database(shell.environment["MILEPOST_DATABASE_URL"])
    with db.write() as session:
        for row in session.exec(select(ReportScheduleRow)).all():
            row.created_at = row.again_at = datetime.now(UTC) - timedelta(days=21)
            session.add(row)
    db.close()


def ended(process: Popen[bytes]) -> str:
    process.terminate()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return err.decode()


def test_schedules_are_added_listed_run_and_removed(shell: Shell) -> None:
    shell.read(SMALL)
    (shell.folder / "out").mkdir()
    file = shell.folder / "out/{date}.md"
    add = ("report", "schedule", "add", "weekly", "--programme", "small", "--every", "week", "--on", "fri")
    made = shell.json(*add, "--at", "07:30", "--file", str(file))
    coming = datetime.strptime(made.pop("next"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert (coming.strftime("%a %H:%M"), coming > datetime.now(UTC)) == ("Fri 07:30", True)
    assert made == {
        "name": "weekly",
        "programme": "small",
        "every": "week",
        "on": "fri",
        "at": "07:30",
        "time_zone": "UTC",
        "file": str(file),
        "notifier": None,
        "last": None,
        "last_error": None,
    }
    assert shell.refused(*add, "--file", str(file))["type"] == "report-schedule-exists"
    assert shell.refused(*add)["type"] == "bad-report-schedule"
    assert "Fri" not in shell("report", "schedule", "list").out.decode()
    for word in ("weekly", "week fri 07:30 UTC", "never"):
        assert word in shell("report", "schedule", "list").out.decode()
    ran = shell.json("report", "schedule", "run", "weekly")
    written = Path(ran["file"])
    assert ran == {"schedule": "weekly", "file": str(written), "notifier": None, "message": None}
    assert written.read_text().startswith("# Small Programme: status on ")
    (listed,) = shell.json("report", "schedule", "list")["schedules"]
    assert listed["last"] is not None
    written.unlink()
    (shell.folder / "out").rmdir()
    error = shell.refused("report", "schedule", "run", "weekly")
    assert (error["type"], error["message"]) == (
        "report-unwritable",
        f"{written} can't be written: No such file or directory",
    )
    assert shell.json("report", "schedule", "list")["schedules"][0]["last_error"] == error["message"]
    assert "directory" in shell("report", "schedule", "list").out.decode()  # where lines are broken depends on paths
    failing = [one for one in shell.json("doctor", code=1)["findings"] if one["what"] == "report weekly"]
    assert [(one["state"], one["detail"], one["mend"]) for one in failing] == [
        ("failed", error["message"], "milepost report schedule run weekly")
    ]
    assert shell.json("report", "schedule", "remove", "weekly") == {"removed": "weekly"}
    assert shell.refused("report", "schedule", "remove", "weekly")["type"] == "report-schedule-unknown"
    assert "no schedule yet" in shell("report", "schedule", "list").out.decode()


def test_report_of_a_programme_stands_beside_and_help_has_examples(shell: Shell) -> None:
    shell.read(SMALL)
    assert "# Small Programme" in shell("report", "small").out.decode()
    shell.read(SMALL, "schedule")
    assert "# Small Programme" in shell("report", "--", "schedule").out.decode()
    assert "report schedule" in shell("--help").out.decode()
    for command in ("add", "run"):
        shown = shell("report", "schedule", command, "--help")
        assert (shown.code, f"Example: milepost report schedule {command}" in shown.out.decode()) == (0, True)
    assert shell("report", "schedule").code == 2
    assert "milepost report schedule " in shell("report", "schedule", "--help").out.decode()
    assert shell.refused("report", "schedule", "ad", code=2)["type"] == "wrong-usage"
    assert "report" in shell.refused("reprt", "small", code=2)["message"]


def test_what_was_missed_while_no_service_ran_is_made_once_by_the_two_that_start(shell: Shell) -> None:
    """To a file and to a notifier. Both services find the same that is due, at once."""
    shell.read(SMALL)
    add = ("report", "schedule", "add")
    with receiving() as receiver:
        notifier = ("--format", "standard", "--url", f"{receiver.url}/news", "--secret-env", "S", "--on", "nothing")
        made = shell.json("notify", "add", "crew", "--programme", "small", *notifier)
        assert made["on"] == []
        file = shell.folder / "report.json"
        shell.json(*add, "page", "--programme", "small", "--every", "week", "--file", str(file))
        shell.json(*add, "news", "--programme", "small", "--every", "day", "--notify", "crew")
        missed(shell)
        late = [one for one in shell.json("doctor", code=1, S=SECRET)["findings"] if one["what"] == "report page"]
        assert (late[0]["state"], late[0]["mend"]) == ("failed", "is `milepost serve` running?")
        environment = {"S": SECRET, "MILEPOST_NOTIFY_LOCAL": "true", "MILEPOST_LOG_FORMAT": "json"}
        services = [shell.spawn("serve", "--port", "0", "--json", **environment) for _ in range(2)]
        urls = [first_document(service)["url"] for service in services]
        until(services[0], lambda: file.exists() and bool(receiver.taken("/news")))
        told = httpx.get(f"{urls[0]}/metrics", trust_env=False).text
        logs = [json.loads(line) for service in services for line in ended(service).splitlines() if line[0] == "{"]
        assert [message["type"] for message in receiver.verified()] == ["report"]
    assert json.loads(file.read_text())["programme"] == "small"
    made = [line["event"] for line in logs if line["event"].startswith("the report ")]
    assert sorted(made) == ["the report news is in the outbox of crew", f"the report page is in {file}"]
    assert 'milepost_report_schedule_failing{programme="small",schedule="page"} 0.0' in told
    listed: list[dict[str, Any]] = shell.json("report", "schedule", "list")["schedules"]
    assert [one["next"] > one["last"] > "2026" for one in listed] == [True, True]
    error = shell.refused("notify", "remove", "crew")
    assert (error["type"], error["hint"]) == ("notifier-needed", "milepost report schedule remove news")
