"""Whole cycles through `app.sync`: what is applied is what is there, once, and then there is nothing left to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from app.db.engine import Database
from app.sync import reconcile, roadmap, status, targets
from app.sync.context import Context, utc_now
from app.sync.documents import ProgrammeStatus
from app.sync.reconcile import Applied, ReadIncomplete
from app.sync.targets import NewTarget
from app.webhooks import inbox
from connectors.base import BadSignature, Retryable
from mappings import body
from tests.conformance.bench import Bench
from tests.conformance.site import Call

SMALL = """# Small Programme

### Milestone M1 — Foundations
- **Target Window:** Weeks 0–2
- **Objective:** Lay the ground.
- **Tasks:**
  - **Task 1A — Mobilisation**
    1. Draft the charter of the whole programme.
    2. Set up tools and accounts for everybody.
  - **Task 1B — Blueprint**
    1. Draw the plan of the ground floor.

### Milestone M2 — Walls
- **Target Window:** Weeks 2–4
- **Tasks:**
  - **Task 2A — Bricks**
    1. Order bricks from two suppliers.
"""
AWKWARD = """# Größe & <b>Co</b> — 計画 🚀

### Milestone M1 — Fundament <script>alert(1)</script> & “Mehr”
- **Target Window:** Weeks 0–2
- **Objective:** Ask @everyone, @a-person and #12; see !34, &5 and https://example.org/?a=1&b=2.
- **Tasks:**
  - **Task 1A — /close the `gate` [now](http://x.test) @root**
    1. /assign @root and /label ~bug, then /close
    2. Trailing spaces, tabs\tand | pipes | and \\ backslashes *stars* _under_ ~~gone~~
    3. <!-- a comment --> and <details> and - [ ] a box in words
  - **Task 1B — 100 % “quoted” 'text' ½ 👩‍👩‍👧**
    1. Wörter, 言葉, كلمات
"""
FRESH = datetime(2026, 11, 2, tzinfo=UTC)
LOST = ("dropped", "error_after", "reset")  # the last of them before anything was made
SECRET = "CONFORMANCE_SECRET"


@dataclass
class Cycle:
    """A programme with one target, in a database of its own."""

    ctx: Context
    bench: Bench
    profile: str
    target: str = ""

    def read(self, text: str) -> None:
        roadmap.import_roadmap(self.ctx.db, text.encode(), "small", start=FRESH.date(), now=self.ctx.now())
        if not self.target:
            new = NewTarget(
                "hub",
                "small",
                self.bench.kind,
                self.bench.path,
                group=self.bench.group,
                base_url=self.bench.base_url,
                profile=self.profile,
                token_file=str(self.bench.token_file()),
                webhook_secret_env=SECRET,
            )
            self.target = str(targets.add(self.ctx, new)["id"])

    def apply(self) -> Applied:
        applied = reconcile.apply_plan(self.ctx, "hub", max_percent=100)
        assert applied is not None
        return applied

    def left(self) -> dict[str, int]:
        """What a plan would do, the actions that occur."""
        planned = reconcile.make_plan(self.ctx, "hub").plan
        assert planned.complete
        return {action: count for action, count in planned.summary().items() if count and action != "unchanged"}

    def settles(self) -> None:
        """Applied whole, and nothing left to do: neither for the next plan nor for a fresh reading."""
        assert self.apply().state == "done"
        mark = self.bench.mark()
        assert self.left() == {}
        assert self.apply().outcomes == ()
        reconcile.refresh(self.ctx, "hub", full=True)
        assert self.left() == {}
        assert self.bench.writes(mark) == []

    def marked(self) -> Counter[str]:
        """How many objects carry each node's marker, as people see them."""
        return Counter(key for seen in self.bench.all() for key in body.marks(seen.text, "small")[0])

    def status(self) -> ProgrammeStatus:
        assert reconcile.refresh(self.ctx, "hub").complete
        return status.status(self.ctx, "small")


@contextmanager
def cycle(bench: Bench, profile: str) -> Iterator[Cycle]:
    db = Database(f"sqlite:///{bench.database()}")
    slept: list[float] = []

    def now() -> datetime:
        return utc_now() + timedelta(seconds=sum(slept))  # nothing sleeps here, and its clock goes on all the same

    with mock.patch.dict("os.environ", {SECRET: bench.secrets[0]}):
        yield Cycle(Context(db, now=now, sleep=slept.append, open_place=bench.open), bench, profile)
    db.close()


def keys(bench: Bench, profile: str) -> set[str]:
    """The nodes of SMALL that are objects of their own."""
    steps = set() if bench.shapes_of(profile)[-1] == "line" else {"1A.1", "1A.2", "1B.1", "2A.1"}
    return {"M1", "M2", "1A", "1B", "2A"} | steps


class Cycling:
    def test_after_apply_the_next_plan_is_empty(self, bench: Bench, profile: str) -> None:
        with cycle(bench, profile) as made:
            made.read(SMALL)
            made.settles()
            assert made.marked() == Counter(keys(bench, profile))
            edited = SMALL.replace("Mobilisation", "Kick-off").replace("Weeks 2–4", "Weeks 3–5")
            made.read(edited.replace("Order bricks", "Order many bricks") + "    2. Lay them.\n")
            made.settles()
            made.read(SMALL)
            made.settles()

    def test_it_settles_whatever_words_the_roadmap_holds(self, bench: Bench, profile: str) -> None:
        with cycle(bench, profile) as made:
            made.read(AWKWARD)
            made.settles()
            assert all(seen.state == "open" for seen in bench.all())
            made.read(AWKWARD.replace("\n", "\r\n"))
            made.settles()
            made.read(AWKWARD.replace("Wörter", "Worte"))
            made.settles()

    @pytest.mark.parametrize("kind", LOST)
    def test_a_create_whose_answer_is_lost_is_adopted(self, bench: Bench, profile: str, kind: str) -> None:
        """The first of each shape, and then a later one too: in the end there is one object for each node."""
        with cycle(bench, profile) as made:
            made.read(SMALL)
            lines = dict.fromkeys(bench.create_line(shape) for shape in bench.shapes_of(profile) if shape != "line")
            faults = [bench.fault(kind, line) for line in lines]
            for _ in range(len(faults) + 1):
                if made.apply().state == "done":
                    break
            assert all(bench.site.faults.struck(fault) for fault in faults)
            assert made.marked() == Counter(keys(bench, profile))
            titles = Counter(seen.title for seen in bench.all() if not seen.title.startswith("1"))
            assert set(titles.values()) == {1}
            bench.clear()
            made.settles()

    @pytest.mark.parametrize("kind", ["secondary_limit", "primary_limit"])
    def test_a_limit_is_waited_out_and_nothing_is_made_twice(self, bench: Bench, profile: str, kind: str) -> None:
        with cycle(bench, profile) as made:
            made.read(SMALL)
            for shape in bench.shapes_of(profile):
                if shape != "line":
                    bench.fault(kind, bench.create_line(shape), seconds=3)
            made.settles()
            assert made.marked() == Counter(keys(bench, profile))

    def test_a_tracker_that_can_not_be_read_whole_is_not_written_to(self, bench: Bench, profile: str) -> None:
        with cycle(bench, profile) as made:
            made.read(SMALL)
            mark = bench.mark()
            bench.fault("error", "^GET ", times=None, status=503)
            with pytest.raises((ReadIncomplete, Retryable)):
                made.apply()
            assert not reconcile.refresh(made.ctx, "hub").complete
            assert bench.writes(mark) == []
            bench.clear()
            made.settles()

    def test_known_counts_including_zero(self, bench: Bench, profile: str) -> None:
        with cycle(bench, profile) as made:
            made.read(SMALL)
            made.settles()
            begun = made.status()
            assert (begun.done, begun.total, begun.percent) == (0, 4, 0.0)
            inside = next(seen.ref for seen in bench.all() if seen.title.startswith("M1 "))
            for title, state in (("Open", ""), ("Done", "closed"), ("Twice", "duplicate")):
                ref = bench.add(title, milestone=inside)
                if state:
                    bench.edit(ref, state=state)
            if bench.lists_pull_requests:
                bench.pull_request("A change", inside)
            shown = made.status()
            milestone = shown.milestones[0]
            assert (milestone.done, milestone.total, milestone.excluded, milestone.issues.added) == (1, 5, 1, 3)
            assert (shown.done, shown.total) == (1, 6)
            assert made.left() == {}
            for seen in bench.all():
                if seen.title.startswith("2A — "):
                    bench.edit(seen.ref, state="closed")
            assert (made.status().milestones[1].done, made.status().milestones[1].percent) == (1, 100.0)

    def test_a_delivery_is_taken_once_and_only_when_it_is_proven(self, bench: Bench) -> None:
        with cycle(bench, bench.profiles[0]) as made, bench.receiving() as receiver:
            made.read(SMALL)
            bench.subscribe(receiver.url, bench.secrets[0])
            bench.add("Told of")
            call = receiver.next()
            while b"Told of" not in call.body:
                call = receiver.next()

            def take(headers: dict[str, str] | None = None) -> str:
                got = Call(call.headers if headers is None else headers, call.body)
                return inbox.take(made.ctx, bench.kind, made.target, got.headers, got.body).state

            with pytest.raises(BadSignature):
                take(bench.unsigned(call.headers))
            with pytest.raises(BadSignature):
                take(bench.unsigned(call.headers, "sha256=00"))
            assert take() == "accepted"
            assert reconcile.refresh(made.ctx, "hub").complete
            assert take() == "seen"  # replayed after it was answered
