"""The GitLab connector: what `connectors.base.Connector` promises, for one project and the epics of its group."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final

from app.core.plan import Desired, Fields, Observed, Ref
from connectors.base import (
    Budget,
    Capabilities,
    Cursor,
    Delivery,
    Finding,
    Hook,
    Limit,
    Observation,
    OutcomeUnknown,
    Pace,
    Place,
    Refs,
    Secret,
    TrackerError,
    Unauthorized,
    Unsupported,
    unpaced,
)
from connectors.gitlab import convert, fields, hooks, links, refusals
from connectors.gitlab.check import check
from connectors.gitlab.observe import observe
from connectors.gitlab.reads import EPIC, ISSUE, TASK, Reads
from connectors.gitlab.writes import Writes
from connectors.http import is_loopback

FREE: Final = Capabilities(
    title_max=255,
    description_max=fields.DESCRIPTION_MAX,
    start_dates=True,
    children=True,
    children_max=5_000,
    epics=False,
    strips_title_tags=True,
    quick_actions=True,
    levels=2,  # tasks under issues; epics are no issues
)
# Issue creations a minute, the limit of writes that comes before that of 2,000 requests a minute:
# docs.gitlab.com/user/gitlab_com/#rate-limits-on-gitlabcom; elsewhere what an instance has unless it was changed,
# docs.gitlab.com/administration/settings/rate_limit_on_issues_creation
ISSUES_A_MINUTE: Final = {"gitlab.com": 200}
ISSUES_A_MINUTE_ELSEWHERE: Final = 300


def open_gitlab(place: Place) -> GitLab:
    """A connector for a project, with a personal, project or group access token. Asks GitLab nothing yet.

    Raises Unsupported for App credentials, and for a group that the project is not in; Unauthorized for a token that no
    header can carry, Unavailable for a base URL that is none.
    """
    token = place.credentials
    if not isinstance(token, Secret):
        raise Unsupported("GitLab takes a token", "Give --token-env or --token-file with an access token.")
    if not _sendable(token):
        raise Unauthorized(
            "The GitLab token is empty, or holds characters that can't be sent",
            "Check for a line break or quotes in it.",
        )
    if place.group and not place.path.lower().startswith(f"{place.group.lower()}/"):
        raise Unsupported(
            f"The project {place.path} is not in the group {place.group}",
            "Give --group as the group of the project, or one above it.",
        )
    return GitLab(place, token)


def _sendable(token: Secret) -> bool:
    """Whether a header can carry it. Apart, since a traceback can print the local variables of what raises."""
    text = token.reveal()
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


class GitLab:
    """One GitLab project. Not for use by two threads at once.

    Child items are tasks (work items of type Task) under its issues, and issues of its own under epics of the group;
    incidents and test cases count as issues. Descriptions are given as they are: GitLab acts on /commands in them
    (`Capabilities.quick_actions`), so what is sent must be harmless already, and what comes back may differ from it.
    """

    kind: ClassVar[str] = "gitlab"

    def __init__(self, place: Place, token: Secret) -> None:
        self.before_write = unpaced
        self._reads = Reads(place, token)
        self._place = place
        self._token = token
        self._writer: Writes | None = None
        self._labels: dict[bool, dict[str, str]] = {}  # of the project, of the group: name -> global id
        self._holds: Capabilities | None = None
        self.requests = 0  # HTTP requests made since it was opened, whatever became of them

    def capabilities(self) -> Capabilities:
        """What this place can hold.

        Epics and blocking links are proven by the licence, which GitLab tells any member: asked once, and only where
        the place names a group or wants dependencies; without either neither is claimed. A list of work item types
        proves nothing: it has Epic even without the licence. Before GitLab 18.3 links are claimed where there are
        epics, which need the same tier; where that can't be told either, none. Raises NotFound where the token may not
        see the group.
        """
        if self._holds is None:
            with self._counted():
                asked = self._place.group or self._place.dependencies
                licence = self._reads.licence() if asked else None
                self._holds = replace(
                    FREE,
                    epics=bool(licence and licence.epics),
                    blockers_max=links.MOST if licence and licence.links else 0,
                    pace=self._pace(),
                )
        return self._holds

    def check(self) -> list[Finding]:
        """Token, project, role, issues, child items, epics, links, webhooks, version, limit. Writes nothing; what fails
        is a finding.
        """
        with self._counted():
            return check(self._reads)

    def observe(self, since: Cursor | None = None) -> Observation:
        """Everything, or what changed since; an unreadable cursor reads everything, and so does one that was made for
        another group, other dependencies or another licence. Lists only, never searches.

        Group milestones are not listed; an issue in one names its id. Requests for k changed issues, of them c tasks,
        and e changed epics: 1 + max(1, ceil(k/100)), and GraphQL queries, each of which takes what a complexity of 220
        allows: a page of 100 epics 90, 100 tasks 12 (with dependencies any 100 issues 23), 100 epics that issues name
        6. So idle 2, or 3 with epics; and at most 2 + ceil((k+e)/100) for c up to 1,800 tasks (1,000 with epics; 900
        and 500 with dependencies, of any issues); one query more for each 1,800 (900) above. Reading everything asks
        the licence too, once, where the place names a group.
        """
        with self._counted():
            return observe(self._reads, since)

    def create(self, want: Desired, refs: Refs) -> Observed:
        """Make one milestone, issue, child item or epic whole in one call, which is not repeated. A child of an epic is
        an issue of the project, one of an issue a task. Labels that an epic or a child lacks are made first.

        GitLab makes nothing closed: what is wanted closed takes a second call. When that one fails, whatever the
        reason, OutcomeUnknown is raised, since the object is there: the caller finds it by its marker, and the next
        plan closes it.
        """
        with self._counted():
            return self._create(want, refs)

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        """Change only the fields named, in one call, and give the object as it is then. None clears.

        Labels of child items and epics go by id: which are on is read first. Without fields it only reads. Closing what
        is closed changes nothing, and GitLab accepts it.
        """
        with self._counted():
            return self._update(ref, fields, refs)

    def block(self, ref: Ref, by: Ref, blocked: bool) -> None:
        """Say, or with `blocked` false take back, that `ref` waits for `by`, between issues, child items and epics.

        One attempt. That it is so already is no error; Rejected where people linked the two in another way, which
        GitLab holds in place of it. Raises Unsupported without the licence and at 100 links.
        """
        with self._counted():
            links.block(self._reads, self._writes, ref, by, blocked)

    def hook(self, url: str, secret: Secret) -> Hook:
        """Make the project's webhook that calls `url`, or mend the one that does; with epics the group's too, where the
        token's user owns the group: GitLab tells of epics there alone, and of issues then twice, which does no harm.
        `whsec_…` is set as signing token. Others stay.

        Raises Unauthorized without the role Maintainer; Unsupported where this GitLab takes no signing token.
        """
        with self._counted():
            epics = bool(self._place.group) and self._reads.licence().epics
            return hooks.set_up(self._reads, self._writes, url, secret, epics=epics)

    def missed_deliveries(self, hook_id: str, since: datetime) -> Iterable[Delivery]:
        """The deliveries of that webhook since then that did not arrive, each once, oldest first. Kept seven days."""
        with self._counted():
            return hooks.missed(self._reads, hook_id, since)

    def close(self) -> None:
        """Let connections go."""
        self._reads.reader.close()
        if self._writer:
            self._writer.close()

    @property
    def budget(self) -> Budget | None:
        """What GitLab said last of its limit; an instance may have none."""
        return self._reads.reader.budget

    @property
    def request_id(self) -> str:
        """GitLab's own name for the last write that it answered."""
        return self._writer.request_id if self._writer else ""

    def __repr__(self) -> str:
        return f"GitLab({self._place.path!r} at {self._reads.reader.base.host})"

    @property
    def _writes(self) -> Writes:
        """Opened with the first write: most refreshes write nothing."""
        if self._writer is None:
            home = self._reads.licence().home if self._place.group else None
            self._writer = Writes(self._reads.reader.base, self._place, self._token, home, self._announced)
        return self._writer

    def _announced(self) -> None:
        self.before_write()  # whatever it is by now

    def _pace(self) -> Pace:
        host = self._reads.reader.base.host
        if is_loopback(host):
            return Pace()
        return Pace((Limit(ISSUES_A_MINUTE.get(host, ISSUES_A_MINUTE_ELSEWHERE), 60.0),))

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.requests = self._reads.reader.requests + (self._writer.sent if self._writer else 0)

    def _create(self, want: Desired, refs: Refs) -> Observed:
        given = {name: value for name, value in want.fields.items() if name != "state" and value is not None}
        match want.shape:
            case "milestone":
                made = self._writes.create_milestone(fields.milestone_fields(given))
            case "issue":
                made = self._writes.create_issue(fields.issue_fields(given, refs))
            case "child":
                above = refs.get(str(given.get("parent")))
                kind = ISSUE if above and above.shape == "epic" else TASK
                made = self._create_item(kind, self._place.path, given, refs)
            case "epic" if self._place.group and self._reads.licence().epics:
                made = self._create_item(EPIC, self._place.group, given, refs)
            case "epic" if self._place.group:
                raise Unsupported(f"The group {self._place.group} is not licensed for epics", refusals.TIER)
            case "epic":
                raise Unsupported("Epics are a group's, and this target names none", "Give it --group.")
            case _:
                raise Unsupported(f"A GitLab project takes no {want.shape}", "Use another shape in the profile.")
        if want.fields.get("state") not in fields.CLOSED:
            return self._whole(made)
        try:
            return self._update(made.ref, {"state": "closed"}, refs)
        except TrackerError as error:
            why, request_id = error.message, error.request_id
        raise OutcomeUnknown(
            f"{want.key} was made, but closing it failed: {why}", "It is found again and closed.", request_id=request_id
        )

    def _create_item(self, kind: str, path: str, given: Fields, refs: Refs) -> Observed:
        epic = kind == EPIC
        sent = fields.work_item_input({n: v for n, v in given.items() if n != "labels"}, refs, epic=epic)
        names = given.get("labels")
        if isinstance(names, tuple) and names:
            sent["labelsWidget"] = {"labelIds": list(self._label_ids(names, in_group=epic).values())}
        return self._writes.create_work_item(
            {"namespacePath": path, "workItemTypeId": self._reads.type_id(kind), **sent}
        )

    def _update(self, ref: Ref, changes: Fields, refs: Refs) -> Observed:
        if ref.shape == "milestone":
            sent = fields.milestone_fields(changes)
            return self._writes.update_milestone(ref.number, sent) if sent else self._reads.milestone(ref.number)
        if not changes:
            return self._reads.item(ref)
        if ref.shape == "issue" and "parent" not in changes:
            return self._whole(self._writes.update_issue(ref.number, fields.issue_fields(changes, refs)))
        return self._update_item(ref, changes, refs)

    def _update_item(self, ref: Ref, changes: Fields, refs: Refs) -> Observed:
        epic = ref.shape == "epic"
        sent = fields.work_item_input({n: v for n, v in changes.items() if n != "labels"}, refs, epic=epic)
        if "labels" in changes:
            sent |= self._label_input(ref, changes["labels"], epic=epic)
        if not sent:
            return self._reads.item(ref)
        return self._writes.update_work_item({"id": fields.gid_of(ref), **sent})

    def _label_input(self, ref: Ref, wanted: Any, *, epic: bool) -> Mapping[str, Any]:
        have = convert.label_ids(self._reads.work_item(ref))
        lacking = [name for name in wanted or () if name not in have]
        ids = self._label_ids(lacking, in_group=epic) if lacking else {}
        widget = fields.label_changes(wanted, ids, have)
        return {"labelsWidget": widget} if any(widget.values()) else {}

    def _whole(self, item: Observed) -> Observed:
        """With the work item of the epic that REST names by its iid."""
        if not (item.parent or "").startswith("&"):
            return item
        iid = str(item.parent)[1:]
        return replace(item, parent=self._reads.epics_by_iid([iid]).get(iid) or f"{self._place.group}&{iid}")

    def _label_ids(self, names: Collection[str], *, in_group: bool) -> dict[str, str]:
        """Name -> global id of these labels of the project or the group; missing ones are made."""
        known = self._labels.pop(in_group, None)  # asked again after a failure: somebody else may have made one
        if known is None or any(name not in known for name in names):  # as does each issue that is given a new label
            known = self._reads.labels(of_group=in_group)
        for name in names:
            if name not in known:
                known[name] = self._writes.create_label(name, in_group=in_group)
        self._labels[in_group] = known
        return {name: known[name] for name in names}
