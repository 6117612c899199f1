"""The page for people: read milestones and issues, tick boxes, close, reopen, edit, write new ones. No script.

Every action goes through the same functions as the API, so `updated_at` and webhooks follow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response

from connectors.sandbox.github import checklist, issues
from connectors.sandbox.github.control import PERSON
from connectors.sandbox.github.model import Issue, IssueEdit, Milestone, Refusal, Repo, not_found
from connectors.sandbox.github.state import Store
from connectors.sandbox.switches import environment, read_form

TEMPLATES = environment()
Form = dict[str, str]


def show(template: str, status: int = 200, **values: Any) -> Response:
    return Response(TEMPLATES.get_template(f"github/{template}").render(**values), status, media_type="text/html")


def see(address: str) -> Response:
    return Response(status_code=303, headers={"Location": address})


def path_of(issue: Issue) -> str:
    return f"/{issue.repo.full_name}/{'pull' if issue.pull else 'issues'}/{issue.number}"


def newest_first(repo: Repo, milestone: Milestone | None = None) -> list[Issue]:
    return [one for one in reversed(repo.issues.values()) if milestone is None or one.milestone is milestone]


TEMPLATES.globals.update(path_of=path_of, lines_of=checklist.read)


def act(store: Store, issue: Issue, form: Form) -> None:
    """What a button or the edit form asks for: `box`, or `action` close | skip | reopen | edit."""
    action = form.get("action")
    if "box" in form:
        box = int(form["box"]) if form["box"].isdigit() else -1
        change = IssueEdit(body=checklist.tick(issue.body or "", box))
    elif action == "close":
        change = IssueEdit(state="closed", state_reason="completed")
    elif action == "skip":
        change = IssueEdit(state="closed", state_reason="not_planned")
    elif action == "reopen":
        change = IssueEdit(state="open")
    elif action == "edit":
        body = checklist.as_editor_saves(form.get("body", ""))
        change = IssueEdit(title=form.get("title", issue.title).strip(), body=body)
    else:
        raise Refusal(422, "Nothing that the page can do")
    issues.edit(store, issue, change, PERSON)


def write(store: Store, repo: Repo, form: Form) -> Issue:
    """A new issue from its form: title, body, and the numbers of a milestone and a parent, each optional."""
    milestone, parent = form.get("milestone", ""), form.get("parent", "")
    edit = IssueEdit(
        title=form.get("title", "").strip(),
        body=checklist.as_editor_saves(form.get("body", "")),
        milestone=store.milestone(repo, int(milestone)) if milestone.isdigit() else None,
    )
    above = issues.find(repo, int(parent)) if parent.isdigit() else None
    return issues.create(store, repo, edit, PERSON, above)


def mount(app: FastAPI, store: Store) -> None:
    """Add the page's routes to `app`; they come last, since `/{owner}/{repo}` takes whatever is left."""

    def page(path: str, method: str = "GET") -> Callable[[Callable[[Request, Form], Response]], None]:
        """Serve a view inside a session of the store; a refusal becomes a page that says so."""

        def add(view: Callable[[Request, Form], Response]) -> None:
            def endpoint(request: Request, form: Annotated[Form, Depends(read_form)]) -> Response:
                try:
                    with store.session(str(request.base_url).rstrip("/")):
                        return view(request, form)
                except Refusal as refusal:
                    why = [str(error.get("message") or error.get("code")) for error in refusal.errors]
                    return show("refused.html", refusal.status, message=refusal.message, why=why)

            app.add_api_route(path, endpoint, methods=[method])

        return add

    def repo_of(request: Request) -> Repo:
        return store.repo(request.path_params["owner"], request.path_params["repo"])

    def issue_of(request: Request) -> Issue:
        return issues.find(repo_of(request), request.path_params["number"])

    @page("/")
    def home(_: Request, __: Form) -> Response:
        return show("home.html", repos=store.repos())

    @page("/{owner}/{repo}")
    def repository(request: Request, _: Form) -> Response:
        repo = repo_of(request)
        return show("repository.html", repo=repo, issues=newest_first(repo))

    @page("/{owner}/{repo}/issues/new")
    def new(request: Request, _: Form) -> Response:
        return show("new.html", repo=repo_of(request))

    @page("/{owner}/{repo}/issues", "POST")
    def create(request: Request, form: Form) -> Response:
        return see(path_of(write(store, repo_of(request), form)))

    @page("/{owner}/{repo}/issues/{number:int}")
    def read(request: Request, _: Form) -> Response:
        return show("issue.html", issue=issue_of(request))

    @page("/{owner}/{repo}/pull/{number:int}")
    def read_pull(request: Request, _: Form) -> Response:
        return show("issue.html", issue=issue_of(request))

    @page("/{owner}/{repo}/issues/{number:int}", "POST")
    def change(request: Request, form: Form) -> Response:
        issue = issue_of(request)
        act(store, issue, form)
        return see(path_of(issue))

    @page("/{owner}/{repo}/milestone/{number:int}")
    def milestone(request: Request, _: Form) -> Response:
        repo = repo_of(request)
        one = repo.milestones.get(request.path_params["number"])
        if not one:
            raise not_found()
        return show("milestone.html", repo=repo, milestone=one, issues=newest_first(repo, one))
