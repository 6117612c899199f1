"""What a tree looks like as a document, character by character: words stay as readable as their place lets them."""

from __future__ import annotations

from datetime import date

import pytest

from app.core.tree import Milestone, Programme, Step, Task, Window
from mappings.roadmap import Figure, RoadmapRefused, read, render, write_back

START, DAY = date(2026, 11, 2), date(2025, 1, 7)
DONE: dict[str, object] = {"declared_percent": 100.0, "completed": True}
DATED = "x — done 2025-01-07"


def spelled(text: str) -> str:
    return "".join(f"&#{ord(char)};" for char in text)


ANYWHERE = [
    # words that are written the same way wherever they stand
    ("a", "a"),
    ("a_b", "a_b"),
    ("é中?", "é中?"),
    ("a & b", "a & b"),
    ("a  b", "a  b"),
    ("a | b", "a | b"),
    ("x 🚧 y", "x 🚧 y"),
    ("#1 in it", "\\#1 in it"),
    ("1. first", "1\\. first"),
    ("1) first", "1\\) first"),
    ("- dash, and (more)", "\\- dash, and \\(more\\)"),
    ("/close", "\\/close"),
    ("'quoted' \"twice\"", "\\'quoted' \"twice\""),
    ("[x] y", "\\[x\\] y"),
    ("`a*b`", "\\`a\\*b\\`"),
    ("(✅ Completed 2025-01-07)", "\\(&#9989; Completed 2025-01-07\\)"),
    ("🚧 y", "&#128679; y"),
    (" a", "&#32;a"),
    ("a ", "a&#32;"),
    (" a  b ", "&#32;a &#32;b&#32;"),
    (" a b", "&#32;a b"),
    ("*a b", "\\*a b"),
    ("a\tb", "a&#9;b"),
    ("a\nb", "a&#10;b"),
    ("a\u2028b\x00", "a&#8232;b&#0;"),
    ("a\\", "a\\\\"),
    ("*", "\\*"),
    ("...", "\\.\\.\\."),
]


@pytest.mark.parametrize(("words", "want"), ANYWHERE)
def test_words_that_would_be_taken_for_markup_are_escaped(words: str, want: str) -> None:
    tree = Programme(
        words, START, (Milestone("M1", words, (Task("1A", words, (Step("1A.1", words),)),), words, Window(words)),)
    )
    assert render(tree) == (
        f"# {want}\n\n### Milestone M1 — {want}\n- **Target Window:** {want}\n- **Objective:** {want}\n- **Tasks:**\n"
        f"  - **Task 1A — {want}**\n    1. {want}\n\n"
    )


@pytest.mark.parametrize(
    ("words", "programme", "milestone", "task", "objective", "prerequisite"),
    [
        ("ends #", spelled("ends #"), spelled("ends #"), "ends #", "ends #", "ends #"),
        ("M1 — M2", spelled("M1 — M2"), "M1 — M2", "M1 — M2", "M1 — M2", spelled("M1 — M2")),
        ("Plan *now*", "Plan *now*", "Plan *now*", "Plan \\*now\\*", "Plan *now*", "Plan *now*"),
        ("at (40%)", "at (40%)", "at \\(40\\%\\)", "at \\(40\\%\\)", "at (40%)", "at (40%)"),
        ("at (done)", "at (done)", "at \\(done\\)", "at \\(done\\)", "at (done)", "at (done)"),
        ("depends on x", "depends on x", "depends on x", spelled("depends on x"), "depends on x", "depends on x"),
        ("a, b; c", "a, b; c", "a, b; c", "a, b; c", "a, b; c", spelled("a, b; c")),
        ("x — done 2025-01-07", DATED, spelled(DATED), spelled(DATED), DATED, DATED),
        ("none", "none", "none", "none", "none", spelled("none")),
        ("All previous", "All previous", "All previous", "All previous", "All previous", spelled("All previous")),
        ("and more", "and more", "and more", "and more", "and more", spelled("and more")),
        ("before", "before", "before", "before", "before", spelled("before")),
        ("after", "after", "after", "after", "after", spelled("after")),
        ("&#65;", "\\&\\#65;", "\\&\\#65;", "\\&\\#65;", "\\&\\#65;", spelled("&#65;")),
    ],
)  # fmt: skip
def test_what_only_one_place_would_take_for_something_else_is_escaped_there(
    words: str, programme: str, milestone: str, task: str, objective: str, prerequisite: str
) -> None:
    only = Milestone("M1", words, (Task("1A", words),), words, prerequisites=(words,))
    assert render(Programme(words, START, (only,))) == (
        f"# {programme}\n\n### Milestone M1 — {milestone}\n- **Objective:** {objective}\n"
        f"- **Dependencies:** {prerequisite}\n- **Tasks:**\n  - **Task 1A — {task}**\n\n"
    )


