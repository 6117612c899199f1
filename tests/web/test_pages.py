"""The dashboard as a browser without scripts sees it: what is shown, to whom, and what its forms do."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import httpx
import pytest

from app.access import Role
from app.db import deliveries
from app.sync import reconcile
from tests.api.house import ROADMAP, until
from tests.api.keys import Locked

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
        "/programmes/no",
    ]
    for path in paths:
        outline = Outline(locked.people[A].get(path).text)
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
