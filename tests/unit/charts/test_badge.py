"""The badge: what it says, that its words fit, and that words are only words."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.charts.badge import badge
from app.core.progress import Health
from app.core.shown import columns, cut
from tests.unit.hostile import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def words(drawn: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(drawn).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("percent", "health", "said"),
    [
        (100.0, "done", "100 %"),
        (99.9, "on_track", "99 % on track"),
        (42.7, "late", "42 % late"),
        (0.0, "at_risk", "0 % at risk"),
        (None, "unknown", "unknown"),
        (None, "late", "unknown late"),
    ],
)
def test_it_says_the_percentage_and_the_health(percent: float | None, health: Health, said: str):
    drawn = badge("roadmap", percent, health)
    assert words(drawn) == ["roadmap", said]
    assert ET.fromstring(drawn).get("aria-label") == f"roadmap: {said}"


def test_each_health_has_its_own_colour():
    grounds = set()
    for health in ("done", "on_track", "at_risk", "late", "unknown"):
        paths = [each.get("fill") for each in ET.fromstring(badge("x", 1.0, health)).iter(f"{SVG}path")]
        grounds.add(paths[1])
    assert len(grounds) == 5


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_label_is_text(name: str):
    root = ET.fromstring(badge(HOSTILE[name], 5.0, "late"))
    assert {each.tag.removeprefix(SVG) for each in root.iter()} == {"svg", "title", "path", "g", "text"}
    assert words(badge(HOSTILE[name], 5.0, "late"))[0] == cut(HOSTILE[name], 40)


@settings(max_examples=50)
@given(st.text())
def test_any_label_is_well_formed_and_fits(label: str):
    drawn = badge(label, 5.0, "late")
    root = ET.fromstring(drawn.encode())
    said = words(drawn)
    assert said[0] == (cut(label, 40) or "progress")
    room = [int(each.get("textLength", 0)) for each in root.iter(f"{SVG}text")]
    assert sum(room) + 24 == int(root.get("width", 0))
    assert columns(said[0]) <= 40
