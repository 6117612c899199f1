"""The customer's own roadmap, where it lies beside the repository, and our example in the same dialect."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from app.core.tree import Milestone, Window
from mappings.roadmap import Figure, Reading, read, render, write_back

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT.parent / "shared" / "roadmaps" / "update-milestone-list-1.00.md"
START = date(2026, 11, 2)


@pytest.fixture(scope="module")
def source() -> bytes:
    if not DOCUMENT.exists():
        pytest.skip(f"the customer's roadmap is not at {DOCUMENT}")
    return DOCUMENT.read_bytes()


@pytest.fixture(scope="module")
def reading(source: bytes) -> Reading:
    return read(source, start=START)


@pytest.fixture(scope="module")
def milestones(reading: Reading) -> dict[str, Milestone]:
    return {milestone.key: milestone for milestone in reading.programme.milestones}


def test_the_whole_tree(reading: Reading) -> None:
    milestones = reading.programme.milestones
    tasks = [task for milestone in milestones for task in milestone.tasks]
    assert reading.programme.title == "Update Milestone List — Version 1.00"
    assert [each.key for each in milestones] == ["M1", "M2", "M3", "M4", "M5", "M6", "DM1", "DM2", "DM3", "DM4"]
    assert [(task.key, task.declared_percent) for task in tasks] == [
        *[("1A", 12), ("1B", 8), ("2A", 18), ("2B", 10), ("3A", 10), ("3B", 9)],
        *[("4A", 15), ("4B", 12), ("5A", 8), ("5B", 7), ("6A", 5), ("6B", 6)],
    ]
    assert [len(task.steps) for task in tasks] == [5, 4, 5, 4, 4, 4, 4, 4, 5, 4, 4, 4]
    assert not any(task.completed or step.done for task in tasks for step in task.steps)


def test_a_milestone_of_a_section(milestones: dict[str, Milestone]) -> None:
    first = milestones["M1"]
    assert first.title == "Mobilise & Governance Baseline"
    assert first.window == Window("Weeks 0–2", START, date(2026, 11, 16))
    assert first.objective.startswith("Stand up delivery governance,")
    assert first.tasks[0].title == "Programme Mobilisation"
    assert first.tasks[0].steps[4].key == "1A.5"
    assert first.tasks[0].steps[4].title.startswith("Refresh DPIA, RBAC audit notes,")


def test_the_milestones_of_the_table(milestones: dict[str, Milestone]) -> None:
    assert milestones["DM1"].window == Window("Week 2", None, date(2026, 11, 16))
    assert milestones["DM1"].prerequisites == ("Completion of foundation audit and accessibility review scheduling",)
    assert milestones["DM2"].objective.startswith("Home, dashboard, provider workflows,")
    assert milestones["DM2"].depends_on == ("DM1",)
    assert milestones["DM2"].prerequisites == ("stakeholder walkthroughs", "data requirements")
    assert milestones["DM4"].depends_on == ("DM1", "DM2", "DM3")
    assert milestones["DM4"].window == Window("Week 6", None, date(2026, 12, 14))


def test_completed_by_the_cell_and_by_the_notes(milestones: dict[str, Milestone]) -> None:
    assert {key: each.completed_on for key, each in milestones.items() if each.completed} == {
        "DM3": date(2025, 1, 31),
        "DM4": date(2025, 2, 1),
    }


def test_what_was_left_aside(reading: Reading, source: bytes) -> None:
    lines = source.decode().split("\n")
    assert [lines[warning.line - 1][:20] for warning in reading.warnings] == [
        "The historic UI/UX D",
        "- Refer to product, ",
    ]


def test_figures_and_nothing_else_change(source: bytes) -> None:
    figures = {"1A": Figure(40), "2A": Figure(100), "M1": Figure(22), "DM1": Figure(None, date(2026, 12, 1))}
    figures |= {"DM3": Figure(None, date(2026, 12, 1)), "DM4": Figure(3), "M2": Figure(100, date(2026, 12, 2))}
    expected = source.decode()
    for old, new in [
        ("Mobilisation (12% complete)", "Mobilisation (40% complete)"),
        ("Implementation (18% complete)", "Implementation (100% complete)"),
        ("| Week 2 |", "| Week 2 *(✅ Completed 2026-12-01)* |"),
        ("Weeks 2–6\n", "Weeks 2–6 *(✅ Completed 2026-12-02)*\n"),
    ]:
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    written = write_back(source, figures)
    assert written.decode() == expected
    assert write_back(written, figures) == written
    taken_back = write_back(written, {"1A": Figure(12), "2A": Figure(18), "M2": Figure(99), "DM1": Figure(0)})
    assert taken_back == source


def test_it_survives_being_written_as_a_tree(reading: Reading) -> None:
    document = render(reading.programme)
    assert render(read(document.encode(), start=START).programme) == document


def test_our_example_is_understood_to_the_last_line() -> None:
    reading = read((ROOT / "examples" / "roadmap.md").read_bytes(), start=START)
    nodes = list(reading.programme.nodes())
    tasks = [task for milestone in reading.programme.milestones for task in milestone.tasks]
    assert reading.warnings == ()
    assert [each.key for each in reading.programme.milestones] == ["M1", "M2", "M3", "M4", "M5", "DM1", "DM2", "DM3"]
    assert (len(tasks), sum(len(task.steps) for task in tasks)) == (9, 36)
    assert len(nodes) == 8 + 9 + 36
    assert all(milestone.window and milestone.window.end for milestone in reading.programme.milestones)
