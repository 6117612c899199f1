"""Processes that are killed at a point of the journal, for real: forked one after another from one that is warm.

Run as a program (`python -m tests.sync.crashing`) this is the warm process: a line of JSON on its standard input is a
job, `{"db": …, "target": …, "points": […], "met": [[step, point], …], "lethal": …}`; it forks an applier for it, and
answers with a line of what became of it. The applier applies, and ends itself by SIGKILL at the first of `points` that
its step has not met. Only where the answer is still on its way it is the tracker that kills: see `Executioner`. A job
that is to be done `here` isn't forked, and what it loads and compiles no later applier needs to.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POINTS = ("opening", "opened", "carried out", "answered", "bound")
"""Of each step, in their order. opening: its journal row and pending link are written and not committed. opened: they
are, and nothing is sent. carried out: the tracker has done it, and its answer never arrives. answered: the answer is
there, and the reference and the new base are written and not committed. bound: they are, and the run hasn't counted it.
"""
LABEL, PARENT, CLOSED = "a label was made", "put under its parent", "closed, having been made open"
"""What a tracker has carried out where that isn't all that the step asks, and what is left of a step then."""
SENT = ("create", "update", "block")
ROOT = Path(__file__).parents[2]


def step_of(change: Any) -> str:
    """A step of a plan by its node; one that says what waits for what by both."""
    fields = change.fields.get("blocked_by")
    return f"{change.key} waits for {', '.join(fields.after)}" if fields else str(change.key)


@dataclass(slots=True)
class Met:
    """What a start came to: the point it was killed at, or the state its run ended in."""

    step: str = ""
    point: str = ""
    state: str = ""


@dataclass(slots=True)
class Executioner:
    """Around a box: kills whoever asked for it once a write of theirs is carried out, before a byte of the answer.

    Where a step takes more than one write, as putting an issue under another parent does, each is a point of its own.
    """

    lethal: Path
    killed: list[tuple[str, str]] = field(default_factory=list)  # step, what was carried out

    def around(self, app: ASGIApp) -> ASGIApp:
        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["method"] == "GET" or not self.lethal.exists():
                await app(scope, receive, send)
                return
            body = b""

            async def read() -> Message:
                nonlocal body
                message = await receive()
                body += message.get("body", b"")
                return message

            held: list[Message] = []

            async def hold(message: Message) -> None:
                held.append(message)

            await app(scope, read, hold)
            if writes(scope["path"], body) and held[0]["status"] < 300:
                self._kill(scope["path"], body)
            for message in held:
                await send(message)

        return watched

    def _kill(self, path: str, body: bytes) -> None:
        pid, step, met = json.loads(self.lethal.read_text())
        label = path.endswith("/labels") or b"labelCreate" in body
        point = LABEL if label else PARENT if b"addSubIssue" in body else "carried out"
        if point == "carried out" and point in met:
            point = CLOSED
        if point not in met:
            self.lethal.unlink()
            self.killed.append((step, point))
            os.kill(pid, signal.SIGKILL)


def writes(path: str, body: bytes) -> bool:
    """Whether a request that is no GET asks for a change."""
    return not path.endswith("/graphql") or str(json.loads(body)["query"]).lstrip().startswith("mutation")


def one_certificate(folder: Path) -> str:
    """A file with a single authority: reading all of them takes as long as all the rest of a start."""
    import certifi

    path, end = folder / "one.pem", "-----END CERTIFICATE-----\n"
    path.write_text(certifi.contents().partition(end)[0] + end)
    return str(path)


