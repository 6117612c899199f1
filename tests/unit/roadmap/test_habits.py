"""How teams really write roadmaps: each habit, and what is said of what was left aside."""

from __future__ import annotations

from datetime import date

import pytest

from app.core.tree import Milestone, Programme, Step, Task, Window
from mappings.roadmap import Reading, read, read_window

START = date(2026, 11, 2)
TASK = "### M1 — x\n- **Tasks:**\n"


def reading(document: str) -> Reading:
    return read(document.encode(), start=START)


def programme(document: str) -> Programme:
    return reading(document).programme


def milestone(document: str) -> Milestone:
    return programme(document).milestones[0]


def task(document: str) -> Task:
    (only,) = milestone(document).tasks
    return only


def steps(document: str) -> tuple[Step, ...]:
    return task(document).steps


def warnings(document: str) -> list[tuple[int, str]]:
    return [(warning.line, warning.message) for warning in reading(document).warnings]


@pytest.mark.parametrize(
    ("heading", "key", "title"),
    [
        ("### Milestone M1 — Title", "M1", "Title"),
        ("### M1 — Title", "M1", "Title"),
        ("## Milestone M1: Title", "M1", "Title"),
        ("Milestone M1: Title", "M1", "Title"),
        ("**Milestone M1: Title**", "M1", "Title"),
        ("## Milestone 0 – Title", "M0", "Title"),
        ("# MS2 - Title", "MS2", "Title"),
        ("##### milestone dm7 – Title", "DM7", "Title"),
        ("#### **M1** — Title", "M1", "Title"),
        ("#### **M1 — Title** (Q4)", "M1", "Title (Q4)"),
        ("### Milestone R2.1 Title", "R2.1", "Title"),
        ("### M1 — Title ###", "M1", "Title"),
        ("M1 — Title\n---", "M1", "Title"),
        ("### ✅ M1 — Title", "M1", "Title"),
        ("### 🚀 M1 — 🚧 Title", "M1", "Title"),
        ("### [M1 — Title](#m1)", "M1", "Title"),
        ("### [x] M1 — Title", "M1", "Title"),
        ("### M1 — Café — 中文 № ٣", "M1", "Café — 中文 № ٣"),
        ("### Ｍ１：標題", "M1", "標題"),
        ("### Milestone ٣ — عنوان", "M3", "عنوان"),
        ("### M1 — Title (12% complete)", "M1", "Title"),
        ("### M1 — Title (✅ Completed 2025-01-07)", "M1", "Title"),
        ("### M1 — Cut costs (12%) by June", "M1", "Cut costs (12%) by June"),
        ("### M1 — Reach 95% coverage", "M1", "Reach 95% coverage"),
        ("### M1 — Report (completed forms) to HR", "M1", "Report (completed forms) to HR"),
        ("### M1 — Ask @everyone, then /close | `a|b`", "M1", "Ask @everyone, then /close | `a|b`"),
        (r"### M1 — Not \*bold\* &#8212; `\*`", "M1", r"Not *bold* — `\*`"),
        ("### M1", "M1", ""),
    ],
)
def test_milestone_headings(heading: str, key: str, title: str) -> None:
    found = milestone(f"{heading}\n\n- **Objective:** o\n")
    assert (found.key, found.title, found.objective) == (key, title, "o")


@pytest.mark.parametrize(
    "line",
    [
        "## Milestone Roadmap",
        "## Milestones",
        "## M1–M3 at a glance",
        "## Milestone M1-M3 overview",
        "## Q4 — goals",
        "## V2 — next",
        "## Core Programme Milestones",
        "```\n### M2 — In a fence\n```",
        "~~~md\n### M2 — In a fence\n~~~",
        "<!--\n### M2 — In a comment\n\n### M3 — still\n-->",
        "<!-- ### M2 — x -->",
        "    ### M2 — In a code block",
        "> ### M2 — Quoted",
        "Milestone M2: was discussed last week.",
    ],
)
def test_no_milestone_is_invented(line: str) -> None:
    assert [each.key for each in programme(f"{line}\n\n### M1 — x\n").milestones] == ["M1"]


