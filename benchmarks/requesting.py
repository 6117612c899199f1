"""Requests, counted at the sandboxes, against the budgets; and a plain PyGithub script doing the same by hand."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import github

from app.db.engine import Database
from app.sync import reconcile, roadmap, targets
from app.sync.context import Context, utc_now
from app.sync.targets import NewTarget
from benchmarks import generated
from benchmarks.measured import Beside, Section, Size
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import serving
from mappings.roadmap import read

PATH, VARIABLE = "acme/app", "MILEPOST_BENCH_TOKEN"
PROFILES = ("github", "github-issues", "gitlab", "gitlab-issues")
FIXED_READS = 5


@contextmanager
def place(profile: str, tasks: int) -> Iterator[tuple[Context, Any, str]]:
    """A programme of so many tasks with a target in a box of its own."""
    os.environ[VARIABLE] = "bench"
    on_github = profile.startswith("github")
    box: Any = GitHubBox() if on_github else GitLabBox()
    with tempfile.TemporaryDirectory() as folder, serving(box.app) as url:
        db = Database(f"sqlite:///{folder}/bench.db")
        db.ready()
        source = generated.document(tasks).encode()
        roadmap.import_roadmap(db, source, "bench", start=generated.START, now=utc_now())
        ctx = Context(db)
        kind = "github" if on_github else "gitlab"
        options = {"base_url": url, "profile": profile, "token_env": VARIABLE}
        targets.add(ctx, NewTarget("hub", "bench", kind, PATH, **options))  # type: ignore[arg-type]
        yield ctx, box, url
        db.close()
    box.close()


def measure(size: Size) -> list[Section]:
    tasks = 10 if size.quick else 30
    section = Section("3. Requests", f"counted at the sandbox; a generated roadmap of {tasks} tasks with 5 steps each")
    for profile in PROFILES:
        with place(profile, tasks) as (ctx, box, _):
            applied = reconcile.apply_plan(ctx, "hub")
            if applied is None or applied.state != "done":
                raise RuntimeError(f"{profile}: the first push did not end well")
            made = len(applied.outcomes)
            first = box.log.summary()
            section.add(f"{profile}: writes of a first push", first["writes"], "", made, f"{made} objects")
            section.add(f"{profile}: reads of it", first["reads"], "", FIXED_READS + 1)
            reconcile.refresh(ctx, "hub")
            box.log.clear()
            reconcile.refresh(ctx, "hub")
            idle = box.log.summary()
            budget = 2 if profile.startswith("github") else 3
            note = f"{idle['not_modified']} were 304"
            section.add(f"{profile}: an idle refresh", idle["total"], "", budget, note)
            box.log.clear()
            reconcile.apply_plan(ctx, "hub")
            section.add(f"{profile}: writes of a second apply", box.log.summary()["writes"], "", 0)
    return [section, by_hand(tasks)]


def by_hand(tasks: int) -> Section:
    """PyGithub with its pauses off (its defaults would add 1 s a write), beside Milepost with the profile `github`."""
    section = Section(
        "4. Beside a plain PyGithub script",
        f"{tasks} tasks, one run, each against a GitHub box of its own; PyGithub's own pauses switched off",
        other="by hand",
    )
    with place("github", tasks) as (ctx, box, _):
        mine = {"push": _timed(box, lambda: reconcile.apply_plan(ctx, "hub"))}
        reconcile.refresh(ctx, "hub")
        mine["refresh, nothing changed"] = _timed(box, lambda: reconcile.refresh(ctx, "hub"))
    programme = read(generated.document(tasks).encode(), start=generated.START).programme
    box = GitHubBox()
    with serving(box.app) as url:
        hub = github.Github(
            base_url=url, auth=github.Auth.Token("bench"), seconds_between_requests=None, seconds_between_writes=None
        )
        repo = hub.get_repo(PATH)

        def push() -> None:
            for milestone in programme.milestones:
                made = repo.create_milestone(f"{milestone.key} — {milestone.title}")
                for task in milestone.tasks:
                    boxes = "\n".join(f"- [ ] {step.key} {step.title}" for step in task.steps)
                    repo.create_issue(f"{task.key} — {task.title}", body=boxes, milestone=made, labels=["epic"])

        def refresh() -> int:
            list(repo.get_milestones(state="all"))
            return sum(len(re.findall(r"- \[x\]", issue.body or "")) for issue in repo.get_issues(state="all"))

        theirs = {"push": _timed(box, push), "refresh, nothing changed": _timed(box, refresh)}
        hub.close()
    box.close()
    for what, (seconds, requests) in mine.items():
        section.rows.append(Beside(f"{what}: seconds", seconds, theirs[what][0]))
        section.rows.append(Beside(f"{what}: requests", requests, theirs[what][1], ""))
    return section


def _timed(box: GitHubBox, work: Any) -> tuple[float, int]:
    box.log.clear()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began, box.log.summary()["total"]
