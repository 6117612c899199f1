"""What every verb needs from outside: the database, the clock, patience, and a way to open a tracker."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from app import logs
from app.core.errors import MilepostError
from app.db.engine import Database
from app.db.models import TargetRow
from app.db.targets import Door
from app.sync.kept import Kept
from connectors import registry
from connectors.base import AppCredentials, Connector, Place, Secret
from connectors.reach import ANYWHERE, Reach
from mappings import profile


class CredentialsMissing(MilepostError):
    """The named variable or file doesn't hold a token."""

    type = "credentials-missing"
    status = 409


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    """A short random name for a plan, run or target: 12 letters and digits."""
    return secrets.token_hex(6)


def open_place(place: Place) -> Connector:
    """A connector for a place, by its kind."""
    return registry.kind(place.kind).open(place)


@dataclass(frozen=True, slots=True)
class Context:
    """`now` gives aware UTC; `sleep` takes seconds; `open_place` makes a connector. All may be replaced in tests.

    `actor` is on whose word things are written: the audit names it. `service`: whether the service does it, which goes
    on by itself with what is interrupted. `reach` is where trackers may be. `kept` is what was worked out of
    programmes.
    """

    db: Database
    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    open_place: Callable[[Place], Connector] = open_place
    actor: str = "milepost"
    service: bool = False
    reach: Reach = ANYWHERE
    kept: Kept = field(default_factory=Kept, compare=False)

    def connect(self, target: TargetRow) -> Connector:
        """A connector for a target. Raises CredentialsMissing, BadProfile."""
        dependencies = profile.load(target.profile).dependencies
        secret = credentials(target)
        return self.open_place(
            Place(target.kind, target.base_url, target.path, secret, target.group_path, dependencies, self.reach)
        )


def credentials(target: TargetRow) -> Secret | AppCredentials:
    """The target's credentials, from where it says they are. Raises CredentialsMissing, never quoting a secret."""
    if target.app_id is not None and target.installation_id is not None:
        return AppCredentials(target.app_id, target.installation_id, _file(target.app_key_file, target))
    if target.token_file:
        return _file(target.token_file, target)
    return _variable(target.token_env, f"target {target.name!r} takes its token from it")


def webhook_secret(target: TargetRow | Door) -> Secret | None:
    """The secret that the tracker signs webhook calls with; None where the target names none, or it isn't set."""
    return named_secret(target.webhook_secret_env)


def named_secret(name: str) -> Secret | None:
    """What the environment variable `name` holds, or the file that the variable `name` + "_FILE" names.

    None for neither, for an empty one and for a file that can't be read: whoever needs it says what is missing.
    """
    value = os.environ.get(name, "").strip() if name else ""
    path = os.environ.get(f"{name}_FILE", "").strip() if name and not value else ""
    if path:
        with suppress(OSError, UnicodeDecodeError):
            value = Path(path).read_text(encoding="utf-8").strip()
    return Secret(logs.hide(value)) if value else None


def _variable(name: str, why: str) -> Secret:
    secret = named_secret(name)
    if secret is None:
        raise CredentialsMissing(f"the environment variable {name} is not set; {why}", f"export {name}=…")
    return secret


def _file(path: str, target: TargetRow) -> Secret:
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CredentialsMissing(f"{path} can't be read ({reason}); target {target.name!r} needs it") from None
    if not value:
        raise CredentialsMissing(f"{path} is empty; target {target.name!r} takes its credentials from it")
    return Secret(logs.hide(value))
