"""How many requests an observe costs that reads more: what waits for what, and the epics of a GitLab group."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any
from urllib.parse import quote

from benchmarks import boxes
from benchmarks.boxes import Box
from benchmarks.measured import Section, Size
from benchmarks.served import APART
from connectors import registry
from connectors.base import Connector, Cursor, Observation, Place, Secret

ISSUES, BLOCKED_EVERY, EPICS = 300, 10, 30
CHANGED = (1, 150)
GROUP = "bench"


@dataclass(frozen=True, slots=True)
class Wide:
    """What is read besides milestones and issues."""

    kind: str
    dependencies: bool
    epics: bool

    @property
    def name(self) -> str:
        more = ["dependencies"] * self.dependencies + ["epics"] * self.epics
        return f"{self.kind}, {' and '.join(more) or 'neither'}"

    @property
    def objects(self) -> int:
        return ISSUES + EPICS * self.epics


WIDE = (
    Wide("github", True, False),
    Wide("gitlab", True, False),
    Wide("gitlab", False, True),
    Wide("gitlab", True, True),
)


def measure(_: Size, idle: dict[str, int], quiet: float) -> list[Section]:
    """`idle` is the budget of an idle observe by kind, `quiet` the seconds of quiet before it."""
    section = Section(
        "3c. Observe that reads more",
        f"Milepost's connector, counted at the sandbox; {ISSUES} issues, one in {BLOCKED_EVERY} waits for another; on "
        f"GitLab (Premium) {EPICS} epics in the group, each with issues; the changed issues are the first",
    )
    for wide in WIDE:
        with boxes.threaded(wide.kind) as box:
            path = f"{GROUP}/wide"
            seed = _github if wide.kind == "github" else _gitlab
            seed(box, path, wide)
            place = Place(wide.kind, box.url, path, Secret("bench"), GROUP if wide.epics else "", wide.dependencies)
            connector = registry.kind(wide.kind).open(place)
            try:
                _observe(section, box, connector, wide, Budgets(idle[wide.kind], quiet))
            finally:
                connector.close()
    return [section]


@dataclass(frozen=True, slots=True)
class Budgets:
    """What an idle observe may cost, and how long it has been quiet by then."""

    idle: int
    quiet: float


def _observe(section: Section, box: Box, connector: Connector, wide: Wide, budgets: Budgets) -> None:
    box.later(budgets.quiet)
    cursor: Cursor | None = None

    def read(least: int) -> Observation:
        nonlocal cursor
        box.clear()
        found = connector.observe(cursor)
        if not found.complete or len(found.objects) < least:
            raise RuntimeError(f"{wide.name}: {len(found.objects)} objects, not {least}. {found.problem}")
        cursor = found.cursor
        return found

    def row(what: str, budget: float, note: str) -> None:
        section.add(f"{wide.name}: {what}", box.counts().total, "requests", budget, note)

    whole = read(wide.objects)
    row("whole", 5 + ceil(wide.objects / 100), "5 + ⌈existing / 100⌉, a push's reads")
    if wide.dependencies and not any(item.blocked_by for item in whole.objects):
        section.remarks.append(f"{wide.name}: the connector told no dependencies")
    if wide.epics and not any(item.ref.shape == "epic" for item in whole.objects):
        section.remarks.append(f"{wide.name}: the connector told no epics")
    read(0)
    read(0)
    read(0)
    row("nothing changed", budgets.idle, f"{box.counts().not_modified} of them answered 304")
    for k in CHANGED:
        box.later(budgets.quiet)
        read(0)
        for number in range(1, k + 1):
            box.write(f"{GROUP}/wide", number, f"Somebody was here, in {k} issues.")
        read(k)
        row(f"{k} changed", 2 + ceil(k / 100), "2 + ⌈changed / 100⌉")


def _github(box: Box, path: str, wide: Wide) -> None:
    made = _issues(box, f"/repos/{path}/issues")
    for waits, first in _pairs(made, wide):
        blocked_by = f"/repos/{path}/issues/{waits['number']}/dependencies/blocked_by"
        box.call("POST", blocked_by, issue_id=first["id"])


def _gitlab(box: Box, path: str, wide: Wide) -> None:
    box.license()
    root = f"/api/v4/projects/{quote(path, safe='')}"
    made = _issues(box, f"{root}/issues")
    for waits, first in _pairs(made, wide):
        target = {"target_project_id": first["project_id"], "target_issue_iid": first["iid"]}
        box.call("POST", f"{root}/issues/{waits['iid']}/links", link_type="is_blocked_by", **target)
    if wide.epics:
        _epics(box, made)


def _epics(box: Box, issues: list[Any]) -> None:
    ask_types = "query($path: ID!) { namespace(fullPath: $path) { workItemTypes { nodes { id name } } } }"
    types = box.ask(ask_types, path=GROUP)["namespace"]["workItemTypes"]["nodes"]
    epic = next(one["id"] for one in types if one["name"] == "Epic")
    create = "mutation($input: WorkItemCreateInput!) { workItemCreate(input: $input) { errors workItem { id } } }"
    for number in range(EPICS):
        made = box.ask(create, input={"namespacePath": GROUP, "workItemTypeId": epic, "title": f"Epic {number}"})
        parent = {"parentId": made["workItemCreate"]["workItem"]["id"]}
        for issue in issues[number :: EPICS * 3]:
            gid = f"gid://gitlab/WorkItem/{issue['id']}"
            box.ask(boxes.EDIT, input={"id": gid, "hierarchyWidget": parent})


def _issues(box: Box, url: str) -> list[Any]:
    """Each made at a moment of its own, as people do."""
    made = []
    for number in range(ISSUES):
        box.later(APART)
        made.append(box.call("POST", url, title=f"Issue {number}"))
    return made


def _pairs(made: list[Any], wide: Wide) -> list[tuple[Any, Any]]:
    """(an issue, the one that it waits for)."""
    if not wide.dependencies:
        return []
    return [(made[at], made[at + 1]) for at in range(0, len(made) - 1, BLOCKED_EVERY)]
