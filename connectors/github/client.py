"""The GitHub connector: reads a repository's milestones and issues, and writes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import quote

from app.core.plan import Desired, Fields, Observed, Ref, Value
from connectors.base import (
    Capabilities,
    Cursor,
    Finding,
    Limit,
    NotFound,
    Observation,
    OutcomeUnknown,
    Pace,
    Place,
    Refs,
    Rejected,
    TrackerError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from connectors.github import convert, cursor
from connectors.github.auth import TokenSource
from connectors.github.check import findings
from connectors.github.wire import LOOK_UP, TRACKER, Moved, Wire, rules
from connectors.http import Answer, Reader, is_loopback, not_its_api

API_VERSION: Final = "2026-03-10"
SERVER_API_VERSION: Final = "2022-11-28"  # GitHub Enterprise Server lags; served until March 2028 at least
SERVER_PATH: Final = "/api/v3"
MISSHAPEN: Final = (KeyError, TypeError, ValueError, AttributeError)
LIMITS: Final = Capabilities(
    title_max=256,
    description_max=65_536,
    start_dates=False,
    children=True,
    children_max=100,
    epics=False,
    strips_title_tags=False,
    quick_actions=False,
    # docs.github.com, rate limits: content-creating requests, and a second at least between writes
    pace=Pace((Limit(80, 60.0), Limit(500, 3600.0)), spacing=1.0),
)

T = TypeVar("T")
Found = dict[tuple[str, str], Observed]


def open_github(place: Place) -> GitHub:
    """A connector for `place.path` ("owner/name"). Makes no request. Raises Unavailable for a URL that is none."""
    return GitHub(place)


class GitHub:
    """One repository. See `connectors.base.Connector` for what each verb promises."""

    kind: ClassVar[str] = "github"

    def __init__(self, place: Place) -> None:
        owner, _, name = place.path.partition("/")
        if not owner or not name or "/" in name:
            raise NotFound(f"{place.path!r} is no GitHub repository", "Give --repo as OWNER/NAME.")
        version = SERVER_API_VERSION if place.base_url.rstrip("/").endswith(SERVER_PATH) else API_VERSION
        self.path = place.path
        self.requests = 0
        self._place = f"{place.base_url.rstrip('/')} {place.path}".lower()
        self._root = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
        self._tokens = TokenSource(place.credentials, place.base_url, version, refine=rules)
        self._reader = Reader(place.base_url, self._tokens.headers, tracker=TRACKER, refine=rules)
        self._wire = Wire(place.base_url, self._tokens)
        self._repository: Mapping[str, Any] | None = None
        self._labels: dict[str, str] | None = None
        self._asked_at: datetime | None = None  # GitHub's clock at the first answer of a read

    def __repr__(self) -> str:
        return f"GitHub({self.path} at {self._wire.host})"

    def capabilities(self) -> Capabilities:
        """GitHub's documented limits, the same for every repository. Makes no request. A box on this machine is written
        to without pauses.
        """
        return replace(LIMITS, pace=Pace()) if is_loopback(self._wire.host) else LIMITS

    def check(self) -> list[Finding]:
        """Credentials, the repository, the right to write, issues switched on, the rate limit. Two requests."""
        return findings(self.path, self._root, self._tokens, self._get)

    def close(self) -> None:
        """Let connections go."""
        self._reader.close()
        self._wire.close()
        self._tokens.close()

    # -- reading

    def observe(self, since: Cursor | None = None) -> Observation:
        """Everything, or with a cursor what changed since; a cursor of another place or version reads everything.

        Milestones have no `since`: unchanged (304) they are absent from an incremental observation, else all come.
        An incremental read can't show what was deleted or transferred. Idle, it is two requests, both 304.
        """
        before, self._asked_at = self.requests, None
        mark = cursor.parse(since, self._place)
        found: Found = {}
        after, problem = None, ""
        try:
            after = self._read(mark, found)
        except (Unauthorized, NotFound):
            raise
        except TrackerError as error:
            problem = f"{error.message}. {error.hint}".strip()
        return Observation(
            objects=tuple(found.values()),
            complete=not problem,
            full=mark is None,
            cursor=after.cursor() if after else None,
            requests=self.requests - before,
            problem=problem,
            observed_at=self._asked_at,
        )

    def _read(self, mark: cursor.Mark | None, found: Found) -> cursor.Mark:
        """Read milestones, then issues, into `found`; where to go on from."""
        tags = self._read_milestones(mark.milestones if mark else (), found)
        params: dict[str, str | int] = {"state": "all", "per_page": cursor.PAGE}
        if mark is None:
            # by creation: an issue changed meanwhile keeps its place, so no other slips over the edge of a page
            params |= {"sort": "created", "direction": "asc"}
        else:
            params |= {"sort": "updated", "direction": "desc"} | ({"since": mark.since} if mark.since else {})
        page = first_page = self._get(f"{self._root}/issues", params, mark.issues if mark else "")
        if mark and page.unchanged:
            return replace(mark, milestones=tags)
        times = first = self._take_issues(page, found)
        seen = list(first)
        while page.next and not (mark and mark.ends(times)):
            page = self._get(page.next)
            times = self._take_issues(page, found)
            seen += times
        if mark:
            return mark.after(first, tags, first_page.etag)
        return cursor.begin(self._place, seen, first, first_page.date, tags)

    def _read_milestones(self, tags: cursor.Tags, found: Found) -> cursor.Tags:
        """All milestones into `found`, unless every page is as its ETag says; the ETags of the pages.

        After a full last page one more is asked for: a 304 does not say that a further page has begun.
        """
        asked = [self._milestone_page(number, tag) for number, tag in enumerate(tags, 1)]
        if asked and all(answer.unchanged for answer in asked):
            return tags
        answer = asked[0] if asked and not asked[0].unchanged else self._milestone_page(1)
        fresh = [answer.etag]
        while self._take(answer, convert.milestone, found) >= cursor.PAGE or answer.next:
            answer = self._milestone_page(len(fresh) + 1)
            fresh.append(answer.etag)
        return tuple(fresh) if all(fresh) else ()

    def _milestone_page(self, number: int, etag: str = "") -> Answer:
        params: dict[str, str | int] = {"state": "all", "per_page": cursor.PAGE, "page": number}
        return self._get(f"{self._root}/milestones", params, etag)

    def _take_issues(self, answer: Answer, found: Found) -> list[datetime]:
        """The page's issues into `found`. Gives when each entry changed, pull requests too."""
        entries = self._listed(answer)
        self._take(answer, convert.issue, found)
        with self._misshapen():
            return [moment for moment in (convert.when(entry["updated_at"]) for entry in entries) if moment]

    def _take(self, answer: Answer, as_value: Callable[[Any], Observed], found: Found) -> int:
        """The page's objects into `found`, each once and as it was last: when the list shifts between two pages, one
        can stand on both. Gives how many entries the page has.
        """
        entries = self._listed(answer)
        with self._misshapen():
            for value in (as_value(entry) for entry in entries if not convert.is_pull_request(entry)):
                old = found.get(value.ref.identity)
                if old is None or not (old.updated_at and value.updated_at and value.updated_at < old.updated_at):
                    found[value.ref.identity] = value
        return len(entries)

    def _listed(self, answer: Answer) -> list[Any]:
        if not isinstance(answer.body, list) or not all(isinstance(entry, dict) for entry in answer.body):
            raise self._not_github()
        return answer.body

    @contextmanager
    def _misshapen(self) -> Iterator[None]:
        """What was read is JSON, but not as GitHub documents it: Unavailable."""
        try:
            yield
        except MISSHAPEN:
            raise self._not_github() from None

    def _not_github(self) -> Unavailable:
        return not_its_api(TRACKER, self._wire.host, f"a read of {self.path}")

    # -- writing

    def create(self, want: Desired, refs: Refs) -> Observed:
        """Make a milestone, an issue, or (with a parent) a sub-issue in one call.

        GitHub makes no issue closed: what is wanted closed takes a second call. When that one fails, whatever the
        reason, OutcomeUnknown is raised, since the issue is there: the caller finds it by its marker and closes it.
        Raises Unsupported where the parent holds 100 sub-issues already.
        """
        if want.shape == "milestone":
            body = convert.milestone_body(want.fields)
            return self._made(
                "POST", "/milestones", {k: v for k, v in body.items() if v is not None}, convert.milestone
            )
        if want.shape not in ("issue", "child"):
            raise Unsupported(f"GitHub has no {want.shape} to make of {want.key}")
        made = self._create_issue({k: v for k, v in want.fields.items() if k != "state"}, refs)
        if want.fields.get("state") in (None, "open"):
            return made
        try:
            return self.update(made.ref, {"state": want.fields["state"]}, refs)
        except TrackerError as error:
            why, request_id = error.message, error.request_id
        raise OutcomeUnknown(
            f"{want.key} was made, but closing it failed: {why}", "It is found again and closed.", request_id=request_id
        )

    def _create_issue(self, fields: Fields, refs: Refs) -> Observed:
        if fields.get("parent") is not None:
            return self._create_child(fields, refs)
        body = {k: v for k, v in convert.issue_body(fields, refs).items() if v not in (None, [])}
        return self._made("POST", "/issues", body, convert.issue)

    def _create_child(self, fields: Fields, refs: Refs) -> Observed:
        """GraphQL's createIssue, since REST takes no parent."""
        arguments: dict[str, Any] = {
            "repositoryId": node_id(self._home()),
            "title": fields.get("title"),
            "body": fields.get("description") or "",
            "parentIssueId": self._node_id(convert.resolve(refs, "parent", fields["parent"])),
        }
        if fields.get("milestone") is not None:
            arguments["milestoneId"] = self._node_id(convert.resolve(refs, "milestone", fields["milestone"]))
        labels = fields.get("labels")
        if isinstance(labels, tuple) and labels:
            arguments["labelIds"] = [self._label_id(name) for name in labels]
        return self._mutated("createIssue", arguments, "issue")

    def update(self, ref: Ref, fields: Fields, refs: Refs) -> Observed:
        """Change only the fields named, in one PATCH; `parent` is a call of its own, after it."""
        if ref.shape == "milestone":
            body = convert.milestone_body(fields)
            return self._made("PATCH", f"/milestones/{ref.number}", body, convert.milestone)
        body = convert.issue_body(fields, refs)
        observed = self._made("PATCH", f"/issues/{ref.number}", body, convert.issue) if body else None
        if "parent" in fields:
            return self._set_parent(ref, fields["parent"], refs)
        return observed or self._read_issue(ref)

    def _set_parent(self, ref: Ref, key: Value, refs: Refs) -> Observed:
        """By node ids: REST's replace_parent wants the database id, which nothing else needs."""
        if key is not None:
            above = self._node_id(convert.resolve(refs, "parent", key))
            arguments = {"issueId": above, "subIssueId": self._node_id(ref), "replaceParent": True}
            return self._mutated("addSubIssue", arguments, "subIssue")
        try:
            parent = self._object(f"{self._root}/issues/{ref.number}/parent")
        except NotFound:
            return self._read_issue(ref)
        arguments = {"issueId": node_id(parent), "subIssueId": self._node_id(ref)}
        return self._mutated("removeSubIssue", arguments, "subIssue")

    def _made(self, verb: str, path: str, body: Mapping[str, Any], as_value: Callable[[Any], T]) -> T:
        """Write to the repository. Where it was renamed GitHub redirects and writes nothing: sent to its new name."""
        try:
            try:
                answer = self._wire.write(verb, self._root + path, body)
            except Moved:
                self._repository = None
                root = f"/repos/{self._home().get('full_name') or self.path}"
                if root.lower() == self._root.lower():
                    raise
                self._root = root
                answer = self._wire.write(verb, self._root + path, body)
        finally:
            self._tally()
        return self._as_made(as_value, answer, f"{verb} {path}")

    def _mutated(self, name: str, arguments: Mapping[str, Any], key: str) -> Observed:
        try:
            answer = self._wire.mutate(name, arguments, f"{key} {{ {convert.ISSUE_SELECTION} }}")
        finally:
            self._tally()
        return self._as_made(convert.graphql_issue, answer.get(key), name)

    def _as_made(self, as_value: Callable[[Any], T], answer: Any, call: str) -> T:
        try:
            return as_value(answer)
        except MISSHAPEN:
            said = f"GitHub answered {call} with something else than what was made"
            raise OutcomeUnknown(said, LOOK_UP) from None

    # -- what writing needs to know

    def _home(self) -> Mapping[str, Any]:
        """The repository as GitHub describes it, asked once."""
        if self._repository is None:
            self._repository = self._object(self._root)
        return self._repository

    def _node_id(self, ref: Ref) -> str:
        """The object's GraphQL id, asked for where the ref does not hold it."""
        if ref.global_id:
            return ref.global_id
        family = "milestones" if ref.shape == "milestone" else "issues"
        return node_id(self._object(f"{self._root}/{family}/{ref.number}"))

    def _label_id(self, name: str) -> str:
        """The label's GraphQL id; made where there is none. Names are the same whatever their case."""
        if self._labels is None:
            labels: dict[str, str] = {}
            answer: Answer | None = self._get(f"{self._root}/labels", {"per_page": cursor.PAGE})
            while answer is not None:
                with self._misshapen():
                    labels |= {str(label["name"]).lower(): node_id(label) for label in self._listed(answer)}
                answer = self._get(answer.next) if answer.next else None
            self._labels = labels
        if name.lower() not in self._labels:
            self._labels[name.lower()] = self._make_label(name)
        return self._labels[name.lower()]

    def _make_label(self, name: str) -> str:
        try:
            return self._made("POST", "/labels", {"name": name}, node_id)
        except Rejected as error:
            if "already_exists" not in [problem.code for problem in error.fields]:
                raise
        return node_id(self._object(f"{self._root}/labels/{quote(name, safe='')}"))

    def _read_issue(self, ref: Ref) -> Observed:
        with self._misshapen():
            return convert.issue(self._object(f"{self._root}/issues/{ref.number}"))

    def _object(self, path: str) -> dict[str, Any]:
        body = self._get(path).body
        if not isinstance(body, dict) or "node_id" not in body:
            raise self._not_github()
        return body

    def _get(self, path: str, params: Mapping[str, str | int] | None = None, etag: str = "") -> Answer:
        try:
            answer = self._reader.get(path, params, etag=etag)
        finally:
            self._tally()
        self._asked_at = self._asked_at or answer.date
        return answer

    def _tally(self) -> None:
        self.requests = self._reader.requests + self._wire.requests + self._tokens.requests


def node_id(json: Mapping[str, Any]) -> str:
    """The GraphQL id of anything that REST describes."""
    return str(json["node_id"])
