"""Webhook calls over HTTP: what is accepted, seen, ignored and refused, and that it is stored before the answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, update
from sqlmodel import select

from app.db import deliveries
from app.db import targets as rows
from app.db.models import DeliveryRow, TargetRow
from app.main import create_app
from app.settings import Settings
from app.sync import roadmap, targets
from app.sync.context import Context
from app.sync.targets import NewTarget
from connectors.sandbox.kit import serving
from tests.api.house import ROADMAP
from tests.databases import KINDS, empty

SECRET = "a-webhook-secret"
SIGNING = "whsec_" + base64.b64encode(b"a-signing-token-of-32-bytes-long").decode()
BODY = json.dumps({"action": "closed", "issue": {"number": 1}}).encode()
LAB = json.dumps({"object_kind": "issue"}).encode()
MOST = 20_000


def github(body: bytes = BODY, *, secret: str = SECRET, **more: str) -> dict[str, str]:
    """A call's headers as GitHub sends them; `more` in Python's words, an empty one is left out."""
    signature = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "X-GitHub-Delivery": "guid-1",
        "X-GitHub-Event": "issues",
        "X-Hub-Signature-256": signature,
        "Content-Type": "application/json",
    } | {name.replace("_", "-"): value for name, value in more.items()}
    return {name: value for name, value in headers.items() if value}


def gitlab(token: str = SECRET, **more: str) -> dict[str, str]:
    return {
        "X-Gitlab-Token": token,
        "X-Gitlab-Event": "Issue Hook",
        "Idempotency-Key": "uuid-1",
        "Content-Type": "application/json",
    } | more


def signed(body: bytes = LAB, at: datetime | None = None) -> dict[str, str]:
    """A call's headers by the Standard Webhooks rules."""
    stamp = str(int((at or datetime.now(UTC)).timestamp()))
    key = base64.b64decode(SIGNING.removeprefix("whsec_"))
    mac = hmac.new(key, f"msg-1.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": "msg-1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
        "X-Gitlab-Event": "Issue Hook",
        "Idempotency-Key": "uuid-1",
    }


class Desk:
    """A service without its schedule and its queue: what it would enqueue is counted."""

    def __init__(self, ctx: Context, url: str, asked: list[str]) -> None:
        self.ctx, self.asked = ctx, asked
        self.http = httpx.Client(base_url=url, trust_env=False, headers={"Host": "hooks.example"})
        self.ids = {}
        for name, kind, path, key, env in (
            ("hub", "github", "acme/app", "M1", "HOOK_SECRET"),
            ("lab", "gitlab", "acme/app", "M2", "HOOK_SECRET"),
        ):
            made = targets.add(ctx, NewTarget(name, "small", kind, path, select=[key], webhook_secret_env=env))
            self.ids[name] = made["id"]

    def post(self, name: str, headers: dict[str, str], body: bytes = BODY, kind: str = "") -> httpx.Response:
        kind = kind or ("gitlab" if name == "lab" else "github")
        path = f"/webhooks/{kind}/{self.ids.get(name, name)}"
        return self.http.post(path, headers=headers, content=body)

    def change(self, name: str, **values: Any) -> None:
        with self.ctx.db.write() as session:
            row = rows.get(session, name)
            for field, value in values.items():
                setattr(row, field, value)
            session.add(row)

    def stored(self) -> list[tuple[str, bool]]:
        """(delivery id, handled) of everything kept."""
        with self.ctx.db.read() as session:
            return [(row.delivery_id, row.handled_at is not None) for row in session.exec(select(DeliveryRow))]

    def handle(self) -> None:
        """What a good refresh does."""
        with self.ctx.db.write() as session:
            for target_id in self.ids.values():
                deliveries.answer(session, deliveries.unanswered(session, target_id), self.ctx.now())


@pytest.fixture(scope="module", params=KINDS)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Context, str, list[str]]]:
    with empty(request.param, tmp_path_factory.mktemp("desk"), request) as db:
        ctx = Context(db)
        roadmap.import_roadmap(db, ROADMAP.encode(), "small", start=date(2026, 11, 2), now=ctx.now())
        asked: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.jobs.Schedule.delivered", lambda self, target_id: asked.append(target_id))
            app = create_app(ctx, Settings(_env_file=None, webhook_max_bytes=MOST))
        with serving(app) as url:
            yield ctx, url, asked


