"""What blocks what: `Connector.block` for GitLab.

Issues of the project go by REST (https://docs.gitlab.com/api/issue_links/, since 12.8), all else by GraphQL. Both
refuse a pair that is linked already in whatever way, and a pair has one link only: so what people linked as merely
related is told, and never taken away.
"""

from __future__ import annotations

from typing import Any, Final

from app.core.plan import Ref
from connectors.base import FieldProblem, Rejected, TrackerError, Unsupported
from connectors.gitlab import convert, fields, graphql, refusals
from connectors.gitlab.reads import Reads, understood
from connectors.gitlab.writes import Writes

MOST: Final = 100  # links an item (https://gitlab.com/gitlab-org/gitlab/-/merge_requests/127984)
THERE: Final = ("already assigned", "already linked", "already been taken", "already exists")
FULL: Final = ("maximum number of linked", "maximum of", "too many linked")


def block(reads: Reads, writes: Writes, ref: Ref, by: Ref, blocked: bool) -> None:
    """Say, or take back, that `ref` waits for `by`, in one attempt. That it is so already is no error.

    Raises Unsupported for milestones, without the licence, and at 100 links; Rejected where the two are linked in
    another way.
    """
    if "milestone" in (ref.shape, by.shape):
        raise Unsupported("GitLab's milestones don't block one another", "Leave depends on out for milestones.")
    plain = not reads.place.group or (ref.shape == by.shape == "issue")  # in the project for sure: reached by iid
    if not blocked:
        _unblock(reads, writes, ref, by, plain=plain)
        return
    try:
        if plain:
            writes.create_link(ref.number, by.number)
        else:
            writes.link_items(fields.gid_of(ref), fields.gid_of(by))
    except (Rejected, Unsupported) as error:
        told = _refused(error)
    else:
        return
    if told is None:
        kind = _links(reads, ref, plain=plain).get(by.id, (0, ""))[1]
        if kind.lower() in convert.BLOCKED:
            return
        told = Rejected(
            f"GitLab holds one link between two items, and this one is already {kind or 'there'}",
            "Take that link off in GitLab, and apply again.",
            fields=(FieldProblem("blocked_by", "already_exists"),),
        )
    raise told


def _refused(error: TrackerError) -> TrackerError | None:
    """What a refused link stands for; None where the two are linked already."""
    low = error.message.lower()
    if any(words in low for words in THERE):
        return None
    if any(words in low for words in FULL):
        return Unsupported(error.message, f"GitLab holds {MOST} links an item.", request_id=error.request_id)
    if isinstance(error, Rejected) and any(one.field == "link_type" for one in error.fields):  # no Premium code at all
        return Unsupported(error.message, refusals.TIER, request_id=error.request_id)
    return error


def _unblock(reads: Reads, writes: Writes, ref: Ref, by: Ref, *, plain: bool) -> None:
    link, kind = _links(reads, ref, plain=plain).get(by.id, (0, ""))
    if kind.lower() not in convert.BLOCKED:
        return
    if plain:
        writes.delete_link(ref.number, link)
    else:
        writes.unlink_items(fields.gid_of(ref), fields.gid_of(by))


def _links(reads: Reads, ref: Ref, *, plain: bool) -> dict[str, tuple[int, str]]:
    """The id of what it is linked with -> the link's id (0 by GraphQL) and type."""
    if plain:
        rows = reads.listed(f"{reads.project}/issues/{ref.number}/links", "links")

        def read(told: Any) -> dict[str, tuple[int, str]]:
            return {str(row["id"]): (int(row["issue_link_id"]), str(row["link_type"])) for row in told}

        return understood("links", read, rows)
    kinds = understood("links", convert.links, reads.work_item(ref, graphql.LINKED))
    return {other: (0, kind) for other, kind in kinds.items()}
