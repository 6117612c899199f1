"""GitLab: the page of every endpoint that no official description covers, and where the one there is falls short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.contract.leeway import Leeway
from tests.contract.openapi import General
from tests.contract.swagger import Corrections
from tests.contract.younger import Younger

DOCS = "https://docs.gitlab.com/api/"

# Endpoints that are in no official description -> the page that each was built from.
PAGES = {
    "GET /api/v4/user": DOCS + "users/#get-the-current-user",
    "GET /api/v4/license": DOCS + "license/",
    **dict.fromkeys(("GET /api/v4/projects/{id}/labels", "POST /api/v4/projects/{id}/labels"), DOCS + "labels/"),
    **dict.fromkeys(("GET /api/v4/groups/{id}/labels", "POST /api/v4/groups/{id}/labels"), DOCS + "group_labels/"),
    **dict.fromkeys(
        (
            "GET /api/v4/groups/{id}/hooks",
            "POST /api/v4/groups/{id}/hooks",
            "GET /api/v4/groups/{id}/hooks/{hook_id}",
            "PUT /api/v4/groups/{id}/hooks/{hook_id}",
            "DELETE /api/v4/groups/{id}/hooks/{hook_id}",
            "GET /api/v4/groups/{id}/hooks/{hook_id}/events",
            "POST /api/v4/groups/{id}/hooks/{hook_id}/events/{hook_log_id}/resend",
            "POST /api/v4/groups/{id}/hooks/{hook_id}/test/{trigger}",
        ),
        DOCS + "group_webhooks/",
    ),
    **dict.fromkeys(
        (
            "GET /api/v4/projects/{id}/milestones",
            "POST /api/v4/projects/{id}/milestones",
            "GET /api/v4/projects/{id}/milestones/{milestone_id}",
            "PUT /api/v4/projects/{id}/milestones/{milestone_id}",
            "DELETE /api/v4/projects/{id}/milestones/{milestone_id}",
            "GET /api/v4/projects/{id}/milestones/{milestone_id}/issues",
        ),
        DOCS + "milestones/",
    ),
    **dict.fromkeys(
        (
            "GET /api/v4/groups/{id}/milestones",
            "POST /api/v4/groups/{id}/milestones",
            "GET /api/v4/groups/{id}/milestones/{milestone_id}",
            "PUT /api/v4/groups/{id}/milestones/{milestone_id}",
            "DELETE /api/v4/groups/{id}/milestones/{milestone_id}",
            "GET /api/v4/groups/{id}/milestones/{milestone_id}/issues",
        ),
        DOCS + "group_milestones/",
    ),
    **dict.fromkeys(
        ("GET /api/v4/projects/{id}/issues/{issue_iid}/notes", "POST /api/v4/projects/{id}/issues/{issue_iid}/notes"),
        DOCS + "notes/#issues",
    ),
}
ADMINISTRATORS = {"GET /api/v4/license"}  # the boxes have no token of one: they only refuse
# https://docs.gitlab.com/api/milestones/#create-a-milestone and #edit-a-milestone
MILESTONE_SENT = ("title", "description", "due_date", "start_date", "state_event")
REFUSAL = {
    "type": "object",
    "properties": {"message": {}, "error": {"type": "string"}, "error_description": {"type": "string"}, "scope": {}},
    "additionalProperties": False,
    "minProperties": 1,
}
STATUSES = DOCS + "rest/troubleshooting/#status-codes"
GENERAL = {status: General(REFUSAL, STATUSES) for status in (400, 401, 403, 404, 405, 409, 412, 422)} | {
    304: General(None, DOCS + "rest/#conditional-requests"),
    # Rack::Attack's "Retry later", as plain text; application limits answer JSON
    429: General({"anyOf": [REFUSAL, {"type": "string"}]}, "https://docs.gitlab.com/security/rate_limits/"),
}

TEXT, NUMBER, FLAG = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
PEOPLE = {"type": "array", "items": {"$ref": "#/definitions/API_Entities_UserBasic"}}


def closed(**properties: Any) -> dict[str, Any]:
    """An object with just these."""
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


TASKS = closed(count=NUMBER, completed_count=NUMBER)
STATISTICS = closed(statistics=closed(counts=closed(all=NUMBER, closed=NUMBER, opened=NUMBER)))
HOOK_EVENT = closed(
    id=NUMBER,
    url=TEXT,
    trigger=TEXT,
    request_headers={"type": "object"},
    request_data={"type": "object"},
    response_headers={"type": "object"},
    response_body=TEXT,
    execution_duration={"type": "number"},
    response_status=TEXT,
    created_at={"type": "string", "format": "date-time"},
)
RESENT = closed(response_status=NUMBER)
LABEL = {
    "type": "object",
    "properties": {
        "id": NUMBER,
        **dict.fromkeys(("name", "color", "description_html", "text_color"), TEXT),
        "description": {"type": ["string", "null"]},
    },
}
# What GitLab's own examples show: https://docs.gitlab.com/api/issues/#list-project-issues
ISSUE_BASIC = {
    **dict.fromkeys(("user_notes_count", "merge_requests_count", "upvotes", "downvotes"), NUMBER),
    **dict.fromkeys(("weight", "blocking_issues_count"), NUMBER),
    "assignees": PEOPLE,
    "task_completion_status": TASKS,
    "labels": {"type": "array", "items": {"anyOf": [TEXT, LABEL]}},  # `with_labels_details`
}
ISSUE = ISSUE_BASIC | {
    **dict.fromkeys(("has_tasks", "subscribed", "imported"), FLAG),
    **dict.fromkeys(("moved_to_id", "epic_iid"), NUMBER),
}
ISSUE_BASIC_NULLS = (
    "assignee", "closed_at", "closed_by", "description", "discussion_locked", "due_date", "milestone", "weight",
)  # fmt: skip
ISSUE_NULLS = (
    *ISSUE_BASIC_NULLS, "epic", "epic_iid", "health_status", "iteration", "moved_to_id", "service_desk_reply_to",
    "_links.closed_as_duplicate_of",
)  # fmt: skip
CORRECTIONS = Corrections(
    types={
        "API_Entities_Issue": ISSUE,
        "API_Entities_IssueBasic": ISSUE_BASIC,
        # https://docs.gitlab.com/api/issue_links/#list-issue-relations
        "API_Entities_RelatedIssue": ISSUE | {"issue_link_id": NUMBER},
        "API_Entities_ProjectAccess": {"access_level": NUMBER, "notification_level": NUMBER},
        "API_Entities_GroupDetail": {"id": NUMBER, "parent_id": NUMBER},
        # https://docs.gitlab.com/api/milestones/#list-project-milestones
        "API_Entities_Milestone": {
            **dict.fromkeys(("id", "iid", "project_id", "group_id"), NUMBER),
            "expired": FLAG,
        },
        # https://docs.gitlab.com/api/project_webhooks/#get-a-project-webhook
        "API_Entities_ProjectHook": {"id": NUMBER, "project_id": NUMBER},
        # https://docs.gitlab.com/api/group_members/
        "API_Entities_Member": {"access_level": NUMBER},
        # https://docs.gitlab.com/api/epics/#single-epic
        "EpicBaseEntity": {"id": NUMBER, "iid": NUMBER, "group_id": NUMBER},
    },
    nulls={
        "API_Entities_Issue": ISSUE_NULLS,
        "API_Entities_IssueBasic": ISSUE_BASIC_NULLS,
        "API_Entities_RelatedIssue": ISSUE_NULLS,
        "API_Entities_IssuableTimeStats": ("human_time_estimate", "human_total_time_spent"),
        "API_Entities_Milestone": ("description", "due_date", "start_date"),
        "API_Entities_UserBasic": ("avatar_url",),
        "API_Entities_ProjectWithAccess": ("description", "permissions.group_access", "permissions.project_access"),
        "API_Entities_Metadata": ("kas.externalUrl", "kas.externalK8sProxyUrl", "kas.version"),
        "API_Entities_NamespaceBasic": ("avatar_url", "parent_id"),
        "API_Entities_Member": ("avatar_url", "expires_at"),
        "API_Entities_Namespace": ("avatar_url", "parent_id"),
        "API_Entities_GroupDetail": ("parent_id",),
        "API_Entities_ProjectHook": (
            "custom_webhook_template", "description", "disabled_until", "name", "push_events_branch_filter",
        ),
        "API_Entities_PersonalAccessTokenWithLastUsedIps": ("description", "expires_at"),
    },
    lists=("GET /api/v4/projects/{id}/issues", "GET /api/v4/groups/{id}/issues"),
    more={
        # since 19.0: https://docs.gitlab.com/api/project_webhooks/
        "postApiV4ProjectsIdHooks": {"signing_token": TEXT},
        "putApiV4ProjectsIdHooksHookId": {"signing_token": TEXT},
        "API_Entities_ProjectHook": {"token_present": FLAG, "signing_token_present": FLAG},
    },
    answers={
        # https://docs.gitlab.com/api/issues_statistics/
        "GET /api/v4/projects/{id}/issues_statistics": {"200": STATISTICS},
        "GET /api/v4/groups/{id}/issues_statistics": {"200": STATISTICS},
        # https://docs.gitlab.com/api/project_webhooks/, and GitLab's lib/api/entities (WebHookLog) for `created_at`
        "GET /api/v4/projects/{id}/hooks/{hook_id}/events": {"200": {"type": "array", "items": HOOK_EVENT}},
        "POST /api/v4/projects/{id}/hooks/{hook_id}/events/{hook_log_id}/resend": {"201": RESENT},
        "POST /api/v4/projects/{id}/hooks/{hook_id}/test/{trigger}": {"201": closed(message=TEXT)},
        # https://docs.gitlab.com/api/issue_links/#delete-an-issue-link: shows the link, which 204 couldn't carry
        "DELETE /api/v4/projects/{id}/issues/{issue_iid}/links/{issue_link_id}": {
            "200": {"$ref": "#/definitions/API_Entities_IssueLink"}
        },
    },
)  # fmt: skip
LEEWAYS = (
    Leeway(
        r"(POST|PUT) \S+/issues(/{issue_iid})?: body\.(add_|remove_)?labels: '.*' is not of type 'array'",
        "comma-separated names are what the page documents; the parameter's own parser makes a list of them",
        DOCS + "issues/#create-a-new-issue",
    ),
    Leeway(
        r"GET /api/v4/projects/{id}/issues/{issue_iid}/links: query per_page: the description has no such parameter",
        "documented once for all lists; this one isn't paged, and passes over it",
        DOCS + "rest/#pagination",
    ),
    Leeway(
        r"GET /api/v4/projects/{id}/issues: query pagination: the description has no such parameter",
        "how keyset pagination is asked for, documented once for all that has it; `cursor` is described",
        DOCS + "rest/#keyset-based-pagination",
    ),
    Leeway(
        r".*/hooks/{hook_id}/(test|events)\S*: path id: '.*' is not of type 'integer'",
        "a project is named by id or encoded path everywhere, and the hooks' page says so here too",
        DOCS + "project_webhooks/",
    ),
)

# No description has GitLab's webhooks. `object_kind` -> X-Gitlab-Event, and the page that the boxes' bodies were built
# from, with what it shows at the top and in `object_attributes` (as GitLab's lib/gitlab/hook_data builds it).
HOOKS = "https://docs.gitlab.com/user/project/integrations/webhook_events/#"
ISSUE_TOP = (
    "object_kind", "event_type", "user", "project", "object_attributes", "repository", "assignees", "assignee",
    "labels", "changes",
)  # fmt: skip
ISSUE_ATTRIBUTES = (
    "id", "title", "assignee_ids", "assignee_id", "author_id", "project_id", "created_at", "updated_at",
    "updated_by_id", "last_edited_at", "last_edited_by_id", "relative_position", "description", "milestone_id",
    "state_id", "confidential", "discussion_locked", "due_date", "moved_to_id", "duplicated_to_id", "time_estimate",
    "total_time_spent", "time_change", "human_total_time_spent", "human_time_estimate", "human_time_change", "weight",
    "health_status", "type", "iid", "url", "state", "action", "severity", "labels", "closed_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """What a webhook's page shows of its body."""

    events: tuple[str, ...]
    top: tuple[str, ...]
    attributes: tuple[str, ...]
    page: str


