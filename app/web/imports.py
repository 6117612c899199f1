"""`/import` and `/programmes/{slug}/import`: a roadmap, or a new version of one, comes in by hand.

First it is only read, and shown what it would change; a second form, which carries the document along byte for byte,
stores it.
"""

from __future__ import annotations

import base64
import binascii
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from app.access.needs import OPERATOR
from app.core.errors import MilepostError
from app.db import trees
from app.sync import roadmap
from app.sync.roadmap import Imported, StartNeeded
from app.web.base import BadForm, Doors, PageRoute, Sent, Upload, render, sentence
from mappings.roadmap import RoadmapRefused

KEPT: Final = 1_000_000
"""Characters of a document that a page shows again; a longer one is chosen again."""
LINES: Final = 50
"""Problems of a document, and changes of a kind, that are shown at once."""
DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Given:
    """What was given, as it was: it is shown again. `fixed`: the programme's name is not asked for. `stored` is the
    version that there is (0: none); `expected` the one that the page of its changes spoke of, 0 for none.
    """

    slug: str = ""
    start: str = ""
    time_zone: str = "UTC"
    document: bytes = b""
    fixed: bool = False
    stored: int = 0
    expected: int = 0

    @property
    def text(self) -> str:
        """The document where a page can show it, else ""."""
        try:
            words = self.document.decode()
        except UnicodeDecodeError:
            return ""
        return words if len(words) <= KEPT else ""

    @property
    def packed(self) -> str:
        return base64.b64encode(self.document).decode()


class MovedOn(MilepostError):
    """Another version came in between looking and storing."""

    type = "import-moved-on"
    status = 409


@cache
def _zones() -> list[str]:
    return sorted(zoneinfo.available_timezones())


def routes(doors: Doors) -> APIRouter:
    router = APIRouter(route_class=PageRoute)
    ctx = doors.ctx

    @router.get("/import", dependencies=[OPERATOR])
    def ask(request: Request) -> HTMLResponse:
        """Ask for a roadmap."""
        return _page(request, Given())

    @router.get("/programmes/{slug}/import", dependencies=[OPERATOR])
    def ask_again(request: Request, slug: str) -> HTMLResponse:
        """Ask for a new version."""
        return _page(request, _known(Given(slug), slug))

    @router.post("/import", dependencies=[OPERATOR])
    async def take(request: Request, sent: Upload) -> Response:
        """Show what a roadmap would change, or store it."""
        return await run_in_threadpool(_take, request, sent, None)

    @router.post("/programmes/{slug}/import", dependencies=[OPERATOR])
    async def take_again(request: Request, slug: str, sent: Upload) -> Response:
        """The same of a new version."""
        return await run_in_threadpool(_take, request, sent, slug)

    def _known(given: Given, slug: str) -> Given:
        """With what is stored of the programme. Raises ProgrammeUnknown."""
        with ctx.db.read() as session:
            row = trees.get(session, slug)
            stored = trees.version_number(session, row)
        return replace(
            given, slug=slug, start=row.start.isoformat(), time_zone=row.time_zone, fixed=True, stored=stored
        )

    def _stored(slug: str) -> int:
        with ctx.db.read() as session:
            row = trees.find(session, slug)
            return trees.version_number(session, row) if row else 0

    def _take(request: Request, sent: Sent, slug: str | None) -> Response:
        fields = sent.fields
        known = Given() if slug is None else _known(Given(), slug)
        given = replace(
            known,
            slug=slug or fields.get("programme", "").strip(),
            start=fields.get("start", known.start).strip(),
            time_zone=fields.get("time_zone", known.time_zone).strip(),
        )
        store = fields.get("do") == "store"
        try:
            given = replace(
                given, document=_document(sent, store), stored=_stored(given.slug), expected=_number(fields)
            )
            found = _read(given, dry_run=True)
            if not store:
                return _page(request, given, found)
            if found.version != given.expected:
                raise MovedOn("another version came in meanwhile; this is what it changes now")
            done = _read(given, dry_run=False)
        except MovedOn as error:
            return _page(request, given, found, error)
        except MilepostError as error:
            return _page(request, given, None, error)
        return RedirectResponse(f"/programmes/{given.slug}?imported={done.version}", 303)

    def _read(given: Given, *, dry_run: bool) -> Imported:
        if given.start and not DAY.fullmatch(given.start):
            raise BadForm(f"{given.start!r} is no day", "give the first day of week 0 as YYYY-MM-DD")
        try:
            start = date.fromisoformat(given.start) if given.start else None
        except ValueError:
            raise BadForm(f"there is no day {given.start}", "give the first day of week 0 as YYYY-MM-DD") from None
        try:
            return roadmap.import_roadmap(
                ctx.db,
                given.document,
                given.slug,
                start=start,
                time_zone=given.time_zone or None,
                dry_run=dry_run,
                max_bytes=doors.import_max_bytes,
                now=ctx.now(),
            )
        except StartNeeded as error:
            raise BadForm(error.message, "give the first day of week 0") from None

    return router


def _page(
    request: Request, given: Given, found: Imported | None = None, error: MilepostError | None = None
) -> HTMLResponse:
    """The form with what was given; what would change where it was read, and what is wrong where something is."""
    lines = error.problems if isinstance(error, RoadmapRefused) else ()
    return render(
        request,
        "import.html",
        error.status if error else 200,
        g=given,
        found=found,
        problem=sentence(error.message) if error else "",
        hint=error.hint if error else "",
        lines=lines[1:LINES],
        most=LINES,
        zones=_zones(),
    )


def _number(fields: Mapping[str, str]) -> int:
    """The version that the page spoke of; 0 for none."""
    given = fields.get("version", "")
    return int(given[:9]) if given.isascii() and given.isdecimal() else 0


def _document(sent: Sent, store: bool) -> bytes:
    """The document's bytes. What was typed has its lines ended by LF: a form sends CRLF whatever was typed."""
    if store:
        try:
            return base64.b64decode(sent.fields.get("document", ""), validate=True)
        except binascii.Error:
            raise BadForm("the document did not come whole", "choose it again") from None
    if "file" in sent.files:
        return sent.files["file"]
    typed = sent.fields.get("text", "").replace("\r\n", "\n")
    if not typed.strip():
        raise BadForm("there is no roadmap in it", "choose a file, or paste its text")
    return typed.encode()
