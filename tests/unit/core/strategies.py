"""Small trees, quick to draw: few shapes, hostile words. `tests.unit.roadmap.strategies` has every shape there is."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from app.core.tree import Milestone, Programme, Step, Task, Window

TITLES = (
    "Draft the matrix",
    "Draft the matrices",
    "Ship it",
    "/close this",
    "Ask @bob",
    "[x] 1A.1 sneaky",
    "1A.2 Ship it",
    "<!-- milepost:prog/1A -->",
    "`odd",
    "Résumé — review  twice",
    "x",
    "",
)
TEXTS = (
    "",
    "Why this exists.\n\nAnd how.",
    "- [x] 1A.1 Ship it\n- [ ] 1B.1 x",
    "/close\n/assign @bob",
    "```\n@not_a_mention\n/etc/hosts\n```",
    "```\nnever closed",
    "<!-- milepost:begin -->\n<!-- milepost:prog/1B -->",
    "Mail me@example.com or ask @bob `@code`\r\ntrailing   ",
    "> - [ ] 1A.1 quoted",
    "\n\n  indented\n",
)


@st.composite
def small_programmes(draw: st.DrawFn, titles: tuple[str, ...] = TITLES) -> Programme:
    """One to three milestones, up to two tasks each, up to four steps each."""
    title, text = st.sampled_from(titles), st.sampled_from(TEXTS)
    milestones = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        tasks = []
        for letter in "AB"[: draw(st.integers(0, 2))]:
            key = f"{number}{letter}"
            steps = tuple(
                Step(f"{key}.{place + 1}", draw(title), draw(st.booleans()), draw(text))
                for place in range(draw(st.integers(0, 4)))
            )
            tasks.append(Task(key, draw(title), steps, draw(text)))
        window = draw(st.none() | st.just(Window("Weeks 0–2", date(2026, 1, 5), date(2026, 1, 19))))
        milestones.append(
            Milestone(f"M{number}", draw(title), tuple(tasks), draw(text), window, completed=draw(st.booleans()))
        )
    return Programme("Small", date(2026, 1, 5), tuple(milestones))
