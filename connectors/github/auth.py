"""The one source of tokens: a fixed one, or a GitHub App installation's, made again before it lapses."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import github
from jwt import PyJWTError

from connectors.base import AppCredentials, Secret, Unauthorized, Unavailable
from connectors.http import Reader, Refine
from connectors.reach import ANYWHERE, Reach

MARGIN_SECONDS: Final = 120.0  # an installation token lives an hour
MEDIA_TYPE: Final = "application/vnd.github+json"


class BadCredentials(Unauthorized):
    """The token itself is refused (401), whatever rights it may have had. Nothing was carried out."""


class TokenSource(github.Auth.Auth):
    """Gives httpx and PyGithub the same token, and counts in `requests` the calls it made for it.

    `token` may raise BadCredentials (none set, a key that is no key, a revoked installation) or Unavailable.
    """

    def __init__(
        self,
        credentials: Secret | AppCredentials,
        base_url: str,
        api_version: str,
        *,
        refine: Refine | None = None,
        reach: Reach = ANYWHERE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.api_version = api_version
        self.installation: Installation | None = None
        self._fixed = Secret("")
        if isinstance(credentials, AppCredentials):
            self.installation = Installation(credentials, base_url, api_version, refine, reach, clock)
        else:
            self._fixed = credentials

    @property
    def requests(self) -> int:
        """Calls made for installation tokens."""
        return self.installation.reader.requests if self.installation else 0

    @property
    def fine_grained(self) -> bool:
        """Whether it is a fine-grained personal access token, told by how GitHub writes them."""
        return self._fixed.reveal().strip().startswith("github_pat_")

    @property
    def token_type(self) -> str:
        """The scheme of the Authorization header."""
        return "Bearer"

    @property
    def token(self) -> str:
        """A token good for two minutes at least."""
        # a Secret here too: a traceback can print local variables
        token = Secret(
            self.installation.token() if self.installation else self._fixed.reveal().strip()
        )  # files end with \n
        if not token.reveal():
            raise BadCredentials("No GitHub token is set", "Check --token-env or --token-file.")
        if not (token.reveal().isascii() and token.reveal().isprintable()):
            raise BadCredentials(
                "The GitHub token holds characters that no token has", "Check for a quote or a line break."
            )
        return token.reveal()

    def forget(self) -> bool:
        """The token was refused: whether another can be made, which the next call does."""
        return self.installation is not None and self.installation.forget()

    def headers(self) -> Mapping[str, str]:
        """What a read is sent with."""
        return sent_with(f"{self.token_type} {self.token}", self.api_version)

    def close(self) -> None:
        """Let connections go."""
        if self.installation:
            self.installation.reader.close()

    def __repr__(self) -> str:
        return f"TokenSource({'installation' if self.installation else 'token'})"


class Installation:
    """A GitHub App installation's token, made again two minutes before it lapses.

    How long a token lives is taken from GitHub's own clock (expiry less the Date header), so that ours may be off.
    """

    def __init__(
        self,
        app: AppCredentials,
        base_url: str,
        api_version: str,
        refine: Refine | None,
        reach: Reach,
        clock: Callable[[], float],
    ) -> None:
        self.app = app
        self.permissions: Mapping[str, str] = {}  # told with each token: {"issues": "write"}
        self.reader = Reader(
            base_url,
            lambda: sent_with(f"Bearer {self._jwt()}", api_version),
            tracker="GitHub",
            refine=refine,
            reach=reach,
        )
        self._token = Secret("")
        self._until = 0.0
        self._clock = clock

    def token(self) -> str:
        """The token, new where the old one is about to lapse. One request then, else none."""
        if self._clock() >= self._until:
            self._renew()
        return self._token.reveal()

    def forget(self) -> bool:
        """Make a new one next time. Whether there was one."""
        had, self._until = self._until > 0.0, 0.0
        return had

    def _renew(self) -> None:
        answer = self.reader.query(f"/app/installations/{self.app.installation_id}/access_tokens", {})
        body = answer.body if isinstance(answer.body, dict) else {}
        token, expires, rights = body.get("token"), body.get("expires_at"), body.get("permissions")
        try:
            until = datetime.fromisoformat(str(expires)).astimezone(UTC)
        except ValueError:
            until = None
        if not isinstance(token, str) or until is None:
            raise Unavailable("What answers for an installation token is not GitHub's API", "Check --base-url.")
        now = answer.date or datetime.fromtimestamp(self._clock(), UTC)
        self._until = self._clock() + (until - now).total_seconds() - MARGIN_SECONDS
        self._token = Secret(token)
        self.permissions = {k: str(v) for k, v in rights.items()} if isinstance(rights, dict) else {}

    def _jwt(self) -> str:
        try:
            return github.Auth.AppAuth(self.app.app_id, self.app.private_key.reveal()).create_jwt()
        except (PyJWTError, ValueError, TypeError, AssertionError):
            # what is raised can quote the key
            raise BadCredentials(
                "The GitHub App's private key is not a PEM RSA key", "Give --app-key-file the .pem that GitHub made."
            ) from None


def sent_with(authorization: str, api_version: str) -> dict[str, str]:
    """The headers of every read."""
    return {"authorization": authorization, "accept": MEDIA_TYPE, "x-github-api-version": api_version}
