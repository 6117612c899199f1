"""What roadmap words look like once they can't act."""

from __future__ import annotations

import pytest

from mappings.harmless import harmless

APART = "\u200b"


@pytest.mark.parametrize(
    ("reason", "text", "want"),
    [
        ("nothing to do", "plain words,\r\nand more  \rend", "plain words,\nand more\nend"),
        ("a name", "ask @bob.", "ask `@bob.`"),
        ("names in a row", "@bob,@eve", "`@bob`,`@eve`"),
        ("a name before code", "@bob`x`", f"@{APART}bob`x`"),
        ("a name after code", "`x`@bob", f"`x`@{APART}bob"),
        ("a name after a backslash", "\\@bob", f"\\@{APART}bob"),
        ("a name before a letter and code", "@bob `x`", "`@bob` `x`"),
        ("a name at a line's end", "ask @bob", "ask `@bob`"),
        ("a name in code", "`ask @bob`, @eve", "`ask @bob`, `@eve`"),
        ("a name where ticks don't pair", "`odd @bob", f"`odd @{APART}bob"),
        ("a name where a tick is escaped", "\\` @bob `", f"\\` @{APART}bob `"),
        ("a name where a line before has an odd tick", "`\n@bob", f"`\n@{APART}bob"),
        ("an address", "me@example.com", "me@example.com"),
        ("an action", "/close now", "`/close` now"),
        ("an action, indented", "  /close", "  `/close`"),
        ("no action", "and /close", "and /close"),
        ("a path", "/1", "/1"),
        ("a marker", "a <!-- milepost:p/1A -->", f"a <{APART}!-- milepost:p/1A -->"),
        ("a box", "- [ ] x", "- \\[ ] x"),
        ("a box in a quotation", "> 1. [x] y", "> 1. \\[x] y"),
        ("brackets", "see [x]", "see [x]"),
        ("a closed fence", "```\n@bob\n/close\n- [ ] x\n```\n@eve", "```\n@bob\n/close\n- \\[ ] x\n```\n`@eve`"),
        ("words before a fence", "@bob\n\n```\n@eve\n```", "`@bob`\n\n```\n@eve\n```"),
        ("a fence that is not closed", "  ```\n@bob", f"  \\```\n@{APART}bob"),
        ("a fence of waves that is not closed", "~~~\n@bob", "\\~~~\n`@bob`"),
        ("a fence inside one that is not closed", "~~~~\n~~~\n@bob", "\\~~~~\n\\~~~\n`@bob`"),
        ("a fence of waves, closed, is no code to GitLab", "~~~\n@bob\n~~~", "~~~\n`@bob`\n~~~"),
        ("a fence with a language", "```sh\n@bob\n```", "```sh\n@bob\n```"),
    ],
)  # fmt: skip
def test_words(reason: str, text: str, want: str) -> None:
    assert harmless(text) == want, reason


def test_where_mentions_may_notify_only_they_are_let_through() -> None:
    assert harmless("ask @bob\n/close\n- [ ] <!-- x", mentions=True) == f"ask @bob\n`/close`\n- \\[ ] <{APART}!-- x"
    assert harmless("`odd @bob", mentions=True) == "`odd @bob"
