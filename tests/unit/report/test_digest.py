"""The report in little: the same values, whatever the roadmap's size, and plain lines."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from app.report.digest import ITEMS, MARKDOWN, digest, plain, short_markdown
from app.report.model import Finished
from app.report.render import document, markdown
from tests.unit.hostile import HOSTILE
from tests.unit.report.reports import of, small, standing


def test_a_digest_says_what_the_document_says():
    little, whole = digest(small()), document(small())
    for name in ("today", "since", "moved", "newly_done", "newly_late", "finished", "slips", "risks", "next"):
        assert little[name] == whole[name], name
    assert {name: whole["whole"][name] for name in little["whole"]} == little["whole"]
    assert little["headline"].startswith("45 % (9 of 20), at risk: M2 is late. Since 17 Nov 2026: 44.4 % → 45 %")
    assert little["left_out"] == {}


def test_plain_lines_say_what_changed_and_what_to_look_at():
    assert plain(small(), 3000).splitlines() == [
        "Update 1: status on 24 Nov 2026",
        "45 % (9 of 20), at risk: M2 is late. Since 17 Nov 2026: 44.4 % → 45 %, 8 of 18 → 9 of 20 done, scope +3 −1, "
        "on track → at risk. By its windows 60 % was expected by now. Forecast: 18 Dec 2026 (50 %), 4 Jan 2027 (85 %) "
        "at 3.0 units a week. 4 milestones: 1 done, 1 on track, 1 late, 1 unknown.",
        "What moved since 17 Nov 2026:",
        "• M2 Core services: still 50 %, 3 of 6 → 4 of 8 done, scope +3 −1, on track → late",
        "• newly late: M2 Core services",
        "• done: 2A.3 Ledger ships: on 19 Nov 2026",
        "• done: 2B Refunds",
        "Slips:",
        "• M2 Core services: 10 days later: from 10 Nov 2026 to 20 Nov 2026",
        "Risks:",
        "• late: M2 Core services: its window ended 20 Nov 2026",
        "• blocked: M3 Marketplace: waits for M2",
        "• severe defects: M2 Core services: 1 open, 1 past the allowed time",
        "• unknown: DM1 Design: nothing to count",
        "• stale: DM1 Design: never read",
        "Open defects:",
        "• severity 1: 1 open, 1 past the allowed time",
        "• severity 2: 1 open",
        "• M2 Payments lost: severity 1, 9 days old, 2 days past the allowed time",
        "• M3 Slow search: severity 2, 1 day old",
        "Overdue:",
        "• 3B Pricing rules: was due 20 Nov 2026, ada, grace",
        "Next two weeks:",
        "• M3 Marketplace: begins 1 Dec 2026, 0 % (0 of 7), declared only",
    ]


def test_however_large_the_programme_it_is_bounded_and_says_what_it_leaves_out():
    many = [standing(f"M{n}", "word " * 500, 1, 2, "late", why=("reason " * 500,), slip_days=n) for n in range(1, 301)]
    finished = tuple(Finished(f"{n}A", "word " * 500, None, None) for n in range(400))
    report = replace(of("long " * 5000), milestones=tuple(many), finished=finished)
    little = digest(report)
    assert len(json.dumps(little)) < 40_000
    assert [item["key"] for item in little["slips"]] == [f"M{n}" for n in range(300, 300 - ITEMS, -1)]
    assert little["left_out"] == {"finished": 380, "slips": 280, "risks": 281}
    text = plain(report, 3000)
    assert len(text) <= 3000
    assert "• and 395 more" in text
    short = short_markdown(report)
    assert len(short) <= MARKDOWN
    assert short.endswith("*The rest is left out here; `milepost report x` has all of it.*\n")
    assert short_markdown(small()) == markdown(small())


@pytest.mark.parametrize("most", [120, 400, 1000])
def test_plain_lines_are_cut_between_two(most: int):
    text = plain(small(), most)
    assert len(text) <= most
    lines = text.splitlines()
    assert lines.pop() == "…"
    assert lines == plain(small(), 3000).splitlines()[: len(lines)]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_make_no_line_of_their_own(name: str):
    assert len(plain(of(HOSTILE[name]), 10_000).splitlines()) == len(plain(of("plain"), 10_000).splitlines())
