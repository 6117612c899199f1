"""docs/api.md: each example is asked, and answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.api.house import House

ROOT = Path(__file__).parents[2]
ASKED = re.findall(r"`GET /api/v1(/[^`]+)`", (ROOT / "docs/api.md").read_text(encoding="utf-8"))


def test_there_are_examples() -> None:
    assert len(ASKED) >= 15
    assert len(set(ASKED)) == len(ASKED)


@pytest.fixture
def example(house: House) -> House:
    (roadmap,) = (ROOT / "examples").glob("*.md")
    answer = house.api.post(
        "/programmes/example/import",
        content=roadmap.read_bytes(),
        params={"start": "2026-11-02"},
        headers={"content-type": "text/markdown"},
    )
    assert answer.status_code in (200, 201), answer.text
    return house


def test_every_example_is_answered(example: House) -> None:
    today = f"{example.ctx.now():%Y-%m-%d}"
    for path in ASKED:
        answer = example.api.get(path.replace("TODAY", today))
        assert answer.status_code == 200, (path, answer.text)
        assert answer.content, path


def test_today_as_a_past_day_is_as_now_and_others_say_what_is_known(example: House) -> None:
    now = example.api.get("/programmes/example/status").json()
    today = f"{example.ctx.now():%Y-%m-%d}"
    then = example.api.get("/programmes/example/status", params={"at": today}).json()
    names = ("percent", "done", "total", "excluded", "source", "health")
    assert [then[name] for name in names] == [now[name] for name in names]
    for one, other in zip(then["milestones"], now["milestones"], strict=True):
        assert [one[name] for name in ("key", *names)] == [other[name] for name in ("key", *names)]
    before = example.api.get("/programmes/example/status", params={"at": "2020-01-01"})
    assert (before.status_code, before.json()["type"]) == (404, "nothing-then")
    assert today in before.text
    assert example.api.get("/programmes/example/status", params={"at": "2999-01-01"}).status_code == 404
