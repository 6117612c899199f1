"""The GitHub connector: a repository's verbs, each carried out by the module of its concern."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Final

from app.core.plan import Desired, Fields, Observed, Ref
from connectors.base import (
    Budget,
    Capabilities,
    Cursor,
    Delivery,
    Finding,
    Hook,
    Limit,
    Observation,
    Pace,
    Place,
    Refs,
    Secret,
    unpaced,
)
from connectors.github import hooks, links, reads
from connectors.github.check import findings
from connectors.github.session import Session
from connectors.github.writes import Writes
from connectors.http import is_loopback

LIMITS: Final = Capabilities(
    title_max=256,
    description_max=65_536,
    start_dates=False,
    children=True,
    children_max=100,
    epics=False,
    strips_title_tags=False,
    quick_actions=False,
    # docs.github.com, rate limits: content-creating requests, and a second at least between writes
    pace=Pace((Limit(80, 60.0), Limit(500, 3600.0)), spacing=1.0),
    levels=8,
    blockers_max=reads.BLOCKERS_MAX,
)


def open_github(place: Place) -> GitHub:
    """A connector for `place.path` ("owner/name"). Makes no request. Raises NotFound for a path that is none, and
    Unavailable for a URL that is none.
    """
    return GitHub(place)


class GitHub:
    """One repository. See `connectors.base.Connector` for what each verb promises."""

    kind: ClassVar[str] = "github"

    def __init__(self, place: Place) -> None:
        self.before_write = unpaced
        self._session = Session(place, self._announced)
        self._writes = Writes(self._session)
        self._dependencies = place.dependencies
        # a cursor goes on from what was read then, dependencies or not: with another choice everything is read anew
        reading = " with dependencies" if place.dependencies else ""
        self._place = f"{place.base_url.rstrip('/')} {place.path}{reading}".lower()

    def __repr__(self) -> str:
        return f"GitHub({self._session.path} at {self._session.host})"

    @property
    def request_id(self) -> str:
        """GitHub's own name for the last write that it answered."""
        return self._session.request_id

    @property
    def budget(self) -> Budget | None:
        """What GitHub said last of the limit of its REST API."""
        return self._session.budget

    @property
    def requests(self) -> int:
        """HTTP requests made since it was opened, those for an App's tokens too."""
        return self._session.requests

    def _announced(self) -> None:
        self.before_write()  # whatever it is by now

    def capabilities(self) -> Capabilities:
        """GitHub's documented limits, and the issue types that the repository has: one request, once.

        A box on this machine is written to without pauses. Raises Retryable where the types can't be told now.
        """
        holds = replace(LIMITS, types=self._writes.types())
        return replace(holds, pace=Pace()) if is_loopback(self._session.host) else holds

    def check(self) -> list[Finding]:
        """Credentials, the repository, rights, what it can hold, limits, version, clock. Four requests at most."""
        return findings(self._session, self._writes.types)

    def close(self) -> None:
        """Let connections go."""
        self._session.close()

    def observe(self, since: Cursor | None = None) -> Observation:
        """Everything, or with a cursor what changed since; a cursor of another place or version reads everything.

        Milestones have no `since`: unchanged (304) they are absent from an incremental observation, else all come.
        An incremental read can't show what was deleted or transferred. Idle, it is two requests, both 304. With
        `Place.dependencies` one more for each hundred issues found that something blocks.
        """
        return reads.observe(self._session, self._place, since, dependencies=self._dependencies)

    def create(self, want: Desired, refs: Refs) -> Observed:
        """Make a milestone, an issue, or (with a parent) a sub-issue in one call.

        GitHub makes no issue closed: what is wanted closed takes a second call. When that one fails, whatever the
        reason, OutcomeUnknown is raised, since the issue is there: the caller finds it by its marker and closes it.
        Where GitHub made it but dropped its milestone, labels or type for want of push access, an error is raised that
        is Unauthorized and OutcomeUnknown at once: the run stops, and the issue is found by its marker again.
        Raises Unsupported where the parent holds 100 sub-issues already, is on the eighth level, or is another owner's.
        """
        return self._writes.create(want, refs)

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        """Change only the fields named, in one PATCH; `parent` is a call of its own, after it. What GitHub dropped is
        told as by `create`: the other fields are written.
        """
        return self._writes.update(ref, fields, refs)

    def block(self, ref: Ref, by: Ref, blocked: bool) -> None:
        """Say, or take back, that an issue waits for another. GitHub takes closed blockers, circles, and up to 50."""
        links.block(self._session, ref, by, blocked)

    def hook(self, url: str, secret: Secret) -> Hook:
        """Make the webhook that calls `url`, or mend the one that does."""
        return hooks.hook(self._session, url, secret)

    def missed_deliveries(self, hook_id: str, since: datetime) -> Iterable[Delivery]:
        """The deliveries since then of which no attempt arrived, oldest first. GitHub keeps three days."""
        return hooks.missed_deliveries(self._session, hook_id, since)
