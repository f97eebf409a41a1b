"""Programs of the user's, as hooks are: the mechanics are the runner's, the errors ours."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from reprun.core.errors import ToolError
from reprun.runner.limited import Ended as Ended
from reprun.runner.limited import run_limited as _run_limited


def run_limited(argv: Sequence[str], cwd: str, env: Mapping[str, str], stdin: bytes, seconds: float) -> Ended:
    """Runs a program with a time limit. Raises `ToolError` when it cannot be started."""
    try:
        return _run_limited(argv, cwd, env, stdin, seconds)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and os.path.lexists(argv[0])
        why = _what_is_missing(argv[0]) if missing else error.strerror
        raise ToolError(f"{argv[0]} cannot be started: {why}") from error
    except ValueError as error:  # a NUL in a word or a variable
        raise ToolError(f"{argv[0]} cannot be started: {error}") from error


def _what_is_missing(path: str) -> str:
    try:
        with open(path, "rb") as file:
            if file.readline(4096).endswith(b"\r\n"):
                return "its lines end as on Windows (CR LF), and so the interpreter in its first line is not here"
    except OSError:
        pass
    return "the interpreter in its first line is not here"
