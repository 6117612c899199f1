"""Adding, showing and removing targets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlmodel import Session

from app.core.errors import MilepostError
from app.db import targets, trees
from app.db.models import TargetRow
from app.sync.context import Context, new_id
from connectors import registry
from mappings import profile

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SHORTEST_INTERVAL = 5


class BadTarget(MilepostError):
    """A target that can't be: which option, and how to mend it."""

    type = "bad-target"
    status = 422


class TargetExists(MilepostError):
    """The name, or a node of the selection, is taken."""

    type = "target-exists"
    status = 409


@dataclass(frozen=True, slots=True)
class NewTarget:
    """What a target is made from. Secrets are named by variable or file. `select` None: all that no other has."""

    name: str
    programme: str
    kind: str
    path: str
    group: str = ""
    base_url: str | None = None
    profile: str | None = None
    select: Sequence[str] | None = None
    token_env: str | None = None
    token_file: str | None = None
    app_id: int | None = None
    app_key_file: str | None = None
    installation_id: int | None = None
    webhook_secret_env: str = ""
    interval_seconds: int = 300


def add(ctx: Context, new: NewTarget) -> dict[str, Any]:
    """Store a target; asks the tracker nothing. Gives INTERFACE's `target` document.

    Raises BadTarget, TargetExists, ProgrammeUnknown, KindUnknown, BadProfile, AddressRefused.
    """
    kind = registry.kind(new.kind)
    if not NAME.fullmatch(new.name):
        raise BadTarget(f"{new.name!r} can't name a target", "use letters, digits, dots, hyphens; 64 at most")
    mapping_name = new.profile or kind.profiles[0]
    mapping = profile.load(mapping_name)
    if mapping.kind != kind.name:
        raise BadTarget(f"the profile {mapping_name} is for {mapping.kind}", f"use one of {', '.join(kind.profiles)}")
    base_url = _base_url(new.base_url or kind.default_base_url)
    ctx.reach.check(urlsplit(base_url).hostname or "")
    row = TargetRow(
        id=new_id(),
        programme_id=0,
        name=new.name,
        kind=kind.name,
        path=_path(kind.name, new.path),
        group_path=new.group,
        base_url=base_url,
        profile=mapping_name,
        webhook_secret_env=variable(new.webhook_secret_env, "--webhook-secret-env"),
        interval_seconds=_interval(new.interval_seconds),
        created_at=ctx.now(),
        **_credentials(new, kind.name),
    )
    with ctx.db.write() as session:
        programme = trees.get(session, new.programme)
        row.programme_id = programme.id or 0
        row.nodes = _nodes(session, new, row.programme_id)
        targets.add(session, row)
        return as_json(session, row)


def _path(kind: str, path: str) -> str:
    parts = path.strip().strip("/").split("/")
    right = len(parts) == 2 if kind == "github" else len(parts) >= 2
    if not right or any(not part or part != part.strip() for part in parts):
        wanted = "--repo OWNER/NAME" if kind == "github" else "--project GROUP/NAME"
        raise BadTarget(f"{path!r} is not a {'repository' if kind == 'github' else 'project'}", f"give {wanted}")
    return "/".join(parts)


def _base_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        bad = parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment
        secret = "@" in parts.netloc
        _ = parts.port
    except ValueError:
        bad, secret = True, False
    if secret:
        raise BadTarget("the base URL holds a user name or password", "leave it out; name a token by --token-env")
    if bad:
        raise BadTarget(f"{url!r} is not a base URL", "give https://HOST, or https://HOST/api/v3 for GitHub Enterprise")
    return url.rstrip("/")


def variable(name: str, option: str) -> str:
    """The name of an environment variable, "" for none. Raises BadTarget for what looks like the secret itself."""
    if name and not VARIABLE.fullmatch(name):
        raise BadTarget(f"{option} takes the name of an environment variable, not a secret", f"{option} GITHUB_TOKEN")
    return name


def _interval(seconds: int) -> int:
    if seconds < SHORTEST_INTERVAL:
        raise BadTarget(f"an interval of {seconds} s is too short", f"{SHORTEST_INTERVAL} s at least")
    return seconds


