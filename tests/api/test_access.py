"""Who may do what: every route times every role, sessions, and what every answer carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.access import Role, tokens
from app.access.attempts import FAILURES
from app.settings import Settings
from tests.api.house import ROADMAP, SECRET, until
from tests.api.keys import Locked, locked_house

V, O, A = Role.VIEWER, Role.OPERATOR, Role.ADMIN  # noqa: E741
P = "/api/v1/programmes"
NEEDED: dict[tuple[str, str], Role | None] = {
    ("POST", P + "/{slug}/import"): O,
    ("GET", P): V,
    ("GET", P + "/{slug}"): V,
    ("PATCH", P + "/{slug}"): A,
    ("DELETE", P + "/{slug}"): A,
    ("GET", P + "/{slug}/tree"): V,
    ("GET", P + "/{slug}/status"): V,
    ("GET", P + "/{slug}/history"): V,
    ("GET", P + "/{slug}/burnup.{form}"): V,
    ("GET", P + "/{slug}/timeline.{form}"): V,
    ("GET", P + "/{slug}/defects.{form}"): V,
    ("GET", P + "/{slug}/badge.svg"): V,
    ("GET", P + "/{slug}/report.{form}"): V,
    ("GET", P + "/{slug}/tree.csv"): V,
    ("GET", P + "/{slug}/milestones/{key}"): V,
    ("GET", P + "/{slug}/roadmap.md"): V,
    ("GET", P + "/{slug}/targets"): V,
    ("POST", P + "/{slug}/targets"): A,
    ("GET", P + "/{slug}/targets/{name}"): V,
    ("PATCH", P + "/{slug}/targets/{name}"): A,
    ("DELETE", P + "/{slug}/targets/{name}"): A,
    ("POST", P + "/{slug}/targets/{name}/check"): A,
    ("POST", P + "/{slug}/targets/{name}/refresh"): O,
    ("POST", P + "/{slug}/targets/{name}/plans"): O,
    ("GET", P + "/{slug}/targets/{name}/conflicts"): V,
    ("POST", P + "/{slug}/targets/{name}/conflicts/{key}/{field}"): O,
    ("GET", P + "/{slug}/plans/{plan_id}"): O,
    ("POST", P + "/{slug}/plans/{plan_id}/apply"): O,
    ("GET", P + "/{slug}/runs"): O,
    ("GET", P + "/{slug}/runs/{run_id}"): O,
    ("POST", P + "/{slug}/runs/{run_id}/cancel"): O,
    ("POST", P + "/{slug}/runs/{run_id}/undo"): O,
    ("GET", P + "/{slug}/audit"): O,
    ("GET", P + "/{slug}/targets/{name}/deliveries"): O,
    ("POST", P + "/{slug}/deliveries/{number}/retry"): O,
    ("POST", P + "/{slug}/deliveries/{number}/discard"): O,
    ("GET", P + "/{slug}/events"): V,
    ("GET", "/healthz"): None,
    ("GET", "/metrics"): None,
    ("GET", "/readyz"): None,
    ("POST", "/webhooks/{kind}/{target_id}"): None,
}
"""INTERFACE's table, and what it leaves to the builder (conflicts, undo, audit). None: no token."""
BODIES: dict[str, dict[str, Any]] = {
    "/import": {"content": ROADMAP.encode(), "params": {"start": "2026-11-02"}},
    "/targets": {"json": {"name": "more", "kind": "github", "repo": "acme/other", "select": ["M1"]}},
    "/targets/{name}": {"json": {"state": "paused"}},
    "/conflicts/{key}/{field}": {"json": {"take": "tracker"}},
    "/programmes/{slug}": {"json": {"title": "Another"}},
}
"""Bodies that a route takes, by the end of its path: without a right, the best of them does nothing."""


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    settings = Settings(
        _env_file=None, import_max_bytes=100_000, webhook_max_bytes=50_000, allowed_hosts="hub.example, *.in.example"
    )
    with locked_house(tmp_path_factory.mktemp("locked"), settings) as locked:
        yield locked


@pytest.fixture
def locked(opened: Locked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Locked]:
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_token_of_tests")
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    opened.house.empty()
    yield opened
    for client in (opened.nobody, opened.stranger, *opened.people.values()):
        client.cookies.clear()


