"""Which node of a new roadmap is which node of the last one, and what changed. Pure.

Keys get renumbered and titles get swapped, so neither alone is identity: exact pairs first, then likeness of words and
of children, and at last the key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from app.core.tree import Kind, Milestone, Programme, Step, Task

ALIKE = 0.6
"""Words this alike under one parent are the same step, reworded."""
ALIKE_ELSEWHERE = 0.85
"""Words this alike under different parents are the same step, moved."""
MOST_PAIRS = 400_000
"""How many pairs are looked at for likeness in all, so that no document costs minutes: then words and places decide."""


@dataclass(frozen=True, slots=True)
class Known:
    """A stored node. `parent` is its parent's id, `text` its words beside the title, `position` its place among
    its siblings. `archived`: an earlier version had it and the last one didn't.
    """

    node: int
    kind: Kind
    key: str
    title: str
    parent: int | None
    position: int
    text: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Fresh:
    """A node of the new version. `parent` is its parent's key."""

    kind: Kind
    key: str
    title: str
    parent: str | None
    position: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new version changed, as keys of the new version (`removed`: of the last).

    `renamed`: a milestone or task has another key or title. `moved`: under another parent, or in another order among
    the siblings that stayed. `reworded`: a step's words, or a milestone's or task's text. The key of a step follows
    from its place and is never a change by itself.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    reworded: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any((self.added, self.removed, self.renamed, self.moved, self.reworded))


def flatten(programme: Programme) -> list[Fresh]:
    """The nodes of a tree, parents before children, in document order."""
    rows: list[Fresh] = []
    for place, milestone in enumerate(programme.milestones):
        rows.append(_fresh(milestone, None, place))
        for number, task in enumerate(milestone.tasks):
            rows.append(_fresh(task, milestone.key, number))
            rows.extend(_fresh(step, task.key, index) for index, step in enumerate(task.steps))
    return rows


def _fresh(node: Milestone | Task | Step, parent: str | None, position: int) -> Fresh:
    if isinstance(node, Milestone):
        window = node.window.text if node.window else ""
        return Fresh("milestone", node.key, node.title, parent, position, f"{node.objective}\n{window}")
    if isinstance(node, Task):
        return Fresh("task", node.key, node.title, parent, position, node.description)
    return Fresh("step", node.key, node.title, parent, position, node.detail)


def match(known: Sequence[Known], fresh: Sequence[Fresh]) -> dict[str, int]:
    """New key -> id of the stored node it is. Keys not in the answer are new nodes; each id is used once.

    `fresh` comes from `flatten`. Archived nodes are taken again only by the same words.
    """
    found: dict[str, int] = {}
    for kind in ("milestone", "task", "step"):
        olds = [node for node in known if node.kind == kind]
        news = [node for node in fresh if node.kind == kind]
        _Matcher(found, _children(known), _children_of_fresh(fresh)).run(kind, olds, news)
    return found


def _children(known: Iterable[Known]) -> dict[int, set[str]]:
    titles: dict[int, set[str]] = defaultdict(set)
    for node in known:
        if node.parent is not None and not node.archived:
            titles[node.parent].add(_plain(node.title))
    return titles


def _children_of_fresh(fresh: Iterable[Fresh]) -> dict[str, set[str]]:
    titles: dict[str, set[str]] = defaultdict(set)
    for node in fresh:
        if node.parent is not None:
            titles[node.parent].add(_plain(node.title))
    return titles


