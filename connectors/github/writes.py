"""Writing milestones, issues and sub-issues: one call each, and the answer compared with what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from app.core.plan import Desired, Fields, Observed, Ref, Value
from connectors.base import (
    FieldProblem,
    NotFound,
    OutcomeUnknown,
    Refs,
    Rejected,
    TrackerError,
    Unauthorized,
    Unsupported,
)
from connectors.github import convert
from connectors.github.auth import BadCredentials
from connectors.github.session import Session
from connectors.github.wire import Dropped

PLAN_AGAIN: Final = "Give the token Issues: read and write, and its user write access. Then plan again."


class Writes:
    """Writes to one repository, and remembers its labels and issue types."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._labels: dict[str, str] | None = None
        self._types: dict[str, tuple[str, str]] | None = None

    def create(self, want: Desired, refs: Refs) -> Observed:
        """See `connectors.base.Connector.create`."""
        if want.shape == "milestone":
            body = {k: v for k, v in convert.milestone_body(want.fields).items() if v is not None}
            return self._session.write("POST", "/milestones", body, convert.milestone)
        if want.shape not in ("issue", "child"):
            raise Unsupported(f"GitHub has no {want.shape} to make of {want.key}")
        fields = {k: v for k, v in want.fields.items() if k != "state" and v not in (None, (), "")}
        made = self._create_issue(fields, refs)
        if "parent" in fields and made.parent is None:
            raise Dropped(f"{want.key} was made ({made.ref.url}), but GitHub dropped its parent", PLAN_AGAIN)
        self._intact(fields, refs, made, f"{want.key} was made ({made.ref.url})")
        if want.fields.get("state") in (None, "open"):
            return made
        try:
            return self.update(made.ref, {"state": want.fields["state"]}, refs)
        except TrackerError as error:
            why, request_id = error.message, error.request_id
        raise OutcomeUnknown(
            f"{want.key} was made, but closing it failed: {why}", "It is found again and closed.", request_id=request_id
        )

    def _create_issue(self, fields: Fields, refs: Refs) -> Observed:
        if "parent" in fields:
            return self._create_child(fields, refs)
        return self._session.write("POST", "/issues", convert.issue_body(fields, refs), convert.issue)

    def _create_child(self, fields: Fields, refs: Refs) -> Observed:
        """GraphQL's createIssue, since REST takes no parent."""
        session = self._session
        convert.issue_body(fields, refs)  # refuses what issues have no place for
        arguments: dict[str, Any] = {
            "repositoryId": convert.node_id(session.home()),
            "title": fields.get("title"),
            "body": fields.get("description") or "",
            "parentIssueId": session.node_id(convert.resolve(refs, "parent", fields["parent"])),
        }
        if "milestone" in fields:
            arguments["milestoneId"] = session.node_id(convert.resolve(refs, "milestone", fields["milestone"]))
        labels = fields.get("labels")
        if isinstance(labels, tuple):
            arguments["labelIds"] = [self._label_id(name) for name in labels]
        if "type" in fields:
            arguments["issueTypeId"] = self._type_id(str(fields["type"]))
        return self._mutate("createIssue", arguments, "issue")

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        """See `connectors.base.Connector.update`. One PATCH; `parent` is a call of its own, after it."""
        if ref.shape == "milestone":
            body = convert.milestone_body(fields)
            return self._session.write("PATCH", f"/milestones/{ref.number}", body, convert.milestone)
        body, observed = convert.issue_body(fields, refs), None
        if body:
            observed = self._session.write("PATCH", f"/issues/{ref.number}", body, convert.issue)
            self._intact(fields, refs, observed, f"{ref.url or f'issue {ref.number}'} was changed")
        if "parent" in fields:
            return self._set_parent(ref, fields["parent"], refs)
        return observed or self._read_issue(ref)

    def _intact(self, fields: Fields, refs: Refs, made: Observed, what: str) -> None:
        """Raise Dropped where the answer lacks what was sent. Labels that GitHub made on the way are no loss."""
        lost = convert.dropped(fields, refs, made)
        if lost:
            raise Dropped(
                f"{what}, but GitHub silently dropped its {' and '.join(lost)}: the token has no push access",
                PLAN_AGAIN,
            )

    def _set_parent(self, ref: Ref, key: Value, refs: Refs) -> Observed:
        """By node ids: REST's replace_parent wants the database id, which nothing else needs."""
        session = self._session
        if key is not None:
            above = session.node_id(convert.resolve(refs, "parent", key))
            arguments = {"issueId": above, "subIssueId": session.node_id(ref), "replaceParent": True}
            try:
                return self._mutate("addSubIssue", arguments, "subIssue")
            except Rejected as error:  # GitHub refuses to put it where it is
                if "duplicate sub-issues" not in error.message:
                    raise
                return self._read_issue(ref)
        try:
            parent = session.object(f"{session.root}/issues/{ref.number}/parent")
        except NotFound:
            return self._read_issue(ref)
        arguments = {"issueId": convert.node_id(parent), "subIssueId": session.node_id(ref)}
        return self._mutate("removeSubIssue", arguments, "subIssue")

    def _mutate(self, name: str, arguments: Mapping[str, Any], key: str) -> Observed:
        typed = convert.TYPE_SELECTION if self.types() else ""
        return self._session.mutate(name, arguments, key, f"{convert.ISSUE_SELECTION} {typed}", convert.graphql_issue)

    def _read_issue(self, ref: Ref) -> Observed:
        with self._session.misshapen():
            return convert.issue(self._session.issue(ref.number))

    # -- labels and types

    def _label_id(self, name: str) -> str:
        """The label's GraphQL id; made where there is none. Names are the same whatever their case."""
        if self._labels is None:
            labels: dict[str, str] = {}
            for page in self._session.pages(f"{self._session.root}/labels"):
                with self._session.misshapen():
                    labels |= {str(label["name"]).lower(): convert.node_id(label) for label in page}
            self._labels = labels
        if name.lower() not in self._labels:
            self._labels[name.lower()] = self._make_label(name)
        return self._labels[name.lower()]

    def _make_label(self, name: str) -> str:
        try:
            return self._session.write("POST", "/labels", {"name": name}, convert.node_id)
        except Rejected as error:
            if "already_exists" not in [problem.code for problem in error.fields]:
                raise
        return convert.node_id(self._session.object(f"{self._session.root}/labels/{quote(name, safe='')}"))

    def types(self) -> tuple[str, ...]:
        """Issue types by name, asked once. A user's repository and an older GitHub Enterprise Server have none.

        Raises Retryable where it can't be told now, and BadCredentials.
        """
        if self._types is None:
            self._types = self._read_types()
        return tuple(name for name, _ in self._types.values())

    def _read_types(self) -> dict[str, tuple[str, str]]:
        try:
            answer = self._session.get(f"{self._session.root}/issue-types")
        except (Rejected, NotFound, Unsupported, Unauthorized) as error:
            if isinstance(error, BadCredentials):
                raise
            return {}
        types = {}
        with self._session.misshapen():
            for entry in self._session.listed(answer):
                if entry.get("is_enabled") is not False:
                    types[str(entry["name"]).lower()] = (str(entry["name"]), convert.node_id(entry))
        return types

    def _type_id(self, name: str) -> str:
        self.types()
        found = (self._types or {}).get(name.lower())
        if found is None:
            raise Rejected(
                f"There is no issue type {name!r} for {self._session.path}",
                "Make it in the organisation's settings, or take it out of the profile.",
                fields=(FieldProblem("type", "missing"),),
            )
        return found[1]
