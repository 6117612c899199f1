"""The document's blocks, each line with its place in the source, and the limits on what is read at all.

Block structure is CommonMark's with GFM tables, from markdown-it-py's block rules alone: what a line says is read by
`words.py` on the source itself, so that every figure has a place to be written back to. Three rules are ours: a
`<details>` or `<summary>` line is a block of its own (the Markdown in between is read even without blank lines), a
numbered line inside a list starts a list whatever its number (steps that go on from 6), and link definitions are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, fence, heading, hr, html_block, list_block
from markdown_it.token import Token

from mappings.roadmap.values import Problem, RoadmapRefused

MAX_LINES = 100_000
MAX_LINE = 100_000
MAX_ITEMS = 100_000
MAX_PIPES = 200_000
MAX_NESTING = 60  # tokens: a list and its item are two

Rule = Callable[[StateBlock, int, int, bool], bool]
Kind = Literal["heading", "text", "item", "table", "code", "html", "details", "quote"]

# Python calls these white space and Markdown does not; the parser gets a letter in their place.
_ODD_SPACE = dict.fromkeys(map(ord, "\x00\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"), "x")
_ODD_SPACE |= dict.fromkeys(range(0x2000, 0x200B), "x")
_MARKERS = re.compile(r"(?:[ \t>]*(?:[-*+]|\d{1,9}[.)])(?=[ \t])){1,200}")
_RULER = re.compile(r"[ \t>]*([-*+])(?:[ \t]|\1)*$")
_NUMBERED = re.compile(r"\d{1,3}[.)][ \t]+[^ \t\n]")
_DETAILS = re.compile(r"</?(?:details|summary)\b", re.IGNORECASE)
_FIELD = re.compile(r"([\w.-]+)\s*:(.*)")
_FIELD_MORE = re.compile(r"(?:[ \t]|#|-\s|[\w.-]+\s*:|$)")
_PIPE = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Line:
    """Words on one line: `text` stands in the source's line `no` (from 1) at character `col`. `cell`: in a table."""

    no: int
    col: int
    text: str
    cell: bool = False

    def part(self, start: int, end: int | None = None) -> Line:
        """The slice, without white space at its ends."""
        text = self.text[start:end]
        left = len(text) - len(text.lstrip())
        return Line(self.no, self.col + start + left, text.strip(), self.cell)


@dataclass(slots=True)
class Block:
    """A block from line `line` to line `end` (from 1, inclusive).

    `lines` are the words of a heading, a text or the head of an item; `children` what else the item holds; `rows` a
    table's cells, header first, without the delimiter row.
    """

    kind: Kind
    line: int
    end: int
    level: int = 0
    ordered: bool = False
    lines: list[Line] = field(default_factory=list)
    children: list[Block] = field(default_factory=list)
    rows: list[list[Line]] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """A document as decoded: its lines without their ends, where each begins in bytes, and its front matter."""

    lines: list[str]
    offsets: list[int]
    title: str = ""
    front_end: int = 0
    front_other: bool = False

    def offset(self, no: int, col: int) -> int:
        """The byte at character `col` of line `no`."""
        return self.offsets[no - 1] + len(self.lines[no - 1][:col].encode())


def decode(source: bytes, max_bytes: int) -> Source:
    """The document's lines. LF, CRLF, CR and CR CR LF end a line; a byte order mark is no part of the first.

    Raises RoadmapRefused for what is not UTF-8 or holds a NUL, and for what is too large to be read: in bytes, lines,
    one line, list items or table cells. Each bound keeps the cost of a hostile document to a few seconds.
    """
    if len(source) > max_bytes:
        raise RoadmapRefused([Problem(1, f"the document has {len(source)} bytes, over the limit of {max_bytes}")])
    bom = 3 if source.startswith(b"\xef\xbb\xbf") else 0
    try:
        text = source[bom:].decode()
    except UnicodeDecodeError as wrong:
        line = source.count(b"\n", 0, bom + wrong.start) + 1
        raise RoadmapRefused([Problem(line, "not UTF-8; save the document as UTF-8")]) from None
    if "\x00" in text:  # as in UTF-16; no database keeps it
        line = text.count("\n", 0, text.index("\x00")) + 1
        raise RoadmapRefused([Problem(line, "a NUL character; save the document as plain text in UTF-8")])
    if text.count("\n") + text.count("\r") > 3 * MAX_LINES:
        raise RoadmapRefused([Problem(MAX_LINES + 1, f"more than {MAX_LINES} lines; split the document")])
    found = Source([], [])
    at = bom
    for whole in text.split("\n"):
        bare = whole.rstrip("\r")
        for each in bare.split("\r"):
            found.lines.append(each)
            found.offsets.append(at)
            at += len(each.encode()) + 1
        at += len(whole) - len(bare)
    _within_limits(found.lines)
    _front_matter(found)
    return found


