"""What every chart has: a heading with its words, an axis of days, rules. Vega-Lite as plain JSON. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.core.shown import cut, shown

Spec = dict[str, Any]
"""A Vega-Lite specification: JSON, as its own language has it."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
"""The name of the language, as Vega-Lite asks for it. Nobody fetches it."""
WIDTH = 720
_TITLE_COLUMNS = 80


def head(title: str, words: str, subtitle: bool = True) -> Spec:
    """The title (cut where it is long) and the description, which also stands beneath the title."""
    heading: Spec = {"text": cut(title, _TITLE_COLUMNS)}
    if subtitle:
        heading["subtitle"] = _wrapped(words, 118)
    return {"$schema": SCHEMA, "title": heading, "description": shown(words)}


def nothing(title: str, why: str) -> Spec:
    """A chart that only says why there is none."""
    return {
        **head(title, why, subtitle=False),
        "width": WIDTH,
        "height": 90,
        "data": {"values": [{}]},
        "mark": {"type": "text", "style": "nothing"},
        "encoding": {
            "text": {"value": why},
            "x": {"value": WIDTH / 2},
            "y": {"value": 40},
        },
    }


def time_axis(first: date, until: date) -> Spec:
    """The axis of days. Monday to Monday would be nicer than it is worth: Vega picks the ticks."""
    return {
        "type": "temporal",
        "scale": {"type": "utc", "domain": [_at(first), _at(until)], "nice": False},
        "axis": {"title": None, "format": "%-d %b", "grid": False, "labelOverlap": "greedy", "tickCount": 8},
    }


def rule(style: str, day: date, label: str, align: str = "center") -> Spec:
    """A line down the chart at `day`, its label above. `align` as of text: left of, right of or over the line."""
    data = {"values": [{"day": day.isoformat()}]}
    x = {"field": "day", "type": "temporal"}
    nudge = {"left": 4, "right": -4, "center": 0}[align]
    return {
        "data": data,
        "encoding": {"x": x},
        "layer": [
            {"mark": {"type": "rule", "style": style, "y": 0, "y2": "height"}, "encoding": {"y": {"value": 0}}},
            {
                "mark": {"type": "text", "style": f"{style}-label", "align": align, "dx": nudge},
                "encoding": {"y": {"value": -8}, "text": {"value": label}},
            },
        ],
    }


def in_words(day: date) -> str:
    """A day as it is written: 24 Nov 2026."""
    return f"{day.day} {day:%b %Y}"


def tip() -> Spec:
    """The tooltip channel: the datum's own line of words."""
    return {"field": "tip", "type": "nominal", "title": " "}


def _wrapped(words: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in words.split():
        if line and len(line) + len(word) >= width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def _at(day: date) -> Spec:
    """A day's midnight in UTC as a scale has it. No number: the page's interpreter can't read one as a time."""
    return {"year": day.year, "month": day.month, "date": day.day, "utc": True}
