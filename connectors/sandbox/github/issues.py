"""Issues: create, change, delete, comment, sub-issues and dependencies. Each function runs inside `Store.session`."""

from __future__ import annotations

from dataclasses import replace

from connectors.sandbox.github.model import (
    BLOCKERS_MAX,
    BODY_MAX,
    CHILDREN_MAX,
    CLOSED_REASONS,
    KEEP,
    LABELS_PER_ISSUE,
    LEVELS_MAX,
    TITLE_MAX,
    Comment,
    Event,
    Issue,
    IssueEdit,
    Milestone,
    Refusal,
    Repo,
    invalid,
    not_found,
)
from connectors.sandbox.github.state import Store, check_length


def find(repo: Repo, number: int) -> Issue:
    """The issue or pull request of that number. Raises 404, 410 for one that was deleted, 301 for one transferred."""
    issue = repo.issues.get(number)
    if issue:
        return issue
    if number in repo.deleted:
        raise Refusal(410, "This issue was deleted")
    if number in repo.moved:
        refusal = Refusal(301, "Moved Permanently")
        refusal.moved = repo.moved[number]
        raise refusal
    raise not_found()


def check(edit: IssueEdit) -> None:
    """Raise GitHub's 422 for what is empty or too long."""
    if edit.title is not KEEP:
        if not edit.title.strip():
            raise invalid("Issue", "title", "missing_field")
        check_length("Issue", "title", edit.title, TITLE_MAX)
    if edit.body is not KEEP:
        check_length("Issue", "body", edit.body, BODY_MAX)
    if edit.labels is not KEEP and len(edit.labels) > LABELS_PER_ISSUE:
        raise invalid("Issue", "labels", "custom", message=f"labels is over the limit of {LABELS_PER_ISSUE}")


def create(
    store: Store, repo: Repo, edit: IssueEdit, by: str, parent: Issue | None = None, pull: bool = False
) -> Issue:
    """A new issue from `edit`, whose title must be set; under `parent` when given. Nothing is made when it raises."""
    if edit.title is KEEP:
        raise invalid("Issue", "title", "missing_field")
    check(edit)
    if parent:
        _check_room(parent, None)
    now = store.now()
    repo.last_number += 1
    issue = Issue(repo, store.next_issue_id(), repo.last_number, edit.title, by, now, now, pull=pull)
    issue.body = None if edit.body is KEEP else edit.body or None
    issue.place(None if edit.milestone is KEEP else edit.milestone)
    issue.labels = [] if edit.labels is KEEP else list(edit.labels)
    issue.assignees = [] if edit.assignees is KEEP else list(edit.assignees)
    issue.type = None if edit.type is KEEP else edit.type
    issue.born = store.exactly()
    repo.issues[issue.number] = issue
    store.nodes[issue.node_id] = issue
    store.issues_by_id[issue.id] = issue
    if pull:  # Pull requests have events of their own, which the box does not send.
        return issue
    store.emit(Event("issues", "opened", repo, by, issue))
    for label in issue.labels:
        store.emit(Event("issues", "labeled", repo, by, issue, label=label))
    if issue.milestone:
        store.emit(Event("issues", "milestoned", repo, by, issue, milestone=issue.milestone))
    if issue.type:
        store.emit(Event("issues", "typed", repo, by, issue, type=issue.type))
    if parent:
        add_child(store, parent, issue, by)
    return issue


def edit(store: Store, issue: Issue, change: IssueEdit, by: str) -> Issue:
    """Change what `change` names. What changes nothing leaves `updated_at` and tells nobody."""
    check(change)
    events: list[Event] = []
    texts: dict[str, dict[str, str]] = {}
    if change.title is not KEEP and change.title != issue.title:
        texts["title"] = {"from": issue.title}
        issue.title = change.title
    if change.body is not KEEP and (change.body or None) != issue.body:
        texts["body"] = {"from": issue.body or ""}
        issue.body = change.body or None
    if texts:
        events.append(Event("issues", "edited", issue.repo, by, issue, changes=texts))
    events += _edit_people(issue, change, by)
    events += _edit_milestone(issue, change, by)
    events += _edit_type(issue, change, by)
    if change.state is not KEEP and change.state != issue.state:
        events.append(_turn(store, issue, change, by))
    if events:
        issue.updated_at = store.now()
    if not issue.pull:
        for event in events:
            store.emit(event)
    return issue


def _edit_people(issue: Issue, change: IssueEdit, by: str) -> list[Event]:
    events: list[Event] = []
    if change.labels is not KEEP:
        gone = [label for label in issue.labels if label not in change.labels]
        new = [label for label in change.labels if label not in issue.labels]
        issue.labels = [label for label in issue.labels if label not in gone] + new
        events += [Event("issues", "labeled", issue.repo, by, issue, label=label) for label in new]
        events += [Event("issues", "unlabeled", issue.repo, by, issue, label=label) for label in gone]
    if change.assignees is not KEEP:
        before, issue.assignees = issue.assignees, list(dict.fromkeys(change.assignees))
        left, joined = set(before) - set(issue.assignees), set(issue.assignees) - set(before)
        events += [Event("issues", "assigned", issue.repo, by, issue, assignee=one) for one in sorted(joined)]
        events += [Event("issues", "unassigned", issue.repo, by, issue, assignee=one) for one in sorted(left)]
    return events


