"""Reading GitHub in a box while people and the tracker do as they like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import respx
from github_script import PEM, Boxed, boxed, issue
from httpx import Request, Response

from connectors.base import AppCredentials, Observation, Place, Secret, Unauthorized
from connectors.github import open_github
from connectors.sandbox.faults import Fault

BASE = "https://api.github.com"


@pytest.fixture
def box() -> Iterator[Boxed]:
    with boxed() as made:
        yield made


def numbers(seen: Observation) -> list[int]:
    return [value.ref.number for value in seen.objects if value.ref.shape == "milestone"]


def due(day: int) -> str:
    return f"2027-{1 + day // 28 % 12:02}-{1 + day % 28:02}T12:00:00Z"


def make_milestones(box: Boxed, count: int) -> None:
    for n in range(1, count + 1):
        box.ask("POST", "/repos/octo/hub/milestones", title=f"M{n}", due_on=due(n))


class TestManyMilestones:
    """REST's list has only orders that people change: by due day and by completeness."""

    def test_each_once_while_they_change_between_pages(self) -> None:
        steps: list[Callable[[], object]] = []

        def people(method: str, path: str) -> None:
            if ("/milestones" in path or "graphql" in path) and steps:
                steps.pop(0)()

        with boxed(before=people) as box:
            make_milestones(box, 250)
            ours = "/repos/octo/hub/milestones"
            # one moves between any two reads: from the front to the end, from the end to the front, and out of the list
            steps += [
                lambda: None,
                lambda: box.ask("PATCH", f"{ours}/5", due_on="2029-01-01T12:00:00Z"),
                lambda: box.ask("DELETE", f"{ours}/3"),
                lambda: box.ask("PATCH", f"{ours}/240", due_on="2026-12-01T12:00:00Z"),
                lambda: box.ask("PATCH", f"{ours}/6", due_on="2029-01-01T12:00:00Z"),
                lambda: box.ask("DELETE", f"{ours}/110"),
            ]
            seen = box.open().observe()
            assert seen.complete
            assert len(numbers(seen)) == len(set(numbers(seen)))
            assert set(numbers(seen)) >= set(range(1, 251)) - {3, 110}
            assert steps == []

    def test_where_they_never_rest_nothing_is_concluded(self) -> None:
        lost = iter(range(1, 20))

        def people(method: str, path: str) -> None:
            if "graphql" in path:
                box.ask("DELETE", f"/repos/octo/hub/milestones/{next(lost)}")

        with boxed(before=people) as box:
            make_milestones(box, 120)
            seen = box.open().observe()
            assert (seen.complete, seen.cursor) == (False, None)
            assert "while they were read" in seen.problem

    def test_and_idle_every_answer_is_304(self, box: Boxed) -> None:
        make_milestones(box, 130)
        hub = box.open()
        first = hub.observe()
        assert sorted(numbers(first)) == list(range(1, 131))
        mark = hub.observe(first.cursor).cursor
        box.cost()
        seen = hub.observe(mark)
        assert box.cost() == [("GET milestones", 304), ("GET milestones", 304), ("GET issues", 304)]
        box.ask("PATCH", "/repos/octo/hub/milestones/120", title="changed", due_on=None, state="closed")
        seen = hub.observe(seen.cursor)
        (changed,) = [value for value in seen.objects if value.title == "changed"]
        assert (changed.state, changed.due, len(numbers(seen))) == ("closed", None, 130)

    def test_rest_and_graphql_tell_the_same(self, box: Boxed) -> None:
        ours = "/repos/octo/hub/milestones"
        box.ask("POST", ours, title="A", description="why\r\n\r\n- x", due_on=due(3))
        box.ask("POST", ours, title="B", state="closed")
        by_rest = {value.title: value for value in box.open().observe().objects}
        for n in range(99):
            box.ask("POST", ours, title=f"M{n}")
        by_number = {value.title: value for value in box.open().observe().objects}
        assert len(by_number) == 101
        assert {title: by_number[title] for title in by_rest} == by_rest


class TestManyIssues:
    """A full read is what finds the deleted and the transferred: it may not call others so."""

    def make(self, box: Boxed, count: int) -> None:
        for n in range(1, count + 1):
            box.ask("POST", "/repos/octo/hub/issues", title=f"by people {n}")

    def test_each_though_some_go_and_some_come_between_pages(self) -> None:
        steps: list[Callable[[], object]] = []

        def people(method: str, path: str) -> None:
            if method == "GET" and path.endswith("/issues") and steps:
                steps.pop(0)()

        with boxed(before=people) as box:
            self.make(box, 210)
            ours = "/repos/octo/hub/issues"
            steps += [
                lambda: None,
                lambda: box.ask("DELETE", "/_sandbox/issues/octo/hub/7"),
                lambda: box.ask("POST", ours, title="new"),
                lambda: box.ask("PATCH", f"{ours}/3", title="changed"),
                lambda: box.ask("POST", ours, title="newer"),
            ]
            seen = box.open().observe()
            assert seen.complete
            assert {value.ref.number for value in seen.objects} >= set(range(1, 211)) - {7}
            assert 7 not in {value.ref.number for value in seen.objects}
            assert steps == []

    def test_what_comes_costs_no_second_read(self) -> None:
        steps: list[Callable[[], object]] = []

        def people(method: str, path: str) -> None:
            if method == "GET" and path.endswith("/issues") and steps:
                steps.pop(0)()

        with boxed(before=people) as box:
            self.make(box, 110)
            box.ask("POST", "/_sandbox/pull-requests", owner="octo", repo="hub", title="a pull request")
            steps += [lambda: None, lambda: box.ask("POST", "/repos/octo/hub/issues", title="new")]
            seen = box.open().observe()
            assert (seen.complete, len(seen.objects), seen.requests) == (True, 111, 1 + 2 + 2)

    def test_where_some_go_every_time_nothing_is_concluded(self) -> None:
        gone = iter(range(1, 20))

        def people(method: str, path: str) -> None:
            if method == "GET" and path.endswith("/issues"):
                box.ask("DELETE", f"/_sandbox/issues/octo/hub/{next(gone)}")

        with boxed(before=people) as box:
            self.make(box, 120)
            seen = box.open().observe()
            assert (seen.complete, seen.cursor) == (False, None)
            assert "while they were read" in seen.problem


