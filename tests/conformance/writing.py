"""Writing: what was asked for is what is there, and nothing else has moved."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, timedelta
from typing import Any
from unittest import mock

import pytest

from app.core.plan import Observed, Shape, Value, canonical
from connectors.base import NotFound, Rejected, Unauthorized, Unavailable, Unsupported
from tests.conformance.bench import READ_ONLY, WRONG, Bench, Hands, still
from tests.conformance.needs import needs

TITLES = (
    "Größe, Ça va, 計画, خطة, план",
    "🚀 👩‍👩‍👧‍👦 ½ — “quoted” ‘too’",
    "\"quotes\", 'more', back\\slash, 100 % & more",
    "#12 1. - [ ] `code` *star* _under_ [a](b)",
    "x",
)
TEXT = """# Größe — 計画 🚀

A paragraph, “quoted”, with *stars*, `code`, a [link](https://example.org/?a=1&b=2) and <b>tags</b>.

- [ ] 1A.1 a box
- [x] 1A.2 a ticked one

```sh
echo "$HOME" | sed 's/\\\\/x/'
```

| a | b |
| --- | --- |
| 1 | خطة |

<!-- milepost:small/1A -->"""
DAYS = (date(2026, 3, 8), date(2026, 11, 1), date(2026, 12, 31), date(2027, 1, 1), date(2028, 2, 29))
ZONES = ("UTC", "Pacific/Kiritimati", "America/Los_Angeles")  # 0, +14, -8
# What each field is given by a create, and then by an update. None and () clear.
VALUES: dict[str, tuple[Value, Value]] = {
    "title": ("One title", "Another — 計画"),
    "description": ("Some words", "Other words\n\n- [ ] 1A.1 a box"),
    "milestone": ("MILESTONE", "OTHER"),
    "parent": ("PARENT", "ANOTHER"),
    "labels": (("epic", "größe"), ("epic", "two words")),
    "type": ("Task", "Bug"),
    "start": (date(2026, 11, 2), date(2026, 11, 3)),
    "due": (date(2026, 12, 31), date(2027, 1, 1)),
    "state": ("open", "closed"),
}
CLEARED: dict[str, Value] = {"labels": ()}
LASTING = ("title", "state")  # which can't be cleared


@contextmanager
def zone(name: str) -> Iterator[None]:
    """This machine's own time zone, meanwhile."""
    with mock.patch.dict("os.environ", TZ=name):
        time.tzset()
        try:
            yield
        finally:
            os.environ.pop("TZ")
            time.tzset()


def held(hands: Hands, item: Observed, name: str) -> Any:
    """The field of an observed object, in the words of what is asked for."""
    value = getattr(item, name)
    if name in ("milestone", "parent"):
        return next((key for key, ref in hands.refs.items() if ref.id == value and key in VALUES[name]), value)
    if name == "labels":
        return tuple(sorted(value))
    return canonical(value) if name == "description" else value


def as_held(name: str, value: Value) -> Value:
    if name == "labels" and isinstance(value, tuple):
        return tuple(sorted(value))
    return "" if name == "description" and value is None else value


def ready(bench: Bench, shape: Shape) -> Hands:
    """Hands with two milestones and two parents to choose from, where the shape takes them."""
    hands = bench.hands()
    if "milestone" in bench.fields[shape]:
        hands.milestone()
        hands.milestone("OTHER")
    if "parent" in bench.fields[shape]:
        hands.parent()
        hands.make("issue", "Another parent", "ANOTHER")
    return hands


def whole(bench: Bench, hands: Hands, shape: Shape) -> Observed:
    """An object with every field that it can have."""
    given = {name: VALUES[name][0] for name in sorted(bench.fields[shape])}
    given.pop("title")
    return hands.make(shape, "One title", **given)


def keeps_days(bench: Bench, shape: Shape, dated: Sequence[str]) -> None:
    """Each day comes back as it was sent, to us and to people, from a create and from an update."""
    hands = bench.hands()
    made = hands.make(shape, "Dated", **{name: DAYS[1] + timedelta(days=name == "due") for name in dated})
    assert all(getattr(made, name) == DAYS[1] + timedelta(days=name == "due") for name in dated)
    for day in DAYS:
        days = {name: day + timedelta(days=7 * (name == "due")) for name in dated}
        updated = hands.update(made, **days)
        for found in (updated, hands.read_one(made), bench.look(made.ref)):
            assert {name: getattr(found, name) for name in dated} == days


def keeps_text(bench: Bench, shape: Shape, size: int) -> None:
    """A text of that many characters comes back letter by letter, to us and to people."""
    line = "Wörter, 言葉 und mehr davon. " * 40 + "Ende.\n"
    text = (line * (size // len(line) + 1))[: size - 1] + "."
    hands = bench.hands()
    made = hands.make(shape, "Long", description=text)
    for found in (made.description, hands.read_one(made).description, bench.look(made.ref).text):
        assert len(found) == size
        assert found == text


class Writing:
    def test_a_create_gives_what_is_then_observed(self, bench: Bench, shape: Shape) -> None:
        hands = ready(bench, shape)
        mark = bench.mark()
        made = whole(bench, hands, shape)
        assert bench.creates(mark) == 1
        assert made.ref.shape == shape
        assert still(hands.read_one(made)) == still(made)
        for name in bench.fields[shape]:
            assert held(hands, made, name) == as_held(name, VALUES[name][0]), name

    def test_each_field_is_updated_and_cleared(self, bench: Bench, shape: Shape) -> None:
        hands = ready(bench, shape)
        made = whole(bench, hands, shape)
        for name in sorted(bench.fields[shape]):
            for value in (VALUES[name][1], *([] if name in LASTING else [CLEARED.get(name)])):
                after = hands.update(made, **{name: value})
                assert held(hands, after, name) == as_held(name, value), (name, value)
                assert still(hands.read_one(made)) == still(after), (name, value)

    def test_an_update_touches_only_the_fields_named(self, bench: Bench, shape: Shape) -> None:
        hands = ready(bench, shape)
        made = whole(bench, hands, shape)
        names = {one.name for one in fields(Observed)} - {"ref", "updated_at", "closed_at", "reason"}
        before = hands.read_one(made)
        for name in sorted(bench.fields[shape]):
            hands.update(made, **{name: VALUES[name][1]})
            after = hands.read_one(made)
            moved = {one for one in names if getattr(before, one) != getattr(after, one)}
            assert moved == {name}, f"an update of {name} changed {moved}"
            before = after

    def test_an_update_leaves_what_people_own(self, bench: Bench) -> None:
        hands = bench.hands()
        made = hands.make("issue", "Ours", description="Our words")
        bench.discuss(made.ref)
        bench.edit(made.ref, labels=["bug", "wanted"])
        before = bench.look(made.ref)
        hands.update(made, title="Ours, renamed", description="Our other words")
        after = bench.look(made.ref)
        assert (after.people, after.labels) == (before.people, ("bug", "wanted"))
        assert (after.title, after.text) == ("Ours, renamed", "Our other words")

    def test_what_is_not_named_is_not_made_up(self, bench: Bench, shape: Shape) -> None:
        made = bench.hands().make(shape, "Nothing but a title")
        seen = bench.hands().read()[made.ref.identity]
        assert (seen.title, seen.description, seen.state) == ("Nothing but a title", "", "open")
        assert (seen.labels, seen.milestone, seen.type, seen.start, seen.due) == ((), None, None, None, None)

    def test_a_repeated_update_changes_nothing(self, bench: Bench, shape: Shape) -> None:
        hands = ready(bench, shape)
        made = whole(bench, hands, shape)
        given = {name: VALUES[name][1] for name in bench.fields[shape]}
        hands.update(made, **given)
        first = hands.read()
        hands.update(made, **given)
        assert hands.read() == first

    def test_an_update_of_nothing_writes_nothing(self, bench: Bench, shape: Shape) -> None:
        hands = bench.hands()
        made = hands.make(shape, "As it is")
        mark = bench.mark()
        hands.update(made)
        assert still(hands.read_one(made)) == still(made)
        assert all(b'"As it is"' not in sent.body for sent in bench.since(mark))

    @pytest.mark.parametrize("title", TITLES)
    def test_titles_come_back_letter_by_letter(self, bench: Bench, shape: Shape, title: str) -> None:
        hands = bench.hands()
        made = hands.make(shape, title)
        assert (made.title, hands.read_one(made).title, bench.look(made.ref).title) == (title, title, title)
        assert hands.update(made, title=title[::-1]).title == title[::-1]

    def test_the_longest_title_fits_and_one_more_letter_is_refused(self, bench: Bench, shape: Shape) -> None:
        hands = bench.hands()
        longest = ("ä計" * 200)[: bench.open().capabilities().title_max]
        made = hands.make(shape, longest)
        assert hands.read_one(made).title == longest
        kept = len(bench.all())
        mark = bench.mark()
        with pytest.raises(Rejected) as caught:
            hands.make(shape, longest + "x")
        assert "title" in [problem.field for problem in caught.value.fields] or "title" in caught.value.message.lower()
        assert (bench.creates(mark), len(bench.all())) == (1, kept)

    def test_texts_come_back_letter_by_letter(self, bench: Bench, shape: Shape) -> None:
        hands = bench.hands()
        made = hands.make(shape, "Words", description=TEXT)
        assert canonical(hands.read_one(made).description) == canonical(TEXT) == canonical(bench.look(made.ref).text)
        windows = TEXT.replace("\n", "\r\n")  # as GitHub's own editor saves
        assert canonical(hands.update(made, description=windows).description) == canonical(TEXT)
        assert canonical(hands.read_one(made).description) == canonical(TEXT)

    def test_a_body_of_65_536_characters_comes_back_whole(self, bench: Bench, shape: Shape) -> None:
        keeps_text(bench, shape, 65_536)

    @needs("bodies of 1 MiB")
    def test_a_body_of_1_mib_comes_back_whole(self, bench: Bench, shape: Shape) -> None:
        keeps_text(bench, shape, 1_048_576)

    def test_a_body_over_the_limit_is_refused_and_nothing_is_made(self, bench: Bench) -> None:
        hands = bench.hands()
        most = bench.open().capabilities().description_max
        with pytest.raises(Rejected):
            hands.make("issue", "Too long", description="x" * (most + 1))
        assert bench.titled("Too long") == []

    @pytest.mark.parametrize("name", ZONES)
    def test_days_are_the_same_in_every_time_zone(self, bench: Bench, name: str) -> None:
        with zone(name):
            for shape in bench.shapes:
                if dated := [field for field in ("start", "due") if field in bench.fields[shape]]:
                    keeps_days(bench, shape, dated)

    def test_closing_and_reopening(self, bench: Bench, shape: Shape) -> None:
        hands = bench.hands()
        made = hands.make(shape, "To and fro")
        for state, reason in (
            ("closed", "completed"),
            ("open", None),
            ("closed", "completed"),
            ("closed", "completed"),
        ):
            after = hands.update(made, state=state)
            assert after.state == state
            assert after.reason == (None if shape == "milestone" else reason)
            assert still(hands.read_one(made)) == still(after)
            assert bench.look(made.ref).state == state

    def test_not_planned_is_closed_and_comes_back_as_such(self, bench: Bench, shape: Shape) -> None:
        hands = bench.hands()
        made = hands.make(shape, "Dropped")
        hands.update(made, state="not_planned")
        seen = hands.read_one(made)
        wanted = None if shape == "milestone" else "not_planned" if bench.tells_not_planned else "completed"
        assert (seen.state, seen.reason) == ("closed", wanted)
        assert hands.update(made, state="open").state == "open"
        assert hands.read_one(made).reason is None

    def test_a_duplicate_is_told_from_finished_work(self, bench: Bench) -> None:
        hands = bench.hands()
        made = hands.make("issue", "Twice")
        bench.edit(made.ref, state="duplicate")
        seen = hands.read_one(made)
        assert (seen.state, seen.reason) == ("closed", "duplicate")

    @pytest.mark.parametrize("state", ["closed", "not_planned"])
    def test_what_is_wanted_closed_is_made_closed(self, bench: Bench, shape: Shape, state: str) -> None:
        hands = bench.hands()
        hands.warm(shape)
        mark = bench.mark()
        made = hands.make(shape, "Finished", state=state)
        assert bench.creates(mark) == 1
        assert (made.state, bench.look(made.ref).state) == ("closed", "closed")
        assert still(hands.read_one(made)) == still(made)

    def test_each_write_is_announced_before_it_is_sent(self, bench: Bench, shape: Shape) -> None:
        hands, mark = ready(bench, shape), bench.mark()
        arrived: list[int] = []
        hands.connector.before_write = lambda: arrived.append(len(bench.writes(mark)))
        made = hands.make(
            shape, "Finished", state="closed", **{n: VALUES[n][0] for n in bench.fields[shape].difference(LASTING)}
        )
        hands.update(made, **{name: VALUES[name][1] for name in bench.fields[shape]})
        assert len(arrived) >= 2
        assert arrived == list(range(len(bench.writes(mark))))

    def test_labels_are_made_where_missing_and_once(self, bench: Bench) -> None:
        hands = bench.hands()
        for shape in bench.shapes:
            if "labels" in bench.fields[shape]:
                first = hands.make(shape, f"{shape} 1", labels=("epic", "two words", "größe"))
                second = hands.make(shape, f"{shape} 2", labels=("größe", "fresh"))
                assert sorted(hands.read_one(first).labels) == ["epic", "größe", "two words"]
                assert sorted(hands.read_one(second).labels) == ["fresh", "größe"]

    def test_what_a_shape_can_not_hold_is_unsupported_and_nothing_is_made(self, bench: Bench, shape: Shape) -> None:
        hands = ready(bench, shape)
        kept = len(bench.all())
        for name in {"milestone", "parent", "start"} - bench.fields[shape]:
            if (name, shape) in (("parent", "issue"), ("parent", "epic")):
                continue  # an issue or epic under another is of another shape
            with pytest.raises(Unsupported):
                hands.make(shape, f"With {name}", **{name: VALUES[name][0]})
        assert len(bench.all()) == kept

    def test_a_milestone_that_is_nowhere_is_refused_before_anything_is_sent(self, bench: Bench) -> None:
        hands = bench.hands()
        mark = bench.mark()
        with pytest.raises(Rejected) as caught:
            hands.make("issue", "Lost", milestone="M9")
        assert [problem.field for problem in caught.value.fields] == ["milestone"]
        assert bench.writes(mark) == []

    def test_titles_of_milestones_are_unique_and_the_refusal_says_so(self, bench: Bench) -> None:
        hands = bench.hands()
        made = hands.make("milestone", "M1 — Once")
        hands.update(made, state="closed")
        mark = bench.mark()
        with pytest.raises(Rejected) as caught:
            hands.make("milestone", "M1 — Once")
        assert ("title", "already_exists") in [(one.field, one.code) for one in caught.value.fields]
        assert (bench.creates(mark), len(bench.titled("M1 — Once"))) == (1, 1)

    @needs("children")
    def test_children_over_the_cap_are_unsupported_and_not_made(self, bench: Bench) -> None:
        hands = bench.hands()
        most = bench.open().capabilities().children_max
        parent = hands.parent()
        bench.fill(parent, most - 1)
        hands.make("child", "The last that fits")
        mark = bench.mark()
        with pytest.raises(Unsupported):
            hands.make("child", "One too many")
        assert bench.creates(mark) == 1
        assert bench.newest()[0].title == "The last that fits"

    @needs("epics")
    def test_children_of_an_epic_come_with_their_epic(self, bench: Bench) -> None:
        hands = bench.hands()
        epic = hands.make("epic", "The epic", "EPIC")
        hands.make("epic", "Another epic", "OTHER")
        mark = bench.mark()
        child = hands.make("child", "Its child", parent="EPIC", description="words")
        assert bench.creates(mark) == 1
        assert hands.read_one(child).parent == child.parent == epic.ref.id
        assert hands.update(child, parent="OTHER").parent == hands.refs["OTHER"].id
        assert hands.read_one(child).parent == hands.refs["OTHER"].id
        assert hands.update(child, parent=None).parent is None
        assert hands.read_one(child).parent is None

    def test_what_was_deleted_is_not_found(self, bench: Bench) -> None:
        hands = bench.hands()
        made = hands.make("issue", "Soon gone")
        bench.delete(made.ref)
        with pytest.raises(NotFound):
            hands.update(made, title="Back again")
        assert bench.titled("Back again") == []

    @pytest.mark.parametrize("token", [READ_ONLY, WRONG])
    def test_a_token_without_the_right_writes_nothing_and_is_told(self, bench: Bench, shape: Shape, token: str) -> None:
        able = ready(bench, shape)
        made = able.warm(shape)
        kept = bench.all()
        unable = bench.hands(bench.place(token))
        unable.refs |= able.refs
        mark = bench.mark()
        told = NotFound if token == READ_ONLY and shape in bench.hides_rights else Unauthorized
        with pytest.raises(told) as caught:
            unable.make(shape, "Not allowed")
        assert caught.value.hint
        assert bench.creates(mark) <= 1
        with pytest.raises(told):
            unable.update(made, title="Not allowed")
        assert bench.all() == kept

    def test_a_host_that_is_not_there_is_told_and_the_write_was_surely_not_sent(
        self, bench: Bench, shape: Shape
    ) -> None:
        able = ready(bench, shape)
        made = able.warm(shape)
        away = bench.hands(bench.place(base_url="http://127.0.0.1:9"))
        away.refs |= able.refs
        for write in (lambda: away.make(shape, "Lost"), lambda: away.update(made, title="Lost")):
            with pytest.raises(Unavailable) as caught:
                write()
            assert "127.0.0.1" in caught.value.message
        seen = away.connector.observe()
        assert (seen.complete, seen.objects, seen.cursor) == (False, (), None)
        assert "127.0.0.1" in seen.problem
