"""What the routes stand on: the verbs' context, the settings, and the doors to the jobs, handed in by `app.main`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request
from pydantic import AfterValidator, StringConstraints

from app.settings import Settings
from app.sync import lease
from app.sync.context import Context
from app.sync.lookup import target_of

__all__ = ["BeginRun", "Here", "Service", "Words", "target_of", "undisturbed"]

PATIENCE = 5.0
"""Seconds that a removal waits for whoever works on the target."""


def _plain(text: str) -> str:
    if "\x00" in text:
        raise ValueError("no null characters")
    return text


Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000), AfterValidator(_plain)]
"""A text that says something."""


class BeginRun(Protocol):
    def __call__(self, target: str, plan_id: str, *, max_percent: float, recreate: bool, actor: str) -> str:
        """Begin to carry a plan out in the background on `actor`'s word; gives the run's id. Raises what stands in
        the way.
        """
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """`refresh` takes a target's id: False when one is pending already. `cancel_run` takes a run's: False when it is
    not carried out here. `alive` tells whether the schedule runs, `ticked` how many seconds ago it last ticked (None
    for never), `takes_jobs` whether the queue does.
    """

    ctx: Context
    settings: Settings
    refresh: Callable[[str], bool]
    begin_run: BeginRun
    cancel_run: Callable[[str], bool]
    alive: Callable[[], bool]
    ticked: Callable[[], float | None] = lambda: None
    takes_jobs: Callable[[], bool] = lambda: True


async def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


Here = Annotated[Service, Depends(_service)]


@contextmanager
def undisturbed(ctx: Context, target_ids: Iterable[str]) -> Iterator[None]:
    """Hold the targets while they are removed: nothing is taken from under a run. Raises TargetBusy."""
    with ExitStack() as stack:
        for target_id in target_ids:
            stack.enter_context(lease.held(ctx, target_id, patience=PATIENCE))
        yield
