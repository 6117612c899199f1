"""The report as Markdown: a small one wholly, and words that must stay words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.core.shown import shown
from app.report.render import markdown
from app.report.words import link
from app.report.words import markdown as escaped
from tests.unit.hostile import HOSTILE
from tests.unit.report.reports import of, small

READ = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def read(text: str) -> list[Token]:
    return READ.parse(text)


def visible(tokens: list[Token]) -> str:
    """What a reader sees of the text."""
    parts = [
        child.content for token in tokens for child in token.children or [] if child.type in ("text", "text_special")
    ]
    return "".join(parts).replace("\u200b", "")


def test_a_small_report_reads_as_written_down():
    """`small.md` was written by hand, from the values of `small()`: it is never made by the renderer."""
    assert markdown(small()) == (Path(__file__).parent / "small.md").read_text()


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_words_are_text(name: str):
    plain, tokens = read(markdown(of("plain"))), read(markdown(of(HOSTILE[name])))
    assert [token.type for token in tokens] == [token.type for token in plain], (
        "the same structure as with a plain word"
    )
    inside = {child.type for token in tokens for child in token.children or []}
    assert inside <= {"text", "text_special", "strong_open", "strong_close", "em_open", "em_close"}
    assert shown(HOSTILE[name]) in visible(tokens)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_tracker_finds_nobody_to_tell_and_nothing_to_link(name: str):
    said = markdown(of(HOSTILE[name]))
    assert not re.search(r"@\w|#\d|!\d|https?:|www\.|:tada:", said)
    assert not re.search(r"^\s*/\w", said, re.MULTILINE)


@settings(max_examples=60)
@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: bool(shown(text))))
def test_any_words_come_back_out_of_markdown(words: str):
    tokens = read(f"- {escaped(words)}\n")
    assert [token.type for token in tokens][:4] == ["bullet_list_open", "list_item_open", "paragraph_open", "inline"]
    assert visible(tokens).strip() == shown(words).replace("\u200b", "").strip()


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://git.example/o/r/issues/1", "https://git.example/o/r/issues/1"),
        ("https://git.example/a>b) c|d\"'", "https://git.example/a%3Eb%29%20c%7Cd%22%27"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//git.example/x", None),
        ("https://[bad", None),
        (None, None),
    ],
)
def test_only_addresses_of_pages_are_linked(url: str | None, kept: str | None):
    assert link(url) == kept
    found = {
        child.attrs["href"]
        for token in read(markdown(of("x", url)))
        for child in token.children or []
        if child.type == "link_open"
    }
    assert len(found) == (1 if kept else 0)
