"""GraphQL's mutations: each takes the call and its input, and gives its payload. Things are named by global id."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from connectors.sandbox.github import issues
from connectors.sandbox.github.api import Call
from connectors.sandbox.github.model import (
    KEEP,
    Issue,
    IssueEdit,
    IssueType,
    Label,
    Milestone,
    Refusal,
    Repo,
    node_id,
)
from connectors.sandbox.github.render import person_id

Input = Mapping[str, Any]
Payload = dict[str, Any]
T = TypeVar("T", Repo, Issue, IssueType, Milestone, Label)


def _held(call: Call, kind: type[T], wanted: str) -> T:
    found = call.store.nodes.get(wanted)
    if not isinstance(found, kind) or (isinstance(found, Issue) and found.pull):
        raise Refusal(404, f"Could not resolve to a node with the global id of '{wanted}'.")
    return found


def _maybe(call: Call, kind: type[T], wanted: str | None) -> T | None:
    return _held(call, kind, wanted) if wanted else None


def _edit(call: Call, given: Input) -> IssueEdit:
    """What an input names. Null clears a milestone and counts as not there elsewhere. What REST drops without push
    access is dropped here too; GitHub documents it for REST alone.
    """
    labels, people, state = given.get("labelIds"), given.get("assigneeIds"), given.get("state")
    for one in people or ():
        if one != node_id("U_kgDO", person_id(call.by)):
            raise Refusal(404, f"Could not resolve to a node with the global id of '{one}'.")
    texts = IssueEdit(
        title=KEEP if given.get("title") is None else given["title"],
        body=KEEP if given.get("body") is None else given["body"],
        state=KEEP if state is None else state.lower(),
    )
    if not call.can_push:
        return texts
    return replace(
        texts,
        milestone=_maybe(call, Milestone, given["milestoneId"]) if "milestoneId" in given else KEEP,
        labels=KEEP if labels is None else [_held(call, Label, one) for one in dict.fromkeys(labels)],
        assignees=KEEP if people is None else [call.by for _ in people],
        type=_held(call, IssueType, given["issueTypeId"]) if given.get("issueTypeId") else KEEP,
    )


def create_issue(call: Call, given: Input) -> Payload:
    """With `parentIssueId` the issue is born as a sub-issue. When the parent has no room nothing is made."""
    repo = _held(call, Repo, given["repositoryId"])
    parent = _maybe(call, Issue, given.get("parentIssueId"))
    return {"issue": issues.create(call.store, repo, _edit(call, given), call.by, parent)}


def _own(call: Call, wanted: str) -> Issue:
    issue = _held(call, Issue, wanted)
    call.check_own(issue)
    return issue


def update_issue(call: Call, given: Input) -> Payload:
    issue = _own(call, given["id"])
    return {"issue": issues.edit(call.store, issue, _edit(call, given), call.by)}


def close_issue(call: Call, given: Input) -> Payload:
    issue = _own(call, given["issueId"])
    _maybe(call, Issue, given.get("duplicateIssueId"))
    reason = given.get("stateReason") or "COMPLETED"
    change = IssueEdit(state="closed", state_reason=reason.lower())
    return {"issue": issues.edit(call.store, issue, change, call.by)}


def reopen_issue(call: Call, given: Input) -> Payload:
    issue = _own(call, given["issueId"])
    return {"issue": issues.edit(call.store, issue, IssueEdit(state="open"), call.by)}


def delete_issue(call: Call, given: Input) -> Payload:
    issue = _held(call, Issue, given["issueId"])
    issues.delete(call.store, issue, call.by)
    return {"repository": issue.repo}


def add_sub_issue(call: Call, given: Input) -> Payload:
    parent = _held(call, Issue, given["issueId"])
    if given.get("subIssueId"):
        child = _held(call, Issue, given["subIssueId"])
    else:
        place = re.search(r"/([^/]+)/([^/]+)/issues/(\d+)$", given.get("subIssueUrl") or "")
        if not place:
            raise Refusal(422, "Either subIssueId or subIssueUrl must be provided", kind="VALIDATION")
        child = issues.find(call.store.repo(place[1], place[2]), int(place[3]))
    issues.add_child(call.store, parent, child, call.by, bool(given.get("replaceParent")))
    return {"issue": parent, "subIssue": child}


def remove_sub_issue(call: Call, given: Input) -> Payload:
    parent, child = _held(call, Issue, given["issueId"]), _held(call, Issue, given["subIssueId"])
    issues.remove_child(call.store, parent, child, call.by)
    return {"issue": parent, "subIssue": child}


def reprioritise_sub_issue(call: Call, given: Input) -> Payload:
    parent, child = _held(call, Issue, given["issueId"]), _held(call, Issue, given["subIssueId"])
    after, before = _maybe(call, Issue, given.get("afterId")), _maybe(call, Issue, given.get("beforeId"))
    issues.prioritise(parent, child, after, before)
    return {"issue": parent}


def add_blocked_by(call: Call, given: Input) -> Payload:
    issue, blocker = _held(call, Issue, given["issueId"]), _held(call, Issue, given["blockingIssueId"])
    issues.block(call.store, issue, blocker, call.by)
    return {"issue": issue, "blockingIssue": blocker}


def remove_blocked_by(call: Call, given: Input) -> Payload:
    issue, blocker = _held(call, Issue, given["issueId"]), _held(call, Issue, given["blockingIssueId"])
    issues.unblock(call.store, issue, blocker, call.by)
    return {"issue": issue, "blockingIssue": blocker}


def transfer_issue(call: Call, given: Input) -> Payload:
    issue, target = _held(call, Issue, given["issueId"]), _held(call, Repo, given["repositoryId"])
    if given.get("createLabelsIfMissing"):
        call.store.labels_named(target, [label.name for label in issue.labels], call.by)
    return {"issue": issues.transfer(call.store, issue, target, call.by)}


def create_label(call: Call, given: Input) -> Payload:
    repo = _held(call, Repo, given["repositoryId"])
    label = call.store.create_label(repo, given["name"], call.by, given["color"], given.get("description"))
    return {"label": label}


def add_labels(call: Call, given: Input) -> Payload:
    issue = _held(call, Issue, given["labelableId"])
    new = [_held(call, Label, one) for one in dict.fromkeys(given["labelIds"])]
    labels = issue.labels + [label for label in new if label not in issue.labels]
    return {"labelable": issues.edit(call.store, issue, IssueEdit(labels=labels), call.by)}


OPEN_TO_AUTHORS = ("createIssue", "updateIssue", "closeIssue", "reopenIssue")  # push access or not
MUTATIONS: dict[str, Callable[[Call, Input], Payload]] = {
    "addBlockedBy": add_blocked_by,
    "addLabelsToLabelable": add_labels,
    "addSubIssue": add_sub_issue,
    "closeIssue": close_issue,
    "createIssue": create_issue,
    "createLabel": create_label,
    "deleteIssue": delete_issue,
    "removeBlockedBy": remove_blocked_by,
    "removeSubIssue": remove_sub_issue,
    "reopenIssue": reopen_issue,
    "reprioritizeSubIssue": reprioritise_sub_issue,
    "transferIssue": transfer_issue,
    "updateIssue": update_issue,
}
