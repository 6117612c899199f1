"""A badge for READMEs: a programme's or milestone's percentage and health in a flat SVG of a line's height. Pure.

Our own few lines rather than pybadges or anybadge: no dependency, and the accessible name, the escaping and the cutting
are what everything else of ours does.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from app.core.progress import Health
from app.core.shown import HEALTH_WORDS, columns, cut

_GROUNDS: dict[Health, str] = {  # white on each is at least 4.5 to 1
    "done": "#0068a3",
    "on_track": "#007a59",
    "at_risk": "#8f6200",
    "late": "#b84600",
    "unknown": "#5f6874",
}
_LABEL_GROUND = "#3d4451"
_LABEL_COLUMNS = 40
_COLUMN = 6.6
"""Pixels to a column of Verdana's or DejaVu Sans' 11 px; text is squeezed or spread to it, so it always fits."""


def badge(label: str, percent: float | None, health: Health) -> str:
    """The badge as SVG. `label` is any words; the percentage is shown whole and never rounded up to 100."""
    left = cut(label, _LABEL_COLUMNS) or "progress"
    right = "unknown" if percent is None else f"{int(percent)} %"
    if health not in ("done", "unknown"):
        right += f" {HEALTH_WORDS[health]}"
    first, second = (round(columns(words) * _COLUMN) + 12 for words in (left, right))
    name = f"{left}: {right}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{first + second}" height="20" role="img" '
        f"aria-label={quoteattr(name)}><title>{escape(name)}</title>"
        f'<path fill="{_LABEL_GROUND}" d="M3 0H{first}V20H3A3 3 0 0 1 0 17V3A3 3 0 0 1 3 0Z"/>'
        f'<path fill="{_GROUNDS[health]}" d="M{first} 0h{second - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1 -3 3h-{second - 3}Z"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle">'
        f"{_text(left, first / 2, first - 12)}{_text(right, first + second / 2, second - 12)}</g></svg>\n"
    )


def _text(words: str, middle: float, length: int) -> str:
    return f'<text x="{middle:g}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
