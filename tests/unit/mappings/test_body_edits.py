"""The managed section under whatever people and roadmaps do to it: no human word is lost, ticks go with their steps."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.core.plan import Line, Section, canonical
from mappings import body
from mappings.harmless import harmless
from tests.unit.examples import examples

SLUG, KEY = "update-1", "1A"
DRAFT, SHIP, TEST = Line(1, "1A.1", "Draft the plan"), Line(2, "1A.2", "Ship it"), Line(3, "1A.3", "Test everything")
SECTION = Section("Why this exists.\n\nAnd how.", (DRAFT, SHIP, TEST))
MARK = body.marker(SLUG, KEY)
TEXT = f"""{body.BEGIN}
Why this exists.

And how.

- [ ] 1A.1 Draft the plan
- [x] 1A.2 Ship it
- [ ] 1A.3 Test everything
{MARK}"""
TICKS = {1: False, 2: True, 3: False}
MODEST = settings(max_examples=examples(80), deadline=None)


def merge(text: str, want: Section = SECTION, base: Section = SECTION, key: str = KEY) -> str:
    return body.merge(text, SLUG, key, want, base, {})


def ticks(text: str, base: Section = SECTION) -> dict[int, bool]:
    return body.ticks(text, SLUG, base)


def steps(*written: tuple[int, str, str]) -> Section:
    return Section("", tuple(Line(*step) for step in written))


@pytest.mark.parametrize(
    ("section", "text"),
    [
        (Section(), f"{body.BEGIN}\n{MARK}"),
        (Section("Why"), f"{body.BEGIN}\nWhy\n\n{MARK}"),
        (Section("", (SHIP,)), f"{body.BEGIN}\n- [ ] 1A.2 Ship it\n{MARK}"),
    ],
)
def test_parts_that_are_empty_leave_no_gap(section: Section, text: str) -> None:
    assert merge("", section, Section()) == text
    assert merge(text, section, section) == text


def test_the_roadmaps_tick_counts_only_for_a_step_without_one() -> None:
    assert ticks(body.merge(TEXT, SLUG, KEY, SECTION, SECTION, {1: True, 2: False})) == TICKS
    more = Section("", (*SECTION.lines, Line(4, "1A.4", "New")))
    assert ticks(body.merge(TEXT, SLUG, KEY, more, SECTION, {4: True}), more) == {**TICKS, 4: True}


@pytest.mark.parametrize(
    ("line", "ticked"),
    [
        ("- [X] 1A.1 Draft the plan", True),
        ("* [x] 1A.1 Draft the plan", True),
        ("+ [x] 1A.1   draft  THE plan  ", True),
        ("  - [x] 1A.1 Draft the plan", True),
        ("- [x] 1A.1: Draft the plan", True),
        ("- [x] **1A.1** Draft the plan", True),
        ("- [x] 1A.1 Draft the plan (Bob is on it)", True),
        ("- [x] Draft the plan", True),
        ("- [x] Draft teh plan", True),
        ("- [x] 1A1 Draft the plan", True),
        ("- [ ] 1A.1 Draft the plan", False),
        ("- [x]1A.1 Draft the plan", None),
        ("- 1A.1 Draft the plan", None),
        ("1. [x] 1A.1 Draft the plan", None),
        ("- [x] 1A.10 Buy milk", None),
        ("", None),
    ],
)
def test_a_tick_is_read_from_what_people_left_of_a_line(line: str, ticked: bool | None) -> None:
    text = TEXT.replace("- [ ] 1A.1 Draft the plan", line)
    want = {2: True, 3: False} | ({} if ticked is None else {1: ticked})
    assert ticks(text) == want
    assert ticks(merge(text)) == {**want, 1: bool(ticked)}


A, B, C = "Draft the plan", "Ship it", "Test everything"
CHANGES = [
    ("reworded", steps((1, "1A.1", "Draft it anew"), (2, "1A.2", "Ship all"), (3, "1A.3", "T")), TICKS),
    ("renumbered", steps((1, "2B.1", A), (2, "2B.2", B), (3, "2B.3", C)), TICKS),
    ("a step on top", steps((9, "1A.1", "New"), (1, "1A.2", A), (2, "1A.3", B), (3, "1A.4", C)), {9: False, **TICKS}),
    ("reordered", steps((2, "1A.1", B), (3, "1A.2", C), (1, "1A.3", A)), TICKS),
    ("swapped", steps((2, "1A.1", B), (1, "1A.2", A), (3, "1A.3", C)), TICKS),
    ("removed", steps((1, "1A.1", A), (3, "1A.2", C)), {1: False, 3: False}),
    ("none left", Section(), {}),
    ("words changed hands", steps((9, "1A.1", B), (2, "1A.2", A), (1, "1A.3", C)), {9: False, 1: False, 2: True}),
]


@pytest.mark.parametrize(("want", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_ticks_and_human_lines_follow_through_a_change(want: Section, expected: dict[int, bool]) -> None:
    human = TEXT.replace("- [x] 1A.2 Ship it", "- [x] 1A.2 Ship it\n  - on Monday\n  - [x] by Bob")
    text = merge(f"Before\n\n{human}\n\nAfter", want, key="9Z")
    assert ticks(text, want) == expected
    assert text.startswith(f"Before\n\n{body.BEGIN}")
    assert text.endswith(f"{body.marker(SLUG, '9Z')}\n\nAfter")
    assert "\n  - on Monday\n  - [x] by Bob\n" in text
    assert "Why this" not in text
    assert merge(text, want, want, key="9Z") == text


@pytest.mark.parametrize(("want", "expected"), [row[1:] for row in CHANGES[:-1]], ids=[row[0] for row in CHANGES[:-1]])
def test_an_update_whose_answer_was_lost_is_read_rightly(want: Section, expected: dict[int, bool]) -> None:
    """The tracker holds the new text, the link still the old base."""
    again = merge(merge(TEXT, want, key="9Z"), want, SECTION, key="9Z")
    assert ticks(again, want) == expected
    assert again.count("- [") == len(want.lines)


def test_a_step_on_top_does_not_shift_ticks_while_the_answer_is_lost() -> None:
    assert ticks(merge(TEXT, CHANGES[2][1])) == TICKS  # not {1: False, 2: False, 3: True}


HUMAN = [
    ("after the marker, on its line", f"{TEXT} Thanks, all!"),
    ("right after the marker", f"{TEXT}Thanks, all!"),
    ("before the begin marker, on its line", f"Thanks, all! {TEXT}"),
    ("after the begin marker, on its line", TEXT.replace(body.BEGIN, f"{body.BEGIN} Thanks, all!")),
    ("before the marker, on its line", TEXT.replace(MARK, f"Thanks, all! {MARK}")),
    ("above the words", TEXT.replace("Why this", "Thanks, all!\nWhy this")),
    ("between the words", TEXT.replace("And how.", "Thanks, all!\nAnd how.")),
    ("between words and list", TEXT.replace("- [ ] 1A.1", "Thanks, all!\n\n- [ ] 1A.1")),
    ("between steps", TEXT.replace("- [x]", "Thanks, all!\n- [x]")),
    ("a paragraph between steps", TEXT.replace("- [x]", "\nThanks, all!\n\n- [x]")),
    ("under the last", TEXT.replace(MARK, f"\nThanks, all!\n\n{MARK}")),
    ("a box of their own", TEXT.replace("- [x]", "- [x] Thanks, all!\n- [x]")),
    ("a box with the next key", TEXT.replace(MARK, f"- [x] 1A.4 Thanks, all!\n{MARK}")),
    ("a quote of the marker above", f"Thanks, all! `{MARK}`\n\n{TEXT}"),
    ("a quote of the marker below", f"{TEXT}\n\nThanks, all! `{MARK}`"),
    ("a section pasted below", f"{TEXT}\n\n{body.BEGIN}\n- [x] 1B.1 Thanks, all!\n<!-- milepost:{SLUG}/1B -->"),
    ("a section pasted above", f"{body.BEGIN}\n- [x] 1B.1 Thanks, all!\n<!-- milepost:{SLUG}/1B -->\n\n{TEXT}"),
]


@pytest.mark.parametrize("text", [row[1] for row in HUMAN], ids=[row[0] for row in HUMAN])
@pytest.mark.parametrize("ends", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_people_s_words_stay_wherever_they_put_them(text: str, ends: str) -> None:
    text = text.replace("\n", ends)
    assert ticks(text) == TICKS
    merged = merge(text)
    assert merged.count("Thanks, all!") == 1
    assert ticks(merged) == TICKS
    assert merge(merged) == merged
    assert merged.count("\n") == merged.count(ends)
    more = Section("Other words", (Line(4, "1A.4", "New step"), *SECTION.lines))
    moved = merge(merged, more)
    assert moved.count("Thanks, all!") == 1
    assert ticks(moved, more) == {4: False, **TICKS}
    assert merge(moved, more, more) == moved


def test_text_around_is_kept_to_the_byte() -> None:
    before, after = "  indented\n\n```\ncode  \n```\n\n\n", "\n\n\n- [x] mine  \n\ttab\n"
    merged = merge(f"{before}{TEXT}{after}", Section("New words", (SHIP,)))
    assert merged == f"{before}{body.BEGIN}\nNew words\n\n- [x] 1A.2 Ship it\n{MARK}{after}"


def test_people_s_lines_keep_their_order() -> None:
    human = ["- [x] my box", "  words under it", "- [ ] another", "> quoted", "", "a paragraph"]
    text = TEXT.replace("- [x] 1A.2 Ship it", "\n".join(["- [x] 1A.2 Ship it", *human]))
    assert merge(text) == text


def test_a_human_line_with_a_key_that_the_roadmap_takes_later_is_not_swallowed() -> None:
    text = TEXT.replace(MARK, f"- [x] 1A.4 Buy cake\n{MARK}")
    want = Section(SECTION.intro, (*SECTION.lines, Line(4, "1A.4", "Roll out")))
    merged = merge(text, want)
    assert "- [x] 1A.4 Buy cake" in merged
    assert ticks(merged, want) == {**TICKS, 4: False}
    assert merge(merged, want, want) == merged


def test_the_most_alike_line_is_the_step_not_the_first() -> None:
    text = TEXT.replace("- [ ] 1A.1 Draft the plan", "- [x] Draft the plans\n- [ ] Draft the plan")
    assert ticks(text) == TICKS
    assert "- [x] Draft the plans" in merge(text)


@pytest.mark.parametrize("double", ["- [x] 1A.2 Ship it\n- [ ] 1A.2 Ship it", "- [x] 1A.2 Ship it\n- [ ] Ship it"])
def test_a_doubled_line_stays_people_s_own(double: str) -> None:
    text = TEXT.replace("- [x] 1A.2 Ship it", double)
    assert ticks(text) == TICKS
    assert merge(text) == text


def test_a_doubled_section_is_one_object_still() -> None:
    doubled = f"{TEXT}\n\n{TEXT}"
    assert body.marks(doubled, SLUG) == (("1A",), False)
    assert ticks(doubled) == TICKS
    assert merge(doubled) == doubled


@pytest.mark.parametrize("note", ["", "Theirs\n\n"])
@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace(f"{body.BEGIN}\n", ""),
        TEXT.replace(f"\n{MARK}", ""),
        TEXT.replace(f"{body.BEGIN}\n", "").replace(f"\n{MARK}", ""),
    ],
    ids=["no begin", "no end", "neither"],
)
def test_a_section_without_its_markers_is_found_by_its_lines(text: str, note: str) -> None:
    whole = f"{note}{text}\n\nTheirs too\n- [x] mine"
    assert ticks(whole) == TICKS
    merged = merge(whole)
    assert ticks(merged) == TICKS
    for once in ("Ship it", "Why this exists.", MARK, body.BEGIN, "Theirs too", "- [x] mine"):
        assert merged.count(once) == 1, once
    assert merged.startswith(note)
    assert merge(merged) == merged


def test_a_human_line_in_a_section_without_its_begin_stays() -> None:
    text = TEXT.replace(f"{body.BEGIN}\n", "").replace("- [x]", "Theirs\n- [x]")
    assert ticks(text) == TICKS
    assert merge(text).count("Theirs") == 1
    assert merge(text).count("1A.1") == 1


def test_a_deleted_section_is_put_at_the_end() -> None:
    fresh = TEXT.replace("[x]", "[ ]")
    assert merge("Only theirs.  \n") == f"Only theirs.\n\n{fresh}"
    assert merge("") == merge(" \n") == fresh


def test_words_that_only_look_alike_are_not_taken_for_a_section() -> None:
    text = "- [x] 1A.1 Buy cake\n- [x] Draft the plan"
    assert ticks(text) == {}
    assert merge(text).startswith(f"{text}\n\n{body.BEGIN}")


@pytest.mark.parametrize("damage", ["none", "begin", "end"])
def test_two_programmes_share_a_text(damage: str) -> None:
    theirs = Section("Theirs", (Line(7, "5A.1", "Their step"),))
    other = body.merge("", "other", "5A", theirs, Section(), {7: True})
    mine = TEXT.replace({"none": "?", "begin": f"{body.BEGIN}\n", "end": f"\n{MARK}"}[damage], "")
    for text in (f"{mine}\n\n{other}\n\nmore", f"{other}\n\n{mine}\n\nmore"):
        assert ticks(text) == TICKS
        assert body.ticks(text, "other", theirs) == {7: True}
        merged = merge(text)
        assert other in merged
        assert ticks(merged) == TICKS
        assert merged.count("Ship it") == 1
        assert body.merge(merged, "other", "5A", theirs, theirs, {}) == merged
        assert body.marks(merged, "other") == (("5A",), True)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (f"{MARK}\n{MARK}", (("1A",), False)),
        ("<!-- milepost:update-1/2A.3 --> <!-- milepost:update-1/1A -->", (("2A.3", "1A"), False)),
        (f"<!-- milepost:update-12/1A -->{MARK}", (("1A",), True)),
        (body.BEGIN, ((), False)),
        ("<!--milepost:update-1/1A-->", ((), False)),
        ("<!-- milepost:Update-1/1A -->", ((), False)),
        ("<\u200b!-- milepost:update-1/1A -->", ((), False)),
    ],
)
def test_marks(text: str, want: tuple[tuple[str, ...], bool]) -> None:
    assert body.marks(text, SLUG) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Plain words, 1/2 of it, a/b, and http://x/close", None),
        ("a\n/label ~x\nb /close", "a\n`/label` ~x\nb /close"),
        ("a\r\n/close\r\n", "a\n`/close`\n"),
        ("a\r/close", "a\n`/close`"),
        ("/api/v1 is down", "`/api/v1` is down"),
        ("/ 2", None),
        ("Ask @bob, @team/x and @all.", "Ask `@bob`, `@team/x` and `@all.`"),
        ("(@bob) .@bob -@bob cc/@bob @@bob", "(`@bob`) .`@bob` -`@bob` cc/`@bob` @`@bob`"),
        ("@a@b @c.@d `x`@e.@f", "`@a@b` `@c.@d` `x`@\u200be.@\u200bf"),
        ("\\@bob", "\\@\u200bbob"),
        ("mail me@example.com or a.b+c@x.org", None),
        ("in `@code` and ``a ` @b`` no", None),
        ("an `odd one @bob", "an `odd one @\u200bbob"),
        ("`a\n@bob` b", "`a\n@\u200bbob` b"),
        ("`a\n`@bob` b", "`a\n`@\u200bbob` b"),
        ("\\`@bob` b", "\\`@\u200bbob` b"),
        ("@ 5, a@, @", None),
        ("é@bob", "é`@bob`"),
        (f"```\n{MARK}\n```", f"```\n{MARK}\n```".replace("<", "<\u200b")),
        ("<b>bold</b> <! >", None),
        ("  * [x] y", "  * \\[x] y"),
        ("1. [x] y", "1. \\[x] y"),
        ("> - [x] y", "> - \\[x] y"),
        ("- - [x] y", "- - \\[x] y"),
        ("```\n- [x] 1A.1 x\n```", "```\n- \\[x] 1A.1 x\n```"),
        ("see [x] here", None),
        ("```\n@deco\n/etc/hosts\n```", None),
        ("```py\n@deco\n```\n@bob", "```py\n@deco\n```\n`@bob`"),
        ("~~~\n/close\n~~~", "~~~\n`/close`\n~~~"),
        ("```\na\n~~~\n/close", "\\```\na\n\\~~~\n`/close`"),
        ("```\na\n```\n```\n@bob", "```\na\n```\n\\```\n@\u200bbob"),
        ("````\n```\n````\n", None),
        ("```a``` is code", None),
        ("trailing  \nwhite\t", "trailing\nwhite"),
    ],
)
def test_harmless(text: str, want: str | None) -> None:
    assert harmless(text) == (text if want is None else want)


def test_a_mention_that_is_wanted_stays_and_an_action_never_does() -> None:
    assert harmless("/close @bob, see `odd @x", mentions=True) == "`/close` @bob, see `odd @x"


SPICE = (
    "/close", "/assign @bob", "@bob", "@", "`", "``", "```", "~~~", "````", "- [ ] ", "- [x] 1A.2 Ship it", "* [X] ",
    "[x]", "1A.1 ", "1A.1", "Draft the plan", "Why this exists.", "> ", "1. ", "<!--", "-->", "<", "!--", "<!", "\\",
    body.BEGIN, MARK, "<!-- milepost:other/5A -->", "<!-- milepost:update-1/1B -->", "\n", "\n\n", "\r\n", "\r", "  ",
    "\t", "me@x.org", "\u200b", "\u2028", "\x0b", "\xa0", "é", "#45", "---",
)  # fmt: skip
FREE = st.lists(st.sampled_from(SPICE) | st.text(max_size=6), max_size=12).map("".join)
WORDS = FREE.map(lambda text: harmless(body.one_line(text)))


@st.composite
def sections(draw: st.DrawFn, key: str = KEY) -> Section:
    """A section as `mappings.desired` makes them, of any roadmap's words; nodes 1 to 6 in any order."""
    nodes = draw(st.lists(st.integers(1, 6), unique=True, max_size=4))
    written = tuple(Line(node, f"{key}.{place + 1}", draw(WORDS)) for place, node in enumerate(nodes))
    return Section(harmless(draw(FREE).strip("\n")), written)


