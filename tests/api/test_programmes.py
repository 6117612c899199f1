"""Programmes over HTTP: import, tree, status, export, lists, and every refusal."""

from __future__ import annotations

import time
from typing import Any

import pytest

from app.sync import reconcile
from tests.api.house import ROADMAP, House

IMPORT = "/programmes/small/import"
START = {"start": "2026-11-02"}


def test_an_import_answers_with_what_it_found_and_a_second_with_what_changed(house: House) -> None:
    dry = house.api.post(IMPORT, params={**START, "dry_run": "true"}, content=ROADMAP.encode())
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
    assert house.api.get("/programmes").json() == {"items": [], "next_cursor": None}

    first = house.api.post(
        IMPORT, params=START, content=ROADMAP.encode(), headers={"Content-Type": "text/markdown; charset=utf-8"}
    ).json()
    assert {name: first[name] for name in ("programme", "version", "milestones", "tasks", "steps", "dry_run")} == {
        "programme": "small",
        "version": 1,
        "milestones": 2,
        "tasks": 3,
        "steps": 4,
        "dry_run": False,
    }
    assert "M1" in first["added"]

    renamed = ROADMAP.replace("Lay bricks.", "Lay red bricks.")
    second = house.api.post(IMPORT, content=renamed.encode()).json()
    assert (second["version"], second["added"], second["removed"]) == (2, [], [])


@pytest.mark.parametrize(
    ("slug", "params", "content", "status", "type_"),
    [
        ("small", START, b"nothing of a roadmap", 422, "roadmap-refused"),
        ("small", START, b"", 422, "roadmap-refused"),
        ("small", {}, ROADMAP.encode(), 422, "start-needed"),
        ("Not a slug", START, ROADMAP.encode(), 422, "bad-slug"),
        ("small", {"start": "20261102"}, ROADMAP.encode(), 422, "invalid-request"),
        ("small", {"start": "0"}, ROADMAP.encode(), 422, "invalid-request"),
        ("small", {"start": "2026-13-02"}, ROADMAP.encode(), 422, "invalid-request"),
        ("small", {**START, "dry_run": "perhaps"}, ROADMAP.encode(), 422, "invalid-request"),
        ("small", {**START, "title": "  "}, ROADMAP.encode(), 422, "invalid-request"),
        ("small", START, b"#" * 100_001, 413, "too-large"),
    ],
)
def test_an_import_is_refused_with_its_reason_and_stores_nothing(
    house: House, slug: str, params: dict[str, str], content: bytes, status: int, type_: str
) -> None:
    answer = house.api.post(f"/programmes/{slug}/import", params=params, content=content)
    assert (answer.status_code, answer.json()["type"]) == (status, type_)
    assert answer.headers["content-type"] == "application/problem+json"
    assert house.api.get("/programmes").json()["items"] == []


def test_a_refused_roadmap_names_its_lines(house: House) -> None:
    problem = house.api.post(IMPORT, params=START, content=ROADMAP.replace("M2", "M1").encode()).json()
    assert problem["type"] == "roadmap-refused"
    assert problem["problems"]
    assert all(set(each) == {"line", "message"} and each["line"] > 0 for each in problem["problems"])


def test_a_body_without_a_length_is_capped_while_it_is_read(house: House) -> None:
    def endless() -> object:
        for _ in range(200):
            yield b"x" * 1000

    answer = house.api.post(IMPORT, params=START, content=endless())  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["type"]) == (413, "too-large")


def test_a_programme_is_shown_renamed_and_removed(house: House) -> None:
    house.ready()
    shown = house.api.get("/programmes/small").json()
    assert (shown["programme"], shown["title"], shown["start"], shown["version"]) == (
        "small",
        "Small Programme",
        "2026-11-02",
        1,
    )
    assert house.api.patch("/programmes/small", json={"title": " Larger "}).json()["title"] == "Larger"
    assert house.api.get("/programmes/small/status").json()["title"] == "Larger"
    assert house.api.delete("/programmes/small").status_code == 204
    assert house.api.get("/programmes/small").status_code == 404
    assert house.api.get("/programmes").json()["items"] == []


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "x", "start": "2026-01-01"}, {"title": "a\u0000b"}])
def test_a_change_that_says_nothing_or_too_much_is_refused(house: House, body: dict[str, str]) -> None:
    house.ready()
    answer = house.api.patch("/programmes/small", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "invalid-request")
    assert answer.json()["errors"][0]["field"].startswith("body")


