"""The pages people use: projects, a project's milestones and issues, one issue with boxes to tick.

Everything a page does goes through the store's verbs, so that it counts as GitLab's own users at work: `updated_at`
moves and webhooks are sent. Text is shown as it is, escaped; only checklist boxes are more than text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from connectors.sandbox.gitlab import render, text
from connectors.sandbox.gitlab.records import Fields, Group, Issue, Milestone, Owner, Project, Refused
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.switches import environment, read_form

_TEMPLATES = environment()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a description as shown: a checklist box when `box` is its index, else text."""

    text: str
    box: int | None = None
    done: bool = False
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    milestone: Milestone
    done: int
    total: int


Form = Annotated[dict[str, str], Depends(read_form)]


def routes(store: Store) -> APIRouter:
    router = APIRouter()

    @router.get("/", response_class=HTMLResponse)
    def projects() -> str:
        with store.lock:
            shown = sorted(store.projects.values(), key=lambda p: p.path)
            groups = sorted(store.groups.values(), key=lambda g: g.path) if store.premium else []
            return _page("projects.html", projects=shown, groups=groups)

    @router.get("/{path:path}", response_class=HTMLResponse)
    def show(path: str) -> Response:
        place, _, inside = path.strip("/").partition("/-/")
        with store.lock:
            owner = _owner(store, place)
            part, _, iid = inside.partition("/")
            if part in ("issues", "work_items", "epics") and iid.isdigit():
                return HTMLResponse(_issue_page(store, store.issue(owner, int(iid))))
            if part in ("", "issues", "work_items", "epics", "milestones") and (not iid or part == "milestones"):
                return HTMLResponse(_owner_page(store, owner))
        raise _missing()

    @router.post("/{path:path}")
    def act(path: str, form: Form) -> Response:
        place, _, inside = path.strip("/").partition("/-/")
        part, _, iid = inside.partition("/")
        with store.lock:
            owner = _owner(store, place)
            if part not in ("issues", "work_items", "epics"):
                raise _missing()
            if iid:
                issue = store.issue(owner, int(iid) if iid.isdigit() else 0)
                _change(store, issue, form)
            else:
                issue = store.create_issue(owner, _fields(store, owner, form), "Epic" if part == "epics" else "Issue")
            return RedirectResponse(_address(store, issue), 303)

    return router


def _owner(store: Store, place: str) -> Owner:
    """A place that exists: looking at an address makes nothing."""
    found = (
        store.groups.get(place.removeprefix("groups/")) if place.startswith("groups/") else store.projects.get(place)
    )
    if not found:
        raise _missing()
    return found


def _missing() -> Refused:
    return Refused(404, {"error": "404 Not Found"})


def _fields(store: Store, owner: Owner, form: dict[str, str]) -> Fields:
    fields: Fields = {"title": form.get("title", "")}
    if "description" in form:
        fields["description"] = form["description"]
    if "milestone" in form:
        found = store.milestones.get(int(form["milestone"])) if form["milestone"].isdigit() else None
        fields["milestone"] = found if found in store.milestones_of(owner, ancestors=True) else None
    if "parent" in form:
        parent = store.issues.get(int(form["parent"])) if form["parent"].isdigit() else None
        fields["parent"] = parent if parent in _epics_above(store, owner) else None
    return fields


def _epics_above(store: Store, owner: Owner) -> list[Issue]:
    """The epics that an issue of the project can be put under by mouse: those of its groups."""
    if not isinstance(owner, Project) or not store.premium:
        return []
    return [i for i in store.issues.values() if i.type == "Epic" and i.owner in owner.group.ancestors]


def _change(store: Store, issue: Issue, form: dict[str, str]) -> None:
    if "box" in form:
        index = form["box"]
        if not index.isdigit() or int(index) >= len(text.tasks(issue.description)):
            raise Refused(400, {"error": "box is invalid"})
        store.tick(issue, int(index))
    elif form.get("do") in ("close", "reopen"):
        store.update_issue(issue, {"state_event": form["do"]})
    elif form.get("do") == "save":
        store.update_issue(issue, _fields(store, issue.owner, form))
    else:
        raise Refused(400, {"error": "do is invalid"})


def _owner_page(store: Store, owner: Owner) -> str:
    issues = store.issues_of(owner)
    milestones = [
        Progress(m, sum(i.state == "closed" for i in inside), len(inside))
        for m in sorted(store.milestones_of(owner, ancestors=True), key=lambda m: (str(m.due_date or "~"), m.title))
        for inside in [[i for i in issues if i.milestone is m]]
    ]
    kind = "epics" if isinstance(owner, Group) else "issues"
    prefix = "groups/" if isinstance(owner, Group) else ""
    return _page(
        "project.html",
        owner=owner,
        milestones=milestones,
        issues=sorted(issues, key=lambda i: i.iid),
        new=f"/{prefix}{quote(owner.path)}/-/{kind}",
        noun="epic" if isinstance(owner, Group) else "issue",
        address=_addresser(store),
    )


def _issue_page(store: Store, issue: Issue) -> str:
    return _page(
        "issue.html",
        issue=issue,
        lines=_lines(issue.description),
        milestones=store.milestones_of(issue.owner, ancestors=True),
        epics=_epics_above(store, issue.owner) if issue.type == "Issue" else [],
        home=f"/{'groups/' if isinstance(issue.owner, Group) else ''}{quote(issue.owner.path)}",
        address=_addresser(store),
        reference=render.reference(issue),
    )


def _addresser(store: Store) -> Callable[[Issue], str]:
    return lambda issue: _address(store, issue)


def _address(store: Store, issue: Issue) -> str:
    return render.issue_url(store, issue).removeprefix(store.origin)


def _lines(description: str | None) -> list[Line]:
    boxes = {task.line: (index, task) for index, task in enumerate(text.tasks(description))}
    shown = []
    for number, line in enumerate((description or "").split("\n")):
        if number in boxes:
            index, task = boxes[number]
            shown.append(Line(task.label, index, task.done, len(line) - len(line.lstrip())))
        else:
            shown.append(Line(line))
    return shown


def _page(template: str, **values: object) -> str:
    return _TEMPLATES.get_template(f"gitlab/{template}").render(**values)
