"""What a GraphQL schema says of documents, variables and answers, and where an exchange or smaller schema breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_operation_ast,
    is_introspection_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
    is_specified_scalar_type,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from tests.contract.traffic import Exchange

Fielded = GraphQLObjectType | GraphQLInterfaceType
Fields = dict[str, tuple[GraphQLNamedType, list[FieldNode]]]


class Described:
    """A tracker's official GraphQL schema. `longest` is how long a document may be, 0 for any length."""

    def __init__(self, schema: GraphQLSchema, longest: int = 0) -> None:
        self.schema = schema
        self._longest = longest

    def request_problems(self, exchange: Exchange) -> list[str]:
        """Where the document, or its variables, break the schema."""
        asked = exchange.asked
        strangers = [f"body.{name}: GraphQL has no such key" for name in asked.keys() - KEYS]
        try:
            document = parse(asked["query"])
        except GraphQLError as error:
            return [*strangers, f"the document can't be read: {error.message}"]
        if self._longest and len(asked["query"]) > self._longest:
            strangers.append(f"the document has over {self._longest} characters")
        problems = [*strangers, *(f"document: {error.message}" for error in validate(self.schema, document))]
        return problems or list(self._variable_problems(document, asked))

    def _variable_problems(self, document: DocumentNode, asked: Mapping[str, Any]) -> Iterator[str]:
        operation = _operation(document, asked)
        given = asked.get("variables") or {}
        defined = operation.variable_definitions or ()
        for name in given.keys() - {one.variable.name.value for one in defined}:
            yield f"variable {name} is not one of the document's"
        read = get_variable_values(self.schema, defined, given)
        if isinstance(read, list):
            yield from (f"variables: {error.message}" for error in read)

    def answer_problems(self, exchange: Exchange) -> list[str]:
        """Where the answer is not what was selected, in the types that the schema has."""
        if exchange.status != 200:  # refused at the door, in REST's words
            return [] if exchange.words else [f"{exchange.status}: no words say why"]
        answered, asked = exchange.answered, exchange.asked
        if not isinstance(answered, dict) or not ("data" in answered or "errors" in answered):
            return ["the answer has neither data nor errors"]
        problems = [f"answer.{name}: GraphQL has no such key" for name in answered.keys() - {"data", "errors"}]
        problems += _error_problems(answered.get("errors"))
        try:
            document = parse(asked["query"])
        except GraphQLError:
            return problems
        if answered.get("data") is None:
            return problems if answered.get("errors") else [*problems, "data is null, and no error says why"]
        operation = _operation(document, asked)
        root = self.schema.get_root_type(operation.operation)
        assert root is not None
        return problems + list(_Selected(self.schema, document).object(root, [operation], answered["data"], "data"))


KEYS = {"query", "variables", "operationName"}


def _operation(document: DocumentNode, asked: Mapping[str, Any]) -> OperationDefinitionNode:
    operation = get_operation_ast(document, asked.get("operationName"))
    assert operation is not None
    return operation


def _error_problems(errors: Any) -> list[str]:
    if errors is None:
        return []
    if not isinstance(errors, list) or not errors:
        return ["errors: no list of errors"]
    return [f"errors[{n}]: no message" for n, one in enumerate(errors) if not isinstance(one.get("message"), str)]


