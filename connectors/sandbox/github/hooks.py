"""Webhooks: which hooks hear of an event, the payload and headers of a call, and the record of what became of it."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from connectors.sandbox.github.model import Delivery, Event, Hook, Issue, Label, Milestone
from connectors.sandbox.github.render import Json, Render
from connectors.sandbox.github.state import Store
from connectors.sandbox.kit import HookSender

NOT_TOLD = ("closed_by", "parent_issue_url")  # in the schemas of REST and of sub-issues' calls, not in these


def payload(event: Event, render: Render) -> Json:
    """The body of a call, before encoding, as GitHub's webhook schemas have it."""
    shown: Json = {"action": event.action}
    subject = event.subject
    if event.name == "sub_issues" and isinstance(subject, Issue) and event.other:
        shown |= _link("sub_issue", subject, "parent_issue", event.other, render)
        end = "parent_issue" if event.action.startswith("parent_issue") else "sub_issue"
        shown[f"{end}_repo"] = render.repo((event.other if end == "parent_issue" else subject).repo)
    elif event.name == "issue_dependencies" and isinstance(subject, Issue) and event.other:
        shown |= _link("blocked_issue", subject, "blocking_issue", event.other, render)
        blocked_by = event.action.startswith("blocked_by")
        far = event.other if blocked_by else subject
        shown["blocking_issue_repo" if blocked_by else "blocked_issue_repo"] = render.repo(far.repo)
    elif isinstance(subject, Issue):
        shown["issue"] = _told(subject, render)
        if event.other:
            then = "new" if event.action == "transferred" else "old"
            repo = render.repo(event.other.repo)
            shown["changes"] = {f"{then}_issue": _told(event.other, render), f"{then}_repository": repo}
    elif isinstance(subject, Milestone):
        shown["milestone"] = render.milestone(subject)
    elif isinstance(subject, Label):
        shown["label"] = render.label(subject)
    if event.changes is not None:
        shown["changes"] = dict(event.changes)
    if event.label:
        shown["label"] = render.label(event.label)
    if event.type:
        shown["type"] = render.type(event.type)
    if event.milestone:
        shown["milestone"] = render.milestone(event.milestone)
    if event.assignee:
        shown["assignee"] = render.user(event.assignee)
    if event.comment and isinstance(subject, Issue):
        shown["comment"] = render.comment(subject, event.comment)
    return shown | {
        "repository": render.repo(event.repo),
        "organization": render.organization(event.repo.owner),
        "sender": render.user(event.by),
    }


def _told(issue: Issue, render: Render) -> Json:
    return {name: value for name, value in render.issue(issue).items() if name not in NOT_TOLD}


def _link(near: str, one: Issue, far: str, other: Issue, render: Render) -> Json:
    return {
        f"{far}_id": other.id,
        far: render.issue(other),
        f"{near}_id": one.id,
        near: render.issue(one),
    }


@dataclass(slots=True)
class Hooks:
    """Sends what happened to whoever asked to hear of it. Use within a session of the store."""

    KEPT: ClassVar[timedelta] = timedelta(days=3)

    store: Store
    sender: HookSender

    def tell(self, events: Sequence[Event], origin: str) -> None:
        """Call every active hook that wants each event, in order."""
        render = Render(origin, origin)
        for event in events:
            wanting = [hook for hook in event.repo.hooks.values() if hook.active and {event.name, "*"} & {*hook.events}]
            if wanting:
                body = encode(payload(event, render))
                for hook in wanting:
                    self._send(hook, event.name, event.action, body)

    def ping(self, hook: Hook, by: str, render: Render) -> None:
        shown = {
            "zen": "Practicality beats purity.",
            "hook_id": hook.id,
            "hook": render.hook(hook),
            "repository": render.repo(hook.repo),
            "organization": render.organization(hook.repo.owner),
            "sender": render.user(by),
        }
        self._send(hook, "ping", None, encode(shown))

    def kept(self, hook: Hook) -> list[Delivery]:
        """Deliveries of the last three days, the newest first."""
        oldest = self.store.now() - self.KEPT
        hook.deliveries = [one for one in hook.deliveries if one.delivered_at >= oldest]
        return hook.deliveries[::-1]

    def again(self, hook: Hook, delivery: Delivery) -> None:
        """A new attempt with the same body and the same `X-GitHub-Delivery`."""
        body, headers = wire(hook, delivery.body, self._headers(hook, delivery.event, delivery.guid))
        attempt = replace(delivery, id=next(self.store.other_ids), redelivery=True, headers=headers)
        self._post(hook, attempt, body)

    def _send(self, hook: Hook, event: str, action: str | None, body: bytes) -> None:
        guid = str(uuid.uuid4())
        wired, headers = wire(hook, body, self._headers(hook, event, guid))
        delivery = Delivery(next(self.store.other_ids), guid, event, action, self.store.now(), body, headers)
        self._post(hook, delivery, wired)

    def _headers(self, hook: Hook, event: str, guid: str) -> dict[str, str]:
        return {
            "Accept": "*/*",
            "User-Agent": "GitHub-Hookshot/5a0d0c7",
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(hook.repo.id),
            "X-GitHub-Hook-Installation-Target-Type": "repository",
        }

    def _post(self, hook: Hook, delivery: Delivery, body: bytes) -> None:
        started = time.monotonic()

        def done(status: int) -> None:
            with self.store.session(""):
                delivery.status_code, delivery.duration = status, time.monotonic() - started
                delivery.delivered_at = self.store.now()
                hook.deliveries.append(delivery)

        self.sender.post(hook.url, body, delivery.headers, done, delivery.event)


def encode(shown: dict[str, Any]) -> bytes:
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()


def wire(hook: Hook, body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """The bytes that travel and their headers; the signature is over exactly these bytes."""
    if hook.content_type == "json":
        headers["Content-Type"] = "application/json"
    else:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode({"payload": body.decode()}).encode()
    if hook.secret:
        headers["X-Hub-Signature-256"] = f"sha256={hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()}"
        headers["X-Hub-Signature"] = f"sha1={hmac.new(hook.secret.encode(), body, hashlib.sha1).hexdigest()}"
    return body, headers