class Room:
    """The warm process, seen from the test. `kills` counts."""

    def __init__(self) -> None:
        self.kills = 0
        environment = {**os.environ, "SYNC_TOKEN": "the-robot", "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sync.crashing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def apply(self, db: str, target: str, **more: Any) -> str:
        """An apply that nobody kills, in the warm process itself; gives the state it ended in."""
        answer = self._ask({"db": db, "target": target, "points": [], "met": [], "lethal": "", "here": True, **more})
        return str(answer["said"][-1])

    def start(
        self,
        db: str,
        target: str,
        executioner: Executioner,
        points: Collection[str],
        met: Collection[tuple[str, str]],
        **more: Any,
    ) -> Met:
        """One process from its start to its end."""
        lethal = str(executioner.lethal)
        job = {"db": db, "target": target, "points": list(points), "met": list(met), "lethal": lethal, **more}
        before = len(executioner.killed)
        answer = self._ask(job)
        executioner.lethal.unlink(missing_ok=True)
        if answer["signal"] != signal.SIGKILL:
            assert answer["said"], f"it ended by itself: {answer}"
            return Met(state=answer["said"][-1])
        self.kills += 1
        ((step, point),) = [*executioner.killed[before:], *answer["said"]]
        return Met(step, point)

    def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the warm process is gone"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(20)
        assert self._process.stdout
        self._process.stdout.close()


# -- in the warm process and its children


class _Applier:
    """One apply that ends at the first point that is due."""

    def __init__(self, job: dict[str, Any], ctx: Any, say: Callable[[Any], None]) -> None:
        self.points, self.lethal, self.say = job["points"], Path(job["lethal"]), say
        self.met = {tuple(pair) for pair in job["met"]}
        self.ctx = replace(ctx, open_place=lambda place: _Sending(ctx.open_place(place), self))
        self.step = self.next = ""

    def at(self, point: str) -> None:
        if self.due(point):
            self.say([self.step, point])
            os.kill(os.getpid(), signal.SIGKILL)

    def due(self, point: str) -> bool:
        return point in self.points and (self.step, point) not in self.met

    def on_progress(self, change: Any, done: int, total: int) -> None:
        self.step = step_of(change)

    def statement(self, connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        """The journal itself says where its step stands."""
        if statement.startswith("INSERT INTO journal "):
            self.next = "opening"
        elif statement.startswith("UPDATE journal "):
            self.next = "answered"

    def commit(self, connection: Any) -> None:
        if self.next:
            self.at(self.next)
            self.next = {"answered": "bound"}.get(self.next, "")

    def send(self, call: Callable[..., Any], *args: Any) -> Any:
        self.at("opened")
        if "carried out" not in self.points:
            return call(*args)
        met = [point for step, point in self.met if step == self.step]
        self.lethal.write_text(json.dumps([os.getpid(), self.step, met]))
        made = call(*args)
        self.lethal.unlink()
        return made


class _Sending:
    """The real connector; its writes pass the applier's points."""

    def __init__(self, real: Any, applier: _Applier) -> None:
        self._real, self._applier = real, applier

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        return (lambda *args: self._applier.send(found, *args)) if name in SENT else found

    @property
    def before_write(self) -> Callable[[], None]:
        found: Callable[[], None] = self._real.before_write
        return found

    @before_write.setter
    def before_write(self, call: Callable[[], None]) -> None:
        self._real.before_write = call


def _apply(job: dict[str, Any], ctx: Any) -> list[Any]:
    """Apply as the job says; gives what there is to say at the end."""
    from sqlalchemy import event

    from app.sync import reconcile

    said: list[Any] = []
    applier = _Applier(job, ctx, said.append if job.get("here") else job["say"])
    if not job.get("here"):
        event.listen(ctx.db.engine, "before_cursor_execute", applier.statement)
        event.listen(ctx.db.engine, "commit", applier.commit)
    applied = reconcile.apply_plan(
        applier.ctx, job["target"], max_percent=100.0, plan_id=job.get("plan"), on_progress=applier.on_progress
    )
    return [applied.state if applied else "nothing"]


def _serve() -> None:
    from app.db.engine import Database
    from app.sync.context import Context

    databases: dict[str, Database] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SSL_CERT_FILE"] = one_certificate(Path(folder))
        for line in sys.stdin:
            job = json.loads(line)
            db = databases.get(job["db"]) or databases.setdefault(job["db"], Database(job["db"]))
            ctx = Context(db, sleep=lambda seconds: None)
            answer = {"signal": 0, "said": _apply(job, ctx)} if job.get("here") else _forked(job, ctx)
            db.engine.dispose()  # a child must inherit no connection
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def _forked(job: dict[str, Any], ctx: Any) -> dict[str, Any]:
    gc.freeze()  # what is old is not looked through again, and so not copied, by each child
    ends, starts = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ends)
        _child(job, ctx, starts)
    os.close(starts)
    with os.fdopen(ends) as said:
        words = [json.loads(word) for word in said]
    _, status = os.waitpid(pid, 0)
    return {"signal": max(0, -os.waitstatus_to_exitcode(status)), "said": words}


def _child(job: dict[str, Any], ctx: Any, out: int) -> None:
    gc.disable()  # it doesn't live long enough to need it

    def say(what: Any) -> None:
        os.write(out, json.dumps(what).encode() + b"\n")

    try:
        for what in _apply({**job, "say": say}, ctx):
            say(what)
    except BaseException as error:  # noqa: BLE001 - told to the test, which fails by it
        say(f"{type(error).__name__}: {error}")
    finally:
        os._exit(0)


if __name__ == "__main__":
    _serve()
