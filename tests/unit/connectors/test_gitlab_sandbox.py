"""The GitLab connector against GitLab in a box, over real HTTP: what is written is what is read."""

from __future__ import annotations

import base64
import queue
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from app.core.plan import Desired, Observed, Shape
from connectors.base import (
    BadSignature,
    FieldProblem,
    NotFound,
    Observation,
    Place,
    Rejected,
    Secret,
    Unauthorized,
    Unsupported,
)
from connectors.gitlab import GitLab, open_gitlab, parse_delivery
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Clock, Options, serving

PATH = "team/sub/road"
TOKENS = Options(tokens=("glpat-right",), read_only=("glpat-read",))


@dataclass
class Boxed:
    box: GitLabBox
    clock: Clock
    url: str

    def open(self, token: str = "glpat-right", path: str = PATH) -> GitLab:
        return open_gitlab(Place("gitlab", self.url, path, Secret(token)))


@pytest.fixture
def boxed() -> Iterator[Boxed]:
    clock = Clock(offset_seconds=-3_600)  # GitLab's clock is not ours
    box = GitLabBox(TOKENS, clock)
    with serving(box.app) as url:
        yield Boxed(box, clock, url)
    box.close()


@pytest.fixture
def gitlab(boxed: Boxed) -> Iterator[GitLab]:
    opened = boxed.open()
    yield opened
    opened.close()


def want(shape: Shape, title: str, **fields: Any) -> Desired:
    return Desired(1, title, "task", shape, {"title": title} | fields)


def found(seen: Observation) -> dict[str, Observed]:
    assert (seen.complete, seen.problem) == (True, "")
    return {item.title: item for item in seen.objects}


def test_milestones_issues_and_children_come_back_as_they_were_made(gitlab: GitLab) -> None:
    m1 = gitlab.create(
        want("milestone", "M1", description="why", start=date(2026, 11, 2), due=date(2026, 11, 16), state="open"), {}
    )
    m2 = gitlab.create(want("milestone", "M2", state="closed"), {})
    refs = {"M1": m1.ref, "M2": m2.ref}
    task = gitlab.create(want("issue", "1A", description="text", milestone="M1", labels=("epic",)), refs)
    refs["1A"] = task.ref
    step = gitlab.create(want("child", "1A.1", description="do", milestone="M1", parent="1A", labels=("epic",)), refs)
    read = found(gitlab.observe())
    touched = replace(task, updated_at=read["1A"].updated_at)  # adding a child touches its parent
    assert read == {"M1": m1, "M2": m2, "1A": touched, "1A.1": step}
    assert (m1.start, m1.due, m1.description, m1.state) == (date(2026, 11, 2), date(2026, 11, 16), "why", "open")
    assert m2.state == "closed"
    assert (task.milestone, task.labels, task.parent, task.ref.shape) == (m1.ref.id, ("epic",), None, "issue")
    assert (step.milestone, step.parent, step.ref.shape) == (m1.ref.id, task.ref.id, "child")
    assert step.labels == ("epic",)


def test_ids_and_iids_are_not_confused(boxed: Boxed, gitlab: GitLab) -> None:
    other = boxed.open(path="team/sub/other")
    for number in range(3):
        other.create(want("milestone", f"O{number}"), {})
        other.create(want("issue", f"O{number}"), {})
    m1 = gitlab.create(want("milestone", "M1"), {})
    task = gitlab.create(want("issue", "1A", milestone="M1"), {"M1": m1.ref})
    step = gitlab.create(want("child", "1A.1", parent="1A"), {"1A": task.ref})
    assert (task.ref.number, step.ref.number) == (1, 2)
    assert task.ref.id not in ("1", "2")
    assert m1.ref.number == int(m1.ref.id) != 1
    for item in (m1, task, step):
        assert gitlab.update(item.ref, {"title": f"{item.title}!"}, {}).ref.id == item.ref.id
    assert set(found(gitlab.observe())) == {"M1!", "1A!", "1A.1!"}
    assert set(found(other.observe())) == {f"O{number}" for number in range(3)}
    other.close()


