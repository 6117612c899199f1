"""The store: repositories, labels, milestones and hooks, with the lock that guards them. Issues are in `issues.py`.

Every change happens inside `Store.session`, which holds the lock and hands the events over when it is left.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connectors.sandbox.github.model import (
    BODY_MAX,
    KEEP,
    LABEL_MAX,
    LABEL_TEXT_MAX,
    LABELS_PER_ISSUE,
    TITLE_MAX,
    Event,
    Hook,
    Issue,
    IssueType,
    Label,
    Milestone,
    MilestoneEdit,
    Refusal,
    Repo,
    invalid,
    not_found,
)
from connectors.sandbox.kit import Clock

TYPE_COLORS = ("yellow", "red", "blue", "purple", "green", "gray", "orange", "pink")
PACIFIC = ZoneInfo("America/Los_Angeles")
Listener = Callable[[Sequence[Event], str], None]


def floor_due(moment: datetime) -> datetime:
    """Midnight Pacific of the day that `moment` has there: GitHub keeps only that of `due_on` (TRACKERS, trap 2)."""
    local = moment.astimezone(PACIFIC)
    return datetime(local.year, local.month, local.day, tzinfo=PACIFIC).astimezone(UTC)


def check_length(resource: str, field_name: str, text: str | None, limit: int) -> None:
    """Raise GitHub's 422 for a text over `limit` characters."""
    if text is not None and len(text) > limit:
        message = f"{field_name} is too long (maximum is {limit} characters)"
        raise invalid(resource, field_name, "custom", message=message)


