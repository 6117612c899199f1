"""A programme that lasts: what a year of days, each with changes, costs its status and its database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select
from sqlmodel import col

from app.db.engine import Database
from app.db.models import HistoryRow
from app.sync import status
from app.sync.kept import Kept
from benchmarks import generated, importing
from benchmarks.measured import CPU, Section, Size, best
from benchmarks.working import Work, work

BOXES = 10
"""Ticked on each day, each in another task."""
BUDGET = 1.5
"""Times the status with one day of history: single figures scatter by half as much again."""


def measure(size: Size) -> list[Section]:
    tasks, marks = (200, (1, 10, 30)) if size.quick else (1_000, (1, 100, 365))
    section = Section(
        f"14. A programme of {tasks:,} tasks over {marks[-1]} days",
        f"CPU seconds, best of 3, each after {BOXES} more boxes were ticked; {BOXES} are on each day, and history "
        "is recorded as with a refresh; SQLite, its file's pages",
    )
    with importing.fresh() as db:
        at = work(db, tasks)
        day, took, before = 0, {}, 0.0
        for mark in marks:
            while day < mark:
                day += 1
                at.tick(BOXES, generated.NOW + timedelta(days=day))
            took[mark] = _status(at, day)
            rows, size_now = _rows(db), _bytes(db)
            section.add(f"status with {mark} days of history", took[mark])
            section.add(f"rows of history after {mark} days", rows, "rows")
            section.add(f"database after {mark} days", size_now / 2**10, "KiB", note=_grown(size_now, before))
            before = size_now
    section.add(f"status, {marks[-1]} days / {marks[0]}", took[marks[-1]] / took[marks[0]], "×", BUDGET)
    section.rows.sort(key=lambda row: row.what.split(" ")[0])
    return [section]


def _status(at: Work, day: int) -> float:
    """CPU of a status that has something new to tell, on that day."""
    now = generated.NOW + timedelta(days=day)
    least = float("inf")
    for _ in range(3):
        at.tick(1, now)
        ctx = replace(at.ctx, now=lambda: now, kept=Kept())
        seconds, found = best(1, CPU, lambda ctx=ctx: status.status(ctx, importing.SLUG))
        if found.source != "measured" or not found.done:
            raise RuntimeError("nothing was measured")
        least = min(least, seconds)
    return least


def _grown(size: float, before: float) -> str:
    return f"{(size - before) / 2**10:,.0f} KiB more" if before else ""


def _rows(db: Database) -> int:
    with db.read() as session:
        return int(session.execute(select(func.count(col(HistoryRow.id)))).scalar_one())


def _bytes(db: Database) -> float:
    with db.read() as session:
        ask = session.connection().exec_driver_sql
        return float(ask("PRAGMA page_count").scalar_one() * ask("PRAGMA page_size").scalar_one())
