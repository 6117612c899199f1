"""The managed section of a tracker object's text: render it, read it, and merge it into what people wrote.

    <!-- milepost:begin -->
    Why this exists…

    - [ ] 1A.1 A step
    <!-- milepost:SLUG/1A -->

Words belong to the roadmap, ticks and everything around to the people of the tracker. Where people removed a marker,
the lines that were written last tell where the section is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rapidfuzz import fuzz

from app.core.plan import Line, Section

BEGIN = "<!-- milepost:begin -->"
ALIKE = 85
"""Out of 100: how alike a line without its key must be to a step's words to be that step."""
Titles = Mapping[str, str]
"""What a reference in a text ("#45") is called: the titles of a target's issues."""
NO_TITLES: Titles = {}
MOST_PAIRS = 100_000
"""Where more pairs than this of lines and steps are left over, likeness isn't tried."""

MARKER = re.compile(r"<!-- milepost:([a-z0-9][a-z0-9-]*)/(\S+) -->")
_BOX = re.compile(r"^\s*[-*+] \[([ xX])\]\s+(.*?)\s*$")


@dataclass(frozen=True, slots=True)
class Stood:
    """How a step's line stands, or stood: its tick, and the issue ("#45") that people made of it."""

    ticked: bool
    issue: str = ""


NOWHERE: Mapping[int, Stood] = {}


def marker(slug: str, key: str) -> str:
    """The identity marker, the last line of a managed section."""
    return f"<!-- milepost:{slug}/{key} -->"


def marks(description: str, slug: str) -> tuple[tuple[str, ...], bool]:
    """(keys that this programme's markers name, each once; whether another programme's marker is there)."""
    found = MARKER.findall(description)
    return tuple(dict.fromkeys(key for owner, key in found if owner == slug)), any(owner != slug for owner, _ in found)


def unmarked(text: str, slug: str) -> str:
    """The text without the markers of this programme's section: what it says stays, and belongs to nobody."""
    kept = [line for line in text.split("\n") if line.strip() != BEGIN]
    bare = MARKER.sub(lambda mark: "" if mark.group(1) == slug else mark.group(), "\n".join(kept))
    return bare.strip("\n")


def one_line(text: str) -> str:
    """Text as one line, single-spaced."""
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class _Split:
    """A description in three: what people wrote before, the text inside the section, what they wrote after."""

    before: str
    inside: str
    after: str


@dataclass(frozen=True, slots=True)
class _Mark:
    """A marker in a text: where it stands, whose it is (None: a begin marker), and its key."""

    start: int
    end: int
    owner: str | None
    key: str


def _split(text: str, slug: str, key: str, base: Section, want: Section) -> _Split | None:
    """Find the section: by both markers, else by the one that is left and the lines last written."""
    found = [_Mark(m.start(), m.end(), m.group(1), m.group(2)) for m in MARKER.finditer(text)]
    found += [_Mark(m.start(), m.end(), None, "") for m in re.finditer(re.escape(BEGIN), text)]
    found.sort(key=lambda mark: mark.start)
    if len(found) == 2 and found[0].owner is None and found[1].owner == slug:  # as written: nothing to weigh
        return _Split(text[: found[0].start], text[found[0].end : found[1].start], text[found[1].end :])
    known = _Known(base, want)
    best: tuple[tuple[int, bool, bool], _Split] | None = None
    for number, mark in enumerate(found):
        if mark.owner != slug:
            continue
        above = found[number - 1] if number else _Mark(0, 0, "", "")
        begin = above.owner is None
        start = above.end if begin else known.first(text, above.end, mark.start)
        inside = text[start : mark.start]
        split = _Split(text[: above.start if begin else start], inside, text[mark.end :])
        rank = (known.count(inside), begin, mark.key in (key, known.parent))
        if best is None or rank > best[0]:
            best = rank, split
    if best:
        return best[1]
    for number, mark in enumerate(found):  # a begin whose end was removed
        below = found[number + 1] if number + 1 < len(found) else _Mark(len(text), len(text), None, "")
        if mark.owner is None and below.owner is None:
            end = known.last(text, mark.end, below.start)
            if end > mark.end or not text[mark.end : below.start].strip():
                return _Split(text[: mark.start], text[mark.end : end], text[end:])
    if not found and base.lines:
        start, end = known.first(text, 0, len(text)), known.last(text, 0, len(text))
        if start < end:
            return _Split(text[:start], text[start:end], text[end:])
    return None


