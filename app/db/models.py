"""The tables. Every time is stored and read as aware UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel, UniqueConstraint

Key = BigInteger().with_variant(Integer, "sqlite")
"""A primary key: 64 bits, and SQLite's own rowid there."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; a naive one is refused rather than guessed at."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _id() -> Column[int]:
    return Column(Key, primary_key=True, autoincrement=True)


def _to(table: str, *, null: bool = False, index: bool = True) -> Column[int]:
    return Column(Key, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=null, index=index)


def _time(*, null: bool = True) -> Column[datetime]:
    return Column(UtcDateTime, nullable=null)


def _count(default: str) -> Column[int]:
    return Column(BigInteger, nullable=False, server_default=default)


def _json() -> Column[Any]:
    return Column(JSON, nullable=False)


class ProgrammeRow(SQLModel, table=True):
    """`revision`, `recorded`: see `revisions.py`. `rebuild_due`: the days before the first recorded one are to be
    worked out.
    """

    __tablename__ = "programme"
    id: int | None = Field(default=None, sa_column=_id())
    slug: str = Field(unique=True)
    title: str
    start: date
    created_at: datetime = Field(sa_column=_time(null=False))
    updated_at: datetime = Field(sa_column=_time(null=False))
    time_zone: str = Field(default="UTC", sa_column_kwargs={"server_default": "UTC"})
    revision: int = Field(default=1, sa_column=_count("1"))
    recorded: int = Field(default=0, sa_column=_count("0"))
    rebuild_due: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))


class VersionRow(SQLModel, table=True):
    """A roadmap as it was imported, byte for byte."""

    __tablename__ = "version"
    __table_args__ = (UniqueConstraint("programme_id", "number"),)
    id: int | None = Field(default=None, sa_column=_id())
    programme_id: int = Field(sa_column=_to("programme", index=False))
    number: int
    source: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sha256: str
    start: date
    imported_at: datetime = Field(sa_column=_time(null=False))
    changes: dict[str, Any] = Field(sa_column=_json())


