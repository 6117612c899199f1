"""Settings: environment variables `MILEPOST_*`, also from `.env` in the current folder."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting, with its default. Times are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(env_prefix="MILEPOST_", env_file=".env", extra="ignore")

    database_url: str = Field(default="sqlite:///milepost.db", repr=False)
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
    log_level: str = "INFO"
    allowed_hosts: str = Field(default="", description="names, beside this machine's own, that `serve` answers under")
    trusted_proxies: str = Field(default="", description="addresses of proxies whose X-Forwarded-For is believed")
    allowed_trackers: str = Field(
        default="", description="hosts and networks that targets may be at; all but link-local and metadata if empty"
    )


def listed(text: str) -> tuple[str, ...]:
    """The entries of a setting that is a list with commas."""
    return tuple(entry.strip() for entry in text.split(",") if entry.strip())
