"""What can't become a tree is refused with the lines to mend, and hostile documents cost little."""

from __future__ import annotations

from datetime import date

import pytest

from mappings.roadmap import MAX_BYTES, Problem, Reading, RoadmapRefused, read

START = date(2026, 11, 2)


def refusal(source: str | bytes, **options: int) -> RoadmapRefused:
    with pytest.raises(RoadmapRefused) as refused:
        read(source.encode() if isinstance(source, str) else source, start=START, **options)
    return refused.value


@pytest.mark.parametrize(
    ("reason", "document", "expected"),
    [
        (
            "a heading twice",
            "### M1 — x\n### M1 — y",
            [(2, "M1 is defined twice, first on line 1; give one another key")],
        ),
        (
            "a row twice in one table",
            "| Milestone | x |\n|-|-|\n| M1 — a | |\n| M1 — b | |",
            [(4, "M1 is defined twice, first on line 3; give one another key")],
        ),
        (
            "a task twice",
            "### M1 — x\n- **Task 1A — a**\n### M2 — y\n- **Task 1A — b**",
            [(4, "1A is defined twice, first on line 2; give one another key")],
        ),
        (
            "a step and a task",
            "### M1 — x\n- **Task 1.1 — a**\n- **Task 1 — b**\n  1. c",
            [(4, "1.1 is defined twice, first on line 2; give one another key")],
        ),
        (
            "a circle of milestones",
            "### M1 — x\n- Dependencies: M3\n### M2 — y\n- Dependencies: M1\n### M3 — z\n- Dependencies: M2",
            [(1, "dependencies go in a circle: M1 → M3 → M2 → M1; take one of them out")],
        ),
        (
            "a circle through a task",
            "### M1 — x\n- **Dependencies:** 1A\n- **Task 1A — t (depends on M1)**",
            [(1, "dependencies go in a circle: M1 → 1A → M1; take one of them out")],
        ),
        (
            "waiting for itself",
            "### M1 — x\n- **Dependencies:** M1",
            [(1, "dependencies go in a circle: M1 → M1; take one of them out")],
        ),
        (
            "too much",
            "### M1 — x (120% complete)\n- **Task 1A — y (101%)**",
            [(1, "M1 is 120 % complete; 100 is the most"), (2, "1A is 101 % complete; 100 is the most")],
        ),
        (
            "backwards",
            "### M1 — x\n- **Window:** Weeks 6–2",
            [(2, "window “Weeks 6–2” of M1 ends before it starts; swap them")],
        ),
        (
            "backwards dates",
            "### M1 — x\n- **Window:** 2026-02-01 – 2026-01-01",
            [(2, "window “2026-02-01 – 2026-01-01” of M1 ends before it starts; swap them")],
        ),
        ("empty", "", [(1, "no milestone found; one reads “### Milestone M1 — Title”")]),
        ("only prose", "# Plan\n\nHello", [(1, "no milestone found; one reads “### Milestone M1 — Title”")]),
    ],
)
def test_refused(reason: str, document: str, expected: list[tuple[int, str]]) -> None:
    assert refusal(document).problems == tuple(Problem(line, message) for line, message in expected), reason


def test_all_problems_at_once_in_one_clear_line() -> None:
    refused = refusal("### M1 — x (120% complete)\n### M1 — y\n### M2 — z\n- **Window:** Weeks 3–1\n")
    assert [problem.line for problem in refused.problems] == [1, 2, 4]
    assert refused.message == "line 1: M1 is 120 % complete; 100 is the most (and 2 more problems)"
    assert (refused.type, refused.status, refused.exit_code) == ("roadmap-refused", 422, 1)
    assert refused.hint


@pytest.mark.parametrize(
    ("source", "line"),
    [(b"### M1 \xe2\x80\x94 x\n\n\xff\n", 3), ("### M1 — x\n".encode("utf-16"), 1), (b"\xed\xa0\x80", 1)],
)
def test_not_utf_8(source: bytes, line: int) -> None:
    assert refusal(source).problems == (Problem(line, "not UTF-8; save the document as UTF-8"),)


def test_no_nul() -> None:
    """As in UTF-16 without its mark. PostgreSQL can't keep one."""
    (problem,) = refusal("### M1 — x\n- **Tasks:**\n  - **Task 1A — a\x00b**\n".encode()).problems
    assert problem == Problem(3, "a NUL character; save the document as plain text in UTF-8")
    (problem,) = refusal("### M1 x\n".encode("utf-16-le")).problems
    assert problem.line == 1


def test_too_large() -> None:
    assert "over the limit of 10" in refusal("### M1 — x", max_bytes=10).message
    assert "over the limit" in refusal(b"a" * (MAX_BYTES + 1)).message


TEN_MEGABYTES = 10_000_000


@pytest.mark.parametrize(
    ("reason", "document", "line"),
    [
        ("one giant line", "### M1 — x\n" + "[" * TEN_MEGABYTES, 2),
        ("line breaks", "### M1 — x\n" + "\n" * TEN_MEGABYTES, 100_001),
        ("old line breaks", "### M1 — x\n" + "\r" * TEN_MEGABYTES, 100_001),
        ("a giant table", "### M1 — x\n" + ("|" * 50_000 + "\n") * 20, 6),
        ("items on few lines", "### M1 — x\n" + ("- " * 190 + "x\n") * 5_000, 528),
        ("nested by indent", "### M1 — x\n" + "".join(" " * 2 * n + "- x\n" for n in range(100)), 30),
        ("nested on a line", "### M1 — x\n" + "1. " * 40 + "x\n", 2),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_hostile_documents_are_refused_with_a_line(reason: str, document: str, line: int) -> None:
    assert [problem.line for problem in refusal(document).problems] == [line], reason


@pytest.mark.parametrize(
    "unit", [">", "[", "`", "``` ` ", "**", "(", "(✅", "\\", "<!--", "(1% done)", "- ", "_", "\t", "&#6;"]
)
@pytest.mark.parametrize("lead", ["### M2 — ", "- **Task 1A — ", "- **Dependencies:** ", "- **Window:** ", ""])
def test_torrents_are_read(lead: str, unit: str) -> None:
    line = lead + unit * (50_000 // len(unit))
    found = read(f"### M1 — x\n{line}\n{'a ' + unit * 10_000}\n".encode(), start=START)
    assert isinstance(found, Reading)
    assert found.programme.milestones[0].key == "M1"


def test_many_tasks() -> None:
    tasks = "".join(f"- **Task {n}A — t (1% complete)**\n  1. one\n  2. two\n" for n in range(1000))
    found = read(f"### M1 — x\n{tasks}".encode(), start=START)
    assert (len(list(found.programme.nodes())), found.warnings) == (3001, ())
