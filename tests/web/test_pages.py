"""The dashboard as a browser without scripts sees it: what is shown, to whom, and what its forms do."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from app.access import Role
from app.db import deliveries, revisions
from app.db.models import HistoryRow, MirrorRow, TargetRow, VersionRow
from app.sync import reconcile
from tests.api.house import ROADMAP, until
from tests.api.keys import Locked
from tests.sync.test_conflicts import ASK

V, O, A = Role.VIEWER, Role.OPERATOR, Role.ADMIN  # noqa: E741
AT = "/programmes/small"
HOSTILE = (
    "</title><script>alert(1)</script> <img src=x onerror=alert(2)> \u202egnol \N{FULLWIDTH LATIN CAPITAL LETTER W}"
)


def text(page: httpx.Response) -> str:
    """What is to be read on a page, without its tags, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def log_in(locked: Locked, role: Role) -> httpx.Client:
    assert locked.nobody.post("/login", data={"token": locked.token[role]}).status_code == 303
    return locked.nobody


def csrf(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert found is not None, page.text
    return found.group(1)


def pushed(locked: Locked) -> str:
    """The small programme in its tracker; gives the id of the run that made it."""
    house = locked.house
    house.ready(profile="github")
    run = house.apply(house.plan())
    reconcile.refresh(house.ctx, "hub")
    return str(run["run"])


class Outline(HTMLParser):
    """Headings by level, ids, and whatever scripts, handlers and styles stand in a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.bad: list[str] = []
        self.landmarks: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag in ("main", "header", "nav"):
            self.landmarks.append(tag)
        if values.get("id"):
            self.ids.append(values["id"] or "")
        if tag == "script" and not (values.get("src") or "").startswith("/static/"):
            self.bad.append("script")
        self.bad += [name for name in values if name.startswith("on") or name == "style"]
        self.bad += [u for u in (values.get("href"), values.get("src")) if u and u.startswith("javascript:")]


def test_the_programme_is_told_with_its_figures(locked: Locked) -> None:
    pushed(locked)
    house = locked.house
    house.close_issue("1B — Blueprint")
    reconcile.refresh(house.ctx, "hub")
    home = text(locked.people[V].get("/"))
    assert "Small Programme" in home
    assert "25 %" in home
    assert "1 of 4 done" in home
    page = locked.people[V].get(AT)
    told = text(page)
    assert "25 % 1 of 4 done" in told
    assert "1 of 3 done" in told  # M1
    assert "0 of 2 done, declared 12 % (−12.0)" in told  # 1A
    assert "1A.1 Draft the charter. : open" in told
    assert "1B.1 Draw the plan. : done" in told
    issues = {issue["title"]: issue["html_url"] for issue in house.issues()}
    assert f'href="{issues["1A — Mobilisation"]}"' in page.text
    assert f'href="{AT}/targets/hub"' in page.text
    alone = text(locked.people[V].get(f"{AT}/milestones/M1"))
    assert "1 of 3 done" in alone
    assert "2A" not in alone


def test_what_needs_attention_is_told(locked: Locked) -> None:
    house = locked.house
    late = ROADMAP.replace("- **Objective:** Build up.", "- **Objective:** Build up.\n- **Dependencies:** M1")
    assert house.api.post("/programmes/small/import", params={"start": "2020-01-06"}, content=late.encode()).is_success
    found = house.api.get("/programmes/small/status").json()
    assert [m["health"] for m in found["milestones"]] == ["late", "late"]
    told = text(locked.people[V].get(AT))
    assert "Late or at risk 2 M1 ■ Late" in told
    assert "Blocked 1 M2 waits for M1" in told
    house.target("hub")
    told = text(locked.people[V].get(AT))
    assert "Old figures. M1, M2 could not be read lately: never read" in told
    assert "hub (never read)" in told


def test_hostile_words_are_text_on_every_page(locked: Locked) -> None:
    house = locked.house
    roadmap = (
        ROADMAP.replace("Mobilisation", HOSTILE).replace("Small Programme", HOSTILE).replace("Foundations", HOSTILE)
    )
    made = house.api.post("/programmes/small/import", params={"start": "2026-11-02"}, content=roadmap.encode())
    assert made.is_success, made.text
    house.target("hub")
    plan = house.plan()
    run = house.apply(plan)["run"]
    paths = ["/", AT, f"{AT}/milestones/M1", f"{AT}/targets/hub", f"{AT}/plans/{plan}", f"{AT}/runs/{run}"]
    for path in [*paths, f"{AT}/milestones/{HOSTILE.replace('/', '')}", "/programmes/%3Cscript%3E"]:
        page = locked.people[A].get(path)
        assert page.status_code in (200, 404), page.text
        outline = Outline(page.text)
        assert outline.bad == [], path
        assert "<img src=x" not in page.text
    assert locked.people[A].get(AT).text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4


def test_every_page_has_landmarks_and_headings_in_order(locked: Locked) -> None:
    run = pushed(locked)
    plan = locked.house.plan()
    paths = [
        "/",
        AT,
        f"{AT}/milestones/M1",
        f"{AT}/targets/hub",
        f"{AT}/plans/{plan}",
        f"{AT}/runs/{run}",
        f"{AT}/import",
        "/import",
        "/docs",
        "/programmes/no",
        "/nowhere",
    ]
    for path in paths:
        outline = Outline(locked.people[A].get(path, headers={"Accept": "text/html"}).text)
        assert outline.levels[0] == 1, path
        assert all(after - before <= 1 for before, after in zip(outline.levels, outline.levels[1:], strict=False)), path
        assert outline.levels.count(1) == 1, path
        assert len(set(outline.ids)) == len(outline.ids), path
        assert outline.landmarks.count("main") == 1, path


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/programmes/none", "There is no programme"),
        (f"{AT}/milestones/M9", "has no milestone"),
        (f"{AT}/targets/none", "has no target"),
        (f"{AT}/plans/none", "has no plan"),
        (f"{AT}/runs/none", "has no run"),
    ],
)
def test_what_is_unknown_is_a_page_that_says_so(locked: Locked, path: str, line: str) -> None:
    locked.house.ready()
    page = locked.people[A].get(path)
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert line in text(page)
    assert "Traceback" not in page.text


def test_what_is_no_page_is_said_on_one(locked: Locked) -> None:
    locked.house.ready()
    browser, html_ = locked.people[V], {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/nowhere", "/programmes/", f"{AT}/more", "/static/none.css", "/nowhere/%3Cscript%3E", "/a%00b"):
        page = browser.get(path, headers=html_)
        assert page.status_code == 404, path
        assert page.headers["content-type"].startswith("text/html"), path
        assert 'href="/"' in page.text
        assert "<script>" not in page.text
    assert "There is no page /nowhere." in text(browser.get("/nowhere", headers=html_))
    wrong = browser.get(f"{AT}/runs/none/cancel", headers=html_)
    assert (wrong.status_code, "is nothing to look at" in text(wrong)) == (405, True)
    assert wrong.headers["content-type"].startswith("text/html")
    for path in ("/api/v1/nowhere", "/api", "/webhooks/nowhere"):
        assert browser.get(path, headers=html_).headers["content-type"] == "application/problem+json", path
    for accept in ("*/*", "application/json"):
        told = browser.get("/nowhere", headers={"Accept": accept})
        assert (told.status_code, told.json()["type"]) == (404, "not-found")


def test_what_fails_unexpectedly_is_a_page_without_its_words(locked: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("a-word-of-the-inside")

    locked.house.ready()
    monkeypatch.setattr("app.sync.status.standing", fails)
    page = locked.people[V].get(AT, headers={"Accept": "text/html"})
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (500, "text/html")
    assert "it is in the service's log" in text(page)
    assert "a-word-of-the-inside" not in page.text


def aged(locked: Locked, days: int) -> None:
    """What was recorded, and imported, was so many days ago."""
    with locked.house.ctx.db.write() as session:
        for point in session.exec(select(HistoryRow)):
            point.day -= timedelta(days=days)
        for version in session.exec(select(VersionRow)):
            version.imported_at -= timedelta(days=days)
            revisions.touch(session, version.programme_id)


def test_what_changed_this_week_is_told(locked: Locked) -> None:
    pushed(locked)
    house, viewer = locked.house, locked.people[V]
    assert "a week ago: the first figures are of" in text(viewer.get(AT))
    aged(locked, 9)
    house.close_issue("1B — Blueprint")
    reconcile.refresh(house.ctx, "hub")
    told = text(viewer.get(AT)).partition("What changed this week")[2].partition("Milestones measured")[0]
    assert "Tasks finished 1 1B Blueprint" in told
    assert "All 0 % → 25 % (+25.0)" in told
    assert "M1 0 % → 33.3 % (+33.3)" in told
    assert "No work was added or removed." in told
    assert "No window ends on another day." in told
    later = ROADMAP.replace("Weeks 2–4", "Weeks 2–6").replace(
        "    1. Lay bricks.\n", "    1. Lay bricks.\n    2. More.\n"
    )
    assert house.api.post("/programmes/small/import", content=later.encode()).is_success
    told = text(viewer.get(AT))
    assert "All 1 added, 0 removed M2 1 added, 0 removed" in told
    assert "M2 14 days later 30 Nov 2026 → 14 Dec 2026" in told


def test_defects_are_told_by_severity_with_those_past_their_time(locked: Locked, tmp_path: Path) -> None:
    house, viewer = locked.house, locked.people[V]
    house.ready(profile="github")
    assert "Defects" not in text(viewer.get(AT)), "the profile names no severities"
    file = tmp_path / "severe.toml"
    file.write_text(ASK + '[defects]\nlabels = { "sev 1" = 1, "sev 2" = 2 }\ndays = [2]\n')
    with house.ctx.db.write() as session:
        for row in session.exec(select(TargetRow)):
            row.profile = str(file)
    house.apply(house.plan())
    reconcile.refresh(house.ctx, "hub")
    assert "No issue has a severity." in text(viewer.get(AT))
    (m1,) = [m["number"] for m in house.tracker.get(f"/repos/{house.repo}/milestones").json() if "M1" in m["title"]]
    for label, title in (("sev 1", HOSTILE), ("sev 1", "Fixed"), ("sev 2", "Small")):
        body = {"title": title, "labels": [label], "milestone": m1}
        house.tracker.post(f"/repos/{house.repo}/issues", json=body).raise_for_status()
    house.close_issue("Fixed")
    reconcile.refresh(house.ctx, "hub")
    told = text(viewer.get(AT))
    assert "Severity 1 1 0 1 2 days Severity 2 1 0 0 any time" in told
    assert "None is past its time." in told
    with house.ctx.db.write() as session:
        for item in session.exec(select(MirrorRow)):
            if item.created_at:
                item.created_at -= timedelta(days=5)
                revisions.touch_of(session, item.target_id)
    page = viewer.get(AT)
    for told in (text(page), text(viewer.get(f"{AT}/milestones/M1"))):
        assert "Severity 1 1 1 1 2 days Severity 2 1 0 0 any time" in told
        assert "Past their time 1" in told
        assert "open for 5 days: 3 too many" in told
    assert "No issue has a severity." in text(viewer.get(f"{AT}/milestones/M2"))
    assert Outline(page.text).bad == []
    assert f"/api/v1{AT}/defects.svg" in page.text
    drawn = viewer.get(f"/api/v1{AT}/defects.svg", params={"node": "M1"})
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert "2 open: 1 severity 1, 1 severity 2." in drawn.text


def test_a_run_is_taken_back(locked: Locked) -> None:
    house = locked.house
    run = pushed(locked)
    made = [issue["title"] for issue in house.issues()]
    browser = log_in(locked, O)
    page = browser.get(f"{AT}/runs/{run}")
    assert "Plan its undoing" in text(page)
    right = {"csrf": csrf(page)}
    planned = browser.post(f"{AT}/runs/{run}/undo", data=right)
    assert planned.status_code == 303
    review = browser.get(planned.headers["location"])
    assert f"to take back the run {run}" in text(review)
    assert [issue["title"] for issue in house.issues()] == made, "nothing is written before it is applied"
    allow = dict(re.findall(r'name="(max_changes)" value="(\d+)"', review.text))
    begun = browser.post(f"{planned.headers['location']}/apply", data=right | allow)
    ended = house.run(begun.headers["location"].rpartition("/")[2])
    assert ended["state"] == "done"
    assert house.issues() == []
    assert f"It takes back the run {run}" in text(browser.get(begun.headers["location"]))
    again = browser.post(f"{AT}/runs/{run}/undo", data=right)
    assert again.status_code == 409
    assert f"Nothing of run {run} is left to take back" in text(again)
    assert browser.post(f"{AT}/runs/none/undo", data=right).status_code == 404


def test_nobody_comes_in_without_a_token(locked: Locked) -> None:
    locked.house.ready()
    sent = locked.nobody.get(AT, headers={"Accept": "text/html"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/programmes/small")
    assert locked.nobody.get(AT).status_code == 401
    assert locked.nobody.post(f"{AT}/targets/hub/refresh").status_code == 401


def forms(locked: Locked, run: str) -> dict[str, dict[str, str]]:
    """Every form of the dashboard and what it sends, under names that there are."""
    house = locked.house
    plan = house.plan()
    target_id = house.api.get("/programmes/small/targets/hub").json()["id"]
    with house.ctx.db.write() as session:
        deliveries.keep_missed(session, target_id, "call-1", "issues", house.ctx.now(), relevant=True)
    (call, *_) = house.api.get("/programmes/small/targets/hub/deliveries").json()["items"]
    return {
        f"{AT}/targets/hub/refresh": {},
        f"{AT}/targets/hub/plans": {},
        f"{AT}/targets/hub/conflicts": {"key": "1A", "field": "title", "take": "tracker"},
        f"{AT}/deliveries/{call['id']}/retry": {},
        f"{AT}/deliveries/{call['id']}/discard": {},
        f"{AT}/plans/{plan}/apply": {},
        f"{AT}/runs/{run}/cancel": {},
        f"{AT}/runs/{run}/undo": {},
    }


def test_a_viewer_sees_no_button_and_may_write_nothing(locked: Locked) -> None:
    run = pushed(locked)
    sent = forms(locked, run)
    browser = log_in(locked, V)
    page = browser.get(f"{AT}/targets/hub")
    assert page.status_code == 200
    assert "Refresh now" not in page.text
    assert "Deliveries" not in page.text
    before = locked.stored()
    for path, fields in sent.items():
        refused = browser.post(path, data={"csrf": csrf(page), **fields})
        assert refused.status_code == 403, path
        assert "This needs the role operator" in text(refused)
    for path in (f"{AT}/plans/none", f"{AT}/runs/{run}"):
        assert browser.get(path).status_code == 403
    assert locked.stored() == before


def test_no_form_does_anything_without_its_csrf(locked: Locked) -> None:
    sent = forms(locked, pushed(locked))
    browser = log_in(locked, O)
    before = locked.stored()
    for path, fields in sent.items():
        for given in ({}, {"csrf": ""}, {"csrf": "0" * 64}):
            refused = browser.post(path, data=given | fields)
            assert refused.status_code == 403, path
            assert "didn't come from a page of this session" in text(refused)
    assert locked.stored() == before


def test_an_operator_plans_reviews_and_applies(locked: Locked) -> None:
    house = locked.house
    house.ready()
    browser = log_in(locked, O)
    right = {"csrf": csrf(browser.get(f"{AT}/targets/hub"))}
    planned = browser.post(f"{AT}/targets/hub/plans", data=right)
    assert planned.status_code == 303
    review = browser.get(planned.headers["location"])
    assert "title (nothing) 1A — Mobilisation" in text(review)
    writes = int(re.search(r"Apply (\d+) change", review.text).group(1))  # type: ignore[union-attr]
    assert house.issues() == []
    begun = browser.post(f"{planned.headers['location']}/apply", data=right)
    assert begun.status_code == 303
    run = begun.headers["location"]

    def over() -> httpx.Response | None:
        page = browser.get(run)
        return page if "▶" not in page.text else None

    ended = text(until(over))
    assert f"{writes} of {writes} {writes} done" in ended
    assert "by operator" in ended
    assert "1A — Mobilisation" in [issue["title"] for issue in house.issues()]
    assert "It was applied" in text(browser.get(planned.headers["location"]))
    late = browser.post(f"{run}/cancel", data=right)
    assert late.status_code == 409
    assert "is over: done" in text(late)


def test_a_large_change_is_asked_about(locked: Locked) -> None:
    house = locked.house
    pushed(locked)
    more = "".join(f"  - **Task 2{letter} — Wall {letter}**\n    1. Build.\n" for letter in "BCDEFGHIJ")
    house.api.post("/programmes/small/import", content=(ROADMAP + more).encode())
    house.apply(house.plan())
    house.api.post("/programmes/small/import", content=(ROADMAP + more).replace("Wall ", "Big wall ").encode())
    plan = house.plan()
    page = locked.people[O].get(f"{AT}/plans/{plan}")
    found = re.search(r"It changes (\d+) of (\d+) objects that Milepost manages \((\d+) %\)", text(page))
    assert found is not None, text(page)
    touching, managed, share = map(int, found.groups())
    assert (touching, share > 30) == (9, True)
    assert f"Yes, change {touching} of {managed} objects" in text(page)
    refused = locked.people[O].post(f"{AT}/plans/{plan}/apply")
    assert refused.status_code == 409
    assert f"changes {touching} of {managed} managed objects" in text(refused)
    (allow,) = re.findall(r'name="max_changes" value="(\d+)"', page.text)
    assert locked.people[O].post(f"{AT}/plans/{plan}/apply", data={"max_changes": allow}).status_code == 303
    assert locked.people[O].post(f"{AT}/plans/{plan}/apply", data={"max_changes": "101"}).status_code == 422


def test_deliveries_are_retried_and_discarded(locked: Locked) -> None:
    run = pushed(locked)
    (retry,) = [path for path in forms(locked, run) if path.endswith("/retry")]
    operator = locked.people[O]
    assert "1 waiting" in text(operator.get(f"{AT}/targets/hub"))
    gone = operator.post(retry.replace("retry", "discard"))
    assert (gone.status_code, gone.headers["location"]) == (303, f"{AT}/targets/hub?done=discard")
    told = text(operator.get(gone.headers["location"]))
    assert "1 discarded" in told
    assert "asks for nothing any more" in told
    assert operator.post(retry).status_code == 303
    assert operator.post(retry.replace("retry", "explode")).status_code == 404


def test_a_tracker_that_fails_is_one_line(locked: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    locked.house.ready()
    monkeypatch.delenv("GITHUB_TOKEN")
    page = locked.people[O].post(f"{AT}/targets/hub/plans")
    assert page.status_code == 409
    assert "The environment variable GITHUB_TOKEN is not set" in text(page)
    assert "What to do: export GITHUB_TOKEN" in text(page)
