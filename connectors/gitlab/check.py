"""What `target check` asks of a GitLab project: the token, the project, the role, the features. Writes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from connectors.base import Finding, NotFound, Rejected, TrackerError, Unauthorized, Unsupported
from connectors.gitlab import refusals
from connectors.gitlab.links import MOST
from connectors.gitlab.reads import TASK, Reads

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
HOOKS_NEED: Final = 40
OURS: Final = "/webhooks/gitlab/"  # in the address of a webhook of Milepost's
LOW: Final = 50  # requests left in this minute
# docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects, and the same for groups
BOT: Final = re.compile(r"(project|group)_\d+_bot")


def check(reads: Reads) -> list[Finding]:
    """Findings in the order in which they are mended. What can't be asked is a finding too; it ends the list where it
    is the token, the host or the project.
    """
    found: list[Finding] = []
    try:
        user, finding = _token(reads)
        found.append(finding)
        project = reads.get(reads.project, "the project")
    except TrackerError as error:
        return [*found, Finding("access", False, error.message, error.hint)]
    found.append(Finding("project", True, str(project.get("path_with_namespace") or reads.place.path)))
    level = _level(project)
    found += [_role(project, level), _issues(project)]
    parts: list[tuple[str, Callable[[], Finding]]] = [
        ("child items", lambda: _children(reads)),
        *([("epics", lambda: _epics(reads, user))] if reads.place.group else []),
        ("links", lambda: _links(reads)),
        ("webhooks", lambda: _hooks(reads, level)),
        ("GitLab", lambda: _version(reads)),
        ("limit", lambda: _limit(reads)),
    ]
    for what, ask in parts:
        try:
            found.append(ask())
        except TrackerError as error:
            found.append(Finding(what, False, error.message, error.hint))
    return found


def _token(reads: Reads) -> tuple[int, Finding]:
    """The user's id (0 where it is not told), and what the token is: whose, its scopes, until when."""
    try:
        told = reads.get("api/v4/personal_access_tokens/self", "the token")
    except (NotFound, Rejected):  # another kind of token, or a GitLab before 15.5
        who = reads.get("api/v4/user", "the token's user")
        detail = f"belongs to {who.get('username', 'somebody')}; its scopes can't be asked here"
        return _number(who.get("id")), Finding("token", True, detail)
    try:
        who = reads.get("api/v4/user", "the token's user")
    except (Unauthorized, NotFound):  # a scope that does not take users in
        who = {}
    name = str(who.get("username") or "")
    bot = BOT.match(name)
    kind = f"{bot[1]} access token" if bot else f"personal access token of {name}" if name else "access token"
    scopes = told.get("scopes")
    names = [str(one) for one in scopes] if isinstance(scopes, list) else []
    until = f", until {told['expires_at']}" if told.get("expires_at") else ", without an end"
    detail = f"{kind}, scopes {', '.join(names) or 'none'}{until}"
    finding = Finding("token", "api" in names, detail, "" if "api" in names else refusals.SCOPE)
    return _number(told.get("user_id") or who.get("id")), finding


def _level(project: Any) -> int:
    permissions = project.get("permissions")
    told = permissions.values() if isinstance(permissions, dict) else []
    levels = [one.get("access_level") for one in told if isinstance(one, dict)]
    return max((one for one in levels if isinstance(one, int)), default=0)


def _role(project: Any, level: int) -> Finding:
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
        reads.type_id(TASK)
    except Unsupported as error:
        return Finding("child items", False, error.message, error.hint)
    return Finding("child items", True, "tasks under issues, up to 5,000 each")


def _epics(reads: Reads, user: int) -> Finding:
    """The licence, and the role in the group: https://docs.gitlab.com/user/permissions/#group-planning."""
    group = reads.place.group
    if not reads.licence().epics:
        mend = f"{refusals.TIER} Without it leave --group out, or take the profile gitlab."
        return Finding("epics", False, f"the group {group} is not licensed for them: tasks become issues", mend)
    try:
        member = reads.get(f"{reads.group}/members/all/{user}", "the role in the group") if user else {}
    except NotFound:
        return Finding("epics", False, f"licensed, but the token's user is no member of {group}", refusals.GROUP)
    level = _number(member.get("access_level"))
    if not level:
        return Finding("epics", True, f"licensed in {group}; the role there can't be asked")
    ok = level >= NEEDED
    detail = f"{ROLES.get(level, level)} in {group}: may {'' if ok else 'not '}write epics"
    return Finding("epics", ok, detail, "" if ok else f"Give the token's user the role Planner or more in {group}.")


def _links(reads: Reads) -> Finding:
    """Blocking links, which only matter where dependencies are wanted."""
    if reads.licence().links:
        return Finding("links", True, f"blocked by, up to {MOST} links an item")
    wanted = reads.place.dependencies
    return Finding("links", not wanted, "no blocking links without Premium", refusals.TIER if wanted else "")


def _hooks(reads: Reads, level: int) -> Finding:
    """The right to set webhooks up, and whether one of ours is off. Without the right all else works: no failure."""
    if level < HOOKS_NEED:
        who = ROLES.get(level, "no member") if level in ROLES or not level else str(level)
        return Finding("webhooks", True, f"{who} may not set them up, Maintainer may: changes are found on schedule")
    ours = [row for row in reads.listed(f"{reads.project}/hooks", "webhooks") if OURS in str(row.get("url"))]
    off = [row for row in ours if row.get("alert_status") not in (None, "executable")]
    if off:
        return Finding(
            "webhooks", False, "GitLab switched ours off after failures", "milepost target hook NAME --url …"
        )
    return Finding("webhooks", True, f"may be set up; {len(ours) or 'none'} of ours there")


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


def _limit(reads: Reads) -> Finding:
    """By the last answer's headers (https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/)."""
    most, left = reads.headers.get("ratelimit-limit", ""), reads.headers.get("ratelimit-remaining", "")
    if not left.isdecimal():
        return Finding("limit", True, "none told")
    ok = int(left) > LOW
    detail = f"{int(left):,} of {most or 'its'} requests left in this minute"
    return Finding("limit", ok, detail, "" if ok else "Others use this token too: give Milepost one of its own.")


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
