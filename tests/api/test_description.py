"""What the OpenAPI description says, held against the service by schemathesis, with each role over real HTTP.

No 5xx, no answer out of the description, and no role does what it may not. `make test` takes a few cases of every
operation; `make sweep` many.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.access import Role
from app.settings import Settings
from tests.api.house import SECRET
from tests.api.keys import Locked, locked_house

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ASKERS: list[Role | None] = [None, *Role]
FEW, MANY = 4, 40
QUIET = {
    "deadline": None,
    "database": None,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),  # how long data takes to make is not what is tested
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    chosen = Settings(_env_file=None, import_max_bytes=100_000, webhook_max_bytes=50_000)
    with locked_house(tmp_path_factory.mktemp("described"), chosen) as locked:
        yield locked


@pytest.fixture
def locked(opened: Locked, monkeypatch: pytest.MonkeyPatch) -> Locked:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_token_of_tests")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    opened.house.empty()
    return opened


def real_names(locked: Locked) -> dict[str, str]:
    """Path parameters under which everything is there: made again where a case has removed it."""
    house = locked.house
    plans = house.api.get("/programmes/small/runs")
    items = plans.json()["items"] if plans.status_code == 200 else []
    if items and house.api.get("/programmes/small/targets/hub").status_code == 200:
        run = items[0]
        return _names(locked, run["plan"], run["run"])
    house.empty()
    target = house.ready()
    plan = house.plan()
    run = house.apply(plan)["run"]
    return _names(locked, plan, run) | {"target_id": target["id"]}


def _names(locked: Locked, plan: str, run: str) -> dict[str, str]:
    target = locked.house.api.get("/programmes/small/targets/hub").json()["id"]
    names = {"slug": "small", "name": "hub", "key": "M1", "field": "title", "kind": "github", "form": "json"}
    return {**names, "target_id": target, "plan_id": plan, "run_id": run, "number": "1"}


def held_against(locked: Locked, asker: Role | None, examples: int) -> int:
    """Send cases of every operation, good and bad ones, under real names and others. Gives how many were sent."""
    document = locked.people[Role.ADMIN].get("/openapi.json").json()
    with requests.Session() as session:
        session.trust_env = False
        if asker:
            session.headers["Authorization"] = f"Bearer {locked.token[asker]}"
        sent = 0
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            operation = found.ok()
            if operation.path.endswith("/events") and asker:  # a good answer has no end: tests/api/test_events.py
                continue
            needed = document["paths"][operation.path][operation.method].get("x-role")
            may = needed is None or (asker is not None and asker.covers(Role(needed)))
            sent += _send(locked, session, operation, may, examples)
        return sent


def _send(locked: Locked, session: requests.Session, operation: APIOperation, may: bool, examples: int) -> int:
    url = str(locked.nobody.base_url).rstrip("/")
    sent = 0

    @settings(max_examples=examples, derandomize=examples == FEW, **QUIET)
    @given(
        case=operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE),
        real=st.booleans(),
    )
    def check(case: Case, real: bool) -> None:
        nonlocal sent
        if real and case.path_parameters:
            names = real_names(locked)
            case.path_parameters = {name: names[name] for name in case.path_parameters}
        # a case may hold credentials of its own: those of the asker are the ones that count
        case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
        case.cookies = {}
        answer = case.call(base_url=url, session=session, timeout=30)
        sent += 1
        unready = case.path == "/readyz" and answer.status_code == 503  # the house has no schedule
        case.validate_response(answer, checks=CHECKS[1:] if unready else CHECKS)
        if not may:
            assert answer.status_code in (401, 403, 404, 405), (case.method, case.path, answer.status_code)

    check()
    return sent


@pytest.mark.parametrize("asker", ASKERS, ids=lambda role: role or "nobody")
def test_every_answer_is_in_the_description(locked: Locked, asker: Role | None) -> None:
    assert held_against(locked, asker, FEW) > 29


@pytest.mark.sweep
@pytest.mark.parametrize("asker", ASKERS, ids=lambda role: role or "nobody")
def test_every_answer_is_in_the_description_at_length(locked: Locked, asker: Role | None) -> None:
    assert held_against(locked, asker, MANY) > 500


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=400)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KNOWN = st.dictionaries(
    st.sampled_from(["action", "issue", "milestone", "object_kind", "object_attributes", "hook", "changes", "payload"]),
    JSON,
    max_size=6,
)
BODIES = st.binary(max_size=200) | (JSON | KNOWN).map(lambda value: json.dumps(value).encode())
NAMES = [
    "X-GitHub-Delivery",
    "X-GitHub-Event",
    "X-Hub-Signature-256",
    "X-Gitlab-Token",
    "X-Gitlab-Event",
    "X-Gitlab-Event-UUID",
    "Idempotency-Key",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "Content-Type",
    "Content-Encoding",
    "X-Forwarded-For",
    "Authorization",
    "Cookie",
    "Origin",
]
HEADERS = st.dictionaries(st.sampled_from(NAMES), TEXT | st.sampled_from(["issues", "ping", "application/json"]))


def fuzz(locked: Locked, examples: int) -> set[int]:
    """Throw bodies and headers at the webhooks' door, some rightly signed. Gives the statuses that came back."""
    house = locked.house
    ids = {"github": house.ready()["id"]}
    lab = {"name": "lab", "kind": "gitlab", "project": "a/b", "select": ["M1"], "webhook_secret_env": "HOOK_SECRET"}
    house.api.delete("/programmes/small/targets/hub")
    ids["github"] = house.target("hub", select=["M2"])["id"]
    made = house.api.post("/programmes/small/targets", json={**lab, "base_url": "http://127.0.0.1:9"})
    ids["gitlab"] = made.json()["id"]
    seen: set[int] = set()

    @settings(max_examples=examples, derandomize=examples <= 200, **QUIET)
    @given(kind=st.sampled_from(["github", "gitlab"]), body=BODIES, headers=HEADERS, signed=st.booleans())
    def throw(kind: str, body: bytes, headers: dict[str, str], signed: bool) -> None:
        sent = {name: value.strip().encode("latin-1") for name, value in headers.items()}
        if signed:
            digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            sent |= {"X-Hub-Signature-256": f"sha256={digest}".encode(), "X-Gitlab-Token": SECRET.encode()}
        answer = locked.nobody.post(f"/webhooks/{kind}/{ids[kind]}", content=body, headers=sent)
        seen.add(answer.status_code)
        assert answer.status_code in (200, 202, 400, 401), (answer.status_code, answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert SECRET not in answer.text

    throw()
    return seen


def test_no_webhook_call_breaks_the_door(locked: Locked) -> None:
    assert fuzz(locked, 200) >= {202, 400, 401}


@pytest.mark.sweep
def test_no_webhook_call_breaks_the_door_at_length(locked: Locked) -> None:
    assert fuzz(locked, 5000) >= {200, 202, 400, 401}


def test_what_is_wrong_in_a_request_line_or_header_is_the_askers_fault(locked: Locked) -> None:
    """Bytes that hypothesis would take long to find."""
    for name, value in [
        ("Host", b"[::1"),
        ("Host", b"\xff"),
        ("Host", b"a" * 5000),
        ("Origin", b"http://[::1"),
        ("Origin", b"\xff"),
        ("Authorization", b"Bearer \xff\xfe"),
        ("Authorization", b"Bearer"),
        ("Cookie", b"milepost_session=\xff; ==;;"),
        ("If-None-Match", b'"' * 5000),
        ("X-Forwarded-For", b"\xff, ,"),
        ("Accept", b"text/html, \xff"),
    ]:
        locked.forget_failures()
        for method, path in (("POST", "/login"), ("GET", "/api/v1/programmes"), ("POST", "/webhooks/github/x")):
            answer = locked.nobody.request(method, path, headers={name: value})
            assert answer.status_code < 500, (name, value, answer.text)
    base = str(locked.nobody.base_url).rstrip("/")
    for path in ("/api/v1/programmes?cursor=%ff", "/%ff", "/login?next=%ff%00", "/static/%2e%2e/pages.py", "/a%00"):
        answer = httpx.get(base + path, trust_env=False)
        assert answer.status_code < 500, path
