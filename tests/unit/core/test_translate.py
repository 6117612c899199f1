"""Which object is which node, and what it counts as."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from app.core.plan import Line, Link, Observed, Ref, Section
from app.core.progress import Unit
from app.core.tree import Milestone, Programme, Step, Task
from app.db.trees import Tree
from app.sync import translate
from app.sync.translate import Measured
from mappings import body

SLUG = "p"
TASK = Task("1A", "Task", (Step("1A.1", "Draft"), Step("1A.2", "Ship")))
OTHER = Task("2A", "Other", (Step("2A.1", "Sail"),))
TREE = Tree(
    1,
    SLUG,
    Programme("P", date(2026, 1, 5), (Milestone("M1", "One", (TASK,)), Milestone("M2", "Two", (OTHER,)))),
    {"M1": 1, "1A": 2, "1A.1": 3, "1A.2": 4, "M2": 5, "2A": 6, "2A.1": 7},
    {8: ("1B", "task"), 9: ("M1", "milestone")},
)
LINES = Section("", (Line(3, "1A.1", "Draft"), Line(4, "1A.2", "Ship")))
M1, M2, GONE = Ref("milestone", "1", 1), Ref("milestone", "2", 2), Ref("milestone", "3", 3)
A1, B1, CHILD = Ref("issue", "10", 10), Ref("issue", "11", 11), Ref("child", "12", 12)
LINKS = [
    Link(1, "M1", "milestone", M1),
    Link(2, "1A", "task", A1, section=LINES),
    Link(5, "M2", "milestone", M2),
    Link(8, "1B", "task", B1, archived=True),
    Link(9, "M1", "milestone", GONE, archived=True),
]
TEXT = body.merge("", SLUG, "1A", LINES, Section(), {4: True})


def issue(number: int, **more: Any) -> Observed:
    return Observed(Ref("issue", str(number), number), f"Issue {number}", **more)


def own() -> list[Observed]:
    return [
        Observed(M1, "M1 — One", body.marker(SLUG, "M1")),
        Observed(M2, "M2 — Two", body.marker(SLUG, "M2"), state="closed"),
        Observed(A1, "1A — Task", TEXT, milestone="1"),
    ]


def measure(*more: Observed, links: list[Link] | None = None) -> Measured:
    return translate.measure([*own(), *more], LINKS if links is None else links, TREE)


TICKS = [Unit("1A", "open", "1A.1"), Unit("1A", "done", "1A.2")]


def test_own_objects() -> None:
    found = measure()
    assert found.units == TICKS
    assert found.epics == {"1A": "open"}
    assert found.refs == {"M1": M1, "M2": M2, "1A": A1}
    assert found.closed == {"M1": False, "M2": True}
    assert found.issues == {"M1": {"open": 1}}
    assert found.finished == {}


def test_states() -> None:
    for state, reason, want in (
        ("open", None, "open"),
        ("open", "completed", "open"),
        ("closed", "completed", "done"),
        ("closed", None, "done"),
        ("closed", "not_planned", "excluded"),
        ("closed", "duplicate", "excluded"),
        ("closed", "moved", "excluded"),
    ):
        assert translate.state_of(issue(1, state=state, reason=reason)) == want
        item = replace(own()[2], state=state, reason=reason)
        assert translate.measure([item], LINKS, TREE).epics == {"1A": want}


def test_added_issues_count_once_wherever_they_were_put() -> None:
    under = issue(20, parent="10")
    both = issue(21, parent="10", milestone="1", state="closed")
    straight = issue(22, milestone="1", state="closed", reason="not_planned")
    found = measure(under, both, straight)
    assert found.units == [*TICKS, Unit("1A", "open"), Unit("1A", "done"), Unit("M1", "excluded")]
    assert found.issues == {"M1": {"open": 1}}  # Milepost's own alone


def test_what_is_nobody_s_unit() -> None:
    assert measure(
        issue(30),
        issue(31, milestone="77"),
        issue(32, parent="77"),
        issue(33, parent="other/repo#10"),
        issue(34, milestone="3"),  # a removed milestone, though another is called M1 now
        Observed(B1, "1B", milestone="1"),
            issue(35, parent="11", milestone="1"),  # under a removed task's issue
        issue(36, milestone="1", description=TEXT),  # a copy of ours
        issue(37, parent="10", description=body.marker("other", "1A")),  # another programme's
        Observed(Ref("milestone", "10", 10), "a milestone of the same number", milestone="1", parent="10"),
    ).units == TICKS  # fmt: skip


def test_an_issue_under_a_step_s_issue_is_that_unit_s_detail() -> None:
    links = [*LINKS, Link(3, "1A.1", "step", CHILD)]
    step = Observed(CHILD, "1A.1 Draft", body.marker(SLUG, "1A.1"), "closed", "completed", "1", "10")
    detail = issue(40, parent="12", milestone="1")
    found = translate.measure(
        [*own(), step, detail], [*links[:1], replace(links[1], section=Section()), *links[2:]], TREE
    )
    assert found.units == [Unit("1A", "done", "1A.1")]
    assert found.issues == {"M1": {"open": 1, "closed": 1}}
    assert found.refs["1A.1"] == CHILD


def test_a_line_whose_step_the_roadmap_dropped_counts_no_more() -> None:
    section = Section("", (*LINES.lines, Line(99, "1A.3", "Gone")))
    text = body.merge("", SLUG, "1A", section, Section(), {99: True, 4: True})
    links = [replace(link, section=section) if link.node == 2 else link for link in LINKS]
    assert translate.measure([Observed(A1, "1A", text)], links, TREE).units == TICKS


def test_removed_and_unseen_objects_count_for_nothing() -> None:
    found = translate.measure([Observed(B1, "1B", TEXT, milestone="1"), Observed(GONE, "M1")], LINKS, TREE)
    assert found == Measured()
    assert translate.measure([], LINKS, TREE) == Measured()
    assert translate.measure(own(), [Link(2, "1A", "task", None)], TREE) == Measured()


def test_the_day_of_the_last_close_in_a_milestone() -> None:
    def at(day: int) -> datetime:
        return datetime(2026, 11, day, tzinfo=UTC)

    first = issue(50, milestone="1", state="closed", closed_at=at(3))
    last = issue(51, milestone="1", state="closed", closed_at=at(9))
    for order in ((first, last), (last, first)):
        assert measure(*order, issue(52, milestone="1")).finished == {"M1": last}


# Which object is which node


def names(*observed: Observed, links: list[Link] | None = None) -> dict[str, tuple[Any, Any]]:
    found = translate.found(list(observed), LINKS if links is None else links, translate.marks(observed, SLUG))
    return {item.ref.id: (item.fields["milestone"], item.fields["parent"]) for item in found}


def test_places_are_told_as_keys() -> None:
    assert names(*own(), issue(60, milestone="2", parent="10"))["60"] == ("M2", "1A")
    assert names(*own(), issue(60, milestone="77", parent="78"))["60"] == ("#77", "#78")
    assert names(issue(60))["60"] == (None, None)


def test_a_removed_milestone_is_not_taken_for_a_new_one_of_its_key() -> None:
    """Else its tasks would stay in it: the plan would see them where it wants them."""
    assert names(*own(), issue(60, milestone="3"))["60"] == ("#9", None)  # as a link's base says it: "#" and the node


def test_without_links_a_marker_names_an_object_unless_two_carry_it() -> None:
    inside = issue(60, parent="10", milestone="1")
    assert names(*own(), inside, links=[])["60"] == ("M1", "1A")
    copy = issue(61, description=TEXT)
    assert names(*own(), inside, copy, links=[])["60"] == ("M1", "#10")
    linked = [Link(2, "1A", "task", A1)]
    assert names(*own(), issue(62, parent="61"), copy, links=linked)["62"] == (None, "#61")
    twice = replace(own()[2], description=f"{TEXT}\n\n{TEXT}")
    assert names(twice, inside, links=[])["60"][1] == "1A"
    two = replace(own()[2], description=f"{TEXT}\n{body.marker(SLUG, '9Z')}")
    assert names(two, inside, links=[])["60"][1] == "#10"


def test_marks_and_fields_are_as_observed() -> None:
    item = replace(own()[2], labels=("b", "a"), due=date(2026, 1, 1), description=f"{TEXT}\r\n{body.marker('q', 'X')}")
    (found,) = translate.found([item], [], translate.marks([item], SLUG))
    assert (found.marks, found.foreign) == (("1A",), True)
    assert found.fields["description"] == item.description
    assert (found.fields["labels"], found.fields["due"], found.fields["start"]) == (("b", "a"), date(2026, 1, 1), None)
