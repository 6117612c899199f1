"""Mistakes seeded into a connector, and the test of the suite that finds each: green without it, red with it.

A defect wraps the connector (or the reader of webhook calls) of a bench; the test is run just as it stands.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from app.core.plan import Desired, Fields, Observed, Ref
from connectors.base import (
    BadSignature,
    Cursor,
    Delivery,
    Hook,
    Observation,
    OutcomeUnknown,
    Refs,
    Rejected,
    Secret,
    TrackerError,
    Unavailable,
    Unsupported,
)
from tests.conformance.bench import RIGHT, Bench
from tests.conformance.failing import CASES, PAGES
from tests.conformance.github_bench import GitHubBench
from tests.conformance.gitlab_bench import GitLabBench
from tests.conformance.site import Site, site
from tests.conformance.suite import ConnectorSuite

Failed = (AssertionError, pytest.fail.Exception)
SUITE = ConnectorSuite
CASE = {case.reason: case for case in CASES}


class Defective:
    """The real connector, with some of its verbs done wrongly."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class SendsTwice(Defective):
    """What PyGithub does by default: a POST that was answered 502 goes out again."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        try:
            return self.real.create(want, refs)  # type: ignore[no-any-return]
        except OutcomeUnknown:
            return self.real.create(want, refs)  # type: ignore[no-any-return]


class LastPageLost(Defective):
    """It stops one page early, and takes that for the end."""

    def observe(self, since: Cursor | None = None) -> Observation:
        seen: Observation = self.real.observe(since)
        return replace(seen, objects=seen.objects[: len(seen.objects) // 100 * 100 or None])


class ComesTwice(Defective):
    """What stands on two pages is given twice."""

    def observe(self, since: Cursor | None = None) -> Observation:
        seen: Observation = self.real.observe(since)
        return replace(seen, objects=(*seen.objects, *seen.objects[:1]))


class FailureSwallowed(Defective):
    """A page that failed is taken for an empty one."""

    def observe(self, since: Cursor | None = None) -> Observation:
        seen: Observation = self.real.observe(since)
        return replace(seen, complete=True, problem="", cursor=seen.cursor or Cursor("{}"))


class CursorMoves(Defective):
    """It says that a page failed, and goes on from after it all the same."""

    def observe(self, since: Cursor | None = None) -> Observation:
        seen: Observation = self.real.observe(since)
        return replace(seen, cursor=seen.cursor or Cursor("{}"))


class UnchangedForEmpty(Defective):
    """304 is taken for an empty list, even where everything was asked for."""

    asked = False

    def observe(self, since: Cursor | None = None) -> Observation:
        seen: Observation = self.real.observe(since)
        first, self.asked = not self.asked, True
        return seen if first else replace(seen, objects=())


class DayEarly(Defective):
    """Midnight UTC is the day before in Pacific time (TRACKERS, trap 2)."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        return self.real.create(replace(want, fields=self._early(want.fields)), refs)  # type: ignore[no-any-return]

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        return self.real.update(ref, self._early(fields), refs)  # type: ignore[no-any-return]

    @staticmethod
    def _early(fields: Fields) -> Fields:
        due = fields.get("due")
        return {**fields, "due": due - timedelta(days=1)} if isinstance(due, date) else fields


class ClearsTheRest(Defective):
    """An update sends the whole object, and so clears what it was not given."""

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        return self.real.update(ref, {"description": None, **fields}, refs)  # type: ignore[no-any-return]


class LabelsReplaced(Defective):
    """An update sets the labels that it once put on, and takes off those of people."""

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        more = {} if ref.shape == "milestone" else {"labels": ()}
        return self.real.update(ref, {**more, **fields}, refs)  # type: ignore[no-any-return]


