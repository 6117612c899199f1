"""The way back: a document's figures brought up to date in place, or a whole tree written as a document."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date

from app.core.tree import Milestone, Programme, Step, Task, Window
from mappings.roadmap.blocks import Line
from mappings.roadmap.drafts import Draft
from mappings.roadmap.marks import STATUS_GLYPHS, take_marks
from mappings.roadmap.settle import survey
from mappings.roadmap.values import Figure
from mappings.roadmap.windows import NOTHING, read_window
from mappings.roadmap.words import dependencies, milestone_head, plain, status_glyphs, task_head

_ANY_START = date(2000, 1, 3)  # writing back needs places, not dates
_MAX_DETAIL = 8

Edit = tuple[int, int, bytes]


def write_back(source: bytes, figures: Mapping[str, Figure]) -> bytes:
    """The document with its figures and completion notes brought up to date, every other byte as it was.

    `figures` are by node key; keys that the document does not have are passed over. A node's percentages get the new
    number, in the digits they are written in; none is added. A milestone with `completed_on` and no completion mark
    gets ` *(✅ Completed YYYY-MM-DD)*` after its window, or after its heading or key where it has none; a note of
    exactly that form goes where the percentage is under 100, and no other mark is touched. Writing the result back
    again changes nothing. Raises RoadmapRefused where the document can't be read; without figures it is not read.
    """
    if not figures:
        return source
    found = survey(source, start=_ANY_START, max_bytes=len(source))
    edits: list[Edit] = []
    for key, figure in figures.items():
        draft = found.drafts.get(key)
        if draft:
            edits += [
                (found.source.offset(line, start), found.source.offset(line, end), text.encode())
                for line, start, end, text in _edits(draft, figure, found.source.lines)
            ]
    return _edited(source, edits)


def _edits(draft: Draft, figure: Figure, lines: list[str]) -> list[tuple[int, int, int, str]]:
    edits = []
    if figure.percent is not None:
        for marks in draft.marks:
            for _, (line, start, end) in marks.figures:
                edits.append((line, start, end, _digits(figure.percent, like=lines[line - 1][start])))
    if draft.kind == "task":
        return edits
    if figure.percent is not None and figure.percent < 100:
        edits += [(*span, "") for marks in draft.marks for span in marks.generated]
    elif figure.completed_on and not draft.ticked and not any(marks.done for marks in draft.marks):
        last = (draft.window or [draft.end])[-1]
        end = last.col + len(last.text)
        edits.append((last.no, end, end, f" {_note(figure.completed_on)}"))
    return edits


def _digits(percent: int, like: str) -> str:
    zero = ord(like) - unicodedata.digit(like)
    return "".join(chr(zero + int(digit)) for digit in str(percent))


def _edited(source: bytes, edits: list[Edit]) -> bytes:
    parts, at = [], 0
    for start, end, text in sorted(set(edits)):
        parts += [source[at:start], text]
        at = end
    return b"".join([*parts, source[at:]])


def _note(day: date | None) -> str:
    return f"*(✅ Completed {day.isoformat()})*" if day else "*(✅ Completed)*"


def render(programme: Programme) -> str:
    """The tree as a document in the customer's dialect, ending in a line feed.

    Reading it again, with the same start, gives the tree (line numbers apart): words that the reader would take for
    something else are escaped. Where a window's text does not give its dates, the dates are written instead.
    """
    keys = {node.key for node in programme.nodes()}
    parts = [f"# {_safe(programme.title, _as_title)}\n"] if programme.title else []
    parts += [
        "\n".join(_milestone(milestone, programme.start, keys.__contains__)) for milestone in programme.milestones
    ]
    return "\n".join(parts) + ("\n" if parts else "")


def _milestone(milestone: Milestone, start: date, known: Callable[[str], bool]) -> list[str]:
    percent = milestone.declared_percent
    note = _note(milestone.completed_on) if milestone.completed and (milestone.completed_on or percent != 100) else ""
    window = _window(milestone.window, start) if milestone.window else ""
    heading = f"Milestone {milestone.key}"
    if milestone.title:
        heading += f" — {_safe(milestone.title, _as_milestone)}"
    lines = [" ".join(filter(None, ["###", heading, _percent(percent), "" if window else note]))]
    if window:
        lines.append(" ".join(filter(None, [f"- **Target Window:** {window}", note])))
    if milestone.objective:
        lines.append(f"- **Objective:** {_safe(milestone.objective, plain)}")
    if milestone.owner:
        lines.append(f"- **Owner:** {_safe(milestone.owner, plain)}")
    waits = [*milestone.depends_on, *(_prerequisite(each, known) for each in milestone.prerequisites)]
    if waits:
        lines.append(f"- **Dependencies:** {', '.join(waits)}")
    if milestone.tasks:
        lines.append("- **Tasks:**")
    for task in milestone.tasks:
        lines += _task(task)
    return [*lines, ""]


def _task(task: Task) -> list[str]:
    words = f"Task {task.key}"
    if task.title:
        words += f" — {_safe(task.title, _as_task)}"
    box = "[x] " if task.completed and task.declared_percent != 100 else ""
    head = f"  - {box}**{' '.join(filter(None, [words, _percent(task.declared_percent)]))}**"
    lines = [f"{head} {_note(task.completed_on)}" if task.completed_on else head]
    if task.description:
        lines.append(f"    - **Description:** {_safe(task.description, plain)}")
    if task.depends_on:
        lines.append(f"    - **Dependencies:** {', '.join(task.depends_on)}")
    boxes = any(step.done for step in task.steps)
    for n, step in enumerate(task.steps, 1):
        lines += _step(n, step, boxes)
    return lines


def _step(n: int, step: Step, boxes: bool) -> list[str]:
    box = f"[{'x' if step.done else ' '}] " if boxes else ""
    head = f"    {n}. "
    lines = [head + box + _safe(step.title, _as_step)]
    if not step.detail:
        return lines
    indent = " " * len(head)
    outline = _outline(step.detail)
    if outline is None:
        return [*lines, f"{indent}- {_safe(step.detail, _as_item)}"]
    return [*lines, *(f"{indent}{'  ' * depth}- {_safe(words, _as_item)}" for depth, words in outline)]


def _outline(detail: str) -> list[tuple[int, str]] | None:
    """The lines of a detail with their depths, None if it is no outline of two spaces a level."""
    found: list[tuple[int, str]] = []
    for line in detail.split("\n"):
        words = line.lstrip(" ")
        depth, odd = divmod(len(line) - len(words), 2)
        deepest = found[-1][0] + 1 if found else 0
        if odd or not words or depth > min(deepest, _MAX_DETAIL):
            return None
        found.append((depth, words))
    return found


def _percent(percent: float | None) -> str:
    return "" if percent is None else f"({f'{percent:.6f}'.rstrip('0').rstrip('.')}% complete)"


def _window(window: Window, start: date) -> str:
    read = read_window(window.text, start)
    if (read.start, read.end) == (window.start, window.end) or not window.end:
        return _safe(window.text, _as_window) if window.text else ""
    return f"{window.start.isoformat()} – {window.end.isoformat()}" if window.start else window.end.isoformat()


def _prerequisite(words: str, known: Callable[[str], bool]) -> str:
    def alone(raw: str) -> str | None:
        """The words as one piece of the list, wherever they stand in it."""
        keys, last, _ = dependencies(f"before, {raw}", known)
        more, inner, _ = dependencies(f"before, {raw}, after", known)
        if keys or more or words in ("before", "after"):
            return None
        return words if last == ("before", words) and inner == ("before", words, "after") else None

    return _safe(words, alone)


_INNER_SPACE = re.compile(r"(?<=[^\s]) (?=[^\s])")
_QUIET = re.compile(r"[^\W_].*[^\s\\]|[^\W_]", re.DOTALL)
_LIST_MARKER = re.compile(r"\d{1,9}[.)]")
_PUNCTUATION = frozenset(string.punctuation) - frozenset(",;'\"/&-")


def _safe(text: str, reads: Callable[[str], str | None]) -> str:
    """`text` so that the reader, as `reads` stands for it there, takes it for `text` again: as it is where that will
    do, else with its punctuation escaped, else in numeric references throughout.
    """
    quiet = _QUIET.fullmatch(text) and not _LIST_MARKER.match(text) and text.isprintable()
    if quiet and reads(text) == text:
        return text
    escaped = "".join(
        f"\\{char}" if char in _PUNCTUATION or (char in string.punctuation and at == 0) else _spelled(char, text, at)
        for at, char in enumerate(text)
    )
    return escaped if reads(escaped) == text else "".join(f"&#{ord(char)};" for char in text)


def _spelled(char: str, text: str, at: int) -> str:
    inner = 0 < at < len(text) - 1 and text[at - 1] != " " and char == " "
    quiet = inner or (char.isprintable() and char != " " and char not in STATUS_GLYPHS)
    return char if quiet else f"&#{ord(char)};"


def _rest(raw: str) -> str | None:
    """A title as the reader takes it, None if any mark were found in it."""
    line, _ = status_glyphs(Line(1, 0, raw))
    marks = take_marks(line)
    return plain(marks.rest) if marks.rest == raw and not marks.done and not marks.figures else None


def _as_title(raw: str) -> str | None:
    return None if raw.endswith("#") or milestone_head([Line(1, 0, raw)]) else plain(raw)


def _as_milestone(raw: str) -> str | None:
    head = milestone_head([Line(1, 0, f"Milestone M1 — {raw}")])
    if raw.endswith("#") or not head or head.extra or [each.text for each in head.title] != [raw]:
        return None
    return _rest(raw)


def _as_task(raw: str) -> str | None:
    head = task_head([Line(1, 0, f"**Task 1A — {raw}**")])
    if not head or head.extra or [each.text for each in head.title] != [raw] or "epends on" in raw.casefold():
        return None
    return _rest(raw)


def _as_step(raw: str) -> str | None:
    return plain(raw)


def _as_item(raw: str) -> str | None:
    return plain(raw)


def _as_window(raw: str) -> str | None:
    words = _rest(raw)
    return None if words is None or words.casefold() in NOTHING else words
