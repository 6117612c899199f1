"""The status of a large tree: computing it, and serving it beside serving the same bytes from memory."""

from __future__ import annotations

import httpx
from fastapi import FastAPI, Response
from sqlalchemy import insert

from app.core.plan import Observed
from app.db import mirror, targets, trees
from app.db.models import LinkRow, VersionRow
from app.main import create_app
from app.settings import Settings
from app.sync import compute, status
from app.sync.context import Context
from app.sync.targets import NewTarget, add
from benchmarks import generated, importing
from benchmarks.measured import CPU, WALL, Section, Size, best
from connectors.github.client import LIMITS
from connectors.sandbox.kit import serving
from mappings import desired, profile

NAME, PROFILE = "hub", "github"
VERSIONS = 200
BUDGET = 2.0
"""Times the seconds of serving the same bytes from memory."""


def measure(size: Size) -> list[Section]:
    tasks, runs = (1_000 if size.quick else 10_000), 2
    section = Section(
        f"5. Status of {tasks:,} tasks with {tasks * generated.STEPS:,} steps",
        f"wall seconds, best of {runs}; one GitHub target that holds everything, one task in three with a ticked box; "
        "SQLite",
    )
    with importing.fresh() as db:
        ctx = Context(db, now=lambda: generated.NOW)
        importing.take_in(db, generated.document(tasks))
        fill(ctx)
        _measure(section, ctx, runs)
    return [section]


def _measure(section: Section, ctx: Context, runs: int) -> None:
    slug = importing.SLUG
    seconds, found = best(runs, WALL, lambda: status.status(ctx, slug))
    section.add("status computed", seconds)
    dumped, body = best(runs, WALL, lambda: found.model_dump_json().encode())
    section.add("written as JSON", dumped)
    section.add("size", len(body), "bytes")
    if found.source != "measured" or not found.done:
        raise RuntimeError("nothing was measured")
    bare = FastAPI()
    bare.add_api_route("/", lambda: Response(body, media_type="application/json"))
    path = f"/api/v1/programmes/{slug}/status"
    with httpx.Client(trust_env=False, timeout=120) as client:
        with serving(bare) as url:
            memory, _ = best(runs * 3, WALL, lambda: client.get(url).raise_for_status().content)
        with serving(create_app(ctx, Settings())) as url:
            served, _ = best(runs, WALL, lambda: client.get(url + path).raise_for_status().content)
            section.add("GET of the status over loopback", served)
            section.add("GET of the same bytes from memory", memory)
            section.add("the one / the other", served / memory, "×", BUDGET)
            _lengthen(ctx)
            later, _ = best(runs, WALL, lambda: client.get(url + path).raise_for_status().content)
            note = f"with {VERSIONS} more versions kept / before"
            section.add("not growing with history", later / served, "×", note=note)
    cpu, _ = best(1, CPU, lambda: _plan(ctx))
    section.add("beside it: a whole plan from the database", cpu, note="CPU; compute.difference, rows read, unchanged")


def fill(ctx: Context) -> list[Observed]:
    """A target whose tracker holds all that is wanted, as after a push and a refresh, without asking any tracker; gives
    what it holds.
    """
    add(ctx, NewTarget(NAME, importing.SLUG, "github", "acme/app", profile=PROFILE, token_env="BENCH"))
    with ctx.db.write() as session:
        target = targets.get(session, NAME)
        tree = trees.load(session, importing.SLUG)
        keys = tree.milestone_keys()
        wants, _ = desired.build(tree.programme, tree.ids, tree.slug, keys, profile.load(PROFILE), LIMITS, {})
        held = generated.held(wants)
        mirror.keep(session, target.id, held.observed, full=True)
        rows = [
            {
                "target_id": target.id,
                "node_id": link.node,
                "shape": link.ref.shape,
                "family": link.ref.identity[0],
                "ref_id": link.ref.id,
                "number": link.ref.number,
                "global_id": link.ref.global_id,
                "url": link.ref.url,
                "base": mirror._base_out(link.base, tree.ids),  # as `bind` stores it, which takes one row at a time
                "section": mirror._section(link.section),
            }
            for link in held.links
            if link.ref
        ]
        session.execute(insert(LinkRow), rows)
        target.last_refresh = target.mirrored_at = generated.NOW
        session.add(target)
    return held.observed


def _lengthen(ctx: Context) -> None:
    """Keep many more versions of the roadmap, small ones: status may not read them."""
    with ctx.db.write() as session:
        row = trees.get(session, importing.SLUG)
        last = trees.last_version(session, row)
        number = last.number if last else 0
        common: dict[str, object] = {
            "programme_id": row.id,
            "source": b"#" * 100_000,
            "start": row.start,
            "imported_at": generated.NOW,
        }
        news: list[dict[str, object]] = [
            {"number": number + n, "sha256": str(n), "changes": {}, **common} for n in range(1, VERSIONS + 1)
        ]
        session.execute(insert(VersionRow), news)


def _plan(ctx: Context) -> None:
    with ctx.db.read() as session:
        target = targets.get(session, NAME)
        known = compute.known(session, target)
    plan, managed = compute.difference(known, target.profile, LIMITS, True, adopt=False, recreate=False)
    if plan.changes or not managed:
        raise RuntimeError(f"{len(plan.changes)} changes planned where nothing changed")
