"""Burn-up, timeline and burndown: what each spec draws, and that it says the same in words."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from app.charts.spec import NO_HISTORY, Lane, OpenDefects, burn_up, burndown, timeline
from app.core.forecast import BandDay, Forecast
from app.core.history import Point
from app.core.progress import Health
from app.core.tree import Window

TODAY = date(2026, 11, 24)


def point(days_ago: int, done: int, total: int) -> Point:
    percent = done * 1000 // total / 10 if total else None
    return Point(TODAY - timedelta(days=days_ago), done, total, 0, percent, "measured")


def ahead(days: int) -> date:
    return TODAY + timedelta(days=days)


def forecast(days: int = 40) -> Forecast:
    band = tuple(BandDay(ahead(day), 5 + day / 20, 5 + day / 10, 5 + day / 5) for day in range(days + 1))
    return Forecast(2.0, TODAY - timedelta(days=28), ahead(20), ahead(35), "", band)


def values(spec: dict[str, Any], style: str) -> list[dict[str, Any]]:
    """The data of every mark of a style."""
    found: list[dict[str, Any]] = []
    for layer in spec["layer"]:
        for each in layer.get("layer", [layer]):
            if each["mark"].get("style") == style:
                found += (each.get("data") or layer.get("data") or spec["data"])["values"]
    return found


def test_burn_up_draws_scope_and_done_up_to_today_as_they_stood():
    spec = burn_up([point(20, 1, 10), point(3, 5, 12)], None, None, TODAY, "T")
    assert [(v["day"], v["done"], v["total"]) for v in values(spec, "done")] == [
        ("2026-11-04", 1, 10),
        ("2026-11-21", 5, 12),
        ("2026-11-24", 5, 12),
    ]
    assert values(spec, "scope") == values(spec, "done")
    assert [v["day"] for v in values(spec, "today")] == ["2026-11-24"]
    assert spec["description"] == (
        "5 of 12 units done (41.6 %) on 24 Nov 2026. Scope went from 10 to 12 since 4 Nov 2026."
    )


def test_burn_up_draws_the_band_its_middle_the_ends_and_the_window():
    window = Window("Week 9", TODAY - timedelta(days=30), ahead(10))
    spec = burn_up([point(20, 1, 12), point(0, 5, 12)], forecast(), window, TODAY, "T")
    band = values(spec, "band")
    assert (band[0]["day"], band[-1]["day"], len(band)) == ("2026-11-24", "2027-01-03", 41)
    assert all(v["low"] <= v["middle"] <= v["high"] for v in band)
    assert values(spec, "middle") == band
    assert [(v["day"], v["total"]) for v in values(spec, "end")] == [("2026-12-14", 12), ("2026-12-29", 12)]
    assert [v["day"] for v in values(spec, "window-end")] == ["2026-12-04"]
    assert "by 14 Dec 2026 (50 in 100), by 29 Dec 2026 (85 in 100)" in spec["description"]
    assert "Window ends 4 Dec 2026." in spec["description"]


def test_a_band_that_begins_later_is_joined_to_what_is_done_today():
    later = Forecast(1.0, TODAY, ahead(9), None, "", (BandDay(ahead(7), 6, 7, 8),))
    spec = burn_up([point(3, 5, 12)], later, None, TODAY, "T")
    assert values(spec, "band")[0] == {"day": "2026-11-24", "low": 5, "middle": 5, "high": 5}
    assert "later ends can't be told" in spec["description"]


@pytest.mark.parametrize("points", [[], [point(-1, 1, 2)]], ids=["none", "only the future"])
def test_burn_up_without_history_says_so(points: list[Point]):
    spec = burn_up(points, None, None, TODAY, "T")
    assert spec["description"] == NO_HISTORY
    assert "layer" not in spec


def test_one_point_has_room_and_the_reason_for_no_forecast():
    spec = burn_up([point(0, 0, 0)], Forecast(None, None, None, None, "one day is too little"), None, TODAY, "T")
    first, until = spec["encoding"]["x"]["scale"]["domain"]
    assert (first["month"], first["date"], until["month"], until["date"]) == (11, 17, 11, 24)
    assert spec["description"].endswith("History begins here. No forecast: one day is too little.")


def lane(key: str, health: Health = "on_track", **more: Any) -> Lane:
    return Lane(key, f"Title of {key}", health, more.pop("percent", 50.0), **more)


def test_timeline_has_a_row_for_each_with_undated_ones_last():
    lanes = [
        lane("M1", start=ahead(0), end=ahead(10)),
        lane("DM1", undated="Pre-GA"),
        lane("M2", "late", end=ahead(20)),
        lane("M3", "unknown", percent=None),
    ]
    rows = timeline(lanes, TODAY)["data"]["values"]
    assert [(row["title"], row.get("undated")) for row in rows] == [
        ("M1 Title of M1", None),
        ("M2 Title of M2", None),
        ("DM1 Title of DM1", "no dates: Pre-GA"),
        ("M3 Title of M3", "no dates"),
    ]
    assert (rows[0]["start"], rows[0]["until"], rows[0]["filled"]) == (
        "2026-11-24",
        "2026-12-04",
        "2026-11-29T00:00:00+00:00",
    )
    assert rows[1]["end"] == "2026-12-14"
    assert "start" not in rows[1]
    assert [row["state"] for row in rows] == ["50 %, on track", "50 %, late", "50 %, on track", "unknown"]


def test_timeline_says_in_words_what_it_shows():
    lanes = [lane("M1", "done", percent=100.0, start=ahead(-9), end=ahead(-1)), lane("M2", "late", end=ahead(-1))]
    spec = timeline(lanes, TODAY)
    assert spec["description"] == "2 milestones on 24 Nov 2026: 1 done, 1 late (M2)."
    assert spec["data"]["values"][0]["state"] == "done"


def test_timeline_shows_forecast_and_first_plan_of_what_is_open():
    dated = {"start": ahead(0), "end": ahead(30), "baseline_end": ahead(20), "end_50": ahead(25), "end_85": ahead(9999)}
    open_row, done_row = timeline([lane("M1", **dated), lane("M2", "done", **dated)], TODAY)["data"]["values"]
    assert open_row["baseline"] == "2026-12-14"
    assert open_row["from"] == "2026-12-19"
    assert open_row["to"] < "2027-02-01", "a far end doesn't squash the chart"
    assert "from" not in done_row


@pytest.mark.parametrize("away", [-2000, 2000])
def test_a_programme_far_from_today_is_drawn_without_today(away: int):
    spec = timeline([lane("M1", start=ahead(away), end=ahead(away + 30))], TODAY)
    assert values(spec, "today") == []
    assert values(timeline([lane("M1", start=ahead(-5), end=ahead(5))], TODAY), "today")


def test_no_milestones_is_said():
    assert timeline([], TODAY)["description"] == "No milestones yet."


def test_burndown_carries_counts_on_to_the_end_of_today():
    spec = burndown(
        [OpenDefects(ahead(-9), "s1", 2), OpenDefects(ahead(-9), "s2", 5), OpenDefects(ahead(-4), "s1", 1)],
        ["s1", "s2"],
        TODAY,
        "Defects",
    )
    stood = [(v["day"], v["severity"], v["open"]) for v in spec["data"]["values"]]
    assert stood == [
        ("2026-11-15", "s1", 2),
        ("2026-11-15", "s2", 5),
        ("2026-11-20", "s1", 1),
        ("2026-11-20", "s2", 5),
        ("2026-11-24", "s1", 1),
        ("2026-11-24", "s2", 5),
        ("2026-11-25", "s1", 1),
        ("2026-11-25", "s2", 5),
    ]
    until = spec["encoding"]["x"]["scale"]["domain"][1]
    assert (until["month"], until["date"]) == (11, 25), "what was opened today is to be seen"
    assert spec["data"]["values"][-1]["tip"] == "24 Nov 2026: 5 open of s2"
    assert spec["description"] == "24 Nov 2026: 6 open: 1 s1, 5 s2."
    assert burndown([], ["s1"], TODAY, "Defects")["description"] == "No defects counted yet."


def test_specs_hold_no_colour_and_no_address_but_the_language_s():
    for spec in (
        burn_up([point(9, 1, 9)], forecast(), Window("", None, ahead(3)), TODAY, "T"),
        timeline([lane("M1", end=ahead(3))], TODAY),
    ):
        text = json.dumps(spec)
        assert text.count("http") == 1
        assert '"#' not in text