@dataclass(slots=True)
class _Matcher:
    found: dict[str, int]
    old_children: Mapping[int, set[str]]
    new_children: Mapping[str, set[str]]
    taken: set[int] = field(default_factory=set)
    pairs_left: int = MOST_PAIRS

    def run(self, kind: Kind, olds: Sequence[Known], news: Sequence[Fresh]) -> None:
        living = [old for old in olds if not old.archived]
        self._pair(living, news, lambda old: (old.key, _plain(old.title)), lambda n: (n.key, _plain(n.title)))
        if kind == "step":
            self._steps(living, news)
        else:
            self._by_likeness(living, news)
        if kind == "step":
            self._pair(living, news, lambda o: (o.parent, o.position), lambda n: (self._home(n), n.position))
        else:
            self._pair(living, news, lambda o: o.key, lambda n: n.key)
        archived = [old for old in olds if old.archived]
        self._pair(archived, news, lambda old: (old.key, _plain(old.title)), lambda n: (n.key, _plain(n.title)))
        self._pair(archived, news, lambda old: _plain(old.title), lambda n: _plain(n.title))

    def _steps(self, olds: Sequence[Known], news: Sequence[Fresh]) -> None:
        self._pair(olds, news, lambda o: (o.parent, _plain(o.title)), lambda n: (self._home(n), _plain(n.title)))
        self._pair(olds, news, lambda o: _plain(o.title), lambda n: _plain(n.title))
        by_parent: dict[int | None, list[Known]] = defaultdict(list)
        for old in self._left(olds):
            by_parent[old.parent].append(old)
        groups: dict[int | None, list[Fresh]] = defaultdict(list)
        for new in self._open(news):
            groups[self._home(new)].append(new)
        for parent, group in groups.items():
            if parent is not None:
                self._greedy(by_parent[parent], group, ALIKE)
        self._greedy(self._left(olds), self._open(news), ALIKE_ELSEWHERE)

    def _by_likeness(self, olds: Sequence[Known], news: Sequence[Fresh]) -> None:
        def score(old: Known, new: Fresh, words: float) -> float:
            before, after = self.old_children.get(old.node, set()), self.new_children.get(new.key, set())
            same = old.key == new.key
            shared = len(before & after) / max(len(before), len(after), 1)
            close = words >= ALIKE_ELSEWHERE or shared >= 0.5 or same
            title = 0.25 if shared or not (before and after) else 0.1  # the very title, with children for or against it
            return 0.5 * words + 0.3 * shared + 0.2 * same + title * (words == 1) if close else 0.0

        if not self._greedy(self._left(olds), self._open(news), 0.2, score):
            self._pair(olds, news, lambda o: _plain(o.title), lambda n: _plain(n.title))

    def _pair(
        self,
        olds: Sequence[Known],
        news: Sequence[Fresh],
        old_name: Callable[[Known], object],
        new_name: Callable[[Fresh], object],
    ) -> None:
        """Take pairs of the same name, where the name stands for one node on each side."""
        left: dict[object, list[Known]] = defaultdict(list)
        for old in self._left(olds):
            left[old_name(old)].append(old)
        right: dict[object, list[Fresh]] = defaultdict(list)
        for new in self._open(news):
            right[new_name(new)].append(new)
        for name, group in right.items():
            if len(group) == 1 and len(left.get(name, ())) == 1:
                self._take(left[name][0], group[0])

    def _greedy(
        self,
        olds: Sequence[Known],
        news: Sequence[Fresh],
        least: float,
        score: Callable[[Known, Fresh, float], float] | None = None,
    ) -> bool:
        """Take pairs from the most alike downwards, by words or by `score` (which is given their likeness); ties go to
        the nearer position. False where there are too many to look at.
        """
        self.pairs_left -= len(olds) * len(news)
        if self.pairs_left < 0:
            self.pairs_left += len(olds) * len(news)
            return False
        pairs = [
            (points, -abs(olds[i].position - news[j].position), -i, -j)
            for i, j, words in _likenesses(olds, news, 0 if score else least)
            if (points := score(olds[i], news[j], words) if score else words) >= least
        ]
        for _, _, i, j in sorted(pairs, reverse=True):
            if olds[-i].node not in self.taken and news[-j].key not in self.found:
                self._take(olds[-i], news[-j])
        return True

    def _take(self, old: Known, new: Fresh) -> None:
        self.taken.add(old.node)
        self.found[new.key] = old.node

    def _home(self, new: Fresh) -> int | None:
        """The id of the stored node that its parent is."""
        return self.found.get(new.parent or "")

    def _left(self, olds: Sequence[Known]) -> list[Known]:
        return [old for old in olds if old.node not in self.taken]

    def _open(self, news: Sequence[Fresh]) -> list[Fresh]:
        return [new for new in news if new.key not in self.found]


