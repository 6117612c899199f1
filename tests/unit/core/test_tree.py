"""The tree's own words: kinds and order."""

from __future__ import annotations

from datetime import date

from app.core.errors import MilepostError
from app.core.tree import Milestone, Programme, Step, Task, kind_of


def test_nodes_come_in_document_order_and_know_their_kind() -> None:
    first = Milestone("M1", "m", (Task("1A", "t", (Step("1A.1", "s"), Step("1A.2", "s"))), Task("1B", "t")))
    tree = Programme("p", date(2026, 1, 1), (first, Milestone("M2", "m")))
    assert [(node.key, kind_of(node)) for node in tree.nodes()] == [
        ("M1", "milestone"), ("1A", "task"), ("1A.1", "step"), ("1A.2", "step"), ("1B", "task"), ("M2", "milestone"),
    ]  # fmt: skip


def test_an_error_is_its_message_and_has_a_hint_only_where_one_helps() -> None:
    assert (str(MilepostError("no")), MilepostError("no").message, MilepostError("no").hint) == ("no", "no", "")
    assert MilepostError("no", "try yes").hint == "try yes"
