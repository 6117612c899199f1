"""The GitLab connector at work on GitLab boxes, Free and Premium, by every verb, and a person who uses all the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx

from app.core.plan import Desired, Ref
from connectors.base import Place, Secret, TrackerError
from connectors.gitlab import GitLab, open_gitlab
from connectors.sandbox.faults import Fault
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Options, serving
from tests.contract.traffic import Call, Exchange, Recorder, listening, served

PATH = "team/sub/road"
PROJECT = "/api/v4/projects/team%2Fsub%2Froad"
PARENT = "team/sub"
GROUP = "/api/v4/groups/team%2Fsub"
LONG = "team/sub/long"  # no webhook hears of it
SECRET = "geheim"
SIGNING = "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="
OPTIONS = Options(tokens=("glpat-right",), read_only=("glpat-read",))


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recorded, and every (verb, path) that the boxes serve."""

    exchanges: tuple[Exchange, ...]
    calls: tuple[Call, ...]
    routes: frozenset[tuple[str, str]]

    @property
    def rest(self) -> list[Exchange]:
        return [one for one in self.exchanges if not one.path.endswith("/graphql")]

    @property
    def graphql(self) -> list[Exchange]:
        return [one for one in self.exchanges if one.path.endswith("/graphql")]


@contextmanager
def played() -> Iterator[Heard]:
    """Play the scenario on both editions; gives what was heard."""
    exchanges: list[Exchange] = []
    calls: list[Call] = []
    routes: set[tuple[str, str]] = set()
    for premium, version in ((False, "19.0.0"), (True, "19.0.0"), (True, "18.0.0")):
        box = GitLabBox(OPTIONS, premium=premium, version=version)
        routes |= {(verb, path) for verb, path in served(box.app) if path.startswith("/api/v4/")}
        recorder = Recorder(box.app)
        with listening() as sink:
            with serving(recorder) as url:
                if version == "19.0.0":
                    play(url, sink.url, box, premium=premium)
                else:
                    play_old(url, sink.url)
            box.close()
            calls += sink.so_far()
        exchanges += recorder.exchanges
    yield Heard(tuple(exchanges), tuple(calls), frozenset(routes))


def play(url: str, sink: str, box: GitLabBox, *, premium: bool) -> None:
    hooks(url, sink)
    for step in (make_and_change, refused, by_hand):
        step(url)
    if not premium:  # pages turn the same way in both
        read_again(url)
    epics(url, premium=premium)
    relate(url, premium=premium)
    subscribe(url, sink, premium=premium)
    limited(url, box)
    if premium:
        group_hooks(url, sink)


def play_old(url: str, sink: str) -> None:
    """A GitLab without cursors for issues, feature flags for members and signing tokens."""
    with opened(url, group=PARENT, dependencies=True) as lab:
        lab.check()
        lab.capabilities()
        lab.create(want("issue", "I"), {})
        assert lab.observe(lab.observe().cursor).complete
        assert fails(lambda: lab.hook(f"{sink}/ours", Secret(SIGNING)))


@contextmanager
def opened(
    url: str, token: str = "glpat-right", path: str = PATH, *, group: str = "", dependencies: bool = False
) -> Iterator[GitLab]:
    lab = open_gitlab(Place("gitlab", url, path, Secret(token), group, dependencies))
    try:
        yield lab
    finally:
        lab.close()


def want(shape: str, title: str, **fields: object) -> Desired:
    return Desired(1, title, "task", shape, {"title": title} | fields)  # type: ignore[arg-type]


def make_and_change(url: str) -> None:
    """Every shape with every field, made whole, and then each field changed and cleared."""
    with opened(url) as lab:
        lab.capabilities()
        assert all(finding.ok for finding in lab.check())
        dates = {"start": date(2026, 11, 2), "due": date(2026, 11, 16)}
        m1 = lab.create(want("milestone", "M1", description="why", state="open", **dates), {})
        m2 = lab.create(want("milestone", "M2", state="closed"), {})
        refs = {"M1": m1.ref, "M2": m2.ref}
        made = {"description": "a\n- [ ] b", "milestone": "M1", "labels": ("epic", "x")}
        for key, state in (("1A", "open"), ("1B", "closed"), ("1C", "not_planned")):
            refs[key] = lab.create(want("issue", key, **made | {"state": state}), refs).ref
        refs["1A.1"] = lab.create(
            want("child", "1A.1", **made | {"parent": "1A", "labels": ("epic", "of a child")}), refs
        ).ref
        refs["1A.2"] = lab.create(want("child", "1A.2", parent="1A", state="closed"), refs).ref
        for fields in (
            {"title": "M1!", "description": None, "start": date(2026, 11, 3), "due": date(2026, 12, 24)},
            {"due": None, "start": None, "state": "closed"},
            {"state": "open", "description": "again"},
            {},
        ):
            lab.update(refs["M1"], fields, refs)
        for key in ("1A", "1A.1"):
            for fields in (
                {"title": f"{key}!", "description": "new", "labels": ("a",), "milestone": "M2"},
                {"description": None, "labels": None, "milestone": None},
                {"state": "closed"},
                {"state": "open"},
                {"state": "not_planned"},
                {"state": "open", "milestone": "M1"},
                {},
            ):
                lab.update(refs[key], fields, refs)
        lab.update(refs["1A.1"], {"parent": "1B", "title": "moved"}, refs)
        lab.update(refs["1A.1"], {"parent": None}, refs)
        lab.update(refs["1A.1"], {"parent": "1A"}, refs)


