"""A second opinion on what Milepost may do in a tracker, kept from what people and the roadmap did. Asks no Milepost.

It compares the tracker before and after each of Milepost's acts, and counts the units by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.sync.moving import BOX, TOKEN, Name, Node, Roadmap, Snap, Thing

Count = tuple[int, int, int]
"""done, total, excluded"""
SUREST = ("open", "excluded", "done")


@dataclass(frozen=True)
class Line:
    """A step's line in a managed section: its box, and the issue that people made of it."""

    ticked: bool
    issue: Name | None = None


@dataclass
class Witness:
    roadmap: Roadmap
    children: bool  # steps are issues of their own
    bound: dict[int, Name] = field(default_factory=dict)  # node -> its object, gone or not
    owner: dict[Name, int] = field(default_factory=dict)
    lines: dict[int, Line] = field(default_factory=dict)  # as people left them
    free: set[int] = field(default_factory=set)  # people deleted the line: how it comes back is nobody's promise
    titles: dict[Name, str] = field(default_factory=dict)  # as Milepost last put them
    places: dict[tuple[Name, str], Name | None] = field(default_factory=dict)
    off: set[Name] = field(default_factory=set)  # people took our label off
    ours: set[Name] = field(default_factory=set)  # closed, and by Milepost
    reopened: set[Name] = field(default_factory=set)  # closed by Milepost for what still holds, and reopened by people
    closings: set[Name] = field(default_factory=set)  # closed once by Milepost for what still holds
    doubt: set[int] = field(default_factory=set)  # nodes that a run which was cut off wrote to

    # -- what Milepost did

    def judge(self, before: Snap, after: Snap, *, recreate: bool = False, sure: bool = True) -> None:
        """Whether it may have made this of that. `sure`: it came to its end, and knows all that it did."""
        alive = {node.id: node for node in self.roadmap.living()}
        for name in sorted(after.keys() - before.keys()):
            self._new(after[name], before, recreate, sure)
        for name, was in before.items():
            assert name in after, f"{was.title!r} was deleted"
            node = self.owner.get(name)
            if node is None:
                assert after[name] == was, f"touched {was.title!r}, which is people's own"
            else:
                self._own(was, after[name], alive.get(node), node, recreate)
                if not sure and after[name] != was:
                    self.doubt.add(node)
        self._boxes(after, alive, sure)
        if sure:
            self.doubt.clear()

    def _new(self, thing: Thing, before: Snap, recreate: bool, sure: bool) -> None:
        family = thing.name[0]
        named = {
            self.roadmap.key(node): node
            for node in self.roadmap.living()
            if (node.kind == "milestone") == (family == "milestone")
        }
        assert thing.marker in named, f"made {thing.title!r} with the marker {thing.marker}, which no node has"
        node = named[thing.marker]
        old = self.bound.get(node.id)
        if old is not None:
            assert old not in before, f"a second object for {thing.marker}: {thing.title!r}"
            assert recreate or node.id in self.doubt, f"made {thing.marker} again, unasked"
        self.bound[node.id], self.owner[thing.name] = thing.name, node.id
        self.titles[thing.name] = thing.title
        for place in ("milestone", "parent"):
            self.places[thing.name, place] = getattr(thing, place)
        if thing.state == "closed":
            assert node.done, f"{thing.title!r} was made closed"
            self.ours.add(thing.name)
            self.closings.add(thing.name)
        assert thing.title == self.roadmap.title(node)
        if not sure:
            self.doubt.add(node.id)

    def _own(self, was: Thing, now: Thing, node: Node | None, number: int, recreate: bool) -> None:
        """`node`: the living node that the object is, None for one that the roadmap no longer has."""
        what = f"{was.title!r} ({was.name[0]} {was.name[1]})"
        assert now.outside == was.outside, f"text around the section of {what}: {was.text!r} became {now.text!r}"
        own = [line for line in was.section if "Human" in line]
        assert [line for line in now.section if "Human" in line] == own, f"people's lines in {what}: {now.text!r}"
        assert now.assignees == was.assignees, what
        assert was.labels <= now.labels <= was.labels | {"epic"}, f"labels of {what}: {was.labels} -> {now.labels}"
        doubted = number in self.doubt
        if now.labels != was.labels:
            assert was.name not in self.off or doubted, f"the label is back that people took off {what}"
        self._state(was, now, node, what, doubted)
        if node is None:
            assert (now.title, now.milestone, now.parent) == (was.title, was.milestone, was.parent), what
            return
        wanted = self.roadmap.title(node)
        put = self.titles.get(was.name)
        if was.title != put and wanted == put and not doubted:
            assert now.title == was.title, f"people's title of {what} was written over: {now.title!r}"
        assert now.title in (was.title, wanted), f"{what} is now {now.title!r}"
        if now.title != was.title or now.title == wanted:
            self.titles[was.name] = now.title
        for place in ("milestone", "parent"):
            self._place(was, now, node, place, what, recreate or doubted)

    def _place(self, was: Thing, now: Thing, node: Node, place: str, what: str, free: bool) -> None:
        then, after = getattr(was, place), getattr(now, place)
        wanted = self.wanted_place(node, place)
        if after != then:
            assert after == wanted, f"{what} was moved to {place} {after}, not {wanted}"
            put = self.places.get((was.name, place))
            assert free or then == put, f"{what} was moved out of {place} {then}, where people had put it"
            self.places[was.name, place] = after

    def wanted_place(self, node: Node, place: str) -> Name | None:
        above = self.roadmap.above(node)
        if node.kind == "step" and place == "milestone" and above is not None:
            above = self.roadmap.above(above)
        elif (node.kind, place) not in (("task", "milestone"), ("step", "parent")):
            return None
        return self.bound.get(above.id) if above else None

    def _state(self, was: Thing, now: Thing, node: Node | None, what: str, doubted: bool) -> None:
        if now.state == was.state:
            assert now.reason == was.reason, what
            return
        name = was.name
        if now.state == "open":
            assert name in self.ours, f"{what} was reopened, and people had closed it"
            assert node is not None, f"{what} was reopened, and the roadmap has it no more"
            self.ours.discard(name)
            self.closings.discard(name)
            return
        asked = node is None or (node.done and (node.kind == "milestone" or doubted))  # doubted: made, not yet closed
        assert asked, f"{what} was closed, and nothing asks for it"
        assert name not in self.closings or doubted, f"{what} was closed again, after people reopened it"
        self.ours.add(name)
        self.closings.add(name)

    def _boxes(self, after: Snap, alive: dict[int, Node], sure: bool) -> None:
        """Boxes of steps' lines are as people left them, wherever the lines are now."""
        seen = self.visible(after)
        for node in alive.values():
            if node.kind != "step":
                continue
            task = self.roadmap.above(node)
            home = self.bound.get(task.id) if task else None
            line = seen.get(node.id, {}).get(home) if home else None
            if line is None:
                if sure and home in after and not self.children:
                    raise AssertionError(f"the line of {node.words!r} is gone")
                continue
            if node.id in self.free:
                self.free.discard(node.id)
                self.lines[node.id] = line
            elif node.id in self.lines:
                assert line == self.lines[node.id], f"{node.words!r} was {self.lines[node.id]}, and is {line}"
            else:
                assert line == Line(node.done), f"{node.words!r} began as {line}"
                self.lines[node.id] = line

    # -- what people and the roadmap did

    def turned(self, thing: Thing, state: str) -> None:
        """People closed or reopened it."""
        self.ours.discard(thing.name)

    def asked_anew(self, node: Node) -> None:
        """The roadmap has it again, or no more, or asks for another state: an earlier close of ours counts no more."""
        name = self.bound.get(node.id)
        if name is not None:
            self.closings.discard(name)

    # -- counting

    def visible(self, snap: Snap) -> dict[int, dict[Name, Line]]:
        """Step -> object -> its line there, in the managed sections of the programme's own objects."""
        found: dict[int, dict[Name, Line]] = {}
        for name in self.owner.keys() & snap.keys():
            for text in snap[name].section:
                box = BOX.match(text)
                if box is None or "Human" in text:
                    continue
                said, issue = box.group(2), None
                if said.startswith("#") and ("item", int(said[1:])) in snap:
                    issue = ("item", int(said[1:]))
                    said = snap[issue].title
                for token in TOKEN.findall(said):
                    found.setdefault(int(token), {}).setdefault(name, Line(box.group(1) == "x", issue))
        return found

    def recount(self, snap: Snap) -> tuple[dict[str, Count], dict[str, str]]:
        """(counts of milestones and tasks by key, "" for the whole; states of steps)."""
        tasks = {self.bound.get(task.id): task for task in self.roadmap.living("task")}
        milestones = {self.bound.get(m.id): m for m in self.roadmap.living("milestone")}
        steps: dict[int, str] = {}
        taken: set[Name] = set()
        alive = {node.id for node in self.roadmap.living("step")}
        for number, lines in self.visible(snap).items():
            for name, line in lines.items():
                if name in tasks and number in alive:
                    if line.issue:
                        taken.add(line.issue)
                    state = _state_of(snap[line.issue]) if line.issue else "done" if line.ticked else "open"
                    steps[number] = max(steps.get(number, state), state, key=SUREST.index)
        for number, name in self.bound.items():
            if number in alive and name in snap:
                steps[number] = _state_of(snap[name])
        extra: dict[int, list[str]] = {}
        for name, thing in snap.items():
            if name[0] == "milestone" or name in self.owner or name in taken or thing.marker:
                continue
            under = None
            if thing.parent in self.owner:
                under = tasks.get(thing.parent)
            elif thing.milestone is not None:
                under = milestones.get(thing.milestone)
            if under is not None:
                extra.setdefault(under.id, []).append(_state_of(thing))
        counts: dict[str, Count] = {}
        shown: dict[str, str] = {}
        whole = []
        for milestone in self.roadmap.milestones:
            parts = []
            for task in milestone.children:
                name = self.bound.get(task.id)
                epic = _state_of(snap[name]) if name in snap else None
                states = {s.id: steps.get(s.id, "done" if s.done else "open") for s in task.children}
                measured = epic is not None or task.id in extra or any(s.id in steps for s in task.children)
                parts.append(_count(task, [*states.values(), *extra.get(task.id, [])], epic, measured))
                counts[task.key] = parts[-1]
                for step in task.children:
                    shown[self.roadmap.key(step)] = _shown(states[step.id], epic)
            own = extra.get(milestone.id, [])
            parts.append((own.count("done"), len(own) - own.count("excluded"), own.count("excluded")))
            counts[milestone.key] = _sum(parts)
            whole.append(counts[milestone.key])
        counts[""] = _sum(whole)
        return counts, shown


def _state_of(thing: Thing) -> str:
    if thing.state == "open":
        return "open"
    return "done" if thing.reason in ("completed", None) else "excluded"


def _shown(state: str, epic: str | None) -> str:
    if epic == "excluded":
        return "excluded"
    return "done" if epic == "done" and state == "open" else state


def _count(task: Node, units: list[str], epic: str | None, measured: bool) -> Count:
    units = units or [epic or ("done" if task.done else "open")]
    excluded = units.count("excluded")
    total = len(units) - excluded
    if epic == "excluded":
        return 0, 0, len(units)
    if epic == "done":
        return max(total, 1), max(total, 1), excluded
    return (units.count("done"), total, excluded if measured else 0)


def _sum(parts: list[Count]) -> Count:
    return sum(p[0] for p in parts), sum(p[1] for p in parts), sum(p[2] for p in parts)
