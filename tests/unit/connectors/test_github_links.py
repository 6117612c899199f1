"""What waits for what on GitHub: read with the rest where it is asked for, and written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from github_script import DROP, HALF, TOKEN, Call, Reply, Scripted, hidden, issue, scripted

from app.core.plan import Ref
from connectors.base import (
    NotFound,
    OutcomeUnknown,
    Place,
    RateLimited,
    Rejected,
    Secret,
    TrackerError,
    Unauthorized,
    Unsupported,
)
from connectors.github import GitHub, open_github

WAITS, BLOCKS = Ref("issue", "7", 7, "I_7"), Ref("child", "8", 8, "I_8")


@pytest.fixture
def script() -> Iterator[Scripted]:
    with scripted() as made:
        yield made


@pytest.fixture
def hub(script: Scripted) -> Iterator[GitHub]:
    made = open_github(Place("github", script.url, "octo/hub", Secret(TOKEN), dependencies=True))
    yield made
    made.close()


def error(message: str = "no", kind: str = "UNPROCESSABLE") -> dict[str, Any]:
    return {"message": message, "type": kind}


class Graph:
    """GraphQL's answers: what a mutation is answered with, and how the two issues stand."""

    def __init__(self, script: Scripted) -> None:
        self.script = script
        self.mutation = Reply(body={"data": {"addBlockedBy": {"issue": {"id": "I_7"}}}})
        self.waits_for: list[str] = []
        self.counts = (0, 0)  # of others that 7 waits for, and that 8 holds up
        self.gone = False
        script.answer["POST /graphql"] = self.answer

    def refuse(self, *errors: dict[str, Any]) -> None:
        self.mutation = Reply(body={"data": {"addBlockedBy": None}, "errors": list(errors)})

    def answer(self, call: Call) -> Reply:
        if call.body["query"].startswith("mutation"):
            return self.mutation
        assert call.body["variables"] == {"ids": ["I_7", "I_8"]}
        blocked_by = {"totalCount": self.counts[0], "nodes": [None, *({"id": one} for one in self.waits_for)]}
        nodes = [
            {"id": "I_7", "blockedBy": blocked_by, "blocking": {"totalCount": 0}},
            {"id": "I_8", "blockedBy": {"totalCount": 0, "nodes": []}, "blocking": {"totalCount": self.counts[1]}},
        ]
        return Reply(body={"data": {"nodes": [None, None] if self.gone else nodes}})

    @property
    def mutations(self) -> list[str]:
        sent = [call.body["query"] for call in self.script.sent("POST")]
        return [text.partition("{")[2].split("(")[0].strip() for text in sent if text.startswith("mutation")]


@pytest.fixture
def graph(script: Scripted) -> Graph:
    return Graph(script)