def test_nothing_is_written_as_nothing() -> None:
    assert render(Programme("", START)) == ""
    assert render(Programme("Plan", START)) == "# Plan\n\n"
    assert render(Programme("", START, (Milestone("M1", "", window=Window("")),))) == "### Milestone M1\n\n"


@pytest.mark.parametrize("words", ["n/a", "None", "—"])
def test_a_window_that_says_nothing_in_a_dialect_still_says_its_words(words: str) -> None:
    tree = Programme("", START, (Milestone("M1", "x", window=Window(words)),))
    assert render(tree) == f"### Milestone M1 — x\n- **Target Window:** {spelled(words)}\n\n"


@pytest.mark.parametrize(
    ("window", "want"),
    [
        (Window("Week 2", None, date(2026, 11, 16)), "Week 2"),
        (Window("Week 2", None, date(2027, 1, 1)), "2027-01-01"),
        (Window("Week 2", date(2026, 12, 1), date(2027, 1, 1)), "2026-12-01 – 2027-01-01"),
        (Window("soon"), "soon"),
        (Window("soon", date(2026, 12, 1)), "soon"),
        (Window("", None, date(2027, 1, 1)), "2027-01-01"),
    ],
)
def test_a_window_gives_its_dates(window: Window, want: str) -> None:
    assert f"\n- **Target Window:** {want}\n" in render(Programme("", START, (Milestone("M1", "x", window=window),)))


@pytest.mark.parametrize(
    ("more", "heading"),
    [
        ({"declared_percent": 12.0}, "x (12% complete)"),
        ({"declared_percent": 0.0}, "x (0% complete)"),
        ({"declared_percent": 12.5}, "x (12.5% complete)"),
        (DONE, "x (100% complete)"),
        ({"declared_percent": 99.0, "completed": True}, "x (99% complete) *(✅ Completed)*"),
        (DONE | {"completed_on": DAY}, "x (100% complete) *(✅ Completed 2025-01-07)*"),
        ({"completed": True}, "x *(✅ Completed)*"),
        ({"completed": True, "completed_on": DAY}, "x *(✅ Completed 2025-01-07)*"),
    ],
)  # fmt: skip
def test_a_milestones_progress(more: dict[str, object], heading: str) -> None:
    assert render(Programme("", START, (Milestone("M1", "x", **more),))) == f"### Milestone M1 — {heading}\n\n"  # type: ignore[arg-type]
    note = heading.partition(" *")[2]
    written = render(Programme("", START, (Milestone("M1", "x", window=Window("Week 9"), **more),)))  # type: ignore[arg-type]
    assert written == (
        f"### Milestone M1 — {heading.partition(' *')[0]}\n- **Target Window:** Week 9{' *' + note if note else ''}\n\n"
    )


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"declared_percent": 100.0, "completed": True}, "- **Task 1A — x (100% complete)**"),
        ({"declared_percent": 99.0, "completed": True}, "- [x] **Task 1A — x (99% complete)**"),
        ({"completed": True}, "- [x] **Task 1A — x**"),
        ({"completed": True, "completed_on": DAY}, "- [x] **Task 1A — x** *(✅ Completed 2025-01-07)*"),
        ({"depends_on": ("1B", "M2")}, "- **Task 1A — x**\n    - **Dependencies:** 1B, M2"),
        ({"description": "Why."}, "- **Task 1A — x**\n    - **Description:** Why."),
    ],
)
def test_a_tasks_progress_and_words(more: dict[str, object], line: str) -> None:
    tree = Programme("", START, (Milestone("M1", "", (Task("1A", "x", **more),)),))  # type: ignore[arg-type]
    assert render(tree) == f"### Milestone M1\n- **Tasks:**\n  {line}\n\n"


