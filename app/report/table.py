"""The tree as CSV, a row a node, for spreadsheets. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from datetime import date

from app.core.progress import Health, Source
from app.core.tree import Kind

_ACTIVE = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What makes a spreadsheet take a cell for a formula (the wide ones too, in some), even inside quotes."""


@dataclass(frozen=True, slots=True)
class Row:
    """A node as CSV has it: the columns, in this order. None is an empty cell; a step has only done (0 or 1) of 1."""

    key: str
    kind: Kind
    parent: str
    title: str
    percent: float | None = None
    done: int | None = None
    total: int | None = None
    excluded: int | None = None
    source: Source | None = None
    declared: float | None = None
    expected: float | None = None
    health: Health | None = None
    window: str = ""
    window_start: date | None = None
    window_end: date | None = None
    slip_days: int | None = None
    forecast_50: date | None = None
    forecast_85: date | None = None
    blocked_by: str = ""
    target: str = ""
    url: str = ""


def table(rows: Iterable[Row]) -> str:
    """CSV (RFC 4180) with a header; encode it as UTF-8. Text that a spreadsheet would run is kept from running.

    Excel, LibreOffice and others evaluate a cell that begins with = + - or @ (or blanks that they drop before one),
    even a quoted one. Such text gets a leading apostrophe, which they take for "this is text"; `cell_text` takes it
    away again. Figures are numbers and stay as they are, below 0 too.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(field.name for field in fields(Row))
    for row in rows:
        writer.writerow(_cell(value) for value in astuple(row))
    return out.getvalue()


def cell_text(cell: str) -> str:
    """A text cell of `table` as it was."""
    return cell[1:] if cell.startswith("'") and _guarded(cell[1:]) else cell


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.encode("utf-8", "replace").decode().replace("\x00", "")
    return "'" + text if _guarded(text) else text


def _guarded(text: str) -> bool:
    """Whether `text` gets an apostrophe. One that has its own gets a second, so that `cell_text` finds it again."""
    return text.startswith((*_ACTIVE, "'")) or text.lstrip().startswith((*_ACTIVE, "'"))
