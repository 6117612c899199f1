"""Charts, the badge, reports and the table over HTTP: the figures of `status`, in every form."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree as XML

import pytest

from tests.api.house import House

P = "/programmes/small"


def test_every_form_of_every_picture(house: House) -> None:
    house.ready()
    for name in ("burnup", "timeline"):
        svg = house.api.get(f"{P}/{name}.svg", params={"theme": "dark"})
        assert svg.headers["content-type"] == "image/svg+xml"
        assert XML.fromstring(svg.content).tag.endswith("svg")
        png = house.api.get(f"{P}/{name}.png")
        assert png.content.startswith(b"\x89PNG"), png.text
        assert "vega-lite" in house.api.get(f"{P}/{name}.json").json()["$schema"]
        again = house.api.get(
            f"{P}/{name}.svg", params={"theme": "dark"}, headers={"if-none-match": svg.headers["etag"]}
        )
        assert again.status_code == 304
    assert house.api.get(f"{P}/burnup.json", params={"node": "M1"}).status_code == 200
    unknown = house.api.get(f"{P}/burnup.json", params={"node": "M9"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "node-unknown")
    assert house.api.get(f"{P}/burnup.gif").status_code == 422


def test_the_badge_says_what_status_says(house: House) -> None:
    house.ready()
    house.apply(house.plan())
    percent = house.api.get(f"{P}/status").json()["percent"]
    badge = XML.fromstring(house.api.get(f"{P}/badge.svg").content)
    words = "".join(badge.itertext())
    assert ("unknown" if percent is None else f"{int(percent)} %") in words


@pytest.mark.parametrize("form", ["md", "html", "json"])
def test_reports(house: House, form: str) -> None:
    house.ready()
    answer = house.api.get(f"{P}/report.{form}")
    assert answer.status_code == 200
    if form == "json":
        status = house.api.get(f"{P}/status").json()
        report = answer.json()
        assert [m["key"] for m in report["milestones"]] == [m["key"] for m in status["milestones"]]
        assert report["whole"]["percent"] == status["percent"]
    else:
        assert "Small Programme" in answer.text
    assert house.api.get(f"{P}/report.{form}", params={"since": "no day"}).status_code == 422


def test_the_table_has_every_node_with_its_figures(house: House) -> None:
    house.ready()
    rows = list(csv.DictReader(io.StringIO(house.api.get(f"{P}/tree.csv").text)))
    status = house.api.get(f"{P}/status").json()
    nodes = [n for m in status["milestones"] for n in (m, *(x for t in m["tasks"] for x in (t, *t["steps"])))]
    assert [row["key"] for row in rows] == [node["key"] for node in nodes]
    assert [row["title"] for row in rows] == [node["title"] for node in nodes]
    of = {row["key"]: row for row in rows}
    for milestone in status["milestones"]:
        assert of[milestone["key"]]["total"] == str(milestone["total"])
