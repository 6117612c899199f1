"""What a query costs, and when GitLab refuses it for that.

By GitLab's GraphQL API page, `Types::BaseField` and `Resolvers::BaseResolver`: 250 points and 20 levels for a user with
a token. A field is a point; a list that is looked up (a project's or group's work items, milestones, labels) costs
itself and all below it once more for every hundred nodes asked for, unless iids name them, a sort one point more, a
search five; a work item's parent, children and linked items are five points. Of fragments on different types the
dearest counts, since an object has one type only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    value_from_ast_untyped,
)

MAX_COMPLEXITY, MAX_DEPTH, PAGE = 250, 20, 100
LOOKED_UP = ("workItems", "milestones", "labels", "workItemTypes")
FIXED = {
    ("WorkItemWidgetHierarchy", "children"): 5,
    ("WorkItemWidgetHierarchy", "parent"): 5,
    ("WorkItemWidgetLinkedItems", "linkedItems"): 5,
}


def too_much(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode | None,
    variables: Mapping[str, Any],
) -> list[str]:
    """Why the operation is refused, in GitLab's words; [] when it is not. A query that is wrong costs nothing here."""
    if operation is None:
        return []
    root = schema.mutation_type if operation.operation is OperationType.MUTATION else schema.query_type
    if root is None:
        return []
    cost = _Cost(schema, document, variables)
    points, depth = cost.of(root, operation.selection_set)
    told = []
    if points > MAX_COMPLEXITY:
        told.append(f"Query has complexity of {points}, which exceeds max complexity of {MAX_COMPLEXITY}")
    if depth > MAX_DEPTH:
        told.append(f"Query has depth of {depth}, which exceeds max depth of {MAX_DEPTH}")
    return told


class _Cost:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._schema = schema
        self._variables = dict(variables)
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}

    def of(self, parent: GraphQLCompositeType, selected: SelectionSetNode) -> tuple[int, int]:
        """The points and the depth of a selection: the dearest of the types that it can meet."""
        types = self._schema.get_possible_types(parent) if is_abstract_type(parent) else [parent]
        found = [self._of_type(one, selected) for one in types if isinstance(one, GraphQLObjectType)]
        return max((p for p, _ in found), default=0), max((d for _, d in found), default=0)

    def _of_type(self, one: GraphQLObjectType, selected: SelectionSetNode) -> tuple[int, int]:
        points, depth, seen = 0, 0, set()
        for node in self._fields(one, selected, ()):
            name = node.alias.value if node.alias else node.name.value
            field = one.fields.get(node.name.value)
            if field is None or name in seen:
                continue
            seen.add(name)
            inner, below = 0, 0
            named = get_named_type(field.type)
            if node.selection_set and is_composite_type(named):
                inner, below = self.of(named, node.selection_set)
            points += self._field(one, node, inner)
            depth = max(depth, below + 1)
        return points, depth

    def _field(self, one: GraphQLObjectType, node: FieldNode, inner: int) -> int:
        name = node.name.value
        if (one.name, name) in FIXED:
            return inner + FIXED[one.name, name]
        if name not in LOOKED_UP or one.name not in ("Project", "Group", "Namespace"):
            return inner + 1
        asked = {a.name.value: value_from_ast_untyped(a.value, self._variables) for a in node.arguments or ()}
        sorted_ = name == "workItems" or asked.get("sort")  # the order of work items has a default, and counts
        points = inner + 1 + (1 if sorted_ else 0) + (5 if asked.get("search") else 0)
        named = asked.get("iid") or asked.get("iids")
        first = asked.get("first")
        size = min(first, PAGE) if isinstance(first, int) else PAGE
        return points if named else int(points + points * size * 0.01)

    def _fields(
        self, one: GraphQLObjectType, selected: SelectionSetNode, inside: tuple[str, ...]
    ) -> Iterator[FieldNode]:
        for node in selected.selections:
            if isinstance(node, FieldNode):
                yield node
                continue
            fragment: InlineFragmentNode | FragmentDefinitionNode | None
            path = inside
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                fragment, path = (None if name in inside else self._fragments.get(name)), (*inside, name)
            else:
                fragment = node if isinstance(node, InlineFragmentNode) else None
            if fragment and self._fits(one, fragment):
                yield from self._fields(one, fragment.selection_set, path)

    def _fits(self, one: GraphQLObjectType, fragment: InlineFragmentNode | FragmentDefinitionNode) -> bool:
        condition = fragment.type_condition
        if condition is None or condition.name.value == one.name:
            return True
        named = self._schema.get_type(condition.name.value)
        return is_abstract_type(named) and self._schema.is_sub_type(named, one)
