"""Processes on this machine, with failures as errors of ours. The mechanics are the runner's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import NoReturn

from reprun.core.errors import NotFoundError, RefusedError, ReprunError, ToolError, UsageError
from reprun.runner.errors import RunnerError
from reprun.runner.git import Git as Git
from reprun.runner.process import Completed as Completed
from reprun.runner.process import Process as Process
from reprun.runner.process import run as _run

_KINDS: dict[str, type[ReprunError]] = {"usage": UsageError, "refused": RefusedError, "tool": ToolError, "missing": NotFoundError}


@contextmanager
def translated() -> Iterator[None]:
    """Turns the runner's failures into errors of ours."""
    try:
        yield
    except RunnerError as error:
        raise _KINDS[error.kind](error.message, hint=error.hint) from error


def run(
    argv: Sequence[str], *, cwd: str | None = None, env: Mapping[str, str] | None = None, stdin: bytes = b"", check: bool = True
) -> Completed:
    """Runs a program to its end, from an argument list. Raises `ToolError` when `check` is set and it fails."""
    with translated():
        return _run(argv, cwd=cwd, env=env, stdin=stdin, check=check)


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Does `work` in a thread while the block runs, and waits for it at the end."""
    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def become(argv: Sequence[str]) -> NoReturn:
    """Replaces this process by another program, for `reprun attach`."""
    try:
        os.execvp(argv[0], list(argv))
    except OSError as error:
        raise ToolError(f"{argv[0]} cannot be started: {error.strerror}") from error
