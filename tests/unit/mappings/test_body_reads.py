"""What is read out of an object's text: whose markers, how steps stand, where the section is."""

from __future__ import annotations

import pytest

from app.core.plan import Line, Section
from mappings import body
from mappings.body import BEGIN, Stood

END, THEIRS = "<!-- milepost:p/1A -->", "<!-- milepost:q/1A -->"
DRAFT, SHIP, TEST = Line(1, "1A.1", "Draft the plan"), Line(2, "1A.2", "Ship it"), Line(3, "1A.3", "Test everything")
BASE = Section("Why\n\nAnd how", (DRAFT, SHIP, TEST))
TITLES = {"#45": "1A.1 Draft  the plan", "#46": "Somebody's", "#47": "Ship it", "#48": "**1A.3**: Test it all"}


def text(*lines: str, begin: str = BEGIN, end: str = END) -> str:
    return "\n".join([begin, *lines, end])


@pytest.mark.parametrize(
    ("description", "keys", "foreign"),
    [
        ("", (), False),
        (f"a {END} b", ("1A",), False),
        (f"{END}\n<!-- milepost:p/1B -->\n{END}", ("1A", "1B"), False),
        ("<!-- milepost:q/1A -->", (), True),
        (f"<!-- milepost:q/1A -->{END}", ("1A",), True),
        ("<!-- milepost:p/#7 -->", ("#7",), False),
        (f"{BEGIN} <!--milepost:p/1A--> <!-- milepost:P/1A --> <!-- milepost:p/1 A -->", (), False),
    ],
)
def test_marks(description: str, keys: tuple[str, ...], foreign: bool) -> None:
    assert body.marks(description, "p") == (keys, foreign)


@pytest.mark.parametrize(
    ("reason", "whole", "left"),
    [
        ("nothing of ours", "a\n\n b ", "a\n\n b "),
        ("ours", f"before\n{BEGIN}\nWhy\n\n- [ ] 1A.1 x\n{END}\nafter", "before\nWhy\n\n- [ ] 1A.1 x\n\nafter"),
        ("alone", f"\n{BEGIN}\n  Why \n{END}\n", "  Why "),
        ("another programme's", f"{BEGIN}\na\n<!-- milepost:q/1A -->", "a\n<!-- milepost:q/1A -->"),
        ("a begin in a line", f"a {BEGIN} b\n  {BEGIN}  \nX", f"a {BEGIN} b\nX"),
        ("a mark in a line", f"a {END} b <!-- milepost:q/1A -->", "a  b <!-- milepost:q/1A -->"),
    ],
)
def test_what_is_let_go_keeps_its_words_and_loses_our_markers(reason: str, whole: str, left: str) -> None:
    assert body.unmarked(whole, "p") == left, reason


STANDING = [
    # the section's lines, what stands
    ("as written", ("- [ ] 1A.1 Draft the plan", "- [x] 1A.2 Ship it"), {1: Stood(False), 2: Stood(True)}),
    ("other marks", ("* [X] 1A.1 Draft the plan", "   + [x]   1A.2   ship IT  "), {1: Stood(True), 2: Stood(True)}),
    ("no box", ("- 1A.1 Draft the plan", "- [] 1A.2 Ship it", "- [-] 1A.3 Test everything"), {}),
    ("dressed keys", ("- [x] **1A.1**: Draft it", "- [ ] `1A.2.` Ship"), {1: Stood(True), 2: Stood(False)}),
    ("keys in brackets", ("- [ ] [1A.3], Test", "- [x] (1A.1) ~Draft~"), {3: Stood(False), 1: Stood(True)}),
    ("without keys", ("- [x] Draft the plan!", "- [x] Ship it"), {1: Stood(True), 2: Stood(True)}),
    ("unlike words", ("- [x] Draft a poem", "- [x] Shop"), {}),
    ("others' words", ("- [x] 1A.1 Ship it", "- [ ] 1A.2 Draft the plan"), {2: Stood(True), 1: Stood(False)}),
    ("twice", ("- [x] 1A.1 Draft the plan", "- [ ] 1A.1 Draft the plan"), {1: Stood(True)}),
    ("an issue of a step's words", ("- [x] #45", "- [ ] #47"), {1: Stood(True, "#45"), 2: Stood(False, "#47")}),
    ("an issue of a step's key", ("- [ ] #48",), {3: Stood(False, "#48")}),
    ("people's own issue", ("- [x] #46", "- [x] #99"), {}),
    ("an issue among words", ("- [x] 1A.1 see #45",), {1: Stood(True)}),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "stands"), [case[1:] for case in STANDING], ids=[case[0] for case in STANDING])
