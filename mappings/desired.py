"""What a target should hold: tree + profile + capabilities -> desired objects. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Protocol

from app.core.plan import BLOCKED_BY, Degraded, Desired, Left, Line, Section, Shape, Value
from app.core.tree import Milestone, Programme, Step, Task, kind_of
from mappings import body
from mappings.harmless import harmless
from mappings.profile import Profile

_KEY = re.compile(r"[^\w{}]*\{key\}[^\w{}]*")
"""A title template's key, and what stands around it."""
CUT = "\n\n…"
"""Stands for the rest of a text that was too long."""


class Holds(Protocol):
    """What must be known of the target: a part of `connectors.base.Capabilities`."""

    @property
    def title_max(self) -> int: ...
    @property
    def description_max(self) -> int: ...
    @property
    def start_dates(self) -> bool: ...
    @property
    def children(self) -> bool: ...
    @property
    def children_max(self) -> int: ...
    @property
    def strips_title_tags(self) -> bool: ...
    @property
    def epics(self) -> bool: ...
    @property
    def levels(self) -> int: ...
    @property
    def types(self) -> Collection[str]: ...
    @property
    def blockers_max(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Current:
    """The object that a node already is: its text now, and what was last written into it.

    `pending`: its create was begun and never answered, so that it may not be whole yet. `others`: how many children it
    has that are no steps of its task. `level`: how deep it stands in the tracker's tree of issues, from 1.
    """

    description: str
    section: Section = Section()
    pending: bool = False
    shape: Shape = "issue"
    others: int = 0
    level: int = 1


@dataclass(slots=True)
class _Builder:
    ids: Mapping[str, int]
    slug: str
    profile: Profile
    holds: Holds
    current: Mapping[int, Current]
    titles: body.Titles
    tasks: Mapping[str, tuple[str, ...]]  # key of a node -> the tasks that stand for it in this target
    stood: Mapping[int, body.Stood] = field(default_factory=dict)
    order: int = 0
    desired: list[Desired] = field(default_factory=list)
    degraded: list[Degraded] = field(default_factory=list)

    def milestone(self, milestone: Milestone) -> None:
        window = milestone.window
        start, due = (window.start, window.end) if window else (None, None)
        title = self.title(self.profile.milestone.title, milestone)
        if self.holds.strips_title_tags:
            title = title.replace("<", "‹").replace(">", "›")
        fields: dict[str, Value] = {"title": title, "due": due}
        if self.holds.start_dates:
            fields["start"] = start if start and due and start < due else None
        fields["state"] = "closed" if milestone.completed else "open"
        self.add(milestone, "milestone", fields, Section(self.words(milestone.objective)))
        for task in milestone.tasks:
            self.task(milestone, task)

    def task(self, milestone: Milestone, task: Task) -> None:
        shape = self.shape(task)
        children, rest = self.split(task, shape)
        words = self.profile.step.title
        lines = tuple(Line(self.ids[step.key], step.key, self.words(self.line(words, step))) for step in rest)
        fields: dict[str, Value] = {"title": self.title(self.profile.task.title, task)}
        if shape != "epic":  # a group's epic can't be in a project's milestone
            fields["milestone"] = milestone.key
        fields["labels"] = self.profile.task.labels
        fields |= self.type(task) if shape != "epic" else {}
        fields |= self.dependencies(milestone, task)
        if task.completed and self.unmade(task):
            fields["state"] = "closed"
        section = Section(self.words(task.description), lines)
        self.add(task, shape, fields, section, {self.ids[step.key]: step.done for step in rest})
        for step in children:
            child: dict[str, Value] = {
                "title": self.title(words, step),
                "milestone": milestone.key,
                "parent": task.key,
            }
            stood = self.stood.get(self.ids[step.key])
            if (stood.ticked if stood else step.done) and self.unmade(step):
                child["state"] = "closed"
            self.add(step, "child", child, Section(self.words(step.detail)))

    def shape(self, task: Task) -> Shape:
        """What the task is or becomes: the first shape of the profile that the target holds. What it is, it stays."""
        wanted = self.profile.task.shapes[0]
        now = self.current.get(self.ids[task.key])
        if now is not None:
            got: Shape = "epic" if now.shape == "epic" else "issue"
            reason = f"it is an {got} already"
        else:
            got = next((one for one in self.profile.task.shapes if one == "issue" or self.holds.epics), "issue")
            reason = "this target has no epics: it names no --group, or that group's licence or role has none"
        if got != wanted:
            self.degraded.append(Degraded(task.key, wanted, got, reason))
        return got

    def type(self, task: Task) -> dict[str, Value]:
        """The profile's issue type, under the name that the target gives it."""
        wanted = self.profile.task.type
        if not wanted:
            return {}
        name = next((name for name in self.holds.types if name.casefold() == wanted.casefold()), None)
        if name is None:
            self.degraded.append(Degraded(task.key, f"type {wanted}", "", "this target has no such issue type"))
            return {}
        return {"type": name}

    def dependencies(self, milestone: Milestone, task: Task) -> dict[str, Value]:
        """What the task waits for, where the profile asks: tasks, in place of milestones and steps too."""
        if not self.profile.dependencies:
            return {}
        wanted = [key for node in (task, milestone) for key in node.depends_on]
        found = dict.fromkeys(one for key in wanted for one in self.tasks.get(key, ()) if one != task.key)
        away = dict.fromkeys(key for key in wanted if key not in self.tasks)
        if away:
            reason = "it is not in this target"
            self.degraded += [Degraded(task.key, f"blocked by {key}", "", reason) for key in away]
        most = self.holds.blockers_max
        reason = f"one object waits for {most} at most" if most else "this target has no dependencies"
        self.degraded += [Degraded(task.key, f"blocked by {key}", "", reason) for key in list(found)[most:]]
        return {BLOCKED_BY: tuple(found)[:most]} if most else {}

    def unmade(self, node: Task | Step) -> bool:
        """Whether its object is yet to be made: what the roadmap says is finished is made so, then people decide."""
        now = self.current.get(self.ids[node.key])
        return now is None or now.pending

    def split(self, task: Task, shape: Shape) -> tuple[list[Step], list[Step]]:
        """(steps that become child issues, steps that are lines). Those that are children already come first."""
        if self.profile.step.shapes[0] == "line":
            return [], list(task.steps)
        room, reason = self.room(task, shape)
        ranked = sorted(task.steps, key=lambda step: self.ids[step.key] not in self.current)
        there = sum(1 for step in task.steps if self.ids[step.key] in self.current)
        chosen = {step.key for step in ranked[: max(room, there) if self.holds.children else 0]}
        over = [step for step in task.steps if step.key not in chosen]
        self.degraded += [Degraded(step.key, "child", "line", reason) for step in over]
        return [step for step in task.steps if step.key in chosen], over

    def room(self, task: Task, shape: Shape) -> tuple[int, str]:
        """(how many of the task's steps can be children of its object, why no more)."""
        now = self.current.get(self.ids[task.key], Current(""))
        if not (self.holds.children and self.holds.children_max):
            return 0, "this target has no child issues"
        if shape == "issue" and now.level >= self.holds.levels:
            return 0, f"its issue stands on level {now.level}, and issues nest {self.holds.levels} levels deep"
        reason = f"one issue holds {self.holds.children_max} child issues"
        if now.others:
            reason += f", and {now.others} of this one's are not its steps"
        return max(0, self.holds.children_max - now.others), reason

    def add(
        self,
        node: Milestone | Task | Step,
        shape: Shape,
        fields: dict[str, Value],
        section: Section,
        declared: Mapping[int, bool] | None = None,
    ) -> None:
        number = self.ids[node.key]
        now = self.current.get(number, Current(""))
        section = replace(section, left=self.left(now, section), order=self.order)

        def merged() -> str:
            known = (declared or {}, self.titles, self.stood)
            return body.merge(now.description, self.slug, node.key, section, now.section, *known)

        text = merged()
        over = len(text) - self.holds.description_max
        if over > 0:
            section = replace(section, intro=_shortened(section.intro, len(section.intro) - over - len(CUT)))
            text = merged()
            reason = f"one text holds {self.holds.description_max:,} characters"
            self.degraded.append(Degraded(node.key, "its whole text", "the beginning of it", reason))
        ordered = {"title": fields.pop("title"), "description": text, **fields}
        self.desired.append(Desired(number, node.key, kind_of(node), shape, ordered, section))

    def left(self, now: Current, section: Section) -> tuple[Left, ...]:
        """How the lines stand that were in this text until now, and those that left it earlier."""
        here = {line.node for line in section.lines}
        gone = {line.node for line in now.section.lines} - here
        kept = tuple(one for one in now.section.left if one.node not in here | gone)
        if not gone:
            return kept
        stood = body.standing(now.description, self.slug, now.section, self.titles)
        lost = [node for node in stood if node in gone]
        return kept + tuple(Left(node, stood[node].ticked, stood[node].issue, self.order) for node in lost)

    def words(self, text: str) -> str:
        return harmless(text.strip("\n"), mentions=self.profile.mentions)

    def line(self, template: str, step: Step) -> str:
        """A step's words in a checklist: its title template without the key, which the line begins with anyway."""
        return body.one_line(_without_key(template).format(title=step.title))

    def title(self, template: str, node: Milestone | Task | Step) -> str:
        """A title that fits the tracker: one line, cut with an ellipsis where it is too long."""
        text = body.one_line(template.format(key=node.key, title=node.title))
        most = self.holds.title_max
        return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _shortened(text: str, most: int) -> str:
    """The first lines that fit, up to one that could leave something open (code, HTML), and a line that says so."""
    kept: list[str] = []
    for line in text.split("\n"):
        if sum(len(one) + 1 for one in kept) + len(line) > most or line.lstrip().startswith(("```", "~~~", "<")):
            break
        kept.append(line)
    return "\n".join(kept).rstrip() + CUT


@cache
def _without_key(template: str) -> str:
    return _KEY.sub(" ", template)


def build(
    programme: Programme,
    ids: Mapping[str, int],
    slug: str,
    selected: Collection[str],
    profile: Profile,
    holds: Holds,
    current: Mapping[int, Current],
    titles: body.Titles = body.NO_TITLES,
    stood: Mapping[int, body.Stood] = body.NOWHERE,
    order: int = 0,
) -> tuple[list[Desired], list[Degraded]]:
    """The desired objects of the milestones `selected` (by key), parents before children, and what had to give way.

    `ids` maps every node's key to its id, `current` the ids of nodes that have an object to what it holds. `titles` are
    those of the target's issues by their references ("#45"): lines that people turned into issues stay so. `stood`
    says how steps' lines stand, or stood last, in texts that are no longer theirs. `order` goes into the sections.
    """
    builder = _Builder(ids, slug, profile, holds, current, titles, _tasks(programme, selected), stood, order)
    for milestone in programme.milestones:
        if milestone.key in selected:
            builder.milestone(milestone)
    return builder.desired, builder.degraded


def _tasks(programme: Programme, selected: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Key of every node of the selected milestones -> the tasks that stand for it: what blocks whoever waits for it."""
    found: dict[str, tuple[str, ...]] = {}
    for milestone in programme.milestones:
        if milestone.key in selected:
            found[milestone.key] = tuple(task.key for task in milestone.tasks)
            for task in milestone.tasks:
                found |= dict.fromkeys((task.key, *(step.key for step in task.steps)), (task.key,))
    return found