@pytest.fixture
def desk(served: tuple[Context, str, list[str]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("SIGNING_TOKEN", SIGNING)
    ctx, url, asked = served
    asked.clear()
    with ctx.db.write() as session:
        session.execute(delete(TargetRow))
    made = Desk(ctx, url, asked)
    yield made
    made.http.close()


@pytest.mark.parametrize(
    ("reason", "name", "headers", "body", "status", "state"),
    [
        ("signed and relevant", "hub", github(), BODY, 202, "accepted"),
        ("GitLab's token", "lab", gitlab(), LAB, 202, "accepted"),
        ("a ping", "hub", github(X_GitHub_Event="ping"), BODY, 202, "ignored"),
        ("a push", "hub", github(X_GitHub_Event="push"), BODY, 202, "ignored"),
        (
            "a pipeline",
            "lab",
            gitlab(**{"X-Gitlab-Event": "Pipeline Hook"}),
            b'{"object_kind": "pipeline"}',
            202,
            "ignored",
        ),
    ],
)
def test_good_calls_are_stored_and_answered(
    desk: Desk, reason: str, name: str, headers: dict[str, str], body: bytes, status: int, state: str
) -> None:
    answer = desk.post(name, headers, body)
    assert (answer.status_code, answer.json()["state"]) == (status, state), reason
    assert desk.stored() == [(answer.json()["delivery"], state == "ignored")]
    assert desk.asked == ([desk.ids[name]] if state == "accepted" else [])


@pytest.mark.parametrize(
    ("reason", "name", "headers", "body", "status", "type_"),
    [
        ("unsigned", "hub", github(X_Hub_Signature_256=""), BODY, 401, "bad-signature"),
        ("another secret", "hub", github(secret="other"), BODY, 401, "bad-signature"),
        ("another body", "hub", github(), BODY + b" ", 401, "bad-signature"),
        ("the old SHA-1", "hub", github(X_Hub_Signature_256="sha1=00"), BODY, 401, "bad-signature"),
        ("a wrong token", "lab", gitlab("other"), LAB, 401, "bad-signature"),
        ("not JSON", "hub", github(b"{"), b"{", 400, "not-json"),
        ("not an object", "hub", github(b"[]"), b"[]", 400, "not-json"),
        ("not UTF-8", "lab", gitlab(), b"\xff", 400, "not-json"),
        ("deeply nested", "hub", github(b"[" * 15_000), b"[" * 15_000, 400, "not-json"),
        ("no id", "hub", github(X_GitHub_Delivery=""), BODY, 400, "bad-delivery"),
        ("a long id", "hub", github(X_GitHub_Delivery="x" * 300), BODY, 400, "bad-delivery"),
        ("an unknown target", "nobody", github(), BODY, 404, "webhook-unknown"),
        ("too large", "hub", github(b"x" * (MOST + 1)), b"x" * (MOST + 1), 413, "too-large"),
    ],
)
def test_bad_calls_are_refused_and_leave_nothing(
    desk: Desk, reason: str, name: str, headers: dict[str, str], body: bytes, status: int, type_: str
) -> None:
    answer = desk.post(name, headers, body)
    assert (answer.status_code, answer.json()["type"]) == (status, type_), reason
    assert answer.headers["content-type"] == "application/problem+json"
    assert SECRET not in answer.text
    assert (desk.stored(), desk.asked) == ([], [])


def test_a_target_is_only_found_under_its_own_kind(desk: Desk) -> None:
    for name, kind in (("hub", "gitlab"), ("lab", "github"), ("hub", "jira")):
        answer = desk.post(name, {**gitlab(), **github()}, kind=kind)
        assert (answer.status_code, answer.json()["type"]) == (404, "webhook-unknown")


def test_a_target_without_a_secret_is_as_if_it_werent_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = desk.post("nobody", github()).json()
    desk.change("hub", webhook_secret_env="")
    assert desk.post("hub", github(secret="")).json() == unknown | {"instance": f"/webhooks/github/{desk.ids['hub']}"}
    monkeypatch.delenv("HOOK_SECRET")
    assert desk.post("lab", gitlab(""), LAB).status_code == 404


def test_a_body_is_capped_while_it_comes_in(desk: Desk) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    path = f"/webhooks/github/{desk.ids['hub']}"
    answer = desk.http.post(path, headers=github(), content=chunks())
    assert (answer.status_code, answer.json()["type"]) == (413, "too-large")
    assert answer.headers["connection"] == "close"


def test_a_body_of_the_largest_size_is_taken(desk: Desk) -> None:
    body = b'{"a": "' + b"x" * (MOST - 9) + b'"}'
    assert len(body) == MOST
    assert desk.post("hub", github(body), body).status_code == 202


def test_a_call_that_comes_again_counts_until_it_was_answered(desk: Desk) -> None:
    first, again = desk.post("hub", github()), desk.post("hub", github())
    assert [answer.status_code for answer in (first, again)] == [202, 202]
    assert (len(desk.stored()), len(desk.asked)) == (1, 2)
    desk.handle()
    replayed = desk.post("hub", github())
    assert (replayed.status_code, replayed.json()) == (200, {"delivery": "guid-1", "state": "seen"})
    assert (len(desk.stored()), len(desk.asked)) == (1, 2)


def test_an_ignored_call_that_comes_again_was_seen(desk: Desk) -> None:
    ping = github(X_GitHub_Event="ping")
    assert [desk.post("hub", ping).status_code for _ in range(2)] == [202, 200]


def test_the_same_id_in_two_targets_is_two_calls(desk: Desk) -> None:
    assert desk.post("hub", github(X_GitHub_Delivery="same")).status_code == 202
    assert desk.post("lab", gitlab(**{"Idempotency-Key": "same"}), LAB).status_code == 202
    assert len(desk.stored()) == 2


def test_a_paused_target_keeps_its_calls_for_later(desk: Desk) -> None:
    desk.change("hub", state="paused")
    assert desk.post("hub", github()).status_code == 202
    assert (desk.stored(), desk.asked) == ([("guid-1", False)], [])


def test_doubles_at_once_are_one_call(desk: Desk) -> None:
    ready = threading.Barrier(8)

    def post() -> int:
        ready.wait(10)
        return desk.post("hub", github()).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(post) for _ in range(8)]]
    assert set(answers) == {202}
    assert desk.stored() == [("guid-1", False)]


