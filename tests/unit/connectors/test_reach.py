"""Where connections may go: by the setting, by a host's name, and by the address that a socket really has."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from app.core.plan import Desired
from connectors import registry
from connectors.base import AddressRefused, Place, Secret
from connectors.http import Reader
from connectors.reach import BadReach, Reach
from connectors.sandbox.github import GitHubBox
from connectors.sandbox.gitlab import GitLabBox
from connectors.sandbox.kit import serving

METADATA = [
    "169.254.169.254",
    "169.254.1.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "fe80::1%eth0",
    "[fe80::1]",
    "fd00:ec2::254",
    "fd20:ce::254",
    "100.100.100.200",
    "168.63.129.16",
    "metadata.google.internal",
    "METADATA.google.internal.",
    "metadata",
    "0xa9fea9fe",
    "2852039166",
    "169.254.43518",
    "0251.0376.0251.0376",
]


@pytest.mark.parametrize("host", METADATA)
@pytest.mark.parametrize("entries", [[], ["0.0.0.0/0", "::/0"], ["github.example"]])
def test_what_hands_out_a_machines_own_credentials_is_never_reached(host: str, entries: list[str]) -> None:
    with pytest.raises(AddressRefused, match="is no place for a tracker"):
        Reach.of(entries).check(host)


@pytest.mark.parametrize(
    ("entry", "host"),
    [
        ("169.254.7.0/24", "169.254.7.9"),
        ("169.254.169.254", "169.254.169.254"),
        ("fe80::/10", "fe80::1"),
        ("metadata", "metadata"),
    ],
)
def test_unless_it_is_named(entry: str, host: str) -> None:
    Reach.of([entry]).check(host)


@pytest.mark.parametrize(
    ("entries", "inside", "outside"),
    [
        ("", "api.github.com gitlab.com 10.1.2.3 192.168.0.1 fd00::1 localhost 127.0.0.1 ::1", "0.0.0.0 :: 224.0.0.1"),
        ("api.github.com", "api.github.com API.GitHub.com.", "github.com xapi.github.com 10.1.2.3 localhost 127.0.0.1"),
        ("*.corp.example", "git.corp.example a.b.corp.example", "corp.example corp.example.evil.example 1.1.1.1"),
        ("10.0.0.0/8", "10.1.2.3 ::ffff:10.1.2.3 0x0a010203", "11.1.2.3 127.0.0.1 ::1"),
        ("127.0.0.0/8 ::1", "127.0.0.1 127.1 ::1", "10.1.2.3"),
        ("localhost", "localhost", "127.0.0.1 example.org"),
    ],
)
def test_hosts_are_reached_as_the_setting_says(entries: str, inside: str, outside: str) -> None:
    reach = Reach.of(entries.split())
    for host in inside.split():
        reach.check(host)
    for host in outside.split():
        with pytest.raises(AddressRefused):
            reach.check(host)


def test_a_service_for_others_is_not_led_to_its_own_machine() -> None:
    reach = Reach.of([], loopback=False)
    for host in ("127.0.0.1", "::1", "localhost", "a.localhost", "127.1", "0x7f000001", "::ffff:127.0.0.1"):
        with pytest.raises(AddressRefused):
            reach.check(host)
    reach.check("10.0.0.1")
    Reach.of(["127.0.0.1"], loopback=False).check("127.0.0.1")


@pytest.mark.parametrize(
    ("entries", "address", "allowed"),
    [
        ([], "10.0.0.1", True),
        ([], "169.254.169.254", False),
        ([], "::ffff:169.254.169.254", False),
        (["git.example"], "10.0.0.1", True),
        (["git.example"], "127.0.0.1", False),
        (["git.example"], "169.254.169.254", False),
        (["other.example"], "10.0.0.1", False),
        (["10.0.0.0/8"], "10.0.0.1", True),
        (["10.0.0.0/8"], "11.0.0.1", False),
    ],
)
def test_a_name_is_only_as_good_as_its_address(entries: list[str], address: str, allowed: bool) -> None:
    reach = Reach.of(entries)
    if allowed:
        reach.check_address("git.example", ip_address(address))
    else:
        with pytest.raises(AddressRefused, match=r"git\.example is at "):
            reach.check_address("git.example", ip_address(address))


@pytest.mark.parametrize("entry", ["https://git.example", "git.example/path", "10.0.0.0/33", "*", "a b", "*.*.x"])
def test_an_entry_that_is_no_host_is_told(entry: str) -> None:
    with pytest.raises(BadReach, match="neither a host nor a network"):
        Reach.of([entry])


@pytest.fixture
def rebound(monkeypatch: pytest.MonkeyPatch) -> None:
    """`tracker.example` resolves to this machine, as a name does that was rebound."""
    resolve = socket.getaddrinfo

    def lied(host: Any, *args: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return resolve("127.0.0.1" if name == "tracker.example" else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lied)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


MILESTONE = Desired(node=1, key="M1", kind="milestone", shape="milestone", fields={"title": "M1 — A"})
PUBLIC = Reach.of([], loopback=False)


@pytest.mark.usefixtures("rebound")
def test_a_read_goes_to_no_address_that_is_refused() -> None:
    box = GitHubBox()
    with serving(box.app) as url:
        port = url.rpartition(":")[2]
        reader = Reader(f"http://tracker.example:{port}", dict, tracker="GitHub", reach=PUBLIC)
        with pytest.raises(AddressRefused, match=r"tracker.example is at 127.0.0.1, which is no place"):
            reader.get("/repos/acme/app")
        with pytest.raises(AddressRefused):
            reader.query("/graphql", {})
        reader.close()
        assert box.log.entries == []
        allowed = Reader(f"http://tracker.example:{port}", dict, tracker="GitHub", reach=Reach())
        with pytest.raises(Exception, match="401"):  # it got there
            allowed.get("/repos/acme/app")
        allowed.close()
    box.close()


@pytest.mark.usefixtures("rebound")
@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_write_goes_to_no_address_that_is_refused(kind: str) -> None:
    """PyGithub and python-gitlab write over connections of their own."""
    box: Any = GitHubBox() if kind == "github" else GitLabBox()
    with serving(box.app) as url:
        base = f"http://tracker.example:{url.rpartition(':')[2]}"
        refused = registry.kind(kind).open(Place(kind, base, "acme/app", Secret("any"), reach=PUBLIC))
        with pytest.raises(AddressRefused):
            refused.create(MILESTONE, {})
        refused.close()
        assert box.log.entries == []
        allowed = registry.kind(kind).open(Place(kind, base, "acme/app", Secret("any")))
        allowed.create(MILESTONE, {})
        allowed.close()
        assert [method for method, _, _ in box.log.entries].count("POST") == 1
    box.close()
