"""Programmes: importing and exporting their roadmaps, their trees, and how they stand."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, model_validator
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from app.api.access import ADMIN, OPERATOR, VIEWER
from app.api.reading import Cursor, Limit, Page, ReadRoute, after, cut, read_at
from app.api.service import Here, Words, undisturbed
from app.core.errors import MilepostError
from app.core.tree import Milestone, Step, Task
from app.db import targets, trees
from app.db.models import ProgrammeRow
from app.sync import past, roadmap, status, zones
from app.sync.documents import MilestoneStatus, ProgrammeStatus, Utc, WindowStatus
from app.sync.past import PastStatus

MARKDOWN = {"text/markdown": {"schema": {"type": "string"}}}

router = APIRouter(prefix="/programmes", tags=["programmes"], route_class=ReadRoute)


class MilestoneUnknown(MilepostError):
    """The programme has no such milestone."""

    type = "milestone-unknown"
    status = 404


def _written_out(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise ValueError("give a date as YYYY-MM-DD")
    return value


Day = Annotated[date, BeforeValidator(_written_out)]


class LineWarning(BaseModel):
    """A line that was left aside, or could not be dated or resolved. `line` counts from 1."""

    line: int
    message: str


class Imported(BaseModel):
    """What an import found and what it changed, by node key."""

    programme: str
    version: int
    milestones: int
    tasks: int
    steps: int
    dry_run: bool
    added: list[str]
    removed: list[str]
    renamed: list[str]
    moved: list[str]
    reworded: list[str]
    warnings: list[LineWarning]


class ProgrammeDocument(BaseModel):
    """`start` is the first day of week 0; `version` the last roadmap imported; times are UTC. `time_zone`, an
    IANA name, says where its days begin and end.
    """

    programme: str
    title: str
    start: date
    time_zone: str
    version: int
    created_at: Utc
    updated_at: Utc


class ProgrammeChange(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")
    title: Words | None = None
    time_zone: Annotated[str, StringConstraints(max_length=64)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> ProgrammeChange:
        if self.title is None and self.time_zone is None:
            raise ValueError("give title or time_zone")
        return self


class StepNode(BaseModel):
    """`done` is what the roadmap says. `line` is the document's, 0 if none."""

    key: str
    kind: Literal["step"] = "step"
    title: str
    done: bool
    detail: str
    line: int


class TaskNode(BaseModel):
    key: str
    kind: Literal["task"] = "task"
    title: str
    description: str
    declared_percent: float | None
    completed: bool
    completed_on: date | None
    depends_on: list[str]
    line: int
    steps: list[StepNode]


class MilestoneNode(BaseModel):
    key: str
    kind: Literal["milestone"] = "milestone"
    title: str
    objective: str
    window: WindowStatus | None
    declared_percent: float | None
    completed: bool
    completed_on: date | None
    depends_on: list[str]
    prerequisites: list[str]
    owner: str
    line: int
    tasks: list[TaskNode]


class TreeDocument(BaseModel):
    """The tree as the roadmap declares it; what was measured is in the status."""

    programme: str
    title: str
    start: date
    version: int
    milestones: list[MilestoneNode]


@router.post(
    "/{slug}/import",
    response_model=Imported,
    openapi_extra={"requestBody": {"content": MARKDOWN, "required": True}},
    dependencies=[OPERATOR],
)
async def import_roadmap(
    slug: str,
    request: Request,
    here: Here,
    start: Annotated[Day | None, Query(description="The first day of week 0; later versions may leave it out.")] = None,
    dry_run: Annotated[bool, Query(description="Store nothing.")] = False,
    title: Annotated[Words | None, Query(description="The programme's title; otherwise the document's.")] = None,
    time_zone: Annotated[str | None, Query(max_length=64, description="Where its days end, as Europe/Berlin.")] = None,
) -> dict[str, object]:
    """Read a roadmap, or a new version of one, into the tree: all of it or nothing."""
    source = await request.body()

    def read() -> roadmap.Imported:
        return roadmap.import_roadmap(
            here.ctx.db,
            source,
            slug,
            start=start,
            title=title,
            time_zone=time_zone,
            dry_run=dry_run,
            max_bytes=here.settings.import_max_bytes,
            now=here.ctx.now(),
        )

    return (await run_in_threadpool(read)).as_json()


@router.get("", dependencies=[VIEWER])
def listed(here: Here, limit: Limit = 50, cursor: Cursor = None) -> Page[ProgrammeDocument]:
    """Programmes, by slug."""
    with here.ctx.db.read() as session:
        rows, following = cut(trees.listed(session, limit + 1, after(cursor)), limit, lambda row: row.slug)
        return Page(items=[_document(session, row) for row in rows], next_cursor=following)


@router.get("/{slug}", dependencies=[VIEWER])
def show(slug: str, here: Here) -> ProgrammeDocument:
    """One programme."""
    with here.ctx.db.read() as session:
        return _document(session, trees.get(session, slug))