def test_milestones_with_all_there_is() -> None:
    one = Milestone("M1", "One", owner="Ana, @ben", depends_on=("M2",), prerequisites=("a nod", "tea"))
    two = Milestone("M2", "Two", (Task("2A", ""), Task("2B", "y")))
    assert render(Programme("P", START, (one, two))) == (
        "# P\n\n### Milestone M1 — One\n- **Owner:** Ana, @ben\n- **Dependencies:** M2, a nod, tea\n\n"
        "### Milestone M2 — Two\n- **Tasks:**\n  - **Task 2A**\n  - **Task 2B — y**\n\n"
    )


@pytest.mark.parametrize(
    ("detail", "want"),
    [
        ("a", "       - a\n"),
        ("a\nb", "       - a\n       - b\n"),
        ("a\n  b\n    c\n  d\ne", "       - a\n         - b\n           - c\n         - d\n       - e\n"),
        ("a *b*\n  - c", "       - a *b*\n         - \\- c\n"),
        ("a\n b", "       - a&#10; b\n"),  # no outline: an odd indent
        ("a\n    b", "       - a&#10; &#32;&#32;&#32;b\n"),  # no outline: two levels at once
        ("  a", "       - &#32;&#32;a\n"),  # no outline: it begins too deep
        ("a\n\nb", "       - a&#10;&#10;b\n"),  # no outline: an empty line
        ("a ", "       - a&#32;\n"),
    ],
)
def test_a_steps_detail_is_an_outline_where_it_can_be(detail: str, want: str) -> None:
    task = Task("1A", "x", (Step("1A.1", "one", True, detail), Step("1A.2", "two")))
    tree = Programme("", START, (Milestone("M1", "", (task,)),))
    assert render(tree) == (
        f"### Milestone M1\n- **Tasks:**\n  - **Task 1A — x**\n    1. [x] one\n{want}    2. [ ] two\n\n"
    )
    (again,) = read(render(tree).encode(), start=START).programme.milestones[0].tasks
    assert again.steps[0].detail == detail


def test_an_outline_goes_eight_levels_deep() -> None:
    def written(levels: int) -> str:
        detail = "\n".join("  " * level + "a" for level in range(levels))
        return render(
            Programme("", START, (Milestone("M1", "", (Task("1A", "x", (Step("1A.1", "s", detail=detail),)),)),))
        )

    assert written(9).endswith("\n" + " " * 23 + "- a\n\n")
    assert "&#10;" not in written(9)
    assert "&#10;" in written(10)


def test_several_nodes_are_brought_up_to_date_at_once() -> None:
    source = (
        "### M1 — x (1% complete)\n- **Task 1A — y (2% complete)**\n### M2 — z (3% complete)\n"
        "| Milestone | Status |\n|-|-|\n| M1 | 4% |\n"
    )
    written = write_back(source.encode(), {"M2": Figure(30), "1A": Figure(20), "M1": Figure(10)})
    assert written.decode() == (
        "### M1 — x (10% complete)\n- **Task 1A — y (20% complete)**\n### M2 — z (30% complete)\n"
        "| Milestone | Status |\n|-|-|\n| M1 | 10% |\n"
    )


def test_what_cannot_be_read_is_not_written_to() -> None:
    with pytest.raises(RoadmapRefused):
        write_back(b"no roadmap", {"M1": Figure(1)})
    assert write_back(b"no roadmap", {}) == b"no roadmap"
