"""What a read of a tracker costs: its requests counted by the box, its seconds and memory by `weighed.py`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import perceval
from benchmarks.boxes import Box

ROOT = Path(__file__).parents[1]
STUCK = 600.0
"""Seconds after which any reader is ended."""
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Cost:
    """What one read cost, `peak` in MiB. `issues` is how many it told."""

    requests: int
    not_modified: int
    seconds: float
    cpu: float
    peak: float
    issues: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A read that gave nothing to compare, and why, in a line."""

    why: str


Costs = dict[str, Cost | Failed]
"""By the name of the reader, Milepost first."""


@dataclass(slots=True)
class Reader:
    """One way of reading. `ask` gives the command for (url, path, since), `told` how many issues its last run told."""

    name: str
    ask: Callable[[str, str, str], list[str]]
    told: Callable[[], int]
    imports: list[str]
    folder: Path
    output: str = ""

    def run(self, box: Box, path: str, since: str) -> Cost | Failed:
        """One read, in a process of its own."""
        return self._run(self.ask(box.url, path, since), box, self.told)

    def only_import(self, box: Box) -> Cost | Failed:
        """The process before it has read anything."""
        return self._run(self.imports, box, lambda: 0)

    def _run(self, command: list[str], box: Box, told: Callable[[], int]) -> Cost | Failed:
        weighed = self.folder / "weighed.json"
        start = [sys.executable, "-I", "-S", str(Path(__file__).with_name("weighed.py")), str(weighed), *command]
        environment = {**os.environ, "NO_PROXY": "127.0.0.1", "HOME": str(self.folder), "PYTHONPATH": str(ROOT)}
        box.clear()
        with subprocess.Popen(
            start, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
        ) as process:
            try:
                self.output, errors = process.communicate(timeout=STUCK)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return Failed(f"it was ended after {STUCK:.0f} s")
        if process.returncode:
            return Failed(f"it failed: {perceval.last_line(errors)}")
        counts, used = box.counts(), json.loads(weighed.read_text())
        try:
            issues = told()
        except (OSError, ValueError):
            return Failed(f"it gave nothing that can be read: {perceval.last_line(errors)}")
        return Cost(counts.total, counts.not_modified, used["seconds"], used["cpu"], used["peak"] / MIB, issues)


def own(name: str, script: str, kind: str, folder: Path) -> Reader:
    """A reader of `readers.py`. It goes on from its own file, whatever `since` says."""

    def ask(url: str, path: str, _: str) -> list[str]:
        file = folder / f"{script}{path.replace('/', '-')}.state"
        return [sys.executable, "-m", "benchmarks.readers", script, kind, url, path, str(file)]

    reader = Reader(name, ask, lambda: int(reader.output), ask("-", "-", ""), folder)
    return reader


def with_perceval(binaries: Path, kind: str, folder: Path) -> Reader:
    """perceval's command. It keeps no state: `since` is its `--from-date`."""
    out = folder / "perceval.json"

    def ask(url: str, path: str, since: str) -> list[str]:
        return perceval.command(binaries, kind, url, path, out, since)

    def told() -> int:
        with out.open(encoding="utf-8") as lines:
            return sum(1 for _ in lines)

    return Reader("perceval", ask, told, perceval.imports(binaries, kind), folder)
