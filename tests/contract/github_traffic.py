"""The GitHub connector at work on the GitHub box, by every verb, and a person who uses all else that the box serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx

from app.core.plan import Desired, Ref
from connectors.base import Place, Secret, TrackerError
from connectors.github import GitHub, open_github
from connectors.sandbox.faults import Fault
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import Options, serving
from tests.contract.traffic import Call, Exchange, Recorder, listening

PATH = "octo/hub"
REPO = f"/repos/{PATH}"
LONG = "octo/long"  # no webhook hears of it
SECRET = "geheim"
OPTIONS = Options(tokens=("writer",), read_only=("reader",), no_push=("visitor",), types=("Bug", "Feature", "Task"))


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recorded."""

    exchanges: tuple[Exchange, ...]
    calls: tuple[Call, ...]

    @property
    def rest(self) -> list[Exchange]:
        """The exchanges of the REST API, by github.com's paths: an Enterprise Server has them under `/api/v3`."""
        return [
            replace(one, path=one.path.removeprefix("/api/v3"))
            for one in self.exchanges
            if not one.path.endswith("/graphql")
        ]

    @property
    def graphql(self) -> list[Exchange]:
        """The exchanges of the GraphQL API."""
        return [one for one in self.exchanges if one.path.endswith("/graphql")]


@contextmanager
def played() -> Iterator[Heard]:
    """Play the whole scenario; gives what was heard."""
    box = GitHubBox(OPTIONS)
    recorder = Recorder(box.app)
    with listening() as sink:
        with serving(recorder) as url:
            hooks(url, sink.url)
            for step in (make_and_change, relate, read_again, refused, by_hand):
                step(url)
            subscribe(url, sink.url)
            limited(url, box)
        box.close()  # after the last call has been sent
        calls = sink.so_far()
    yield Heard(tuple(recorder.exchanges), tuple(calls))


@contextmanager
def opened(url: str, token: str = "writer", path: str = PATH, *, dependencies: bool = False) -> Iterator[GitHub]:
    hub = open_github(Place("github", url, path, Secret(token), dependencies=dependencies))
    try:
        yield hub
    finally:
        hub.close()


def want(shape: str, **fields: object) -> Desired:
    return Desired(1, "K", "task", shape, fields)  # type: ignore[arg-type]


def make_and_change(url: str) -> None:
    """Every shape with every field, made whole, and then each field changed and cleared."""
    with opened(url) as hub:
        hub.capabilities()
        assert all(finding.ok for finding in hub.check())
        m1 = hub.create(want("milestone", title="M1", description="why", due=date(2026, 11, 16), state="open"), {})
        m2 = hub.create(want("milestone", title="M2", state="closed"), {})
        refs = {"M1": m1.ref, "M2": m2.ref}
        made = {"title": "1A", "description": "a\n- [ ] b", "milestone": "M1", "labels": ("epic", "x"), "type": "Task"}
        for key, state in (("1A", "open"), ("1B", "closed"), ("1C", "not_planned")):
            refs[key] = hub.create(want("issue", **made | {"title": key, "state": state}), refs).ref
        child = made | {"parent": "1A", "labels": ("epic", "of a child")}
        refs["1A.1"] = hub.create(want("child", **child | {"title": "1A.1"}), refs).ref
        refs["1A.2"] = hub.create(want("child", title="1A.2", parent="1A", state="closed"), refs).ref
        for fields in (
            {"title": "M1!", "description": None, "due": date(2026, 12, 24)},
            {"due": None, "state": "closed"},
            {"state": "open", "description": "again"},
        ):
            hub.update(refs["M1"], fields, refs)
        for key in ("1A", "1A.1"):
            for fields in (
                {"title": f"{key}!", "description": "new", "labels": ("a",), "milestone": "M2", "type": "Bug"},
                {"description": None, "labels": None, "milestone": None, "type": None},
                {"state": "closed"},
                {"state": "open"},
                {"state": "not_planned"},
                {"state": "open", "milestone": "M1"},
                {},
            ):
                hub.update(refs[key], fields, refs)
        hub.update(refs["1A.1"], {"parent": "1B", "title": "moved"}, refs)
        hub.update(refs["1A.1"], {"parent": None}, refs)
        hub.update(refs["1A.1"], {"parent": "1A"}, refs)
    with opened(f"{url}/api/v3") as server:
        server.create(want("issue", title="by way of an Enterprise Server's address"), {})
        server.observe()


