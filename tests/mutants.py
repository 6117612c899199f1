"""The mutation score of `app/core` and `mappings`, from what mutmut left in `mutants/`. Run by `make mutants`.

Mutants that mypy refuses are told apart, since mutmut asks them no test: the score is killed / all others. One that no
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
OUTCOMES = {0: "survived", 1: "killed", 3: "killed", 5: "no test", 33: "no test", 37: "mypy"}
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
    """Percent of the mutants that mypy let pass and tests caught."""
    asked = counts.total() - counts["mypy"]
    return 100 * (counts["killed"] + counts["timeout"]) / asked if asked else 100.0


def line(name: str, counts: Counter[str]) -> str:
    figures = "".join(f"{counts[what]:9}" for what in ("killed", "timeout", "survived", "no test", "other", "mypy"))
    return f"{name:30}{score(counts):7.1f} %{figures}"


def main() -> int:
    found = read(ROOT)
    whole = sum(found.values(), Counter[str]())
    caught = whole["killed"] + whole["timeout"] + whole["mypy"]
    out = [f"{'':39}" + "".join(f"{what:>9}" for what in ("killed", "timeout", "survived", "no test", "other", "mypy"))]
    out += [line(name, counts) for name, counts in found.items()]
    out.append(line("all", whole))
    if whole:
        out.append(f"mutation score {score(whole):.1f} %, at least {LEAST:g} % asked")
        out.append(f"with those that mypy refuses: {100 * caught / whole.total():.1f} %")
    sys.stdout.write("\n".join(out) + "\n")
    return 0 if whole and score(whole) >= LEAST else 1


if __name__ == "__main__":
    sys.exit(main())
