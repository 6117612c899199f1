"""How both connectors read over HTTP: one keep-alive client, conditional requests, and every failure as ours.

`Reader` makes requests and gives an `Answer` (200 or 304) or raises an error of `connectors.base`. `error_for` turns a
refusal into that error; a tracker's own rules come first, through `refine`. May import `connectors.base` and httpx.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from connectors.base import (
    Budget,
    FieldProblem,
    NotFound,
    RateLimited,
    Rejected,
    TrackerError,
    Unauthorized,
    Unavailable,
)
from connectors.reach import ANYWHERE, Reach

USER_AGENT: Final = "milepost"
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0  # between two pieces of an answer
ANSWER_SECONDS: Final = 120.0  # for a whole answer, however it trickles
ANSWER_BYTES: Final = 64 * 1024 * 1024  # 100 issues with full bodies are 26 MB at most on GitHub
REDIRECTS: Final = 3

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a read got. `status` is 200 or 304; with 304 `body` is None. `headers` has lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: Json = field(repr=False)
    next: str | None = None  # Link rel=next, on the same host

    @property
    def unchanged(self) -> bool:
        """Whether the tracker answered 304: what the given ETag stood for still holds."""
        return self.status == httpx.codes.NOT_MODIFIED

    @property
    def etag(self) -> str:
        """What to give back as `etag` next time, "" for none."""
        return self.headers.get("etag", "")

    @property
    def date(self) -> datetime | None:
        """The tracker's clock (Date header), UTC."""
        return http_date(self.headers.get("date", ""))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is not a success. `call` names the request for people: "GET /repos/o/r/issues".

    `headers` has lower-case names. `body` is the parsed JSON, or None where it was none.
    """

    tracker: str
    host: str
    call: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Json = field(default=None, repr=False)

    @property
    def message(self) -> str:
        """The tracker's own words, one line, "" for none. GitLab puts them under `error` or in nested `message`s."""
        if not isinstance(self.body, dict):
            return ""
        words = next((self.body[k] for k in ("message", "error_description", "error") if self.body.get(k)), "")
        text = words if isinstance(words, str) else json.dumps(words, ensure_ascii=False)
        return " ".join(text.split())[:300]

    @property
    def request_id(self) -> str:
        """The tracker's own name for the call."""
        return self.headers.get("x-github-request-id") or self.headers.get("x-request-id", "")


Refine = Callable[[Refusal], TrackerError | None]
"""A tracker's own rules for a refusal; None leaves it to `error_for`."""