class MarkerStripped(Defective):
    """Comments are taken for no text."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        text = str(want.fields.get("description") or "").partition("<!--")[0]
        return self.real.create(replace(want, fields={**want.fields, "description": text}), refs)  # type: ignore[no-any-return]


class NotPlannedIsDone(Defective):
    """Closed is closed."""

    def observe(self, since: Cursor | None = None) -> Observation:
        seen: Observation = self.real.observe(since)
        done = [replace(o, reason="completed" if o.reason else None) for o in seen.objects]
        return replace(seen, objects=tuple(done))


class PullRequestsCounted(Defective):
    """The list of issues holds pull requests, and they are kept."""

    def observe(self, since: Cursor | None = None) -> Observation:
        with mock.patch("connectors.github.convert.is_pull_request", return_value=False):
            return self.real.observe(since)  # type: ignore[no-any-return]


class ParentIgnored(Defective):
    """A child is made as an issue beside its parent."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        fields = {name: value for name, value in want.fields.items() if name != "parent"}
        shape = "issue" if want.shape == "child" else want.shape
        return self.real.create(replace(want, shape=shape, fields=fields), refs)  # type: ignore[no-any-return]


class BodyCut(Defective):
    """A body is cut to what was thought to be the limit."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        text = str(want.fields.get("description") or "")[:65_535]
        return self.real.create(replace(want, fields={**want.fields, "description": text}), refs)  # type: ignore[no-any-return]


class LineEndsDoubled(Defective):
    """\\r\\n is read as two line ends."""

    def observe(self, since: Cursor | None = None) -> Observation:
        seen: Observation = self.real.observe(since)
        read = [replace(item, description=item.description.replace("\r", "\n")) for item in seen.objects]
        return replace(seen, objects=tuple(read))


class TokenTold(Defective):
    """An error says with which token."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        try:
            return self.real.create(want, refs)  # type: ignore[no-any-return]
        except TrackerError as error:
            raise type(error)(f"{error.message} (with {RIGHT})") from None


class TokenBehind(Defective):
    """The error of the library hangs on ours, and holds the request."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        try:
            return self.real.create(want, refs)  # type: ignore[no-any-return]
        except TrackerError as error:
            raise error from ValueError({"Authorization": f"Bearer {RIGHT}"})


class TokenLogged(Defective):
    """Requests are logged with their headers."""

    def observe(self, since: Cursor | None = None) -> Observation:
        logging.getLogger("milepost.http").debug("GET with %s", {"authorization": f"Bearer {RIGHT}"})
        return self.real.observe(since)  # type: ignore[no-any-return]


class LostIsUnavailable(Defective):
    """An answer that was lost is told as if nothing had been done, so that the caller sends it again."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        try:
            return self.real.create(want, refs)  # type: ignore[no-any-return]
        except OutcomeUnknown as error:
            raise Unavailable(error.message, retry_after=0.0) from None


class WritesWhileReading(Defective):
    """It makes the labels that it will need."""

    def observe(self, since: Cursor | None = None) -> Observation:
        self.real.create(Desired(1, "M0", "milestone", "milestone", {"title": f"For later {self.real.requests}"}), {})
        return self.real.observe(since)  # type: ignore[no-any-return]


class TakenIsRefused(Defective):
    """A title that is taken is a refusal like any other, so that it can't be adopted."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        try:
            return self.real.create(want, refs)  # type: ignore[no-any-return]
        except Rejected as error:
            raise Rejected(error.message) from None


class CapIsRefused(Defective):
    """A cap that is reached is told as wrong values."""

    def create(self, want: Desired, refs: Refs) -> Observed:
        try:
            return self.real.create(want, refs)  # type: ignore[no-any-return]
        except Unsupported as error:
            raise Rejected(error.message) from None


class HookDoubled(Defective):
    """A hook that stands is not looked for."""

    def hook(self, url: str, secret: Secret) -> Hook:
        made: Hook = self.real.hook(f"{url}?again", secret)
        return replace(made, url=url)


class ResentIsMissed(Defective):
    """Every attempt that failed is a delivery that was missed."""

    known: tuple[Delivery, ...] = ()

    def missed_deliveries(self, hook_id: str, since: datetime) -> tuple[Delivery, ...]:
        self.known = tuple(dict.fromkeys([*self.known, *self.real.missed_deliveries(hook_id, since)]))
        return self.known if since < datetime.now(since.tzinfo) else ()


class BlockedTwiceFails(Defective):
    """That it is so already is an error."""

    def block(self, ref: Ref, by: Ref, blocked: bool) -> None:
        if blocked and by.id in self._blockers(ref):
            raise Rejected("already_exists")
        self.real.block(ref, by, blocked)

    def _blockers(self, ref: Ref) -> tuple[str, ...]:
        return next(o.blocked_by for o in self.real.observe().objects if o.ref.identity == ref.identity)


def unchecked(parse: Callable[..., Delivery]) -> Callable[..., Delivery]:
    """A signature that is not checked."""

    def read(headers: Mapping[str, str], body: bytes, secret: Secret, now: datetime) -> Delivery:
        try:
            return parse(headers, body, secret, now)
        except BadSignature:
            return Delivery(headers.get("x-github-delivery", "1"), "issues", True)

    return read


def renamed(parse: Callable[..., Delivery]) -> Callable[..., Delivery]:
    """The id of each attempt in place of the delivery's."""
    count = iter(range(10_000))

    def read(headers: Mapping[str, str], body: bytes, secret: Secret, now: datetime) -> Delivery:
        return replace(parse(headers, body, secret, now), id=f"attempt-{next(count)}")

    return read


