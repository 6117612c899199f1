"""`python -m benchmarks [--quick] [--sizes N,N] [--json FILE] [SECTION…]`: measure, print tables, exit 0 anyhow."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks import (
    beside,
    drawing,
    foreseeing,
    growing,
    importing,
    lasting,
    live,
    planning,
    pushing,
    reading,
    requesting,
    seeing,
    standing,
    stepping,
    streaming,
)
from benchmarks.measured import Row, Section, Size, show

SECTIONS: dict[str, Callable[[Size], list[Section]]] = {
    "import": importing.measure,
    "plan": planning.measure,
    "growth": growing.measure,
    "requests": requesting.measure,
    "pace": pushing.measure,
    "steps": stepping.measure,
    "beside": beside.measure,
    "status": standing.measure,
    "reading": reading.measure,
    "live": live.measure,
    "forecast": foreseeing.measure,
    "seeing": seeing.measure,
    "streams": streaming.measure,
    "charts": drawing.measure,
    "history": lasting.measure,
}
ROOT = Path(__file__).parents[1]
WIDE = 140


def main() -> None:
    asked = _asked()
    out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    about = _about(asked)
    for name, value in about.items():
        out.print(f"{name + ':':<10}{escape(value)}", soft_wrap=True)
    began = time.perf_counter()
    sections: list[Section] = []
    for name in asked.sections or SECTIONS:
        for section in SECTIONS[name](Size(asked.quick, asked.sizes)):
            show(out, section)
            sections.append(section)
    rows = [row for section in sections for row in section.rows if isinstance(row, Row) and row.budget is not None]
    over = [row.what for row in rows if row.over]
    seconds = time.perf_counter() - began
    out.print(f"\n{len(rows) - len(over)} of {len(rows)} budgets kept, in {seconds:.0f} s of measuring")
    for what in over:
        out.print(f"  [bold red]over[/bold red]: {escape(what)}")
    if asked.json:
        found = {**about, "seconds": seconds, "sections": [section.as_json() for section in sections]}
        Path(asked.json).write_text(json.dumps(found, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller trees, each measured once: half a minute")
    parser.add_argument("--sizes", type=_sizes, default=(), metavar="N,N", help="issues of the trackers that are read")
    parser.add_argument("--json", metavar="FILE", help="write every number there too")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"only these: {', '.join(SECTIONS)}")
    asked = parser.parse_args()
    for name in asked.sections:
        if name not in SECTIONS:
            parser.error(f"there is no section {name!r}, there are {', '.join(SECTIONS)}")
    return asked


def _sizes(text: str) -> tuple[int, ...]:
    """The sizes, the smallest first. Raises ValueError for what is none, which argparse tells."""
    sizes = sorted({int(one) for one in text.split(",")})
    if sizes[0] < 1:
        raise ValueError(text)
    return tuple(sizes)


def _about(asked: argparse.Namespace) -> dict[str, str]:
    options = ["--quick"] * asked.quick + ["--sizes", ",".join(map(str, asked.sizes))] * bool(asked.sizes)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}, {platform.system()} {platform.release()}"
    )
    return {
        "machine": f"{machine}, load {load}",
        "python": platform.python_version(),
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "repeat": " ".join(["make setup && .venv/bin/python -m benchmarks", *options, *asked.sections]),
    }


def _commit() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + (" with local changes" if git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"


if __name__ == "__main__":
    main()
