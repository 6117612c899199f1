"""Whatever people did to the tracker and to the roadmap: a plan applied leaves nothing to do, and no word is lost."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.plan import WRITING, Plan
from app.core.tree import Programme
from mappings import body
from mappings.profile import BUILT_IN, Owners, Profile, load
from tests.unit.core.strategies import TITLES, small_programmes
from tests.unit.core.tracker import Holds, World
from tests.unit.examples import examples
from tests.unit.roadmap.strategies import programmes

MODEST = settings(max_examples=examples(100), deadline=None)
PROFILES = [load(name) for name in BUILT_IN]
ASKED = Owners(title="ask", due="ask", state="ask", milestone="roadmap", labels="roadmap")
ASKING = [PROFILES[0].model_copy(update={"owners": ASKED})]
EDITS = (
    "tick",
    "untick",
    "prepend",
    "append",
    "inside",
    "crlf",
    "no begin",
    "no end",
    "no section",
    "no keys",
    "on marker line",
    "copy",
    "rename",
    "close",
    "reopen",
    "relabel",
    "unlabel",
    "move out",
    "delete",
    "add issue",
    "double",
)


def any_profile() -> st.SearchStrategy[Profile]:
    return st.sampled_from(PROFILES + ASKING)


def writing(plan: Plan) -> list[tuple[str, str, list[str]]]:
    return [(c.action, c.key, sorted(c.fields)) for c in plan.changes if c.action in WRITING]


def edit(world: World, data: st.DataObject) -> None:
    """People at work on one object."""
    items = world.items()
    if not items:
        return
    item = data.draw(st.sampled_from(items), label="object")
    what = data.draw(st.sampled_from(EDITS), label="edit")
    text = item.description
    human = f"Human {data.draw(st.integers(0, 9))}"
    match what:
        case "tick":
            world.put(item, description=text.replace("- [ ]", "- [x]", 1))
        case "untick":
            world.put(item, description=text.replace("- [x]", "- [ ]"))
        case "prepend":
            world.put(item, description=f"{human}\n\n{text}")
        case "append":
            world.put(item, description=f"{text}\n\n{human}\n- [ ] {human} box")
        case "inside":
            lines = text.split("\n")
            lines.insert(data.draw(st.integers(0, len(lines))), f"  - [x] {human} nested")
            world.put(item, description="\n".join(lines))
        case "crlf":
            world.put(item, description=text.replace("\r\n", "\n").replace("\n", "\r\n"))
        case "no begin":
            world.put(item, description=text.replace(body.BEGIN, ""))
        case "no end":
            world.put(item, description=body.MARKER.sub("", text))
        case "no section":
            world.put(item, description=human)
        case "no keys":
            world.put(item, description=text.replace("] 1", "] ").replace("] 2", "] "))
        case "on marker line":
            world.put(item, description=f"{human} {text} {human}")
        case "double":
            world.put(item, description=f"{text}\n{text}")
        case "copy":
            world.last_id += 1
            ref = replace(item.ref, id=str(world.last_id), number=world.last_id, url=f"http://t/{world.last_id}")
            if item.ref.shape != "milestone":
                world.put(replace(item, ref=ref))
        case "rename":
            world.put(item, title=human)
        case "close":
            world.put(item, state="closed")
        case "reopen":
            world.put(item, state="open")
        case "relabel":
            world.put(item, labels=(*item.labels, "mine"))
        case "unlabel":
            world.put(item, labels=())
        case "move out":
            world.put(item, milestone=None, parent=None)
        case "delete":
            del world.objects[item.ref.identity]
            for other in world.items():
                gone = {n: None for n in ("milestone", "parent") if getattr(other, n) == item.ref.id}
                family = "milestone" if item.ref.shape == "milestone" else "parent"
                if family in gone:
                    world.put(other, **{family: None})
        case "add issue":
            world.last_id += 1
            ref = replace(item.ref, shape="issue", id=str(world.last_id), number=world.last_id)
            world.put(replace(item, ref=ref, description="", title=data.draw(st.sampled_from(TITLES)), labels=()))


def settle(world: World, **how: bool) -> None:
    """One plan and its apply; then nothing is left."""
    plan = world.plan(**how)
    world.apply(plan)
    again = world.plan()
    assert writing(again) == []
    assert world.apply(again) == 0


def human_lines(world: World) -> list[str]:
    """What people wrote, word for word, wherever it stands."""
    return sorted(word for item in world.items() for word in re.findall(r"Human \d[a-z ]*", item.description))


@given(programme=small_programmes() | programmes(), profile=any_profile(), children_max=st.sampled_from([0, 2, 100]))
@settings(MODEST, max_examples=examples(40))
def test_a_first_push_settles_at_once(programme: Programme, profile: Profile, children_max: int) -> None:
    world = World(profile, Holds(children_max=children_max, start_dates=profile.kind == "gitlab", title_max=60))
    world.load(programme)
    plan = world.plan()
    assert {c.action for c in plan.changes} <= {"create"}
    assert world.apply(plan) == plan.summary()["create"] == len(plan.changes)
    again = world.plan()
    assert again.changes == ()
    assert again.unchanged == len(plan.changes)


@given(data=st.data(), programme=small_programmes(), profile=any_profile())
@MODEST
def test_it_settles_after_people_were_at_work(data: st.DataObject, programme: Programme, profile: Profile) -> None:
    world = World(profile, Holds(children_max=2))
    world.load(programme)
    settle(world)
    for _ in range(data.draw(st.integers(1, 4), label="edits")):
        edit(world, data)
    wrote = human_lines(world)
    settle(world, recreate=data.draw(st.booleans(), label="recreate"))
    assert human_lines(world) == wrote


@given(data=st.data(), first=small_programmes(), second=small_programmes(), profile=any_profile())
@MODEST
def test_it_settles_when_both_sides_moved(
    data: st.DataObject, first: Programme, second: Programme, profile: Profile
) -> None:
    world = World(profile, Holds(children_max=2))
    for programme in (first, second, first):
        world.load(programme)
        settle(world)
        for _ in range(data.draw(st.integers(0, 2), label="edits")):
            edit(world, data)
        wrote = human_lines(world)
        settle(world)
        assert human_lines(world) == wrote


@given(data=st.data(), programme=small_programmes(), profile=any_profile())
@MODEST
def test_a_new_database_makes_nothing_again(data: st.DataObject, programme: Programme, profile: Profile) -> None:
    world = World(profile)
    world.load(programme)
    settle(world)
    for _ in range(data.draw(st.integers(0, 3), label="edits")):
        what = data.draw(st.sampled_from(["rename", "close", "relabel", "prepend", "append", "crlf", "tick"]))
        if items := world.items():
            item = data.draw(st.sampled_from(items))
            match what:
                case "rename":
                    world.put(item, title="Theirs")
                case "close":
                    world.put(item, state="closed")
                case "relabel":
                    world.put(item, labels=("mine",))
                case "crlf":
                    world.put(item, description=item.description.replace("\r", "").replace("\n", "\r\n"))
                case "tick":
                    world.put(item, description=item.description.replace("- [ ]", "- [x]"))
                case _:
                    world.put(item, description=f"Theirs\n\n{item.description}\n\nTheirs too")
    before = len(world.objects)
    ticked = sorted(line for item in world.items() for line in item.description.split("\n") if "- [x]" in line)
    world.forget()
    plan = world.plan()
    assert plan.summary()["create"] == 0
    assert plan.summary()["adopt"] == before
    settle(world)
    assert len(world.objects) == before
    assert ticked == sorted(line for item in world.items() for line in item.description.split("\n") if "- [x]" in line)