@pytest.mark.parametrize(
    "line",
    [
        "**Objective:** Do it",
        "**Objective**: Do it",
        "- **Objective:** Do it",
        "* **Objective**: Do it",
        "- **OBJECTIVE:** Do it",
        "- Objective: Do it",
        "__Objective:__ Do it",
        "- **Objective：** Do it",
        "- **Goal:**\n  Do it",
        "- **Objective:**\n  - Do it",
        "#### Objective\n\nDo it",
        "#### Objective: Do it",
        "**Objective:** Do it\n---",
        "**Objective:**\n\nDo it",
        "- **Objective:** Do\n  it",
        "**Owner:** Ana\n**Objective:** Do it\n**Status:** planned",
        "**Owner:** Ana\\\n**Objective:** Do it",
        "\t**Owner:** no, code\n\n- **Objective:** Do it",
    ],
)
def test_labels(line: str) -> None:
    assert milestone(f"### M1 — x\n\n{line}\n").objective == "Do it"


def test_labels_of_every_kind() -> None:
    found = milestone(
        "### M1 — x\n- **Owner**: Ana, @ben\n- **Status:** ✅ Completed 2025-01-07\n- **Window**: Week 2\n"
    )
    assert (found.owner, found.completed_on, found.window) == (
        "Ana, @ben",
        date(2025, 1, 7),
        Window("Week 2", None, date(2026, 11, 16)),
    )


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("Weeks 0–2", date(2026, 11, 2), date(2026, 11, 16)),
        ("Weeks 1–6", date(2026, 11, 9), date(2026, 12, 14)),
        ("Week 2-3", date(2026, 11, 16), date(2026, 11, 23)),
        ("weeks 2 to 3", date(2026, 11, 16), date(2026, 11, 23)),
        ("Week 2 – Week 3", date(2026, 11, 16), date(2026, 11, 23)),
        ("Week 2", None, date(2026, 11, 16)),
        ("Weeks 2–3 of the v0.2 cycle", date(2026, 11, 16), date(2026, 11, 23)),
        ("Weeks ٢–٣", date(2026, 11, 16), date(2026, 11, 23)),
        ("by end of Week 2", None, date(2026, 11, 16)),
        ("2026-12-01 – 2027-01-15", date(2026, 12, 1), date(2027, 1, 15)),
        ("2026-12-01 to 2027-01-15 (firm)", date(2026, 12, 1), date(2027, 1, 15)),
        ("2026-12-01", None, date(2026, 12, 1)),
        ("Day 1", None, date(2026, 11, 3)),
        ("Days 1–5", date(2026, 11, 3), date(2026, 11, 7)),
        ("Month 1", None, date(2026, 12, 2)),
        ("Months 2–4", date(2027, 1, 2), date(2027, 3, 2)),
        ("Q4 2024", date(2024, 10, 1), date(2024, 12, 31)),
        ("2025 Q1", date(2025, 1, 1), date(2025, 3, 31)),
        ("Q3–Q4 2024", date(2024, 7, 1), date(2024, 12, 31)),
        ("Q4 2024 – Q1 2025", date(2024, 10, 1), date(2025, 3, 31)),
        ("Spring", None, None),
        ("2026-13-45", None, None),
        ("Month 9999 or so", None, date(2860, 2, 2)),
        ("Weeks and weeks", None, None),
    ],
)
def test_windows(text: str, start: date | None, end: date | None) -> None:
    assert read_window(text, START) == Window(text, start, end)


def test_a_window_beyond_the_calendar_is_not_dated() -> None:
    assert read_window("Week 9999", date(9990, 1, 1)) == Window("Week 9999")


def test_what_cannot_be_dated_is_kept_and_told() -> None:
    document = "### M1 — x\n- **Window:** when legal agrees\n"
    assert milestone(document).window == Window("when legal agrees")
    assert warnings(document) == [(2, "window “when legal agrees” can't be dated, kept as text")]