def epics(url: str, *, premium: bool) -> None:
    """Epics of the group with issues under them; without the licence, the refusal."""
    with opened(url, group=PARENT) as lab:
        lab.check()
        assert lab.capabilities().epics is premium
        made = {"description": "e", "labels": ("of a group",), "start": date(2026, 11, 2), "due": date(2026, 11, 16)}
        if not premium:
            assert fails(lambda: lab.create(want("epic", "E"), {}))
            return
        refs = {"E": lab.create(want("epic", "E", **made), {}).ref}
        refs["F"] = lab.create(want("epic", "F", state="closed"), {}).ref
        refs["E.1"] = lab.create(want("child", "E.1", parent="E", labels=("of a child",)), refs).ref
        for fields in (
            {"title": "E!", "description": None, "labels": ("another",), "start": None, "due": None},
            {"state": "closed"},
            {"state": "open"},
            {},
        ):
            lab.update(refs["E"], fields, refs)
        lab.update(refs["E.1"], {"parent": "F"}, refs)
        lab.update(refs["E.1"], {"parent": None}, refs)
        lab.update(refs["E.1"], {"parent": "E"}, refs)
        first = lab.observe()
        assert first.complete, first.problem
        assert lab.observe(first.cursor).complete


def relate(url: str, *, premium: bool) -> None:
    """What waits for what, said, said again, read, and taken back."""
    with opened(url, dependencies=True) as lab:
        first, second, third = (lab.create(want("issue", title), {}).ref for title in ("first", "second", "third"))
        if not premium:
            assert fails(lambda: lab.block(first, second, True))
            return
        assert lab.capabilities().blockers_max
        for by in (second, third, second):
            lab.block(first, by, True)
        seen = lab.observe()
        assert {one.ref.id: len(one.blocked_by) for one in seen.objects}[first.id] == 2
        for _ in range(2):
            lab.block(first, second, False)
    with opened(url, group=PARENT, dependencies=True) as lab:
        epic = lab.create(want("epic", "an epic"), {}).ref  # by GraphQL, unlike issues
        lab.block(epic, second, True)
        lab.block(epic, second, True)
        seen = lab.observe()
        assert {one.ref.id: len(one.blocked_by) for one in seen.objects}[epic.id] == 1
        assert lab.observe(seen.cursor).complete
        lab.block(epic, second, False)


def subscribe(url: str, sink: str, *, premium: bool) -> None:
    """A hook of ours: made, mended, and asked what it missed."""
    began = datetime.now(UTC) - timedelta(minutes=1)
    with opened(url, group=PARENT if premium else "") as lab:
        made = lab.hook(f"{sink}/broken/ours", Secret(SECRET))
        assert lab.hook(f"{sink}/broken/ours", Secret(SIGNING)).done == "mended"
        lab.create(want("issue", "to be missed"), {})
        until(lambda: list(lab.missed_deliveries(made.id, began)), 1)
        assert fails(lambda: lab.missed_deliveries("1", began))
    with opened(url, "glpat-read") as lab:
        assert fails(lambda: lab.hook(f"{sink}/ours", Secret(SECRET)))


def limited(url: str, box: GitLabBox) -> None:
    """A rate limit, to reads and to writes of both APIs."""
    with opened(url) as lab:
        for kind in ("primary_limit", "secondary_limit"):
            box.faults.add(Fault(kind, seconds=1.0, times=3))
            assert not lab.observe().complete
            assert fails(lambda: lab.create(want("issue", "not now"), {}))
            assert fails(lambda: lab.create(want("child", "not now"), {}))
            box.faults.clear()


