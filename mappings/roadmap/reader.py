"""The walk through a document's blocks that gathers drafts of milestones and tasks.

Every line ends up in a draft, is structure (headings, table headers, rulers, summaries, a notes section), or is left
aside with its number. Prose is left aside wherever it stands, but for a task's description; a list item or table that
is left aside is told once for itself and whatever is under it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from mappings.roadmap.blocks import Block, Line
from mappings.roadmap.drafts import Draft, Gathered, Note, StepDraft
from mappings.roadmap.marks import Marks, note_date, status, take_marks
from mappings.roadmap.windows import NOTHING, read_date
from mappings.roadmap.words import (
    COLUMNS,
    LABELS,
    PROSE_SECTIONS,
    Head,
    is_ticked,
    joined,
    label,
    leading,
    leading_key,
    milestone_head,
    plain,
    status_glyphs,
    task_head,
    waits,
    without_separator,
)

_SUMMARY = re.compile(r"<summary[^<>]{0,200}>", re.IGNORECASE)
_TAGS = re.compile(r"(?:</?[A-Za-z][^<>]{0,200}>\s{0,3}){1,8}")
_TAGS_AT_END = re.compile(r"</[A-Za-z]")
_MILESTONE_WORD = re.compile(r"[*_]{0,2}milestone\s?(?:[:：—–-]|\d{1,6}\b)", re.IGNORECASE)
_PLAIN_MILESTONE = re.compile(r"\W{0,8}milestone\s.{1,200}[^.\s]\Z", re.IGNORECASE)
_TASK_LABELS = frozenset({"dependencies", "dependency", "depends on", "blocked by"})
_NO_COLUMN = ("", "tasks", "steps", "notes")
_NAMES = {"code": "code", "html": "HTML", "quote": "a quotation", "table": "a table", "heading": "a heading in a list"}


def gather(blocks: list[Block]) -> Gathered:
    """The drafts of a document."""
    walk = _Walk()
    for block in blocks:
        walk.block(block)
    return walk.found


@dataclass(slots=True)
class _Walk:
    """Where the walk stands: in which milestone, under which task heading, after which label without a value."""

    found: Gathered = field(default_factory=Gathered)
    milestone: Draft | None = None
    task: Draft | None = None
    pending: str = ""
    notes: int = 0  # the level of the notes heading that it stands under
    details: int = 0
    opened_at: int = 0  # the depth of <details> where the milestone was opened

    def block(self, block: Block) -> None:
        if block.kind == "heading":
            self.heading(block)
        elif block.kind == "table":
            self.table(block)
        elif block.kind == "details":
            self.details_line(block)
        elif block.kind not in ("text", "item"):
            self.found.aside(block, _NAMES[block.kind])
        elif block.kind == "text" and self.plain_milestone(block):
            pass
        elif not self.milestone:
            self.loose(block)
        elif self.task:
            self.under_task(self.task, [block])
        elif block.kind == "text":
            self.text(self.milestone, block)
        else:
            self.milestone_item(self.milestone, block)

    def close(self) -> None:
        self.milestone = self.task = None
        self.pending = ""

    def heading(self, block: Block) -> None:
        head = milestone_head(block.lines)
        if head:
            self.open_milestone(head, block.level)
            return
        inside = self.milestone if self.milestone and block.level > self.milestone.level else None
        named = label(block.lines[0]) if self.milestone and block.lines else None
        if named and named[0] in LABELS and named[1].text and (inside or block.lines[0].text[0] in "*_"):
            # "#### Objective: …", or a line of labels that a "---" right under it made a heading
            self.block(Block("text", block.line, block.end, lines=block.lines))
            return
        head = task_head(block.lines, heading=True) if inside else None
        if inside and head:
            self.task = self.open_task(inside, head, block.level)
        else:
            self.section(block, inside)

    def section(self, block: Block, inside: Draft | None) -> None:
        text = joined(block.lines)
        name = text.strip().rstrip(":：").casefold()
        role = LABELS.get(name, "notes" if name in PROSE_SECTIONS else "")
        if block.level == 1 and not self.found.title:
            self.found.title = text
        if inside:
            if self.task and (block.level <= self.task.level or not role):
                self.task = None
            self.pending = role
            return
        self.close()
        if not self.notes or block.level <= self.notes:
            self.notes = block.level if role == "notes" else 0
        if _MILESTONE_WORD.match(text):
            self.found.warn(block.line, "a milestone without a key and a separator, as in “Milestone M1 — Title”")
        elif block.lines and task_head(block.lines):
            self.found.warn(block.line, "a task outside any milestone, left aside")

    def open_milestone(self, head: Head, level: int, *, weak: bool = False) -> None:
        self.close()
        self.milestone = Draft("milestone", head.key, head.line, head.end, weak=weak, level=level, ticked=head.ticked)
        self.titled(self.milestone, head, [*head.title, *head.extra])
        self.found.drafts.append(self.milestone)
        self.notes, self.opened_at = 0, self.details

    def open_task(self, milestone: Draft, head: Head, level: int = 0) -> Draft:
        task = Draft("task", head.key, head.line, head.end, level=level, ticked=head.ticked)
        self.titled(task, head, self.without_waits(task, head.title))
        after = [take_marks(line) for line in self.without_waits(task, head.extra)]
        task.marks += after
        words = plain(" ".join(marks.rest for marks in after if marks.rest))
        if words and task.title:
            task.objective.append(words)
        else:
            task.title = task.title or words
        milestone.tasks.append(task)
        self.pending = self.pending if self.pending == "tasks" else ""
        return task

    def without_waits(self, task: Draft, lines: list[Line]) -> list[Line]:
        kept: list[Line] = []
        for line in lines:
            parts, keys = waits(line)
            kept += parts
            if keys:
                task.waits.append([Line(line.no, 0, ", ".join(keys))])
        return kept

    def titled(self, draft: Draft, head: Head, lines: list[Line]) -> None:
        if lines:
            lines[0], done = status_glyphs(lines[0])
            head.done = head.done or done
        draft.marks += [take_marks(line) for line in lines]
        raw = " ".join(marks.rest for marks in draft.marks if marks.rest)
        if lines and lines[0].text[0] in "(（":  # "Task 1A (12% complete): Title"
            raw = without_separator(raw)
        draft.title = plain(raw, cell=any(line.cell for line in lines))
        if head.done:
            draft.marks.append(Marks("", done=True))
        self.odd_box(head.line, head.box, head.ticked)

    def odd_box(self, line: int, box: str, ticked: bool) -> None:
        if box.strip() and not ticked:
            self.found.warn(line, f"box [{box}] read as not done")

    def plain_milestone(self, block: Block) -> bool:
        """A line "Milestone M1: Title" that stands alone, or over its labels."""
        first, *rest = block.lines or [Line(0, 0, "")]
        if self.notes or not _PLAIN_MILESTONE.match(first.text) or not all(map(label, rest)):
            return False
        head = milestone_head([first])
        if not head or not head.title:
            return False
        self.open_milestone(head, 7, weak=True)
        if rest and self.milestone:
            self.text(self.milestone, Block("text", rest[0].no, block.end, lines=rest))
        return True

    def loose(self, block: Block) -> None:
        """Prose or a list outside any milestone."""
        what = "prose" if block.kind == "text" else "a list item outside any milestone"
        if block.kind == "item" and task_head(block.lines):
            what = "a task outside any milestone"
        if not self.noted(block, "" if self.notes else what) and not self.notes:
            self.found.aside(block, what)
        elif block.kind == "item":
            for child in block.children:
                self.block(child) if child.kind not in ("text", "item") else self.loose(child)

    def noted(self, block: Block, what: str) -> bool:
        text = " ".join(line.text for line in block.lines)
        day, at = note_date(text)
        key, rest = leading_key(text[at:])
        if key:
            to = f" (to line {block.end})" if block.kind == "text" and block.end > block.line else ""
            self.found.notes.append(Note(block.line, key, rest, day, f"{what}, left aside{to}" if what else ""))
        return bool(key)

    def entries(self, lines: list[Line], *, known: bool = False) -> list[tuple[str, list[Line]]]:
        """Lines by the label (a `known` one) that each stands under, "" before the first."""
        found: list[tuple[str, list[Line]]] = []
        for line in lines:
            named = label(line)
            if named and (not known or named[0] in LABELS):
                found.append((named[0], [named[1]] if named[1].text else []))
            elif found:
                found[-1][1].append(line)
            else:
                found.append(("", [line]))
        return found

    def text(self, milestone: Draft, block: Block) -> None:
        for name, lines in self.entries(block.lines):
            if name:
                self.labelled(milestone, name, lines, block)
            elif self.pending and self.pending not in ("tasks", "steps"):
                self.feed(milestone, self.pending, lines)
            elif not self.noted(block, "prose"):
                self.found.aside(block, "prose")

    def labelled(self, draft: Draft, name: str, lines: list[Line], block: Block) -> None:
        role = LABELS.get(name, "")
        self.pending = "" if lines else role
        if not role:
            self.found.aside(block, f"label “{name}” is none that {draft.key} has a place for")
        elif lines:
            self.feed(draft, role, lines)

    def feed(self, draft: Draft, role: str, lines: list[Line]) -> None:
        """Give a label's value to the draft."""
        no, words = lines[0].no, joined(lines)
        if role in ("objective", "description"):
            draft.objective.append(words)
        elif role == "dependencies":
            draft.waits.append(lines)
        elif role in ("status", "completed"):
            self.status(draft, role, lines)
        elif role == "owner" and draft.kind == "milestone":
            draft.owner.append(words)
        elif role == "window" and draft.kind == "milestone" and not draft.window:
            draft.window = lines
        elif role == "notes":
            self.noted(Block("text", no, lines[-1].no, lines=lines), "")
        elif words.casefold() not in NOTHING:
            self.found.warn(no, f"{draft.key} has no place for “{words[:60]}”, left aside")

    def status(self, draft: Draft, role: str, lines: list[Line]) -> None:
        for line in lines:
            marks = status(line)
            day = read_date(line.text) if role == "completed" else None
            if day:
                marks = Marks("", done=True, on=day)
            draft.marks.append(marks)
            if not marks.understood:
                self.found.warn(
                    line.no, f"status “{line.text[:60]}” of {draft.key} says neither done nor open, left aside"
                )

    def milestone_item(self, milestone: Draft, block: Block) -> None:
        head = task_head(block.lines)
        if head:
            self.under_task(self.open_task(milestone, head), block.children)
            return
        entries = self.entries(block.lines)
        if entries and entries[0][0]:
            for name, lines in entries:
                self.labelled(milestone, name, lines, block)
            if entries[-1][0] in LABELS:  # else it was left aside with all that it holds
                self.under_label(milestone, LABELS[entries[-1][0]], block.children)
        elif self.pending and self.pending not in ("tasks", "steps"):
            self.under_label(milestone, self.pending, [block])
        elif self.noted(block, f"a list item in {milestone.key} that is no task"):
            for child in block.children:
                self.block(child)
        elif any(child.kind == "item" and task_head(child.lines) for child in block.children):
            self.found.warn(block.line, f"a list item in {milestone.key} that is no task, left aside")
            for child in block.children:
                self.block(child)
        else:
            self.found.aside(
                block, f"a list item in {milestone.key} that is no task (a task reads “**Task 1A — title**”)"
            )

    def under_label(self, milestone: Draft, role: str, blocks: list[Block]) -> None:
        if role in ("tasks", "steps"):
            self.pending = "tasks"
            for child in blocks:
                self.block(child)
            return
        for child in blocks:
            if child.kind not in ("text", "item"):
                self.found.aside(child, _NAMES.get(child.kind, "a block"))
                continue
            if child.lines:
                self.feed(milestone, role, child.lines)
            self.under_label(milestone, role, child.children)

    def under_task(self, task: Draft, blocks: list[Block]) -> None:
        """What a task holds: numbered, boxed and other items are steps, labels and prose are its own."""
        for block in blocks:
            box = leading(block.lines[0])[1] if block.lines else ""
            named = label(block.lines[0]) if block.lines and not block.ordered and not box else None
            if block.kind == "text" and not named and self.pending in ("dependencies", "status", "completed"):
                self.feed(task, self.pending, block.lines)
            elif block.kind == "text":
                self.task_entries(task, block)
            elif block.kind != "item":
                self.found.aside(block, _NAMES.get(block.kind, "HTML"))
            elif named and self.is_own(named[0], block):
                self.task_entries(task, block)
                role = LABELS[named[0]]
                if role in ("steps", "tasks"):
                    self.under_task(task, block.children)
                else:
                    self.under_label(task, role, block.children)
            elif self.pending in ("dependencies", "status") and not block.ordered and not box:
                self.under_label(task, self.pending, [block])
            else:
                self.step(task, block)

    def is_own(self, name: str, block: Block) -> bool:
        """Whether a bullet's label is the task's, rather than the first word of a step."""
        in_bold = block.lines[0].text[:1] in "*_"
        return name in LABELS if in_bold else name in _TASK_LABELS

    def task_entries(self, task: Draft, block: Block) -> None:
        for name, lines in self.entries(block.lines, known=True):
            if name:
                self.labelled(task, name, lines, block)
            else:
                task.objective.append(joined(lines))

    def step(self, task: Draft, block: Block) -> None:
        if not block.lines:
            self.found.aside(block, f"a step of {task.key} without words")
            return
        first, box, glyph = leading(block.lines[0])
        ticked = is_ticked(box)
        self.odd_box(block.line, box, ticked)
        title = joined([line for line in (first, *block.lines[1:]) if line.text])
        step = StepDraft(title, ticked or glyph, block.line)
        self.detail(step, block.children, 0)
        task.steps.append(step)

    def detail(self, step: StepDraft, blocks: list[Block], depth: int) -> None:
        for block in blocks:
            if block.kind in ("text", "item"):
                if block.lines:
                    step.detail.append("  " * depth + joined(block.lines))
                self.detail(step, block.children, depth + 1)
            else:
                self.found.aside(block, _NAMES.get(block.kind, "HTML"))

    def details_line(self, block: Block) -> None:
        line = block.lines[0]
        lowered = line.text.casefold()
        self.details += lowered.count("<details") - lowered.count("</details")
        if self.milestone and self.opened_at > self.details:
            self.close()
        summary = _SUMMARY.search(line.text)
        if summary:
            words = line.part(summary.end())
            tags = _TAGS.match(words.text)
            words = words.part(tags.end() if tags else 0)
            tag = _TAGS_AT_END.search(words.text)
            head = milestone_head([words.part(0, tag.start() if tag else None)])
            if head:
                self.open_milestone(head, 0, weak=True)

    def table(self, block: Block) -> None:
        header, *rows = block.rows
        roles = [COLUMNS.get(plain(cell.text).strip("*_ ").casefold(), "") for cell in header]
        keyed = [i for i, role in enumerate(roles) if role == "key"]
        column = next((i for i in keyed if any(len(row) > i and _row_key(row[i]) for row in rows)), None)
        if column is None:
            if not self.notes:
                self.found.aside(block, "a table without a column of milestone keys")
            return
        for i in keyed:
            roles[i] = "key" if i == column else "title"
        roles = [role if role not in roles[:i] else "" for i, role in enumerate(roles)]
        odd = [cell.text for cell, role in zip(header, roles, strict=True) if role in _NO_COLUMN and cell.text]
        if odd:
            named = ", ".join(f"“{name[:30]}”" for name in odd[:5])
            self.found.warn(block.line, f"table column {named}{' and more' if odd[5:] else ''} left aside")
        for row in rows:
            self.row(block, row, column, roles)

    def row(self, block: Block, row: list[Line], column: int, roles: list[str]) -> None:
        key = _row_key(row[column]) if len(row) > column else None
        if not key:
            no = row[0].no if row else block.line
            self.found.warn(no, "a table row without a key in its key column, left aside")
            return
        if len(row) > len(roles):
            self.found.warn(row[0].no, "a table row with more cells than its header; those over are left aside")
        cell = row[column]
        head = key if isinstance(key, Head) else None
        if head:
            draft = Draft("milestone", head.key, cell.no, cell, weak=True, table=block.line, ticked=head.ticked)
            self.titled(draft, head, [*head.title, *head.extra])
        else:
            draft = Draft("task", str(key), cell.no, cell)
            rest = cell.part(len(cell.text) - len(leading_key(cell.text)[1]))
            marks = take_marks(rest)
            draft.marks.append(marks)
            draft.title = plain(without_separator(marks.rest.strip("*_ ")), cell=True).strip("*_ ")
        for role, value in zip(roles, row, strict=False):
            if not value.text or role in _NO_COLUMN or role == "key":
                continue
            if role == "title":
                marks = take_marks(value)
                draft.marks.append(marks)
                draft.title = draft.title or plain(marks.rest, cell=True)
            elif plain(value.text).casefold() not in NOTHING:
                self.feed(draft, role, [value])
        self.found.drafts.append(draft)


def _row_key(cell: Line) -> Head | str | None:
    """The milestone that a key cell names, or the key of anything else that it begins with."""
    return milestone_head([cell], column=True) or leading_key(cell.text)[0] or None
