"""The grammar inside a line: keys, labels, boxes, figures, completion marks, lists of dependencies.

Everything works on the raw text of a line, so that a match is a place in the source; `plain` turns what is left into
words. Patterns are linear: bounded repeats, no nesting.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from mappings.roadmap.blocks import Line
from mappings.roadmap.marks import DONE_GLYPHS, STATUS_GLYPHS, take_marks
from mappings.roadmap.windows import NOTHING

_L = "A-Za-zＡ-Ｚａ-ｚ"
_NUMBERS = r"\d{1,6}(?:\.\d{1,6}){0,3}"
_END = r"(?![\w])"
_MILESTONE_KEY = rf"(?:[{_L}]{{1,6}}-?)?{_NUMBERS}[{_L}]?{_END}"
_TASK_KEY = rf"(?:[{_L}]{{1,4}}\d{{1,6}}[-/])?(?:[{_L}]{{1,4}}-?)?{_NUMBERS}[{_L}]?{_END}"
_WORDED_MILESTONE = re.compile(rf"(?i:milestone)[ \t\xa0]{{1,3}}({_MILESTONE_KEY})")
_BARE_MILESTONE = re.compile(rf"([A-ZＡ-Ｚ]{{0,3}}[MＭ][A-ZＡ-Ｚ]?{_NUMBERS}{_END})")
_COLUMN_MILESTONE = re.compile(rf"([A-ZＡ-Ｚ]{{1,6}}-?{_NUMBERS}{_END})")
_WORDED_TASK = re.compile(rf"(?i:task)[ \t\xa0]{{1,3}}({_TASK_KEY})")
_BARE_TASK = re.compile(rf"({_TASK_KEY})")
_ANY_KEY = re.compile(rf"(?:(?i:milestone|task)[ \t\xa0]{{1,3}})?({_TASK_KEY})")
_KEY_ALONE = re.compile(rf"(?:(?i:milestone|task)[ \t\xa0]{{1,3}})?({_TASK_KEY})\Z")
_LEAD = re.compile(r"\W{1,8}")
_SEPARATOR = re.compile(r"[ \t\xa0]{0,3}(?:[—–:：]|-(?=[ \t]|$)|(?<=[ \t])-)[ \t\xa0]{0,3}")
_LINK = re.compile(r"\[([^\[\]]{1,300})\]\([^()\s]{0,500}\)")
_STATUS = re.compile(rf"(?:[{STATUS_GLYPHS}]\ufe0f?\s{{0,3}}){{1,6}}")
_SYMBOLS = re.compile(r"(?:[^\w\s!-/:-@\[-`{-~—–：]\s?){1,8}")
_BOX = re.compile(r"\[([^\w\s^\]\[]|[ xX])\](?=\s|$)")
_TICKED = frozenset("xX✓" + DONE_GLYPHS)
_ESCAPE = re.compile(rf"\\([{re.escape(string.punctuation)}])|&#(\d{{1,7}});")
_TICKS = re.compile(r"`+")
_STARS = re.compile(r"\\.|\*\*|__")

_WAITS = re.compile(r"[(（]\s?depends on:?\s([^()]{1,500})[)）]", re.IGNORECASE)
_LABELS = {
    "window": "target window,window,target,target date,target dates,timeline,timeframe,dates,date,due,due date,"
    "schedule,weeks,week,when",
    "objective": "objective,objectives,goal,goals,purpose",
    "description": "description,summary,details",
    "tasks": "tasks,task list",
    "steps": "steps,checklist,subtasks,sub-tasks",
    "dependencies": "dependencies,dependency,depends on,depends,blocked by,prerequisites,requires",
    "owner": "owner,owners,lead,dri,responsible",
    "status": "status,state,progress,completion,% complete,%,complete",
    "completed": "completed,completed on,shipped,done",
    "notes": "notes,note",
}
LABELS = {name: role for role, names in _LABELS.items() for name in names.split(",")}
COLUMNS = LABELS | {"milestone": "key", "milestones": "key", "id": "key", "key": "key", "#": "key", "task": "key"}
COLUMNS |= {"title": "title", "name": "title", "objective": "objective", "goal": "objective", "scope": "objective"}
PROSE_SECTIONS = frozenset(
    ("notes", "note", "legend", "changelog", "change log", "history", "updates", "references", "contents")
) | {"table of contents"}
_LABEL = re.compile(
    r"(\*\*|__)(?=[^\W\d_])([^*_:：`\\]{1,40})(?:[:：][ \t]{0,2}\1[ \t]{0,4}|\1[ \t]{0,2}[:：][ \t]{0,4})|"
    r"(?=[^\W\d_])([^*_:：`\\]{1,30})[:：](?:[ \t]{1,4}|\Z)"
)
_NO_DEPENDENCY = NOTHING | {"na", "nil", "nothing", "no"}
_ALL_BEFORE = re.compile(
    r"all(?: (?:previous|prior|above|earlier|preceding))?(?: (?:milestones|tasks))?\Z", re.IGNORECASE
)
_PIECES = re.compile(
    r"\\.|&#\d{1,7};|<br\s{0,2}/?>|[(（\[]|[)）\]]|`|[,;，；、]|[^\\&<(（\[)）\]`,;，；、]+|.", re.DOTALL
)
_RANGE = re.compile(r"\s{0,2}(?:[-–—]|to|through)\s{0,2}")


def key_of(text: str) -> str:
    """A key in its one form: capital letters and ASCII digits."""
    folded = unicodedata.normalize("NFKC", text).upper()
    return "".join(str(unicodedata.digit(char)) if char.isdecimal() else char for char in folded)


def plain(text: str, *, cell: bool = False) -> str:
    """Raw text as words: backslash escapes and numeric references resolved, other markup as written.

    Code spans are left alone, but for a table's own `\\|`.
    """
    if cell:
        text = text.replace("\\|", "|")
    if "\\" not in text and "&#" not in text:
        return text
    parts, last = [], 0
    for start, end in _code_spans(text):
        parts += [_ESCAPE.sub(_resolve, text[last:start]), text[start:end]]
        last = end
    return "".join([*parts, _ESCAPE.sub(_resolve, text[last:])])


def _resolve(found: re.Match[str]) -> str:
    if found.group(1):
        return found.group(1)
    point = int(found.group(2))
    return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else found.group()


def _code_spans(text: str) -> Iterator[tuple[int, int]]:
    runs = [run.span() for run in _TICKS.finditer(text) if not _escaped(text, run.start())]
    waiting: dict[int, list[int]] = {}
    for start, end in reversed(runs):
        waiting.setdefault(end - start, []).append(start)
    at = 0
    for start, end in runs:
        same = waiting[end - start]
        while same and same[-1] <= max(start, at - 1):
            same.pop()
        if start >= at and same:
            at = same[-1] + end - start
            yield start, at


def _escaped(text: str, at: int) -> bool:
    before = at
    while before and text[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1


def joined(lines: list[Line], between: str = " ") -> str:
    """Wrapped lines as words."""
    return plain(between.join(line.text for line in lines), cell=any(line.cell for line in lines))


@dataclass(slots=True)
class Head:
    """The first words of a milestone or task: its key, the lines of its title, and what follows a bold title.

    `box` is the character of a task box, "" without one; `done` that a glyph says so. `end` is the last line's words,
    where a note can be appended.
    """

    key: str
    line: int
    end: Line
    title: list[Line]
    extra: list[Line] = field(default_factory=list)
    box: str = ""
    done: bool = False

    @property
    def ticked(self) -> bool:
        return is_ticked(self.box)


def leading(line: Line, *, symbols: bool = False) -> tuple[Line, str, bool]:
    """(the line without its box and status glyphs, the box's character or "", whether a glyph says done).

    With `symbols` any symbols go, as before a key.
    """
    box, done = "", False
    for _ in range(4):
        found = None if box else _BOX.match(line.text)
        if found:
            box = found.group(1)
        else:
            found = (_SYMBOLS if symbols else _STATUS).match(line.text)
            if not found:
                break
            done = done or any(glyph in found.group() for glyph in DONE_GLYPHS)
        line = line.part(found.end())
    return line, box, done


def bold(lines: list[Line]) -> tuple[list[Line], list[Line]] | None:
    """(what the leading bold part holds, what follows it), None where the text does not begin in bold."""
    mark = lines[0].text[:2]
    if mark not in ("**", "__") or len(lines[0].text) < 3:
        return None
    for i, line in enumerate(lines[:8]):
        for stars in _STARS.finditer(line.text, 0 if i else 2):
            if stars.group() == mark:
                inner = [*lines[:i], line.part(0, stars.start())]
                inner[0] = inner[0].part(2)
                rest = [line.part(stars.end()), *lines[i + 1 :]]
                return [each for each in inner if each.text] or [line.part(0, 0)], [each for each in rest if each.text]
    return [lines[0].part(2), *lines[1:]], []


def milestone_head(lines: list[Line], *, column: bool = False) -> Head | None:
    """The milestone that a heading (or in a `column` of milestones, a cell) begins with, None if it is not one.

    "Milestone M1 — Title", "M1: Title", "Milestone 0 – Title" (its key is M0). A key without the word needs an M in
    it and a separator after it; in a column neither.
    """

    def keyed(text: str, marked: bool) -> tuple[str, int] | None:
        found = _WORDED_MILESTONE.match(text)
        if found:
            end = _after_key(text, found.end())
            bare_number = found.group(1)[0].isdecimal()
            if end is None or (bare_number and not _separated(text, found.end())):
                return None
            return ("M" if bare_number else "") + found.group(1), end
        found = (_COLUMN_MILESTONE if column else _BARE_MILESTONE).match(text)
        end = _after_key(text, found.end()) if found else None
        if not found or end is None or not (column or _separated(text, found.end())):
            return None
        return found.group(1), end

    return _head(lines, keyed)


def task_head(lines: list[Line], *, heading: bool = False) -> Head | None:
    """The task that an item (or a `heading`) begins with: "**Task 1A — Title**", "**Task 1.1**: Title", "**1A: …**".

    A key without the word counts in bold or in a heading, with a separator, and unless it is a milestone's or a plain
    number.
    """

    def keyed(text: str, marked: bool) -> tuple[str, int] | None:
        found = _WORDED_TASK.match(text)
        if not found:
            found = _BARE_TASK.match(text) if marked or heading else None
            if not found or found.group(1).isdecimal() or _BARE_MILESTONE.match(text):
                return None
            if not _separated(text, found.end()):
                return None
        end = _after_key(text, found.end())
        return None if end is None else (found.group(1), end)

    return _head(lines, keyed)


def _head(lines: list[Line], keyed: Callable[[str, bool], tuple[str, int] | None]) -> Head | None:
    if not lines:
        return None
    first, box, done = leading(lines[0], symbols=True)
    inside = [first, *lines[1:]]
    extra: list[Line] = []
    marked = bold(inside) if first.text else None
    if marked:
        inside, extra = marked
    link = _LINK.match(inside[0].text)
    if link:
        after = inside[0].part(link.end())
        extra = ([after] if after.text else []) + inside[1:] + extra
        inside = [inside[0].part(1, link.end(1))]
    start, _, inner_done = leading(inside[0], symbols=True)
    found = keyed(start.text, marked is not None)
    if not found:
        return None
    key, end = found
    title = [each for each in (start.part(end), *inside[1:]) if each.text]
    if extra:
        separator = _SEPARATOR.match(extra[0].text)
        extra = [extra[0].part(separator.end()), *extra[1:]] if separator else extra
    return Head(
        key_of(key), lines[0].no, lines[-1], title, [each for each in extra if each.text], box, done or inner_done
    )


def _separated(text: str, end: int) -> bool:
    """Whether a separator follows, or nothing but marks."""
    return bool(_SEPARATOR.match(text, end)) or not take_marks(Line(1, 0, text[end:].strip())).rest


def _after_key(text: str, end: int) -> int | None:
    """Where the title begins. None if the key is only the start of something else, such as a range of keys."""
    separator = _SEPARATOR.match(text, end)
    if separator:
        tight = not any(char.isspace() for char in separator.group()) and separator.group() in "—–-"
        return None if tight and _ANY_KEY.match(text, separator.end()) else separator.end()
    return end if end == len(text) or text[end].isspace() or text[end] in "(（" else None


def label(line: Line) -> tuple[str, Line] | None:
    """(the label's name, folded, and its value), None where the line has none. Without bold only known ones count."""
    found = _LABEL.match(line.text)
    if not found:
        return None
    name = " ".join((found.group(2) or found.group(3)).split()).casefold()
    if found.group(3) and name not in LABELS:
        return None
    return name, line.part(found.end())


def waits(line: Line) -> tuple[list[Line], tuple[str, ...]]:
    """(what a task's line holds beside its "(depends on 1A)", the keys in there). Words in there leave it as it is."""
    found = _WAITS.search(line.text)
    keys, words, _ = dependencies(found.group(1), lambda _: True) if found else ((), (), ())
    if not found or words or not keys:
        return [line], ()
    return [part for part in (line.part(0, found.start()), line.part(found.end())) if part.text], keys


def leading_key(text: str) -> tuple[str, str]:
    """(the key that the words begin with, bold, linked or after a glyph, "" if none; the rest)."""
    lead = _LEAD.match(text)
    found = _ANY_KEY.match(text, lead.end() if lead else 0)
    return (key_of(found.group(1)), text[found.end() :]) if found else ("", text)


def without_separator(text: str) -> str:
    """The words after a separator that they begin with."""
    found = _SEPARATOR.match(text)
    return text[found.end() :] if found else text


def is_ticked(box: str) -> bool:
    """Whether a task box's character says done."""
    return box != "" and box in _TICKED


def status_glyphs(line: Line) -> tuple[Line, bool]:
    """(the line without status glyphs at its start, whether one of them says done)."""
    found = _STATUS.match(line.text)
    if not found or found.end() == len(line.text):
        return line, False
    return line.part(found.end()), any(glyph in found.group() for glyph in DONE_GLYPHS)


ALL_BEFORE = "*"
MOST_PARTS = 200
MOST_WAITS_TEXT = 10_000


def dependencies(raw: str, known: Callable[[str], bool]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """(keys waited for, what is waited for in words, words that look like keys and aren't known).

    "M1, M2 and M3", "DM1–DM3" and "M1-3" are keys; ALL_BEFORE stands for "All previous"; "None" and "-" are nothing.
    Words that begin with a known key count as both. A full stop at the end is trimmed.
    """
    keys: list[str] = []
    words: list[str] = []
    unknown: list[str] = []
    raw = raw.strip()
    if raw.endswith(".") and not raw.endswith(("\\.", "..")):
        raw = raw[:-1].rstrip()
    parts = list(islice(_parts(raw), MOST_PARTS + 1)) if len(raw) <= MOST_WAITS_TEXT else [raw]
    for part in parts if len(parts) <= MOST_PARTS else [raw]:  # more is prose
        bare = part.strip("*_ ")
        if bare.casefold() in _NO_DEPENDENCY:
            continue
        if _ALL_BEFORE.match(bare):
            keys.append(ALL_BEFORE)
            continue
        several = _keys(bare, known)
        if several:
            keys += several
            continue
        start = _ANY_KEY.match(bare)
        if start and known(key_of(start.group(1))):
            keys.append(key_of(start.group(1)))
            if _KEY_ALONE.match(bare):
                continue
        alone = _KEY_ALONE.match(bare)
        if alone and not alone.group(1).isdecimal():
            unknown.append(plain(part))
        words.append(plain(part))
    return tuple(dict.fromkeys(keys)), tuple(dict.fromkeys(words)), tuple(unknown)


def _parts(raw: str) -> Iterator[str]:
    """The pieces of a list between commas, those in brackets and code spans aside."""
    piece: list[str] = []
    depth, code = 0, False
    for found in _PIECES.findall(raw):
        if found == "`":
            code = not code
        elif not code and found in "(（[":
            depth += 1
        elif not code and found in ")）]":
            depth = max(0, depth - 1)
        if (found in ",;，；、" or found.startswith("<br")) and not depth and not code:
            yield _without_and("".join(piece))
            piece = []
        else:
            piece.append(found)
    yield _without_and("".join(piece))


def _without_and(part: str) -> str:
    part = part.strip()
    return part[4:].lstrip() if part[:4].casefold() == "and " else part


def _keys(part: str, known: Callable[[str], bool]) -> list[str]:
    """The keys of "M1 and M2", "DM1–DM3" or "[M1](#m1)", empty if the part is anything else."""
    link = _LINK.fullmatch(part)
    part = link.group(1) if link else part
    found: list[str] = []
    for each in re.split(r"\s(?:and|&|\+)\s|\s?[&+]\s?", part):
        alone = _KEY_ALONE.match(each)
        if alone and known(key_of(alone.group(1))):
            found.append(key_of(alone.group(1)))
            continue
        between = _range(each)
        if not between or not any(map(known, between)):
            return []
        found += between
    return found


def _range(text: str) -> list[str]:
    ends = _RANGE.split(text)
    if len(ends) != 2:
        return []
    first, last = (_KEY_ALONE.match(end) for end in ends)
    if not first or not last:
        return []
    low, high = key_of(first.group(1)), key_of(last.group(1))
    stem = low.rstrip(string.digits)
    if stem != low and (high.isdecimal() or high.rstrip(string.digits) == stem):
        a, b = int(low[len(stem) :]), int(high if high.isdecimal() else high[len(stem) :])
        return [f"{stem}{n}" for n in range(a, b + 1)] if a < b < a + 200 else []
    if low[:-1] == high[:-1] and low[-1].isalpha() and low[-1] < high[-1] <= "Z":
        return [low[:-1] + chr(n) for n in range(ord(low[-1]), ord(high[-1]) + 1)]
    return []
