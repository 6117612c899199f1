"""`docs/progress.md` is worked by hand; this reads its tables and works every figure out again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from app.core import forecast, progress
from app.core.defects import Defect, Severities, aged, burndown, severe, tallies
from app.core.history import Point
from app.core.outlook import Outlook, outlook
from app.core.progress import Count, Unit, judge, rollup
from app.core.tree import Milestone, Programme, Step, Task, Window
from app.core.waiting import waiting
from mappings.profile import parse

PAGE = Path(__file__).parents[3] / "docs" / "progress.md"
Row = dict[str, str]
Tables = dict[str, list[Row]]


def tables(text: str) -> Tables:
    """Each table by the heading that it stands under."""
    found: Tables = {}
    for section in re.split(r"^#+ ", text, flags=re.M)[1:]:
        heading, _, body = section.partition("\n")
        rows = [
            [cell.strip() for cell in line.strip()[1:-1].split("|")] for line in body.splitlines() if line[:1] == "|"
        ]
        if rows:
            found[heading] = [dict(zip(rows[0], row, strict=True)) for row in rows[2:]]
    return found


def day(text: str) -> date:
    return date.fromisoformat(text)


class Example:
    """The milestone of ten steps, as the page's first two tables tell it."""

    def __init__(self, given: Tables) -> None:
        planned = given["What is planned"]
        self.baseline = Window("as planned", *(day(planned[0][f"window {edge}"]) for edge in ("starts", "ends")))
        assert {(row["window starts"], row["window ends"]) for row in planned} == {
            (str(self.baseline.start), str(self.baseline.end))
        }
        tasks = tuple(
            Task(row["task"], "", tuple(Step(f"{row['task']}.{n}", "") for n in range(1, int(row["steps"]) + 1)))
            for row in planned
        )
        self.programme = Programme("", self.baseline.start or date.min, (Milestone("M1", "", tasks),))
        self.events = given["What happens"]

    def counts(self, until: date, weights: dict[str, Fraction] | None = None) -> dict[str, Count]:
        units = {
            step.key: Unit(task.key, "open", step.key)
            for task in self.programme.milestones[0].tasks
            for step in task.steps
        }
        for row in self.events:
            if day(row["day"]) <= until:
                added = row["unit"].startswith("added to ")
                key = "added" if added else row["unit"]
                unit = Unit(row["unit"].removeprefix("added to "), "open") if added else units[key]
                units[key] = replace(unit, state=row["becomes"], weight=(weights or {}).get(key, 1))
        return dict(rollup(self.programme, units.values(), {}).counts)

    def points(self, until: date) -> list[Point]:
        days = sorted({day(row["day"]) for row in self.events if day(row["day"]) <= until})
        counts = [(when, self.counts(when)["M1"]) for when in days]
        return [Point(when, c.done, c.total, c.excluded, c.percent, c.source) for when, c in counts]

    def outlook(self, row: Row) -> Outlook:
        today = day(row["day"])
        window = Window("as it is", self.baseline.start, day(row["window ends"]))
        declared = float(row["declared"])
        return outlook(self.counts(today)["M1"], window, self.baseline, self.points(today), declared, today)


def counted(given: Tables) -> list[Row]:
    example = Example(given)
    days = sorted({row["day"] for row in example.events})
    found = []
    for when in days:
        counts = example.counts(day(when))
        for key in ("1A", "1B", "M1"):
            c = counts[key]
            found.append(
                dict(
                    zip(
                        given["What is counted"][0],
                        map(str, (when, key, c.done, c.total, c.excluded, c.percent)),
                        strict=True,
                    )
                )
            )
    return found


def planned(given: Tables) -> list[Row]:
    example = Example(given)
    found = []
    for row in given["The plan at the end of each day"]:
        is_ = example.outlook(row)
        figures = (
            is_.expected,
            is_.window_slip,
            is_.scope_added,
            is_.scope_removed,
            is_.difference,
            is_.health,
            is_.why,
        )
        given_ = [row["day"], f"{is_.declared:g}", row["window ends"]]
        found.append(dict(zip(row, [*given_, *map(str, figures)], strict=True)))
    return found


