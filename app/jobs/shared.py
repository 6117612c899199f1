"""The queue of many processes: procrastinate, in the same PostgreSQL. Each process that starts it does jobs too.

A job's `queueing_lock` keeps one pending job of a name, its `lock` keeps two from running at once, on whatever machine.
A worker that is gone is known by its heartbeat: what it had begun is put back, by any other. Jobs that are done are
deleted; nothing but pending and running ones is ever in the table.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
from procrastinate import App, JobContext, PsycopgConnector, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job
from sqlalchemy import text

from app import logs
from app.core.errors import MilepostError
from app.db.engine import Database, DatabaseUnusable
from app.jobs.queue import THREADS, Work, done, job_name

log = logging.getLogger(__name__)

NAME = "milepost"
"""The queue's name, and what its tasks' names begin with."""
POLL = 0.5
"""Seconds between looks for delayed jobs that have become due; others are told of at once."""
HEARTBEAT, DEAD_AFTER, RESCUE = 2.0, 10.0, 3.0
"""Seconds between a worker's signs of life; without one for how long it is gone; between looks for what it left."""
AGAIN = 2.0
"""Seconds until the worker is begun again after the database was away."""


class SharedQueue:
    """See `app.jobs.queue.Queue`."""

    def __init__(self, db: Database, threads: int = THREADS) -> None:
        self._db = db
        self._threads = threads
        self._work: dict[str, Work] = {}
        self._app = App(connector=SyncPsycopgConnector())
        self._lock = threading.Lock()
        self._running: dict[int, str] = {}
        self._stopping = threading.Event()
        self._working = False
        self._thread = threading.Thread(target=self._main, name="queue", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None

    def handle(self, kind: str, work: Work) -> None:
        if kind not in self._work:
            run = partial(self._run, kind)
            self._app.task(name=f"{NAME}.{kind}", queue=NAME, pass_context=True)(run)
        self._work[kind] = work

    def _run(self, kind: str, context: JobContext, argument: str, ids: dict[str, str]) -> None:
        number = context.job.id or 0
        with self._lock:
            self._running[number] = job_name(kind, argument)
        try:
            done(kind, argument, self._work[kind], ids)
        finally:
            with self._lock:
                self._running.pop(number, None)

    def start(self) -> None:
        self._thread.start()

    def enqueue(self, kind: str, argument: str = "", delay: float = 0.0) -> bool:
        """Raises DatabaseUnusable."""
        if kind not in self._work:
            raise LookupError(f"nobody does jobs of the kind {kind!r}")
        if self._stopping.is_set():
            return False
        name = job_name(kind, argument)
        due = datetime.now(UTC) + timedelta(seconds=delay) if delay else None
        job = Job(
            queue=NAME,
            lock=name,
            queueing_lock=name,
            task_name=f"{NAME}.{kind}",
            task_kwargs={"argument": argument, "ids": {**logs.ids()}},
            scheduled_at=due,
        )
        try:
            with self._db.write() as session:
                driver = session.connection().connection.driver_connection
                self._app.job_manager.defer_job(job, connection=driver)
            return True
        except AlreadyEnqueued:
            self._sooner(name, due)
            return False
        except ConnectorException as error:
            raise DatabaseUnusable(f"the database {self._db.name} failed: {error.__cause__ or error}") from error

    def _sooner(self, name: str, due: datetime | None) -> None:
        """The pending job of that name is done at the earlier of both times."""
        with self._db.write() as session:
            session.connection().execute(
                text(
                    "UPDATE procrastinate_jobs SET scheduled_at = CAST(:due AS timestamptz)"
                    " WHERE queueing_lock = :name AND status = 'todo'"
                    " AND scheduled_at > coalesce(CAST(:due AS timestamptz), now())"
                ),
                {"name": name, "due": due},
            )

    def names(self) -> frozenset[str]:
        """Raises DatabaseUnusable."""
        with self._db.read() as session:
            found = session.connection().execute(
                text("SELECT queueing_lock FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")
            )
            return frozenset(name for (name,) in found if name)

    def depth(self) -> int:
        """Raises DatabaseUnusable."""
        with self._db.read() as session:
            due = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND (scheduled_at > now()) IS NOT TRUE"
            return int(session.connection().execute(text(due)).scalar_one())

    def alive(self) -> bool:
        return self._working and not self._stopping.is_set()

    def stop(self, timeout: float) -> bool:
        self._stopping.set()
        if not self._thread.is_alive():
            return True
        if self._loop is not None and self._task is not None:
            with suppress(RuntimeError):  # the loop has just ended
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def hand_back(self) -> None:
        with self._lock:
            left = dict(self._running)
        for number, name in left.items():
            log.warning("the job %s is handed back", name)
            try:
                self._put_back(number)
            except MilepostError as error:
                log.warning("it could not be: %s", error.message)  # its heartbeat ends with the process

    def _put_back(self, number: int) -> None:
        """Let a job that was begun wait again; where another of its name waits already, that one is enough."""
        arguments = {"number": number}
        with self._db.write() as session:
            session.connection().execute(
                text(
                    "DELETE FROM procrastinate_jobs job WHERE id = :number AND status = 'doing' AND EXISTS (SELECT 1"
                    " FROM procrastinate_jobs o WHERE o.queueing_lock = job.queueing_lock AND o.status = 'todo')"
                ),
                arguments,
            )
            session.connection().execute(
                text(
                    "SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM procrastinate_jobs"
                    " WHERE id = :number AND status = 'doing'"
                ),
                arguments,
            )
            session.connection().execute(
                text("SELECT pg_notify(:channel, :payload)"),
                {
                    "channel": f"procrastinate_queue_v1#{NAME}",
                    "payload": f'{{"type": "job_inserted", "job_id": {number}}}',
                },
            )

    def _main(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._serve())
            except (ConnectorException, psycopg.Error, OSError, TimeoutError) as error:
                log.warning("the queue's worker lost its database: %s", type(error).__name__)
            except asyncio.CancelledError:
                break
            self._working = False
            self._stopping.wait(AGAIN)
        self._working = False

    async def _serve(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._loop.set_default_executor(ThreadPoolExecutor(self._threads, "job"))
        url = self._db.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        app = self._app.with_connector(PsycopgConnector(conninfo=url, min_size=1, max_size=4, timeout=10))
        async with app.open_async():
            if self._stopping.is_set():
                return
            rescuer = asyncio.create_task(self._rescue(app))
            self._working = True
            try:
                await app.run_worker_async(
                    queues=[NAME],
                    name=NAME,
                    concurrency=self._threads,
                    fetch_job_polling_interval=POLL,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    update_heartbeat_interval=HEARTBEAT,
                    stalled_worker_timeout=DEAD_AFTER,
                )
            finally:
                rescuer.cancel()

    async def _rescue(self, app: App) -> None:
        """Put back what workers that are gone had begun."""
        while True:
            try:
                for job in await app.job_manager.get_stalled_jobs(queue=NAME, seconds_since_heartbeat=DEAD_AFTER):
                    log.warning("the job %s is taken over from a worker that is gone", job.lock)
                    await asyncio.to_thread(self._put_back, job.id or 0)
            except (ConnectorException, MilepostError) as error:
                log.warning("nothing is taken over: %s", type(error).__name__)
            await asyncio.sleep(RESCUE)
