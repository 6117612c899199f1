"""Reading a repository: milestones, issues, and what blocks them. How an incremental read goes on is in `cursor.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from app.core.plan import Observed
from connectors.base import Cursor, NotFound, Observation, Retryable, TrackerError, Unauthorized, Unavailable
from connectors.github import convert, cursor
from connectors.github.cursor import PAGE
from connectors.github.session import Session
from connectors.http import Answer

BLOCKERS_MAX: Final = 50
BLOCKERS: Final = f"""
query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Issue {{
  number repository {{ nameWithOwner }}
  blockedBy(first: {BLOCKERS_MAX}) {{ nodes {{ number repository {{ nameWithOwner }} }} }}
}} }} }}
"""
MILESTONES: Final = f"""
query($owner: String!, $name: String!, $after: String) {{ repository(owner: $owner, name: $name) {{
  milestones(first: {PAGE}, after: $after, orderBy: {{field: NUMBER, direction: ASC}}) {{
    nodes {{ id number url title description state dueOn updatedAt closedAt createdAt }}
    totalCount pageInfo {{ hasNextPage endCursor }}
  }}
}} }}
"""

COUNT: Final = """
query($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
  issues(first: 1, orderBy: {field: CREATED_AT, direction: DESC}) { totalCount nodes { number } }
} }
"""
ISSUES: Final[dict[str, str | int]] = {"state": "all", "per_page": PAGE}
TRIES: Final = 3

Found = dict[tuple[str, str], Observed]


def observe(session: Session, place: str, since: Cursor | None, *, dependencies: bool) -> Observation:
    """Everything, or with a cursor what changed since; a cursor of another `place` or version reads everything.

    Milestones have no `since`: unchanged (304) they are absent from an incremental observation, else all come.
    An incremental read can't show what was deleted or transferred. Idle, it is two requests, both 304. Raises
    Unauthorized and NotFound; what else fails is the observation's `problem`.
    """
    before, session.asked_at = session.requests, None
    mark = cursor.parse(since, place)
    reading = Reading(session, place, dependencies=dependencies)
    after, problem, wait = None, "", None
    try:
        after = reading.run(mark)
    except (Unauthorized, NotFound):
        raise
    except TrackerError as error:
        problem = f"{error.message}. {error.hint}".strip()
        wait = error.retry_after if isinstance(error, Retryable) else None
    return Observation(
        objects=tuple(reading.found.values()),
        complete=not problem,
        full=mark is None,
        cursor=after.cursor() if after else None,
        requests=session.requests - before,
        problem=problem,
        observed_at=session.asked_at,
        retry_after=wait,
    )


class Reading:
    """One read: what was found so far, each object once and as it was last."""

    def __init__(self, session: Session, place: str, *, dependencies: bool) -> None:
        self.found: Found = {}
        self._session = session
        self._place = place
        self._dependencies = dependencies
        self._waiting: dict[tuple[str, str], str] = {}  # issues that something blocks, and their GraphQL ids

    def run(self, mark: cursor.Mark | None) -> cursor.Mark:
        """Read it all; where to go on from."""
        tags = self._milestones(mark.milestones if mark else (), learn=mark is not None)
        if mark is None:
            first_page, seen = self._all_issues()
            self._blockers()
            return cursor.begin(self._place, seen, changes(self._session.listed(first_page)), first_page.date, tags)
        params = ISSUES | {"sort": "updated", "direction": "desc"} | ({"since": mark.since} if mark.since else {})
        page = first_page = self._session.get(self._issues_path, params, mark.issues)
        if page.unchanged:
            return replace(mark, milestones=tags)
        times = first = self._issues(page)
        while page.next and not mark.ends(times):
            page = self._session.get(page.next)
            times = self._issues(page)
        self._blockers()
        return mark.after(first, tags, first_page.etag)

    # -- milestones

    def _milestones(self, tags: cursor.Tags, *, learn: bool) -> cursor.Tags:
        """All milestones, unless every page is as its ETag says; the ETags of the pages.

        REST's list has no order that two pages can rely on (by due day or completeness, and both change): it only tells
        that nothing changed, and what takes several pages is read by number, through GraphQL. The further pages' ETags
        are fetched when they are of use (`learn`). After a full last page one more is asked for: a 304 does not say
        that a further page has begun.
        """
        known = tags or ("",)
        asked = [self._milestone_page(number, tag) for number, tag in enumerate(known, 1)]
        if all(answer.unchanged for answer in asked):
            return tags
        last = asked[-1]
        if len(asked) == 1 and len(self._session.listed(last)) < PAGE and not last.next:
            self._take(last, convert.milestone)
            return etags(last.etag)
        fresh = [tag if answer.unchanged else answer.etag for answer, tag in zip(asked, known, strict=True)]
        while learn and not last.unchanged and (len(self._session.listed(last)) >= PAGE or last.next):
            last = self._milestone_page(len(fresh) + 1)
            fresh.append(last.etag)
        self._milestones_by_number()
        return etags(*fresh) if learn else ()

    def _milestone_page(self, number: int, etag: str = "") -> Answer:
        params: dict[str, str | int] = {"state": "all", "per_page": PAGE, "page": number}
        return self._session.get(f"{self._session.root}/milestones", params, etag)

    def _milestones_by_number(self) -> None:
        """A milestone's number never changes, so that none slips over the edge of a page when people edit others.

        How GitHub's cursors take a deletion is not documented: when the total is another on a later page, all is read
        again. Raises Unavailable where that happens every time.
        """
        for _ in range(TRIES):
            found, totals = self._milestones_once()
            if len(totals) == 1:
                for value in found:
                    self._keep(value)
                return
        raise Unavailable("Milestones were made and deleted while they were read", "It is tried again later.")

    def _milestones_once(self) -> tuple[list[Observed], set[int]]:
        """(every page's milestones, the totals that the pages told)."""
        owner, _, name = self._session.path.partition("/")
        found: list[Observed] = []
        totals: set[int] = set()
        after: str | None = ""
        while after is not None:
            given = {"owner": owner, "name": name, "after": after or None}
            data = self._session.query(MILESTONES, given)
            with self._session.misshapen():
                listed = data["repository"]["milestones"]
                found += [convert.graphql_milestone(entry) for entry in listed["nodes"]]
                totals.add(int(listed["totalCount"]))
                after = str(listed["pageInfo"]["endCursor"]) if listed["pageInfo"]["hasNextPage"] else None
        return found, totals

    # -- issues

    @property
    def _issues_path(self) -> str:
        return f"{self._session.root}/issues"

    def _all_issues(self) -> tuple[Answer, list[datetime]]:
        """Every issue; the first page, and when each entry changed.

        By creation: an issue changed meanwhile keeps its place, so that no other slips over the edge of a page. One
        that is deleted or transferred does shift the rest, and one of them would be missed: so the issues are counted
        before the second page and after the last, and all is read again where one went. Raises Unavailable where one
        goes every time.
        """
        for _ in range(TRIES):
            page = first = self._session.get(self._issues_path, ISSUES | {"sort": "created", "direction": "asc"})
            seen = self._issues(page)
            if not page.next:
                return first, seen
            before, newest = self._count()
            while page.next:
                page = self._session.get(page.next)
                seen += self._issues(page)
            come = sum(
                1 for value in self.found.values() if value.ref.shape != "milestone" and value.ref.number > newest
            )
            if before + come <= self._count()[0]:
                return first, seen
            self.found = {key: value for key, value in self.found.items() if key[0] == "milestone"}
            self._waiting.clear()
        raise Unavailable("Issues were deleted or moved away while they were read", "It is tried again later.")

    def _count(self) -> tuple[int, int]:
        """(how many issues there are, the number of the newest, 0 for none)."""
        owner, _, name = self._session.path.partition("/")
        data = self._session.query(COUNT, {"owner": owner, "name": name})
        with self._session.misshapen():
            listed = data["repository"]["issues"]
            return int(listed["totalCount"]), max((int(node["number"]) for node in listed["nodes"]), default=0)

    def _issues(self, answer: Answer) -> list[datetime]:
        """The page's issues. Gives when each entry changed, pull requests too."""
        self._take(answer, convert.issue)
        with self._session.misshapen():
            return changes(self._session.listed(answer))

    def _take(self, answer: Answer, as_value: Callable[[Any], Observed]) -> None:
        """The page's objects."""
        with self._session.misshapen():
            for entry in self._session.listed(answer):
                if not convert.is_pull_request(entry) and self._keep(value := as_value(entry)):
                    self._note_blocked(value, entry)

    def _keep(self, value: Observed) -> bool:
        """Whether it is newer than what was seen: when the list shifts between two pages, one can stand on both."""
        old = self.found.get(value.ref.identity)
        if old and old.updated_at and value.updated_at and value.updated_at < old.updated_at:
            return False
        self.found[value.ref.identity] = value
        return True

    # -- dependencies

    def _note_blocked(self, value: Observed, entry: Mapping[str, Any]) -> None:
        if self._dependencies and convert.is_blocked(entry):
            self._waiting[value.ref.identity] = value.ref.global_id
        else:
            self._waiting.pop(value.ref.identity, None)

    def _blockers(self) -> None:
        """Ask what blocks those that something blocks, a hundred a request: nothing where nobody uses it."""
        waiting = list(self._waiting.items())
        for start in range(0, len(waiting), PAGE):
            batch = dict(waiting[start : start + PAGE])
            nodes = self._session.query(BLOCKERS, {"ids": list(batch.values())})
            with self._session.misshapen():
                for identity, node in zip(batch, nodes["nodes"], strict=True):
                    if node:  # null: deleted since it was listed
                        self.found[identity] = replace(self.found[identity], blocked_by=convert.blockers(node))


def changes(entries: list[Any]) -> list[datetime]:
    """When each entry of a page changed, pull requests too."""
    return [moment for moment in (convert.when(entry["updated_at"]) for entry in entries) if moment]


def etags(*tags: str) -> cursor.Tags:
    """The ETags of a list's pages, none where any is missing: then it can't be told that nothing changed."""
    return tags if all(tags) else ()