class _Selected:
    """Compares values with what a document selects."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }

    def object(
        self, kind: GraphQLNamedType, nodes: Sequence[OperationDefinitionNode | FieldNode], value: Any, where: str
    ) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no object"
            return
        fields: Fields = {}
        for node in nodes:
            assert node.selection_set is not None
            self._collect(kind, node.selection_set, value, fields)
        for name, (owner, chosen) in fields.items():
            yield from self._field(owner, chosen, value, f"{where}.{name}", name)
        yield from (f"{where}.{name}: was not selected" for name in value.keys() - fields.keys())

    def _collect(
        self, kind: GraphQLNamedType, selected: SelectionSetNode, value: Mapping[str, Any], into: Fields
    ) -> None:
        """Every field that is selected, by its name in the answer; one that is selected twice is one in the answer."""
        for one in selected.selections:
            if isinstance(one, FieldNode):
                into.setdefault((one.alias or one.name).value, (kind, []))[1].append(one)
                continue
            fragment = one if isinstance(one, InlineFragmentNode) else self._fragments[one.name.value]  # type: ignore[union-attr]
            condition = fragment.type_condition
            inner = self._schema.type_map[condition.name.value] if condition else kind
            if inner is kind or self._applies(fragment.selection_set, value):
                self._collect(inner, fragment.selection_set, value, into)

    def _applies(self, selected: SelectionSetNode, value: Mapping[str, Any]) -> bool:
        """Of which of several types a value is shows in what it has: a fragment that was met leaves its fields."""
        names = [(one.alias or one.name).value for one in selected.selections if isinstance(one, FieldNode)]
        return any(name in value for name in names)

    def _field(
        self, kind: GraphQLNamedType, nodes: Sequence[FieldNode], value: Mapping[str, Any], where: str, name: str
    ) -> Iterator[str]:
        field = nodes[0].name.value
        if field == "__typename":
            known = self._schema.type_map.get(str(value.get(name)))
            if known is None:
                yield f"{where}: there is no type {value.get(name)!r}"
        elif name not in value:
            yield f"{where}: was selected, and is missing"
        else:
            kind = cast(Fielded, kind)
            yield from self._value(kind.fields[field].type, nodes, value[name], where)

    def _value(self, kind: GraphQLOutputType, nodes: Sequence[FieldNode], value: Any, where: str) -> Iterator[str]:
        if isinstance(kind, GraphQLNonNull):
            if value is None:
                yield f"{where}: is null, and is {kind}"
                return
            kind = kind.of_type
        if value is None:
            return
        if isinstance(kind, GraphQLList):
            if not isinstance(value, list):
                yield f"{where}: {value!r} is no list"
                return
            for number, item in enumerate(value):
                yield from self._value(kind.of_type, nodes, item, f"{where}[{number}]")
        elif is_leaf_type(kind):
            if not _is_leaf(kind, value):
                yield f"{where}: {value!r} is no {kind}"
        else:
            yield from self.object(cast(GraphQLNamedType, kind), nodes, value, where)


def _is_leaf(kind: Any, value: Any) -> bool:
    if isinstance(kind, GraphQLEnumType):
        return value in kind.values
    if kind.name == "Int":
        return type(value) is int and -(2**31) <= value < 2**31
    if kind.name == "Float":
        return type(value) in (int, float)
    if kind.name == "Boolean":
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    return _is_time(kind.name, value)


def _is_time(name: str, value: str) -> bool:
    """Every other scalar of both trackers is text; those of time are ISO 8601."""
    try:
        if name in ("DateTime", "Time"):
            return datetime.fromisoformat(value).tzinfo is not None
        if name == "Date":
            return date.fromisoformat(value) is not None
    except ValueError:
        return False
    return True


def lacking(part: GraphQLSchema, whole: GraphQLSchema) -> list[str]:
    """Where `part` is no part of `whole`: a type, field, argument or value that it hasn't, or has otherwise."""
    problems: list[str] = []
    for name, kind in part.type_map.items():
        other = whole.type_map.get(name)
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        if other is None:
            problems.append(f"{name}: there is no such type")
        elif type(other) is not type(kind):
            problems.append(f"{name}: is {type(other).__name__}")
        else:
            problems += [f"{name}{problem}" for problem in _lacks(kind, other)]
    return problems


def _lacks(kind: GraphQLNamedType, other: Any) -> Iterator[str]:
    if isinstance(kind, GraphQLEnumType):
        yield from (f".{value}: there is no such value" for value in kind.values.keys() - other.values.keys())
    elif isinstance(kind, GraphQLUnionType):
        names = {one.name for one in kind.types} - {one.name for one in other.types}
        yield from (f": {name} is not in the union" for name in names)
    elif isinstance(kind, GraphQLInputObjectType):
        yield from _members(kind.fields, other.fields)
        yield from _needed(kind.fields, {n: one for n, one in other.fields.items() if is_required_input_field(one)})
    elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        names = {one.name for one in kind.interfaces} - {one.name for one in other.interfaces}
        yield from (f": does not implement {name}" for name in names)
        yield from _members(kind.fields, other.fields)
        for name in kind.fields.keys() & other.fields.keys():
            mine, theirs = kind.fields[name].args, other.fields[name].args
            yield from (f".{name}(){problem}" for problem in _members(mine, theirs))
            needed = {n: one for n, one in theirs.items() if is_required_argument(one)}
            yield from (f".{name}(){problem}" for problem in _needed(mine, needed))


def _members(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    """Fields or arguments that are not there, or of another type."""
    for name, one in mine.items():
        if name not in theirs:
            yield f".{name}: there is no such field or argument"
        elif str(one.type) != str(theirs[name].type):
            yield f".{name}: {one.type} is {theirs[name].type}"


def _needed(mine: Mapping[str, Any], needed: Mapping[str, Any]) -> Iterator[str]:
    yield from (f".{name}: is required" for name in needed.keys() - mine.keys())
