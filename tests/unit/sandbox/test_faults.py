"""Faults and limits of both boxes' shared layer, over real HTTP; shown on the GitHub box."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from app.cli import sandboxes
from connectors.sandbox.faults import BadFault, Fault, Faults
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import serving
from connectors.sandbox.limits import BadLimits, Limit, Limits

REPO = "/repos/acme/roadmap"
ISSUES = f"{REPO}/issues"


@pytest.fixture
def box() -> Iterator[GitHubBox]:
    box = GitHubBox()
    yield box
    box.close()


@pytest.fixture
def url(box) -> Iterator[str]:
    with serving(box.app) as url:
        yield url


@pytest.fixture
def api(url) -> Iterator[httpx.Client]:
    with api_of(url) as api:
        yield api


def api_of(url: str, token: str = "t") -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)


def create(api: httpx.Client, title: str = "x") -> httpx.Response:
    return api.post(ISSUES, json={"title": title})


def titles(api: httpx.Client) -> list[str]:
    return sorted(issue["title"] for issue in api.get(ISSUES, params={"state": "all"}).json())


class TestRegistry:
    @pytest.mark.parametrize(
        ("asked", "said"),
        [
            ({"kind": "fire"}, "latency"),
            ({"match": ""}, "kind is needed"),
            ({"kind": "error", "colour": "red"}, "unknown: colour"),
            ({"kind": "error", "match": "("}, "regular expression"),
            ({"kind": "error", "match": 3}, "regular expression"),
            ({"kind": "error", "skip": -1}, "skip"),
            ({"kind": "error", "skip": True}, "skip"),
            ({"kind": "error", "times": 0}, "times"),
            ({"kind": "latency", "seconds": "2"}, "seconds"),
            ({"kind": "error", "status": 200}, "400 to 599"),
            (["error"], "JSON object"),
        ],
    )
    def test_what_can_not_be_ordered_is_refused_saying_what_can(self, api, asked, said):
        answer = api.post("/_sandbox/faults", json=asked)
        assert answer.status_code == 422
        assert said in answer.json()["message"]
        assert api.get("/_sandbox/faults").json()["faults"] == []

    def test_over_http(self, api, box):
        first = api.post("/_sandbox/faults", json={"kind": "error", "match": "POST", "times": None, "status": 503})
        second = box.faults.add(Fault("latency", seconds=0.01))
        assert first.status_code == 201
        number = first.json()["id"]
        assert create(api).status_code == 503
        shown = api.get("/_sandbox/faults").json()["faults"]
        assert [(one["id"], one["kind"], one["struck"], one["active"]) for one in shown] == [
            (number, "error", 1, True),
            (second, "latency", 1, False),
        ]
        assert api.delete(f"/_sandbox/faults/{number}").status_code == 204
        assert api.delete(f"/_sandbox/faults/{number}").status_code == 404
        assert create(api).status_code == 201
        box.faults.add(Fault("error", times=None))
        assert api.delete("/_sandbox/faults").status_code == 204
        assert box.faults.active() == []

    def test_skip_then_times_then_nothing(self, api, box):
        number = box.faults.add(Fault("error", f"POST {ISSUES}$", skip=1, times=2))
        assert api.get(ISSUES).status_code == 200
        assert [create(api, str(n)).status_code for n in range(5)] == [201, 502, 502, 201, 201]
        assert box.faults.struck(number) == 2
        assert box.faults.active() == []
        assert titles(api) == ["0", "3", "4"]

    def test_one_request_takes_one_fault_and_the_next_the_other(self, api, box):
        box.faults.add(Fault("error", status=500))
        box.faults.add(Fault("html"))
        assert create(api).status_code == 500
        assert create(api).headers["content-type"].startswith("text/html")
        assert create(api).status_code == 201

    def test_strikes_are_counted_once_however_many_ask_at_once(self):
        faults = Faults()
        faults.add(Fault("error", times=50))
        with ThreadPoolExecutor(8) as pool:
            struck = list(pool.map(lambda _: faults.strike_request("GET /x", lists=False), range(400)))
        assert sum(map(bool, struck)) == 50

    def test_a_fault_checks_itself(self):
        with pytest.raises(BadFault, match="hook_lost"):
            Fault("hook_gone")


class TestTransport:
    def test_reset_does_nothing_and_dropped_everything(self, api, box):
        box.faults.add(Fault("reset", "POST"))
        with pytest.raises(httpx.ReadError):
            create(api, "reset")
        box.faults.add(Fault("dropped", "POST"))
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            create(api, "dropped")
        assert titles(api) == ["dropped"]
        assert [status for method, _, status in box.log.entries if method == "POST"] == [0, 201]

    def test_truncated_is_carried_out_and_cut(self, api, box):
        box.faults.add(Fault("truncated", "POST"))
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
            create(api, "cut")
        box.faults.add(Fault("truncated", "GET"))
        with api.stream("GET", ISSUES) as answer, pytest.raises(httpx.RemoteProtocolError):
            answer.read()
        assert answer.status_code == 200
        assert 0 < answer.num_bytes_downloaded < int(answer.headers["content-length"])
        assert titles(api) == ["cut"]

    def test_html_does_nothing(self, api, box):
        box.faults.add(Fault("html", "POST"))
        answer = create(api)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert titles(api) == []

    @pytest.mark.parametrize(("kind", "left"), [("error", []), ("error_after", ["x"])])
    @pytest.mark.parametrize("status", [404, 500, 502, 503])
    def test_errors_before_and_after(self, api, box, kind, left, status):
        box.faults.add(Fault(kind, "POST", status=status))
        answer = create(api)
        assert (answer.status_code, answer.json()["status"]) == (status, str(status))
        assert answer.headers["x-github-request-id"]
        assert titles(api) == left

    def test_latency_is_carried_out_at_once(self, api, box):
        box.faults.add(Fault("latency", "POST", seconds=30))
        with pytest.raises(httpx.ReadTimeout):
            api.post(ISSUES, json={"title": "slow"}, timeout=0.2)
        until(lambda: titles(api) == ["slow"])
        box.faults.add(Fault("latency", "GET", seconds=0.2))
        started = time.monotonic()
        titles(api)
        assert time.monotonic() - started >= 0.2

    def test_list_lag_hides_the_newest_from_lists_alone(self, api, box):
        made = create(api, "new").json()
        box.faults.add(Fault("list_lag", seconds=60, times=None))
        query = (
            '{ repository(owner: "acme", name: "roadmap") { issues(first: 5) { totalCount } issue(number: 1) { id } } }'
        )
        shown = api.post("/graphql", json={"query": query}).json()["data"]["repository"]
        assert titles(api) == []
        assert shown == {"issues": {"totalCount": 0}, "issue": {"id": made["node_id"]}}
        assert api.get(f"{ISSUES}/1").json()["title"] == "new"
        box.faults.clear()
        box.faults.add(Fault("list_lag", seconds=0.05, times=None))
        until(lambda: titles(api) == ["new"])

    def test_a_mutation_can_be_told_from_a_query(self, api, box):
        node = api.get(REPO).json()["node_id"]
        box.faults.add(Fault("dropped", "/graphql mutation$"))
        assert api.post("/graphql", json={"query": "{ viewer { login } }"}).status_code == 200
        text = 'mutation($id: ID!) { createIssue(input: {repositoryId: $id, title: "m"}) { issue { id } } }'
        with pytest.raises(httpx.RemoteProtocolError):
            api.post("/graphql", json={"query": text, "variables": {"id": node}})
        assert titles(api) == ["m"]

    def test_the_page_and_the_controls_are_never_struck(self, api, box):
        box.faults.add(Fault("error", times=None))
        assert api.get("/").status_code == 200
        assert api.get("/acme/roadmap").status_code == 200
        assert api.get("/_sandbox/requests").status_code == 200


def until(condition) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class TestLimits:
    """Counting, with time moved by hand."""

    KNOWN = (
        Limit("few", "rolling", 60),
        Limit("gap", "spacing"),
        Limit("crowd", "at_once"),
        Limit("hourly", "told", 3600, "primary_limit"),
    )

    def limits(self, **held: float) -> tuple[Limits, Time]:
        time = Time()
        limits = Limits(self.KNOWN, time)
        limits.set(held)
        return limits, time

    def test_nothing_is_held_to_until_it_is_set(self):
        limits, _ = self.limits()
        assert [limits.enter("t", {"few": 1000}) for _ in range(3)] == [None] * 3
        assert limits.shown() == {}

    def test_a_rolling_window_at_speed(self):
        limits, time = self.limits(few=3, speed=60)
        for _ in range(3):
            assert limits.enter("t", {"few": 1}) is None
            time.now += 0.25
        exceeded = limits.enter("t", {"few": 1})
        assert exceeded is not None
        assert (exceeded.limit.name, exceeded.wait) == ("few", pytest.approx(0.25))
        assert limits.enter("another", {"few": 1}) is None
        time.now += 0.25
        assert limits.enter("t", {"few": 1}) is None
        assert limits.enter("t", {"few": 1}) is not None

    def test_a_refusal_uses_nothing_of_the_other_limits(self):
        limits, _ = self.limits(few=1, gap=1000)
        assert limits.enter("t", {"few": 1}) is None
        assert limits.enter("t", {"gap": 1, "few": 1}) is not None
        assert limits.enter("t", {"gap": 1}) is None

    def test_spacing_lets_one_come_early_and_not_two(self):
        limits, time = self.limits(gap=1)
        assert limits.enter("t", {"gap": 1}) is None
        time.now += 0.9
        assert limits.enter("t", {"gap": 1}) is None
        time.now += 0.9
        assert limits.enter("t", {"gap": 1}) is None
        early = [limits.enter("t", {"gap": 1}) for _ in range(2)]
        assert all(early)
        time.now += 2
        assert limits.enter("t", {"gap": 1}) is None

    def test_so_many_under_way(self):
        limits, _ = self.limits(crowd=2)
        assert limits.enter("t", {"crowd": 1}) is None
        assert limits.enter("t", {"crowd": 1}) is None
        assert limits.enter("t", {"crowd": 1}) is not None
        limits.leave("t")
        assert limits.enter("t", {"crowd": 1}) is None

    @pytest.mark.parametrize("asked", [{"many": 1}, {"few": 0}, {"few": "3"}, {"few": True}, {"speed": 1e9}, [], None])
    def test_what_can_not_be_set_is_refused_and_changes_nothing(self, asked):
        limits, _ = self.limits(few=3)
        with pytest.raises(BadLimits):
            limits.set(asked)
        assert limits.shown() == {"few": 3, "speed": 1}


class TestLimitsOfGitHub:
    def test_eighty_creations_a_minute_and_no_edit_counts(self, api, url):
        put = api.put("/_sandbox/limits", json={"content_per_minute": 3, "speed": 1})
        assert put.json() == {"content_per_minute": 3, "speed": 1}
        assert [create(api).status_code for _ in range(4)] == [201, 201, 201, 403]
        refused = create(api)
        assert "secondary rate limit" in refused.json()["message"]
        assert 55 <= int(refused.headers["retry-after"]) <= 60
        assert int(refused.headers["x-ratelimit-remaining"]) > 0
        assert api.patch(f"{ISSUES}/1", json={"title": "y"}).status_code == 200
        assert len(titles(api)) == 3
        with api_of(url, "another") as other:
            assert create(other).status_code == 201
        assert api.delete("/_sandbox/limits").status_code == 204
        assert create(api).status_code == 201

    def test_the_minute_passes_in_a_blink(self, api):
        api.put("/_sandbox/limits", json={"content_per_minute": 1, "speed": 600})
        assert create(api).status_code == 201
        until(lambda: create(api).status_code == 201)
        assert len(titles(api)) == 2

    def test_each_alias_of_a_mutation_counts(self, api):
        node = api.get(REPO).json()["node_id"]
        api.put("/_sandbox/limits", json={"content_per_minute": 4})
        one = 'a%d: createIssue(input: {repositoryId: "' + node + '", title: "x"}) { issue { id } }'
        text = f"mutation {{ {' '.join(one % n for n in range(3))} }}"
        assert "errors" not in api.post("/graphql", json={"query": text}).json()
        refused = api.post("/graphql", json={"query": text})
        assert (refused.status_code, refused.headers["retry-after"]) == (403, "60")
        assert len(titles(api)) == 3

    def test_points_a_minute_reads_one_writes_five(self, api):
        api.put("/_sandbox/limits", json={"points_per_minute": 7})
        assert create(api).status_code == 201
        assert [api.get(ISSUES).status_code for _ in range(3)] == [200, 200, 403]

    def test_the_hour_of_requests_is_told_and_held_to(self, api):
        api.put("/_sandbox/limits", json={"requests_per_hour": 3, "speed": 3600})
        answers = [api.get(ISSUES) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 403]
        assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
        assert "API rate limit exceeded" in answers[-1].json()["message"]
        assert "retry-after" not in answers[-1].headers
        assert int(answers[-1].headers["x-ratelimit-reset"]) <= time.time() + 2
        assert api.get("/rate_limit").json()["rate"]["remaining"] == 0
        until(lambda: api.get(ISSUES).status_code == 200)

    def test_a_304_is_free_of_the_hour(self, api):
        tag = api.get(ISSUES).headers["etag"]
        api.put("/_sandbox/limits", json={"requests_per_hour": 2})
        told = [api.get(ISSUES, headers={"If-None-Match": tag}) for _ in range(5)]
        assert {(answer.status_code, answer.headers["x-ratelimit-remaining"]) for answer in told} == {(304, "1")}

    def test_so_many_at_once(self, api, box, url):
        api.put("/_sandbox/limits", json={"concurrent": 2})
        box.faults.add(Fault("latency", seconds=1, times=2))
        with ThreadPoolExecutor(2) as pool:
            under_way = [pool.submit(api.get, ISSUES) for _ in range(2)]
            until(lambda: box.log.summary()["total"] == 2)
            assert api.get(ISSUES).status_code == 403
            assert [one.result().status_code for one in under_way] == [200, 200]
        assert api.get(ISSUES).status_code == 200

    @pytest.mark.parametrize("status", [403, 429])
    def test_limits_on_order(self, api, box, status):
        box.faults.add(Fault("primary_limit", "GET .*/issues", seconds=90, status=status))
        primary = api.get(ISSUES)
        assert (primary.status_code, primary.headers["x-ratelimit-remaining"]) == (status, "0")
        assert 85 < int(primary.headers["x-ratelimit-reset"]) - time.time() < 95
        box.faults.add(Fault("secondary_limit", seconds=7, status=status))
        secondary = api.get(ISSUES)
        assert (secondary.status_code, secondary.headers["retry-after"]) == (status, "7")
        box.faults.add(Fault("secondary_limit"))
        assert "retry-after" not in api.get(ISSUES).headers

    def test_graphql_tells_its_primary_limit_with_200(self, api, box):
        box.faults.add(Fault("primary_limit", seconds=5))
        told = api.post("/graphql", json={"query": "{ viewer { login } }"})
        assert (told.status_code, told.headers["x-ratelimit-remaining"]) == (200, "0")
        assert told.json()["errors"][0]["type"] == "RATE_LIMITED"

    def test_bad_settings_are_refused(self, api):
        answer = api.put("/_sandbox/limits", json={"contents": 3})
        assert answer.status_code == 422
        assert "content_per_minute" in answer.json()["message"]
        assert api.get("/_sandbox/limits").json() == {}


class TestPage:
    def test_faults_by_mouse(self, api, box):
        fields = {"action": "add", "kind": "error", "match": "POST", "times": "", "skip": "0", "seconds": "0.5"}
        done = api.post("/_sandbox", data={**fields, "status": "503"})
        assert (done.status_code, done.headers["location"]) == (303, "/_sandbox")
        assert box.faults.active() == [Fault("error", "POST", times=None, seconds=0.5, status=503)]
        assert create(api).status_code == 503
        page = api.get("/_sandbox").text
        assert "1 of 1" in page
        assert f"POST {ISSUES}" in page
        api.post("/_sandbox", data={"action": "remove", "fault": "1"})
        assert box.faults.active() == []

    def test_a_mistake_is_told_and_the_form_keeps_what_was_typed(self, api, box):
        told = api.post("/_sandbox", data={"action": "add", "kind": "error", "match": "<b>(", "times": "1"})
        assert told.status_code == 422
        assert "is no regular expression" in told.text
        assert 'value="&lt;b&gt;("' in told.text
        assert box.faults.active() == []

    def test_limits_by_mouse(self, api, box):
        assert 'value="80"' in api.get("/_sandbox").text
        api.post("/_sandbox", data={"action": "limit", "content_per_minute": "2", "spacing": "", "speed": "60"})
        assert box.limits.shown() == {"content_per_minute": 2, "speed": 60}
        api.post("/_sandbox", data={"action": "unlimit"})
        assert box.limits.shown() == {}

    def test_requests_are_counted_from_nothing(self, api, box):
        create(api)
        api.post("/_sandbox", data={"action": "forget"})
        assert box.log.summary()["total"] == 0

    def test_the_other_pages_lead_here(self, api):
        assert 'href="/_sandbox"' in api.get("/").text


def test_the_command_serves_boxes_that_can_cut(box):
    with sandboxes.listening(box, 0) as url, api_of(url) as api:
        box.faults.add(Fault("dropped", "POST"))
        with pytest.raises(httpx.RemoteProtocolError):
            create(api)
        assert titles(api) == ["x"]
