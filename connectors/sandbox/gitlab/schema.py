"""The part of GitLab's GraphQL schema that the box serves, in GitLab's names and types.

Held against the official description of 2023-08. What is marked `# new` is not in that one, and comes from GitLab's
current documentation.
"""

SDL = """
scalar Time
scalar Date
scalar WorkItemID
scalar WorkItemsTypeID
scalar MilestoneID
scalar LabelID
scalar WorkItemsRelatedWorkItemLinkID # new

enum WorkItemState { OPEN CLOSED }
enum WorkItemStateEvent { CLOSE REOPEN }
enum IssuableState { all closed locked opened }
enum MilestoneStateEnum { active closed }
enum WorkItemSort {
  CREATED_ASC CREATED_DESC TITLE_ASC TITLE_DESC UPDATED_ASC UPDATED_DESC
  created_asc created_desc updated_asc updated_desc
}
enum IssueType {
  INCIDENT ISSUE KEY_RESULT OBJECTIVE REQUIREMENT TASK TEST_CASE
  EPIC # new
  TICKET # new
}
enum WorkItemWidgetType {
  ASSIGNEES AWARD_EMOJI CURRENT_USER_TODOS DESCRIPTION HEALTH_STATUS HIERARCHY ITERATION LABELS MILESTONE NOTES
  NOTIFICATIONS PROGRESS REQUIREMENT_LEGACY START_AND_DUE_DATE STATUS TEST_REPORTS WEIGHT
  LINKED_ITEMS # new
}

type PageInfo { endCursor: String hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String }

type UserCoreConnection { nodes: [UserCore] pageInfo: PageInfo! }
type UserCore { id: ID! name: String! username: String! webUrl: String! }

type Kas { enabled: Boolean! externalUrl: String version: String }
type Metadata { enterprise: Boolean! kas: Kas! revision: String! version: String! }

type Label {
  color: String!
  createdAt: Time!
  description: String
  id: ID!
  textColor: String!
  title: String!
  updatedAt: Time!
}
type LabelConnection { count: Int! nodes: [Label] pageInfo: PageInfo! }

type Milestone {
  createdAt: Time!
  description: String
  dueDate: Time
  expired: Boolean!
  groupMilestone: Boolean!
  id: ID!
  iid: ID!
  projectMilestone: Boolean!
  startDate: Time
  state: MilestoneStateEnum!
  title: String!
  updatedAt: Time!
  webPath: String!
}
type MilestoneConnection { nodes: [Milestone] pageInfo: PageInfo! }

type WorkItemType { id: WorkItemsTypeID! name: String! iconName: String }
type WorkItemTypeConnection { nodes: [WorkItemType] pageInfo: PageInfo! }

interface WorkItemWidget { type: WorkItemWidgetType }

type TaskCompletionStatus { completedCount: Int! count: Int! }

type WorkItemWidgetDescription implements WorkItemWidget {
  type: WorkItemWidgetType
  description: String
  edited: Boolean!
  lastEditedAt: Time
  lastEditedBy: UserCore
  taskCompletionStatus: TaskCompletionStatus # new
}
type WorkItemWidgetAssignees implements WorkItemWidget {
  type: WorkItemWidgetType
  allowsMultipleAssignees: Boolean
  assignees(after: String, before: String, first: Int, last: Int): UserCoreConnection
  canInviteMembers: Boolean!
}
type WorkItemWidgetHierarchy implements WorkItemWidget {
  type: WorkItemWidgetType
  parent: WorkItem
  children(after: String, before: String, first: Int, last: Int): WorkItemConnection
  hasChildren: Boolean!
  hasParent: Boolean! # new
}
type WorkItemWidgetMilestone implements WorkItemWidget { type: WorkItemWidgetType milestone: Milestone }
type WorkItemWidgetLabels implements WorkItemWidget {
  type: WorkItemWidgetType
  allowsScopedLabels: Boolean
  labels(after: String, before: String, first: Int, last: Int): LabelConnection
}
type WorkItemWidgetStartAndDueDate implements WorkItemWidget { type: WorkItemWidgetType startDate: Date dueDate: Date }
type LinkedWorkItemType { # new
  linkCreatedAt: Time!
  linkId: WorkItemsRelatedWorkItemLinkID!
  linkType: String! # relates_to, blocks or is_blocked_by, as the item that was asked sees it
  linkUpdatedAt: Time!
  workItem: WorkItem
  workItemState: WorkItemState!
}
type LinkedWorkItemTypeConnection { nodes: [LinkedWorkItemType] pageInfo: PageInfo! } # new
type WorkItemWidgetLinkedItems implements WorkItemWidget { # new
  type: WorkItemWidgetType
  blocked: Boolean
  blockedByCount: Int
  blockingCount: Int
  linkedItems(after: String, before: String, first: Int, last: Int,
    filter: WorkItemRelatedLinkType): LinkedWorkItemTypeConnection
}

type WorkItem {
  author: UserCore
  closedAt: Time
  confidential: Boolean!
  createdAt: Time!
  description: String
  id: WorkItemID!
  iid: ID!
  lockVersion: Int!
  namespace: Namespace
  project: Project
  reference(full: Boolean = false): String!
  state: WorkItemState!
  title: String!
  updatedAt: Time!
  webUrl: String
  widgets: [WorkItemWidget!]
  workItemType: WorkItemType!
}
type WorkItemEdge { cursor: String! node: WorkItem }
type WorkItemConnection {
  edges: [WorkItemEdge]
  nodes: [WorkItem]
  pageInfo: PageInfo!
  count: Int # new
}

type Project {
  id: ID!
  fullPath: ID!
  name: String!
  webUrl: String
  group: Group
  namespace: Namespace
  labels(after: String, before: String, first: Int, last: Int, includeAncestorGroups: Boolean = false,
    searchTerm: String, title: String): LabelConnection # title: new
  milestones(after: String, before: String, first: Int, last: Int, ids: [ID!], includeAncestors: Boolean,
    searchTitle: String, state: MilestoneStateEnum, title: String): MilestoneConnection
  workItemTypes(after: String, before: String, first: Int, last: Int, taskable: Boolean): WorkItemTypeConnection
  workItems(after: String, before: String, first: Int, last: Int, iid: String, iids: [String!], search: String,
    sort: WorkItemSort = created_desc, state: IssuableState, types: [IssueType!],
    updatedAfter: Time, updatedBefore: Time, confidential: Boolean, createdAfter: Time, createdBefore: Time,
    ids: [WorkItemID!], labelName: [String!], milestoneTitle: [String!],
    parentIds: [WorkItemID!]): WorkItemConnection # updatedAfter and all that follows: new
}
type Group {
  id: ID!
  epicsEnabled: Boolean
  fullPath: ID!
  labels(after: String, before: String, first: Int, last: Int, includeAncestorGroups: Boolean = false,
    includeDescendantGroups: Boolean = false, onlyGroupLabels: Boolean = false, searchTerm: String,
    title: String): LabelConnection # title: new
  name: String!
  parent: Group
  webUrl: String!
  milestones(after: String, before: String, first: Int, last: Int, ids: [ID!], includeAncestors: Boolean,
    searchTitle: String, state: MilestoneStateEnum, title: String): MilestoneConnection
  workItemTypes(after: String, before: String, first: Int, last: Int, taskable: Boolean): WorkItemTypeConnection
  workItems(after: String, before: String, first: Int, last: Int, iid: String, iids: [String!], search: String,
    sort: WorkItemSort = created_desc, state: IssuableState, types: [IssueType!],
    updatedAfter: Time, updatedBefore: Time, includeDescendants: Boolean = false, excludeProjects: Boolean = false,
    confidential: Boolean, createdAfter: Time, createdBefore: Time, ids: [WorkItemID!], labelName: [String!],
    milestoneTitle: [String!], parentIds: [WorkItemID!]): WorkItemConnection # new
}
type NamespaceAvailableFeatures { # new, 18.1
  hasBlockedIssuesFeature: Boolean!
  hasEpicsFeature: Boolean!
  hasSubepicsFeature: Boolean!
}
type Namespace {
  availableFeatures: NamespaceAvailableFeatures # new, 18.1
  id: ID!
  fullPath: ID!
  name: String!
  workItem(iid: String!): WorkItem # new
  workItemTypes(after: String, before: String, first: Int, last: Int, onlyAvailable: Boolean,
    name: IssueType): WorkItemTypeConnection # new
  workItems(after: String, before: String, first: Int, last: Int, iid: String, iids: [String!], search: String,
    sort: WorkItemSort = created_desc, state: IssuableState, types: [IssueType!],
    updatedAfter: Time, updatedBefore: Time, includeDescendants: Boolean = false, excludeProjects: Boolean = false,
    confidential: Boolean, createdAfter: Time, createdBefore: Time, ids: [WorkItemID!], labelName: [String!],
    milestoneTitle: [String!], parentIds: [WorkItemID!]): WorkItemConnection # new
}

type Query {
  currentUser: UserCore
  metadata: Metadata
  group(fullPath: ID!): Group
  milestone(id: MilestoneID!): Milestone
  namespace(fullPath: ID!): Namespace
  project(fullPath: ID!): Project
  workItem(id: WorkItemID!): WorkItem
}

input WorkItemWidgetDescriptionInput { description: String! }
input WorkItemWidgetHierarchyCreateInput { parentId: WorkItemID }
input WorkItemWidgetHierarchyUpdateInput { childrenIds: [WorkItemID!] parentId: WorkItemID }
input WorkItemWidgetMilestoneInput { milestoneId: MilestoneID }
input WorkItemWidgetLabelsUpdateInput { addLabelIds: [LabelID!] removeLabelIds: [LabelID!] }
input WorkItemWidgetLabelsCreateInput { labelIds: [LabelID!]! } # new
input WorkItemWidgetStartAndDueDateUpdateInput {
  dueDate: Date
  startDate: Date
  isFixed: Boolean # new
}
enum WorkItemRelatedLinkType { BLOCKED_BY BLOCKS RELATED } # new
input WorkItemWidgetLinkedItemsCreateInput { # new
  linkType: WorkItemRelatedLinkType = RELATED
  workItemsIds: [WorkItemID!]!
}

input WorkItemCreateInput {
  clientMutationId: String
  confidential: Boolean
  description: String
  hierarchyWidget: WorkItemWidgetHierarchyCreateInput
  milestoneWidget: WorkItemWidgetMilestoneInput
  namespacePath: ID
  projectPath: ID
  title: String!
  workItemTypeId: WorkItemsTypeID!
  descriptionWidget: WorkItemWidgetDescriptionInput # new
  labelsWidget: WorkItemWidgetLabelsCreateInput # new
  startAndDueDateWidget: WorkItemWidgetStartAndDueDateUpdateInput # new
  linkedItemsWidget: WorkItemWidgetLinkedItemsCreateInput # new
}
input WorkItemUpdateInput {
  clientMutationId: String
  confidential: Boolean
  descriptionWidget: WorkItemWidgetDescriptionInput
  hierarchyWidget: WorkItemWidgetHierarchyUpdateInput
  id: WorkItemID!
  labelsWidget: WorkItemWidgetLabelsUpdateInput
  milestoneWidget: WorkItemWidgetMilestoneInput
  startAndDueDateWidget: WorkItemWidgetStartAndDueDateUpdateInput
  stateEvent: WorkItemStateEvent
  title: String
}
input WorkItemAddLinkedItemsInput { # new
  clientMutationId: String
  id: WorkItemID!
  linkType: WorkItemRelatedLinkType
  workItemsIds: [WorkItemID!]!
}
input WorkItemRemoveLinkedItemsInput { clientMutationId: String id: WorkItemID! workItemsIds: [WorkItemID!]! } # new
input WorkItemDeleteInput { clientMutationId: String id: WorkItemID! }

type WorkItemCreatePayload { clientMutationId: String errors: [String!]! workItem: WorkItem }
type WorkItemUpdatePayload { clientMutationId: String errors: [String!]! workItem: WorkItem }
type WorkItemDeletePayload {
  clientMutationId: String
  errors: [String!]!
  namespace: Namespace # new
  project: Project
}
type WorkItemAddLinkedItemsPayload { # new
  clientMutationId: String
  errors: [String!]!
  message: String
  workItem: WorkItem
}
type WorkItemRemoveLinkedItemsPayload { # new
  clientMutationId: String
  errors: [String!]!
  message: String
  workItem: WorkItem
}

type Mutation {
  workItemCreate(input: WorkItemCreateInput!): WorkItemCreatePayload
  workItemUpdate(input: WorkItemUpdateInput!): WorkItemUpdatePayload
  workItemDelete(input: WorkItemDeleteInput!): WorkItemDeletePayload
  workItemAddLinkedItems(input: WorkItemAddLinkedItemsInput!): WorkItemAddLinkedItemsPayload # new
  workItemRemoveLinkedItems(input: WorkItemRemoveLinkedItemsInput!): WorkItemRemoveLinkedItemsPayload # new
}
"""