def relate(url: str) -> None:
    """What waits for what, said, said again, read, and taken back."""
    with opened(url, dependencies=True) as hub:
        first, second, third = (
            hub.create(want("issue", title=title), {}).ref for title in ("first", "second", "third")
        )
        for by in (second, third, second):
            hub.block(first, by, True)
        seen = hub.observe()
        assert {one.ref.number: len(one.blocked_by) for one in seen.objects if one.blocked_by} == {first.number: 2}
        assert hub.observe(seen.cursor).complete
        for _ in range(2):
            hub.block(first, second, False)
        assert fails(lambda: hub.block(first, Ref("issue", "99999", 99999, "I_nothing"), True))


def subscribe(url: str, sink: str) -> None:
    """A hook of ours: made, mended, and asked what it missed."""
    began = datetime.now(UTC) - timedelta(minutes=1)
    with opened(url) as hub:
        assert hub.hook(f"{sink}/broken/ours", Secret(SECRET)).done == "made"
        made = hub.hook(f"{sink}/broken/ours", Secret(SECRET))
        assert made.done == "mended"
        hub.create(want("issue", title="to be missed"), {})
        until(lambda: list(hub.missed_deliveries(made.id, began)), 2)  # the ping too
        assert fails(lambda: hub.missed_deliveries("1", began))
    with opened(url, "reader") as hub:
        assert fails(lambda: hub.hook(f"{sink}/ours", Secret(SECRET)))


def limited(url: str, box: GitHubBox) -> None:
    """Both kinds of rate limit, to a read and to a write, and a GitHub that is unwell."""
    with opened(url) as hub:
        for kind in ("primary_limit", "secondary_limit"):
            box.faults.add(Fault(kind, seconds=1.0, times=2))
            assert not hub.observe().complete
            assert fails(lambda: hub.create(want("milestone", title="not now"), {}))
            box.faults.clear()
        parent = {"P": hub.create(want("issue", title="P"), {}).ref}
        for kind in ("primary_limit", "secondary_limit"):
            box.faults.add(Fault(kind, match="graphql", seconds=1.0))
            assert fails(lambda: hub.create(want("child", title="not now", parent="P"), parent))
            box.faults.clear()
        box.faults.add(Fault("error", match="POST .*/issues", status=503))
        assert fails(lambda: hub.create(want("issue", title="not now"), {}))


def read_again(url: str) -> None:
    """Whole, unchanged (304) and changed, over a turn of the page."""
    with person(url) as ask:
        for number in range(101):
            answered(ask.post(f"/repos/{LONG}/issues", json={"title": f"by people {number}"}), 201)
    with opened(url, path=LONG) as hub:
        first = hub.observe()
        assert first.complete, first.problem
        assert first.requests >= 3
        cursor = hub.observe(first.cursor).cursor
        assert hub.observe(cursor).objects == ()
        hub.create(want("issue", title="one more"), {})
        assert "one more" in [one.title for one in hub.observe(cursor).objects]


def refused(url: str) -> None:
    """What GitHub says no to, and how."""
    gone, parent = Ref("issue", "99999", 99999), {"1A": Ref("issue", "1", 1)}
    with opened(url, "reader") as hub:
        hub.observe()
        hub.check()
        for asked in (want("milestone", title="no"), want("issue", title="no"), want("child", title="no", parent="1A")):
            assert fails(lambda asked=asked: hub.create(asked, parent))
    with opened(url, "visitor") as hub:
        hub.check()
        hub.create(want("issue", title="by a visitor"), {})
        assert fails(lambda: hub.create(want("issue", title="by a visitor", labels=("a",)), {}))
        assert fails(lambda: hub.create(want("milestone", title="no"), {}))
    with opened(url, "wrong") as hub:
        hub.check()
        assert fails(hub.observe)
        assert fails(lambda: hub.create(want("issue", title="no"), {}))
    with opened(url) as hub:
        assert fails(lambda: hub.create(want("milestone", title="M2"), {}))
        assert fails(lambda: hub.create(want("issue", title="x" * 300), {}))
        assert fails(lambda: hub.update(gone, {"title": "no"}, {}))
        assert fails(lambda: hub.update(parent["1A"], {"milestone": "gone"}, {"gone": Ref("milestone", "99", 99)}))
        assert fails(lambda: hub.create(want("child", title="no", parent="gone"), {"gone": gone}))


