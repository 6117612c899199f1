"""What charts look like, light and dark: colours, fonts and marks as Vega-Lite configuration.

A spec names styles ("scope", "done") and never a colour, so that one spec serves both themes and the page can change
its theme without asking for another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from app.core.progress import Health

Theme = Literal["light", "dark"]

HEALTHS: tuple[Health, ...] = ("done", "on_track", "at_risk", "late", "unknown")
"""In the order of every scale of health: colours, shapes."""

SHAPES: dict[Health, str] = {  # outlines in a square of -1 to 1, in the order of HEALTHS
    "done": "M-1,0.05L-0.62,-0.36L-0.3,-0.04L0.62,-0.85L1,-0.42L-0.3,0.8Z",
    "on_track": "M-0.62,-0.9L0.95,0L-0.62,0.9Z",
    "at_risk": "M0,-0.95L1,0.8L-1,0.8Z",
    "late": "M-0.8,-0.8H0.8V0.8H-0.8Z",
    "unknown": "M-0.9,-0.22H0.9V0.22H-0.9Z",
}

FONT = "Liberation Sans, Arial, Helvetica, sans-serif"
"""vl-convert carries the first, and the next two have its widths, so that a line is as wide everywhere."""


@dataclass(frozen=True, slots=True)
class _Paint:
    ground: str
    ink: str
    quiet: str
    line: str
    track: str
    scope: str
    done: str
    today: str
    health: tuple[str, ...]
    severity: tuple[str, ...]


# Okabe and Ito's colours for every kind of sight, lightened for a dark ground. A shape and a word stand beside each.
_PAINTS: dict[Theme, _Paint] = {
    "light": _Paint(
        ground="#ffffff",
        ink="#1b2430",
        quiet="#586273",
        line="#e3e7ed",
        track="#e1e6ee",
        scope="#586273",
        done="#0072b2",
        today="#c0392b",
        health=("#0072b2", "#009e73", "#e69f00", "#d55e00", "#8a93a1"),
        severity=("#b33a00", "#e69f00", "#56b4e9", "#b9c1cc"),
    ),
    "dark": _Paint(
        ground="#12171f",
        ink="#e8ecf2",
        quiet="#a3adbb",
        line="#29313d",
        track="#323c4a",
        scope="#a3adbb",
        done="#4db2ec",
        today="#ff7b6b",
        health=("#4db2ec", "#2cc295", "#f2b632", "#ff7f3f", "#8d97a6"),
        severity=("#ff7f3f", "#f2b632", "#56b4e9", "#5d6878"),
    ),
}


def ground(theme: Theme) -> str:
    """The colour behind a chart."""
    return _PAINTS[theme].ground


def config(theme: Theme) -> dict[str, Any]:
    """The Vega-Lite `config` of a theme, for a spec of `app.charts.spec`."""
    paint = _PAINTS[theme]
    return {
        "font": FONT,
        "background": paint.ground,
        "padding": 14,
        "view": {"stroke": None},
        "title": {
            "anchor": "start",
            "frame": "bounds",
            "fontSize": 16,
            "fontWeight": "bold",
            "color": paint.ink,
            "subtitleColor": paint.quiet,
            "subtitleFontSize": 12,
            "subtitlePadding": 6,
            "offset": 22,
        },
        "axis": {
            "labelColor": paint.quiet,
            "labelFontSize": 11,
            "titleColor": paint.quiet,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "gridColor": paint.line,
            "domainColor": paint.line,
            "tickColor": paint.line,
        },
        "legend": {
            "labelColor": paint.ink,
            "labelFontSize": 12,
            "titleColor": paint.quiet,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "symbolStrokeWidth": 0,
        },
        "range": {"category": list(paint.health), "ordinal": list(paint.severity)},
        "style": _styles(paint),
    }


def _styles(paint: _Paint) -> dict[str, dict[str, Any]]:
    return {
        "scope": {"color": paint.scope, "strokeWidth": 2},
        "scope-label": {"color": paint.quiet, "fontSize": 12, "fontWeight": "bold"},
        "done": {"color": paint.done, "strokeWidth": 2.5},
        "done-area": {"color": paint.done, "fillOpacity": 0.14},
        "scope-ahead": {"color": paint.scope, "strokeWidth": 1, "strokeDash": [1, 3]},
        "done-dot": {"color": paint.done, "opacity": 1},
        "done-label": {"color": paint.done, "fontSize": 12, "fontWeight": "bold"},
        "band": {"color": paint.done, "fillOpacity": 0.16},
        "middle": {"color": paint.done, "strokeWidth": 1.5, "strokeDash": [5, 4]},
        "band-label": {"color": paint.quiet, "fontSize": 11},
        "end": {"color": paint.done, "strokeWidth": 2, "opacity": 1},
        "today": {"color": paint.today, "strokeWidth": 1.25},
        "today-label": {"color": paint.today, "fontSize": 11, "fontWeight": "bold"},
        "window-end": {"color": paint.quiet, "strokeWidth": 1.25, "strokeDash": [2, 3]},
        "window-end-label": {"color": paint.quiet, "fontSize": 11},
        "track": {"color": paint.track},
        "baseline": {"color": paint.quiet, "strokeWidth": 1.5, "opacity": 1},
        "whisker": {"color": paint.ink, "strokeWidth": 1.5},
        "lane": {"color": paint.line, "strokeWidth": 1},
        "lane-title": {"color": paint.ink, "fontSize": 12},
        "lane-state": {"color": paint.ink, "fontSize": 12},
        "undated": {"color": paint.quiet, "fontSize": 11, "fontStyle": "italic"},
        "nothing": {"color": paint.quiet, "fontSize": 14},
    }
