"""Targets of a programme: adding, checking, refreshing. Secrets are named, never taken or shown."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.api.access import ADMIN, OPERATOR, VIEWER
from app.api.reading import Cursor, Limit, Page, ReadRoute, after, cut
from app.api.service import Here, Words, target_of, undisturbed
from app.db import targets as rows
from app.db import trees
from app.sync import targets, webhook
from app.sync.targets import SHORTEST_INTERVAL, BadTarget, NewTarget

router = APIRouter(
    prefix="/programmes/{slug}/targets",
    tags=["targets"],
    route_class=ReadRoute,
)

Interval = Annotated[int, Field(ge=SHORTEST_INTERVAL, le=7 * 24 * 3600, description="Seconds between two reads.")]
ProfileName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class TargetDocument(BaseModel):
    """`repo` for GitHub, `project` (and `group`) for GitLab. `select` null: all that no other target has.

    `pause_reason` credentials: Milepost paused it by itself, because the tracker refused its credentials.
    """

    id: str
    name: str
    programme: str
    kind: str
    repo: str | None = None
    project: str | None = None
    group: str | None = None
    profile: str
    select: list[str] | None
    base_url: str
    webhook_path: str
    state: Literal["active", "paused"]
    pause_reason: Literal["credentials"] | None
    interval_seconds: int
    last_refresh: str | None
    last_error: str | None


class TargetWanted(BaseModel):
    """A target to add. `token_env` and `webhook_secret_env` are names of the service's environment variables.

    `profile` is a built-in one; your own, by path, are for the command line.
    """

    model_config = ConfigDict(extra="forbid")
    name: Words
    kind: Literal["github", "gitlab"]
    repo: Words | None = None
    project: Words | None = None
    group: Words | None = None
    base_url: Words | None = None
    profile: ProfileName | None = None
    select: list[Words] | None = None
    token_env: Words | None = None
    token_file: Words | None = None
    app_id: int | None = None
    app_key_file: Words | None = None
    installation_id: int | None = None
    webhook_secret_env: Words | None = None
    interval_seconds: Interval | None = None


class TargetChange(BaseModel):
    """What is left out stays as it is. A paused target is not read again until it is active."""

    model_config = ConfigDict(extra="forbid")
    state: Literal["active", "paused"] | None = None
    interval_seconds: Interval | None = None


class FindingDocument(BaseModel):
    what: str
    ok: bool
    detail: str
    mend: str


class CheckDocument(BaseModel):
    """What was looked at, whether it is right, and how to mend it."""

    target: str
    findings: list[FindingDocument]


class Queued(BaseModel):
    """`queued` is false when a refresh was waiting already: that one answers."""

    target: str
    queued: bool


@router.get("", response_model=Page[TargetDocument], response_model_exclude_unset=True, dependencies=[VIEWER])
def listed(slug: str, here: Here, limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
    """The programme's targets, by name."""
    seen = after(cursor)
    with here.ctx.db.read() as session:
        programme = trees.get(session, slug)
        there = sorted(rows.all_of(session, programme.id), key=lambda row: row.name)
        left = [row for row in there if seen is None or row.name > seen]
        page, following = cut(left, limit, lambda row: row.name)
        return {"items": [targets.as_json(session, row) for row in page], "next_cursor": following}


@router.post(
    "", status_code=201, response_model=TargetDocument, response_model_exclude_unset=True, dependencies=[ADMIN]
)
def add(slug: str, body: TargetWanted, here: Here, response: Response) -> dict[str, Any]:
    """Add a target. Nothing is asked of its tracker yet."""
    path, other = (body.repo, body.project) if body.kind == "github" else (body.project, body.repo)
    if path is None or other is not None:
        raise BadTarget("which repository or project?", "github takes `repo`, gitlab takes `project`")
    new = NewTarget(
        name=body.name,
        programme=slug,
        kind=body.kind,
        path=path,
        group=body.group or "",
        base_url=body.base_url,
        profile=body.profile,
        select=body.select,
        token_env=body.token_env,
        token_file=body.token_file,
        app_id=body.app_id,
        app_key_file=body.app_key_file,
        installation_id=body.installation_id,
        webhook_secret_env=body.webhook_secret_env or "",
        interval_seconds=body.interval_seconds or here.settings.refresh_interval,
    )
    made = targets.add(here.ctx, new)
    response.headers["Location"] = f"/api/v1/programmes/{slug}/targets/{body.name}"
    return made


@router.get("/{name}", response_model=TargetDocument, response_model_exclude_unset=True, dependencies=[VIEWER])
def show(slug: str, name: str, here: Here) -> dict[str, Any]:
    """One target."""
    with here.ctx.db.read() as session:
        return targets.as_json(session, target_of(session, slug, name))


@router.patch("/{name}", response_model=TargetDocument, response_model_exclude_unset=True, dependencies=[ADMIN])
def change(slug: str, name: str, body: TargetChange, here: Here) -> dict[str, Any]:
    """Pause a target or let it go on; set how often it is read."""
    with here.ctx.db.write() as session:
        row = target_of(session, slug, name)
        if body.state is not None:
            rows.set_state(row, body.state)
        row.interval_seconds = body.interval_seconds or row.interval_seconds
        session.add(row)
        return targets.as_json(session, row)


@router.delete("/{name}", status_code=204, dependencies=[ADMIN])
def remove(slug: str, name: str, here: Here) -> None:
    """Forget a target and its history. Its tracker is left as it is."""
    with here.ctx.db.read() as session:
        target_id = target_of(session, slug, name).id
    with undisturbed(here.ctx, [target_id]):
        targets.remove(here.ctx, name)


@router.post("/{name}/check", dependencies=[ADMIN])
def check(slug: str, name: str, here: Here) -> CheckDocument:
    """Ask the tracker: credentials, permissions, what it can hold, its webhook. Writes nothing there."""
    with here.ctx.db.read() as session:
        target_of(session, slug, name)
    found = webhook.check(here.ctx, name)
    return CheckDocument(
        target=name,
        findings=[FindingDocument(what=f.what, ok=f.ok, detail=f.detail, mend=f.mend) for f in found],
    )


@router.post("/{name}/refresh", status_code=202, dependencies=[OPERATOR])
def refresh(slug: str, name: str, here: Here) -> Queued:
    """Read the target again now, in the background."""
    with here.ctx.db.read() as session:
        row = target_of(session, slug, name)
    return Queued(target=name, queued=here.refresh(row.id))
