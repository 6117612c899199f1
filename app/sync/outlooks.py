"""How milestones stand against their windows, their first plan and their own pace: the core's figures from what is
stored. Asks no tracker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from app.core import outlook
from app.core.defects import Defect, severe
from app.core.history import Point
from app.core.outlook import Outlook
from app.core.progress import Progress
from app.core.tree import Window
from app.core.waiting import Waiting, waiting
from app.db import history, trees
from app.db.trees import Tree

AT_ONCE = 400
"""Series that one statement reads."""


@dataclass(frozen=True, slots=True)
class Outlooks:
    """The programme's outlook, and each milestone's by key; what waits for what; the points they rest on by key;
    the windows that milestones had at first, by node id.
    """

    programme: Outlook
    milestones: Mapping[str, Outlook]
    waiting: Waiting
    points: Mapping[str | None, Sequence[Point]]
    baselines: Mapping[int, Window]


def points(session: Session, tree: Tree) -> dict[str | None, list[Point]]:
    """The stored points of the programme (None) and of its milestones, by key, oldest first."""
    keys: dict[int | None, str | None] = {tree.ids[key]: key for key in tree.milestone_keys()} | {None: None}
    ids = list(keys)
    found: dict[str | None, list[Point]] = {}
    for begin in range(0, len(ids), AT_ONCE):
        series = history.series(session, tree.id, ids[begin : begin + AT_ONCE])
        found |= {keys[node]: [one.point for one in rows] for node, rows in series.items()}
    return found


def outlooks(session: Session, tree: Tree, counted: Progress, defects: Sequence[Defect], today: date) -> Outlooks:
    """Everything for `today`, a day of the programme's time zone."""
    programme = tree.programme
    baselines = trees.baselines(session, tree.id)
    known = points(session, tree)
    grave = severe(defects, today)
    found: dict[str, Outlook] = {}
    for milestone in programme.milestones:
        found[milestone.key] = outlook.outlook(
            counted.counts[milestone.key],
            milestone.window,
            baselines.get(tree.ids[milestone.key]),
            known.get(milestone.key, []),
            milestone.declared_percent,
            today,
            severe=grave[milestone.key],
        )
    whole = outlook.programme_outlook(
        counted.programme,
        [(m.key, found[m.key].health, m.window) for m in programme.milestones],
        baselines.values(),
        known.get(None, []),
        None,
        today,
        severe=sum(grave.values()),
    )
    complete = {key for key, count in counted.counts.items() if count.percent == 100}
    complete |= {key for key, state in counted.steps.items() if state != "open"}
    likely = {key: each.forecast.end_50 for key, each in found.items() if each.forecast.end_50}
    return Outlooks(whole, found, waiting(programme, complete, today, likely), known, baselines)
