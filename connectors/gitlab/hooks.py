"""Webhooks in GitLab: setting them up, and what they failed to deliver.

https://docs.gitlab.com/api/project_webhooks/ (Maintainer) and https://docs.gitlab.com/api/group_webhooks/ (Premium,
Owner). Epics are told to the group's webhooks only.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from connectors.base import Delivery, FieldProblem, Hook, NotFound, Rejected, Secret, Unauthorized, Unsupported
from connectors.gitlab import convert, refusals
from connectors.gitlab.reads import Reads, understood
from connectors.gitlab.webhook import SIGNING, delivery
from connectors.gitlab.writes import Writes
from connectors.http import http_date

EVENTS: Final = ("issues_events", "confidential_issues_events", "milestone_events")
SIGNING_BYTES: Final = 32  # gitlab-org/gitlab!231325
EVENTS_PAGE: Final = 20  # the most a page


def set_up(reads: Reads, writes: Writes, url: str, secret: Secret, *, epics: bool) -> Hook:
    """Make or mend the project's webhook that calls `url`, and with `epics` the group's, where the role allows that.

    A secret `whsec_…` is set as signing token (GitLab 19.0), any other as the shared secret. `Hook.id` is "12", or
    "12+g34" with the group's. Raises Unauthorized naming the role; Unsupported where GitLab took no signing token;
    Rejected for a signing token of other than 32 bytes, and where GitLab keeps the hook switched off.
    """
    wanted = _wanted(url, secret)
    try:
        number, done = _one(reads, writes, wanted, in_group=False)
    except Unauthorized as error:
        raise Unauthorized(error.message, refusals.OWNER, request_id=error.request_id) from None
    name = str(number)
    if epics:
        try:
            name += f"+g{_one(reads, writes, wanted, in_group=True)[0]}"
        except (Unauthorized, NotFound, Unsupported) as error:
            if wanted.get("signing_token") and isinstance(error, Unsupported) and error.hint == BY_HAND:
                raise
            # not an Owner of the group: changes of epics are found by the next refresh on schedule
    return Hook(name, url, EVENTS, done)


def missed(reads: Reads, hook_id: str, since: datetime) -> list[Delivery]:
    """The deliveries of that webhook since then that did not arrive, each once, oldest first.

    GitLab lists seven days of calls, the newest first, sent again ones apart with the same Idempotency-Key
    (https://docs.gitlab.com/api/project_webhooks/#list-all-events-for-a-project-webhook). They are scanned unfiltered
    back to `since`: which of the failed ones arrived later is told by the others only. The newest are asked first.
    """
    found: list[tuple[datetime, Delivery]] = []
    for part in hook_id.split("+"):
        if not part.removeprefix("g").isdecimal():
            raise NotFound(f"{hook_id!r} names no GitLab webhook", "Set it up: milepost target hook.")
        owner = reads.group if part.startswith("g") else reads.project
        rows = _since(reads, owner, part.removeprefix("g"), since)
        found += understood("webhook events", lambda told: _failed(told, since), rows)
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


BY_HAND: Final = "Set the signing token in GitLab: Settings, Webhooks."


def _wanted(url: str, secret: Secret) -> dict[str, str | bool]:
    text = secret.reveal()
    wanted: dict[str, str | bool] = {"url": url, **dict.fromkeys(EVENTS, True), "enable_ssl_verification": True}
    if not text.startswith(SIGNING):
        return wanted | {"token": text}
    try:
        key = base64.b64decode(text.removeprefix(SIGNING), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != SIGNING_BYTES:
        raise Rejected(
            f"GitLab takes as signing token {SIGNING} and the base64 of {SIGNING_BYTES} bytes; the secret is another",
            "Make one: python -c \"import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())\"",
            fields=(FieldProblem("signing_token", "invalid"),),
        )
    return wanted | {"signing_token": text}


def _one(
    reads: Reads, writes: Writes, wanted: Mapping[str, str | bool], *, in_group: bool
) -> tuple[int, Literal["made", "mended"]]:
    owner = reads.group if in_group else reads.project
    there = [row for row in reads.listed(f"{owner}/hooks", "webhooks") if row.get("url") == wanted["url"]]
    if there:
        number = understood("webhooks", convert.id_of, there[0])
        row = writes.update_hook(number, wanted, in_group=in_group)
    else:
        row = writes.create_hook({**wanted, "push_events": False}, in_group=in_group)  # on unless said
        number = understood("webhooks", convert.id_of, row)
    if "signing_token" in wanted and row.get("signing_token_present") is not True:
        # before 19.0, or with its feature flag off, GitLab passes over the field without a word
        raise Unsupported("This GitLab sets no signing token by its API: the webhook stands without one", BY_HAND)
    if _off(row):
        _wake(reads, writes, number, in_group=in_group)
    return number, "mended" if there else "made"


def _off(row: convert.Row) -> bool:
    return row.get("alert_status") not in (None, "executable")


def _wake(reads: Reads, writes: Writes, number: int, *, in_group: bool) -> None:
    """Switch on what GitLab switched off after failures, which an answered test call does
    (https://docs.gitlab.com/user/project/integrations/webhooks/#re-enable-disabled-webhooks).
    """
    why = "it was answered, but not well"
    try:
        writes.test_hook(number, EVENTS[0], in_group=in_group)
    except Rejected as error:
        why = error.message
    else:
        owner = reads.group if in_group else reads.project
        if not _off(reads.get(f"{owner}/hooks/{number}", "the webhook")):
            return
    raise Rejected(
        f"GitLab keeps the webhook switched off after failures, and its test call failed too: {why}",
        "Start `milepost serve` where GitLab reaches it, and set the webhook up again.",
    )


def _since(reads: Reads, owner: str, number: str, since: datetime) -> list[convert.Row]:
    answer = reads.reader.get(f"{owner}/hooks/{number}/events", {"per_page": EVENTS_PAGE})

    def recent(rows: Iterator[object]) -> list[convert.Row]:
        found: list[convert.Row] = []
        for row in map(convert.as_row, rows):
            at = _when(row)
            if at is not None and at < since:
                break
            found.append(row)
        return found

    return understood("webhook events", recent, reads.rows(answer))


def _when(row: convert.Row) -> datetime | None:
    """When a call was made. The documentation shows no `created_at`; then by what was sent, or the answer's Date."""
    if row.get("created_at"):
        return convert.moment(row["created_at"])
    sent = _headers(row, "request_headers").get("webhook-timestamp", "")
    if sent.isascii() and sent.isdecimal() and len(sent) < 12:
        return datetime.fromtimestamp(int(sent), UTC)
    return http_date(_headers(row, "response_headers").get("date", ""))


def _failed(rows: list[convert.Row], since: datetime) -> list[tuple[datetime, Delivery]]:
    """Those that never arrived, as first sent. What tells no time is taken to be as old as the one before it."""
    arrived: set[str] = set()
    found: dict[str, tuple[datetime, Delivery]] = {}
    at = since
    for row in reversed(rows):
        one, at = _delivery(row), _when(row) or at
        if str(row.get("response_status") or "").startswith("2"):
            arrived.add(one.id)
        found.setdefault(one.id, (at, one))
    return [pair for name, pair in found.items() if name not in arrived]


def _delivery(row: convert.Row) -> Delivery:
    data: Any = row.get("request_data")
    body = json.loads(data) if isinstance(data, str) else data
    told = body if isinstance(body, dict) else {}
    return delivery(_headers(row, "request_headers"), told, otherwise=f"event-{row.get('id')}")


def _headers(row: convert.Row, name: str) -> dict[str, str]:
    told: Any = row.get(name)
    return {str(key).lower(): str(value) for key, value in told.items()} if isinstance(told, dict) else {}
