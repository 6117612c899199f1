"""Writing to GitLab through python-gitlab: each call once, and every failure as ours.

python-gitlab would wait and send again on 429 (`obey_rate_limit`; its asynchronous GraphQL client holds up the event
loop meanwhile): that is off, the other is not used, and waiting is the caller's. Redirects of a write aren't followed.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

import gitlab
import gitlab.exceptions
import httpx
import requests
import urllib3.exceptions
from gql import GraphQLRequest
from gql.transport.exceptions import TransportError, TransportQueryError
from requests.adapters import HTTPAdapter

from app.core.plan import Observed
from connectors.base import OutcomeUnknown, Place, Secret, TrackerError, Unauthorized, Unavailable, unpaced
from connectors.gitlab import convert, graphql, refusals
from connectors.gitlab.convert import Home
from connectors.http import USER_AGENT, Json, Refusal, bracketed, error_for, is_loopback, parse_json

Got = TypeVar("Got")

WRITE_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 10.0
ONCE: Final[Mapping[str, Any]] = {"retry_transient_errors": False, "obey_rate_limit": False, "max_retries": 0}
FAILURES: Final = (
    gitlab.exceptions.GitlabError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    TransportError,
    httpx.HTTPError,
    httpx.InvalidURL,
    *convert.STRANGE,  # an answer that is not what it should be, here or in the SDKs
    AssertionError,  # the same in gql
    OSError,
)
LOST_HINT: Final = "It may have been carried out: it is looked up before it is tried again."


class Writes:
    """Writes to one project and its group. `sent` counts requests that went out, or tried to. Not for two threads."""

    def __init__(
        self,
        base: httpx.URL,
        place: Place,
        token: Secret,
        home: Home | None = None,
        before_write: Callable[[], None] = unpaced,
    ) -> None:
        self.sent = 0
        self._before_write = before_write
        self._home = home
        self._path, self._group_path = place.path, place.group
        self._host = base.host
        self._status: int | None = None  # of the last answer's head; its body may still have been lost
        self._headers: Mapping[str, str] = {}
        local = is_loopback(base.host)
        verify = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or True  # as httpx does for reads
        session = requests.Session()
        session.max_redirects = 0
        session.trust_env = not local
        wire = _Wire(self)
        place.reach.guard(wire)
        session.mount("https://", wire)
        session.mount("http://", wire)
        self._gitlab = gitlab.Gitlab(
            str(base),
            private_token=token.reveal(),
            session=session,
            timeout=WRITE_SECONDS,
            ssl_verify=verify,
            user_agent=USER_AGENT,
            keep_base_url=True,
        )
        self._project = self._gitlab.projects.get(place.path, lazy=True)
        self._group = self._gitlab.groups.get(place.group, lazy=True) if place.group else None
        self._http = httpx.Client(
            headers={"private-token": token.reveal(), "user-agent": USER_AGENT},
            timeout=httpx.Timeout(WRITE_SECONDS, connect=CONNECT_SECONDS),
            verify=not (local and base.scheme == "http"),  # loading certificates takes 50 ms; none are needed there
            mounts={f"all://{bracketed(base.host)}": None} if local else None,
            event_hooks={
                "request": [place.reach.watch, self.going],
                "response": [lambda r: self.answered(r.status_code, r.headers.items())],
            },
        )
        self._graphql = gitlab.GraphQL(
            str(base), client=self._http, max_retries=0, obey_rate_limit=False, retry_transient_errors=False
        )

    def create_milestone(self, fields: Mapping[str, str]) -> Observed:
        """POST …/milestones, once."""
        made = self._project.milestones.create
        return self._call("POST …/milestones", lambda: made(dict(fields), **ONCE).asdict(), convert.milestone)

    def update_milestone(self, number: int, fields: Mapping[str, str]) -> Observed:
        """PUT …/milestones/ID, once. `number` is the global id."""
        put = self._project.milestones.update
        return self._call(f"PUT …/milestones/{number}", lambda: put(number, dict(fields), **ONCE), convert.milestone)

    def create_issue(self, fields: Mapping[str, str | int]) -> Observed:
        """POST …/issues, once."""
        made, read = self._project.issues.create, partial(convert.issue, home=self._home)
        return self._call("POST …/issues", lambda: made(dict(fields), **ONCE).asdict(), read)

    def update_issue(self, iid: int, fields: Mapping[str, str | int]) -> Observed:
        """PUT …/issues/IID, once. Tasks are reached there too."""
        put = self._project.issues.update
        read = partial(convert.issue, home=self._home)
        return self._call(f"PUT …/issues/{iid}", lambda: put(iid, dict(fields), **ONCE), read)

    def create_label(self, name: str, *, in_group: bool = False) -> str:
        """POST …/labels of the project or its group, once, in GitLab's own blue. Gives the label's global id."""
        made = self._owner(in_group).labels.create
        fields = {"name": name, "color": "#428BCA"}
        number = self._call("POST …/labels", lambda: made(fields, **ONCE).asdict(), lambda row: convert.label(row)[1])
        return f"gid://gitlab/Label/{number}"

    def create_link(self, iid: int, by: int) -> None:
        """POST …/issues/IID/links, once: the issue is blocked by the project's issue `by`."""
        made = self._project.issues.get(iid, lazy=True).links.create
        fields = {"target_project_id": self._path, "target_issue_iid": str(by), "link_type": "is_blocked_by"}
        self._call(f"POST …/issues/{iid}/links", lambda: made(fields, **ONCE), lambda _: None)

    def delete_link(self, iid: int, link: int) -> None:
        """DELETE …/issues/IID/links/ID, once."""
        delete = self._project.issues.get(iid, lazy=True).links.delete
        self._call(f"DELETE …/issues/{iid}/links/{link}", lambda: delete(link, **ONCE), lambda _: None)

    def create_hook(self, fields: Mapping[str, str | bool], *, in_group: bool = False) -> convert.Row:
        """POST …/hooks of the project or its group, once."""
        made = self._owner(in_group).hooks.create
        return self._call("POST …/hooks", lambda: made(dict(fields), **ONCE).asdict(), convert.as_row)

    def update_hook(self, number: int, fields: Mapping[str, str | bool], *, in_group: bool = False) -> convert.Row:
        """PUT …/hooks/ID of the project or its group, once."""
        put = self._owner(in_group).hooks.update
        return self._call(f"PUT …/hooks/{number}", lambda: put(number, dict(fields), **ONCE), convert.as_row)

    def test_hook(self, number: int, trigger: str, *, in_group: bool = False) -> None:
        """POST …/hooks/ID/test/TRIGGER, once: GitLab calls the hook now, which switches it on again when answered."""
        kind, owner = ("groups", self._group_path) if in_group else ("projects", self._path)
        path = f"/{kind}/{quote(owner, safe='')}/hooks/{number}/test/{trigger}"
        self._call(f"POST …/hooks/{number}/test", lambda: self._gitlab.http_post(path, **ONCE), lambda _: None)

    def create_work_item(self, fields: Mapping[str, Any]) -> Observed:
        """The mutation workItemCreate, once."""
        return self._mutate("workItemCreate", graphql.CREATE, fields)

    def update_work_item(self, fields: Mapping[str, Any]) -> Observed:
        """The mutation workItemUpdate, once. The answer carries the parent."""
        return self._mutate("workItemUpdate", graphql.UPDATE, fields)

    def link_items(self, gid: str, by: str) -> None:
        """The mutation workItemAddLinkedItems, once: the first is blocked by the second."""
        fields = {"id": gid, "workItemsIds": [by], "linkType": "BLOCKED_BY"}
        self._mutate_("workItemAddLinkedItems", graphql.LINK, fields, lambda _: None)

    def unlink_items(self, gid: str, by: str) -> None:
        """The mutation workItemRemoveLinkedItems, once. It takes away the link of whatever type."""
        fields = {"id": gid, "workItemsIds": [by]}
        self._mutate_("workItemRemoveLinkedItems", graphql.UNLINK, fields, lambda _: None)

    def close(self) -> None:
        """Let connections go."""
        self._gitlab.session.close()
        self._http.close()

    def _owner(self, in_group: bool) -> Any:
        """The project, or its group. `Any`: their managers are alike, not of one type."""
        return self._group if in_group else self._project

    def _mutate(self, name: str, document: str, fields: Mapping[str, Any]) -> Observed:
        return self._mutate_(name, document, fields, lambda payload: convert.work_item(payload["workItem"]))

    def _mutate_(
        self, name: str, document: str, fields: Mapping[str, Any], made: Callable[[Mapping[str, Any]], Got]
    ) -> Got:
        # `execute` hands what it is given to `gql.gql`, which takes a request with its variables; gql calls variables
        # given apart, which is python-gitlab's own way, deprecated.
        request = cast(str, GraphQLRequest(document, variable_values={"input": dict(fields)}))

        def read(data: Any) -> Got:
            payload = data[name]
            if said := refusals.messages(payload.get("errors") or []):
                raise refusals.mutation_refused(said, name, request_id=self.request_id)
            return made(payload)

        return self._call(name, lambda: self._graphql.execute(request), read)

    def _call(self, name: str, send: Callable[[], object], read: Callable[[Any], Got]) -> Got:
        """What `send` got, as `read` reads it. A failure is raised outside of `except`: no SDK exception, which holds
        the request and in it the token, hangs on ours.
        """
        self._before_write()
        before, self._status, self._headers = self.sent, None, {}
        try:
            return read(send())
        except FAILURES as error:
            failure = self._failure(name, error, tried=self.sent > before)
        raise failure

    def _failure(self, name: str, error: Exception, *, tried: bool) -> TrackerError:
        status = self._status
        if status is None:
            return self._unanswered(name, error, tried=tried)
        if 200 <= status < 300:
            return self._misunderstood(name, error)
        if status >= 500 or status == 408:
            return self._lost(f"GitLab answered {status} to {name}")
        refusal = Refusal("GitLab", self._host, name, status, self._headers, _body(error))
        return error_for(refusal, refusals.refine)

    def _unanswered(self, name: str, error: Exception, *, tried: bool) -> TrackerError:
        if tried and not _never_sent(error):
            return self._lost(f"The connection to {self._host} broke off before it answered {name}")
        if isinstance(error, (requests.exceptions.InvalidHeader, UnicodeError)):
            return Unauthorized("The GitLab token holds characters that can't be sent", "Check it for a line break.")
        return Unavailable(
            f"{self._host} can't be reached; {name} was not sent",
            "Check --base-url, the network, the certificate (SSL_CERT_FILE) and the proxy settings.",
        )

    def _misunderstood(self, name: str, error: Exception) -> TrackerError:
        if not isinstance(error, TransportQueryError):
            return self._lost(f"GitLab's answer to {name} was cut off, or is not its API's")
        if isinstance(error.data, dict) and any(error.data.values()):
            return self._lost(f"GitLab answered {name} with a result and with errors")
        said = refusals.messages(error.errors)
        return refusals.query_refused(said, name, mutation=True, request_id=self.request_id)

    def _lost(self, text: str) -> OutcomeUnknown:
        return OutcomeUnknown(text, LOST_HINT, request_id=self.request_id)

    @property
    def request_id(self) -> str:
        """GitLab's own name for the last write that it answered."""
        return self._headers.get("x-request-id", "")

    def going(self, *_: object) -> None:
        """A request goes out."""
        self.sent += 1

    def answered(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """The head of its answer came in."""
        self._status, self._headers = status, {name.lower(): value for name, value in headers}


class _Wire(HTTPAdapter):
    """Tells of every request and answer head, and sends nothing twice."""

    def __init__(self, told: Writes) -> None:
        super().__init__(max_retries=0)
        self._told = told

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._told.going()
        response = super().send(request, *args, **kwargs)
        self._told.answered(response.status_code, response.headers.items())
        return response


def _body(error: Exception) -> Json:
    """What a refusal said, as JSON, or None."""
    if isinstance(error, TransportQueryError):
        return {"message": "; ".join(refusals.messages(error.errors))}
    raw = getattr(error, "response_body", None)
    return parse_json(raw)[0] if isinstance(raw, bytes) else None


def _never_sent(error: BaseException) -> bool:
    """Whether no byte of the request can have arrived: no connection, none trusted, or a proxy that gave none."""
    refused = (
        requests.exceptions.ConnectTimeout,
        requests.exceptions.ProxyError,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        ssl.SSLCertVerificationError,
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
        httpx.UnsupportedProtocol,
        httpx.LocalProtocolError,
    )
    return any(isinstance(one, refused) for one in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised for: its cause, and the errors in its arguments, where urllib3 keeps them."""
    todo: list[object] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            todo += [one.__cause__, getattr(one, "reason", None), *one.args]
