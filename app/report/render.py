"""A report as Markdown, HTML and JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from app.core.shown import shown
from app.report import telling, words
from app.report.model import Coming, Report, coming, moved, newly, risks, slips


def markdown(report: Report) -> str:
    """The report as Markdown (CommonMark with GitHub's and GitLab's tables). Titles are text and do nothing."""
    lines = [f"# {_text(telling.heading(report))}", "", " ".join(_text(said) for said in telling.summary(report))]
    rows = telling.rows(report)
    lines += ["", "## Where we stand", ""]
    if rows:
        lines += ["| " + " | ".join(telling.COLUMNS) + " |", "|" + " --- |" * len(telling.COLUMNS)]
        for row in rows:
            name = _named(row.standing.key, row.standing.title, row.standing.url)
            cells = [_text(cell) for cell in (row.health, row.done, row.plan, row.window, row.forecast)]
            lines.append("| " + " | ".join([name, *cells]) + " |")
    else:
        lines.append("No milestones yet.")
    for section in telling.sections(report):
        lines += ["", f"## {_text(section.heading)}", ""]
        lines += [f"- {_line(line)}" for line in section.lines] or [_text(section.empty)]
    return "\n".join([*lines, "", f"*{_text(_made(report))}*", ""])


def html(report: Report, charts: Sequence[str] = ()) -> str:
    """The report as one HTML file that fetches nothing and runs nothing. `charts` are SVGs of `app.charts.render`,
    which alone are not escaped: two for each picture, light then dark, of which one is shown."""
    pairs = [(Markup(light), Markup(dark)) for light, dark in zip(charts[::2], charts[1::2], strict=True)]  # noqa: S704
    return _template().render(
        report=report,
        heading=telling.heading(report),
        summary=telling.summary(report),
        columns=telling.COLUMNS,
        rows=telling.rows(report),
        sections=telling.sections(report),
        charts=pairs,
        made=_made(report),
    )


def document(report: Report) -> dict[str, Any]:
    """The report as a JSON document (`docs/api.md`): every value of `Report`, and `moved`, `newly_done`, `newly_late`,
    `slips` as keys of milestones, `risks` and `next` with theirs. Days are ISO 8601, `made_at` is UTC with a Z."""
    found = _plain(asdict(report))
    found["programme"]["key"] = report.slug
    return {
        "programme": report.slug,
        "made_at": found.pop("made_at"),
        "today": found.pop("today"),
        "since": found.pop("since"),
        "whole": found.pop("programme"),
        "milestones": found.pop("milestones"),
        "moved": [item.key for item in moved(report)],
        "newly_done": [item.key for item in newly(report, "done")],
        "newly_late": [item.key for item in newly(report, "late")],
        "finished": found["finished"],
        "slips": [{"key": item.key, "days": item.slip_days} for item in slips(report)],
        "risks": [{"kind": each.kind, "key": each.key, "why": list(each.words)} for each in risks(report)],
        "severities": found["severities"],
        "defects": found["defects"],
        "overdue": found["overdue"],
        "next": [_coming(each) for each in coming(report)],
    }


def _coming(each: Coming) -> dict[str, str]:
    return {"key": each.standing.key, "event": "begins" if each.begins else "ends", "day": each.day.isoformat()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return value.isoformat() if isinstance(value, date) else value


def _text(raw: str) -> str:
    return words.markdown(raw)


def _named(key: str, title: str, url: str | None) -> str:
    name = f"**{_text(key)}** {_text(title)}".strip() if key else _text(title)
    safe = words.link(url)
    return f"[{name}](<{safe}>)" if safe else name


def _line(line: telling.Line) -> str:
    label = f"{_text(line.label)}: " if line.label else ""
    name = _named(line.key, line.title, line.url) if line.key or line.title else ""
    told = ": ".join(part for part in (name, _text(line.words)) if part)
    return label + told


def _made(report: Report) -> str:
    return f"Made by Milepost on {words.day(report.made_at.date())} at {report.made_at:%H:%M} UTC."


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("app.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "link": words.link}
    return environment.get_template("report.html")
