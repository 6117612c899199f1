"""Any edits that leave words: every node that is kept keeps its identity, and no stored node is taken twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.tree import Milestone, Programme, Step, Task
from app.core.versions import Changes, Fresh, Known, compare, flatten, likeness, match
from tests.unit.examples import examples

MODEST = settings(max_examples=examples(60), deadline=None)
# fmt: off
NOUNS = [
    "anchor", "bridge", "copper", "dynamo", "ember", "fjord", "glacier", "harbour", "island", "jungle", "kettle",
    "lantern", "marble", "nectar", "orchid", "pepper", "quartz", "ribbon", "saddle", "timber", "umbrella", "velvet",
]
# fmt: on
VERBS = ["Polish", "Invent", "Hurl", "Weave", "Brew", "Jog"]
EDITS = ["add step", "drop step", "shuffle steps", "move step", "add task", "drop task", "move task", "split task",
         "add milestone", "drop milestone", "shuffle milestones", "shuffle tasks"]  # fmt: skip


class Words:
    """Titles, each only once, none like another."""

    def __init__(self) -> None:
        self.left = [f"{noun} {VERBS[n % 6].lower()} {noun[::-1]} {n}" for n, noun in enumerate(NOUNS * 6)]

    def next(self) -> str:
        return self.left.pop(0)


Tree = list[tuple[str, list[tuple[str, list[str]]]]]
"""Milestones, tasks and steps as titles: what stays the same under any numbering."""


def numbered(tree: Tree) -> Programme:
    """The tree with keys by place, as an author would renumber it."""
    milestones = []
    for m, (title, tasks) in enumerate(tree, start=1):
        made = []
        for t, (name, steps) in enumerate(tasks):
            key = f"{m}{chr(ord('A') + t)}"
            made.append(Task(key, name, tuple(Step(f"{key}.{s}", words) for s, words in enumerate(steps, start=1))))
        milestones.append(Milestone(f"M{m}", title, tuple(made)))
    return Programme("p", date(2026, 1, 5), tuple(milestones))


def stored(programme: Programme) -> list[Known]:
    rows = flatten(programme)
    ids = {row.key: number for number, row in enumerate(rows, start=1)}
    return [
        Known(ids[r.key], r.kind, r.key, r.title, ids[r.parent] if r.parent else None, r.position, r.text) for r in rows
    ]


def edited(tree: Tree, words: Words, data: st.DataObject) -> Tree:
    tree = [(title, [(name, list(steps)) for name, steps in tasks]) for title, tasks in tree]
    tasks = [task for _, group in tree for task in group]
    places = [group for _, group in tree]
    pick = st.sampled_from
    what = data.draw(pick(EDITS), label="edit")
    if what == "add milestone":
        tree.insert(data.draw(st.integers(0, len(tree))), (words.next(), []))
    elif what == "drop milestone" and len(tree) > 1:
        tree.remove(data.draw(pick(tree)))
    elif what == "shuffle milestones":
        tree = data.draw(st.permutations(tree))
    elif what == "add task":
        group = data.draw(pick(places))
        group.insert(data.draw(st.integers(0, len(group))), (words.next(), [words.next()]))
    elif tasks and what in ("drop task", "move task"):
        task = data.draw(pick(tasks))
        next(group for group in places if task in group).remove(task)
        if what == "move task":
            data.draw(pick(places)).append(task)
    elif what == "shuffle tasks":
        group = data.draw(pick(places))
        group[:] = data.draw(st.permutations(group))
    elif tasks:
        steps = data.draw(pick(tasks))[1]
        match what:
            case "add step":
                steps.insert(data.draw(st.integers(0, len(steps))), words.next())
            case "drop step" if steps:
                steps.pop(data.draw(st.integers(0, len(steps) - 1)))
            case "shuffle steps":
                steps[:] = data.draw(st.permutations(steps))
            case "move step" if len(steps) > 1:
                data.draw(pick(tasks))[1].append(steps.pop())
            case "split task" if len(steps) > 1:
                group = next(group for group in places if any(task[1] is steps for task in group))
                group.append((words.next(), steps[len(steps) // 2 + 1 :]))
                del steps[len(steps) // 2 + 1 :]
    return tree


def a_tree(words: Words, data: st.DataObject) -> Tree:
    sizes = data.draw(st.lists(st.lists(st.integers(0, 4), max_size=3), min_size=1, max_size=3), label="sizes")
    return [
        (words.next(), [(words.next(), [words.next() for _ in range(steps)]) for steps in tasks]) for tasks in sizes
    ]


def parted(known: list[Known], fresh: list[Fresh]) -> set[str]:
    """Keys of nodes whose title and children went different ways (which of the two it is, is anyone's guess), and of
    all under them.
    """
    titles = {node.node: node.title for node in known}
    before = {(titles[node.parent], node.title) for node in known if node.parent}
    names = {node.key: node.title for node in fresh}
    after = {(names[node.parent], node.title) for node in fresh if node.parent}
    torn = {parent for parent, _ in before} - {parent for parent, _ in before & after}
    return {node.key for node in fresh if node.title in torn or (node.parent and names[node.parent] in torn)}


@given(data=st.data())
@MODEST
def test_kept_words_keep_their_identity(data: st.DataObject) -> None:
    words = Words()
    old = a_tree(words, data)
    new = old
    for _ in range(data.draw(st.integers(1, 4), label="edits")):
        new = edited(new, words, data)
    known, fresh = stored(numbered(old)), flatten(numbered(new))
    found = match(known, fresh)
    assert len(set(found.values())) == len(found)
    was = {(node.kind, node.title): node.node for node in known}
    kept = {node.key: was[node.kind, node.title] for node in fresh if (node.kind, node.title) in was}
    split = parted(known, fresh)
    sure = {key: node for key, node in kept.items() if key not in split}
    assert {key: found.get(key) for key in sure} == sure
    kinds = {node.node: node.kind for node in known}
    assert all(kinds[found[node.key]] == node.kind for node in fresh if node.key in found)
    changes = compare(known, fresh, found)
    assert set(changes.added) == {node.key for node in fresh} - set(found)
    assert len(changes.removed) == len(known) - len(found)
    if not split:
        assert {key for key in changes.reworded if "." in key} == {k for k in set(found) - set(kept) if "." in k}


@given(data=st.data())
@MODEST
def test_the_same_again_is_no_change_whatever_the_titles(data: st.DataObject) -> None:
    title = st.sampled_from(["Test", "test", "Test it", "", "x"])
    sizes = data.draw(st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=3))
    tree = [
        (data.draw(title), [(data.draw(title), [data.draw(title) for _ in range(steps)]) for steps in tasks])
        for tasks in sizes
    ]
    known, fresh = stored(numbered(tree)), flatten(numbered(tree))
    found = match(known, fresh)
    assert found == {node.key: node.node for node in known}
    assert compare(known, fresh, found) == Changes()


@given(data=st.data())
@MODEST
def test_removed_and_put_back_is_the_same_again(data: st.DataObject) -> None:
    words = Words()
    tree = a_tree(words, data)
    known = stored(numbered(tree))
    gone = data.draw(st.sets(st.sampled_from([node.node for node in known])))
    away = [replace(node, archived=node.node in gone) for node in known]
    found = match(away, flatten(numbered(tree)))
    assert found == {node.key: node.node for node in known}
    assert set(compare(away, flatten(numbered(tree)), found).added) == {n.key for n in known if n.node in gone}


def test_a_removed_node_comes_back_only_by_its_words() -> None:
    known = [Known(1, "milestone", "M1", "Alpha", None, 0, archived=True)]
    fresh = flatten(numbered([("Beta", [])]))
    assert match(known, fresh) == {}
    assert match(known, flatten(numbered([("Beta", []), ("alpha", [])]))) == {"M2": 1}


def test_exact_words_elsewhere_beat_like_words_at_home() -> None:
    old = numbered([("Alpha", [("One", ["Write the first report"]), ("Two", ["Sing"])])])
    new = numbered([("Alpha", [("One", ["Write the final report"]), ("Two", ["Sing", "Write the first report"])])])
    known = stored(old)
    ids = {node.key: node.node for node in known}
    found = match(known, flatten(new))
    assert found["1B.2"] == ids["1A.1"]
    assert "1A.1" not in found


def test_a_like_title_of_the_same_key_does_not_beat_the_title_itself() -> None:
    known = stored(numbered([("Demo day one", []), ("Demo day two", [])]))
    assert match(known, flatten(numbered([("Demo day two", [])]))) == {"M1": 2}


def test_a_title_kept_beats_a_key_kept_where_all_steps_are_new() -> None:
    old = numbered([("M", [("Polish the anchor", ["a b"]), ("Yodel at night", [])])])
    new = numbered([("M", [("Yodel at night", []), ("Polish the anchor", ["q z"])])])
    known = stored(old)
    ids = {node.key: node.node for node in known}
    found = match(known, flatten(new))
    assert (found["1A"], found["1B"]) == (ids["1B"], ids["1A"])


@given(st.text(max_size=20), st.text(max_size=20))
def test_likeness_is_a_share_and_fair(one: str, other: str) -> None:
    assert 0 <= likeness(one, other) <= 1
    assert likeness(one, other) == likeness(other, one)
    assert likeness(one, f"  {one.upper().lower()} ") == likeness(f"  {one.upper().lower()} ", one)
    assert likeness(one, one) == 1
