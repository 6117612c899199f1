"""Planning: the CPU of desired, observed and their difference, on an empty tracker and on a full one.

`growing.py` measures how it grows.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from app.core.diff import diff
from app.core.plan import Degraded, Desired, Found, Link, Observed, Plan
from app.core.tree import Programme
from app.sync import translate
from benchmarks import generated
from benchmarks.measured import CPU, Section, Size, best
from connectors.github.client import LIMITS
from mappings import desired, profile

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a difference is made of."""

    wants: list[Desired]
    found: list[Found]
    links: list[Link]
    mapping: profile.Profile
    degraded: list[Degraded]


def wanted(case: Case, ids: dict[str, int]) -> Wanted:
    """What `compute.difference` does before its diff, once the rows are read."""
    observed, links = list(case.observed), list(case.links)
    mapping = profile.load(PROFILE)
    found = translate.found(observed, links, translate.marks(observed, SLUG))
    there = generated.identities(observed)
    current = {
        link.node: desired.Current(there[link.ref.identity].description, link.section) for link in links if link.ref
    }
    selected = [milestone.key for milestone in case.programme.milestones]
    wants, degraded = desired.build(case.programme, ids, SLUG, selected, mapping, LIMITS, current)
    return Wanted(wants, found, links, mapping, degraded)


def difference(of: Wanted) -> Plan:
    """The diff."""
    return diff(of.wants, of.found, of.links, of.mapping.policy(), degraded=of.degraded)


def cases(tasks: int) -> tuple[dict[str, int], list[Case]]:
    """(node ids, the three cases) for a generated roadmap of so many tasks."""
    programme = generated.programme(tasks)
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
    tasks = 1_000 if size.quick else BUDGET_TASKS
    ids, made = cases(tasks)
    for case in made:
        seconds, planned = best(runs, CPU, lambda case=case: difference(wanted(case, ids)))  # type: ignore[misc]
        check(case, planned)
        section.add(f"{case.name}, {tasks:,} tasks", seconds, budget=BUDGET_SECONDS if tasks == BUDGET_TASKS else None)
    return [section]


def check(case: Case, planned: Plan) -> None:
    """Raises RuntimeError for a plan that isn't what it should be: its time would say nothing."""
    if len(planned.changes) != case.changes:
        raise RuntimeError(f"{case.name}: {len(planned.changes)} changes planned, not {case.changes}")
