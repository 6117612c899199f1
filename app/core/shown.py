"""Words that people wrote, made fit to be shown on one line. Pure.

Markup is the renderer's to escape; this is about what no escaping reaches: characters that XML forbids, and those that
turn the direction of the text around them.
"""

from __future__ import annotations

import re
import unicodedata

from app.core.progress import Health

HEALTH_WORDS: dict[Health, str] = {
    "done": "done",
    "on_track": "on track",
    "at_risk": "at risk",
    "late": "late",
    "unknown": "unknown",
}
"""How a health is written for people."""

_GAPS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNFIT = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Lone surrogates and non-characters: no UTF-8, or forbidden by XML 1.0."""
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks, embeddings, overrides and isolates of direction: invisible, and they would reorder what stands beside."""


def shown(text: str) -> str:
    """`text` on one line, without control, direction and non-characters. Everything that can be seen is kept."""
    return _GAPS.sub(" ", _UNFIT.sub("\ufffd", _TURNING.sub("", text))).strip()


def columns(text: str) -> int:
    """How wide `text` is in columns of a Latin letter: wide characters take two, combining ones none."""
    return sum(_width(character) for character in text)


def cut(text: str, most: int) -> str:
    """`shown(text)` in at most `most` columns (at least 1), ending with an ellipsis where it was cut."""
    line = shown(text)
    if columns(line) <= most:
        return line
    kept, room = 0, most - 1
    for character in line:
        room -= _width(character)
        if room < 0:
            break
        kept += 1
    return line[:kept].rstrip() + "…"


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
