"""The GitLab boxes' webhook calls against the pages that they were built from: no description has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from connectors.base import BadSignature, Secret
from connectors.gitlab import parse_delivery
from tests.contract.gitlab_pages import CALL_HEADERS, CALLS
from tests.contract.gitlab_traffic import SECRET, SIGNING, Heard
from tests.contract.leeway import told
from tests.contract.traffic import Call

pytestmark = pytest.mark.xdist_group("contract-gitlab")


def problems(call: Call) -> list[str]:
    """Where a call has what its page doesn't show, or lacks a header that every call has."""
    body = json.loads(call.body)
    kind = str(body.get("object_kind"))
    if kind not in CALLS:
        return [f"{kind} has no page"]
    page = CALLS[kind]
    event = call.headers.get("x-gitlab-event", "")
    return [
        *([] if event in page.events else [f"{kind}: comes as {event!r}"]),
        *(f"{kind}: header {name} is missing" for name in CALL_HEADERS if not call.headers.get(name)),
        *(f"{kind}: {name} is not on its page" for name in body.keys() - page.top),
        *(
            f"{kind}: object_attributes.{n} is not on its page"
            for n in body["object_attributes"].keys() - page.attributes
        ),
    ]


def test_every_call_is_as_its_page_shows_it(gitlab_heard: Heard) -> None:
    found = [problem for call in gitlab_heard.calls for problem in problems(call)]
    assert not found, told(found)


def test_every_kind_and_both_proofs_were_sent(gitlab_heard: Heard) -> None:
    assert {json.loads(call.body)["object_kind"] for call in gitlab_heard.calls} == set(CALLS)
    assert {json.loads(call.body)["object_attributes"].get("action") for call in gitlab_heard.calls} >= {
        "open",
        "update",
        "close",
        "reopen",
    }
    assert any("x-gitlab-token" in call.headers for call in gitlab_heard.calls)
    assert any("webhook-signature" in call.headers for call in gitlab_heard.calls)
    assert all(page.page.startswith("https://docs.gitlab.com/") for page in CALLS.values())


def test_every_call_is_let_in(gitlab_heard: Heard) -> None:
    proven = [call for call in gitlab_heard.calls if {"x-gitlab-token", "webhook-signature"} & call.headers.keys()]
    assert proven
    for call in proven:
        key = SIGNING if "webhook-signature" in call.headers else SECRET
        now = datetime.now(UTC)
        if "webhook-timestamp" in call.headers:
            now = datetime.fromtimestamp(int(call.headers["webhook-timestamp"]), UTC)
        read = parse_delivery(call.headers, call.body, Secret(key), now)
        assert read.relevant
        assert read.id == call.headers["idempotency-key"]
        with pytest.raises(BadSignature):
            parse_delivery(call.headers, call.body, Secret("whsec_MDA=" if key == SIGNING else "wrong"), now)


def test_what_is_on_no_page_is_caught(gitlab_heard: Heard) -> None:
    right = next(call for call in gitlab_heard.calls if json.loads(call.body)["object_kind"] == "issue")
    body = json.loads(right.body)
    body["object_attributes"]["titel"] = body["extra"] = 1
    found = problems(Call({**right.headers, "x-gitlab-event": "Note Hook"}, json.dumps(body).encode()))
    assert found == [
        "issue: comes as 'Note Hook'",
        "issue: extra is not on its page",
        "issue: object_attributes.titel is not on its page",
    ]
    bare = {name: text for name, text in right.headers.items() if name != "idempotency-key"}
    assert problems(Call(bare, right.body)) == ["issue: header idempotency-key is missing"]
    assert problems(Call(right.headers, b'{"object_kind": "note"}')) == ["note has no page"]