class TestBlock:
    @pytest.mark.parametrize(("blocked", "name"), [(True, "addBlockedBy"), (False, "removeBlockedBy")])
    def test_one_call(self, hub: GitHub, script: Scripted, graph: Graph, blocked: bool, name: str) -> None:
        graph.mutation = Reply(body={"data": {name: {"issue": {"id": "I_7"}}}})
        hub.block(WAITS, BLOCKS, blocked)
        assert graph.mutations == [name]
        assert script.calls[0].body["variables"]["input"] == {"issueId": "I_7", "blockingIssueId": "I_8"}
        assert hub.requests == len(script.calls) == 1

    def test_ids_that_a_ref_lacks_are_asked_for(self, hub: GitHub, script: Scripted, graph: Graph) -> None:
        script.answer["GET /repos/octo/hub/issues/7"] = Reply(body=issue(7))
        hub.block(Ref("issue", "7", 7), BLOCKS, True)
        assert script.sent("POST")[0].body["variables"]["input"]["issueId"] == "I_7"

    @pytest.mark.parametrize("message", ["Target issue has already been taken", "in words of tomorrow"])
    @pytest.mark.parametrize("blocked", [True, False])
    def test_that_it_is_so_already_is_no_error(self, hub: GitHub, graph: Graph, message: str, blocked: bool) -> None:
        graph.refuse(error(message))
        graph.waits_for = ["I_8"] if blocked else []
        graph.counts = (50, 50)
        hub.block(WAITS, BLOCKS, blocked)
        assert len(graph.mutations) == 1

    @pytest.mark.parametrize(
        ("counts", "why"),
        [((50, 1), "#7 can't wait for #8: it waits for 50 others"), ((1, 50), "that holds up 50 others")],
    )
    def test_over_the_cap(self, hub: GitHub, graph: Graph, counts: tuple[int, int], why: str) -> None:
        graph.refuse(error("in words of tomorrow"))
        graph.counts = counts
        with pytest.raises(Unsupported, match=why) as caught:
            hub.block(WAITS, BLOCKS, True)
        assert "\n" not in caught.value.message
        assert len(graph.mutations) == 1

    @pytest.mark.parametrize("blocked", [True, False])
    def test_what_is_refused_for_another_reason(self, hub: GitHub, graph: Graph, blocked: bool) -> None:
        graph.refuse(error("Issue can't be blocked by itself"))
        graph.waits_for = [] if blocked else ["I_8"]
        with pytest.raises(Rejected, match="by itself"):
            hub.block(WAITS, BLOCKS, blocked)

    def test_an_issue_that_is_gone(self, hub: GitHub, graph: Graph) -> None:
        graph.refuse(error("Could not resolve to a node", "NOT_FOUND"))
        graph.gone = True
        for blocked in (True, False):
            with pytest.raises(NotFound):
                hub.block(WAITS, BLOCKS, blocked)

    def test_a_server_without_dependencies(self, hub: GitHub, script: Scripted) -> None:
        unknown = {"message": "Field 'addBlockedBy' doesn't exist on type 'Mutation'"}
        script.answer["POST /graphql"] = Reply(body={"errors": [unknown | {"extensions": {"code": "undefinedField"}}]})
        with pytest.raises(Unsupported, match="addBlockedBy"):
            hub.block(WAITS, BLOCKS, True)

    @pytest.mark.parametrize("pair", [(Ref("milestone", "1", 1), BLOCKS), (WAITS, Ref("milestone", "1", 1))])
    def test_milestones_block_nothing(self, hub: GitHub, script: Scripted, pair: tuple[Ref, Ref]) -> None:
        with pytest.raises(Unsupported, match="milestones"):
            hub.block(*pair, True)
        assert script.calls == []

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (Reply(502), OutcomeUnknown),
            (Reply(fault=DROP), OutcomeUnknown),
            (Reply(body={"data": {"addBlockedBy": {"issue": {"id": "I_7"}}}}, fault=HALF), OutcomeUnknown),
            (Reply(200, b"<html>Sign in</html>"), OutcomeUnknown),
            (Reply(body={"data": None, "errors": [{"message": "Something went wrong"}]}), OutcomeUnknown),
            (Reply(body={"data": {"addBlockedBy": {"issue": None}}}), OutcomeUnknown),
            (Reply(403, {"message": "You have exceeded a secondary rate limit"}), RateLimited),
            (Reply(body={"data": None, "errors": [error(kind="FORBIDDEN")]}), Unauthorized),
            (Reply(401, {"message": "Bad credentials"}), Unauthorized),
        ],
    )
    def test_one_attempt_and_a_lost_answer_is_never_success(
        self, hub: GitHub, graph: Graph, reply: Reply, kind: type[TrackerError]
    ) -> None:
        graph.mutation = reply
        graph.waits_for = ["I_8"]
        with pytest.raises(kind) as caught:
            hub.block(WAITS, BLOCKS, True)
        assert len(graph.mutations) == 1
        hidden(caught.value)


def blocked(number: int, total: int, still: int = 0) -> dict[str, Any]:
    summary = {"blocked_by": still, "blocking": 0, "total_blocked_by": total, "total_blocking": 0}
    return issue(number, issue_dependencies_summary=summary)


def blocker(number: int, repository: str = "octo/hub") -> dict[str, Any]:
    return {"number": number, "repository": {"nameWithOwner": repository}}


