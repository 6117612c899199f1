"""`/_sandbox` of GitLab's own: the licence, tokens, and what people do that the API has no verb for."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse, Response

from connectors.sandbox.gitlab.access import KINDS, Access, Token
from connectors.sandbox.gitlab.state import Store
from connectors.sandbox.switches import read_json, refused

Asked = Annotated[Any, Depends(read_json)]
TOKEN_FIELDS = tuple(one.name for one in fields(Token))


def mount(app: FastAPI, store: Store, access: Access) -> None:
    @app.get("/_sandbox/licence")
    def licence() -> dict[str, bool]:
        return {"premium": store.premium, "ultimate": store.plan == "ultimate"}

    @app.put("/_sandbox/licence")
    def change_licence(asked: Asked) -> Response:
        names = ("premium", "ultimate")
        if not isinstance(asked, dict) or not asked or any(k not in names or not _flag(v) for k, v in asked.items()):
            return refused('{"premium": true or false} is wanted, and may have "ultimate"')
        with store.lock:
            store.plan = "ultimate" if asked.get("ultimate") else "premium" if asked.get("premium") else "free"
        return JSONResponse(licence())

    @app.put("/_sandbox/tokens/{secret}")
    def token(secret: str, asked: Asked) -> Response:
        try:
            access.set(secret, _token(asked))
        except (TypeError, ValueError) as error:
            return refused(f"{error}; the fields are {', '.join(TOKEN_FIELDS)}")
        return Response(status_code=204)

    @app.delete("/_sandbox/issues/{iid}")
    def delete(iid: int, project: str) -> Response:
        store.delete_issue(store.issue(store.owner(project), iid))
        return Response(status_code=204)

    @app.get("/_sandbox/notifications")
    def notifications() -> list[dict[str, Any]]:
        with store.lock:
            return [
                {"project": i.owner.path, "iid": i.iid, "mentioned": list(i.mentions)}
                for i in store.issues.values()
                if i.mentions
            ]


def _token(asked: object) -> Token:
    """A token out of JSON. TypeError, ValueError: a field that is none, or a value that fits none."""
    if not isinstance(asked, dict) or any(name not in TOKEN_FIELDS for name in asked):
        raise ValueError("a JSON object of known fields is wanted")
    values = dict(asked)
    if isinstance(values.get("expires_on"), str):
        values["expires_on"] = date.fromisoformat(values["expires_on"])
    if "scopes" in values:
        values["scopes"] = tuple(str(scope) for scope in values["scopes"])
    made = Token(**values)
    if made.kind not in KINDS or (made.bot and not made.path):
        raise ValueError(f"kind is one of {', '.join(KINDS)}, and a bot's token needs its path")
    return made


def _flag(value: object) -> bool:
    return isinstance(value, bool)
