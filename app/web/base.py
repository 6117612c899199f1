"""What every page stands on: templates, forms with their CSRF, and errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Annotated, Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as Dependency
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool

from app.access import Role, Who
from app.access.needs import needed
from app.access.sessions import CSRF_FIELD, CsrfMissing, csrf_is
from app.core.errors import MilepostError
from app.sync.context import Context

HERE: Final = Path(__file__).parent
HEALTH: Final = {
    "done": ("✓", "Done"),
    "on_track": ("▶", "On track"),
    "at_risk": ("▲", "At risk"),
    "late": ("■", "Late"),
    "unknown": ("–", "Unknown"),
}
"""A sign and a word for each health: colour never stands alone."""


class BeginRun(Protocol):
    def __call__(self, target: str, plan_id: str, *, max_percent: float, recreate: bool, actor: str) -> str:
        """Begin to carry a plan out in the background on `actor`'s word; gives the run's id."""
        ...


@dataclass(frozen=True, slots=True)
class Doors:
    """What pages may do: `refresh` takes a target's id, `cancel_run` a run's (False: it is over). `import_max_bytes`:
    how large a roadmap may be.
    """

    ctx: Context
    refresh: Callable[[str], bool]
    begin_run: BeginRun
    cancel_run: Callable[[str], bool]
    import_max_bytes: int


def percent(value: float | None) -> str:
    """A percentage as people read it; a dash for unknown."""
    return "–" if value is None else f"{value:g} %"


def signed(value: float) -> str:
    """A difference of percentages with its sign, the minus a real one."""
    return f"{value:+.1f}".replace("-", "−")


def day(value: date) -> str:
    return f"{value.day} {value:%b %Y}"


def moment(value: datetime | str | None) -> str:
    """A UTC time as people read it."""
    if value is None:
        return "never"
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def web_url(url: str | None) -> str:
    """The URL where a link may lead there: http and https only. "" for anything else."""
    try:
        return url if url and urlsplit(url).scheme in ("http", "https") else ""
    except ValueError:
        return ""


def shown(value: Any) -> str:
    """A field's value in a plan or a conflict as text."""
    if value is None or value in ("", [], ()):
        return "(nothing)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def sentence(message: str) -> str:
    """A line of words as a sentence begins."""
    return f"{message[:1].upper()}{message[1:]}"


pages = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
pages.filters |= {
    "percent": percent,
    "signed": signed,
    "day": day,
    "moment": moment,
    "web_url": web_url,
    "shown": shown,
    "sentence": sentence,
}
pages.globals |= {"HEALTH": HEALTH}


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. `who` is None on those that everybody may see; `may_write` tells whether it shows buttons."""
    who: Who | None = getattr(request.state, "who", None)
    may_write = who is not None and who.role.covers(Role.OPERATOR)
    return HTMLResponse(pages.get_template(template).render(who=who, may_write=may_write, **values), status)


async def form(request: Request) -> dict[str, str]:
    """A form of ours: the last value of each field. Raises CsrfMissing where it isn't one of the session's pages."""
    sent = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)
    fields = {name: values[-1] for name, values in sent.items()}
    _ours(request, fields)
    return fields


def _ours(request: Request, fields: Mapping[str, str]) -> None:
    who: Who | None = getattr(request.state, "who", None)
    if who is not None and who.via == "session" and not csrf_is(who, fields.get(CSRF_FIELD, "")):
        raise CsrfMissing()


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that may carry files: its fields as in `form`, and the bytes of each file that was chosen."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes]


async def upload(request: Request) -> Sent:
    """A form of ours as `multipart/form-data`. Raises CsrfMissing as `form` does, BadForm for anything else."""
    kind = request.headers.get("content-type", "")
    sent = await run_in_threadpool(_parts, kind, await request.body())
    _ours(request, sent.fields)
    return sent


def _parts(kind: str, body: bytes) -> Sent:
    """The parts of a body. Read by the standard library's parser of mails, whose format it is; no byte is lost."""
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    if not kind.isascii() or not kind.isprintable() or not kind.lower().startswith("multipart/form-data"):
        return Sent(fields, files)
    try:
        mail = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    except RecursionError:  # parts within parts within parts: no browser sends that
        raise BadForm("the form can't be read", "choose the file again") from None
    for part in mail.get_payload() if mail.is_multipart() else ():
        assert isinstance(part, Message)  # noqa: S101 - the parts of a multipart message are messages
        name = part.get_param("name", "", "content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            raise BadForm("the file holds something else than text", "choose a Markdown file")
        filename = part.get_filename()
        if filename is None:
            fields[name] = content.decode(errors="replace")
        elif filename or content:
            files[name] = content
    return Sent(fields, files)


Upload = Annotated[Sent, Depends(upload)]
Form = Annotated[dict[str, str], Depends(form)]


class BadForm(MilepostError):
    """A form with a value that none of our pages sends."""

    type = "bad-form"
    status = 422


class PageRoute(APIRoute):
    """A page of somebody with a role, which is looked at before anything is read. What is refused or unknown is a page
    too, of the error's own status: its one line, and what to do.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, dependencies: Sequence[Dependency] | None = None, **more: Any
    ) -> None:
        self._needs = needed(dependencies or ())
        super().__init__(path, endpoint, dependencies=dependencies, **more)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                await self._needs(request)
                return await handle(request)
            except MilepostError as error:
                return refused(request, error)
            except RequestValidationError:
                return refused(
                    request, BadForm("the address holds a value that can't be", "go back to the page before")
                )

        return handled


def refused(request: Request, error: MilepostError) -> HTMLResponse:
    """An expected error as a page."""
    return refusal(request, error.type, error.status, error.message, error.hint)


def refusal(request: Request, type_: str, status: int, detail: str, hint: str = "") -> HTMLResponse:
    """What `app.api.problems.response` says, as a page."""
    page = render(request, "refused.html", status, type=type_, code=status, message=sentence(detail), hint=hint)
    if status == 413:
        page.headers["Connection"] = "close"  # the rest of the body is not read
    return page


def is_page(request: Request) -> bool:
    """Whether a person's browser asks, for what is neither the API's nor the trackers'."""
    first = request.scope["path"].split("/", 2)[1:2]
    return first not in (["api"], ["webhooks"]) and "text/html" in request.headers.get("accept", "")
