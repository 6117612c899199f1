"""What every page stands on: templates, forms with their CSRF, and errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends as Dependency
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

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
    """What pages may do: `refresh` takes a target's id, `cancel_run` a run's (False: it is over)."""

    ctx: Context
    refresh: Callable[[str], bool]
    begin_run: BeginRun
    cancel_run: Callable[[str], bool]


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
    who: Who | None = getattr(request.state, "who", None)
    if who is not None and who.via == "session" and not csrf_is(who, fields.get(CSRF_FIELD, "")):
        raise CsrfMissing()
    return fields


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
    message = f"{error.message[:1].upper()}{error.message[1:]}"
    return render(request, "refused.html", error.status, error=error, message=message)
