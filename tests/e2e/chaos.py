"""Two `serve` and two `worker` processes on one PostgreSQL, killed and begun again at random while people work."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import select

from app.db import revisions
from app.db import targets as rows
from app.db.models import DeliveryRow, JournalRow, RunRow
from app.jobs.shared import SharedQueue
from app.sync import history, status
from app.sync.context import Context
from tests.api.house import SECRET, until

ROOT = Path(__file__).parents[2]
PLANTED = "from tests.e2e import defects; defects.plant({!r}); from app.cli import main; main()"
REPO = "acme/app"
LINE = re.compile(r"^- \[([ x])\] (\w+\.\d+) ", re.MULTILINE)
MARKER = re.compile(r"<!-- milepost:small/(\S+) -->")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@dataclass
class Member:
    """One process of the fleet, begun again on the same port as often as it is killed."""

    words: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    said: int = 0

    def begin(self) -> None:
        self.said = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.words, env=self.environment, cwd=self.log.parent, stdout=log, stderr=log
            )

    def tell(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: int, wait: float = 25.0) -> int:
        """Its exit code."""
        self.tell(number)
        return self.ended(wait)

    def ended(self, wait: float = 25.0) -> int:
        """Its exit code, once it has ended by itself; killed if it doesn't in time."""
        assert self.process is not None
        try:
            return self.process.wait(wait)
        finally:
            self.process.kill()
            self.process.wait()

    def working(self) -> bool:
        """Whether it has said, since it was begun, that it does jobs."""
        with self.log.open("rb") as log:
            log.seek(self.said)
            return b"doing jobs of" in log.read()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


@dataclass
class Fleet:
    """`serves` and `workers`, and the addresses of the former; all have the `defect`, one of `defects.py`, if any."""

    folder: Path
    database: str
    defect: str = ""
    ports: list[int] = field(default_factory=lambda: [free_port(), free_port()])
    serves: list[Member] = field(default_factory=list)
    workers: list[Member] = field(default_factory=list)

    def __post_init__(self) -> None:
        environment = {
            **os.environ,
            "MILEPOST_DATABASE_URL": self.database,
            "MILEPOST_DEBOUNCE": "0.3",
            "GITHUB_TOKEN": "ghp_token_of_tests",
            "HOOK_SECRET": SECRET,
            "PYTHONPATH": str(ROOT),
        }
        milepost = [sys.executable, "-c", PLANTED.format(self.defect)]
        for port in self.ports:
            words = [*milepost, "serve", "--port", str(port)]
            self.serves.append(Member(words, environment, self.folder / f"serve-{port}.log"))
        for number in (1, 2):
            self.workers.append(Member([*milepost, "worker"], environment, self.folder / f"worker-{number}.log"))

    @property
    def members(self) -> list[Member]:
        return [*self.serves, *self.workers]

    def begin(self) -> None:
        for member in self.members:
            member.begin()
        self.ready()

    def ready(self) -> None:
        """Wait until every service answers, and every worker does jobs."""
        for port in self.ports:
            until(lambda port=port: answers(port), 60)  # type: ignore[misc]
        for worker in self.workers:
            until(worker.working, 60)

    def end(self) -> list[int]:
        """End every process gracefully, all at once; gives their exit codes."""
        for member in self.members:
            member.tell(signal.SIGTERM)
        return [member.ended() for member in self.members]

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


