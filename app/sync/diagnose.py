"""What is wrong with targets and stalled work, and how to mend it. Asks the database; only `clocks` asks trackers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import httpx

from app.core.errors import MilepostError
from app.db import gauges, notices
from app.db.gauges import TargetGauge
from app.db.report_schedules import Scheduled
from app.sync import lease, report_schedules
from app.sync.context import Context, credentials, named_secret, webhook_secret
from app.sync.status import STALE_AFTER
from connectors.http import http_date, is_loopback
from mappings import profile

State = Literal["ok", "warning", "failed"]

WAITS_LONG: Final = timedelta(minutes=10)
"""How long a delivery may wait before something is wrong: a refresh that fails is tried again within its interval."""
PLANS_MANY: Final = 100
REPORT_LATE: Final = timedelta(minutes=10)
SKEW: Final = 30.0
SKEW_BAD: Final = 240.0
"""Seconds. GitLab's signed webhooks are refused beyond five minutes, a GitHub App's tokens beyond one."""
ASK_SECONDS: Final = 5.0
ASKED: Final = {"github": "/rate_limit", "gitlab": "/api/v4/version"}
"""What answers at once, counts against no limit, and tells the time even where it says no."""


@dataclass(frozen=True, slots=True)
class Found:
    """One line of `doctor`: what was looked at, how it is, and how to mend it."""

    what: str
    state: State
    detail: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        return {"what": self.what, "state": self.state, "detail": self.detail, "mend": self.mend}


def targets(ctx: Context) -> list[Found]:
    """Every target's credentials, webhook and freshness, and what work of it has stalled; notifiers and scheduled
    reports.
    """
    with ctx.db.read() as session:
        everything = gauges.read(session)
        notifiers = [row for row, _ in notices.everyone(session)]
        counts = notices.counts(session)
    now = ctx.now()
    found = [one for gauge in everything.targets for one in (*_target(gauge, now), *_stalled(gauge, now))]
    if not everything.targets:
        found.append(Found("targets", "warning", "there are none", "milepost target add NAME --programme SLUG …"))
    for row in notifiers:
        what = f"notifier {row.name}"
        missing = [name for name in (row.url_env, row.secret_env) if name and named_secret(name) is None]
        parked = counts.get(row.id or 0, {}).get("parked", 0)
        if missing:
            found.append(Found(what, "failed", f"{', '.join(missing)} is not set", f"export {missing[0]}=…"))
        elif parked:
            found.append(
                Found(what, "warning", f"{parked} messages were given up", f"milepost notify retry {row.name}")
            )
        else:
            found.append(Found(what, "ok", f"told of {', '.join(row.events) or 'nothing but scheduled reports'}"))
    return [*found, *(_report(one, now) for one in everything.reports)]


def _report(one: Scheduled, now: datetime) -> Found:
    what, due = f"report {one.row.name}", report_schedules.next_at(one, now)
    if one.row.last_error:
        return Found(what, "failed", one.row.last_error, f"milepost report schedule run {one.row.name}")
    if now - due > REPORT_LATE:
        return Found(what, "failed", f"it was due at {due:%Y-%m-%d %H:%M} UTC", "is `milepost serve` running?")
    return Found(what, "ok", f"the next is due at {due:%Y-%m-%d %H:%M} UTC")


def _target(one: TargetGauge, now: datetime) -> Iterator[Found]:
    row = one.row
    what = f"target {row.name}"
    try:
        credentials(row)
        yield Found(what, "ok", f"its credentials are there ({_where(one)})")
    except MilepostError as error:
        yield Found(what, "failed", error.message, error.hint)
    try:
        profile.load(row.profile)
    except MilepostError as error:
        yield Found(what, "failed", error.message, error.hint)
    if not row.webhook_secret_env:
        detail = f"no webhook: progress follows every {row.interval_seconds} s"
        yield Found(what, "ok", detail, f"milepost target hook {row.name} --url https://YOUR-MILEPOST")
    elif webhook_secret(row) is None:
        detail = f"{row.webhook_secret_env} is not set, so every webhook call is refused"
        yield Found(what, "failed", detail, f"export {row.webhook_secret_env}=…")
    else:
        yield Found(what, "ok", f"its webhook secret is there ({row.webhook_secret_env})")
    yield _fresh(one, now, what)


def _where(one: TargetGauge) -> str:
    row = one.row
    return row.token_file or row.app_key_file or row.token_env


def _fresh(one: TargetGauge, now: datetime, what: str) -> Found:
    row = one.row
    error = f": {row.last_error}" if row.last_error else ""
    if row.last_refresh is None:
        mend = f"milepost target check {row.name}" if error else f"milepost plan {row.name}"
        return Found(what, "failed" if error else "warning", f"never read{error}", mend)
    age = max(0, int((now - row.last_refresh).total_seconds()))
    state: State = "warning"
    detail, mend = f"last read {age} s ago", ""
    if row.state != "active":
        detail, mend = f"{row.state}, {detail}{error}", "it is not refreshed until it goes on"
    elif row.hold_until is not None and row.hold_until > now:
        left = int((row.hold_until - now).total_seconds())
        detail, mend = f"the tracker asked to be left alone for {left} s more", "nothing: it goes on then"
    elif age > STALE_AFTER * row.interval_seconds:
        state, detail = "failed", f"{detail}, its interval is {row.interval_seconds} s{error}"
        mend = f"milepost target check {row.name}" if error else "is `milepost serve` running?"
    elif error:
        detail, mend = f"{detail}, and not the last time{error}", "it is tried again"
    else:
        state = "ok"
    return Found(what, state, detail, mend)


def _stalled(one: TargetGauge, now: datetime) -> Iterator[Found]:
    name = one.row.name
    what = f"work of {name}"
    held = one.lease
    alive = held is not None and held.holder != "" and held.expires_at > now and not lease.ended(held.holder)
    if one.running and not alive:
        ids = ", ".join(run.id for run in one.running)
        detail = f"the run {ids} says it is running, and nobody is at work"
        yield Found(what, "failed", detail, f"`milepost serve` goes on with it; without it: milepost apply {name}")
    if held is not None and held.holder and not alive:
        detail = "whoever worked on it ended without letting go"
        yield Found(what, "warning", detail, "nothing: the next to work on it takes over")
    if one.pending and not alive:
        detail = f"of {one.pending} creates it isn't known whether they happened"
        yield Found(what, "warning", detail, f"milepost plan {name} looks them up")
    if one.oldest_waiting is not None and now - one.oldest_waiting > WAITS_LONG and one.row.state == "active":
        minutes = int((now - one.oldest_waiting).total_seconds() // 60)
        detail = f"{one.deliveries.get('waiting', 0)} webhook calls wait, the oldest for {minutes} minutes"
        yield Found(what, "failed", detail, f"is `milepost serve` running? milepost refresh {name}")
    if one.plans > PLANS_MANY:
        detail = f"{one.plans} plans that nobody applied"
        yield Found(what, "warning", detail, "does a script plan in a loop? they are pruned with the audit")


def clocks(ctx: Context) -> list[Found]:
    """This machine's clock against each tracker's, by one request without credentials to each."""
    with ctx.db.read() as session:
        rows = [one.row for one in gauges.read(session).targets]
    return [_clock(ctx, url) for url in dict.fromkeys(row.base_url + ASKED[row.kind] for row in rows)]


def _clock(ctx: Context, url: str) -> Found:
    host = httpx.URL(url).host
    what = f"clock against {host}"
    try:
        with httpx.Client(timeout=ASK_SECONDS, trust_env=not is_loopback(host), follow_redirects=False) as client:
            began = ctx.now()
            answer = client.get(url, headers={"user-agent": "milepost"})
            took = (ctx.now() - began) / 2
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Found(what, "failed", f"it can't be reached ({type(error).__name__})", "check the network and the proxy")
    theirs = http_date(answer.headers.get("date", ""))
    if theirs is None:
        return Found(what, "warning", "it doesn't tell its time", "check --base-url")
    off = ((began + took) - theirs).total_seconds()
    words = f"{abs(off):.0f} s {'ahead' if off > 0 else 'behind'}"
    if abs(off) <= SKEW:
        return Found(what, "ok", "they agree")
    return Found(what, "failed" if abs(off) > SKEW_BAD else "warning", words, "let this machine keep time by NTP")
