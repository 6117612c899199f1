"""A house with a lock: tokens of each role, and people who come by them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import text
from sqlmodel import SQLModel

from app.access import Role, tokens
from app.access.attempts import Attempts
from app.settings import Settings
from tests.api.house import House, open_house


@dataclass
class Locked:
    """`token` and `people` (clients of the service's root) by role; `nobody` has none, `stranger` a wrong one."""

    house: House
    token: dict[Role, str]
    people: dict[Role, httpx.Client]
    nobody: httpx.Client
    stranger: httpx.Client
    attempts: Attempts

    def forget_failures(self) -> None:
        """What wrong tokens came before holds nobody up."""
        self.attempts.clear()

    def stored(self) -> dict[str, list[str]]:
        """Every row of the database, but for when tokens were used."""
        found = {}
        with self.house.ctx.db.read() as session:
            for table in SQLModel.metadata.sorted_tables:
                columns = ", ".join(f'"{column.name}"' for column in table.columns if column.name != "last_used_at")
                rows = session.connection().execute(text(f'SELECT {columns} FROM "{table.name}"'))
                found[table.name] = sorted(map(repr, rows))
        return found


@contextmanager
def locked_house(folder: Path, settings: Settings) -> Iterator[Locked]:
    """A service with a token of each role, a programme `small` with a target `hub`, and a plan."""
    with open_house(folder, settings) as house, ExitStack() as stack:
        made = {role: tokens.create(house.ctx.db, role, name=role.value, now=house.ctx.now()).secret for role in Role}

        def client(token: str | None) -> httpx.Client:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            found = httpx.Client(base_url=house.root.base_url, headers=headers, trust_env=False, timeout=30)
            return stack.enter_context(found)

        people = {role: client(secret) for role, secret in made.items()}
        house.api.headers["Authorization"] = f"Bearer {made[Role.ADMIN]}"
        yield Locked(house, made, people, client(None), client("mp_wrong"), house.app.state.gate.attempts)
