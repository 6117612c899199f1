"""What a tracker has and the description that we have of it is too old to know: as SDL, with the page that has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema, extend_schema, parse
from graphql.validation.validate import assert_valid_sdl_extension


@dataclass(frozen=True, slots=True)
class Younger:
    """Definitions and extensions in SDL; with `field` ("Project.workItems") arguments of that field, which SDL can't
    extend. `page` documents them.
    """

    sdl: str
    page: str
    field: str = ""

    @property
    def document(self) -> str:
        """Valid SDL: arguments are hung on a field of their own, from which `grown` takes them."""
        kind, _, name = self.field.partition(".")
        return f"extend type {kind} {{ {name}{APART}({self.sdl}): String }}" if self.field else self.sdl


APART = "_younger"


def grown(schema: GraphQLSchema, younger: Sequence[Younger]) -> GraphQLSchema:
    """The schema with what is younger. Raises when it has one of them already: then that one is to be taken away."""
    document = parse("\n".join(one.document for one in younger))
    assert_valid_sdl_extension(document, schema)
    extended = extend_schema(schema, document, assume_valid=True)  # GitHub's own breaks a rule of deprecation
    for one in younger:
        if one.field:
            kind, _, name = one.field.partition(".")
            fields: Any = extended.type_map[kind]
            arguments = fields.fields.pop(f"{name}{APART}").args
            known = fields.fields[name].args
            if twice := arguments.keys() & known.keys():
                raise ValueError(f"{one.field} has {twice} by now")
            known.update(arguments)
    return extended


def idle(younger: Sequence[Younger], part: GraphQLSchema) -> list[str]:
    """What of it the smaller schema hasn't: nothing needs it."""
    return [name for one in younger for node in parse(one.document).definitions for name in _idle(node, part)]


def _idle(node: Any, part: GraphQLSchema) -> Iterator[str]:
    kind: Any = part.type_map.get(node.name.value)
    if kind is None:
        yield node.name.value
        return
    for member in getattr(node, "fields", None) or ():
        name = member.name.value.removesuffix(APART)
        if name not in kind.fields:
            yield f"{kind.name}.{name}"
            continue
        arguments = {one.name.value for one in getattr(member, "arguments", None) or ()}
        yield from (f"{kind.name}.{name}({one})" for one in arguments - getattr(kind.fields[name], "args", {}).keys())
    for value in getattr(node, "values", None) or ():
        if value.name.value not in kind.values:
            yield f"{kind.name}.{value.name.value}"
