"""Reading a GitLab project and its group: one object, lists, GraphQL, and what does not change while we look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from app.core.plan import Observed, Ref
from connectors.base import NotFound, Place, Secret, Unavailable, Unsupported
from connectors.gitlab import convert, fields, graphql, refusals
from connectors.gitlab.convert import Home, Malformed
from connectors.http import Answer, Reader

Got = TypeVar("Got")

PAGE: Final = 100
TASK: Final = "task"
ISSUE: Final = "issue"
EPIC: Final = "epic"


@dataclass(frozen=True, slots=True)
class Licence:
    """What the place is licensed for: epics in its group, links that block. `home` where epics are."""

    epics: bool = False
    links: bool = False
    home: Home | None = None


class Reads:
    """Reads one project, and its group where the place names one, over one keep-alive connection. Writes nothing.
    Not for two threads at once.
    """

    def __init__(self, place: Place, token: Secret) -> None:
        self.place = place
        self.project = f"api/v4/projects/{quote(place.path, safe='')}"
        self.group = f"api/v4/groups/{quote(place.group, safe='')}" if place.group else ""
        self.headers: Mapping[str, str] = {}  # of the last answer
        self.reader = Reader(
            place.base_url,
            lambda: {"private-token": token.reveal()},
            tracker="GitLab",
            refine=refusals.refine,
            reach=place.reach,
        )
        self._licence: Licence | None = None
        self._types: dict[str, dict[str, str]] = {}

    @property
    def known_licence(self) -> Licence | None:
        """The licence, where it was asked already."""
        return self._licence

    def licence(self) -> Licence:
        """What the place is licensed for, asked once, by what GitLab tells any member (`graphql.GROUP_LICENCE`).

        Before 18.3 GitLab told of epics alone: licensed for them it is for links too, which are in the same tier;
        without a group nothing can be told there, and nothing is claimed. Raises NotFound where the token may not see
        the project or the group.
        """
        if self._licence is None:
            self._licence = self._ask_licence()
        return self._licence

    def milestone(self, number: int) -> Observed:
        """One milestone, by its global id."""
        return self._one(f"{self.project}/milestones/{number}", convert.milestone)

    def item(self, ref: Ref) -> Observed:
        """One issue, child item or epic, with its parent."""
        if ref.shape == "issue" and not self.place.group:
            return self._one(f"{self.project}/issues/{ref.number}", convert.issue)
        return understood("the work item", convert.work_item, self.work_item(ref))

    def work_item(self, ref: Ref, document: str = graphql.ONE) -> Mapping[str, Any]:
        """A work item by its global id, as GraphQL gives it. Raises NotFound."""
        node = self.query(document, {"id": fields.gid_of(ref)}, "the work item").get("workItem")
        if not isinstance(node, dict):
            raise NotFound(f"GitLab shows no work item {ref.id} to this token", "It may be deleted.")
        return node

    def epics_by_iid(self, iids: list[str]) -> dict[str, str]:
        """The work item ids of at most 100 epics of the group, by iid; those that are not shown are left out."""
        document = graphql.details(None, [graphql.Ask("epics", tuple(iids))], links=False)
        names = {"project": self.place.path, "group": self.place.group, "i0": iids}
        group = self.owner(self.query(document, names, "epics"), "group")
        return understood("epics", lambda told: convert.ids_by_iid(told["nodes"]), group.get("e0"))

    def type_id(self, name: str) -> str:
        """The GraphQL id of a work item type, asked once: the ids differ. Epics are asked of the group. Raises
        Unsupported without one.
        """
        where = "group" if name == EPIC else "project"
        path = self.place.group if name == EPIC else self.place.path
        if where not in self._types:
            owner = self.owner(self.query(graphql.TYPES[where], {"path": path}, "the work item types"), where)
            self._types[where] = understood("the work item types", convert.work_item_types, owner.get("workItemTypes"))
        if name not in self._types[where]:
            hint = "Use the profile gitlab." if name == TASK else "Use another profile."
            raise Unsupported(f"This {where} has no work item type {name.title()}", hint)
        return self._types[where][name]

    def labels(self, *, of_group: bool = False) -> dict[str, str]:
        """Label name -> global id, of the project or the group, and of the groups above."""
        url = f"{self.group if of_group else self.project}/labels"
        first = self.reader.get(url, {"per_page": PAGE, "include_ancestor_groups": "true"})
        pairs = understood("labels", lambda _: list(map(convert.label, self.rows(first))), None)
        return {name: f"gid://gitlab/Label/{number}" for name, number in pairs}

    def query(self, document: str, variables: Mapping[str, Any], what: str) -> Mapping[str, Any]:
        """The `data` of a GraphQL query, sent once. Part of an answer is none: `errors` are raised."""
        return self.asked(document, variables, what)[0]

    def asked(
        self, document: str, variables: Mapping[str, Any], what: str
    ) -> tuple[Mapping[str, Any], datetime | None]:
        """The same, with the tracker's time."""
        answer = self.reader.query("api/graphql", {"query": document, "variables": dict(variables)})
        body = answer.body
        if not isinstance(body, dict):
            raise strange(what)
        if body.get("errors"):
            raise refusals.query_refused(refusals.messages(body["errors"]), f"to tell {what}")
        data = body.get("data")
        if not isinstance(data, dict):
            raise strange(what)
        return data, answer.date

    def owner(self, data: Mapping[str, Any], which: str) -> Mapping[str, Any]:
        """The `project` or `group` of an answer. Raises NotFound where the token may not see it."""
        told = data.get(which)
        if isinstance(told, dict):
            return told
        path = self.place.group if which == "group" else self.place.path
        mend = refusals.GROUP if which == "group" else refusals.ROLE
        raise NotFound(f"GitLab's GraphQL API shows no {which} {path} to this token", mend)

    def get(self, url: str, what: str) -> convert.Row:
        """One JSON object of the REST API."""
        answer = self.reader.get(url)
        self.headers = answer.headers
        if not isinstance(answer.body, dict):
            raise strange(what)
        return answer.body

    def rows(self, answer: Answer) -> Iterator[object]:
        """What this page lists, and every one that follows it, by Link. Raises Malformed."""
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

    def listed(self, url: str, what: str) -> list[convert.Row]:
        """A whole list of JSON objects."""
        first = self.reader.get(url, {"per_page": PAGE})
        return understood(what, lambda _: [convert.as_row(one) for one in self.rows(first)], None)

    def _ask_licence(self) -> Licence:
        place = self.place
        names = {"project": place.path} | ({"group": place.group} if place.group else {})
        try:
            data = self.query(graphql.GROUP_LICENCE if place.group else graphql.LICENCE, names, "its licence")
        except Unsupported:  # before 18.3
            return self._ask_old_licence(names) if place.group else Licence()
        return self._licensed(data, _feature(data, "above", "hasEpicsFeature"), _feature(data, "own", BLOCKED))

    def _ask_old_licence(self, names: Mapping[str, str]) -> Licence:
        try:
            data = self.query(graphql.OLD_GROUP_LICENCE, names, "its licence")
        except Unsupported:  # the Community Edition, which has no epics
            return Licence()
        epics = self.owner(data, "group").get("epicsEnabled") is True
        return self._licensed(data, epics, epics)

    def _licensed(self, data: Mapping[str, Any], epics: bool, links: bool) -> Licence:
        project = self.owner(data, "project")
        if not self.place.group:
            return Licence(links=links)
        group = self.owner(data, "group")
        if not epics:
            return Licence(links=links)

        def ids(_: object) -> Home:
            return Home(convert.gid_number(project.get("id")), convert.gid_number(group.get("id")))

        return Licence(True, links, understood("its licence", ids, None))

    def _one(self, url: str, read: Callable[[object], Observed]) -> Observed:
        return understood(url, read, self.get(url, url))


BLOCKED: Final = "hasBlockedIssuesFeature"


def _feature(data: Mapping[str, Any], which: str, name: str) -> bool:
    told = data.get(which)
    features = told.get("availableFeatures") if isinstance(told, dict) else None
    return isinstance(features, dict) and features.get(name) is True


def understood(what: str, read: Callable[[Any], Got], told: object) -> Got:
    """What `read` makes of an answer; Unavailable where it is not as documented."""
    try:
        return read(told)
    except convert.STRANGE:
        raise strange(what) from None


def strange(what: str) -> Unavailable:
    """The error for an answer that is not as documented."""
    return Unavailable(f"GitLab's answer about {what} is not what it documents", "Check --base-url.")
