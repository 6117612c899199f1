"""REST shapes: records as the JSON that GitLab documents (`API::Entities`). Built under the store's lock."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from connectors.sandbox.gitlab import text
from connectors.sandbox.gitlab.records import Group, Hook, Issue, Label, Link, Milestone, Note, Owner, Project
from connectors.sandbox.gitlab.state import Store

Json = dict[str, Any]

# Every switch that a hook has; all but `push_events` are off unless asked for.
SWITCHES = (
    "push_events", "tag_push_events", "merge_requests_events", "repository_update_events", "issues_events",
    "confidential_issues_events", "note_events", "confidential_note_events", "pipeline_events", "wiki_page_events",
    "deployment_events", "feature_flag_events", "job_events", "releases_events", "milestone_events", "emoji_events",
    "resource_access_token_events", "vulnerability_events",
)  # fmt: skip

GROUP_SWITCHES = ("subgroup_events", "member_events", "project_events")


def switches(owner: Owner) -> tuple[str, ...]:
    """What a hook of that place can be told of."""
    return (*SWITCHES, *GROUP_SWITCHES) if isinstance(owner, Group) else SWITCHES


def moment(value: datetime | None) -> str | None:
    """Milliseconds, cut off, UTC with `Z`."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def issue_url(store: Store, issue: Issue) -> str:
    if isinstance(issue.owner, Group):
        return f"{store.origin}/groups/{issue.owner.path}/-/epics/{issue.iid}"
    part = "issues" if issue.type in ("Issue", "Incident") else "work_items"
    return f"{store.origin}/{issue.owner.path}/-/{part}/{issue.iid}"


def milestone_url(store: Store, milestone: Milestone) -> str:
    prefix = "groups/" if isinstance(milestone.owner, Group) else ""
    return f"{store.origin}/{prefix}{milestone.owner.path}/-/milestones/{milestone.iid}"


def user(store: Store, bot: tuple[int, str] | None = None) -> Json:
    """The one person there is, or the bot of a project or group access token, by its id and name."""
    number, name = bot or (1, "root")
    return {
        "id": number,
        "username": name,
        "public_email": "",
        "name": name if bot else "Administrator",
        "state": "active",
        "locked": False,
        "avatar_url": None,
        "web_url": f"{store.origin}/{name}",
    }


def project(store: Store, one: Project, level: int) -> Json:
    """As a user of that access level sees it."""
    name = one.path.rpartition("/")[2]
    group = one.group
    return {
        "id": one.id,
        "description": None,
        "name": name,
        "name_with_namespace": one.path.replace("/", " / "),
        "path": name,
        "path_with_namespace": one.path,
        "created_at": moment(one.created_at),
        "default_branch": "main",
        "web_url": f"{store.origin}/{one.path}",
        "archived": False,
        "visibility": "private",
        "issues_enabled": True,
        "issues_access_level": "enabled",
        "open_issues_count": sum(i.state == "opened" for i in store.issues_of(one)),
        "namespace": {
            "id": group.id,
            "name": group.path.rpartition("/")[2],
            "path": group.path.rpartition("/")[2],
            "kind": "group",
            "full_path": group.path,
            "parent_id": group.parent.id if group.parent else None,
            "avatar_url": None,
            "web_url": f"{store.origin}/groups/{group.path}",
        },
        "permissions": {"project_access": {"access_level": level, "notification_level": 3}, "group_access": None},
    }


def group(store: Store, one: Group) -> Json:
    name = one.path.rpartition("/")[2]
    return {
        "id": one.id,
        "web_url": f"{store.origin}/groups/{one.path}",
        "name": name,
        "path": name,
        "description": "",
        "visibility": "private",
        "full_name": one.path.replace("/", " / "),
        "full_path": one.path,
        "parent_id": one.parent.id if one.parent else None,
        "created_at": moment(one.created_at),
    }


def namespace(store: Store, one: Group, planned: bool) -> Json:
    """`plan` tells Free from Premium without trying, where it is shown."""
    shown = group(store, one)
    names = ("id", "name", "path", "full_path", "parent_id", "web_url")
    told: Json = {**{name: shown[name] for name in names}, "kind": "group", "avatar_url": None}
    return told | ({"plan": store.plan} if planned else {})


def milestone(store: Store, one: Milestone) -> Json:
    where = {"group_id" if isinstance(one.owner, Group) else "project_id": one.owner.id}
    return {
        "id": one.id,
        "iid": one.iid,
        **where,
        "title": one.title,
        "description": one.description,
        "state": one.state,
        "created_at": moment(one.created_at),
        "updated_at": moment(one.updated_at),
        "due_date": day(one.due_date),
        "start_date": day(one.start_date),
        "expired": bool(one.due_date and one.due_date < store.clock.now().date()),
        "web_url": milestone_url(store, one),
    }


def label(store: Store, one: Label) -> Json:
    count = [i for i in store.issues_of(one.owner) if one in i.labels]
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "description_html": one.description or "",
        "text_color": "#FFFFFF",
        "color": one.color,
        "archived": False,
        "open_issues_count": sum(i.state == "opened" for i in count),
        "closed_issues_count": sum(i.state == "closed" for i in count),
        "open_merge_requests_count": 0,
        "subscribed": False,
        "priority": None,
        "is_project_label": isinstance(one.owner, Project),
    }


def reference(issue: Issue, short: bool = True) -> str:
    mark = "&" if issue.type == "Epic" else "#"
    return f"{'' if short else issue.owner.path}{mark}{issue.iid}"


def api_url(store: Store, issue: Issue) -> str:
    return f"{store.origin}/api/v4/projects/{issue.owner.id}/issues/{issue.iid}"


