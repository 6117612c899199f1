"""The database: SQLite by default (WAL, foreign keys on), PostgreSQL by URL. Transactions and migrations."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, Executable, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlmodel import Session, SQLModel

from app.core.errors import MilepostError
from migrations import HEAD

if TYPE_CHECKING:  # Alembic is slow to load, and only an upgrade needs it
    from alembic.config import Config


class DatabaseUnusable(MilepostError):
    """The database can't be opened, read or written."""

    type = "database-unusable"
    status = 503


class MigrationNeeded(MilepostError):
    """The database's schema isn't this version's."""

    type = "migration-needed"
    status = 503


SNAPSHOT: Final = {"isolation_level": "REPEATABLE READ"}
"""How PostgreSQL reads all of a session as of one moment. SQLite does so anyhow."""
LAST: Final = "last"
"""Where a session keeps what is to be executed at its end."""


def last(session: Session, name: Hashable, statement: Executable) -> None:
    """Have a statement executed at the end of a `Database.write`, once for each name.

    What many transactions change, as a count, is then locked for no longer than a commit takes, and always last.
    """
    session.info.setdefault(LAST, {})[name] = statement


def _from_json(stored: str | bytes) -> Any:
    """Nearly all lists of a large tree are empty, and a parser takes half of its reading to say so."""
    return [] if stored in ("[]", b"[]") else json.loads(stored)


class Database:
    """An engine and its transactions. `read()` and `write()` are the only ways in."""

    def __init__(self, url: str) -> None:
        """Opens nothing yet. Raises DatabaseUnusable for a URL that can't be one. The URL's password is never shown."""
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise DatabaseUnusable("the database URL is not one", "use sqlite:///FILE or postgresql://…") from None
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
            raise DatabaseUnusable(f"no database of kind {parsed.drivername!r}", "use sqlite:///FILE or postgresql://…")
        self.name = parsed.render_as_string(hide_password=True)
        self.sqlite = parsed.drivername == "sqlite"
        options: dict[str, Any] = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}
        if self.sqlite:  # those that wait for their turn to write hold a connection each
            options = {"connect_args": {"timeout": 30}, "max_overflow": 95}
        self.engine: Engine = create_engine(parsed, json_deserializer=_from_json, **options)
        if self.sqlite:
            _prepare_sqlite(self.engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading: one snapshot, rolled back at the end."""
        with self._session(writing=False, **({} if self.sqlite else SNAPSHOT)) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: committed at the end, rolled back on any exception. SQLite waits its turn at the start."""
        with self._session(writing=True) as session:
            yield session
            for statement in session.info.pop(LAST, {}).values():
                session.execute(statement, execution_options={"synchronize_session": False})
            session.commit()

    @contextmanager
    def _session(self, **options: Any) -> Iterator[Session]:
        try:
            with (
                self.engine.connect().execution_options(**options) as connection,
                Session(connection, expire_on_commit=False) as session,
            ):
                yield session
        except (OperationalError, DatabaseError) as error:
            reason = str(error.orig).splitlines()[0] if error.orig else "no reason given"
            hint = "run `milepost db upgrade`" if "no such table" in reason or "does not exist" in reason else ""
            raise DatabaseUnusable(f"the database {self.name} failed: {reason}", hint) from error

    def current(self) -> tuple[str | None, str]:
        """(the schema's revision, the newest revision)."""
        try:
            with self.engine.connect() as connection:
                found = None
                if inspect(connection).has_table("alembic_version"):
                    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        except DatabaseError as error:
            reason = str(error.orig).splitlines()[0]
            raise DatabaseUnusable(f"the database {self.name} can't be opened: {reason}") from None
        return found, HEAD

    def upgrade(self) -> str:
        """Migrate to the newest revision; gives it."""
        from alembic import command
        from alembic.script import ScriptDirectory

        now, head = self.current()
        known = {script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()}
        if now is not None and now not in known:
            raise MigrationNeeded(
                f"the database {self.name} was made by a newer Milepost (revision {now})", "install that version"
            )
        if now != head:
            with self._migrating() as config:
                command.upgrade(config, "head")
        return head

    def downgrade(self) -> str | None:
        """Take the newest migration back, for the version before this one; gives the revision then. What only this
        version stores is lost. Raises MigrationNeeded unless the schema is current.
        """
        from alembic import command

        now, head = self.current()
        if now != head:
            raise MigrationNeeded(f"the database {self.name} is not at revision {head}", "nothing was taken back")
        with self._migrating() as config:
            command.downgrade(config, "-1")
        return self.current()[0]

    @contextmanager
    def _migrating(self) -> Iterator[Config]:
        """One transaction for Alembic. On SQLite foreign keys rest meanwhile, and are checked at the end: a table is
        changed by making it anew, and dropping the old one would take along every row that refers to it
        (sqlite.org/lang_altertable.html#otheralter).
        """
        config = _alembic()
        with self.engine.connect().execution_options(writing=True) as connection:
            config.attributes["connection"] = connection
            if not self.sqlite:
                yield config
                connection.commit()
                return
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys=OFF")  # no transaction has begun: within one it does nothing
            try:
                yield config
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
                if broken is not None:
                    raise DatabaseUnusable(f"the migration would leave rows of {broken[0]} that refer to nothing")
                connection.commit()
            finally:
                connection.rollback()
                driver.execute("PRAGMA foreign_keys=ON")

    def ready(self) -> None:
        """Make the schema current: SQLite is upgraded, PostgreSQL is asked for (`milepost db upgrade`)."""
        now, head = self.current()
        if now == head:
            return
        if not self.sqlite:
            raise MigrationNeeded(f"the database {self.name} is not at revision {head}", "run `milepost db upgrade`")
        self.upgrade()

    def backup(self, file: Path) -> None:
        """Copy a SQLite database into a new file, as of one moment, while others write. Raises DatabaseUnusable for
        PostgreSQL, for a file that is there, and where it can't be written.
        """
        if not self.sqlite:
            raise DatabaseUnusable(
                "PostgreSQL is backed up by its own tools", "pg_dump --format=custom --file=FILE URL"
            )
        if file.exists():
            raise DatabaseUnusable(f"{file} is there already", "give a new name: a backup is never written over")
        source = Path(self.engine.url.database or "")
        if not source.is_file():
            raise DatabaseUnusable(f"there is no database {source}", "check MILEPOST_DATABASE_URL")
        try:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                driver: Any = connection.connection.driver_connection
                driver.execute("VACUUM INTO ?", (str(file),))
        except (sqlite3.Error, DatabaseError) as error:
            file.unlink(missing_ok=True)
            raise DatabaseUnusable(
                f"{file} can't be written: {error}", "is there room, and may it be written?"
            ) from None

    def close(self) -> None:
        self.engine.dispose()


def insert_of(session: Session, table: type[SQLModel]) -> Any:
    """An INSERT that takes `on_conflict_do_update` and `on_conflict_do_nothing`, which both databases write alike."""
    dialect = sqlite if session.connection().dialect.name == "sqlite" else postgresql
    return dialect.insert(table)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, record: object) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _alembic() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(str(files("migrations")))).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
