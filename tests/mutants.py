"""The mutation score of `app/core` and `mappings`, from what mutmut left in `mutants/`. Run by `make mutants`.

The score is killed / all: mypy, which refuses more than half of the mutants by itself, is not asked. A mutant that no
longer ends in its time is killed; one that no test reaches, or that ended in any other way, is not. Exits 1 where the
score is below LEAST.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

LEAST = 85.0
"""Percent."""
ROOT = Path(__file__).parents[1] / "mutants"
TIMEOUTS = (24, -24, 36, 152, 255)
SHOWN = ("killed", "timeout", "survived", "no test", "other")
OUTCOMES = {0: "survived", 1: "killed", 3: "killed", 5: "no test", 33: "no test"}
OUTCOMES |= dict.fromkeys(TIMEOUTS, "timeout")
"""Exit code -> what became of the mutant, as in mutmut's own table; any other code is "other"."""


def read(folder: Path) -> dict[str, Counter[str]]:
    """Source file -> outcome -> how many of its mutants."""
    found = {}
    for meta in sorted(folder.rglob("*.py.meta")):
        codes = json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"].values()
        found[str(meta.relative_to(folder)).removesuffix(".meta")] = Counter(OUTCOMES.get(c, "other") for c in codes)
    return {name: counts for name, counts in found.items() if counts}


def score(counts: Counter[str]) -> float:
    """Percent of the mutants that the tests caught."""
    return 100 * (counts["killed"] + counts["timeout"]) / counts.total()


def line(name: str, counts: Counter[str]) -> str:
    figures = "".join(f"{counts[what]:10}" for what in SHOWN)
    return f"{name:30}{score(counts):7.1f} %{figures}"


def main() -> int:
    found = read(ROOT)
    whole = sum(found.values(), Counter[str]())
    out = [f"{'':39}" + "".join(f"{what:>10}" for what in SHOWN)]
    out += [line(name, counts) for name, counts in found.items()]
    if whole:
        out.append(line("all", whole))
        out.append(f"mutation score {score(whole):.1f} %, at least {LEAST:g} % asked")
    sys.stdout.write("\n".join(out) + "\n")
    return 0 if whole and score(whole) >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
