"""Milestones on a timeline, as a Vega-Lite spec. Pure; what `spec.py` says of titles and days holds here too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from app.charts.parts import WIDTH, Spec, head, in_words, nothing, rule, time_axis, tip
from app.charts.theme import HEALTHS, SHAPES
from app.core.progress import Health
from app.core.shown import HEALTH_WORDS, cut, shown

_TITLE_ROOM = 282
"""Pixels for the titles: with some to spare, as a reader's fonts may be wider than ours."""
_NAMED = 6
"""So many milestones of a health are named in the description; of more, the first and a count."""
_BEYOND = 0.35
"""Forecasts and today are drawn this share of the windows' span before and past them, and no further."""


@dataclass(frozen=True, slots=True)
class Lane:
    """A milestone on the timeline. `percent` is None for unknown; `undated` is the window as written, or "".

    `start` may be None with an `end`: it only ends. Without an `end` it is listed below those that have one.
    `baseline_end` is its end when it was first imported; `end_50` and `end_85` are its forecast.
    """

    key: str
    title: str
    health: Health
    percent: float | None
    start: date | None = None
    end: date | None = None
    undated: str = ""
    baseline_end: date | None = None
    end_50: date | None = None
    end_85: date | None = None


def timeline(lanes: Sequence[Lane], today: date, title: str = "Milestones") -> Spec:
    """A bar per milestone by its window, filled as far as it is done, its health as a shape, a colour and a word."""
    if not lanes:
        return nothing(title, "No milestones yet.")
    rows = [*(lane for lane in lanes if lane.end), *(lane for lane in lanes if not lane.end)]
    first, until = _span(rows, today)
    data = {"values": [_value(row, lane, first, until) for row, lane in enumerate(rows)]}
    words = _words(lanes, today)
    spec = head(title, words)
    spec["title"]["subtitle"] += _legend(rows)
    axis = time_axis(first, until)
    layers = [*_bars(axis), *_texts()]
    if first <= today <= until:
        layers.append(rule("today", today, "today"))
    return {
        **spec,
        "width": WIDTH,
        "height": {"step": 30 if len(rows) <= 40 else 22},
        "data": data,
        "layer": layers,
        "encoding": {"y": {"field": "row", "type": "ordinal", "axis": None}},
        "resolve": {"scale": {"color": "shared", "shape": "shared"}},
    }


def _span(rows: Sequence[Lane], today: date) -> tuple[date, date]:
    planned = [day for lane in rows for day in (lane.start, lane.end, lane.baseline_end) if day] or [today]
    first, until = min(planned), max(planned)
    room = max(timedelta(days=14), (until - first) * _BEYOND)
    wished = [today, *(day for lane in rows for day in (lane.end_50, lane.end_85) if day)]
    near = [min(max(day, first - room), until + room) for day in wished]
    if not first - room <= today <= until + room:
        near = near[1:]
    first, until = min([first, *near]), max([until, *near])
    return (
        (first, until)
        if until - first >= timedelta(days=14)
        else (first - timedelta(days=7), until + timedelta(days=7))
    )


def _value(row: int, lane: Lane, first: date, until: date) -> Spec:
    percent = "unknown" if lane.percent is None else f"{lane.percent:g} %"
    state = (
        HEALTH_WORDS[lane.health]
        if lane.percent is None or lane.percent == 100
        else f"{percent}, {HEALTH_WORDS[lane.health]}"
    )
    value: Spec = {
        "row": row,
        "title": cut(f"{lane.key}  {lane.title}", 42),
        "health": lane.health,
        "state": state,
        "tip": f"{shown(lane.key)} {cut(lane.title, 120)}: {percent}, {HEALTH_WORDS[lane.health]}, {_window(lane)}",
    }
    if lane.end is None:
        return value | {"undated": cut(f"no dates: {lane.undated}" if lane.undated else "no dates", 60)}
    if lane.start is None or lane.start >= lane.end:
        value |= {"end": lane.end.isoformat()}
    else:
        begins = datetime(lane.start.year, lane.start.month, lane.start.day, tzinfo=UTC)
        filled = begins + (lane.end - lane.start) * ((lane.percent or 0) / 100)
        value |= {"start": lane.start.isoformat(), "until": lane.end.isoformat(), "filled": filled.isoformat()}
    if lane.baseline_end and lane.baseline_end != lane.end:
        value |= {"baseline": lane.baseline_end.isoformat()}
    if _forecast(lane) and lane.end_50 and lane.end_50 <= until:
        last = min(lane.end_85 or until, until)
        value |= {"from": lane.end_50.isoformat(), "to": max(last, lane.end_50 + timedelta(days=1)).isoformat()}
    return value


def _forecast(lane: Lane) -> bool:
    return lane.health != "done" and lane.end_50 is not None


