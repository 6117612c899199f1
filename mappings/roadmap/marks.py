"""Figures and completion marks in a line: "(12% complete)", "*(✅ Completed 2025-01-07)*", status cells, notes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from mappings.roadmap.blocks import Line
from mappings.roadmap.windows import read_date

DONE_GLYPHS = "✅☑✔"
STATUS_GLYPHS = DONE_GLYPHS + "🚧⏳⌛🔄🔜🟢🟡🔴🟠🔵⚪⚫⬜⬛🟩🟨🟥🔲🔳⏸▶🛑❌⚠📋🆕💤"
_DONE = "completed|complete|done|finished|shipped|delivered|released"
_DONE_WORDS = frozenset(_DONE.split("|"))
_SIGN = "%％٪﹪"
_NUMBER = r"\d{1,9}(?:[.,٫]\d{1,9})?"
_ISO = r"\d{4}-\d{1,2}-\d{1,2}(?!\d)"
_FIGURE = re.compile(rf"[(（\[][ ~≈]{{0,3}}({_NUMBER})[ \xa0]?[{_SIGN}][ \xa0]{{0,2}}(\w{{0,30}})[ ]?[)）\]]")
_OPEN_FIGURE = re.compile(rf"[—–:,-][ \xa0]({_NUMBER})[ \xa0]?[{_SIGN}][ \xa0]{{1,2}}(?:{_DONE})\Z", re.I)
_ANY_FIGURE = re.compile(rf"(?<![\w.,])({_NUMBER})[ \xa0]?[{_SIGN}]")
_MARKS_FOLLOW = re.compile(rf"\s{{0,3}}(?:\Z|[*_(（{DONE_GLYPHS}])")
_ON = rf"(?:[ \t:,—–-]{{0,3}}(?:on )?[ \t]{{0,2}}({_ISO}))?"
_GROUP = re.compile(
    rf"[(（\[]\s?(?:[{DONE_GLYPHS}]\ufe0f?\s?(?:(?:{_DONE})\b)?|"
    rf"(?:{_DONE})(?=\s?[)）\]:,—–-]|\s(?:on )?\d|\s?\Z)){_ON}",
    re.I,
)
_OPEN_MARK = re.compile(rf"(?:[—–:|,-][ \t])?[{DONE_GLYPHS}]\ufe0f?[ \t]{{0,2}}((?:{_DONE})\b)?{_ON}", re.I)
_DATED_WORD = re.compile(rf"[—–:-][ \t](?:{_DONE})(?: on)?[ \t:]{{1,2}}({_ISO})\Z", re.I)
_ENDS_MARK = re.compile(r"\s{0,2}(?:\Z|[—–:;,.(-])")
_GENERATED = re.compile(r" \*\(✅ Completed \d{4}-\d\d-\d\d\)\*\Z")
_STATUS_DONE = re.compile(rf"(?:{_DONE})\b(?! (?:by|when|after|once|in|next|before)\b){_ON}", re.I)
_STATUS_OPEN = re.compile(
    r"(?:-|–|—|n/a|tbd|not |to be |in[ -]progress|started|ongoing|active|open|to ?do|planned|planning|pending|"
    r"upcoming|next|later|future|queued|backlog|blocked|on hold|paused|on track|at risk|late|delayed|wip|proposed|"
    r"draft|partial|underway|scheduled|new\b|complete\b|completed\b|done\b)",
    re.I,
)
_NOTE_DATE = re.compile(rf"\W{{0,8}}({_ISO})\W{{1,6}}")
_NOTE_WORD = re.compile(
    rf"(?<![\w-])(not |yet |to be |be |partially |partly |nearly |almost )?(?:{_DONE})(?![\w-]){_ON}", re.I
)

_MOST = 20  # marks looked at on one line; more is no mark but a torrent

Span = tuple[int, int, int]


@dataclass(slots=True)
class Marks:
    """What a line says of its progress. `rest` is the raw text without the marks.

    Spans are (line, first character, character after): of the digits of each figure, and of each completion note in
    exactly the form that Milepost writes, with the space before it. `bad_date` is a date that no calendar has.
    `understood` is false for a status in words that say nothing of done or not done.
    """

    rest: str
    figures: list[tuple[float, Span]] = field(default_factory=list)
    done: bool = False
    on: date | None = None
    generated: list[Span] = field(default_factory=list)
    bad_date: str = ""
    understood: bool = True

    def finished(self, day: str | None) -> None:
        self.done = True
        if day:
            self.on = self.on or read_date(day)
            self.bad_date = self.bad_date or ("" if read_date(day) else day)


def number(digits: str) -> float:
    """A number in any script's digits."""
    return float("".join("." if char in ".,٫" else str(unicodedata.digit(char)) for char in digits))