@dataclass(frozen=True, slots=True)
class Defect:
    """A mistake, the test that finds it, what that test is given, and where. `escapes`: how it is found where it is the
    wrong error itself that the test lets through.
    """

    wrap: type[Defective] | None
    test: Callable[..., None]
    given: Mapping[str, Any] = field(default_factory=dict)
    bench: type[Bench] = GitHubBench
    parse: Callable[[Callable[..., Delivery]], Callable[..., Delivery]] | None = None
    escapes: type[TrackerError] | None = None

    @property
    def name(self) -> str:
        return f"{(self.wrap or self.parse).__name__}-{self.bench.__name__}"  # type: ignore[union-attr]


CREATE = {"shape": "issue", "fault": CASE["bad gateway"]}
DEFECTS = (
    Defect(SendsTwice, SUITE.test_a_create_that_fails_is_sent_once_and_told_for_what_it_is, CREATE),
    Defect(SendsTwice, SUITE.test_a_create_that_fails_is_sent_once_and_told_for_what_it_is, CREATE, GitLabBench),
    Defect(
        SendsTwice,
        SUITE.test_a_create_whose_answer_is_lost_is_adopted,
        {"profile": "github", "kind": "dropped"},
    ),
    Defect(
        LostIsUnavailable,
        SUITE.test_a_create_whose_answer_is_lost_is_adopted,
        {"profile": "gitlab", "kind": "error_after"},
        GitLabBench,
    ),
    Defect(
        LostIsUnavailable,
        SUITE.test_a_create_that_fails_is_sent_once_and_told_for_what_it_is,
        {"shape": "milestone", "fault": CASE["lost answer"]},
    ),
    Defect(LastPageLost, SUITE.test_many_objects_all_come_once, {"many": 250}),
    Defect(ComesTwice, SUITE.test_many_objects_all_come_once, {"many": 250}, GitLabBench),
    Defect(FailureSwallowed, SUITE.test_a_failed_page_is_never_taken_for_the_end, {"failed": PAGES[0]}),
    Defect(
        FailureSwallowed,
        SUITE.test_a_failed_page_is_never_taken_for_the_end,
        {"failed": CASE["cut answer"]},
        GitLabBench,
    ),
    Defect(CursorMoves, SUITE.test_after_a_failed_incremental_read_nothing_is_missed, {"kind": "error"}),
    Defect(UnchangedForEmpty, SUITE.test_observing_twice_is_equal_and_writes_nothing),
    Defect(WritesWhileReading, SUITE.test_observing_twice_is_equal_and_writes_nothing, {}, GitLabBench),
    Defect(DayEarly, SUITE.test_days_are_the_same_in_every_time_zone, {"name": "UTC"}),
    Defect(ClearsTheRest, SUITE.test_an_update_touches_only_the_fields_named, {"shape": "issue"}),
    Defect(ClearsTheRest, SUITE.test_an_update_touches_only_the_fields_named, {"shape": "milestone"}, GitLabBench),
    Defect(LabelsReplaced, SUITE.test_an_update_leaves_what_people_own),
    Defect(MarkerStripped, SUITE.test_the_marker_comes_back_with_its_reference, {"shape": "issue"}),
    Defect(NotPlannedIsDone, SUITE.test_not_planned_is_closed_and_comes_back_as_such, {"shape": "issue"}),
    Defect(NotPlannedIsDone, SUITE.test_a_duplicate_is_told_from_finished_work, {}, GitLabBench),
    Defect(PullRequestsCounted, SUITE.test_pull_requests_are_never_observed),
    Defect(PullRequestsCounted, SUITE.test_known_counts_including_zero, {"profile": "github"}),
    Defect(ParentIgnored, SUITE.test_a_child_comes_with_its_parent_and_milestone, {"shape": "child"}),
    Defect(BodyCut, SUITE.test_a_body_of_65_536_characters_comes_back_whole, {"shape": "issue"}),
    Defect(LineEndsDoubled, SUITE.test_texts_come_back_letter_by_letter, {"shape": "issue"}),
    Defect(TokenTold, SUITE.test_no_token_in_anything_that_people_may_read),
    Defect(TokenBehind, SUITE.test_no_token_in_anything_that_people_may_read),
    Defect(TokenLogged, SUITE.test_no_token_in_anything_that_people_may_read),
    Defect(TakenIsRefused, SUITE.test_titles_of_milestones_are_unique_and_the_refusal_says_so),
    Defect(CapIsRefused, SUITE.test_children_over_the_cap_are_unsupported_and_not_made, escapes=Rejected),
    Defect(HookDoubled, SUITE.test_a_hook_that_stands_is_mended_and_others_stay),
    Defect(ResentIsMissed, SUITE.test_what_did_not_arrive_is_found_and_what_arrived_later_is_not),
    Defect(BlockedTwiceFails, SUITE.test_blocking_twice_is_no_error_and_is_read_back, escapes=Rejected),
    Defect(None, SUITE.test_only_a_call_that_is_proven_is_taken, {"nth": 0}, parse=unchecked),
    Defect(None, SUITE.test_a_call_that_is_sent_again_has_the_same_id_and_another_another, parse=renamed),
)


