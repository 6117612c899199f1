"""What a target should hold: tree + profile + capabilities -> desired objects. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol

from app.core.plan import Degraded, Desired, Line, Section, Shape, Value
from app.core.tree import Milestone, Programme, Step, Task, kind_of
from mappings import body
from mappings.profile import Profile

_KEY = re.compile(r"[^\w{}]*\{key\}[^\w{}]*")
"""A title template's key, and what stands around it."""


class Holds(Protocol):
    """What must be known of the target: a part of `connectors.base.Capabilities`."""

    @property
    def title_max(self) -> int: ...
    @property
    def start_dates(self) -> bool: ...
    @property
    def children(self) -> bool: ...
    @property
    def children_max(self) -> int: ...
    @property
    def strips_title_tags(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Current:
    """The object that a node already is: its text now, and what was last written into it.

    `pending`: its create was begun and never answered, so that it may not be whole yet.
    """

    description: str
    section: Section = Section()
    pending: bool = False


@dataclass(slots=True)
class _Builder:
    ids: Mapping[str, int]
    slug: str
    profile: Profile
    holds: Holds
    current: Mapping[int, Current]
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
        children, rest = self.split(task)
        words = self.profile.step.title
        lines = tuple(Line(self.ids[step.key], step.key, self.words(self.line(words, step))) for step in rest)
        fields: dict[str, Value] = {
            "title": self.title(self.profile.task.title, task),
            "milestone": milestone.key,
            "labels": self.profile.task.labels,
        }
        if task.completed and self.unmade(task):
            fields["state"] = "closed"
        section = Section(self.words(task.description), lines)
        self.add(task, "issue", fields, section, {self.ids[step.key]: step.done for step in rest})
        for step in children:
            child: dict[str, Value] = {
                "title": self.title(words, step),
                "milestone": milestone.key,
                "parent": task.key,
            }
            if step.done and self.unmade(step):
                child["state"] = "closed"
            self.add(step, "child", child, Section(self.words(step.detail)))

    def unmade(self, node: Task | Step) -> bool:
        """Whether its object is yet to be made: what the roadmap says is finished is made so, then people decide."""
        now = self.current.get(self.ids[node.key])
        return now is None or now.pending

    def split(self, task: Task) -> tuple[list[Step], list[Step]]:
        """(steps that become child issues, steps that are lines). Those that are children already come first."""
        if self.profile.step.shapes[0] == "line":
            return [], list(task.steps)
        cap = self.holds.children_max if self.holds.children else 0
        ranked = sorted(task.steps, key=lambda step: self.ids[step.key] not in self.current)
        chosen = {step.key for step in ranked[:cap]}
        over = [step for step in task.steps if step.key not in chosen]
        reason = f"one issue holds {cap} child issues" if cap else "this target has no child issues"
        self.degraded += [Degraded(step.key, "child", "line", reason) for step in over]
        return [step for step in task.steps if step.key in chosen], over

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
        text = body.merge(now.description, self.slug, node.key, section, now.section, declared or {})
        ordered = {"title": fields.pop("title"), "description": text, **fields}
        self.desired.append(Desired(number, node.key, kind_of(node), shape, ordered, section))

    def words(self, text: str) -> str:
        return body.harmless(text.strip("\n"), mentions=self.profile.mentions)

    def line(self, template: str, step: Step) -> str:
        """A step's words in a checklist: its title template without the key, which the line begins with anyway."""
        return body.one_line(_without_key(template).format(title=step.title))

    def title(self, template: str, node: Milestone | Task | Step) -> str:
        """A title that fits the tracker: one line, cut with an ellipsis where it is too long."""
        text = body.one_line(template.format(key=node.key, title=node.title))
        most = self.holds.title_max
        return text if len(text) <= most else text[: most - 1].rstrip() + "…"


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
) -> tuple[list[Desired], list[Degraded]]:
    """The desired objects of the milestones `selected` (by key), parents before children, and what had to give way.

    `ids` maps every node's key to its id, `current` the ids of nodes that have an object to what it holds.
    """
    builder = _Builder(ids, slug, profile, holds, current)
    for milestone in programme.milestones:
        if milestone.key in selected:
            builder.milestone(milestone)
    return builder.desired, builder.degraded