def group_hooks(url: str, sink: str) -> None:
    at = f"{GROUP}/hooks"
    with person(url) as ask:
        made = answered(ask.post(at, json={"url": f"{sink}/group", "token": SECRET, "issues_events": True}), 201)
        one = f"{at}/{made['id']}"
        answered(ask.put(one, json={"url": f"{sink}/group", "milestone_events": True}), 200)
        answered(ask.get(one), 200)
        answered(ask.get(at), 200)
        answered(ask.post(f"{one}/test/issues_events"), 201)
        events = until(lambda: answered(ask.get(f"{one}/events"), 200), 1)
        answered(ask.post(f"{one}/events/{events[0]['id']}/resend"), 201)
        answered(ask.delete(one), 204)


def read_again(url: str) -> None:
    """Whole, unchanged (304) and changed, over a turn of the page."""
    with person(url) as ask:
        at = PROJECT.replace("road", "long")
        for number in range(101):
            answered(ask.post(f"{at}/issues", json={"title": f"by people {number}"}), 201)
    with opened(url, path=LONG) as lab:
        lab.create(want("child", "a child", parent="P"), {"P": lab.create(want("issue", "P"), {}).ref})
        first = lab.observe()
        assert first.complete, first.problem
        assert first.requests >= 3
        cursor = lab.observe(first.cursor).cursor
        assert lab.observe(cursor).complete
        lab.create(want("issue", "one more"), {})
        assert "one more" in [one.title for one in lab.observe(cursor).objects]


def refused(url: str) -> None:
    """What GitLab says no to, and how."""
    gone = Ref("issue", "99999", 99999, "gid://gitlab/WorkItem/99999")
    with opened(url, "glpat-read") as lab:
        lab.observe()
        lab.check()
        for asked in (want("milestone", "no"), want("issue", "no"), want("child", "no")):
            assert fails(lambda asked=asked: lab.create(asked, {}))
    with opened(url, "glpat-wrong") as lab:
        lab.check()
        assert fails(lab.observe)
        assert fails(lambda: lab.create(want("issue", "no"), {}))
    with opened(url) as lab:
        assert fails(lambda: lab.create(want("milestone", "M2"), {}))
        wrong = {"start": date(2026, 11, 16), "due": date(2026, 11, 2)}
        assert fails(lambda: lab.create(want("milestone", "no", **wrong), {}))
        for shape in ("milestone", "issue", "child"):
            assert fails(lambda shape=shape: lab.create(want(shape, "x" * 300), {}))
        assert fails(lambda: lab.update(gone, {"title": "no"}, {}))
        assert fails(lambda: lab.create(want("child", "no", parent="gone"), {"gone": gone}))


def fails(act: object) -> bool:
    """Whether it raised an error of ours."""
    with suppress(TrackerError):
        act()  # type: ignore[operator]
        return False
    return True


@contextmanager
def person(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, trust_env=False, headers={"private-token": "glpat-right"}, timeout=30) as client:
        yield client


def by_hand(url: str) -> None:
    """Everything that the boxes serve and the connector may not ask for, as GitLab's pages say to ask."""
    with person(url) as ask:
        for path in ("user", "version", "metadata", "personal_access_tokens/self", "namespaces/team%2Fsub"):
            answered(ask.get(f"/api/v4/{path}"), 200)
        for path in (PROJECT, GROUP):
            answered(ask.get(path), 200)
            for members in ("members", "members/all"):
                answered(ask.get(f"{path}/{members}/1"), 200)
        answered(ask.get("/api/v4/license"), 403)
        for act in (labels, milestones, issues, links, notes):
            act(ask)


def labels(ask: httpx.Client) -> None:
    answered(ask.post(f"{PROJECT}/labels", json={"name": "by hand", "color": "#ff0000", "description": "red"}), 201)
    answered(ask.post(f"{PROJECT}/labels", json={"name": "by hand", "color": "#ff0000"}), 409)
    answered(ask.get(f"{PROJECT}/labels", params={"per_page": 2, "page": 2}), 200)
    answered(ask.post(f"{GROUP}/labels", json={"name": "of the group", "color": "#00ff00"}), 201)
    answered(ask.get(f"{GROUP}/labels"), 200)


