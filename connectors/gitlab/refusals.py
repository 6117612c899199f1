"""What GitLab's no means: which error of `connectors.base` a refusal stands for, and which fields it names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from connectors.base import (
    FieldProblem,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    TrackerError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from connectors.http import Refusal

SCOPE: Final = "Give the token the scope api."
ROLE: Final = "Give the token's user the role Planner or Reporter in the project, or more, and the token the scope api."
GROUP: Final = "Check --group, and give the token's user a role in the group: a project's token has none there."
OWNER: Final = (
    "Give the token's user the role Maintainer in the project (webhooks need it), and the token the scope api."
)
TIER: Final = "It needs GitLab Premium."
PATIENCE: Final = "It goes on when the tracker allows."

NAMES: Final[Mapping[str, str]] = {
    "base": "",
    "error": "",
    "milestone_id": "milestone",
    "start_date": "start",
    "due_date": "due",
}
TAKEN: Final = re.compile(r"already (been taken|being used|exists?|in use)", re.IGNORECASE)
RUBY: Final = re.compile(
    r"[{,]\s*(?::(\w+)\s*=>|(\w+):)\s*\[(.*?)\](?=\s*[,}])"
)  # {:title=>["…"]}; Ruby 3.4 {title: ["…"]}
GRAPE: Final = re.compile(r"(\w+)(?:\[\w*\])? ((?:is|does|must|has) [^,]+)")  # "title is missing, labels is invalid"


def refine(refusal: Refusal) -> TrackerError | None:
    """GitLab's own rules for an answer of 4xx; None leaves it to `connectors.http.error_for`."""
    said = f"GitLab answered {refusal.status} to {refusal.call}" + (f": {refusal.message}" if refusal.message else "")
    if refusal.status == 403 and "retry-after" not in refusal.headers:
        if _has(refusal.message.lower(), UNLICENSED):
            return Unsupported(said, TIER, request_id=refusal.request_id)
        scope = isinstance(refusal.body, dict) and refusal.body.get("error") == "insufficient_scope"
        return Unauthorized(said, SCOPE if scope else ROLE, request_id=refusal.request_id)
    if refusal.status in (400, 409, 422):
        return Rejected(said, fields=field_problems(refusal.body), request_id=refusal.request_id)
    return None


def field_problems(body: object) -> tuple[FieldProblem, ...]:
    """Which fields a 400, 409 or 422 names, in all the ways GitLab says it: an object of reasons, Ruby's print of one
    (milestones: gitlabhq `lib/api/milestone_responses.rb`), or a sentence of its parameter check.

    A title that another milestone has is `already_exists`, whatever the words: "has already been taken", or "already
    being used for another group or project milestone" (`app/models/concerns/timebox.rb`).
    """
    if not isinstance(body, dict):
        return ()
    said = body.get("message") or body.get("error") or ""
    pairs: list[tuple[str, str]]
    if isinstance(said, dict):
        pairs = [(str(name), str(w)) for name, why in said.items() for w in (why if isinstance(why, list) else [why])]
    elif ruby := RUBY.findall(str(said)):
        pairs = [(a or b, words) for a, b, inner in ruby for words in re.findall(r'"((?:[^"\\]|\\.)*)"', inner)]
    else:
        pairs = GRAPE.findall(str(said)) or ([("", str(said))] if said else [])
    return tuple(_problem(name, words) for name, words in pairs)


def spoken_problems(sentences: Iterable[str]) -> tuple[FieldProblem, ...]:
    """The same from a mutation's `errors`: full sentences ("Title can't be blank")."""
    found: list[FieldProblem] = []
    for sentence in sentences:
        first, _, rest = sentence.partition(" ")
        known = first.lower() in ("title", "description", "milestone", "labels")
        found.append(_problem(first.lower(), rest) if known else _problem("", sentence))
    return tuple(found)


def _problem(name: str, words: str) -> FieldProblem:
    field, low = NAMES.get(name, name), words.lower()
    if TAKEN.search(words):
        return FieldProblem(field or "title", "already_exists")
    if "too long" in low:
        return FieldProblem(field, "too_long")
    if "blank" in low or low in ("is missing", "is empty"):
        return FieldProblem(field, "missing")
    return FieldProblem(field, words.strip())


# GraphQL says why only in words

GONE: Final = ("does not exist or you don't have permission", "not found", "no object found", "no matching work item")
TOO_OLD: Final = (
    "doesn't exist on type",
    "doesn't accept argument",
    "isn't a defined",
    "not defined",
    "invalid value",
    "no such type",
    "cannot query field",  # servers other than graphql-ruby
    "unknown argument",
    "unknown type",
)
HELD: Final = (
    "maximum",
    "limit",
    "too many",
    "not allowed",
    "can't be added",
    "cannot be added",
    "licen",
    "not available",
)
UNLICENSED: Final = ("current license", "current licence", "subscription tier", "not licensed")
LATER: Final = ("too many times", "rate limit", "retry later", "try again later")
FAULT: Final = ("timeout", "timed out", "server error")
TOKEN: Final = ("invalid token", "token is expired", "token was revoked", "unauthorized", "insufficient_scope")


def messages(errors: object) -> tuple[str, ...]:
    """The words of GraphQL errors, whether plain or objects with a `message`."""
    listed = errors if isinstance(errors, list) else [errors]
    return tuple(str(one.get("message", "")) if isinstance(one, dict) else str(one) for one in listed)


def query_refused(said: tuple[str, ...], call: str, *, mutation: bool = False, request_id: str = "") -> TrackerError:
    """What an answer's top-level `errors` stand for. They come before anything is written, but for a fault of the
    server's own in a `mutation`, whose outcome is unknown.
    """
    text, low = _told(said, call)
    if _has(low, LATER):
        return RateLimited(text, PATIENCE, request_id=request_id)
    if _has(low, FAULT):
        return OutcomeUnknown(text, request_id=request_id) if mutation else Unavailable(text, request_id=request_id)
    if _has(low, TOKEN):
        return Unauthorized(text, SCOPE, request_id=request_id)
    if _has(low, GONE):
        return NotFound(text, f"It may be deleted. If it is there: {ROLE}", request_id=request_id)
    if _has(low, TOO_OLD):
        hint = "This GitLab may be too old for it: use the profile gitlab."
        return Unsupported(text, hint, request_id=request_id)
    return Rejected(text, fields=spoken_problems(said), request_id=request_id)


def mutation_refused(said: tuple[str, ...], call: str, *, request_id: str = "") -> TrackerError:
    """What the `errors` in a mutation's payload stand for: values refused, or a cap or licence."""
    text, low = _told(said, call)
    problems = spoken_problems(said)
    if _has(low, LATER):
        return RateLimited(text, PATIENCE, request_id=request_id)
    if any(problem.field for problem in problems):
        return Rejected(text, fields=problems, request_id=request_id)
    if _has(low, GONE):
        return NotFound(text, "It may have been deleted.", request_id=request_id)
    if _has(low, UNLICENSED):
        return Unsupported(text, TIER, request_id=request_id)
    if _has(low, HELD):
        return Unsupported(text, "This project can't hold it: a cap, the licence or the types.", request_id=request_id)
    return Rejected(text, fields=problems, request_id=request_id)


def _told(said: tuple[str, ...], call: str) -> tuple[str, str]:
    words = "; ".join(" ".join(one.split()) for one in said)[:300]
    return f"GitLab refused {call}: {words}", words.lower()


def _has(words: str, signs: tuple[str, ...]) -> bool:
    return any(sign in words for sign in signs)