@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", match=r"^GET .*/issues\?.*page=2"),
        Fault("truncated", match=r"^GET .*/issues\?.*page=2"),
        Fault("reset", match=r"^GET .*/issues\?.*page=2"),
        Fault("html", match=r"^GET .*/issues\?"),
        Fault("secondary_limit", match=r"^GET .*/issues\?", seconds=7),
        Fault("primary_limit", match=r"^GET .*/milestones\?", seconds=7),
        Fault("error", match=r"graphql", status=502),
    ],
)
def test_what_fails_is_told_and_read_again(box: Boxed, fault: Fault) -> None:
    make_milestones(box, 101)
    for n in range(101):
        box.ask("POST", "/repos/octo/hub/issues", title=f"by people {n}")
    hub = box.open()
    box.box.faults.add(fault)
    seen = hub.observe()
    assert (seen.complete, seen.cursor) == (False, None)
    assert seen.problem
    if "limit" in fault.kind:
        assert seen.retry_after is not None
        assert 5 <= seen.retry_after <= 8
    again = hub.observe()
    assert (again.complete, len(again.objects)) == (True, 202)


class TestAppTokens:
    """An installation's token lives an hour; a listing may take longer, and people may revoke it."""

    CALL = f"{BASE}/app/installations/42/access_tokens"

    def serve(self, lives: timedelta) -> dict[str, int]:
        """Five pages of issues that take tokens made not too long ago; each page takes twenty minutes."""
        made: dict[str, int] = {}
        clock = {"now": datetime.now(UTC)}

        def token(_: Request) -> Response:
            name = f"ghs_{len(made) + 1}"
            made[name] = 0
            until = (clock["now"] + lives).strftime("%Y-%m-%dT%H:%M:%SZ")
            date = clock["now"].strftime("%a, %d %b %Y %H:%M:%S GMT")
            return Response(201, json={"token": name, "expires_at": until}, headers={"date": date})

        def page(request: Request) -> Response:
            name = request.headers["authorization"].removeprefix("Bearer ")
            if name == self.revoked:
                return Response(401, json={"message": "Bad credentials"})
            made[name] += 1
            number = int(request.url.params.get("page", "1"))
            more = {"link": f'<{BASE}/repos/octo/hub/issues?page={number + 1}>; rel="next"'} if number < 5 else {}
            return Response(200, json=[issue(number)], headers=more)

        respx.post(self.CALL).mock(side_effect=token)

        def count(request: Request) -> Response:
            made[request.headers["authorization"].removeprefix("Bearer ")] += 1
            return Response(200, json={"data": {"repository": {"issues": {"totalCount": 5, "nodes": [{"number": 5}]}}}})

        respx.post(f"{BASE}/graphql").mock(side_effect=count)
        respx.get(f"{BASE}/repos/octo/hub/milestones").respond(200, json=[])
        respx.get(url__startswith=f"{BASE}/repos/octo/hub/issues").mock(side_effect=page)
        return made

    revoked = ""

    @respx.mock
    def test_made_again_in_the_middle_of_a_listing(self) -> None:
        made = self.serve(lives=timedelta(seconds=60))  # less than the margin: each request needs a new one
        hub = open_github(Place("github", BASE, "octo/hub", AppCredentials(7, 42, Secret(PEM))))
        seen = hub.observe()
        assert (seen.complete, len(seen.objects)) == (True, 5)
        assert list(made.values()) == [0, 1, 1, 1, 1, 1, 1, 1]
        hub.close()

    @respx.mock
    def test_one_revoked_meanwhile_is_made_again(self) -> None:
        made = self.serve(lives=timedelta(hours=1))
        hub = open_github(Place("github", BASE, "octo/hub", AppCredentials(7, 42, Secret(PEM))))
        assert hub.observe().complete
        self.revoked = "ghs_1"
        seen = hub.observe()
        assert (seen.complete, len(seen.objects)) == (True, 5)
        assert made == {"ghs_1": 7, "ghs_2": 7}
        assert hub.requests == 8 + 8 + 1 + 2
        hub.close()

    @respx.mock
    def test_a_fixed_one_that_is_revoked_stops_the_read(self) -> None:
        self.serve(lives=timedelta(hours=1))
        self.revoked = "ghp_fixed"
        hub = open_github(Place("github", BASE, "octo/hub", Secret("ghp_fixed")))
        with pytest.raises(Unauthorized):
            hub.observe()
        assert hub.requests == 2
        hub.close()
