"""Processes on this machine, with failures as errors of ours. The mechanics are the runner's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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


class Conversation:
    """A program that is talked with for a while. Its standard error is a file: a process that it leaves behind may keep it open.

    It is a session of its own, so that Ctrl-C reaches us and not what it leaves behind for the next command.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        import subprocess
        import tempfile

        self._said = tempfile.TemporaryFile()  # it is there as long as the conversation
        try:
            self._process = subprocess.Popen(
                list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, start_new_session=True, bufsize=0
            )
        except OSError as error:
            raise ToolError(f"{argv[0]} cannot be started: {error.strerror}", hint=f"install {argv[0]}") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._input, self.output = self._process.stdin, self._process.stdout.fileno()

    def write(self, data: bytes) -> None:
        """Sends everything. Raises `OSError` when the program is gone."""
        left = memoryview(data)
        while left:
            left = left[self._input.write(left) or 0 :]

    def end(self) -> int | None:
        """Ends the input and waits a moment for the program's exit status; None when it does not go."""
        import subprocess

        with suppress(OSError):
            self._input.close()
        try:
            return self._process.wait(2)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self) -> None:
        """Ends the program at once."""
        self._process.kill()
        self._process.wait()

    def said(self) -> str:
        """What it wrote on standard error, the last part of it."""
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - 10_000))
        return self._said.read().decode("utf-8", "replace")


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Does `work` in a thread while the block runs, and waits for it at the end."""
    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def detach(argv: Sequence[str], cwd: str) -> None:
    """Starts a program that nobody waits for or hears: it goes on when this process ends. Raises `OSError`."""
    import subprocess

    null = subprocess.DEVNULL
    process = subprocess.Popen(list(argv), cwd=cwd, stdin=null, stdout=null, stderr=null, start_new_session=True)
    process.returncode = 0  # nobody will ask


def become(argv: Sequence[str]) -> NoReturn:
    """Replaces this process by another program, for `reprun attach`."""
    try:
        os.execvp(argv[0], list(argv))
    except OSError as error:
        raise ToolError(f"{argv[0]} cannot be started: {error.strerror}") from error