def take_marks(line: Line) -> Marks:
    """A title, window or cell without its figures and completion marks, and what those say.

    A figure is in brackets: alone at the end ("(12%)"), or with a word for done anywhere. A mark is in brackets and
    begins with a tick or such a word, or is a tick at either end, or a tick or dash before word and date.
    """
    text = line.text
    marks = Marks(text)
    cuts: list[tuple[int, int]] = []
    if any(sign in text for sign in _SIGN):
        for found in [*islice(_FIGURE.finditer(text), _MOST), *_OPEN_FIGURE.finditer(text)]:
            word = found.group(2) if found.re is _FIGURE else "done"
            at_end = not word.isascii() or not word
            if word.casefold() in _DONE_WORDS or (at_end and _MARKS_FOLLOW.match(text, found.end())):
                span = (line.no, line.col + found.start(1), line.col + found.end(1))
                marks.figures.append((number(found.group(1)), span))
                cuts.append(_with_emphasis(text, found.start(), found.end()))
    at = 0
    for found in islice(_GROUP.finditer(text), _MOST):
        if found.start() >= at:
            start, at = _with_emphasis(text, found.start(), _closing(text, found.start()))
            marks.finished(found.group(1))
            cuts.append((start, at))
            before = max(0, start - 1)
            if _GENERATED.match(text[before:at]):
                marks.generated.append((line.no, line.col + before, line.col + at))
    if not marks.done:
        _open_mark(text, marks, cuts)
    marks.rest = _without(text, cuts)
    return marks


def _open_mark(text: str, marks: Marks, cuts: list[tuple[int, int]]) -> None:
    """A mark without brackets."""
    last = len(text.rstrip())
    for start, end in sorted(cuts, reverse=True):
        last = len(text[:start].rstrip()) if end >= last else last
    for found in islice(_OPEN_MARK.finditer(text), _MOST):
        if any(start <= found.start() < end for start, end in cuts):
            continue
        word, day = found.groups()
        if found.end() >= last or ((word or day) and _ENDS_MARK.match(text, found.end())):
            marks.finished(day)
            cuts.append((found.start(), len(text)))
            return
        if found.start() == 0:
            marks.finished(None)
            cuts.append((0, found.start(1) if word else found.end()))
            return
    dated = _DATED_WORD.search(text)
    if dated:
        marks.finished(dated.group(1))
        cuts.append(dated.span())


def _without(text: str, cuts: list[tuple[int, int]]) -> str:
    kept, at = "", 0
    for start, end in sorted(cuts):
        piece = text[at:start].strip() if kept == "" else text[at:start].rstrip()
        kept, at = f"{kept}{piece}" if at == 0 or not piece else f"{kept} {piece.lstrip()}", max(at, end)
    last = text[at:].strip() if cuts else text
    return f"{kept} {last}" if kept and last else kept or last


def _closing(text: str, start: int) -> int:
    """After the bracket that closes the one at `start`, the text's end if none does."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] in "(（[":
            depth += 1
        elif text[at] in ")）]":
            depth -= 1
            if not depth:
                return at + 1
    return len(text)


def _with_emphasis(text: str, start: int, end: int) -> tuple[int, int]:
    while start and end < len(text) and text[start - 1] in "*_" and text[end] == text[start - 1]:
        start, end = start - 1, end + 1
    return start, end


def status(line: Line) -> Marks:
    """A status cell or value, where any percentage is a figure and a word for done at the start is a mark."""
    marks = take_marks(line)
    if not marks.figures:
        found = _ANY_FIGURE.search(line.text)
        if found:
            span = (line.no, line.col + found.start(1), line.col + found.end(1))
            marks.figures.append((number(found.group(1)), span))
    rest = marks.rest.lstrip(STATUS_GLYPHS + "\ufe0f *_:—–-")
    found = _STATUS_DONE.match(rest)
    if found and not marks.done:
        marks.finished(found.group(1))
    marks.understood = bool(marks.done or marks.figures or not rest or _STATUS_OPEN.match(rest))
    return marks


def note_date(text: str) -> tuple[date | None, int]:
    """(the date that a note begins with, where it goes on)."""
    found = _NOTE_DATE.match(text)
    return (read_date(found.group(1)), found.end()) if found else (None, 0)


def note_completes(text: str, day: date | None) -> date | None:
    """The day on which these words, the rest of a note after a key, say it was completed. `day` is the note's own."""
    sentence = re.split(r"[.;]\s", text, maxsplit=1)[0]
    found = _NOTE_WORD.search(sentence)
    if not found or found.group(1):
        return None
    return (read_date(found.group(2)) if found.group(2) else None) or day
