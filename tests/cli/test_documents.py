"""import, export, status and db: shapes, names and exit codes as INTERFACE has them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import SMALL, START, Shell, Tracker, ready

KEYS = ["M1", "1A", "1A.1", "1A.2", "1A.3", "1B", "1B.1", "1B.2", "M2", "2A", "2A.1", "2A.2"]
IMPORT = [
    "programme",
    "version",
    "milestones",
    "tasks",
    "steps",
    "dry_run",
    "added",
    "removed",
    "renamed",
    "moved",
    "reworded",
    "warnings",
]
STATUS = [
    "programme",
    "title",
    "as_of",
    "start",
    "percent",
    "done",
    "total",
    "excluded",
    "source",
    "health",
    "milestones",
]
MILESTONE = [
    "key",
    "kind",
    "title",
    "percent",
    "done",
    "total",
    "excluded",
    "source",
    "declared_percent",
    "state",
    "health",
    "window",
    "expected_percent",
    "depends_on",
    "prerequisites",
    "blocked_by",
    "target",
    "url",
    "as_of",
    "stale",
    "issues",
    "tasks",
]
TASK = ["key", "kind", "title", "declared_percent", "percent", "done", "total", "steps"]
STEP = ["key", "kind", "title", "done", "url"]


def test_an_import_gives_its_document_and_nothing_else(shell: Shell) -> None:
    found = shell.read(SMALL + "\nA stray line.\n")
    assert list(found) == IMPORT
    assert (found["programme"], found["version"], found["dry_run"]) == ("small", 1, False)
    assert (found["milestones"], found["tasks"], found["steps"]) == (2, 3, 7)
    assert found["added"] == KEYS
    assert found["removed"] == found["renamed"] == found["moved"] == found["reworded"] == []
    assert [w["line"] for w in found["warnings"]] == [23]
    again = shell.read(SMALL + "\nA stray line.\n")
    assert (again["version"], again["added"]) == (1, [])


def test_a_new_version_says_what_changed_by_kind(shell: Shell) -> None:
    shell.read(SMALL)
    text = SMALL.replace("Mobilisation", "Kick-off").replace("from two suppliers", "from three suppliers")
    text = text.replace("    2. Have the drawings checked by the city.\n", "")
    text = text.replace("    1. Order", "    1. Rent a crane for a month.\n    2. Order")
    found = shell.read(text)
    assert found["version"] == 2
    assert (found["renamed"], found["removed"], found["added"]) == (["1A"], ["1B.2"], ["2A.1"])
    assert found["reworded"] == ["2A.2"]


def test_a_dry_run_stores_nothing(shell: Shell) -> None:
    (shell.folder / "roadmap.md").write_text(SMALL)
    arguments = ("import", "roadmap.md", "--programme", "small", "--start", START, "--dry-run")
    found = shell.json(*arguments)
    assert (found["dry_run"], found["version"], found["added"]) == (True, 1, KEYS)
    assert shell("export", "small").code == 1
    shell.read(SMALL)
    (shell.folder / "roadmap.md").write_text(SMALL.replace("Walls", "Roof"))
    assert shell.json(*arguments)["renamed"] == ["M2"]
    assert shell("export", "small").out == SMALL.encode()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("twice.md", b"### M1 - a\n### M1 - b\n", "line 2"),
        ("circle.md", b"### M1 - a\n- **Dependencies:** M2\n### M2 - b\n- **Dependencies:** M1\n", "line 1"),
        ("much.md", b"### M1 - a\n- **Tasks:**\n  - **Task 1A - x (120% complete)**\n", "line 3"),
        ("window.md", b"### M1 - a\n- **Target Window:** Weeks 5-2\n", "line 2"),
        ("nothing.md", b"just words\n", "no milestone"),
        ("empty.md", b"", "no milestone"),
        ("binary.md", bytes(range(256)) * 40, "UTF-8"),
        ("large.md", b"### M1 - a\n" + b"x" * 300_000, "over the limit of 200000"),
    ],
)
def test_what_cannot_be_a_roadmap_is_refused_in_one_line_and_not_stored(
    shell: Shell, name: str, content: bytes, why: str
) -> None:
    (shell.folder / name).write_bytes(content)
    arguments = ("import", name, "--programme", "small", "--start", START)
    error = shell.refused(*arguments, MILEPOST_IMPORT_MAX_BYTES="200000")
    assert error["type"] == "roadmap-refused"
    assert why in error["message"]
    assert shell.json("status") == {"programmes": []}


def test_files_that_are_not_there_folders_and_bad_names_are_refused(shell: Shell) -> None:
    (shell.folder / "roadmap.md").write_text(SMALL)
    for file in ("absent.md", "."):
        assert shell.refused("import", file, "--programme", "x", "--start", START)["type"] == "file-unreadable"
    assert shell.refused("import", "roadmap.md", "--programme", "A b", "--start", START)["type"] == "bad-slug"
    assert shell.refused("import", "roadmap.md", "--programme", "x")["type"] == "start-needed"
    assert shell.refused("export", "absent")["type"] == "programme-unknown"
    assert shell.refused("status", "absent")["type"] == "programme-unknown"


def test_an_export_is_what_was_imported_to_the_last_byte(shell: Shell) -> None:
    source = ("\ufeff" + SMALL).replace("\n", "\r\n").replace("Walls", "Wände ملاحظة 日本 🙂").encode() + b"\t end  "
    (shell.folder / "roadmap.md").write_bytes(source)
    shell.json("import", "roadmap.md", "--programme", "small", "--start", START)
    ran = shell("export", "small")
    assert (ran.code, ran.out, ran.err) == (0, source, "")
    assert shell("export", "small", "-o", "out.md").out == b""
    assert (shell.folder / "out.md").read_bytes() == source
    assert shell.refused("export", "small", "-o", "absent/out.md")["type"] == "file-unreadable"


def test_an_export_changes_figures_only_once_something_is_measured(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    assert shell("export", "small").out == SMALL.encode()
    shell.json("apply", "hub", "--yes")
    number = tracker.number("1A")
    tracker.edit(number, body=tracker.text(number).replace("[ ] 1A.2", "[x] 1A.2"))
    shell.json("refresh")
    assert shell("export", "small").out.decode() == SMALL.replace("12% complete", "33% complete")


def test_a_status_has_every_name_of_the_interface(shell: Shell, tracker: Tracker) -> None:
    ready(shell, tracker)
    shell.json("apply", "hub", "--yes")
    found = shell.json("status", "small")
    assert set(STATUS) <= set(found)
    assert (found["programme"], found["start"], found["source"]) == ("small", START, "measured")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["as_of"])
    first = found["milestones"][0]
    assert set(MILESTONE) <= set(first)
    assert first["window"] == {"start": "2026-11-02", "end": "2026-11-16", "text": "Weeks 0–2"}
    assert (first["kind"], first["target"], first["stale"], first["state"]) == ("milestone", "hub", False, "open")
    assert first["issues"] == {"open": 2, "closed": 0, "added": 0}
    assert set(TASK) <= set(first["tasks"][0])
    assert (first["tasks"][0]["kind"], first["tasks"][0]["declared_percent"]) == ("task", 12.0)
    assert set(STEP) <= set(first["tasks"][0]["steps"][0])
    assert first["tasks"][0]["steps"][0]["kind"] == "step"


def test_nothing_to_count_is_unknown_and_declared_is_said(shell: Shell) -> None:
    shell.read("# P\n\n### M1 - Words only\n- **Objective:** Talk.\n\n### M2 - Past\n- **Status:** Completed\n")
    first, second = shell.json("status", "small")["milestones"]
    assert (first["percent"], first["source"]) == (None, "unknown")
    assert (second["percent"], second["source"], second["state"]) == (100.0, "declared", "closed")


def test_db_says_its_revision(shell: Shell) -> None:
    (shell.folder / "milepost.db").unlink()
    assert shell.json("db", "current")["revision"] is None
    revision = shell.json("db", "upgrade")["revision"]
    assert revision == shell.json("db", "current")["revision"]


def test_the_database_option_goes_before_the_environment(shell: Shell, tmp_path: Path) -> None:
    shell.read(SMALL)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    assert shell.json("status", "--database", other) == {"programmes": []}
    assert len(shell.json("status", "--json", "--database", shell.environment["MILEPOST_DATABASE_URL"])) == 1
    for url in ("nonsense", "sqlite:////absent/folder/x.db", "mysql://u:secret@h/x"):
        error = shell.refused("status", "--database", url)
        assert error["type"] == "database-unusable"
        assert "secret" not in json.dumps(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("import",),
        ("import", "x.md", "--start", START),
        ("import", "x.md", "--programme", "x", "--start", "2026-13-45"),
        ("status", "a", "b"),
        ("apply", "hub", "--max-changes", "300"),
        ("plan", "hub", "--nonsense"),
        ("target", "add", "hub", "--programme", "small"),
        ("serve", "--port", "99999"),
        ("sandbox", "--kind", "jira"),
    ],
)
def test_wrong_usage_is_2_with_one_line(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert shell.refused(*arguments, code=2)["type"] == "wrong-usage"


def test_help_is_shown_where_nothing_was_asked(shell: Shell) -> None:
    for arguments, code in (((), 2), (("--help",), 0), (("import", "-h"), 0)):
        ran = shell(*arguments)
        assert ran.code == code
        assert b"Usage" in ran.out + ran.err.encode()


def test_a_defect_is_one_line_and_no_traceback(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.sync import status

    def broken(*_: object) -> None:
        raise ZeroDivisionError("oh")

    shell.read(SMALL)
    monkeypatch.setattr(status, "status", broken)
    assert shell.refused("status", "small")["type"] == "unexpected"
