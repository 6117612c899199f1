"""Whole documents and what is read in them, to the last word: `read_as.txt` holds both, side by side.

A case is `=== what it shows`, the document, `==>`, and the tree as lines: a node's source line, key and title, (its
figure) (done, and when) <- keys it waits for & words it waits for, by its owner, “its text” | its window; a step is
marked x where it is done. Then `!` and each warning with its line.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from app.core.tree import Milestone, Task
from mappings.roadmap import read

START = date(2026, 11, 2)
TEXT = Path(__file__).with_name("read_as.txt").read_text(encoding="utf-8")
CASES = [tuple(part.split("\n==>\n")) for part in ("\n" + TEXT.rstrip("\n")).split("\n=== ")[1:]]


def outline(document: str) -> str:
    """The tree and the warnings as lines, everything that was read in them."""
    found = read(document.encode(), start=START)
    lines = [f"# {found.programme.title}"] if found.programme.title else []
    for milestone in found.programme.milestones:
        lines.append(_node(milestone, owner=milestone.owner, words=milestone.prerequisites, text=milestone.objective))
        if milestone.window:
            lines[-1] += f" | {milestone.window.text}"
        for task in milestone.tasks:
            lines.append("  " + _node(task, text=task.description))
            lines += [f"    {step.line}: {'x' if step.done else '-'} {step.title}" for step in task.steps]
            lines += [f"      {line}" for step in task.steps for line in step.detail.split("\n") if line]
    lines += [f"! {warning.line}: {warning.message}" for warning in found.warnings]
    return "\n".join(lines)


def _node(node: Milestone | Task, *, text: str, owner: str = "", words: tuple[str, ...] = ()) -> str:
    said = f"{node.line}: {node.key} {node.title}".rstrip()
    said += f" ({node.declared_percent:g} %)" if node.declared_percent is not None else ""
    said += f" (done {node.completed_on or ''})" if node.completed else ""
    said += f" <- {', '.join(node.depends_on)}" if node.depends_on else ""
    said += f" & {' & '.join(words)}" if words else ""
    said += f" by {owner}" if owner else ""
    return said + (f" “{text}”".replace("\n", "⏎") if text else "")


@pytest.mark.parametrize(
    ("document", "expected"),
    [(case.partition("\n")[2], told.rstrip("\n")) for case, told in CASES],
    ids=[case.partition("\n")[0] for case, _ in CASES],
)
def test_a_document_is_read_as(document: str, expected: str) -> None:
    assert outline(document) == expected
