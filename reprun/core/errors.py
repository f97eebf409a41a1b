"""The one tree of errors, sorted by who must act. The exit codes are part of the interface (docs/reference/exit-codes.md)."""

from __future__ import annotations


class ReprunError(Exception):
    """Something the user can act on: one sentence that says what and why, and a hint to paste.

    `message` names the thing that is wrong; `hint` is the next command or edit, empty when there is none.
    """

    exit_code = 70

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ReprunError):
    """The command line or a configuration file is wrong; nothing was done."""

    exit_code = 2


class RefusedError(ReprunError):
    """A check or a policy said no; nothing was started."""

    exit_code = 3


class UnreachableError(ReprunError):
    """The target cannot be reached or asked: what happens there is unknown, not over.

    `reached`: a login works, and the host itself has to be mended.
    """

    exit_code = 4

    def __init__(self, message: str, *, hint: str = "", reached: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.reached = reached


class ToolError(ReprunError):
    """A tool that reprun drives (git, tmux, …) failed."""

    exit_code = 5


class NotFoundError(ReprunError):
    """No such run, commit or record."""

    exit_code = 6


class VerdictError(ReprunError):
    """The verdict of a reproduction is neither IDENTICAL nor EQUIVALENT."""

    exit_code = 7
