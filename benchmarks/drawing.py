"""Charts of a programme over HTTP: drawn for the first time, and asked for again."""

from __future__ import annotations

import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from statistics import median

from app.sync.context import utc_now
from benchmarks import importing
from benchmarks.live import SERVE, process
from benchmarks.measured import Section, Size
from benchmarks.seeing import Asker
from benchmarks.working import at_work

BOXES = 4
"""Ticked on each day."""
BEGINS = {"svg": b"<svg", "png": b"\x89PNG"}


def measure(size: Size) -> list[Section]:
    tasks, days = (200, 10) if size.quick else (1_000, 60)
    again = 3 if size.quick else 9
    section = Section(
        f"13. Charts of {tasks:,} tasks with {days} days of history",
        "`milepost serve` in a process of its own, on SQLite; wall seconds to the last byte over a kept connection; "
        f"again: median of {again}; dark: drawn anew, while the drawing process is there",
    )
    with tempfile.TemporaryDirectory(prefix="milepost-bench-") as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'bench.db'}"
        with at_work(url, tasks) as work:
            for back in range(days, 0, -1):
                work.tick(BOXES, utc_now() - timedelta(days=back))
            with process(folder, [sys.executable, "-c", SERVE, "serve", "--port"], url) as (port, _):
                _measure(section, again, port)
    return [section]


def _measure(section: Section, again: int, port: int) -> None:
    asker = Asker(port)
    asker.get(f"/api/v1/programmes/{importing.SLUG}/status")  # what is slow of the first status is not the charts' own
    for place, (chart, form) in enumerate((c, f) for c in ("burnup", "timeline") for f in BEGINS):
        path = f"/api/v1/programmes/{importing.SLUG}/{chart}.{form}"
        first = asker.get(path)
        if not first.body.lstrip().startswith(BEGINS[form]):
            raise RuntimeError(f"{path} is no {form}")
        note = "" if place else "the drawing process starts"
        section.add(f"{chart}.{form}, first", first.last, note=f"{len(first.body):,} bytes{'; ' * bool(note)}{note}")
        section.add(f"{chart}.{form}, dark", asker.get(f"{path}?theme=dark").last)
        section.add(f"{chart}.{form}, again", median(asker.get(path).last for _ in range(again)))
    asker.close()
