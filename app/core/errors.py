"""The base of every error that reaches a user: a fact, and what to do about it."""

from __future__ import annotations

from typing import ClassVar


class MilepostError(Exception):
    """A refusal or failure with one clear line.

    `type` is stable and scripts may test for it. `status` is the HTTP status and `exit_code` the command's
    (INTERFACE: 1 refused or failed, 3 the tracker). Neither `message` nor `hint` ever carries a secret.
    """

    type: ClassVar[str] = "failed"
    status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