@dataclass(slots=True)
class _Known:
    """What was written into a section last, as a measure for text that may be one."""

    base: Section
    want: Section
    lines: set[tuple[str, str]] = field(init=False)
    intro: set[str] = field(init=False)
    parent: str = field(init=False)

    def __post_init__(self) -> None:
        written = self.base.lines or self.want.lines
        self.lines = {(line.key, _plain(line.title)) for line in (*self.base.lines, *self.want.lines)}
        self.intro = _words_of(self.base) | _words_of(self.want)
        self.parent = written[0].key.rpartition(".")[0] if written else ""

    def __contains__(self, text: str) -> bool:
        box = _Box.read(text)
        return box is not None and (box.key, _plain(box.words)) in self.lines

    def count(self, text: str) -> int:
        """How many of its lines were written by us."""
        return sum(1 for line in text.split("\n") if line in self)

    def first(self, text: str, start: int, end: int) -> int:
        """Where the first of our lines begins in text[start:end], or the words above it; `end` where none does."""
        at, clear = start, end  # clear: the start of a run of our own words and empty lines
        for number, line in enumerate(text[start:end].split("\n")):
            whole = number > 0 or start == 0
            if line in self and whole:
                return min(at, clear)
            ours = whole and line.strip() in self.intro
            if ours and clear == end:
                clear = at
            elif line.strip() and not ours:
                clear = end
            at += len(line) + 1
        return clear

    def last(self, text: str, start: int, end: int) -> int:
        """Where the last of our lines or words ends in text[start:end]; `start` where none does."""
        at = found = start
        for line in text[start:end].split("\n"):
            at += len(line)
            if line in self or line.strip() in self.intro:
                found = at
            at += 1
        return found


def _words_of(section: Section) -> set[str]:
    return {line.strip() for line in section.intro.split("\n") if line.strip()}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


class _Box(NamedTuple):
    """A checklist line. `key` is its first word without what people put around it, `words` the rest, `all` both.

    `issue`: the reference ("#45") that stands there alone, where people turned the line into an issue. It reads as that
    issue's title then, which is what the line said.
    """

    at: int
    ticked: bool
    key: str
    words: str
    all: str
    issue: str = ""

    @classmethod
    def read(cls, text: str, at: int = 0, titles: Titles = NO_TITLES) -> _Box | None:
        found = _BOX.match(text)
        if found is None:
            return None
        said, issue = found.group(2), ""
        if said in titles:
            said, issue = one_line(titles[said]), said
        key, _, words = said.partition(" ")
        return cls(at, found.group(1) != " ", key.strip("*_~`:.,()[]"), words, said, issue)


@dataclass(slots=True)
class _Inside:
    """What stands in a section: ticks by step, steps that became issues, and people's own lines, each after the step
    it followed (0: none).
    """

    ticks: dict[int, bool] = field(default_factory=dict)
    issues: dict[int, str] = field(default_factory=dict)
    foreign: dict[int, list[str]] = field(default_factory=dict)


def _read_inside(inside: str, base: Section, want: Section, titles: Titles) -> _Inside:
    """Read the section's lines against what was last written there, else against what is wanted."""
    lines = inside.split("\n")
    boxes = [box for at, text in enumerate(lines) if (box := _Box.read(text, at, titles))]
    steps = _steps(boxes, base, want)
    ours = _words_of(base) | _words_of(want)
    found = _Inside()
    anchor, gap = 0, list[str]()
    for at, text in enumerate(lines):
        if at in steps:
            anchor = steps[at].node
        elif not text.strip():
            gap.append("")
            continue
        elif text.strip() not in ours:
            found.foreign.setdefault(anchor, []).extend([*gap, text])
        gap = []
    for box in boxes:
        if box.at in steps:
            node = steps[box.at].node
            found.ticks[node] = box.ticked
            if box.issue:
                found.issues[node] = box.issue
    return found


def _steps(boxes: Sequence[_Box], base: Section, want: Section) -> dict[int, Line]:
    """Line number -> the step that this checklist line is; each step once.

    Key and words together are surest, those just wanted included: an update may have arrived whose answer was lost.
    Then another step's words after a key, then the key, and likeness last, the most alike first.
    """
    if not boxes:
        return {}
    written = want.lines if base.says(Section()) else base.lines
    found: dict[int, Line] = {}
    taken: set[int] = set()

    def take(pairs: Iterable[tuple[_Box, Line | None]]) -> None:
        for box, line in pairs:
            if line and box.at not in found and line.node not in taken:
                found[box.at] = line
                taken.add(line.node)

    nodes = {line.node for line in written}
    new = [line for line in want.lines if line.node not in nodes]
    exact = {(line.key, _plain(line.title)): line for line in (*new, *written)}
    take((box, exact.get((box.key, _plain(box.words)))) for box in boxes)
    if len(found) == len(boxes):
        return found
    titles = Counter(_plain(line.title) for line in written if line.node not in taken)
    by_title = {t: line for line in written if line.node not in taken and titles[t := _plain(line.title)] == 1}
    by_key = {line.key: line for line in written}
    take((box, by_title.get(_plain(box.words))) for box in boxes if box.key in by_key)
    take((box, by_key.get(box.key)) for box in boxes)
    left = [line for line in written if line.node not in taken]
    take(_alike([box for box in boxes if box.at not in found], left))
    return found


