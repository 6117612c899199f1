"""docs/operations.md speaks of the settings, metrics and events that there are, each with its default."""

from __future__ import annotations

import re
from pathlib import Path

from app.core.news import EVENTS
from app.settings import Settings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def test_every_setting_stands_in_the_table_with_its_default_and_no_other_does() -> None:
    table = dict(re.findall(r"^\| `(MILEPOST_\w+)` \| `([^`]*)` \|", TEXT, re.MULTILINE))
    assert table == {f"MILEPOST_{name.upper()}": str(field.default) for name, field in Settings.model_fields.items()}
    assert all(field.description for field in Settings.model_fields.values())


def test_every_variable_that_any_document_names_is_one() -> None:
    known = {f"MILEPOST_{name.upper()}" for name in Settings.model_fields} | {
        "MILEPOST_DEBUG",
        "MILEPOST_BENCH_MINUTES",
        "MILEPOST_TOKEN",
    }
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        named = set(re.findall(r"MILEPOST_[A-Z_]+[A-Z]", file.read_text(encoding="utf-8")))
        assert named <= known, file.name


def test_every_event_is_told_of() -> None:
    assert [event for event in EVENTS if f"`{event}`" not in TEXT] == []
