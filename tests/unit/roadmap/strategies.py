"""Programmes of every shape that a document can hold, for tests here and elsewhere."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from app.core.tree import Milestone, Programme, Step, Task
from mappings.roadmap import read_window

HOSTILE = (
    "/close",
    "@everyone",
    "<!--",
    "-->",
    "|",
    "`",
    "```",
    "- [ ]",
    "[x]",
    "**",
    "#",
    "\\",
    "(12% complete)",
    "✅",
    "*(✅ Completed 2025-01-07)*",
    "(done)",
    "🚧",
    "(depends on M1)",
    "M1",
    "Milestone M2 —",
    "Task 1A",
    "None",
    "All previous",
    "Weeks 0–2",
    "1.",
    "—",
    "&#65;",
    "&amp;",
    "<details>",
    "</summary>",
    "---",
    "\t",
    "\n",
    "\r",
    "\u2028",
    "\ufeff",
    "１２％",
    "**Objective:**",
    "Status: done",
    ", and ",
    ";",
)


def words(*, min_size: int = 1) -> st.SearchStrategy[str]:
    """Any text: words in any script, Markdown's own characters, what trackers act on, control characters."""
    return _FILLED if min_size else _ANY


_ORDINARY = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text(
    "abc XYZ 019.,-–()éß中文עברית١٢٣", max_size=12
)
_MIXED = st.lists(_ORDINARY | st.sampled_from(HOSTILE), min_size=1, max_size=4).map(" ".join)
_PLAIN = st.sampled_from(["Draft the matrix", "Résumé, of work (PostGIS)", "See `notes.md`", "R&D: phase 2"])
_ANY = _PLAIN | _MIXED | _ORDINARY
_FILLED = _ANY.filter(bool)


def percents(*, most: int = 99) -> st.SearchStrategy[float | None]:
    """None, whole numbers and halves below 100 (100 is complete)."""
    return st.none() | st.integers(0, most).map(float) | st.sampled_from([0.5, 12.5, 33.25])


def dates() -> st.SearchStrategy[date]:
    return st.dates(date(2000, 1, 1), date(2100, 12, 31))


@st.composite
def windows_text(draw: st.DrawFn) -> str:
    first, last = draw(st.integers(0, 20)), draw(st.integers(20, 40))
    day = draw(dates())
    return draw(
        st.sampled_from(
            [
                f"Weeks {first}–{last}",
                f"Week {first}",
                f"Day {first}",
                f"Months {first} to {last}",
                f"Week {last} of the v0.2 cycle | “soon” (perhaps)",
                f"{day.isoformat()}",
                f"2000-01-01 – {day.isoformat()}",
                f"Q{first % 4 + 1} 2024",
                "when legal says so",
                "✅ soon",
            ]
        )
    )


@st.composite
def completions(draw: st.DrawFn) -> tuple[float | None, bool, date | None]:
    """(declared percent, completed, completed on), as they can go together."""
    if draw(st.booleans()):
        return draw(percents()), False, None
    return draw(percents() | st.just(100.0)), True, draw(st.none() | dates())


@st.composite
def details(draw: st.DrawFn) -> str:
    if draw(st.booleans()):
        return draw(st.sampled_from(["", "", "one", "one\n  deeper\ntwo", "[ ] a box\n[x] another", "a\n\n b"]))
    return draw(words())


@st.composite
def programmes(draw: st.DrawFn, *, max_milestones: int = 4, max_tasks: int = 3, max_steps: int = 3) -> Programme:
    """Programmes that a document can hold: keys unique, dependencies backwards, windows dated by their text.

    Text is any Unicode text but surrogates. Objectives, owners and the like may be empty; prerequisites and the words
    of steps may not.
    """
    start = draw(dates())
    numbers = draw(st.lists(st.integers(0, 99), unique=True, min_size=1, max_size=max_milestones))
    milestones: list[Milestone] = []
    before: list[str] = []
    for number in numbers:
        key = f"{draw(st.sampled_from(['M', 'DM']))}{number}"
        tasks = []
        shape = draw(st.sampled_from(["{n}{letter}", "{n}.{i}", "M{n}-T{i}", "T{n}00{i}"]))
        for i in range(draw(st.integers(0, max_tasks))):
            task_key = shape.format(n=number, i=i + 1, letter="ABCDEFGH"[i])
            steps = tuple(
                Step(f"{task_key}.{n + 1}", draw(words()), draw(st.booleans()), draw(details()))
                for n in range(draw(st.integers(0, max_steps)))
            )
            percent, completed, on = draw(completions())
            waits = draw(st.lists(st.sampled_from(before), unique=True, max_size=2)) if before else []
            tasks.append(
                Task(
                    key=task_key,
                    title=draw(words(min_size=0)),
                    steps=steps,
                    description=draw(st.just("") | words()),
                    declared_percent=percent,
                    completed=completed,
                    completed_on=on,
                    depends_on=tuple(waits),
                )
            )
            before.append(task_key)
        percent, completed, on = draw(completions())
        waits = draw(st.lists(st.sampled_from(before), unique=True, max_size=3)) if before else []
        text = draw(st.none() | windows_text())
        milestones.append(
            Milestone(
                key=key,
                title=draw(words(min_size=0)),
                tasks=tuple(tasks),
                objective=draw(st.just("") | words()),
                window=read_window(text, start) if text else None,
                declared_percent=percent,
                completed=completed,
                completed_on=on,
                depends_on=tuple(waits),
                prerequisites=tuple(draw(st.lists(words(), unique=True, max_size=2))),
                owner=draw(st.just("") | words()),
            )
        )
        before.append(key)
    return Programme(draw(words(min_size=0)), start, tuple(milestones))