def _alike(boxes: Sequence[_Box], lines: Sequence[Line]) -> list[tuple[_Box, Line]]:
    """Pairs of a line and the step whose words it has, the most alike first: people removed or mistyped the key."""
    if len(boxes) * len(lines) > MOST_PAIRS:
        return []
    titles = [_plain(line.title) for line in lines]
    pairs = []
    for box in boxes:
        for line, title in zip(lines, titles, strict=True):
            score = max(fuzz.ratio(_plain(text), title) for text in (box.all, box.words))
            if score >= ALIKE:
                pairs.append((-score, box.at, line.node, box, line))
    return [(box, line) for *_, box, line in sorted(pairs, key=lambda pair: pair[:3])]


def ticks(description: str, slug: str, base: Section, titles: Titles = NO_TITLES) -> dict[int, bool]:
    """Node id -> ticked, for each step line that stands in the managed section. Boxes elsewhere count for nothing."""
    split = _split(_unix(description), slug, "", base, base)
    return _read_inside(split.inside, base, base, titles).ticks if split else {}


def written(description: str, slug: str, *sections: Section) -> Section:
    """Which of these stands in a text: the one that misses least of it. The first where it can't be told."""
    split = _split(_unix(description), slug, "", sections[0], sections[-1])
    if split is None:
        return sections[0]
    said = Counter((box.key, _plain(box.words)) for text in split.inside.split("\n") if (box := _Box.read(text)))

    def differs(section: Section) -> int:
        wrote = Counter((line.key, _plain(line.title)) for line in section.lines)
        return ((said - wrote) + (wrote - said)).total()

    return min(sections, key=differs)


def issues(description: str, slug: str, base: Section, titles: Titles) -> dict[int, str]:
    """Node id -> "#45", for each step line that people turned into an issue: that issue's state counts, not the box.

    `titles` are those of the target's issues by such references: an issue stands for the step that its title names.
    """
    if "] #" not in description:
        return {}
    split = _split(_unix(description), slug, "", base, base)
    return _read_inside(split.inside, base, base, titles).issues if split else {}


def standing(description: str, slug: str, base: Section, titles: Titles = NO_TITLES) -> dict[int, Stood]:
    """Node id -> how it stands, for each step line in the managed section."""
    split = _split(_unix(description), slug, "", base, base)
    found = _read_inside(split.inside, base, base, titles) if split else _Inside()
    return {node: Stood(ticked, found.issues.get(node, "")) for node, ticked in found.ticks.items()}


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def merge(
    description: str,
    slug: str,
    key: str,
    want: Section,
    base: Section,
    declared: Mapping[int, bool],
    titles: Titles = NO_TITLES,
    stood: Mapping[int, Stood] = NOWHERE,
) -> str:
    """The whole text that an object should have: people's words kept, ours as wanted, ticks as they stand.

    `description` is what the tracker holds now ("" for a new object), `base` what was last written. `declared` gives
    the tick of a step that has none yet, `stood` how its line stood in another text, or here once. Lines that became
    issues (`titles`, by "#45") stay as people left them. Text without a managed section gets one at its end.
    """
    text = _unix(description)
    split = _split(text, slug, key, base, want) if text.strip() else None
    if split is None:
        split = _Split(f"{text.rstrip()}\n\n" if text.strip() else "", "", "")
    lines = [BEGIN]
    if want.intro:
        lines += [*want.intro.split("\n"), ""]
    inside = _read_inside(split.inside, base, want, titles)
    for line in want.lines if stood else ():
        if line.node in stood and line.node not in inside.ticks:
            inside.ticks[line.node] = stood[line.node].ticked
            box = _Box.read(f"- [ ] {stood[line.node].issue}", 0, titles)
            if box and box.issue and _steps([box], want, want) == {0: line}:  # it still has the step's words
                inside.issues[line.node] = box.issue
    lines += _checklist(want, inside, declared)
    whole = split.before + "\n".join([*lines, marker(slug, key)]) + split.after
    return whole.replace("\n", "\r\n") if "\r\n" in description else whole


def _checklist(want: Section, inside: _Inside, declared: Mapping[int, bool]) -> list[str]:
    lines = list(inside.foreign.pop(0, []))
    for line in want.lines:
        ticked = inside.ticks.get(line.node, declared.get(line.node, False))
        said = inside.issues.get(line.node, f"{line.key} {line.title}")
        lines.append(f"- [{'x' if ticked else ' '}] {said}")
        lines += inside.foreign.pop(line.node, [])
    for rest in inside.foreign.values():
        lines += rest
    while lines and not lines[0]:
        del lines[0]
    return lines
