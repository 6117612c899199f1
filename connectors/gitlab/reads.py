"""Reading a GitLab project: milestones and issues by REST, the parents of child items by GraphQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from app.core.plan import Observed, Ref
from connectors.base import (
    Cursor,
    NotFound,
    Observation,
    Place,
    Rejected,
    Secret,
    TrackerError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from connectors.gitlab import convert, graphql, refusals
from connectors.gitlab.convert import Malformed, Mark, Position
from connectors.http import Answer, Reader

Got = TypeVar("Got")

PAGE: Final = 100
CHILD_TYPE: Final = "task"


@dataclass(slots=True)
class Listed:
    """What a listing gave. `problem` is "" when every page came; `etag` stands for the whole when it was one page."""

    items: list[Observed] = field(default_factory=list)
    unchanged: bool = False
    etag: str = ""
    began: datetime | None = None
    problem: str = ""

    def mark(self, before: Mark) -> Mark:
        """Where the family is read on from."""
        if self.unchanged:
            return before
        since = before.advanced(convert.newest(self.items), self.began)
        return Mark(since, self.etag if since == before.since else "")


class Reads:
    """Reads one project, over one keep-alive connection. Writes nothing. Not for two threads at once."""

    def __init__(self, place: Place, token: Secret) -> None:
        self.place = place
        self.project = f"api/v4/projects/{quote(place.path, safe='')}"
        self.reader = Reader(
            place.base_url,
            lambda: {"private-token": token.reveal()},
            tracker="GitLab",
            refine=refusals.refine,
        )
        self._task_type = ""

    def observe(self, since: Cursor | None) -> Observation:
        """`Connector.observe`: one request for milestones, one a hundred issues, one a hundred child items among them.

        Incrementally by `updated_after`, which is on or after; a page that is the same as last time is answered 304.
        """
        before = self.reader.requests
        told = Position.of(since)
        position = told or Position()
        milestones = self._milestones(position.milestones)
        issues, keyset = Listed(problem=milestones.problem), position.keyset
        if not milestones.problem:
            issues, keyset = self._issues(position)
        items = convert.newest_once([*milestones.items, *issues.items])
        problem = milestones.problem or issues.problem
        known: Mapping[str, str | None] = {}
        if not problem:
            known, problem = self._parents([item for item in items if item.ref.shape == "child"])
        objects, lacking = convert.with_parents(items, known)
        if lacking and not problem:
            problem = f"GitLab told no parent for {lacking} child items that it listed"
        after = Position(milestones.mark(position.milestones), issues.mark(position.issues), keyset)
        return Observation(
            objects=objects,
            complete=not problem,
            full=told is None,
            cursor=None if problem else after.cursor(),
            requests=self.reader.requests - before,
            problem=problem,
            observed_at=milestones.began,
        )

    def milestone(self, number: int) -> Observed:
        """One milestone, by its global id."""
        return self._one(f"{self.project}/milestones/{number}", convert.milestone)

    def item(self, ref: Ref) -> Observed:
        """One issue or child item, with its parent."""
        if ref.shape != "child":
            return self._one(f"{self.project}/issues/{ref.number}", convert.issue)
        gid = ref.global_id or convert.work_item_gid(ref.id)
        data = self.query(graphql.ONE, {"id": gid}, "the work item")
        if data.get("workItem") is None:
            raise NotFound(f"GitLab shows no work item {ref.id} to this token", "It may be deleted.")
        return _understood("the work item", convert.work_item, data["workItem"])

    def task_type(self) -> str:
        """The GraphQL id of this project's type Task, asked once: the ids differ. Raises Unsupported without one."""
        if not self._task_type:
            project = self._project_of(self.query(graphql.TYPES, {"path": self.place.path}, "the work item types"))
            ids = _understood("the work item types", _ids_by_name, project.get("workItemTypes"))
            if CHILD_TYPE not in ids:
                raise Unsupported("This project has no work item type Task", "Use the profile gitlab.")
            self._task_type = ids[CHILD_TYPE]
        return self._task_type

    def labels(self) -> dict[str, int]:
        """Label name -> id, of the project and the groups above it."""
        first = self.reader.get(f"{self.project}/labels", {"per_page": PAGE, "include_ancestor_groups": "true"})
        return _understood("labels", lambda _: dict(map(convert.label, self._rows(first))), None)

    def query(self, document: str, variables: Mapping[str, Any], what: str) -> Mapping[str, Any]:
        """The `data` of a GraphQL query, sent once. Part of an answer is none: `errors` are raised."""
        answer = self.reader.query("api/graphql", {"query": document, "variables": dict(variables)})
        body = answer.body
        if not isinstance(body, dict):
            raise _strange(what)
        if body.get("errors"):
            raise refusals.query_refused(refusals.messages(body["errors"]), f"to tell {what}")
        data = body.get("data")
        if not isinstance(data, dict):
            raise _strange(what)
        return data

    def get(self, url: str, what: str) -> convert.Row:
        """One JSON object of the REST API."""
        body = self.reader.get(url).body
        if not isinstance(body, dict):
            raise _strange(what)
        return body

    def _milestones(self, mark: Mark) -> Listed:
        return self._list(f"{self.project}/milestones", _since({"per_page": PAGE}, mark), convert.milestone, mark.etag)

    def _issues(self, position: Position) -> tuple[Listed, bool]:
        """Issues, and whether this GitLab pages them by key.

        By key in the order of change: what changes while it is read comes again at the end. By offset in the order
        of creation: in the order of change, what changes would move the rest up, past the page's edge.
        """
        mark, url = position.issues, f"{self.project}/issues"
        rest: dict[str, str | int] = {"scope": "all", "sort": "asc", "per_page": PAGE}
        if position.keyset:
            by_key = {**rest, "pagination": "keyset", "order_by": "updated_at"}
            try:
                return self._list(url, _since(by_key, mark), convert.issue, mark.etag, refusable=True), True
            except Rejected:  # 405, or 400: not for issues before 18.3
                mark = replace(mark, etag="")
        by_offset = {**rest, "order_by": "created_at"}
        return self._list(url, _since(by_offset, mark), convert.issue, mark.etag), False

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
            answer = self.reader.get(url, params, etag=etag)
            first = False
            listed.began = answer.date
            listed.unchanged = answer.unchanged
            listed.etag = "" if answer.next else answer.etag
            for row in self._rows(answer):
                listed.items.append(read(row))
        except convert.STRANGE:
            listed.problem = _strange(url).message
        except TrackerError as error:
            if isinstance(error, Unauthorized) or (first and isinstance(error, NotFound)):
                raise
            if refusable and first and isinstance(error, Rejected):
                raise
            listed.problem = error.message
        return listed

    def _rows(self, answer: Answer) -> Iterator[object]:
        """What this page lists, and every one that follows it."""
        seen: set[str] = set()
        while not answer.unchanged:
            if not isinstance(answer.body, list):
                raise Malformed("no list")
            yield from answer.body
            if not answer.next:
                return
            if answer.next in seen:
                raise Malformed("pages in circles")
            seen.add(answer.next)
            answer = self.reader.get(answer.next)

    def _parents(self, children: list[Observed]) -> tuple[dict[str, str | None], str]:
        """The parents of these child items by id, and what went wrong. Asks nothing when there are none."""
        known: dict[str, str | None] = {}
        for iids in _batches([str(child.ref.number) for child in children]):
            try:
                data = self.query(
                    graphql.PARENTS, {"path": self.place.path, "iids": iids}, "the parents of child items"
                )
                project = self._project_of(data)
                nodes = (project.get("workItems") or {}).get("nodes")
                known |= _understood("the parents of child items", convert.parents, nodes)
            except Unauthorized:
                raise
            except TrackerError as error:
                return known, error.message
        return known, ""

    def _project_of(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        project = data.get("project")
        if not isinstance(project, dict):
            raise NotFound(f"GitLab's GraphQL API shows no project {self.place.path} to this token", refusals.ROLE)
        return project

    def _one(self, url: str, read: Callable[[object], Observed]) -> Observed:
        return _understood(url, read, self.get(url, url))


def _understood(what: str, read: Callable[[object], Got], told: object) -> Got:
    try:
        return read(told)
    except convert.STRANGE:
        raise _strange(what) from None


def _ids_by_name(connection: Any) -> dict[str, str]:
    return {str(one["name"]).lower(): str(one["id"]) for one in connection["nodes"]}


def _since(params: Mapping[str, str | int], mark: Mark) -> dict[str, str | int]:
    return {**params, **({"updated_after": convert.stamp(mark.since)} if mark.since else {})}


def _batches(names: list[str]) -> Iterable[list[str]]:
    return (names[at : at + PAGE] for at in range(0, len(names), PAGE))


def _strange(what: str) -> Unavailable:
    return Unavailable(f"GitLab's answer about {what} is not what it documents", "Check --base-url.")
