"""`Connector.observe` for GitLab: milestones and issues by REST, what that doesn't tell by GraphQL, all in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.core.plan import Observed
from connectors.base import (
    Cursor,
    NotFound,
    Observation,
    Rejected,
    Retryable,
    TrackerError,
    Unauthorized,
    Unsupported,
)
from connectors.gitlab import convert, graphql
from connectors.gitlab.convert import Around, Detail
from connectors.gitlab.cursor import Asking, Mark, Position
from connectors.gitlab.graphql import Ask, EpicPage
from connectors.gitlab.reads import PAGE, Reads, strange, understood


@dataclass(slots=True)
class Listed:
    """What a listing gave. `problem` is None when every page came; `etag` stands for the whole when it was one page.
    `newest` is of all that was listed, what was not kept too.
    """

    items: list[Observed] = field(default_factory=list)
    foreign: set[str] = field(default_factory=set)  # ids of those that are in another project
    newest: datetime | None = None
    unchanged: bool = False
    etag: str = ""
    began: datetime | None = None
    problem: TrackerError | None = None

    def saw(self, item: Observed) -> None:
        """Note how new it is."""
        at = item.updated_at
        if at and (self.newest is None or at > self.newest):
            self.newest = at

    def mark(self, before: Mark) -> Mark:
        """Where the family is read on from."""
        if self.unchanged:
            return before
        since = before.advanced(self.newest, self.began)
        return Mark(since, self.etag if since == before.since else "")


@dataclass(slots=True)
class Told:
    """What GraphQL told: the epics listed, details by id, and where the epics are that issues named."""

    epics: Listed = field(default_factory=Listed)
    details: dict[str, Detail] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)  # "&12" -> id, None where GitLab shows none


def observe(reads: Reads, since: Cursor | None) -> Observation:
    """`Connector.observe`. Requests: see `GitLab.observe`.

    Incrementally by `updated_after`, which is on or after; a page that is the same as last time is answered 304.
    Milestones come first and GraphQL last, so that it answers for what the lists hold. In a group with epics the
    group's issues are listed, and those of other projects kept that are under an epic; what blocks those is not read.
    """
    place, before = reads.place, reads.reader.requests
    told = Position.of(since, Asking(place.group, place.dependencies))
    if told and reads.known_licence and told.home != reads.known_licence.home:
        told = None  # the licence came or went
    try:
        position = told or _start(reads)
    except (Unauthorized, NotFound):
        raise
    except TrackerError as error:
        return _nothing(reads, error, before)
    return _Pass(reads, position, full=told is None).run(before)


def _start(reads: Reads) -> Position:
    place = reads.place
    home = reads.licence().home if place.group else None
    return Position(Asking(place.group, place.dependencies), home)


def _nothing(reads: Reads, error: TrackerError, before: int) -> Observation:
    return Observation((), False, False, None, reads.reader.requests - before, error.message, retry_after=_wait(error))


@dataclass(slots=True)
class _Pass:
    """One reading."""

    reads: Reads
    position: Position
    full: bool
    following: str | None = None  # where the next page of epics begins

    def run(self, before: int) -> Observation:
        position, told = self.position, Told()
        milestones = self._milestones()
        issues, keyset = Listed(problem=milestones.problem), position.keyset
        if not milestones.problem:
            issues, keyset = self._issues()
        items = convert.newest_once([*milestones.items, *issues.items])
        filters = position.filters
        if not issues.problem:
            filters = self._details(items, issues.foreign, told)
        problem = issues.problem or told.epics.problem
        objects, lacking = convert.completed(
            convert.newest_once([*items, *told.epics.items]),
            told.details,
            told.parents,
            lambda item: self._needs(item, issues.foreign),
        )
        if lacking and not problem:
            problem = strange(f"{lacking} items that it listed")
        after = replace(
            position,
            milestones=milestones.mark(position.milestones),
            issues=issues.mark(position.issues),
            epics=told.epics.mark(position.epics),
            keyset=keyset,
            filters=filters,
        )
        return Observation(
            objects=objects,
            complete=not problem,
            full=self.full,
            cursor=None if problem else after.cursor(),
            requests=self.reads.reader.requests - before,
            problem=problem.message if problem else "",
            observed_at=milestones.began,
            retry_after=_wait(problem),
        )

    def _needs(self, item: Observed, foreign: set[str]) -> bool:
        """Whether GraphQL must be asked about it: a task for its parent, and everything for what blocks it."""
        if item.ref.shape in ("milestone", "epic") or item.ref.id in foreign:
            return False
        return self.position.asking.dependencies or (item.ref.shape == "child" and item.parent is None)

    def _milestones(self) -> Listed:
        mark = self.position.milestones
        return self._list(
            f"{self.reads.project}/milestones", _since({"per_page": PAGE}, mark), convert.milestone, mark.etag
        )

    def _issues(self) -> tuple[Listed, bool]:
        """Issues, and whether this GitLab pages them by key.

        By key in the order of change: what changes while it is read comes again at the end. By offset (a group's, and a
        project's before 18.3) in the order of creation: in the order of change, what changes would move the rest up,
        past the page's edge.
        """
        mark, home = self.position.issues, self.position.home
        rest: dict[str, str | int] = {"scope": "all", "sort": "asc", "per_page": PAGE}
        if self.position.keyset and home is None:
            by_key = {**rest, "pagination": "keyset", "order_by": "updated_at"}
            url = f"{self.reads.project}/issues"
            try:
                return self._list(url, _since(by_key, mark), convert.issue, mark.etag, refusable=True), True
            except Rejected:  # 405, or 400: not for issues before 18.3
                mark = replace(mark, etag="")
        by_offset = _since({**rest, "order_by": "created_at"}, mark)
        if home is None:
            return self._list(f"{self.reads.project}/issues", by_offset, convert.issue, mark.etag), False
        by_offset["non_archived"] = "false"  # a group leaves archived projects out unless told, and ours may be one
        listed = self._list(f"{self.reads.group}/issues", by_offset, lambda row: convert.issue(row, home), mark.etag)
        return listed, self.position.keyset

    def _list(
        self,
        url: str,
        params: Mapping[str, str | int],
        read: Callable[[object], Observed],
        etag: str,
        *,
        refusable: bool = False,
    ) -> Listed:
        """Every page, followed by Link. A failure is `problem`, but raised where the place itself can't be read, or,
        if `refusable`, the parameters are refused.
        """
        listed, first = Listed(), True
        try:
            answer = self.reads.reader.get(url, params, etag=etag)
            first = False
            listed.began = answer.date
            listed.unchanged = answer.unchanged
            listed.etag = "" if answer.next else answer.etag
            for row in self.reads.rows(answer):
                self._keep(listed, row, read(row))
        except convert.STRANGE:
            listed.problem = strange(url)
        except TrackerError as error:
            if isinstance(error, Unauthorized) or (first and isinstance(error, NotFound)):
                raise
            if refusable and first and isinstance(error, Rejected):
                raise
            listed.problem = error
        return listed

    def _keep(self, listed: Listed, row: object, item: Observed) -> None:
        """What is the project's own, or under an epic. What is another project's has no number here: it only counts."""
        listed.saw(item)
        home = self.position.home
        if home is not None and item.ref.shape != "milestone" and not convert.of_project(row, home):
            if item.parent is None:
                return
            listed.foreign.add(item.ref.id)
            item = replace(item, ref=replace(item.ref, number=0))
        listed.items.append(item)

    # GraphQL

    def _details(self, items: tuple[Observed, ...], foreign: set[str], told: Told) -> bool:
        """Fill `told`, and give whether this GitLab filters work items by time. Failures are `told.epics.problem`."""
        filters = self.position.filters
        try:
            try:
                self._ask(items, foreign, told, filters=filters)
            except Unsupported:
                if not self.position.home or not filters or self.full:
                    raise
                filters = False  # no `updatedAfter` in this GitLab
                told.epics = Listed()
                self._ask(items, foreign, told, filters=filters)
        except Unauthorized:
            raise
        except TrackerError as error:
            told.epics.problem = error
        return filters

    def _ask(self, items: tuple[Observed, ...], foreign: set[str], told: Told, *, filters: bool) -> None:
        """As many parts in a query as its complexity allows; a page of epics first, where they are read."""
        named = dict.fromkeys(item.parent for item in items if item.parent and item.parent.startswith("&"))
        asks = _asks("items", [str(item.ref.number) for item in items if self._needs(item, foreign)])
        if not self.full:
            asks += _asks(
                "epics", [name[1:] for name in named]
            )  # in the first query: the epics of a full read tell most
        pages = self._pages(told, filters=filters) if self.position.home else iter(())
        page = next(pages, None)
        while page or asks:
            asks = self._send(told, page, asks)
            page = next(pages, None) if page else None
        if self.full:
            told.parents |= {f"&{item.ref.number}": item.ref.id for item in told.epics.items}
            asks = _asks("epics", [name[1:] for name in named if name not in told.parents])
            while asks:
                asks = self._send(told, None, asks)
        told.parents |= {name: None for name in named if name not in told.parents}

    def _pages(self, told: Told, *, filters: bool) -> Iterator[tuple[EpicPage, dict[str, Any]]]:
        """The pages of epics to ask for, with their variables. Each must have been sent before the next is taken."""
        since = self.position.epics.since
        page = EpicPage(filtered=since is not None and filters, oldest_first=since is None)
        after: str | None = None
        while True:
            variables: dict[str, Any] = {"after": after}
            if page.filtered and since:
                variables["since"] = convert.stamp(since)
            yield page, variables
            oldest = min((item.updated_at for item in told.epics.items if item.updated_at), default=None)
            if self.following is None or (since and not page.filtered and oldest and oldest < since):
                return
            if self.following == after:
                raise strange("pages of epics")
            after = self.following

    def _send(self, told: Told, page: tuple[EpicPage, dict[str, Any]] | None, asks: list[Ask]) -> list[Ask]:
        """One query: the page, and the asks that fit; gives those that are left."""
        links, reads = self.position.asking.dependencies, self.reads
        room = graphql.ROOM - (graphql.EPICS_COST if page else 0)
        taken: list[Ask] = []
        while len(taken) < len(asks) and (not taken or room >= asks[len(taken)].cost(links=links)):
            room -= asks[len(taken)].cost(links=links)
            taken.append(asks[len(taken)])
        variables: dict[str, Any] = {"project": reads.place.path, **(page[1] if page else {})}
        if page or any(ask.what == "epics" for ask in taken):
            variables["group"] = reads.place.group
        variables |= {f"i{at}": list(ask.iids) for at, ask in enumerate(taken)}
        document = graphql.details(page[0] if page else None, taken, links=links)
        data, date = reads.asked(document, variables, "work items")
        project = reads.owner(data, "project")
        group = reads.owner(data, "group") if "group" in variables else {}
        if told.epics.began is None:
            told.epics.began = date
        understood("work items", lambda _: self._read(told, page is not None, taken, project, group), None)
        return asks[len(taken) :]

    def _read(
        self, told: Told, page: bool, asks: list[Ask], project: Mapping[str, Any], group: Mapping[str, Any]
    ) -> None:
        place = self.reads.place
        around = Around(place.path, place.group if self.position.home else "")
        if page:
            for node in group["epics"]["nodes"]:
                item = convert.epic(node, around)
                told.epics.saw(item)
                told.epics.items.append(item)
            info = group["epics"]["pageInfo"]
            self.following = info["endCursor"] if info["hasNextPage"] else None
        for at, ask in enumerate(asks):
            if ask.what == "epics":
                found = convert.ids_by_iid(group[f"e{at}"]["nodes"])
                told.parents |= {f"&{iid}": found.get(iid) for iid in ask.iids}
            else:
                told.details |= convert.details(project[f"i{at}"]["nodes"], around)


def _asks(what: str, iids: list[str]) -> list[Ask]:
    return [Ask(what, tuple(iids[at : at + PAGE])) for at in range(0, len(iids), PAGE)]


def _since(params: Mapping[str, str | int], mark: Mark) -> dict[str, str | int]:
    return {**params, **({"updated_after": convert.stamp(mark.since)} if mark.since else {})}


def _wait(error: TrackerError | None) -> float | None:
    return error.retry_after if isinstance(error, Retryable) else None
