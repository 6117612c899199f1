"""Importing a roadmap: reading it alone, and the whole import into a database, new and again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.db.engine import Database
from app.sync.roadmap import Imported, import_roadmap
from benchmarks import generated
from benchmarks.measured import WALL, Section, Size, best
from mappings import roadmap

SLUG = "generated"
BUDGET_TASKS, BUDGET_SECONDS = 1_000, 1.0


@contextmanager
def fresh() -> Iterator[Database]:
    """A new SQLite file with its schema, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as folder:
        db = Database(f"sqlite:///{Path(folder) / 'bench.db'}")
        db.ready()
        try:
            yield db
        finally:
            db.close()


def take_in(db: Database, text: str) -> Imported:
    return import_roadmap(db, text.encode(), SLUG, start=generated.START, now=generated.NOW)


def measure(size: Size) -> list[Section]:
    section = Section(
        "1. Import",
        f"wall seconds, best of {size.runs}{'' if size.quick else ' (10,000: once)'}; a generated document, 5 steps a "
        "task; the empty SQLite file is made before the clock starts",
    )
    sizes = (100, 1_000) if size.quick else (1_000, 10_000)
    found = {tasks: _at(tasks, size.runs if tasks < 10_000 else 1) for tasks in sizes}
    for tasks, took in found.items():
        for what, seconds in took.items():
            budget = BUDGET_SECONDS if tasks == BUDGET_TASKS and what == "import, new" else None
            section.add(f"{what}, {tasks:,} tasks", seconds, budget=budget)
    small, large = sizes
    for what in found[small]:
        ratio = found[large][what] / found[small][what]
        section.add(f"{what}, {large:,} / {small:,} tasks", ratio, "×", note=f"linear: {large // small}×")
    return [section]


def _at(tasks: int, runs: int) -> dict[str, float]:
    text = generated.document(tasks)
    source, more = text.encode(), generated.one_line_more(text)
    took: dict[str, float] = {}
    took["read alone"], reading = best(runs, WALL, lambda: roadmap.read(source, start=generated.START))
    if sum(len(milestone.tasks) for milestone in reading.programme.milestones) != tasks or reading.warnings:
        raise RuntimeError(f"the generated roadmap was not read as meant: {reading.warnings[:3]}")
    new, again, inserted = [], [], []
    for _ in range(runs):
        with fresh() as db:
            new.append(best(1, WALL, lambda db=db: take_in(db, text))[0])  # type: ignore[misc]
            seconds, same = best(1, WALL, lambda db=db: take_in(db, text))  # type: ignore[misc]
            again.append(seconds)
            seconds, other = best(1, WALL, lambda db=db: take_in(db, more))  # type: ignore[misc]
            inserted.append(seconds)
            if same.changes or len(other.changes.added) != 1 or other.changes.removed:
                raise RuntimeError(f"a step more was not taken for just that: {other.changes}")
    took["import, new"] = min(new)
    took["import, unchanged"] = min(again)
    took["import, one line inserted"] = min(inserted)
    return took
