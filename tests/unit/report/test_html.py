"""The report as one HTML file: fetches nothing, runs nothing, shows words as words."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from app.charts import render
from app.charts.spec import Lane, timeline
from app.core.shown import shown
from app.report.render import html
from tests.unit.hostile import HOSTILE
from tests.unit.report.reports import TODAY, of, small

VOID = {"meta", "br"}


class Page(HTMLParser):
    """What a document holds: tags with attributes, and its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.style = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "every element is closed in its place"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.words += data


def charts() -> list[str]:
    spec = timeline([Lane("M1", "</svg><script>x</script>", "late", 1.0, None, TODAY)], TODAY)
    return [render.svg(spec, "light"), render.svg(spec, "dark")]


def test_it_refers_to_nothing_outside_but_by_links():
    page = Page(html(small(), charts()))
    assert page.open == []
    names = {tag for tag, _ in page.tags}
    assert names.isdisjoint(
        {"script", "link", "img", "iframe", "object", "embed", "base", "form", "foreignobject", "image"}
    )
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name in ("src", "srcset", "ping") for name in attributes)
        where = attributes.get("href") or "#"
        assert where.startswith("#") or (tag == "a" and where.startswith("https://git.example/"))
    assert "url(" not in page.style
    assert "@import" not in page.style
    policy = [attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_it_says_what_the_markdown_says():
    words = " ".join(Page(html(small())).words.split())
    for said in (
        "Update 1: status on 24 Nov 2026",
        "45 % (9 of 20), at risk: M2 is late.",
        "Since 17 Nov 2026: 44.4 % → 45 %, 8 of 18 → 9 of 20 done, scope +3 −1, on track → at risk.",
        "10 days later: from 10 Nov 2026 to 20 Nov 2026",
        "waits for M2",
        "begins 1 Dec 2026",
        "was due 20 Nov 2026, ada, grace",
        "unknown, stale",
        "Made by Milepost on 24 Nov 2026 at 17:05 UTC.",
    ):
        assert said in words


def test_ids_of_several_charts_do_not_meet():
    page = Page(html(small(), charts()))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_are_text(name: str):
    plain, page = Page(html(of("plain"))), Page(html(of(HOSTILE[name])))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    assert page.words.count(shown(HOSTILE[name])) >= 8


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", None])
def test_no_link_runs_anything(url: str | None):
    assert "a" not in {tag for tag, _ in Page(html(of("x", url))).tags}


def test_charts_come_in_pairs():
    with pytest.raises(ValueError, match="shorter"):
        html(small(), charts()[:1])
