"""One repository and the way to it: reads, GraphQL queries and writes, each counted, each failure one of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote

from app.core.plan import Ref
from connectors.base import Budget, NotFound, OutcomeUnknown, Place, Rejected, Unavailable
from connectors.github import convert
from connectors.github.auth import BadCredentials, TokenSource
from connectors.github.cursor import PAGE
from connectors.github.wire import LOOK_UP, TRACKER, Moved, Wire, graphql_error, rules
from connectors.http import Answer, Reader, not_its_api

API_VERSION: Final = "2026-03-10"
SERVER_API_VERSION: Final = "2022-11-28"  # GitHub Enterprise Server lags; served until March 2028 at least
SERVER_PATH: Final = "/api/v3"
MISSHAPEN: Final = (KeyError, TypeError, ValueError, AttributeError)
UNSEEN: Final = frozenset({"NOT_FOUND", "FORBIDDEN"})  # of parts of an answer that this token may not see

T = TypeVar("T")


class Session:
    """What all verbs share. Not for use by two threads at once.

    `path` is "owner/name" and `root` where that is in the API ("/repos/owner/name"): both follow when it is renamed.
    `asked_at` is GitHub's clock at the first answer since it was last set to None.
    """

    def __init__(self, place: Place, before_write: Callable[[], None]) -> None:
        owner, _, name = place.path.partition("/")
        if not owner or not name or "/" in name:
            raise NotFound(f"{place.path!r} is no GitHub repository", "Give --repo as OWNER/NAME.")
        base = place.base_url.rstrip("/")
        self.server = base.endswith(SERVER_PATH)
        self.path = place.path
        self.root = f"/repos/{quote(owner, safe='')}/{quote(name, safe='')}"
        self.asked_at: datetime | None = None
        version = SERVER_API_VERSION if self.server else API_VERSION
        self.tokens = TokenSource(place.credentials, place.base_url, version, refine=rules, reach=place.reach)
        self._reader = Reader(place.base_url, self.tokens.headers, tracker=TRACKER, refine=rules, reach=place.reach)
        self._wire = Wire(place.base_url, self.tokens, place.reach)
        self._before_write = before_write
        self._graphql = f"{base.removesuffix('/v3')}/graphql" if self.server else f"{base}/graphql"
        self._home: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Session({self.path} at {self.host})"

    @property
    def host(self) -> str:
        """Where it is, for people."""
        return self._wire.host

    @property
    def request_id(self) -> str:
        """GitHub's own name for the last write that it answered."""
        return self._wire.request_id

    @property
    def budget(self) -> Budget | None:
        """What GitHub said last of the limit of its REST API."""
        return self._reader.budget

    @property
    def requests(self) -> int:
        """HTTP requests made, reads, writes and those for tokens."""
        return self._reader.requests + self._wire.requests + self.tokens.requests

    def close(self) -> None:
        """Let connections go."""
        self._reader.close()
        self._wire.close()
        self.tokens.close()

    # -- reading

    def get(self, path: str, params: Mapping[str, str | int] | None = None, etag: str = "") -> Answer:
        """GET a path of the API, or a next page. An App's token that was revoked meanwhile is made again, once."""
        try:
            answer = self._reader.get(path, params, etag=etag)
        except BadCredentials:
            if not self.tokens.forget():
                raise
            answer = self._reader.get(path, params, etag=etag)
        self.asked_at = self.asked_at or answer.date
        return answer

    def pages(self, path: str, params: Mapping[str, str | int] | None = None) -> Iterator[list[Any]]:
        """Each page of a list of objects, a hundred at a time."""
        answer = self.get(path, {"per_page": PAGE, **(params or {})})
        yield self.listed(answer)
        while answer.next:
            answer = self.get(answer.next)
            yield self.listed(answer)

    def listed(self, answer: Answer) -> list[Any]:
        """The objects of a page. Raises Unavailable for anything else."""
        if not isinstance(answer.body, list) or not all(isinstance(entry, dict) for entry in answer.body):
            raise self.not_github()
        return answer.body

    def object(self, path: str) -> dict[str, Any]:
        """One object that has a GraphQL id, as all have that are written to."""
        body = self.get(path).body
        if not isinstance(body, dict) or "node_id" not in body:
            raise self.not_github()
        return body

    def query(self, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of a GraphQL query. Parts that this token may not see, or that are gone, are null in it.

        Raises RateLimited, Unauthorized or Unsupported as for a mutation, and Unavailable for any other error.
        """
        body = {"query": text, "variables": dict(variables)}
        try:
            answer = self._reader.query(self._graphql, body)
        except BadCredentials:
            if not self.tokens.forget():
                raise
            answer = self._reader.query(self._graphql, body)
        got = answer.body if isinstance(answer.body, dict) else {}
        data, errors = got.get("data"), got.get("errors") or []
        kinds = {str(e.get("type") or "") for e in errors if isinstance(e, dict)} if isinstance(errors, list) else {""}
        if isinstance(data, dict) and kinds <= UNSEEN:
            return data
        error = graphql_error(self.host, "the query", answer.headers, errors)
        if isinstance(error, OutcomeUnknown | Rejected | NotFound):
            raise Unavailable(error.message, "It is tried again later.", request_id=error.request_id)
        raise error

    @contextmanager
    def misshapen(self) -> Iterator[None]:
        """What was read is JSON, but not as GitHub documents it: Unavailable."""
        try:
            yield
        except MISSHAPEN:
            raise self.not_github() from None

    def not_github(self) -> Unavailable:
        return not_its_api(TRACKER, self.host, f"a read of {self.path}")

    # -- writing

    def write(self, verb: str, path: str, body: Mapping[str, Any], as_value: Callable[[Any], T]) -> T:
        """Write to the repository, once. Where it was renamed GitHub redirects and writes nothing: sent to its new
        name. Raises OutcomeUnknown where what comes back is not what `as_value` reads.
        """
        try:
            answer = self._once(lambda: self._wire.write(verb, self.root + path, body))
        except Moved:
            self._home = None
            name = str(self.home().get("full_name") or self.path)
            if name.lower() == self.path.lower():
                raise
            self.path, self.root = name, f"/repos/{name}"
            answer = self._once(lambda: self._wire.write(verb, self.root + path, body))
        return as_made(as_value, answer, f"{verb} {path}")

    def mutate(
        self, name: str, arguments: Mapping[str, Any], key: str, selection: str, as_value: Callable[[Any], T]
    ) -> T:
        """Carry out one GraphQL mutation, once, and read what stands under `key` of its answer."""
        answer = self._once(lambda: self._wire.mutate(name, arguments, f"{key} {{ {selection} }}"))
        return as_made(as_value, answer.get(key), name)

    def _once(self, send: Callable[[], T]) -> T:
        """A write is never sent again here, but with a token that was refused the next would not go either."""
        self._before_write()
        try:
            return send()
        except BadCredentials:
            self.tokens.forget()
            raise

    # -- what writing needs to know

    def home(self) -> Mapping[str, Any]:
        """The repository as GitHub describes it, asked once."""
        if self._home is None:
            self._home = self.object(self.root)
        return self._home

    def issue(self, number: int) -> dict[str, Any]:
        """The issue as REST describes it. Raises NotFound where it left the repository: GitHub leads a read there."""
        json = self.object(f"{self.root}/issues/{number}")
        where = str(json.get("repository_url") or "").rpartition("/repos/")[2]
        ours = not where or where.lower() == self.path.lower()
        if not ours and where.lower() != str(self.home().get("full_name") or "").lower():  # it may have a new name
            raise NotFound(f"Issue {number} of {self.path} was moved to {where}", "It is no longer this target's.")
        return json

    def node_id(self, ref: Ref) -> str:
        """The object's GraphQL id, asked for where the ref does not hold it."""
        if ref.global_id:
            return ref.global_id
        if ref.shape == "milestone":
            return convert.node_id(self.object(f"{self.root}/milestones/{ref.number}"))
        return convert.node_id(self.issue(ref.number))


def as_made(as_value: Callable[[Any], T], answer: Any, call: str) -> T:
    """What a write answered, read. Raises OutcomeUnknown where it is something else."""
    try:
        return as_value(answer)
    except MISSHAPEN:
        said = f"GitHub answered {call} with something else than what was made"
        raise OutcomeUnknown(said, LOOK_UP) from None
