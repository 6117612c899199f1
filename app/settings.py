"""Settings: environment variables `MILEPOST_*`, also from `.env` in the current folder, and from files of their names
in `/run/secrets`, where containers get theirs. The environment comes first, then `.env`, then the files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.errors import MilepostError

SECRETS = Path("/run/secrets")
"""Where a file named like a setting, in lower case (`milepost_database_url`), holds its value."""


class BadSettings(MilepostError):
    """A setting that can't be. Its value isn't quoted: it may be a secret."""

    type = "bad-settings"


class Settings(BaseSettings):
    """Every setting, with its default. Times are in seconds, sizes in bytes. Raises BadSettings."""

    model_config = SettingsConfigDict(
        env_prefix="MILEPOST_",
        env_file=".env",
        env_ignore_empty=True,  # `NAME=` stands for its default, or for what a file says
        extra="ignore",
        secrets_dir=SECRETS if SECRETS.is_dir() else None,  # pydantic warns of a folder that isn't there
    )

    database_url: str = Field(
        default="sqlite:///milepost.db", repr=False, description="SQLite file, or postgresql://…; may hold a password"
    )
    refresh_interval: int = Field(default=300, ge=5, description="how often a new target is refreshed, in seconds")
    import_max_bytes: int = Field(default=10 * 1024 * 1024, ge=1, description="how large a roadmap may be")
    webhook_max_bytes: int = Field(default=25 * 1024 * 1024, ge=1, description="how large a webhook call may be")
    debounce: float = Field(default=1.0, ge=0, le=2, description="seconds that webhooks of a target are gathered for")
    interval_quickest: float = Field(default=0.5, ge=0.1, le=1, description="part of its interval for a busy target")
    interval_slowest: float = Field(
        default=2.0, ge=1, le=2.5, description="multiple of its interval for a quiet target"
    )
    replay_interval: int = Field(default=3600, ge=60, description="seconds between looks for missed deliveries")
    audit_days: int = Field(default=400, ge=30, description="days that runs and their writes are kept for")
    history_days: int = Field(default=730, ge=30, description="days whose figures are kept each; older ones by week")
    allowed_hosts: str = Field(default="", description="names, beside this machine's own, that `serve` answers under")
    trusted_proxies: str = Field(default="", description="addresses of proxies whose X-Forwarded-For is believed")
    allowed_trackers: str = Field(
        default="", description="hosts and networks that targets may be at; all but link-local and metadata if empty"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="from which level on `serve` and `worker` log"
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json`: an object a line; `console`: for eyes"
    )
    notify_local: bool = Field(
        default=False, description="whether notifications may go to this machine and to link-local addresses"
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            wrong = [f"MILEPOST_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
            raise BadSettings("; ".join(wrong), "`milepost doctor` lists every setting") from None

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _any_case(cls, value: object, info: Any) -> object:
        if not isinstance(value, str):
            return value
        return value.strip().upper() if info.field_name == "log_level" else value.strip().lower()


def listed(text: str) -> tuple[str, ...]:
    """The entries of a setting that is a list with commas."""
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())
