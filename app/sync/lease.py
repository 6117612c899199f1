"""One writer per target: a lease that is renewed as long as its holder lives, and lapses by itself.

Whoever was held up for longer than it lasts, as on a machine that slept, finds out before anything is written or kept.
On Linux a lease says which process holds it: one that was killed on this machine gives way at once.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sqlmodel import Session

from app.db import targets
from app.db.engine import DatabaseUnusable
from app.sync.context import Context, new_id

SECONDS = 60.0
BEATS = 4
"""How often a lease is renewed in the time that it lasts."""

Wanted = Literal["", "wanted", "cancelled"]
"""Why a lease is to be let go: another apply asks for the target, or a person cancelled the run."""


@dataclass(frozen=True, slots=True)
class Lease:
    ctx: Context
    target_id: str
    fence: int

    def renew(self, run_id: str = "") -> Wanted:
        """To be called before every write. Tells whether the target is to be let go soon.

        Raises TargetBusy when another has taken over.
        """
        with self.ctx.db.write() as session:
            self.confirm(session)
            if run_id and targets.cancelled_run(session, self.target_id) == run_id:
                return "cancelled"
            return "wanted" if targets.lease_wanted(session, self.target_id) else ""

    def confirm(self, session: Session) -> None:
        """To be called in each transaction that keeps what its holder found out. Raises TargetBusy as `renew` does."""
        targets.renew_lease(session, self.target_id, self.fence, SECONDS, self.ctx.now())

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Renewed from a thread of its own: for calls to the tracker, which can take longer than a lease lasts.

        Raises nothing: that another has taken over is found out by `renew` or `confirm` afterwards.
        """
        over = threading.Event()

        def beat() -> None:
            while not over.wait(SECONDS / BEATS):
                try:
                    self.renew()
                except targets.TargetBusy:
                    return
                except DatabaseUnusable:
                    continue  # it may be back before the lease has lapsed

        thread = threading.Thread(target=beat, name=f"lease-{self.target_id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def held(ctx: Context, target_id: str, *, patience: float = 0.0, ask: bool = False) -> Iterator[Lease]:
    """Hold the target's lease. Raises TargetBusy when another holds it for longer than `patience` seconds.

    With `ask` a run that is under way is told to let go after its call in flight.
    """
    holder = f"{new_id()} {_process()}".rstrip()
    until = time.monotonic() + patience
    while True:
        try:
            with ctx.db.write() as session:
                fence = targets.take_lease(session, target_id, holder, SECONDS, ctx.now(), ended=ended)
            break
        except targets.TargetBusy:
            if time.monotonic() >= until:
                raise
            if ask:
                with ctx.db.write() as session:
                    targets.want_lease(session, target_id, ctx.now())
            time.sleep(0.1)
    lease = Lease(ctx, target_id, fence)
    try:
        yield lease
    finally:
        with ctx.db.write() as session:
            targets.drop_lease(session, target_id, fence, ctx.now())


def hand_back(ctx: Context) -> None:
    """Let go whatever this process still holds, as it ends: another may go on at once. Where the process can't be told
    its leases lapse by themselves.
    """
    process = _process()
    if process:
        with ctx.db.write() as session:
            targets.drop_leases(session, process, ctx.now())


PROC = Path("/proc")


def _machine() -> str:
    """Where a process number means something: this boot, this container. Empty where it can't be told."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{(PROC / 'self/ns/pid').readlink()}"
    except (OSError, ValueError):
        return ""


def _began(process: str) -> str:
    """When a process began, so that its number used again is not taken for it. Empty when it has ended."""
    try:
        words = (PROC / process / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] in "ZX" else words[19]


def _process() -> str:
    """This process, as its lease names it: `MACHINE PID BEGAN`. Empty where it can't be told."""
    machine = _machine()
    return f"{machine} {os.getpid()} {_began('self')}" if machine else ""


def ended(holder: str) -> bool:
    """Whether a lease's holder has ended for certain: it ran on this machine, and runs no more."""
    match holder.split(" "):
        case [_, machine, process, began]:
            return machine == _machine() and _began(process) != began
    return False