@pytest.fixture(autouse=True)
def forgiving(opened: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong tokens of one test hold up no other."""
    opened.forget_failures()


def routes(locked: Locked) -> list[tuple[str, str]]:
    paths = locked.people[V].get("/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def call(client: httpx.Client, method: str, path: str, values: dict[str, str]) -> httpx.Response:
    body = next((BODIES[end] for end in sorted(BODIES, key=len, reverse=True) if path.endswith(end)), {})
    return client.request(method, path.format(**values), **(body if method in ("POST", "PATCH") else {}))


def test_every_route_has_its_role_in_the_table(locked: Locked) -> None:
    assert set(routes(locked)) == set(NEEDED)
    paths = locked.people[V].get("/openapi.json").json()["paths"]
    told = {(m.upper(), p): one.get("x-role") for p, methods in paths.items() for m, one in methods.items()}
    assert told == {route: role.value if role else None for route, role in NEEDED.items()}


def test_no_role_does_what_it_may_not(locked: Locked) -> None:
    """With real names and good bodies: refused for the role alone, and nothing is different afterwards."""
    house = locked.house
    house.ready()
    plan = house.plan()
    run = house.apply(plan)["run"]
    values = {
        "slug": "small",
        "name": "hub",
        "key": "M1",
        "field": "title",
        "plan_id": plan,
        "run_id": run,
        "number": 1,
        "form": "json",
    }
    until(lambda: "', '', " in locked.stored()["lease"][0])  # the run has let its target go
    before, asked = locked.stored(), len(house.box.log.entries)
    for (method, path), role in NEEDED.items():
        if role is None:
            continue
        for client, hint in ((locked.nobody, ""), (locked.stranger, 'error="invalid_token"')):
            locked.forget_failures()
            answer = call(client, method, path, values)
            assert (answer.status_code, answer.json()["type"]) == (401, "unauthenticated"), (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert hint in answer.headers["www-authenticate"]
        for have in Role:
            if not have.covers(role):
                answer = call(locked.people[have], method, path, values)
                assert (answer.status_code, answer.json()["type"]) == (403, "forbidden"), (method, path, have)
                assert f"needs the role {role};" in answer.json()["detail"]
    assert locked.stored() == before
    assert len(house.box.log.entries) == asked


def test_every_role_does_what_it_may(locked: Locked) -> None:
    """Under names that there aren't: let in, and told so."""
    values = {
        "slug": "none",
        "name": "none",
        "key": "none",
        "field": "none",
        "plan_id": "none",
        "run_id": "none",
        "number": 9,
        "form": "json",
    }
    for (method, path), role in NEEDED.items():
        for have in Role:
            if role is not None and have.covers(role):
                answer = call(locked.people[have], method, path, values)
                assert answer.status_code in (200, 404), (method, path, have, answer.text)
                locked.house.empty()  # an import under a new name makes a programme


def test_a_role_is_looked_at_before_a_body(locked: Locked) -> None:
    locked.house.ready()
    for client, status in ((locked.nobody, 401), (locked.people[O], 403), (locked.people[A], 422)):
        answer = client.patch(f"{P}/small", content=b"{", headers={"Content-Type": "application/json"})
        assert answer.status_code == status


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/login", "/static/pages.css"])
def test_what_is_open_needs_no_token(locked: Locked, path: str) -> None:
    assert locked.nobody.get(path).status_code in (200, 503)


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/openapi.json", "/nowhere", "/api/v1/nowhere", "//healthz", "/healthz/", "/Healthz", "/static"],
)
def test_everything_else_is_closed_even_what_isnt_there(locked: Locked, path: str) -> None:
    url = f"http://{locked.nobody.base_url.netloc.decode()}{path}"
    assert locked.nobody.get(url).status_code == 401
    assert locked.people[V].get(url).status_code in (200, 404)


