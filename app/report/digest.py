"""The report in little, of a size that a message can have: as values, and as plain lines. Pure."""

from __future__ import annotations

from typing import Any

from app.core.shown import cut
from app.report import telling
from app.report.model import Report
from app.report.render import document, markdown

ITEMS = 20
"""Of each list so many stand in a digest; `left_out` tells how many more there are."""
LINES = 5
"""The same for each section of the plain lines."""
WORDS = 200
"""Columns of a title or a reason."""
SAID = 600
"""Columns of the summary."""
MARKDOWN = 20_000
"""Characters of the Markdown."""
NAMES = ("today", "since", "moved", "newly_done", "newly_late", "finished", "slips", "risks", "next")
FIGURES = ("title", "percent", "done", "total", "excluded", "source", "health", "why", "slip_days", "outlook", "before")


def digest(report: Report) -> dict[str, Any]:
    """The report's JSON document without what is as long as the roadmap: the same names, lists and words cut short.

    `headline` is the summary in words; `left_out` counts, by name, what was left out of a list.
    """
    whole = document(report)
    kept: dict[str, Any] = {"headline": headline(report)}
    kept["whole"] = _short({name: whole["whole"][name] for name in FIGURES})
    kept |= {name: _short(whole[name]) for name in NAMES}
    lists = {name: len(whole[name]) for name in NAMES if isinstance(whole[name], list)}
    kept["left_out"] = {name: count - ITEMS for name, count in lists.items() if count > ITEMS}
    return kept


def headline(report: Report) -> str:
    """How the programme stands, on one line."""
    return cut(" ".join(telling.summary(report)), SAID)


def plain(report: Report, most: int) -> str:
    """The report as plain lines of at most `most` characters, cut between two lines. Words are raw: whoever sends it
    makes them harmless for where it goes.
    """
    lines = [cut(telling.heading(report), WORDS), headline(report)]
    for section in telling.sections(report):
        if section.lines:
            lines.append(f"{section.heading}:")
            lines += [f"• {cut(_line(line), WORDS)}" for line in section.lines[:LINES]]
        if len(section.lines) > LINES:
            lines.append(f"• and {len(section.lines) - LINES} more")
    return _cut("\n".join(lines), most, "\n…")


def short_markdown(report: Report) -> str:
    """The report as Markdown, of `MARKDOWN` characters at most, cut between two lines."""
    note = f"\n\n*The rest is left out here; `milepost report {report.slug}` has all of it.*\n"
    return _cut(markdown(report), MARKDOWN, note)


def _line(line: telling.Line) -> str:
    name = " ".join(part for part in (line.key, line.title) if part)
    return ": ".join(part for part in (line.label, name, line.words) if part)


def _cut(text: str, most: int, ending: str) -> str:
    if len(text) <= most:
        return text
    kept = text[: most - len(ending)]
    return kept[: kept.rfind("\n")] + ending if "\n" in kept else kept + ending


def _short(value: Any) -> Any:
    """The same with lists of `ITEMS` at most and words of `WORDS` columns."""
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_short(each) for each in value[:ITEMS]]
    return cut(value, WORDS) if isinstance(value, str) else value
