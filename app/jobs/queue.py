"""Where jobs are done: what a queue promises, and the one of a single process. `shared.py` is the one of many.

A job is a kind and an argument. What kinds do is told once, by `handle`. One pending job of a name is enough, and no
two of a name run at once. Jobs are hints: whoever does one looks in the database for what there is to do, so that one
done twice, or lost with its process, changes nothing but the time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from app import logs

log = logging.getLogger(__name__)

THREADS = 24
"""Jobs at a time in one process: they wait for trackers, not for the processor."""

Work = Callable[[str], object]


def job_name(kind: str, argument: str = "") -> str:
    return f"{kind}:{argument}" if argument else kind


class Queue(Protocol):
    """Every method may be called from any thread."""

    def handle(self, kind: str, work: Work) -> None:
        """Jobs of that kind are done by `work(argument)`. What it raises is logged, and nothing else comes of it."""
        ...

    def start(self) -> None:
        """Begin to do jobs. To be called once, when every kind has been told."""
        ...

    def enqueue(self, kind: str, argument: str = "", delay: float = 0.0) -> bool:
        """Do it in `delay` seconds, when no job of that name is running. True when it was taken on.

        False when one is pending already (it is then done at the earlier of both times), or when the queue is stopping.
        """
        ...

    def names(self) -> frozenset[str]:
        """The names of the jobs that are pending or running, in whatever process."""
        ...

    def depth(self) -> int:
        """How many jobs are due and have not been begun."""
        ...

    def alive(self) -> bool:
        """Whether this process does jobs."""
        ...

    def stop(self, timeout: float) -> bool:
        """Begin no more jobs, and wait for those that run here. False when some outlast `timeout` seconds."""
        ...

    def hand_back(self) -> None:
        """As the process ends: what runs here still is to be done by another, where there can be one."""
        ...


class LocalQueue:
    """Jobs in this process's threads, which are started as they are needed. What is pending is forgotten at its end."""

    def __init__(self, threads: int = THREADS, name: str = "jobs") -> None:
        self._most = threads
        self._name = name
        self._work: dict[str, Work] = {}
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._pending: dict[tuple[str, str], float] = {}  # when each is due, by time.monotonic()
        self._ids: dict[tuple[str, str], dict[str, str]] = {}  # of who asked first, for the log
        self._running: set[tuple[str, str]] = set()
        self._changed = threading.Condition()
        self._stopping = False

    def handle(self, kind: str, work: Work) -> None:
        self._work[kind] = work

    def start(self) -> None:
        """Nothing to be done: threads come with jobs."""

    def enqueue(self, kind: str, argument: str = "", delay: float = 0.0) -> bool:
        job, due = (kind, argument), time.monotonic() + delay
        if kind not in self._work:
            raise LookupError(f"nobody does jobs of the kind {kind!r}")
        with self._changed:
            if self._stopping:
                return False
            there = self._pending.get(job)
            self._pending[job] = due if there is None else min(there, due)
            self._ids.setdefault(job, logs.ids())
            if there is None and self._idle < len(self._pending) and len(self._threads) < self._most:
                self._start()
            self._changed.notify_all()
            return there is None

    def _start(self) -> None:
        number = len(self._threads) + 1
        thread = threading.Thread(target=self._serve, name=f"{self._name}-{number}", daemon=True)
        self._threads.append(thread)
        self._idle += 1
        thread.start()

    def names(self) -> frozenset[str]:
        with self._changed:
            return frozenset(job_name(*job) for job in self._pending.keys() | self._running)

    def depth(self) -> int:
        now = time.monotonic()
        with self._changed:
            return sum(1 for due in self._pending.values() if due <= now)

    def alive(self) -> bool:
        with self._changed:
            return not self._stopping

    def stop(self, timeout: float) -> bool:
        with self._changed:
            self._stopping = True
            self._pending.clear()
            self._ids.clear()
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._running, timeout)

    def hand_back(self) -> None:
        """There is no other: the tick of the next process finds what is left to do."""

    def _serve(self) -> None:
        while True:
            with self._changed:
                job = self._next()
                if job is None:
                    return
                self._running.add(job)
                self._idle -= 1
                ids = self._ids.pop(job, {})
            try:
                kind, argument = job
                done(kind, argument, self._work[kind], ids)
            finally:
                with self._changed:
                    self._running.discard(job)
                    self._idle += 1
                    self._changed.notify_all()

    def _next(self) -> tuple[str, str] | None:
        """Wait for a job that is due and take it; None when the queue stops. The lock is held outside of waiting."""
        while not self._stopping:
            ready = [(due, job) for job, due in self._pending.items() if job not in self._running]
            due, job = min(ready, default=(float("inf"), ("", "")))
            wait = due - time.monotonic()
            if wait <= 0:
                del self._pending[job]
                return job
            self._changed.wait(wait if ready else None)
        return None


def done(kind: str, argument: str, work: Work, ids: Mapping[str, str]) -> None:
    """Do a job; what it raises ends in the log. `ids` are those of who asked for it, for the log."""
    with logs.bound(**ids):
        try:
            work(argument)
        except Exception:
            log.exception("the job %s failed", job_name(kind, argument))
