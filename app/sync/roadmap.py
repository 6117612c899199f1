"""Importing a roadmap, or a new version of one, and writing it back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from app.core import versions
from app.core.errors import MilepostError
from app.core.versions import Changes
from app.db import trees
from app.db.engine import Database
from app.db.models import ProgrammeRow
from app.sync import history, zones
from app.sync.context import Context
from mappings import roadmap

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class BadSlug(MilepostError):
    """A programme's name that can't stand in an address or a marker."""

    type = "bad-slug"
    status = 422


class StartNeeded(MilepostError):
    """A first import without the date of week 0."""

    type = "start-needed"
    status = 422


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import found and changed. `version` is the one it made, or the last where nothing changed; in a dry
    run the one it would make. `titles` are those of the new version by key, `gone` those of what it removed; raw words.
    """

    programme: str
    version: int
    milestones: int
    tasks: int
    steps: int
    dry_run: bool
    changes: Changes
    warnings: tuple[roadmap.Problem, ...]
    titles: Mapping[str, str]
    gone: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """INTERFACE's `import` document."""
        return {
            "programme": self.programme,
            "version": self.version,
            "milestones": self.milestones,
            "tasks": self.tasks,
            "steps": self.steps,
            "dry_run": self.dry_run,
            **{name: list(keys) for name, keys in asdict(self.changes).items()},
            "warnings": [{"line": problem.line, "message": problem.message} for problem in self.warnings],
        }


def import_roadmap(
    db: Database,
    source: bytes,
    slug: str,
    *,
    start: date | None,
    title: str | None = None,
    time_zone: str | None = None,
    dry_run: bool = False,
    max_bytes: int = roadmap.MAX_BYTES,
    now: datetime,
) -> Imported:
    """Read a roadmap into the tree. All or nothing: a refused document, or a dry run, stores nothing.

    `start` is the first day of week 0; a later version may leave it out. `time_zone` (an IANA name; UTC at first) says
    where its days end. Raises RoadmapRefused, BadSlug, StartNeeded, BadTimeZone.
    """
    if not SLUG.fullmatch(slug):
        raise BadSlug(f"{slug!r} can't name a programme", "use a–z, 0–9 and inner hyphens, 64 characters at most")
    zone = zones.zone_named(time_zone) if time_zone is not None else None
    with db.read() as session:
        stored = trees.find(session, slug)
    start = start or (stored.start if stored else None)
    if start is None:
        raise StartNeeded(f"when does {slug!r} start?", "give the first day of week 0: --start YYYY-MM-DD")
    reading = roadmap.read(source, start=start, max_bytes=max_bytes)
    programme = replace(reading.programme, title=title or reading.programme.title or slug)
    fresh = versions.flatten(programme)
    sha256 = hashlib.sha256(source).hexdigest()
    with db.read() if dry_run else db.write() as session:
        row = trees.find(session, slug)
        known = trees.known(session, row) if row else []
        found = versions.match(known, fresh)
        changes = versions.compare(known, fresh, found)
        last = trees.last_version(session, row) if row else None
        version = (last.number if last else 0) + 1
        same = last is not None and (last.sha256, last.start) == (sha256, start)
        if last and same and row and (title is None or title == row.title):
            version = last.number
        elif not dry_run:
            if row is None:
                row = ProgrammeRow(slug=slug, title=programme.title, start=start, created_at=now, updated_at=now)
                session.add(row)
                session.flush()
            row.title, row.start, row.updated_at = programme.title, start, now
            trees.save(session, row, programme, found, now)
            if not same:
                trees.add_version(session, row, source, sha256, start, changes, now)
            else:
                version -= 1
        if row is not None and not dry_run:
            row.time_zone = zone or row.time_zone
            session.add(row)
            stored = row
    if not dry_run and stored is not None and stored.id is not None:
        history.record(Context(db, now=lambda: now), stored.id)
    kinds = [node.kind for node in fresh]
    return Imported(
        programme=slug,
        version=version,
        milestones=kinds.count("milestone"),
        tasks=kinds.count("task"),
        steps=kinds.count("step"),
        dry_run=dry_run,
        changes=changes,
        warnings=reading.warnings,
        titles={node.key: node.title for node in fresh},
        gone={node.key: node.title for node in known if not node.archived and node.key in changes.removed},
    )


def export_roadmap(db: Database, slug: str, figures: Mapping[str, roadmap.Figure]) -> bytes:
    """The roadmap as last imported, with only its figures and completion notes brought up to date."""
    with db.read() as session:
        row = trees.get(session, slug)
        version = trees.last_version(session, row)
    if version is None:
        raise trees.ProgrammeUnknown(f"no roadmap was ever imported into {slug!r}", "milepost import FILE …")
    return roadmap.write_back(version.source, figures)
