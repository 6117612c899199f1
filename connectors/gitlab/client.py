"""The GitLab connector: what `connectors.base.Connector` promises, for one project."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from app.core.plan import Desired, Fields, Observed, Ref
from connectors.base import (
    Capabilities,
    Cursor,
    Finding,
    Observation,
    OutcomeUnknown,
    Place,
    Refs,
    Secret,
    TrackerError,
    Unauthorized,
    Unsupported,
)
from connectors.gitlab import convert
from connectors.gitlab.check import check
from connectors.gitlab.reads import Reads
from connectors.gitlab.writes import Writes

FREE: Final = Capabilities(
    title_max=255,
    description_max=1_048_576,
    start_dates=True,
    children=True,
    children_max=5_000,
    epics=False,
    strips_title_tags=True,
    quick_actions=True,
)


def open_gitlab(place: Place) -> GitLab:
    """A connector for a project, with a personal, project or group access token. Asks GitLab nothing yet.

    Raises Unsupported for App credentials, Unauthorized for a token that no header can carry, Unavailable for a base
    URL that is none.
    """
    token = place.credentials
    if not isinstance(token, Secret):
        raise Unsupported("GitLab takes a token", "Give --token-env or --token-file with an access token.")
    text = token.reveal()
    if not (text and text.isascii() and text.isprintable() and " " not in text):
        raise Unauthorized(
            "The GitLab token is empty, or holds characters that can't be sent",
            "Check for a line break or quotes in it.",
        )
    return GitLab(place, token)


class GitLab:
    """One GitLab project. Not for use by two threads at once.

    Tasks are its child items (work items of type Task under an issue); incidents and test cases count as issues.
    Descriptions are given as they are: GitLab acts on /commands in them (`Capabilities.quick_actions`), so what is sent
    must be harmless already, and what comes back may differ from it.
    """

    kind: ClassVar[str] = "gitlab"

    def __init__(self, place: Place, token: Secret) -> None:
        self._reads = Reads(place, token)
        self._path = place.path
        self._token = token
        self._writer: Writes | None = None
        self._labels: dict[str, int] | None = None
        self.requests = 0  # HTTP requests made since it was opened, whatever became of them

    def capabilities(self) -> Capabilities:
        """What any GitLab project can hold, Free ones too. Epics are not claimed: a list of types shows them even
        without the licence, and only a refused create disproves them.
        """
        return FREE

    def check(self) -> list[Finding]:
        """Token, project, role, issues, child items, version. Writes nothing; what fails is a finding."""
        with self._counted():
            return check(self._reads)

    def observe(self, since: Cursor | None = None) -> Observation:
        """Everything, or what changed since; an unreadable cursor reads everything. Lists only, never searches.

        Group milestones are not listed; an issue in one names its id. At most 2 + ceil(k/100) requests for k changed
        issues, and one a hundred child items among them for their parents, which REST doesn't tell.
        """
        with self._counted():
            return self._reads.observe(since)

    def create(self, want: Desired, refs: Refs) -> Observed:
        """Make one milestone, issue or child item whole in one call, which is not repeated.

        GitLab makes nothing closed: what is wanted closed takes a second call. When that one fails, whatever the
        reason, OutcomeUnknown is raised, since the object is there: the caller finds it by its marker, and the next
        plan closes it.
        """
        with self._counted():
            return self._create(want, refs)

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        """Change only the fields named, in one call, and give the object as it is then. None clears.

        A child item takes a call of its own for labels, which work items only take by id. Without fields it only
        reads. Closing what is closed changes nothing, and GitLab accepts it.
        """
        with self._counted():
            return self._update(ref, fields, refs)

    def close(self) -> None:
        """Let connections go."""
        self._reads.reader.close()
        if self._writer:
            self._writer.close()

    def __repr__(self) -> str:
        return f"GitLab({self._path!r} at {self._reads.reader.base.host})"

    @property
    def _writes(self) -> Writes:
        """Opened with the first write: most refreshes write nothing."""
        if self._writer is None:
            self._writer = Writes(self._reads.reader.base, self._path, self._token)
        return self._writer

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.requests = self._reads.reader.requests + (self._writer.sent if self._writer else 0)

    def _create(self, want: Desired, refs: Refs) -> Observed:
        fields = {name: value for name, value in want.fields.items() if name != "state" and value is not None}
        match want.shape:
            case "milestone":
                made = self._writes.create_milestone(convert.milestone_fields(fields))
            case "issue":
                made = self._writes.create_issue(convert.issue_fields(fields, refs))
            case "child":
                made = self._create_child(fields, refs)
            case _:
                raise Unsupported(f"A GitLab project takes no {want.shape}", "Use another shape in the profile.")
        if want.fields.get("state") not in convert.CLOSED:
            return made
        try:
            return self._update(made.ref, {"state": "closed"}, refs)
        except TrackerError as error:
            why, request_id = error.message, error.request_id
        raise OutcomeUnknown(
            f"{want.key} was made, but closing it failed: {why}", "It is found again and closed.", request_id=request_id
        )

    def _update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        if ref.shape == "milestone":
            sent = convert.milestone_fields(fields)
            return self._writes.update_milestone(ref.number, sent) if sent else self._reads.milestone(ref.number)
        if not fields:
            return self._reads.item(ref)
        if ref.shape != "child" and "parent" not in fields:
            return self._writes.update_issue(ref.number, convert.issue_fields(fields, refs))
        by_id = convert.work_item_input({n: v for n, v in fields.items() if n != "labels"}, refs)
        if "labels" in fields:
            self._writes.update_issue(ref.number, convert.issue_fields({"labels": fields["labels"]}, refs))
        if not by_id:
            return self._reads.item(ref)
        gid = ref.global_id or convert.work_item_gid(ref.id)
        return self._writes.update_work_item({"id": gid, **by_id})

    def _create_child(self, fields: Fields, refs: Refs) -> Observed:
        sent = convert.work_item_input({n: v for n, v in fields.items() if n != "labels"}, refs)
        labels = fields.get("labels")
        if isinstance(labels, tuple) and labels:
            sent["labelsWidget"] = {"labelIds": [f"gid://gitlab/Label/{self._label_id(name)}" for name in labels]}
        space = {"namespacePath": self._path, "workItemTypeId": self._reads.task_type()}
        return self._writes.create_work_item({**space, **sent})

    def _label_id(self, name: str) -> int:
        """The label's id; it is made where missing."""
        if self._labels is None:
            self._labels = self._reads.labels()
        known, self._labels = self._labels, None  # asked again after a failure: somebody else may have made it
        if name not in known:
            known[name] = self._writes.create_label(name)
        self._labels = known
        return known[name]
