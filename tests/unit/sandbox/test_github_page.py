"""The GitHub box's page for people, driven as a browser without JavaScript would."""

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from connectors.sandbox.github import GitHubBox, checklist
from connectors.sandbox.kit import Clock, serving

REPO = "/repos/acme/roadmap"
PAGE = "/acme/roadmap/issues/1"


@pytest.fixture
def clock() -> Clock:
    return Clock(-3600)


@pytest.fixture
def web(clock) -> Iterator[httpx.Client]:
    box = GitHubBox(clock=clock)
    with serving(box.app) as url, httpx.Client(base_url=url, trust_env=False, follow_redirects=True) as web:
        yield web
    box.close()


def api(web: httpx.Client, method: str, path: str, **fields) -> dict:
    answer = web.request(method, f"{REPO}/{path}", json=fields or None, headers={"Authorization": "Bearer t"})
    assert answer.status_code < 300, answer.text
    return answer.json()


def boxes(page: httpx.Response) -> list[tuple[str, str]]:
    """(value, label) of every box on the page."""
    found = re.findall(r'<button name="box" value="(\d+)" aria-label="([^"]*)"', page.text)
    return [(value, html.unescape(label)) for value, label in found]


class TestIssuePage:
    def test_a_box_is_ticked_and_only_its_mark_changes(self, web, clock):
        body = "<!-- milepost:begin -->\r\n- [ ] 1A.1 Draft\n- [x] 1A.2 Done\n<!-- milepost:u/1A -->\n"
        before = api(web, "POST", "issues", title="1A", body=body)
        page = web.get(PAGE)
        assert boxes(page) == [("0", "Tick 1A.1 Draft"), ("1", "Untick 1A.2 Done")]
        assert "milepost:u/1A" not in page.text.split('id="edit"')[0]
        clock.offset_seconds += 60
        assert boxes(web.post(PAGE, data={"box": "0"}))[0] == ("0", "Untick 1A.1 Draft")
        after = api(web, "GET", "issues/1")
        assert after["body"] == body.replace("[ ]", "[x]")
        assert after["updated_at"] > before["updated_at"]
        web.post(PAGE, data={"box": "1"})
        assert api(web, "GET", "issues/1")["body"].count("[x]") == 1

    def test_buttons_close_and_reopen(self, web):
        api(web, "POST", "issues", title="x")
        for action, state, reason in (
            ("close", "closed", "completed"),
            ("reopen", "open", "reopened"),
            ("skip", "closed", "not_planned"),
        ):
            assert web.post(PAGE, data={"action": action}).status_code == 200
            issue = api(web, "GET", "issues/1")
            assert (issue["state"], issue["state_reason"]) == (state, reason)
        assert "Not planned" in web.get(PAGE).text
        assert "Reopen" in web.get(PAGE).text

    def test_the_editor_saves_with_carriage_returns(self, web):
        api(web, "POST", "issues", title="x", body="one\ntwo")
        web.post(PAGE, data={"action": "edit", "title": " Better ", "body": "one\ntwo\r\nthree"})
        issue = api(web, "GET", "issues/1")
        assert (issue["title"], issue["body"]) == ("Better", "one\r\ntwo\r\nthree")

    def test_text_is_escaped(self, web):
        api(web, "POST", "issues", title="<script>alert(1)</script>", body="- [ ] <img src=x onerror=alert(1)>")
        for path in ("/acme/roadmap", PAGE, "/acme/roadmap/issues/new"):
            page = web.get(path).text
            assert "<script" not in page
            assert "<img" not in page

    def test_what_is_refused_says_why(self, web):
        api(web, "POST", "issues", title="x")
        answer = web.post(PAGE, data={"action": "edit", "title": "y" * 257, "body": ""})
        assert answer.status_code == 422
        assert "too long" in answer.text
        assert web.get("/acme/roadmap/issues/9").status_code == 404


def test_people_find_their_way_and_write_issues(web):
    api(web, "POST", "milestones", title="M1 — Start", due_on="2026-12-01T12:00:00Z")
    api(web, "POST", "issues", title="1A — Mobilise", milestone=1)
    assert "/acme/roadmap" in web.get("/").text
    assert "M1 — Start" in web.get("/acme/roadmap").text
    assert "1A — Mobilise" in web.get("/acme/roadmap/milestone/1").text
    form = {"title": "Found a gap", "body": "a\nb", "milestone": "1", "parent": "1"}
    made = web.post("/acme/roadmap/issues", data=form)
    assert made.url.path == "/acme/roadmap/issues/2"
    assert "1A — Mobilise" in made.text
    issue = api(web, "GET", "issues/2")
    assert (issue["milestone"]["number"], issue["body"]) == (1, "a\r\nb")
    assert issue["parent_issue_url"].endswith("/issues/1")
    assert "Found a gap" in web.get(PAGE).text


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("- [ ] a\n* [x] b\n+ [X] c\n1. [ ] d\n  - [ ] e", ["a", "b", "c", "d", "e"]),
        ("```\n- [ ] code\n```\n- [ ] a", ["a"]),
        ("<!--\n- [ ] hidden\n-->\n- [ ] a", ["a"]),
        ("- [] no\n-[ ] no\n- [ ]\n[ ] no\n- [y] no", []),
    ],
)
def test_which_lines_are_boxes(body, found):
    assert [line.text for line in checklist.read(body) if line.kind == "box"] == found


def test_ticking_what_is_not_there_changes_nothing():
    assert checklist.tick("- [ ] a", 3) == "- [ ] a"
