"""Units that weigh: percentages are of weights, counts stay counts."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from app.core.progress import Count, State, Unit, rollup
from app.core.tree import Milestone, Programme, Step, Task

STEPS = tuple(Step(f"1A.{n}", "") for n in range(1, 5))
TREE = Programme(
    "", date(2026, 11, 2), (Milestone("M1", "", (Task("1A", "", STEPS), Task("1B", ""))), Milestone("M2", ""))
)


def test_a_percentage_is_of_weights_and_the_counts_are_not() -> None:
    units = [
        Unit("1A", "done", "1A.1", 5),
        Unit("1A", "open", "1A.2", Fraction(1, 2)),
        Unit("1A", "excluded", "1A.3", 9),
    ]
    counts = rollup(TREE, units, {}).counts
    assert counts["1A"] == Count(1, 3, 1, 76.9, "measured", weights=(5, Fraction(13, 2)))  # 1A.4 weighs 1
    assert counts["M1"] == Count(1, 4, 1, 66.6, "measured", weights=(5, Fraction(15, 2)))  # and so does 1B
    assert rollup(TREE, units, {}).programme.percent == 66.6


def test_weights_add_up_over_milestones_and_straight_issues() -> None:
    units = [
        Unit("1A", "done", "1A.1"),
        Unit("M1", "done", weight=3),
        Unit("M1", "excluded", weight=8),
        Unit("M2", "open", weight=2),
    ]
    found = rollup(TREE, units, {})
    assert found.counts["1A"].weights is None
    assert found.counts["M1"] == Count(2, 6, 1, 50.0, "measured", weights=(4, 8))
    assert found.programme == Count(2, 7, 1, 40.0, "measured", weights=(4, 10))


def test_an_epic_that_is_closed_takes_all_of_its_weight_along() -> None:
    units = [Unit("1A", "done", "1A.1", 5), Unit("1A", "excluded", weight=7)]
    assert rollup(TREE, units, {"1A": "done"}).counts["M1"] == Count(4, 5, 1, 88.8, "measured", weights=(8, 9))
    assert rollup(TREE, units, {"1A": "excluded"}).counts["1A"].weights is None


def test_a_step_that_is_measured_twice_weighs_what_is_heavier() -> None:
    units = [Unit("1A", "done", "1A.1", 5), Unit("1A", "open", "1A.1")]
    for found in (units, units[::-1]):
        assert rollup(TREE, found, {}).counts["1A"].weights == (5, 8)


found_units = st.lists(
    st.builds(
        Unit,
        st.just("1A"),
        st.sampled_from(["open", "done", "excluded"]),
        st.sampled_from([*(step.key for step in STEPS), None]),
        st.integers(1, 5) | st.fractions(Fraction(1, 3), 5, max_denominator=4),
    ),
    max_size=8,
)


@given(found_units, st.none() | st.sampled_from(["open", "done", "excluded"]), st.integers(0, 99))
def test_weights_change_no_count_and_order_nothing(units: list[Unit], epic: State | None, seed: int) -> None:
    epics: dict[str, State] = {"1A": epic} if epic else {}
    weighed = rollup(TREE, units, epics)
    assert rollup(TREE, random.Random(seed).sample(units, len(units)), epics) == weighed
    plain = rollup(TREE, [replace(unit, weight=1) for unit in units], epics)
    for key, count in plain.counts.items():
        assert count.weights is None
        assert replace(weighed.counts[key], weights=None, percent=count.percent) == count
        assert (weighed.counts[key].percent == 100) == (count.percent == 100)
    alike = rollup(TREE, [replace(unit, weight=1) for unit in units if unit.step], epics)
    assert all(count.weights is None for count in alike.counts.values())
