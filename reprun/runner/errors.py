"""Failures on the host. The dev side turns them into its own errors by `kind`."""

from __future__ import annotations


class RunnerError(Exception):
    """One sentence, a hint, and who must act: `usage`, `refused`, `tool`, `missing`."""

    def __init__(self, kind: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
