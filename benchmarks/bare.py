"""What a webhook's door costs at least: a FastAPI route that does one INSERT. `python -m benchmarks.bare URL PORT`."""

from __future__ import annotations

import sys
import time

import uvicorn
from fastapi import FastAPI, Request
from sqlalchemy import Engine, text
from starlette.concurrency import run_in_threadpool

from app.db.engine import Database

TABLE = "CREATE TABLE bare (id INTEGER PRIMARY KEY, delivery TEXT NOT NULL, at FLOAT NOT NULL)"
SERIAL = TABLE.replace("INTEGER PRIMARY KEY", "BIGSERIAL PRIMARY KEY").replace("FLOAT", "DOUBLE PRECISION")
INSERT = text("INSERT INTO bare (delivery, at) VALUES (:delivery, :at)")


def bare(engine: Engine) -> FastAPI:
    app = FastAPI()
    writing = engine.execution_options(writing=True)

    def insert(delivery: str) -> None:
        with writing.begin() as connection:
            connection.execute(INSERT, {"delivery": delivery, "at": time.time()})

    @app.post("/{rest:path}", status_code=202)
    async def receive(request: Request) -> dict[str, str]:
        await request.body()
        await run_in_threadpool(insert, request.headers["x-github-delivery"])
        return {"state": "accepted"}

    @app.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ok"}

    return app


if __name__ == "__main__":
    database = Database(sys.argv[1])
    with database.engine.execution_options(writing=True).begin() as made:
        made.execute(text(TABLE if database.sqlite else SERIAL))
    uvicorn.run(bare(database.engine), port=int(sys.argv[2]), log_level="warning", access_log=False)
