"""The queue: one pending job of a name, never two at once, a slow one holds up nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from app.jobs import Queue


@pytest.fixture
def queue() -> Iterator[Queue]:
    made = Queue(threads=4)
    yield made
    made.stop(5)


class Work:
    """A job that can be held, and counts how often it ran and how many ran at once."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.times = self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.times += 1
            self.now += 1
            self.most = max(self.most, self.now)
        self.begun.release()
        assert self.go.acquire(timeout=10)
        with self._lock:
            self.now -= 1


def test_one_pending_job_of_a_name_is_enough(queue: Queue) -> None:
    work = Work()
    work.go.release(10)
    taken = [queue.enqueue("a", work, delay=0.1) for _ in range(5)]
    assert taken == [True, False, False, False, False]
    assert work.begun.acquire(timeout=5)
    assert not work.begun.acquire(timeout=0.3)
    assert work.times == 1


def test_a_job_enqueued_while_one_runs_runs_after_it_and_never_beside_it(queue: Queue) -> None:
    work = Work()
    assert queue.enqueue("a", work)
    assert work.begun.acquire(timeout=5)
    assert [queue.enqueue("a", work) for _ in range(3)] == [True, False, False]
    assert not work.begun.acquire(timeout=0.2)
    assert "a" in queue.names()
    work.go.release(2)
    assert work.begun.acquire(timeout=5)
    assert (work.times, work.most) == (2, 1)


def test_a_slow_job_holds_up_no_other_name(queue: Queue) -> None:
    slow, others = Work(), [Work() for _ in range(3)]
    queue.enqueue("slow", slow)
    queue.enqueue("slow", slow)
    for number, work in enumerate(others):
        queue.enqueue(f"other-{number}", work)
    assert all(work.begun.acquire(timeout=5) for work in others)
    for work in (slow, slow, *others):
        work.go.release()


def test_the_earlier_of_two_times_counts(queue: Queue) -> None:
    work = Work()
    work.go.release()
    assert queue.enqueue("a", work, delay=60)
    assert not queue.enqueue("a", work, delay=0)
    assert work.begun.acquire(timeout=5)


def test_a_delay_is_waited_for(queue: Queue) -> None:
    ran = threading.Event()
    began = time.monotonic()
    queue.enqueue("a", ran.set, delay=0.2)
    assert ran.wait(5)
    assert time.monotonic() - began >= 0.2


def test_a_job_that_fails_is_logged_and_the_next_one_runs(queue: Queue, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    ran = threading.Event()
    queue.enqueue("broken", broken)
    queue.enqueue("good", ran.set)
    assert ran.wait(5)
    assert queue.stop(5)
    assert "the job broken failed" in caplog.text


def test_a_stopped_queue_finishes_what_runs_and_refuses_the_rest() -> None:
    queue, running, pending = Queue(threads=1), Work(), threading.Event()
    queue.enqueue("running", running)
    assert running.begun.acquire(timeout=5)
    queue.enqueue("pending", pending.set)
    assert queue.stop(0.05) is False
    assert queue.enqueue("late", pending.set) is False
    running.go.release()
    assert queue.stop(5) is True
    assert not pending.wait(0.1)
