"""Wrong on purpose: each of these must be caught, or the contract tests of GitLab's REST are worth nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.gitlab_pages import LEEWAYS
from tests.contract.gitlab_traffic import PROJECT, Heard
from tests.contract.leeway import left
from tests.contract.openapi import Description
from tests.contract.swagger import Corrections, Stale, as_openapi
from tests.contract.traffic import Exchange

pytestmark = pytest.mark.xdist_group("contract-gitlab")
NONE = Corrections(types={}, nulls={}, lists=(), more={}, answers={})
Spoil = Callable[[Any], object]


def a_create(heard: Heard) -> Exchange:
    made = (one for one in heard.rest if (one.method, one.path, one.status) == ("POST", f"{PROJECT}/issues", 201))
    return next(one for one in made if one.by_connector and "milestone_id" in one.asked)


def spoilt(raw: bytes, spoil: Spoil) -> bytes:
    value = json.loads(raw)
    spoil(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: body.update(milestone="M1"), "body.milestone: the description has no such key"),
        (lambda body: body.pop("title"), "'title' is a required property"),
        (lambda body: body.update(milestone_id="M1"), "body.milestone_id: 'M1' is not of type 'integer'"),
        (lambda body: body.update(issue_type="epic"), "body.issue_type: 'epic' is not one of"),
        (lambda body: body.update(labels=[1]), "body.labels[0]: 1 is not of type 'string'"),
    ],
)
def test_a_wrong_request_is_caught(gitlab_rest: Description, gitlab_heard: Heard, spoil: Spoil, said: str) -> None:
    right = a_create(gitlab_heard)
    assert left(gitlab_rest.request_problems(right), LEEWAYS) == []
    problems = left(gitlab_rest.request_problems(replace(right, sent=spoilt(right.sent, spoil))), LEEWAYS)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: body.update(iid="1"), "answer.iid: '1' is not of type 'integer'"),
        (lambda body: body.update(user_notes_count="0"), "answer.user_notes_count: '0' is not of type 'integer'"),
        (lambda body: body.update(title=None), "answer.title: None is not of type 'string'"),
        (lambda body: body.update(parent=None), "answer.parent: the description has no such key"),
        (lambda body: body["milestone"].update(id="1"), "answer.milestone"),
        (lambda body: body["author"].update(nick="m"), "answer.author.nick: the description has no such key"),
        (lambda body: body["task_completion_status"].pop("count"), "'count' is a required property"),
        (lambda body: body.update(created_at="today"), "answer.created_at: 'today' is not a 'date-time'"),
    ],
)
def test_a_wrong_answer_is_caught(gitlab_rest: Description, gitlab_heard: Heard, spoil: Spoil, said: str) -> None:
    right = a_create(gitlab_heard)
    assert gitlab_rest.answer_problems(right) == []
    problems = left(gitlab_rest.answer_problems(replace(right, got=spoilt(right.got, spoil))), LEEWAYS)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": 200}, "200 is not described"),
        ({"status": 404, "got": b'{"messge": "404"}'}, "'messge'"),
        ({"status": 404, "got": b"{}"}, "{}"),
        ({"got": b"<html>"}, "the answer is no JSON"),
        ({"status": 304}, "the answer has a body, and none is described"),
    ],
)
def test_a_wrong_status_or_body_is_caught(
    gitlab_rest: Description, gitlab_heard: Heard, change: dict[str, Any], said: str
) -> None:
    problems = left(gitlab_rest.answer_problems(replace(a_create(gitlab_heard), **change)), LEEWAYS)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": f"{PROJECT}/isues"}, "is not described"),
        ({"path": f"{PROJECT}/issues/one"}, "path issue_iid: 'one' is not of type 'integer'"),
        ({"query": (("updated_since", "2026-01-01T00:00:00Z"),)}, "query updated_since: the description has no such"),
        ({"query": (("state", "open"),)}, "query state: 'open' is not one of"),
        ({"query": (("updated_after", "yesterday"),)}, "query updated_after: 'yesterday' is not a 'date-time'"),
    ],
)
def test_a_wrong_path_or_query_is_caught(gitlab_rest: Description, change: dict[str, Any], said: str) -> None:
    right = Exchange("GET", f"{PROJECT}/issues", (("scope", "all"), ("updated_after", "2026-01-01T00:00:00Z")))
    assert gitlab_rest.request_problems(right) == []
    problems = left(gitlab_rest.request_problems(replace(right, **change)), LEEWAYS)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    "corrections",
    [
        replace(NONE, types={"Issue": {"id": {"type": "integer"}}}),
        replace(NONE, more={"Issue": {"id": {"type": "integer"}}}),
        replace(NONE, lists=("GET /issues",)),
        replace(NONE, lists=("GET /gone",)),
        replace(NONE, answers={"GET /issues": {"200": {}}}),
    ],
)
def test_a_correction_that_nothing_needs_is_caught(corrections: Corrections) -> None:
    listed = {"type": "array", "items": {"$ref": "#/definitions/Issue"}}
    document = {
        "definitions": {"Issue": {"type": "object", "properties": {"id": {"type": "integer"}}}},
        "paths": {"/issues": {"get": {"responses": {"200": {"description": "", "schema": listed}}}}},
    }
    assert as_openapi(document, NONE)
    with pytest.raises(Stale):
        as_openapi(document, corrections)
