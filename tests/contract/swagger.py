"""GitLab's REST description, which is Swagger 2, as an OpenAPI 3 document; with what it leaves out put in by name.

It knows no null, types what its generator knew nothing of as string, and describes lists as the object in them. What is
put right is listed in `gitlab_pages.py`, by schema and property, and must be as wrong as it says there: when GitLab
describes it one day, the entry is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERBS = ("get", "post", "put", "patch", "delete")
Json = dict[str, Any]


class Stale(Exception):
    """A correction that the description doesn't need, or no longer."""


@dataclass(frozen=True, slots=True)
class Corrections:
    """`types`: schema -> property -> what it really is. `nulls`: schema -> properties that can be null, an inner one
    after a point. `more`: schema -> properties younger than the description, with their schemas. `lists`: operations
    ("GET /path") whose answer is a list of what is described. `answers`: operation -> status -> the body that its page
    shows, where none is described.
    """

    types: Mapping[str, Mapping[str, Any]]
    nulls: Mapping[str, tuple[str, ...]]
    lists: tuple[str, ...]
    more: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, Mapping[str, Any]]


def as_openapi(document: Mapping[str, Any], corrections: Corrections) -> Json:
    """The same in OpenAPI 3, corrected. Raises Stale."""
    definitions = {name: _kinds(schema) for name, schema in document["definitions"].items()}
    _correct(definitions, corrections)
    paths: Json = {}
    for path, verbs in document["paths"].items():
        paths[path] = {
            verb: _operation(verbs[verb], f"{verb.upper()} {path}", corrections) for verb in VERBS & verbs.keys()
        }
    missing = [one for one in (*corrections.lists, *corrections.answers) if one.partition(" ")[2] not in paths]
    if missing:
        raise Stale(f"not described: {missing}")
    return {"openapi": "3.0.3", "paths": paths, "definitions": definitions}


def _kinds(schema: Any) -> Any:
    """A copy, with Ruby's symbols as the strings that they are in JSON."""
    if isinstance(schema, list):
        return [_kinds(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: "string" if (name, one) == ("type", "symbol") else _kinds(one) for name, one in schema.items()}


def _correct(definitions: Json, corrections: Corrections) -> None:
    for name in {*corrections.types, *corrections.nulls, *corrections.more}:
        schema = definitions[name]
        properties = schema["properties"]
        for known, put in corrections.more.get(name, {}).items():
            if known in properties:
                raise Stale(f"{name}.{known} is described by now")
            properties[known] = put
        for known, put in corrections.types.get(name, {}).items():
            if all(properties[known].get(word) == put.get(word) for word in ("type", "items")):
                raise Stale(f"{name}.{known} is described as such by now")
            properties[known] = put
        for known in corrections.nulls.get(name, ()):
            *above, last = known.split(".")
            inside = properties
            for step in above:
                inside = inside[step]["properties"]
            inside[last] = {"anyOf": [{"type": "null"}, inside[last]]}


def _operation(described: Mapping[str, Any], name: str, corrections: Corrections) -> Json:
    body: Json = {}
    parameters, form = [], {}
    for one in described.get("parameters", ()):
        if one["in"] == "body":
            body = {"required": one.get("required", False), **_json(one["schema"])}
        elif one["in"] == "formData":
            form[one["name"]] = _schema(one)
        else:
            required = one.get("required", False)
            parameters.append(
                {"in": one["in"], "name": one["name"], "required": required, "schema": _kinds(_schema(one))}
            )
    if form:
        body = _json({"type": "object", "properties": form})
    answers = {status: _answer(one, name, corrections) for status, one in described["responses"].items()}
    # a refusal that has no schema has a body all the same: the general one is for it
    answers = {status: one for status, one in answers.items() if status.startswith("2") or one}
    for status, schema in corrections.answers.get(name, {}).items():
        if answers.get(status):
            raise Stale(f"{name} {status} is described by now")
        answers[status] = _json(schema)
    return {"parameters": parameters, "requestBody": body, "responses": answers}


def _schema(parameter: Mapping[str, Any]) -> Json:
    names = ("type", "enum", "items", "format", "minimum", "maximum")
    return {name: parameter[name] for name in names if name in parameter}


def _answer(described: Mapping[str, Any], name: str, corrections: Corrections) -> Json:
    if "schema" not in described:
        return {}
    schema = described["schema"]
    if name in corrections.lists:
        if schema.get("type") == "array":
            raise Stale(f"{name} is described as a list by now")
        schema = {"type": "array", "items": schema}
    return _json(schema)


def _json(schema: Mapping[str, Any]) -> Json:
    return {"content": {"application/json": {"schema": schema}}}
