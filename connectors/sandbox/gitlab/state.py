"""The box's state and its verbs: find or make a project, milestones, issues and other work items, labels, links.

Every door (REST, GraphQL, pages) goes through `Store`. Its verbs take the lock, fire webhooks, and leave `updated_at`
alone when nothing changed.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from typing import TypeVar

from connectors.sandbox.gitlab import text
from connectors.sandbox.gitlab.actions import meaning
from connectors.sandbox.gitlab.records import (
    Fields,
    Group,
    Issue,
    Label,
    Link,
    Milestone,
    MilestoneFields,
    NotAvailable,
    Note,
    Owner,
    Project,
    Refused,
)
from connectors.sandbox.gitlab.rules import (
    MAX_DESCRIPTION,
    MAX_TITLE,
    Snapshot,
    check_lengths,
    check_link,
    check_parent,
    milestone_values,
    snapshot,
)
from connectors.sandbox.kit import Clock, Options

TYPES = ("Issue", "Incident", "Task", "Epic")
PLANS = ("free", "premium", "ultimate")

OnIssue = Callable[[Issue, str, Snapshot, Snapshot], None]  # the issue, the action, before, after
OnMilestone = Callable[[Milestone, str], None]
_Named = TypeVar("_Named", Project, Group)


class Store:
    """All ids come from one counter, well above any iid, so that taking one for the other finds nothing."""

    def __init__(self, options: Options, clock: Clock, plan: str = "free", version: str = "19.0.0") -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.plan = plan  # one of PLANS
        self.version = version
        self.origin = "http://gitlab.sandbox"  # as the last request named this server
        self.groups: dict[str, Group] = {}
        self.projects: dict[str, Project] = {}
        self.milestones: dict[int, Milestone] = {}
        self.issues: dict[int, Issue] = {}
        self.labels: dict[int, Label] = {}
        self.links: dict[int, Link] = {}
        self.on_issue: OnIssue = lambda *_: None
        self.on_milestone: OnMilestone = lambda *_: None
        self._places: dict[tuple[int, int], Issue] = {}  # by owner's id and iid
        self._fixed = bool(options.paths)
        self._ids = itertools.count(1001)
        for path in options.paths:
            self._make_project(path)

    def new_id(self) -> int:
        return next(self._ids)

    def since(self, *version: int) -> bool:
        """Whether this GitLab is of that version or a later one: `since(18, 2)`."""
        return tuple(int(part) for part in self.version.split(".")[: len(version)]) >= version

    @property
    def premium(self) -> bool:
        """Whether there are epics, blocking links and group webhooks."""
        return self.plan != "free"

    # Groups and projects

    def project(self, ref: str) -> Project:
        """By id or by path; a path is made on first use unless the box has fixed ones. Refused: 404."""
        with self.lock:
            found = _by_ref(self.projects, ref)
            if not found and not self._fixed and not ref.isdigit() and "/" in ref and ref not in self.groups:
                found = self._make_project(ref)
            if not found:
                raise Refused(404, {"message": "404 Project Not Found"})
            return found

    def group(self, ref: str) -> Group:
        with self.lock:
            found = _by_ref(self.groups, ref)
            if not found and not self._fixed and not ref.isdigit() and ref not in self.projects:
                found = self._make_group(ref)
            if not found:
                raise Refused(404, {"message": "404 Group Not Found"})
            return found

    def owner(self, path: str, group: bool = False) -> Owner:
        """A project or a group by its full path. `group`: an unknown one is made as a group, whatever its depth."""
        with self.lock:
            if path in self.groups or "/" not in path or (group and path not in self.projects):
                return self.group(path)
            return self.project(path)

    def _make_project(self, path: str) -> Project:
        if not re.fullmatch(r"\w[\w.+-]*(/\w[\w.+-]*)+", path):
            raise Refused(404, {"message": "404 Project Not Found"})
        group = self.groups.get(path.rpartition("/")[0]) or self._make_group(path.rpartition("/")[0])
        made = self.projects[path] = Project(self.new_id(), path, group, self.clock.now())
        return made

    def _make_group(self, path: str) -> Group:
        above = path.rpartition("/")[0]
        if not re.fullmatch(r"\w[\w.+-]*(/\w[\w.+-]*)*", path):
            raise Refused(404, {"message": "404 Group Not Found"})
        parent = (self.groups.get(above) or self._make_group(above)) if above else None
        type_ids = parent.type_ids if parent else {name: self.new_id() for name in TYPES}
        made = self.groups[path] = Group(self.new_id(), path, parent, type_ids, self.clock.now())
        return made

    # Milestones

    def milestones_of(self, owner: Owner, ancestors: bool = False) -> list[Milestone]:
        with self.lock:
            owners: list[Owner] = [owner]
            if ancestors:
                owners += owner.group.ancestors if isinstance(owner, Project) else owner.ancestors[1:]
            return [m for m in self.milestones.values() if m.owner in owners]

    def create_milestone(self, owner: Owner, fields: MilestoneFields) -> Milestone:
        """Refused (400): no title, a title in use, a due date not after the start date (`Milestone`, `Timebox`)."""
        with self.lock:
            now = self.clock.now()
            made = Milestone(0, 0, owner, "", None, None, None, now, now)
            self._set_milestone(made, fields)
            made.id = self.new_id()
            made.iid = owner.last_milestone = owner.last_milestone + 1
            self.milestones[made.id] = made
            self.on_milestone(made, "create")
            return made

    def update_milestone(self, milestone: Milestone, fields: MilestoneFields) -> None:
        with self.lock:
            before = milestone_values(milestone)
            was = milestone.state
            self._set_milestone(milestone, fields)
            if event := fields.get("state_event"):
                milestone.state = "closed" if event == "close" else "active"
            if milestone_values(milestone) != before:
                milestone.updated_at = self.clock.now()
            if milestone.state != was:
                self.on_milestone(milestone, "close" if milestone.state == "closed" else "reopen")

    def delete_milestone(self, milestone: Milestone) -> None:
        with self.lock:
            del self.milestones[milestone.id]
            self.on_milestone(milestone, "delete")
            for issue in self.issues.values():
                if issue.milestone is milestone:
                    issue.milestone = None

    def _set_milestone(self, milestone: Milestone, fields: MilestoneFields) -> None:
        # A blank title is not taken (`Timebox#title=`), so an update with one changes nothing.
        title = text.plain_title(fields.get("title", "")) or milestone.title
        start = fields.get("start_date", milestone.start_date)
        due = fields.get("due_date", milestone.due_date)
        wrong: dict[str, list[str]] = {}
        if not title:
            wrong["title"] = ["can't be blank"]
        elif len(title) > MAX_TITLE:
            wrong["title"] = [f"is too long (maximum is {MAX_TITLE} characters)"]
        elif any(m.title == title and m is not milestone for m in self._rivals(milestone.owner)):
            wrong["title"] = ["already being used for another group or project milestone."]
        if len(fields.get("description") or "") > MAX_DESCRIPTION:
            wrong["description"] = [f"is too long (maximum is {MAX_DESCRIPTION} characters)"]
        if start and due and due <= start:
            wrong["due_date"] = ["must be greater than start date"]
        if wrong:
            # `API::MilestoneResponses` prints the errors as Ruby prints a hash.
            told = ", ".join(f':{name}=>["{why[0]}"]' for name, why in wrong.items())
            verb = "update" if milestone.id else "create"
            raise Refused(400, {"message": f"Failed to {verb} milestone {{{told}}}"})
        milestone.title, milestone.start_date, milestone.due_date = title, start, due
        milestone.description = fields.get("description", milestone.description)

    def _rivals(self, owner: Owner) -> list[Milestone]:
        """A project's title must be free in it and its groups; a group's also in all that is below it."""
        mine = owner.group if isinstance(owner, Project) else owner
        return [
            m
            for m in self.milestones.values()
            if m.owner is owner
            or m.owner in mine.ancestors
            or (owner is mine and mine in (m.owner.group if isinstance(m.owner, Project) else m.owner).ancestors)
        ]

    # Issues and other work items

    def issues_of(self, owner: Owner, below: bool = False) -> list[Issue]:
        """Those of a project or a group itself; `below` adds what a group's subgroups and projects hold."""
        with self.lock:
            return [
                i
                for i in self.issues.values()
                if i.owner is owner
                or (below and owner in (i.owner.group if isinstance(i.owner, Project) else i.owner).ancestors)
            ]

    def issue(self, owner: Owner, iid: int) -> Issue:
        found = self._places.get((owner.id, iid))
        if not found:
            raise Refused(404, {"message": "404 Not found"})
        return found

    def create_issue(self, owner: Owner, fields: Fields, kind: str = "Issue") -> Issue:
        """Refused: 400, by length. NotAvailable without the licence; NotAllowed by the hierarchy."""
        with self.lock:
            self._check_type(owner, kind)
            now = self.clock.now()
            made = Issue(0, 0, owner, kind, "", now, now)
            wanted = self._act(made, fields)
            self._check(made, wanted)
            made.id = self.new_id()
            made.iid = owner.last_issue = owner.last_issue + 1
            made.epic_id = self.new_id() if kind == "Epic" else 0
            self._assign(made, wanted)
            self.issues[made.id] = self._places[owner.id, made.iid] = made
            self._touch(made.parent)
            self.on_issue(made, "open", {}, snapshot(made))
            return made

    def update_issue(self, issue: Issue, fields: Fields) -> None:
        """Bumps `updated_at` and fires webhooks only for what really changed; a new state has a call of its own."""
        with self.lock:
            wanted = self._act(issue, fields)
            self._check(issue, wanted)
            before, parent = snapshot(issue), issue.parent
            self._assign(issue, wanted)
            event = "close" if wanted.get("duplicate_of") else wanted.get("state_event")
            if event and (issue.state == "opened") == (event == "close"):
                issue.state = "closed" if event == "close" else "opened"
                issue.closed_at = self.clock.now() if event == "close" else None
                issue.duplicate_of = issue.duplicate_of if event == "close" else None
            after = snapshot(issue)
            if after == before:
                return
            issue.version += 1
            after["updated_at"] = issue.updated_at = self.clock.now()
            if issue.parent is not parent:
                self._touch(parent, issue.parent)
            if after["description"] != before["description"]:
                issue.edited_at = issue.updated_at
            if after["state"] != before["state"]:
                self.on_issue(issue, "close" if issue.state == "closed" else "reopen", before, after)
            if any(after[name] != before[name] for name in after if name not in ("state", "updated_at")):
                self.on_issue(issue, "update", before, after)

    def tick(self, issue: Issue, index: int) -> None:
        """What a click on a checklist box does. IndexError: there is no such box."""
        with self.lock:
            self.update_issue(issue, {"description": text.toggle(issue.description or "", index)})

    def add_note(self, issue: Issue, body: str) -> tuple[Note | None, list[text.Command]]:
        """Quick actions in it act; a note of nothing else is not kept."""
        with self.lock:
            kept, commands = text.extract(body)
            self.update_issue(issue, meaning(self, issue, commands))
            if not kept:
                return None, commands
            note = Note(self.new_id(), kept, self.clock.now())
            issue.notes.append(note)
            issue.updated_at = note.created_at
            self._notify(issue, kept)
            return note, commands

    def move_issue(self, issue: Issue, target: Project) -> Issue:
        """A new issue in the target; the old one closed, and pointing at it."""
        with self.lock:
            if target is issue.owner:
                raise Refused(400, {"message": "Cannot move issue to project it originates from!"})
            copy: Fields = {"title": issue.title, "labels": [x.name for x in issue.labels], "due_date": issue.due_date}
            moved = self.create_issue(target, copy, issue.type)
            moved.description, moved.created_at = issue.description, issue.created_at
            issue.moved_to = moved
            self.update_issue(issue, {"state_event": "close"})
            return moved

    def delete_issue(self, issue: Issue) -> None:
        with self.lock:
            del self.issues[issue.id], self._places[issue.owner.id, issue.iid]
            if issue.parent:
                issue.parent.children.remove(issue)
            for child in issue.children:
                child.parent = None
            for link in [x for x in self.links.values() if issue in (x.source, x.target)]:
                del self.links[link.id]

    def link(self, source: Issue, target: Issue, kind: str) -> Link:
        """Refused: 409 when linked already, 403 for blocking without a licence (`relates_to` alone is Free)."""
        with self.lock:
            check_link(source, target, kind, self.links.values(), self.premium)
            if kind == "is_blocked_by":
                source, target, kind = target, source, "blocks"
            made = Link(self.new_id(), source, target, kind, self.clock.now())
            self.links[made.id] = made
            source.updated_at = target.updated_at = made.created_at
            return made

    def unlink(self, link: Link) -> None:
        with self.lock:
            del self.links[link.id]
            link.source.updated_at = link.target.updated_at = self.clock.now()

    def _touch(self, *issues: Issue | None) -> None:
        """A child that comes or goes leaves a system note on its parent, and a note moves `updated_at`."""
        for issue in issues:
            if issue:
                issue.updated_at = self.clock.now()

    def _check_type(self, owner: Owner, kind: str) -> None:
        """Epics live in groups and need the licence, all else in projects (`check_feature_available!`)."""
        if (kind == "Epic") != isinstance(owner, Group) or (kind == "Epic" and not self.premium):
            raise NotAvailable(f"{kind} is not available in {owner.path}")

    def _check(self, issue: Issue, wanted: Fields) -> None:
        check_lengths(issue, wanted)
        parent = wanted.get("parent")
        if parent and parent is not issue.parent:
            confidential = wanted.get("confidential", issue.confidential)
            check_parent(issue, parent, confidential, self.links.values(), self.plan == "ultimate")

    def _assign(self, issue: Issue, wanted: Fields) -> None:
        """The fields but for the state, which only an update changes."""
        issue.title = wanted.get("title", issue.title).strip()
        if "description" in wanted:
            issue.description = wanted["description"] or None
            self._notify(issue, wanted["description"])
        issue.milestone = wanted.get("milestone", issue.milestone)
        issue.start_date = wanted.get("start_date", issue.start_date)
        issue.due_date = wanted.get("due_date", issue.due_date)
        issue.confidential = wanted.get("confidential", issue.confidential)
        issue.locked = wanted.get("locked", issue.locked)
        issue.assigned = wanted.get("assigned", issue.assigned)
        issue.weight = wanted.get("weight", issue.weight)
        issue.duplicate_of = wanted.get("duplicate_of", issue.duplicate_of)
        names = dict.fromkeys(wanted.get("labels", [x.name for x in issue.labels]))
        names |= dict.fromkeys(wanted.get("add_labels", []))
        drop = set(wanted.get("remove_labels", []))
        issue.labels = [self.label(issue.owner, name) for name in names if name not in drop]
        if "parent" in wanted and wanted["parent"] is not issue.parent:
            if issue.parent:
                issue.parent.children.remove(issue)
            issue.parent = wanted["parent"]
            if issue.parent:
                issue.parent.children.append(issue)

    def _notify(self, issue: Issue, content: str) -> None:
        issue.mentions += [name for name in text.mentions(content) if name not in issue.mentions]

    # Quick actions

    def _act(self, issue: Issue, fields: Fields) -> Fields:
        """The fields with the description's quick actions taken out of it and put beside it."""
        if "description" not in fields:
            return fields
        kept, commands = text.extract(fields["description"])
        return {**fields, "description": kept, **meaning(self, issue, commands)}

    # Labels

    def labels_of(self, owner: Owner, ancestors: bool = True) -> list[Label]:
        """A place's own, and with `ancestors` those of the groups above it, which it can use too."""
        above: list[Owner] = [owner]
        if ancestors:
            above += owner.group.ancestors if isinstance(owner, Project) else owner.ancestors[1:]
        with self.lock:
            return [x for x in self.labels.values() if x.owner in above]

    def label(self, owner: Owner, name: str, color: str = "#6699cc", description: str | None = None) -> Label:
        """The label of that name which the place can use, made in it if need be: REST makes labels that an issue
        names.
        """
        with self.lock:
            found = next((x for x in self.labels_of(owner) if x.name == name), None)
            if not found:
                found = Label(self.new_id(), owner, name, color, description, self.clock.now())
                self.labels[found.id] = found
            return found


def _by_ref(known: dict[str, _Named], ref: str) -> _Named | None:
    if ref.isdigit():
        return next((one for one in known.values() if one.id == int(ref)), None)
    return known.get(ref)
