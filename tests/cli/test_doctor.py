"""doctor: each thing that can be wrong with an installation is found, said in a line, with how to mend it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.db import targets
from app.db.engine import Database
from app.db.models import DeliveryRow, LeaseRow, LinkRow, NodeRow, PlanRow, RunRow
from tests.cli.conftest import SMALL, Shell, Tracker, ready, tracking

PASSWORD = "correct-horse-battery"


def looked(shell: Shell, *more: str, code: int = 0, **environment: str) -> dict[str, list[tuple[str, str, str]]]:
    """What doctor found, by what was looked at: (state, detail, mend)."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for one in shell.json("doctor", *more, code=code, **environment)["findings"]:
        found.setdefault(one["what"], []).append((one["state"], one["detail"], one["mend"]))
        assert one["state"] == "ok" or one["mend"], one
        assert "\n" not in one["detail"] + one["mend"]
    return found


def wrong(found: dict[str, list[tuple[str, str, str]]], *but: str) -> set[str]:
    return {what for what, lines in found.items() if what not in but and any(line[0] != "ok" for line in lines)}


def database(shell: Shell) -> Database:
    return Database(shell.environment["MILEPOST_DATABASE_URL"])


def test_a_sound_installation_has_nothing_to_mend(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    shell.json("apply", "hub", "--yes")
    found = looked(shell)
    assert wrong(found) == set()
    assert found["clock against 127.0.0.1"] == [("ok", "they agree", "")]
    ((_, detail, _),) = found["database"]
    assert "journal wal, foreign keys on" in detail
    assert "clock against 127.0.0.1" not in looked(shell, "--offline")
    shown = shell("doctor")
    assert shown.code == 0
    assert "MILEPOST_DEBOUNCE" in shown.out.decode()


def test_every_setting_is_listed_with_where_it_comes_from_and_no_secret(shell: Shell) -> None:
    (shell.folder / ".env").write_text("MILEPOST_AUDIT_DAYS=77\nMILEPOST_LOG_LEVEL=debug\n")
    url = f"postgresql://milepost:{PASSWORD}@127.0.0.1:1/milepost"
    ran = shell("doctor", "--json", MILEPOST_DATABASE_URL=url, MILEPOST_DEBOUNCE="0.5")
    assert ran.code == 1
    assert PASSWORD not in ran.out.decode() + ran.err
    listed = {one["name"]: one for one in ran.json["settings"]}
    assert listed["MILEPOST_DATABASE_URL"]["value"] == "postgresql://milepost:***@127.0.0.1:1/milepost"
    assert [
        (listed[f"MILEPOST_{n}"]["value"], listed[f"MILEPOST_{n}"]["source"]) for n in ("DEBOUNCE", "AUDIT_DAYS")
    ] == [
        ("0.5", "environment"),
        ("77", ".env"),
    ]
    assert listed["MILEPOST_LOG_FORMAT"]["source"] == "default"
    assert all(one["about"] for one in listed.values())
    assert PASSWORD not in shell("doctor", MILEPOST_DATABASE_URL=url).out.decode()


def test_a_setting_that_cannot_be_or_is_none_is_told_without_its_value(shell: Shell) -> None:
    assert wrong(looked(shell, MILEPOST_DEBOUNC="1"), "targets") == {"settings"}
    assert wrong(looked(shell, MILEPOST_DEBUG="1", MILEPOST_WEBHOOK_SECRET="x"), "targets") == set()
    for name, value in (("MILEPOST_AUDIT_DAYS", "hunter2"), ("MILEPOST_LOG_FORMAT", "hunter2")):
        ran = shell("serve", "--json", **{name: value})
        assert (ran.code, ran.json["error"]["type"]) == (1, "bad-settings")
        assert name in ran.json["error"]["message"]
        assert "hunter2" not in ran.json["error"]["message"]


def test_databases_that_cannot_be_used_are_told_and_none_is_made(shell: Shell) -> None:
    found = looked(shell, MILEPOST_DATABASE_URL=f"sqlite:///{shell.folder / 'new.db'}")
    assert found["database"][0][0] == "warning"
    assert not (shell.folder / "new.db").exists()
    for url in ("nonsense", f"postgresql://milepost:{PASSWORD}@127.0.0.1:1/x"):
        found = looked(shell, code=1, MILEPOST_DATABASE_URL=url)
        assert [line[0] for line in found["database"]] == ["failed"]
    (shell.folder / "notes.db").write_text("these are my notes\n" * 100)
    looked(shell, code=1, MILEPOST_DATABASE_URL=f"sqlite:///{shell.folder / 'notes.db'}")


def test_an_old_schema_is_told_and_left_alone(shell: Shell) -> None:
    db = database(shell)
    with db.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert looked(shell)["schema"] == [
        ("warning", f"the schema is at revision 0001, {db.current()[1]} is needed", "milepost db upgrade")
    ]
    assert db.current()[0] == "0001"
    db.close()


@pytest.mark.postgres
def test_postgresql_is_told_by_its_version_and_asked_to_be_upgraded(shell: Shell, postgres: str) -> None:
    found = looked(shell, code=1, MILEPOST_DATABASE_URL=postgres)
    assert "PostgreSQL 1" in found["database"][0][1]
    assert found["schema"][0][::2] == ("failed", "milepost db upgrade")
    assert shell("db", "upgrade", MILEPOST_DATABASE_URL=postgres).code == 0
    assert wrong(looked(shell, MILEPOST_DATABASE_URL=postgres), "targets") == set()


def test_a_target_without_its_secrets_never_read_or_stale_is_told(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    assert ("warning", "never read", "milepost plan hub") in looked(shell)["target hub"]
    shell.json("apply", "hub", "--yes")
    assert looked(shell, code=1, GITHUB_TOKEN="")["target hub"][0][0] == "failed"
    db = database(shell)

    def hub(**values: Any) -> list[tuple[str, str, str]]:
        with db.write() as session:
            row = targets.get(session, "hub")
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)
        document = shell.json("doctor", "--offline", code=1 if values.get("bad", True) else 0)
        return [(f["state"], f["detail"], f["mend"]) for f in document["findings"] if f["what"] == "target hub"]

    assert hub(webhook_secret_env="HOOK_SECRET")[1][::2] == ("failed", "export HOOK_SECRET=…")
    hour = datetime.now(UTC) - timedelta(hours=1)
    stale = hub(webhook_secret_env="", last_refresh=hour)[-1]
    assert stale[0] == "failed"
    assert stale[2] == "is `milepost serve` running?"
    assert hub(last_error="it answered 502")[-1][2] == "milepost target check hub"
    assert hub(profile="/nowhere/at/all.toml")[1][0] == "failed"
    with db.write() as session:
        row = targets.get(session, "hub")
        row.profile, row.state, row.last_refresh = "github", "paused", datetime.now(UTC)
        session.add(row)
    found = looked(shell, "--offline")
    assert found["target hub"][-1][0] == "warning"
    assert "paused" in found["target hub"][-1][1]
    db.close()


def test_stalled_work_is_told(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    shell.json("apply", "hub", "--yes")
    assert "work of hub" not in looked(shell, "--offline")
    db, long_ago = database(shell), datetime.now(UTC) - timedelta(hours=1)
    with db.write() as session:
        target = targets.get(session, "hub").id
        for name in ("p0", *(f"q{number}" for number in range(101))):
            plan = PlanRow(id=name, target_id=target, created_at=long_ago, checksum="", complete=True)
            plan.summary, plan.content = {}, {}
            session.add(plan)
        session.flush()
        session.add(RunRow(id="r0", target_id=target, plan_id="p0", state="running", started_at=long_ago))
        held = session.get(LeaseRow, target)
        assert held is not None
        held.holder, held.expires_at = "somebody", long_ago
        session.add(DeliveryRow(target_id=target, delivery_id="d", event="issues", received_at=long_ago))
        node = NodeRow(programme_id=1, kind="task", key="9Z", position=9, title="t")
        session.add(node)
        session.flush()
        session.add(LinkRow(target_id=target, node_id=node.id or 0, shape="issue", family="issue"))
    lines = looked(shell, "--offline", code=1)["work of hub"]
    assert [(state, detail) for state, detail, _ in lines] == [
        ("failed", "the run r0 says it is running, and nobody is at work"),
        ("warning", "whoever worked on it ended without letting go"),
        ("warning", "of 1 creates it isn't known whether they happened"),
        ("failed", "1 webhook calls wait, the oldest for 60 minutes"),
        ("warning", "101 plans that nobody applied"),
    ]
    with db.write() as session:
        held = session.get(LeaseRow, target)
        assert held is not None
        held.expires_at = datetime.now(UTC) + timedelta(minutes=1)
        session.add(held)
    assert "nobody is at work" not in str(looked(shell, "--offline", code=1)["work of hub"])
    db.close()


def test_a_clock_that_is_off_is_told(shell: Shell) -> None:
    shell.read(SMALL)
    for name, key, offset, state in (("a", "M1", -45.0, "warning"), ("b", "M2", -400.0, "failed")):
        with tracking("gitlab") as tracker:
            tracker.box._store.clock.offset_seconds = offset
            shell.json("target", "add", name, "--programme", "small", "--select", key, *tracker.options)
            found = looked(shell, code=int(state == "failed"))["clock against 127.0.0.1"]
        assert found[-1][0] == state
        assert "s ahead" in found[-1][1]
    found = looked(shell, code=1)["clock against 127.0.0.1"]
    assert all("can't be reached" in line[1] for line in found)


def test_a_notifier_without_its_variables_is_told(shell: Shell) -> None:
    shell.read(SMALL)
    shell.json("notify", "add", "crew", "--programme", "small", "--format", "slack", "--url-env", "CREW_URL")
    found = looked(shell, code=1)
    assert found["notifier crew"] == [("failed", "CREW_URL is not set", "export CREW_URL=…")]
    secret = shell.folder / "url"
    secret.write_text("https://news.example/x\n")
    assert looked(shell, CREW_URL_FILE=str(secret))["notifier crew"][0][0] == "ok"


def test_settings_are_read_from_the_files_of_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.settings import Settings

    (tmp_path / "milepost_database_url").write_text(f"postgresql://m:{PASSWORD}@db/m\n")
    (tmp_path / "milepost_audit_days").write_text("99")
    monkeypatch.setenv("MILEPOST_AUDIT_DAYS", "98")
    settings = Settings(_env_file=None, _secrets_dir=tmp_path)
    assert (settings.database_url, settings.audit_days) == (f"postgresql://m:{PASSWORD}@db/m", 98)
    assert PASSWORD not in repr(settings)
