"""What the stateful test moves: a roadmap as a value, people in a tracker, and what the tracker shows at a moment.

Every node's words end in a token of their own ("n17"), so that the test tells what is what without asking Milepost.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

SLUG = "small"
BEGIN = "<!-- milepost:begin -->"
MARK = re.compile(r"<!-- milepost:small/(\S+) -->")
TOKEN = re.compile(r"\bn(\d+)\b")
BOX = re.compile(r"^- \[([ x])\] (.*)$")
WORDS = [
    "anchor",
    "basket",
    "candle",
    "drawer",
    "engine",
    "fabric",
    "garden",
    "hammer",
    "island",
    "jacket",
    "kettle",
    "ladder",
    "marble",
    "needle",
    "orchard",
    "pencil",
    "quarry",
    "ribbon",
    "saddle",
    "tunnel",
    "umbrella",
    "velvet",
    "window",
    "yellow",
    "zipper",
    "bridge",
    "copper",
    "desert",
    "eleven",
    "forest",
    "granite",
    "harbour",
    "insect",
    "jungle",
    "kitchen",
    "lantern",
    "meadow",
    "nickel",
    "oyster",
    "pepper",
    "quiver",
    "rocket",
    "silver",
    "timber",
    "uniform",
    "village",
    "walnut",
]


# -- the roadmap


@dataclass
class Node:
    """A node of the roadmap. `id` is the test's own and lasts; keys of steps follow from their place."""

    id: int
    kind: str
    key: str
    words: str
    done: bool = False
    children: list[Node] = field(default_factory=list)


class Roadmap:
    """A document that changes by one edit at a time."""

    def __init__(self) -> None:
        self.made = 0
        self.letters = 0
        self.milestones: list[Node] = []
        self.removed: list[tuple[Node, Node | None, int]] = []  # the node, what it was in, at which place
        for tasks in ((2, 1), (1,)):
            milestone = self.new("milestone")
            self.milestones.append(milestone)
            for steps in tasks:
                task = self.new("task", milestone)
                milestone.children.append(task)
                task.children += [self.new("step") for _ in range(steps)]

    def new(self, kind: str, above: Node | None = None, *, done: bool = False) -> Node:
        self.made += 1
        chosen = random.Random(self.made).sample(WORDS, 4)
        key = ""
        if kind == "milestone":
            key = f"M{sum(1 for _ in self.all('milestone')) + 1}"
        elif kind == "task":
            self.letters += 1
            number = above.key[1:] if above else "1"
            key = f"{number}{chr(64 + self.letters)}" if self.letters <= 26 else f"{number}Z{self.letters}"
        return Node(self.made, kind, key, f"{' '.join(chosen).capitalize()} n{self.made}", done)

    def all(self, kind: str = "") -> Iterator[Node]:
        """Every node that ever was, removed ones too."""
        ahead = [*self.milestones, *(node for node, _, _ in self.removed)]
        while ahead:
            node = ahead.pop(0)
            if node.kind == kind or not kind:
                yield node
            ahead += node.children

    def living(self, kind: str = "") -> list[Node]:
        found: list[Node] = []
        for milestone in self.milestones:
            found.append(milestone)
            for task in milestone.children:
                found += [task, *task.children]
        return [node for node in found if node.kind == kind or not kind]

    def above(self, node: Node) -> Node | None:
        return next((one for one in self.all() if any(child is node for child in one.children)), None)

    def key(self, node: Node) -> str:
        if node.kind != "step":
            return node.key
        task = self.above(node)
        assert task is not None
        place = next(number for number, step in enumerate(task.children, 1) if step is node)
        return f"{task.key}.{place}"

    def title(self, node: Node) -> str:
        """What the node's own object is called."""
        return f"{self.key(node)} {'' if node.kind == 'step' else '— '}{node.words}"

    def siblings(self, node: Node) -> list[Node]:
        above = self.above(node)
        return above.children if above else self.milestones

    def remove(self, node: Node) -> None:
        group = self.siblings(node)
        place = next(number for number, one in enumerate(group) if one is node)
        self.removed.append((node, self.above(node), place))
        del group[place]

    def bring_back(self, number: int) -> Node | None:
        """The node is back where it was, if that is there."""
        alive = {node.id for node in self.living()}
        there = [entry for entry in self.removed if entry[1] is None or entry[1].id in alive]
        if not there:
            return None
        entry = there[number % len(there)]
        self.removed = [one for one in self.removed if one is not entry]
        node, above, place = entry
        (above.children if above else self.milestones).insert(place, node)
        return node

    def text(self) -> str:
        lines = ["# Small Programme", ""]
        for milestone in self.milestones:
            lines += [
                f"### Milestone {milestone.key} — {milestone.words}{' ✅' if milestone.done else ''}",
                "- **Target Window:** Weeks 0–2",
                f"- **Objective:** Reach what {milestone.key} is for.",
                "- **Tasks:**",
            ]
            for task in milestone.children:
                lines.append(f"  - {'[x] ' if task.done else ''}**Task {task.key} — {task.words}**")
                lines += [f"    - [{'x' if step.done else ' '}] {step.words}" for step in task.children]
            lines.append("")
        return "\n".join(lines)


