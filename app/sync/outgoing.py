"""One POST to an address that people named: once, in bounded time, and never to this machine by stealth.

The name is resolved here and the address that was checked is the one that is connected to. Redirects aren't followed.
"""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

import httpx

from app.core.errors import MilepostError
from connectors.http import http_date, is_loopback

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
METADATA: Final = frozenset({ip_address("fd00:ec2::254"), ip_address("100.100.100.200"), ip_address("192.0.0.192")})
"""Where clouds hand out a machine's credentials, beside 169.254.169.254, which is link-local."""


class BadAddress(MilepostError):
    """A URL that can't be posted to, or that may not be."""

    type = "bad-address"
    status = 422


class NotDelivered(MilepostError):
    """The message did not get through. `status` is the answer's, None for none; `after` the seconds it asked for."""

    type = "not-delivered"
    exit_code = 3

    def __init__(self, message: str, *, answered: int | None = None, after: float = 0.0) -> None:
        super().__init__(message, "it is tried again later")
        self.answered = answered
        self.after = after


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a request goes: the URL to connect to, and the host's own name."""

    url: str
    host: str
    name: str
    proxied: bool


def checked(url: str) -> str:
    """The URL, if it can be one. Raises BadAddress, which doesn't quote it: it may be a secret."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress("the URL is none", "give https://HOST/PATH") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise BadAddress("the URL is no http or https URL", "give https://HOST/PATH")
    if "@" in parts.netloc or parts.fragment:
        raise BadAddress("the URL holds a user name, a password or a fragment", "leave it out")
    if not (url.isascii() and url.isprintable() and " " not in url):
        raise BadAddress("the URL holds characters that none has", "encode them")
    return url


def post(url: str, headers: Mapping[str, str], body: bytes, *, local: bool) -> None:
    """POST once. Done when it is answered 2xx. Raises BadAddress, NotDelivered; neither quotes the URL's path.

    `local` lets it go to this machine and to link-local addresses.
    """
    way = _way(checked(url), local)
    try:
        with (
            httpx.Client(
                timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
                trust_env=way.proxied,
                follow_redirects=False,
            ) as client,
            client.stream(
                "POST",
                way.url,
                content=body,
                headers={**headers, "host": way.host, "user-agent": "milepost"},
                extensions={"sni_hostname": way.name},
            ) as answer,
        ):
            status, after = answer.status_code, _after(answer.headers)
    except httpx.TimeoutException:
        raise NotDelivered(f"{way.name} did not answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NotDelivered(f"{way.name} can't be reached ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise NotDelivered(f"{way.name} answered {status}", answered=status, after=after)


def _after(headers: httpx.Headers) -> float:
    """The seconds that an answer asks to wait, 0 for none."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) < 9:
        return float(value)
    until, now = http_date(value), http_date(headers.get("date", ""))
    return max(0.0, (until - now).total_seconds()) if until and now else 0.0


def _way(url: str, local: bool) -> _Way:
    parts = urlsplit(url)
    name = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    proxied = parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(name)
    if proxied and not is_loopback(name):
        if not local and _refused(name):
            raise _not_allowed(name)
        return _Way(url, parts.netloc, name, proxied=True)  # the proxy resolves the name, and has rules of its own
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise NotDelivered(f"the name {name} can't be resolved") from None
    if not local and any(_refused(address) for address in found):
        raise _not_allowed(name)
    address = f"[{found[0]}]" if ":" in found[0] else found[0]
    return _Way(parts._replace(netloc=f"{address}:{port}").geturl(), parts.netloc, name, proxied=False)


def _refused(address: str) -> bool:
    """Whether it is this machine's or its link's own; a name is not looked up."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return address == "localhost" or address.endswith(".localhost")
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or found
    bad = (found.is_loopback, found.is_link_local, found.is_unspecified, found.is_multicast, found in METADATA)
    return any(bad)


def _not_allowed(name: str) -> BadAddress:
    return BadAddress(
        f"{name} is this machine, or an address of its own link only", "MILEPOST_NOTIFY_LOCAL=true allows it"
    )
