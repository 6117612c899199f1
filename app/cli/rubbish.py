"""When a command's process looks for rubbish among its objects.

Loading makes a few hundred thousand objects that stay. Looking through them for cycles again and again, as Python does
by itself, takes a sixth of what a short command takes, and finds nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SELDOM: Final = 100_000
"""Objects made before a look."""
USUAL: Final = gc.get_threshold()


@contextmanager
def seldom_sought() -> Iterator[None]:
    """For a process that is soon over."""
    gc.set_threshold(SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*USUAL)


def sought() -> None:
    """For a process that stays: as often as Python does, but not among what was loaded until now."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*USUAL)
