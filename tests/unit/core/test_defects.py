"""Defects by severity and age, and work that is overdue."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.defects import Defect, Owned, Severities, aged, burndown, overdue, severe, tallies

DAY = date(2026, 11, 2)
RULES = Severities({"sev-1": 1, "S1": 1, "sev-2": 2, "sev-3": 3}, (2, 7))


def day(number: int) -> date:
    return DAY + timedelta(days=number)


def defect(number: int, severity: int, opened: int, closed: int | None = None, milestone: str | None = "M1") -> Defect:
    return Defect(
        f"#{number}",
        severity,
        day(opened),
        None if closed is None else day(closed),
        "",
        "",
        milestone,
        RULES.allowed(severity),
    )


@pytest.mark.parametrize(
    ("labels", "want"),
    [((), None), (("bug",), None), (("bug", "sev-2"), 2), (("sev-3", "S1", "sev-2"), 1), (("SEV-1",), None)],
)
def test_the_worst_label_decides(labels: tuple[str, ...], want: int | None) -> None:
    assert RULES.of(labels) == want


def test_a_severity_beyond_the_days_may_stay_open() -> None:
    assert [RULES.allowed(severity) for severity in (1, 2, 3)] == [2, 7, None]
    assert Severities().of(["sev-1"]) is Severities().allowed(1) is None


def test_overdue_from_the_day_after_what_is_allowed() -> None:
    one = defect(1, 1, 0)
    assert [aged([one], day(n))[0].over for n in (0, 2, 3, 5)] == [0, 0, 1, 3]
    assert aged([one], day(-1)) == []
    assert [each.age for each in aged([defect(3, 3, 0)], day(99))] == [99]
    assert [each.over for each in aged([defect(3, 3, 0)], day(99))] == [0]


def test_the_most_pressing_comes_first() -> None:
    many = [defect(1, 3, 0), defect(2, 2, 5), defect(3, 1, 9), defect(4, 2, 0), defect(5, 1, 4), defect(6, 1, 0, 5)]
    assert [each.defect.key for each in aged(many, day(10))] == ["#5", "#4", "#3", "#2", "#1"]


def test_counts_by_milestone_and_severity() -> None:
    many = [
        defect(1, 1, 0), defect(2, 1, 0, 4), defect(3, 2, 1), defect(4, 1, 9, milestone=None),
        defect(5, 1, 11), defect(6, 3, 0, milestone="DM1"),
    ]  # fmt: skip
    found = [(t.milestone, t.severity, t.open, t.closed, t.overdue) for t in tallies(many, day(10))]
    assert found == [("DM1", 3, 1, 0, 0), ("M1", 1, 1, 1, 1), ("M1", 2, 1, 0, 1), (None, 1, 1, 0, 0)]
    assert severe(many, day(10)) == {"M1": 1, None: 1}
    assert severe(many, day(3)) == {"M1": 2}


def test_burndown_day_by_day() -> None:
    many = [defect(1, 1, -9), defect(2, 2, 1, 3), defect(3, 1, 1, 1), defect(4, 1, -9, 0), defect(5, 1, -9, -8)]
    found = burndown(many, day(0), day(3))
    assert [(d.day, d.open, d.opened, d.closed) for d in found] == [
        (day(0), 1, 0, 1), (day(1), 2, 2, 1), (day(2), 2, 0, 0), (day(3), 1, 0, 1),
    ]  # fmt: skip
    assert [dict(d.by_severity) for d in found] == [{1: 1, 2: 0}, {1: 1, 2: 1}, {1: 1, 2: 1}, {1: 1, 2: 0}]
    assert burndown(many, day(1), day(0)) == []
    assert burndown([], day(0), day(0))[0].open == 0


defects = st.lists(
    st.builds(
        lambda number, severity, opened, took, milestone: defect(
            number, severity, opened, None if took is None else opened + took, milestone
        ),
        st.integers(1, 99), st.integers(1, 3), st.integers(0, 12), st.none() | st.integers(0, 9),
        st.sampled_from(["M1", None]),
    ),
    max_size=12, unique_by=lambda each: each.key,
)  # fmt: skip


@given(defects, st.integers(-1, 20), st.integers(0, 12))
def test_whichever_way_they_are_counted_the_same_are_open(many: list[Defect], today: int, span: int) -> None:
    last = burndown(many, day(today - span), day(today))[-1]
    standing = [each for each in many if each.is_open(day(today))]
    assert last.open == len(standing) == len(aged(many, day(today)))
    assert last.open == sum(t.open for t in tallies(many, day(today)))
    assert last.by_severity.get(1, 0) == severe(many, day(today)).total()
    shuffled = random.Random(today).sample(many, len(many))
    assert aged(shuffled, day(today)) == aged(many, day(today))
    assert tallies(shuffled, day(today)) == tallies(many, day(today))
    assert burndown(shuffled, day(0), day(9)) == burndown(many, day(0), day(9))


def test_overdue_is_what_was_due_before_today() -> None:
    many = [
        Owned("b", "", ("ann",), day(0)), Owned("a", "", (), day(0)), Owned("c", "", (), day(-5)),
        Owned("today", "", (), day(3)), Owned("some day", "", ("bob",), None),
    ]  # fmt: skip
    assert [each.title for each in overdue(many, day(3))] == ["c", "a", "b"]