def _within_limits(lines: list[str]) -> None:
    if len(lines) > MAX_LINES:
        raise RoadmapRefused([Problem(MAX_LINES + 1, f"more than {MAX_LINES} lines; split the document")])
    items = pipes = 0
    for no, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            raise RoadmapRefused([Problem(no, f"more than {MAX_LINE} characters on one line; wrap it")])
        markers = _MARKERS.match(line)
        if markers and not _RULER.match(line):
            items += sum(map(markers.group().count, "-*+.)"))
        pipes += line.count("|")
        if items > MAX_ITEMS:
            raise RoadmapRefused([Problem(no, f"more than {MAX_ITEMS} list items up to here; split the document")])
        if pipes > MAX_PIPES:
            raise RoadmapRefused([Problem(no, f"more than {MAX_PIPES} table cells up to here; split the document")])


def _front_matter(source: Source) -> None:
    lines = source.lines
    if lines[0].rstrip() != "---" or len(lines) < 3 or not _FIELD.match(lines[1]):
        return
    for no, line in enumerate(lines[1:], 2):
        if line.rstrip() in ("---", "..."):
            source.front_end = no
            break
        if not _FIELD_MORE.match(line):
            return
    for line in lines[1 : max(source.front_end - 1, 1)]:
        found = _FIELD.match(line)
        if found and found.group(1).casefold() == "title" and not source.title:
            source.title = found.group(2).strip().strip("\"'")
        elif line.strip():
            source.front_other = True


def parse(source: Source) -> list[Block]:
    """The document's blocks in order, front matter left out. Raises RoadmapRefused where they nest too deep."""
    blank = [""] * source.front_end
    text = "\n".join(blank + [line.translate(_ODD_SPACE) for line in source.lines[source.front_end :]])
    tokens: list[Token] = []
    _markdown().block.parse(text, _markdown(), {}, tokens)
    return _Tree(source.lines, tokens).blocks()


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"maxNesting": MAX_NESTING}).enable("table").disable("reference")
    ruler = markdown.block.ruler
    text, quote, items = "paragraph", "blockquote", "list"
    ruler.at("fence", _begins("`~", fence), {"alt": [text, quote, items]})
    ruler.at("blockquote", _begins(">", blockquote), {"alt": [text, quote, items]})
    ruler.at("hr", _begins("*-_", hr), {"alt": [text, quote, items]})
    ruler.at("list", _begins("*-+0123456789", _list_rule), {"alt": [text, quote]})
    ruler.at("heading", _begins("#", heading), {"alt": [text, quote]})
    ruler.at("html_block", _begins("<", html_block), {"alt": [text, quote]})
    ruler.before("html_block", "details", _begins("<", _details_rule), {"alt": [text, quote, items]})
    return markdown


