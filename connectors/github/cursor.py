"""Where an incremental read goes on: GitHub's time, and ETags that make an idle read two answers of 304. Pure.

Issues are listed newest change first. Then any change at all shows on page 1, so its ETag stands for the whole list;
an issue changed while pages are read moves to the front and can push others on to a further page, never past the
reader; and reading stops at what was read before. `since` only keeps page 1 short, and never moves: the URL stays,
and with it the ETag, until the next full read.

What was read is marked by `updated_at`, the clock that the list is sorted by, rather than by the Date header: a proxy
may set that one by a clock of its own. It is only an upper limit.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.base import Cursor

VERSION: Final = 2  # 2: issue types are read
PAGE: Final = 100
OVERLAP: Final = timedelta(seconds=60)  # what GitHub's list may show late

Tags = tuple[str, ...]
"""One ETag a page, in the order of pages."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`place` is whom the cursor is for. `since` goes into the URL, "" for none: UTC, as GitHub takes it (TRACKERS,
    trap 3). All that changed up to `newest` was read, None when there was nothing. `issues` is the ETag of the first
    page of changes, "" after a full read, which lists otherwise.
    """

    place: str
    since: str
    newest: datetime | None
    milestones: Tags = ()
    issues: str = ""

    def ends(self, times: Sequence[datetime]) -> bool:
        """Whether a page with changes of these times is the last to be read: all of it was read before, or it goes
        back by the overlap. So k changes take ⌈k/100⌉ + 1 pages at most.
        """
        if self.newest is None or not times:
            return False
        return max(times) <= self.newest or min(times) < self.newest - OVERLAP

    def after(self, first: Sequence[datetime], milestones: Tags, issues: str) -> Mark:
        """The mark after another read, whose first page had changes of these times."""
        return replace(self, newest=max(first, default=self.newest), milestones=milestones, issues=issues)

    def cursor(self) -> Cursor:
        """The opaque text that is stored."""
        newest = self.newest.isoformat() if self.newest else None
        return Cursor(
            json.dumps(
                {
                    "v": VERSION,
                    "place": self.place,
                    "since": self.since,
                    "newest": newest,
                    "milestones": self.milestones,
                    "issues": self.issues,
                }
            )
        )


def begin(place: str, seen: Sequence[datetime], first: Sequence[datetime], began: datetime | None, tags: Tags) -> Mark:
    """The mark after a full read: the times of all issues, those of its first page, and when GitHub said that was.

    An issue changed after its page was read, while later pages were, was missed: so nothing newer than the first page
    counts as read.
    """
    newest = max(seen, default=None)
    if newest:
        newest = min(newest, began or max(first, default=newest))
    since = (newest - OVERLAP).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if newest else ""
    return Mark(place, since, newest, tags)


def parse(cursor: Cursor | None, place: str) -> Mark | None:
    """The mark, or None where it is none, another place's, or another version's: everything is read then."""
    try:
        data = json.loads(cursor or "")
        if data["v"] != VERSION or data["place"] != place:
            return None
        newest = datetime.fromisoformat(data["newest"]).astimezone(UTC) if data["newest"] else None
        return Mark(place, str(data["since"]), newest, tuple(map(str, data["milestones"])), str(data["issues"]))
    except (ValueError, KeyError, TypeError):
        return None
