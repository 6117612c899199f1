"""What `target check` asks GitHub. Writes nothing; what can't be found out without writing is not claimed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from connectors.base import Finding, NotFound, TrackerError, Unauthorized, Unsupported
from connectors.github.auth import BadCredentials
from connectors.github.hooks import RIGHT
from connectors.github.session import Session
from connectors.http import Answer, Json

WRITE_ROLES: Final = ("admin", "maintain", "push")
ROLES: Final = (*WRITE_ROLES, "triage", "pull")
HOOK_SCOPES: Final = frozenset({"repo", "admin:repo_hook", "write:repo_hook"})
CLOCK_SECONDS: Final = 60.0  # an App's calls are signed as of a minute ago: further ahead, GitHub refuses them
ISSUES: Final = "Give the token Issues: read and write, and its user write access to the repository."
APP_ISSUES: Final = "Give the App Issues: read and write, and accept it for the installation."
APP_HOOKS: Final = "For `target hook` give the App Webhooks: read and write, and accept it for the installation."


@dataclass(frozen=True, slots=True)
class Facts:
    """What GitHub told about the token and the repository. `scopes` is None but for classic tokens; `role` is what
    the token's user is in the repository, "" for nothing; `app` is None but for an App: what it was given.
    """

    body: Mapping[str, Json]
    scopes: frozenset[str] | None
    role: str
    app: Mapping[str, str] | None

    @property
    def scope_list(self) -> str:
        """The scopes for people."""
        return ", ".join(sorted(self.scopes or ())) or "none"


def findings(session: Session, types: Callable[[], tuple[str, ...]]) -> list[Finding]:
    """One finding for each thing looked at, as far as it gets. Raises nothing of ours."""
    try:
        who = owner(session)
    except TrackerError as error:
        return [failure(session, error)]
    try:
        answer = session.get(session.root)
    except TrackerError as error:
        told = [] if isinstance(error, BadCredentials) else [Finding("credentials", True, who)]
        return [*told, failure(session, error)]
    facts = read(session, answer)
    kind = ""
    if facts.scopes is not None:
        kind = f", a classic token (scopes: {facts.scope_list})"
    elif session.tokens.fine_grained:
        kind = ", a fine-grained token"
    until = answer.headers.get("github-authentication-token-expiration", "")
    found = [
        Finding("credentials", True, who + kind + (f", until {until}" if until else "")),
        repository(session.path, facts.body),
        rights(facts),
        issues(facts.body),
        holds(types),
    ]
    if found[2].ok:  # else one line mends both
        found.append(webhooks(session, facts))
    return [*found, limit(answer.headers), version(session, answer.headers), clock(answer)]


def failure(session: Session, error: TrackerError) -> Finding:
    """Why it got no further, and what mends it: the token, its right, the path, the address, or the version."""
    if isinstance(error, Unauthorized):
        return Finding("credentials" if isinstance(error, BadCredentials) else "permission to read", *no(error))
    if isinstance(error, NotFound) and session.tokens.installation is not None:
        hint = "Check --repo and --installation-id, and that the installation includes this repository."
        return Finding("repository", False, error.message, hint)
    if isinstance(error, NotFound):
        hint = "Check --repo and --base-url, and that the token may see it: what it may not see looks absent."
        return Finding("repository", False, error.message, hint)
    if isinstance(error, Unsupported):
        return Finding("API version", *no(error))
    hint = error.hint
    if hint == "Check --base-url.":
        hint = "Check --base-url: https://api.github.com, or https://HOST/api/v3 for GitHub Enterprise Server."
    return Finding("connection", False, error.message, hint)


def no(error: TrackerError) -> tuple[bool, str, str]:
    """The rest of a finding that failed by this error."""
    return False, error.message, error.hint


def owner(session: Session) -> str:
    """Whose token it is. One that belongs to no user (GitHub Actions') is refused /user, and may be right."""
    if session.tokens.installation is not None:
        app = session.tokens.installation.app
        session.tokens.installation.token()
        return f"installation {app.installation_id} of app {app.app_id}"
    try:
        answer = session.get("/user")
    except BadCredentials:
        raise
    except Unauthorized:
        return "a token that belongs to no user"
    login = answer.body.get("login") if isinstance(answer.body, dict) else None
    if not login:
        raise session.not_github()
    return f"signed in as {login}"


def read(session: Session, answer: Answer) -> Facts:
    """What the repository's own answer tells of it and of the token."""
    body = answer.body if isinstance(answer.body, dict) else {}
    told, roles = answer.headers.get("x-oauth-scopes"), body.get("permissions")
    scopes = None if told is None else frozenset(scope.strip() for scope in told.split(",") if scope.strip())
    role = next((role for role in ROLES if isinstance(roles, dict) and roles.get(role)), "")
    app = session.tokens.installation
    return Facts(body, scopes, role, None if app is None else app.permissions)


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


def rights(facts: Facts) -> Finding:
    """Whether milestones and labels can be set: without push access GitHub drops them silently (TRACKERS, trap 11).

    An App's rights are told with its token, a classic token's by its scopes; a fine-grained token's are not told, so
    only its user's role is known.
    """
    what = "permission to write"
    if facts.app is not None:
        level = facts.app.get("issues", "none")
        enough = level in ("write", "admin")
        return Finding(what, enough, f"Issues: {level}", "" if enough else APP_ISSUES)
    needed = {"repo"} if facts.body.get("private") else {"repo", "public_repo"}
    if facts.scopes is not None and not facts.scopes & needed:
        return Finding(what, False, f"scopes: {facts.scope_list}", "Give the token the scope repo.")
    if not facts.role:
        return Finding(what, False, "the token has no role in the repository", ISSUES)
    if facts.role in WRITE_ROLES:
        return Finding(what, True, f"role {facts.role}")
    said = f"role {facts.role}: GitHub silently drops milestones, labels and types without push access"
    return Finding(what, False, said, ISSUES)


def issues(body: Mapping[str, Json]) -> Finding:
    """Whether the repository has issues switched on."""
    on = body.get("has_issues") is not False
    return Finding("issues", on, "on" if on else "off", "" if on else "Switch issues on in the repository's settings.")


def holds(types: Callable[[], tuple[str, ...]]) -> Finding:
    """What it can hold beyond issues. Sub-issues and dependencies are everywhere but on old GitHub Enterprise."""
    always = "sub-issues (100 a parent, 8 levels), dependencies (50 an issue)"
    try:
        named = types()
    except TrackerError as error:
        return Finding("what it holds", False, f"issue types can't be told: {error.message}", error.hint)
    listed = f"issue types {', '.join(named)}" if named else "no issue types"
    return Finding("what it holds", True, f"{always}, {listed}")


def webhooks(session: Session, facts: Facts) -> Finding:
    """Whether webhooks can be set up, as far as that can be told without doing it. Without them all else works."""
    what, without = "webhooks", "can't be set up: it is looked by the clock alone"
    if facts.app is not None:
        level = facts.app.get("repository_hooks", "none")
        enough = level in ("write", "admin")
        return Finding(
            what, True, f"Webhooks: {level}" + ("" if enough else f"; they {without}"), "" if enough else APP_HOOKS
        )
    mend = f"For `target hook`: {RIGHT[0].lower()}{RIGHT[1:]}"
    if facts.role and facts.role != "admin":
        return Finding(what, True, f"role {facts.role}: they {without}", mend)
    if facts.scopes is not None:
        enough = bool(facts.scopes & HOOK_SCOPES)
        return Finding(what, True, f"scopes: {facts.scope_list}", "" if enough else mend)
    try:
        session.get(f"{session.root}/hooks", {"per_page": 1})
    except (Unauthorized, NotFound) as error:
        return Finding(what, True, f"they {without} ({error.message})", mend)
    except TrackerError as error:
        return Finding(what, *no(error))
    return Finding(what, True, "can be read; whether they can be set up is told by doing it")


def limit(headers: Mapping[str, str]) -> Finding:
    """What is left of the hour's requests. GitHub Enterprise Server may have no limit."""
    left, most = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-limit", "")
    if not left.isdecimal():
        return Finding("rate limit", True, "none named")
    return Finding("rate limit", int(left) > 0, f"{left} of {most} requests left", "" if int(left) else "Wait an hour.")


def version(session: Session, headers: Mapping[str, str]) -> Finding:
    """Whether the server speaks the version of the API that is asked for; old GitHub Enterprise names none."""
    asked, got = session.tokens.api_version, headers.get("x-github-api-version-selected", "")
    if got in ("", asked):
        return Finding("API version", True, asked + ("" if got else ", which the server does not confirm"))
    return Finding("API version", False, f"asked for {asked}, answered with {got}", "Update Milepost, or the server.")


def clock(answer: Answer) -> Finding:
    """How far this machine's clock is from GitHub's. Only an App's own calls depend on it."""
    if answer.date is None:
        return Finding("clock", True, "GitHub names no time")
    ahead = (datetime.now(UTC) - answer.date).total_seconds()
    said = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} GitHub's"
    if abs(ahead) <= CLOCK_SECONDS:
        return Finding("clock", True, "as GitHub's" if abs(ahead) < 2 else said)
    return Finding("clock", False, said, "Set this machine's clock (NTP).")
