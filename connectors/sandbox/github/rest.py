"""The verbs of the REST API: each reads a call, changes the store, and gives GitHub's JSON. `ROUTES` lists them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.sandbox.github import issues
from connectors.sandbox.github.api import VERSIONS, Answer, Call, Route
from connectors.sandbox.github.fields import Fields, parse_moment
from connectors.sandbox.github.model import (
    CLOSED_REASONS,
    KEEP,
    Issue,
    IssueEdit,
    Keep,
    Label,
    Milestone,
    MilestoneEdit,
    Refusal,
    invalid,
    not_found,
)

STATES = ("open", "closed")
STATES_LISTED = ("open", "closed", "all")


# The service and the repository


def user(call: Call) -> Answer:
    return Answer(call.render.own_user(call.by, datetime(2026, 1, 5, tzinfo=UTC)))


def rate_limit(call: Call) -> Answer:
    names = ("core", "graphql", "search")
    return Answer({"resources": {name: dict(call.limit) for name in names}, "rate": dict(call.limit)})


def meta(_: Call) -> Answer:
    return Answer({"verifiable_password_authentication": False})


def versions(_: Call) -> Answer:
    return Answer(list(VERSIONS))


def root(call: Call) -> Answer:
    api = call.render.api
    return Answer({"current_user_url": f"{api}/user", "repository_url": f"{api}/repos/{{owner}}/{{repo}}"})


def repository(call: Call) -> Answer:
    return Answer(call.render.full_repo(call.repo, call.can_push))


def issue_types(call: Call) -> Answer:
    """All of them, unpaged. Without any: what a repository answers whose owner has none is not documented."""
    call.repo  # noqa: B018 - 404 when it is not there
    return Answer([call.render.type(one) for one in call.store.types])


def owner_types(call: Call) -> Answer:
    """404 without any, as users who are no organisation get it."""
    if not call.store.types:
        raise not_found()
    return Answer([call.render.type(one) for one in call.store.types])


# Labels


def list_labels(call: Call) -> Answer:
    return call.page(list(call.repo.labels.values()), call.render.label)


def create_label(call: Call) -> Answer:
    fields = Fields.of("Label", call.json())
    fields.require("name")
    values = {name: fields.words(name) for name in ("name", "color", "description")}
    given = {name: value for name, value in values.items() if value is not KEEP}
    made = call.store.create_label(call.repo, by=call.by, **given)
    return Answer(call.render.label(made), 201, {"Location": call.render.label(made)["url"]})


def get_label(call: Call) -> Answer:
    return Answer(call.render.label(call.store.label(call.repo, call.text("name"))))


def edit_label(call: Call) -> Answer:
    label = call.store.label(call.repo, call.text("name"))
    fields = Fields.of("Label", call.json())
    name, color, description = fields.words("new_name"), fields.words("color"), fields.text("description")
    call.store.edit_label(
        label,
        call.by,
        label.name if name is KEEP else name,
        label.color if color is KEEP else color,
        label.description if description is KEEP else description,
    )
    return Answer(call.render.label(label))


def delete_label(call: Call) -> Answer:
    call.store.delete_label(call.store.label(call.repo, call.text("name")), call.by)
    return Answer(status=204)


# Milestones


def list_milestones(call: Call) -> Answer:
    state = call.choice("state", "Milestone", STATES_LISTED)
    sort = call.choice("sort", "Milestone", ("due_on", "completeness"))
    downward = call.choice("direction", "Milestone", ("asc", "desc")) == "desc"
    found = [one for one in call.repo.milestones.values() if state in ("all", one.state)]
    if sort == "completeness":
        found.sort(key=lambda one: (one.count("closed") / max(1, one.count("closed") + one.count("open")), one.number))
        found = found[::-1] if downward else found
    else:  # Without a due date they come last, either way.
        dated = [one for one in found if one.due_on]
        dated.sort(key=lambda one: (str(one.due_on), one.number), reverse=downward)
        found = dated + [one for one in found if not one.due_on]
    return call.page(found, call.render.milestone)


def _milestone_edit(call: Call) -> MilestoneEdit:
    fields = Fields.of("Milestone", call.json())
    state = fields.choice("state", STATES)
    return MilestoneEdit(
        fields.words("title"),
        fields.text("description"),
        KEEP if state is None else state,
        fields.moment("due_on"),
    )


def create_milestone(call: Call) -> Answer:
    Fields.of("Milestone", call.json()).require("title")
    shown = call.render.milestone(call.store.create_milestone(call.repo, _milestone_edit(call), call.by))
    return Answer(shown, 201, {"Location": shown["url"]})


def _milestone(call: Call) -> Milestone:
    return call.store.milestone(call.repo, call.number("number"))


def get_milestone(call: Call) -> Answer:
    return Answer(call.render.milestone(_milestone(call)))


def edit_milestone(call: Call) -> Answer:
    milestone = _milestone(call)
    return Answer(call.render.milestone(call.store.edit_milestone(milestone, _milestone_edit(call), call.by)))


def delete_milestone(call: Call) -> Answer:
    call.store.delete_milestone(_milestone(call), call.by)
    return Answer(status=204)


# Issues


def list_issues(call: Call) -> Answer:
    """Pull requests are in the list. `since` is on or after, by `updated_at`."""
    state = call.choice("state", "Issue", STATES_LISTED)
    sort = call.choice("sort", "Issue", ("created", "updated", "comments"))
    downward = call.choice("direction", "Issue", ("desc", "asc")) == "desc"
    keys: Mapping[str, Any] = {
        "created": lambda one: (one.created_at, one.number),
        "updated": lambda one: (one.updated_at, one.number),
        "comments": lambda one: (len(one.comments), one.number),
    }
    since = _since(call)
    found = [one for one in call.repo.issues.values() if state in ("all", one.state)]
    found = [one for one in found if (since is None or one.updated_at >= since) and _wanted(call, one)]
    return call.page(sorted(found, key=keys[sort], reverse=downward), call.render.issue)


def _since(call: Call) -> datetime | None:
    """The moment of `since`; a date alone is its start, and without a zone it is UTC."""
    since = call.query("since")
    if not since:
        return None
    moment = parse_moment(since) or parse_moment(f"{since}T00:00:00Z") or parse_moment(f"{since}Z")
    if not moment:
        raise invalid("Issue", "since", "invalid", value=since)
    return moment


def _wanted(call: Call, issue: Issue) -> bool:
    """Whether the other filters let it through."""
    milestone, assignee = call.query("milestone"), call.query("assignee")
    if milestone in {"none", "*"}:
        if (issue.milestone is None) != (milestone == "none"):
            return False
    elif milestone and issue.milestone is not _milestone_of(call, milestone):
        return False
    if assignee and assignee != ("*" if issue.assignees else "none") and assignee not in issue.assignees:
        return False
    if (wanted := call.query("type")) and not _typed(issue, wanted):
        return False
    if call.query("creator") and call.query("creator") != issue.author:
        return False
    held = {label.name.lower() for label in issue.labels}
    return all(name.strip().lower() in held for name in call.query("labels").split(",") if name.strip())


def _typed(issue: Issue, wanted: str) -> bool:
    """`*` is any type, `none` no type, and else its name."""
    if wanted in {"*", "none"}:
        return (issue.type is None) == (wanted == "none")
    return issue.type is not None and issue.type.name == wanted


def _milestone_of(call: Call, number: Any) -> Milestone:
    """By number, which may come as text; 422 for one that is not there."""
    plain = number.isascii() and number.isdigit() if isinstance(number, str) else type(number) is int
    found = call.repo.milestones.get(int(number)) if plain else None
    if not found:
        raise invalid("Issue", "milestone", "invalid", value=number)
    return found


def _issue_edit(call: Call) -> IssueEdit:
    """What the body asks for, less what is dropped for want of push access (OpenAPI, create and update an issue)."""
    fields = Fields.of("Issue", call.json())
    title, body = fields.words("title"), fields.text("body")
    state = fields.choice("state", STATES)
    reason = fields.choice("state_reason", (*CLOSED_REASONS, "reopened"))
    kind = fields.text("type")
    fields.number("duplicate_issue_id")
    texts = IssueEdit(title, body, KEEP if state is None else state, None if reason is KEEP else reason)
    issues.check(texts)  # before labels are made for an issue that will not be
    if not call.can_push:
        return texts
    asked = fields.data.get("milestone", KEEP)
    milestone = asked if asked is None or asked is KEEP else _milestone_of(call, asked)
    assignees, single = fields.names("assignees", "login"), fields.text("assignee")
    if assignees is KEEP and single is not KEEP:
        assignees = [single] if single else []
    names = fields.names("labels")
    labels: list[Label] | Keep = KEEP if names is KEEP else call.store.labels_named(call.repo, names, call.by)
    typed = call.store.type_named(kind) if isinstance(kind, str) else kind
    return replace(texts, milestone=milestone, labels=labels, assignees=assignees, type=typed)


def create_issue(call: Call) -> Answer:
    Fields.of("Issue", call.json()).require("title")
    shown = call.render.issue(issues.create(call.store, call.repo, _issue_edit(call), call.by))
    return Answer(shown, 201, {"Location": shown["url"]})


def _issue(call: Call) -> Issue:
    return issues.find(call.repo, call.number("number"))


def get_issue(call: Call) -> Answer:
    return Answer(call.render.issue(_issue(call)))


def edit_issue(call: Call) -> Answer:
    issue = _issue(call)
    call.check_own(issue)
    return Answer(call.render.issue(issues.edit(call.store, issue, _issue_edit(call), call.by)))


def issue_labels(call: Call) -> Answer:
    return call.page(_issue(call).labels, call.render.label)


def _label_names(call: Call) -> list[str]:
    data = call.json()
    names = Fields.of("Label", {"labels": data} if isinstance(data, list) else data).names("labels")
    if names is KEEP:
        raise Refusal(422, 'Invalid request.\n\n"labels" wasn\'t supplied.')
    return names


def add_issue_labels(call: Call) -> Answer:
    issue, names = _issue(call), _label_names(call)
    added = call.store.labels_named(call.repo, names, call.by)
    return _set_labels(call, issue, issue.labels + [label for label in added if label not in issue.labels])


def set_issue_labels(call: Call) -> Answer:
    issue, names = _issue(call), _label_names(call)
    return _set_labels(call, issue, call.store.labels_named(call.repo, names, call.by))


def remove_issue_label(call: Call) -> Answer:
    issue, label = _issue(call), call.store.label(call.repo, call.text("name"))
    if label not in issue.labels:
        raise not_found("Label does not exist")
    return _set_labels(call, issue, [one for one in issue.labels if one is not label])


def _set_labels(call: Call, issue: Issue, labels: list[Label]) -> Answer:
    issues.edit(call.store, issue, IssueEdit(labels=labels), call.by)
    return Answer([call.render.label(label) for label in issue.labels])


def list_comments(call: Call) -> Answer:
    issue = _issue(call)
    return call.page(issue.comments, lambda comment: call.render.comment(issue, comment))


def create_comment(call: Call) -> Answer:
    issue, fields = _issue(call), Fields.of("IssueComment", call.json())
    fields.require("body")
    made = issues.comment(call.store, issue, str(fields.text("body")), call.by)
    shown = call.render.comment(issue, made)
    return Answer(shown, 201, {"Location": shown["url"]})


# Sub-issues and dependencies. They name issues by database id, never by number.


def _issue_by_id(call: Call, fields: Fields, name: str) -> Issue | None:
    number = fields.number(name)
    if number is None:
        return None
    found = call.store.issues_by_id.get(number)
    if not found:
        raise not_found("The provided sub-issue does not exist" if name == "sub_issue_id" else "Not Found")
    return found


def _needed_issue(call: Call, fields: Fields, name: str) -> Issue:
    fields.require(name)
    found = _issue_by_id(call, fields, name)
    if not found:
        raise not_found()
    return found


def list_sub_issues(call: Call) -> Answer:
    return call.page(_issue(call).children, call.render.issue)


def add_sub_issue(call: Call) -> Answer:
    """Answers the parent, with its new summary."""
    parent, fields = _issue(call), Fields.of("Issue", call.json())
    child = _needed_issue(call, fields, "sub_issue_id")
    issues.add_child(call.store, parent, child, call.by, fields.flag("replace_parent", False))
    shown = call.render.issue(parent)
    return Answer(shown, 201, {"Location": shown["url"]})


def remove_sub_issue(call: Call) -> Answer:
    parent, fields = _issue(call), Fields.of("Issue", call.json())
    issues.remove_child(call.store, parent, _needed_issue(call, fields, "sub_issue_id"), call.by)
    return Answer(call.render.issue(parent))


def prioritise_sub_issue(call: Call) -> Answer:
    parent, fields = _issue(call), Fields.of("Issue", call.json())
    child = _needed_issue(call, fields, "sub_issue_id")
    issues.prioritise(parent, child, _issue_by_id(call, fields, "after_id"), _issue_by_id(call, fields, "before_id"))
    return Answer(call.render.issue(parent))


def get_parent(call: Call) -> Answer:
    parent = _issue(call).parent
    if not parent:
        raise not_found()
    return Answer(call.render.issue(parent))


def list_blocked_by(call: Call) -> Answer:
    return call.page(_issue(call).blocked_by, call.render.issue)


def list_blocking(call: Call) -> Answer:
    return call.page(_issue(call).blocking, call.render.issue)


def add_blocked_by(call: Call) -> Answer:
    issue, fields = _issue(call), Fields.of("Issue", call.json())
    issues.block(call.store, issue, _needed_issue(call, fields, "issue_id"), call.by)
    shown = call.render.issue(issue)
    return Answer(shown, 201, {"Location": shown["url"]})


def remove_blocked_by(call: Call) -> Answer:
    issue, blocker = _issue(call), call.store.issues_by_id.get(call.number("issue_id"))
    if not blocker:
        raise not_found()
    issues.unblock(call.store, issue, blocker, call.by)
    return Answer(call.render.issue(issue))


REPO = "/repos/{owner}/{repo}"
ISSUE = f"{REPO}/issues/{{number:int}}"
BY_ID = "/repositories/{repo_id:int}"  # the same repository, as redirects name it
MILESTONE = f"{REPO}/milestones/{{number:int}}"
LABEL = f"{REPO}/labels/{{name:path}}"

ROUTES = [
    Route("GET", "/user", user),
    Route("GET", "/rate_limit", rate_limit),
    Route("GET", "/meta", meta),
    Route("GET", "/versions", versions),
    Route("GET", REPO, repository),
    Route("GET", f"{REPO}/issue-types", issue_types),
    Route("GET", "/orgs/{org}/issue-types", owner_types),
    Route("GET", f"{REPO}/labels", list_labels),
    Route("POST", f"{REPO}/labels", create_label),
    Route("GET", LABEL, get_label),
    Route("PATCH", LABEL, edit_label),
    Route("DELETE", LABEL, delete_label),
    Route("GET", f"{REPO}/milestones", list_milestones),
    Route("POST", f"{REPO}/milestones", create_milestone),
    Route("GET", MILESTONE, get_milestone),
    Route("PATCH", MILESTONE, edit_milestone),
    Route("DELETE", MILESTONE, delete_milestone),
    Route("GET", f"{REPO}/issues", list_issues),
    Route("POST", f"{REPO}/issues", create_issue, push=False),
    Route("GET", ISSUE, get_issue),
    Route("PATCH", ISSUE, edit_issue, push=False),
    Route("GET", f"{ISSUE}/labels", issue_labels),
    Route("POST", f"{ISSUE}/labels", add_issue_labels),
    Route("PUT", f"{ISSUE}/labels", set_issue_labels),
    Route("DELETE", f"{ISSUE}/labels/{{name:path}}", remove_issue_label),
    Route("GET", f"{ISSUE}/comments", list_comments),
    Route("POST", f"{ISSUE}/comments", create_comment, push=False),
    Route("GET", f"{ISSUE}/sub_issues", list_sub_issues),
    Route("POST", f"{ISSUE}/sub_issues", add_sub_issue, alone=True),
    Route("DELETE", f"{ISSUE}/sub_issue", remove_sub_issue),
    Route("PATCH", f"{ISSUE}/sub_issues/priority", prioritise_sub_issue),
    Route("GET", f"{ISSUE}/parent", get_parent),
    Route("GET", f"{ISSUE}/dependencies/blocked_by", list_blocked_by),
    Route("POST", f"{ISSUE}/dependencies/blocked_by", add_blocked_by),
    Route("DELETE", f"{ISSUE}/dependencies/blocked_by/{{issue_id:int}}", remove_blocked_by),
    Route("GET", f"{ISSUE}/dependencies/blocking", list_blocking),
]
