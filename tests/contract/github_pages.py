"""What GitHub documents in prose once for all operations, and where its description is known to be wrong."""

from __future__ import annotations

from tests.contract.leeway import Leeway
from tests.contract.openapi import General
from tests.contract.younger import Younger

TROUBLES = "https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api"
VERSIONS = "https://docs.github.com/en/rest/about-the-rest-api/api-versions"
CONDITIONAL = "https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api"
WEBHOOKS = "https://docs.github.com/en/webhooks/webhook-events-and-payloads"
LIMITS = "https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api"
GRAPHQL = "https://docs.github.com/en/graphql/reference/"

BASIC = {"$ref": "/components/schemas/basic-error"}
VALIDATION = {
    "anyOf": [{"$ref": f"/components/schemas/{name}"} for name in ("validation-error", "validation-error-simple")]
}
GENERAL = {
    304: General(None, CONDITIONAL),
    400: General(BASIC, TROUBLES),
    401: General(BASIC, TROUBLES),
    403: General(BASIC, TROUBLES),
    404: General(BASIC, TROUBLES),
    410: General(BASIC, VERSIONS),
    422: General(VALIDATION, TROUBLES),
    429: General(BASIC, LIMITS),
}

LEEWAYS = (
    Leeway(
        r"PATCH /repos/{owner}/{repo}/milestones/{milestone_number}: body\.due_on: None is not of type 'string'",
        "null is how a due date is cleared; on create it is refused",
        "https://github.com/octokit/octokit.js/pull/1404, https://github.com/harvester/harvester/pull/11739",
    ),
    Leeway(
        r".* (422|503): answer\.status: the description has no such key",
        "refusals carry their status as text since 2024; only the schema basic-error was told",
        TROUBLES,
    ),
)
CALL_LEEWAYS = (
    Leeway(
        r".*\.(creator|assignee|assignees\[\d+\])\.user_view_type: the description has no such key",
        "people have had it since 2024; 416 of the description's schemas of people have it, some were left behind",
        WEBHOOKS,
    ),
    Leeway(
        r"milestone-created: body\.milestone\.(state: 'closed' is not one of .*|closed_at: .* is not of type 'null')",
        "a milestone can be made closed (REST's `state` on create); what is then told is nowhere documented",
        WEBHOOKS,
    ),
)

# The schema in npm is of early 2025.
YOUNGER = (
    Younger(
        """
        enum IssueTypeColor { BLUE GRAY GREEN ORANGE PINK PURPLE RED YELLOW }
        type IssueType implements Node {
          color: IssueTypeColor! description: String id: ID! isEnabled: Boolean! name: String!
        }
        type IssueDependenciesSummary { blockedBy: Int! blocking: Int! totalBlockedBy: Int! totalBlocking: Int! }
        extend type Issue {
          blockedBy(after: String, before: String, first: Int, last: Int): IssueConnection!
          blocking(after: String, before: String, first: Int, last: Int): IssueConnection!
          issueDependenciesSummary: IssueDependenciesSummary!
          issueType: IssueType
        }
        """,
        GRAPHQL + "objects#issue",
    ),
    Younger("extend input CreateIssueInput { issueTypeId: ID }", GRAPHQL + "input-objects#createissueinput"),
    Younger(
        """
        input AddBlockedByInput { blockingIssueId: ID! clientMutationId: String issueId: ID! }
        input RemoveBlockedByInput { blockingIssueId: ID! clientMutationId: String issueId: ID! }
        type AddBlockedByPayload { blockingIssue: Issue clientMutationId: String issue: Issue }
        type RemoveBlockedByPayload { blockingIssue: Issue clientMutationId: String issue: Issue }
        extend type Mutation {
          addBlockedBy(input: AddBlockedByInput!): AddBlockedByPayload
          removeBlockedBy(input: RemoveBlockedByInput!): RemoveBlockedByPayload
        }
        """,
        GRAPHQL + "mutations#addblockedby",
    ),
)