def milestones(ask: httpx.Client) -> None:
    for place in (PROJECT, GROUP):
        at = f"{place}/milestones"
        sent = {"title": f"of {place[8:10]}", "start_date": "2026-11-02", "due_date": "2026-11-16"}
        made = answered(ask.post(at, json=sent), 201)
        answered(ask.get(at, params={"state": "active", "search": "of", "updated_after": "2026-01-01T00:00:00Z"}), 200)
        answered(ask.put(f"{at}/{made['id']}", json={"state_event": "close", "due_date": ""}), 200)
        answered(ask.get(f"{at}/{made['id']}"), 200)
        answered(ask.get(f"{at}/{made['id']}/issues"), 200)
        answered(ask.delete(f"{at}/{made['id']}"), 204)
        answered(ask.get(f"{at}/{made['id']}"), 404)


def issues(ask: httpx.Client) -> None:
    at = f"{PROJECT}/issues"
    made = answered(
        ask.post(
            at, json={"title": "by hand", "labels": "a,b", "assignee_ids": [1], "weight": 3, "due_date": "2026-12-24"}
        ),
        201,
    )
    answered(ask.post(at, json={}), 400)
    one = f"{at}/{made['iid']}"
    answered(ask.get(one), 200)
    answered(ask.put(one, json={"add_labels": "c", "remove_labels": "a", "discussion_locked": True}), 200)
    answered(ask.put(one, json={"state_event": "close", "confidential": True}), 200)
    answered(ask.put(one, json={"state_event": "reopen", "assignee_ids": [], "confidential": False}), 200)
    keyset = {"pagination": "keyset", "order_by": "updated_at", "sort": "asc", "per_page": 2, "scope": "all"}
    answered(ask.get(at, params=keyset | {"updated_after": "2026-01-01T00:00:00Z"}), 200)
    answered(ask.get(at, params={"state": "opened", "milestone": "None", "labels": "b,c"}), 200)
    answered(ask.get(f"{GROUP}/issues", params={"scope": "all", "with_labels_details": True}), 200)
    for place in (PROJECT, GROUP):
        answered(ask.get(f"{place}/issues_statistics", params={"scope": "all"}), 200)
    other = answered(ask.get(PROJECT.replace("road", "long")), 200)
    answered(ask.post(f"{one}/move", json={"to_project_id": other["id"]}), 201)
    spare = answered(ask.post(at, json={"title": "spare"}), 201)
    answered(ask.delete(f"{at}/{spare['iid']}"), 204)
    answered(ask.get(f"{at}/{spare['iid']}"), 404)


def links(ask: httpx.Client) -> None:
    first, second = (answered(ask.post(f"{PROJECT}/issues", json={"title": title}), 201) for title in ("one", "two"))
    at = f"{PROJECT}/issues/{first['iid']}/links"
    sent = {"target_project_id": PATH, "target_issue_iid": str(second["iid"])}
    answered(ask.post(at, json=sent), 201)
    link = answered(ask.get(at), 200)[0]["issue_link_id"]
    answered(ask.get(f"{at}/{link}"), 200)
    answered(ask.delete(f"{at}/{link}"), 200)
    answered(ask.get(f"{at}/{link}"), 404)
    ask.post(at, json=sent | {"link_type": "is_blocked_by"})  # Premium: 201
    answered(ask.get(at), 200)


def notes(ask: httpx.Client) -> None:
    at = f"{PROJECT}/issues/1/notes"
    answered(ask.post(at, json={"body": "said"}), 201)
    answered(ask.post(at, json={"body": "/close"}), 202)
    answered(ask.get(at, params={"sort": "asc"}), 200)


def hooks(url: str, sink: str) -> None:
    """A hook's life. Two stay, one with each way of proof, and hear all that the other steps do."""
    at = f"{PROJECT}/hooks"
    switches = {
        "issues_events": True,
        "confidential_issues_events": True,
        "milestone_events": True,
        "push_events": False,
    }
    with person(url) as ask:
        answered(ask.post(f"{PROJECT}/issues", json={"title": "the first"}), 201)
        for way, key in (("token", SECRET), ("signing_token", SIGNING)):
            answered(ask.post(at, json={"url": f"{sink}/hook", way: key, "name": way, **switches}), 201)
        answered(ask.post(at, json={"url": "nowhere"}), 422)
        answered(ask.get(at), 200)
        other = answered(ask.post(at, json={"url": f"{sink}/broken", **switches}), 201)
        one = f"{at}/{other['id']}"
        answered(ask.put(one, json={"url": f"{sink}/broken", "description": "spare"}), 200)
        answered(ask.get(one), 200)
        answered(ask.post(f"{one}/test/issues_events"), 201)
        events = until(lambda: answered(ask.get(f"{one}/events", params={"status": "server_failure"}), 200), 1)
        answered(ask.post(f"{one}/events/{events[0]['id']}/resend"), 201)
        answered(ask.delete(one), 204)
        answered(ask.get(one), 404)


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
