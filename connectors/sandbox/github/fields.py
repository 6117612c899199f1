"""Reading a request's JSON object field by field, refusing what GitHub's schemas refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.sandbox.github.model import KEEP, Keep, Refusal, invalid

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)", re.IGNORECASE)


def parse_moment(text: str) -> datetime | None:
    """A full ISO 8601 timestamp with its zone; None for anything less, such as a bare date."""
    if not MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return None


def wrong_type(name: str, value: Any, wanted: str) -> Refusal:
    return Refusal(422, f"Invalid request.\n\nFor 'properties/{name}', {json.dumps(value)} is not {wanted}.")


@dataclass(frozen=True, slots=True)
class Fields:
    """`resource` is the name that GitHub's errors give to what is being written. A field that is not there is KEEP."""

    resource: str
    data: dict[str, Any]

    @classmethod
    def of(cls, resource: str, data: Any) -> Fields:
        if not isinstance(data, dict):
            raise Refusal(422, f"Invalid request.\n\n{json.dumps(data)} is not an object.")
        return cls(resource, data)

    def require(self, name: str) -> None:
        if self.data.get(name) is None:
            raise Refusal(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')

    def text(self, name: str) -> str | Keep | None:
        """A string or null. Titles may come as whole numbers too (OpenAPI), and become text."""
        value = self.data.get(name, KEEP)
        if isinstance(value, int) and not isinstance(value, bool) and name == "title":
            return str(value)
        if value is None or value is KEEP or isinstance(value, str):
            return value
        raise wrong_type(name, value, "a string")

    def words(self, name: str) -> str | Keep:
        """A string; null counts as not there."""
        value = self.text(name)
        return KEEP if value is None else value

    def choice(self, name: str, options: Sequence[str]) -> str | Keep | None:
        value = self.text(name)
        if value is None or value is KEEP or value in options:
            return value
        raise invalid(self.resource, name, "invalid", value=value)

    def flag(self, name: str, default: bool) -> bool:
        value = self.data.get(name, default)
        if not isinstance(value, bool):
            raise wrong_type(name, value, "a boolean")
        return value

    def number(self, name: str) -> int | None:
        value = self.data.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(name, value, "an integer")
        return value

    def moment(self, name: str) -> datetime | Keep | None:
        value = self.text(name)
        if value is None or value is KEEP:
            return value
        moment = parse_moment(value)
        if not moment:
            raise Refusal(
                422, f"Invalid request.\n\nFor 'properties/{name}', {json.dumps(value)} is not a valid date-time."
            )
        return moment

    def names(self, name: str, key: str = "name") -> list[str] | Keep:
        """A list of strings, or of objects of which `key` counts."""
        if name not in self.data:
            return KEEP
        value = self.data[name]
        if not isinstance(value, list):
            raise wrong_type(name, value, "an array")
        found: list[str] = []
        for item in value:
            word = item.get(key) if isinstance(item, dict) else item
            if not isinstance(word, str):
                raise wrong_type(name, word, "a string")
            found.append(word)
        return found
