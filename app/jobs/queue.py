"""The in-process queue: a few threads, jobs by name, one pending job of a name at most and never two at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    due: float  # time.monotonic()
    work: Callable[[], object]


class Queue:
    """Jobs in threads, which are started as they are needed. Every method may be called from any thread."""

    def __init__(self, threads: int = 4, name: str = "jobs") -> None:
        self._most = threads
        self._name = name
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._pending: dict[str, _Job] = {}
        self._running: set[str] = set()
        self._changed = threading.Condition()
        self._stopping = False

    def enqueue(self, name: str, work: Callable[[], object], delay: float = 0.0) -> bool:
        """Run `work` in `delay` seconds, when no job of that name is running. True when it was taken on.

        False when a job of that name is pending already (it then runs at the earlier of both times), or when the
        queue is stopping. What `work` raises is logged, and nothing else comes of it.
        """
        due = time.monotonic() + delay
        with self._changed:
            if self._stopping:
                return False
            there = self._pending.get(name)
            if there is not None:
                there.due = min(there.due, due)
            else:
                self._pending[name] = _Job(due, work)
                if self._idle < len(self._pending) and len(self._threads) < self._most:
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
        """The names of the jobs that are pending or running."""
        with self._changed:
            return frozenset(self._pending.keys() | self._running)

    def stop(self, timeout: float) -> bool:
        """Refuse new jobs, forget pending ones, wait for those that run. False when some outlast `timeout` seconds."""
        with self._changed:
            self._stopping = True
            self._pending.clear()
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._running, timeout)

    def _serve(self) -> None:
        while True:
            with self._changed:
                taken = self._next()
                if taken is None:
                    return
                name, job = taken
                self._running.add(name)
                self._idle -= 1
            try:
                job.work()
            except Exception:
                log.exception("the job %s failed", name)
            finally:
                with self._changed:
                    self._running.discard(name)
                    self._idle += 1
                    self._changed.notify_all()

    def _next(self) -> tuple[str, _Job] | None:
        """Wait for a job that is due and take it; None when the queue stops. The lock is held outside of waiting."""
        while not self._stopping:
            ready = [(job.due, name) for name, job in self._pending.items() if name not in self._running]
            due, name = min(ready, default=(float("inf"), ""))
            wait = due - time.monotonic()
            if wait <= 0:
                return name, self._pending.pop(name)
            self._changed.wait(wait if ready else None)
        return None
