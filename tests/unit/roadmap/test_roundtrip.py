"""Tree to document and back, and documents brought up to date in place."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.core.tree import Milestone, Programme, Step, Task, Window
from mappings.roadmap import Figure, Problem, RoadmapRefused, read, render, write_back
from tests.unit.examples import examples
from tests.unit.roadmap.strategies import HOSTILE, programmes, words

START = date(2026, 11, 2)
DAY = date(2026, 12, 24)
MODEST = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])

FRAGMENTS = [
    "### Milestone M1 — Title (12% complete)",
    "## M2: Second",
    "### ✅ M3 — Done",
    "- **Target Window:** Weeks 0–2",
    "**Window**: 2026-01-01 – 2026-02-01 *(✅ Completed 2026-02-02)*",
    "- **Tasks:**",
    "  - **Task 1A — Words (12% complete)**",
    "    1. a step",
    "    6. [x] another",
    "       - deeper",
    "##### Task M2-T1 — Heading task (8％)",
    "- [x] **Task 2.1**: ticked",
    "- [~] doubtful",
    "| Milestone | Status | Window |",
    "| --- | --- | --- |",
    "| M1 | 40% | Week 2 |",
    "| **DM1 — Row** | ✅ Completed 2025-01-07 |",
    "<details><summary>M9 — Shipped</summary>",
    "</details>",
    "```",
    "<!--",
    "-->",
    "---",
    "title: x",
    "> quoted",
    "- **Dependencies:** M1–M3, All previous, words.",
    "2025-01-31: M1 completed",
    "### Notes",
    "",
    "\t- tab",
    *HOSTILE,
]
ENDS = st.sampled_from(["\n", "\r\n", "\r\r\n", "\r", "\n\n", " \n"])
documents = st.lists(st.tuples(st.sampled_from(FRAGMENTS) | words(min_size=0), ENDS).map("".join), max_size=25).map(
    "".join
)


def without_lines(programme: Programme) -> Programme:
    """The same tree with no line numbers."""
    return replace(
        programme,
        milestones=tuple(
            replace(
                milestone,
                line=0,
                tasks=tuple(
                    replace(task, line=0, steps=tuple(replace(step, line=0) for step in task.steps))
                    for task in milestone.tasks
                ),
            )
            for milestone in programme.milestones
        ),
    )


def again(programme: Programme) -> Programme:
    return without_lines(read(render(programme).encode(), start=programme.start).programme)


def shape(programme: Programme) -> list[object]:
    """What write-back may never change."""
    return [(node.key, node.title, getattr(node, "window", None)) for node in programme.nodes()]


@MODEST
@given(programmes())
def test_a_tree_written_and_read_is_the_same_tree(programme: Programme) -> None:
    assert again(programme) == programme


def test_a_plain_tree_is_written_in_the_customers_dialect() -> None:
    task = Task("1A", "Set up", (Step("1A.1", "Draft it."), Step("1A.2", "Ship `it`.")), declared_percent=12.0)
    window = Window("Weeks 0–2", START, date(2026, 11, 16))
    milestone = Milestone("M1", "Start & go", (task,), "Begin (well).", window, depends_on=(), prerequisites=("a nod",))
    assert render(Programme("Plan — v1", START, (milestone,))) == (
        "# Plan — v1\n"
        "\n"
        "### Milestone M1 — Start & go\n"
        "- **Target Window:** Weeks 0–2\n"
        "- **Objective:** Begin (well).\n"
        "- **Dependencies:** a nod\n"
        "- **Tasks:**\n"
        "  - **Task 1A — Set up (12% complete)**\n"
        "    1. Draft it.\n"
        "    2. Ship `it`.\n"
        "\n"
    )


def test_dates_that_the_text_does_not_give_are_written_themselves() -> None:
    window = Window("Weeks 0–2", date(2027, 1, 1), date(2027, 2, 1))
    written = again(Programme("", START, (Milestone("M1", "x", window=window),)))
    assert written.milestones[0].window == Window("2027-01-01 – 2027-02-01", date(2027, 1, 1), date(2027, 2, 1))


@MODEST
@given(st.binary(max_size=200) | documents.map(str.encode))
def test_without_figures_every_byte_stays(source: bytes) -> None:
    assert write_back(source, {}) == source


@settings(MODEST, max_examples=examples(150))
@given(documents | st.text(max_size=300))
@example("\ufeff### M1 — x\r\r\n- **Tasks:**\r\r\n")
@example("- \n  \u2028\n### M1 — \x0c")
@example("| a |\n|-|\n- | M1 |")
@example("M1\n===\n# \\")
def test_any_text_is_read_or_refused(text: str) -> None:
    problems: tuple[Problem, ...]
    try:
        reading = read(text.encode(), start=START)
    except RoadmapRefused as refused:
        keys, problems = [], refused.problems
    else:
        keys, problems = [node.key for node in reading.programme.nodes()], reading.warnings
    last = len(re.split(r"\r+\n|\r|\n", text))
    assert keys or problems
    assert all(1 <= problem.line <= last for problem in problems)
    assert len(set(keys)) == len(keys)


@settings(MODEST, max_examples=examples(150))
@given(documents, st.integers(0, 100), st.booleans())
def test_figures_change_digits_and_notes_alone(text: str, percent: int, dated: bool) -> None:
    source = b"### M7 - seven (1% done)\n" + text.encode()
    try:
        before = read(source, start=START).programme
    except RoadmapRefused:
        return
    figure = Figure(percent, DAY if dated and percent == 100 else None)
    written = write_back(source, {node.key: figure for node in before.nodes()})
    assert bare(written) == bare(source)
    assert write_back(written, {node.key: figure for node in before.nodes()}) == written
    assert shape(read(written, start=START).programme) == shape(before)


def bare(source: bytes) -> str:
    """A document without its generated notes and digits."""
    noteless = re.sub(r" \*\(✅ Completed \d{4}-\d\d-\d\d\)\*", "", source.decode())
    return re.sub(r"\d+(?:[.,٫]\d+)?", "", noteless)


@pytest.mark.parametrize("kind", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n", "\r"])
def test_line_ends_and_byte_order_mark_stay(end: str, kind: str) -> None:
    text = kind + end.join(["# é中", "### M1 — Ünï (12% complete)", "- **Window:** Wéek 2", "- é"])
    expected = text.replace("12%", "100%").replace("Wéek 2", "Wéek 2 *(✅ Completed 2026-12-24)*")
    assert write_back(text.encode(), {"M1": Figure(100, DAY)}) == expected.encode()


@pytest.mark.parametrize(
    ("reason", "before", "figure", "after"),
    [
        ("a figure", "### M1 — x (12% complete)", Figure(40), "### M1 — x (40% complete)"),
        ("all of it", "### M1 — x (12% complete)", Figure(100), "### M1 — x (100% complete)"),
        ("a decimal", "### M1 — x (12.5% complete)", Figure(7), "### M1 — x (7% complete)"),
        ("its script's digits", "### M1 — x （１２％ 完了）", Figure(40), "### M1 — x （４０％ 完了）"),
        ("Arabic digits", "### M1 — x (١٢٪)", Figure(40), "### M1 — x (٤٠٪)"),
        ("nothing measured", "### M1 — x (12% complete)", Figure(None), "### M1 — x (12% complete)"),
        ("no figure to write in", "### M1 — x", Figure(40), "### M1 — x"),
        ("another percentage in the title", "### M1 — 95% uptime", Figure(40), "### M1 — 95% uptime"),
        ("after the heading", "### M1 — x ##", Figure(100, DAY), "### M1 — x *(✅ Completed 2026-12-24)* ##"),
        ("a setext heading", "M1 — x\n===", Figure(100, DAY), "M1 — x *(✅ Completed 2026-12-24)*\n==="),
        (
            "after the window",
            "### M1 — x\n**Window**: Week 2  \nmore\n",
            Figure(None, DAY),
            "### M1 — x\n**Window**: Week 2  \nmore *(✅ Completed 2026-12-24)*\n",
        ),
        (
            "before a hard break",
            "### M1 — x\n**Window**: Week 2\\\n**Owner**: y\n",
            Figure(100, DAY),
            "### M1 — x\n**Window**: Week 2 *(✅ Completed 2026-12-24)*\\\n**Owner**: y\n",
        ),
        (
            "in the window's cell",
            "| Milestone | Window | x |\n|-|-|-|\n| **M1 — a** | Week 2 | z |",
            Figure(100, DAY),
            "| Milestone | Window | x |\n|-|-|-|\n| **M1 — a** | Week 2 *(✅ Completed 2026-12-24)* | z |",
        ),
        (
            "in the key's cell of a short row",
            "| Milestone | Window |\n|-|-|\n| **M1 — a** |",
            Figure(100, DAY),
            "| Milestone | Window |\n|-|-|\n| **M1 — a** *(✅ Completed 2026-12-24)* |",
        ),
        (
            "our own note goes",
            "### M1 — x\n- **Window:** Week 2 *(✅ Completed 2026-12-24)*",
            Figure(99),
            "### M1 — x\n- **Window:** Week 2",
        ),
        (
            "a person's note stays",
            "### M1 — x\n- **Window:** Week 2 *(✅ Completed 2026-12-24 — thanks)*",
            Figure(99),
            "### M1 — x\n- **Window:** Week 2 *(✅ Completed 2026-12-24 — thanks)*",
        ),
        ("a person's mark is enough", "### ✅ M1 — x", Figure(100, DAY), "### ✅ M1 — x"),
        (
            "a note in the notes list is enough",
            "### M1 — x\n## Notes\n- 2026-01-02: M1 completed",
            Figure(100, DAY),
            "### M1 — x\n## Notes\n- 2026-01-02: M1 completed",
        ),
        (
            "a status cell follows",
            "### M1 — x\n\n| Milestone | Status |\n|-|-|\n| M1 | 🚧 12% |",
            Figure(40),
            "### M1 — x\n\n| Milestone | Status |\n|-|-|\n| M1 | 🚧 40% |",
        ),
    ],
)
def test_write_back(reason: str, before: str, figure: Figure, after: str) -> None:
    written = write_back(before.encode(), {"M1": figure, "unknown": Figure(1)})
    assert written.decode() == after, reason
    assert write_back(written, {"M1": figure}) == written, reason
    assert shape(read(written, start=START).programme) == shape(read(before.encode(), start=START).programme), reason


def test_a_tasks_figure_and_nothing_else_of_it() -> None:
    source = "### M1 — x\n- **Tasks:**\n  - **Task 1A — y (12% complete)**\n    1. Cut 5% (12% complete)\n"
    written = write_back(source.encode(), {"1A": Figure(100, DAY), "1A.1": Figure(100, DAY)})
    assert written.decode() == source.replace("y (12%", "y (100%")


@pytest.mark.parametrize("percent", [-1, 101])
def test_figures_are_percentages(percent: int) -> None:
    with pytest.raises(ValueError, match="0 to 100"):
        Figure(percent)
