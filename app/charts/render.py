"""Specs as SVG and PNG, and the script that draws the same specs on the page.

vl-convert draws, in a process of its own (`worker.py`) that starts with the first chart and leaves when nobody asks it,
so that the service keeps its memory. One lock: charts are drawn one after another, from any thread.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from app.charts.spec import Spec
from app.charts.theme import Theme, config
from app.core.errors import MilepostError

IDLE_SECONDS = 120.0
"""How long the drawing process stays without being asked anything."""
PATIENCE = 60.0
"""Seconds after which a chart is given up and the process that draws it is ended."""
_KEPT_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TMPDIR", "XDG_CACHE_HOME")

_SNIPPET = """
const themes = %s;
const refuse = () => Promise.reject(new Error("charts load nothing"));
window.milepostCharts = {
  draw: (element, spec, theme) => vegaEmbed(element, spec, {
    ast: true, actions: false, renderer: "svg", defaultStyle: false, config: themes[theme], logLevel: 1,
    tooltip: {theme: theme, disableDefaultStyle: true},
    loader: {load: refuse, sanitize: refuse, http: refuse, file: refuse},
  }),
};
"""


class ChartNotDrawn(MilepostError):
    """The drawing process failed or took too long; the figures themselves are unharmed."""

    type: ClassVar[str] = "chart-not-drawn"
    status: ClassVar[int] = 500


class _Gone(Exception):
    """The drawing process ended before it answered."""


class _Drawer:
    """The drawing process: started when needed, one request at a time, started again where it has gone."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS, patience: float = PATIENCE) -> None:
        self._idle, self._patience = idle_seconds, patience
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while one runs."""
        running = self._process
        return running.pid if running is not None and running.poll() is None else None

    def ask(self, request: Mapping[str, Any]) -> bytes:
        """What the process draws. Raises ChartNotDrawn. A process that has gone is started again, once."""
        line = json.dumps(request).encode() + b"\n"
        with self._lock:
            try:
                return self._once(line)
            except _Gone:
                self._end()
            try:
                return self._once(line)
            except _Gone:
                self._end()
                raise ChartNotDrawn(
                    "the process that draws charts ended unexpectedly", "see its output above"
                ) from None

    def close(self) -> None:
        """End the process, if one runs. The next request starts another."""
        with self._lock:
            self._end()

    def _once(self, line: bytes) -> bytes:
        if self.pid is None:
            self._end()
            self._start()
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise _Gone
        deadline = time.monotonic() + self._patience
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except OSError:
            raise _Gone from None
        head, rest = self._head(process.stdout.fileno(), deadline)
        if not head["ok"]:
            raise ChartNotDrawn(f"the chart couldn't be drawn: {head['error']}")
        while len(rest) < head["size"]:
            rest += self._more(process.stdout.fileno(), deadline)
        return rest

    def _head(self, pipe: int, deadline: float) -> tuple[dict[str, Any], bytes]:
        read = b""
        while b"\n" not in read:
            read += self._more(pipe, deadline)
        head, _, rest = read.partition(b"\n")
        return json.loads(head), rest

    def _more(self, pipe: int, deadline: float) -> bytes:
        if not select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
            self._end()
            raise ChartNotDrawn(
                f"the chart wasn't drawn within {self._patience:g} s", "try again; the machine may be busy"
            )
        part = os.read(pipe, 1 << 20)
        if not part:
            raise _Gone
        return part

    def _start(self) -> None:
        worker = Path(__file__).with_name("worker.py")
        # -P: its folder must not hide the standard library. No secret of the service's environment is handed on.
        self._process = subprocess.Popen(  # noqa: S603  # our own file, by its path
            [sys.executable, "-P", str(worker), str(self._idle)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
        )
        threading.Thread(target=self._process.wait, daemon=True, name="charts-reaper").start()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


_drawer = _Drawer()
atexit.register(_drawer.close)


def svg(spec: Spec, theme: Theme = "light") -> str:
    """The chart as an SVG document that stands alone: no script, nothing fetched, its meaning in <title> and <desc>.

    The figures' words are the spec's own `description`. Raises ChartNotDrawn.
    """
    return _svg(json.dumps(spec), theme)


def png(spec: Spec, theme: Theme = "light", scale: float = 2.0) -> bytes:
    """The chart as a PNG, `scale` pixels to each unit of the SVG. Raises ChartNotDrawn."""
    return _png(json.dumps(spec), theme, scale)


@cache
def script() -> str:
    """The page's JavaScript: Vega, Vega-Lite, Vega-Embed and `milepostCharts.draw(element, spec, theme)`.

    Needs no `unsafe-eval` (expressions are interpreted), no `unsafe-inline` and no network. Made on first use, which
    takes seconds, and kept. Raises ChartNotDrawn.
    """
    themes = json.dumps({"light": config("light"), "dark": config("dark")})
    return _drawer.ask({"kind": "script", "snippet": _SNIPPET % themes}).decode()


def close() -> None:
    """End the drawing process. It starts again by itself."""
    _drawer.close()


@lru_cache(maxsize=32)
def _svg(spec: str, theme: Theme) -> str:
    read = json.loads(spec)
    drawn = _drawer.ask({"kind": "svg", "spec": read, "config": _silent(theme)}).decode()
    return _accessible(drawn, read["title"]["text"], read["description"])


@lru_cache(maxsize=8)
def _png(spec: str, theme: Theme, scale: float) -> bytes:
    return _drawer.ask({"kind": "png", "spec": json.loads(spec), "config": _silent(theme), "scale": scale})


def _silent(theme: Theme) -> dict[str, Any]:
    """The theme without a word on every mark: the picture is described as a whole, and is a fifth of the size."""
    return config(theme) | {"aria": False}


def _accessible(drawn: str, title: str, description: str) -> str:
    """The SVG named and described as one picture; its parts are then silent for a screen reader."""
    name = "c" + hashlib.sha256(drawn.encode()).hexdigest()[:12]  # several may stand in one document
    head = re.match(r"<svg\b([^>]*)>", drawn)
    if head is None:
        raise ChartNotDrawn("what was drawn is no SVG")
    return (
        f'<svg role="img" aria-labelledby="{name}-title {name}-desc"{head.group(1)}>'
        f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
        f"{drawn[head.end() :]}"
    )
