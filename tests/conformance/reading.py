"""Reading: everything once, nothing written, and never more claimed than was read."""

from __future__ import annotations

import pytest

from app.core.plan import Shape
from connectors.base import Cursor, Unauthorized
from mappings import body
from tests.conformance.bench import READ_ONLY, WRONG, Bench
from tests.conformance.needs import needs


class Reading:
    def test_an_empty_scope_is_whole_and_empty(self, bench: Bench) -> None:
        connector = bench.open()
        seen = connector.observe()
        assert (seen.objects, seen.complete, seen.full, seen.problem) == ((), True, True, "")
        assert seen.cursor
        assert seen.requests == len(bench.since(0)[-seen.requests :]) > 0
        assert connector.observe(seen.cursor).objects == ()
        assert bench.writes(bench.began) == []

    def test_the_declared_shapes_and_fields_are_what_it_can_hold(self, bench: Bench) -> None:
        holds = bench.open().capabilities()
        assert ("child" in bench.shapes, "epic" in bench.shapes) == (holds.children, holds.epics)
        assert ("start" in bench.fields["milestone"]) == holds.start_dates
        assert ("type" in bench.fields["issue"]) == bool(holds.types)
        assert set(bench.fields) == set(bench.shapes)

    def test_capabilities_are_asked_once_and_write_nothing(self, bench: Bench) -> None:
        connector = bench.open()
        first, asked = connector.capabilities(), bench.mark()
        assert connector.capabilities() == first
        assert bench.since(asked) == []
        assert bench.writes(bench.began) == []
        assert min(first.title_max, first.description_max, first.levels) > 0
        assert (first.children_max > 0) == first.children

    def test_observing_twice_is_equal_and_writes_nothing(self, bench: Bench) -> None:
        hands = bench.hands()
        hands.milestone()
        for shape in bench.shapes:
            hands.make(shape, f"A {shape}", description="words")
        bench.add("Added by people", text="theirs", milestone=hands.refs["MILESTONE"])
        mark = bench.mark()
        first = hands.connector.observe()
        second = hands.connector.observe()
        assert first.objects == second.objects != ()
        assert (first.complete, first.full) == (second.complete, second.full) == (True, True)
        assert bench.open().observe().objects == first.objects
        assert bench.writes(mark) == []

    def test_the_count_of_requests_is_true(self, bench: Bench) -> None:
        mark = bench.mark()
        hands = bench.hands()
        for shape in bench.shapes:
            made = hands.make(shape, f"A {shape}")
            hands.update(made, title=f"Another {shape}")
        seen = hands.connector.observe()
        assert hands.connector.requests == len(bench.since(mark))
        mark = bench.mark()
        assert hands.connector.observe(seen.cursor).requests == len(bench.since(mark))

    def test_what_people_made_is_seen(self, bench: Bench) -> None:
        inside = bench.add_milestone("By hand")
        free, held = bench.add("Free", text="Their words — 言葉"), bench.add("Held", milestone=inside)
        bench.edit(held, labels=["bug", "größe"])
        found = bench.hands().read()
        assert found[inside.identity].title == "By hand"
        assert (found[free.identity].description, found[free.identity].milestone) == ("Their words — 言葉", None)
        assert (found[held.identity].milestone, sorted(found[held.identity].labels)) == (inside.id, ["bug", "größe"])
        assert len(found) == 3

    def test_an_incremental_read_shows_what_changed_and_idle_nothing_new(self, bench: Bench) -> None:
        bench.seed(3, 1)
        hands = bench.hands()
        whole = hands.connector.observe()
        idle = hands.connector.observe(whole.cursor)
        assert (idle.complete, idle.full) == (True, False)
        known = {item.ref.identity: item for item in whole.objects}
        assert all(known[item.ref.identity] == item for item in idle.objects)
        ref = bench.add("A new one")
        closed = next(item for item in whole.objects if item.title == "Issue 2")
        bench.edit(closed.ref, state="closed")
        seen = hands.connector.observe(idle.cursor)
        found = {item.ref.identity: item for item in seen.objects}
        assert (seen.complete, seen.full) == (True, False)
        assert found[ref.identity].title == "A new one"
        assert found[closed.ref.identity].state == "closed"

    @pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"v": 99}', "null"])
    def test_a_cursor_it_can_not_read_reads_everything(self, bench: Bench, text: str) -> None:
        bench.seed(2)
        seen = bench.open().observe(Cursor(text))
        assert (seen.full, seen.complete, len(seen.objects)) == (True, True, 2)

    def test_what_people_deleted_is_gone_from_a_whole_read(self, bench: Bench) -> None:
        kept, gone = bench.add("Kept"), bench.add("Gone")
        hands = bench.hands()
        assert set(hands.read()) == {kept.identity, gone.identity}
        bench.delete(gone)
        assert set(hands.read()) == {kept.identity}

    @pytest.mark.parametrize("many", [250, 2_500])
    def test_many_objects_all_come_once(self, bench: Bench, many: int) -> None:
        bench.seed(many, many // 10)
        mark = bench.mark()
        found = bench.hands().read()  # which sees to it that none comes twice
        titles = {item.title for item in found.values()}
        wanted = {f"Issue {n}" for n in range(1, many + 1)} | {f"Milestone {n}" for n in range(1, many // 10 + 1)}
        assert titles == wanted
        assert len(found) == len(wanted)
        assert len(bench.since(mark)) <= many // 100 + many // 1_000 + 6  # pages of a hundred

    @pytest.mark.parametrize("inside", [0, 1, 7])
    def test_counts_are_known_including_zero(self, bench: Bench, inside: int) -> None:
        """What counts is told by each object: how many a milestone holds, open, done and dropped."""
        here, elsewhere = bench.add_milestone("Here"), bench.add_milestone("Elsewhere")
        made = [bench.add(f"Work {n}", milestone=here) for n in range(inside)]
        for ref in made[: inside // 2]:
            bench.edit(ref, state="closed")
        bench.add("Not in any")
        found = bench.hands().read().values()
        held = [item for item in found if item.milestone == here.id]
        assert len(held) == inside
        assert sum(item.state == "closed" for item in held) == inside // 2
        assert [item for item in found if item.milestone == elsewhere.id] == []
        assert len(found) == 3 + inside

    @needs("pull requests in lists")
    def test_pull_requests_are_never_observed(self, bench: Bench) -> None:
        here = bench.add_milestone("Here")
        issue = bench.add("An issue", milestone=here)
        for n in range(3):
            bench.pull_request(f"A change {n}", here)
        hands = bench.hands()
        assert set(hands.read()) == {here.identity, issue.identity}
        cursor = hands.connector.observe().cursor
        bench.pull_request("A late change", here)
        assert "A late change" not in [item.title for item in hands.connector.observe(cursor).objects]

    def test_the_marker_comes_back_with_its_reference(self, bench: Bench, shape: Shape) -> None:
        hands = bench.hands()
        text = f"Why.\n\n{body.marker('small', 'M1')}"
        made = hands.make(shape, "Marked", description=text)
        bench.add("Not marked")
        marked = [item for item in hands.read().values() if body.marks(item.description, "small")[0]]
        assert [item.ref for item in marked] == [made.ref]
        assert body.marks(marked[0].description, "small")[0] == ("M1",)
        assert made.ref.url.startswith(bench.site.url)

    def test_a_child_comes_with_its_parent_and_milestone(self, bench: Bench, shape: Shape) -> None:
        hands = bench.hands()
        milestone = hands.milestone()
        more = {"milestone": "MILESTONE"} if "milestone" in bench.fields[shape] else {}
        made = hands.make(shape, "One", **more)
        seen = hands.read_one(made)
        assert seen.ref.shape == shape
        assert seen.milestone == (milestone.id if more else None)
        assert seen.parent == (hands.refs["PARENT"].id if shape == "child" else None)

    def test_a_wrong_token_is_told_at_once(self, bench: Bench) -> None:
        connector = bench.open(bench.place(WRONG))
        with pytest.raises(Unauthorized) as caught:
            connector.observe()
        assert caught.value.hint

    def test_a_check_says_what_is_wrong_and_writes_nothing(self, bench: Bench) -> None:
        with bench.alone() as quiet:
            good = quiet.open().check()
            assert good
            assert [finding for finding in good if not finding.ok] == []
            for place in (
                quiet.place(WRONG),
                quiet.place(READ_ONLY),
                quiet.place(path=quiet.nowhere),
                quiet.place(base_url="http://127.0.0.1:9"),
            ):
                bad = [finding for finding in quiet.open(place).check() if not finding.ok]
                assert bad
                assert all(finding.mend for finding in bad)
            assert quiet.writes(quiet.began) == []