def _bars(axis: Spec) -> list[Spec]:
    y = {"field": "row", "type": "ordinal"}
    health = {"field": "health", "type": "nominal", "scale": {"domain": list(HEALTHS)}, "legend": None}

    def at(field: str) -> Spec:
        return {"field": field, "type": "temporal"}

    def where(field: str) -> list[Spec]:
        return [{"filter": f"isValid(datum.{field})"}]

    return [
        {
            "transform": [{"filter": "!isValid(datum.undated)"}],
            "mark": {"type": "rule", "style": "lane"},
            "encoding": {"x": {"value": 0}, "x2": {"value": WIDTH}, "y": y},
        },
        {
            "transform": where("start"),
            "mark": {"type": "bar", "style": "track", "height": 14, "cornerRadius": 3, "tooltip": True},
            "encoding": {"x": at("start"), "x2": {"field": "until"}, "y": y, "tooltip": tip()},
        },
        {
            "transform": where("start"),
            "mark": {"type": "bar", "height": 14, "cornerRadius": 3, "tooltip": True},
            "encoding": {"x": at("start"), "x2": {"field": "filled"}, "y": y, "color": health, "tooltip": tip()},
        },
        {
            "transform": where("start"),
            "mark": {"type": "tick", "thickness": 3, "size": 18, "opacity": 1, "tooltip": True},
            "encoding": {"x": at("until"), "y": y, "color": health, "tooltip": tip()},
        },
        {
            "transform": where("end"),
            "mark": {"type": "tick", "thickness": 5, "size": 20, "opacity": 1, "tooltip": True},
            "encoding": {"x": {**axis, "field": "end"}, "y": y, "color": health, "tooltip": tip()},
        },
        {
            "transform": where("baseline"),
            "mark": {"type": "point", "style": "baseline", "shape": "diamond", "size": 60, "filled": False},
            "encoding": {"x": at("baseline"), "y": y},
        },
        {
            "transform": where("from"),
            "mark": {"type": "rule", "style": "whisker", "yOffset": 11},
            "encoding": {"x": at("from"), "x2": {"field": "to"}, "y": y},
        },
        *(
            {
                "transform": where("from"),
                "mark": {"type": "tick", "style": "whisker", "thickness": 1.5, "size": 6, "opacity": 1, "yOffset": 11},
                "encoding": {"x": at(field), "y": y},
            }
            for field in ("from", "to")
        ),
    ]


def _texts() -> list[Spec]:
    y = {"field": "row", "type": "ordinal"}
    domain = list(HEALTHS)

    def words(field: str, style: str, x: int, align: str, limit: int = 0) -> Spec:
        return {
            "mark": {"type": "text", "style": style, "align": align, "baseline": "middle", "limit": limit},
            "encoding": {"x": {"value": x}, "y": y, "text": {"field": field, "type": "nominal"}},
        }

    return [
        words("title", "lane-title", -_TITLE_ROOM, "left", _TITLE_ROOM - 10),
        {"transform": [{"filter": "isValid(datum.undated)"}], **words("undated", "undated", 8, "left")},
        {
            "mark": {"type": "point", "filled": True, "size": 110, "opacity": 1},
            "encoding": {
                "x": {"value": WIDTH + 18},
                "y": y,
                "color": {"field": "health", "type": "nominal", "scale": {"domain": domain}, "legend": None},
                "shape": {
                    "field": "health",
                    "type": "nominal",
                    "scale": {"domain": domain, "range": [SHAPES[health] for health in HEALTHS]},
                    "legend": None,
                },
            },
        },
        words("state", "lane-state", WIDTH + 32, "left"),
    ]


def _window(lane: Lane) -> str:
    if lane.end is None:
        return f"no dates ({shown(lane.undated)})" if lane.undated else "no dates"
    planned = f"until {in_words(lane.end)}" if lane.start is None else f"{in_words(lane.start)} to {in_words(lane.end)}"
    if lane.baseline_end and lane.baseline_end != lane.end:
        planned += f", at first import until {in_words(lane.baseline_end)}"
    if _forecast(lane) and lane.end_50:
        planned += f"; forecast {in_words(lane.end_50)}"
        planned += f" to {in_words(lane.end_85)}" if lane.end_85 else " or later"
    return planned


def _words(lanes: Sequence[Lane], today: date) -> str:
    told = []
    for health in HEALTHS:
        keys = [shown(lane.key) for lane in lanes if lane.health == health]
        if not keys:
            continue
        names = ""
        if health in ("at_risk", "late"):
            names = " (" + ", ".join(keys[:_NAMED]) + (", …" if len(keys) > _NAMED else "") + ")"
        told.append(f"{len(keys)} {HEALTH_WORDS[health]}{names}")
    several = "1 milestone" if len(lanes) == 1 else f"{len(lanes)} milestones"
    return f"{several} on {in_words(today)}: {', '.join(told)}."


def _legend(rows: Sequence[Lane]) -> list[str]:
    said = ["Bar: its window, filled as far as it is done."]
    if any(_forecast(lane) for lane in rows if lane.end):
        said.append("Line beneath: forecast end, 50 to 85 in 100.")
    if any(lane.baseline_end and lane.end and lane.baseline_end != lane.end for lane in rows):
        said.append("Diamond: end at first import.")
    return [" ".join(said)] if any(lane.end for lane in rows) else []
