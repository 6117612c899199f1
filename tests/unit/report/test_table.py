"""The tree as CSV: read back it is the same, and no cell is a formula."""

from __future__ import annotations

import csv
import io
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.report.table import Row, cell_text, table
from tests.unit.hostile import HOSTILE


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_a_node_with_a_header():
    rows = [
        Row("M1", "milestone", "", "Core", 50.0, 1, 2, 0, "measured", 60.0, 70.0, "at_risk", "Weeks 0–2"),
        Row(
            "1A", "task", "M1", "Ledger", None, url="https://git.example/1", slip_days=-3, window_end=date(2026, 11, 24)
        ),
    ]
    text = table(rows)
    assert text.split("\r\n")[0] == (
        "key,kind,parent,title,percent,done,total,excluded,source,declared,expected,health,window,window_start,"
        "window_end,slip_days,forecast_50,forecast_85,blocked_by,target,url"
    )
    first, second = read(text)
    assert (first["percent"], first["health"], first["window"], first["url"]) == ("50.0", "at_risk", "Weeks 0–2", "")
    assert (second["percent"], second["slip_days"], second["window_end"]) == ("", "-3", "2026-11-24")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "\n=", " =", "\u00a0+", "＝", "'=", "'"])
def test_no_text_begins_a_formula(start: str):
    title = f"{start}1+cmd|' /C calc'!A0"
    (row,) = read(table([Row("M1", "milestone", "", title)]))
    assert row["title"] == "'" + title
    assert cell_text(row["title"]) == title


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_titles_come_back(name: str):
    (row,) = read(table([Row("M1", "milestone", "", HOSTILE[name])]))
    kept = HOSTILE[name].replace("\x00", "").replace("\ud800", "?")
    assert cell_text(row["title"]) == kept


@settings(max_examples=80)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1, max_size=4))
def test_any_titles_come_back_and_none_is_a_formula(titles: list[str]):
    text = table(Row(f"M{n}", "milestone", "", title) for n, title in enumerate(titles))
    rows = read(text.encode().decode())
    assert [cell_text(row["title"]) for row in rows] == titles
    assert not any(row["title"].lstrip().startswith(("=", "+", "-", "@")) for row in rows)
