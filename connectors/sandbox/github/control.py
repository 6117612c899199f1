"""`/_sandbox`: what tests ask of the box itself. Needs no token and is not counted."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response

from connectors.sandbox.github import issues
from connectors.sandbox.github.model import IssueEdit, Refusal
from connectors.sandbox.github.render import Render
from connectors.sandbox.github.state import Store
from connectors.sandbox.switches import read_json

PERSON = "sandbox-person"  # whoever acts at the page and through here
AVATAR = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><rect width="1" height="1" fill="#888"/></svg>'


def reply(data: Any, status: int = 200) -> Response:
    return Response(json.dumps(data), status, media_type="application/json")


def mount(app: FastAPI, store: Store) -> None:
    """Add the routes of `/_sandbox` that only GitHub has to `app`."""

    def pull_request(request: Request, asked: Annotated[Any, Depends(read_json)]) -> Response:
        """{"owner", "repo", "title", "milestone"?: number, "state"?: "open" | "closed"}: a new pull request."""
        origin = str(request.base_url).rstrip("/")
        try:
            with store.session(origin):
                repo = store.repo(asked["owner"], asked["repo"])
                number = asked.get("milestone")
                milestone = store.milestone(repo, number) if number is not None else None
                edit = IssueEdit(title=asked["title"], milestone=milestone)
                pull = issues.create(store, repo, edit, PERSON, pull=True)
                issues.edit(store, pull, IssueEdit(state=asked.get("state", "open")), PERSON)
                return reply(Render(origin, origin).issue(pull), 201)
        except (KeyError, TypeError, AttributeError):
            return reply({"message": "owner, repo and title are needed, as a JSON object"}, 422)
        except Refusal as refusal:
            return reply({"message": refusal.message}, refusal.status)

    def delete_issue(request: Request, owner: str, repo: str, number: int) -> Response:
        """A person deletes an issue: no REST verb does."""
        try:
            with store.session(str(request.base_url).rstrip("/")):
                issues.delete(store, issues.find(store.repo(owner, repo), number), PERSON)
        except Refusal as refusal:
            return reply({"message": refusal.message}, refusal.status)
        return Response(status_code=204)

    def transfer(
        request: Request, owner: str, repo: str, number: int, asked: Annotated[Any, Depends(read_json)]
    ) -> Response:
        """{"repo": "NAME"}: a person moves an issue to another repository of the owner. Answers it as it is there."""
        origin = str(request.base_url).rstrip("/")
        try:
            with store.session(origin):
                issue = issues.find(store.repo(owner, repo), number)
                moved = issues.transfer(store, issue, store.repo(owner, asked["repo"]), PERSON)
                return reply(Render(origin, origin).issue(moved))
        except (KeyError, TypeError, AttributeError):
            return reply({"message": "repo is needed, as a JSON object"}, 422)
        except Refusal as refusal:
            return reply({"message": refusal.message}, refusal.status)

    def avatar() -> Response:
        return Response(AVATAR, media_type="image/svg+xml")

    app.add_api_route("/_sandbox/pull-requests", pull_request, methods=["POST"])
    app.add_api_route("/_sandbox/issues/{owner}/{repo}/{number:int}", delete_issue, methods=["DELETE"])
    app.add_api_route("/_sandbox/issues/{owner}/{repo}/{number:int}/transfer", transfer, methods=["POST"])
    app.add_api_route("/_sandbox/avatars/{login}", avatar, methods=["GET"])
