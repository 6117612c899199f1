"""The plain script that a team writes for itself with PyGithub: push a roadmap once, and count boxes now and then.

It is what Milepost is compared with, written as well as such scripts are: a hundred a page, one kept connection, a lazy
repository. It knows no plan, no journal, no markers, no `since` and no ETags; run twice it makes everything twice.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import github
from github import Requester
from github.Repository import Repository

from app.core.tree import Programme

_BOX = re.compile(r"^- \[([ x])\] ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Counted:
    """Boxes ticked and all, and milestones and issues listed."""

    done: int
    total: int
    listed: int


def opened(url: str, path: str, **options: Any) -> Repository:
    """The repository; asks nothing. Without `options` PyGithub's defaults hold: 30 a page, 0.25 s between requests and
    1 s between writes.
    """
    return github.Github(auth=github.Auth.Token("bench"), base_url=url, lazy=True, **options).get_repo(path)


def fast(url: str, path: str) -> Repository:
    """The repository with PyGithub's pauses and retries off, and a hundred a page."""
    pauses = {"seconds_between_requests": None, "seconds_between_writes": None, "retry": None}
    return opened(url, path, per_page=100, **pauses)


def push(repository: Repository, programme: Programme) -> int:
    """Make a milestone each, and an issue with a checklist for each task; gives how many were made."""
    made = 0
    for milestone in programme.milestones:
        home = repository.create_milestone(f"{milestone.key} — {milestone.title}", description=milestone.objective)
        made += 1
        for task in milestone.tasks:
            lines = [f"- [{'x' if step.done else ' '}] {step.key} {step.title}" for step in task.steps]
            body = "\n".join([task.description, "", *lines])
            title = f"{task.key} — {task.title}"
            repository.create_issue(title, body=body, milestone=home, labels=["epic"])
            made += 1
    return made


def refresh(repository: Repository) -> Counted:
    """List all milestones and all issues, and count the boxes; a closed issue counts as wholly done."""
    done = total = 0
    listed = sum(1 for _ in repository.get_milestones(state="all"))
    for issue in repository.get_issues(state="all"):
        listed += 1
        if "/pull/" not in issue.html_url:  # `issue.pull_request` would ask for every issue by itself
            boxes = _BOX.findall(issue.body or "")
            total += len(boxes)
            done += len(boxes) if issue.state == "closed" else boxes.count("x")
    return Counted(done, total, listed)


@contextmanager
def pauses_counted() -> Iterator[list[float]]:
    """PyGithub's own pauses, each put down here instead of slept."""
    pauses: list[float] = []
    with patch.object(Requester, "time", types.SimpleNamespace(sleep=pauses.append)):
        yield pauses