@pytest.mark.parametrize(
    ("line", "key", "title", "percent", "completed"),
    [
        ("- **Task 1A — Title (12% complete)**", "1A", "Title", 12, False),
        ("- **Task 1A — Title** (12% complete)", "1A", "Title", 12, False),
        ("- **Task 1A (12% complete): Title**", "1A", "Title", 12, False),
        ("- [x] **Task 1.1**: Title", "1.1", "Title", None, True),
        ("- [ ] **Task 1.1**: Title", "1.1", "Title", None, False),
        ("- **1.1** — Title", "1.1", "Title", None, False),
        ("- **T3: Title**", "T3", "Title", None, False),
        ("- **1a – Title**", "1A", "Title", None, False),
        ("- Task 1A - Title", "1A", "Title", None, False),
        ("- 🚧 **Task 1A — Title**", "1A", "Title", None, False),
        ("- ✅ **Task 1A — Title**", "1A", "Title", None, True),
        ("- **Task 1A — Title** ✅ Completed 2025-01-07", "1A", "Title", None, True),
        ("- **Task 1A — Title (100% Complete)**", "1A", "Title", 100, True),
        ("- **Task 1A — Title (12.5 % done)**", "1A", "Title", 12.5, False),
        ("- **Task 1A — 標題（１２％ 完了）**", "1A", "標題", 12, False),
        ("- **Task 1A — عنوان (١٢٪)**", "1A", "عنوان", 12, False),
        ("- **Task 1A — A wrapped\n  Title**", "1A", "A wrapped Title", None, False),
        ("- Task 1A: A wrapped\n  Title", "1A", "A wrapped Title", None, False),
        ("##### Task M0-T1 — Title", "M0-T1", "Title", None, False),
        ("#### 1A: Title (12%)", "1A", "Title", 12, False),
        ("#### [x] Task 7 — Title", "7", "Title", None, True),
    ],
)
def test_tasks(line: str, key: str, title: str, percent: float | None, completed: bool) -> None:
    found = task(f"### M1 — x\n\n{line}\n\n  1. a step\n")
    assert (found.key, found.title, found.declared_percent, found.completed) == (key, title, percent, completed)
    assert [step.key for step in found.steps] == [f"{key}.1"]


def test_a_tasks_own_words() -> None:
    document = TASK + "  - **Task 1A — x**: Why it is.\n    - **Dependencies:** 1B\n    - a step\n\n    And more.\n"
    document += "  - **Task 1B — y (depends on 1C) (5% complete)**\n    - Depends on: 1C\n"
    document += "  - **Task 1C — z (depends on luck)**\n"
    first, second, third = milestone(document).tasks
    assert (first.description, first.depends_on, len(first.steps)) == ("Why it is.\nAnd more.", ("1B",), 1)
    assert (second.title, second.depends_on, second.declared_percent) == ("y", ("1C",), 5)
    assert (third.title, third.depends_on) == ("z (depends on luck)", ())


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("1. one\n2. two", [("one", False), ("two", False)]),
        ("6. six\n7. seven", [("six", False), ("seven", False)]),
        ("- one\n- two", [("one", False), ("two", False)]),
        ("- [ ] one\n- [x] two\n- [X] three", [("one", False), ("two", True), ("three", True)]),
        ("1. [ ] one\n2. [x] two", [("one", False), ("two", True)]),
        ("* **API:** build it", [("**API:** build it", False)]),
        ("- [~] one\n- [!] two\n- [-] three", [("one", False), ("two", False), ("three", False)]),
        ("- ✅ one\n- 🚧 two", [("one", True), ("two", False)]),
        ("1. a long\n   line", [("a long line", False)]),
        ("1. a long\nlazy line", [("a long lazy line", False)]),
        ("- [a link](x)", [("[a link](x)", False)]),
        ("- /close\n- @everyone", [("/close", False), ("@everyone", False)]),
        ("1. Owner: nobody\n2. [ ] Status: done", [("Owner: nobody", False), ("Status: done", False)]),
    ],
)
def test_steps(lines: str, expected: list[tuple[str, bool]]) -> None:
    indented = "\n".join(f"    {line}" for line in lines.split("\n"))
    under_item = steps(f"{TASK}  - **Task 1A — x**\n{indented}\n")
    under_heading = steps(f"### M1 — x\n#### Task 1A — x\n\n{lines}\n")
    assert [(step.title, step.done) for step in under_item] == expected
    assert [(step.title, step.done) for step in under_heading] == expected
    assert [step.key for step in under_item] == [f"1A.{n}" for n in range(1, len(expected) + 1)]


