"""Writes to GitHub through PyGithub: one attempt each, and what every failure means for what was asked.

PyGithub's own retries and waits are off: it would re-send a POST that was answered 502, and make it twice (TRACKERS,
trap 1), and pacing has one place of its own (trap 12).
"""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Mapping
from typing import Any, Final

import github
import requests
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, RequestsResponse
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from connectors.base import (
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Retryable,
    TrackerError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from connectors.github.auth import BadCredentials, TokenSource
from connectors.http import (
    USER_AGENT,
    Refusal,
    bracketed,
    checked_base,
    error_for,
    is_loopback,
    is_rate_limit,
    named_wait,
)
from connectors.reach import ANYWHERE, Reach

TRACKER: Final = "GitHub"
TIMEOUT_SECONDS: Final = 30
PATIENCE_SECONDS: Final = 60.0  # GitHub's rule where it names no time: a minute at least
CAPPED: Final = re.compile(
    r"(more than|exceed|maximum|limit|too many|too deep).*(sub-?issues?|layers|levels|depth)", re.I
)
PATIENCE: Final = re.compile(r"rate limit|abuse detection|wait a few minutes|retry your request again later", re.I)
SENT_NOTHING: Final = re.compile(r"CERTIFICATE|WRONG_VERSION|HANDSHAKE|UNKNOWN_PROTOCOL|UNEXPECTED_MESSAGE", re.I)
NOT_KNOWN: Final = re.compile(r"provided invalid value|is not defined on|doesn't exist on type", re.I)
OTHER_OWNER: Final = re.compile(r"(belong to|have) the same (owner|organi[sz]ation)", re.I)
VERSION_REFUSED: Final = re.compile(r"\bAPI version\b", re.I)
LOOK_UP: Final = "Whether it happened is looked up before it is tried again."


class Moved(NotFound):
    """A write answered with a redirect: nothing was written. The repository has a new name, or the issue left it."""


class Dropped(Unauthorized, OutcomeUnknown):
    """It was written, but parts of it were silently left out for want of a right (TRACKERS, trap 11).

    Both: Unauthorized stops the run, since all else would be written as lame; and as for an OutcomeUnknown, what was
    made is there to be found by its marker, so that it is never made twice.
    """

    type = "tracker-unauthorized"


class _Counted:
    """What both connections do more than PyGithub's: count attempts, and leave redirects to us.

    PyGithub would follow a 301 and write into whatever repository an issue was transferred to.
    """

    attempts = 0

    def unfollowed(self, response: RequestsResponse) -> RequestsResponse:
        if response.status == 301:
            response.status = 308
        return response


class _Plain(_Counted, HTTPRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        self.attempts += 1
        return self.unfollowed(super().getresponse())


class _Encrypted(_Counted, HTTPSRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        self.attempts += 1
        return self.unfollowed(super().getresponse())


class Wire:
    """Sends one write at a time over one kept connection.

    Raises errors of `connectors.base` and no other: OutcomeUnknown wherever GitHub may have carried it out, and what
    `error_for` says where it surely has not. Proxies of the environment are used, but never for a loopback address.
    """

    def __init__(self, base_url: str, tokens: TokenSource, reach: Reach = ANYWHERE) -> None:
        base = checked_base(base_url, TRACKER)
        self.host = base.host
        self.request_id = ""  # of the last answer
        verify = os.environ.get("SSL_CERT_FILE") or True  # what httpx reads with
        connection = _Encrypted if base.scheme == "https" else _Plain
        self._connection = connection(
            bracketed(base.host), base.port, timeout=TIMEOUT_SECONDS, retry=0, pool_size=1, verify=verify
        )
        self._connection.session.trust_env = not is_loopback(base.host)
        reach.guard(self._connection.adapter)
        self._requester = github.Github(
            auth=tokens,
            base_url=str(base).rstrip("/"),
            timeout=TIMEOUT_SECONDS,
            user_agent=USER_AGENT,
            per_page=100,
            retry=None,
            seconds_between_requests=0,
            seconds_between_writes=0,
            lazy=True,
            api_version=tokens.api_version,
        ).requester

    @property
    def requests(self) -> int:
        """Attempts made."""
        return self._connection.attempts

    def write(self, verb: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """POST or PATCH a path ("/repos/…"), once; the JSON object that GitHub answers with."""
        return self._send(verb, path, body)[1]

    def mutate(self, name: str, arguments: Mapping[str, Any], selection: str) -> dict[str, Any]:
        """Carry out one GraphQL mutation, once; the object under its name. What came with errors but came counts."""
        kind = name[0].upper() + name[1:]
        query = f"mutation($input: {kind}Input!) {{ {name}(input: $input) {{ {selection} }} }}"
        headers, body = self._send(
            "POST", self._requester.graphql_url, {"query": query, "variables": {"input": dict(arguments)}}
        )
        data = body.get("data")
        made = data.get(name) if isinstance(data, dict) else None
        if isinstance(made, dict) and any(made.values()):
            return made
        raise graphql_error(self.host, name, headers, body.get("errors"))

    def close(self) -> None:
        """Let connections go."""
        self._connection.close()
        self._requester.close()

    def _send(self, verb: str, url: str, body: Mapping[str, Any]) -> tuple[Mapping[str, str], dict[str, Any]]:
        call = f"{verb} {url if url.startswith('/') else '/graphql'}"
        try:
            status, headers, text = self._requester.requestJson(verb, url, input=body, cnx=self._connection)
        except requests.RequestException as error:
            raise lost(error, self.host, call) from None
        except (OSError, RuntimeError, ValueError):
            raise OutcomeUnknown(f"The answer of {self.host} to {call} could not be read", LOOK_UP) from None
        self.request_id = headers.get("x-github-request-id", "")
        return headers, self._judge(call, status, headers, text)

    def _judge(self, call: str, status: int, headers: Mapping[str, str], text: str) -> dict[str, Any]:
        """The answer's JSON object, or the error that it stands for."""
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        refusal = Refusal(TRACKER, self.host, call, status, headers, parsed)
        if status >= 500 or status in (202, 408):
            said = f"GitHub answered {status} to {call}: it may have been carried out"
            raise OutcomeUnknown(said, LOOK_UP, request_id=refusal.request_id)
        if status >= 400:
            raise error_for(refusal, rules)
        if status >= 300:
            raise Moved(f"GitHub answered {status} to {call}: it is elsewhere now", request_id=refusal.request_id)
        if not isinstance(parsed, dict):
            said = f"GitHub answered {status} to {call} with something that is no JSON object"
            raise OutcomeUnknown(said, LOOK_UP, request_id=refusal.request_id)
        return parsed


def lost(error: requests.RequestException, host: str, call: str) -> TrackerError:
    """Unavailable where the request was surely never sent, else OutcomeUnknown."""
    hint = "Check --base-url, the network and the proxy settings (HTTPS_PROXY, NO_PROXY)."
    reason = error.args[0] if error.args else None
    cause = reason.reason if isinstance(reason, MaxRetryError) else None
    if isinstance(error, requests.exceptions.SSLError):
        text = str(cause or reason)
        if isinstance(cause, ssl.SSLCertVerificationError) or SENT_NOTHING.search(text):
            hint = "Check --base-url; for a private certificate authority set SSL_CERT_FILE."
            return Unavailable(f"No trusted connection to {host}: its certificate or TLS was refused", hint)
    elif isinstance(error, requests.exceptions.ProxyError):
        return Unavailable(f"The proxy on the way to {host} refused", "Check HTTPS_PROXY and NO_PROXY.")
    elif isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(
        cause, (NewConnectionError, ConnectTimeoutError)
    ):
        return Unavailable(f"{host} can't be reached", hint)
    elif isinstance(error, ValueError):  # InvalidURL, InvalidSchema, MissingSchema, InvalidProxyURL
        return Unavailable(f"The address of {host} can't be used", hint)
    how = "took too long" if isinstance(error, requests.Timeout) else "was lost"
    return OutcomeUnknown(f"The answer of {host} to {call} {how}: it may have been carried out", LOOK_UP)


def rules(refusal: Refusal) -> TrackerError | None:
    """GitHub's own meanings of a refusal, before the common ones (`connectors.http.error_for`)."""
    r, text = refusal, words(refusal)
    said = f"GitHub answered {r.status} to {r.call}" + (f": {text}" if text else "")
    if is_rate_limit(r) or (r.status == 403 and PATIENCE.search(text)):
        wait = named_wait(r.headers)
        return RateLimited(
            said,
            "It goes on when GitHub allows.",
            retry_after=PATIENCE_SECONDS if wait is None else wait,
            request_id=r.request_id,
        )
    if r.status == 401 and not (r.body is None and "html" in r.headers.get("content-type", "")):  # that is a proxy's
        return BadCredentials(said, bad_credentials(r.call), request_id=r.request_id)
    if r.status in (400, 410) and VERSION_REFUSED.search(text):
        return Unsupported(said, "Update Milepost: this server no longer speaks its version of the API.")
    if r.status == 403 and r.body is not None:
        suspended = "suspended" in text.lower()
        hint = "Unsuspend the App's installation in GitHub's settings." if suspended else missing_right(r.headers)
        return Unauthorized(said, hint, request_id=r.request_id)
    if r.status == 410 and "disabled" in text.lower():
        return Unsupported(said, "Switch issues on in the repository's settings.", request_id=r.request_id)
    return by_words(said, text, r.request_id) if r.status in (400, 422) else None


def by_words(said: str, text: str, request_id: str) -> TrackerError | None:
    """What only GitHub's words tell: what sub-issues can't be, or adds under one parent that met (TRACKERS, trap 4)."""
    if OTHER_OWNER.search(text):
        return Unsupported(said, "A sub-issue and its parent must have the same owner.", request_id=request_id)
    if CAPPED.search(text):
        return Unsupported(said, "Put the rest into the parent's checklist.", request_id=request_id)
    if "Priority has already been taken" in text:
        return Retryable(said, "Another add under the same parent was faster.", retry_after=1.0, request_id=request_id)
    return None


def words(refusal: Refusal) -> str:
    """GitHub's message with those of its `errors`."""
    errors = refusal.body.get("errors") if isinstance(refusal.body, dict) else None
    listed = errors if isinstance(errors, list) else []
    more = [str(e.get("message") or "") if isinstance(e, dict) else str(e) for e in listed]
    return "; ".join(dict.fromkeys(part for part in (refusal.message, *more) if part))[:500]


def bad_credentials(call: str) -> str:
    """How to mend a 401. An App signs its own calls, by its id, its key and this machine's clock."""
    if "/app/" in call:
        return "Check --app-id, --app-key-file, and that this machine's clock is right to the minute."
    return "Check the token: it may be wrong, expired or revoked."


def missing_right(headers: Mapping[str, str]) -> str:
    """How to mend a 403. `X-Accepted-GitHub-Permissions` names what the call needs ("issues=write")."""
    if "x-github-sso" in headers:
        return "Authorise the token for the organisation's single sign-on."
    needed = headers.get("x-accepted-github-permissions", "")
    return f"Give the token the permission {needed}." if needed else "Give the token Issues: read and write."


def graphql_error(host: str, name: str, headers: Mapping[str, str], errors: object) -> TrackerError:
    """What the errors of a mutation that gave nothing mean. An error without a type is a timeout of GitHub's."""
    listed = [e for e in errors if isinstance(e, dict)] if isinstance(errors, list) else []
    text = "; ".join(str(e.get("message") or "") for e in listed)[:500]
    kinds = {str(e.get("type") or "") for e in listed}
    codes = {
        str((e.get("extensions") or {}).get("code") or "") for e in listed if isinstance(e.get("extensions"), dict)
    }
    said, request_id = f"GitHub refused {name}: {text}", headers.get("x-github-request-id", "")
    wait = named_wait(headers)
    if kinds & {"RATE_LIMITED", "RATE_LIMIT"} or PATIENCE.search(text):
        patience = PATIENCE_SECONDS if wait is None else wait
        return RateLimited(said, "It goes on when GitHub allows.", retry_after=patience, request_id=request_id)
    if kinds & {"FORBIDDEN", "INSUFFICIENT_SCOPES"}:
        return Unauthorized(said, missing_right(headers), request_id=request_id)
    if "NOT_FOUND" in kinds:
        return NotFound(said, "What the token may not see looks absent.", request_id=request_id)
    if codes & {"undefinedField", "argumentNotAccepted", "undefinedType"} or NOT_KNOWN.search(text):
        what = f"{name} with a parent" if name == "createIssue" else name
        return Unsupported(f"This GitHub ({host}) does not know {what}: {text}", request_id=request_id)
    if kinds - {""}:
        return by_words(said, text, request_id) or Rejected(said, request_id=request_id)
    return OutcomeUnknown(f"GitHub did not say whether it carried {name} out: {text}", LOOK_UP, request_id=request_id)
