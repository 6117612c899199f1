"""Milepost beside a plain PyGithub script, in one run, against one sandbox."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.core.tree import Programme
from app.sync import status
from benchmarks import boxes, by_hand, generated
from benchmarks.boxes import Box
from benchmarks.measured import Beside, Section, Size
from mappings import roadmap

PROFILE = "github"


def measure(size: Size) -> list[Section]:
    section = Section(
        "4. Beside a plain PyGithub script (benchmarks/by_hand.py)",
        "wall seconds and requests against the same sandbox, in a process of its own; profile github; the script's "
        "pauses and retries are off and it lists 100 a page; Milepost plans too, and journals every write. "
        "Neither waits for a pace here: Milepost keeps GitHub's, 1 s between writes, on every host but loopback",
    )
    paused = Section(
        "4b. The script with PyGithub's defaults",
        "30 a page, 0.25 s between requests and 1 s between writes: the pauses that it asked for, counted, not slept",
    )
    with boxes.running("github") as box:
        for tasks in (60,) if size.quick else (60, 300):
            _compare(section, paused, box, tasks)
    return [section, paused]


def _compare(section: Section, paused: Section, box: Box, tasks: int) -> None:
    source = generated.document(tasks).encode()
    programme = roadmap.read(source, start=generated.START).programme
    mine, other = f"bench/milepost-{tasks}", f"bench/by-hand-{tasks}"
    repository = by_hand.fast(box.url, other)
    with boxes.programme(source, box, mine, PROFILE) as bench:

        def pair(what: str, milepost: Callable[[], object], script: Callable[[], object]) -> None:
            ours, theirs = _timed(box, milepost), _timed(box, script)
            section.rows.append(Beside(f"{tasks} tasks: {what}", ours[0], theirs[0]))
            section.rows.append(Beside(f"{tasks} tasks: {what}, requests", ours[1], theirs[1], "requests"))

        pair("first push", bench.apply, lambda: by_hand.push(repository, programme))
        pair("first refresh", bench.refresh, lambda: by_hand.refresh(repository))
        pair("refresh, nothing changed", bench.refresh, lambda: by_hand.refresh(repository))
        for path in (mine, other):
            box.close_one(path)
        pair("refresh, one issue closed", bench.refresh, lambda: by_hand.refresh(repository))
        whole, counted = status.status(bench.ctx, boxes.SLUG), by_hand.refresh(repository)
        if (whole.done, whole.total) != (counted.done, counted.total):
            raise RuntimeError(f"the two count differently: {whole.done}/{whole.total}, {counted}")
    _paused(paused, box, programme, tasks)


def _timed(box: Box, work: Callable[[], object]) -> tuple[float, int]:
    box.clear()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    return seconds, box.counts().total


def _paused(section: Section, box: Box, programme: Programme, tasks: int) -> None:
    repository = by_hand.opened(box.url, f"bench/by-hand-paused-{tasks}")
    works: dict[str, Callable[[], object]] = {
        "push": lambda: by_hand.push(repository, programme),
        "refresh": lambda: by_hand.refresh(repository),
    }
    for what, work in works.items():
        with by_hand.pauses_counted() as pauses:
            _, requests = _timed(box, work)
        note = f"{len(pauses)} pauses, {requests} requests"
        section.add(f"{tasks} tasks: {what}, pauses", sum(pauses), note=note)
