"""How alike is alike enough: what counts for a milestone or task, what for a step, and what where there is too much."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

import pytest

from app.core.tree import Milestone, Programme, Step, Task, Window
from app.core.versions import MOST_PAIRS, Changes, Fresh, Known, compare, flatten, likeness, match

OLD = ("Draft a charter", "Sign the mooring permits", "Open an account", "Raise the mast")
OTHER = ("Weld the hull", "Buy forty lamps", "Ring the harbour", "Fly home")


def tree(*tasks: Task, **more: str) -> Programme:
    return Programme("p", date(2026, 1, 1), (Milestone("M1", "Ground", tasks, **more),))  # type: ignore[arg-type]


def task(key: str, title: str, *steps: str) -> Task:
    return Task(key, title, tuple(Step(f"{key}.{n}", words) for n, words in enumerate(steps, start=1)))


def stored(programme: Programme) -> list[Known]:
    rows = flatten(programme)
    ids = {row.key: number for number, row in enumerate(rows, start=1)}
    return [Known(ids[r.key], r.kind, r.key, r.title, ids.get(r.parent or ""), r.position, r.text) for r in rows]


def matched(old: Programme, new: Programme) -> dict[str, str]:
    """New key -> old key."""
    known = stored(old)
    keys = {node.node: node.key for node in known}
    return {key: keys[node] for key, node in match(known, flatten(new)).items()}


def changed(old: Programme, new: Programme) -> Changes:
    known, fresh = stored(old), flatten(new)
    return compare(known, fresh, match(known, fresh))


def test_a_tree_as_rows_holds_every_word_that_can_change() -> None:
    window = Window("Weeks 0–2", date(2026, 1, 1), date(2026, 1, 15))
    steps = (Step("1A.1", "Draft", detail="in ink"), Step("1A.2", "Sign"))
    milestones = (
        Milestone("M1", "Ground", (Task("1A", "Mobilise", steps, "Why"),), "Aim", window),
        Milestone("M2", "Sky"),
    )
    assert flatten(Programme("p", date(2026, 1, 1), milestones)) == [
        Fresh("milestone", "M1", "Ground", None, 0, "Aim\nWeeks 0–2"),
        Fresh("task", "1A", "Mobilise", "M1", 0, "Why"),
        Fresh("step", "1A.1", "Draft", "1A", 0, "in ink"),
        Fresh("step", "1A.2", "Sign", "1A", 1, ""),
        Fresh("milestone", "M2", "Sky", None, 1, "\n"),
    ]


was, now = partial(task, "1A"), partial(task, "9Z")


@pytest.mark.parametrize(
    ("reason", "old", "new", "same"),
    [
        ("its key alone", task("1A", "Mobilise"), task("1A", "Xyz"), True),
        ("half of its steps, other key", was("Mobilise crew", *OLD), now("Move a crew", *OLD[:2], *OTHER[:2]), True),
        ("half of its steps, the longer one before", was("Mobilise crew", *OLD), now("Move a crew", *OLD[:2]), True),
        ("half of its steps, the longer one after", was("Mobilise crew", *OLD[:2]), now("Move a crew", *OLD), True),
        ("a quarter of its steps", was("Mobilise crew", *OLD), now("Move a crew", OLD[0], *OTHER[:3]), False),
        ("a quarter, the longer one before", was("Mobilise crew", *OLD), now("Move a crew", OLD[0]), False),
        ("a quarter, the longer one after", was("Mobilise crew", OLD[0]), now("Move a crew", *OLD), False),
        ("half of its title and none of its steps", was("Mobilise crew"), now("Move a crew"), False),
        ("nearly its title", was("Mobilise the crew"), task("9Z", "Mobilise the crews"), True),
        ("its title in another order of words", task("1A", "the crew Mobilise"), task("9Z", "Mobilise the crew"), True),
        ("other case and spaces", task("1A", "Mobilise  THE crew"), task("9Z", "mobilise the crew"), True),
    ],
)  # fmt: skip
def test_a_task_is_known_by(reason: str, old: Task, new: Task, same: bool) -> None:
    assert (new.key in matched(tree(old), tree(new))) == same, reason


def test_the_very_title_counts_less_where_every_step_is_another() -> None:
    old = tree(task("1A", "Review", *OLD), task("1B", "Report", *OTHER))
    swapped = tree(task("1A", "Report", *OLD), task("1B", "Review", *OTHER))
    assert matched(old, swapped)["1A"] == "1A"
    assert matched(old, swapped)["1A.1"] == "1A.1"
    empty = tree(task("1A", "Report"), task("1B", "Review"))
    assert matched(old, empty) == {"M1": "M1", "1A": "1B", "1B": "1A"}
    assert matched(empty, old) == {"M1": "M1", "1A": "1B", "1B": "1A"}


def test_of_steps_equally_alike_the_nearer_is_the_one() -> None:
    old = tree(task("1A", "t", "Check seal 1", *OTHER, "Check seal 2"))
    assert matched(old, tree(task("1A", "t", *OTHER, "Check seal 3")))["1A.5"] == "1A.6"
    assert matched(old, tree(task("1A", "t", "Check seal 3", *OTHER)))["1A.1"] == "1A.1"


@pytest.mark.parametrize(
    ("words", "other", "same"),
    [
        ("abcdefghij", "abcdefghij", True),
        ("abcdefghij", "abcdefxxxx", True),  # just alike enough at home
        ("abcdefghij", "abcdexxxxx", False),
    ],
)
def test_a_step_at_home_is_known_by_six_tenths_of_its_words(words: str, other: str, same: bool) -> None:
    old = tree(task("1A", "t", OTHER[0], words))
    assert matched(old, tree(task("1A", "t", other)))["1A.1"] == ("1A.2" if same else "1A.1")  # else by its place


def test_a_step_elsewhere_must_be_all_but_the_same() -> None:
    old = tree(task("1A", "one", "Order forty sets", *OLD), task("1B", "two", *OTHER))
    assert matched(old, tree(task("1A", "one", *OLD), task("1B", "two", *OTHER, "Order forty seats")))["1B.5"] == "1A.1"
    assert "1B.5" not in matched(old, tree(task("1A", "one", *OLD), task("1B", "two", *OTHER, "Order some seats")))


def test_what_is_new_hides_no_change_after_it() -> None:
    old = tree(task("1A", "Mobilise", *OLD), task("1B", "Choose", *OTHER))
    new = tree(task("1C", "Quite another thing"), task("1B", "Choose it", *OTHER), task("1A", "Mobilise", *OLD))
    assert changed(old, new) == Changes(added=("1C",), renamed=("1B",), moved=("1B",))


def test_what_is_removed_is_told_in_document_order() -> None:
    whole = Programme(
        "p",
        date(2026, 1, 1),
        (Milestone("M1", "Ground", (task("1A", "a", "x"), task("1B", "b"))), Milestone("M2", "Sky")),
    )
    none = Programme("p", date(2026, 1, 1))
    assert changed(whole, none) == Changes(removed=("M1", "1A", "1A.1", "1B", "M2"))
    archived = [replace(node, archived=True) for node in stored(whole)]
    assert compare(archived, [], {}) == Changes()


def test_where_there_is_too_much_to_look_at_the_very_words_decide_and_then_the_key() -> None:
    count = int(MOST_PAIRS**0.5) + 8
    old = tree(*(task(f"{n}A", f"Number {n}") for n in range(count)), task("T", "Last", "Order forty sets"))
    new = [task(f"{n}B", f"number  {n}") for n in range(count - 1, 2, -1)]
    found = matched(old, tree(*new, task("2A", "Xyz"), task("T", "Last", "Order forty sets now")))
    assert {key: was for key, was in found.items() if key.endswith("B")} == {f"{n}B": f"{n}A" for n in range(3, count)}
    assert found["2A"] == "2A"
    assert found["T.1"] == "T.1"  # of the steps there are few: they are looked at as ever


def test_likeness_knows_words_in_any_order() -> None:
    assert likeness("Raise the mast", "the mast  RAISE") == 1
    assert likeness("ab", "cd") == 0
    assert likeness("abcd", "abxx") == 0.5
