"""Values that are made once for as long as their stamp is the same, however many ask."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from app.sync.kept import Kept


def test_what_many_ask_for_at_once_is_made_once() -> None:
    kept = Kept()
    made: list[int] = []

    def make() -> int:
        made.append(1)
        time.sleep(0.05)
        return len(made)

    def ask(stamp: int) -> int:
        with kept.shelf("small") as shelf:
            return shelf.part("figures", stamp, make)

    with ThreadPoolExecutor(12) as pool:
        assert set(pool.map(ask, [1] * 24)) == {1}
        assert set(pool.map(ask, [2] * 24)) == {2}


def test_one_shelf_holds_up_no_other() -> None:
    kept = Kept()
    with kept.shelf("slow"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(_ask, kept, "quick").result(5) == "quick"


def _ask(kept: Kept, name: str) -> str:
    with kept.shelf(name) as shelf:
        return shelf.part("figures", 1, lambda: name)


def test_what_fails_to_be_made_is_made_by_the_next() -> None:
    kept = Kept()
    for answer in (ZeroDivisionError, None):
        try:
            with kept.shelf("small") as shelf:
                found = shelf.part("figures", 1, lambda answer=answer: 1 / 0 if answer else "there")  # type: ignore[misc]
        except ZeroDivisionError:
            found = "failed"
    assert found == "there"


def test_those_not_asked_for_lately_make_room() -> None:
    kept = Kept(most=100)
    made: list[str] = []

    def ask(name: str, lines: int) -> None:
        with kept.shelf(name) as shelf:
            shelf.lines = lines
            shelf.part("figures", 1, lambda: made.append(name))

    for name, lines in (("a", 40), ("b", 40), ("a", 40), ("c", 40), ("a", 40), ("b", 40)):
        ask(name, lines)
    assert made == ["a", "b", "c", "b"]
    ask("large", 1000)  # alone it may be larger
    ask("large", 1000)
    assert made == ["a", "b", "c", "b", "large"]


def test_of_names_that_nothing_is_made_for_nothing_stays() -> None:
    """Whoever asks for programmes that there are none of fills no memory."""
    kept = Kept()
    for number in range(1000):
        with suppress(LookupError), kept.shelf(f"none-{number}"):
            raise LookupError
    assert len(kept) == 0
    assert _ask(kept, "small") == "small"
    assert len(kept) == 1
