"""Where a connector may connect to: names and addresses, checked when a target is added and at each connection.

A name says little: it may resolve to anything, and to something else a second later. So the address of the socket
itself is looked at, once it is connected and before a byte of a request is sent: in httpx by its trace extension
(`watch`), in requests by urllib3's connections (`guard`). Through a proxy of the environment it is the proxy that
resolves the name and connects: then only the name is checked here, and the rest is the proxy's to refuse.

May import `connectors.base`, and httpx, requests and urllib3 where a connection is made.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

from app.core.errors import MilepostError
from connectors.base import AddressRefused

if TYPE_CHECKING:  # most commands talk to no tracker
    import httpx
    from requests.adapters import HTTPAdapter

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NEVER: Final[tuple[Network, ...]] = tuple(
    ip_network(each)
    for each in (
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "fe80::/10",  # link-local
        "fd00:ec2::/32",  # Amazon's own services on IPv6, metadata at fd00:ec2::254
        "fd20:ce::/32",  # Google's, metadata at fd20:ce::254
        "100.100.100.200/32",  # Alibaba's metadata
        "168.63.129.16/32",  # Azure's platform
        "192.0.0.192/32",  # Oracle's metadata, of old
    )
)
"""What no tracker is at, and what would hand a machine's own credentials out."""
NEVER_NAMES: Final = frozenset({"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"})
NAT64: Final = ip_network("64:ff9b::/96")
NUMBERS: Final = re.compile(r"[0-9a-fx.]+", re.I)
"""Spellings of an IPv4 address that resolvers take and `ipaddress` does not: 127.1, 0x7f000001, 2130706433."""
HINT: Final = "name the host or its network in MILEPOST_ALLOWED_TRACKERS, if that is what you want"


class BadReach(MilepostError):
    """An entry of the allow-list that is neither a host nor a network."""

    type = "bad-setting"


@dataclass(frozen=True, slots=True)
class Reach:
    """Which hosts may be connected to.

    Without `names` and `networks` all may but `NEVER`, and this machine only with `loopback`. With them only those: a
    name (`*.name` for all below it) wherever it resolves to, save `NEVER` and this machine; a network wherever the
    name is from. An address of `NEVER` needs an entry that is no wider than its line there.
    """

    names: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    loopback: bool = True

    @classmethod
    def of(cls, entries: Iterable[str], *, loopback: bool = True) -> Reach:
        """From the entries of a setting. Raises BadReach."""
        names: set[str] = set()
        networks: list[Network] = []
        for entry in entries:
            try:
                networks.append(ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                if not re.fullmatch(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*", entry, re.I):
                    raise BadReach(
                        f"{entry!r} is neither a host nor a network",
                        "see MILEPOST_ALLOWED_TRACKERS in docs/security.md",
                    ) from None
                names.add(entry.lower())
        return cls(frozenset(names), tuple(networks), loopback)

    def check(self, host: str) -> None:
        """Raises AddressRefused for a host that may not be connected to, as far as its name tells. Resolves nothing."""
        host = host.lower().strip("[]").rstrip(".")
        address = literal(host)
        if address is not None:
            self.check_address(host, address)
            return
        local = host == "localhost" or host.endswith(".localhost")
        if self._lists(host):
            return
        anything = not self.names and not self.networks
        if host in NEVER_NAMES or (local and not self.loopback) or not (anything or self.networks):
            raise AddressRefused(f"{host} is no place for a tracker", HINT)

    def check_address(self, host: str, address: Address) -> None:
        """Raises AddressRefused where `host` turns out to be at an address that may not be connected to."""
        if not self._allows(host.lower().rstrip("."), plain(address)):
            at = f"{host} is at {address}, which" if host != str(address) else host
            raise AddressRefused(f"{at} is no place for a tracker", HINT)

    def _lists(self, host: str) -> bool:
        above = {f"*.{host[at + 1 :]}" for at, letter in enumerate(host) if letter == "."}
        return not self.names.isdisjoint({host} | above)

    def _allows(self, host: str, address: Address) -> bool:
        block = next((net for net in NEVER if address in net), None)
        for net in self.networks:
            if address in net and (block is None or net.prefixlen >= block.prefixlen):
                return True
        if block is not None or address.is_unspecified or address.is_multicast:
            return False
        if self.names or self.networks:
            return self._lists(host) and (not address.is_loopback or host == "localhost")
        return self.loopback or not address.is_loopback

    def watch(self, request: httpx.Request) -> None:
        """A request hook of an httpx client: the request is not sent to an address that is refused."""
        host = request.url.raw_host.decode("ascii")
        self.check(host)
        towards: list[str] = []

        def trace(event: str, info: dict[str, Any]) -> None:
            if event == "connection.connect_tcp.started":
                towards.append(info["host"])
            if event == "connection.connect_tcp.complete" and towards[-1:] == [host]:  # else it is a proxy's
                stream = info["return_value"]
                try:
                    self.check_address(host, _peer(stream.get_extra_info("server_addr")))
                except AddressRefused:
                    stream.close()
                    raise

        request.extensions["trace"] = trace

    def guard(self, adapter: HTTPAdapter) -> None:
        """Let an adapter of requests connect to no address that is refused. Its proxies are left as they are."""
        from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
        from urllib3.connection import HTTPConnection, HTTPSConnection

        reach = self

        def checked(host: str, made: socket.socket) -> socket.socket:
            try:
                reach.check_address(host, _peer(made.getpeername()))
            except AddressRefused:
                made.close()
                raise
            return made

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return checked(self.host, super()._new_conn())

        class Encrypted(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return checked(self.host, super()._new_conn())

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class EncryptedPool(HTTPSConnectionPool):
            ConnectionCls = Encrypted

        adapter.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": EncryptedPool}


ANYWHERE: Final = Reach()
"""All but `NEVER`."""


def literal(host: str) -> Address | None:
    """The address that a host is, in whatever spelling; None for a name."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        pass
    if not NUMBERS.fullmatch(host):
        return None
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does: mapped, 6to4, NAT64."""
    if isinstance(address, IPv6Address):
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _peer(address: Any) -> Address:
    return ip_address(str(address[0]).partition("%")[0])
