"""`/`, `/login`, `/logout` and `/docs`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from app.access import Gate, TooManyFailures, Unauthenticated, Who
from app.access.sessions import COOKIE, CSRF_FIELD, CsrfMissing, csrf_is
from app.web import reference

HERE: Final = Path(__file__).parent
pages = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def install(app: FastAPI, gate: Gate) -> None:
    """Add the pages to the service. Whoever asks for one has passed `app.api.access.Guard`."""
    app.include_router(_routes(app, gate), include_in_schema=False)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page. `who` is None on those that everybody may see."""
    who: Who | None = getattr(request.state, "who", None)
    return HTMLResponse(pages.get_template(template).render(who=who, **values), status)


async def form(request: Request) -> dict[str, str]:
    """A form of ours: the last value of each field. Raises CsrfMissing where it isn't one of the session's pages."""
    sent = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True)
    fields = {name: values[-1] for name, values in sent.items()}
    who: Who | None = getattr(request.state, "who", None)
    if who is not None and who.via == "session" and not csrf_is(who, fields.get(CSRF_FIELD, "")):
        raise CsrfMissing()
    return fields


Form = Annotated[dict[str, str], Depends(form)]


def local(path: str) -> str:
    """Where to go after logging in: a path of this service, and nothing that a browser would take for elsewhere."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if plain and path.isprintable() else "/"


def _routes(app: FastAPI, gate: Gate) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def home(request: Request) -> HTMLResponse:
        """Who is logged in."""
        return render(request, "home.html")

    @router.get("/docs")
    def docs(request: Request) -> HTMLResponse:
        """The API's description, for people."""
        return render(request, "docs.html", api=reference.of(app.openapi()))

    @router.get("/login")
    def ask(request: Request) -> HTMLResponse:
        """Ask for a token."""
        back = local(request.query_params.get("next", "/"))
        return render(request, "login.html", back=back, problem="", is_open=gate.is_open())

    @router.post("/login")
    async def log_in(request: Request, fields: Form) -> Response:
        """Take a token, and give the browser a session of its own."""
        back = local(fields.get("next", "/"))
        address = request.client.host if request.client else ""
        try:
            session = await run_in_threadpool(gate.log_in, address, fields.get("token", "").strip())
        except (Unauthenticated, TooManyFailures) as error:
            problem = f"{error.message[:1].upper()}{error.message[1:]}."
            answer = render(request, "login.html", error.status, back=back, problem=problem, is_open=False)
            if isinstance(error, TooManyFailures):
                answer.headers["Retry-After"] = str(error.retry_after)
            else:
                answer.headers["WWW-Authenticate"] = 'Bearer realm="milepost"'
            return answer
        gone = RedirectResponse(back, 303)
        gone.set_cookie(
            COOKIE,
            session.cookie,
            max_age=max(0, int((session.expires_at - datetime.now(UTC)).total_seconds())),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return gone

    @router.post("/logout")
    async def log_out(request: Request, _: Form) -> Response:
        """End the session."""
        await run_in_threadpool(gate.log_out, request.state.who)
        gone = RedirectResponse("/login", 303)
        gone.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=request.url.scheme == "https")
        return gone

    return router
