"""worker."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import replace

import typer

from app.cli import output, rubbish
from app.cli.output import AsJson, DatabaseUrl
from app.cli.service import start_logs
from app.core.errors import MilepostError


class WorkerNeedsPostgres(MilepostError):
    """Jobs are shared by way of PostgreSQL; on SQLite the service does its own."""

    type = "worker-needs-postgresql"


def register(app: typer.Typer) -> None:
    app.command("worker")(worker)


def worker(as_json: AsJson = False, database: DatabaseUrl = None) -> None:
    """A further process for jobs, on PostgreSQL. Ends on Ctrl-C or SIGTERM, after what is in flight.

    Example: MILEPOST_DATABASE_URL=postgresql://milepost@db/milepost milepost worker
    """
    from app.settings import Settings

    ctx = output.context(database)
    if ctx.db.sqlite:
        ctx.db.close()
        raise WorkerNeedsPostgres(
            "a worker takes jobs from PostgreSQL, and this database is SQLite",
            "milepost serve does its own jobs there; give --database postgresql://… to share them",
        )
    settings = Settings()
    start_logs(settings, database)
    from app.jobs import ACTOR, Jobs

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    jobs = Jobs(replace(ctx, actor=ACTOR, service=True), settings)
    jobs.start(ticking=False)
    if as_json:
        output.document({"worker": os.getpid(), "database": ctx.db.name})
        sys.stdout.flush()
    output.note(f"milepost: doing jobs of {ctx.db.name}")
    rubbish.sought()
    stop.wait()
    ended = jobs.stop()
    ctx.db.close()
    if not ended:
        sys.stdout.flush()
        os._exit(0)  # what was handed back goes on in this process only until here