class NodeRow(SQLModel, table=True):
    """A milestone, task or step. `text` is its objective, description or detail; `completed` a step's declared tick."""

    __tablename__ = "node"
    __table_args__ = (
        Index(
            "node_key",
            "programme_id",
            "key",
            unique=True,
            sqlite_where=text("archived_at IS NULL"),
            postgresql_where=text("archived_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, sa_column=_id())
    programme_id: int = Field(sa_column=_to("programme", index=False))
    parent_id: int | None = Field(default=None, sa_column=_to("node", null=True))
    kind: str
    key: str
    position: int
    title: str = Field(sa_column=Column(Text, nullable=False))
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    window_text: str | None = None
    window_start: date | None = None
    window_end: date | None = None
    baseline_start: date | None = None
    baseline_end: date | None = None
    declared_percent: float | None = None
    completed: bool = False
    completed_on: date | None = None
    depends_on: list[str] = Field(default_factory=list, sa_column=_json())
    prerequisites: list[str] = Field(default_factory=list, sa_column=_json())
    owner: str = ""
    line: int = 0
    archived_at: datetime | None = Field(default=None, sa_column=_time())


class TargetRow(SQLModel, table=True):
    """One place to sync to. `nodes` are the ids of the milestones it selects, None for all that no other target has.

    Secrets are named, never stored: an environment variable or a file.

    `pause_reason`: why Milepost paused it by itself, "" where a person did. `tried_at`: when the last refresh ended
    that did not succeed, of `failures` in a row. `quiet`: good refreshes in a row that found nothing new. `asked_at`:
    when someone asked for a refresh that none has answered yet. `replayed_at`: when missed deliveries were last looked
    for.
    """

    __tablename__ = "target"
    id: str = Field(primary_key=True)
    programme_id: int = Field(sa_column=_to("programme"))
    name: str = Field(unique=True)
    kind: str
    path: str
    group_path: str = ""
    base_url: str
    profile: str
    nodes: list[int] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    token_env: str = ""
    token_file: str = ""
    app_id: int | None = None
    app_key_file: str = ""
    installation_id: int | None = None
    webhook_secret_env: str = ""
    hook_id: str = ""
    holds: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    state: str = "active"
    interval_seconds: int = 300
    cursor: str | None = Field(default=None, sa_column=Column(Text))
    mirrored_at: datetime | None = Field(default=None, sa_column=_time())
    last_refresh: datetime | None = Field(default=None, sa_column=_time())
    last_error: str = ""
    hold_until: datetime | None = Field(default=None, sa_column=_time())
    pause_reason: str = ""
    tried_at: datetime | None = Field(default=None, sa_column=_time())
    failures: int = 0
    quiet: int = 0
    asked_at: datetime | None = Field(default=None, sa_column=_time())
    replayed_at: datetime | None = Field(default=None, sa_column=_time())
    created_at: datetime = Field(sa_column=_time(null=False))


def _target(*, index: bool = False) -> Column[str]:
    return Column(ForeignKey("target.id", ondelete="CASCADE"), nullable=False, index=index)


class LinkRow(SQLModel, table=True):
    """Which object a node is in a target; `ref_id` is None while a create is pending. `base` is what was applied.

    `sent` is a call that was begun, until it is known what came of it.
    """

    __tablename__ = "link"
    __table_args__ = (UniqueConstraint("target_id", "node_id"), UniqueConstraint("target_id", "family", "ref_id"))
    id: int | None = Field(default=None, sa_column=_id())
    target_id: str = Field(sa_column=_target())
    node_id: int = Field(sa_column=_to("node"))
    shape: str
    family: str
    ref_id: str | None = None
    number: int | None = None
    global_id: str = ""
    url: str = ""
    base: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    section: dict[str, Any] = Field(default_factory=dict, sa_column=_json())
    sent: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class MirrorRow(SQLModel, table=True):
    """An object as the tracker was last seen to hold it: the memory that makes reads incremental."""

    __tablename__ = "mirror"
    __table_args__ = (UniqueConstraint("target_id", "family", "ref_id"),)
    id: int | None = Field(default=None, sa_column=_id())
    target_id: str = Field(sa_column=_target())
    family: str
    ref_id: str
    shape: str
    number: int
    global_id: str = ""
    url: str = ""
    title: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    state: str
    reason: str | None = None
    milestone: str | None = None
    parent: str | None = None
    labels: list[str] = Field(default_factory=list, sa_column=_json())
    type: str | None = None
    start: date | None = None
    due: date | None = None
    blocked_by: list[str] = Field(default_factory=list, sa_column=_json())
    updated_at: datetime | None = Field(default=None, sa_column=_time())
    closed_at: datetime | None = Field(default=None, sa_column=_time())
    created_at: datetime | None = Field(default=None, sa_column=_time())
    assignees: list[str] = Field(default_factory=list, sa_column=_json())
    estimate: int | None = None
    copied: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))


class HistoryRow(SQLModel, table=True):
    """How a node, or a whole programme (one of the two ids is set), stood at the end of a day of the programme's zone.

    Only days on which something changed have a row. `rebuilt`: worked out later, from the trackers' own dates.
    """

    __tablename__ = "history"
    __table_args__ = (
        UniqueConstraint("programme_id", "day"),
        UniqueConstraint("node_id", "day"),
    )
    id: int | None = Field(default=None, sa_column=_id())
    programme_id: int | None = Field(default=None, sa_column=_to("programme", null=True, index=False))
    node_id: int | None = Field(default=None, sa_column=_to("node", null=True, index=False))
    day: date
    done: int
    total: int
    excluded: int
    percent: float | None = None
    source: str
    declared: float | None = None
    rebuilt: bool = False


class PlanRow(SQLModel, table=True):
    __tablename__ = "plan"
    id: str = Field(primary_key=True)
    target_id: str = Field(sa_column=_target(index=True))
    created_at: datetime = Field(sa_column=_time(null=False))
    checksum: str
    complete: bool
    adopt: bool = False
    recreate: bool = False
    undoes: str | None = None
    summary: dict[str, Any] = Field(sa_column=_json())
    content: dict[str, Any] = Field(sa_column=_json())


class RunRow(SQLModel, table=True):
    """The execution of a plan. `state`: running, done, failed (some steps), interrupted. `actor`: on whose word.

    `by_service`: begun over the API, so that the service goes on with it by itself. `resume_at`: when it does so with
    what was interrupted, None where that is left to people.
    """

    __tablename__ = "run"
    id: str = Field(primary_key=True)
    target_id: str = Field(sa_column=_target(index=True))
    plan_id: str = Field(sa_column=Column(ForeignKey("plan.id", ondelete="CASCADE"), nullable=False))
    actor: str = ""
    by_service: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    max_percent: float = 30.0
    recreate: bool = False
    resume_at: datetime | None = Field(default=None, sa_column=_time())
    state: str
    started_at: datetime = Field(sa_column=_time(null=False))
    finished_at: datetime | None = Field(default=None, sa_column=_time())
    total: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    error: str = ""


class JournalRow(SQLModel, table=True):
    """One step of a run, written before its call and closed after: `pending`, `done`, `failed`, `skipped`.

    `writes` is how many requests it took, one until that is known; the last was sent at `last_write_at`.
    """

    __tablename__ = "journal"
    __table_args__ = (UniqueConstraint("run_id", "seq"), Index("journal_at", "target_id", "at"))
    id: int | None = Field(default=None, sa_column=_id())
    run_id: str = Field(sa_column=Column(ForeignKey("run.id", ondelete="CASCADE"), nullable=False))
    target_id: str = Field(sa_column=_target(index=True))
    seq: int
    node_id: int | None = Field(
        default=None, sa_column=Column(Key, ForeignKey("node.id", ondelete="SET NULL"), nullable=True)
    )
    key: str
    action: str
    shape: str
    fields: dict[str, Any] = Field(sa_column=_json())
    fingerprint: str = Field(sa_column=Column(Text, nullable=False))
    state: str
    url: str = ""
    error: str = ""
    request_id: str = ""
    writes: int = 1
    at: datetime = Field(sa_column=_time(null=False))
    last_write_at: datetime | None = Field(default=None, sa_column=_time())
    finished_at: datetime | None = Field(default=None, sa_column=_time())


class DeliveryRow(SQLModel, table=True):
    """A webhook call received. Its body isn't kept: it only says "look again".

    `state`: waiting (for a good refresh), handled, failed (after `attempts` refreshes that failed, with the last one's
    error), discarded (by a person).
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("target_id", "delivery_id"),
        Index(
            "delivery_open",
            "target_id",
            "state",
            sqlite_where=text("state IN ('waiting', 'failed')"),
            postgresql_where=text("state IN ('waiting', 'failed')"),
        ),
    )
    id: int | None = Field(default=None, sa_column=_id())
    target_id: str = Field(sa_column=_target())
    delivery_id: str
    event: str
    received_at: datetime = Field(sa_column=_time(null=False))
    handled_at: datetime | None = Field(default=None, sa_column=_time())
    state: str = "waiting"
    attempts: int = 0
    error: str = Field(default="", sa_column=Column(Text, nullable=False, server_default=""))


class LeaseRow(SQLModel, table=True):
    """Who may write to a target now. `fence` rises with every new holder. `wanted_at`: when another asked for it.

    `cancelled`: the id of a run that a person asked to end, wherever it is carried out.
    """

    __tablename__ = "lease"
    target_id: str = Field(sa_column=Column(ForeignKey("target.id", ondelete="CASCADE"), primary_key=True))
    holder: str
    fence: int
    expires_at: datetime = Field(sa_column=_time(null=False))
    wanted_at: datetime | None = Field(default=None, sa_column=_time())
    cancelled: str = ""


class TokenRow(SQLModel, table=True):
    """An API token: its SHA-256, never itself. Revoked ones stay, since the audit names them."""

    __tablename__ = "token"
    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    role: str
    hash: str = Field(unique=True)
    created_at: datetime = Field(sa_column=_time(null=False))
    expires_at: datetime | None = Field(default=None, sa_column=_time())
    last_used_at: datetime | None = Field(default=None, sa_column=_time())
    revoked_at: datetime | None = Field(default=None, sa_column=_time())


class SessionRow(SQLModel, table=True):
    """A browser that somebody logged in with by a token: the SHA-256 of its cookie. It ends with the token."""

    __tablename__ = "session"
    hash: str = Field(primary_key=True)
    token_id: str = Field(sa_column=Column(ForeignKey("token.id", ondelete="CASCADE"), nullable=False, index=True))
    created_at: datetime = Field(sa_column=_time(null=False))
    expires_at: datetime = Field(sa_column=_time(null=False))


class UsageRow(SQLModel, table=True):
    """What a target has cost its tracker: requests ever made, and what the tracker last said may still be asked."""

    __tablename__ = "usage"
    target_id: str = Field(sa_column=Column(ForeignKey("target.id", ondelete="CASCADE"), primary_key=True))
    requests: int = Field(sa_column=Column(BigInteger, nullable=False))
    remaining: int | None = None
    most: int | None = None
    resets_at: datetime | None = Field(default=None, sa_column=_time())


class StandingRow(SQLModel, table=True):
    """How a programme stood when it was last looked at: what is told is what differs from it.

    `seen` names what it rests on, so that nothing is compared twice. Nobody looks again before `again_at`: who looks
    moves it on, and so knows in the end whether another has looked meanwhile.
    """

    __tablename__ = "standing"
    programme_id: int = Field(
        sa_column=Column(Key, ForeignKey("programme.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)
    )
    again_at: datetime = Field(sa_column=_time(null=False))
    seen: str = ""
    told: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))


class NotifierRow(SQLModel, table=True):
    """Where a programme's news go. Secrets are named by variable, never stored; so is a URL that is one."""

    __tablename__ = "notifier"
    id: int | None = Field(default=None, sa_column=_id())
    programme_id: int = Field(sa_column=_to("programme"))
    name: str = Field(unique=True)
    format: str
    url: str = Field(default="", sa_column=Column(Text, nullable=False))
    url_env: str = ""
    secret_env: str = ""
    events: list[str] = Field(sa_column=_json())
    created_at: datetime = Field(sa_column=_time(null=False))


class NotificationRow(SQLModel, table=True):
    """The outbox: one message to one notifier. `state`: waiting, sent, parked (given up until someone asks)."""

    __tablename__ = "notification"
    __table_args__ = (Index("notification_waiting", "state", "notifier_id"),)
    id: int | None = Field(default=None, sa_column=_id())
    notifier_id: int = Field(sa_column=_to("notifier"))
    message_id: str = Field(unique=True)
    event: str
    content: dict[str, Any] = Field(sa_column=_json())
    created_at: datetime = Field(sa_column=_time(null=False))
    state: str = "waiting"
    attempts: int = 0
    due_at: datetime = Field(sa_column=_time(null=False))
    finished_at: datetime | None = Field(default=None, sa_column=_time())
    error: str = Field(default="", sa_column=Column(Text, nullable=False))


class ReportScheduleRow(SQLModel, table=True):
    """A report that is made each day, or each week on `weekday` (Monday is 0), when the clocks of the programme's time
    zone show `at` ("08:00"). It goes to `file`, or to a notifier where that is "".

    `reported_at` is when the last one was made; when the next is due follows from it. Nobody makes it before
    `again_at`: who makes it moves it on, and so knows in the end whether another has made it meanwhile.
    """

    __tablename__ = "report_schedule"
    id: int | None = Field(default=None, sa_column=_id())
    programme_id: int = Field(sa_column=_to("programme"))
    name: str = Field(unique=True)
    weekday: int | None = None
    at: str
    file: str = Field(default="", sa_column=Column(Text, nullable=False))
    notifier_id: int | None = Field(default=None, sa_column=_to("notifier", null=True))
    created_at: datetime = Field(sa_column=_time(null=False))
    reported_at: datetime | None = Field(default=None, sa_column=_time())
    again_at: datetime = Field(sa_column=_time(null=False))
    failures: int = 0
    last_error: str = Field(default="", sa_column=Column(Text, nullable=False))