class Reader:
    """Reads from one tracker. Not for use by two threads at once.

    `headers` is called before each request and gives what it is sent with (Authorization, version): a token can be
    refreshed there. Credentials only go to the host of `base_url`: a redirect or a next page elsewhere is refused.
    Nothing goes to an address out of `reach` (AddressRefused). `requests` counts every attempt; `budget` is what the
    last answer that told of one said. Proxies of the environment are used, but never for a loopback address.
    """

    def __init__(
        self,
        base_url: str,
        headers: Callable[[], Mapping[str, str]],
        *,
        tracker: str,
        refine: Refine | None = None,
        reach: Reach = ANYWHERE,
    ) -> None:
        self.tracker = tracker
        self.base = checked_base(base_url, tracker)
        self.requests = 0
        self.budget: Budget | None = None
        self._headers = headers
        self._refine = refine
        host = self.base.host
        around = {f"all://{bracketed(host)}": None} if is_loopback(host) else None
        try:
            self._client = httpx.Client(
                timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                headers={"user-agent": USER_AGENT},
                mounts=around,
                event_hooks={"request": [reach.watch]},
            )
        except (ValueError, OSError, ImportError, httpx.InvalidURL):
            raise Unavailable(
                f"The environment's proxy or certificate settings can't be used to reach {host}",
                "Check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR.",
            ) from None

    def get(self, url: str, params: Mapping[str, str | int] | None = None, *, etag: str = "") -> Answer:
        """GET a path under the base URL, or a whole URL on its host, once (and at most 3 redirects on that host)."""
        target = self._absolute(url, params)
        extra = {"if-none-match": etag} if etag else {}
        for _ in range(REDIRECTS + 1):
            response, body = self._send("GET", target, extra, None)
            if not response.has_redirect_location or response.status_code == httpx.codes.SEE_OTHER:
                return self._answer(response, body, target)
            target = self._same_host(target.join(response.headers["location"]), "redirects")
        raise Unavailable(f"{self.tracker} at {self.base.host} redirects in circles", self._mend())

    def query(self, url: str, body: Mapping[str, object]) -> Answer:
        """POST a JSON body that reads (a GraphQL query), once, following no redirect."""
        target = self._absolute(url, None)
        content = json.dumps(body).encode()
        response, got = self._send("POST", target, {"content-type": "application/json"}, content)
        return self._answer(response, got, target)

    def close(self) -> None:
        """Let connections go."""
        self._client.close()

    def __repr__(self) -> str:
        return f"Reader({self.tracker} at {self.base.host}, {self.requests} requests)"

    def _absolute(self, url: str, params: Mapping[str, str | int] | None) -> httpx.URL:
        try:
            whole = url.startswith(("https://", "http://"))
            target = httpx.URL(url if whole else f"{str(self.base).rstrip('/')}/{url.lstrip('/')}")
        except httpx.InvalidURL:
            raise Unavailable(
                f"{self.tracker} at {self.base.host} links to something that is no URL", self._mend()
            ) from None
        if params:
            target = target.copy_merge_params(dict(params))
        return self._same_host(target, "links")

    def _same_host(self, target: httpx.URL, does: str) -> httpx.URL:
        """The URL, on the scheme and port of the base: behind a proxy that ends TLS, trackers link to http://HOST."""
        if target.host != self.base.host or target.port not in (None, self.base.port):
            raise Unavailable(
                f"{self.tracker} at {self.base.host} {does} to another host ({target.host}); not followed", self._mend()
            )
        return target.copy_with(scheme=self.base.scheme, port=self.base.port)

    def _send(
        self, method: str, url: httpx.URL, extra: Mapping[str, str], content: bytes | None
    ) -> tuple[httpx.Response, bytes]:
        """One request and its whole body. `self._headers()` may raise an error of ours: it passes."""
        sent = _Unshown({"accept": "application/json", **self._headers(), **extra})
        host = self.base.host
        self.requests += 1
        try:
            with self._client.stream(method, url, headers=sent, content=content) as response:
                self.budget = budget(response.headers) or self.budget
                return response, self._body(response)
        except (httpx.LocalProtocolError, UnicodeError):
            # httpx quotes the header in its message
            raise Unauthorized(
                f"The {self.tracker} token holds characters that can't be sent",
                "Check for a line break or a quote in it.",
            ) from None
        except httpx.ConnectTimeout:
            raise Unavailable(
                f"{host} took over {CONNECT_SECONDS:.0f} s to accept a connection", self._reach()
            ) from None
        except httpx.TimeoutException:
            raise Unavailable(f"{host} took over {READ_SECONDS:.0f} s to answer", "It is tried again later.") from None
        except httpx.ProxyError:
            raise Unavailable(f"The proxy on the way to {host} refused", "Check HTTPS_PROXY and NO_PROXY.") from None
        except httpx.ConnectError as error:
            raise self._no_connection(str(error)) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL):
            raise Unavailable(f"The address of {host} can't be used", self._mend()) from None
        except (httpx.RequestError, httpx.StreamError, OSError):
            raise Unavailable(f"{host} broke off in the middle of its answer", "It is tried again later.") from None

    def _body(self, response: httpx.Response) -> bytes:
        until = time.monotonic() + ANSWER_SECONDS
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > ANSWER_BYTES or time.monotonic() > until:
                raise Unavailable(
                    f"{self.base.host} sent an answer too large or too slow to be its API's", self._mend()
                )
        return b"".join(pieces)

    def _no_connection(self, reason: str) -> Unavailable:
        host = self.base.host
        if "CERTIFICATE" in reason or "SSL" in reason or "TLS" in reason:
            return Unavailable(
                f"No trusted connection to {host}: its certificate or TLS was refused",
                "Check --base-url; for a private certificate authority set SSL_CERT_FILE.",
            )
        return Unavailable(f"{host} can't be reached", self._reach())

    def _answer(self, response: httpx.Response, body: bytes, url: httpx.URL) -> Answer:
        headers = dict(response.headers)
        call = f"{response.request.method} {url.path}"
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return Answer(response.status_code, headers, None)
        parsed, is_json = parse_json(body)
        if not response.is_success:
            refusal = Refusal(self.tracker, self.base.host, call, response.status_code, headers, parsed)
            raise error_for(refusal, self._refine)
        if not is_json:
            raise not_its_api(self.tracker, self.base.host, call)
        link = response.links.get("next", {}).get("url")
        after = str(self._same_host(url.join(link), "links")) if link else None
        return Answer(response.status_code, headers, parsed, after)

    def _mend(self) -> str:
        return "Check --base-url."

    def _reach(self) -> str:
        return "Check --base-url, the network and the proxy settings (HTTPS_PROXY, NO_PROXY)."


