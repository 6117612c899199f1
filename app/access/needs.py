"""What a route of the API or a page needs: `dependencies=[VIEWER]`, `[OPERATOR]` or `[ADMIN]`; `Asker` gives who asks.

Who that is, the guard in front has put into `request.state.who`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.params import Depends as Dependency

from app.access.roles import Forbidden, Role, Who


class Needs:
    """A role that a route needs. Raises Forbidden for anybody with less."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Who:
        who = await asker(request)
        if not who.role.covers(self.role):
            raise Forbidden(self.role, who.role)
        return who


async def asker(request: Request) -> Who:
    """Who asks."""
    who = request.state.who
    assert isinstance(who, Who)  # noqa: S101 - the guard comes first
    return who


VIEWER: Final = Depends(Needs(Role.VIEWER))
OPERATOR: Final = Depends(Needs(Role.OPERATOR))
ADMIN: Final = Depends(Needs(Role.ADMIN))
Asker = Annotated[Who, Depends(asker)]


def needed(dependencies: Sequence[Dependency]) -> Needs:
    """What a route's dependencies say that it needs; admin where they say nothing."""
    found = [each.dependency for each in dependencies if isinstance(each.dependency, Needs)]
    return max(found, key=lambda needs: list(Role).index(needs.role), default=Needs(Role.ADMIN))
