"""Two GitHubs for the connector's tests: one that answers as scripted, and the one in a box."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.plan import Desired, Ref
from connectors.base import AppCredentials, Place, Secret, TrackerError
from connectors.github import GitHub, open_github
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.kit import Clock, Options, serving

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
TOKEN = "ghp_sesame0123456789"
DATE = "Tue, 24 Nov 2026 10:00:00 GMT"
NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
DROP, HALF = "drop", "half"
REFS = {"M1": Ref("milestone", "2", 2, "MI_2"), "1A": Ref("issue", "7", 7, "I_7"), "old": Ref("issue", "9", 9)}
OPTIONS = Options(tokens=("writer",), read_only=("reader",), no_push=("author",), types=("Task", "Bug"))


@dataclass
class Call:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: Any


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    fault: str = ""


class Scripted:
    """Answers with what the test sets: `answer["GET /x"]` is a reply, or a function of the call that gives one."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answer: dict[str, Reply | Callable[[Call], Reply]] = {}
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                script.serve(self)

            do_POST = do_PATCH = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length") or 0)
        parts = urlsplit(handler.path)
        body = json.loads(handler.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in handler.headers.items()}
        call = Call(handler.command, parts.path, parse_qs(parts.query), headers, body)
        self.calls.append(call)
        made = self.answer.get(f"{call.method} {call.path}", Reply(404, {"message": "Not Found"}))
        reply = made(call) if callable(made) else made
        if reply.fault == DROP:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        content = b"" if reply.status == 304 else content
        handler.send_response_only(reply.status)
        sent = {"Date": DATE, "Content-Type": "application/json", "X-GitHub-Request-Id": "ABC:1"} | reply.headers
        for name, value in sent.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content) + (50 if reply.fault == HALF else 0)))
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = reply.fault == HALF

    def sent(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]


@contextmanager
def scripted() -> Iterator[Scripted]:
    """A scripted server, for as long as it is needed."""
    made = Scripted()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()


class Boxed:
    """A box being served, and connectors to its repository octo/hub."""

    def __init__(self, box: GitHubBox, url: str) -> None:
        self.box = box
        self.url = url
        self.opened: list[GitHub] = []
        self.person = httpx.Client(base_url=url, trust_env=False, headers={"authorization": "Bearer writer"})

    def open(
        self,
        token: str | AppCredentials = "writer",
        prefix: str = "",
        path: str = "octo/hub",
        *,
        dependencies: bool = False,
    ) -> GitHub:
        credentials = Secret(token) if isinstance(token, str) else token
        place = Place("github", self.url + prefix, path, credentials, dependencies=dependencies)
        self.opened.append(open_github(place))
        return self.opened[-1]

    def ask(self, verb: str, path: str, **body: object) -> httpx.Response:
        """As a person would, past the connector."""
        return self.person.request(verb, path, json=body).raise_for_status()

    def cost(self) -> list[tuple[str, int]]:
        """("GET issues", 304), … since last asked."""
        entries = [(f"{m} {urlsplit(p).path.rsplit('/', 1)[-1]}", status) for m, p, status in self.box.log.entries]
        self.box.log.clear()
        return entries


class Interrupted:
    """An application with something done ahead of each request, but not ahead of those that this makes."""

    def __init__(self, app: ASGIApp, before: Callable[[str, str], None]) -> None:
        self.app = app
        self.before = before
        self.busy = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self.busy:
            self.busy = True
            try:
                await run_in_threadpool(self.before, scope["method"], scope["path"])
            finally:
                self.busy = False
        await self.app(scope, receive, send)


@contextmanager
def boxed(
    options: Options = OPTIONS, offset: float = 0.0, before: Callable[[str, str], None] | None = None
) -> Iterator[Boxed]:
    """GitHub in a box, its clock off by `offset` seconds, for as long as it is needed. `before` is called with the
    method and path of each request, ahead of it, and may make requests of its own.
    """
    box = GitHubBox(options, Clock(offset))
    with serving(Interrupted(box.app, before) if before else box.app) as url:
        made = Boxed(box, url)
        try:
            yield made
        finally:
            for hub in made.opened:
                hub.close()
            made.person.close()
    box.close()


def issue(number: int, updated: datetime = NOW - timedelta(hours=1), **more: Any) -> dict[str, Any]:
    made = {
        "number": number,
        "node_id": f"I_{number}",
        "html_url": f"https://github.com/octo/hub/issues/{number}",
        "repository_url": "https://api.github.com/repos/octo/hub",
        "title": f"Issue {number}",
        "body": None,
        "state": "open",
        "labels": [],
        "updated_at": updated.isoformat().replace("+00:00", "Z"),
    }
    return made | more


def milestone(number: int, **more: Any) -> dict[str, Any]:
    made = {"number": number, "node_id": f"MI_{number}", "title": f"M{number}", "state": "open", "html_url": "x"}
    return made | {"updated_at": "2026-11-24T09:00:00Z"} | more


def graphql_issue(number: int = 8, **more: Any) -> dict[str, Any]:
    made = {
        "id": f"I_{number}",
        "number": number,
        "url": "u",
        "title": "t",
        "body": "",
        "state": "OPEN",
        "parent": {"number": 7, "repository": {"nameWithOwner": "octo/hub"}},
        "repository": {"nameWithOwner": "octo/hub"},
        "labels": {"nodes": []},
    }
    return made | more


def labelled(*names: str) -> dict[str, Any]:
    return {"labels": {"nodes": [{"name": name} for name in names]}}


def want(shape: str, **fields: Any) -> Desired:
    return Desired(1, "K", "task", shape, fields)  # type: ignore[arg-type]


def hidden(error: TrackerError) -> None:
    assert TOKEN not in f"{error!s}{error!r}{error.message}{error.hint}"
    assert error.__suppress_context__ or error.__context__ is None