@pytest.mark.parametrize("scheme", ["Basic", "Token", "bearertoken", ""])
def test_a_token_is_sent_as_a_bearer(locked: Locked, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {locked.token[A]}".strip()}
    assert locked.nobody.get(P, headers=headers).status_code == 401
    assert locked.nobody.get(P, headers={"Authorization": f"bearer  {locked.token[A]}"}).status_code == 200
    assert locked.nobody.get(P, params={"token": locked.token[A]}).status_code == 401


def test_a_revoked_token_is_refused_at_once(locked: Locked) -> None:
    db, now = locked.house.ctx.db, locked.house.ctx.now()
    made = tokens.create(db, V, now=now)
    headers = {"Authorization": f"Bearer {made.secret}"}
    assert locked.nobody.get(P, headers=headers).status_code == 200
    tokens.revoke(db, made.document["id"], now)
    assert locked.nobody.get(P, headers=headers).status_code == 401


def test_the_audit_names_the_token(locked: Locked) -> None:
    locked.house.ready()
    plan = locked.house.plan()
    begun = locked.people[O].post(f"{P}/small/plans/{plan}/apply").json()
    assert begun["by"] == "operator"
    locked.house.run(begun["run"])
    written = locked.people[O].get(f"{P}/small/audit").json()["items"]
    assert {entry["by"] for entry in written} == {"operator"}


def log_in(locked: Locked, role: Role, **more: str) -> httpx.Response:
    return locked.nobody.post("/login", data={"token": locked.token[role], **more})


def csrf(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert found is not None, page.text
    return found.group(1)


def test_a_person_logs_in_looks_and_logs_out(locked: Locked) -> None:
    browser, html = locked.nobody, {"Accept": "text/html"}
    sent = browser.get("/docs?tag=runs", headers=html)
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/docs%3Ftag%3Druns")
    page = browser.get(sent.headers["location"])
    assert 'name="next" value="/docs?tag=runs"' in page.text
    answer = log_in(locked, O, next="/docs?tag=runs")
    assert (answer.status_code, answer.headers["location"]) == (303, "/docs?tag=runs")
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(r"milepost_session=[\w-]{43}; HttpOnly; Max-Age=(43200|43199); Path=/; SameSite=lax", cookie), (
        cookie
    )
    assert locked.token[O] not in cookie
    home = browser.get("/", headers=html)
    assert "operator" in home.text
    assert browser.get(P).status_code == 200
    left = browser.post("/logout", data={"csrf": csrf(home)})
    assert (left.status_code, left.headers["location"]) == (303, "/login")
    assert "milepost_session" not in browser.cookies
    browser.cookies.set("milepost_session", cookie.partition("=")[2].partition(";")[0])
    assert browser.get(P).status_code == 401  # the cookie itself is worth nothing any more


def test_a_session_writes_only_with_its_csrf_and_within_its_role(locked: Locked) -> None:
    locked.house.ready()
    log_in(locked, O)
    browser = locked.nobody
    right = csrf(browser.get("/"))
    before = locked.stored()
    for given in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": "é".encode()}):
        refused = browser.post(f"{P}/small/targets/hub/refresh", headers=given)  # type: ignore[arg-type]
        assert (refused.status_code, refused.json()["type"]) == (403, "csrf-missing")
        assert browser.post("/logout", headers=given).status_code == 403  # type: ignore[arg-type]
    assert locked.stored() == before
    good = {"X-CSRF-Token": right}
    assert browser.post(f"{P}/small/targets/hub/refresh", headers=good).status_code == 202
    assert browser.delete(f"{P}/small", headers=good).json()["type"] == "forbidden"
    other = {**good, "Origin": "https://evil.example"}
    assert browser.post(f"{P}/small/targets/hub/refresh", headers=other).json()["type"] == "origin-refused"
    bearer = {"Authorization": f"Bearer {locked.token[O]}"}  # what no page of elsewhere can send
    assert browser.post(f"{P}/small/targets/hub/refresh", headers=bearer).status_code == 202


def test_a_revoked_token_ends_its_sessions(locked: Locked) -> None:
    db, now = locked.house.ctx.db, locked.house.ctx.now()
    made = tokens.create(db, V, now=now)
    assert locked.nobody.post("/login", data={"token": f" {made.secret}\n"}).status_code == 303
    assert locked.nobody.get("/").status_code == 200
    tokens.revoke(db, made.document["name"], now)
    assert locked.nobody.get("/").status_code == 401


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:x", "", "/\t/evil"],
)
def test_logging_in_leads_nowhere_else(locked: Locked, elsewhere: str) -> None:
    assert log_in(locked, V, next=elsewhere).headers["location"] == "/"
    assert f'value="{elsewhere}"' not in locked.nobody.get("/login", params={"next": elsewhere}).text or not elsewhere


def test_what_people_type_is_shown_as_text(locked: Locked) -> None:
    page = locked.nobody.get("/login", params={"next": '/"><script>alert(1)</script>'})
    assert "<script" not in page.text
    assert "&#34;&gt;&lt;script&gt;" in page.text


def test_wrong_tokens_are_slowed(locked: Locked) -> None:
    for number in range(FAILURES):
        answer = locked.nobody.post("/login", data={"token": f"mp_{number}"})
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
        assert "set-cookie" not in answer.headers
    slowed = locked.nobody.post("/login", data={"token": "mp_guess"})
    assert slowed.status_code == 429
    assert 50 < int(slowed.headers["retry-after"]) <= 60
    refused = locked.stranger.get(P)
    assert (refused.status_code, refused.json()["type"]) == (429, "too-many-failures")
    assert 50 < int(refused.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", P),
        ("GET", "/"),
        ("GET", "/login"),
        ("GET", "/docs"),
        ("GET", "/static/pages.css"),
        ("GET", "/healthz"),
        ("GET", "/openapi.json"),
        ("GET", "/nowhere"),
        ("DELETE", P),
        ("POST", "/login"),
        ("POST", "/webhooks/github/none"),
        ("GET", "/a%00b"),
    ],
)
def test_every_answer_carries_the_security_headers(locked: Locked, method: str, path: str) -> None:
    for client in (locked.nobody, locked.people[A]):
        headers = client.request(method, path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"]


def test_an_unexpected_error_carries_them_too(locked: Locked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sync.status.answer", lambda *_: 1 / 0)
    broken = locked.people[V].get(f"{P}/small/status")
    assert broken.status_code == 500
    assert "frame-ancestors 'none'" in broken.headers["content-security-policy"]
    refused = locked.people[V].get(P, headers={"Host": "evil.example"})
    assert refused.status_code == 400
    assert "frame-ancestors 'none'" in refused.headers["content-security-policy"]


def test_pages_need_nothing_inline_and_nothing_from_elsewhere(locked: Locked) -> None:
    for path in ("/", "/login", "/docs"):
        page = locked.people[A].get(path)
        assert page.headers["content-type"].startswith("text/html")
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page.text), path
        assert not re.search(r'(?:src|href|action)="(?!/|data:,|#)', page.text), path


def test_the_pages_tell_every_route_and_its_role(locked: Locked) -> None:
    page = locked.people[V].get("/docs").text
    for method, path in NEEDED:
        assert re.search(rf'<span class="method">{method}</span> <code>{re.escape(path)}</code>', page), (method, path)


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("hub.example", True),
        ("HUB.example:8000", True),
        ("a.in.example", True),
        ("a.b.in.example", True),
        ("in.example", False),
        ("xhub.example", False),
        ("a.hub.example", False),
    ],
)
def test_it_answers_under_the_names_in_the_settings(locked: Locked, host: str, inside: bool) -> None:
    assert locked.nobody.get("/healthz", headers={"Host": host}).status_code == (200 if inside else 400)


@pytest.mark.parametrize(
    ("method", "path", "most"),
    [("POST", P + "/small/import", 100_000), ("POST", "/webhooks/github/none", 50_000), ("PATCH", P + "/small", 2**20)],
)
@pytest.mark.parametrize("told", [True, False])
def test_bodies_are_refused_at_their_bound(locked: Locked, method: str, path: str, most: int, told: bool) -> None:
    """By what is told, before a byte is read; or, when nothing is told, as soon as too much came."""

    def send(size: int) -> httpx.Response:
        content: Any = b" " * size
        if not told:
            content = (b" " * min(8192, size - at) for at in range(0, size, 8192))
        headers = {"Content-Type": "application/json"}
        return locked.people[A].request(method, path, content=content, headers=headers)

    refused = send(most + 1)
    assert (refused.status_code, refused.json()["type"]) == (413, "too-large")
    assert send(most).status_code not in (413, 500)
