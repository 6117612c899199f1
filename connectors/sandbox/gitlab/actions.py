"""What quick actions ask for, as fields of the change they came with."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from connectors.sandbox.gitlab.records import Fields, Issue, Milestone, Refused
from connectors.sandbox.gitlab.text import Command

if TYPE_CHECKING:
    from connectors.sandbox.gitlab.state import Store


def meaning(store: Store, issue: Issue, commands: list[Command]) -> Fields:
    """What the commands ask for. On an issue that is being created `/close`, `/reopen`, `/title`, `/unlabel`,
    `/relabel`, `/duplicate` and the removals have no effect: their condition is `persisted?`
    (`Gitlab::QuickActions::IssuableActions`). They are taken out of the text all the same.
    """
    done: Fields = {}
    for command in commands:
        _anytime(store, issue, command, done)
        if issue.id:
            _later(store, issue, command, done)
    return done


def _anytime(store: Store, issue: Issue, command: Command, done: Fields) -> None:
    match command.name:
        case "label" | "labels":
            done["add_labels"] = done.get("add_labels", []) + _known_labels(store, issue, command.argument)
        case "milestone":
            if found := _named_milestone(store, issue, command.argument):
                done["milestone"] = found
        case "due":
            if day := _day(command.argument, store.clock.now()):
                done["due_date"] = day
        case "confidential":
            done["confidential"] = True
        case "assign" if command.argument.lstrip("@") in ("me", "root"):
            done["assigned"] = True


def _later(store: Store, issue: Issue, command: Command, done: Fields) -> None:
    match command.name:
        case "close" | "reopen" if (issue.state == "opened") == (command.name == "close"):
            done["state_event"] = command.name
        case "title" if command.argument:
            done["title"] = command.argument
        case "unlabel" | "remove_label":
            known = [x.name for x in issue.labels]
            if command.argument:
                known = _known_labels(store, issue, command.argument)
            done["remove_labels"] = done.get("remove_labels", []) + known
        case "relabel":
            done["labels"] = _known_labels(store, issue, command.argument)
        case "remove_milestone":
            done["milestone"] = None
        case "remove_due_date":
            done["due_date"] = None
        case "unassign":
            done["assigned"] = False
        case "lock" | "unlock":
            done["locked"] = command.name == "lock"
        case "duplicate":
            if other := _numbered(store, issue, command.argument):
                done["duplicate_of"] = other


def _numbered(store: Store, issue: Issue, argument: str) -> Issue | None:
    """`#7` of the same project, but for the issue itself."""
    number = re.fullmatch(r"#(\d+)", argument)
    try:
        found = store.issue(issue.owner, int(number[1])) if number else None
    except Refused:
        found = None
    return None if found is issue else found


def _known_labels(store: Store, issue: Issue, argument: str) -> list[str]:
    """A quick action makes no labels: unknown ones are passed over."""
    asked = [quoted or plain for quoted, plain in re.findall(r'~?"([^"]+)"|~?([^\s~"]+)', argument)]
    known = {x.name for x in store.labels_of(issue.owner)}
    return [name for name in asked if name in known]


def _named_milestone(store: Store, issue: Issue, argument: str) -> Milestone | None:
    name = argument.removeprefix("%").strip().strip('"')
    return next((m for m in store.milestones_of(issue.owner, ancestors=True) if name in (m.title, str(m.iid))), None)


def _day(argument: str, now: datetime) -> date | None:
    """GitLab reads dates in many words (Chronic); here: ISO dates, `today`, `tomorrow` and `in N days`."""
    if match := re.fullmatch(r"in (\d+) days?", argument):
        return now.date() + timedelta(days=int(match[1]))
    if argument in ("today", "tomorrow"):
        return now.date() + timedelta(days=argument == "tomorrow")
    try:
        return date.fromisoformat(argument)
    except ValueError:
        return None
