"""Somebody who takes notifications over HTTP, and can be told to refuse, to hang or to lie about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.sandbox.kit import serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Receiver:
    """`answers` gives the status by path, 204 where it says nothing."""

    url: str = ""
    answers: dict[str, int] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.calls.append((request.url.path, dict(request.headers), body))
        return Response(status_code=self.answers.get(request.url.path, 204), headers=self.headers)

    def taken(self, path: str) -> list[Any]:
        """The bodies that were answered with success."""
        status = self.answers.get(path, 204)
        return [json.loads(body) for where, _, body in self.calls if where == path and 200 <= status < 300]

    def verified(self, path: str = "/news") -> list[dict[str, Any]]:
        """The signed messages taken there, each verified but for its age: tests move our clock. A repeated id fails."""
        found, ids = [], []
        for where, headers, body in self.calls:
            if where == path:
                at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
                ids.append(headers["webhook-id"])
                assert headers["webhook-signature"] == Webhook(SECRET).sign(ids[-1], at, body.decode())
                found.append(json.loads(body))
        assert len(set(ids)) == len(ids), "one message came twice"
        return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/{path:path}", receiver.take, methods=["POST"])])
    with serving(app) as url:
        receiver.url = url
        yield receiver