def test_how_steps_stand(lines: tuple[str, ...], stands: dict[int, Stood]) -> None:
    for end in ("\n", "\r\n", "\r"):
        whole = f"people's\n\n{text('Why', '', *lines)}\n\n- [x] 1A.3 Test everything".replace("\n", end)
        assert body.standing(whole, "p", BASE, TITLES) == stands
        assert body.ticks(whole, "p", BASE, TITLES) == {node: one.ticked for node, one in stands.items()}
        assert body.issues(whole, "p", BASE, TITLES) == {node: one.issue for node, one in stands.items() if one.issue}
    assert body.issues(text(*lines), "p", BASE, {}) == {}


def test_nothing_stands_in_a_text_without_a_section() -> None:
    for nothing in ("", "words", f"- [x] 1A.1 Draft a plan\n{BEGIN}", "<!-- milepost:q/1A -->"):
        assert body.standing(nothing, "p", Section("", (TEST,))) == {}
        assert body.ticks(nothing, "p", Section("", (TEST,))) == {}


ONE, TWO = Section("", (DRAFT, SHIP)), Section("", (DRAFT, Line(2, "1A.2", "Ship all of it")))


@pytest.mark.parametrize(
    ("lines", "which"),
    [
        (("- [x] 1A.1 Draft the plan", "- [ ] 1A.2 Ship it"), ONE),
        (("- [x] 1A.1 draft  the plan", "- [ ] 1A.2 Ship all of it"), TWO),
        (("- [ ] 1A.1 Draft the plan",), ONE),
        (("- [ ] 1A.2 Ship all of it", "- [ ] theirs"), TWO),
        ((), ONE),
    ],
)
def test_which_section_stands_in_a_text(lines: tuple[str, ...], which: Section) -> None:
    assert body.written(text(*lines), "p", ONE, TWO) == which
    if lines and which is ONE and len(lines) == 2:
        assert body.written(text(*lines), "p", TWO, ONE) == which
    assert body.written("no section", "p", TWO, ONE) == TWO


# Where the section is, when people have cut at its markers


def merged(whole: str, want: Section = BASE, base: Section = BASE) -> str:
    return body.merge(whole, "p", "1A", want, base, {})


WRITTEN = ("Why", "", "And how", "", "- [ ] 1A.1 Draft the plan", "- [ ] 1A.2 Ship it", "- [ ] 1A.3 Test everything")
CUT = [
    ("no begin", ("before", "", *WRITTEN, END, "after"), "before\n\n{}\nafter"),
    ("no end", ("before", "", BEGIN, *WRITTEN, "after"), "before\n\n{}\nafter"),
    ("neither", ("before", "", *WRITTEN, "", "after"), "before\n\n{}\n\nafter"),
    ("no begin, at the start", (*WRITTEN, END), "{}"),
    ("no begin, and only steps", ("a", *WRITTEN[4:], END, "b"), "a\n{}\nb"),
    ("no begin, people's words between", ("Why", "theirs", *WRITTEN[4:], END), "Why\ntheirs\n{}"),
    ("a begin of nothing", ("before", BEGIN, ""), "before\n{}\n"),
    ("a begin of nothing before people's words", ("before", BEGIN, "", "after"), f"before\n{BEGIN}\n\nafter\n\n{{}}"),
    ("a begin before people's words", (BEGIN, "theirs"), f"{BEGIN}\ntheirs\n\n{{}}"),
    ("a marker in front of the section", (END, "x", BEGIN, *WRITTEN, END), f"{END}\nx\n{{}}"),
    ("an empty section before the section", (BEGIN, END, "x", BEGIN, *WRITTEN, END), f"{BEGIN}\n{END}\nx\n{{}}"),
    ("another's section beside", (BEGIN, "a", THEIRS, BEGIN, *WRITTEN, END), f"{BEGIN}\na\n{THEIRS}\n{{}}"),
    ("a section under another key", ("x", BEGIN, *WRITTEN, "<!-- milepost:p/1Z -->"), "x\n{}"),
    ("words cut at a line's middle", ("xWhy", "", *WRITTEN[2:], END), "xWhy\n\n{}"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "whole"), [case[1:] for case in CUT], ids=[case[0] for case in CUT])