def _credentials(new: NewTarget, kind: str) -> dict[str, Any]:
    app = (new.app_id, new.app_key_file, new.installation_id)
    ways = [new.token_env is not None, new.token_file is not None, any(value is not None for value in app)]
    if sum(ways) > 1:
        raise BadTarget("several kinds of credentials are named", "give one of --token-env, --token-file, --app-id …")
    if ways[2]:
        if kind != "github" or any(value is None for value in app):
            raise BadTarget(
                "a GitHub App needs --app-id, --app-key-file and --installation-id, all three, with --kind github"
            )
        return {"app_id": new.app_id, "app_key_file": new.app_key_file, "installation_id": new.installation_id}
    if new.token_file is not None:
        return {"token_file": new.token_file}
    return {"token_env": variable(new.token_env or f"{kind.upper()}_TOKEN", "--token-env")}


def _nodes(session: Session, new: NewTarget, programme_id: int) -> list[int] | None:
    """The ids of the milestones selected. Raises BadTarget for unknown keys, TargetExists for a node or name taken."""
    others = targets.all_of(session)
    if any(row.name == new.name for row in others):
        raise TargetExists(f"there is a target {new.name!r} already", f"milepost target show {new.name}")
    others = [row for row in others if row.programme_id == programme_id]
    if new.select is None:
        rest = [row.name for row in others if row.nodes is None]
        if rest:
            raise TargetExists(f"target {rest[0]!r} already takes all that no other has", "give --select KEY,KEY…")
        return None
    tree = trees.load(session, new.programme)
    keys = list(dict.fromkeys(key.strip() for key in new.select if key.strip()))
    there = tree.milestone_keys()
    unknown = [key for key in keys if key not in there]
    if unknown or not keys:
        what = f"{', '.join(unknown)} is no milestone of {new.programme!r}" if unknown else "--select names nothing"
        raise BadTarget(what, f"there are: {', '.join(there)}")
    nodes = [tree.ids[key] for key in keys]
    for row in others:
        taken = [key for key in keys if tree.ids[key] in (row.nodes or [])]
        if taken:
            raise TargetExists(f"{', '.join(taken)} goes to target {row.name!r} already", "two can't select one node")
    return nodes


def webhook_path(row: TargetRow) -> str:
    """Where the tracker's webhook calls of this target come in, under the service's address."""
    return f"/webhooks/{row.kind}/{row.id}"


def as_json(session: Session, row: TargetRow) -> dict[str, Any]:
    """INTERFACE's `target` document. No secret, and no name of one's file contents, is in it."""
    return {
        "id": row.id,
        "name": row.name,
        "programme": targets.slug_of(session, row),
        "kind": row.kind,
        "repo" if row.kind == "github" else "project": row.path,
        **({"group": row.group_path} if row.group_path else {}),
        "profile": row.profile,
        "select": targets.keys_of(session, row),
        "base_url": row.base_url,
        "webhook_path": webhook_path(row),
        "state": row.state,
        "pause_reason": row.pause_reason or None,
        "interval_seconds": row.interval_seconds,
        "last_refresh": row.last_refresh.isoformat().replace("+00:00", "Z") if row.last_refresh else None,
        "last_error": row.last_error or None,
    }


def show(ctx: Context, name: str) -> dict[str, Any]:
    """Raises TargetUnknown."""
    with ctx.db.read() as session:
        return as_json(session, targets.get(session, name))


def listed(ctx: Context, slug: str | None = None) -> list[dict[str, Any]]:
    """Every target, of one programme if `slug` is given."""
    with ctx.db.read() as session:
        programme_id = trees.get(session, slug).id if slug else None
        return [as_json(session, row) for row in targets.all_of(session, programme_id)]


def set_state(ctx: Context, name: str, state: Literal["active", "paused"]) -> dict[str, Any]:
    """Pause a target, which is then not read by itself, or let it go on. Gives what it is. Raises TargetUnknown."""
    with ctx.db.write() as session:
        row = targets.get(session, name)
        targets.set_state(row, state)
        session.add(row)
        return as_json(session, row)


def remove(ctx: Context, name: str) -> dict[str, Any]:
    """Forget a target here; nothing in its tracker is touched. Gives what it was. Raises TargetUnknown."""
    with ctx.db.write() as session:
        row = targets.get(session, name)
        gone = as_json(session, row)
        targets.remove(session, row)
    return gone