def weighed(given: Tables) -> list[Row]:
    example = Example(given)
    rows = given["Weighed"]
    last = day(example.events[-1]["day"])
    found = []
    for row in rows:
        by = {"1A.3": Fraction(row["1A.3 weighs"]), "added": Fraction(row["added weighs"])}
        c = example.counts(last, by)[row["node"]]
        assert c.weights is not None or row["node"] == "1A"
        done, total = c.weights or (c.done, c.total)
        weights = [row["1A.3 weighs"], row["added weighs"]]
        figures = [c.done, c.total, f"{float(done):g}", f"{float(total):g}", c.percent]
        found.append(dict(zip(row, [row["node"], *weights, *map(str, figures)], strict=True)))
    assert len({(row["1A.3 weighs"], row["added weighs"]) for row in rows}) == 1
    return found


def fixed(given: Tables) -> list[Row]:
    values = [
        forecast.FUTURES, forecast.LOOK_BACK, forecast.AT_LEAST, forecast.HORIZON, forecast.BAND_DAYS,
        f"{progress.AT_RISK_AFTER:g}",
    ]  # fmt: skip
    return [{**row, "value": str(value)} for row, value in zip(given["Fixed figures"], values, strict=True)]


SPREAD = {1: (1,), 2: (1, 3), 3: (1, 3, 5), 4: (1, 2, 3, 5), 5: (1, 2, 3, 4, 5)}
"""On which days of a week that begins after a Sunday so many are done, one a day."""


def past(weeks: list[int], today: date, total: int) -> list[Point]:
    since = today - timedelta(weeks=len(weeks))
    points = [Point(since, 0, total, 0, 0.0, "measured")]
    for number, many in enumerate(weeks):
        for each in SPREAD.get(many, ()):
            done = points[-1].done + 1
            when = since + timedelta(days=7 * number + each)
            points.append(Point(when, done, total, 0, progress.truncated(done, total), "measured"))
    return points


def forecasts(given: Tables) -> list[Row]:
    found = []
    for row in given["From past weeks to an end"]:
        today = day(row["today"])
        weeks = [int(each) for each in row["done in each week"].split(", ")]
        points = past(weeks, today, 24)
        last = points[-1]
        count = Count(last.done, last.total, 0, last.percent, "measured")
        window = Window("", day(row["window starts"]), day(row["window ends"]))
        is_ = outlook(count, window, window, points, None, today)
        told = is_.forecast
        pace = "–" if told.pace is None else f"{told.pace:.2f}"
        figures = [
            count.total - count.done, pace, told.end_50 or "–", told.end_85 or "–",
            *("–" if slip is None else slip for slip in (is_.slip_50, is_.slip_85)), is_.health, is_.why, told.reason,
        ]  # fmt: skip
        found.append(dict(zip(row, [*list(row.values())[:4], *map(str, figures)], strict=True)))
    return found


def _programme(rows: list[Row]) -> tuple[Programme, set[str]]:
    milestones = tuple(
        Milestone(
            row["milestone"],
            "",
            window=Window("", day(row["window starts"]), day(row["window ends"])),
            depends_on=tuple(each for each in row["waits for"].split(", ") if each),
        )
        for row in rows
    )
    done = {row["milestone"] for row in rows if row["done"] == "yes"}
    assert {row["done"] for row in rows} <= {"yes", "no"}
    return Programme("", date(2026, 11, 2), milestones), done


def blocked(given: Tables) -> list[Row]:
    programme, done = _programme(given["Four milestones"])
    rows = given["Waiting on a day"]
    found = waiting(programme, done, day(rows[0]["today"]))
    early = {key: ", ".join(each.waits_for for each in found.too_early if each.key == key) for key in found.nodes}
    return [
        dict(
            zip(rows[0], (rows[0]["today"], key, ", ".join(w.blocked_by), ", ".join(w.blocks), early[key]), strict=True)
        )
        for key, w in found.nodes.items()
    ]


def critical(given: Tables) -> list[Row]:
    programme, done = _programme(given["Four milestones"])
    rows = given["The critical path"]
    path = waiting(programme, done, day(rows[0]["today"])).path
    return [
        dict(zip(rows[0], map(str, (rows[0]["today"], s.key, s.begins, s.ends, s.slack)), strict=True)) for s in path
    ]


