"""A small report, and one of hostile words, that the tests of every renderer share."""

from __future__ import annotations

from datetime import UTC, date, datetime

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


def small() -> Report:
    """Two weeks of a programme of four milestones."""
    programme = Standing(
        key="",
        title="Update 1",
        url=None,
        percent=45.0,
        done=9,
        total=20,
        excluded=1,
        source="measured",
        health="at_risk",
        why=("M2 is late",),
        expected=60.0,
        outlook=Outlook(2.5, date(2026, 12, 20), date(2027, 1, 8)),
        before=Before(40.0, 8, 20, "on_track"),
        scope_added=2,
        scope_removed=2,
    )
    done = Standing("M1", "Mobilise", "https://git.example/m/1", 100.0, 5, 5, 1, "measured", "done")
    late = Standing(
        key="M2",
        title="Core services",
        url="https://git.example/m/2",
        percent=50.0,
        done=4,
        total=8,
        excluded=0,
        source="measured",
        health="late",
        why=("its window ended 20 Nov 2026",),
        declared=70.0,
        expected=100.0,
        window=Span("Weeks 2–6", date(2026, 10, 20), date(2026, 11, 20)),
        baseline_end=date(2026, 11, 6),
        slip_days=14,
        outlook=Outlook(1.0, date(2026, 12, 10), None),
        before=Before(37.5, 3, 8, "on_track"),
    )
    coming = Standing(
        key="M3",
        title="Marketplace",
        url=None,
        percent=0.0,
        done=0,
        total=7,
        excluded=0,
        source="declared",
        health="on_track",
        expected=0.0,
        window=Span("Weeks 8–14", date(2026, 12, 1), date(2027, 1, 12)),
        blocked_by=("M2",),
        outlook=Outlook(reason="one point of history is too little"),
    )
    unknown = Standing(
        key="DM1",
        title="Design",
        url=None,
        percent=None,
        done=0,
        total=0,
        excluded=0,
        source="unknown",
        health="unknown",
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
        finished=(Finished("2A.3", "Ledger ships", None, date(2026, 11, 19)),),
        severities=(SeverityCount("severity-1", 1, 1), SeverityCount("severity-2", 3)),
        defects=(OpenDefect("M2", "Payments lost", "https://git.example/i/9", "severity-1", 9, 2),),
        overdue=(Overdue("3B", "Pricing rules", None, date(2026, 11, 20), ("ada", "grace")),),
    )


def of(words: str, url: str | None = None) -> Report:
    """A report that says `words` wherever people's words can stand."""
    standing = Standing(
        key="M1",
        title=words,
        url=url,
        percent=10.0,
        done=1,
        total=10,
        excluded=0,
        source="measured",
        health="late",
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
        programme=standing,
        milestones=(standing,),
        finished=(Finished("1A", words, url, None),),
        severities=(SeverityCount(words, 1),),
        defects=(OpenDefect("M1", words, url, words, 3),),
        overdue=(Overdue("1B", words, url, TODAY, (words,)),),
    )
