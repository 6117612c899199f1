"""What `target check` asks of a GitLab project: the token, the project, the role, the features. Writes nothing."""

from __future__ import annotations

from typing import Any, Final

from connectors.base import Finding, NotFound, TrackerError, Unsupported
from connectors.gitlab import refusals
from connectors.gitlab.reads import Reads

# https://docs.gitlab.com/user/permissions/#project-planning: Planner and Reporter manage issues and milestones
ROLES: Final = {
    5: "Minimal Access",
    10: "Guest",
    15: "Planner",
    20: "Reporter",
    30: "Developer",
    40: "Maintainer",
    50: "Owner",
}
NEEDED: Final = 15


def check(reads: Reads) -> list[Finding]:
    """Findings in the order in which they are mended. What can't be asked is a finding too, and ends it."""
    found: list[Finding] = []
    try:
        found.append(_token(reads))
        project = reads.get(reads.project, "the project")
        found.append(Finding("project", True, str(project.get("path_with_namespace") or reads.place.path)))
        found += [_role(project), _issues(project), _children(reads), _version(reads)]
    except TrackerError as error:
        found.append(Finding("access", False, error.message, error.hint))
    if reads.place.group:
        detail = f"Epics of the group {reads.place.group} are not written; tasks become issues"
        found.append(Finding("epics", True, detail))
    return found


def _token(reads: Reads) -> Finding:
    try:
        told = reads.get("api/v4/personal_access_tokens/self", "the token")
    except NotFound:  # not a personal, project or group token, or a GitLab before 15.5
        who = reads.get("api/v4/user", "the token's user")
        return Finding("token", True, f"belongs to {who.get('username', 'somebody')}; its scopes can't be asked here")
    scopes = told.get("scopes")
    names = [str(one) for one in scopes] if isinstance(scopes, list) else []
    until = f", until {told['expires_at']}" if told.get("expires_at") else ""
    detail = f"scopes {', '.join(names) or 'none'}{until}"
    return Finding("token", "api" in names, detail, "" if "api" in names else refusals.SCOPE)


def _role(project: Any) -> Finding:
    permissions = project.get("permissions")
    told = permissions.values() if isinstance(permissions, dict) else []
    levels = [one.get("access_level") for one in told if isinstance(one, dict)]
    level = max((one for one in levels if isinstance(one, int)), default=0)
    if project.get("archived"):
        return Finding("role", False, "the project is archived: nothing can be written", "Unarchive it.")
    ok = level >= NEEDED
    detail = (
        f"{ROLES.get(level, level)}: may {'' if ok else 'not '}write issues and milestones" if level else "no member"
    )
    return Finding("role", ok, detail, "" if ok else refusals.ROLE)


def _issues(project: Any) -> Finding:
    on = project.get("issues_enabled", True) is not False and project.get("issues_access_level") != "disabled"
    mend = "" if on else "Switch issues on: Settings, General, Visibility, Issues."
    return Finding("issues", on, "switched on" if on else "switched off in this project", mend)


def _children(reads: Reads) -> Finding:
    try:
        reads.task_type()
    except Unsupported as error:
        return Finding("child items", False, error.message, error.hint)
    return Finding("child items", True, "tasks under issues, up to 5,000 each")


def _version(reads: Reads) -> Finding:
    try:
        told = reads.get("api/v4/metadata", "its version")
    except NotFound:  # before 15.2
        told = reads.get("api/v4/version", "its version")
    edition = (
        {True: " Enterprise Edition", False: " Community Edition"}.get(bool(told["enterprise"]), "")
        if "enterprise" in told
        else ""
    )
    return Finding("GitLab", True, f"{told.get('version', 'unknown')}{edition}")
