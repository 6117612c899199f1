"""What a report says, in sections and lines of plain words, once for Markdown and HTML. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.shown import HEALTH_WORDS
from app.report.model import Report, Risk, Standing, coming, moved, newly, risks, slips
from app.report.words import count, day, percent


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is about (each part "" where there is none), and what is said of it. All raw words."""

    words: str
    key: str = ""
    title: str = ""
    url: str | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its lines, and what stands there when there are none."""

    heading: str
    lines: tuple[Line, ...]
    empty: str


@dataclass(frozen=True, slots=True)
class Row:
    """A milestone's row of the table: cells of words, in the order of `COLUMNS`."""

    standing: Standing
    health: str
    done: str
    plan: str
    window: str
    forecast: str


COLUMNS = ("Milestone", "Health", "Done", "Expected, declared", "Window", "Forecast end")


def heading(report: Report) -> str:
    """The report's title."""
    return f"{report.programme.title}: status on {day(report.today)}"


def summary(report: Report) -> tuple[str, ...]:
    """The programme in a few sentences: the figure first."""
    whole = report.programme
    told = [f"{_figure(whole)}, {HEALTH_WORDS[whole.health]}{_because(whole)}."]
    if report.since:
        told.append(_since(whole, day(report.since)))
    if whole.expected is not None:
        told.append(f"By its windows {percent(whole.expected)} was expected by now.")
    told.append(f"Forecast: {_forecast(whole)}.")
    states = [item.health for item in report.milestones]
    parts = [f"{states.count(health)} {words}" for health, words in HEALTH_WORDS.items() if health in states]
    if parts:
        told.append(f"{count(len(states), 'milestone')}: {', '.join(parts)}.")
    return tuple(told)


def rows(report: Report) -> tuple[Row, ...]:
    """The milestones' table."""
    return tuple(
        Row(
            standing=item,
            health=HEALTH_WORDS[item.health] + (", stale" if item.stale else ""),
            done=_figure(item),
            plan=_plan(item),
            window=_window(item),
            forecast="done" if item.health == "done" else _forecast(item),
        )
        for item in report.milestones
    )


def sections(report: Report) -> tuple[Section, ...]:
    """What moved, slips, risks, defects, overdue, next."""
    ahead = tuple(
        _about(each.standing, f"{'begins' if each.begins else 'ends'} {day(each.day)}, {_figure(each.standing)}")
        for each in coming(report)
    )
    found = [
        *([_moved(report)] if report.since else []),
        Section("Slips", tuple(_slip(item) for item in slips(report)), "No window has moved since the first import."),
        Section("Risks", tuple(_risk(item, report) for item in risks(report)), "None known."),
    ]
    if report.severities or report.defects:
        found.append(_defects(report))
    overdue = tuple(
        Line(f"was due {day(item.due)}" + _owners(item.owners), item.key, item.title, item.url)
        for item in report.overdue
    )
    if overdue:
        found.append(Section("Overdue", overdue, ""))
    return (*found, Section("Next two weeks", ahead, "No window begins or ends."))


def _moved(report: Report) -> Section:
    since = report.since
    lines = [_about(item, _since(item, "")) for item in moved(report)]
    lines += [_about(item, "", "newly late") for item in newly(report, "late")]
    lines += [_about(item, "", "newly done") for item in newly(report, "done")]
    for done in report.finished:
        lines.append(Line(f"on {day(done.day)}" if done.day else "", done.key, done.title, done.url, "done"))
    return Section(f"What moved since {day(since) if since else ''}", tuple(lines), "Nothing moved.")


def _since(item: Standing, since: str) -> str:
    lead = f"Since {since}: " if since else ""
    then = item.before
    if then is None:
        return f"{lead}nothing is known of that day{'.' if since else ''}"
    parts = []
    if then.percent == item.percent:
        parts.append(f"still {percent(item.percent)}")
    else:
        parts.append(f"{percent(then.percent)} → {percent(item.percent)}")
    parts.append(f"{then.done} of {then.total} → {item.done} of {item.total} done")
    if item.scope_added or item.scope_removed:
        parts.append(f"scope +{item.scope_added} −{item.scope_removed}")
    if then.health != item.health:
        parts.append(f"{HEALTH_WORDS[then.health]} → {HEALTH_WORDS[item.health]}")
    return lead + ", ".join(parts) + ("." if since else "")


def _slip(item: Standing) -> Line:
    days = item.slip_days or 0
    words = f"{count(abs(days), 'day')} {'later' if days > 0 else 'earlier'}"
    if item.baseline_end and item.window and item.window.end:
        words += f": from {day(item.baseline_end)} to {day(item.window.end)}"
    return _about(item, words)


def _risk(risk: Risk, report: Report) -> Line:
    url = next((item.url for item in report.milestones if item.key == risk.key), None)
    return Line("; ".join(risk.words), risk.key, risk.title, url, risk.kind)


def _defects(report: Report) -> Section:
    lines = [
        Line(
            f"{item.open} open" + (f", {item.over} past the allowed time" if item.over else ""),
            title=f"severity {item.severity}",
        )
        for item in report.severities
    ]
    for item in report.defects:
        words = f"severity {item.severity}, {count(item.age_days, 'day')} old"
        if item.over_days is not None:
            words += f", {count(item.over_days, 'day')} past the allowed time"
        lines.append(Line(words, item.milestone, item.title, item.url))
    return Section("Open defects", tuple(lines), "None.")


def _about(item: Standing, words: str, label: str = "") -> Line:
    return Line(words, item.key, item.title, item.url, label)


def _figure(item: Standing) -> str:
    if item.percent is None:
        return f"unknown ({count(item.total, 'unit')}, nothing measured or declared)" if item.total else "unknown"
    words = f"{percent(item.percent)}"
    if item.total:
        words += f" ({item.done} of {item.total})"
    return words + (", declared only" if item.source == "declared" else "")


def _plan(item: Standing) -> str:
    parts = []
    if item.expected is not None:
        parts.append(f"{percent(item.expected)} expected")
    if item.declared is not None and item.source == "measured" and item.percent is not None:
        apart = round(item.percent - item.declared, 1)
        parts.append(f"{percent(item.declared)} declared" + (f" ({apart:+g})" if apart else ""))
    return ", ".join(parts) or "–"


def _window(item: Standing) -> str:
    window = item.window
    if window is None:
        return "–"
    if window.end is None:
        return window.text or "–"
    if window.start is None:
        return f"by {day(window.end)}"
    begins = day(window.start)
    if window.start.year == window.end.year:
        begins = begins.removesuffix(f" {window.end.year}")
    return f"{begins} – {day(window.end)}"


def _forecast(item: Standing) -> str:
    told = item.outlook
    if told.end_50 is None:
        return f"unknown: {told.reason}" if told.reason else "unknown"
    later = f"{day(told.end_85)} (85 %)" if told.end_85 else "past what can be told (85 %)"
    pace = f" at {told.pace:.1f} units a week" if told.pace is not None else ""
    return f"{day(told.end_50)} (50 %), {later}{pace}"


def _because(item: Standing) -> str:
    return f": {'; '.join(item.why)}" if item.why else ""


def _owners(owners: tuple[str, ...]) -> str:
    return f", {', '.join(owners)}" if owners else ""
