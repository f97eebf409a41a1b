"""A word to this machine before anything else is known: the supervisor of the coming run starts while the launch is still read.

Two interpreters start then side by side. Where the launch ends otherwise, the supervisor finds its launcher gone and ends too.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from reprun.runner.errors import RunnerError
from reprun.runner.paths import Home, home
from reprun.runner.submit import submit_early
from reprun.schedulers.base import SOCKET, Submission
from reprun.schedulers.tmux import TmuxScheduler
from reprun.system.clock import new_run_id

ELSEWHERE = "elsewhere"  # in our folder of a repository: what its settings call `local` is not tmux on this machine


def start_early() -> str:
    """The id of a run whose supervisor starts now; empty where that cannot be done, or is not to be expected.

    Failing means nothing: the launch will start it in its turn, and say what is wrong. Nothing is made in a REPRUN_HOME that is
    not there, or lies in the dev tree: the launch may be refused for that.
    """
    try:
        top, place = os.getcwd(), home()
        is_usual = os.path.isdir(place) and not os.path.realpath(place).startswith(os.path.join(os.path.realpath(top), ""))
    except (OSError, ValueError):
        return ""
    if not is_usual or not os.path.isdir(".git") or os.path.lexists(os.path.join(".git", "reprun", ELSEWHERE)):
        return ""
    run_id = new_run_id()
    words = TmuxScheduler().submit(Submission(run_id, SOCKET))
    with suppress(RunnerError, OSError, ValueError):
        submit_early(Home(place), {"run_id": run_id, "submit": words, "python": sys.executable})
        return run_id
    return ""


def note_local(state_dir: str, is_usual: bool) -> None:
    """Lets the next launch know whether `local` is tmux on this machine. Failing to do so harms nothing."""
    path = os.path.join(state_dir, ELSEWHERE)
    if is_usual != os.path.lexists(path):
        return
    with suppress(OSError):
        if is_usual:
            os.unlink(path)
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
