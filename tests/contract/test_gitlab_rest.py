"""What the GitLab connector asks of REST, and the GitLab boxes answer, against GitLab's description (Swagger 2)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.gitlab_pages import ADMINISTRATORS, CORRECTIONS, GENERAL, LEEWAYS, MILESTONE_SENT, PAGES
from tests.contract.gitlab_traffic import Heard
from tests.contract.leeway import left, told, unused
from tests.contract.openapi import Description, pattern_of
from tests.contract.swagger import as_openapi
from tests.contract.traffic import Exchange

pytestmark = pytest.mark.xdist_group("contract-gitlab")


@pytest.fixture(scope="module")
def described(gitlab_rest: Description, gitlab_heard: Heard) -> list[Exchange]:
    return [one for one in gitlab_heard.rest if gitlab_rest.operation(one.method, one.path)]


@pytest.fixture(scope="module")
def in_requests(gitlab_rest: Description, described: list[Exchange]) -> list[str]:
    return [problem for one in described if not one.meant_wrong for problem in gitlab_rest.request_problems(one)]


@pytest.fixture(scope="module")
def in_answers(gitlab_rest: Description, described: list[Exchange]) -> list[str]:
    return [problem for one in described for problem in gitlab_rest.answer_problems(one)]


def test_every_request_is_as_described(in_requests: list[str]) -> None:
    problems = left(in_requests, LEEWAYS)
    assert not problems, told(problems)


def test_every_answer_is_as_described(in_answers: list[str]) -> None:
    problems = left(in_answers, LEEWAYS)
    assert not problems, told(problems)


def test_every_leeway_is_needed(in_requests: list[str], in_answers: list[str]) -> None:
    assert unused([*in_requests, *in_answers], LEEWAYS) == []


def test_every_correction_is_needed(gitlab_document: Any, described: list[Exchange]) -> None:
    """Without them the answers break the description at just these properties."""
    bare = Description(as_openapi(gitlab_document, replace(CORRECTIONS, types={}, nulls={}, more={})), GENERAL)
    met = {problem for one in described for problem in [*bare.answer_problems(one), *bare.request_problems(one)]}
    places = {re.sub(r"\[\d+\]", "", problem.partition(": ")[2]).partition(": ")[0] for problem in met}
    steps = {tuple(place.split(".")) for place in places}
    tables = (CORRECTIONS.types, CORRECTIONS.nulls, CORRECTIONS.more)
    listed = {(schema, name) for table in tables for schema, names in table.items() for name in names}
    idle = [one for one in listed if not any(one[1].split(".")[-1] in step for step in steps)]
    assert idle == []


def paged(method: str, path: str) -> str | None:
    """The entry of the table that a request is."""
    names = (name for name in PAGES if name.startswith(f"{method} "))
    return next((name for name in names if pattern_of(name.partition(" ")[2]).fullmatch(path)), None)


def sample(path: str) -> str:
    """A path that a route of the box serves."""
    return re.sub(r"{(\w+)(:\w+)?}", "1", path)


def test_every_endpoint_in_use_is_described_or_has_its_page(gitlab_rest: Description, gitlab_heard: Heard) -> None:
    used = {(one.method, one.path) for one in gitlab_heard.rest if one.by_connector}
    served = {(method, sample(path)) for method, path in gitlab_heard.routes}
    neither = [one for one in sorted(used | served) if not (gitlab_rest.operation(*one) or paged(*one))]
    assert not neither, "\n".join(map(str, neither))


def test_the_table_has_nothing_else(gitlab_rest: Description, gitlab_heard: Heard) -> None:
    served = {(method, sample(path)) for method, path in gitlab_heard.routes}
    assert PAGES.keys() - {paged(*one) for one in served} == set(), "not served"
    assert [name for name in PAGES if gitlab_rest.operation(*sample(name).split(" "))] == [], "described by now"
    assert all(page.startswith("https://docs.gitlab.com/") for page in PAGES.values())


def test_nothing_that_the_boxes_serve_was_left_out(gitlab_rest: Description, gitlab_heard: Heard) -> None:
    """Every route has answered with success, so that what is described of it was held against the description."""

    def name(method: str, path: str) -> str | None:
        operation = gitlab_rest.operation(method, path)
        return operation.name if operation else paged(method, path)

    seen = {name(one.method, one.path) for one in gitlab_heard.rest if 200 <= one.status < 300}
    served = {name(method, sample(path)) for method, path in gitlab_heard.routes}
    assert served - seen - ADMINISTRATORS == set()


def test_refusals_and_304_were_met(gitlab_heard: Heard) -> None:
    assert {one.status for one in gitlab_heard.rest} >= {200, 201, 202, 204, 304, 400, 401, 403, 404, 409, 422}
    assert any(one.by_connector and one.status == 304 for one in gitlab_heard.rest)
    assert any("cursor" in dict(one.query) for one in gitlab_heard.rest if one.by_connector)


def test_milestones_are_as_the_description_shows_them_elsewhere(gitlab_rest: Description, gitlab_heard: Heard) -> None:
    """Their endpoints are not described, but what they answer is, inside issues; what they take is on their page."""
    found = [
        one for one in gitlab_heard.rest if re.search(r"/milestones(/\d+)?$", one.path) and one.status in (200, 201)
    ]
    assert {one.method for one in found} == {"GET", "POST", "PUT"}
    for one in found:
        shown = one.answered if isinstance(one.answered, list) else [one.answered]
        for milestone in shown:
            assert gitlab_rest.shape_problems("#/definitions/API_Entities_Milestone", milestone) == []
            assert {
                "id",
                "iid",
                "title",
                "state",
                "due_date",
                "start_date",
                "updated_at",
                "web_url",
            } <= milestone.keys()
        assert (one.asked or {}).keys() <= set(MILESTONE_SENT)
