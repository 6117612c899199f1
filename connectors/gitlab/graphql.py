"""The GraphQL that the connector sends, and what it costs. Pure.

Work items need it: REST tells no parent of a task, makes no child and no epic (its epics are deprecated and frozen),
and python-gitlab wraps no work items. It holds against GitLab's published description of 2023-08, but for the younger:
`WorkItemCreateInput.descriptionWidget` (16.9), `labelsWidget` and `startAndDueDateWidget` on create, `isFixed`,
`Group.workItems` (16.3), linked items (16.3), `updatedAfter`, and `Namespace.availableFeatures` (18.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PAGE: Final = 100  # nodes that a connection gives at most

# Complexity, which GitLab adds up before it answers and refuses over 250 (docs.gitlab.com/api/graphql/#limits). One a
# field, 5 for a parent; a connection doubles what is in it at 100 a page, unless asked by iids (gitlabhq
# app/graphql/resolvers/base_resolver.rb). Rounded up, since GitLab can change them.
ROOM: Final = 220
EPICS_COST: Final = 100
ITEMS_COST: Final = 12
LINKS_COST: Final = 11
IIDS_COST: Final = 6

WHOLE: Final = """
fragment Whole on WorkItem {
  id iid title state webUrl updatedAt closedAt createdAt
  workItemType { name }
  widgets {
    ... on WorkItemWidgetDescription { description }
    ... on WorkItemWidgetHierarchy { parent { id } }
    ... on WorkItemWidgetMilestone { milestone { id } }
    ... on WorkItemWidgetLabels { labels { nodes { id title } } }
    ... on WorkItemWidgetStartAndDueDate { startDate dueDate }
    ... on WorkItemWidgetAssignees { assignees { nodes { username } } }
  }
}
"""
LINKS: Final = (
    "... on WorkItemWidgetLinkedItems { linkedItems(first: 100) { nodes { linkType workItem {"
    " id reference(full: true) } } } }"
)
CREATE: Final = f"""
mutation ($input: WorkItemCreateInput!) {{
  workItemCreate(input: $input) {{ errors workItem {{ ...Whole }} }}
}}
{WHOLE}"""
UPDATE: Final = f"""
mutation ($input: WorkItemUpdateInput!) {{
  workItemUpdate(input: $input) {{ errors workItem {{ ...Whole }} }}
}}
{WHOLE}"""
LINK: Final = "mutation ($input: WorkItemAddLinkedItemsInput!) { workItemAddLinkedItems(input: $input) { errors } }"
UNLINK: Final = (
    "mutation ($input: WorkItemRemoveLinkedItemsInput!) { workItemRemoveLinkedItems(input: $input) { errors } }"
)
ONE: Final = f"query ($id: WorkItemID!) {{ workItem(id: $id) {{ ...Whole }} }}\n{WHOLE}"
LINKED: Final = f"query ($id: WorkItemID!) {{ workItem(id: $id) {{ id widgets {{ {LINKS} }} }} }}"
TYPES: Final = {
    "project": "query ($path: ID!) { project(fullPath: $path) { workItemTypes { nodes { id name } } } }",
    "group": "query ($path: ID!) { group(fullPath: $path) { workItemTypes { nodes { id name } } } }",
}
# What a namespace is licensed for, to any member that may read it: `availableFeatures` (18.3), before that
# `epicsEnabled`. A project is asked itself: it can have what its group has not (public ones on GitLab.com).
LICENCE: Final = """
query ($project: ID!) {
  project(fullPath: $project) { id }
  own: namespace(fullPath: $project) { availableFeatures { hasBlockedIssuesFeature } }
}
"""
GROUP_LICENCE: Final = """
query ($group: ID!, $project: ID!) {
  group(fullPath: $group) { id }
  project(fullPath: $project) { id }
  above: namespace(fullPath: $group) { availableFeatures { hasEpicsFeature } }
  own: namespace(fullPath: $project) { availableFeatures { hasBlockedIssuesFeature } }
}
"""
OLD_GROUP_LICENCE: Final = """
query ($group: ID!, $project: ID!) {
  group(fullPath: $group) { id epicsEnabled }
  project(fullPath: $project) { id }
}
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """One part of a `details` query: up to 100 iids of the project's items, or of the group's epics."""

    what: str  # "items" or "epics"
    iids: tuple[str, ...]

    def cost(self, *, links: bool) -> int:
        """Its complexity, at most."""
        if self.what == "epics":
            return IIDS_COST
        return ITEMS_COST + (LINKS_COST if links else 0)


@dataclass(frozen=True, slots=True)
class EpicPage:
    """The part of a `details` query that lists the group's epics. `filtered`: only those since `$since`; otherwise, and
    not `oldest_first`, the newest first, for the caller to stop.
    """

    filtered: bool
    oldest_first: bool

    @property
    def order(self) -> str:
        """By what does not move while it is read: changes come again at the end, or creation never changes."""
        if self.filtered:
            return "UPDATED_ASC"
        return "CREATED_ASC" if self.oldest_first else "UPDATED_DESC"


def details(page: EpicPage | None, asks: Sequence[Ask], *, links: bool) -> str:
    """A query of a page of epics and of details by iids, in one. Variables: `$project`, `$group`, `$after`, `$since`,
    and `$i0`… for the iids. Answers under `epics`, `e0`… in `group`, and `i0`… in `project`.
    """
    linked = LINKS if links else ""
    variables, above, inside = ["$project: ID!"], "", ""
    if page:
        variables += ["$after: String", *(["$since: Time"] if page.filtered else [])]
        since = ", updatedAfter: $since" if page.filtered else ""
        also = f" widgets {{ {linked} }}" if links else ""
        above += (
            f"epics: workItems(types: [EPIC], sort: {page.order}, first: {PAGE}, after: $after{since})"
            f" {{ pageInfo {{ endCursor hasNextPage }} nodes {{ ...Whole{also} }} }}\n"
        )
    for at, ask in enumerate(asks):
        variables.append(f"$i{at}: [String!]")
        if ask.what == "epics":
            above += f"e{at}: workItems(types: [EPIC], iids: $i{at}, first: {PAGE}) {{ nodes {{ id iid }} }}\n"
        else:
            inside += (
                f"i{at}: workItems(iids: $i{at}, first: {PAGE}) {{ nodes {{ id iid"
                f" widgets {{ ... on WorkItemWidgetHierarchy {{ parent {{ id }} }} {linked} }} }} }}\n"
            )
    if above:
        variables.append("$group: ID!")
    body = (f"group(fullPath: $group) {{\n{above}}}\n" if above else "") + (
        f"project(fullPath: $project) {{\n{inside}}}\n" if inside else "project(fullPath: $project) { id }\n"
    )
    return f"query ({', '.join(variables)}) {{\n{body}}}\n{WHOLE if page else ''}"
