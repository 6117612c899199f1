"""Charts as Vega-Lite specs: plain JSON that the page, the SVG and the PNG are drawn from. Pure.

Every spec carries a title and a `description` in words, made from the figures. Titles of nodes are data and text, never
expressions or field names, so what they say can do nothing. Days are drawn in UTC: a day is one of the programme's own
time zone, and must not move with the reader's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.charts.parts import WIDTH, Spec, head, in_words, nothing, rule, time_axis, tip
from app.charts.timeline import Lane, timeline
from app.core.forecast import BandDay, Forecast
from app.core.history import Point
from app.core.shown import cut, shown
from app.core.tree import Window

__all__ = ["Lane", "OpenDefects", "Spec", "burn_up", "burndown", "nothing", "timeline"]

HEIGHT = 300
NO_HISTORY = "No history yet: figures are kept from the first refresh on, one point a day."


@dataclass(frozen=True, slots=True)
class OpenDefects:
    """How many defects of a severity were open at the end of `day`."""

    day: date
    severity: str
    open: int


def burn_up(points: Sequence[Point], forecast: Forecast | None, window: Window | None, today: date, title: str) -> Spec:
    """Scope and what is done of it by day, and where done is going: the band of 15 to 85 of 100 futures.

    `points` are in order of days, stored on change: between two of them the earlier one stands. Later than `today` none
    is drawn. With no point the chart says that there is no history yet.
    """
    past = [point for point in points if point.day <= today]
    band = [day for day in forecast.band if day.day >= today] if forecast else []
    end = window.end if window else None
    if not past:
        return nothing(title, NO_HISTORY)
    last = past[-1]
    top = max([point.total for point in past] + [int(day.high) for day in band] + [1])
    days = [past[0].day, today, *([end] if end else []), *(day.day for day in band)]
    first, until = min(days), max(days)
    room = max(timedelta(days=7), (until - first) * 0.1)
    if today - first < room:  # young history gets room for its labels
        first = today - room
    layers = [
        *_band(band, last, today, forecast),
        *_lines(past, today),
        rule("today", today, "today", _side(today, end, first, until)),
    ]
    if end:
        layers.append(rule("window-end", end, f"window ends {in_words(end)}", _side(end, today, first, until)))
    words = _burn_up_words(past, forecast, end, today)
    return {
        **head(title, words),
        "width": WIDTH,
        "height": HEIGHT,
        "layer": layers,
        "encoding": {
            "x": time_axis(first, until),
            "y": {
                "type": "quantitative",
                "scale": {"domain": [0, top * 1.12], "nice": False},
                "axis": {"title": None, "tickMinStep": 1, "tickCount": 5, "domain": False, "ticks": False},
            },
        },
    }


def burndown(defects: Iterable[OpenDefects], severities: Sequence[str], today: date, title: str) -> Spec:
    """Open defects by day, stacked by severity; `severities` worst first. With none, the chart says so.

    A day's figures, which are those of its end, are drawn from that day to the next with others; today's to tomorrow.
    """
    names = {severity: cut(severity, 24) for severity in severities}
    found = [item for item in defects if item.day <= today and item.severity in names]
    if not found:
        return nothing(title, "No defects counted yet.")
    ordered = [names[severity] for severity in severities]
    days = sorted({item.day for item in found} | {today})
    tomorrow = today + timedelta(days=1)
    counts = {(item.day, names[item.severity]): item.open for item in found}
    values, now = [], dict.fromkeys(ordered, 0)
    for day in [*days, tomorrow]:
        for place, severity in enumerate(ordered):
            now[severity] = counts.get((day, severity), now[severity])
            said = f"{in_words(min(day, today))}: {now[severity]} open of {severity}"
            values.append(
                {"day": day.isoformat(), "severity": severity, "place": place, "open": now[severity], "tip": said}
            )
    words = (
        f"{in_words(today)}: {sum(now.values())} open: " + ", ".join(f"{now[name]} {name}" for name in ordered) + "."
    )
    first = min(days[0], days[-1] - timedelta(days=7))
    return {
        **head(title, words),
        "width": WIDTH,
        "height": 220,
        "data": {"values": values},
        "mark": {"type": "area", "interpolate": "step-after", "tooltip": True},
        "encoding": {
            "x": {**time_axis(first, tomorrow), "field": "day"},
            "y": {
                "field": "open",
                "type": "quantitative",
                "stack": "zero",
                "axis": {"title": None, "tickMinStep": 1, "tickCount": 5, "domain": False, "ticks": False},
            },
            "color": {
                "field": "severity",
                "type": "ordinal",
                "scale": {"domain": ordered},
                "sort": ordered,
                "legend": {"title": "severity"},
            },
            "order": {"field": "place", "type": "quantitative", "sort": "descending"},
            "tooltip": tip(),
        },
    }


def _side(day: date, other: date | None, first: date, until: date) -> str:
    """How a rule's label is set, so that it neither leaves the chart nor meets the other rule's."""
    span = (until - first).days
    share = (day - first).days / span
    if other is not None and abs((day - other).days) < 0.2 * span:
        return "right" if day < other else "left"
    return "left" if share < 0.08 else "right" if share > 0.9 else "center"


def _lines(past: Sequence[Point], today: date) -> list[Spec]:
    last = past[-1]
    values = [_value(point, point.day) for point in past]
    if last.day < today:
        values.append(_value(last, today))
    data = {"values": values}
    x = {"field": "day", "type": "temporal"}
    step = {"interpolate": "step-after"}
    near = last.total - last.done < 0.12 * max(last.total, 1)
    now = {"values": [_value(last, today)]}
    labels = [
        ("scope-label", "total", f"{last.total} in scope", -10),
        ("done-label", "done", f"{last.done} done", 18 if near else -10),
    ]
    return [
        {
            "data": now,
            "mark": {"type": "rule", "style": "scope-ahead"},
            "encoding": {"x": x, "x2": {"value": "width"}, "y": {"field": "total", "type": "quantitative"}},
        },
        {
            "data": data,
            "mark": {"type": "area", "style": "done-area", **step},
            "encoding": {"x": x, "y": {"field": "done", "type": "quantitative"}},
        },
        {
            "data": data,
            "mark": {"type": "line", "style": "scope", **step},
            "encoding": {"x": x, "y": {"field": "total", "type": "quantitative"}},
        },
        {
            "data": data,
            "mark": {"type": "line", "style": "done", **step},
            "encoding": {"x": x, "y": {"field": "done", "type": "quantitative"}},
        },
        {
            "data": data,
            "mark": {"type": "point", "style": "done-dot", "size": 30, "filled": True, "tooltip": True},
            "encoding": {
                "x": x,
                "y": {"field": "done", "type": "quantitative"},
                "tooltip": tip(),
            },
        },
        *(
            {
                "data": now,
                "mark": {"type": "text", "style": style, "align": "right", "dx": -6, "dy": dy},
                "encoding": {"x": x, "y": {"field": field, "type": "quantitative"}, "text": {"value": words}},
            }
            for style, field, words, dy in labels
        ),
    ]


def _value(point: Point, day: date) -> Spec:
    percent = "unknown" if point.percent is None else f"{point.percent:g} %"
    said = f"{in_words(day)}: {point.done} of {point.total} done ({percent})"
    return {"day": day.isoformat(), "done": point.done, "total": point.total, "tip": said}


def _band(band: Sequence[BandDay], last: Point, today: date, forecast: Forecast | None) -> list[Spec]:
    if not band or forecast is None:
        return []
    values = [{"day": item.day.isoformat(), "low": item.low, "middle": item.middle, "high": item.high} for item in band]
    if band[0].day > today:
        start = {"day": today.isoformat(), "low": last.done, "middle": last.done, "high": last.done}
        values.insert(0, start)
    data = {"values": values}
    x = {"field": "day", "type": "temporal"}
    return [
        {
            "data": data,
            "mark": {"type": "area", "style": "band"},
            "encoding": {
                "x": x,
                "y": {"field": "low", "type": "quantitative"},
                "y2": {"field": "high"},
            },
        },
        {
            "data": data,
            "mark": {"type": "line", "style": "middle"},
            "encoding": {"x": x, "y": {"field": "middle", "type": "quantitative"}},
        },
        *_ends(forecast, last.total, today, band[-1].day),
    ]


def _ends(forecast: Forecast, total: int, today: date, until: date) -> list[Spec]:
    """The days by which half and 85 of 100 futures are done, as rings on the scope, each with its day."""
    layers: list[Spec] = []
    for share, day, align, dx in ((50, forecast.end_50, "right", 4), (85, forecast.end_85, "left", -4)):
        if day is None or not today <= day <= until:
            continue
        said = f"{share} in 100 futures are done by {in_words(day)}"
        data = {"values": [{"day": day.isoformat(), "total": total, "tip": said}]}
        where = {"x": {"field": "day", "type": "temporal"}, "y": {"field": "total", "type": "quantitative"}}
        layers += [
            {
                "data": data,
                "mark": {"type": "point", "style": "end", "size": 55, "filled": False, "tooltip": True},
                "encoding": {**where, "tooltip": tip()},
            },
            {
                "data": data,
                "mark": {"type": "text", "style": "band-label", "align": align, "dx": dx, "dy": -13},
                "encoding": {**where, "text": {"value": f"{share} %: {day.day} {day:%b}"}},
            },
        ]
    return layers


def _burn_up_words(past: Sequence[Point], forecast: Forecast | None, end: date | None, today: date) -> str:
    first, last = past[0], past[-1]
    percent = "unknown" if last.percent is None else f"{last.percent:g} %"
    words = [f"{last.done} of {last.total} units done ({percent}) on {in_words(today)}."]
    if len(past) > 1 and first.total != last.total:
        words.append(f"Scope went from {first.total} to {last.total} since {in_words(first.day)}.")
    if len(past) == 1:
        words.append("History begins here.")
    if end:
        words.append(f"Window {'ended' if end < today else 'ends'} {in_words(end)}.")
    if forecast and forecast.end_50 and forecast.end_85 and last.done < last.total:
        words.append(
            f"At the past pace done by {in_words(forecast.end_50)} (50 in 100), "
            f"by {in_words(forecast.end_85)} (85 in 100)."
        )
    elif forecast and forecast.end_50 and last.done < last.total:
        words.append(f"At the past pace done by {in_words(forecast.end_50)} (50 in 100); later ends can't be told.")
    elif forecast and forecast.reason and (last.done < last.total or not last.total):
        words.append(f"No forecast: {shown(forecast.reason)}.")
    return " ".join(words)
