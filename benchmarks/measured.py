"""Measuring and showing: clocks, the best of some runs, rows with their budget, tables."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

T = TypeVar("T")
Clock = Callable[[], float]

CPU: Clock = time.process_time
"""Seconds of this process's CPU, all threads: other work on the machine moves it little."""
WALL: Clock = time.perf_counter


@dataclass(frozen=True, slots=True)
class Size:
    """How much to measure: `quick` takes smaller trees and each measurement once. `issues` are the sizes of trackers
    to be read, () for the usual ones.
    """

    quick: bool
    issues: tuple[int, ...] = ()

    @property
    def runs(self) -> int:
        return 1 if self.quick else 3


@dataclass(frozen=True, slots=True)
class Row:
    """One number. `budget` is the most that it may be, or the least where `least` says so; None: there is none."""

    what: str
    value: float
    unit: str = "s"
    budget: float | None = None
    note: str = ""
    least: bool = False

    @property
    def over(self) -> bool:
        if self.budget is None:
            return False
        return self.value < self.budget if self.least else self.value > self.budget

    @property
    def verdict(self) -> str:
        if self.budget is None:
            return ""
        share = f" ({self.value / self.budget:.2f}×)" if self.budget else ""
        missed = "under" if self.least else "over"
        return (missed if self.over else "within") + share


@dataclass(frozen=True, slots=True)
class Beside:
    """The same work done in two ways in one run."""

    what: str
    milepost: float
    other: float
    unit: str = "s"
    note: str = ""


@dataclass(frozen=True, slots=True)
class Among:
    """The same work done by several in one run, Milepost first. None is what was not measured."""

    what: str
    values: dict[str, float | None]
    unit: str = "s"


@dataclass(slots=True)
class Section:
    """A table. `method` says how it was measured, `remarks` what was not."""

    title: str
    method: str
    rows: list[Row | Beside | Among] = field(default_factory=list)
    other: str = "by hand"  # the head of the column beside Milepost's
    remarks: list[str] = field(default_factory=list)

    def add(
        self,
        what: str,
        value: float,
        unit: str = "s",
        budget: float | None = None,
        note: str = "",
        *,
        least: bool = False,
    ) -> None:
        self.rows.append(Row(what, value, unit, budget, note, least))

    def as_json(self) -> dict[str, Any]:
        rows = [asdict(row) | ({"over": row.over} if isinstance(row, Row) else {}) for row in self.rows]
        return {"title": self.title, "method": self.method, "rows": rows, "remarks": self.remarks}


def best(runs: int, clock: Clock, work: Callable[[], T]) -> tuple[float, T]:
    """(the least of `runs` measurements, what the last run gave). Rubbish of earlier work is collected before each."""
    least, result = float("inf"), None
    for _ in range(runs):
        result = None
        gc.collect()
        began = clock()
        result = work()
        least = min(least, clock() - began)
    return least, result  # type: ignore[return-value]  # runs is at least 1


def show(out: Console, section: Section) -> None:
    """Print a section: rows with budgets, then what was done in two ways, then by several."""
    out.print(f"\n[bold]{escape(section.title)}[/bold]")
    out.print(escape(section.method), style="dim")
    rows = [row for row in section.rows if isinstance(row, Row)]
    if rows:
        grid = _grid("what", "measured", "budget", "", "")
        for row in rows:
            budget = "" if row.budget is None else number(row.budget, row.unit)
            style = "bold red" if row.over else "green"
            verdict = f"[{style}]{row.verdict}[/{style}]" if row.verdict else ""
            grid.add_row(escape(row.what), number(row.value, row.unit), budget, verdict, escape(row.note))
        out.print(grid)
    pairs = [row for row in section.rows if isinstance(row, Beside)]
    if pairs:
        grid = _grid("what", "Milepost", section.other, f"Milepost / {section.other}", "")
        for pair in pairs:
            ratio = f"{pair.milepost / pair.other:.2f}×" if pair.other else "–"
            mine, other = number(pair.milepost, pair.unit), number(pair.other, pair.unit)
            grid.add_row(escape(pair.what), mine, other, ratio, escape(pair.note))
        out.print(grid)
    if among := [row for row in section.rows if isinstance(row, Among)]:
        out.print(_among(among))
    for remark in section.remarks:
        out.print(escape(f"  {remark}"))


def _among(rows: list[Among]) -> Table:
    names = list(rows[0].values)
    grid = _grid("what", *names, *(f"{names[0]} / {name}" for name in names[1:]), right=range(1, 2 * len(names)))
    for row in rows:
        mine, *others = row.values.values()
        shown = ["–" if value is None else number(value, row.unit) for value in row.values.values()]
        ratios = [f"{mine / other:.2f}×" if mine is not None and other else "–" for other in others]
        grid.add_row(escape(row.what), *shown, *ratios)
    return grid


def _grid(*heads: str, right: Collection[int] = (1, 2)) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        grid.add_column(head, justify="right" if place in right else "left", overflow="fold")
    return grid


def number(value: float, unit: str) -> str:
    """A number with its unit, as exact as it is worth."""
    if unit == "s":
        return f"{value:.0f} s" if value >= 100 else f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.1f} ms"
    if unit == "×":
        return f"{value:.1f}×"
    if unit == "/s":
        return f"{value:,.1f}/s"
    if unit in ("min", "%", "µs"):
        return f"{value:,.1f} {unit}"
    return f"{value:,.0f} {unit}".rstrip()
