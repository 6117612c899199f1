"""A target's checks and its webhook: what `target check` finds, what `target hook` sets up in the tracker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from app.core.errors import MilepostError
from app.db import targets
from app.db.models import TargetRow
from app.sync.context import Context, webhook_secret
from app.sync.reconcile import opened
from app.sync.targets import BadTarget, variable, webhook_path
from connectors.base import Connector, Finding, Hook, NotFound, TrackerError

LOOKED_BACK = timedelta(days=1)
"""How far back `check` looks for deliveries that did not arrive: trackers keep them three days at least."""


class WebhookSecretMissing(MilepostError):
    """The target names no webhook secret, or the variable that it names is not set."""

    type = "webhook-secret-missing"
    status = 409


@dataclass(frozen=True, slots=True)
class Hooked:
    """A target's webhook as it now stands in its tracker."""

    target: str
    hook: Hook

    def as_json(self) -> dict[str, Any]:
        return {
            "target": self.target,
            "hook": self.hook.id,
            "url": self.hook.url,
            "events": list(self.hook.events),
            "done": self.hook.done,
        }


def check(ctx: Context, name: str) -> list[Finding]:
    """Ask the tracker what it lets us do, what it can hold, and whether its webhook calls arrive. Writes nothing there.

    A target that was paused because its credentials were refused goes on when they are good again. Raises
    TargetUnknown, CredentialsMissing.
    """
    with ctx.db.read() as session:
        target = targets.get(session, name)
    with opened(ctx, target) as connector:
        found = [*connector.check(), _webhook(ctx, target, connector)]
    if target.pause_reason and all(finding.ok for finding in found[:-1]):
        with ctx.db.write() as session:
            row = targets.by_id(session, target.id)
            targets.set_state(row, "active")
            session.add(row)
        found.append(Finding("schedule", True, "it was paused for its credentials, and is read again"))
    return found


def _webhook(ctx: Context, target: TargetRow, connector: Connector) -> Finding:
    mend = f"milepost target hook {target.name} --url https://YOUR-MILEPOST"
    if not target.hook_id:
        detail = f"not set up by Milepost: progress follows every {target.interval_seconds} s"
        return Finding("webhook calls", True, detail, mend)
    if webhook_secret(target) is None:
        detail = f"its secret is not there: {target.webhook_secret_env} is not set, so every call is refused"
        return Finding("webhook calls", False, detail, f"export {target.webhook_secret_env}=…")
    try:
        missed = list(connector.missed_deliveries(target.hook_id, ctx.now() - LOOKED_BACK))
    except NotFound:
        return Finding("webhook calls", False, "it is not in the tracker any more", mend)
    except TrackerError as error:
        return Finding("webhook calls", False, f"its deliveries can't be asked for: {error.message}", error.hint)
    if missed:
        detail = f"{len(missed)} of its calls in the last day did not arrive; refreshes have made up for them"
        return Finding("webhook calls", False, detail, "see that the tracker can reach its address")
    return Finding("webhook calls", True, "every call of the last day arrived")


def hook(ctx: Context, name: str, url: str, *, secret_env: str | None = None) -> Hooked:
    """Make or mend the target's webhook in its tracker, to call `url`, the public address of this service.

    `secret_env` is kept as the name of the variable that holds the secret. Raises BadTarget for an address that is
    none, WebhookSecretMissing, and what the connector raises.
    """
    with ctx.db.read() as session:
        target = targets.get(session, name)
    target.webhook_secret_env = variable(secret_env or target.webhook_secret_env, "--webhook-secret-env")
    secret = webhook_secret(target)
    if secret is None:
        where = target.webhook_secret_env
        raise WebhookSecretMissing(
            f"the variable {where} is not set" if where else f"target {name!r} names no webhook secret",
            f"export {where or 'HOOK_SECRET'}=… and give --webhook-secret-env {where or 'HOOK_SECRET'}",
        )
    address = _address(url, target)
    with opened(ctx, target) as connector:
        made = connector.hook(address, secret)
    with ctx.db.write() as session:
        row = targets.by_id(session, target.id)
        row.hook_id, row.webhook_secret_env = made.id, target.webhook_secret_env
        session.add(row)
    return Hooked(name, made)


def _address(url: str, target: TargetRow) -> str:
    """The webhook's whole address: the service's with the target's path, unless it ends so already."""
    hint = "give the address that the tracker reaches this service by: --url https://milepost.example.com"
    try:
        parts = urlsplit(url.strip())
        bad = parts.scheme not in ("http", "https") or not parts.hostname or bool(parts.query or parts.fragment)
        _ = parts.port
    except ValueError:
        bad, parts = True, urlsplit("")
    if "@" in parts.netloc:
        raise BadTarget("the address holds a user name or password", hint)
    if bad:
        raise BadTarget(f"{url!r} is not an address", hint)
    path = webhook_path(target)
    base = url.strip().rstrip("/")
    return base if base.endswith(path) else base + path
