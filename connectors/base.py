"""The contract between Milepost and a tracker: what a connector does, gives and raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Literal, NewType, Protocol

from app.core.errors import MilepostError
from app.core.plan import Desired, Fields, Observed, Ref

if TYPE_CHECKING:  # it raises an error of this module
    from connectors.reach import Reach

Cursor = NewType("Cursor", str)
"""Where an incremental read goes on: opaque JSON made by the connector, from the tracker's clock, never ours."""

Refs = Mapping[str, Ref]
"""Node key -> where that node is: what `milestone` and `parent` of a desired object resolve through."""


class Secret:
    """A token or webhook secret that no repr, log, f-string or pickle shows. `reveal()` where it is used."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The secret itself, for a header or a signature and nothing else."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """A GitHub App installation: tokens are made from the key, and made again before they lapse."""

    app_id: int
    installation_id: int
    private_key: Secret


def _anywhere() -> Reach:
    from connectors.reach import ANYWHERE

    return ANYWHERE


@dataclass(frozen=True, slots=True)
class Place:
    """One place to sync to, and how to get in.

    `path` is GitHub's OWNER/NAME or GitLab's project path (GROUP/SUB/NAME). `group` is GitLab's group for epics.
    `base_url` is GitHub's API root or the GitLab instance, without a trailing slash. `dependencies` asks for
    `Observed.blocked_by` to be read, which costs requests. `reach` is where connections may go.
    """

    kind: str
    base_url: str
    path: str
    credentials: Secret | AppCredentials
    group: str = ""
    dependencies: bool = False
    reach: Reach = field(default_factory=_anywhere)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` writes in any `seconds`."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a place lets itself be written to: every limit holds, and `spacing` seconds lie between two writes."""

    limits: tuple[Limit, ...] = ()
    spacing: float = 0.0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a target can hold, asked of the target. Sizes are in characters."""

    title_max: int
    description_max: int
    start_dates: bool  # milestones have a start date
    children: bool  # issues can have child issues
    children_max: int  # how many a parent, people's own and closed ones included
    epics: bool  # tasks can be native epics
    strips_title_tags: bool  # GitLab drops HTML tags from milestone titles
    quick_actions: bool  # GitLab acts on /commands in descriptions
    pace: Pace = Pace()
    levels: int = 2  # of issues under issues; one without a parent is on the first
    types: tuple[str, ...] = ()  # issue types that an issue can be given, by name; () where there are none
    blockers_max: int = 0  # how many objects one can be blocked by; 0 where the place has no such relation


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `target check`: what was looked at, whether it is right, and how to mend it."""

    what: str
    ok: bool
    detail: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a read found.

    `full` says that everything was listed (then, if also `complete`, what is absent is gone). With a cursor only what
    changed since is in `objects`. `complete` is false when any page failed: absence then proves nothing, `cursor` is
    None, and `problem` says which request failed and why. `requests` counts HTTP requests made.
    """

    objects: tuple[Observed, ...]
    complete: bool
    full: bool
    cursor: Cursor | None
    requests: int
    problem: str = ""
    observed_at: datetime | None = None  # the tracker's clock (its Date header), UTC
    retry_after: float | None = None  # seconds that the tracker asked to be left alone for, where that is the problem


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook call, verified. `relevant` is false for events that can't change a unit (ping, label colours…).

    `id` is the tracker's delivery id, the same when it is sent again.
    """

    id: str
    event: str
    relevant: bool


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as it now stands in the tracker. `id` is what `missed_deliveries` takes. `done` says what was needed;
    the secret can't be read back, so one that stood already is always written again.
    """

    id: str
    url: str
    events: tuple[str, ...]
    done: Literal["made", "mended"]


def unpaced() -> None:
    """A write that nobody counts, and that waits for nobody."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What the tracker last said may still be asked of it: `remaining` of `limit` requests, until `resets_at` (UTC)."""

    remaining: int
    limit: int
    resets_at: datetime | None = None