def fails(act: object) -> bool:
    """Whether it raised an error of ours."""
    with suppress(TrackerError):
        act()  # type: ignore[operator]
        return False
    return True


@contextmanager
def person(url: str) -> Iterator[httpx.Client]:
    headers = {"authorization": "Bearer writer", "x-github-api-version": "2026-03-10"}
    with httpx.Client(base_url=url, trust_env=False, headers=headers, timeout=30) as client:
        yield client


def by_hand(url: str) -> None:
    """Everything that the box serves and the connector may not ask for, as GitHub's documentation says to ask."""
    with person(url) as ask:
        for path in (
            "/user",
            "/rate_limit",
            "/meta",
            "/versions",
            REPO,
            f"{REPO}/issue-types",
            "/orgs/octo/issue-types",
        ):
            answered(ask.get(path), 200)
        answered(ask.get("/user", headers={"x-github-api-version": "2001-01-01"}), 410)
        answered(ask.get("/user", headers={"x-github-api-version": "tomorrow"}), 400)
        for act in (labels, milestones, issues, relations):
            act(ask)


def labels(ask: httpx.Client) -> None:
    at = f"{REPO}/labels"
    answered(ask.post(at, json={"name": "by hand", "color": "ff0000", "description": "red"}), 201)
    answered(ask.post(at, json={"name": "by hand"}), 422)
    answered(ask.get(at, params={"per_page": 2, "page": 2}), 200)
    answered(ask.get(f"{at}/by%20hand"), 200)
    answered(ask.patch(f"{at}/by%20hand", json={"new_name": "renamed", "color": "00ff00", "description": ""}), 200)
    answered(ask.get(f"{at}/by%20hand"), 404)
    answered(ask.delete(f"{at}/renamed"), 204)


def milestones(ask: httpx.Client) -> None:
    at = f"{REPO}/milestones"
    made = answered(ask.post(at, json={"title": "by hand", "due_on": "2026-11-16T12:00:00Z"}), 201)
    answered(ask.get(at, params={"state": "all", "sort": "completeness", "direction": "desc"}), 200)
    answered(ask.get(at, params={"state": "some"}), 422)
    answered(ask.get(f"{at}/{made['number']}"), 200)
    answered(ask.delete(f"{at}/{made['number']}"), 204)
    answered(ask.get(f"{at}/{made['number']}"), 404)
    answered(ask.post(at, json={}), 422)


def issues(ask: httpx.Client) -> None:
    at = f"{REPO}/issues"
    made = answered(ask.post(at, json={"title": "by hand", "assignees": ["mona"], "labels": [{"name": "a"}, "b"]}), 201)
    pull = {"owner": "octo", "repo": "hub", "title": "a pull request"}
    answered(ask.post("/_sandbox/pull-requests", json=pull), 201)
    since = {"state": "all", "sort": "updated", "direction": "asc", "since": "2026-01-01T00:00:00Z"}
    answered(ask.get(at, params=since | {"per_page": 100}), 200)
    answered(ask.get(at, params={"milestone": "none", "assignee": "mona", "labels": "a,b"}), 200)
    one = f"{at}/{made['number']}"
    answered(ask.get(one), 200)
    for change in (
        {"state": "closed", "state_reason": "duplicate"},
        {"state": "open", "state_reason": "reopened"},
        {"assignees": ["lisa"], "title": "changed", "type": None},
        {"assignees": []},
    ):
        answered(ask.patch(one, json=change), 200)
    answered(ask.post(f"{one}/labels", json={"labels": ["c"]}), 200)
    answered(ask.put(f"{one}/labels", json={"labels": ["a", "d"]}), 200)
    answered(ask.get(f"{one}/labels"), 200)
    answered(ask.delete(f"{one}/labels/d"), 200)
    answered(ask.delete(f"{one}/labels/d"), 404)
    answered(ask.post(f"{one}/comments", json={"body": "said"}), 201)
    answered(ask.get(f"{one}/comments"), 200)
    answered(ask.post(at, content=b"no json"), 400)
    moved = answered(ask.post(at, json={"title": "to be moved", "type": "Bug"}), 201)
    answered(ask.post(f"/_sandbox/issues/{PATH}/{moved['number']}/transfer", json={"repo": "long"}), 200)
    answered(ask.get(f"{at}/{moved['number']}"), 301)
    answered(ask.delete(f"/_sandbox/issues/{PATH}/{made['number']}"), 204)
    answered(ask.get(one), 410)


