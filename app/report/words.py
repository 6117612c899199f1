"""Figures and people's words as text: what every renderer says alike, and Markdown's own escaping. Pure."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import quote, urlsplit

from app.core.shown import shown

_APART = "\u200b"  # a space of no width
_MARKUP = re.compile(r"[\\`*_\[\]|~$]")
_BLOCK = re.compile(r"^([-+=#]|\d+(?=[.)](?:\s|$)))")
"""What begins a list or a heading at the start of a line, after which a bullet may stand already."""
_ACTS = re.compile(r"[@#!%&~$^](?=\w)|:(?=[\w+-]+:)")
"""What names people, issues, requests, milestones, labels, snippets or epics on a tracker, and emoji codes."""
_LINKS = re.compile(r"(?i)(https?|ftp|mailto|xmpp|ssh)(?=:)|\bwww(?=\.)")
_HASH = re.compile(r"\b([0-9a-f]{3})(?=[0-9a-f]{4,37}\b)", re.IGNORECASE)


def markdown(text: str) -> str:
    """`text` in one line of Markdown that shows it and does nothing: no markup, HTML, mention, reference or link.

    `mappings.harmless` leaves markup alone, as a roadmap's words are Markdown; a report's titles are text, so
    everything is escaped here. What a tracker links by itself is parted by a space of no width, as escaping doesn't
    stop it.
    """
    line = _LINKS.sub(lambda found: found.group() + _APART, shown(text))
    line = _HASH.sub(lambda found: found.group() + _APART, line)
    line = _ACTS.sub(lambda found: found.group() + _APART, line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _MARKUP.sub(r"\\\g<0>", line)
    return _BLOCK.sub(lambda found: _escaped_start(found.group()), line)


def _escaped_start(found: str) -> str:
    """A number is escaped after its digits ("1\\."), a sign before itself."""
    return f"{found}\\" if found[0].isdigit() else f"\\{found}"


def link(url: str | None) -> str | None:
    """`url` if a report may link to it: http or https with a host, and nothing in it that ends a link's own syntax."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return quote(url, safe="/:?#[]@!$&*+,;=%~-._")


def percent(value: float | None) -> str:
    """A percentage as written; "unknown" for None, which is never 0."""
    return "unknown" if value is None else f"{value:g} %"


def day(value: date) -> str:
    """A day as written: 24 Nov 2026."""
    return f"{value.day} {value:%b %Y}"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun."""
    return f"{number} {one if number == 1 else many or one + 's'}"