class Connector(Protocol):
    """A tracker's reader and writer for one place. Not for use by two threads at once.

    No exception but the classes below escapes, and none carries a token.
    """

    kind: ClassVar[str]

    before_write: Callable[[], None]
    """Called before each write that a verb is about to send, one by one: whoever keeps the pace counts them there, and
    may wait. `unpaced` until it is set.
    """

    @property
    def requests(self) -> int:
        """HTTP requests made since it was opened, reads and writes."""
        ...

    @property
    def budget(self) -> Budget | None:
        """What the tracker said last of its limit for reads; None where it has said nothing, or sets none."""
        ...

    @property
    def request_id(self) -> str:
        """The tracker's own name for the last write that it answered, for the audit. "" where it gave none."""
        ...

    def capabilities(self) -> Capabilities:
        """What this place can hold; asked once, then remembered."""
        ...

    def check(self) -> list[Finding]:
        """Credentials, permissions, what the place can hold. Writes nothing."""
        ...

    def observe(self, since: Cursor | None = None) -> Observation:
        """Everything, or with a cursor what changed since. Must not write. Pages of 100, conditional where it helps.

        A failed page gives `complete=False` rather than raising, except Unauthorized and NotFound (the place itself
        can't be read), which are raised.
        """
        ...

    def create(self, want: Desired, refs: Refs) -> Observed:
        """Make one object whole in one call (labels are made first where missing). Exactly one attempt.

        What a tracker can't make closed takes a second call; where that fails the object is there and open, and
        OutcomeUnknown is raised.

        Raises OutcomeUnknown when the answer was lost: the caller looks the marker up before trying again.
        """
        ...

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        """Change only the fields named; None clears. One attempt. `state` is "open", "closed" (completed) or
        "not_planned" (closed, where the tracker tells the two apart).
        """
        ...

    def block(self, ref: Ref, by: Ref, blocked: bool) -> None:
        """Say, or with `blocked` false take back, that `ref` waits for `by`. One attempt. That it is so already is no
        error. Raises Unsupported where the place has no such relation, or holds no more of it.
        """
        ...

    def hook(self, url: str, secret: Secret) -> Hook:
        """Make the webhook that calls `url`, or mend the one that does: events, secret, switched on. Others stay.

        Raises Unauthorized where the credentials may not, with the right that is missing.
        """
        ...

    def missed_deliveries(self, hook_id: str, since: datetime) -> Iterable[Delivery]:
        """The deliveries of that webhook since then (aware) that did not arrive, each once, oldest first, by the
        tracker's own list. One that was sent again and arrived is none. Trackers forget after days. Writes nothing.
        """
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


class TrackerError(MilepostError):
    """The tracker could not be reached or said no. `request_id` is the tracker's own name for the call."""

    type = "tracker-failed"
    status = 502
    exit_code = 3

    def __init__(self, message: str, hint: str = "", *, request_id: str = "") -> None:
        super().__init__(message, hint)
        self.request_id = request_id


class Retryable(TrackerError):
    """May work later, unchanged. `retry_after` is in seconds, None where the tracker named no time."""

    type = "tracker-unavailable"

    def __init__(self, message: str, hint: str = "", *, retry_after: float | None = None, request_id: str = "") -> None:
        super().__init__(message, hint, request_id=request_id)
        self.retry_after = retry_after


class RateLimited(Retryable):
    """The tracker asked for patience. Nothing was written."""

    type = "tracker-rate-limited"


class Unavailable(Retryable):
    """The tracker could not be reached, or answered 5xx to a read, or with something that is not its API."""

    type = "tracker-unavailable"


class OutcomeUnknown(TrackerError):
    """A write whose answer was lost: it may have happened. Never repeated blindly; the marker is looked up."""

    type = "outcome-unknown"


class Terminal(TrackerError):
    """Will not work later unless something is changed."""

    type = "tracker-refused"


class Unauthorized(Terminal):
    """The credentials are wrong or lack a right. Stops the run."""

    type = "tracker-unauthorized"


class NotFound(Terminal):
    """The place or object is not there (or hidden from this token)."""

    type = "tracker-not-found"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that the tracker refused, in its words: ("title", "already_exists")."""

    field: str
    code: str


class Rejected(Terminal):
    """The tracker refused the values. `fields` says which, so that `already_exists` can be told apart."""

    type = "tracker-rejected"

    def __init__(
        self, message: str, hint: str = "", *, fields: tuple[FieldProblem, ...] = (), request_id: str = ""
    ) -> None:
        super().__init__(message, hint, request_id=request_id)
        self.fields = fields


class Unsupported(Terminal):
    """This place can't hold what was asked (no licence, no such feature, a cap reached)."""

    type = "tracker-unsupported"


class AddressRefused(Terminal):
    """An address that no connection may be made to (`connectors.reach`). Nothing was sent there."""

    type = "address-refused"
    status = 422
    exit_code = 1


class BadDelivery(MilepostError):
    """A webhook call that is refused. The message says why without quoting the secret or the body."""

    type = "bad-delivery"


class BadSignature(BadDelivery):
    """No signature, or a wrong one."""

    type = "bad-signature"
    status = 401


class NotJson(BadDelivery):
    """Rightly signed, but not a JSON object."""

    type = "not-json"
    status = 400


@dataclass(frozen=True, slots=True)
class Kind:
    """A registered kind of tracker: how to open it, and how to read its webhook calls (no credentials needed)."""

    name: str
    default_base_url: str
    open: OpenConnector
    parse_delivery: ParseDelivery
    profiles: tuple[str, ...] = field(default=())


class OpenConnector(Protocol):
    def __call__(self, place: Place) -> Connector: ...


class ParseDelivery(Protocol):
    def __call__(self, headers: Mapping[str, str], body: bytes, secret: Secret, now: datetime) -> Delivery:
        """Verify on the raw bytes in constant time, then read. `headers` has lower-case names. `now` is UTC.

        Raises BadSignature or NotJson.
        """
        ...