def _begins(characters: str, rule: Rule) -> Rule:
    """The rule, asked only where a line begins with what it needs: most lines begin with none, and rules cost."""
    wanted = frozenset(characters)

    def asked(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        at = state.bMarks[start] + state.tShift[start]
        return state.src[at : at + 1] in wanted and rule(state, start, end, silent)

    return asked


def _details_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    at = state.bMarks[start] + state.tShift[start]
    if state.is_code_block(start) or not _DETAILS.match(state.src, at, state.eMarks[start]):
        return False
    if not silent:
        state.line = start + 1
        state.push("details", "", 0).map = [start, start + 1]
    return True


def _list_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    at = state.bMarks[start] + state.tShift[start]
    if silent and state.level and _NUMBERED.match(state.src, at, state.eMarks[start]):
        parent, state.parentType = state.parentType, "list"
        try:
            return list_block(state, start, end, silent)
        finally:
            state.parentType = parent
    return list_block(state, start, end, silent)


class _Tree:
    """Tokens to blocks."""

    open: dict[str, Callable[[Token], Block]]

    def __init__(self, source: list[str], tokens: list[Token]) -> None:
        self.source = source
        self.tokens = iter(tokens)
        self.open = {
            "heading_open": self.heading,
            "paragraph_open": self.text,
            "list_item_open": self.item,
            "table_open": self.table,
            "blockquote_open": self.quote,
        }

    def blocks(self, end: str = "") -> list[Block]:
        found = []
        for token in self.tokens:
            if token.type == end:
                break
            make = self.open.get(token.type)
            if make:
                found.append(make(token))
            elif token.type in ("code_block", "fence", "html_block", "details"):
                kind: Kind = "code"
                if token.type in ("html_block", "details"):
                    kind = "html" if token.type == "html_block" else "details"
                found.append(self.block(kind, token))
                if kind == "details":
                    no = found[-1].line
                    found[-1].lines = [Line(no, 0, self.source[no - 1]).part(0)]
        return found

    def block(self, kind: Kind, token: Token) -> Block:
        first, after = token.map or (0, 1)
        while after - 1 > first and not self.source[after - 1].strip():
            after -= 1
        if token.level >= MAX_NESTING - 2 and token.nesting:
            raise RoadmapRefused([Problem(first + 1, f"nested more than {MAX_NESTING // 2} deep; flatten it")])
        return Block(kind, first + 1, after)

    def heading(self, token: Token) -> Block:
        block = self.block("heading", token)
        block.level = int(token.tag[1])
        block.lines = self.words(block, atx=token.markup.startswith("#"))
        next(self.tokens)
        return block

    def text(self, token: Token) -> Block:
        block = self.block("text", token)
        block.lines = self.words(block, atx=False)
        next(self.tokens)
        return block

    def words(self, block: Block, *, atx: bool) -> list[Line]:
        content = next(self.tokens).content
        found = []
        for no, words in enumerate(content.split("\n"), block.line):
            stripped, line = words.strip(" \t"), self.source[no - 1]
            if atx:  # found as the parser saw it, for a closing row of # is cut off
                after = line.index("#" * block.level) + block.level
                col = line.translate(_ODD_SPACE).index(stripped, after)
            else:
                col = len(line.rstrip(" \t")) - len(stripped)
            found.append(Line(no, col, line[col : col + len(stripped)]).part(0))
        for i, each in enumerate(found[:-1]):
            if each.text.endswith("\\") and (len(each.text) - len(each.text.rstrip("\\"))) % 2:
                found[i] = each.part(0, -1)  # a backslash at a line's end is a line break
        return [each for each in found if each.text]

    def item(self, token: Token) -> Block:
        block = self.block("item", token)
        block.ordered = token.markup in (".", ")")
        inside = self.blocks("list_item_close")
        if inside and inside[0].kind == "text" and inside[0].line == block.line:
            block.lines = inside.pop(0).lines
        block.children = inside
        return block

    def quote(self, token: Token) -> Block:
        block = self.block("quote", token)
        for inner in self.tokens:
            if inner.type == "blockquote_close" and inner.level == token.level:
                break
        return block

    def table(self, token: Token) -> Block:
        block = self.block("table", token)
        for inner in self.tokens:
            if inner.type == "table_close":
                break
        rows = [block.line, *range(block.line + 2, block.end + 1)]
        block.rows = [list(self.cells(no, token.level > 0 and no == block.line)) for no in rows]
        return block

    def cells(self, no: int, in_item: bool) -> Iterator[Line]:
        line = self.source[no - 1]
        markers = _MARKERS.match(line) if in_item else None
        at = markers.end() if markers else 0
        bounds = [at, *(pipe.start() for pipe in _PIPE.finditer(line, at)), len(line)]
        row = Line(no, 0, line, True)
        cells = [row.part(a + (line[a : a + 1] == "|"), b) for a, b in pairwise(bounds)]
        if cells and not cells[0].text:
            cells.pop(0)
        if cells and not cells[-1].text:
            cells.pop()
        yield from cells
