"""Roadmaps of any size in the dialect that the project is made for, and a tracker that holds one already.

The same size always gives the same bytes.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from app.core.plan import Desired, Link, Observed, Ref, Value
from app.core.tree import Programme
from mappings import roadmap

START = date(2026, 1, 5)
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TASKS_A_MILESTONE = 20
STEPS = 5
PART = 10_000
"""Tasks, whole milestones of them."""

_VERBS = (
    "Draft",
    "Publish",
    "Instrument",
    "Extend",
    "Rehearse",
    "Validate",
    "Configure",
    "Document",
    "Migrate",
    "Audit",
)
_THINGS: tuple[str, ...] = (
    "booking ledger",
    "zone editor",
    "consent records",
    "rental lifecycle",
    "spend caps",
    "alert routes",
)
_THINGS += ("release notes", "search index", "mooring permits", "on-call rota", "payment retries", "export jobs")
_AIMS: tuple[str, ...] = (
    "across squads",
    "behind a flag",
    "with regression coverage",
    "before the freeze",
    "for every persona",
)
_AIMS += ("with owners and due dates", "within the error budget", "against replayed traffic", "in four languages")


def document(tasks: int, before: int = 0) -> str:
    """A roadmap of so many tasks, five numbered steps each, twenty tasks a milestone; `before` milestones stand in a
    part before this one.
    """
    words = random.Random(tasks)

    def phrase() -> str:
        return f"{words.choice(_VERBS)} {words.choice(_THINGS)} and {words.choice(_THINGS)} {words.choice(_AIMS)}"

    lines = ["# Generated — Release Roadmap", "", "## Core Milestones", ""]
    for number, first in enumerate(range(0, tasks, TASKS_A_MILESTONE), before + 1):
        lines += [
            f"### Milestone M{number} — {phrase()}",
            f"- **Target Window:** Weeks {number % 40}–{number % 40 + 4}",
            f"- **Objective:** {phrase()}.",
            *([f"- **Dependencies:** M{number - 1}"] if number > before + 1 else []),
            "- **Tasks:**",
        ]
        for place in range(min(TASKS_A_MILESTONE, tasks - first)):
            lines.append(f"  - **Task {number}{chr(65 + place)} — {phrase()} ({words.randrange(101)}% complete)**")
            lines += [f"    {step}. {phrase()}, lot {words.randrange(10_000)}." for step in range(1, STEPS + 1)]
        lines.append("")
    return "\n".join(lines)


def one_line_more(text: str) -> str:
    """The document with a step put first into the task in its middle; those after it are numbered on."""
    lines = text.split("\n")
    heads = [at for at, line in enumerate(lines) if line.startswith("  - **Task")]
    at = heads[len(heads) // 2] + 1
    lines[at : at + STEPS] = [f"    {n + 2}.{line.split('.', 1)[1]}" for n, line in enumerate(lines[at : at + STEPS])]
    lines.insert(at, "    1. Agree with everybody on what was forgotten here.")
    return "\n".join(lines)


def finished(text: str, every: int) -> str:
    """The document with one task in so many finished and no other; 0 for none."""
    count = itertools.count(1)

    def percent(match: re.Match[str]) -> str:
        return "(100% complete)" if every and next(count) % every == 0 else f"({min(99, int(match[1]))}% complete)"

    return re.sub(r"\((\d+)% complete\)", percent, text)


def programme(tasks: int) -> Programme:
    """The tree of such a roadmap, read in parts: one document holds 100,000 lines at most."""
    starts = range(0, tasks, PART)
    texts = [document(min(PART, tasks - at), at // TASKS_A_MILESTONE) for at in starts]
    parts = [roadmap.read(text.encode(), start=START).programme for text in texts]
    return replace(parts[0], milestones=tuple(one for part in parts for one in part.milestones))


def ids(programme: Programme) -> dict[str, int]:
    """A node id for every key, as the database would give them."""
    return {node.key: number for number, node in enumerate(programme.nodes(), 1)}


def reworded(programme: Programme, every: int) -> Programme:
    """The tree with the first step of one task in so many reworded."""
    count = -1

    def turn() -> bool:
        nonlocal count
        count += 1
        return count % every == 0

    return replace(
        programme,
        milestones=tuple(
            replace(
                milestone,
                tasks=tuple(
                    replace(task, steps=(replace(task.steps[0], title="Begin anew."), *task.steps[1:]))
                    if turn()
                    else task
                    for task in milestone.tasks
                ),
            )
            for milestone in programme.milestones
        ),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """What a tracker holds once everything wanted was made there, and the links to it."""

    observed: list[Observed]
    links: list[Link]


def held(wants: Sequence[Desired], *, ticked_every: int = 3) -> Held:
    """A GitHub that holds these objects as wanted; in one task in `ticked_every` people have ticked a box."""
    refs: dict[str, Ref] = {}
    observed, links = [], []
    for number, want in enumerate(wants, 1):
        kind = "milestones" if want.shape == "milestone" else "issues"
        ref = Ref(want.shape, str(number), number, f"N_{number}", f"https://github.com/acme/app/{kind}/{number}")
        refs[want.key] = ref
        text = str(want.fields["description"])
        if want.shape == "issue" and number % ticked_every == 0:
            text = text.replace("- [ ]", "- [x]", 1)
        observed.append(_observed(ref, want.fields, text, refs))
        base = {name: value for name, value in want.fields.items() if name != "description"}
        links.append(Link(want.node, want.key, want.kind, ref, base, want.section))
    return Held(observed, links)


def _observed(ref: Ref, fields: Mapping[str, Value], text: str, refs: Mapping[str, Ref]) -> Observed:
    def place(name: str) -> str | None:
        key = fields.get(name)
        return refs[str(key)].id if key else None

    labels, due = fields.get("labels"), fields.get("due")
    return Observed(
        ref=ref,
        title=str(fields["title"]),
        description=text,
        milestone=place("milestone"),
        parent=place("parent"),
        labels=labels if isinstance(labels, tuple) else (),
        due=due if isinstance(due, date) else None,
        state="closed" if fields.get("state") == "closed" else "open",
        updated_at=NOW,
    )


def identities(observed: Iterable[Observed]) -> dict[tuple[str, str], Observed]:
    return {item.ref.identity: item for item in observed}
