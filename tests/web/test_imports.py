"""Importing a roadmap by page: looked at first, then stored, byte for byte, and refused in one line."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx
import pytest

from app.access import Role
from app.db import trees
from tests.api.house import ROADMAP
from tests.api.keys import Locked
from tests.web.test_pages import AT, HOSTILE, Outline, csrf, log_in, text

V, O = Role.VIEWER, Role.OPERATOR  # noqa: E741
GIVEN = {"programme": "small", "start": "2026-11-02", "time_zone": "UTC", "do": "look"}


def sent(client: httpx.Client, path: str, file: bytes | None = None, **fields: str) -> httpx.Response:
    """A form of that page as browsers send it: always with a part for the file."""
    parts: dict[str, Any] = {name: (None, value.encode()) for name, value in fields.items()}
    parts["file"] = ("roadmap.md" if file is not None else "", file or b"", "text/markdown")
    return client.post(path, files=parts)


def hidden(page: httpx.Response) -> dict[str, str]:
    """What the button that stores sends along."""
    form = page.text.partition('value="store"')[0].rpartition("<form")[2]
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    return {name: html.unescape(value) for name, value in found} | {"do": "store"}


def stored(locked: Locked) -> bytes:
    with locked.house.ctx.db.read() as session:
        version = trees.last_version(session, trees.get(session, "small"))
        assert version is not None
        return bytes(version.source)


def test_a_roadmap_is_looked_at_and_then_stored(locked: Locked) -> None:
    browser = log_in(locked, O)
    asked = browser.get("/import")
    right = {"csrf": csrf(asked)}
    looked = sent(browser, "/import", text=ROADMAP.replace("\n", "\r\n"), **right, **GIVEN)
    told = text(looked)
    assert looked.status_code == 200, told
    assert "small would be a new programme" in told
    assert "2 milestones, 3 tasks and 4 steps" in told
    assert "9 added" in told
    assert "1A Mobilisation" in told
    assert browser.get(AT).status_code == 404, "nothing is stored yet"
    done = sent(browser, "/import", **hidden(looked))
    assert (done.status_code, done.headers["location"]) == (303, f"{AT}?imported=1")
    assert "The roadmap is imported, as version 1." in text(browser.get(done.headers["location"]))
    assert "is imported" not in text(browser.get(f"{AT}?imported=1, and your password is asked for at evil.example"))
    assert stored(locked) == ROADMAP.encode()


@pytest.mark.parametrize(
    "document",
    [
        ROADMAP.encode(),
        ROADMAP.replace("\n", "\r\n").encode(),
        ROADMAP.encode().rstrip(),
        b"\xef\xbb\xbf" + ROADMAP.replace("Draw", "Зарисовка 漢 \u2028 \x0b").encode() + b"\r\n\r\n\n",
        ROADMAP.encode() + b"\n--boundary\nContent-Type: x\n\n--\n",
    ],
    ids=["as it is", "crlf", "no last line end", "odd characters", "like a boundary"],
)
def test_a_file_is_stored_byte_for_byte(locked: Locked, document: bytes) -> None:
    looked = sent(locked.people[O], "/import", document, **GIVEN)
    assert looked.status_code == 200, text(looked)
    assert sent(locked.people[O], "/import", **hidden(looked)).status_code == 303
    assert stored(locked) == document


def test_a_new_version_says_what_it_changes(locked: Locked) -> None:
    locked.house.ready()
    operator = locked.people[O]
    assert "A new version of small" in text(operator.get(f"{AT}/import"))
    assert f'href="{AT}/import"' in operator.get(AT).text
    changed = (
        ROADMAP.replace("Mobilisation", "Getting Going")
        .replace("    1. Draw the plan.\n", "")
        .replace("1. Lay bricks.", "1. Lay bricks.\n    2. Point the joints.")
        .replace("- **Objective:** Build up.", "- **Objective:** Build it up.\n- **Dependencies:** M9")
    )
    looked = sent(operator, f"{AT}/import", changed.encode(), do="look")
    told = text(looked)
    assert "small is there already, as version 1" in told
    for said in (
        "1 added",
        "2A.2 Point the joints.",
        "1 removed",
        "1B.1 Draw the plan.",
        "1 renamed",
        "1A Getting Going",
    ):
        assert said in told, said
    assert "1 reworded" in told
    assert re.search(r"1 warning Line \d+: .*M9", told), told
    done = sent(operator, f"{AT}/import", **hidden(looked))
    assert (done.status_code, done.headers["location"]) == (303, f"{AT}?imported=2")
    same = sent(operator, f"{AT}/import", changed.encode(), do="look")
    assert "No milestone, task or step is another one than before" in text(same)
    assert "version 2 stays" in text(same)


def test_what_came_in_meanwhile_is_looked_at_again(locked: Locked) -> None:
    locked.house.ready()
    operator = locked.people[O]
    looked = sent(operator, f"{AT}/import", ROADMAP.replace("Bricks", "Stones").encode(), do="look")
    other = ROADMAP.replace("Blueprint", "Drawings").encode()
    assert locked.house.api.post("/programmes/small/import", content=other).is_success
    late = sent(operator, f"{AT}/import", **hidden(looked))
    assert late.status_code == 409
    assert "Another version came in meanwhile" in text(late)
    assert "2 renamed" in text(late)
    assert stored(locked) == other
    assert sent(operator, f"{AT}/import", **hidden(late)).status_code == 303


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"text": "Nothing of a roadmap.\n"}, "Line 1: "),
        ({"text": ROADMAP.replace("Task 1B", "Task 1A")}, "Line 10: "),
        ({"text": " \r\n"}, "There is no roadmap in it. What to do: choose a file"),
        ({"programme": "No Name"}, "'No Name' can't name a programme"),
        ({"start": ""}, "When does 'small' start? What to do: give the first day of week 0."),
        ({"start": "2.11.2026"}, "'2.11.2026' is no day. What to do: give the first day of week 0 as YYYY-MM-DD"),
        ({"start": "2026-02-30"}, "There is no day 2026-02-30"),
        ({"time_zone": "Mars/Olympus"}, "There is no time zone 'Mars/Olympus'"),
        ({"do": "store", "document": "no base64!"}, "The document did not come whole"),
        ({"text": "x" * 1_000_000}, ""),
    ],
    ids=["nothing", "twice", "empty", "slug", "no start", "start", "day", "zone", "torn", "long"],
)
def test_what_is_wrong_is_one_line_and_what_was_typed_is_kept(locked: Locked, wrong: dict[str, str], line: str) -> None:
    given = GIVEN | {"text": ROADMAP} | wrong
    page = sent(locked.people[O], "/import", **given)
    assert page.status_code == 422
    assert page.headers["content-type"].startswith("text/html")
    assert line in text(page)
    assert f'name="programme" value="{html.escape(given["programme"])}"' in page.text
    assert f'name="start" type="date" value="{given["start"]}"' in page.text
    if given["do"] == "look" and given["text"].strip():
        kept = page.text.partition("<textarea")[2].partition(">\n")[2].partition("</textarea>")[0]
        assert html.unescape(kept) == given["text"]
    with locked.house.ctx.db.read() as session:
        assert trees.find(session, "small") is None


def test_a_file_that_cannot_be_is_refused(locked: Locked) -> None:
    for file in (b"\xff\xfe\x00", b"\x00" * 10):
        page = sent(locked.people[O], "/import", file, **GIVEN)
        assert page.status_code == 422, text(page)
    mail = {"file": ("a.eml", b"From: a\r\n\r\nb", "message/rfc822")}
    refused = locked.people[O].post("/import", data=GIVEN, files=mail)
    assert refused.status_code == 422
    assert "something else than text" in text(refused)
    assert locked.people[O].post("/import", data=GIVEN).status_code == 422, "no file can come that way"
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert locked.people[O].post("/import", content=b"--y\r\n", headers=broken).status_code == 422


def test_no_more_is_taken_than_may_be(locked: Locked) -> None:
    most = locked.house.settings.import_max_bytes
    large = sent(locked.people[O], "/import", b"# A\n" + b"x" * most, **GIVEN)
    assert large.status_code == 422
    assert f"{most}" in text(large)
    headers = {"Accept": "text/html", "Content-Type": "multipart/form-data; boundary=x"}
    larger = locked.people[O].post("/import", content=b"x" * (most * 2 + 1024 * 1024 + 1), headers=headers)
    assert larger.status_code == 413
    assert larger.headers["content-type"].startswith("text/html")


def test_only_operators_import_and_only_by_its_form(locked: Locked) -> None:
    locked.house.ready()
    before = locked.stored()
    for path in ("/import", f"{AT}/import"):
        assert locked.people[V].get(path).status_code == 403
        assert sent(locked.people[V], path, ROADMAP.encode(), **GIVEN).status_code == 403
    assert "/import" not in locked.people[V].get(AT).text
    assert "/import" not in locked.people[V].get("/").text
    browser = log_in(locked, O)
    for token in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
        refused = sent(browser, f"{AT}/import", ROADMAP.encode(), **(GIVEN | token))
        assert refused.status_code == 403
        assert "didn't come from a page of this session" in text(refused)
    after = locked.stored()
    assert {name: rows for name, rows in after.items() if name != "session"} == {
        name: rows for name, rows in before.items() if name != "session"
    }
    assert browser.get("/programmes/none/import").status_code == 404


def test_hostile_words_are_text(locked: Locked) -> None:
    document = ROADMAP.replace("Mobilisation", HOSTILE).replace("Lay the ground.", f"</textarea>{HOSTILE}")
    looked = sent(locked.people[O], "/import", document.encode(), **GIVEN)
    assert looked.status_code == 200, text(looked)
    bad = GIVEN | {"programme": HOSTILE, "start": HOSTILE, "time_zone": HOSTILE}
    for page in (looked, sent(locked.people[O], "/import", document.encode(), **bad)):
        assert Outline(page.text).bad == []
        assert "<img src=x" not in page.text
        assert page.text.count("</textarea>") == 1


def test_a_form_of_forms_of_forms_is_refused_in_a_line(locked: Locked) -> None:
    browser = log_in(locked, O)
    parts = (f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(3000))
    headers = {"Accept": "text/html", "Content-Type": "multipart/form-data; boundary=b0"}
    refused = browser.post("/import", content="".join(parts).encode(), headers=headers)
    assert refused.status_code == 422
    assert "The form can't be read" in text(refused)