def _document(session: Session, row: ProgrammeRow) -> ProgrammeDocument:
    return ProgrammeDocument(
        programme=row.slug,
        title=row.title,
        start=row.start,
        time_zone=row.time_zone,
        version=trees.version_number(session, row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


@router.patch("/{slug}", dependencies=[ADMIN])
def change(slug: str, body: ProgrammeChange, here: Here) -> ProgrammeDocument:
    """Change a programme's title or time zone. The next import that brings another title brings its own.

    Points of history that are there stay as they are; days from now on are days of the new zone.
    """
    with here.ctx.db.write() as session:
        row = trees.get(session, slug)
        if body.title is not None:
            row.title = body.title
        if body.time_zone is not None:
            row.time_zone = zones.zone_named(body.time_zone)
        session.add(row)
        session.flush()
        return _document(session, row)


@router.delete("/{slug}", status_code=204, dependencies=[ADMIN])
def remove(slug: str, here: Here) -> None:
    """Forget a programme with its versions, targets and history. Its trackers are left as they are."""
    with here.ctx.db.read() as session:
        row = trees.get(session, slug)
        held = [target.id for target in targets.all_of(session, row.id)]
    with undisturbed(here.ctx, held), here.ctx.db.write() as session:
        trees.remove(session, trees.get(session, slug))


@router.get("/{slug}/tree", dependencies=[VIEWER])
def tree(slug: str, here: Here) -> TreeDocument:
    """The milestones, tasks and steps as the roadmap declares them."""
    with here.ctx.db.read() as session:
        row = trees.get(session, slug)
        version = trees.version_number(session, row)
        found = trees.load(session, slug).programme
    return TreeDocument(
        programme=slug,
        title=found.title,
        start=found.start,
        version=version,
        milestones=[_milestone(node) for node in found.milestones],
    )


def _milestone(node: Milestone) -> MilestoneNode:
    window = node.window
    return MilestoneNode(
        key=node.key,
        title=node.title,
        objective=node.objective,
        window=WindowStatus(start=window.start, end=window.end, text=window.text) if window else None,
        declared_percent=node.declared_percent,
        completed=node.completed,
        completed_on=node.completed_on,
        depends_on=list(node.depends_on),
        prerequisites=list(node.prerequisites),
        owner=node.owner,
        line=node.line,
        tasks=[_task(task) for task in node.tasks],
    )


def _task(node: Task) -> TaskNode:
    return TaskNode(
        key=node.key,
        title=node.title,
        description=node.description,
        declared_percent=node.declared_percent,
        completed=node.completed,
        completed_on=node.completed_on,
        depends_on=list(node.depends_on),
        line=node.line,
        steps=[_step(step) for step in node.steps],
    )


def _step(node: Step) -> StepNode:
    return StepNode(key=node.key, title=node.title, done=node.done, detail=node.detail, line=node.line)


@router.get("/{slug}/status", response_model=ProgrammeStatus | PastStatus, dependencies=[VIEWER])
def show_status(
    slug: str,
    here: Here,
    at: Annotated[Day | None, Query(description="How it stood at the end of this day; now without.")] = None,
) -> Response | PastStatus:
    """How the programme stands: the tree with percentages, counts and health, and where each figure comes from.

    Of a day that is over: percentages, counts and health of milestones and tasks, from the history that is kept. The
    ETag is another one when anything but `as_of` is; how fresh the figures are is also in the header `Milepost-As-Of`,
    of a 304 too.
    """
    if at is not None:
        return past.status_at(here.ctx, slug, at)
    found = status.answer(here.ctx, slug)
    return Response(found.body, media_type="application/json", headers=read_at(found.tag, found.as_of))


@router.get("/{slug}/milestones/{key}", dependencies=[VIEWER])
def milestone(slug: str, key: str, here: Here, response: Response) -> MilestoneStatus:
    """How one milestone stands. ETag and `Milepost-As-Of` as with the status."""
    found = status.status(here.ctx, slug).milestones
    for each in found:
        if each.key == key:
            response.headers.update(read_at(status.tag_of(each), each.as_of))
            return each
    there = ", ".join(each.key for each in found)
    raise MilestoneUnknown(f"the programme {slug!r} has no milestone {key!r}", f"there are: {there}" if there else "")


@router.get(
    "/{slug}/roadmap.md",
    response_class=Response,
    responses={200: {"content": MARKDOWN, "description": "The roadmap"}},
    dependencies=[VIEWER],
)
def export(slug: str, here: Here) -> Response:
    """The roadmap as imported, with only its figures and completion notes brought up to date."""
    document = roadmap.export_roadmap(here.ctx.db, slug, status.exported(here.ctx, slug))
    return Response(document, media_type="text/markdown; charset=utf-8")
