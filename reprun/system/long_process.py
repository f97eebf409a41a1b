"""Programs that take long and start others: watched while they work, and ended with all that they started."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass
from reprun.runner.processes import find_status
from reprun.system.clock import ticks
from reprun.system.process import Completed

if TYPE_CHECKING:
    import subprocess

_TICK = 0.1  # seconds between two looks


@dataclass(frozen=True)
class Watch:
    """How long a program may take, in seconds, and what is called again and again while it works."""

    seconds: float
    look: Callable[[], None]


def run_watched(argv: Sequence[str], cwd: str, env: Mapping[str, str], watch: Watch) -> Completed | None:
    """Runs a program to its end, in a session of its own; None when it took too long.

    Whatever it started ends with it, also at Ctrl-C, which reaches only us. Raises `ToolError` when it cannot be started.
    """
    import subprocess
    import tempfile

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                list(argv), cwd=cwd, env=dict(env), stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )
        except OSError as error:
            raise ToolError(f"{argv[0]} cannot be started: {error.strerror}") from error
        try:
            status = _wait(process, watch)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it left behind; its number is ours until it is collected
            process.wait()
        out.seek(0)
        err.seek(0)
        return None if status is None else Completed(status, out.read(), err.read())


def _wait(process: subprocess.Popen[bytes], watch: Watch) -> int | None:
    """The exit status; the process is not collected, so that its number stays its own."""
    end = ticks() + watch.seconds
    while True:
        watch.look()
        found = find_status(process.pid)
        if found is not None:
            return found
        if ticks() > end:
            return None
        _doze(process.pid)


def _doze(pid: int) -> None:
    """Waits for a tick, or less when the process ends."""
    from select import select

    try:
        watched = os.pidfd_open(pid)
    except (AttributeError, OSError):  # not Linux, or an old one
        from reprun.system.clock import pause

        pause(_TICK)
        return
    try:
        select([watched], [], [], _TICK)
    finally:
        os.close(watched)
