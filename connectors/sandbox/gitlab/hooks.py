"""Webhooks: what is told to whom, how it is signed, and what became of it.

Rules from GitLab's "Webhooks" and "Webhook events" pages and `WebHookService`: `Issue Hook` carries issues
(`object_kind: issue`) and other work items (`work_item`); confidential ones go only to hooks that ask for them;
`Milestone Hook`, since 18.2, tells of create, close, reopen and delete, never of edits. A group's hooks (Premium) hear
of all below it too, and they alone of its epics.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from connectors.sandbox.gitlab import render
from connectors.sandbox.gitlab.records import Group, Hook, HookEvent, Issue, Label, Milestone, Owner, Project, Refused
from connectors.sandbox.gitlab.rules import Snapshot
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.kit import HookSender

FAILURES_TO_PAUSE, FAILURES_TO_STOP = 4, 40
CALLS_A_MINUTE = 5  # resends and tests, each


class Hooks:
    """Listens to a store and sends what hooks ask for."""

    def __init__(self, store: Store, sender: HookSender) -> None:
        self._store = store
        self._sender = sender
        self._all: dict[int, Hook] = {}
        self._events: list[HookEvent] = []
        self._answers: dict[int, int] = {}  # by event id: the HTTP status, 0 for no answer
        self._failing: dict[int, tuple[int, datetime]] = {}  # by hook id: failures in a row, the last call
        self._manual: list[tuple[str, datetime]] = []
        store.on_issue = self._issue_changed
        store.on_milestone = self._milestone_changed

    # Hooks themselves

    def of(self, owner: Owner) -> list[Hook]:
        with self._store.lock:
            return [h for h in self._all.values() if h.owner is owner]

    def get(self, owner: Owner, hook_id: int) -> Hook:
        found = self._all.get(hook_id)
        if not found or found.owner is not owner:
            raise Refused(404, {"message": "404 Not found"})
        return found

    def add(self, owner: Owner, url: str) -> Hook:
        with self._store.lock:
            made = Hook(self._store.new_id(), owner, url, str(uuid.uuid4()), self._store.clock.now())
            self._all[made.id] = made
            return made

    def remove(self, hook: Hook) -> None:
        with self._store.lock:
            del self._all[hook.id]

    def shown(self, hook: Hook) -> dict[str, Any]:
        status, until = self._health(hook)
        return render.hook(self._store, hook, status, until)

    # What was sent

    def status(self, event: HookEvent) -> str | None:
        """The answer's HTTP status, "internal error" when there was none, None while it is under way."""
        code = self._answers.get(event.id)
        return None if code is None else str(code or "internal error")

    def events(self, hook: Hook) -> list[HookEvent]:
        """Finished calls of the last seven days, the newest first."""
        oldest = self._store.clock.now() - timedelta(days=7)
        with self._store.lock:
            return [e for e in reversed(self._events) if e.hook is hook and e.created_at >= oldest and self.status(e)]

    def event(self, hook: Hook, event_id: int) -> HookEvent:
        found = next((e for e in self.events(hook) if e.id == event_id), None)
        if not found:
            raise Refused(404, {"message": "404 Not found"})
        return found

    def resend(self, event: HookEvent) -> str:
        """Send the same body under the same Idempotency-Key, wait for the answer, give its status."""
        self._spend(f"resend {event.hook.owner.id}")
        return self._wait(self._send(event.hook, event.trigger, event.body, event.key, event.headers["X-Gitlab-Event"]))

    def test(self, hook: Hook, switch: str) -> str:
        """A call with an example made of the place's newest object; gives the answer's status. Refused: 422."""
        self._spend(f"test {hook.owner.id}")
        with self._store.lock:
            if switch == "milestone_events":
                milestones = self._store.milestones_of(hook.owner)
                if not milestones:
                    raise Refused(422, {"message": "Ensure the project has milestones."})
                event = self._send(hook, "milestone_hooks", self._milestone_body(milestones[-1], "create"))
            elif switch in ("issues_events", "confidential_issues_events"):
                issues = self._store.issues_of(hook.owner, below=True)
                if not issues:
                    raise Refused(422, {"message": "Ensure the project has issues."})
                trigger = "issue_hooks" if switch == "issues_events" else "confidential_issue_hooks"
                event = self._send(hook, trigger, self._issue_body(issues[-1], None, {}, {}))
            else:
                body = {"object_kind": "push", "event_name": "push", **self._place(hook.owner), "commits": []}
                event = self._send(hook, "push_hooks", json.dumps(body).encode())
        return self._wait(event)

    def _spend(self, name: str) -> None:
        now = self._store.clock.now()
        with self._store.lock:
            self._manual = [(n, at) for n, at in self._manual if now - at < timedelta(minutes=1)]
            if sum(n == name for n, _ in self._manual) >= CALLS_A_MINUTE:
                message = "This endpoint has been requested too many times. Try again later."
                raise Refused(429, {"message": {"error": message}})
            self._manual.append((name, now))

    def _wait(self, event: HookEvent) -> str:
        deadline = time.monotonic() + 12
        while not (status := self.status(event)):
            if time.monotonic() > deadline:
                return "internal error"
            time.sleep(0.005)
        return status

    def _health(self, hook: Hook) -> tuple[str, datetime | None]:
        """Four failures in a row pause a hook for a minute, doubling up to a day; forty stop it for good."""
        failures, last = self._failing.get(hook.id, (0, hook.created_at))
        if failures >= FAILURES_TO_STOP:
            return "disabled", None
        if failures >= FAILURES_TO_PAUSE:
            pause = min(timedelta(minutes=2 ** (failures - FAILURES_TO_PAUSE)), timedelta(days=1))
            until = last + pause
            if until > self._store.clock.now():
                return "temporarily_disabled", until
        return "executable", None

    # Sending

    def _issue_changed(self, issue: Issue, action: str, before: Snapshot, after: Snapshot) -> None:
        trigger, switch = "issue_hooks", "issues_events"
        if issue.confidential:
            trigger, switch = "confidential_issue_hooks", "confidential_issues_events"
        self._tell(issue.owner, switch, trigger, lambda: self._issue_body(issue, action, before, after))

    def _milestone_changed(self, milestone: Milestone, action: str) -> None:
        if self._store.since(18, 2):
            body = partial(self._milestone_body, milestone, action)
            self._tell(milestone.owner, "milestone_events", "milestone_hooks", body)

    def _tell(self, owner: Owner, switch: str, trigger: str, body: Callable[[], bytes]) -> None:
        above: list[Owner] = [*(owner.group if isinstance(owner, Project) else owner).ancestors]
        hearing = [*([owner] if isinstance(owner, Project) else []), *(above if self._store.premium else [])]
        for hook in [hook for place in hearing for hook in self.of(place)]:
            if hook.switches.get(switch) and self._health(hook)[0] == "executable":
                self._send(hook, trigger, body())

    def _send(
        self, hook: Hook, trigger: str, body: bytes, key: str | None = None, name: str | None = None
    ) -> HookEvent:
        store = self._store
        key = key or str(uuid.uuid4())
        now = store.clock.now()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "GitLab/19.0.0-sandbox",
            "Idempotency-Key": key,
            "X-Gitlab-Event": name or trigger.removesuffix("s").replace("_", " ").title(),
            "X-Gitlab-Webhook-UUID": hook.uuid,
            "X-Gitlab-Instance": store.origin,
            "X-Gitlab-Event-UUID": str(uuid.uuid4()),
        }
        secret = {"X-Gitlab-Token": hook.token} if hook.token else {}
        if hook.signing_token:
            stamp = str(int(now.timestamp()))
            signed = f"{key}.{stamp}.".encode() + body
            digest = base64.b64encode(hmac.digest(signing_key(hook.signing_token), signed, hashlib.sha256)).decode()
            headers |= {"webhook-id": key, "webhook-timestamp": stamp, "webhook-signature": f"v1,{digest}"}
        with store.lock:
            masked = dict.fromkeys(secret, "[REDACTED]")
            event = HookEvent(store.new_id(), hook, trigger, body, key, headers | masked, now)
            self._events.append(event)
            done = partial(self._answered, event)
            self._sender.post(hook.url, body, headers | secret, done, headers["X-Gitlab-Event"])
        return event

    def _answered(self, event: HookEvent, status: int) -> None:
        with self._store.lock:
            if 200 <= status < 400:
                self._failing.pop(event.hook.id, None)
            elif self._health(event.hook)[0] == "executable":  # what fails while it is off counts no more
                failures = self._failing.get(event.hook.id, (0, None))[0] + 1
                self._failing[event.hook.id] = (failures, self._store.clock.now())
            self._answers[event.id] = status

    # Bodies

    def _issue_body(self, issue: Issue, action: str | None, before: Snapshot, after: Snapshot) -> bytes:
        store = self._store
        kind = "issue" if issue.type == "Issue" else "work_item"
        labels = [_label(x) for x in issue.labels]
        people = [self._user()] if issue.assigned else []
        attributes = {
            "id": issue.id,
            "iid": issue.iid,
            "title": issue.title,
            "description": issue.description,
            "project_id": issue.owner.id if isinstance(issue.owner, Project) else None,
            "author_id": 1,
            "assignee_id": 1 if issue.assigned else None,
            "assignee_ids": [1] if issue.assigned else [],
            "created_at": _stamp(issue.created_at),
            "updated_at": _stamp(issue.updated_at),
            "closed_at": _stamp(issue.closed_at),
            "last_edited_at": _stamp(issue.edited_at),
            "last_edited_by_id": 1 if issue.edited_at else None,
            "updated_by_id": 1 if issue.version else None,
            "milestone_id": issue.milestone.id if issue.milestone else None,
            "state_id": 1 if issue.state == "opened" else 2,
            "state": issue.state,
            "confidential": issue.confidential,
            "discussion_locked": issue.locked or None,
            "due_date": render.day(issue.due_date),
            "moved_to_id": issue.moved_to.id if issue.moved_to else None,
            "duplicated_to_id": issue.duplicate_of.id if issue.duplicate_of else None,
            "relative_position": None,
            "time_estimate": 0,
            "total_time_spent": 0,
            "time_change": 0,
            "human_total_time_spent": None,
            "human_time_estimate": None,
            "human_time_change": None,
            "weight": issue.weight,
            "health_status": None,
            "type": issue.type,
            "severity": "unknown",
            "url": render.issue_url(store, issue),
            "labels": labels,
        }
        if action:
            attributes["action"] = action
        body: dict[str, Any] = {
            "object_kind": kind,
            "event_type": f"confidential_{kind}" if issue.confidential else kind,
            "user": {**self._user(), "id": 1},
            **self._place(issue.owner),
            "object_attributes": attributes,
            "labels": labels,
            "changes": _changes(before, after),
            "assignees": people,
        }
        if people:
            body["assignee"] = people[0]
        return json.dumps(body).encode()

    def _milestone_body(self, milestone: Milestone, action: str) -> bytes:
        body = {
            "object_kind": "milestone",
            "event_type": "milestone",
            "project": self._place(milestone.owner)["project"],  # no repository (`Gitlab::DataBuilder::Milestone`)
            "object_attributes": {
                "id": milestone.id,
                "iid": milestone.iid,
                "title": milestone.title,
                "description": milestone.description,
                "state": milestone.state,
                "created_at": _stamp(milestone.created_at),
                "updated_at": _stamp(milestone.updated_at),
                "due_date": render.day(milestone.due_date),
                "start_date": render.day(milestone.start_date),
                "group_id" if isinstance(milestone.owner, Group) else "project_id": milestone.owner.id,
            },
            "action": action,
        }
        return json.dumps(body).encode()

    def _user(self) -> dict[str, Any]:
        return {"name": "Administrator", "username": "root", "avatar_url": None, "email": "[REDACTED]"}

    def _place(self, project: Owner) -> dict[str, Any]:
        """A group's things have no project (`Gitlab::DataBuilder::Issuable`)."""
        if isinstance(project, Group):
            return {"project": None, "repository": None}
        shown = {
            "id": project.id,
            "name": project.path.rpartition("/")[2],
            "description": None,
            "web_url": f"{self._store.origin}/{project.path}",
            "avatar_url": None,
            "namespace": project.path.rpartition("/")[0],
            "visibility_level": 0,
            "path_with_namespace": project.path,
            "default_branch": "main",
            "ci_config_path": None,
            "homepage": f"{self._store.origin}/{project.path}",
        }
        repository = {key: shown[key] for key in ("name", "description", "homepage")}
        return {"project": shown, "repository": {**repository, "url": f"{self._store.origin}/{project.path}.git"}}


