"""`/` and `/programmes/…`: how programmes stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from app.access.needs import VIEWER
from app.core.defects import Aged, Tally, aged, tallies
from app.core.errors import MilepostError
from app.db import changes, targets, trees
from app.db.models import TargetRow
from app.sync import recent, reporting, status
from app.sync.documents import MilestoneStatus, ProgrammeStatus
from app.sync.status import Standing
from app.web.base import Doors, PageRoute, render

AT_ONCE: Final = 50
"""Programmes on one page."""
WHOLE: Final = 2000
"""Up to so many tasks and steps the programme's page shows them all; beyond, each milestone has a page of its own."""

SHOWN: Final = 20
"""Tasks and defects that a list names; how many more there are is said."""


class MilestoneUnknown(MilepostError):
    """The programme has no such milestone."""

    type = "milestone-unknown"
    status = 404


@dataclass(frozen=True, slots=True)
class Attention:
    """What a manager must look at, of a programme's milestones."""

    late: list[MilestoneStatus]
    blocked: list[MilestoneStatus]
    unknown: list[MilestoneStatus]
    stale: list[MilestoneStatus]

    @classmethod
    def of(cls, found: ProgrammeStatus) -> Attention:
        there = found.milestones
        late = [m for health in ("late", "at_risk") for m in there if m.health == health]
        return cls(
            late,
            [m for m in there if m.blocked_by and m.health != "done"],
            [m for m in there if m.health == "unknown" or m.percent is None],
            [m for m in there if m.stale],
        )


@dataclass(frozen=True, slots=True)
class Severity:
    """Defects of a severity; `allowed` is how many days one may stay open, None for any time."""

    name: str
    open: int
    closed: int
    overdue: int
    allowed: int | None


@dataclass(frozen=True, slots=True)
class Defects:
    """The defects of a programme or a milestone by severity, and those past their time, the longest first."""

    severities: list[Severity]
    late: list[Aged]

    @classmethod
    def of(cls, found: Standing, key: str | None = None) -> Defects | None:
        """Of the programme, or of one milestone; None where no profile names severities."""
        named = found.reading.severities
        if not named:
            return None
        there = [one for one in found.reading.defects if key is None or one.milestone == key]
        counted: dict[int, list[Tally]] = {level: [] for level in sorted(named)}
        for tally in tallies(there, found.today):
            counted.setdefault(tally.severity, []).append(tally)
        severities = [
            Severity(
                reporting.severity_name(level).capitalize(),
                sum(one.open for one in of_it),
                sum(one.closed for one in of_it),
                sum(one.overdue for one in of_it),
                named.get(level),
            )
            for level, of_it in sorted(counted.items())
        ]
        return cls(severities, [one for one in aged(there, found.today) if one.over])

    @property
    def any(self) -> bool:
        return any(one.open or one.closed for one in self.severities)


def size(milestone: MilestoneStatus) -> int:
    """How many lines a milestone takes on a page."""
    return sum(1 + len(task.steps) for task in milestone.tasks)


def _version(given: str) -> str:
    """The number of a version as the page after an import is told it; "" for anything else that an address may say."""
    return given if given.isascii() and given.isdecimal() and len(given) < 10 else ""


def routes(doors: Doors) -> APIRouter:
    router = APIRouter(route_class=PageRoute)
    ctx = doors.ctx

    @router.get("/", dependencies=[VIEWER])
    def home(request: Request) -> HTMLResponse:
        """Every programme, with how it stands."""
        after = request.query_params.get("after")
        with ctx.db.read() as session:
            slugs = [row.slug for row in trees.listed(session, AT_ONCE + 1, after)]
        found = [status.status(ctx, slug) for slug in slugs[:AT_ONCE]]
        more = slugs[AT_ONCE - 1] if len(slugs) > AT_ONCE else None
        return render(request, "home.html", programmes=found, more=more)

    @router.get("/programmes/{slug}", dependencies=[VIEWER])
    def programme(request: Request, slug: str) -> HTMLResponse:
        """One programme."""
        seen, rows = _seen(slug)
        standing = status.standing(ctx, slug)
        found = standing.document
        return render(
            request,
            "programme.html",
            p=found,
            attention=Attention.of(found),
            week=recent.recent(ctx, standing),
            defects=Defects.of(standing),
            targets=rows,
            seen=seen,
            whole=sum(map(size, found.milestones)) <= WHOLE,
            shown=SHOWN,
            imported=_version(request.query_params.get("imported", "")),
        )

    @router.get("/programmes/{slug}/milestones/{key}", dependencies=[VIEWER])
    def milestone(request: Request, slug: str, key: str) -> HTMLResponse:
        """One milestone, with all its tasks and steps."""
        seen, _ = _seen(slug)
        standing = status.standing(ctx, slug)
        found = standing.document
        one = next((m for m in found.milestones if m.key == key), None)
        if one is None:
            there = ", ".join(m.key for m in found.milestones)
            hint = f"there are: {there}" if there else ""
            raise MilestoneUnknown(f"the programme {slug!r} has no milestone {key!r}", hint)
        return render(
            request, "milestone.html", p=found, m=one, defects=Defects.of(standing, key), seen=seen, shown=SHOWN
        )

    def _seen(slug: str) -> tuple[str, list[TargetRow]]:
        """The token from before what is shown was read, so that no change goes unseen; and the programme's targets."""
        with ctx.db.read() as session:
            row = trees.get(session, slug)
            return changes.token(session, slug), list(targets.all_of(session, row.id))

    return router
