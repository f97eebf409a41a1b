"""Processes on this machine, with failures as errors of ours. The mechanics are the runner's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Thread

from reprun.core.errors import NotFoundError, RefusedError, ReprunError, ToolError, UsageError
from reprun.runner.errors import RunnerError
from reprun.runner.git import Git as Git
from reprun.runner.process import Completed as Completed
from reprun.runner.process import Process as Process
from reprun.runner.process import run as _run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, NoReturn

_WIDE = 1 << 20
_KINDS: dict[str, type[ReprunError]] = {"usage": UsageError, "refused": RefusedError, "tool": ToolError, "missing": NotFoundError}


@contextmanager
def translated() -> Iterator[None]:
    """Turns the runner's failures into errors of ours."""
    try:
        yield
    except RunnerError as error:
        raise _KINDS[error.kind](error.message, hint=error.hint) from error


def run(
    argv: Sequence[str],
    *,
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    check: bool = True,
    timeout: float | None = None,
) -> Completed:
    """Runs a program to its end, from an argument list. Raises `ToolError` when it takes too long or, with `check`, fails."""
    with translated():
        return _run(argv, cwd=cwd, env=env, stdin=stdin, check=check, timeout=timeout)


class Conversation:
    """A program that is talked with for a while. Its standard error is a file: a process that it leaves behind may keep it open.

    It is a session of its own, so that Ctrl-C reaches us and not what it leaves behind for the next command.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        import subprocess

        self._said = _nameless_file()
        try:
            self._process = subprocess.Popen(
                list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
                env=None if env is None else dict(env), start_new_session=True, bufsize=0,
            )  # fmt: skip
        except OSError as error:
            raise ToolError(f"{argv[0]} cannot be started: {error.strerror}", hint=f"install {argv[0]}") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self.input, self.output = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self.input, False)  # a program that takes nothing any more must not hold us

    def write(self, data: bytes | memoryview) -> int:
        """Sends as much as the program takes now; returns how much. Raises `OSError` when it is gone."""
        try:
            return os.write(self.input, data)
        except BlockingIOError:
            return 0

    def widen(self) -> None:
        """Lets more of its output wait for us: fewer turns between us and it. The system may say no."""
        import fcntl

        with suppress(OSError, AttributeError):
            fcntl.fcntl(self.output, fcntl.F_SETPIPE_SZ, _WIDE)

    def end(self) -> int | None:
        """Ends the input and waits a moment for the program's exit status; None when it does not go."""
        import subprocess

        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
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


def _nameless_file() -> BinaryIO:
    """A file that is there as long as somebody has it open, in memory where the system can do that."""
    try:
        return os.fdopen(os.memfd_create("said"), "w+b")
    except (AttributeError, OSError):
        import tempfile

        return tempfile.TemporaryFile()


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
