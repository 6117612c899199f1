"""What /docs shows: the OpenAPI description as values that a page can print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the path or the query, or a property of a document."""

    name: str
    where: str
    kind: str
    needed: bool
    about: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    about: str
    media: str
    document: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `role` is "" where none is needed; `takes` and documents are names of `Api.documents`."""

    method: str
    path: str
    role: str
    about: str
    parameters: list[Parameter]
    media: str
    takes: str
    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class Document:
    name: str
    about: str
    properties: list[Parameter]


@dataclass(frozen=True, slots=True)
class Api:
    title: str
    version: str
    operations: dict[str, list[Operation]]
    documents: list[Document]


def of(document: dict[str, Any]) -> Api:
    """The description, its operations by tag."""
    operations: dict[str, list[Operation]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["other"])[0]
            operations.setdefault(tag, []).append(_operation(method, path, operation))
    schemas = document.get("components", {}).get("schemas", {})
    documents = [_document(name, schema) for name, schema in sorted(schemas.items())]
    return Api(document["info"]["title"], document["info"]["version"], operations, documents)


def _operation(method: str, path: str, operation: dict[str, Any]) -> Operation:
    parameters = [
        Parameter(p["name"], p["in"], kind(p["schema"]), p.get("required", False), p.get("description", ""))
        for p in operation.get("parameters", [])
    ]
    media, schema = _content(operation.get("requestBody", {}))
    answers = []
    for status, answer in sorted(operation["responses"].items()):
        answer_media, answer_schema = _content(answer)
        answers.append(Answer(status, answer.get("description", ""), answer_media, kind(answer_schema)))
    about = operation.get("description", "")
    return Operation(method.upper(), path, operation.get("x-role", ""), about, parameters, media, kind(schema), answers)


def _content(holder: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    for media, content in holder.get("content", {}).items():
        return media, content.get("schema", {})
    return "", {}


def _document(name: str, schema: dict[str, Any]) -> Document:
    needed = schema.get("required", [])
    properties = [
        Parameter(each, "", kind(found), each in needed, found.get("description", ""))
        for each, found in schema.get("properties", {}).items()
    ]
    return Document(name, schema.get("description", ""), properties)


def kind(schema: dict[str, Any]) -> str:
    """A schema in a word or two: `string`, `list of RunDocument`, `integer or null`, `"open" or "closed"`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return " or ".join(dict.fromkeys(kind(each) for each in choices))
    values = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    if values:
        return " or ".join(f'"{each}"' for each in values)
    if schema.get("type") == "array":
        return f"list of {kind(schema.get('items', {})) or 'anything'}"
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        return f"object of {kind(extra) or 'anything'}"
    return str(schema.get("format") or schema.get("type") or "")
