"""Where an incremental read goes on: the cursor and its marks. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from connectors.base import Cursor
from connectors.gitlab.convert import Home, moment, stamp

OVERLAP: Final = timedelta(seconds=60)  # a change may be committed after a later one was listed
VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the reading of one family goes on. `etag` stands for the one page of what changed since `since`."""

    since: datetime | None = None
    etag: str = ""

    def advanced(self, newest: datetime | None, began: datetime | None) -> datetime | None:
        """The next `since`, never backwards: the newest change seen, but at least the overlap before the reading
        began by the tracker's clock (`began`, None where it told no time): what was committed while it ran, or shortly
        before, can have been missed. In quiet times it stands still, so that ETags hold.
        """
        if newest is None:
            return self.since
        seen = newest - OVERLAP if began is None else min(newest, began - OVERLAP)
        return seen if self.since is None else max(self.since, seen)


@dataclass(frozen=True, slots=True)
class Asking:
    """What a read was made for: another group, or blockers too, makes another read of everything."""

    group: str = ""
    dependencies: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """What a `Cursor` holds. Families have marks of their own: they are read one after the other.

    `home` is where epics are read (None: they are not). `keyset` is whether this GitLab pages issues by key (since
    18.3), `filters` whether its work items can be asked for by time.
    """

    asking: Asking = Asking()
    home: Home | None = None
    milestones: Mark = Mark()
    issues: Mark = Mark()
    epics: Mark = Mark()
    keyset: bool = True
    filters: bool = True

    def cursor(self) -> Cursor:
        """This position as text."""
        marks = {"milestones": self.milestones, "issues": self.issues, "epics": self.epics}
        told = {
            "v": VERSION,
            "for": [self.asking.group, self.asking.dependencies],
            "home": [self.home.project_id, self.home.group_id] if self.home else None,
            **{name: [stamp(mark.since) if mark.since else None, mark.etag] for name, mark in marks.items()},
            "keyset": self.keyset,
            "filters": self.filters,
        }
        return Cursor(json.dumps(told, separators=(",", ":")))

    @staticmethod
    def of(cursor: str | None, asking: Asking) -> Position | None:
        """What an earlier `cursor()` said; None for no cursor, one made for another asking, or one that this version
        can't read.
        """
        try:
            told = json.loads(cursor or "")
            if told["v"] != VERSION or told["for"] != [asking.group, asking.dependencies]:
                return None
            first, second, third = (
                Mark(moment(told[name][0]), str(told[name][1])) for name in ("milestones", "issues", "epics")
            )
            home = told["home"] and Home(int(told["home"][0]), int(told["home"][1]))
            return Position(asking, home, first, second, third, bool(told["keyset"]), bool(told["filters"]))
        except (ValueError, KeyError, TypeError, IndexError):
            return None
