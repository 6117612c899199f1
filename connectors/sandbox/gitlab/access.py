"""Who asks: a token's kind, scopes and roles, and what a request needs of it.

Levels and needs from GitLab's "Roles and permissions" page and the API pages of milestones, labels and webhooks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import unquote

from connectors.sandbox.gitlab.records import Group, Owner, Project, Refused
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.kit import Options

NONE, GUEST, PLANNER, REPORTER, DEVELOPER, MAINTAINER, OWNER = 0, 10, 15, 20, 30, 40, 50

KINDS = ("personal", "project", "group")

# What a write needs at least, by the path under `/api/v4/projects/…` or `/groups/…`; the first that fits counts.
_NEEDS = (
    (re.compile(r"hooks(/|$)"), {"projects": MAINTAINER, "groups": OWNER}),
    (re.compile(r"(milestones|labels)(/|$)"), {"projects": PLANNER, "groups": PLANNER}),
    (re.compile(r""), {"projects": GUEST, "groups": OWNER}),
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `role` is its user's in projects and `group_role` in groups, and so in the projects below (access
    levels as above; 0: no member). A project or group access token belongs to a bot that knows only `path`.
    """

    kind: Literal["personal", "project", "group"] = "personal"
    scopes: tuple[str, ...] = ("api",)
    role: int = MAINTAINER
    group_role: int = OWNER
    path: str = ""
    expires_on: date | None = None
    revoked: bool = False

    @property
    def bot(self) -> bool:
        return self.kind != "personal"

    @property
    def writes(self) -> bool:
        return "api" in self.scopes

    @property
    def reads(self) -> bool:
        return self.writes or "read_api" in self.scopes

    def level(self, owner: Owner) -> int:
        """The access level in a place; 0 where it is no member."""
        if self.kind == "project":
            return self.role if owner.path == self.path and isinstance(owner, Project) else NONE
        if self.kind == "group":
            inside = owner.path == self.path or owner.path.startswith(f"{self.path}/")
            return self.group_role if inside else NONE
        return max(self.role, self.group_role) if isinstance(owner, Project) else self.group_role

    def sees(self, owner: Owner) -> bool:
        """Every place is private. A project's member may look at the groups above it."""
        if self.level(owner):
            return True
        if isinstance(owner, Project):
            return False
        if self.kind == "personal":
            return self.role > NONE
        return self.path.startswith(f"{owner.path}/") and self.kind == "project"


class Access:
    """The tokens of a box. Without any, every non-empty one is let in with every right."""

    def __init__(self, store: Store, options: Options, tokens: Mapping[str, Token]) -> None:
        self._store = store
        self._known = {name: Token() for name in options.tokens}
        self._known |= {name: Token(scopes=("read_api",)) for name in options.read_only} | dict(tokens)
        self._open = not options.tokens and not tokens
        self._bots: dict[str, int] = {}

    def set(self, secret: str, token: Token) -> None:
        with self._store.lock:
            self._known[secret] = token

    def find(self, secret: str) -> Token | None:
        return self._known.get(secret) or (Token() if secret and self._open else None)

    def bot(self, token: Token) -> tuple[int, str]:
        """A bot's user id and name."""
        with self._store.lock:
            number = self._bots.setdefault(f"{token.kind} {token.path}", self._store.new_id())
            owner = self._store.owner(token.path)
            return number, f"{token.kind}_{owner.id}_bot_{number:032x}"

    def invalid(self, token: Token | None) -> dict[str, str] | None:
        """Why it is not let in at all (401), as REST says it."""
        if token is None:
            return {"message": "401 Unauthorized"}
        if token.revoked:
            told = "Token was revoked. You have to re-authorize from the user."
            return {"error": "invalid_token", "error_description": told}
        if token.expires_on and token.expires_on <= self._store.clock.now().date():
            told = "Token is expired. You can either do re-authorization or token refresh."
            return {"error": "invalid_token", "error_description": told}
        return None

    def forbid(self, token: Token, method: str, path: str) -> Refused | None:
        """Why a REST request is refused: the scope (403), the place is hidden (404), the role (403)."""
        reading = method in ("GET", "HEAD")
        if path == "/api/v4/personal_access_tokens/self":
            return None
        if not (token.reads if reading else token.writes):
            told = "The request requires higher privileges than provided by the access token."
            scope = "api read_api" if reading else "api"
            return Refused(403, {"error": "insufficient_scope", "error_description": told, "scope": scope})
        match = re.match(r"/api/v4/(projects|groups)/([^/]+)/?(.*)", path)
        return self._forbid_place(token, reading, *match.groups()) if match else None

    def _forbid_place(self, token: Token, reading: bool, kind: str, ref: str, rest: str) -> Refused | None:
        try:
            find = self._store.project if kind == "projects" else self._store.group
            owner: Owner = find(unquote(ref))
        except Refused as error:
            return error
        if not token.sees(owner):
            return Refused(404, {"message": f"404 {kind[:-1].title()} Not Found"})
        hooks = rest.startswith("hooks")
        needed = next(needs[kind] for pattern, needs in _NEEDS if pattern.match(rest))
        allowed = token.level(owner) >= needed if hooks or not reading else True
        licensed = self._store.premium or not (hooks and isinstance(owner, Group))
        return None if allowed and licensed else Refused(403, {"message": "403 Forbidden"})
