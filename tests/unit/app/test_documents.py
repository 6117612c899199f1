"""docs/operations.md tells of the settings, metrics and events that there are, each with its default; links lead on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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


DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if not link.startswith("http"):
            path, _, anchor = link.partition("#")
            other = document.parent / path if path else document
            assert other.exists(), link
            assert not anchor or anchor in _anchors(other), link