@given(text=FREE, mentions=st.booleans())
@example("`@a`\u200b\\`", False)
@example("/assign @bob@bob", False)
@settings(MODEST, max_examples=examples(250))
def test_harmless_twice_is_harmless_once(text: str, mentions: bool) -> None:
    once = harmless(text, mentions=mentions)
    assert harmless(once, mentions=mentions) == once
    assert not body.MARKER.search(once)
    assert body.BEGIN not in once


@given(text=FREE)
@settings(MODEST)
def test_harmless_takes_no_word_away(text: str) -> None:
    def bare(value: str) -> str:
        return "".join(c for c in value if c not in "`\\\u200b" and not c.isspace())

    assert bare(harmless(text)) == bare(text)


@given(description=FREE, want=sections(), base=sections("1Z") | sections() | st.just(Section()))
@settings(MODEST, max_examples=examples(150))
def test_merging_again_changes_nothing(description: str, want: Section, base: Section) -> None:
    once = merge(description, want, base)
    twice = merge(once, want, want)
    assert canonical(twice) == canonical(once)
    assert merge(twice, want, want) == twice


@given(before=FREE, after=FREE, want=sections(), base=sections())
@settings(MODEST)
def test_text_around_a_whole_section_is_never_touched(before: str, after: str, want: Section, base: Section) -> None:
    assume("milepost" not in before + after)
    merged = merge(f"{before}\n{merge('', base, Section())}\n{after}", want, base).replace("\r\n", "\n")
    head, tail = (part.replace("\r\n", "\n").replace("\r", "\n") for part in (f"{before}\n", f"\n{after}"))
    assert merged.startswith(f"{head}{body.BEGIN}")
    assert merged.endswith(f"{MARK}{tail}")


