"""The GraphQL that the GitLab connector sends and the boxes answer, and the boxes' schema, against GitLab's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from graphql import build_schema

from connectors.sandbox.gitlab.schema import SDL
from tests.contract.gitlab_pages import YOUNGER
from tests.contract.gitlab_traffic import Heard
from tests.contract.gql import Described, lacking
from tests.contract.leeway import told
from tests.contract.traffic import Exchange
from tests.contract.younger import idle

pytestmark = pytest.mark.xdist_group("contract-gitlab")


def test_every_document_and_its_variables_are_gitlab_s(gitlab_graphql: Described, gitlab_heard: Heard) -> None:
    asked = [one for one in gitlab_heard.graphql if one.by_connector]
    assert asked
    problems = [problem for one in asked for problem in gitlab_graphql.request_problems(one)]
    assert not problems, told(problems)


def test_every_answer_is_what_was_selected(gitlab_graphql: Described, gitlab_heard: Heard) -> None:
    problems = [problem for one in gitlab_heard.graphql for problem in gitlab_graphql.answer_problems(one)]
    assert not problems, told(problems)


def test_mutations_and_refusals_were_met(gitlab_heard: Heard) -> None:
    sent = " ".join(one.asked["query"] for one in gitlab_heard.graphql)
    for name in ("workItemCreate", "workItemUpdate", "workItemAddLinkedItems", "workItemRemoveLinkedItems"):
        assert f"{name}(" in sent, name
    assert any(one.answered.get("errors") for one in gitlab_heard.graphql)


def test_the_boxes_schema_is_part_of_gitlab_s(gitlab_graphql: Described) -> None:
    problems = lacking(build_schema(SDL), gitlab_graphql.schema)
    assert not problems, told(problems)


def test_everything_younger_is_needed() -> None:
    assert idle(YOUNGER, build_schema(SDL)) == []


def a_create(heard: Heard) -> Exchange:
    made = (one for one in heard.graphql if "workItemCreate" in one.asked["query"] and one.status == 200)
    return next(one for one in made if one.answered.get("data") and one.answered["data"]["workItemCreate"]["workItem"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda asked: asked.update(query=asked["query"].replace("webUrl", "weburl")), "Cannot query field 'weburl'"),
        (lambda asked: asked.update(query=asked["query"].replace("WidgetMilestone", "WidgetMile")), "WidgetMile"),
        (lambda asked: asked["variables"]["input"].update(titel="x"), "'titel'"),
        (lambda asked: asked["variables"]["input"].pop("title"), "'title'"),
        (lambda asked: asked["variables"]["input"].update(labelsWidget={"addLabelIds": []}), "addLabelIds"),
        (lambda asked: asked.update(query=asked["query"] + " " * 10_000), "over 10000 characters"),
    ],
)
def test_a_wrong_document_or_variable_is_caught(
    gitlab_graphql: Described, gitlab_heard: Heard, change: Callable[[Any], object], said: str
) -> None:
    right = a_create(gitlab_heard)
    assert gitlab_graphql.request_problems(right) == []
    asked = right.asked
    change(asked)
    problems = gitlab_graphql.request_problems(replace(right, sent=json.dumps(asked).encode()))
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda item: item.pop("iid"), "iid: was selected, and is missing"),
        (lambda item: item.update(iid=1), "iid: 1 is no ID"),
        (lambda item: item.update(title=None), "title: is null, and is String!"),
        (lambda item: item.update(state="opened"), "state: 'opened' is no WorkItemState"),
        (lambda item: item.update(updatedAt="today"), "updatedAt: 'today' is no Time"),
        (lambda item: item["widgets"][0].update(desc=1), "desc: was not selected"),
        (lambda item: item.update(widgets={}), "widgets: {} is no list"),
    ],
)
def test_a_wrong_answer_is_caught(
    gitlab_graphql: Described, gitlab_heard: Heard, change: Callable[[Any], object], said: str
) -> None:
    right = a_create(gitlab_heard)
    assert gitlab_graphql.answer_problems(right) == []
    answered = right.answered
    change(answered["data"]["workItemCreate"]["workItem"])
    problems = gitlab_graphql.answer_problems(replace(right, got=json.dumps(answered).encode()))
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("  lockVersion: Int!\n", "  lockVersion: String!\n", "WorkItem.lockVersion: String! is Int!"),
        ("enum WorkItemState { OPEN CLOSED }", "enum WorkItemState { OPENED CLOSED }", "WorkItemState.OPENED"),
        ("updatedAfter: Time", "changedAfter: Time", "Project.workItems().changedAfter: there is no such"),
        ("  workItemTypeId: WorkItemsTypeID!\n", "", "WorkItemCreateInput.workItemTypeId: is required"),
    ],
)
def test_a_schema_that_is_no_part_is_caught(gitlab_graphql: Described, right: str, wrong: str, said: str) -> None:
    assert right in SDL
    problems = lacking(build_schema(SDL.replace(right, wrong, 1)), gitlab_graphql.schema)
    assert any(said in problem for problem in problems), problems