class _Unshown(dict[str, str]):
    """Headers with a token in them, which a traceback that prints local variables doesn't show."""

    def __repr__(self) -> str:
        return f"{{{', '.join(self)}: …}}"


def error_for(refusal: Refusal, refine: Refine | None = None) -> TrackerError:
    """The error of `connectors.base` that a refused *read*, or a 4xx to a write, stands for.

    A write answered 5xx is the caller's to call OutcomeUnknown.
    """
    special = refine(refusal) if refine else None
    if special is not None:
        return special
    r = refusal
    said = f"{r.tracker} answered {r.status} to {r.call}" + (f": {r.message}" if r.message else "")
    hint, wait = HINTS.get(r.status, ""), named_wait(r.headers)
    if is_rate_limit(r):
        return RateLimited(said, "It goes on when the tracker allows.", retry_after=wait, request_id=r.request_id)
    if r.status >= 500 or r.status == 407:
        hint = hint or "It is tried again later."
        return Unavailable(said, hint, retry_after=wait, request_id=r.request_id)
    if r.status < 400 or (r.body is None and "html" in r.headers.get("content-type", "")):
        return not_its_api(r.tracker, r.host, r.call, r.status)
    terminal = {401: Unauthorized, 403: Unauthorized, 404: NotFound, 410: NotFound}.get(r.status)
    if terminal is not None:
        return terminal(said, hint, request_id=r.request_id)
    return Rejected(said, fields=field_problems(r.body), request_id=r.request_id)


HIDDEN: Final = "Check the path and --base-url, and that the token may see it: what it may not see looks absent."
HINTS: Final[Mapping[int, str]] = {
    401: "Check the token: it may be wrong, expired or revoked.",
    403: "Give the token the right that this call needs.",
    404: HIDDEN,
    407: "The proxy wants credentials: put them into HTTPS_PROXY.",
    410: HIDDEN,
}


def not_its_api(tracker: str, host: str, call: str, status: int = 200) -> Unavailable:
    """What answers there, but not with JSON: a login page, a proxy, another program, half an answer."""
    return Unavailable(f"What answers at {host} ({status} to {call}) is not {tracker}'s API", "Check --base-url.")


def is_rate_limit(refusal: Refusal) -> bool:
    """429, or a 403 that says so: by `retry-after`, nothing remaining, or "rate limit" in its words."""
    if refusal.status == httpx.codes.TOO_MANY_REQUESTS:
        return True
    if refusal.status != httpx.codes.FORBIDDEN:
        return False
    headers = refusal.headers
    spent = "0" in (headers.get("x-ratelimit-remaining"), headers.get("ratelimit-remaining"))
    return "retry-after" in headers or spent or "rate limit" in refusal.message.lower()