class TestRead:
    def listing(self, script: Scripted, *issues: dict[str, Any]) -> None:
        def page(call: Call) -> Reply:
            number = int(call.query.get("page", ["1"])[0])
            link = f'<{script.url}{call.path}?page={number + 1}>; rel="next"'
            more = {"Link": link} if len(issues) > number * 100 else {}
            return Reply(body=list(issues[(number - 1) * 100 : number * 100]), headers=more)

        script.answer["GET /repos/octo/hub/milestones"] = Reply(body=[])
        script.answer["GET /repos/octo/hub/issues"] = page

    def test_in_batches_of_a_hundred(self, hub: GitHub, script: Scripted) -> None:
        def answer(call: Call) -> Reply:
            if "ids" not in call.body["variables"]:
                counted = {"totalCount": 151, "nodes": [{"number": 151}]}
                return Reply(body={"data": {"repository": {"issues": counted}}})
            nodes = [
                {**blocker(int(one[2:])), "blockedBy": {"nodes": [blocker(1)]}} for one in call.body["variables"]["ids"]
            ]
            return Reply(body={"data": {"nodes": nodes}})

        script.answer["POST /graphql"] = answer
        self.listing(script, issue(1), *(blocked(n, 1) for n in range(2, 152)))
        seen = hub.observe()
        assert seen.complete
        assert [value.blocked_by for value in seen.objects] == [()] + [("1",)] * 150
        asked = [len(call.body["variables"].get("ids", ())) for call in script.sent("POST")]
        assert asked == [0, 0, 100, 50]
        assert seen.requests == 1 + 2 + 2 + 2

    def test_where_nobody_uses_it_nothing_is_asked(self, hub: GitHub, script: Scripted) -> None:
        self.listing(script, issue(1), blocked(2, 0), issue(3, issue_dependencies_summary=None))
        assert hub.observe().complete
        assert script.sent("POST") == []

    def test_where_it_is_not_asked_for_nothing_is(self, script: Scripted) -> None:
        self.listing(script, blocked(2, 3))
        plain = open_github(Place("github", script.url, "octo/hub", Secret(TOKEN)))
        assert [value.blocked_by for value in plain.observe().objects] == [()]
        assert script.sent("POST") == []
        plain.close()

    def test_elsewhere_hidden_closed_and_deleted(self, hub: GitHub, script: Scripted) -> None:
        """`total_blocked_by` counts closed ones. What this token may not see is null, with an error beside it."""
        mixed = [blocker(12, "octo/port"), blocker(20), None, blocker(3, "Octo/Hub")]
        nodes = [{**blocker(2), "blockedBy": {"nodes": mixed}}, None]
        answer = {"data": {"nodes": nodes}, "errors": [error(kind="NOT_FOUND"), error(kind="FORBIDDEN")]}
        script.answer["POST /graphql"] = Reply(body=answer)
        self.listing(script, blocked(2, 4, still=0), blocked(4, 1))
        seen = hub.observe()
        assert [value.blocked_by for value in seen.objects] == [("3", "20", "octo/port#12"), ()]
        assert seen.complete

    @pytest.mark.parametrize(
        ("reply", "wait"),
        [
            (Reply(502), None),
            (Reply(fault=DROP), None),
            (Reply(200, b"<html>"), None),
            (Reply(body={"data": None, "errors": [{"message": "timed out"}]}), None),
            (Reply(body={"data": {"nodes": [None]}, "errors": [{"message": "timed out"}]}), None),
            (Reply(body={"data": {"nodes": "x"}}), None),
            (Reply(body={"data": None, "errors": [error(kind="NOT_FOUND")]}), None),
            (Reply(body={"data": None, "errors": [error("API rate limit", "RATE_LIMITED")]}), 60.0),
            (Reply(429, {}, {"retry-after": "9"}), 9.0),
        ],
    )
    def test_what_fails_is_not_complete(self, hub: GitHub, script: Scripted, reply: Reply, wait: float | None) -> None:
        script.answer["POST /graphql"] = reply
        self.listing(script, blocked(2, 1))
        seen = hub.observe()
        assert (seen.complete, seen.cursor, seen.retry_after) == (False, None, wait)
        assert seen.problem
        assert TOKEN not in seen.problem

    def test_a_cursor_from_before_it_was_asked_for_reads_everything(self, hub: GitHub, script: Scripted) -> None:
        self.listing(script, issue(1))
        plain = open_github(Place("github", script.url, "octo/hub", Secret(TOKEN)))
        seen = plain.observe()
        assert not plain.observe(seen.cursor).full
        assert hub.observe(seen.cursor).full
        plain.close()


def test_a_query_that_is_refused(hub: GitHub, script: Scripted) -> None:
    """401 to GraphQL, and rights that only GraphQL misses."""
    script.answer["GET /repos/octo/hub/milestones"] = Reply(body=[])
    script.answer["GET /repos/octo/hub/issues"] = Reply(body=[blocked(2, 1)])
    for reply in (Reply(401, {}), Reply(body={"errors": [error(kind="INSUFFICIENT_SCOPES")]})):
        script.answer["POST /graphql"] = reply
        with pytest.raises(Unauthorized):
            hub.observe()
    script.answer["POST /graphql"] = Reply(body={"errors": [error(kind="SOMETHING_ELSE")]})
    assert not hub.observe().complete