def signing_key(token: str) -> bytes:
    """The key in a `whsec_` token (Standard Webhooks). Refused: 400."""
    try:
        key = base64.b64decode(token.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key or not token.startswith("whsec_"):
        raise Refused(400, {"message": {"signing_token": ["is invalid"]}})
    return key


def _stamp(value: datetime | None) -> str | None:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


def _label(label: Label) -> dict[str, Any]:
    return {
        "id": label.id,
        "title": label.name,
        "color": label.color,
        "project_id": label.owner.id if isinstance(label.owner, Project) else None,
        "created_at": _stamp(label.created_at),
        "updated_at": _stamp(label.created_at),
        "template": False,
        "description": label.description,
        "type": "ProjectLabel" if isinstance(label.owner, Project) else "GroupLabel",
        "group_id": label.owner.id if isinstance(label.owner, Group) else None,
    }


def _changes(before: Snapshot, after: Snapshot) -> dict[str, Any]:
    """{name: {"previous", "current"}} of what differs, in webhook words."""
    changes = {}
    for name, current in after.items():
        previous = before.get(name)
        if previous == current:
            continue
        pair = {"previous": _plain(previous), "current": _plain(current)}
        if name == "state":
            numbers = {None: None, "opened": 1, "closed": 2}
            name, pair = "state_id", {key: numbers[value] for key, value in pair.items()}  # noqa: PLW2901
        changes[name] = pair
    return changes


def _plain(value: object) -> Any:
    if isinstance(value, tuple):
        return [_label(x) for x in value]
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S UTC")
    return value if value is None or isinstance(value, str | int | bool) else str(value)