def relations(ask: httpx.Client) -> None:
    above, first, second = (
        answered(ask.post(f"{REPO}/issues", json={"title": title}), 201) for title in ("above", "first", "second")
    )
    one, other = (f"{REPO}/issues/{issue['number']}" for issue in (above, second))
    for child in (first, second):
        answered(ask.post(f"{one}/sub_issues", json={"sub_issue_id": child["id"]}), 201)
    answered(ask.post(f"{one}/sub_issues", json={"sub_issue_id": first["id"]}), 422)
    answered(ask.get(f"{one}/sub_issues", params={"per_page": 1}), 200)
    order = {"sub_issue_id": second["id"], "before_id": first["id"]}
    answered(ask.patch(f"{one}/sub_issues/priority", json=order), 200)
    answered(ask.get(f"{other}/parent"), 200)
    answered(ask.get(f"{one}/parent"), 404)
    answered(ask.request("DELETE", f"{one}/sub_issue", json={"sub_issue_id": second["id"]}), 200)
    answered(ask.post(f"{other}/dependencies/blocked_by", json={"issue_id": first["id"]}), 201)
    answered(ask.get(f"{other}/dependencies/blocked_by"), 200)
    answered(ask.get(f"{REPO}/issues/{first['number']}/dependencies/blocking"), 200)
    answered(ask.delete(f"{other}/dependencies/blocked_by/{first['id']}"), 200)


def hooks(url: str, sink: str) -> None:
    """A hook's life. One stays, and hears all that the other steps do."""
    at = f"{REPO}/hooks"
    with person(url) as ask:
        config = {"url": f"{sink}/hook", "content_type": "json", "secret": SECRET, "insecure_ssl": "0"}
        made = answered(ask.post(at, json={"name": "web", "config": config, "events": ["*"], "active": True}), 201)
        answered(ask.post(at, json={"name": "web", "config": config, "events": ["*"]}), 422)
        answered(ask.post(at, json={"name": "web", "config": {"content_type": "json"}}), 422)
        answered(ask.get(at), 200)
        spare = {**config, "url": f"{sink}/broken"}
        other = answered(ask.post(at, json={"config": spare, "events": ["issues"]}), 201)
        one = f"{at}/{other['id']}"
        answered(ask.get(one), 200)
        answered(ask.patch(one, json={"config": spare, "add_events": ["milestone"], "active": True}), 200)
        answered(ask.post(f"{one}/pings"), 204)
        deliveries = until(lambda: answered(ask.get(f"{one}/deliveries"), 200), 2)
        answered(ask.get(f"{one}/deliveries", params={"per_page": 1, "status": "failure"}), 200)
        answered(ask.get(f"{one}/deliveries/{deliveries[0]['id']}"), 200)
        answered(ask.post(f"{one}/deliveries/{deliveries[0]['id']}/attempts"), 202)
        until(lambda: answered(ask.get(f"{one}/deliveries"), 200), 3)
        answered(ask.get(f"{one}/deliveries/1"), 404)
        answered(ask.delete(one), 204)
        answered(ask.get(one), 404)
        answered(ask.post(f"{at}/{made['id']}/pings"), 204)


def until(look: Callable[[], list[Any]], count: int) -> list[Any]:
    """What `look` gives once it is that many."""
    deadline = time.monotonic() + 15
    while len(found := look()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def answered(response: httpx.Response, status: int) -> Any:
    """The JSON of an answer that must have this status."""
    assert response.status_code == status, f"{response.request.method} {response.url}: {response.text}"
    return response.json() if response.content else None