def test_where_the_section_is(lines: tuple[str, ...], whole: str) -> None:
    assert merged("\n".join(lines)) == whole.format(text(*WRITTEN))


def test_of_two_sections_of_ours_the_node_s_own_is_the_one() -> None:
    mine, other = text("- [ ] 1A.1 Draft the plan"), text("- [ ] 1A.1 Draft the plan", end="<!-- milepost:p/1Z -->")
    want = Section("", (DRAFT,))
    assert merged(f"{other}\n{mine}", want, want) == f"{other}\n{mine}"
    assert merged(f"{mine}\n{other}", want, want) == f"{mine}\n{other}"
    assert merged(f"{mine}\n{mine}\nx", want, want) == f"{mine}\n{mine}\nx"
    fuller = text("- [ ] 1A.1 Draft the plan", "- [ ] 1A.2 Ship it", end="<!-- milepost:p/1Z -->")
    both = Section("", (DRAFT, SHIP))
    kept = text("- [ ] 1A.1 Draft the plan", "- [ ] 1A.2 Ship it")
    assert merged(f"{mine}\n{fuller}", both, both) == f"{mine}\n{kept}"


# Steps that stood elsewhere


TICKED = ("- [x] 1A.1 Draft the plan", "- [x] 1A.2 Ship it")


def moved(stood: dict[int, Stood], whole: str = "", base: Section = Section(), titles: body.Titles = TITLES) -> str:
    return body.merge(whole, "p", "1A", ONE, base, {1: False, 2: True}, titles, stood)


@pytest.mark.parametrize(
    ("reason", "stood", "lines"),
    [
        ("nowhere: as the roadmap says", {}, ("- [ ] 1A.1 Draft the plan", "- [x] 1A.2 Ship it")),
        ("elsewhere", {1: Stood(True), 2: Stood(False)}, ("- [x] 1A.1 Draft the plan", "- [ ] 1A.2 Ship it")),
        ("as an issue of its words", {1: Stood(True, "#45")}, ("- [x] #45", "- [x] 1A.2 Ship it")),
        ("as an issue of other words by now", {1: Stood(True, "#46")}, TICKED),
        ("as another step's issue", {1: Stood(True, "#47")}, TICKED),
        ("as an issue that is gone", {1: Stood(True, "#99")}, TICKED),
        ("that are none of its steps", {9: Stood(True, "#45")}, ("- [ ] 1A.1 Draft the plan", "- [x] 1A.2 Ship it")),
    ],
)  # fmt: skip
def test_a_step_stands_as_it_stood_elsewhere(reason: str, stood: dict[int, Stood], lines: tuple[str, ...]) -> None:
    assert moved(stood) == text(*lines), reason


def test_a_step_that_stands_here_stays_as_it_is() -> None:
    here = text("- [ ] 1A.1 Draft the plan", "- [ ] #47")
    assert moved({1: Stood(True, "#45"), 2: Stood(True)}, here, ONE) == here
    assert moved({}, here, ONE) == here


def test_people_s_lines_stay_after_the_step_that_they_followed() -> None:
    first, theirs, last = ("- [x] 1A.1 Draft the plan",), ("  - theirs", "", "- [ ] their own"), ("", "last")
    whole = text("Why", "", "mine", "", *first, *theirs, "", "- [ ] 1A.2 Ship it", *last)
    assert merged(whole, ONE, Section("Why", ONE.lines)) == text("mine", *first, *theirs, "- [ ] 1A.2 Ship it", *last)
    swapped = Section("", (SHIP, DRAFT))
    assert merged(whole, swapped, Section("Why", ONE.lines)) == text(
        "mine", "- [ ] 1A.2 Ship it", "", "last", "- [x] 1A.1 Draft the plan", "  - theirs", "", "- [ ] their own"
    )
    only = Section("", (SHIP,))
    assert merged(whole, only, Section("Why", ONE.lines)) == text(
        "mine", "- [ ] 1A.2 Ship it", "", "last", "  - theirs", "", "- [ ] their own"
    )


@pytest.mark.parametrize(
    ("whole", "before"), [("", ""), (" \n", ""), ("words \n\n", "words\n\n"), ("w\r\n", "w\r\n\r\n")]
)
def test_a_text_without_a_section_gets_one_at_its_end(whole: str, before: str) -> None:
    section = text("Why", "")
    if "\r" in whole:
        section = section.replace("\n", "\r\n")
    assert merged(whole, Section("Why"), Section()) == before + section
