"""Wrong on purpose: each of these must be caught, or the contract tests above are worth nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.github_pages import LEEWAYS
from tests.contract.github_traffic import REPO, Heard
from tests.contract.leeway import Leeway, left, unused
from tests.contract.openapi import Description
from tests.contract.traffic import Exchange

pytestmark = pytest.mark.xdist_group("contract-github")
Spoil = Callable[[Any], object]


def one_of(heard: Heard, method: str, path: str, status: int) -> Exchange:
    return next(one for one in heard.rest if (one.method, one.path, one.status) == (method, path, status))


def spoilt(raw: bytes, spoil: Spoil) -> bytes:
    value = json.loads(raw)
    spoil(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("path", "spoil", "said"),
    [
        ("issues", lambda body: body.update(lables=["a"]), "body.lables: the description has no such key"),
        ("issues", lambda body: body.pop("title"), "'title' is a required property"),
        ("issues", lambda body: body.update(labels=[1]), "body.labels[0]: 1 is not"),
        ("issues", lambda body: body.update(milestone=[]), "body.milestone: []"),
        ("milestones", lambda body: body.update(state="active"), "body.state: 'active' is not one of"),
        ("milestones", lambda body: body.update(due_on="2026-11-16"), "body.due_on: '2026-11-16' is not a 'date-time'"),
        ("labels", lambda body: body.update(description=None), "body.description: None is not of type 'string'"),
    ],
)
def test_a_wrong_request_is_caught(
    github_rest: Description, github_heard: Heard, path: str, spoil: Spoil, said: str
) -> None:
    right = one_of(github_heard, "POST", f"{REPO}/{path}", 201)
    assert github_rest.request_problems(right) == []
    wrong = replace(right, sent=spoilt(right.sent, spoil))
    problems = left(github_rest.request_problems(wrong), LEEWAYS)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": f"{REPO}/isues"}, "is not described"),
        ({"path": f"{REPO}/issues/1A"}, "path issue_number: '1A' is not of type 'integer'"),
        ({"method": "PUT"}, "is not described"),
        ({"query": (("sate", "all"),)}, "query sate: the description has no such parameter"),
        ({"query": (("state", "opened"),)}, "query state: 'opened' is not one of"),
        ({"query": (("since", "yesterday"),)}, "query since: 'yesterday' is not a 'date-time'"),
        ({"sent": b"{}"}, "a body was sent and none is described"),
    ],
)
def test_a_wrong_path_or_query_is_caught(
    github_rest: Description, github_heard: Heard, change: dict[str, Any], said: str
) -> None:
    right = one_of(github_heard, "GET", f"{REPO}/issues", 200)
    assert github_rest.request_problems(right) == []
    problems = left(github_rest.request_problems(replace(right, **change)), LEEWAYS)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda body: body.pop("node_id"), "'node_id' is a required property"),
        (lambda body: body.update(state_reason="done"), "answer.state_reason: 'done' is not"),
        (lambda body: body.update(number="1"), "answer.number: '1' is not of type 'integer'"),
        (lambda body: body.update(mile_stone=None), "answer.mile_stone: the description has no such key"),
        (lambda body: body["user"].update(nick="m"), "answer.user.nick: the description has no such key"),
        (lambda body: body["user"].pop("login"), "answer.user"),
        (lambda body: body["labels"][0].update(colour="f"), "answer.labels[0].colour: the description has no such key"),
        (lambda body: body.update(created_at="today"), "answer.created_at: 'today' is not a 'date-time'"),
        (lambda body: body["milestone"].update(state="active"), "answer.milestone"),
    ],
)
def test_a_wrong_answer_is_caught(github_rest: Description, github_heard: Heard, spoil: Spoil, said: str) -> None:
    wanted = (one for one in github_heard.rest if one.path == f"{REPO}/issues" and one.status == 201)
    right = next(one for one in wanted if one.answered["milestone"] and one.answered["labels"])
    assert github_rest.answer_problems(right) == []
    wrong = replace(right, got=spoilt(right.got, spoil))
    problems = left(github_rest.answer_problems(wrong), LEEWAYS)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"status": 418}, "418 is not described"),
        ({"status": 200}, "200 is not described"),
        ({"status": 404, "got": b'"gone"'}, "is not of type 'object'"),
        ({"got": b"<html>"}, "the answer is no JSON"),
        ({"got": b""}, "the answer is no JSON"),
        ({"status": 304}, "the answer has a body, and none is described"),
    ],
)
def test_a_wrong_status_or_body_is_caught(
    github_rest: Description, github_heard: Heard, change: dict[str, Any], said: str
) -> None:
    right = one_of(github_heard, "POST", f"{REPO}/issues", 201)
    problems = left(github_rest.answer_problems(replace(right, **change)), LEEWAYS)
    assert any(said in problem for problem in problems), problems


def test_a_leeway_that_covers_nothing_is_caught() -> None:
    leeways = (Leeway(r"a.*", "", ""), Leeway(r"b", "", ""))
    assert left(["abc", "bc"], leeways) == ["bc"]
    assert unused(["abc", "bc"], leeways) == ["b"]
