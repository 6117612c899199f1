"""What GitHub's description says of webhook calls (OpenAPI 3.1), and where a call breaks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.contract.schemas import Schemas
from tests.contract.traffic import Call


def name_of(call: Call) -> str:
    """The description's own name for what the call tells: "issues-opened", "sub-issues-sub-issue-added", "ping"."""
    action = json.loads(call.body).get("action")
    event = call.headers.get("x-github-event", "")
    return "-".join(part.replace("_", "-") for part in (event, action) if part)


class Calls:
    """The webhooks of an OpenAPI 3.1 document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._webhooks = document["webhooks"]
        self._schemas = Schemas(document)

    def problems(self, call: Call) -> list[str]:
        """Where the call breaks the description: an unknown event or action, a header that is missing, the body."""
        name = name_of(call)
        if name not in self._webhooks:
            return [f"{name} is not described"]
        described = self._webhooks[name]["post"]
        schema = self._schemas.made(described["requestBody"]["content"]["application/json"]["schema"])
        needed = [one["name"] for one in described["parameters"] if one["in"] == "header" and one.get("required")]
        return [
            *(f"{name}: header {one} is missing" for one in needed if one.lower() not in call.headers),
            *(f"{name}: {one}" for one in self._schemas.problems(schema, json.loads(call.body), "body")),
        ]
