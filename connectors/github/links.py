"""What waits for what: GitHub's "blocked by", by GraphQL, since that takes the ids that a ref holds."""

from __future__ import annotations

from typing import Final

from app.core.plan import Ref
from connectors.base import NotFound, Rejected, Retryable, Terminal, Unsupported
from connectors.github.reads import BLOCKERS_MAX
from connectors.github.session import Session

STANDING: Final = """
query($ids: [ID!]!) { nodes(ids: $ids) { ... on Issue {
  id blockedBy(first: 100) { totalCount nodes { id } } blocking(first: 1) { totalCount }
} } }
"""


def block(session: Session, ref: Ref, by: Ref, blocked: bool) -> None:
    """See `connectors.base.Connector.block`. One attempt.

    GitHub's words for "so already" and "too many" are not documented: what it refuses is looked at, and only what
    stands tells which it was (https://docs.github.com/rest/issues/issue-dependencies: 50 of each relation).
    """
    if "milestone" in (ref.shape, by.shape):
        raise Unsupported("GitHub's milestones can't block or be blocked", "Let their issues wait for each other.")
    arguments = {"issueId": session.node_id(ref), "blockingIssueId": session.node_id(by)}
    name = "addBlockedBy" if blocked else "removeBlockedBy"
    try:
        session.mutate(name, arguments, "issue", "id", lambda answer: str(answer["id"]))
    except (Rejected, NotFound, Unsupported) as error:
        is_so, full = standing(session, arguments, error)
        if is_so is blocked:
            return
        if blocked and full:
            raise Unsupported(
                f"{name_of(ref)} can't wait for {name_of(by)}: {full}",
                "Take a dependency out of the roadmap.",
                request_id=error.request_id,
            ) from None
        raise


def standing(session: Session, arguments: dict[str, str], refused: Terminal) -> tuple[bool, str]:
    """(whether the one waits for the other now, what leaves no room for it, "" where there is room).

    Raises `refused` where an issue is gone or GitHub does not know dependencies.
    """
    try:
        data = session.query(STANDING, {"ids": [arguments["issueId"], arguments["blockingIssueId"]]})
    except (Retryable, Unsupported):
        raise refused from None
    with session.misshapen():
        issue, blocker = data["nodes"]
        if not issue or not blocker:
            raise refused
        is_so = any(node and node["id"] == arguments["blockingIssueId"] for node in issue["blockedBy"]["nodes"])
        return is_so, no_room(int(issue["blockedBy"]["totalCount"]), int(blocker["blocking"]["totalCount"]))


def no_room(waits_for: int, holds_up: int) -> str:
    """Which of both sides of a relation is full."""
    if waits_for >= BLOCKERS_MAX:
        return f"it waits for {waits_for} others already, GitHub holds {BLOCKERS_MAX}"
    if holds_up >= BLOCKERS_MAX:
        return f"that holds up {holds_up} others already, GitHub holds {BLOCKERS_MAX}"
    return ""


def name_of(ref: Ref) -> str:
    """An issue as people write it."""
    return f"#{ref.number}"
