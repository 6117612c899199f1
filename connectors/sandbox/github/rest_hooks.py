"""The verbs of the REST API for webhooks and their deliveries."""

from __future__ import annotations

import re

from connectors.sandbox.github.api import Answer, Call, Route
from connectors.sandbox.github.fields import Fields
from connectors.sandbox.github.model import KEEP, Delivery, Hook, invalid, not_found
from connectors.sandbox.github.rest import REPO


def _hook(call: Call) -> Hook:
    return call.store.hook(call.repo, call.number("hook_id"))


def list_hooks(call: Call) -> Answer:
    return call.page(list(call.repo.hooks.values()), call.render.hook)


def _config(data: object) -> tuple[str, str, str | None, str]:
    """Address, content type, secret, insecure_ssl. What is left out takes its default, the secret being none."""
    fields = Fields.of("Hook", data)
    fields.require("url")
    kind = fields.choice("content_type", ("json", "form"))
    secret = fields.text("secret")
    return (
        str(fields.text("url")),
        "form" if kind is None or kind is KEEP else kind,
        None if secret is KEEP else secret or None,
        str(fields.data.get("insecure_ssl", "0")),
    )


def create_hook(call: Call) -> Answer:
    repo, fields = call.repo, Fields.of("Hook", call.json())
    if fields.words("name") not in (KEEP, "web"):
        raise invalid("Hook", "name", "invalid")
    fields.require("config")
    config = _config(fields.data["config"])
    events = fields.names("events")
    wanted = ["push"] if events is KEEP else events
    active = fields.flag("active", True)
    call.store.check_hook(repo, config[0], wanted)
    hook = call.store.add_hook(repo, config[0], wanted)
    _, hook.content_type, hook.secret, hook.insecure_ssl = config
    hook.active = active
    shown = call.render.hook(hook)
    call.hooks.ping(hook, call.by, call.render)
    return Answer(shown, 201, {"Location": shown["url"]})


def get_hook(call: Call) -> Answer:
    return Answer(call.render.hook(_hook(call)))


def edit_hook(call: Call) -> Answer:
    """A `config` replaces the whole of it: without its secret the secret is gone (GitHub's documentation)."""
    hook, fields = _hook(call), Fields.of("Hook", call.json())
    given, added, removed = fields.names("events"), fields.names("add_events"), fields.names("remove_events")
    events = hook.events if given is KEEP else given
    events = [*events, *([] if added is KEEP else added)]
    events = [event for event in dict.fromkeys(events) if removed is KEEP or event not in removed]
    active = fields.flag("active", hook.active)
    config = (hook.url, hook.content_type, hook.secret, hook.insecure_ssl)
    if fields.data.get("config") is not None:
        config = _config(fields.data["config"])
    call.store.check_hook(hook.repo, config[0], events, hook)
    hook.url, hook.content_type, hook.secret, hook.insecure_ssl = config
    hook.events, hook.active, hook.updated_at = events, active, call.store.now()
    return Answer(call.render.hook(hook))


def delete_hook(call: Call) -> Answer:
    del call.repo.hooks[_hook(call).id]
    return Answer(status=204)


def ping_hook(call: Call) -> Answer:
    call.hooks.ping(_hook(call), call.by, call.render)
    return Answer(status=204)


def list_deliveries(call: Call) -> Answer:
    """The newest first, of three days. `cursor` is opaque and comes out of the `Link` header."""
    hook, cursor, size = _hook(call), call.query("cursor"), call.per_page()
    status = call.choice("status", "Hook", ("", "success", "failure"))
    found = call.hooks.kept(hook)
    if status:
        found = [one for one in found if (200 <= one.status_code < 300) == (status == "success")]
    if cursor:
        if not re.fullmatch(r"v1_\d{1,18}", cursor):
            raise invalid("Hook", "cursor", "invalid", value=cursor)
        found = [one for one in found if one.id < int(cursor[3:])]
    more = {"next": {"cursor": f"v1_{found[size - 1].id}"}} if len(found) > size else {}
    return Answer([call.render.delivery(hook, one) for one in found[:size]], headers=call.link(more))


def _delivery(call: Call) -> tuple[Hook, Delivery]:
    hook = _hook(call)
    for delivery in call.hooks.kept(hook):
        if delivery.id == call.number("delivery_id"):
            return hook, delivery
    raise not_found()


def get_delivery(call: Call) -> Answer:
    return Answer(call.render.full_delivery(*_delivery(call)))


def redeliver(call: Call) -> Answer:
    call.hooks.again(*_delivery(call))
    return Answer({}, 202)


HOOK = f"{REPO}/hooks/{{hook_id:int}}"
DELIVERY = f"{HOOK}/deliveries/{{delivery_id:int}}"

ROUTES = [
    Route("GET", f"{REPO}/hooks", list_hooks),
    Route("POST", f"{REPO}/hooks", create_hook),
    Route("GET", HOOK, get_hook),
    Route("PATCH", HOOK, edit_hook),
    Route("DELETE", HOOK, delete_hook),
    Route("POST", f"{HOOK}/pings", ping_hook),
    Route("GET", f"{HOOK}/deliveries", list_deliveries),
    Route("GET", DELIVERY, get_delivery),
    Route("POST", f"{DELIVERY}/attempts", redeliver),
]
