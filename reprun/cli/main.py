"""The entry point: the few answers that must be instant, then the application, and the one place where errors become text."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from reprun.cli.quick import Read


def main() -> NoReturn:
    """Runs `reprun` with the words of this process and ends it with a documented exit status."""
    words = sys.argv[1:]
    sys.setswitchinterval(0.001)  # a thread that only loads something must not hold the one that works
    gc.disable()  # importing makes many objects and no garbage: looking for it takes some milliseconds
    _open_streams()
    if words == ["--version"]:
        from reprun import __version__

        print(f"reprun {__version__}")
        _leave(0)
    if os.environ.get("_REPRUN_COMPLETE"):
        from reprun.cli.fastpath import complete

        if complete(os.environ):
            _leave(0)
    from reprun.cli.guard import guard

    _leave(guard(words, lambda: _run(words)))


def _run(words: list[str]) -> int:
    if words[:1] == ["launch"]:
        from reprun.cli.quick import read_launch

        read = read_launch(words[1:])
        if read is not None:
            return _launch(read)
    from reprun.cli.app import run

    gc.enable()
    return run(words)


def _launch(read: Read) -> int:
    from reprun.commands.early import start_early

    early = start_early() if read.is_local() else ""
    from reprun.repo.discover import ask_repository
    from reprun.workspace import current_folder

    asked = ask_repository(current_folder(), files="dry_run" not in read.flags)  # git looks while the rest is imported
    asked.early.extend([early] if early else [])
    from reprun.cli.launch_answer import answer_launch

    return answer_launch(read.request(), asked)


def _open_streams() -> None:
    """Gives every closed stream (`reprun ls >&-`, cron) a place to go: its number would otherwise fall to the next file."""
    for number, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest free number, which is this one
    sys.stdout = sys.stdout or open(1, "w", closefd=False)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a Latin-1 terminal must not end a command


def _leave(status: int) -> NoReturn:
    """Ends the process. A reader that went away (`reprun ls | head`) is no error of ours; a full disk is.

    Taking every module down in order takes Python 6 ms, for nothing: the kernel does it better.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        print(f"error: standard output cannot be written: {error.strerror}", file=sys.stderr)
        status = status or 5
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        pass
    os._exit(status)