class Store:
    """All that the box remembers. `listener` gets the events of a session, with the address it came in by."""

    def __init__(
        self, clock: Clock, paths: Sequence[str] = (), listener: Listener | None = None, types: Sequence[str] = ()
    ) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self.listener = listener
        self._events: list[Event] = []
        self._repos: dict[str, Repo] = {}
        self._closed = bool(paths)
        self._repo_ids = itertools.count(810_000_001)
        self._milestone_ids = itertools.count(13_000_001)
        self._label_ids = itertools.count(8_200_000_001)
        # Real issue ids have outgrown 32 bits, so GraphQL's databaseId can't hold them; and they are not the numbers.
        self._issue_ids = itertools.count(3_600_000_001)
        self.other_ids = itertools.count(520_000_001)
        self.nodes: dict[str, Repo | Issue | Milestone | Label | IssueType] = {}
        self.issues_by_id: dict[int, Issue] = {}
        colors = itertools.cycle(TYPE_COLORS)
        self.types = [IssueType(410 + n, name, next(colors), self.now()) for n, name in enumerate(types)]
        self.nodes |= {one.node_id: one for one in self.types}
        for path in paths:
            self._add_repo(*path.split("/", 1))

    @contextmanager
    def session(self, origin: str) -> Iterator[Store]:
        """Hold the lock; afterwards tell the listener what happened. `origin` is the address people reach us by."""
        with self._lock:
            try:
                yield self
            finally:
                events, self._events = self._events, []
                if events and self.listener:
                    self.listener(events, origin)

    def now(self) -> datetime:
        return self._clock.now().replace(microsecond=0)

    def exactly(self) -> float:
        """The time in seconds since 1970, with its fractions."""
        return self._clock.now().timestamp()

    def emit(self, event: Event) -> None:
        self._events.append(event)

    # Repositories

    def _add_repo(self, owner: str, name: str) -> Repo:
        repo = Repo(owner, name, next(self._repo_ids), self.now())
        self._repos[repo.full_name.lower()] = repo
        self.nodes[repo.node_id] = repo
        return repo

    def repo(self, owner: str, name: str) -> Repo:
        """The repository, made on first use unless the box was given its paths. Names ignore case. Raises 404."""
        found = self._repos.get(f"{owner}/{name}".lower())
        if found:
            return found
        if self._closed or not re.fullmatch(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", f"{owner}/{name}"):
            raise not_found()
        return self._add_repo(owner, name)

    def repos(self) -> list[Repo]:
        return sorted(self._repos.values(), key=lambda repo: repo.full_name.lower())

    def repo_by_id(self, number: int) -> Repo:
        found = next((repo for repo in self._repos.values() if repo.id == number), None)
        if not found:
            raise not_found()
        return found

    def type_named(self, name: str) -> IssueType:
        """Raises 422: an unknown name is `invalid`, the empty one too."""
        found = next((one for one in self.types if one.name == name), None)
        if not found:
            raise invalid("Issue", "type", "invalid", value=name)
        return found

    # Labels

    def label(self, repo: Repo, name: str) -> Label:
        found = repo.labels.get(name.lower())
        if not found:
            raise not_found()
        return found

    def create_label(
        self, repo: Repo, name: str, by: str, color: str | None = None, description: str | None = None
    ) -> Label:
        if name.lower() in repo.labels:
            raise invalid("Label", "name", "already_exists")
        self._check_label(name, color, description)
        label = Label(repo, next(self._label_ids), name, (color or "ededed").lower(), description or None)
        label.born = self.exactly()
        repo.labels[name.lower()] = label
        self.nodes[label.node_id] = label
        self.emit(Event("label", "created", repo, by, label))
        return label

    def _check_label(self, name: str, color: str | None, description: str | None) -> None:
        if not name.strip():
            raise invalid("Label", "name", "missing_field")
        check_length("Label", "name", name, LABEL_MAX)
        check_length("Label", "description", description, LABEL_TEXT_MAX)
        if color is not None and not re.fullmatch(r"[0-9a-fA-F]{6}", color):
            raise invalid("Label", "color", "invalid")

    def edit_label(self, label: Label, by: str, name: str, color: str, description: str | None) -> Label:
        repo = label.repo
        if name.lower() != label.name.lower() and name.lower() in repo.labels:
            raise invalid("Label", "name", "already_exists")
        self._check_label(name, color, description)
        before = {"name": label.name, "color": label.color, "description": label.description}
        after = {"name": name, "color": color.lower(), "description": description or None}
        if before == after:
            return label
        del repo.labels[label.name.lower()]
        label.name, label.color, label.description = name, color.lower(), description or None
        repo.labels[name.lower()] = label
        changes = {key: {"from": value or ""} for key, value in before.items() if value != after[key]}
        self.emit(Event("label", "edited", repo, by, label, changes=changes))
        return label

    def delete_label(self, label: Label, by: str) -> None:
        del label.repo.labels[label.name.lower()]
        del self.nodes[label.node_id]
        for issue in label.repo.issues.values():
            if label in issue.labels:
                issue.labels.remove(label)
        self.emit(Event("label", "deleted", label.repo, by, label))

    def labels_named(self, repo: Repo, names: Sequence[str], by: str) -> list[Label]:
        """Labels by name, each once, in the order given; a missing one is made, as GitHub does for pushers. 422
        for too many or one that can't be, and then none is made.
        """
        if len({name.lower() for name in names}) > LABELS_PER_ISSUE:
            raise invalid("Issue", "labels", "custom", message=f"labels is over the limit of {LABELS_PER_ISSUE}")
        for name in names:
            self._check_label(name, None, None)
        found: dict[str, Label] = {}
        for name in names:
            key = name.lower()
            found[key] = repo.labels.get(key) or self.create_label(repo, name, by)
        return list(found.values())

    # Milestones

    def milestone(self, repo: Repo, number: int) -> Milestone:
        found = repo.milestones.get(number)
        if not found:
            raise not_found()
        return found

    def _check_milestone(self, repo: Repo, edit: MilestoneEdit, own: Milestone | None) -> None:
        if edit.title is not KEEP:
            if not edit.title.strip():
                raise invalid("Milestone", "title", "missing_field")
            check_length("Milestone", "title", edit.title, TITLE_MAX)
            # Closed milestones keep their titles taken (TRACKERS, GitHub milestones).
            if any(other is not own and other.title == edit.title for other in repo.milestones.values()):
                raise invalid("Milestone", "title", "already_exists")
        if edit.description is not KEEP:
            check_length("Milestone", "description", edit.description, BODY_MAX)

    def create_milestone(self, repo: Repo, edit: MilestoneEdit, by: str) -> Milestone:
        """A new milestone from `edit`, whose title must be set."""
        if edit.title is KEEP:
            raise invalid("Milestone", "title", "missing_field")
        self._check_milestone(repo, edit, None)
        now = self.now()
        repo.last_milestone += 1
        milestone = Milestone(repo, next(self._milestone_ids), repo.last_milestone, edit.title, by, now, now)
        milestone.description = None if edit.description is KEEP else edit.description or None
        milestone.due_on = floor_due(edit.due_on) if isinstance(edit.due_on, datetime) else None
        milestone.born = self.exactly()
        repo.milestones[milestone.number] = milestone
        self.nodes[milestone.node_id] = milestone
        self.emit(Event("milestone", "created", repo, by, milestone))
        if edit.state == "closed":
            milestone.state, milestone.closed_at = "closed", now
            self.emit(Event("milestone", "closed", repo, by, milestone))
        return milestone

    def edit_milestone(self, milestone: Milestone, edit: MilestoneEdit, by: str) -> Milestone:
        """Change what `edit` names. What changes nothing leaves `updated_at` and tells nobody."""
        self._check_milestone(milestone.repo, edit, milestone)
        changes: dict[str, dict[str, str]] = {}
        if edit.title is not KEEP and edit.title != milestone.title:
            changes["title"] = {"from": milestone.title}
            milestone.title = edit.title
        if edit.description is not KEEP and (edit.description or None) != milestone.description:
            changes["description"] = {"from": milestone.description or ""}
            milestone.description = edit.description or None
        if edit.due_on is not KEEP:
            due = floor_due(edit.due_on) if edit.due_on else None
            if due != milestone.due_on:
                changes["due_on"] = {"from": f"{milestone.due_on:%Y-%m-%dT%H:%M:%SZ}" if milestone.due_on else ""}
                milestone.due_on = due
        if changes:
            self.emit(Event("milestone", "edited", milestone.repo, by, milestone, changes=changes))
        turned = edit.state is not KEEP and edit.state != milestone.state
        if turned:
            closing = edit.state == "closed"
            milestone.state = "closed" if closing else "open"
            milestone.closed_at = self.now() if closing else None
            self.emit(Event("milestone", "closed" if closing else "opened", milestone.repo, by, milestone))
        if changes or turned:
            milestone.updated_at = self.now()
        return milestone

    def delete_milestone(self, milestone: Milestone, by: str) -> None:
        """Its issues lose it. Whether the real one bumps their `updated_at` is not known; the box does not, which is
        the harder case for a reader that lists by `since`.
        """
        repo = milestone.repo
        for issue in repo.issues.values():
            if issue.milestone is milestone:
                issue.place(None)
        del repo.milestones[milestone.number]
        del self.nodes[milestone.node_id]
        self.emit(Event("milestone", "deleted", repo, by, milestone))

    # Hooks

    def hook(self, repo: Repo, number: int) -> Hook:
        found = repo.hooks.get(number)
        if not found:
            raise not_found()
        return found

    def check_hook(self, repo: Repo, url: str, events: Sequence[str], own: Hook | None = None) -> None:
        """Raise GitHub's 422 for a hook with no http(s) address, with odd events, or that is there already."""
        if not re.match(r"https?://[^\s/]+", url):
            raise invalid("Hook", "url", "custom", message="url is not a valid URL")
        if not events or any(not re.fullmatch(r"[a-z_]+|\*", event) for event in events):
            raise invalid("Hook", "events", "invalid")
        for other in repo.hooks.values():
            if other is not own and other.url == url and set(other.events) & set(events):
                message = "Hook already exists on this repository"
                raise Refusal(422, "Validation Failed", [{"resource": "Hook", "code": "custom", "message": message}])

    def add_hook(self, repo: Repo, url: str, events: Sequence[str]) -> Hook:
        now = self.now()
        wanted = list(dict.fromkeys(events))
        hook = Hook(repo, next(self.other_ids), url, now, now, events=wanted, born=self.exactly())
        repo.hooks[hook.id] = hook
        return hook

    def next_issue_id(self) -> int:
        return next(self._issue_ids)