def named_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait that the tracker named: Retry-After, else until the limit's reset when nothing is left.

    Times are taken against the tracker's own Date header, so that a clock of ours that is off does no harm.
    """
    after = headers.get("retry-after", "").strip()
    now = http_date(headers.get("date", "")) or datetime.now(UTC)
    if after.isdecimal():
        return float(after)
    until = http_date(after)
    if until is None:
        for prefix in ("x-ratelimit-", "ratelimit-"):
            reset = headers.get(prefix + "reset", "")
            if headers.get(prefix + "remaining") == "0" and reset.isdecimal() and len(reset) < 12:
                until = datetime.fromtimestamp(int(reset), UTC)
    return None if until is None else max(0.0, (until - now).total_seconds())


def budget(headers: Mapping[str, str]) -> Budget | None:
    """The limit that an answer tells of. GitHub counts GraphQL and searches apart (`x-ratelimit-resource`): not these.

    docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#checking-the-status-of-your-rate-limit,
    docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers
    """
    if headers.get("x-ratelimit-resource", "core") != "core":
        return None
    for prefix in ("x-ratelimit-", "ratelimit-"):
        left, most, reset = (headers.get(prefix + name, "") for name in ("remaining", "limit", "reset"))
        if left.isdecimal() and most.isdecimal() and len(left + most) < 20:
            dated = reset.isdecimal() and len(reset) < 12
            return Budget(int(left), int(most), datetime.fromtimestamp(int(reset), UTC) if dated else None)
    return None


def field_problems(body: Json) -> tuple[FieldProblem, ...]:
    """Which fields a 400 or 422 names: GitHub's `errors` (field, code), GitLab's `message` (field -> reasons)."""
    if not isinstance(body, dict):
        return ()
    found: list[FieldProblem] = []
    errors = body.get("errors")
    for one in errors if isinstance(errors, list) else []:
        if isinstance(one, dict):
            code = one.get("code") if one.get("code") not in (None, "custom") else one.get("message") or one.get("code")
            found.append(FieldProblem(str(one.get("field") or ""), str(code or "")))
        elif isinstance(one, str):
            found.append(FieldProblem("", one))
    reasons = body.get("message")
    for name, why in reasons.items() if isinstance(reasons, dict) else []:
        found.extend(FieldProblem(name, str(reason)) for reason in (why if isinstance(why, list) else [why]))
    return tuple(found)


def checked_base(base_url: str, tracker: str) -> httpx.URL:
    """The base URL, or Unavailable saying what is wrong with it. It may not hold credentials, a query or a fragment."""
    hint = "Give --base-url as https://HOST or https://HOST/PATH."
    try:
        url = httpx.URL(base_url.rstrip("/"))
    except (httpx.InvalidURL, TypeError):
        raise Unavailable(f"The base URL for {tracker} is no URL", hint) from None
    if url.scheme not in ("http", "https") or not url.host or ("[" in base_url) != (":" in url.host):
        raise Unavailable(f"The base URL for {tracker} is no http or https URL", hint)
    if url.userinfo or url.query or url.fragment:
        raise Unavailable(f"The base URL for {tracker} at {url.host} holds more than a host and a path", hint)
    return url


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, where no proxy of the environment is asked."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def bracketed(host: str) -> str:
    """A host as URLs write it."""
    return f"[{host}]" if ":" in host else host


def http_date(text: str) -> datetime | None:
    """The time of an HTTP date, UTC and aware, or None."""
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def parse_json(body: bytes) -> tuple[Json, bool]:
    """(value, True), or (None, False) where the bytes are not JSON."""
    try:
        return json.loads(body), True
    except (ValueError, RecursionError):
        return None, False