def _edit_milestone(issue: Issue, change: IssueEdit, by: str) -> list[Event]:
    if change.milestone is KEEP or change.milestone is issue.milestone:
        return []
    before = issue.milestone
    issue.place(change.milestone)
    events = []
    if before:
        events.append(Event("issues", "demilestoned", issue.repo, by, issue, milestone=before))
    if issue.milestone:
        events.append(Event("issues", "milestoned", issue.repo, by, issue, milestone=issue.milestone))
    return events


def _edit_type(issue: Issue, change: IssueEdit, by: str) -> list[Event]:
    """`typed` for a new type and `untyped` for none. Whether the real one tells both of a change is not known."""
    if change.type is KEEP or change.type is issue.type:
        return []
    before, issue.type = issue.type, change.type
    action, subject = ("typed", issue.type) if issue.type else ("untyped", before)
    return [Event("issues", action, issue.repo, by, issue, type=subject)]


def _turn(store: Store, issue: Issue, change: IssueEdit, by: str) -> Event:
    """Close or reopen. The reason counts only when the state changes (OpenAPI, `PATCH …/issues/{n}`)."""
    if change.state == "closed":
        reason = change.state_reason or "completed"
        if reason not in CLOSED_REASONS:
            raise invalid("Issue", "state_reason", "invalid", value=reason)
        issue.turn("closed")
        issue.state_reason = None if issue.pull else reason
        issue.closed_at, issue.closed_by = store.now(), by
        return Event("issues", "closed", issue.repo, by, issue)
    issue.turn("open")
    issue.state_reason = None if issue.pull else "reopened"
    issue.closed_at, issue.closed_by = None, None
    return Event("issues", "reopened", issue.repo, by, issue)


def delete(store: Store, issue: Issue, by: str) -> None:
    """Gone for good, as by GraphQL's `deleteIssue`: its number then answers 410. Its sub-issues lose their parent."""
    repo = issue.repo
    if issue.parent:
        remove_child(store, issue.parent, issue, by)
    for child in issue.children:
        child.parent = None
    for other in issue.blocking:
        other.blocked_by.remove(issue)
    for other in issue.blocked_by:
        other.blocking.remove(issue)
    issue.place(None)
    del repo.issues[issue.number]
    del store.nodes[issue.node_id]
    del store.issues_by_id[issue.id]
    repo.deleted.add(issue.number)
    store.emit(Event("issues", "deleted", repo, by, issue))


def transfer(store: Store, issue: Issue, target: Repo, by: str) -> Issue:
    """Moved to another repository of the same owner, under a new number and id; its old address leads there.

    Labels stay that the target has by name, a milestone that it has by title and due date (docs, "Transferring an issue
    to another repository"). Links to other issues stay: what the real one does with them is not documented.
    """
    if issue.pull or target is issue.repo or target.owner.lower() != issue.repo.owner.lower():
        raise Refusal(422, "Validation Failed: the issue can not be transferred there")
    old = replace(issue)
    del issue.repo.issues[issue.number]
    del store.nodes[issue.node_id]
    del store.issues_by_id[issue.id]
    issue.repo.moved[issue.number] = issue
    held = [one for one in target.milestones.values() if issue.milestone and _alike(one, issue.milestone)]
    issue.place(held[0] if held else None)
    issue.labels = [target.labels[one.name.lower()] for one in issue.labels if one.name.lower() in target.labels]
    target.last_number += 1
    issue.repo, issue.number, issue.id = target, target.last_number, store.next_issue_id()
    issue.updated_at, issue.born = store.now(), store.exactly()
    target.issues[issue.number] = issue
    store.nodes[issue.node_id] = issue
    store.issues_by_id[issue.id] = issue
    store.emit(Event("issues", "transferred", old.repo, by, old, other=issue))
    store.emit(Event("issues", "opened", target, by, issue, other=old))
    return issue


def _alike(one: Milestone, other: Milestone) -> bool:
    return (one.title, one.due_on) == (other.title, other.due_on)


def comment(store: Store, issue: Issue, body: str, by: str) -> Comment:
    if not body.strip():
        raise invalid("IssueComment", "body", "missing_field")
    check_length("IssueComment", "body", body, BODY_MAX)
    made = Comment(next(store.other_ids), by, body, store.now(), store.exactly())
    issue.comments.append(made)
    issue.updated_at = store.now()
    store.emit(Event("issue_comment", "created", issue.repo, by, issue, comment=made))
    return made


# Sub-issues