def test_an_update_touches_only_the_fields_named(gitlab: GitLab) -> None:
    due = date(2026, 11, 16)
    m1 = gitlab.create(want("milestone", "M1", description="d", start=date(2026, 11, 2), due=due), {})
    task = gitlab.create(want("issue", "1A", description="d", milestone="M1", labels=("a", "b")), {"M1": m1.ref})
    refs = {"M1": m1.ref, "1A": task.ref}
    step = gitlab.create(want("child", "1A.1", description="d", milestone="M1", parent="1A"), refs)
    same = ("title", "description", "state", "milestone", "parent", "labels", "start", "due")

    def changed(before: Observed, after: Observed) -> set[str]:
        assert found(gitlab.observe())[after.title] == after
        return {name for name in same if getattr(before, name) != getattr(after, name)}

    for item, fields in (
        (m1, {"description": "new"}),
        (m1, {"due": None}),
        (m1, {"start": None}),
        (m1, {"state": "closed"}),
        (m1, {"state": "open"}),
        (task, {"description": None}),
        (task, {"milestone": None}),
        (task, {"labels": ("c",)}),
        (task, {"labels": None}),
        (task, {"state": "not_planned"}),
        (task, {"state": "open"}),
        (step, {"title": "1A.1 new"}),
        (step, {"description": None}),
        (step, {"labels": ("c",)}),
        (step, {"milestone": None}),
        (step, {"state": "closed"}),
        (step, {"parent": None}),
    ):
        before = gitlab.update(item.ref, {}, refs)
        after = gitlab.update(item.ref, fields, refs)
        assert changed(before, after) == set(fields)
    assert gitlab.update(step.ref, {"parent": "1A", "milestone": "M1"}, refs).parent == task.ref.id


def test_closing_what_is_closed_is_no_error(gitlab: GitLab) -> None:
    m1 = gitlab.create(want("milestone", "M1", state="closed"), {})
    task = gitlab.create(want("issue", "1A", state="closed"), {})
    step = gitlab.create(want("child", "1A.1", parent="1A", state="not_planned"), {"1A": task.ref})
    for item in (m1, task, step):
        assert gitlab.update(item.ref, {"state": "closed"}, {}).state == "closed"
        assert gitlab.update(item.ref, {"state": "open"}, {}).state == "open"
        assert gitlab.update(item.ref, {"state": "open"}, {}).state == "open"


def populate(gitlab: GitLab, issues: int, children: int) -> list[Observed]:
    m1 = gitlab.create(want("milestone", "M1"), {})
    made = [gitlab.create(want("issue", f"I{n}", milestone="M1"), {"M1": m1.ref}) for n in range(issues)]
    refs = {"1A": made[0].ref}
    return [*made, *(gitlab.create(want("child", f"C{n}", parent="1A"), refs) for n in range(children))]


def test_reads_cost_what_the_budget_says(boxed: Boxed, gitlab: GitLab) -> None:
    made = populate(gitlab, 130, 20)
    boxed.clock.offset_seconds += 600
    boxed.box.log.clear()
    first = gitlab.observe()
    assert len(first.objects) == 151
    assert first.requests == boxed.box.log.summary()["total"] == 1 + 2 + 1
    cursor = first.cursor
    for reads, unchanged in (({2, 3}, 0), ({2}, 2), ({2}, 2)):  # what is as new as the mark, a task or not, comes again
        boxed.box.log.clear()
        idle = gitlab.observe(cursor)
        cursor = idle.cursor
        summary = boxed.box.log.summary()
        assert summary["not_modified"] == unchanged
        assert idle.requests == summary["total"]
        assert idle.requests in reads
    for item in made[:101]:
        gitlab.update(item.ref, {"title": item.title + "!"}, {})
    changed = gitlab.observe(cursor)
    assert {item.title for item in changed.objects} >= {f"I{n}!" for n in range(101)}
    assert changed.requests <= 1 + 2 + 1
    assert not changed.full


def test_an_incremental_read_sees_closures_and_moved_children(boxed: Boxed, gitlab: GitLab) -> None:
    made = populate(gitlab, 2, 1)
    boxed.clock.offset_seconds += 600
    cursor = gitlab.observe().cursor
    boxed.clock.offset_seconds += 600
    gitlab.update(made[1].ref, {"state": "closed"}, {})
    gitlab.update(made[2].ref, {"parent": "B"}, {"B": made[1].ref})
    seen = found(gitlab.observe(cursor))
    assert seen["I1"].state == "closed"
    assert seen["C0"].parent == made[1].ref.id


def test_a_write_is_one_request(boxed: Boxed, gitlab: GitLab) -> None:
    gitlab.create(want("child", "warm"), {})
    boxed.box.log.clear()
    before = gitlab.requests
    m1 = gitlab.create(want("milestone", "M1"), {})
    task = gitlab.create(want("issue", "1A", milestone="M1", labels=("new label",)), {"M1": m1.ref})
    step = gitlab.create(want("child", "1A.1", parent="1A"), {"1A": task.ref})
    gitlab.update(step.ref, {"title": "x", "parent": None}, {})
    assert boxed.box.log.summary() | {"not_modified": 0} == {"total": 4, "reads": 0, "writes": 4, "not_modified": 0}
    assert gitlab.requests - before == 4


def test_a_milestone_s_title_can_not_be_taken_twice(gitlab: GitLab) -> None:
    gitlab.create(want("milestone", "M1"), {})
    with pytest.raises(Rejected) as caught:
        gitlab.create(want("milestone", "M1"), {})
    assert FieldProblem("title", "already_exists") in caught.value.fields


