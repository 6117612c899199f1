"""The webhook that calls us: set up, mended, and asked what did not arrive."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from connectors.base import Delivery, Hook, NotFound, Secret, Unauthorized
from connectors.github import convert
from connectors.github.session import Session
from connectors.github.webhook import is_relevant
from connectors.http import Answer

EVENTS: Final = ("issues", "milestone", "sub_issues", "issue_dependencies", "repository")
"""What can change a unit or take the place away. Not `label`: one renamed or deleted changes no issue's `updated_at`,
so that a refresh would not see it either; the next full read does. Not `issue_comment`, `pull_request`, `push`.
"""
RIGHT: Final = (
    "Give the token Webhooks: read and write (a classic token: the scope admin:repo_hook), "
    "and its user the role admin in the repository."
)


def hook(session: Session, url: str, secret: Secret) -> Hook:
    """See `connectors.base.Connector.hook`. An App's installation token does as well.

    Raises Unauthorized where the right is missing: GitHub then says 403, or 404 to a repository that can be read.
    """
    body = {
        "active": True,
        "events": list(EVENTS),
        # GitHub replaces a config whole: what is left out of it is lost
        "config": {"url": url, "content_type": "json", "secret": secret.reveal(), "insecure_ssl": "0"},
    }
    try:
        standing = find(session, url)
        if standing is None:
            made = session.write("POST", "/hooks", {"name": "web", **body}, as_hook)
            return Hook(*made, "made")
        return Hook(*session.write("PATCH", f"/hooks/{standing}", body, as_hook), "mended")
    except Unauthorized as error:
        raise Unauthorized(error.message, RIGHT, request_id=error.request_id) from None
    except NotFound as error:
        session.object(session.root)  # raises where it is the repository that is not there
        raise Unauthorized(error.message, RIGHT, request_id=error.request_id) from None


def find(session: Session, url: str) -> int | None:
    """The id of the hook that calls this address."""
    for page in session.pages(f"{session.root}/hooks"):
        with session.misshapen():
            for entry in page:
                if (entry.get("config") or {}).get("url") == url:
                    return int(entry["id"])
    return None


def as_hook(json: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    """(id, url, events) of a hook as GitHub describes it."""
    return str(int(json["id"])), str(json["config"]["url"]), tuple(map(str, json["events"]))


def missed_deliveries(session: Session, hook_id: str, since: datetime) -> tuple[Delivery, ...]:
    """See `connectors.base.Connector.missed_deliveries`. GitHub keeps three days, and sends nothing again by itself.

    The list is read unfiltered, newest first, so that a later attempt that arrived is seen before the one that did
    not; they share a `guid`, which is what X-GitHub-Delivery says. Raises NotFound where there is no such hook, or the
    token may not read it.
    """
    arrived: set[str] = set()
    missed: dict[str, Delivery] = {}
    try:
        answer: Answer | None = session.get(
            f"{session.root}/hooks/{quote(hook_id, safe='')}/deliveries", {"per_page": 100}
        )
        while answer is not None:
            older = False
            with session.misshapen():
                for entry in session.listed(answer):
                    when = convert.when(entry["delivered_at"])
                    guid = str(entry["guid"])
                    older = when is not None and when < since
                    if entry["status"] == "OK":
                        arrived.add(guid)
                    elif not older:
                        event = str(entry["event"])
                        missed[guid] = Delivery(guid, event, is_relevant(event, {"action": entry.get("action")}))
            answer = session.get(answer.next) if answer.next and not older else None
    except Unauthorized as error:
        raise Unauthorized(error.message, RIGHT, request_id=error.request_id) from None
    return tuple(delivery for guid, delivery in reversed(missed.items()) if guid not in arrived)
