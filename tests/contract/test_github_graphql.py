"""The GraphQL that the GitHub connector sends and the box answers, and the box's schema, against GitHub's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from graphql import build_schema

from connectors.sandbox.github.schema import SDL
from tests.contract.github_pages import YOUNGER
from tests.contract.github_traffic import Heard
from tests.contract.gql import Described, lacking
from tests.contract.leeway import told
from tests.contract.traffic import Exchange
from tests.contract.younger import idle

pytestmark = pytest.mark.xdist_group("contract-github")


def test_every_document_and_its_variables_are_github_s(github_graphql: Described, github_heard: Heard) -> None:
    asked = [one for one in github_heard.graphql if one.by_connector]
    assert asked
    problems = [problem for one in asked for problem in github_graphql.request_problems(one)]
    assert not problems, told(problems)


def test_every_answer_is_what_was_selected(github_graphql: Described, github_heard: Heard) -> None:
    problems = [problem for one in github_heard.graphql for problem in github_graphql.answer_problems(one)]
    assert not problems, told(problems)


def test_answers_with_errors_were_met(github_heard: Heard) -> None:
    assert any(one.answered.get("errors") for one in github_heard.graphql)


def test_the_box_s_schema_is_part_of_github_s(github_graphql: Described) -> None:
    assert lacking(build_schema(SDL), github_graphql.schema) == []


def test_everything_younger_is_needed() -> None:
    assert idle(YOUNGER, build_schema(SDL)) == []


def a_create(heard: Heard) -> Exchange:
    made = (one for one in heard.graphql if "createIssue" in one.asked["query"])
    return next(one for one in made if not one.answered.get("errors"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda asked: asked.update(query=asked["query"].replace("number", "nummer")), "Cannot query field 'nummer'"),
        (lambda asked: asked.update(query=asked["query"] + "}"), "the document can't be read"),
        (lambda asked: asked["variables"]["input"].update(titel="x"), "'titel'"),
        (lambda asked: asked["variables"]["input"].pop("title"), "'title'"),
        (lambda asked: asked["variables"]["input"].update(labelIds=[{}]), "labelIds"),
        (lambda asked: asked["variables"].update(inputs={}), "variable inputs is not one of the document's"),
        (lambda asked: asked.update(varables={}), "body.varables: GraphQL has no such key"),
    ],
)
def test_a_wrong_document_or_variable_is_caught(
    github_graphql: Described, github_heard: Heard, change: Callable[[Any], object], said: str
) -> None:
    right = a_create(github_heard)
    assert github_graphql.request_problems(right) == []
    asked = right.asked
    change(asked)
    problems = github_graphql.request_problems(replace(right, sent=json.dumps(asked).encode()))
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda issue: issue.pop("number"), "number: was selected, and is missing"),
        (lambda issue: issue.update(number="1"), "number: '1' is no Int"),
        (lambda issue: issue.update(number=2**31), "number: 2147483648 is no Int"),
        (lambda issue: issue.update(title=None), "title: is null, and is String!"),
        (lambda issue: issue.update(state="opened"), "state: 'opened' is no IssueState"),
        (lambda issue: issue.update(updatedAt="today"), "updatedAt: 'today' is no DateTime"),
        (lambda issue: issue.update(nummer=1), "nummer: was not selected"),
        (lambda issue: issue.update(labels=[]), "labels: [] is no object"),
    ],
)
def test_a_wrong_answer_is_caught(
    github_graphql: Described, github_heard: Heard, change: Callable[[Any], object], said: str
) -> None:
    right = a_create(github_heard)
    assert github_graphql.answer_problems(right) == []
    answered = right.answered
    change(answered["data"]["createIssue"]["issue"])
    problems = github_graphql.answer_problems(replace(right, got=json.dumps(answered).encode()))
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("  number: Int!\n", "  nummer: Int!\n", "Milestone.nummer: there is no such field"),
        ("  number: Int!\n", "  number: String!\n", "Milestone.number: String! is Int!"),
        ("enum IssueState { CLOSED OPEN }", "enum IssueState { CLOSED OPENED }", "IssueState.OPENED: there is no"),
        (
            "input ReopenIssueInput { clientMutationId: String issueId: ID! }",
            "input ReopenIssueInput { id: ID! }",
            "id",
        ),
        ("issue(number: Int!): Issue", "issue(iid: Int!): Issue", "Repository.issue().number: is required"),
        ("scalar URI", "scalar URI\nscalar URL", "URL: there is no such type"),
    ],
)
def test_a_schema_that_is_no_part_is_caught(github_graphql: Described, right: str, wrong: str, said: str) -> None:
    assert right in SDL
    problems = lacking(build_schema(SDL.replace(right, wrong, 1)), github_graphql.schema)
    assert any(said in problem for problem in problems), problems
