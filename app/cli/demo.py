"""demo: two sandboxes, a roadmap, people at work, and percentages that move."""

from __future__ import annotations

import os
import random
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

import app
from app.cli import output, roadmaps, syncing
from app.cli.output import AsJson
from app.cli.sandboxes import listening

if TYPE_CHECKING:
    from app.cli.people import People
    from app.sync.context import Context
    from app.sync.documents import ProgrammeStatus

if TYPE_CHECKING:  # the boxes bring a web server along; see sandboxes.py
    from connectors.sandbox.github import GitHubBox
    from connectors.sandbox.gitlab import GitLabBox

EXAMPLES = (Path(app.__file__).parents[1] / "examples" / "roadmap.md", Path("/usr/share/milepost/roadmap.md"))
"""Where the project's own example is: in a checkout, in the image."""
SLUG, REPOSITORY = "demo", "demo/roadmap"
TOKEN, SECRET = "MILEPOST_DEMO_TOKEN", "MILEPOST_DEMO_WEBHOOK_SECRET"
WEEKS_AGO = 5
ROUNDS = 14
LAB_SECONDS = 5
"""GitLab is read by the schedule, GitHub on webhooks: both ways of keeping up are on show."""
HELD_KEYS = ("M1", "M2", "M3")


def register(cli: typer.Typer) -> None:
    cli.command("demo")(demo)


@dataclass(slots=True)
class Stage:
    """Everything that the demo set up. `costs` are (phase, GitHub requests, GitLab requests)."""

    ctx: Context
    hub: GitHubBox
    lab: GitLabBox
    hub_url: str
    lab_url: str
    costs: list[tuple[str, int, int]] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count what a phase asks of the two trackers."""
        self.hub.log.clear()
        self.lab.log.clear()
        yield
        self.costs.append((name, self.hub.log.summary()["total"], self.lab.log.summary()["total"]))


def demo(
    file: Annotated[Path | None, typer.Option("--roadmap", metavar="FILE", help="Your own roadmap.")] = None,
    once: Annotated[bool, typer.Option("--once", help="Run through without a server, print, and exit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Everything at once on this machine: two sandbox trackers, a roadmap, plan, apply, people at work.

    Example: milepost demo --roadmap roadmap.md --once
    """
    from app.sync import status

    once = once or as_json or not output.out.is_terminal
    with ExitStack() as stack:
        stage = _stage(stack)
        _import(stage, file or _example(), quiet=as_json)
        before = status.status(stage.ctx, SLUG)
        people = _people(stage)
        if once:
            after = _once(stage, people, quiet=as_json)
            _report(stage, before, after, as_json=as_json)
        else:
            roadmaps.show(before)
            _live(stage, people)


def _example() -> Path:
    for path in EXAMPLES:
        if path.exists():
            return path
    raise roadmaps.FileUnreadable("the example roadmap is not here", "give one: milepost demo --roadmap FILE")


def _stage(stack: ExitStack) -> Stage:
    from app.db.engine import Database
    from app.sync.context import Context
    from connectors.sandbox.github import GitHubBox
    from connectors.sandbox.gitlab import GitLabBox

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="milepost-demo-"))
    for name in (TOKEN, SECRET):
        os.environ[name] = secrets.token_hex(16)
    db = Database(f"sqlite:///{folder}/demo.db")
    db.ready()
    stack.callback(db.close)
    hub, lab = GitHubBox(), GitLabBox()
    stack.callback(hub.close)
    stack.callback(lab.close)
    hub_url = stack.enter_context(listening(hub, 0))
    lab_url = stack.enter_context(listening(lab, 0))
    return Stage(Context(db), hub, lab, hub_url, lab_url)


def _import(stage: Stage, file: Path, *, quiet: bool) -> None:
    """Import the roadmap, add the two targets, plan and apply."""
    from app.settings import Settings
    from app.sync import reconcile, roadmap, status, targets
    from app.sync.context import utc_now
    from app.sync.targets import NewTarget

    say: Callable[[str], None] = output.note if quiet else output.say
    start = utc_now().date() - timedelta(weeks=WEEKS_AGO)
    settings = Settings()
    source = roadmaps.read(str(file), settings.import_max_bytes)
    found = roadmap.import_roadmap(stage.ctx.db, source, SLUG, start=start, now=utc_now())
    say(f"1. {file.name}: {found.milestones} milestones, {found.tasks} tasks, {found.steps} steps")
    say(f"2. a GitHub in a box: {stage.hub_url}/{REPOSITORY}")
    say(f"   a GitLab in a box: {stage.lab_url}/{REPOSITORY}")
    keys = list(found.changes.added)
    milestones = [m.key for m in status.status(stage.ctx, SLUG).milestones]
    held = [key for key in HELD_KEYS if key in keys] or milestones[:3]
    common: dict[str, Any] = {
        "programme": SLUG,
        "path": REPOSITORY,
        "token_env": TOKEN,
        "webhook_secret_env": SECRET,
    }
    targets.add(
        stage.ctx,
        NewTarget("hub", kind="github", base_url=stage.hub_url, profile="github-issues", select=held, **common),
    )
    targets.add(
        stage.ctx,
        NewTarget(
            "lab", kind="gitlab", base_url=stage.lab_url, profile="gitlab", interval_seconds=LAB_SECONDS, **common
        ),
    )
    say(f"3. {', '.join(held)} go to GitHub, steps as sub-issues; the rest to GitLab, steps as checklists")
    for name in ("hub", "lab"):
        with stage.phase(f"first push to {name}"), syncing.bar(quiet) as on_progress:
            applied = reconcile.apply_plan(stage.ctx, name, on_progress=on_progress)
        if applied is not None:
            results = applied.as_json()["summary"]
            say(f"   {name}: {results['done']} objects made, {results['failed']} failed, {applied.requests} requests")
    with stage.phase("first refresh"):
        _refresh(stage)


