"""What the suite asks of a tracker: `Bench`, one fresh place in a box, and what people, networks and hooks do there.

A bench tells what its tracker holds by its class attributes and by the connector's own `capabilities()`; the suite
never asks which tracker it is.
"""

from __future__ import annotations

import itertools
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar

import httpx

from app.core.plan import Desired, Observed, Ref, Shape, Value
from connectors import registry
from connectors.base import Connector, Delivery, Place, Secret
from connectors.sandbox.faults import Fault
from connectors.sandbox.kit import Options, serving
from mappings.profile import load
from tests.conformance.site import Receiver, Sent, Site, site

# No token is a part of another: one found where it should not be is this one.
RIGHT, READ_ONLY, NO_PUSH, WRONG = "tok-right-7c1e9a", "tok-reads-5b20d4", "tok-limps-90ab3e", "tok-wrong-e83f61"
TOKENS = Options(tokens=(RIGHT,), read_only=(READ_ONLY,))
PATIENCE = 0.25
"""Seconds that an impatient connector waits for an answer."""
_names = itertools.count(1)

Wrap = Callable[[Connector], Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as its tracker shows it to people. `milestone` is a `Ref.id`; `people` is what Milepost never writes:
    who is assigned, how many comments.
    """

    ref: Ref
    title: str
    text: str
    state: str  # "open" or "closed"
    labels: tuple[str, ...] = ()
    milestone: str | None = None
    start: date | None = None
    due: date | None = None
    people: tuple[Any, ...] = ()


class Bench(ABC):
    """One fresh place. What a tracker can't do is told by these attributes and by `capabilities()`."""

    kind: ClassVar[str]  # as registered
    profiles: ClassVar[tuple[str, ...]]  # to go through whole cycles with
    shapes: ClassVar[tuple[Shape, ...]]  # what can be made here
    fields: ClassVar[Mapping[Shape, frozenset[str]]]  # what of each shape can be written
    secrets: ClassVar[tuple[str, ...]]  # webhook secrets, one for each way of proving the sender
    thorough: ClassVar[bool] = True  # goes through every way to fail; not where another of its kind does
    tells_not_planned: ClassVar[bool]  # closed as completed, and as not planned, are two things
    lists_pull_requests: ClassVar[bool]  # its lists of issues hold pull requests too
    names_every_wait: ClassVar[bool]  # a limit on writes comes with how long to wait
    drops_silently: ClassVar[bool]  # what `NO_PUSH` has no right to is dropped without a word
    hides_rights: ClassVar[frozenset[Shape]] = frozenset()  # a lack of rights to write these is told as "not there"

    def __init__(self, at: Site, folder: Path, blank: Path) -> None:
        self.site = at
        self.name = f"acme{next(_names)}"
        self.path = f"{self.name}/app"
        self.folder = folder
        self.blank = blank  # a database with its tables
        self.wraps: list[Wrap] = []  # seeded defects
        self.parse: Callable[..., Delivery] = registry.kind(self.kind).parse_delivery
        self._opened: list[Any] = []
        self.began = len(at.meter.sent)
        self.person = self._person()
        at.faults.clear()

    # The tracker's own ways

    @classmethod
    @abstractmethod
    def box(cls) -> Any:
        """A new box of this shape, with `TOKENS`."""

    @property
    @abstractmethod
    def base_url(self) -> str:
        """The `Place.base_url`."""

    @property
    def nowhere(self) -> str:
        """A path at which there is nothing, and never will be."""
        return f"{self.name}/no~such"

    @abstractmethod
    def _person(self) -> httpx.Client:
        """A person's own client, with the place's address as its base."""

    @abstractmethod
    def is_create(self, sent: Sent) -> bool:
        """Whether it asks for a milestone, issue, child or epic to be made."""

    @abstractmethod
    def create_line(self, shape: Shape) -> str:
        """What a fault matches to strike the one request that makes such an object."""

    @abstractmethod
    def update_line(self, shape: Shape) -> str:
        """The same for the one that changes it."""

    def close_line(self, shape: Shape) -> str:
        """The same for the second call of a create that is wanted closed."""
        return self.update_line(shape)

    def close_skips(self, shape: Shape) -> int:
        """How many requests of a create fit `close_line` before that call: one, where both are mutations."""
        return int(self.create_line(shape) == self.close_line(shape))

    @abstractmethod
    def look(self, ref: Ref) -> Seen:
        """The object as people see it."""

    @abstractmethod
    def all(self) -> list[Seen]:
        """Everything there is, milestones too, but no pull requests."""

    @abstractmethod
    def newest(self) -> list[Seen]:
        """The newest issues, a page of them."""

    @abstractmethod
    def edit(self, ref: Ref, **fields: Any) -> None:
        """A person's edit: `title`, `text`, `labels` (all of them), `state` ("open", "closed", "duplicate")."""

    @abstractmethod
    def add(self, title: str, *, text: str = "", milestone: Ref | None = None) -> Ref:
        """A person's new issue."""

    @abstractmethod
    def add_milestone(self, title: str) -> Ref:
        """A person's new milestone."""

    @abstractmethod
    def discuss(self, ref: Ref) -> None:
        """People assign somebody to an issue and comment on it."""

    @abstractmethod
    def delete(self, ref: Ref) -> None:
        """People delete an issue."""

    def pull_request(self, title: str, milestone: Ref) -> None:
        """A pull request in a milestone, where lists hold them."""
        raise NotImplementedError

    @abstractmethod
    def seed(self, issues: int, milestones: int = 0) -> None:
        """Very many at once, straight into the box's store: "Issue 1"…, "Milestone 1"…."""

    @abstractmethod
    def fill(self, parent: Ref, children: int) -> None:
        """Very many children under one parent, straight into the box's store."""

    @abstractmethod
    def subscribe(self, url: str, secret: str) -> str:
        """A webhook set up by hand, for every event that matters; its id."""

    def subscribe_to_all(self, url: str, secret: str) -> None:
        """The same for every event there is, wherever the tracker has hooks."""
        self.subscribe(url, secret)

    @abstractmethod
    def hooks(self) -> list[dict[str, Any]]:
        """The webhooks there are: `id`, `url`, `active`, and `events` as sorted names."""

    @abstractmethod
    def unsubscribe(self, hook_id: str) -> None:
        """People take a webhook away."""

    @abstractmethod
    def spoil(self, hook_id: str) -> None:
        """People take away what a hook needs: events, its secret; and switch it off where that can be done."""

    @abstractmethod
    def last_call(self, hook_id: str) -> str:
        """The tracker's id of the hook's last call, as `Delivery.id` has it."""

    @abstractmethod
    def send_again(self, hook_id: str) -> None:
        """People ask the tracker to send the last call of a hook again."""

    @abstractmethod
    def sign(self, body: bytes, secret: str, at: datetime) -> dict[str, str]:
        """The headers of a call as the tracker sends it, lower-case."""

    @abstractmethod
    def unsigned(self, headers: Mapping[str, str], instead: str | None = None) -> dict[str, str]:
        """Without what proves the sender, or with that in its place."""

    @abstractmethod
    def signs_body(self, secret: str) -> bool:
        """Whether that way of proving the sender proves the body too."""

    @abstractmethod
    def signs_time(self, secret: str) -> bool:
        """Whether it proves the time."""

    @abstractmethod
    def impatient(self) -> AbstractContextManager[None]:
        """Connectors opened within wait no longer than `PATIENCE` for an answer."""

    @classmethod
    def shapes_of(cls, profile: str) -> tuple[Shape, ...]:
        """What milestones, tasks and steps become with that profile: of what it names the first that there is here."""
        mapping = load(profile)
        task, step = (
            next(shape for shape in shapes if shape == "line" or shape in cls.shapes)
            for shapes in (mapping.task.shapes, mapping.step.shapes)
        )
        return ("milestone", task, step)

    # What is the same for all

    def place(self, token: str = RIGHT, path: str = "", base_url: str = "", *, dependencies: bool = False) -> Place:
        return Place(
            self.kind,
            base_url or self.base_url,
            path or self.path,
            Secret(token),
            self.group,
            dependencies=dependencies,
        )

    @property
    def group(self) -> str:
        """The `Place.group`, for epics."""
        return ""

    def open(self, place: Place | None = None) -> Connector:
        """A connector, closed with the bench, with whatever defects were seeded."""
        connector: Any = registry.kind(self.kind).open(place or self.place())
        self._opened.append(connector)
        for wrap in self.wraps:
            connector = wrap(connector)
        return connector  # type: ignore[no-any-return]

    def hands(self, place: Place | None = None) -> Hands:
        return Hands(self, self.open(place))

    def fault(self, kind: str, match: str = "", **more: Any) -> int:
        return self.site.faults.add(Fault(kind, match, **more))

    def clear(self) -> None:
        self.site.faults.clear()

    def mark(self) -> int:
        """A point in what arrived, for `since`."""
        return len(self.site.meter.sent)

    def since(self, mark: int) -> list[Sent]:
        """What arrived since then."""
        return self.site.meter.sent[mark:]

    def writes(self, mark: int) -> list[Sent]:
        return [sent for sent in self.since(mark) if sent.writes]

    def creates(self, mark: int) -> int:
        return sum(map(self.is_create, self.since(mark)))

    def titled(self, title: str) -> list[Seen]:
        """What people see of that title."""
        return [seen for seen in self.all() if seen.title == title]

    def close(self) -> None:
        self.clear()
        for connector in self._opened:
            connector.close()
        self.person.close()

    @contextmanager
    def alone(self) -> Iterator[Bench]:
        """The same in a box of its own, whose limits nobody else has used."""
        with site(self.box()) as at:
            other = type(self)(at, self.folder, self.blank)
            yield other
            other.close()

    @contextmanager
    def receiving(self) -> Iterator[Receiver]:
        receiver = Receiver()
        with serving(receiver) as url:
            receiver.path = f"/hooks/{self.name}"
            receiver.url = url + receiver.path
            yield receiver

    def database(self) -> Path:
        """A database of its own, with its tables."""
        made = self.folder / f"milepost-{next(_names)}.db"
        shutil.copy(self.blank, made)
        return made

    def token_file(self) -> Path:
        file = self.folder / "token"
        file.write_text(RIGHT)
        return file


KIND_OF: Mapping[Shape, Any] = {"milestone": "milestone", "issue": "task", "epic": "task", "child": "step"}


@dataclass
class Hands:
    """A connector at work: makes objects whose milestone and parent are there already, and reads them again."""

    bench: Bench
    connector: Connector
    refs: dict[str, Ref] = field(default_factory=dict)

    def want(self, shape: Shape, title: str, key: str = "", /, **fields: Value) -> Desired:
        return Desired(1, key or title, KIND_OF[shape], shape, {"title": title} | fields)

    def make(self, shape: Shape, title: str, key: str = "", /, **fields: Value) -> Observed:
        """Create one. A child goes under the issue PARENT unless another parent is named."""
        if shape == "child" and "parent" not in fields:
            self.parent()
            fields["parent"] = "PARENT"
        made = self.connector.create(self.want(shape, title, key, **fields), self.refs)
        self.refs[key or title] = made.ref
        return made

    def parent(self) -> Ref:
        if "PARENT" not in self.refs:
            made = self.connector.create(self.want("issue", "The parent"), self.refs)
            self.refs["PARENT"] = made.ref
        return self.refs["PARENT"]

    def milestone(self, key: str = "MILESTONE") -> Ref:
        if key not in self.refs:
            self.make("milestone", f"The {key.lower()}", key)
        return self.refs[key]

    def warm(self, shape: Shape) -> Observed:
        """Make one, so that what making the next needs to know is known: it takes one request."""
        return self.make(shape, f"First {shape}")

    def update(self, item: Observed, **fields: Value) -> Observed:
        return self.connector.update(item.ref, fields, self.refs)

    def read(self) -> dict[tuple[str, str], Observed]:
        """Everything by identity; it must be whole."""
        seen = self.connector.observe()
        assert (seen.complete, seen.full, seen.problem) == (True, True, "")
        found = {item.ref.identity: item for item in seen.objects}
        assert len(found) == len(seen.objects), "an object came twice"
        return found

    def read_one(self, item: Observed) -> Observed:
        return self.read()[item.ref.identity]

    def titles(self) -> list[str]:
        return sorted(item.title for item in self.read().values())


def still(item: Observed) -> Observed:
    """Without when it was last changed, which other objects' changes move too."""
    return replace(item, updated_at=None)