def test_the_tree_is_what_the_roadmap_declares(house: House) -> None:
    house.ready()
    tree = house.api.get("/programmes/small/tree").json()
    (first, second) = tree["milestones"]
    assert (tree["version"], first["key"], second["key"]) == (1, "M1", "M2")
    assert first["objective"] == "Lay the ground."
    assert first["window"] == {"start": "2026-11-02", "end": "2026-11-16", "text": "Weeks 0–2"}
    assert first["tasks"][0]["declared_percent"] == 12.0
    assert [step["key"] for step in first["tasks"][0]["steps"]] == ["1A.1", "1A.2"]
    assert first["tasks"][0]["steps"][0]["title"] == "Draft the charter."


def test_the_status_is_the_commands_document_and_a_milestone_a_part_of_it(house: House) -> None:
    house.ready()
    house.apply(house.plan())
    status = house.api.get("/programmes/small/status").json()
    assert (status["programme"], status["total"], status["done"], status["source"]) == ("small", 4, 0, "measured")
    assert house.api.get("/programmes/small/milestones/M1").json() == status["milestones"][0]


def test_the_roadmap_comes_back_byte_for_byte(house: House) -> None:
    house.ready()
    answer = house.api.get("/programmes/small/roadmap.md")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.content == ROADMAP.encode()


READS = ["", "/tree", "/status", "/milestones/M1", "/roadmap.md", "/targets", "/targets/hub", "/runs"]


@pytest.mark.parametrize("path", READS)
def test_reads_carry_an_etag_and_are_not_sent_twice(house: House, path: str) -> None:
    house.ready()
    first = house.api.get(f"/programmes/small{path}")
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag.removeprefix('W/')}", f'"other", {tag}', "*"):
        again = house.api.get(f"/programmes/small{path}", headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    changed = house.api.get(f"/programmes/small{path}", headers={"If-None-Match": '"other"'})
    assert (changed.status_code, changed.content) == (200, first.content)


def test_an_etag_changes_with_the_content(house: House) -> None:
    house.ready()
    before = house.api.get("/programmes/small/status").headers["etag"]
    house.api.patch("/programmes/small", json={"title": "Other"})
    assert house.api.get("/programmes/small/status", headers={"If-None-Match": before}).status_code == 200


@pytest.mark.parametrize("path", ["/status", "/milestones/M1", "/report.json", "/report.md"])
def test_an_etag_is_the_same_while_only_the_time_of_the_last_read_changes(house: House, path: str) -> None:
    house.ready()

    def read(given: str = "") -> Any:
        reconcile.refresh(house.ctx, "hub")
        return house.api.get(f"/programmes/small{path}", headers={"If-None-Match": given} if given else {})

    reconcile.apply_plan(house.ctx, "hub")
    read()
    first = read()
    time.sleep(1.1 if first.headers["milepost-as-of"] == read().headers["milepost-as-of"] else 0)
    again = read(first.headers["etag"])
    assert (again.status_code, again.headers["etag"]) == (304, first.headers["etag"])
    assert again.headers["milepost-as-of"] > first.headers["milepost-as-of"]
    house.close_issue(min(house.issues(), key=lambda issue: issue["number"])["title"])
    changed = read(first.headers["etag"])
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("path", [path for path in READS if path != "/targets/hub"])
def test_an_unknown_programme_is_404_everywhere(house: House, path: str) -> None:
    answer = house.api.get(f"/programmes/nowhere{path}")
    assert (answer.status_code, answer.json()["type"]) == (404, "programme-unknown")
    assert answer.json()["instance"] == f"/api/v1/programmes/nowhere{path}"


def test_an_unknown_milestone_is_404_and_says_which_there_are(house: House) -> None:
    house.ready()
    answer = house.api.get("/programmes/small/milestones/M9")
    assert (answer.status_code, answer.json()["type"], answer.json()["hint"]) == (
        404,
        "milestone-unknown",
        "there are: M1, M2",
    )


def test_lists_go_in_pages(house: House) -> None:
    for slug in ("c", "a", "b"):
        house.api.post(f"/programmes/{slug}/import", params=START, content=ROADMAP.encode())
    seen, cursor = [], None
    for _ in range(3):
        params = {"limit": "1"} | ({"cursor": cursor} if cursor else {})
        page = house.api.get("/programmes", params=params).json()
        seen += [item["programme"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert (seen, cursor) == (["a", "b", "c"], None)


@pytest.mark.parametrize(
    ("params", "type_"),
    [
        ({"limit": "0"}, "invalid-request"),
        ({"limit": "201"}, "invalid-request"),
        ({"limit": "many"}, "invalid-request"),
        ({"cursor": "***"}, "bad-cursor"),
        ({"cursor": "_w"}, "bad-cursor"),
    ],
)
def test_bad_paging_is_refused(house: House, params: dict[str, str], type_: str) -> None:
    answer = house.api.get("/programmes", params=params)
    assert (answer.status_code, answer.json()["type"]) == (422, type_)