def _refresh(stage: Stage) -> None:
    from app.sync import reconcile

    for name in ("hub", "lab"):
        reconcile.refresh(stage.ctx, name)


def _people(stage: Stage) -> list[People]:
    from app.cli.people import GitHubPeople, GitLabPeople

    dice = random.Random(7)  # noqa: S311 - a demo that goes the same way each time
    token = os.environ[TOKEN]
    return [
        GitHubPeople(stage.hub_url, REPOSITORY, token, dice),
        GitLabPeople(stage.lab_url, REPOSITORY, token, dice),
    ]


def _once(stage: Stage, people: list[People], *, quiet: bool) -> ProgrammeStatus:
    from app.cli.people import GitHubPeople
    from app.sync import reconcile, status

    say: Callable[[str], None] = output.note if quiet else output.say
    with stage.phase("a refresh when nothing changed"):
        _refresh(stage)
    say("4. people at work")
    for turn in range(ROUNDS):
        did = people[turn % len(people)].work()
        if did:
            say(f"   {did}")
    hub = people[0]
    if isinstance(hub, GitHubPeople):
        say(f"   {hub.add('Found on the way: rotate the signing keys')}")
    with stage.phase("the refresh after it"):
        _refresh(stage)
    with stage.phase("a second apply"):
        for name in ("hub", "lab"):
            reconcile.apply_plan(stage.ctx, name)
    return status.status(stage.ctx, SLUG)


def _report(stage: Stage, before: ProgrammeStatus, after: ProgrammeStatus, *, as_json: bool) -> None:
    if as_json:
        costs = [{"phase": name, "github": hub, "gitlab": lab} for name, hub, lab in stage.costs]
        shown = {"before": before.model_dump(mode="json"), "after": after.model_dump(mode="json"), "requests": costs}
        output.document(shown)
        return
    output.say("\nbefore")
    roadmaps.show(before)
    output.say("\nafter")
    roadmaps.show(after)
    output.say()
    grid = output.table("requests", "GitHub", "GitLab")
    for name, hub, lab in stage.costs:
        grid.add_row(name, str(hub), str(lab))
    output.out.print(grid)


def _live(stage: Stage, people: list[People]) -> None:
    """The service, webhooks and people at work, until Ctrl-C."""
    from rich.live import Live

    with _serving(stage.ctx) as url:
        _hook(stage, url)
        output.say(f"4. the service: {url}/docs, status as JSON: {url}/api/v1/programmes/{SLUG}/status")
        output.say(f"   GitHub is followed by webhook, GitLab read every {LAB_SECONDS} s")
        output.say("   close an issue or tick a box yourself, at the addresses above; Ctrl-C ends the demo\n")
        news: list[str] = []
        stop = threading.Event()
        worker = threading.Thread(target=_work, args=(people, news, stop), daemon=True)
        worker.start()
        try:
            with Live(console=output.out, refresh_per_second=4, screen=False) as live:
                while True:
                    live.update(_picture(stage, news))
                    time.sleep(0.5)
        except KeyboardInterrupt:
            output.say("the demo has ended; nothing of it is left")
        finally:
            stop.set()
            worker.join(timeout=10)


def _work(people: list[People], news: list[str], stop: threading.Event) -> None:
    turn = 0
    while not stop.wait(2.5):
        did = people[turn % len(people)].work()
        turn += 1
        if did:
            news.append(did)


def _picture(stage: Stage, news: list[str]) -> Group:
    from app.sync import status

    found = status.status(stage.ctx, SLUG)
    counts = f"{roadmaps.percent(found)}, {found.done} of {found.total} done"
    head = f"{found.title}: {counts}, as of {found.as_of:%H:%M:%S} UTC"
    lines = [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in news[-4:]]
    return Group(Text(head, style="bold"), roadmaps.status_table(found), Text(), *lines)


@contextmanager
def _serving(ctx: Context) -> Iterator[str]:
    """The real service on a free loopback port, in a thread."""
    import uvicorn

    from app.main import create_app
    from app.settings import Settings

    service = create_app(ctx, Settings())
    config = uvicorn.Config(
        service, host="127.0.0.1", port=0, log_level="error", ws="none", access_log=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the service did not start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        service.state.events.end()
        server.should_exit = True
        thread.join(timeout=20)


def _hook(stage: Stage, url: str) -> None:
    """Set GitHub's webhook up, as an administrator would."""
    import httpx

    from app.sync import targets

    token, secret = os.environ[TOKEN], os.environ[SECRET]
    paths = {target["name"]: target["webhook_path"] for target in targets.listed(stage.ctx)}
    hook: dict[str, Any] = {
        "config": {"url": url + paths["hub"], "content_type": "json", "secret": secret},
        "events": ["issues", "milestone", "sub_issues"],
    }
    address = f"{stage.hub_url}/repos/{REPOSITORY}/hooks"
    headers = {"Authorization": f"Bearer {token}"}
    httpx.post(address, json=hook, headers=headers, trust_env=False, timeout=10).raise_for_status()
