"""What `target check` asks GitHub. Writes nothing; what can't be found out without writing is not claimed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.base import Finding, TrackerError, Unauthorized
from connectors.github.auth import TokenSource
from connectors.http import Answer, Json

WRITE_ROLES = ("admin", "maintain", "push")


def findings(path: str, root: str, tokens: TokenSource, get: Callable[[str], Answer]) -> list[Finding]:
    """Credentials, the repository, the right to write, issues switched on, the rate limit. Raises nothing of ours."""
    try:
        who = owner(tokens, get)
        answer = get(root)
    except Unauthorized as error:
        return [Finding("credentials", False, error.message, error.hint)]
    except TrackerError as error:
        return [Finding("repository", False, error.message, error.hint)]
    body = answer.body if isinstance(answer.body, dict) else {}
    return [
        Finding("credentials", True, who),
        repository(path, body),
        rights(tokens, body, answer.headers),
        issues(body),
        limit(answer.headers),
    ]


def owner(tokens: TokenSource, get: Callable[[str], Answer]) -> str:
    """Whose token it is. One that belongs to no user (GitHub Actions') is refused /user, and may be right."""
    if tokens.installation is not None:
        app = tokens.installation.app
        return f"installation {app.installation_id} of app {app.app_id}"
    try:
        answer = get("/user")
    except Unauthorized:
        return "a token that belongs to no user"
    return f"signed in as {answer.body.get('login') if isinstance(answer.body, dict) else None}"


def repository(path: str, body: Mapping[str, Json]) -> Finding:
    """Whether it is there, under this name, and not archived."""
    name = str(body.get("full_name") or "")
    if not name:
        return Finding("repository", False, f"{path} was not described by what answers", "Check --base-url.")
    if body.get("archived"):
        return Finding("repository", False, f"{name} is archived: it can't be written to", "Unarchive it.")
    if name.lower() != path.lower():
        return Finding("repository", False, f"{path} is now called {name}", f"Add the target again as {name}.")
    return Finding("repository", True, name)


def rights(tokens: TokenSource, body: Mapping[str, Json], headers: Mapping[str, str]) -> Finding:
    """Whether milestones and labels can be set: without push access GitHub drops them silently (TRACKERS, trap 11).

    An App's rights are told with its token, a classic token's by its scopes; a fine-grained token's are not told, so
    only the user's role is known.
    """
    mend = "Give the token Issues: read and write, and its user write access to the repository."
    if tokens.installation is not None:
        level = tokens.installation.permissions.get("issues", "none")
        return Finding("permission to write", level in ("write", "admin"), f"Issues: {level}", mend)
    scopes = {s.strip() for s in headers.get("x-oauth-scopes", "").split(",") if s.strip()}
    enough = {"repo"} if body.get("private") else {"repo", "public_repo"}
    if scopes and not scopes & enough:
        return Finding("permission to write", False, f"scopes: {', '.join(sorted(scopes))}", "Give it the scope repo.")
    roles = body.get("permissions")
    held = [role for role in (*WRITE_ROLES, "triage", "pull") if isinstance(roles, dict) and roles.get(role)]
    if not held:
        return Finding("permission to write", False, "the token has no role in the repository", mend)
    if held[0] in WRITE_ROLES:
        return Finding("permission to write", True, f"role {held[0]}")
    said = f"role {held[0]}: GitHub silently drops milestones and labels without push access"
    return Finding("permission to write", False, said, mend)


def issues(body: Mapping[str, Json]) -> Finding:
    """Whether the repository has issues switched on."""
    on = body.get("has_issues") is not False
    return Finding("issues", on, "on" if on else "off", "" if on else "Switch issues on in the repository's settings.")


def limit(headers: Mapping[str, str]) -> Finding:
    """What is left of the hour's requests. GitHub Enterprise Server may have no limit."""
    left, most = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-limit", "")
    if not left.isdecimal():
        return Finding("rate limit", True, "none named")
    return Finding("rate limit", int(left) > 0, f"{left} of {most} requests left", "" if int(left) else "Wait an hour.")
