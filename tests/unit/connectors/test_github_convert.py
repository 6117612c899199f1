"""GitHub's JSON to core values and back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.core.plan import Fields, Observed, Ref
from connectors.base import Rejected, Unsupported
from connectors.github import convert

API = "https://api.github.com/repos/octo/hub"
ISSUE: dict[str, Any] = {
    "number": 7,
    "node_id": "I_7",
    "html_url": "https://github.com/octo/hub/issues/7",
    "repository_url": API,
    "title": "1A — Mobilisation",
    "body": "one\r\ntwo",
    "state": "open",
    "state_reason": None,
    "milestone": {"number": 2},
    "labels": [{"name": "epic"}, "old"],
    "updated_at": "2026-11-24T10:00:00Z",
    "closed_at": None,
}
MILESTONE: dict[str, Any] = {
    "number": 2,
    "node_id": "MI_2",
    "html_url": "https://github.com/octo/hub/milestone/2",
    "title": "M1",
    "description": None,
    "state": "open",
    "open_issues": 9,
    "due_on": "2026-11-16T08:00:00Z",
    "updated_at": "2026-11-24T10:00:00Z",
}
REFS = {"M1": Ref("milestone", "2", 2, "MI_2"), "1A": Ref("issue", "7", 7, "I_7")}


def test_an_issue() -> None:
    assert convert.issue(ISSUE) == Observed(
        ref=Ref("issue", "7", 7, "I_7", "https://github.com/octo/hub/issues/7"),
        title="1A — Mobilisation",
        description="one\r\ntwo",
        milestone="2",
        labels=("epic", "old"),
        updated_at=datetime(2026, 11, 24, 10, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("state", "why", "expected"),
    [
        ("open", "reopened", ("open", None)),
        ("closed", "completed", ("closed", "completed")),
        ("closed", "not_planned", ("closed", "not_planned")),
        ("closed", "duplicate", ("closed", "duplicate")),
        ("closed", None, ("closed", None)),
        ("closed", "something_new", ("closed", None)),
    ],
)
def test_states(state: str, why: str | None, expected: tuple[str, str | None]) -> None:
    seen = convert.issue({**ISSUE, "state": state, "state_reason": why})
    assert (seen.state, seen.reason) == expected


@pytest.mark.parametrize(
    ("url", "parent", "shape"),
    [
        (None, None, "issue"),
        (f"{API}/issues/3", "3", "child"),
        ("https://api.github.com/repos/Octo/HUB/issues/3", "3", "child"),
        ("https://api.github.com/repos/octo/other/issues/3", "octo/other#3", "issue"),
    ],
)
def test_parents(url: str | None, parent: str | None, shape: str) -> None:
    seen = convert.issue({**ISSUE, "parent_issue_url": url})
    assert (seen.parent, seen.ref.shape) == (parent, shape)


def test_a_milestone_without_githubs_counts() -> None:
    """Trap 9: they count pull requests, and drift."""
    assert convert.milestone(MILESTONE) == Observed(
        ref=Ref("milestone", "2", 2, "MI_2", "https://github.com/octo/hub/milestone/2"),
        title="M1",
        due=date(2026, 11, 16),
        updated_at=datetime(2026, 11, 24, 10, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("due_on", "day"),
    [
        ("2026-11-16T08:00:00Z", date(2026, 11, 16)),  # midnight PST
        ("2026-07-16T07:00:00Z", date(2026, 7, 16)),  # midnight PDT
        ("2026-07-16T00:00:00Z", date(2026, 7, 16)),
        (None, None),
    ],
)
def test_due_days_read(due_on: str | None, day: date | None) -> None:
    assert convert.milestone({**MILESTONE, "due_on": due_on}).due == day


def test_due_days_sent_at_noon() -> None:
    """Trap 2: midnight UTC would land on the day before."""
    assert convert.milestone_body({"due": date(2026, 11, 16)}) == {"due_on": "2026-11-16T12:00:00Z"}
    assert convert.milestone_body({"due": None}) == {"due_on": None}


def graphql(**more: Any) -> dict[str, Any]:
    issue = {
        "id": "I_8",
        "number": 8,
        "url": "https://github.com/octo/hub/issues/8",
        "title": "1A.1 Draft",
        "body": "",
        "state": "OPEN",
        "stateReason": None,
        "updatedAt": "2026-11-24T10:00:00Z",
        "closedAt": None,
        "milestone": {"number": 2},
        "parent": {"number": 7, "repository": {"nameWithOwner": "octo/hub"}},
        "repository": {"nameWithOwner": "octo/hub"},
        "labels": {"nodes": [{"name": "epic"}]},
    }
    return issue | more


def test_an_issue_from_graphql() -> None:
    assert convert.graphql_issue(graphql()) == Observed(
        ref=Ref("child", "8", 8, "I_8", "https://github.com/octo/hub/issues/8"),
        title="1A.1 Draft",
        milestone="2",
        parent="7",
        labels=("epic",),
        updated_at=datetime(2026, 11, 24, 10, tzinfo=UTC),
    )
    elsewhere = {"number": 7, "repository": {"nameWithOwner": "octo/other"}}
    assert convert.graphql_issue(graphql(parent=elsewhere)).parent == "octo/other#7"
    alone = convert.graphql_issue(graphql(parent=None, milestone=None, labels=None))
    assert (alone.parent, alone.milestone, alone.labels, alone.ref.shape) == (None, None, (), "issue")
    closed = convert.graphql_issue(graphql(state="CLOSED", stateReason="NOT_PLANNED"))
    assert (closed.state, closed.reason) == ("closed", "not_planned")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {}),
        ({"title": "T"}, {"title": "T"}),
        ({"description": "D"}, {"body": "D"}),
        ({"description": None}, {"body": ""}),
        ({"milestone": "M1"}, {"milestone": 2}),
        ({"milestone": None}, {"milestone": None}),
        ({"labels": ("a", "b")}, {"labels": ["a", "b"]}),
        ({"labels": None}, {"labels": []}),
        ({"state": "open"}, {"state": "open"}),
        ({"state": "closed"}, {"state": "closed", "state_reason": "completed"}),
        ({"state": "not_planned"}, {"state": "closed", "state_reason": "not_planned"}),
        ({"parent": "1A"}, {}),
        ({"start": None, "due": None}, {}),
    ],
)
def test_issue_fields(fields: Fields, body: dict[str, Any]) -> None:
    assert convert.issue_body(fields, REFS) == body


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"title": "T", "description": None}, {"title": "T", "description": ""}),
        ({"state": "closed"}, {"state": "closed"}),
        ({"state": "not_planned"}, {"state": "closed"}),
        ({"state": "open"}, {"state": "open"}),
    ],
)
def test_milestone_fields(fields: Fields, body: dict[str, Any]) -> None:
    assert convert.milestone_body(fields) == body


def test_what_github_has_no_place_for() -> None:
    with pytest.raises(Unsupported, match="start"):
        convert.milestone_body({"start": date(2026, 11, 2)})
    with pytest.raises(Unsupported, match="due"):
        convert.issue_body({"due": date(2026, 11, 2)}, REFS)


def test_a_milestone_that_is_not_there_yet() -> None:
    with pytest.raises(Rejected) as caught:
        convert.issue_body({"milestone": "M9"}, REFS)
    assert [problem.field for problem in caught.value.fields] == ["milestone"]


@pytest.mark.parametrize(("told", "name"), [(None, None), ({"id": 1, "node_id": "IT_1", "name": "Bug"}, "Bug")])
def test_a_type_by_rest_and_by_graphql(told: Any, name: str | None) -> None:
    assert convert.issue(ISSUE | {"type": told}).type == name
    node = {"id": "I_7", "number": 7, "url": "u", "title": "t", "state": "OPEN", "issueType": told}
    assert convert.graphql_issue(node).type == name


@pytest.mark.parametrize(
    ("summary", "blocked"),
    [
        (None, False),
        ({}, False),
        ({"blocked_by": 0, "total_blocked_by": 0, "blocking": 3, "total_blocking": 3}, False),
        ({"blocked_by": 0, "total_blocked_by": 2}, True),  # closed blockers count in the total alone
        ({"blocked_by": 1}, True),
    ],
)
def test_what_waits_for_others(summary: Any, blocked: bool) -> None:
    assert convert.is_blocked(ISSUE | {"issue_dependencies_summary": summary}) is blocked


MADE = convert.issue(ISSUE | {"type": {"name": "Bug"}})


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"title": "T", "description": "D", "state": "closed", "parent": "1A"}, ()),
        ({"milestone": "M1", "labels": ("EPIC",), "type": "bug"}, ()),
        ({"labels": ("epic", "old")}, ()),
        ({"milestone": None, "labels": (), "type": None}, ("milestone", "labels", "type")),
        ({"milestone": "1A", "labels": ("epic", "new"), "type": "Task"}, ("milestone", "labels", "type")),
    ],
)
def test_what_github_dropped(fields: Fields, lost: tuple[str, ...]) -> None:
    assert convert.dropped(fields, REFS, MADE) == lost
