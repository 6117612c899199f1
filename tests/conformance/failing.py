"""Failing: what each refusal and each lost answer becomes, with exactly one request a write; and no token anywhere."""

from __future__ import annotations

import gc
import logging
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import connectors
from app.core.plan import Shape
from connectors.base import (
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TrackerError,
    Unauthorized,
    Unsupported,
)
from tests.conformance.bench import PATIENCE, READ_ONLY, RIGHT, WRONG, Bench, Hands

OURS = Path(connectors.__file__).parent
WAIT = 7.0


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, what it stands for when it strikes a write and when it strikes a read, and whether the write is done all
    the same. `read` None: it is told by the observation, and not raised.
    """

    reason: str
    kind: str
    write: type[TrackerError] | tuple[type[TrackerError], ...]
    read: type[TrackerError] | None = None
    status: int = 502
    seconds: float = 0.0
    done: bool = False

    def strike(self, bench: Bench, match: str, *, skip: int = 0) -> None:
        bench.fault(self.kind, match, skip=skip, status=self.status, seconds=self.seconds)


CASES = (
    Case("wrong token", "error", Unauthorized, Unauthorized, 401),
    Case("no right", "error", Unauthorized, Unauthorized, 403),
    Case("not there", "error", NotFound, NotFound, 404),
    Case("conflict", "error", Rejected, None, 409),
    Case("gone", "error", (NotFound, Unsupported), NotFound, 410),
    Case("not valid", "error", Rejected, None, 422),
    Case("too many requests", "error", RateLimited, None, 429),
    Case("primary limit", "primary_limit", RateLimited, None, seconds=WAIT),
    Case("secondary limit", "secondary_limit", RateLimited, None, seconds=WAIT),
    Case("secondary limit, no time named", "secondary_limit", RateLimited, None),
    Case("server error", "error", OutcomeUnknown, None, 500),
    Case("bad gateway", "error", OutcomeUnknown, None, 502),
    Case("unavailable", "error", OutcomeUnknown, None, 503),
    Case("gateway timeout", "error", OutcomeUnknown, None, 504),
    Case("error after it was done", "error_after", OutcomeUnknown, None, 502, done=True),
    Case("reset", "reset", OutcomeUnknown, None),
    Case("lost answer", "dropped", OutcomeUnknown, None, done=True),
    Case("cut answer", "truncated", OutcomeUnknown, None, done=True),
    Case("no JSON", "html", OutcomeUnknown, None),
    Case("timeout", "latency", OutcomeUnknown, None, seconds=PATIENCE * 8, done=True),
)
RAISED = tuple(case for case in CASES if case.read)
PAGES = tuple(case for case in CASES if not case.read)

SOME = ("wrong token", "not valid", "secondary limit", "bad gateway", "lost answer", "cut answer", "no JSON")
"""For a bench that is not thorough: one of each outcome."""
EVERYWHERE = ("bad gateway", "cut answer")


@contextmanager
def impatient(bench: Bench, case: Case) -> Iterator[None]:
    """Waiting no longer than needed where the answer takes too long."""
    if case.kind == "latency":
        with bench.impatient():
            yield
    else:
        yield


def told(bench: Bench, error: TrackerError, case: Case) -> None:
    """The error is of the class wanted, in words that help, and names the wait that the tracker named."""
    assert isinstance(error, case.write)
    assert error.message
    waited(bench, case, error.retry_after if isinstance(error, RateLimited) else None)


def waited(bench: Bench, case: Case, seconds: float | None) -> None:
    """The wait that the tracker named, where it names one. Where it names none, a rule of its own may hold."""
    if case.kind == "primary_limit" or (case.kind == "secondary_limit" and case.seconds and bench.names_every_wait):
        assert seconds is not None
        assert WAIT - 3 <= seconds <= WAIT + 3
    elif case.kind == "secondary_limit" or case.status == 429:
        assert seconds is None or seconds >= 1
    else:
        assert seconds is None


class Failing:
    def test_a_create_that_fails_is_sent_once_and_told_for_what_it_is(
        self, bench: Bench, shape: Shape, fault: Case
    ) -> None:
        with impatient(bench, fault):
            hands = bench.hands()
            hands.warm(shape)
            mark = bench.mark()
            fault.strike(bench, bench.create_line(shape))
            with pytest.raises(TrackerError) as caught:
                hands.make(shape, "Once")
        told(bench, caught.value, fault)
        assert bench.creates(mark) == 1
        bench.clear()
        assert len(bench.titled("Once")) == fault.done
        if not fault.done:  # the same connector goes on
            hands.make(shape, "Once")
        assert [item.title for item in hands.read().values()].count("Once") == 1

    def test_an_update_that_fails_is_sent_once_and_told_for_what_it_is(
        self, bench: Bench, shape: Shape, fault: Case
    ) -> None:
        with impatient(bench, fault):
            hands = bench.hands()
            made = hands.warm(shape)
            hands.update(made, title="Before")
            mark = bench.mark()
            fault.strike(bench, bench.update_line(shape))
            with pytest.raises(TrackerError) as caught:
                hands.update(made, title="After")
        told(bench, caught.value, fault)
        assert len(bench.writes(mark)) == 1
        bench.clear()
        assert hands.read_one(made).title == ("After" if fault.done else "Before")
        assert hands.update(made, title="After").title == "After"

    @pytest.mark.parametrize("status", [404, 422, 429, 502])
    def test_made_but_not_closed_is_unknown_and_there_is_one(self, bench: Bench, shape: Shape, status: int) -> None:
        """What a tracker can't make closed takes a second call; when that fails the object is there, and open."""
        hands = bench.hands()
        hands.warm(shape)
        mark = bench.mark()
        fault = bench.fault("error", bench.close_line(shape), skip=bench.close_skips(shape), status=status)
        with suppress(OutcomeUnknown):
            hands.make(shape, "Finished", state="closed")
            assert bench.site.faults.struck(fault) == 0, "closing failed without a word"
        struck = bench.site.faults.struck(fault)
        bench.clear()
        assert bench.creates(mark) == 1
        (seen,) = bench.titled("Finished")
        assert seen.state == ("open" if struck else "closed")
        assert struck or len(bench.writes(mark)) == 1  # it was made closed in one call

    def test_a_place_that_can_not_be_read_is_raised(self, bench: Bench, raised: Case) -> None:
        bench.seed(3)
        raised.strike(bench, "")
        assert raised.read
        with pytest.raises(raised.read) as caught:
            bench.open().observe()
        assert caught.value.message
        assert caught.value.hint

    def test_a_failed_page_is_never_taken_for_the_end(self, bench: Bench, failed: Case) -> None:
        """Whichever request of a whole read fails; for most ways to fail the second stands for all."""
        bench.seed(101, 101)
        with impatient(bench, failed):
            connector = bench.open()
            before = connector.observe()
            assert (before.complete, len(before.objects)) == (True, 202)
            assert before.requests >= 4
            for nth in range(before.requests) if failed.reason in EVERYWHERE else (1,):
                failed.strike(bench, "", skip=nth)
                seen = connector.observe()
                bench.clear()
                if seen.complete:  # by another way: then it is whole all the same
                    assert seen.objects == before.objects
                    continue
                assert (seen.complete, seen.cursor) == (False, None), nth
                assert seen.problem
                known = {item.ref.identity: item for item in before.objects}
                assert all(known[item.ref.identity] == item for item in seen.objects)
                waited(bench, failed, seen.retry_after)
            after = connector.observe()
        assert (after.complete, after.objects) == (True, before.objects)

    @pytest.mark.parametrize("kind", ["error", "reset", "truncated", "html"])
    def test_after_a_failed_incremental_read_nothing_is_missed(self, bench: Bench, kind: str) -> None:
        bench.seed(5, 1)
        connector = bench.open()
        start = connector.observe().cursor
        ref, held = bench.add("In between"), bench.add_milestone("Held")
        whole = connector.observe(start)
        assert whole.complete
        for nth in range(whole.requests):
            bench.fault(kind, "", skip=nth)
            seen = connector.observe(start)
            bench.clear()
            assert (seen.complete, seen.cursor) == (False, None), nth
            again = connector.observe(start)
            assert again.complete
            assert {ref.identity, held.identity} <= {item.ref.identity for item in again.objects}

    def test_a_read_is_never_a_write_however_it_fails(self, bench: Bench) -> None:
        mark = bench.mark()
        for case in PAGES:
            if case.kind != "latency":
                case.strike(bench, r"^GET ")
                bench.open().observe()
                bench.clear()
        assert bench.writes(mark) == []

    def test_no_token_in_anything_that_people_may_read(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            text = "\n".join(every_word(bench))
            gc.collect()
        text += "\n".join(str(one.message) for one in warned)
        text += "\n".join(f"{record.getMessage()} {record.args!r} {record.exc_info!r}" for record in caplog.records)
        assert len(text) > 10_000
        for token in (RIGHT, READ_ONLY, WRONG):
            assert token not in text

    @pytest.mark.parametrize("token", ["", " ", "tok en", "tok\nen-secret", "tok-é", 'tok"en-secret\r\nX: y'])
    def test_a_token_that_no_header_can_carry_is_told_without_it(self, bench: Bench, token: str) -> None:
        with pytest.raises(Unauthorized) as caught:
            bench.open(bench.place(token)).observe()
        words = said_by(caught.value)
        assert "secret" not in words
        assert not token.strip() or token not in words


def every_word(bench: Bench) -> Iterator[str]:
    """Whatever a connector says of itself, in good times and in each kind of bad ones."""
    for token in (RIGHT, READ_ONLY, WRONG):
        place = bench.place(token)
        connector = bench.open(place)
        yield from map(repr, (place, connector, vars(connector), connector.check()))
    hands = bench.hands()
    for shape in bench.shapes:
        hands.warm(shape)
    yield repr(hands.connector.observe())
    for case in CASES:
        if case.kind == "latency":
            continue
        for call in _calls(bench, hands, case):
            try:
                yield repr(call())
            except TrackerError as error:
                yield said_by(error)
            bench.clear()
    for place in (bench.place(WRONG), bench.place(READ_ONLY), bench.place(base_url="http://127.0.0.1:9")):
        try:
            unable: Any = bench.hands(place)
            yield repr(unable.connector.observe())
            unable.make("issue", "Not to be")
        except TrackerError as error:
            yield said_by(error)


def _calls(bench: Bench, hands: Hands, case: Case) -> Iterator[Callable[[], object]]:
    for shape in bench.shapes:
        case.strike(bench, bench.create_line(shape))
        yield lambda shape=shape: hands.make(shape, f"{case.reason} {shape}")  # type: ignore[misc]
    case.strike(bench, "")
    yield hands.connector.observe
    made = hands.refs["PARENT"]
    case.strike(bench, "^GET ")
    yield lambda: hands.connector.update(made, {}, hands.refs)
    case.strike(bench, "")
    yield hands.connector.check


def said_by(error: BaseException, *, variables: bool = True) -> str:
    """Everything that an error and those behind it can show: words, arguments, attributes, tracebacks, and the locals
    of our own frames, which some tracebacks print.
    """
    words: list[str] = []
    todo: list[BaseException | None] = [error]
    while todo:
        one = todo.pop()
        if one is not None:
            words += [str(one), repr(one), repr(one.args), repr(getattr(one, "__dict__", ""))]
            words += traceback.format_exception(one)
            words += local_variables(one) if variables else ()
            todo += [one.__cause__, one.__context__]
    return "\n".join(words)


def local_variables(error: BaseException) -> Iterator[str]:
    at = error.__traceback__
    while at is not None:
        if _ours(at.tb_frame):
            yield from (f"{name}={value!r}" for name, value in at.tb_frame.f_locals.items())
        at = at.tb_next


def _ours(frame: FrameType) -> bool:
    return Path(frame.f_code.co_filename).is_relative_to(OURS)
