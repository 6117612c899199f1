"""Scheduled reports by services that tick: whatever the clock does and however many there are, each is made once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlmodel import select

from app.db.engine import Database
from app.db.models import NotificationRow
from app.jobs import Jobs
from app.settings import Settings
from app.sync import notify, report_schedules, roadmap
from app.sync.context import Context
from app.sync.notify import NewNotifier
from app.sync.report_schedules import NewReportSchedule
from tests.api.house import ROADMAP, until
from tests.sync.test_history import At


def test_services_that_tick_make_each_day_s_report_once(db: Database, tmp_path: Path) -> None:
    clock = At(datetime(2026, 11, 2, 12, tzinfo=UTC))
    ctx = Context(db, now=clock)
    roadmap.import_roadmap(db, ROADMAP.encode(), "small", start=date(2026, 11, 2), now=ctx.now())
    notify.add(ctx, NewNotifier("crew", "small", "standard", "http://127.0.0.1:9/", secret_env="NONE"))
    report_schedules.add(ctx, NewReportSchedule("page", "small", "day", file=str(tmp_path / "{date}.md")))
    report_schedules.add(ctx, NewReportSchedule("news", "small", "day", notifier="crew"))
    url = db.engine.url.render_as_string(hide_password=False)
    others = [Database(url) for _ in range(2)]
    services = [Jobs(Context(other, now=clock), Settings(_env_file=None)) for other in others]
    for service in services:
        service.start()

    def reports() -> list[str]:
        with db.read() as session:
            return list(session.exec(select(NotificationRow.event).where(NotificationRow.event == "report")))

    try:
        for day in range(1, 4):
            clock.now += timedelta(days=1)
            for service in services:
                service.schedule.minute()
            until(lambda day=day: len(reports()) >= day and len(list(tmp_path.glob("*.md"))) >= day, 30)
    finally:
        for service in services:
            service.stop()
    assert sorted(file.name for file in tmp_path.glob("*.md")) == [f"2026-11-0{day}.md" for day in (3, 4, 5)]
    assert len(reports()) == 3
    for other in others:
        other.close()
