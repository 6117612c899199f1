"""Drafts settled into a programme: what repeats merged, windows dated, dependencies resolved, refusals gathered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from app.core.tree import Milestone, Programme, Step, Task, Window
from mappings.roadmap.blocks import Line, Source, decode, parse
from mappings.roadmap.drafts import Draft, Gathered
from mappings.roadmap.marks import Marks, note_completes, take_marks
from mappings.roadmap.reader import gather
from mappings.roadmap.values import MAX_BYTES, Problem, Reading, RoadmapRefused
from mappings.roadmap.windows import NOTHING, read_window
from mappings.roadmap.words import ALL_BEFORE, dependencies, joined, plain

MOST_CYCLES = 20
MOST_WAITS = 200_000


@dataclass(frozen=True, slots=True)
class Survey:
    """A reading with what writing back needs: the source and, by key, the drafts of milestones and tasks."""

    reading: Reading
    source: Source
    drafts: dict[str, Draft]


def read(source: bytes, *, start: date, max_bytes: int = MAX_BYTES) -> Reading:
    """The programme that a roadmap describes, `start` being the first day of week 0.

    Promises that each line is understood, or told in the warnings with its number. Raises RoadmapRefused, with every
    problem found: keys that are defined twice, dependency cycles, percentages over 100, windows that end before they
    start, no milestone at all, not UTF-8, too large. The same document read again gives the same keys, whatever the
    numbers of its list items; a step's key is its task's and its ordinal.
    """
    return survey(source, start=start, max_bytes=max_bytes).reading


def survey(source: bytes, *, start: date, max_bytes: int) -> Survey:
    """`read`, with the places of what was read."""
    document = decode(source, max_bytes)
    gathered = gather(parse(document))
    if document.front_other:
        gathered.warn(1, "front matter left aside, but for its title")
    settling = _Settling(gathered, start)
    milestones = settling.milestones()
    if settling.problems:
        raise RoadmapRefused(settling.problems)
    programme = Programme(gathered.title or document.title, start, milestones)
    warnings = tuple(sorted(set(gathered.warnings), key=lambda problem: (problem.line, problem.message)))
    return Survey(Reading(programme, warnings), document, settling.nodes)


@dataclass(frozen=True, slots=True)
class _Progress:
    """What the marks of a draft come to."""

    percent: float | None
    completed: bool
    on: date | None


@dataclass(slots=True)
class _Settling:
    gathered: Gathered
    start: date
    problems: list[Problem] = field(default_factory=list)
    nodes: dict[str, Draft] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)  # of every key, steps too
    edges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    waited_for: int = 0

    def milestones(self) -> tuple[Milestone, ...]:
        drafts = self.defined()
        if not drafts:
            self.problems.append(Problem(1, "no milestone found; one reads “### Milestone M1 — Title”"))
        for draft in drafts:
            self.claim(draft.key, draft.line, draft)
            for task in draft.tasks:
                self.claim(task.key, task.line, task)
        for task in [task for draft in drafts for task in draft.tasks]:
            for n, step in enumerate(task.steps, 1):
                self.claim(f"{task.key}.{n}", step.line)
        self.repeated_tasks()
        self.notes()
        built = tuple(self.milestone(draft) for draft in drafts)
        self.cycles()
        return built

    def claim(self, key: str, line: int, draft: Draft | None = None) -> None:
        first = self.lines.setdefault(key, line)
        if draft and key not in self.nodes and first == line:
            self.nodes[key] = draft
        elif first != line or draft:
            self.problems.append(Problem(line, f"{key} is defined twice, first on line {first}; give one another key"))

    def defined(self) -> list[Draft]:
        """The milestones in document order, each once: those with headings first claim their keys, then table rows."""
        drafts = [draft for draft in self.gathered.drafts if draft.kind == "milestone"]
        strong = {draft.key for draft in drafts if not draft.weak}
        first: dict[str, Draft] = {}
        for draft in drafts:
            if not draft.weak or draft.key not in strong:
                first.setdefault(draft.key, draft)
        kept = []
        for draft in drafts:
            main = first[draft.key]
            same_table = bool(draft.table) and draft.table == main.table
            holds = bool(draft.tasks) or (not draft.table and bool(draft.window or draft.objective))
            if draft is main or not draft.weak or same_table or holds:
                kept.append(draft)
            else:
                self.repeat(main, draft)
        return kept

    def repeat(self, main: Draft, draft: Draft) -> None:
        """Take from a summary what the definition lacks, and say where they differ."""
        main.marks += draft.marks
        main.ticked = main.ticked or draft.ticked
        differs = []
        if draft.title and draft.title.casefold() != main.title.casefold():
            differs.append(f"title “{draft.title[:60]}”")
        if draft.window and not main.window:
            main.window = draft.window
        elif draft.window and _window_text(draft.window)[0] != _window_text(main.window)[0]:
            differs.append(f"window “{_window_text(draft.window)[0][:60]}”")
        if draft.waits and not main.waits:
            main.waits = draft.waits
        elif draft.waits and [joined(each) for each in draft.waits] != [joined(each) for each in main.waits]:
            differs.append("dependencies")
        if draft.objective and not main.objective:
            main.objective = draft.objective
        elif draft.objective and draft.objective != main.objective:
            differs.append("description")
        if draft.owner and not main.owner:
            main.owner = draft.owner
        elif draft.owner and draft.owner != main.owner:
            differs.append("owner")
        if differs:
            where = f"{draft.key}, defined on line {main.line}"
            self.gathered.warn(draft.line, f"repeats {where}; its other {', '.join(differs)} left aside")

    def repeated_tasks(self) -> None:
        for draft in self.gathered.drafts:
            if draft.kind == "task":
                main = self.nodes.get(draft.key)
                if main:
                    self.repeat(main, draft)
                else:
                    self.gathered.warn(draft.line, f"a table row for {draft.key}, which is defined nowhere, left aside")

    def notes(self) -> None:
        for note in self.gathered.notes:
            node = self.nodes.get(note.key)
            day = note_completes(note.rest, note.day) if node else None
            if node and day:
                node.marks.append(Marks("", done=True, on=day))
            elif note.aside:
                self.gathered.warn(note.line, note.aside)

    def milestone(self, draft: Draft) -> Milestone:
        window = self.window(draft)
        progress = self.progress(draft)
        tasks = tuple(self.task(task) for task in draft.tasks)
        keys, words = self.waits(draft)
        return Milestone(
            key=draft.key,
            title=draft.title,
            tasks=tasks,
            objective="\n".join(draft.objective),
            window=window,
            declared_percent=progress.percent,
            completed=progress.completed,
            completed_on=progress.on,
            depends_on=keys,
            prerequisites=words,
            owner=", ".join(draft.owner),
            line=draft.line,
        )

    def task(self, draft: Draft) -> Task:
        progress = self.progress(draft)
        keys, words = self.waits(draft)
        for each in words:
            self.gathered.warn(draft.line, f"{draft.key} waits for “{each[:60]}”, which is no key, left aside")
        steps = tuple(
            Step(f"{draft.key}.{n}", step.title, step.done, "\n".join(step.detail), step.line)
            for n, step in enumerate(draft.steps, 1)
        )
        return Task(
            key=draft.key,
            title=draft.title,
            steps=steps,
            description="\n".join(draft.objective),
            declared_percent=progress.percent,
            completed=progress.completed,
            completed_on=progress.on,
            depends_on=keys,
            line=draft.line,
        )

    def window(self, draft: Draft) -> Window | None:
        if not draft.window:
            return None
        text, marks = _window_text(draft.window)
        draft.marks += marks
        if text.casefold() in NOTHING:
            return None
        window, line = read_window(text, self.start), draft.window[0].no
        if not window.end:
            self.gathered.warn(line, f"window “{text[:60]}” can't be dated, kept as text")
        elif window.start and window.start > window.end:
            self.problems.append(Problem(line, f"window “{text[:60]}” of {draft.key} ends before it starts; swap them"))
        return window

    def progress(self, draft: Draft) -> _Progress:
        figures = [figure for marks in draft.marks for figure in marks.figures]
        for percent, (line, _, _) in figures:
            if percent > 100:
                self.problems.append(Problem(line, f"{draft.key} is {percent:g} % complete; 100 is the most"))
        for marks in draft.marks:
            if marks.bad_date:
                self.gathered.warn(
                    draft.line, f"“{marks.bad_date}” at {draft.key} is a date in no calendar, left aside"
                )
        declared = figures[0][0] if figures else None
        done = draft.ticked or declared == 100 or any(marks.done for marks in draft.marks)
        return _Progress(declared, done, next((marks.on for marks in draft.marks if marks.on), None))

    def waits(self, draft: Draft) -> tuple[tuple[str, ...], tuple[str, ...]]:
        keys: dict[str, None] = {}
        words: dict[str, None] = {}
        for lines in draft.waits:
            raw = " ".join(line.text.replace("\\|", "|") if line.cell else line.text for line in lines)
            found, free, unknown = dependencies(raw, self.lines.__contains__)
            words |= dict.fromkeys(free)
            for key in found:
                keys |= dict.fromkeys(self.before(draft) if key == ALL_BEFORE else [key])
            for key in [*unknown, *(key for key in found if key != ALL_BEFORE and key not in self.lines)]:
                self.gathered.warn(lines[0].no, f"{draft.key} waits for {key}, which is defined nowhere")
        known = tuple(key for key in keys if key in self.lines)
        self.edges[draft.key] = known
        self.waited_for += len(known)
        if self.waited_for > MOST_WAITS:
            raise RoadmapRefused([Problem(draft.line, f"more than {MOST_WAITS} dependencies up to here; name fewer")])
        return known, tuple(words)

    def before(self, draft: Draft) -> Iterator[str]:
        """The keys of the same kind that come before it."""
        for key, each in self.nodes.items():
            if each is draft:
                break
            if each.kind == draft.kind:
                yield key

    def cycles(self) -> None:
        state: dict[str, int] = {}
        seen: set[frozenset[str]] = set()
        for root in self.nodes:
            path: list[str] = []
            stack: list[tuple[str, Iterator[str]]] = []
            self.enter(root, state, path, stack)
            while stack:
                key, rest = stack[-1]
                following = next(rest, None)
                if following is None:
                    state[key] = 2
                    stack.pop()
                    path.pop()
                elif state.get(following) == 1:
                    cycle = [*path[path.index(following) :], following]
                    if frozenset(cycle) not in seen and len(seen) < MOST_CYCLES:
                        seen.add(frozenset(cycle))
                        self.problems.append(Problem(self.lines[following], _cycle(cycle)))
                else:
                    self.enter(following, state, path, stack)

    def enter(self, key: str, state: dict[str, int], path: list[str], stack: list[tuple[str, Iterator[str]]]) -> None:
        if key not in state:
            state[key] = 1
            path.append(key)
            stack.append((key, iter(self.edges.get(key, ()))))


def _cycle(keys: list[str]) -> str:
    shown = keys if len(keys) <= 12 else [*keys[:6], "…", *keys[-5:]]
    return f"dependencies go in a circle: {' → '.join(shown)}; take one of them out"


def _window_text(lines: list[Line]) -> tuple[str, list[Marks]]:
    marks = [take_marks(line) for line in lines]
    raw = " ".join(each.rest for each in marks if each.rest)
    return plain(raw, cell=any(line.cell for line in lines)), marks
