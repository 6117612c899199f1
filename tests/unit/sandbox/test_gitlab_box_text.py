"""What GitLab does to text: quick actions, mentions, checklists, milestone titles."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from connectors.sandbox.gitlab import GitLabBox, text
from connectors.sandbox.kit import serving

ISSUES = "/api/v4/projects/acme%2Fapp/issues"


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    box = GitLabBox()
    with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False, headers={"PRIVATE-TOKEN": "t"}) as client:
        client.post("/api/v4/projects/acme%2Fapp/labels", json={"name": "big one", "color": "#000000"})
        client.post("/api/v4/projects/acme%2Fapp/milestones", json={"title": "M1 — start"})
        yield client
    box.close()


@pytest.mark.parametrize(
    ("sent", "stored", "commands"),
    [
        ("/close", "", ["close"]),
        ("hello\n/close\nworld", "hello\nworld", ["close"]),
        ("hello\n/CLOSE   \n\nworld", "hello\nworld", ["close"]),
        ("hello\r\n\r\n/close\r\n", "hello", ["close"]),
        ("a\n/assign @joe\n/due 2026-01-01\nb", "a\nb", ["assign", "due"]),
        ("<!-- begin -->\n/close\n<!-- end -->", "<!-- begin -->\n<!-- end -->", ["close"]),
        ("- a\n\n/close", "- a", ["close"]),
        ("/shrug why", "¯\\＿(ツ)＿/¯ why", []),
        # Left alone
        ("see /close", "see /close", []),
        ("/closed", "/closed", []),
        ("/close@me", "/close@me", []),
        ("/unheard of", "/unheard of", []),
        ("/cc @ann", "/cc @ann", []),
        ("  /close", "  /close", []),
        ("`/close`", "`/close`", []),
        ("a `b\n/close\nc` d", "a `b\n/close\nc` d", []),
        ("```\n/close\n```", "```\n/close\n```", []),
        ("    /close", "    /close", []),
        ("> /close", "> /close", []),
        (">>>\n/close\n>>>", ">>>\n/close\n>>>", []),
        ("<div>\n/close\n</div>", "<div>\n/close\n</div>", []),
        ("<!--\n/close\n-->", "<!--\n/close\n-->", []),
        ("- /close", "- /close", []),
        ("- a\n/close", "- a\n/close", []),
        ("\\/close", "\\/close", []),
        # White space
        ("a  \r\nb \n\n", "a  \nb", []),
        ("", "", []),
    ],
)
def test_quick_actions(sent: str, stored: str, commands: list[str]) -> None:
    kept, found = text.extract(sent)
    assert (kept, [c.name for c in found]) == (stored, commands)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/close", {"state": "closed"}),
        ('/label ~"big one" ~unknown', {"labels": ["big one", "x"]}),
        ("/unlabel ~x", {"labels": []}),
        ("/relabel ~x", {"labels": ["x"]}),
        ("/title Renamed by text", {"title": "Renamed by text"}),
        ("/due 2027-01-02", {"due_date": "2027-01-02"}),
        ("/remove_due_date", {"due_date": None}),
        ('/milestone %"M1 — start"', {"milestone": "M1 — start"}),
        ("/confidential", {"confidential": True}),
        ("/lock", {"discussion_locked": True}),
        ("/weight 3", {"state": "opened"}),
    ],
)
def test_they_act_on_update(api: httpx.Client, line: str, expected: dict) -> None:
    made = api.post(ISSUES, json={"title": "T", "labels": "x", "due_date": "2026-12-01"}).json()
    answer = api.put(f"{ISSUES}/{made['iid']}", json={"description": f"text\n{line}"}).json()
    if "milestone" in expected:
        answer["milestone"] = answer["milestone"]["title"]
    assert answer["description"] == "text"
    assert {name: answer[name] for name in expected} == expected


def test_on_create_some_act_and_all_go(api: httpx.Client) -> None:
    """`/close` and `/title` need an issue that is there already; `/label`, `/due` and `/confidential` do not."""
    sent = 'text\n/close\n/title Other\n/label ~"big one"\n/due 2027-01-02\n/confidential'
    made = api.post(ISSUES, json={"title": "T", "description": sent}).json()
    names = ("title", "description", "state", "labels", "due_date", "confidential")
    assert [made[name] for name in names] == ["T", "text", "opened", ["big one"], "2027-01-02", True]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("hi @ann, (@bob) and @all.", ["ann", "bob", "all"]),
        ("- [ ] ask @ann-marie", ["ann-marie"]),
        ("<p>@ann</p>", ["ann"]),
        ("&#64;ann", ["ann"]),
        ("`@ann`\n\n```\n@bob\n```\n\n    @cleo", []),
        ("<!-- @ann --> <code>x</code>", []),
        ("\\@ann mail a@b.example [@bob](http://x.example)", []),
        ("@\u200bann", []),
    ],
)
def test_mentions(content: str, names: list[str]) -> None:
    assert text.mentions(content) == names


def test_checklists() -> None:
    content = "- [ ] a\n  * [x] b\n1. [X] c\n- [ ]d\n```\n- [ ] e\n```\n> - [ ] f\n<!--\n- [ ] g\n-->\n"
    assert [(t.label, t.done) for t in text.tasks(content)] == [("a", False), ("b", True), ("c", True), ("f", False)]
    assert text.toggle(content, 2) == content.replace("[X] c", "[ ] c")
    with pytest.raises(IndexError):
        text.toggle(content, 4)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("<b>M1</b> — Start", "M1 — Start"),
        ("A &amp; B < C", "A & B < C"),
        ("1 <2 and 3> 2", "1 <2 and 3> 2"),
        (" M1 ", "M1"),
        ("<script>x</script>", "x"),
    ],
)
def test_milestone_titles(sent: str, stored: str) -> None:
    assert text.plain_title(sent) == stored