@dataclass
class Team:
    """People who close and open again what is in the box, over the tracker's own API."""

    url: str
    chance: random.Random
    edits: int = 0

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=f"{self.url}/repos/{REPO}", trust_env=False, timeout=30)
        self.http.headers["Authorization"] = "Bearer a-person"

    def hook(self, port: int, path: str) -> str:
        """A webhook that calls one of the services; gives its id."""
        config = {"url": f"http://127.0.0.1:{port}{path}", "content_type": "json", "secret": SECRET}
        body = {"name": "web", "events": ["issues", "milestone"], "config": config}
        made = self.http.post("/hooks", json=body)
        made.raise_for_status()
        return str(made.json()["id"])

    def issues(self) -> list[dict[str, Any]]:
        found = self.http.get("/issues", params={"state": "all", "per_page": 100})
        found.raise_for_status()
        return list(found.json())

    def work(self) -> None:
        """Close an issue, or open it again; or tick a box."""
        there = [issue for issue in self.issues() if MARKER.search(issue["body"] or "")]
        if not there:
            return
        issue = self.chance.choice(there)
        body = str(issue["body"])
        if self.chance.random() < 0.6:
            change = {"state": "open" if issue["state"] == "closed" else "closed"}
        elif "- [ ] " in body:
            change = {"body": body.replace("- [ ] ", "- [x] ", 1)}
        else:
            change = {"body": body.replace("- [x] ", "- [ ] ")}
        self.http.patch(f"/issues/{issue['number']}", json=change).raise_for_status()
        self.edits += 1

    def recount(self) -> tuple[int, int]:
        """(done, all) steps by what the tracker shows, counted without a line of Milepost's."""
        done = total = 0
        for issue in self.issues():
            for mark, _ in LINE.findall((issue["body"] or "").replace("\r\n", "\n")):
                total += 1
                done += mark == "x" or issue["state"] == "closed"
        return done, total

    def twins(self) -> list[str]:
        """Keys whose marker more than one object carries, in issues and milestones."""
        milestones = self.http.get("/milestones", params={"state": "all", "per_page": 100}).json()
        texts = [str(issue["body"]) for issue in self.issues()] + [str(one["description"]) for one in milestones]
        counted = Counter(key for text in texts for key in MARKER.findall(text))
        return [key for key, count in counted.items() if count > 1]

    def arrived(self, hook: str) -> set[str]:
        """The ids of the deliveries that a service has answered for, by the tracker's own list."""
        found = self.http.get(f"/hooks/{hook}/deliveries", params={"per_page": 100})
        arrived = set()
        while True:
            found.raise_for_status()
            arrived |= {one["guid"] for one in found.json() if one["status"] == "OK" and one["event"] != "ping"}
            following = found.links.get("next")
            if following is None:
                return arrived
            found = self.http.get(following["url"])


@dataclass
class Story:
    """What the database says of it all."""

    ctx: Context
    name: str = "hub"

    def rests(self) -> bool:
        """Whether nothing is left to do: a job that runs may still find deliveries that did not arrive."""
        jobs = bool(SharedQueue(self.ctx.db).names())
        return (
            not jobs
            and not self.unrecorded()
            and not self.unfinished()
            and all(one.state == "handled" for one in self.deliveries())
        )

    def deliveries(self) -> list[DeliveryRow]:
        with self.ctx.db.read() as session:
            return list(session.exec(select(DeliveryRow)))

    def unrecorded(self) -> bool:
        with self.ctx.db.read() as session:
            return bool(revisions.unrecorded(session))

    def unfinished(self) -> list[str]:
        """Runs that are carried out, or will be gone on with."""
        with self.ctx.db.read() as session:
            return [run.id for run in session.exec(select(RunRow)) if run.state == "running" or run.resume_at]

    def made_twice(self) -> list[str]:
        """Keys of nodes whose object was made by more than one call that succeeded."""
        with self.ctx.db.read() as session:
            entries = session.exec(select(JournalRow).where(JournalRow.action == "create", JournalRow.state == "done"))
            counted = Counter(entry.key for entry in entries)
        return [key for key, count in counted.items() if count > 1]

    def figures(self) -> tuple[int, int]:
        found = status.status(self.ctx, "small")
        return found.done, found.total

    def recorded(self) -> tuple[int, int]:
        """The newest figures of the programme's history."""
        last = history.history(self.ctx, "small").points[-1].point
        return last.done, last.total

    def path(self) -> str:
        with self.ctx.db.read() as session:
            row = rows.get(session, self.name)
        return f"/webhooks/{row.kind}/{row.id}"


def rampage(fleet: Fleet, team: Team, chance: random.Random, seconds: float) -> int:
    """Let people work, and kill a process every few seconds, which is begun again soon after. Gives how many died."""
    end = time.monotonic() + seconds
    killed, strike = 0, time.monotonic() + 1.0
    down: list[tuple[float, Member]] = []
    while time.monotonic() < end:
        team.work()
        now = time.monotonic()
        if now >= strike:
            victim = chance.choice([member for member in fleet.members if member.alive()])
            victim.end(signal.SIGKILL)
            killed += 1
            down.append((now + chance.uniform(0.1, 1.5), victim))
            strike = now + chance.uniform(1.0, 3.0)
        for due, member in list(down):
            if now >= due:
                member.begin()
                down.remove((due, member))
        time.sleep(chance.uniform(0.02, 0.2))
    for _, member in down:
        member.begin()
    return killed