# -- the tracker

Name = tuple[str, int]
"""("milestone" or "item", number): an object of the tracker."""


@dataclass(frozen=True)
class Thing:
    """An object as people see it. `api` is what the API names it by where the number doesn't do."""

    name: Name
    api: int
    title: str
    text: str
    state: str
    reason: str | None = None
    labels: frozenset[str] = frozenset()
    milestone: Name | None = None
    parent: Name | None = None
    assignees: tuple[str, ...] = ()
    task: bool = False  # GitLab: a child item

    @property
    def lines(self) -> list[str]:
        return self.text.replace("\r\n", "\n").split("\n")

    def _edges(self) -> tuple[int, int] | None:
        """Numbers of the section's first and last line."""
        lines = self.lines
        begin = next((n for n, line in enumerate(lines) if BEGIN in line), None)
        end = next((n for n, line in enumerate(lines) if begin is not None and n > begin and MARK.search(line)), None)
        return None if begin is None or end is None else (begin, end)

    @property
    def outside(self) -> tuple[str, str]:
        """What people wrote above and below the section."""
        edges = self._edges()
        if edges is None:
            return "\n".join(self.lines).rstrip(), ""
        return "\n".join(self.lines[: edges[0]]), "\n".join(self.lines[edges[1] + 1 :])

    @property
    def section(self) -> list[str]:
        edges = self._edges()
        return self.lines[edges[0] + 1 : edges[1]] if edges else []

    @property
    def marker(self) -> str | None:
        found = MARK.search(self.text)
        return found.group(1) if found else None


Snap = dict[Name, Thing]


