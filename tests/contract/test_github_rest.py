"""What the GitHub connector asks of REST, and what the GitHub box answers, against GitHub's OpenAPI description."""

from __future__ import annotations

import re

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from connectors.base import AppCredentials, NotFound, Place, Secret
from connectors.github import open_github
from connectors.sandbox.github import rest, rest_hooks
from connectors.sandbox.github.api import Route
from connectors.sandbox.kit import serving
from tests.contract.github_pages import LEEWAYS
from tests.contract.github_traffic import Heard
from tests.contract.leeway import left, told, unused
from tests.contract.openapi import Description
from tests.contract.traffic import Recorder

pytestmark = pytest.mark.xdist_group("contract-github")
ROUTES = (*rest.ROUTES, *rest_hooks.ROUTES)


@pytest.fixture(scope="module")
def in_requests(github_rest: Description, github_heard: Heard) -> list[str]:
    asked = [one for one in github_heard.rest if not one.meant_wrong]
    assert any(one.by_connector and one.method == "PATCH" for one in asked)
    return [problem for exchange in asked for problem in github_rest.request_problems(exchange)]


@pytest.fixture(scope="module")
def in_answers(github_rest: Description, github_heard: Heard) -> list[str]:
    return [problem for exchange in github_heard.rest for problem in github_rest.answer_problems(exchange)]


def test_every_request_is_as_described(in_requests: list[str]) -> None:
    problems = left(in_requests, LEEWAYS)
    assert not problems, told(problems)


def test_every_answer_is_as_described(in_answers: list[str]) -> None:
    problems = left(in_answers, LEEWAYS)
    assert not problems, told(problems)


def test_every_leeway_is_needed(in_requests: list[str], in_answers: list[str]) -> None:
    assert unused([*in_requests, *in_answers], LEEWAYS) == []


def sample(route: Route) -> str:
    """A path that the route serves."""
    return re.sub(r"{(\w+)(:\w+)?}", lambda found: "1" if found[2] == ":int" else "x", route.path)


def test_the_box_serves_what_github_describes_and_nothing_else(github_rest: Description) -> None:
    strange = [f"{one.method} {one.path}" for one in ROUTES if not github_rest.operation(one.method, sample(one))]
    assert strange == []


def test_nothing_that_the_box_serves_was_left_out(github_rest: Description, github_heard: Heard) -> None:
    """Every route has answered with success, so that its answer was held against the description."""
    good = {(one.method, one.path) for one in github_heard.rest if 200 <= one.status < 300}
    seen = {operation.name for method, path in good if (operation := github_rest.operation(method, path))}
    served = [operation.name for one in ROUTES if (operation := github_rest.operation(one.method, sample(one)))]
    assert [name for name in served if name not in seen] == []


def test_refusals_and_304_were_met(github_heard: Heard) -> None:
    assert {one.status for one in github_heard.rest} >= {200, 201, 202, 204, 304, 400, 401, 403, 404, 410, 422}
    assert any(one.by_connector and one.status == 304 for one in github_heard.rest)
    assert any("page" in dict(one.query) for one in github_heard.rest if one.by_connector)


def test_an_app_s_token_is_asked_for_as_described(github_rest: Description) -> None:
    """The box has no Apps: what stands in for GitHub answers with the description's own required fields."""
    token = {"token": "ghs_x", "expires_at": "2099-01-01T00:00:00Z", "permissions": {"issues": "write"}}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["method"] == "POST"
        await JSONResponse(token if asked else {"message": "Not Found"}, 201 if asked else 404)(scope, receive, send)

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    recorder = Recorder(app)
    with serving(recorder) as url:
        hub = open_github(Place("github", url, "octo/hub", AppCredentials(1, 2, Secret(pem))))
        with pytest.raises(NotFound):
            hub.observe()
        hub.close()
    [asked] = [one for one in recorder.exchanges if one.method == "POST"]
    assert asked.path == "/app/installations/2/access_tokens"
    assert github_rest.request_problems(asked) == []
    assert github_rest.answer_problems(asked) == []
