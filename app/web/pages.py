"""`/login`, `/logout` and `/docs`; and all pages put into the service."""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from app.access import Gate, TooManyFailures, Unauthenticated
from app.access.sessions import COOKIE
from app.charts import render as drawing
from app.core.shown import cut
from app.web import imports, programmes, reference, runs, targets
from app.web.base import HERE, Doors, Form, is_page, refusal, render, sentence


def install(app: FastAPI, gate: Gate, doors: Doors) -> None:
    """Add the pages to the service, after `app.api.problems`' answers.

    Whoever asks for one has passed `app.api.access.Guard`.
    """
    for noun in (imports, programmes, targets, runs):
        app.include_router(noun.routes(doors), include_in_schema=False)
    app.include_router(_routes(app, gate), include_in_schema=False)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.add_exception_handler(HTTPException, _missing(app.exception_handlers[HTTPException]))


def _missing(otherwise: Any) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answers browsers with a page where there is none; programs as before."""

    async def answer(request: Request, error: Exception) -> Response:
        if not is_page(request):
            return cast(Response, await otherwise(request, error))
        http = cast(HTTPException, error)
        path = cut(request.scope["path"], 200)
        if http.status_code == 404:
            return refusal(request, "not-found", 404, f"there is no page {path}")
        if http.status_code == 405:
            return refusal(request, "method-not-allowed", 405, f"{path} is nothing to look at", "go back")
        return refusal(request, f"http-{http.status_code}", http.status_code, str(http.detail))

    return answer


@cache
def _packed() -> bytes:
    return gzip.compress(drawing.script().encode(), mtime=0)


def local(path: str) -> str:
    """Where to go after logging in: a path of this service, and nothing that a browser would take for elsewhere."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if plain and path.isprintable() else "/"


def _routes(app: FastAPI, gate: Gate) -> APIRouter:
    router = APIRouter()

    @router.get("/docs")
    def docs(request: Request) -> HTMLResponse:
        """The API's description, for people."""
        return render(request, "docs.html", api=reference.of(app.openapi()))

    @router.get("/charts.js")
    def charts(request: Request) -> Response:
        """The script that draws charts: large, so asked for only when the reader wants one, and then kept for a day."""
        headers = {"Cache-Control": "private, max-age=86400", "Vary": "Accept-Encoding"}
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(drawing.script(), media_type="text/javascript", headers=headers)
        return Response(_packed(), media_type="text/javascript", headers=headers | {"Content-Encoding": "gzip"})

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
            problem = f"{sentence(error.message)}."
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