def issue_basic(store: Store, one: Issue, label_details: bool = False) -> Json:
    """`API::Entities::IssueBasic`, as links show their ends."""
    me = user(store)
    assignees = [me] if one.assigned else []
    boxes = text.tasks(one.description)
    labels: list[Any] = sorted(x.name for x in one.labels)
    if label_details:
        keys = ("id", "name", "color", "description", "description_html", "text_color")
        labels = [{k: label(store, x)[k] for k in keys} for x in sorted(one.labels, key=lambda x: x.name)]
    body: Json = {
        "id": one.id,
        "iid": one.iid,
        "project_id": one.owner.id,
        "title": one.title,
        "description": one.description,
        "state": one.state,
        "created_at": moment(one.created_at),
        "updated_at": moment(one.updated_at),
        "closed_at": moment(one.closed_at),
        "closed_by": me if one.closed_at else None,
        "labels": labels,
        "milestone": milestone(store, one.milestone) if one.milestone else None,
        "assignees": assignees,
        "author": me,
        "type": one.type.upper(),
        "assignee": assignees[0] if assignees else None,
        "user_notes_count": len(one.notes),
        "merge_requests_count": 0,
        "upvotes": 0,
        "downvotes": 0,
        "due_date": day(one.due_date),
        "confidential": one.confidential,
        "discussion_locked": one.locked or None,
        "issue_type": one.type.lower(),
        "web_url": issue_url(store, one),
        "time_stats": {
            "time_estimate": 0,
            "total_time_spent": 0,
            "human_time_estimate": None,
            "human_total_time_spent": None,
        },
        "task_completion_status": {"count": len(boxes), "completed_count": sum(t.done for t in boxes)},
    }
    if store.premium:
        blocking = sum(x.source is one and x.type == "blocks" for x in store.links.values())
        body |= {"weight": one.weight, "blocking_issues_count": blocking}
    return body


def issue(store: Store, one: Issue, label_details: bool = False) -> Json:
    """`API::Entities::Issue`. Nothing in it tells a work item's parent, except an issue's epic, on Premium."""
    body = issue_basic(store, one, label_details)
    status = body["task_completion_status"]
    body |= {
        "has_tasks": status["count"] > 0,
        "_links": {
            "self": api_url(store, one),
            "notes": f"{api_url(store, one)}/notes",
            "award_emoji": f"{api_url(store, one)}/award_emoji",
            "project": f"{store.origin}/api/v4/projects/{one.owner.id}",
            "closed_as_duplicate_of": api_url(store, one.duplicate_of) if one.duplicate_of else None,
        },
        "references": {
            "short": reference(one),
            "relative": reference(one),
            "full": reference(one, short=False),
        },
        "severity": "UNKNOWN",
        "subscribed": True,
        "moved_to_id": one.moved_to.id if one.moved_to else None,
        "imported": False,
        "imported_from": "none",
        "service_desk_reply_to": None,
    }
    if status["count"]:
        noun = "checklist item" if status["count"] == 1 else "checklist items"
        body["task_status"] = f"{status['completed_count']} of {status['count']} {noun} completed"
    if store.premium:
        epic = one.parent if one.parent and one.parent.type == "Epic" else None
        body |= {"epic": epic and _epic(epic), "epic_iid": epic.iid if epic else None}
        body |= {"iteration": None, "health_status": None}
    return body


def _epic(epic: Issue) -> Json:
    return {
        "id": epic.epic_id,
        "iid": epic.iid,
        "title": epic.title,
        "url": f"/groups/{epic.owner.path}/-/epics/{epic.iid}",
        "group_id": epic.owner.id,
    }


def link(store: Store, one: Link, seen_from: Issue) -> Json:
    """A link in the list of one of its ends: the other end, and what that one is to this."""
    other = one.target if one.source is seen_from else one.source
    kind = "is_blocked_by" if one.type == "blocks" and one.target is seen_from else one.type
    at = moment(one.created_at)
    return {
        **issue(store, other),
        "issue_link_id": one.id,
        "link_type": kind,
        "link_created_at": at,
        "link_updated_at": at,
    }


def note(store: Store, one: Note, on: Issue) -> Json:
    return {
        "id": one.id,
        "type": None,
        "body": one.body,
        "author": user(store),
        "created_at": moment(one.created_at),
        "updated_at": moment(one.created_at),
        "system": False,
        "noteable_id": on.id,
        "noteable_type": "Issue",
        "project_id": on.owner.id,
        "resolvable": False,
        "confidential": False,
        "internal": False,
        "imported": False,
        "imported_from": "none",
        "noteable_iid": on.iid,
        "commands_changes": {},
    }


def hook(store: Store, one: Hook, alert_status: str, disabled_until: datetime | None) -> Json:
    """A hook without its secrets, which GitLab never answers; since 19.0 it says whether there are any."""
    present = {"token_present": bool(one.token), "signing_token_present": bool(one.signing_token)}
    return {
        **(present if store.since(19, 0) else {}),
        "id": one.id,
        "url": one.url,
        "name": one.name,
        "description": one.description,
        "created_at": moment(one.created_at),
        "alert_status": alert_status,
        "disabled_until": moment(disabled_until),
        "url_variables": [],
        "push_events_branch_filter": None,
        "branch_filter_strategy": "wildcard",
        "custom_webhook_template": None,
        "custom_headers": [],
        "group_id" if isinstance(one.owner, Group) else "project_id": one.owner.id,
        "enable_ssl_verification": one.switches.get("enable_ssl_verification", True),
        **{name: one.switches.get(name, name == "push_events") for name in switches(one.owner)},
    }
