"""perceval 1.6, a reader of many trackers for statistics, in a virtual environment of its own: its pins are not ours.

The environment is made where it is missing, under the checkout's `.cache`, from `perceval.txt` with hashes, and kept.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PINS = Path(__file__).with_name("perceval.txt")
HOME = ROOT / ".cache" / "perceval"
INSTALL_SECONDS = 300.0
IMPORTS = "import perceval.perceval, perceval.backends.core.{kind}"


class Missing(Exception):
    """It can't be installed here; the message says why, in a line."""


def ready() -> Path:
    """The environment's `bin`, made if need be. Raises Missing."""
    mark, pins = HOME / "ready", hashlib.sha256(PINS.read_bytes()).hexdigest()
    found = HOME / ("Scripts" if sys.platform == "win32" else "bin")
    if mark.exists() and mark.read_text() == pins:
        return found
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary"]
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(HOME)],
        [str(found / "python"), *install, ":all:", "-r", str(PINS)],
    )
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Missing(f"it was not installed: {type(error).__name__}") from None
        if done.returncode:
            raise Missing(f"it was not installed: {last_line(done.stderr or done.stdout)}")
    mark.write_text(pins)
    return found


def command(binaries: Path, kind: str, url: str, path: str, out: Path, since: str) -> list[str]:
    """Fetch issues into `out`, one as JSON a line. It keeps no archive: less to do than by default."""
    owner, _, name = path.partition("/")
    where = "--enterprise-url" if kind == "github" else "--url"
    options = [where, url, "-t", "bench-perceval", "--no-archive", "--json-line", "-o", str(out)]
    after = ["--from-date", since] if since else []
    return [str(binaries / "perceval"), kind, owner, name, "--category", "issue", *options, *after]


def imports(binaries: Path, kind: str) -> list[str]:
    """Only its imports."""
    return [str(binaries / "python"), "-c", IMPORTS.format(kind=kind)]


def last_line(text: str) -> str:
    """The error that a failed command told last, without addresses but loopback's: a registry's can hold a password."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = next(
        (line for line in reversed(lines) if "error" in line.lower()), lines[-1] if lines else "it said nothing"
    )
    return re.sub(r"\S+://(?!127\.0\.0\.1)\S+", "(address)", told)[:300]
