"""The managed section: words are the roadmap's, everything else is the people's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.plan import Line, Section, canonical
from mappings import body
from mappings.harmless import harmless

BASE = Section("Why it exists", (Line(1, "1A.1", "Draft the charter"), Line(2, "1A.2", "Open an account")))
TEXT = body.merge("", "s", "1A", BASE, Section(), {2: True})


def test_a_new_text() -> None:
    assert TEXT == (
        "<!-- milepost:begin -->\nWhy it exists\n\n- [ ] 1A.1 Draft the charter\n- [x] 1A.2 Open an account\n"
        "<!-- milepost:s/1A -->"
    )
    assert body.marks(TEXT, "s") == (("1A",), False)
    assert body.marks(TEXT, "other") == ((), True)


RENUMBERED = Section("Why", (Line(3, "1A.1", "Find a boat"), Line(1, "1A.2", "Draft it"), Line(2, "1A.3", "Open one")))
MERGES = [
    ("ticks follow the step, not the key", TEXT, "- [ ] 1A.1 Find a boat\n- [ ] 1A.2 Draft it\n- [x] 1A.3 Open one"),
    ("text before stays", f"Ask Ann.\n\n{TEXT}", "Ask Ann.\n\n<!-- milepost:begin -->"),
    ("text after stays", f"{TEXT}\n\n- [ ] my own", "<!-- milepost:s/1A -->\n\n- [ ] my own"),
    ("a note inside stays by its step", TEXT.replace("charter\n", "charter\n  see #4\n"), "1A.2 Draft it\n  see #4\n"),
    ("a box inside stays", TEXT.replace("- [x]", "- [ ] buy rope\n- [x]"), "- [ ] buy rope"),
    ("a removed key is known by its words", TEXT.replace("1A.2 Open", "Open"), "- [x] 1A.3 Open one"),
    ("the beginning deleted", TEXT.replace("<!-- milepost:begin -->\n", ""), "- [x] 1A.3 Open one"),
]


@pytest.mark.parametrize(("reason", "text", "want"), MERGES, ids=[case[0] for case in MERGES])
def test_merging_keeps_what_people_wrote(reason: str, text: str, want: str) -> None:
    merged = body.merge(text, "s", "1A", RENUMBERED, BASE, {})
    assert want in merged
    assert merged.count("<!-- milepost:s/1A -->") == 1
    again = body.merge(merged, "s", "1A", RENUMBERED, RENUMBERED, {})
    assert canonical(again) == canonical(merged)


def test_line_ends_are_kept_and_are_no_difference() -> None:
    saved = TEXT.replace("\n", "\r\n").replace("[ ] 1A.1", "[x] 1A.1")
    merged = body.merge(saved, "s", "1A", BASE, BASE, {})
    assert merged == saved
    assert body.ticks(saved, "s", BASE) == {1: True, 2: True}


def test_boxes_elsewhere_count_for_nothing() -> None:
    text = f"- [x] 1A.1 Draft the charter\n\n{TEXT}\n\n- [x] 1A.1 Draft the charter"
    assert body.ticks(text, "s", BASE) == {1: False, 2: True}
    assert body.ticks("no section at all", "s", BASE) == {}


def test_another_programme_in_the_same_text_is_left_alone() -> None:
    other = body.merge("", "t", "9Z", BASE, Section(), {})
    merged = body.merge(f"{other}\n\n{TEXT}", "s", "1A", RENUMBERED, BASE, {})
    assert other in merged


HARMLESS = [
    ("/close", "`/close`"),
    ("  /assign @bob now", "  `/assign` `@bob` now"),
    ("ask @bob and @org/team", "ask `@bob` and `@org/team`"),
    ("write to a@b.example", "write to a@b.example"),
    ("in `@code` and ``@more``", "in `@code` and ``@more``"),
    ("<!-- milepost:s/1B -->", "<\u200b!-- milepost:s/1B -->"),
    ("- [x] 1A.1 done already", "- \\[x] 1A.1 done already"),
    ("```\nnever closed", "\\```\nnever closed"),
    ("a/close is a path", "a/close is a path"),
    ("plain words", "plain words"),
]


@pytest.mark.parametrize(("text", "want"), HARMLESS)
def test_roadmap_words_cannot_act(text: str, want: str) -> None:
    assert harmless(text) == want
    assert harmless(want) == want


def test_mentions_may_be_wanted() -> None:
    assert harmless("ask @bob", mentions=True) == "ask @bob"


wild = st.text(
    alphabet=st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t@/`<>!-[]x #"), max_size=80
)


@given(wild)
def test_harmless_settles(text: str) -> None:
    once = harmless(text)
    assert harmless(once) == once
    assert not body.MARKER.search(once)


@given(wild, wild, wild)
def test_no_human_line_is_lost_and_no_tick_is_forged(before: str, inside: str, after: str) -> None:
    words = harmless(inside)
    section = Section("", (Line(1, "1A.1", body.one_line(words) or "x"), Line(2, "1A.2", "Open an account")))
    fresh = body.merge("", "s", "1A", section, Section(), {})
    assert body.ticks(fresh, "s", section) == {1: False, 2: False}
    assert body.marks(fresh, "s")[0] == ("1A",)
    if "milepost" in before + after:
        return
    text = f"{before}\n{fresh}\n{after}"
    merged = body.merge(text, "s", "1A", RENUMBERED, section, {})
    kept = canonical(merged).split("\n")
    for line in canonical(before).split("\n") + canonical(after).split("\n"):
        assert line in kept
    assert canonical(body.merge(merged, "s", "1A", RENUMBERED, RENUMBERED, {})) == canonical(merged)