def test_sub_steps_stay_with_their_step() -> None:
    document = TASK + "  - **Task 1A — x**\n    1. one\n       - [x] a\n         - b\n\n       more\n    2. two\n"
    one, two = steps(document)
    assert (one.title, one.detail, two.title) == ("one", "[x] a\n  b\nmore", "two")


def test_odd_boxes_are_told() -> None:
    assert warnings(TASK + "  - [-] **Task 1A — x**\n    - [~] one\n") == [
        (3, "box [-] read as not done"),
        (4, "box [~] read as not done"),
    ]


@pytest.mark.parametrize(
    ("cell", "keys", "words"),
    [
        ("None", (), ()),
        ("-", (), ()),
        ("—", (), ()),
        ("", (), ()),
        ("n/a", (), ()),
        ("M1", ("M1",), ()),
        ("M1, M2", ("M1", "M2"), ()),
        ("M1 and M2", ("M1", "M2"), ()),
        ("M1, M2, and DM1.", ("M1", "M2", "DM1"), ()),
        ("M1–M3", ("M1", "M2", "M3"), ()),
        ("M1-3", ("M1", "M2", "M3"), ()),
        ("M1 to M3", ("M1", "M2", "M3"), ()),
        ("1A–1B", ("1A", "1B"), ()),
        ("[M1](#m1), **M2**", ("M1", "M2"), ()),
        ("Milestone M1", ("M1",), ()),
        ("All previous", ("M1", "M2", "M3", "DM1"), ()),
        ("All previous milestones.", ("M1", "M2", "M3", "DM1"), ()),
        (
            "DM1, stakeholder walkthroughs, data requirements.",
            ("DM1",),
            ("stakeholder walkthroughs", "data requirements"),
        ),
        ("M1 (the API part), sign-off", ("M1",), ("M1 (the API part)", "sign-off")),
        ("Legal (DPIA, RBAC) approvals", (), ("Legal (DPIA, RBAC) approvals",)),
        ("M1<br>M2", ("M1", "M2"), ()),
        ("m1; m2", ("M1", "M2"), ()),
    ],
)
def test_dependencies(cell: str, keys: tuple[str, ...], words: tuple[str, ...]) -> None:
    head = "### M1 — a\n- **Task 1A — t**\n- **Task 1B — t**\n### M2 — b\n### M3 — c\n### DM1 — d\n"
    row = programme(f"{head}\n## x\n| Milestone | Dependencies |\n|-|-|\n| M9 — x | {cell} |\n").milestones[-1]
    label = programme(f"{head}### M9 — x\n- **Dependencies:** {cell}\n").milestones[-1]
    assert (row.depends_on, row.prerequisites) == (keys, words)
    assert (label.depends_on, label.prerequisites) == (keys, words)


def test_an_unknown_key_is_told_and_kept_in_words() -> None:
    document = "### M1 — x\n- **Dependencies:** M9, tea\n"
    assert milestone(document).prerequisites == ("M9", "tea")
    assert warnings(document) == [(2, "M1 waits for M9, which is defined nowhere")]


@pytest.mark.parametrize(
    ("document", "percent", "completed", "on"),
    [
        ("### M1 — x (12% complete)", 12, False, None),
        ("### M1 — x (100% Complete)", 100, True, None),
        ("### M1 — x ✅ Completed 2025-01-07", None, True, date(2025, 1, 7)),
        ("### M1 — x — Completed 2025-01-07", None, True, date(2025, 1, 7)),
        ("### M1 — x (Completed)", None, True, None),
        ("### M1 — x ✅", None, True, None),
        (
            "### M1 — x\n- **Window:** Week 2 *(✅ Completed 2025-01-07 — all of it (really).)*",
            None,
            True,
            date(2025, 1, 7),
        ),
        ("### M1 — x\n- **Window:** Week 2 (to be completed by 2025-01-07)", None, False, None),
        ("### M1 — x\n- **Status:** In progress (40%)", 40, False, None),
        ("### M1 — x\n- **Status:** Not complete", None, False, None),
        ("### M1 — x\n- **Status:** Shipped on 2025-01-07", None, True, date(2025, 1, 7)),
        ("### M1 — x\n- **Completed:** 2025-01-07", None, True, date(2025, 1, 7)),
        ("### M1 — x\n## Notes\n- 2025-01-31: M1 (x) completed with joy.", None, True, date(2025, 1, 31)),
        ("### M1 — x\n## Notes\n- ✅ **M1** shipped on 2025-01-31", None, True, date(2025, 1, 31)),
        ("### M1 — x\n## Notes\n- 2025-01-31: M1 not completed", None, False, None),
        ("### M1 — x\n## Notes\n- 2025-01-31: M1 slipped. Docs done.", None, False, None),
    ],
)
def test_progress(document: str, percent: float | None, completed: bool, on: date | None) -> None:
    found = milestone(document)
    assert (found.title, found.declared_percent, found.completed, found.completed_on) == ("x", percent, completed, on)