green: set[tuple[Any, ...]] = set()
"""Tests that were green already, with what they were given and where: several defects can share one."""


@pytest.fixture(scope="module")
def sites() -> Iterator[Callable[[type[Bench]], Site]]:
    """A box for each kind of bench, opened when it is first asked for."""
    opened: dict[type[Bench], tuple[Any, Site]] = {}

    def of(bench_type: type[Bench]) -> Site:
        if bench_type not in opened:
            context = site(bench_type.box())
            opened[bench_type] = (context, context.__enter__())
        return opened[bench_type][1]

    yield of
    for context, _ in opened.values():
        context.__exit__(None, None, None)


@contextmanager
def seeded(defect: Defect, at: Site, folder: Path, blank: Path, *, wrong: bool) -> Iterator[Bench]:
    bench = defect.bench(at, folder, blank)
    if wrong and defect.wrap:
        bench.wraps.append(defect.wrap)
    if wrong and defect.parse:
        bench.parse = defect.parse(bench.parse)
    yield bench
    bench.close()


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_the_suite_finds_it(
    defect: Defect,
    sites: Callable[[type[Bench]], Site],
    folder: Path,
    blank: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    given = dict(defect.given)
    if defect.test is SUITE.test_no_token_in_anything_that_people_may_read:
        given["caplog"] = caplog
    at = sites(defect.bench)
    sound = (defect.test, repr(defect.given), defect.bench)
    if sound not in green:
        with seeded(defect, at, folder, blank, wrong=False) as bench:
            defect.test(SUITE(), bench, **given)
        green.add(sound)
    red = (*Failed, defect.escapes) if defect.escapes else Failed
    with seeded(defect, at, folder, blank, wrong=True) as bench, pytest.raises(red):
        defect.test(SUITE(), bench, **given)


def test_there_are_many_and_each_verb_has_some() -> None:
    verbs = {name for defect in DEFECTS for name in vars(defect.wrap or Defective) if not name.startswith("_")}
    assert verbs >= {"observe", "create", "update", "block", "hook", "missed_deliveries"}
    assert len({defect.wrap or defect.parse for defect in DEFECTS}) >= 20
