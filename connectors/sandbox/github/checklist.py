"""Bodies as people see them: lines to show, and boxes to tick. Pure text in, text out."""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|$)")
BOX = re.compile(r"(\s*(?:>\s*)*(?:[-*+]|\d{1,9}[.)])\s+\[)([ xX])\]\s+(?=\S)")
ITEM = re.compile(r"\s*[-*+]\s+")
HEADING = re.compile(r"#{1,6}\s+")
FENCE = re.compile(r"\s{0,3}(```+|~~~+)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line to show. `kind`: box, item, heading, code or text; `mark` is where a box's mark is in the body."""

    kind: str
    text: str
    mark: int = 0
    ticked: bool = False
    box: int = 0


def read(body: str) -> list[Line]:
    """The lines of a body without its HTML comments. Boxes in code or comments are not boxes."""
    lines: list[Line] = []
    boxes, fence, hidden = 0, "", False
    for match in LINE.finditer(body):
        text = match[1]
        shown, hidden = _uncommented(text, hidden) if not fence else (text, False)
        fenced = FENCE.match(shown)
        if fenced and (not fence or fenced[1].startswith(fence)):
            fence = "" if fence else fenced[1]
        elif fence:
            lines.append(Line("code", shown))
        elif found := BOX.match(text) if shown == text else None:
            mark = match.start() + found.end(1)
            lines.append(Line("box", text[found.end() :], mark, found[2] != " ", boxes))
            boxes += 1
        elif shown.strip():
            heading, item = HEADING.match(shown), ITEM.match(shown)
            kind = "heading" if heading else "item" if item else "text"
            lead = heading or item
            lines.append(Line(kind, shown[lead.end() :] if lead else shown))
    return lines


def _uncommented(text: str, hidden: bool) -> tuple[str, bool]:
    """The line without comments, and whether one is still open at its end."""
    if hidden:
        _, closed, text = text.partition("-->")
        if not closed:
            return "", True
    text = re.sub(r"<!--.*?-->", "", text)
    before, opened, _ = text.partition("<!--")
    return (before, True) if opened else (text, False)


def tick(body: str, box: int) -> str:
    """The body with that box turned over, every other character as it was: line ends too, as GitHub's own tick does.
    A box that is not there changes nothing.
    """
    for line in read(body):
        if line.kind == "box" and line.box == box:
            return f"{body[: line.mark]}{' ' if line.ticked else 'x'}{body[line.mark + 1 :]}"
    return body


def as_editor_saves(text: str) -> str:
    """With `\\r\\n` at every line's end, as a browser's form sends it and GitHub's editor saves it."""
    return re.sub(r"\r\n|\r|\n", "\r\n", text)