def test_a_table_with_other_columns_short_rows_and_pipes() -> None:
    document = (
        "| Status | Milestone | Title | Owner | Deliverables | Due |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| ✅ Completed 2025-01-07 | M1 | Use `a\\|b` | Ana | x | Week 2 |\n"
        "| 🚧 | **M2** | Short |\n"
        "| | nothing |\n"
        "| 40% | M3 | Long | Ben | y | Spring | over |\n"
    )
    first, second, third = programme(document).milestones
    assert (first.title, first.owner, first.completed_on) == ("Use `a|b`", "Ana", date(2025, 1, 7))
    assert (second.title, second.window, third.declared_percent) == ("Short", None, 40)
    assert warnings(document) == [
        (1, "table column “Deliverables” left aside"),
        (5, "a table row without a key in its key column, left aside"),
        (6, "a table row with more cells than its header; those over are left aside"),
        (6, "window “Spring” can't be dated, kept as text"),
    ]


@pytest.mark.parametrize("first", [True, False])
def test_a_progress_table_repeats_and_adds(first: bool) -> None:
    sections = "### M1 — One\n- **Tasks:**\n  - **Task 1A — x**\n\n### M2 — Two\n\n"
    table = "## Progress\n| Milestone | Status | Owner |\n|-|-|-|\n| M1 | Done | Ana |\n| [M2](#m2) — Two | 40% | |\n\n"
    table += "| Task | Status |\n|-|-|\n| **1A — x** | 12% |\n| 9Z | 1% |\n\n"
    document = table + sections if first else sections + table
    one, two = programme(document).milestones
    assert (one.key, one.title, one.completed, one.owner) == ("M1", "One", True, "Ana")
    assert (two.key, two.title, two.declared_percent) == ("M2", "Two", 40)
    assert one.tasks[0].declared_percent == 12
    assert [message for _, message in warnings(document)] == [
        "a table row for 9Z, which is defined nowhere, left aside"
    ]