def _likenesses(olds: Sequence[Known], news: Sequence[Fresh], least: float) -> Iterator[tuple[int, int, float]]:
    """(index of old, index of new, `likeness` of their titles) of every pair that is alike enough."""
    forms = (_plain, _in_order)
    choices = [[form(new.title) for new in news] for form in forms]
    for i, old in enumerate(olds):
        best: dict[int, float] = {}
        for form, titles in zip(forms, choices, strict=True):
            found = process.extract(
                form(old.title), titles, scorer=fuzz.ratio, score_cutoff=least * 100, processor=None, limit=None
            )
            for _, points, j in found:
                best[j] = max(best.get(j, 0.0), points / 100)
        yield from ((i, j, points) for j, points in best.items())


def likeness(one: str, other: str) -> float:
    """0 to 1: how alike two lines are, by letters or by words in any order. Case and spacing don't count."""
    return max(fuzz.ratio(form(one), form(other)) for form in (_plain, _in_order)) / 100


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _in_order(text: str) -> str:
    return " ".join(sorted(text.casefold().split()))


def compare(known: Sequence[Known], fresh: Sequence[Fresh], found: Mapping[str, int]) -> Changes:
    """What the new version changed, given what `match` found."""
    olds = {node.node: node for node in known}
    living = [node for node in known if not node.archived]
    kept = set(found.values())
    parents = {node.key: found.get(node.key) for node in fresh}
    renamed, reworded = [], []
    for new in fresh:
        old = olds.get(found.get(new.key, -1))
        if old is None or old.archived:
            continue
        if new.kind == "step":
            if (old.title, old.text) != (new.title, new.text):
                reworded.append(new.key)
            continue
        if (old.key, old.title) != (new.key, new.title):
            renamed.append(new.key)
        if old.text != new.text:
            reworded.append(new.key)
    return Changes(
        added=tuple(n.key for n in fresh if n.key not in found or olds[found[n.key]].archived),
        removed=tuple(node.key for node in _in_document_order(living) if node.node not in kept),
        renamed=tuple(renamed),
        moved=tuple(_moved(olds, fresh, found, parents)),
        reworded=tuple(reworded),
    )


def _in_document_order(nodes: Iterable[Known]) -> list[Known]:
    """A milestone, its first task, that task's steps, its next task, …"""
    children: dict[int | None, list[Known]] = defaultdict(list)
    for node in nodes:
        children[node.parent].append(node)
    ordered: list[Known] = []
    ahead = sorted(children[None], key=lambda node: -node.position)
    while ahead:
        node = ahead.pop()
        ordered.append(node)
        ahead += sorted(children[node.node], key=lambda child: -child.position)
    return ordered


def _moved(
    olds: Mapping[int, Known], fresh: Sequence[Fresh], found: Mapping[str, int], parents: Mapping[str, int | None]
) -> list[str]:
    moved: set[str] = set()
    siblings: dict[str | None, list[Fresh]] = defaultdict(list)
    for new in fresh:
        old = olds.get(found.get(new.key, -1))
        if old is None or old.archived:
            continue
        home = parents.get(new.parent) if new.parent else None
        if old.parent != home:
            moved.add(new.key)
        else:
            siblings[new.parent].append(new)
    for group in siblings.values():
        places = [olds[found[new.key]].position for new in group]
        stayed = _longest_rising(places)
        moved.update(new.key for index, new in enumerate(group) if index not in stayed)
    return [new.key for new in fresh if new.key in moved]


def _longest_rising(values: Sequence[int]) -> set[int]:
    """Indexes of a longest strictly rising subsequence: the siblings that kept their order."""
    tails: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for index, value in enumerate(values):
        place = bisect_left(tails, value)
        before.append(at[place - 1] if place else -1)
        if place == len(tails):
            tails.append(value)
            at.append(index)
        else:
            tails[place] = value
            at[place] = index
    chain: set[int] = set()
    index = at[-1] if at else -1
    while index >= 0:
        chain.add(index)
        index = before[index]
    return chain