def test_dates_the_wrong_way_round_are_refused_by_field(gitlab: GitLab) -> None:
    with pytest.raises(Rejected) as caught:
        gitlab.create(want("milestone", "M1", start=date(2026, 11, 16), due=date(2026, 11, 2)), {})
    assert [problem.field for problem in caught.value.fields] == ["due"]


def test_gitlab_acts_on_quick_actions_and_what_is_left_is_told(gitlab: GitLab) -> None:
    task = gitlab.create(want("issue", "1A", description="before\n/close\nafter\n`/close`"), {})
    assert "/close" not in task.description.replace("`/close`", "")
    assert found(gitlab.observe())["1A"] == task
    safe = gitlab.create(want("issue", "1B", description="`/close`"), {})
    assert (safe.description, safe.state) == ("`/close`", "open")


def test_tags_are_dropped_from_milestone_titles(gitlab: GitLab) -> None:
    assert gitlab.create(want("milestone", "M1 <b>bold</b>"), {}).title == "M1 bold"


@pytest.mark.parametrize(("shape", "title"), [("milestone", "x" * 256), ("issue", "x" * 256), ("child", "x" * 256)])
def test_a_title_too_long_is_refused_by_field(gitlab: GitLab, shape: Shape, title: str) -> None:
    with pytest.raises(Rejected) as caught:
        gitlab.create(want(shape, title), {})
    assert caught.value.fields == (FieldProblem("title", "too_long"),)


def test_a_parent_that_is_gone_is_told(gitlab: GitLab) -> None:
    task = gitlab.create(want("issue", "1A"), {})
    gone = {"1A": task.ref.__class__("issue", "999999", 999, "gid://gitlab/WorkItem/999999")}
    with pytest.raises((NotFound, Rejected, Unsupported)):
        gitlab.create(want("child", "1A.1", parent="1A"), gone)


def test_tokens_that_may_not_are_told_apart(boxed: Boxed) -> None:
    wrong, reads = boxed.open("glpat-wrong"), boxed.open("glpat-read")
    with pytest.raises(Unauthorized):
        wrong.observe()
    with pytest.raises(Unauthorized):
        wrong.create(want("issue", "1A"), {})
    assert reads.observe().complete
    with pytest.raises(Unauthorized) as caught:
        reads.create(want("issue", "1A"), {})
    assert "scope api" in caught.value.hint
    with pytest.raises((NotFound, Unauthorized)):
        reads.create(want("child", "1A.1"), {})
    wrong.close()
    reads.close()


def test_check_is_content_with_the_box_and_writes_nothing(boxed: Boxed, gitlab: GitLab) -> None:
    findings = gitlab.check()
    assert [finding.what for finding in findings if not finding.ok] == []
    assert boxed.box.log.summary()["writes"] == 0
    reads = boxed.open("glpat-read")
    assert [finding.what for finding in reads.check() if not finding.ok] != []
    reads.close()


def test_no_token_of_gitlab_s_reaches_a_repr(gitlab: GitLab) -> None:
    gitlab.create(want("issue", "1A"), {})
    assert "glpat-right" not in repr(gitlab) + str(vars(gitlab))


@pytest.mark.parametrize("way", ["token", "signing_token"])
def test_the_box_s_webhooks_are_let_in(boxed: Boxed, gitlab: GitLab, way: str) -> None:
    boxed.clock.offset_seconds = 0
    key = "geheim" if way == "token" else "whsec_" + base64.b64encode(b"0" * 32).decode()
    seen: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    async def sink(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        seen.put((dict(request.headers), await request.body()))
        await Response()(scope, receive, send)

    with serving(sink) as address:
        gitlab.create(want("milestone", "warm"), {})
        project = f"{boxed.url}/api/v4/projects/{PATH.replace('/', '%2F')}"
        body = {"url": f"{address}/hook", way: key, "issues_events": True, "milestone_events": True}
        httpx.post(f"{project}/hooks", json=body, headers={"private-token": "glpat-right"}).raise_for_status()
        gitlab.create(want("issue", "1A"), {})
        gitlab.create(want("milestone", "M1"), {})
        calls = [seen.get(timeout=10) for _ in range(2)]
    deliveries = [parse_delivery(headers, raw, Secret(key), datetime.now(UTC)) for headers, raw in calls]
    assert [delivery.event for delivery in deliveries] == ["Issue Hook", "Milestone Hook"]
    assert all(delivery.relevant for delivery in deliveries)
    assert len({delivery.id for delivery in deliveries}) == 2
    for headers, raw in calls:
        with pytest.raises(BadSignature):
            parse_delivery(
                headers,
                raw + b" " if way != "token" else raw,
                Secret(key if way != "token" else "x"),
                datetime.now(UTC),
            )