LINK_FAILED = "An error occurred while adding the sub-issue to the parent issue. "


def link_refused(reason: str) -> Refusal:
    """422 in the words of the real one: over REST behind a preface, in GraphQL as type VALIDATION and bare."""
    return Refusal(422, LINK_FAILED + reason, kind="VALIDATION")


def _level(issue: Issue) -> int:
    level, above = 0, issue.parent
    while above:
        level, above = level + 1, above.parent
    return level


def _height(issue: Issue) -> int:
    return 1 + max(map(_height, issue.children)) if issue.children else 0


def _check_room(parent: Issue, child: Issue | None) -> None:
    if parent.pull or (child and child.pull):
        raise link_refused("Pull requests can not have or be sub-issues")
    if len(parent.children) >= CHILDREN_MAX:  # Closed ones count too.
        raise link_refused(f"Parent cannot have more than {CHILDREN_MAX} sub-issues")
    if _level(parent) + 1 + (_height(child) if child else 0) > LEVELS_MAX:
        raise link_refused(f"Parent cannot have more than {LEVELS_MAX} layers of sub-issues")


def add_child(store: Store, parent: Issue, child: Issue, by: str, replace: bool = False) -> None:
    """Put `child` under `parent`, last. Bumps the child's `updated_at` alone: what the real one bumps is not known."""
    if child.repo.owner.lower() != parent.repo.owner.lower():
        raise link_refused("Sub-issue must belong to the same owner as the parent issue")
    if child.parent is parent:
        raise link_refused("Issue may not contain duplicate sub-issues and Sub issue may only have one parent")
    if child.parent and not replace:
        raise link_refused("Sub issue may only have one parent")
    above: Issue | None = parent
    while above:
        if above is child:
            raise link_refused("Sub-issue may not be the parent issue or one of its parents")
        above = above.parent
    _check_room(parent, child)
    if child.parent:
        remove_child(store, child.parent, child, by)
    parent.children.append(child)
    child.parent = parent
    child.updated_at = store.now()
    store.emit(Event("sub_issues", "sub_issue_added", parent.repo, by, child, other=parent))
    store.emit(Event("sub_issues", "parent_issue_added", child.repo, by, child, other=parent))


def remove_child(store: Store, parent: Issue, child: Issue, by: str) -> None:
    """Raises 404 when `child` is not under `parent`."""
    if child.parent is not parent:
        raise not_found("The provided sub-issue does not exist")
    parent.children.remove(child)
    child.parent = None
    child.updated_at = store.now()
    store.emit(Event("sub_issues", "sub_issue_removed", parent.repo, by, child, other=parent))
    store.emit(Event("sub_issues", "parent_issue_removed", child.repo, by, child, other=parent))


def prioritise(parent: Issue, child: Issue, after: Issue | None, before: Issue | None) -> None:
    """Move `child` next to exactly one of `after` and `before`, both sub-issues of `parent`."""
    anchor = after or before
    if not anchor or (after and before) or anchor is child or not {child, anchor} <= set(parent.children):
        raise Refusal(422, "Validation failed: one of after_id and before_id must be another sub-issue of the parent")
    parent.children.remove(child)
    parent.children.insert(parent.children.index(anchor) + (1 if after else 0), child)


# Dependencies. GitHub accepts closed blockers; what it says to circles is not documented, and the box accepts them. Of
# its words only those for a link that is there already are known, from what users report.

BLOCK_FAILED = "An error occurred while adding the blocking issue to the issue. Validation failed: "


def _block_refused(reason: str) -> Refusal:
    return Refusal(422, BLOCK_FAILED + reason, kind="VALIDATION")


def block(store: Store, issue: Issue, blocker: Issue, by: str) -> None:
    if issue is blocker:
        raise _block_refused("Target issue cannot be the same as the source issue")
    if blocker in issue.blocked_by:
        raise _block_refused("Target issue has already been taken")
    if max(len(issue.blocked_by), len(blocker.blocking)) >= BLOCKERS_MAX:
        raise _block_refused(f"over the limit of {BLOCKERS_MAX} per relationship")
    issue.blocked_by.append(blocker)
    blocker.blocking.append(issue)
    issue.updated_at = store.now()
    store.emit(Event("issue_dependencies", "blocked_by_added", issue.repo, by, issue, other=blocker))
    store.emit(Event("issue_dependencies", "blocking_added", blocker.repo, by, issue, other=blocker))


def unblock(store: Store, issue: Issue, blocker: Issue, by: str) -> None:
    """A link that is not there is no error: users report 200."""
    if blocker not in issue.blocked_by:
        return
    issue.blocked_by.remove(blocker)
    blocker.blocking.remove(issue)
    issue.updated_at = store.now()
    store.emit(Event("issue_dependencies", "blocked_by_removed", issue.repo, by, issue, other=blocker))
    store.emit(Event("issue_dependencies", "blocking_removed", blocker.repo, by, issue, other=blocker))
