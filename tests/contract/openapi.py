"""What an OpenAPI description says of a REST API, and where an exchange breaks it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from tests.contract.schemas import Schema, Schemas
from tests.contract.traffic import Exchange

VERBS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a path or a query."""

    schema: Schema
    required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb of one path. `answers` has a schema for each status that is described, None for an empty body."""

    name: str  # "GET /repos/{owner}/{repo}"
    path: re.Pattern[str]
    in_path: Mapping[str, Parameter]
    in_query: Mapping[str, Parameter]
    body: Schema | None
    body_needed: bool
    answers: Mapping[int, Schema | None]


@dataclass(frozen=True, slots=True)
class General:
    """A status that the tracker's prose promises of every operation, with the page that does. `schema` of its body."""

    schema: Schema | None
    page: str


class Description:
    """An OpenAPI 3 document. `general` has what is documented once for all operations."""

    def __init__(self, document: Mapping[str, Any], general: Mapping[int, General]) -> None:
        self._document = document
        self._general = general
        self._schemas = Schemas(document)
        self._made: dict[tuple[str, str], Operation] = {}

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        """Every path, those with the most plain segments first: `/issues/comments` before `/issues/{number}`."""
        ordered = sorted(self._document["paths"], key=lambda path: path.count("{"))
        return [(pattern_of(path), path) for path in ordered]

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation that a request for this escaped path is."""
        for pattern, template in self._paths:
            if pattern.fullmatch(path) and method.lower() in self._document["paths"][template]:
                return self._operation(method.lower(), template)
        return None

    def request_problems(self, exchange: Exchange) -> list[str]:
        """Where the request breaks the description: the path, its parameters, the query, the body."""
        operation = self.operation(exchange.method, exchange.path)
        if operation is None:
            return [f"{exchange.method} {exchange.path} is not described"]
        return [
            f"{operation.name}: {problem}"
            for problem in (
                *self._path_problems(operation, exchange),
                *self._query_problems(operation, exchange),
                *self._body_problems(operation, exchange),
            )
        ]

    def answer_problems(self, exchange: Exchange) -> list[str]:
        """Where the answer breaks the description: a status that it doesn't have, or a body that doesn't fit."""
        operation = self.operation(exchange.method, exchange.path)
        if operation is None:
            return [f"{exchange.method} {exchange.path} is not described"]
        if exchange.status in operation.answers:
            schema = operation.answers[exchange.status]
        elif exchange.status in self._general:
            schema = self._general[exchange.status].schema
        else:
            return [f"{operation.name}: {exchange.status} is not described"]
        return [f"{operation.name} {exchange.status}: {one}" for one in self._answer_problems(schema, exchange)]

    def shape_problems(self, reference: str, value: Any) -> list[str]:
        """Where `value` is not what the description has under this reference ("#/…")."""
        return self._schemas.problems(self._schemas.made({"$ref": reference}), value, "value")

    def _answer_problems(self, schema: Schema | None, exchange: Exchange) -> list[str]:
        if schema is None:
            return ["the answer has a body, and none is described"] if exchange.got else []
        try:
            plain = exchange.answer_headers.get("content-type", "").startswith("text/plain")
            answered = exchange.got.decode() if plain else json.loads(exchange.got)
        except ValueError:
            return ["the answer is no JSON"]
        return self._schemas.problems(schema, answered, "answer")

    def _path_problems(self, operation: Operation, exchange: Exchange) -> list[str]:
        found = operation.path.fullmatch(exchange.path)
        assert found is not None
        given = zip(operation.in_path, found.groups(), strict=True)
        return [
            problem
            for name, text in given
            for problem in self._text_problems(operation.in_path[name].schema, unquote(text), f"path {name}")
        ]

    def _query_problems(self, operation: Operation, exchange: Exchange) -> list[str]:
        problems = []
        given: dict[str, list[str]] = {}
        for name, text in exchange.query:
            given.setdefault(name, []).append(text)
        for name, texts in given.items():
            known = operation.in_query.get(name) or operation.in_query.get(name.removesuffix("[]"))
            if known is None:
                problems.append(f"query {name}: the description has no such parameter")
            elif name.endswith("[]") or known.schema.get("type") == "array":
                inner = known.schema.get("items", {})
                problems += [one for text in texts for one in self._text_problems(inner, text, f"query {name}")]
            else:
                problems += self._text_problems(known.schema, texts[-1], f"query {name}")
        missing = [name for name, one in operation.in_query.items() if one.required and name not in given]
        return problems + [f"query {name} is missing" for name in missing]

    def _text_problems(self, schema: Schema, text: str, where: str) -> list[str]:
        """A path or query holds text: it is read as the type that the schema has."""
        return self._schemas.problems(schema, _read(text, schema), where)

    def _body_problems(self, operation: Operation, exchange: Exchange) -> list[str]:
        if not exchange.sent:
            return ["a body is needed and none was sent"] if operation.body_needed else []
        if operation.body is None:
            return ["a body was sent and none is described"]
        try:
            asked = json.loads(exchange.sent)
        except ValueError:
            return ["the body is no JSON"]
        return self._schemas.problems(operation.body, asked, "body")

    def _operation(self, method: str, template: str) -> Operation:
        if (method, template) not in self._made:
            self._made[method, template] = self._make(method, template)
        return self._made[method, template]

    def _make(self, method: str, template: str) -> Operation:
        described = self._document["paths"][template][method]
        parameters = [self._resolved(one) for one in described.get("parameters", ())]
        names = re.findall(r"{(\w+)}", template)
        made = {(one["in"], one["name"]): self._parameter(one) for one in parameters}
        body = self._resolved(described.get("requestBody", {}))
        return Operation(
            name=f"{method.upper()} {template}",
            path=pattern_of(template),
            in_path={name: made.get(("path", name), Parameter({}, True)) for name in names},
            in_query={name: one for (place, name), one in made.items() if place == "query"},
            body=self._json_schema(body),
            body_needed=bool(body.get("required")),
            answers={
                int(status): self._json_schema(self._resolved(one))
                for status, one in described["responses"].items()
                if status.isdecimal()
            },
        )

    def _parameter(self, described: Mapping[str, Any]) -> Parameter:
        return Parameter(self._schemas.made(described.get("schema", {})), bool(described.get("required")))

    def _json_schema(self, described: Mapping[str, Any]) -> Schema | None:
        content = described.get("content", {})
        media = next((name for name in content if name.partition(";")[0].endswith("json")), None)
        return None if media is None else self._schemas.made(content[media].get("schema", {}))

    def _resolved(self, described: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in described:
            found: Any = self._document
            for step in described["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            described = found
        return described


def pattern_of(template: str) -> re.Pattern[str]:
    """The escaped paths that a template with {parameters} stands for; each parameter is one segment."""
    return re.compile(re.sub(r"\\{\w+\\}", r"([^/]+)", re.escape(template)))


def _read(text: str, schema: Schema) -> Any:
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if "integer" in kinds and re.fullmatch(r"-?\d+", text):
        return int(text)
    if "boolean" in kinds and text in ("true", "false"):
        return text == "true"
    return text
