"""What GitLab refuses of issues and other work items: lengths, parents, links; and what counts as a change.

Rules and words from `WorkItems::ParentLink`, `WorkItems::ParentLinks::CreateService`, `IssuableLinks::CreateService`
and `Issuable`. Nothing here changes a record.
"""

from __future__ import annotations

from collections.abc import Collection

from connectors.sandbox.gitlab.records import Fields, Issue, Link, Milestone, NotAllowed, Refused

MAX_TITLE, MAX_DESCRIPTION, MAX_CHILDREN, MAX_EPIC_LEVELS = 255, 1_048_576, 5_000, 7
MAX_LINKS = 100  # an item: `LinkableItem::MAX_LINKS_COUNT`

# (parent, child); tasks under issues are Free
PARENTS = {("Issue", "Task"), ("Incident", "Task"), ("Epic", "Issue"), ("Epic", "Epic")}
NO_SUCH_ITEM = "No matching work item found. Make sure that you are adding a valid work item ID."
NO_SUCH_ISSUE = "No matching issue found. Make sure that you are adding a valid issue URL."

Snapshot = dict[str, object]


def check_lengths(issue: Issue, wanted: Fields) -> None:
    """Refused: 400, with every field that is wrong."""
    title = wanted.get("title", issue.title)
    wrong: dict[str, list[str]] = {}
    if not title.strip():
        wrong["title"] = ["can't be blank"]
    elif len(title) > MAX_TITLE:
        wrong["title"] = [f"is too long (maximum is {MAX_TITLE} characters)"]
    if len(wanted.get("description") or "") > MAX_DESCRIPTION:
        wrong["description"] = [f"is too long (maximum is {MAX_DESCRIPTION} characters)"]
    if wrong:
        raise Refused(400, {"message": wrong})


def check_parent(issue: Issue, parent: Issue, confidential: bool, links: Collection[Link], nested_epics: bool) -> None:
    """Whether `issue` may go under `parent`. NotAllowed, in GitLab's words."""
    mark = "&" if issue.type == "Epic" else "#"
    name = f"{mark}{issue.iid or issue.owner.last_issue + 1}"
    if issue.type == parent.type == "Epic" and not nested_epics:
        raise NotAllowed(NO_SUCH_ITEM)
    if (parent.type, issue.type) not in PARENTS:
        raise NotAllowed(f"{name} cannot be added: it's not allowed to add this type of parent item")
    if issue is parent:
        raise NotAllowed(f"{name} cannot be added: is not allowed to point to itself")
    above = ancestors(parent)
    if issue in above:
        raise NotAllowed(f"{name} cannot be added: it's already present in this item's hierarchy")
    if issue.type == parent.type and len(above) + 1 + _depth(issue) > MAX_EPIC_LEVELS:
        raise NotAllowed(f"{name} cannot be added: reached maximum depth")
    if len(parent.children) >= MAX_CHILDREN:
        raise NotAllowed(f"{name} cannot be added: parent already has maximum number of children.")
    if parent.confidential and not confidential:
        kind = issue.type.lower()
        told = f"cannot assign a non-confidential {kind} to a confidential parent."
        raise NotAllowed(f"{name} cannot be added: {told} Make the {kind} confidential and try again.")
    if any({issue, parent} == {x.source, x.target} for x in links):
        raise NotAllowed(f"{name} cannot be added: cannot assign a linked work item as a parent")


def check_link(source: Issue, target: Issue, kind: str, links: Collection[Link], premium: bool) -> None:
    """Refused: 403 for blocking without a licence, 409 where the two are linked already, whatever the kind, 404 for an
    issue to itself, 422 where either holds all the links it can.
    """
    if kind != "relates_to" and not premium:
        raise Refused(403, {"message": "Blocked issues not available for current license"})
    if any({source, target} == {x.source, x.target} for x in links):
        raise Refused(409, {"message": "Issue(s) already assigned"})
    if source is target:
        raise Refused(404, {"message": NO_SUCH_ISSUE})
    if any(sum(one in (x.source, x.target) for x in links) >= MAX_LINKS for one in (source, target)):
        raise Refused(422, {"message": f"This issue would exceed the maximum number of linked issues ({MAX_LINKS})."})


def ancestors(issue: Issue) -> list[Issue]:
    """Its parent first, the topmost last."""
    return [issue.parent, *ancestors(issue.parent)] if issue.parent else []


def _depth(issue: Issue) -> int:
    """How many levels of its own type there are from it down: 1 without children of its type."""
    return 1 + max((_depth(child) for child in issue.children if child.type == issue.type), default=0)


def snapshot(issue: Issue) -> Snapshot:
    """What counts as a change, by the names that webhooks give it."""
    return {
        "title": issue.title,
        "description": issue.description,
        "state": issue.state,
        "milestone_id": issue.milestone.id if issue.milestone else None,
        "labels": tuple(sorted(issue.labels, key=lambda x: x.name)),
        "start_date": issue.start_date,
        "due_date": issue.due_date,
        "confidential": issue.confidential,
        "discussion_locked": issue.locked,
        "assigned": issue.assigned,
        "parent_id": issue.parent.id if issue.parent else None,
        "moved_to_id": issue.moved_to.id if issue.moved_to else None,
        "duplicated_to_id": issue.duplicate_of.id if issue.duplicate_of else None,
        "updated_at": issue.updated_at,
    }


def milestone_values(milestone: Milestone) -> tuple[object, ...]:
    """The same of a milestone."""
    return (milestone.title, milestone.description, milestone.start_date, milestone.due_date, milestone.state)