def test_many_calls_at_once_of_many_that_come_twice_are_each_kept_once(desk: Desk) -> None:
    """On PostgreSQL two transactions can both miss the row; none of it may be an error to the tracker."""

    def post(number: int) -> int:
        return desk.post("hub", github(X_GitHub_Delivery=f"guid-{number // 4}")).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(post, range(200)))
    assert set(answers) == {202}
    assert sorted(desk.stored()) == sorted((f"guid-{number}", False) for number in range(50))


@pytest.mark.parametrize("state", ["failed", "discarded"])
def test_a_call_that_comes_again_after_it_was_given_up_counts(desk: Desk, state: str) -> None:
    desk.post("hub", github())
    with desk.ctx.db.write() as session:
        session.execute(update(DeliveryRow).values(state=state, attempts=9, error="the tracker was away"))
    desk.asked.clear()
    answer = desk.post("hub", github())
    assert (answer.status_code, answer.json()["state"], desk.asked) == (202, "accepted", [desk.ids["hub"]])
    with desk.ctx.db.read() as session:
        (row,) = session.exec(select(DeliveryRow))
        assert (row.state, row.attempts, row.error) == ("waiting", 0, "")


def test_a_failing_target_keeps_its_calls_for_its_next_try(desk: Desk) -> None:
    desk.change("hub", failures=2, tried_at=datetime.now(UTC))
    assert desk.post("hub", github()).status_code == 202
    assert (desk.stored(), desk.asked) == ([("guid-1", False)], [])


def test_a_target_removed_meanwhile_is_unknown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = deliveries.keep

    def after_removal(session: Any, *rest: Any, **more: Any) -> Any:
        session.execute(delete(TargetRow))
        session.commit()
        return keep(session, *rest, **more)

    monkeypatch.setattr(deliveries, "keep", after_removal)
    assert desk.post("hub", github()).status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (signed, 202),
        (lambda: signed(at=datetime.now(UTC) - timedelta(minutes=20)), 401),
        (lambda: signed(b"{}"), 401),
        (lambda: gitlab(SIGNING), 401),
    ],
)
def test_gitlabs_signing_token(desk: Desk, headers: Callable[[], dict[str, str]], status: int) -> None:
    desk.change("lab", webhook_secret_env="SIGNING_TOKEN")
    answer = desk.post("lab", headers(), LAB)
    assert answer.status_code == status
    assert SIGNING not in answer.text
