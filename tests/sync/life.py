"""What goes on around Milepost, as rules of a state machine: people work in the tracker, and the roadmap changes."""

from __future__ import annotations

import functools
import itertools
import shutil
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from app.db import trees
from app.db.engine import Database
from app.sync import roadmap
from app.sync.context import Context
from app.sync.reconcile import Planned
from connectors.sandbox.kit import Clock
from tests.sync.moving import SLUG, TOKEN, Name, Node, Roadmap, Snap, Thing, Tracker
from tests.sync.witness import Line, Witness

NUMBERS = st.integers(0, 3) | st.integers(0, 99)
"""Which of several: often one of the first, so that much happens to the same things."""


class StoppedClock(Clock):
    """The box's time and ours, which passes only when the test says so: what fails once fails again."""

    def __init__(self) -> None:
        super().__init__()
        self.start()

    def start(self) -> None:
        self.at = datetime(2026, 11, 2, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def pass_(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class House:
    """A box that is served, an empty database to copy, and a new place in both for each example."""

    profile: str
    folder: Path
    box: Any
    url: str
    clock: StoppedClock
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def github(self) -> bool:
        return self.profile.startswith("github")


def act(**given: Any) -> Any:
    """A rule. What it does is logged, so that a failure tells its steps even where it can't be repeated."""

    def wrap(function: Any) -> Any:
        @functools.wraps(function)
        def logged(self: Life, **values: Any) -> None:
            self.house.clock.pass_(0.4)
            self.log.append(f"{function.__name__}({', '.join(f'{k}={v!r}' for k, v in values.items())})")
            try:
                function(self, **values)
            except Exception:
                print(self.path, *self.log, sep="\n", file=sys.stderr)  # noqa: T201 - pytest shows it on failure
                traceback.print_exc()
                raise

        return rule(**given)(logged)

    return wrap


class Life(RuleBasedStateMachine):
    """People at work in a tracker, and a roadmap that changes. What Milepost does is its subclass's."""

    house: ClassVar[House]

    def __init__(self) -> None:
        super().__init__()
        number = next(self.house.numbers)
        self.path = f"acme/app{number}"
        self.file = self.house.folder / f"{number}.db"
        shutil.copy(self.house.folder / "empty.db", self.file)
        self.db = Database(f"sqlite:///{self.file}")
        self.house.clock.start()
        self.log: list[str] = []
        self.tracker = Tracker(self.house.url, self.path, github=self.house.github)
        self.roadmap = Roadmap()
        self.witness = Witness(self.roadmap, self.house.profile.endswith("-issues"))
        self.human = 0
        self.planned: Planned | None = None
        self.moved = True  # something happened since `planned`
        self.deleted = False  # since the last full read
        self.cut = False  # a run was cut off since the last that came to its end
        self.calls: list[str] = []

    def teardown(self) -> None:
        self.tracker.close()
        self.db.close()
        self.file.unlink()

    def ctx(self, db: Any = None) -> Context:
        clock = self.house.clock
        return Context(db or self.db, now=clock.now, sleep=clock.pass_)

    def imported(self) -> None:
        text = self.roadmap.text()
        roadmap.import_roadmap(self.db, text.encode(), SLUG, start=date(2026, 11, 2), now=self.house.clock.now())
        with self.db.read() as session:
            tree = trees.load(session, SLUG)
        read = {
            node.key: (node.title, getattr(node, "done", getattr(node, "completed", None)))
            for node in tree.programme.nodes()
        }
        assert read == {self.roadmap.key(node): (node.words, node.done) for node in self.roadmap.living()}
        self.moved = True

    # -- people

    def things(self, *, own: bool | None = None, family: str = "") -> list[Thing]:
        snap = self.tracker.snap()
        chosen = [thing for name, thing in sorted(snap.items()) if not family or name[0] == family]
        return [thing for thing in chosen if own is None or (thing.name in self.witness.owner) == own]

    def acted(self, what: str) -> None:
        self.log.append(f"  {what}")
        self.moved = True
        self.calls.append(f"call-{len(self.calls)}-{what[:20]}-{self.human}")

    @act(n=NUMBERS, where=st.sampled_from(["above", "below", "inside", "crlf", "no keys", "a line less"]), at=NUMBERS)
    def writes(self, n: int, where: str, at: int) -> None:
        thing = _pick(self.things(), n)
        if thing is None:
            return
        self.human += 1
        words = f"Human {self.human} wrote this."
        lines = thing.lines
        if where == "inside" and thing.section:
            first = lines.index(thing.section[0])
            lines.insert(first + at % (len(thing.section) + 1), words if at % 2 else f"- [ ] {words}")
        elif where == "above":
            lines = [words, "", *lines]
        elif where == "below":
            lines += ["", words]
        elif where == "a line less":
            steps = [step for step, seen in sorted(self.witness.visible({thing.name: thing}).items()) if seen]
            step = _pick([one for one in steps if self._home(one) == thing.name], at)
            if step is None:
                return
            lines = [line for line in lines if "Human" in line or str(step) not in TOKEN.findall(line)]
            self.witness.free.add(step)
        elif where == "no keys":
            lines = [_without_key(line) if TOKEN.search(line) and "Human" not in line else line for line in lines]
        self.tracker.edit(thing, text=("\r\n" if where == "crlf" and self.house.github else "\n").join(lines))
        self.acted(f"wrote {where} in {thing.title!r}")

    @act(n=NUMBERS)
    def ticks(self, n: int) -> None:
        snap = self.tracker.snap()
        seen = self.witness.visible(snap)
        choices = [(step, name) for step in sorted(seen) for name in sorted(seen[step]) if step in self.witness.lines]
        choice = _pick(choices, n)
        if choice is None:
            return
        step, name = choice
        if name != self._home(step):
            return
        line = seen[step][name]
        other = Line(not line.ticked, line.issue)
        lines = snap[name].lines
        at = next(i for i, text in enumerate(lines) if _is_line(text, step, line, snap))
        lines[at] = f"- [{'x' if other.ticked else ' '}]{lines[at][5:]}"
        self.tracker.edit(snap[name], text=("\r\n" if "\r\n" in snap[name].text else "\n").join(lines))
        self.witness.lines[step] = other
        self.acted(f"ticked {lines[at]!r}")

    def _home(self, step: int) -> Name | None:
        node = next((one for one in self.roadmap.living("step") if one.id == step), None)
        above = self.roadmap.above(node) if node else None
        return self.witness.bound.get(above.id) if above else None

    @act(n=NUMBERS, how=st.sampled_from(["closed", "dropped", "open"]))
    def turns(self, n: int, how: str) -> None:
        things = [thing for thing in self.things() if (thing.state == "open") == (how != "open")]
        thing = _pick(things, n)
        if thing is None:
            return
        self.house.clock.pass_(1)  # what happens within a second of a close can't be told from it
        if how == "dropped":
            others = [one for one in self.things(family="item") if one.name != thing.name]
            if thing.name[0] == "milestone" or not others:
                return
            self.tracker.drop(thing, others[0])
        else:
            self.tracker.edit(thing, state=how)
        self.witness.turned(thing, how)
        self.acted(f"{how}: {thing.title!r}")

    @act(n=NUMBERS)
    def renames(self, n: int) -> None:
        thing = _pick(self.things(), n)
        if thing is None:
            return
        self.human += 1
        for step, line in [*self.witness.lines.items()]:
            if line.issue == thing.name:  # no longer that step: a new line is due
                self.witness.free.add(step)
        self.tracker.edit(thing, title=f"Human title {self.human}")
        self.acted(f"renamed {thing.title!r}")

    @act(n=NUMBERS, name=st.sampled_from(["epic", "urgent", "later"]))
    def labels(self, n: int, name: str) -> None:
        thing = _pick(self.things(family="item"), n)
        if thing is None:
            return
        on = name not in thing.labels
        self.tracker.label(thing, name, on)
        if name == "epic":
            (self.witness.off.discard if on else self.witness.off.add)(thing.name)
        self.acted(f"label {name} {'on' if on else 'off'} {thing.title!r}")

    @act(n=NUMBERS, m=NUMBERS)
    def moves(self, n: int, m: int) -> None:
        thing, other = _pick(self.things(family="item"), n), _pick([None, *self.things(family="milestone")], m)
        if thing is None:
            return
        self.tracker.edit(thing, milestone=other)
        self.acted(f"moved {thing.title!r} to {other.title if other else None!r}")

    @act(n=NUMBERS, m=NUMBERS)
    def puts_under(self, n: int, m: int) -> None:
        things = self.things(family="item")
        thing = _pick([one for one in things if self.house.github or one.task], n)
        if thing is None:
            return
        above = {thing.name} | _below(thing, things)
        other = _pick([None, *[one for one in things if one.name not in above and not one.task]], m)
        was = next((one for one in things if one.name == thing.parent), None)
        if (other.name if other else None) == thing.parent:
            return
        self.tracker.put_under(thing, other, was)
        self.acted(f"put {thing.title!r} under {other.title if other else None!r}")

    @act(n=NUMBERS, own=st.booleans())
    def deletes(self, n: int, own: bool) -> None:
        thing = _pick(self.things(own=own), n)
        if thing is None or self.witness.owner.get(thing.name) in self.witness.doubt:
            return
        for step in self.witness.lines:
            if self._home(step) == thing.name:
                self.witness.free.add(step)
        for step, line in [*self.witness.lines.items()]:
            if line.issue == thing.name:
                self.witness.free.add(step)
        self.tracker.delete(thing)
        self.deleted = True
        self.acted(f"deleted {thing.title!r}")

    @act(n=NUMBERS, m=NUMBERS, closed=st.booleans())
    def adds(self, n: int, m: int, closed: bool) -> None:
        self.human += 1
        milestone = _pick([None, *self.things(family="milestone")], n)
        items = [one for one in self.things(family="item") if not one.task]
        parent = _pick([None, None, *items], m)
        title = f"Human issue {self.human}"
        name = self.tracker.add(title, f"Human {self.human}", milestone=milestone, parent=parent)
        if closed:
            self.tracker.edit(self.tracker.snap()[name], state="closed")
        self.acted(f"added {title!r} to {milestone and milestone.title!r}, under {parent and parent.title!r}")

    @act(n=NUMBERS)
    def adds_milestone(self, n: int) -> None:
        self.human += 1
        self.tracker.add_milestone(f"Human milestone {self.human}")
        self.acted("added a milestone")

    @act(n=NUMBERS, m=NUMBERS)
    def converts(self, n: int, m: int) -> None:
        """A line of a checklist becomes an issue."""
        snap = self.tracker.snap()
        seen = self.witness.visible(snap)
        choices = [step for step in sorted(self.witness.lines) if self._home(step) in seen.get(step, {})]
        step = _pick([one for one in choices if self.witness.lines[one].issue is None], n)
        if step is None:
            return
        home = self._home(step)
        assert home is not None
        lines = snap[home].lines
        at = next(i for i, text in enumerate(lines) if _is_line(text, step, seen[step][home], snap))
        title = lines[at][6:]
        milestone = _pick([None, *self.things(family="milestone")], m)
        name = self.tracker.add(title, "", milestone=milestone, parent=snap[home] if m % 2 else None)
        lines[at] = f"{lines[at][:6]}#{name[1]}"
        thing = self.tracker.snap()[home]
        self.tracker.edit(thing, text=("\r\n" if "\r\n" in thing.text else "\n").join(lines))
        self.witness.lines[step] = Line(seen[step][home].ticked, name)
        self.acted(f"turned {title!r} into #{name[1]}")

    @act(n=NUMBERS)
    def copies(self, n: int) -> None:
        thing = _pick(self.things(own=True, family="item"), n)
        if thing is None or self.witness.owner.get(thing.name) in self.witness.doubt:
            return
        milestone = next((one for one in self.things(family="milestone") if one.name == thing.milestone), None)
        self.human += 1
        self.tracker.add(f"Human copy {self.human}", thing.text, milestone=milestone)
        self.acted(f"copied {thing.title!r}")

    # -- the roadmap

    def some(self, kind: str, n: int) -> Node | None:
        return _pick(self.roadmap.living(kind), n)

    @act(n=NUMBERS, kind=st.sampled_from(["milestone", "task"]))
    def is_renamed(self, n: int, kind: str) -> None:
        node = self.some(kind, n)
        if node is not None:
            node.words = f"Now {self.roadmap.new('step').words.rpartition(' ')[0]} n{node.id}"
            self.imported()

    @act(n=NUMBERS)
    def is_reworded(self, n: int) -> None:
        node = self.some("step", n)
        if node is not None:
            words, _, token = node.words.rpartition(" ")
            node.words = f"{words.removesuffix(' again') if words.endswith(' again') else f'{words} again'} {token}"
            self.imported()

    @act(n=NUMBERS, at=NUMBERS, kind=st.sampled_from(["milestone", "task", "step"]), done=st.booleans())
    def gets_more(self, n: int, at: int, kind: str, done: bool) -> None:
        above = None if kind == "milestone" else self.some("milestone" if kind == "task" else "task", n)
        if kind != "milestone" and above is None:
            return
        node = self.roadmap.new(kind, above, done=done and kind != "milestone")
        group = self.roadmap.milestones if above is None else above.children
        group.insert(at % (len(group) + 1), node)
        self.imported()

    @act(n=NUMBERS, at=NUMBERS)
    def is_reordered(self, n: int, at: int) -> None:
        node = _pick(self.roadmap.living(), n)
        if node is not None:
            group = self.roadmap.siblings(node)
            group.remove(node)
            group.insert(at % (len(group) + 1), node)
            self.imported()

    @act(n=NUMBERS, m=NUMBERS, kind=st.sampled_from(["task", "step"]))
    def is_moved(self, n: int, m: int, kind: str) -> None:
        node, above = self.some(kind, n), self.some("milestone" if kind == "task" else "task", m)
        if node is not None and above is not None:
            self.roadmap.siblings(node).remove(node)
            above.children.append(node)
            self.imported()

    @act(n=NUMBERS)
    def is_removed(self, n: int) -> None:
        node = _pick(self.roadmap.living(), n)
        if node is not None and (node.kind != "milestone" or len(self.roadmap.milestones) > 1):
            self.roadmap.remove(node)
            self.asked_anew(node)
            self.imported()

    def asked_anew(self, node: Node) -> None:
        """The roadmap asks for another state of a node, and of what is in it."""
        for one in [node, *node.children, *[step for task in node.children for step in task.children]]:
            self.witness.asked_anew(one)

    @act(n=NUMBERS)
    def is_brought_back(self, n: int) -> None:
        node = self.roadmap.bring_back(n)
        if node is not None:
            self.asked_anew(node)
            self.imported()

    @act(n=NUMBERS, kind=st.sampled_from(["milestone", "task"]))
    def is_completed(self, n: int, kind: str) -> None:
        node = self.some(kind, n)
        if node is not None:
            node.done = not node.done
            self.witness.asked_anew(node)
            self.imported()


def _pick(items: list[Any], n: int) -> Any:
    return items[n % len(items)] if items else None


def _without_key(line: str) -> str:
    return line[:6] + line[6:].partition(" ")[2] if line.startswith("- [") else line


def _is_line(text: str, step: int, line: Line, snap: Snap) -> bool:
    if "Human" in text or not text.startswith("- ["):
        return False
    return text[6:] == f"#{line.issue[1]}" if line.issue else str(step) in TOKEN.findall(text)


def _below(thing: Thing, things: list[Thing]) -> set[Name]:
    found: set[Name] = set()
    ahead = [thing.name]
    while ahead:
        name = ahead.pop()
        more = [one.name for one in things if one.parent == name and one.name not in found]
        found.update(more)
        ahead += more
    return found
