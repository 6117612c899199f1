"""The report as JSON, and what is derived from its values."""

from __future__ import annotations

import json
from dataclasses import replace

from app.report import model
from app.report.render import document, html, markdown
from tests.unit.report.reports import small


def test_the_document_is_json_with_stable_names():
    found = json.loads(json.dumps(document(small())))
    assert list(found) == [
        "programme",
        "made_at",
        "today",
        "since",
        "whole",
        "milestones",
        "moved",
        "newly_done",
        "newly_late",
        "finished",
        "slips",
        "risks",
        "severities",
        "defects",
        "overdue",
        "next",
    ]
    assert (found["programme"], found["made_at"], found["today"], found["since"]) == (
        "update-1",
        "2026-11-24T17:05:00Z",
        "2026-11-24",
        "2026-11-17",
    )
    assert (found["whole"]["percent"], found["whole"]["before"]["percent"]) == (45.0, 44.4)
    assert found["milestones"][1]["window"] == {"text": "Weeks 2–6", "start": "2026-10-20", "end": "2026-11-20"}
    assert found["milestones"][3]["percent"] is None
    assert found["moved"] == ["M2"]
    assert (found["newly_late"], found["newly_done"]) == (["M2"], [])
    assert found["slips"] == [{"key": "M2", "days": 10}]
    assert [(risk["kind"], risk["key"]) for risk in found["risks"]] == [
        ("late", "M2"),
        ("blocked", "M3"),
        ("severe defects", "M2"),
        ("unknown", "DM1"),
        ("stale", "DM1"),
    ]
    assert found["next"] == [{"key": "M3", "event": "begins", "day": "2026-12-01"}]


def test_a_first_report_compares_nothing():
    first = replace(small(), since=None)
    assert document(first)["moved"] == []
    assert "What moved" not in markdown(first)
    assert "What moved" not in html(first)
    assert "Since" not in markdown(first)


def test_what_comes_next_is_within_two_weeks_and_not_done():
    report = small()
    m3 = report.milestones[2]
    for start, said in (("2026-11-24", 1), ("2026-12-08", 1), ("2026-12-09", 0), ("2026-11-23", 0)):
        window = model.Span("", model.date.fromisoformat(start), None)
        assert len(model.coming(replace(report, milestones=(replace(m3, window=window),)))) == said
    finished = replace(m3, health="done")
    assert model.coming(replace(report, milestones=(finished,))) == ()


def test_the_most_slipped_stands_first_and_earlier_is_told_too():
    report = small()
    m1, m2, m3, _ = report.milestones
    slipped = replace(report, milestones=(replace(m1, slip_days=-3), m2, replace(m3, slip_days=30)))
    assert [item.key for item in model.slips(slipped)] == ["M3", "M2", "M1"]
    assert "3 days earlier" in markdown(slipped)


def test_an_empty_programme_is_reported():
    empty = replace(small(), milestones=(), finished=(), severities=(), defects=(), overdue=())
    for text in (markdown(empty), html(empty)):
        assert "No milestones yet." in text
        assert "None known." in text
        assert "Nothing moved." in text
