"""How many requests a push and a refresh cost, counted where they come in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

from benchmarks import boxes, generated, wider
from benchmarks.boxes import Bench, Box
from benchmarks.measured import Section, Size
from mappings.profile import BUILT_IN

EXAMPLE = Path(__file__).parents[1] / "examples" / "roadmap.md"
IDLE = {"github": 2, "gitlab": 3}
QUIET_SECONDS = 120
"""Of the tracker's time, before a refresh counts as idle: longer than any list is read again for safety."""
MANY = 150
"""Changed issues: more than a page."""
TASKS = {"line": 160, "child": 40}
"""Generated roadmaps with at least so many issues, where steps are lines, and where they are child issues."""


def measure(size: Size) -> list[Section]:
    pushed = Section(
        "3. Requests",
        f"counted at the sandbox; examples/{EXAMPLE.name}, each profile in a new place; nothing "
        f"changed: for {QUIET_SECONDS} s of the tracker's clock",
    )
    many = Section(
        f"3b. Refresh after {MANY} changed issues",
        f"counted at the sandbox; generated roadmaps of {TASKS['line']} tasks (steps are lines of issues, or of epics) "
        f"and of {TASKS['child']} (steps are child issues: those were changed)",
    )
    for kind in IDLE:
        with boxes.threaded(kind) as box:
            for profile in (name for name in BUILT_IN if name.partition("-")[0] == kind):
                _example(pushed, box, profile)
                if not size.quick:
                    _many(many, box, profile)
    return [pushed] if size.quick else [pushed, many, *wider.measure(size, IDLE, QUIET_SECONDS)]


def _example(section: Section, box: Box, profile: str) -> None:
    with _target(EXAMPLE.read_bytes(), box, f"bench-{profile}", profile) as bench:
        box.clear()
        objects = len(bench.apply().outcomes)
        counts = box.counts()
        note = "nothing is made closed: what is completed takes a create and a close" if box.kind == "gitlab" else ""
        if profile.endswith("-premium"):
            note += "; a label of epics is made first"
        section.add(f"{profile}: first push of {objects} objects, writes", counts.writes, "requests", objects, note)
        section.add(f"{profile}: first push, reads", counts.reads, "requests", 5, "5 + ⌈0 existing / 100⌉")
        box.clear()
        bench.apply()
        counts = box.counts()
        section.add(f"{profile}: second apply, writes", counts.writes, "requests", 0)
        most = 5 + ceil(objects / 100)
        section.add(f"{profile}: second apply, reads", counts.reads, "requests", most, "5 + ⌈existing / 100⌉")
        _idle(section, box, profile, bench)
        _touch(box, f"bench-{profile}", profile, 1)
        _changed(section, box, profile, bench, 1)


def _idle(section: Section, box: Box, profile: str, bench: Bench) -> None:
    """A refresh of a place that nobody has touched for a while, nor will: the cursor comes to rest in one refresh, and
    the ETags for it in the next.
    """
    box.later(QUIET_SECONDS)
    bench.refresh()
    bench.refresh()
    box.clear()
    bench.refresh()
    counts = box.counts()
    note = f"{counts.not_modified} of them answered 304"
    section.add(f"{profile}: refresh, nothing changed", counts.total, "requests", IDLE[box.kind], note)
    if box.kind == "github":
        whole = counts.total - counts.not_modified
        section.add(f"{profile}: refresh, nothing changed, not a 304", whole, "requests", 0)


def _changed(section: Section, box: Box, profile: str, bench: Bench, k: int) -> None:
    box.clear()
    found = bench.refresh()
    if found.changed < k:
        raise RuntimeError(f"{profile}: a refresh found {found.changed} changed issues, not {k}")
    most = 2 + ceil(k / 100)
    section.add(f"{profile}: refresh, {k} changed", box.counts().total, "requests", most, "2 + ⌈changed / 100⌉")


def _many(section: Section, box: Box, profile: str) -> None:
    source = generated.document(TASKS["child" if profile.endswith("-issues") else "line"]).encode()
    group = f"many-{profile}"
    with _target(source, box, group, profile) as bench:
        bench.apply()
        _idle(section, box, profile, bench)
        _touch(box, group, profile, MANY)
        _changed(section, box, profile, bench, MANY)


@contextmanager
def _target(source: bytes, box: Box, group: str, profile: str) -> Iterator[Bench]:
    """A target in a group of its own, which is where epics go."""
    epics = profile.endswith("-premium")
    if epics:
        box.license()
    with boxes.programme(source, box, f"{group}/box", profile, group if epics else "") as bench:
        yield bench


def _touch(box: Box, group: str, profile: str, k: int) -> None:
    if profile.endswith("-premium"):
        box.touch_epics(group, k)
    else:
        box.touch(f"{group}/box", k, children=profile.endswith("-issues"))