CALLS = {
    "issue": Body(("Issue Hook", "Confidential Issue Hook"), ISSUE_TOP, ISSUE_ATTRIBUTES, HOOKS + "issue-events"),
    "work_item": Body(
        ("Issue Hook", "Confidential Issue Hook", "Work Item Hook"),
        ISSUE_TOP,
        ISSUE_ATTRIBUTES,
        HOOKS + "work-item-events",
    ),
    "milestone": Body(
        ("Milestone Hook",),
        ("object_kind", "event_type", "project", "object_attributes", "action"),
        (
            "id", "iid", "title", "description", "state", "created_at", "updated_at", "due_date", "start_date",
            "project_id", "group_id",
        ),
        HOOKS + "milestone-events",
    ),
}  # fmt: skip
# https://docs.gitlab.com/user/project/integrations/webhooks/#webhook-request-headers
CALL_HEADERS = (
    "user-agent", "x-gitlab-instance", "x-gitlab-webhook-uuid", "x-gitlab-event", "x-gitlab-event-uuid",
    "idempotency-key",
)  # fmt: skip
LONGEST_DOCUMENT = 10_000  # https://docs.gitlab.com/api/graphql/#limits
REFERENCE = DOCS + "graphql/reference/#"
FILTERS = """
  updatedAfter: Time, updatedBefore: Time, confidential: Boolean, createdAfter: Time, createdBefore: Time,
  ids: [WorkItemID!], labelName: [String!], milestoneTitle: [String!], parentIds: [WorkItemID!]
"""
LISTED = f"""
  after: String, before: String, first: Int, last: Int, iid: String, iids: [String!], search: String,
  sort: WorkItemSort = CREATED_DESC, state: IssuableState, types: [IssueType!],
  includeDescendants: Boolean = false, excludeProjects: Boolean = false, {FILTERS}
"""
# The schema that is published is of August 2023 (16.3).
YOUNGER = (
    Younger("extend enum IssueType { EPIC TICKET }", REFERENCE + "issuetype"),
    Younger("extend enum WorkItemWidgetType { LINKED_ITEMS }", REFERENCE + "workitemwidgettype"),
    Younger(
        "extend type WorkItemWidgetDescription { taskCompletionStatus: TaskCompletionStatus }",
        REFERENCE + "workitemwidgetdescription",
    ),
    Younger("extend type WorkItemWidgetHierarchy { hasParent: Boolean! }", REFERENCE + "workitemwidgethierarchy"),
    Younger(
        """
        scalar WorkItemsRelatedWorkItemLinkID
        enum WorkItemRelatedLinkType { BLOCKED_BY BLOCKS RELATED }
        type LinkedWorkItemType {
          linkCreatedAt: Time! linkId: WorkItemsRelatedWorkItemLinkID! linkType: String! linkUpdatedAt: Time!
          workItem: WorkItem workItemState: WorkItemState!
        }
        type LinkedWorkItemTypeConnection { nodes: [LinkedWorkItemType] pageInfo: PageInfo! }
        type WorkItemWidgetLinkedItems implements WorkItemWidget {
          type: WorkItemWidgetType blocked: Boolean blockedByCount: Int blockingCount: Int
          linkedItems(
            after: String, before: String, first: Int, last: Int, filter: WorkItemRelatedLinkType
          ): LinkedWorkItemTypeConnection
        }
        """,
        REFERENCE + "workitemwidgetlinkeditems",
    ),
    Younger(FILTERS, REFERENCE + "projectworkitems", "Project.workItems"),
    Younger("title: String", REFERENCE + "projectlabels", "Project.labels"),
    Younger("title: String", REFERENCE + "grouplabels", "Group.labels"),
    Younger("extend type WorkItemConnection { count: Int }", REFERENCE + "workitemconnection"),
    Younger(f"extend type Group {{ workItems({LISTED}): WorkItemConnection }}", REFERENCE + "groupworkitems"),
    Younger(
        f"""
        type NamespaceAvailableFeatures {{
          hasBlockedIssuesFeature: Boolean! hasEpicsFeature: Boolean! hasSubepicsFeature: Boolean!
        }}
        extend type Namespace {{
          availableFeatures: NamespaceAvailableFeatures
          workItem(iid: String!): WorkItem
          workItems({LISTED}): WorkItemConnection
          workItemTypes(
            after: String, before: String, first: Int, last: Int, onlyAvailable: Boolean, name: IssueType
          ): WorkItemTypeConnection
        }}
        """,
        REFERENCE + "namespace",
    ),
    Younger(
        """
        input WorkItemWidgetLabelsCreateInput { labelIds: [LabelID!]! }
        input WorkItemWidgetLinkedItemsCreateInput {
          linkType: WorkItemRelatedLinkType = RELATED workItemsIds: [WorkItemID!]!
        }
        extend input WorkItemCreateInput {
          descriptionWidget: WorkItemWidgetDescriptionInput
          labelsWidget: WorkItemWidgetLabelsCreateInput
          startAndDueDateWidget: WorkItemWidgetStartAndDueDateUpdateInput
          linkedItemsWidget: WorkItemWidgetLinkedItemsCreateInput
        }
        """,
        REFERENCE + "mutationworkitemcreate",
    ),
    Younger(
        "extend input WorkItemWidgetStartAndDueDateUpdateInput { isFixed: Boolean }",
        REFERENCE + "workitemwidgetstartandduedateupdateinput",
    ),
    Younger("extend type WorkItemDeletePayload { namespace: Namespace }", REFERENCE + "mutationworkitemdelete"),
    Younger(
        """
        input WorkItemAddLinkedItemsInput {
          clientMutationId: String id: WorkItemID! linkType: WorkItemRelatedLinkType workItemsIds: [WorkItemID!]!
        }
        input WorkItemRemoveLinkedItemsInput { clientMutationId: String id: WorkItemID! workItemsIds: [WorkItemID!]! }
        type WorkItemAddLinkedItemsPayload {
          clientMutationId: String errors: [String!]! message: String workItem: WorkItem
        }
        type WorkItemRemoveLinkedItemsPayload {
          clientMutationId: String errors: [String!]! message: String workItem: WorkItem
        }
        extend type Mutation {
          workItemAddLinkedItems(input: WorkItemAddLinkedItemsInput!): WorkItemAddLinkedItemsPayload
          workItemRemoveLinkedItems(input: WorkItemRemoveLinkedItemsInput!): WorkItemRemoveLinkedItemsPayload
        }
        """,
        REFERENCE + "mutationworkitemaddlinkeditems",
    ),
)
