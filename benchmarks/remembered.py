"""The least that an answer costs: a FastAPI route that gives a file's bytes from memory, and 304 to whoever has them.

`python -m benchmarks.remembered FOLDER PORT` serves each file of the folder under its name.
"""

from __future__ import annotations

import hashlib
import mimetypes
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response


def remembering(folder: Path) -> FastAPI:
    app = FastAPI()
    for file in sorted(folder.iterdir()):
        _remember(app, file.name, file.read_bytes())

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ok"}

    return app


def _remember(app: FastAPI, name: str, body: bytes) -> None:
    kind, _ = mimetypes.guess_type(name)
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', "Cache-Control": "no-cache"}

    @app.get(f"/{name}")
    def remembered(request: Request) -> Response:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=kind, headers=headers)


if __name__ == "__main__":
    uvicorn.run(remembering(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="warning", access_log=False)
