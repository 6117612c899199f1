"""The schemas of one description, OpenAPI 3.0 or 3.1, made into JSON Schema as they are asked for.

OpenAPI's `nullable` becomes the type "null". GitHub leaves null out of the `enum`s of what it marks nullable, and its
real answers have it: it is put in. Nothing else is loosened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

Schema = Mapping[str, Any]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
NO_SCHEMAS = ("nullable", "example", "examples", "properties")
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or (bool(MOMENT.fullmatch(value)) and bool(datetime.fromisoformat(value)))


@FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@FORMATS.checks("uri", raises=ValueError)
@FORMATS.checks("uri-template", raises=ValueError)
def _is_uri(value: object) -> bool:
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


class Schemas:
    """Judges values by the schemas of `document`, whose references all start with `#/`."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._named: dict[str, Schema] = {}
        self._resources: dict[str, Resource[Any]] = {}
        self._registry: Registry[Any] = Registry(retrieve=self._resource)  # type: ignore[call-arg]

    def problems(self, schema: Schema, value: Any, where: str) -> list[str]:
        """What is wrong with `value`: where it breaks the schema, and keys in it that the schema doesn't know."""
        validator = Draft202012Validator(schema, registry=self._registry, format_checker=FORMATS)
        broken = [_worded(best_match([error]) or error, where) for error in validator.iter_errors(value)]
        return broken + list(self._strangers([schema], value, where))

    def made(self, schema: Schema) -> Schema:
        """A schema as the document has it, as JSON Schema."""
        return _made(schema)

    def _resource(self, name: str) -> Resource[Any]:
        if name not in self._resources:
            self._resources[name] = Resource(contents=self._lookup(name), specification=DRAFT202012)
        return self._resources[name]

    def _lookup(self, name: str) -> Schema:
        if name not in self._named:
            found: Any = self._document
            for step in name.removeprefix("/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            self._named[name] = _made(found)
        return self._named[name]

    def _strangers(self, schemas: Iterable[Schema], value: Any, where: str) -> Iterator[str]:
        """Keys of objects that none of the schemas knows. An object that says nothing of its keys may have any."""
        every = list(self._spread(schemas))
        if isinstance(value, list):
            inner = [schema["items"] for schema in every if "items" in schema]
            for number, item in enumerate(value if inner else []):
                yield from self._strangers(inner, item, f"{where}[{number}]")
        if not isinstance(value, dict):
            return
        known: dict[str, list[Schema]] = {}
        for schema in every:
            for name, inside in schema.get("properties", {}).items():
                known.setdefault(name, []).append(inside)
        free = not known or any(schema.get("additionalProperties", False) is not False for schema in every)
        for name, inside in value.items():
            if name in known:
                yield from self._strangers(known[name], inside, f"{where}.{name}")
            elif not free:
                yield f"{where}.{name}: the description has no such key"

    def _spread(self, schemas: Iterable[Schema]) -> Iterator[Schema]:
        """The schemas with all that they refer to and combine."""
        for schema in schemas:
            if "$ref" in schema:
                yield from self._spread([self._lookup(schema["$ref"])])
            yield schema
            for word in ("allOf", "anyOf", "oneOf"):
                yield from self._spread(schema.get(word, ()))


def _worded(error: ValidationError, where: str) -> str:
    place = where + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    return f"{place}: {error.message[:200]}"


def _made(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_made(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].removeprefix("#")}
    made = {name: _made(one) for name, one in schema.items() if name not in NO_SCHEMAS}
    if "properties" in schema:  # one may be called as a keyword is
        made["properties"] = {name: _made(one) for name, one in schema["properties"].items()}
    kind = schema.get("type")
    if schema.get("nullable") is not True and not (isinstance(kind, list) and "null" in kind):
        return made
    if any(word in made for word in ("allOf", "anyOf", "oneOf")):
        return {"anyOf": [{"type": "null"}, made]}
    if isinstance(kind, str):
        made["type"] = [kind, "null"]
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    return made
