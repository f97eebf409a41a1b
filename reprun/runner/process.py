"""Processes on the host: argument lists only, no shell, standard input always given."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from reprun.runner.errors import RunnerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, NamedTuple, Optional, Sequence
else:
    from reprun.runner.tuples import NamedTuple

Process = subprocess.Popen  # a program that was started and not yet collected; its streams are bytes


class Completed(NamedTuple):
    """What a finished process said: exit status (negative: the signal that ended it) and its two streams."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str],
    *,
    cwd: Optional[str] = None,
    env: Optional[Mapping[str, str]] = None,
    stdin: bytes = b"",
    check: bool = True,
    timeout: Optional[float] = None,
) -> Completed:
    """Runs a program to its end. `check` turns a non-zero exit status into a `RunnerError` of kind `tool`."""
    return finish(spawn(argv, cwd=cwd, env=env), argv, stdin, check, timeout)


def spawn(
    argv: Sequence[str], *, cwd: Optional[str] = None, env: Optional[Mapping[str, str]] = None, keeps: Sequence[int] = ()
) -> "subprocess.Popen[bytes]":
    """Starts a program whose streams are pipes; `finish` collects it. Two that do not depend on each other may overlap.

    The program `keeps` these descriptors: a lock is held until it ends, even if this process is killed before.
    """
    try:
        return subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=keeps,
        )
    except FileNotFoundError:
        if cwd is not None and not os.path.isdir(cwd):
            raise RunnerError("missing", "the folder %s is not there" % cwd) from None
        from reprun.runner.tools import install_line

        raise RunnerError("tool", "%s is not installed" % argv[0], install_line(argv[0])) from None
    except OSError as error:
        raise RunnerError("tool", "%s cannot be started: %s" % (argv[0], error.strerror)) from None


def how_it_ended(status: int) -> str:
    """What there is to say of a program that said nothing."""
    if status >= 0:
        return "exit status %d" % status
    names = {int(number): number.name for number in signal.Signals}
    meaning = ", a file is too large" if status == -signal.SIGXFSZ else ""
    return "ended by %s%s" % (names.get(-status, "signal %d" % -status), meaning)


def finish(
    process: "subprocess.Popen[bytes]",
    argv: Sequence[str],
    stdin: bytes = b"",
    check: bool = True,
    timeout: Optional[float] = None,
) -> Completed:
    """Waits for a process of `spawn`, fed with `stdin`."""
    try:
        out, err = process.communicate(stdin, timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # what it has started may hold its streams
            process.communicate(timeout=1)
        raise RunnerError("tool", "%s did not answer within %g s" % (argv[0], timeout or 0)) from None
    if check and process.returncode:
        said = err.decode("utf-8", "replace").strip().splitlines()
        raise RunnerError("tool", "%s failed: %s" % (" ".join(argv[:1]), said[-1] if said else how_it_ended(process.returncode)))
    return Completed(process.returncode, out, err)