class Tracker:
    """People at work in a box, over its own API."""

    def __init__(self, url: str, path: str, *, github: bool) -> None:
        self.url, self.path, self.github = url, path, github
        base = f"{url}/repos/{path}" if github else f"{url}/api/v4/projects/{path.replace('/', '%2F')}"
        headers = {"Authorization": "Bearer a-person"}
        self.http = httpx.Client(base_url=base, headers=headers, trust_env=False, timeout=30)
        self._task_type = ""

    def call(self, method: str, path: str, **body: Any) -> Any:
        answer = self.http.request(method, path, json=body or None).raise_for_status()
        return answer.json() if answer.content else None

    def snap(self) -> Snap:
        found: Snap = {}
        for row in self.call(
            "GET", "/milestones?state=all&per_page=100" if self.github else "/milestones?per_page=100"
        ):
            name = ("milestone", row["number" if self.github else "id"])
            state = "closed" if row["state"] == "closed" else "open"
            found[name] = Thing(name, row["id"], row["title"], row["description"] or "", state)
        query = "state=all" if self.github else "scope=all"
        rows: list[Any] = []
        while len(rows) % 100 == 0:
            page = self.call("GET", f"/issues?{query}&per_page=100&page={len(rows) // 100 + 1}")
            if not page:
                break
            rows += page
        parents = {} if self.github else self._parents(rows)
        for row in rows:
            thing = self._github(row) if self.github else self._gitlab(row, parents)
            found[thing.name] = thing
        return found

    def _github(self, row: Any) -> Thing:
        above = row.get("parent_issue_url")
        return Thing(
            ("item", row["number"]),
            row["id"],
            row["title"],
            row["body"] or "",
            row["state"],
            row["state_reason"] if row["state"] == "closed" else None,
            frozenset(label["name"] for label in row["labels"]),
            ("milestone", row["milestone"]["number"]) if row["milestone"] else None,
            ("item", int(above.rsplit("/", 1)[1])) if above else None,
            tuple(one["login"] for one in row["assignees"]),
        )

    def _gitlab(self, row: Any, parents: dict[int, int]) -> Thing:
        closed = row["state"] == "closed"
        double = row["_links"]["closed_as_duplicate_of"]
        return Thing(
            ("item", row["iid"]),
            row["id"],
            row["title"],
            row["description"] or "",
            "closed" if closed else "open",
            ("duplicate" if double else "completed") if closed else None,
            frozenset(row["labels"]),
            ("milestone", row["milestone"]["id"]) if row["milestone"] else None,
            ("item", parents[row["iid"]]) if row["iid"] in parents else None,
            tuple(one["username"] for one in row["assignees"]),
            row["issue_type"] == "task",
        )

    def graphql(self, query: str, **variables: Any) -> Any:
        headers = {"Authorization": "Bearer a-person"}
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/api/graphql", json=body, headers=headers, trust_env=False).raise_for_status()
        assert "errors" not in answer.json(), answer.json()
        return answer.json()["data"]

    def _parents(self, rows: list[Any]) -> dict[int, int]:
        iids = [str(row["iid"]) for row in rows if row["issue_type"] == "task"]
        query = (
            "query($p: ID!, $i: [String!]) { project(fullPath: $p) { workItems(iids: $i) { nodes { iid widgets {"
            " ... on WorkItemWidgetHierarchy { parent { iid } } } } } } }"
        )
        found: dict[int, int] = {}
        for start in range(0, len(iids), 50):
            data = self.graphql(query, p=self.path, i=iids[start : start + 50])
            for node in data["project"]["workItems"]["nodes"]:
                above = next((w["parent"] for w in node["widgets"] if w.get("parent")), None)
                if above:
                    found[int(node["iid"])] = int(above["iid"])
        return found

    # what people do

    def edit(self, thing: Thing, **fields: Any) -> None:
        """`title`, `text`, `state` ("open", "closed", "not_planned"), `milestone` (a Thing or None)."""
        body: dict[str, Any] = {}
        if "title" in fields:
            body["title"] = fields["title"]
        if "text" in fields:
            own = "body" if self.github and thing.name[0] == "item" else "description"
            body[own] = fields["text"]
        if "state" in fields:
            body |= self._state(thing, fields["state"])
        if "milestone" in fields:
            other = fields["milestone"]
            key = "milestone" if self.github else "milestone_id"
            body[key] = other.name[1] if other else None if self.github else 0
        family = "milestones" if thing.name[0] == "milestone" else "issues"
        self.call("PATCH" if self.github else "PUT", f"/{family}/{thing.name[1]}", **body)

    def _state(self, thing: Thing, state: str) -> dict[str, str]:
        if not self.github:
            again = "activate" if thing.name[0] == "milestone" else "reopen"
            return {"state_event": again if state == "open" else "close"}
        if thing.name[0] == "milestone" or state == "open":
            return {"state": "open" if state == "open" else "closed"}
        return {"state": "closed", "state_reason": "not_planned" if state == "not_planned" else "completed"}

    def drop(self, thing: Thing, other: Thing) -> None:
        """Closed, and not for being done: GitLab knows only duplicates."""
        if self.github:
            self.edit(thing, state="not_planned")
        else:
            self.call("POST", f"/issues/{thing.name[1]}/notes", body=f"/duplicate #{other.name[1]}")

    def label(self, thing: Thing, name: str, on: bool) -> None:
        if not self.github:
            self.call("PUT", f"/issues/{thing.name[1]}", **{"add_labels" if on else "remove_labels": name})
        elif on:
            self.call("POST", f"/issues/{thing.name[1]}/labels", labels=[name])
        else:
            self.call("DELETE", f"/issues/{thing.name[1]}/labels/{name}")

    def add(self, title: str, text: str = "", *, milestone: Thing | None = None, parent: Thing | None = None) -> Name:
        """A new issue; under `parent` a sub-issue, or on GitLab a task."""
        if not self.github and parent is not None:
            name = self._add_task(title, text, parent)
            if milestone is not None:
                self.call("PUT", f"/issues/{name[1]}", milestone_id=milestone.name[1])
            return name
        body: dict[str, Any] = {"title": title, "body" if self.github else "description": text}
        if milestone is not None:
            body["milestone" if self.github else "milestone_id"] = milestone.name[1]
        made = self.call("POST", "/issues", **body)
        if parent is not None:
            self.call("POST", f"/issues/{parent.name[1]}/sub_issues", sub_issue_id=made["id"])
        return ("item", made["number" if self.github else "iid"])

    def _add_task(self, title: str, text: str, parent: Thing) -> Name:
        if not self._task_type:
            query = "query($p: ID!) { project(fullPath: $p) { workItemTypes { nodes { id name } } } }"
            types = self.graphql(query, p=self.path)["project"]["workItemTypes"]["nodes"]
            (self._task_type,) = [entry["id"] for entry in types if entry["name"] == "Task"]
        given = {
            "namespacePath": self.path,
            "title": title,
            "workItemTypeId": self._task_type,
            "hierarchyWidget": {"parentId": f"gid://gitlab/WorkItem/{parent.api}"},
            "descriptionWidget": {"description": text},
        }
        query = "mutation($i: WorkItemCreateInput!) { workItemCreate(input: $i) { errors workItem { iid } } }"
        made = self.graphql(query, i=given)["workItemCreate"]
        assert made["errors"] == [], made
        return ("item", int(made["workItem"]["iid"]))

    def put_under(self, thing: Thing, parent: Thing | None, was: Thing | None) -> None:
        if not self.github:
            above = f"gid://gitlab/WorkItem/{parent.api}" if parent else None
            query = "mutation($i: WorkItemUpdateInput!) { workItemUpdate(input: $i) { errors } }"
            given = {"id": f"gid://gitlab/WorkItem/{thing.api}", "hierarchyWidget": {"parentId": above}}
            assert self.graphql(query, i=given)["workItemUpdate"]["errors"] == []
        elif parent is not None:
            self.call("POST", f"/issues/{parent.name[1]}/sub_issues", sub_issue_id=thing.api, replace_parent=True)
        elif was is not None:
            self.call("DELETE", f"/issues/{was.name[1]}/sub_issue", sub_issue_id=thing.api)

    def delete(self, thing: Thing) -> None:
        if thing.name[0] == "milestone":
            self.call("DELETE", f"/milestones/{thing.name[1]}")
            return
        path = f"{self.path}/{thing.name[1]}" if self.github else str(thing.name[1])
        params = {} if self.github else {"project": self.path}
        httpx.delete(f"{self.url}/_sandbox/issues/{path}", params=params, trust_env=False).raise_for_status()

    def add_milestone(self, title: str) -> Name:
        made = self.call("POST", "/milestones", title=title)
        return ("milestone", made["number" if self.github else "id"])

    def close(self) -> None:
        self.http.close()