def test_a_repeat_that_differs_is_told() -> None:
    document = "### M1 — One\n- **Window:** Week 2\n\n| Milestone | Window |\n|-|-|\n| M1 — Uno | Week 3 |\n"
    assert milestone(document).window == Window("Week 2", None, date(2026, 11, 16))
    assert warnings(document) == [
        (6, "repeats M1, defined on line 1; its other title “Uno”, window “Week 3” left aside")
    ]


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
def test_details_are_read_through(gap: str) -> None:
    document = (
        f"<details open>{gap}<summary>Shipped</summary>{gap}### M1 — One ✅{gap}- **Tasks:**\n  - **Task 1A — x**{gap}"
        f"</details>{gap}after\n\n<details><summary><b>Milestone M2 — Two</b></summary>{gap}"
        f"- **Objective:** o{gap}</details>\n"
    )
    one, two = programme(document).milestones
    assert (one.title, one.completed, one.tasks[0].key) == ("One", True, "1A")
    assert (two.key, two.title, two.objective) == ("M2", "Two", "o")
    assert [message for _, message in warnings(document)] == ["prose, left aside"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_line_ends_byte_order_mark_and_front_matter(end: str, bom: str) -> None:
    lines = ["---", 'title: "Plan"', "---", "### M1 — x", "- **Tasks:**", "\t- **Task 1A — x**", "\t\t1. one", "prose"]
    found = reading(bom + end.join([*lines[:-1], "", lines[-1]]))
    assert found.programme.title == "Plan"
    assert found.programme.milestones[0].tasks[0].steps == (Step("1A.1", "one", line=7),)
    assert [warning.line for warning in found.warnings] == [9]


@pytest.mark.parametrize(
    ("document", "title"),
    [
        ("# Plan\n### M1 — x", "Plan"),
        ("# M1 — x\n# Plan", "Plan"),
        ("Plan\n===\n### M1 — x", "Plan"),
        ("---\ntitle: front\n---\n# Plan\n### M1 — x", "Plan"),
        ("### M1 — x", ""),
        ("---\nM1 is no field\n---\n### M1 — x", ""),
    ],
)
def test_the_programmes_title(document: str, title: str) -> None:
    assert programme(document).title == title


@pytest.mark.parametrize(
    ("reason", "document", "expected"),
    [
        ("prose before", "Hello\nyou\n\n### M1 — x", [(1, "prose, left aside (to line 2)")]),
        ("prose in a milestone", "### M1 — x\n\nHello\n", [(3, "prose, left aside")]),
        ("notes are prose", "### M1 — x\n## Notes\nHello\n- 2025-01-01: rain\n> q", [(5, "a quotation, left aside")]),
        ("a fence", "### M1 — x\n```\na\n```\n", [(2, "code, left aside (to line 4)")]),
        ("a comment", "<!-- a\n\nb -->\n### M1 — x", [(1, "HTML, left aside (to line 3)")]),
        (
            "a list elsewhere",
            "- a\n  - b\n\n### M1 — x",
            [(1, "a list item outside any milestone, left aside (to line 2)")],
        ),
        ("a task elsewhere", "- **Task 1A — a**\n\n### M1 — x", [(1, "a task outside any milestone, left aside")]),
        (
            "a bullet that is no task",
            "### M1 — x\n- [ ] a\n",
            [(2, "a list item in M1 that is no task (a task reads “**Task 1A — title**”), left aside")],
        ),
        (
            "a label without a place",
            "### M1 — x\n- **Risks:** many\n",
            [(2, "label “risks” is none that M1 has a place for, left aside")],
        ),
        (
            "no key",
            "## Milestone: x\n### M1 — x",
            [(1, "a milestone without a key and a separator, as in “Milestone M1 — Title”")],
        ),
        ("a link definition", "[M1]: https://x\n\n### M1 — x", [(1, "prose, left aside")]),
        (
            "a table of something else",
            "| a | b |\n|-|-|\n| c | d |\n\n### M1 — x",
            [(1, "a table without a column of milestone keys, left aside (to line 3)")],
        ),
        (
            "front matter",
            "---\ntitle: a\nowner: b\n---\n### M1 — x",
            [(1, "front matter left aside, but for its title")],
        ),
        (
            "a status in words of its own",
            "### M1 — x\n- **Status:** purple",
            [(2, "status “purple” of M1 says neither done nor open, left aside")],
        ),
        (
            "a date in no calendar",
            "### M1 — x (✅ Completed 2025-13-01)",
            [(1, "“2025-13-01” at M1 is a date in no calendar, left aside")],
        ),
        ("nothing", "# T\n\n---\n\n### M1 — x\n- **Window:** Week 1\n", []),
    ],
)
def test_what_is_left_aside_is_told(reason: str, document: str, expected: list[tuple[int, str]]) -> None:
    assert warnings(document) == expected, reason


def test_a_section_ends_a_milestone_and_a_deeper_heading_does_not() -> None:
    document = (
        "### M1 — x\n#### Backend\n- **Task 1A — a**\n#### Dependencies\n- M2\n\n### M2 — y\n## Else\n- **Owner:** me\n"
    )
    one, two = programme(document).milestones
    assert (one.tasks[0].key, one.depends_on, two.owner) == ("1A", ("M2",), "")
    assert [line for line, _ in warnings(document)] == [9]


def test_identity_is_not_position() -> None:
    document = "### M2 — b\n- **Task 2B — x**\n### M1 — a\n- **Task 1A — y**\n"
    assert [(each.key, each.tasks[0].key) for each in programme(document).milestones] == [("M2", "2B"), ("M1", "1A")]
