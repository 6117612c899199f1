"""The GraphQL that the connector sends. Pure.

Child items need it: REST tells no parent and makes no child, and python-gitlab wraps no work items. All of it holds
against GitLab's published description of 2023-08; `WorkItemCreateInput.descriptionWidget` is younger (16.9, where
`description` was deprecated).
"""

from __future__ import annotations

from typing import Final

WHOLE: Final = """
fragment Whole on WorkItem {
  id iid title state webUrl updatedAt closedAt
  workItemType { name }
  widgets {
    ... on WorkItemWidgetDescription { description }
    ... on WorkItemWidgetHierarchy { parent { id } }
    ... on WorkItemWidgetMilestone { milestone { id } }
    ... on WorkItemWidgetLabels { labels { nodes { title } } }
    ... on WorkItemWidgetStartAndDueDate { startDate dueDate }
  }
}
"""
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
ONE: Final = f"query ($id: WorkItemID!) {{ workItem(id: $id) {{ ...Whole }} }}\n{WHOLE}"
PARENTS: Final = """
query ($path: ID!, $iids: [String!]) {
  project(fullPath: $path) {
    workItems(types: [TASK], iids: $iids, first: 100) {
      nodes { id iid widgets { ... on WorkItemWidgetHierarchy { parent { id } } } }
    }
  }
}
"""
TYPES: Final = "query ($path: ID!) { project(fullPath: $path) { workItemTypes { nodes { id name } } } }"
