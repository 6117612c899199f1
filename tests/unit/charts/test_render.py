"""Specs drawn: SVG that stands alone and shows titles as text, PNG, the page's script, the process."""

from __future__ import annotations

import os
import struct
import sys
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from app.charts import render
from app.charts.spec import Lane, OpenDefects, Spec, burn_up, burndown, timeline
from app.charts.theme import ground
from app.core.history import Point
from app.core.shown import cut, shown
from tests.unit.charts.test_specs import TODAY, forecast, lane, point
from tests.unit.hostile import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
DRAWN = {"svg", "g", "path", "text", "tspan", "rect", "title", "desc", "line"}


def every() -> dict[str, Spec]:
    lanes = [lane("M1", start=TODAY, end=TODAY + timedelta(days=9), end_50=TODAY + timedelta(days=12)), lane("DM1")]
    return {
        "burn_up": burn_up([point(20, 1, 12), point(0, 5, 12)], forecast(), None, TODAY, "Burn-up"),
        "one": burn_up([point(0, 5, 12)], None, None, TODAY, "One"),
        "none": burn_up([], None, None, TODAY, "None"),
        "timeline": timeline(lanes, TODAY),
        "undated": timeline([lane("DM1")], TODAY),
        "burndown": burndown([OpenDefects(date(2026, 11, 1), "s1", 3)], ["s1", "s2"], TODAY, "Defects"),
    }


def texts(root: ET.Element) -> str:
    return "\n".join("".join(each.itertext()) for each in root.iter(f"{SVG}text"))


def tags(root: ET.Element) -> set[str]:
    return {each.tag.removeprefix(SVG) for each in root.iter()}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", every())
def test_every_chart_is_an_svg_that_stands_alone(name: str, theme: render.Theme):
    spec = every()[name]
    root = ET.fromstring(render.svg(spec, theme))
    assert root.get("role") == "img"
    title, description = root[0], root[1]
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == spec["title"]["text"]
    assert description.text == spec["description"]
    assert tags(root) <= DRAWN
    assert ground(theme) in {each.get("fill") for each in root.iter(f"{SVG}rect")}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_title_is_text_in_every_chart(name: str):
    title = HOSTILE[name]
    point_ = Point(TODAY, 1, 2, 0, 50.0, "measured")
    charts = [
        burn_up([point_], None, None, TODAY, title),
        timeline(
            [Lane("M1", title, "late", 1.0, None, TODAY), Lane("M2", "x", "late", 1.0, undated=title)], TODAY, title
        ),
        burndown([OpenDefects(TODAY, title, 1)], [title], TODAY, title),
    ]
    for spec in charts:
        root = ET.fromstring(render.svg(spec))
        assert tags(root) <= DRAWN
        assert cut(title, 80) in texts(root)
        assert not any(character in "".join(root.itertext()) for character in "\u202e\u2066\x00\x1b")
        assert not any(
            name_.endswith("href") or name_.startswith("on") for each in root.iter() for name_ in each.attrib
        )


def test_a_long_title_ends_with_an_ellipsis():
    root = ET.fromstring(render.svg(timeline([Lane("M1", "word " * 51, "late", 1.0, None, TODAY)], TODAY)))
    assert any(line.startswith("M1 word") and line.endswith("…") for line in texts(root).splitlines())


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_png_has_the_size_asked_for(scale: float):
    spec = every()["burn_up"]
    root = ET.fromstring(render.svg(spec))
    drawn = render.png(spec, "dark", scale)
    assert drawn.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", drawn[16:24])
    assert abs(width - float(root.get("width", 0)) * scale) <= 2
    assert abs(height - float(root.get("height", 0)) * scale) <= 2


def test_two_hundred_and_fifty_milestones_are_all_there():
    spec = timeline([lane(f"M{n}", start=TODAY, end=TODAY + timedelta(days=n + 1)) for n in range(250)], TODAY)
    told = texts(ET.fromstring(render.svg(spec)))
    assert all(f"M{n} Title" in told for n in range(250))


def test_the_script_draws_without_eval_and_is_made_once():
    script = render.script()
    assert "milepostCharts" in script
    assert 500_000 < len(script) < 1_500_000
    assert render.script() is script


REQUEST = {"kind": "svg", "spec": burn_up([], None, None, TODAY, "None"), "config": {}}


@pytest.fixture(scope="module")
def drawer() -> Iterator[render._Drawer]:
    os.environ["MILEPOST_TEST_SECRET"] = "s3cret"  # there when the process starts
    made = render._Drawer()
    made.ask(REQUEST)
    del os.environ["MILEPOST_TEST_SECRET"]
    yield made
    made.close()


def test_the_engine_is_another_process_and_gets_no_secret(drawer: render._Drawer):
    drawer.ask(REQUEST)
    assert drawer.pid not in (None, os.getpid())
    environment = Path(f"/proc/{drawer.pid}/environ")
    if environment.exists():
        assert b"s3cret" not in environment.read_bytes()
    assert "vl_convert" not in sys.modules


def test_what_cannot_be_drawn_is_said_and_the_next_is_drawn(drawer: render._Drawer):
    with pytest.raises(render.ChartNotDrawn, match="couldn't be drawn"):
        drawer.ask({"kind": "svg", "spec": {"mark": "no such mark"}, "config": {}})
    assert drawer.ask(REQUEST).startswith(b"<svg")


def test_a_killed_engine_is_started_again(drawer: render._Drawer):
    first, pid = drawer.ask(REQUEST), drawer.pid
    assert drawer._process is not None
    drawer._process.kill()
    assert drawer.ask(REQUEST) == first
    assert drawer.pid != pid


def test_the_engine_leaves_when_idle():
    drawer = render._Drawer(idle_seconds=0.05)
    drawer.ask(REQUEST)
    until = time.monotonic() + 10
    while drawer.pid is not None and time.monotonic() < until:
        threading.Event().wait(0.01)
    assert drawer.pid is None
    drawer.close()


def test_a_chart_that_takes_too_long_is_given_up():
    drawer = render._Drawer(patience=0.0)
    with pytest.raises(render.ChartNotDrawn, match="wasn't drawn within 0 s"):
        drawer.ask(REQUEST)
    assert drawer.pid is None


def test_many_threads_draw_one_after_another():
    specs = [burn_up([point(0, n, 20)], None, None, TODAY, f"Chart {n}") for n in range(4)]
    drawn: dict[int, str] = {}

    def draw(number: int) -> None:
        drawn[number] = render.svg(specs[number])

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(f"Chart {number}" in texts(ET.fromstring(drawn[number])) for number in range(4))
    assert shown("Chart  1\n") == "Chart 1"
