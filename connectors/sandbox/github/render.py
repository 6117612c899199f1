"""State to GitHub's REST JSON, field for field as its OpenAPI description names them. Pure: reads, changes nothing."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.sandbox.github.model import Comment, Delivery, Hook, Issue, IssueType, Label, Milestone, Repo, node_id

Json = dict[str, Any]
REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "eyes", "rocket")
# The sub-addresses of a repository that its JSON lists, by the name of the field without `_url`.
REPO_LINKS = {
    "archive": "{archive_format}{/ref}",
    "assignees": "assignees{/user}",
    "blobs": "git/blobs{/sha}",
    "branches": "branches{/branch}",
    "collaborators": "collaborators{/collaborator}",
    "comments": "comments{/number}",
    "commits": "commits{/sha}",
    "compare": "compare/{base}...{head}",
    "contents": "contents/{+path}",
    "contributors": "contributors",
    "deployments": "deployments",
    "downloads": "downloads",
    "events": "events",
    "forks": "forks",
    "git_commits": "git/commits{/sha}",
    "git_refs": "git/refs{/sha}",
    "git_tags": "git/tags{/sha}",
    "hooks": "hooks",
    "issue_comment": "issues/comments{/number}",
    "issue_events": "issues/events{/number}",
    "issues": "issues{/number}",
    "keys": "keys{/key_id}",
    "labels": "labels{/name}",
    "languages": "languages",
    "merges": "merges",
    "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}",
    "pulls": "pulls{/number}",
    "releases": "releases{/id}",
    "stargazers": "stargazers",
    "statuses": "statuses/{sha}",
    "subscribers": "subscribers",
    "subscription": "subscription",
    "tags": "tags",
    "teams": "teams",
    "trees": "git/trees{/sha}",
}


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def maybe_stamp(moment: datetime | None) -> str | None:
    return stamp(moment) if moment else None


def person_id(login: str) -> int:
    """The same id for the same login, in any box."""
    return 1_000_000 + zlib.crc32(login.lower().encode()) % 200_000_000


@dataclass(frozen=True, slots=True)
class Render:
    """`origin` is where people read (`html_url`), `api` where programs do (`url`); neither ends in a slash."""

    origin: str
    api: str

    def user(self, login: str, kind: str = "User") -> Json:
        api = f"{self.api}/users/{login}"
        number = person_id(login)
        return {
            "login": login,
            "id": number,
            "node_id": node_id("O_kgDO" if kind == "Organization" else "U_kgDO", number),
            "avatar_url": f"{self.origin}/_sandbox/avatars/{login}",
            "gravatar_id": "",
            "url": api,
            "html_url": f"{self.origin}/{login}",
            "followers_url": f"{api}/followers",
            "following_url": f"{api}/following{{/other_user}}",
            "gists_url": f"{api}/gists{{/gist_id}}",
            "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
            "subscriptions_url": f"{api}/subscriptions",
            "organizations_url": f"{api}/orgs",
            "repos_url": f"{api}/repos",
            "events_url": f"{api}/events{{/privacy}}",
            "received_events_url": f"{api}/received_events",
            "type": kind,
            "user_view_type": "public",
            "site_admin": False,
        }

    def own_user(self, login: str, created: datetime) -> Json:
        """`GET /user`: the owner of the token."""
        profile = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        return {**self.user(login), **profile, **counts, "created_at": stamp(created), "updated_at": stamp(created)}

    def organization(self, login: str) -> Json:
        """The short form that webhook payloads carry."""
        api, number = f"{self.api}/orgs/{login}", person_id(login)
        links = {f"{name}_url": f"{api}/{name}" for name in ("repos", "events", "hooks", "issues")}
        return {
            "login": login,
            "id": number,
            "node_id": node_id("O_kgDO", number),
            "url": api,
            **links,
            "members_url": f"{api}/members{{/member}}",
            "public_members_url": f"{api}/public_members{{/member}}",
            "avatar_url": f"{self.origin}/_sandbox/avatars/{login}",
            "description": None,
        }

    def repo_url(self, repo: Repo) -> str:
        return f"{self.api}/repos/{repo.full_name}"

    def repo(self, repo: Repo, can_push: bool = True) -> Json:
        url, html = self.repo_url(repo), f"{self.origin}/{repo.full_name}"
        host = self.origin.split("://", 1)[1]
        links = {f"{name}_url": f"{url}/{tail}" for name, tail in REPO_LINKS.items()}
        count = sum(1 for issue in repo.issues.values() if issue.state == "open")
        numbers = ("forks", "forks_count", "stargazers_count", "watchers", "watchers_count", "size")
        return {
            "id": repo.id,
            "node_id": repo.node_id,
            "name": repo.name,
            "full_name": repo.full_name,
            "owner": self.user(repo.owner, "Organization"),
            "private": True,
            "visibility": "private",
            "html_url": html,
            "description": None,
            "fork": False,
            "url": url,
            **links,
            "git_url": f"git://{host}/{repo.full_name}.git",
            "ssh_url": f"git@{host}:{repo.full_name}.git",
            "clone_url": f"{html}.git",
            "svn_url": html,
            "mirror_url": None,
            "homepage": None,
            "language": None,
            "license": None,
            "topics": [],
            **dict.fromkeys(numbers, 0),
            "default_branch": "main",
            "open_issues": count,
            "open_issues_count": count,
            "is_template": False,
            "has_issues": True,
            "has_projects": True,
            "has_wiki": True,
            "has_pages": False,
            "has_downloads": True,
            "has_discussions": False,
            "archived": False,
            "disabled": False,
            "allow_forking": True,
            "web_commit_signoff_required": False,
            "pushed_at": stamp(repo.created_at),
            "created_at": stamp(repo.created_at),
            "updated_at": stamp(repo.created_at),
            "permissions": {
                "admin": can_push,
                "maintain": can_push,
                "push": can_push,
                "triage": can_push,
                "pull": True,
            },
        }

    def full_repo(self, repo: Repo, can_push: bool) -> Json:
        """`GET /repos/{owner}/{repo}`: adds what only that answer has."""
        organization = self.user(repo.owner, "Organization")
        return {**self.repo(repo, can_push), "organization": organization, "network_count": 0, "subscribers_count": 0}

    def label(self, label: Label) -> Json:
        return {
            "id": label.id,
            "node_id": label.node_id,
            "url": f"{self.repo_url(label.repo)}/labels/{label.name}",
            "name": label.name,
            "color": label.color,
            "default": False,
            "description": label.description,
        }

    def type(self, one: IssueType) -> Json:
        return {
            "id": one.id,
            "node_id": one.node_id,
            "name": one.name,
            "description": one.description,
            "color": one.color,
            "created_at": stamp(one.created_at),
            "updated_at": stamp(one.created_at),
            "is_enabled": True,
        }

    def moved_to(self, issue: Issue, below: str = "") -> str:
        """Where an issue is now, and what is `below` it, by an id that outlasts names, as GitHub redirects."""
        return f"{self.api}/repositories/{issue.repo.id}/issues/{issue.number}{below}"

    def milestone(self, milestone: Milestone) -> Json:
        url = f"{self.repo_url(milestone.repo)}/milestones/{milestone.number}"
        return {
            "url": url,
            "html_url": f"{self.origin}/{milestone.repo.full_name}/milestone/{milestone.number}",
            "labels_url": f"{url}/labels",
            "id": milestone.id,
            "node_id": milestone.node_id,
            "number": milestone.number,
            "title": milestone.title,
            "description": milestone.description,
            "creator": self.user(milestone.creator),
            "open_issues": milestone.count("open"),
            "closed_issues": milestone.count("closed"),
            "state": milestone.state,
            "created_at": stamp(milestone.created_at),
            "updated_at": stamp(milestone.updated_at),
            "due_on": maybe_stamp(milestone.due_on),
            "closed_at": maybe_stamp(milestone.closed_at),
        }

    def issue_url(self, issue: Issue) -> str:
        return f"{self.repo_url(issue.repo)}/issues/{issue.number}"

    def issue_html(self, issue: Issue) -> str:
        return f"{self.origin}/{issue.repo.full_name}/{'pull' if issue.pull else 'issues'}/{issue.number}"

    def reactions(self, url: str) -> Json:
        return {"url": f"{url}/reactions", "total_count": 0, **dict.fromkeys(REACTIONS, 0)}

    def issue(self, issue: Issue) -> Json:
        url, html = self.issue_url(issue), self.issue_html(issue)
        assignees = [self.user(login) for login in issue.assignees]
        total, completed = len(issue.children), issue.completed_children
        shown: Json = {
            "url": url,
            "repository_url": self.repo_url(issue.repo),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "timeline_url": f"{url}/timeline",
            "html_url": html,
            "id": issue.id,
            "node_id": issue.node_id,
            "number": issue.number,
            "title": issue.title,
            "body": issue.body,
            "user": self.user(issue.author),
            "labels": [self.label(label) for label in issue.labels],
            "state": issue.state,
            "state_reason": issue.state_reason,
            "locked": False,
            "active_lock_reason": None,
            "assignee": assignees[0] if assignees else None,
            "assignees": assignees,
            "milestone": self.milestone(issue.milestone) if issue.milestone else None,
            "comments": len(issue.comments),
            "created_at": stamp(issue.created_at),
            "updated_at": stamp(issue.updated_at),
            "closed_at": maybe_stamp(issue.closed_at),
            "closed_by": self.user(issue.closed_by) if issue.closed_by else None,
            "author_association": "MEMBER",
            "type": self.type(issue.type) if issue.type else None,
            "performed_via_github_app": None,
            "reactions": self.reactions(url),
            "sub_issues_summary": {
                "total": total,
                "completed": completed,
                "percent_completed": completed * 100 // total if total else 0,
            },
            "issue_dependencies_summary": {
                "blocked_by": sum(1 for other in issue.blocked_by if other.state == "open"),
                "blocking": sum(1 for other in issue.blocking if other.state == "open"),
                "total_blocked_by": len(issue.blocked_by),
                "total_blocking": len(issue.blocking),
            },
        }
        if issue.parent:
            shown["parent_issue_url"] = self.issue_url(issue.parent)
        if issue.pull:
            shown["draft"] = False
            shown["pull_request"] = {
                "url": f"{self.repo_url(issue.repo)}/pulls/{issue.number}",
                "html_url": html,
                "diff_url": f"{html}.diff",
                "patch_url": f"{html}.patch",
                "merged_at": None,
            }
        return shown

    def comment(self, issue: Issue, comment: Comment) -> Json:
        url = f"{self.repo_url(issue.repo)}/issues/comments/{comment.id}"
        return {
            "url": url,
            "html_url": f"{self.issue_html(issue)}#issuecomment-{comment.id}",
            "issue_url": self.issue_url(issue),
            "id": comment.id,
            "node_id": node_id("IC_kwDO", comment.id),
            "user": self.user(comment.author),
            "created_at": stamp(comment.created_at),
            "updated_at": stamp(comment.created_at),
            "body": comment.body,
            "author_association": "MEMBER",
            "performed_via_github_app": None,
            "reactions": self.reactions(url),
        }

    def hook(self, hook: Hook) -> Json:
        """The secret is never shown: eight stars stand for one that is set."""
        url = f"{self.repo_url(hook.repo)}/hooks/{hook.id}"
        config = {"url": hook.url, "content_type": hook.content_type, "insecure_ssl": hook.insecure_ssl}
        if hook.secret:
            config["secret"] = "********"  # noqa: S105 - stars, not a secret
        last: Json = {"code": None, "status": "unused", "message": None}
        if hook.deliveries:
            recent = hook.deliveries[-1]
            last = {"code": recent.status_code, "status": "active", "message": delivery_status(recent)}
        return {
            "type": "Repository",
            "id": hook.id,
            "name": "web",
            "active": hook.active,
            "events": hook.events,
            "config": config,
            "updated_at": stamp(hook.updated_at),
            "created_at": stamp(hook.created_at),
            "url": url,
            "test_url": f"{url}/test",
            "ping_url": f"{url}/pings",
            "deliveries_url": f"{url}/deliveries",
            "last_response": last,
        }

    def delivery(self, hook: Hook, delivery: Delivery) -> Json:
        return {
            "id": delivery.id,
            "guid": delivery.guid,
            "delivered_at": stamp(delivery.delivered_at),
            "redelivery": delivery.redelivery,
            "duration": round(delivery.duration, 3),
            "status": delivery_status(delivery),
            "status_code": delivery.status_code or 502,
            "event": delivery.event,
            "action": delivery.action,
            "installation_id": None,
            "repository_id": hook.repo.id,
            "throttled_at": None,
        }

    def full_delivery(self, hook: Hook, delivery: Delivery) -> Json:
        """One delivery with what was sent. What the receiver answered beyond its status is not kept."""
        return {
            **self.delivery(hook, delivery),
            "url": hook.url,
            "request": {"headers": delivery.headers, "payload": json.loads(delivery.body)},
            "response": {"headers": {}, "payload": None},
        }


def delivery_status(delivery: Delivery) -> str:
    """`OK` for any 2xx and only for that: a reader that replays what failed goes by it."""
    if not delivery.status_code:
        return "failed to connect to host"
    return "OK" if 200 <= delivery.status_code < 300 else f"Invalid HTTP Response: {delivery.status_code}"
