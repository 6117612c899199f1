"""How many examples a property is asked."""

from __future__ import annotations

import os

MUTATING = "MUTANT_UNDER_TEST" in os.environ
"""Whether mutmut runs the tests, once for each mutant."""
MUTATED_EXAMPLES = 10


def examples(wanted: int) -> int:
    """As many as wanted, or a few under mutmut."""
    return min(wanted, MUTATED_EXAMPLES) if MUTATING else wanted