PREFIXES = ("", "- [x] ", "  - ", "> ", "1A.1 ", "- [x] 1A.9 ")


@st.composite
def disturbed(draw: st.DrawFn) -> tuple[Section, str, list[str], dict[int, bool]]:
    """(what was written, the text after people put lines of their own anywhere, those lines, the ticks)."""
    base = draw(sections())
    ticked = {line.node: draw(st.booleans()) for line in base.lines}
    rows = body.merge("", SLUG, KEY, base, Section(), ticked).split("\n")
    human = [f"{draw(st.sampled_from(PREFIXES))}human words {number}" for number in range(draw(st.integers(0, 4)))]
    for line in human:
        rows.insert(draw(st.integers(0, len(rows))), line)
    return base, draw(st.sampled_from(["\n", "\r\n"])).join(rows), human, ticked


@given(case=disturbed(), want=sections("2B"))
@settings(MODEST, max_examples=examples(150))
def test_no_human_line_is_ever_lost_and_ticks_go_with_their_steps(
    case: tuple[Section, str, list[str], dict[int, bool]], want: Section
) -> None:
    base, text, human, ticked = case
    assume(len({" ".join(line.title.casefold().split()) for line in base.lines}) == len(base.lines))
    assert ticks(text, base) == ticked
    merged = merge(text, want, base, key="2B")
    rows = merged.replace("\r\n", "\n").split("\n")
    assert sorted(row for row in rows if "human words" in row) == sorted(human)
    assert ticks(merged, want) == {line.node: ticked.get(line.node, False) for line in want.lines}
    assert merge(merged, want, want, key="2B") == merged


@given(section=sections())
@settings(MODEST)
def test_no_roadmap_text_forges_a_marker_or_a_tick(section: Section) -> None:
    merged = body.merge("", SLUG, KEY, section, Section(), {})
    assert body.marks(merged, SLUG) == ((KEY,), False)
    assert merged.count(body.BEGIN) == 1
    assert ticks(merged, section) == dict.fromkeys((line.node for line in section.lines), False)
