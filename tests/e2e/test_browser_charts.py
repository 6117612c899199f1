"""The page's charts in a real browser, under a policy without eval, inline code or any other place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.charts import render
from app.charts.spec import timeline
from app.charts.timeline import Lane
from tests.e2e.test_browser_sandbox import CHROMIUM, FLAGS
from tests.unit.charts.test_render import every
from tests.unit.charts.test_specs import TODAY, ahead

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine: apt-get install chromium"),
]
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
BAD = '<img src=x onerror="window.bad=1"></script><script>window.bad=1</script>'


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    specs = [*every().values(), timeline([Lane("M1", BAD, "late", 50.0, TODAY, ahead(20))], TODAY)]
    place = "const place = () => document.body.appendChild(document.createElement('div'));"
    draw = place + "".join(f"await milepostCharts.draw(place(), {json.dumps(spec)}, 'dark');" for spec in specs)
    found = "window.refused = []; addEventListener('securitypolicyviolation', e => refused.push(e.violatedDirective));"
    served = {
        "/": (
            "text/html",
            '<script src="/charts.js" type="module"></script><script src="/page.js" type="module"></script>',
        ),
        "/charts.js": ("text/javascript", render.script()),
        "/page.js": (
            "text/javascript",
            f"{found} try {{ {draw} window.ended = 'drawn' }} catch (e) {{ ended = e.stack }}",
        ),
    }
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        made = chromium.new_page(timezone_id="America/Los_Angeles", viewport={"width": 1200, "height": 3000})

        def answer(route: Any) -> None:
            kind, body = served.get(route.request.url.removeprefix("http://charts.test"), ("text/plain", ""))
            headers = {"Content-Security-Policy": POLICY, "Content-Type": f"{kind}; charset=utf-8"}
            route.fulfill(body=body, headers=headers)

        made.route("**/*", answer)
        made.goto("http://charts.test/")
        made.wait_for_function("window.ended")
        yield made
        chromium.close()


def test_every_chart_is_drawn_and_nothing_is_refused(page: Any):
    assert page.evaluate("window.ended") == "drawn"
    assert page.evaluate("window.refused") == []
    assert page.locator("svg.marks").count() == len(every()) + 1


def test_days_stand_where_they_belong_in_any_time_zone(page: Any):
    drawn = page.locator("svg.marks").last
    bars = [bar.bounding_box() for bar in drawn.locator(".mark-rect path").all()]
    track, filled, end = bars[0], bars[1], bars[2]
    assert track["width"] > 700, "the window is the whole chart"
    assert abs(filled["width"] - track["width"] / 2) < 2, "half of it is done"
    assert abs(end["x"] - track["x"] - track["width"]) < 4
    assert "24 Nov" in drawn.text_content()


def test_a_hostile_title_is_text_in_the_chart_and_its_tooltip(page: Any):
    box = page.locator("svg.marks").last.locator(".mark-rect path").first.bounding_box()
    page.mouse.move(box["x"] + 500, box["y"] + 6)
    page.mouse.move(box["x"] + 502, box["y"] + 7)
    tooltip = page.locator("#vg-tooltip-element")
    tooltip.wait_for(state="attached")
    page.wait_for_function("document.querySelector('#vg-tooltip-element').textContent.includes('onerror')")
    assert BAD in tooltip.text_content()
    assert page.evaluate("window.bad") is None
