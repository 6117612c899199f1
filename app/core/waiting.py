"""What waits for what: who blocks whom, the critical path, windows that begin too early, and circles. Pure.

A milestone waits for its own dependencies; a task for its own and its milestone's. A milestone is done when its tasks
are, so for circles it waits for them too. Everything here is linear in nodes and dependencies, but for sorting.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.core.tree import Programme, Window

Graph = Mapping[str, tuple[str, ...]]
"""Key of each node -> the keys that it waits for."""


@dataclass(frozen=True, slots=True)
class Waits:
    """A milestone or task beside others. `waits_for` is all that it depends on, `blocked_by` what of it isn't done yet.

    `blocks` are the nodes that aren't done and depend on it while it isn't done itself. All are direct, in document
    order; `Waiting.before` and `Waiting.behind` follow them on.
    """

    waits_for: tuple[str, ...]
    blocked_by: tuple[str, ...]
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TooEarly:
    """`key` begins on `begins` (where its window only ends, it ends then), before `waits_for` ends on `ends`."""

    key: str
    begins: date
    waits_for: str
    ends: date

    def __str__(self) -> str:
        return f"{self.key} begins on {self.begins}, before {self.waits_for}, which it waits for, ends on {self.ends}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A milestone on the critical path: the earliest days on which it can begin and end.

    `slack` is how many days lie between the end of the stage before it and its beginning.
    """

    key: str
    begins: date
    ends: date
    slack: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What `waiting` finds. `nodes` has every milestone and task by key, in document order.

    `path` is the chain of open milestones that ends last, first to last; empty where none is open and dated. `circles`
    are the groups of nodes that wait for each other; none of them can ever begin.
    """

    nodes: Mapping[str, Waits]
    path: tuple[Stage, ...]
    too_early: tuple[TooEarly, ...]
    circles: tuple[tuple[str, ...], ...]

    def before(self, key: str) -> tuple[str, ...]:
        """All that must be done before `key` can begin, over any number of steps, nearest first."""
        return self._reached(key, "blocked_by")

    def behind(self, key: str) -> tuple[str, ...]:
        """All that waits for `key`, over any number of steps, nearest first."""
        return self._reached(key, "blocks")

    def _reached(self, key: str, way: str) -> tuple[str, ...]:
        seen, found = {key}, [key]
        for each in found:  # grows as it goes
            for other in getattr(self.nodes[each], way) if each in self.nodes else ():
                if other not in seen:
                    seen.add(other)
                    found.append(other)
        return tuple(found[1:])


def waiting(
    programme: Programme, complete: Collection[str], today: date, likely: Mapping[str, date | None] | None = None
) -> Waiting:
    """What waits for what on `today`. `complete` are the keys of done nodes (milestones, tasks, steps).

    `likely` has the forecast end of open milestones where there is one (the 50 % day), and decides before the window.
    Dependencies on keys that the programme doesn't have are left aside; those of a node on itself are only circles.
    """
    done = set(complete)
    own = {m.key: m.depends_on for m in programme.milestones}
    home = {m.key: m.key for m in programme.milestones}
    graph: dict[str, tuple[str, ...]] = {}
    known = {node.key for node in programme.nodes()}
    for milestone in programme.milestones:
        graph[milestone.key] = _known(milestone.depends_on, known, milestone.key)
        for task in milestone.tasks:
            graph[task.key] = _known((*task.depends_on, *own[milestone.key]), known, task.key)
            home[task.key] = milestone.key
            home.update((step.key, milestone.key) for step in task.steps)
    behind: dict[str, list[str]] = {key: [] for key in known}
    for key, others in graph.items():
        for other in others:
            if key not in done:
                behind[other].append(key)
    nodes = {
        key: Waits(
            others,
            () if key in done else tuple(other for other in others if other not in done),
            () if key in done else tuple(behind[key]),
        )
        for key, others in graph.items()
    }
    lifted = _lifted(programme, graph, home)
    windows = {m.key: m.window for m in programme.milestones}
    return Waiting(
        nodes,
        _path(lifted, windows, done, today, likely or {}),
        tuple(_too_early(lifted, windows, done)),
        tuple(circles(_with_parts(programme, graph, known))),
    )


def _known(keys: Iterable[str], known: Collection[str], but: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for key in keys if key in known and key != but))


def _with_parts(programme: Programme, graph: Graph, known: Collection[str]) -> Graph:
    """The graph in which a node also waits for its parts, and those that wait for themselves still do."""
    whole = {key: list(others) for key, others in graph.items()}
    for milestone in programme.milestones:
        whole[milestone.key] += [key for key in milestone.depends_on if key == milestone.key]
        for task in milestone.tasks:
            whole[milestone.key].append(task.key)
            whole[task.key] += [step.key for step in task.steps]
            whole[task.key] += [key for key in task.depends_on if key == task.key]
            whole.update((step.key, []) for step in task.steps)
    return {key: tuple(others) for key, others in whole.items()}


def _lifted(programme: Programme, graph: Graph, home: Mapping[str, str]) -> Graph:
    """Which milestones each milestone waits for, by itself or by one of its tasks."""
    return {
        milestone.key: tuple(
            dict.fromkeys(
                home[other]
                for key in (milestone.key, *(task.key for task in milestone.tasks))
                for other in graph[key]
                if home[other] != milestone.key
            )
        )
        for milestone in programme.milestones
    }


def _too_early(lifted: Graph, windows: Mapping[str, Window | None], done: Collection[str]) -> Iterable[TooEarly]:
    for key, others in lifted.items():
        window = windows[key]
        begins = (window.start or window.end) if window else None
        if begins is None or key in done:
            continue
        for other in others:
            before = windows[other]
            if before and before.end and begins < before.end and other not in done:
                yield TooEarly(key, begins, other, before.end)


def _path(
    lifted: Graph,
    windows: Mapping[str, Window | None],
    done: Collection[str],
    today: date,
    likely: Mapping[str, date | None],
) -> tuple[Stage, ...]:
    """The chain of open milestones that ends last.

    A milestone begins when its window does and what it waits for has ended, today at the earliest, and then takes what
    is left of its window, or the days until its forecast end. An open one past its window takes no time at all, which
    is the least that can be said of it. Those of a circle don't wait for each other here.
    """
    groups = _groups(lifted)
    group = {key: place for place, keys in enumerate(groups) for key in keys}
    stages: dict[str, Stage] = {}
    came: dict[str, str] = {}
    for key in (key for keys in groups for key in keys):  # what is waited for comes first
        window = windows[key]
        if key in done or (likely.get(key) is None and (window is None or window.end is None)):
            continue
        starts = max(today, (window.start or today) if window else today)
        ends = max(starts, likely.get(key) or (window.end if window else None) or starts)
        takes = ends - starts if (window and window.start) or likely.get(key) else timedelta(0)
        before = [stages[other] for other in lifted[key] if other in stages and group[other] != group[key]]
        last = max(before, key=lambda stage: stage.ends, default=None)
        if last is not None:
            starts = max(starts, last.ends)
            came[key] = last.key
        ends = max(ends, starts + takes)
        stages[key] = Stage(key, starts, ends, (starts - last.ends).days if last else 0)
    if not stages:
        return ()
    key = max(stages.values(), key=lambda stage: stage.ends).key
    chain = [key]
    while key in came:
        key = came[key]
        chain.append(key)
    return tuple(stages[key] for key in reversed(chain))


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """The groups of nodes of which each waits for every other, over any number of steps; a node on itself is one.

    Nodes and groups are in the order of `graph`, which has every node as a key.
    """
    order = {key: place for place, key in enumerate(graph)}
    found = [
        sorted(keys, key=order.__getitem__) for keys in _groups(graph) if len(keys) > 1 or keys[0] in graph[keys[0]]
    ]
    return [tuple(keys) for keys in sorted(found, key=lambda keys: order[keys[0]])]


def _groups(graph: Graph) -> list[list[str]]:
    """Strongly connected nodes, those waited for first: Tarjan's algorithm, without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: set[str] = set()
    stack: list[str] = []
    groups: list[list[str]] = []
    for root in graph:
        work = [] if root in index else [(root, iter(graph[root]))]
        while work:
            key, others = work[-1]
            if key not in index:
                index[key] = low[key] = len(index)
                stack.append(key)
                on_stack.add(key)
            for other in others:
                if other not in index:
                    work.append((other, iter(graph[other])))
                    break
                if other in on_stack:
                    low[key] = min(low[key], index[other])
            else:
                work.pop()
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[key])
                if low[key] == index[key]:
                    groups.append(_popped(stack, on_stack, key))
    return groups


def _popped(stack: list[str], on_stack: set[str], key: str) -> list[str]:
    """Take the nodes off the stack down to `key`."""
    place = len(stack) - 1
    while stack[place] != key:
        place -= 1
    group = stack[place:]
    del stack[place:]
    on_stack.difference_update(group)
    return group


def chained(path: Sequence[Stage]) -> str:
    """The critical path in words: "M1 → M3 → M4, until 2026-12-28"; "" where there is none."""
    return f"{' → '.join(stage.key for stage in path)}, until {path[-1].ends}" if path else ""
