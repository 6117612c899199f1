"""How what a plan and a status are made of grows with the tree: linear is ten times the CPU for ten times the nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from app.core.progress import Progress, State, Unit, rollup
from app.core.tree import Programme
from benchmarks import generated, planning
from benchmarks.measured import CPU, Section, Size, T, best

NODES = (1_000, 10_000, 100_000)
TENFOLD = 10.0


@dataclass(slots=True)
class Growth:
    """The rows of one section, and each work's seconds at the size before."""

    section: Section
    runs: int
    before: dict[str, float] = field(default_factory=dict)

    def take(self, what: str, nodes: int, work: Callable[[], T]) -> T:
        """Measure a work at this size."""
        seconds, result = best(self.runs, CPU, work)
        note = f"{seconds / nodes * 1e6:,.1f} µs a node"
        if what in self.before:
            note += f"; {seconds / self.before[what]:.1f}× for {TENFOLD:.0f}× the nodes"
        self.before[what] = seconds
        self.section.add(f"{what}, {nodes:,} nodes", seconds, note=note)
        return result


def measure(size: Size) -> list[Section]:
    runs = min(size.runs, 2)
    section = Section(
        "2b. Growth",
        f"CPU seconds, best of {runs}; profile {planning.PROFILE}, a node is a milestone, a task or a step (5 a task); "
        "desired: what is observed put in the tree's words, and desired.build; rollup: one unit a step",
    )
    growth = Growth(section, runs)
    for nodes in NODES[:2] if size.quick else NODES:
        # so many tasks, five steps each, and a milestone for each twenty of them
        tasks = round(nodes / (1 + generated.STEPS + 1 / generated.TASKS_A_MILESTONE))
        ids, cases = planning.cases(tasks)
        for case in cases:
            of = growth.take(f"desired, {case.name}", len(ids), partial(planning.wanted, case, ids))
            planned = growth.take(f"diff, {case.name}", len(ids), partial(planning.difference, of))
            planning.check(case, planned)
        programme = cases[0].programme
        for name, units in (("nothing measured", []), ("all measured", _units(programme))):
            counted = growth.take(f"rollup, {name}", len(ids), partial(rollup, programme, units, {}))
            _check(programme, units, counted)
    section.rows.sort(key=lambda row: row.what.rpartition(", ")[0])
    return [section]


def _units(programme: Programme) -> list[Unit]:
    """Every step measured, every third one done."""
    steps = [(task.key, step.key) for m in programme.milestones for task in m.tasks for step in task.steps]
    states: tuple[State, ...] = ("done", "open", "open")
    return [Unit(task, states[number % 3], step) for number, (task, step) in enumerate(steps)]


def _check(programme: Programme, units: list[Unit], counted: Progress) -> None:
    done = sum(1 for unit in units if unit.state == "done")
    whole = counted.programme
    if units and (whole.done, whole.total, whole.source) != (done, len(units), "measured"):
        raise RuntimeError(f"{programme.title}: {whole} counted, not {done} of {len(units)}")
