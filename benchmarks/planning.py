"""Planning: the CPU of desired, observed and their difference, on an empty tracker and on a full one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from app.core.diff import diff
from app.core.plan import Link, Observed, Plan
from app.core.tree import Programme
from app.sync import translate
from benchmarks import generated
from benchmarks.measured import CPU, Section, Size, best
from connectors.github.client import LIMITS
from mappings import desired, profile, roadmap

SLUG, PROFILE = "generated", "github"
BUDGET_TASKS, BUDGET_SECONDS = 10_000, 2.0
CHANGED_EVERY = 100


@dataclass(frozen=True, slots=True)
class Case:
    """A tree, what its tracker holds, and how many changes the plan must have."""

    name: str
    programme: Programme
    observed: Collection[Observed]
    links: Collection[Link]
    changes: int


def plan(case: Case, ids: dict[str, int]) -> Plan:
    """What `compute.difference` does once the rows are read."""
    observed, links = list(case.observed), list(case.links)
    mapping = profile.load(PROFILE)
    found = translate.found(observed, links, translate.marks(observed, SLUG))
    there = generated.identities(observed)
    current = {
        link.node: desired.Current(there[link.ref.identity].description, link.section) for link in links if link.ref
    }
    selected = [milestone.key for milestone in case.programme.milestones]
    wants, degraded = desired.build(case.programme, ids, SLUG, selected, mapping, LIMITS, current)
    return diff(wants, found, links, mapping.policy(), degraded=degraded)


def cases(tasks: int) -> tuple[dict[str, int], list[Case]]:
    """(node ids, the three cases) for a generated roadmap of so many tasks."""
    programme = roadmap.read(generated.document(tasks).encode(), start=generated.START).programme
    ids = generated.ids(programme)
    selected = [milestone.key for milestone in programme.milestones]
    wants, _ = desired.build(programme, ids, SLUG, selected, profile.load(PROFILE), LIMITS, {})
    held = generated.held(wants)
    objects = tasks + len(programme.milestones)
    other = generated.reworded(programme, CHANGED_EVERY)
    return ids, [
        Case("empty tracker", programme, (), (), objects),
        Case("all there, unchanged", programme, held.observed, held.links, 0),
        Case("1 % of the tasks changed", other, held.observed, held.links, -(-tasks // CHANGED_EVERY)),
    ]


def measure(size: Size) -> list[Section]:
    runs = min(size.runs, 2)
    section = Section(
        "2. Plan",
        f"CPU seconds of translate.found, desired.build and diff, best of {runs}; profile {PROFILE}, 5 steps a task",
    )
    sizes = (1_000,) if size.quick else (1_000, 10_000)
    found: dict[tuple[str, int], float] = {}
    for tasks in sizes:
        ids, made = cases(tasks)
        for case in made:
            seconds, planned = best(runs, CPU, lambda case=case, ids=ids: plan(case, ids))  # type: ignore[misc]
            if len(planned.changes) != case.changes:
                raise RuntimeError(f"{case.name}: {len(planned.changes)} changes planned, not {case.changes}")
            found[case.name, tasks] = seconds
            budget = BUDGET_SECONDS if tasks == BUDGET_TASKS else None
            section.add(f"{case.name}, {tasks:,} tasks", seconds, budget=budget)
    if len(sizes) == 2:
        small, large = sizes
        for name in dict.fromkeys(name for name, _ in found):
            ratio = found[name, large] / found[name, small]
            section.add(f"{name}, {large:,} / {small:,} tasks", ratio, "×", note=f"linear: {large // small}×")
    return [section]
