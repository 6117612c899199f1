"""A sandbox in a process of its own that holds issues already.

`python -m benchmarks.served KIND PATH=ISSUES:MILESTONES…` prints its address once it is filled, and serves until it is
ended. `PUT /_bench?later=SECONDS` puts the box's clock on.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.plan import Desired
from benchmarks import generated
from connectors.github.client import LIMITS
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import Clock, serving
from mappings import desired, profile, roadmap

APART = 60.0
"""Seconds between two objects on the box's clock: nobody writes hundreds of issues in one second, and readers that go
on from the newest change would read all of that second again."""
QUIET = 3600.0
"""Seconds since the last of them."""
CLOSED_EVERY = 10
_EMOJI = re.compile(r"/api/v4/projects/.+/issues/\d+/award_emoji")


@dataclass(frozen=True, slots=True)
class Place:
    """A repository or project, and how much it holds."""

    path: str
    issues: int
    milestones: int

    @property
    def objects(self) -> int:
        return self.issues + self.milestones

    def __str__(self) -> str:
        return f"{self.path}={self.issues}:{self.milestones}"

    @staticmethod
    def of(text: str) -> Place:
        """What `str` gave."""
        path, _, counts = text.partition("=")
        issues, _, milestones = counts.partition(":")
        return Place(path, int(issues), int(milestones))


class Front:
    """Puts the clock on when asked. An issue's emoji, which the sandbox does not know and perceval asks for every time,
    are none, as GitLab answers for an issue without any.
    """

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == "/_bench":
            self._clock.offset_seconds += float(parse_qs(scope["query_string"].decode())["later"][0])
            await _answer(send, b"{}")
        elif _EMOJI.fullmatch(path):
            await self._app(scope, receive, _Ignored())
            await _answer(send, b"[]")
        else:
            await self._app(scope, receive, send)


class _Ignored:
    """Where the sandbox's own answer goes: it counted the request, and took its time."""

    async def __call__(self, message: Message) -> None:
        pass


async def _answer(send: Send, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    kind, *places = sys.argv[1:]
    clock = Clock()
    box = GitHubBox(clock=clock) if kind == "github" else GitLabBox(clock=clock)
    with serving(Front(box.app, clock)) as url:
        for place in map(Place.of, places):
            with _calls(kind, url, place.path) as calls:
                calls.fill(place, clock)
        clock.offset_seconds = 0.0
        print(url, flush=True)
        threading.Event().wait()


class _Calls:
    """Writing to one repository or project as anybody would."""

    def __init__(self, kind: str, path: str, client: httpx.Client) -> None:
        self.github = kind == "github"
        self.root = f"/repos/{path}" if self.github else f"/api/v4/projects/{quote(path, safe='')}"
        self.text = "body" if self.github else "description"
        self.client = client

    def fill(self, place: Place, clock: Clock) -> None:
        """Milestones and issues as Milepost writes them, one in `CLOSED_EVERY` closed, each at a moment of its own."""
        clock.offset_seconds = -QUIET - APART * place.objects
        homes: list[int] = []
        for number in range(1, place.milestones + 1):
            clock.offset_seconds += APART
            made = self._send(
                "POST", "/milestones", title=f"M{number} — Generated", description="Objective: to be read."
            )
            homes.append(made["number" if self.github else "id"])
        for number, want in enumerate(_issues(place.issues)):
            clock.offset_seconds += APART
            words: dict[str, object] = {"title": want.fields["title"], self.text: want.fields["description"]}
            words["milestone" if self.github else "milestone_id"] = homes[number % len(homes)]
            made = self._send("POST", "/issues", **words)
            if number % CLOSED_EVERY == 0:
                end = {"state": "closed"} if self.github else {"state_event": "close"}
                self._send(
                    "PATCH" if self.github else "PUT", f"/issues/{made['number' if self.github else 'iid']}", **end
                )

    def _send(self, method: str, path: str, **words: object) -> dict[str, int]:
        answer: dict[str, int] = self.client.request(method, self.root + path, json=words).raise_for_status().json()
        return answer


@contextmanager
def _calls(kind: str, url: str, path: str) -> Iterator[_Calls]:
    headers = {"Authorization": "Bearer a-person", "PRIVATE-TOKEN": "a-person"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        yield _Calls(kind, path, client)


def _issues(number: int) -> list[Desired]:
    """So many tasks of a generated roadmap, five steps each, as Milepost wants them."""
    programme = roadmap.read(generated.document(number).encode(), start=generated.START).programme
    keys = [milestone.key for milestone in programme.milestones]
    ids = generated.ids(programme)
    wants, _ = desired.build(programme, ids, "generated", keys, profile.load("github"), LIMITS, {})
    return [want for want in wants if want.shape == "issue"]


if __name__ == "__main__":
    main()