def _severities() -> Severities:
    """What the page's example of a profile says."""
    options = re.search(r"```toml\n(\[defects\].*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert options
    profile = (PAGE.parents[1] / "mappings" / "profiles" / "github.toml").read_text(encoding="utf-8")
    return parse(profile + options.group(1), "page").defects.severities()


def _defects(given: Tables) -> list[Defect]:
    return [
        Defect(
            row["defect"],
            int(row["severity"]),
            day(row["opened"]),
            day(row["closed"]) if row["closed"] else None,
            "",
            "",
            row["milestone"],
            _severities().allowed(int(row["severity"])),
        )
        for row in given["Three defects"]
    ]


def ages(given: Tables) -> list[Row]:
    rows = given["Their age"]
    found = aged(_defects(given), day(rows[0]["today"]))
    return [
        dict(zip(rows[0], map(str, (rows[0]["today"], a.defect.key, a.age, a.defect.allowed, a.over)), strict=True))
        for a in found
    ]


def by_severity(given: Tables) -> list[Row]:
    rows = given["By milestone and severity"]
    found = tallies(_defects(given), day(rows[0]["today"]))
    return [
        dict(
            zip(
                rows[0], map(str, (rows[0]["today"], t.milestone, t.severity, t.open, t.closed, t.overdue)), strict=True
            )
        )
        for t in found
    ]


def burnt(given: Tables) -> list[Row]:
    rows = given["Burndown"]
    found = burndown(_defects(given), day(rows[0]["day"]), day(rows[-1]["day"]))
    return [dict(zip(rows[0], map(str, (d.day, d.open, d.opened, d.closed)), strict=True)) for d in found]


def kept_open(given: Tables) -> list[Row]:
    row = given["A milestone whose units are all done"][0]
    units, today = int(row["units"]), day(row["today"])
    many = severe(_defects(given), today)["M1"]
    window = Window("", date(2026, 11, 2), day(row["window ends"]))
    told = judge(Count(units, units, 0, 100.0, "measured"), window, today, severe=many)
    return [{**row, "severity-one open": str(many), "health": told.health, "why": told.why}]


WORKED = {
    "What is counted": counted,
    "The plan at the end of each day": planned,
    "Weighed": weighed,
    "Fixed figures": fixed,
    "From past weeks to an end": forecasts,
    "Waiting on a day": blocked,
    "The critical path": critical,
    "Their age": ages,
    "By milestone and severity": by_severity,
    "Burndown": burnt,
    "A milestone whose units are all done": kept_open,
}
GIVEN = {"What is planned", "What happens", "Four milestones", "Three defects", "Health"}


@pytest.mark.parametrize("heading", WORKED)
def test_each_figure_of_the_page_is_what_the_code_works_out(heading: str) -> None:
    given = tables(PAGE.read_text(encoding="utf-8"))
    assert WORKED[heading](given) == given[heading]


def test_every_table_of_the_page_is_given_or_worked_out() -> None:
    assert set(tables(PAGE.read_text(encoding="utf-8"))) == set(WORKED) | GIVEN


def _changed(given: Tables) -> Iterator[tuple[str, int, str, Tables]]:
    """The tables with one figure of one worked row changed, each in turn, but for the days that a row is given."""
    for heading in WORKED:
        for number, row in enumerate(given[heading]):
            for column, cell in row.items():
                if column in ("today", "window starts"):
                    continue
                for digit in list(re.finditer(r"\d(?!.*\d)", cell)):
                    other = f"{cell[: digit.start()]}{(int(digit.group()) + 1) % 10}{cell[digit.end() :]}"
                    rows = list(given[heading])
                    rows[number] = {**row, column: other}
                    yield heading, number, column, {**given, heading: rows}


def test_a_figure_changed_by_hand_is_found() -> None:
    """The test above can fail: for every figure there is."""
    given = tables(PAGE.read_text(encoding="utf-8"))
    unseen = []
    for heading, number, column, other in _changed(given):
        try:
            same = WORKED[heading](other) == other[heading]
        except (AssertionError, KeyError, ValueError):
            same = False
        if same:
            unseen.append((heading, number, column))
    assert unseen == []
