"""GitLab's JSON <-> core values, refusals and cursors, as tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse, validate
from graphql.execution.values import get_variable_values

from app.core.plan import Fields, Observed, Ref
from connectors.base import (
    FieldProblem,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from connectors.gitlab import convert, graphql, refusals
from connectors.gitlab import fields as sending
from connectors.gitlab.convert import Around, Detail, Home, Malformed
from connectors.gitlab.cursor import Asking, Mark, Position

MILESTONE: dict[str, Any] = {
    "id": 912,
    "iid": 3,
    "project_id": 16,
    "title": "M1 — Kick-off",
    "description": "why\r\n\r\n<!-- milepost:p/M1 -->",
    "state": "active",
    "start_date": "2026-11-02",
    "due_date": "2026-11-16",
    "created_at": "2026-11-01T09:24:18.123Z",
    "updated_at": "2026-11-02T10:24:18.123+01:00",
    "web_url": "https://gitlab.com/g/p/-/milestones/3",
}
ISSUE: dict[str, Any] = {
    "id": 7001,
    "iid": 12,
    "title": "1A — Mobilise",
    "description": "text\r\n",
    "state": "opened",
    "labels": ["epic", "team::a"],
    "milestone": {"id": 912, "iid": 3},
    "issue_type": "issue",
    "type": "ISSUE",
    "due_date": None,
    "moved_to_id": None,
    "updated_at": "2026-11-03T08:00:00.000Z",
    "closed_at": None,
    "web_url": "https://gitlab.com/g/p/-/issues/12",
    "_links": {"closed_as_duplicate_of": None},
}
T1 = "gid://gitlab/WorkItem/7001"
REFS = {
    "M1": Ref("milestone", "912", 912, "gid://gitlab/Milestone/912"),
    "1A": Ref("issue", "7001", 12, "gid://gitlab/WorkItem/7001"),
}


def test_a_milestone_is_told_by_its_global_id_not_its_iid() -> None:
    assert convert.milestone(MILESTONE) == Observed(
        ref=Ref("milestone", "912", 912, "gid://gitlab/Milestone/912", "https://gitlab.com/g/p/-/milestones/3"),
        title="M1 — Kick-off",
        description="why\r\n\r\n<!-- milepost:p/M1 -->",
        start=date(2026, 11, 2),
        due=date(2026, 11, 16),
        updated_at=datetime(2026, 11, 2, 9, 24, 18, 123000, tzinfo=UTC),
        created_at=datetime(2026, 11, 1, 9, 24, 18, 123000, tzinfo=UTC),
    )
    closed = convert.milestone(MILESTONE | {"state": "closed", "description": None, "start_date": None})
    assert (closed.state, closed.description, closed.start) == ("closed", "", None)


def test_an_issue_is_told_by_its_id_and_reached_by_its_iid() -> None:
    got = convert.issue(ISSUE)
    assert got.ref == Ref("issue", "7001", 12, "gid://gitlab/WorkItem/7001", "https://gitlab.com/g/p/-/issues/12")
    assert (got.milestone, got.labels, got.state, got.reason) == ("912", ("epic", "team::a"), "open", None)
    assert got.description == "text\r\n"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"state": "closed"}, "completed"),
        ({"state": "closed", "moved_to_id": 9}, "moved"),
        ({"state": "closed", "_links": {"closed_as_duplicate_of": "https://x/1"}}, "duplicate"),
        ({"state": "closed", "_links": None}, "completed"),
        ({"state": "opened", "moved_to_id": None}, None),
    ],
)
def test_why_it_is_closed(change: dict[str, Any], reason: str | None) -> None:
    assert convert.issue(ISSUE | change).reason == reason


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        ({}, "issue"),
        ({"issue_type": "task"}, "child"),
        ({"issue_type": None, "type": "TASK"}, "child"),
        ({"issue_type": "incident"}, "issue"),
        ({"issue_type": "test_case"}, "issue"),
    ],
)
def test_a_task_is_a_child_and_all_else_an_issue(change: dict[str, Any], shape: str) -> None:
    assert convert.issue(ISSUE | change).ref.shape == shape


WORK_ITEM: dict[str, Any] = {
    "id": "gid://gitlab/WorkItem/7002",
    "iid": "13",
    "title": "1A.1 Draft",
    "state": "CLOSED",
    "webUrl": "https://gitlab.com/g/p/-/work_items/13",
    "updatedAt": "2026-11-03T08:00:00Z",
    "closedAt": "2026-11-03T08:00:00Z",
    "workItemType": {"name": "Task"},
    "widgets": [
        {},
        {"description": "d"},
        {"parent": {"id": "gid://gitlab/WorkItem/7001"}},
        {"milestone": {"id": "gid://gitlab/Milestone/912"}},
        {"labels": {"nodes": [{"title": "a"}]}},
        {"startDate": None, "dueDate": "2026-11-16"},
    ],
}


def test_a_work_item_is_read_from_its_widgets() -> None:
    assert convert.work_item(WORK_ITEM) == Observed(
        ref=Ref("child", "7002", 13, "gid://gitlab/WorkItem/7002", "https://gitlab.com/g/p/-/work_items/13"),
        title="1A.1 Draft",
        description="d",
        state="closed",
        reason="completed",
        milestone="912",
        parent="7001",
        labels=("a",),
        due=date(2026, 11, 16),
        updated_at=datetime(2026, 11, 3, 8, tzinfo=UTC),
        closed_at=datetime(2026, 11, 3, 8, tzinfo=UTC),
    )
    bare = convert.work_item({"id": "gid://gitlab/WorkItem/1", "iid": "1", "state": "OPEN", "widgets": None})
    assert (bare.parent, bare.milestone, bare.description, bare.ref.shape) == (None, None, "", "issue")


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "x",
        {},
        {"id": "x"},
        {"id": True, "iid": 1},
        {"id": 1, "iid": 1, "updatedAt": "soon", "updated_at": "x"},
    ],
)
def test_what_is_not_as_documented_is_malformed(row: Any) -> None:
    with pytest.raises(Malformed):
        convert.issue(row)
    with pytest.raises(Malformed):
        convert.work_item(row)


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"title": "T"}, {"title": "T"}),
        ({"description": None}, {"description": ""}),
        ({"start": date(2026, 11, 2), "due": None}, {"start_date": "2026-11-02", "due_date": ""}),
        ({"state": "closed"}, {"state_event": "close"}),
        ({"state": "not_planned"}, {"state_event": "close"}),
        ({"state": "open"}, {"state_event": "activate"}),
        ({}, {}),
    ],
)
def test_what_a_milestone_is_sent(fields: Fields, sent: dict[str, str]) -> None:
    assert sending.milestone_fields(fields) == sent


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"title": "T", "description": "D"}, {"title": "T", "description": "D"}),
        ({"milestone": "M1"}, {"milestone_id": 912}),
        ({"milestone": None}, {"milestone_id": 0}),
        ({"labels": ("epic", "x y")}, {"labels": "epic,x y"}),
        ({"labels": None}, {"labels": ""}),
        ({"labels": ()}, {"labels": ""}),
        ({"state": "open"}, {"state_event": "reopen"}),
        ({"state": "not_planned"}, {"state_event": "close"}),
        ({"due": date(2026, 1, 2)}, {"due_date": "2026-01-02"}),
    ],
)
def test_what_an_issue_is_sent(fields: Fields, sent: dict[str, Any]) -> None:
    assert sending.issue_fields(fields, REFS) == sent


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"title": "T", "description": "D"}, {"title": "T", "descriptionWidget": {"description": "D"}}),
        ({"description": None}, {"descriptionWidget": {"description": ""}}),
        ({"milestone": "M1"}, {"milestoneWidget": {"milestoneId": "gid://gitlab/Milestone/912"}}),
        ({"milestone": None}, {"milestoneWidget": {"milestoneId": None}}),
        ({"parent": "1A"}, {"hierarchyWidget": {"parentId": "gid://gitlab/WorkItem/7001"}}),
        ({"parent": None}, {"hierarchyWidget": {"parentId": None}}),
        ({"state": "closed"}, {"stateEvent": "CLOSE"}),
        ({"state": "open"}, {"stateEvent": "REOPEN"}),
        (
            {"start": None, "due": date(2026, 1, 2)},
            {"startAndDueDateWidget": {"dueDate": "2026-01-02"}},
        ),
    ],
)
def test_what_a_work_item_is_sent(fields: Fields, sent: dict[str, Any]) -> None:
    assert sending.work_item_input(fields, REFS) == sent


def test_what_can_not_be_held_or_found_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(Unsupported):
        sending.milestone_fields({"labels": ("a",)})
    with pytest.raises(Unsupported):
        sending.issue_fields({"start": date(2026, 1, 1)}, REFS)
    with pytest.raises(Unsupported):
        sending.work_item_input({"start": date(2026, 1, 1)}, REFS)
    with pytest.raises(Rejected) as caught:
        sending.issue_fields({"milestone": "M9"}, REFS)
    assert caught.value.fields == (FieldProblem("milestone", "missing"),)


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({"message": {"title": ["has already been taken"]}}, [("title", "already_exists")]),
        ({"message": 'Failed to create milestone {:title=>["has already been taken"]}'}, [("title", "already_exists")]),
        (
            {
                "message": 'Failed to update milestone {title: ["already being used for another group or project '
                'milestone."]}'
            },
            [("title", "already_exists")],
        ),
        (
            {"message": '400 - {:due_date=>["must be greater than start date"], :title=>["can\'t be blank"]}'},
            [("due", "must be greater than start date"), ("title", "missing")],
        ),
        ({"message": {"due_date": ["must be greater than start date"]}}, [("due", "must be greater than start date")]),
        ({"message": {"title": ["is too long (maximum is 255 characters)"]}}, [("title", "too_long")]),
        ({"message": {"base": ["Nope"]}}, [("", "Nope")]),
        ({"message": {"error": "Spam detected"}}, [("", "Spam detected")]),
        ({"error": "title is missing, labels is invalid"}, [("title", "missing"), ("labels", "is invalid")]),
        ({"error": "milestone_id is invalid"}, [("milestone", "is invalid")]),
        ({"message": "Label already exists"}, [("title", "already_exists")]),
        ({"message": "409 Conflict"}, [("", "409 Conflict")]),
        ({}, []),
        ("text", []),
        (None, []),
    ],
)
def test_a_refusal_names_its_fields_however_gitlab_says_it(body: Any, problems: list[tuple[str, str]]) -> None:
    assert [(p.field, p.code) for p in refusals.field_problems(body)] == problems


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("This endpoint has been requested too many times. Try again later.", RateLimited),
        ("The resource that you are attempting to access does not exist or you don't have permission", NotFound),
        ("Field 'workItems' doesn't exist on type 'Project'", Unsupported),
        ("Argument 'iids' doesn't accept argument 'x'", Unsupported),
        ("Internal server error", Unavailable),
        ("Timeout on validation of query", Unavailable),
        ("Invalid token", Unauthorized),
        ("Query has complexity of 300, which exceeds max complexity", Rejected),
    ],
)
def test_what_a_query_s_errors_mean(said: str, error: type[Exception]) -> None:
    assert type(refusals.query_refused((said,), "x")) is error
    as_mutation = type(refusals.query_refused((said,), "x", mutation=True))
    assert as_mutation is (OutcomeUnknown if error is Unavailable else error)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("Title can't be blank", Rejected),
        ("Title is too long (maximum is 255 characters)", Rejected),
        ("#13 cannot be added: reached maximum depth", Unsupported),
        ("You cannot add any more items: it has the maximum number of children", Unsupported),
        ("No matching work item found. Make sure that you are adding a valid work item ID.", NotFound),
        ("Something else", Rejected),
    ],
)
def test_what_a_mutation_s_errors_mean(said: str, error: type[Exception]) -> None:
    assert type(refusals.mutation_refused((said,), "workItemCreate")) is error


def test_an_object_seen_twice_is_kept_once_as_it_was_last() -> None:
    old, new = convert.issue(ISSUE), convert.issue(ISSUE | {"title": "new", "updated_at": "2026-11-03T08:00:01Z"})
    same_number = convert.milestone(MILESTONE | {"id": 7001})
    for order in ([old, new, same_number], [new, old, same_number]):
        assert sorted(item.title for item in convert.newest_once(order)) == ["M1 — Kick-off", "new"]


AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "newest", "began", "since"),
    [
        (None, None, AT, None),
        (None, AT - timedelta(hours=1), AT, AT - timedelta(hours=1)),  # quiet: nothing is read twice
        (None, AT, AT, AT - timedelta(seconds=60)),  # just now: what is being committed is not missed
        (None, AT + timedelta(seconds=9), AT, AT - timedelta(seconds=60)),  # changed while it was read
        (None, AT, None, AT - timedelta(seconds=60)),  # no Date header
        (AT, AT - timedelta(hours=1), AT, AT),  # never backwards
        (AT, None, AT, AT),
    ],
)
def test_a_mark_moves_by_the_tracker_s_clock_with_an_overlap(
    before: datetime | None, newest: datetime | None, began: datetime | None, since: datetime | None
) -> None:
    assert Mark(before).advanced(newest, began) == since


def test_a_cursor_is_read_back_and_a_strange_one_is_none() -> None:
    asking = Asking("g", dependencies=True)
    marks = Mark(None, 'W/"a"'), Mark(AT, ""), Mark(AT)
    position = Position(asking, Home(16, 9), *marks, keyset=False, filters=False)
    assert Position.of(position.cursor(), asking) == position
    assert Position.of(Position().cursor(), Asking()) == Position()
    for other in (Asking("g"), Asking("h", dependencies=True), Asking()):
        assert Position.of(position.cursor(), other) is None  # made for another question
    for strange in (
        None,
        "",
        "{",
        "[]",
        "null",
        '{"v":99}',
        '{"v":2}',
        '{"v":2,"for":["",false],"milestones":["x",""],"issues":[null,""],"epics":[null,""],"home":null,"keyset":1}',
    ):
        assert Position.of(strange, Asking()) is None


HOME = Home(project_id=16, group_id=9)
AROUND = Around("g/p", "g")


@pytest.mark.parametrize(
    ("epic", "parent", "shape"),
    [
        ({"id": 55, "iid": 4, "group_id": 9, "url": "/groups/g/-/epics/4"}, "&4", "child"),
        ({"id": 55, "iid": 4, "group_id": 8, "url": "/groups/other/sub/-/epics/4"}, "other/sub&4", "child"),
        ({"id": 55, "iid": 4, "group_id": 8, "url": "https://x.org/git/groups/o/-/epics/4"}, "o&4", "child"),
        ({"id": 55, "iid": 4, "group_id": 8}, "8&4", "child"),
        (None, None, "issue"),
    ],
)
def test_an_epic_is_told_by_its_iid_and_never_by_its_own_id(epic: Any, parent: str | None, shape: str) -> None:
    got = convert.issue(ISSUE | {"epic": epic}, HOME)
    assert (got.parent, got.ref.shape) == (parent, shape)
    assert convert.issue(ISSUE | {"epic": epic}).parent is None  # where epics are not read


def test_an_epic_that_lacks_its_iid_is_malformed() -> None:
    with pytest.raises(Malformed):
        convert.issue(ISSUE | {"epic": {"id": 55}}, HOME)


@pytest.mark.parametrize(
    ("kind", "parent", "shape"),
    [
        ("Epic", None, "epic"),
        ("Epic", "9", "epic"),
        ("Task", None, "child"),
        ("Issue", None, "issue"),
        ("Issue", "9", "child"),
    ],
)
def test_what_shape_a_work_item_has(kind: str, parent: str | None, shape: str) -> None:
    above = {"parent": parent and {"id": f"gid://gitlab/WorkItem/{parent}"}}
    assert convert.work_item(WORK_ITEM | {"workItemType": {"name": kind}, "widgets": [above]}).ref.shape == shape


def link(number: int, reference: str, kind: str = "is_blocked_by") -> dict[str, Any]:
    return {"linkType": kind, "workItem": {"id": f"gid://gitlab/WorkItem/{number}", "reference": reference}}


def test_blockers_are_ids_here_and_references_elsewhere() -> None:
    links = [
        link(1, "g/p#1"),
        link(2, "G/P#2"),
        link(3, "g&3"),
        link(4, "g/other#4"),
        link(5, "other/g&5"),
        link(6, "g/p#6", "blocks"),
        link(7, "g/p#7", "relates_to"),
        {"linkType": "is_blocked_by", "workItem": None},
    ]
    node = {"id": "gid://gitlab/WorkItem/9", "widgets": [{}, {"linkedItems": {"nodes": links}}]}
    assert convert.blockers(node, AROUND) == ("1", "2", "3", "g/other#4", "other/g&5")
    assert convert.blockers(node, Around("g/p")) == ("1", "2", "g&3", "g/other#4", "other/g&5")
    assert convert.details([node], AROUND) == {"9": Detail(None, ("1", "2", "3", "g/other#4", "other/g&5"))}


def test_dates_of_an_epic_are_fixed_and_a_milestone_is_none_of_its() -> None:
    got = sending.work_item_input({"start": date(2026, 1, 2), "due": None, "milestone": None}, REFS, epic=True)
    assert got == {"startAndDueDateWidget": {"startDate": "2026-01-02", "dueDate": None, "isFixed": True}}
    with pytest.raises(Unsupported, match="epics have no milestone"):
        sending.work_item_input({"milestone": "M1"}, REFS, epic=True)


def test_a_description_too_long_is_refused_and_never_cut() -> None:
    most = "x" * sending.DESCRIPTION_MAX
    for send in (
        sending.milestone_fields,
        lambda fields: sending.issue_fields(fields, REFS),
        lambda fields: sending.work_item_input(fields, REFS),
    ):
        assert most in str(send({"description": most}))
        with pytest.raises(Rejected) as caught:
            send({"description": most + "y"})
        assert caught.value.fields == (FieldProblem("description", "too_long"),)


YOUNGER = (  # than the description: on which type, and what
    "WorkItemWidgetLinkedItems",
    "availableFeatures",
    "updatedAfter",
    "Cannot query field 'workItems' on type 'Group'",
    "EPIC",
    '"Time" used in position',
)


def test_what_is_sent_as_graphql_holds_against_gitlab_s_published_description() -> None:
    text = Path(__file__).resolve().parents[4] / "shared/contracts/gitlab-graphql-2023-08.graphql"
    if not text.exists():
        pytest.skip("GitLab's GraphQL description is not beside this project")
    schema = build_schema(text.read_text(), assume_valid=True)
    asks = [graphql.Ask("items", ("1",))]
    full = graphql.details(graphql.EpicPage(True, True), asks * 18, links=True)
    assert len(full) < 10_000
    tasks = graphql.details(None, asks, links=False)
    same = (graphql.CREATE, graphql.UPDATE, graphql.ONE, *graphql.TYPES.values(), graphql.OLD_GROUP_LICENCE, tasks)
    for document in same:
        assert validate(schema, parse(document)) == []
        assert len(document) < 10_000
    pages = [graphql.EpicPage(filtered, oldest) for filtered in (True, False) for oldest in (True, False)]
    some = [graphql.Ask("epics", ("1",)), *asks]
    for document in (
        *(graphql.details(page, some, links=True) for page in pages),
        graphql.LINKED,
        graphql.GROUP_LICENCE,
    ):
        wrong = [error.message for error in validate(schema, parse(document))]
        assert [message for message in wrong if not any(word in message for word in YOUNGER)] == []
        assert len(document) < 10_000
    every: Fields = {"title": "T", "description": "D", "milestone": "M1", "parent": "1A", "due": None, "state": "open"}
    sent = sending.work_item_input(every, REFS)
    made = {"namespacePath": "g/p", "workItemTypeId": "gid://gitlab/WorkItems::Type/5"} | sent
    for name in ("stateEvent", "startAndDueDateWidget", "descriptionWidget"):  # the last two are younger, on create
        made.pop(name)
    for document, value in ((graphql.UPDATE, {"id": T1} | sent), (graphql.CREATE, made)):
        (operation, _) = parse(document).definitions
        assert isinstance(operation, OperationDefinitionNode)
        got = get_variable_values(schema, operation.variable_definitions or (), {"input": value})
        assert not isinstance(got, list), got  # a list of what is wrong
