"""The part of GitHub's GraphQL schema that the box serves; every name and type in it is GitHub's own.

The schema that npm has (`@octokit/graphql-schema`) is older than what GitHub's GraphQL reference documents: issue types
and dependencies are in the reference alone.
"""

SDL = """
scalar BigInt
scalar DateTime
scalar URI

interface Node { id: ID! }
interface Actor { login: String! resourcePath: URI! url: URI! }
interface RepositoryOwner { id: ID! login: String! resourcePath: URI! url: URI! }
interface Labelable {
  labels(after: String, before: String, first: Int, last: Int, orderBy: LabelOrder): LabelConnection
}

enum IssueState { CLOSED OPEN }
enum IssueStateReason { COMPLETED DUPLICATE NOT_PLANNED REOPENED }
enum IssueClosedStateReason { COMPLETED DUPLICATE NOT_PLANNED }
enum MilestoneState { CLOSED OPEN }
enum RepositoryPermission { ADMIN MAINTAIN READ TRIAGE WRITE }
enum OrderDirection { ASC DESC }
enum IssueOrderField { COMMENTS CREATED_AT UPDATED_AT }
enum MilestoneOrderField { CREATED_AT DUE_DATE NUMBER UPDATED_AT }
enum LabelOrderField { CREATED_AT NAME }
input IssueOrder { direction: OrderDirection! field: IssueOrderField! }
input MilestoneOrder { direction: OrderDirection! field: MilestoneOrderField! }
input LabelOrder { direction: OrderDirection! field: LabelOrderField! }
input IssueFilters {
  assignee: String
  createdBy: String
  labels: [String!]
  milestoneNumber: String
  since: DateTime
  states: [IssueState!]
}

type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }
type IssueConnection { edges: [IssueEdge] nodes: [Issue] pageInfo: PageInfo! totalCount: Int! }
type IssueEdge { cursor: String! node: Issue }
type MilestoneConnection { edges: [MilestoneEdge] nodes: [Milestone] pageInfo: PageInfo! totalCount: Int! }
type MilestoneEdge { cursor: String! node: Milestone }
type LabelConnection { edges: [LabelEdge] nodes: [Label] pageInfo: PageInfo! totalCount: Int! }
type LabelEdge { cursor: String! node: Label }
type UserConnection { edges: [UserEdge] nodes: [User] pageInfo: PageInfo! totalCount: Int! }
type UserEdge { cursor: String! node: User }

type User implements Actor & Node {
  databaseId: Int
  id: ID!
  login: String!
  resourcePath: URI!
  url: URI!
}
type Organization implements Actor & Node & RepositoryOwner {
  databaseId: Int
  id: ID!
  login: String!
  resourcePath: URI!
  url: URI!
}
type RateLimit { cost: Int! limit: Int! nodeCount: Int! remaining: Int! resetAt: DateTime! used: Int! }
enum IssueTypeColor { BLUE GRAY GREEN ORANGE PINK PURPLE RED YELLOW }
type IssueType implements Node {
  color: IssueTypeColor!
  description: String
  id: ID!
  isEnabled: Boolean!
  name: String!
}
type IssueDependenciesSummary { blockedBy: Int! blocking: Int! totalBlockedBy: Int! totalBlocking: Int! }
type SubIssuesSummary { completed: Int! percentCompleted: Int! total: Int! }

type Repository implements Node {
  createdAt: DateTime!
  databaseId: Int
  hasIssuesEnabled: Boolean!
  id: ID!
  isArchived: Boolean!
  isPrivate: Boolean!
  issue(number: Int!): Issue
  issues(
    after: String, before: String, filterBy: IssueFilters, first: Int, labels: [String!], last: Int,
    orderBy: IssueOrder, states: [IssueState!]
  ): IssueConnection!
  label(name: String!): Label
  labels(after: String, before: String, first: Int, last: Int, orderBy: LabelOrder, query: String): LabelConnection
  milestone(number: Int!): Milestone
  milestones(
    after: String, before: String, first: Int, last: Int, orderBy: MilestoneOrder, query: String,
    states: [MilestoneState!]
  ): MilestoneConnection
  name: String!
  nameWithOwner: String!
  owner: RepositoryOwner!
  resourcePath: URI!
  url: URI!
  viewerCanAdminister: Boolean!
  viewerPermission: RepositoryPermission
}
type Milestone implements Node {
  closed: Boolean!
  closedAt: DateTime
  createdAt: DateTime!
  creator: Actor
  description: String
  dueOn: DateTime
  id: ID!
  issues(
    after: String, before: String, filterBy: IssueFilters, first: Int, labels: [String!], last: Int,
    orderBy: IssueOrder, states: [IssueState!]
  ): IssueConnection!
  number: Int!
  progressPercentage: Float!
  repository: Repository!
  resourcePath: URI!
  state: MilestoneState!
  title: String!
  updatedAt: DateTime!
  url: URI!
}
type Label implements Node {
  color: String!
  description: String
  id: ID!
  isDefault: Boolean!
  name: String!
  repository: Repository!
  resourcePath: URI!
  url: URI!
}
type Issue implements Labelable & Node {
  assignees(after: String, before: String, first: Int, last: Int): UserConnection!
  author: Actor
  blockedBy(after: String, before: String, first: Int, last: Int): IssueConnection!
  blocking(after: String, before: String, first: Int, last: Int): IssueConnection!
  body: String!
  closed: Boolean!
  closedAt: DateTime
  createdAt: DateTime!
  databaseId: Int
  fullDatabaseId: BigInt
  id: ID!
  issueDependenciesSummary: IssueDependenciesSummary!
  issueType: IssueType
  labels(after: String, before: String, first: Int, last: Int, orderBy: LabelOrder): LabelConnection
  locked: Boolean!
  milestone: Milestone
  number: Int!
  parent: Issue
  repository: Repository!
  resourcePath: URI!
  state: IssueState!
  stateReason(enableDuplicate: Boolean = false): IssueStateReason
  subIssues(after: String, before: String, first: Int, last: Int): IssueConnection!
  subIssuesSummary: SubIssuesSummary!
  title: String!
  updatedAt: DateTime!
  url: URI!
}

type Query {
  node(id: ID!): Node
  nodes(ids: [ID!]!): [Node]!
  rateLimit(dryRun: Boolean = false): RateLimit
  repository(followRenames: Boolean = true, name: String!, owner: String!): Repository
  viewer: User!
}

type Mutation {
  addBlockedBy(input: AddBlockedByInput!): AddBlockedByPayload
  addLabelsToLabelable(input: AddLabelsToLabelableInput!): AddLabelsToLabelablePayload
  addSubIssue(input: AddSubIssueInput!): AddSubIssuePayload
  closeIssue(input: CloseIssueInput!): CloseIssuePayload
  createIssue(input: CreateIssueInput!): CreateIssuePayload
  createLabel(input: CreateLabelInput!): CreateLabelPayload
  deleteIssue(input: DeleteIssueInput!): DeleteIssuePayload
  removeBlockedBy(input: RemoveBlockedByInput!): RemoveBlockedByPayload
  removeSubIssue(input: RemoveSubIssueInput!): RemoveSubIssuePayload
  reopenIssue(input: ReopenIssueInput!): ReopenIssuePayload
  reprioritizeSubIssue(input: ReprioritizeSubIssueInput!): ReprioritizeSubIssuePayload
  transferIssue(input: TransferIssueInput!): TransferIssuePayload
  updateIssue(input: UpdateIssueInput!): UpdateIssuePayload
}
input AddBlockedByInput { blockingIssueId: ID! clientMutationId: String issueId: ID! }
input RemoveBlockedByInput { blockingIssueId: ID! clientMutationId: String issueId: ID! }
input TransferIssueInput {
  clientMutationId: String
  createLabelsIfMissing: Boolean = false
  issueId: ID!
  repositoryId: ID!
}
input AddLabelsToLabelableInput { clientMutationId: String labelIds: [ID!]! labelableId: ID! }
input AddSubIssueInput {
  clientMutationId: String
  issueId: ID!
  replaceParent: Boolean
  subIssueId: ID
  subIssueUrl: String
}
input CloseIssueInput {
  clientMutationId: String
  duplicateIssueId: ID
  issueId: ID!
  stateReason: IssueClosedStateReason
}
input CreateIssueInput {
  assigneeIds: [ID!]
  body: String
  clientMutationId: String
  issueTemplate: String
  issueTypeId: ID
  labelIds: [ID!]
  milestoneId: ID
  parentIssueId: ID
  projectIds: [ID!]
  repositoryId: ID!
  title: String!
}
input CreateLabelInput {
  clientMutationId: String
  color: String!
  description: String
  name: String!
  repositoryId: ID!
}
input DeleteIssueInput { clientMutationId: String issueId: ID! }
input RemoveSubIssueInput { clientMutationId: String issueId: ID! subIssueId: ID! }
input ReopenIssueInput { clientMutationId: String issueId: ID! }
input ReprioritizeSubIssueInput {
  afterId: ID
  beforeId: ID
  clientMutationId: String
  issueId: ID!
  subIssueId: ID!
}
input UpdateIssueInput {
  assigneeIds: [ID!]
  body: String
  clientMutationId: String
  id: ID!
  labelIds: [ID!]
  milestoneId: ID
  projectIds: [ID!]
  state: IssueState
  title: String
}
type AddBlockedByPayload { blockingIssue: Issue clientMutationId: String issue: Issue }
type RemoveBlockedByPayload { blockingIssue: Issue clientMutationId: String issue: Issue }
type TransferIssuePayload { clientMutationId: String issue: Issue }
type AddLabelsToLabelablePayload { clientMutationId: String labelable: Labelable }
type AddSubIssuePayload { clientMutationId: String issue: Issue subIssue: Issue }
type CloseIssuePayload { clientMutationId: String issue: Issue }
type CreateIssuePayload { clientMutationId: String issue: Issue }
type CreateLabelPayload { clientMutationId: String label: Label }
type DeleteIssuePayload { clientMutationId: String repository: Repository }
type RemoveSubIssuePayload { clientMutationId: String issue: Issue subIssue: Issue }
type ReopenIssuePayload { clientMutationId: String issue: Issue }
type ReprioritizeSubIssuePayload { clientMutationId: String issue: Issue }
type UpdateIssuePayload { actor: Actor clientMutationId: String issue: Issue }
"""
