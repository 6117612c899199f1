"""The queues: one pending job of a name, never two at once, a slow one holds up nothing else. Both keep the same."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from app.db.engine import Database
from app.jobs import Queue
from app.jobs.service import queue_for
from tests.api.house import until


class Work:
    """A job that can be held, and counts how often it ran and how many of one argument ran at once."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.times = self.most = 0
        self.now: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, argument: str) -> None:
        with self._lock:
            self.times += 1
            self.now.append(argument)
            self.most = max(self.most, self.now.count(argument))
        self.begun.release()
        assert self.go.acquire(timeout=10)
        with self._lock:
            self.now.remove(argument)


def broken(argument: str) -> None:
    raise ZeroDivisionError


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    yield made
    made.go.release(50)


@pytest.fixture
def quick() -> threading.Event:
    return threading.Event()


@pytest.fixture
def queue(db: Database, work: Work, quick: threading.Event) -> Iterator[Queue]:
    made = queue_for(db)
    made.handle("work", work)
    made.handle("quick", lambda _: quick.set())
    made.handle("broken", broken)
    made.start()
    until(made.alive)
    yield made
    work.go.release(50)
    assert made.stop(10)


def test_one_pending_job_of_a_name_is_enough(queue: Queue, work: Work) -> None:
    work.go.release(10)
    taken = [queue.enqueue("work", "a", delay=0.3) for _ in range(5)]
    assert taken == [True, False, False, False, False]
    assert work.begun.acquire(timeout=5)
    assert not work.begun.acquire(timeout=0.7)
    assert work.times == 1
    until(lambda: queue.names() == frozenset())


def test_a_job_enqueued_while_one_runs_runs_after_it_and_never_beside_it(queue: Queue, work: Work) -> None:
    assert queue.enqueue("work", "a")
    assert work.begun.acquire(timeout=5)
    assert [queue.enqueue("work", "a") for _ in range(3)] == [True, False, False]
    assert not work.begun.acquire(timeout=0.7)
    assert "work:a" in queue.names()
    work.go.release(2)
    assert work.begun.acquire(timeout=5)
    assert (work.times, work.most) == (2, 1)


def test_a_slow_job_holds_up_no_other_name(queue: Queue, work: Work) -> None:
    for argument in ("a", "a", "b", "c", "d"):
        queue.enqueue("work", argument)
    assert all(work.begun.acquire(timeout=5) for _ in range(4))
    assert sorted(work.now) == ["a", "b", "c", "d"]


def test_what_waits_and_what_runs_is_told(queue: Queue, work: Work) -> None:
    assert (queue.names(), queue.depth()) == (frozenset(), 0)
    queue.enqueue("work", "a")
    assert work.begun.acquire(timeout=5)
    queue.enqueue("work", "a")
    queue.enqueue("work", "later", delay=60)
    assert queue.names() == {"work:a", "work:later"}
    assert queue.depth() == 1


def test_the_earlier_of_two_times_counts(queue: Queue, quick: threading.Event) -> None:
    assert queue.enqueue("quick", delay=60)
    assert not queue.enqueue("quick", delay=0)
    assert quick.wait(5)


def test_a_later_time_puts_nothing_off(queue: Queue, quick: threading.Event) -> None:
    queue.enqueue("quick", delay=0.5)
    queue.enqueue("quick", delay=60)
    assert quick.wait(5)


def test_a_delay_is_waited_for(queue: Queue, quick: threading.Event) -> None:
    began = time.monotonic()
    queue.enqueue("quick", delay=0.5)
    assert quick.wait(5)
    assert time.monotonic() - began >= 0.5


def test_a_job_that_fails_is_logged_and_the_next_one_runs(
    queue: Queue, quick: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    queue.enqueue("broken", "pot")
    until(lambda: queue.names() == frozenset())
    queue.enqueue("quick")
    assert quick.wait(5)
    assert "the job broken:pot failed" in caplog.text


def test_a_kind_that_nobody_does_is_a_defect_told_at_once(queue: Queue) -> None:
    with pytest.raises(LookupError, match="unheard"):
        queue.enqueue("unheard")


def test_a_stopped_queue_finishes_what_runs_and_refuses_the_rest(
    queue: Queue, work: Work, quick: threading.Event
) -> None:
    queue.enqueue("work", "a")
    assert work.begun.acquire(timeout=5)
    assert queue.stop(0.05) is False
    assert queue.enqueue("quick") is False
    work.go.release()
    assert queue.stop(5) is True
    assert not quick.wait(0.1)
    assert not queue.alive()
