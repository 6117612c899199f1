"""Which kinds of tracker there are. Explicit: a new one is a line here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from app.core.errors import MilepostError
from connectors.base import Connector, Delivery, Kind, Place, Secret

# The SDKs are slow to load, and most commands talk to no tracker: each kind is imported where it is used.


def _open_github(place: Place) -> Connector:
    from connectors.github import open_github

    return open_github(place)


def _open_gitlab(place: Place) -> Connector:
    from connectors.gitlab import open_gitlab

    return open_gitlab(place)


def _parse_github(headers: Mapping[str, str], body: bytes, secret: Secret, now: datetime) -> Delivery:
    from connectors.github import parse_delivery

    return parse_delivery(headers, body, secret, now)


def _parse_gitlab(headers: Mapping[str, str], body: bytes, secret: Secret, now: datetime) -> Delivery:
    from connectors.gitlab import parse_delivery

    return parse_delivery(headers, body, secret, now)


KINDS = {
    "github": Kind("github", "https://api.github.com", _open_github, _parse_github, ("github", "github-issues")),
    "gitlab": Kind(
        "gitlab",
        "https://gitlab.com",
        _open_gitlab,
        _parse_gitlab,
        ("gitlab", "gitlab-issues", "gitlab-premium"),
    ),
}


class KindUnknown(MilepostError):
    """No such kind of tracker."""

    type = "kind-unknown"
    status = 422


def kind(name: str) -> Kind:
    """A kind of tracker by name. Raises KindUnknown."""
    if name not in KINDS:
        raise KindUnknown(f"there is no kind of tracker {name!r}", f"use one of {', '.join(KINDS)}")
    return KINDS[name]
