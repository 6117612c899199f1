"""`/_sandbox`, as both boxes have it: faults, limits and requests over HTTP, and a page to switch them by mouse.

Needs no token, and is not counted. The page works without a script.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from connectors.sandbox.faults import HOOK_KINDS, KINDS, REQUEST_KINDS, BadFault, Faults, parse
from connectors.sandbox.kit import RequestLog
from connectors.sandbox.limits import BadLimits, Limits

RECENT = 20  # requests on the page
EMPTY = {"kind": "latency", "match": "", "skip": "0", "times": "1", "seconds": "0", "status": "502"}


def environment() -> Environment:
    """Templates of this folder and those below, strict and escaped."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )


TEMPLATES = environment()


@dataclass(frozen=True, slots=True)
class Switch:
    """Something else of the box that is on or off, such as a licence."""

    name: str
    label: str
    read: Callable[[], bool]
    turn: Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class Controls:
    """What there is to switch. `brand` is the box's name in the page's head; `usual` are limits as the tracker has
    them, which the page offers.
    """

    brand: str
    faults: Faults
    limits: Limits
    log: RequestLog
    usual: Mapping[str, float]
    switches: Sequence[Switch] = ()


async def read_json(request: Request) -> Any:
    """The body as JSON; None for what is none."""
    try:
        return json.loads(await request.body() or b"{}")
    except ValueError:
        return None


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form, the last of each name."""
    body = (await request.body()).decode("utf-8", "replace")
    return {name: values[-1] for name, values in parse_qs(body, keep_blank_values=True).items()}


def refused(message: str, status: int = 422) -> Response:
    return JSONResponse({"message": message}, status)


def mount(app: FastAPI, controls: Controls) -> None:
    """Add `/_sandbox`, `/_sandbox/faults`, `/_sandbox/limits` and `/_sandbox/requests` to a box."""
    _mount_faults(app, controls.faults)
    _mount_limits(app, controls.limits)
    _mount_requests(app, controls.log)

    def page() -> Response:
        return _page(controls)

    def act(form: Annotated[dict[str, str], Depends(read_form)]) -> Response:
        try:
            _act(controls, form)
        except (BadFault, BadLimits) as error:
            return _page(controls, form, str(error))
        return Response(status_code=303, headers={"Location": "/_sandbox"})

    app.add_api_route("/_sandbox", page, methods=["GET"])
    app.add_api_route("/_sandbox", act, methods=["POST"])


def _mount_faults(app: FastAPI, faults: Faults) -> None:
    def listed() -> Response:
        return JSONResponse({"faults": faults.shown(), "kinds": KINDS})

    def add(asked: Annotated[Any, Depends(read_json)]) -> Response:
        try:
            number = faults.add(parse(asked))
        except BadFault as error:
            return refused(str(error))
        return JSONResponse({"id": number}, 201)

    def clear() -> Response:
        faults.clear()
        return Response(status_code=204)

    def remove(number: int) -> Response:
        return Response(status_code=204) if faults.remove(number) else refused(f"no fault {number}", 404)

    app.add_api_route("/_sandbox/faults", listed, methods=["GET"])
    app.add_api_route("/_sandbox/faults", add, methods=["POST"])
    app.add_api_route("/_sandbox/faults", clear, methods=["DELETE"])
    app.add_api_route("/_sandbox/faults/{number:int}", remove, methods=["DELETE"])


def _mount_limits(app: FastAPI, limits: Limits) -> None:
    def shown() -> Response:
        return JSONResponse(limits.shown())

    def put(asked: Annotated[Any, Depends(read_json)]) -> Response:
        try:
            limits.set(asked)
        except BadLimits as error:
            return refused(str(error))
        return JSONResponse(limits.shown())

    def clear() -> Response:
        limits.clear()
        return Response(status_code=204)

    app.add_api_route("/_sandbox/limits", shown, methods=["GET"])
    app.add_api_route("/_sandbox/limits", put, methods=["PUT"])
    app.add_api_route("/_sandbox/limits", clear, methods=["DELETE"])


def _mount_requests(app: FastAPI, log: RequestLog) -> None:
    def shown() -> Response:
        return JSONResponse(log.shown())

    def clear() -> Response:
        log.clear()
        return Response(status_code=204)

    app.add_api_route("/_sandbox/requests", shown, methods=["GET"])
    app.add_api_route("/_sandbox/requests", clear, methods=["DELETE"])


# The page


def _page(controls: Controls, form: Mapping[str, str] | None = None, problem: str = "") -> Response:
    held = controls.limits.shown()
    requests = controls.log.shown()
    text = TEMPLATES.get_template("switches.html").render(
        brand=controls.brand,
        faults=controls.faults.shown(),
        request_kinds=REQUEST_KINDS,
        hook_kinds=HOOK_KINDS,
        limits=[(name, held.get(name), controls.usual.get(name)) for name in controls.limits.names],
        held=bool(held),
        switches=[(one.name, one.label, one.read()) for one in controls.switches],
        requests=requests | {"entries": requests["entries"][: -RECENT - 1 : -1]},
        form={**EMPTY, **(form or {})},
        problem=problem,
    )
    return Response(text, 422 if problem else 200, media_type="text/html")


def _act(controls: Controls, form: Mapping[str, str]) -> None:
    """What a button of the page asks for. Raises BadFault, BadLimits."""
    action, number = form.get("action", ""), form.get("fault", "")
    if action == "add":
        controls.faults.add(parse(_fault_of(form)))
    elif action == "remove" and number.isdigit():
        controls.faults.remove(int(number))
    elif action == "clear":
        controls.faults.clear()
    elif action == "limit":
        given = {name: _number(form[name]) for name in controls.limits.names if form.get(name, "").strip()}
        controls.limits.set(given)
    elif action == "unlimit":
        controls.limits.clear()
    elif action == "forget":
        controls.log.clear()
    elif action == "switch":
        for switch in controls.switches:
            if switch.name == form.get("switch"):
                switch.turn(not switch.read())


def _fault_of(form: Mapping[str, str]) -> dict[str, Any]:
    """A form's fields as JSON has them. Empty `times` is until taken off."""
    asked: dict[str, Any] = {"kind": form.get("kind", ""), "match": form.get("match", "")}
    asked["times"] = _number(form["times"]) if form.get("times", "").strip() else None
    for name in ("skip", "seconds", "status"):
        if form.get(name, "").strip():
            asked[name] = _number(form[name])
    return asked


def _number(text: str) -> object:
    """A number, or the text as it is, which is then refused by name."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
