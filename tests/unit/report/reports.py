"""A small report, and one of hostile words, that the tests of every renderer share."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from app.core.progress import Health
from app.report.model import (
    Before,
    Finished,
    OpenDefect,
    Outlook,
    Overdue,
    Report,
    SeverityCount,
    Span,
    Standing,
)

TODAY = date(2026, 11, 24)
MADE = datetime(2026, 11, 24, 17, 5, tzinfo=UTC)


def standing(key: str, title: str, done: int, total: int, health: Health, **more: Any) -> Standing:
    """One that was measured, and what `more` says of it. Its percentage is `done` of `total`, unknown of nothing."""
    percent = done * 1000 // total / 10 if total else None
    return replace(Standing(key, title, None, percent, done, total, 0, "measured", health), **more)


def small() -> Report:
    """Two weeks of a programme of four milestones."""
    programme = standing(
        "",
        "Update 1",
        9,
        20,
        "at_risk",
        excluded=1,
        why=("M2 is late",),
        expected=60.0,
        outlook=Outlook(3.0, date(2026, 12, 18), date(2027, 1, 4)),
        before=Before(44.4, 8, 18, "on_track"),
        scope_added=3,
        scope_removed=1,
    )
    done = standing("M1", "Mobilise", 5, 5, "done", excluded=1, url="https://git.example/m/1")
    late = standing(
        "M2",
        "Core services",
        4,
        8,
        "late",
        url="https://git.example/m/2",
        why=("its window ended 20 Nov 2026",),
        declared=62.5,
        expected=100.0,
        window=Span("Weeks 2–6", date(2026, 10, 20), date(2026, 11, 20)),
        baseline_end=date(2026, 11, 10),
        slip_days=10,
        outlook=Outlook(1.5, date(2026, 12, 8), None),
        before=Before(50.0, 3, 6, "on_track"),
        scope_added=3,
        scope_removed=1,
    )
    coming = standing(
        "M3",
        "Marketplace",
        0,
        7,
        "on_track",
        source="declared",
        expected=0.0,
        window=Span("Weeks 8–14", date(2026, 12, 1), date(2027, 1, 15)),
        blocked_by=("M2",),
        outlook=Outlook(reason="one point of history is too little"),
    )
    unknown = standing(
        "DM1",
        "Design",
        0,
        0,
        "unknown",
        source="unknown",
        why=("nothing to count",),
        window=Span("Pre-GA"),
        stale=True,
        stale_reason="never read",
    )
    return Report(
        slug="update-1",
        made_at=MADE,
        today=TODAY,
        since=date(2026, 11, 17),
        programme=programme,
        milestones=(done, late, coming, unknown),
        finished=(
            Finished("2A.3", "Ledger ships", None, date(2026, 11, 19)),
            Finished("2B", "Refunds", "https://git.example/i/4", None),
        ),
        severities=(SeverityCount(1, 1, 1), SeverityCount(2, 1)),
        defects=(
            OpenDefect("M2", "Payments lost", "https://git.example/i/9", 1, 9, 2),
            OpenDefect("M3", "Slow search", None, 2, 1),
        ),
        overdue=(Overdue("3B", "Pricing rules", None, date(2026, 11, 20), ("ada", "grace")),),
    )


def of(words: str, url: str | None = None) -> Report:
    """A report that says `words` wherever people's words can stand."""
    one = standing(
        "M1",
        words,
        1,
        10,
        "late",
        url=url,
        why=(words,),
        window=Span(words),
        slip_days=3,
        outlook=Outlook(reason=words),
        blocked_by=(words,),
        stale=True,
        stale_reason=words,
        before=Before(0.0, 0, 10, "on_track"),
    )
    return Report(
        slug="x",
        made_at=MADE,
        today=TODAY,
        since=date(2026, 11, 17),
        programme=one,
        milestones=(one,),
        finished=(Finished("1A", words, url, None),),
        severities=(SeverityCount(1, 1),),
        defects=(OpenDefect("M1", words, url, 1, 3),),
        overdue=(Overdue("1B", words, url, TODAY, (words,)),),
    )
