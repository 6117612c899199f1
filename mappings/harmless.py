"""Roadmap words that can't act in a tracker: no quick action, no mention, no forged marker or checklist. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CODE = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
_MENTION = re.compile(r"(?<![A-Za-z0-9_])@(?=[A-Za-z0-9_])[A-Za-z0-9_./@-]*")
_ACTION = re.compile(r"^(\s*)(/[A-Za-z_][^\s`]*)")
_LOOKS_LIKE_BOX = re.compile(r"^(\s*(?:(?:[-*+]|\d{1,9}[.)])\s+|>\s*)+)\[")
_FENCE = re.compile(r"^ {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)$")
_ACTIVE = re.compile(r"`|@|\[|<!--|~~~|/(?<!\S/)")
"""One of these stands in every text that `harmless` must change; most have none and are let through at once."""
_APART = "\u200b"  # a space of no width


def harmless(text: str, *, mentions: bool = False) -> str:
    """Roadmap words that can't act in a tracker, line by line.

    Quick actions at a line's start and (unless `mentions`) @names are wrapped in backticks, or broken open where the
    text's own backticks don't pair; HTML comments and lines that would pass for a checklist are broken open; a code
    fence that is never closed is escaped. Harmless text comes back as it was, and a second pass changes nothing.
    """
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    if not _ACTIVE.search(text):
        return "\n".join(lines)
    code, unclosed = _fences(lines)
    plain = [line for number, line in enumerate(lines) if number not in code]
    paired = not any("\\`" in line or "`" in _CODE.sub("", line) for line in plain)
    return "\n".join(
        _inert(line) if number in code else _harmless_line(line, mentions, paired, number >= unclosed)
        for number, line in enumerate(lines)
    )


def _fences(lines: Sequence[str]) -> tuple[set[int], int]:
    """(numbers of the lines in fences that every tracker takes for code, that of a fence which is never closed)."""
    code: set[int] = set()
    start, fence = 0, ""
    for number, line in enumerate(lines):
        found = _FENCE.match(line)
        if found and not fence:
            start, fence = number, found.group(1)
        elif found and found.group(1).startswith(fence) and not found.group(2).strip():
            if fence == "```" == line and lines[start].startswith(fence):  # GitLab's quick actions know no others
                code.update(range(start, number + 1))
            fence = ""
    return code, start if fence else len(lines)


def _inert(line: str) -> str:
    return _LOOKS_LIKE_BOX.sub(r"\1\\[", line.replace("<!--", f"<{_APART}!--"))


def _harmless_line(line: str, mentions: bool, paired: bool, escape_fences: bool) -> str:
    line = _inert(line)
    if escape_fences and _FENCE.match(line):
        line = re.sub(r"^(\s*)", r"\1\\", line, count=1)
    line = _ACTION.sub(r"\1`\2`", line)
    if mentions:
        return line
    if not paired:
        return _MENTION.sub(lambda name: name.group().replace("@", "@" + _APART), line)
    parts, last = [], 0
    for code in _CODE.finditer(line):
        parts += [_unmentioned(line, last, code.start()), code.group()]
        last = code.end()
    return "".join([*parts, _unmentioned(line, last, len(line))])


def _unmentioned(line: str, start: int, end: int) -> str:
    """A part of a line between code spans, its @names in backticks (unless those would touch others, or be escaped)."""

    def wrap(name: re.Match[str]) -> str:
        touching = line[: name.start()].endswith(("`", "\\")) or line[name.end() : name.end() + 1] == "`"
        return name.group().replace("@", "@" + _APART) if touching else f"`{name.group()}`"

    found, last = [], start
    for name in _MENTION.finditer(line, start, end):
        found += [line[last : name.start()], wrap(name)]
        last = name.end()
    return "".join([*found, line[last:end]])
